//! Who may do what: the one policy of the box, as a pure function.
//!
//! Owns the question "may this actor do this to that, and for which purpose?". The sign-in rooms say who the actor is,
//! the caller says what the subject is, and [`decide`] answers; it reads no clock, no store and no setting, so the whole
//! policy is the table in [`matrix`] and the dozen lines below. Whatever is not granted is refused.
//!
//! Left to others: sessions and tokens (`admin`), which route needs what (`http::routes`), writing the audit leaf
//! (`records::unit`).

mod actor;
mod area;
mod matrix;
mod scope;

pub use actor::{Actor, Who};
pub use area::{Area, Subject};
pub use matrix::{Grant, Role, grant};
pub use scope::{About, Scope, Scopes, UnreadableScope};

/// What is about to be done. The letters are those of SMART App Launch 2 scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Make a new record (`c`).
    Create,
    /// Look at one record (`r`).
    Read,
    /// Look at the earlier versions of one record (`r`), or of a type (`r` and `s`).
    History,
    /// Change a record (`u`).
    Update,
    /// Mark a record as deleted (`d`).
    Delete,
    /// Look for records (`s`).
    Search,
    /// Take everything of a type away in one go (`r` and `s`; for people the area "export" decides).
    Export,
}

impl Op {
    /// Every operation.
    pub const ALL: [Op; 7] =
        [Op::Create, Op::Read, Op::History, Op::Update, Op::Delete, Op::Search, Op::Export];

    /// The SMART scope letters that it needs.
    pub fn letters(self) -> &'static str {
        match self {
            Op::Create => "c",
            Op::Read | Op::History => "r",
            Op::Update => "u",
            Op::Delete => "d",
            Op::Search => "s",
            Op::Export => "rs",
        }
    }

    fn looks_only(self) -> bool {
        matches!(self, Op::Read | Op::History | Op::Search)
    }
}

/// Why the data is touched; written on every audit leaf (HL7 v3 PurposeOfUse codes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Care of the patient.
    Treatment,
    /// Bills and payments.
    Billing,
    /// Running the clinic: users, devices, settings, audit, import and export.
    Operations,
}

impl Purpose {
    /// The HL7 v3 code.
    pub fn code(self) -> &'static str {
        match self {
            Purpose::Treatment => "TREAT",
            Purpose::Billing => "HPAYMT",
            Purpose::Operations => "HOPERAT",
        }
    }
}

/// Why something was refused. The words go into the audit leaf and, in plain form, to the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// No role of this person reaches the area at all.
    NoGrant,
    /// A role may look but not change.
    ReadOnly,
    /// A role may change only what this person wrote.
    NotTheirs,
    /// A role reaches only patients in the person's present queue or care team.
    OutsideCare,
    /// The machine's scope does not cover the type or the operation.
    OutsideScope,
    /// The patient's consent withholds it.
    NoConsent,
}

impl Refusal {
    /// A short code for answers and logs.
    pub fn code(self) -> &'static str {
        match self {
            Refusal::NoGrant => "noGrant",
            Refusal::ReadOnly => "readOnly",
            Refusal::NotTheirs => "notTheirs",
            Refusal::OutsideCare => "outsideCare",
            Refusal::OutsideScope => "outsideScope",
            Refusal::NoConsent => "noConsent",
        }
    }

    /// A sentence for the person.
    pub fn sentence(self) -> &'static str {
        match self {
            Refusal::NoGrant => "Your role does not reach this part of the record.",
            Refusal::ReadOnly => "Your role may look at this, but not change it.",
            Refusal::NotTheirs => "Your role may change only entries that you wrote.",
            Refusal::OutsideCare => "This patient is not in your queue or care team now.",
            Refusal::OutsideScope => "The scope of this token does not cover this.",
            Refusal::NoConsent => "The patient's consent does not cover this.",
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.sentence())
    }
}

/// The answer of the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// It may be done, for this purpose.
    Allow(Purpose),
    /// It may not be done.
    Refuse(Refusal),
}

impl Decision {
    /// Whether it may be done.
    pub fn allowed(self) -> bool {
        matches!(self, Decision::Allow(_))
    }

    /// The purpose, or the refusal as an error for `?`.
    pub fn check(self) -> Result<Purpose, Refusal> {
        match self {
            Decision::Allow(purpose) => Ok(purpose),
            Decision::Refuse(why) => Err(why),
        }
    }
}

