//! The actor: who stands behind a request, as the sign-in rooms established it.

use std::fmt;

use clinicvault_gateway::fhir::id::LogicalId;

use super::{Area, Grant, Role, Scopes, grant};

/// Whoever asks for something.
#[derive(Clone, PartialEq, Eq)]
pub struct Actor {
    /// Account id, token id, HL7 sender or `operator`: what the audit leaf names. Never a secret, never reused.
    pub id: String,
    /// The name shown to people.
    pub name: String,
    /// The sort of actor, and what it was given.
    pub who: Who,
    /// SHA-256 of the session token, for people.
    pub session: Option<[u8; 32]>,
    /// Address or channel the request came over.
    pub source: String,
}

/// The sorts of actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// A signed-in member of the clinic; the most generous role decides.
    Person {
        /// Every role of the account.
        roles: Vec<Role>,
    },
    /// A program with a bearer token.
    Machine {
        /// What it may touch.
        scopes: Scopes,
    },
    /// A program on behalf of a member of the clinic (SMART App Launch): what both the roles and the scopes allow.
    App {
        /// Every role of the account that it acts for.
        roles: Vec<Role>,
        /// What the person granted it.
        scopes: Scopes,
        /// The patient that `patient/` scopes are about.
        patient: Option<LogicalId>,
    },
    /// A patient who came in by a link of the clinic: reaches what is their own, by the portal only.
    Patient {
        /// The Patient record that they are.
        patient: LogicalId,
    },
    /// The other end of an HL7 v2 connection.
    Sender,
    /// Someone at the box itself: the command line, the control socket, the box's own jobs. Whoever holds the data
    /// folder and its key is already past every policy; what they do is still recorded.
    Operator,
}

impl Actor {
    /// The operator at the box; `source` says over what, such as `cli` or `control socket`.
    pub fn operator(source: &str) -> Actor {
        Actor {
            id: "operator".to_owned(),
            name: "operator".to_owned(),
            who: Who::Operator,
            session: None,
            source: source.to_owned(),
        }
    }

    /// An HL7 sender, by its stated or configured name and its address.
    pub fn sender(name: &str, source: &str) -> Actor {
        Actor {
            id: name.to_owned(),
            name: name.to_owned(),
            who: Who::Sender,
            session: None,
            source: source.to_owned(),
        }
    }

    /// The id of the registered program, or of the token, that asks: a machine is one itself, and the source of a program
    /// that acts for a person ends with it.
    pub fn program(&self) -> Option<&str> {
        match &self.who {
            Who::Machine { .. } => Some(&self.id),
            Who::App { .. } => self.source.rsplit(' ').next(),
            Who::Person { .. } | Who::Patient { .. } | Who::Sender | Who::Operator => None,
        }
    }

    /// The scopes of a program.
    pub fn scopes(&self) -> Option<&Scopes> {
        match &self.who {
            Who::Machine { scopes } | Who::App { scopes, .. } => Some(scopes),
            Who::Person { .. } | Who::Patient { .. } | Who::Sender | Who::Operator => None,
        }
    }

    /// The role for the audit leaf: all roles of a person, comma separated, else the sort of actor.
    pub fn role(&self) -> String {
        match &self.who {
            Who::Person { roles } => roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(","),
            Who::App { roles, .. } => {
                let roles = roles.iter().map(|role| role.as_str());
                roles.chain(["app"]).collect::<Vec<_>>().join(",")
            }
            Who::Machine { .. } => "machine".to_owned(),
            Who::Patient { .. } => "patient".to_owned(),
            Who::Sender => "sender".to_owned(),
            Who::Operator => "operator".to_owned(),
        }
    }

    /// Every role of a person at the screen; none for others, programs that act for one included.
    pub fn roles(&self) -> &[Role] {
        match &self.who {
            Who::Person { roles } => roles,
            Who::App { .. } | Who::Machine { .. } | Who::Patient { .. } | Who::Sender | Who::Operator => &[],
        }
    }

    /// The most generous grant that any role gives in an area; the user interface shows and hides by it.
    pub fn best(&self, area: Area) -> Grant {
        self.roles().iter().map(|role| grant(*role, area)).max().unwrap_or(Grant::Nothing)
    }
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Actor").field("id", &self.id).field("role", &self.role()).finish_non_exhaustive()
    }
}
