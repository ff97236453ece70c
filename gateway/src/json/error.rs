//! Why a text is not acceptable JSON, and where.

use std::fmt;

/// A refusal with its place in the text that was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}{at}: {reason}", at = At(path))]
pub struct JsonError {
    /// Byte offset from the start of the input, a byte order mark included.
    pub offset: usize,
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// What was wrong.
    pub reason: Reason,
    /// Path of the value that was being read, such as `entry[2].resource.name`; empty at the root.
    pub path: String,
}

/// Where in a document: `, in PATH` behind line and column, nothing at the root.
pub(crate) struct At<'a>(pub(crate) &'a String);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ", in {}", self.0) }
    }
}

/// Line and column in characters, both counted from 1, of a byte offset; a byte order mark does not count.
pub(crate) fn line_and_column(input: &[u8], at: usize) -> (usize, usize) {
    let before = input.get(..at.min(input.len())).unwrap_or_default();
    let line_start = memchr::memrchr(b'\n', before).map_or(0, |n| n + 1);
    let line_text = String::from_utf8_lossy(before.get(line_start..).unwrap_or_default());
    let column = line_text.trim_start_matches('\u{feff}').chars().count() + 1;
    (memchr::memchr_iter(b'\n', before).count() + 1, column)
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
        /// The limit, levels of arrays and objects.
        limit: usize,
    },
    /// The bytes are not UTF-8.
    #[error("the text is not UTF-8")]
    NotUtf8,
    /// The text stopped before the value was complete.
    #[error("the text ends in the middle of a value")]
    Truncated,
    /// Something other than what the grammar asks for.
    #[error("expected {0}")]
    Expected(&'static str),
    /// A key that the object already has.
    #[error("the key \"{key}\" appears twice in one object")]
    DuplicateKey {
        /// The key, shortened to 64 characters.
        key: String,
    },
    /// A control character that must be escaped.
    #[error("a control character (U+{0:04X}) must be escaped")]
    ControlCharacter(u32),
    /// `\u` of half a surrogate pair.
    #[error("an escape holds half of a surrogate pair")]
    LoneSurrogate,
    /// An unknown or incomplete escape.
    #[error("not a JSON escape")]
    BadEscape,
    /// A number outside JSON's grammar: leading zeros, a bare dot, a plus sign, NaN.
    #[error("not a JSON number")]
    BadNumber,
    /// Something follows the value.
    #[error("something follows the end of the value")]
    TrailingData,
}
