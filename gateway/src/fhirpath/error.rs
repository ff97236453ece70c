//! Why an expression has no answer, and where in it.

/// What kind of reason it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The text is not an expression.
    Syntax,
    /// It is one, but names a function, type, variable or element that is not there.
    Semantic,
    /// It cannot be answered for these values: several where one is asked for, types that do not go together.
    Execution,
    /// A bound was reached: length, nesting, or amount of work.
    Limit,
}

/// A refusal with its place in the expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at {position}: {message}")]
pub struct Error {
    /// What kind of reason it is.
    pub kind: ErrorKind,
    /// Byte offset in the expression.
    pub position: usize,
    /// The reason, for a person.
    pub message: String,
}

impl Error {
    pub(super) fn new(kind: ErrorKind, position: u32, message: impl Into<String>) -> Self {
        Self { kind, position: usize::try_from(position).unwrap_or(usize::MAX), message: message.into() }
    }

    pub(super) fn syntax(position: u32, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Syntax, position, message)
    }

    pub(super) fn semantic(position: u32, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Semantic, position, message)
    }

    pub(super) fn execution(position: u32, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Execution, position, message)
    }

    pub(super) fn limit(position: u32, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Limit, position, message)
    }
}
