//! What is kept of a job: on whose behalf, what to do, how far it is, and which files it has made.
//!
//! The parameters of an export or a request may name people, so nothing here prints them.

use std::fmt;

use clinicvault_gateway::fhir::bulk::export::Level;
use clinicvault_gateway::fhir::id::LogicalId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::pages::File;
use super::place::Place;
use crate::records::Caller;
use crate::records::access::{Actor, Role, Scopes, Who};
use crate::records::error::Error;

/// A job as kept.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// 32 hexadecimal digits by chance.
    pub id: String,
    /// On whose behalf.
    pub owner: Owner,
    /// The box's FHIR base as the caller sees it.
    pub base: String,
    /// Method of the request.
    pub method: String,
    /// Address of the request.
    pub request: String,
    /// When it was taken; the moment whose state an export gives out.
    pub created: Timestamp,
    /// The unit of work that took it: an export gives out the state as of it.
    pub tx: u64,
    /// Where it stands.
    pub state: State,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// How far it is.
    pub progress: Progress,
    /// What it has made so far, by number.
    pub files: Vec<File>,
    /// What is to be done.
    pub work: Work,
}

/// Prints what names nobody.
impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Job({} {} {:?})", self.id, self.work.name(), self.state)
    }
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// Taken, not begun.
    Waiting,
    /// Under way; after a restart it goes on.
    Running,
    /// Ended well.
    Done,
    /// Ended without what was asked.
    Failed,
    /// Ended by its caller or by age; what it has made is being deleted.
    Dropped,
}

impl State {
    /// The word in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }

    /// Whether there is still something to do.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Running)
    }
}

/// Why a job failed, as its caller is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// HTTP status of the answer.
    pub status: u16,
    /// Issue type.
    pub code: String,
    /// A sentence that holds no stored content.
    pub text: String,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Records looked at, or bytes read.
    pub done: u64,
    /// Of so many; 0 when that is not known yet.
    pub total: u64,
}

impl Progress {
    /// Part done, in percent.
    pub fn percent(self) -> u64 {
        self.done.min(self.total).saturating_mul(100).checked_div(self.total).unwrap_or(0)
    }
}

/// What is to be done.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Work {
    /// `$export`
    Export(Export),
    /// `$import`
    Import(Import),
    /// A request with `Prefer: respond-async`.
    Later(Later),
    /// Lines that an import may name.
    Upload(Upload),
}

impl Work {
    /// The word in answers.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Export(_) => "export",
            Self::Import(_) => "import",
            Self::Later(_) => "request",
            Self::Upload(_) => "upload",
        }
    }
}

/// An export: what was asked, as it was asked, and how far it is.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Export {
    /// Whose records.
    pub level: ExportLevel,
    /// Id of the group.
    pub group: Option<String>,
    /// Parameters, decoded.
    pub pairs: Vec<(String, String)>,
    /// Whether parameters that are not served are passed over.
    pub lenient: bool,
    /// Whether it was a POST.
    pub posted: bool,
    /// Whether the searches have been answered.
    pub prepared: bool,
    /// The last record looked at.
    pub after: u64,
}

/// [`Level`], as kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ExportLevel {
    /// Everything.
    System,
    /// All patients.
    Patient,
    /// The members of a group.
    Group,
}

impl From<Level> for ExportLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::System => Self::System,
            Level::Patient => Self::Patient,
            Level::Group => Self::Group,
        }
    }
}

impl From<ExportLevel> for Level {
    fn from(level: ExportLevel) -> Self {
        match level {
            ExportLevel::System => Self::System,
            ExportLevel::Patient => Self::Patient,
            ExportLevel::Group => Self::Group,
        }
    }
}

/// An import: its files and how far it is.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Import {
    /// The sending system.
    pub source: String,
    /// The files in their order.
    pub inputs: Vec<Input>,
    /// The file that is being read.
    pub current: usize,
    /// Where in it.
    pub at: u64,
    /// Lines of it that were read.
    pub line: u64,
    /// Records with a new version.
    pub stored: u64,
    /// Records that were so already.
    pub unchanged: u64,
    /// Lines that were left out.
    pub problems: u64,
}

