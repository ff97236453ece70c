//! Why the records room says no. Variants are named for what the caller can do; texts hold no stored content.

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::outcome::{IssueCode, Outcome};
use clinicvault_vault::{ReadError, Refused, Unavailable, UnitError};
use thiserror::Error;

use super::access::Refusal;

/// A refusal of the records room.
#[derive(Debug, Clone, Error)]
pub enum Error {
    /// There never was such a record or version.
    #[error("{0} does not exist")]
    NotFound(String),
    /// The record, or that version, is deleted. The version number of the delete goes with it.
    #[error("{name} has been deleted")]
    Gone { name: String, version: u64 },
    /// The policy says no.
    #[error("{0}")]
    Refused(Refusal),
    /// Nobody changes such a record; the text says why.
    #[error("{0}")]
    Fixed(String),
    /// An update of a record that is not there for the caller, who may not choose the id of a new one.
    #[error(
        "there is no such {0} for you to update; a program or role that sees only a part of the {0} records does not choose \
         their ids, so create one by POST"
    )]
    NotYours(ResourceType),
    /// The request cannot be understood: not JSON, wrong type, wrong parameter.
    #[error("{0}")]
    Unreadable(Outcome),
    /// Understood, but a rule of FHIR or of the box is broken.
    #[error("{0}")]
    Broken(Outcome),
    /// A condition of the request does not hold: `If-Match`, or several matches where one is needed.
    #[error("{0}")]
    Precondition(Outcome),
    /// Something stands in the way that another request put there.
    #[error("{0}")]
    Conflict(Outcome),
    /// A limit of the box; the text names it.
    #[error("{0}")]
    TooMuch(String),
    /// A page link that is older than what the box can still answer exactly.
    #[error(
        "this page can no longer be answered exactly: it is older than an hour, or the search index was renewed; search again"
    )]
    PageExpired,
    /// The disk is nearly full: nothing new is taken.
    #[error("the disk is nearly full; nothing new is stored until space is freed")]
    NoRoom,
    /// Too much is waiting; the same request may succeed in a moment.
    #[error("the box is busy; try again in a moment")]
    Busy,
    /// The vault stopped; the box restarts or needs a person.
    #[error("the vault has stopped: {0}")]
    Stopped(String),
    /// A stored record fails to open. It is never served.
    #[error("a stored record is damaged: {0}")]
    Damaged(String),
    /// The index is being renewed: what depends on its being whole has to wait.
    #[error(
        "the search index is being renewed after an update of the box, and until that is done a condition could miss \
         records; nothing was changed; this takes seconds to some minutes, try again then"
    )]
    Renewing,
    /// A search parameter that was asked for does not know every record yet; the text names it.
    #[error("{0}")]
    Indexing(Outcome),
    /// The commit failed and its outcome is unknown until the vault has been reopened.
    #[error("it is not known whether this was stored; look before sending it again")]
    Unknown,
    /// A fault of the program.
    #[error("the box failed: {0}")]
    Fault(String),
}

impl Error {
    /// `Type/id` does not exist.
    pub fn missing(kind: ResourceType, id: &str) -> Self {
        Self::NotFound(format!("{kind}/{id}"))
    }

    /// A 412 with a sentence.
    pub fn precondition(message: impl Into<String>) -> Self {
        Self::Precondition(Outcome::error(IssueCode::Conflict, message))
    }

    /// Why a query cannot be answered: it cannot be understood, or asks for what is not indexed yet, or not any more for
    /// this page.
    pub fn of_query(outcome: Outcome) -> Self {
        let has = |code| outcome.issues.iter().any(|issue| issue.code == code);
        if has(IssueCode::Transient) {
            Self::Indexing(outcome)
        } else if has(IssueCode::Deleted) {
            Self::PageExpired
        } else {
            Self::Unreadable(outcome)
        }
    }

    /// The same refusal with its places put behind `prefix`, such as `Bundle.entry[3]`.
    #[must_use]
    pub fn within(self, prefix: &str) -> Self {
        match self {
            Self::Unreadable(outcome) => Self::Unreadable(outcome.within(prefix)),
            Self::Broken(outcome) => Self::Broken(outcome.within(prefix)),
            Self::Precondition(outcome) => Self::Precondition(outcome.within(prefix)),
            Self::Conflict(outcome) => Self::Conflict(outcome.within(prefix)),
            Self::NotFound(_)
            | Self::Gone { .. }
            | Self::Refused(_)
            | Self::Fixed(_)
            | Self::NotYours(_)
            | Self::TooMuch(_)
            | Self::PageExpired
            | Self::NoRoom
            | Self::Busy
            | Self::Renewing
            | Self::Indexing(_)
            | Self::Stopped(_)
            | Self::Damaged(_)
            | Self::Unknown
            | Self::Fault(_) => self,
        }
    }
}

impl From<Refusal> for Error {
    fn from(why: Refusal) -> Self {
        Self::Refused(why)
    }
}

impl From<Unavailable> for Error {
    fn from(why: Unavailable) -> Self {
        match why {
            Unavailable::Busy => Self::Busy,
            Unavailable::Closed => Self::Stopped("it is closed".to_owned()),
            Unavailable::Latched(fault) => Self::Stopped(fault.to_string()),
        }
    }
}

impl From<ReadError> for Error {
    fn from(why: ReadError) -> Self {
        match why {
            ReadError::Unavailable(why) => why.into(),
            ReadError::Damaged { .. } => Self::Damaged(why.to_string()),
            ReadError::Expired => Self::TooMuch("the read took longer than 30 s".to_owned()),
            ReadError::TooOld => Self::PageExpired,
            ReadError::Fault(fault) => Self::Stopped(fault.to_string()),
        }
    }
}

impl From<UnitError> for Error {
    fn from(why: UnitError) -> Self {
        match why {
            UnitError::LowDisk => Self::NoRoom,
            UnitError::TooLarge { .. } => Self::TooMuch(why.to_string()),
            UnitError::Invalid(what) => Self::Fault(what.to_owned()),
            UnitError::Missing(what) => Self::NotFound(format!("this {what}")),
            UnitError::Damaged { .. } => Self::Damaged(why.to_string()),
            UnitError::Chance => Self::Fault(why.to_string()),
            UnitError::Fault(fault) => Self::Stopped(fault.to_string()),
        }
    }
}

impl From<Refused<Error>> for Error {
    fn from(why: Refused<Error>) -> Self {
        match why {
            Refused::Job(error) => error,
            Refused::NoAudit => Self::Fault("a change without an audit line".to_owned()),
            Refused::Panicked => Self::Fault("a unit of work failed inside".to_owned()),
            Refused::Unavailable(why) => why.into(),
            Refused::Unknown(_) => Self::Unknown,
        }
    }
}
