//! `_summary` and `_elements`: parts of a resource instead of the whole.

use std::borrow::Cow;

use bytes::Bytes;
use clinicvault_gateway::fhir::search::Summary;
use clinicvault_gateway::fhir::subset;
use clinicvault_gateway::json::{self, Limits};

use crate::http::error::HttpError;

/// Most names of `_elements`.
const MOST_ELEMENTS: usize = 200;

/// Which parts are wanted.
#[derive(Debug, Clone)]
pub struct Reduced<'a> {
    summary: Summary,
    elements: Cow<'a, [String]>,
}

impl<'a> Reduced<'a> {
    /// As a search asked.
    pub fn of_search(summary: Summary, elements: &'a [String]) -> Self {
        Self { summary, elements: Cow::Borrowed(elements) }
    }

    /// As the parameters of a read ask; 400 for a form that does not exist.
    pub fn of_read(parameters: &[(String, String)]) -> Result<Self, HttpError> {
        let mut wanted = Self { summary: Summary::False, elements: Cow::Borrowed(&[]) };
        for (name, value) in parameters {
            match (name.as_str(), value.as_str()) {
                ("_summary", "false") => wanted.summary = Summary::False,
                ("_summary", "true") => wanted.summary = Summary::True,
                ("_summary", "text") => wanted.summary = Summary::Text,
                ("_summary", "data") => wanted.summary = Summary::Data,
                ("_summary", _) => {
                    let message = "_summary must be true, text, data or false.";
                    return Err(HttpError::bad_request(message).field("_summary"));
                }
                ("_elements", names) => {
                    let known = wanted.elements.len();
                    let names = names.split(',').map(|name| name.trim().to_owned());
                    wanted.elements.to_mut().extend(names.take(MOST_ELEMENTS + 1));
                    if known.max(wanted.elements.len()) > MOST_ELEMENTS {
                        let message = "_elements may name at most 200 elements.";
                        return Err(HttpError::bad_request(message).field("_elements"));
                    }
                }
                _ => {}
            }
        }
        Ok(wanted)
    }

    /// As the parameters of a history ask: those of a read, and `_summary=count`, which shows no version.
    pub fn of_history(parameters: &[(String, String)]) -> Result<Self, HttpError> {
        let is_count = |(name, value): &&(String, String)| name == "_summary" && value == "count";
        if parameters.iter().any(|pair| is_count(&pair)) {
            return Ok(Self { summary: Summary::Count, elements: Cow::Borrowed(&[]) });
        }
        Self::of_read(parameters)
    }

    /// Whether only the number is wanted.
    pub fn is_count(&self) -> bool {
        self.summary == Summary::Count
    }

    /// The wanted parts of a stored resource; the stored bytes themselves when nothing is left out.
    pub fn apply(&self, stored: &Bytes) -> Result<Bytes, HttpError> {
        if matches!(self.summary, Summary::False | Summary::Count) && self.elements.is_empty() {
            return Ok(stored.clone());
        }
        let mut value = json::parse(stored, &Limits::bytes(usize::MAX)).map_err(|error| {
            tracing::error!(%error, "a stored record is not JSON");
            HttpError::internal()
        })?;
        if !self.elements.is_empty() {
            value = subset::elements(&value, &self.elements);
        }
        Ok(subset::summary(&value, self.summary).to_vec().into())
    }
}
