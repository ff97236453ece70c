//! The terminology operations of R4 as pure functions: parameters in, the resource of the answer out.
//!
//! Which definitions there are is [`Source`](super::Source)'s business, how a request is read from an address or a body
//! the caller's. Parameters that an operation does not know are refused by name: nothing is ignored in silence.

mod closure;
mod code;
mod coding;
mod expand;
mod lookup;
mod subsumes;
mod translate;

pub use closure::{Asked as ClosureAsked, Closure};
pub use code::{validate_in_system, validate_in_value_set};
pub use expand::{Listing, expand};
pub use lookup::lookup;
pub use subsumes::subsumes;
pub use translate::translate;

use super::TermError;
use crate::fhir::outcome::{IssueCode, Outcome};

/// Why an operation has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The question is not one: 400.
    #[error("{0}")]
    Malformed(Outcome),
    /// What it is about is not here: 404.
    #[error("{0}")]
    Missing(Outcome),
    /// It is here, and there is still no answer: 422.
    #[error("{0}")]
    Impossible(Outcome),
}

impl Refusal {
    fn invalid(text: impl Into<String>) -> Self {
        Self::Malformed(Outcome::error(IssueCode::Invalid, text))
    }

    fn required(text: impl Into<String>) -> Self {
        Self::Malformed(Outcome::error(IssueCode::Required, text))
    }

    fn missing(text: impl Into<String>) -> Self {
        Self::Missing(Outcome::error(IssueCode::NotFound, text))
    }

    /// The outcome.
    pub fn outcome(&self) -> &Outcome {
        match self {
            Self::Malformed(outcome) | Self::Missing(outcome) | Self::Impossible(outcome) => outcome,
        }
    }
}

/// Parameters that cannot be read.
impl From<Outcome> for Refusal {
    fn from(outcome: Outcome) -> Self {
        Self::Malformed(outcome)
    }
}

impl From<TermError> for Refusal {
    fn from(error: TermError) -> Self {
        let code = match &error {
            TermError::UnknownCode { .. } => return Self::missing(sentence(&error)),
            TermError::UnknownSystem(_) | TermError::UnknownValueSet(_) | TermError::UnknownMap(_) => {
                IssueCode::NotFound
            }
            TermError::NotListable(_) => IssueCode::NotSupported,
            TermError::TooCostly { .. } => IssueCode::TooCostly,
            TermError::Circular(_) => IssueCode::Processing,
            TermError::BadFilter(_) | TermError::Malformed(_) => IssueCode::Invalid,
        };
        Self::Impossible(Outcome::error(code, sentence(&error)))
    }
}

/// An error as a sentence: a capital letter at its beginning, a full stop at its end.
fn sentence(error: &TermError) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

#[cfg(test)]
mod tests;
