//! Why a text is not acceptable XML of FHIR, and where.

use crate::fhir::outcome::{Issue, IssueCode, Outcome, Severity};
use crate::json::At;

/// A refusal with its place in the text that was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}{at}: {reason}", at = At(path))]
pub struct XmlError {
    /// Byte offset from the start of the input, a byte order mark included.
    pub offset: usize,
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// What was wrong.
    pub reason: Reason,
    /// FHIRPath of the element that was being read, such as `Patient.name[0].given`; empty before the root.
    pub path: String,
}

/// What was wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// More bytes than the limit.
    #[error("the text is longer than the limit of {limit} bytes")]
    TooLong {
        /// The limit, bytes.
        limit: usize,
    },
    /// Deeper nesting than the limit.
    #[error("nested more than {limit} levels deep, which is the limit")]
    TooDeep {
        /// The limit, levels of elements and lists.
        limit: usize,
    },
    /// The bytes are not UTF-8, or the declaration names another encoding.
    #[error("the text is not UTF-8")]
    NotUtf8,
    /// A document type declaration or an entity beyond the five of XML.
    #[error("document types and entities of one's own are not allowed")]
    Doctype,
    /// The text stopped before the root was closed.
    #[error("the text ends in the middle of an element")]
    Truncated,
    /// Not well-formed.
    #[error("not well-formed XML: {0}")]
    IllFormed(String),
    /// Well-formed, but not what FHIR allows at this place.
    #[error("{0}")]
    Content(String),
}

impl From<XmlError> for Outcome {
    fn from(error: XmlError) -> Self {
        let code = match error.reason {
            Reason::TooLong { .. } | Reason::TooDeep { .. } => IssueCode::TooLong,
            Reason::NotUtf8
            | Reason::Doctype
            | Reason::Truncated
            | Reason::IllFormed(_)
            | Reason::Content(_) => IssueCode::Structure,
        };
        let mut issue = Issue::error(code, format!("The body is not acceptable XML: {error}."));
        issue.severity = Severity::Fatal;
        if !error.path.is_empty() {
            issue.expression.push(error.path);
        }
        Self::from(issue)
    }
}