/// Decides whether `actor` may do `op` to `subject`.
///
/// Of a scope that depends on what a record says, only what holds for the whole type counts here; `records::sight` decides
/// about each record.
pub fn decide(actor: &Actor, op: Op, subject: &Subject) -> Decision {
    let answer = match &actor.who {
        Who::Person { roles } => person_may(roles, op, subject),
        Who::Machine { scopes } => machine_may(scopes, op, subject),
        Who::App { roles, scopes, .. } => {
            machine_may(scopes, op, subject).and_then(|()| person_may(roles, op, subject))
        }
        Who::Patient { .. } => patient_may(op, subject),
        Who::Sender => sender_may(op, subject),
        Who::Operator => return Decision::Allow(Purpose::Operations),
    };
    match answer {
        Ok(()) if op == Op::Export => Decision::Allow(Purpose::Operations),
        Ok(()) => Decision::Allow(subject.area().purpose()),
        Err(why) => Decision::Refuse(why),
    }
}

/// What the roles alone allow, for a person or for a program that acts for one.
pub fn roles_allow(roles: &[Role], op: Op, subject: &Subject) -> Decision {
    match person_may(roles, op, subject) {
        Ok(()) if op == Op::Export => Decision::Allow(Purpose::Operations),
        Ok(()) => Decision::Allow(subject.area().purpose()),
        Err(why) => Decision::Refuse(why),
    }
}

/// The best answer that any role of the person gives; the refusal of the role that came nearest otherwise.
fn person_may(roles: &[Role], op: Op, subject: &Subject) -> Result<(), Refusal> {
    let area = if op == Op::Export { Area::Export } else { subject.area() };
    let mut nearest = Refusal::NoGrant;
    for role in roles {
        match granted(grant(*role, area), op, subject) {
            Ok(()) => return Ok(()),
            Err(Refusal::NoGrant) => {}
            Err(why) => nearest = why,
        }
    }
    Err(nearest)
}

fn granted(grant: Grant, op: Op, subject: &Subject) -> Result<(), Refusal> {
    let look = |may: bool, otherwise: Refusal| match (op.looks_only(), may) {
        (false, _) => Err(Refusal::ReadOnly),
        (true, true) => Ok(()),
        (true, false) => Err(otherwise),
    };
    match grant {
        Grant::Full => Ok(()),
        Grant::Write => match op {
            Op::Create | Op::Read | Op::History | Op::Search => Ok(()),
            Op::Update if subject.is_theirs() => Ok(()),
            Op::Update | Op::Delete | Op::Export => Err(Refusal::NotTheirs),
        },
        Grant::Read => look(true, Refusal::NoGrant),
        Grant::Scoped => look(subject.is_in_care(), Refusal::OutsideCare),
        Grant::Own => look(subject.is_theirs(), Refusal::NotTheirs),
        // A proposal has its own operation once proposals exist; it opens no other door.
        Grant::Propose | Grant::Nothing => Err(Refusal::NoGrant),
    }
}

/// A machine reaches FHIR types named by its scope, and nothing else of the box.
fn machine_may(scopes: &Scopes, op: Op, subject: &Subject) -> Result<(), Refusal> {
    match subject.kind() {
        Some(kind) if scopes.cover(kind, op) => Ok(()),
        Some(_) | None => Err(Refusal::OutsideScope),
    }
}

/// A patient reaches the own affairs through the portal, whose services look whose they are, and nothing else of the box.
fn patient_may(op: Op, subject: &Subject) -> Result<(), Refusal> {
    match (subject.area(), subject.kind(), op) {
        (Area::Portal, None, Op::Create | Op::Read | Op::Update | Op::Search) => Ok(()),
        _ => Err(Refusal::NoGrant),
    }
}

/// An HL7 sender's message may look for people and add or bring up to date what it reports; it takes nothing away.
fn sender_may(op: Op, subject: &Subject) -> Result<(), Refusal> {
    match (subject.kind(), op) {
        (Some(_), Op::Create | Op::Read | Op::Update | Op::Search) => Ok(()),
        (Some(_), Op::History | Op::Delete | Op::Export) | (None, _) => Err(Refusal::NoGrant),
    }
}

#[cfg(test)]
mod tests;