/// A file of an import.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Input {
    /// Type of its records.
    pub kind: String,
    /// As written in the manifest.
    pub url: String,
    /// Where it is.
    pub place: Place,
    /// Records with a new version or as they were.
    pub count: u64,
}

/// A request as it was sent; its body is a file of the job.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Later {
    /// Path and query.
    pub target: String,
    /// Headers that change what it means.
    pub headers: Vec<(String, String)>,
    /// Whether it came over HTTPS.
    pub tls: bool,
    /// The peer's address and port.
    pub peer: String,
}

/// Lines that an import may name; they are a file of the job.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Upload {}

/// On whose behalf a job runs, and what they might do when it was taken.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// Id of the account or token.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Address that it came from.
    pub source: String,
    /// What it might do.
    pub rights: Rights,
}

/// [`Who`], as kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Rights {
    /// A person with these roles.
    Person(Vec<Role>),
    /// A machine with these scopes.
    Machine(String),
    /// A program on behalf of a person: roles, scopes and the patient that it is about.
    App(Vec<Role>, String, Option<String>),
    /// A patient, who may begin none.
    Patient(String),
    /// An HL7 sender.
    Sender,
    /// Someone at the box.
    Operator,
}

impl Owner {
    /// The owner that this actor is.
    pub fn of(who: &Actor) -> Self {
        let rights = match &who.who {
            Who::Person { roles } => Rights::Person(roles.clone()),
            Who::Machine { scopes } => Rights::Machine(scopes.as_str().to_owned()),
            Who::App { roles, scopes, patient } => {
                let patient = patient.as_ref().map(|patient| patient.as_str().to_owned());
                Rights::App(roles.clone(), scopes.as_str().to_owned(), patient)
            }
            Who::Patient { patient } => Rights::Patient(patient.as_str().to_owned()),
            Who::Sender => Rights::Sender,
            Who::Operator => Rights::Operator,
        };
        Self { id: who.id.clone(), name: who.name.clone(), source: who.source.clone(), rights }
    }

    /// Whether this actor is the owner, with the rights that it had: whoever has lost or been given less since then
    /// does not get what was made with more.
    pub fn is(&self, who: &Actor) -> bool {
        self.id == who.id && self.rights == Self::of(who).rights
    }

    /// The actor again.
    pub fn actor(&self) -> Result<Actor, Error> {
        let who = match &self.rights {
            Rights::Person(roles) => Who::Person { roles: roles.clone() },
            Rights::Machine(text) => Who::Machine { scopes: scopes(text)? },
            Rights::App(roles, text, patient) => Who::App {
                roles: roles.clone(),
                scopes: scopes(text)?,
                patient: patient.as_deref().and_then(LogicalId::parse),
            },
            Rights::Patient(id) => {
                let patient =
                    LogicalId::parse(id).ok_or_else(|| Error::Damaged("a job's owner".to_owned()))?;
                Who::Patient { patient }
            }
            Rights::Sender => Who::Sender,
            Rights::Operator => Who::Operator,
        };
        let (id, name, source) = (self.id.clone(), self.name.clone(), self.source.clone());
        Ok(Actor { id, name, who, session: None, source })
    }
}

fn scopes(text: &str) -> Result<Scopes, Error> {
    Scopes::parse(text).map_err(|_| Error::Damaged("a job's scope".to_owned()))
}

impl Job {
    /// The caller again.
    pub fn caller(&self) -> Result<Caller, Error> {
        let mut caller = Caller::of(self.owner.actor()?);
        caller.base = Some(self.base.as_str().into());
        Ok(caller)
    }

    /// The address of its state.
    pub fn address(&self) -> String {
        format!("{}/_jobs/{}", self.base, self.id)
    }
}
