//! What can be wrong with a message, in the words of HL7 table 0357, and where.
//!
//! A [`Problem`] travels back to the sender in an ERR segment, so its text is written here from fixed words and
//! numbers and never carries a value out of the message: patient data must not leak through error texts.

use std::fmt;

/// Message error condition codes (HL7 table 0357) that this gateway uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorCode {
    /// 100: segments in an order that the message type does not allow, or a required one missing.
    SegmentSequence,
    /// 101: a required field is missing.
    RequiredField,
    /// 102: a field does not read as its data type.
    DataType,
    /// 103: a value is not in its table.
    TableValue,
    /// 104: a value is longer than accepted.
    TooLong,
    /// 198: more or fewer repetitions than accepted (only with table 0357 of 2.7 and later).
    Cardinality,
    /// 199: other, with the reason in words.
    Other,
    /// 200: message type not supported.
    MessageType,
    /// 201: event not supported.
    EventCode,
    /// 202: processing id not accepted on this channel.
    ProcessingId,
    /// 203: version not supported.
    Version,
    /// 204: unknown key.
    UnknownKey,
    /// 205: duplicate key.
    DuplicateKey,
    /// 207: internal error or overload at the receiver.
    Internal,
}

impl ErrorCode {
    /// The number as table 0357 writes it.
    pub const fn number(self) -> &'static str {
        match self {
            Self::SegmentSequence => "100",
            Self::RequiredField => "101",
            Self::DataType => "102",
            Self::TableValue => "103",
            Self::TooLong => "104",
            Self::Cardinality => "198",
            Self::Other => "199",
            Self::MessageType => "200",
            Self::EventCode => "201",
            Self::ProcessingId => "202",
            Self::Version => "203",
            Self::UnknownKey => "204",
            Self::DuplicateKey => "205",
            Self::Internal => "207",
        }
    }

    /// The text of table 0357 for the number.
    pub const fn text(self) -> &'static str {
        match self {
            Self::SegmentSequence => "Segment sequence error",
            Self::RequiredField => "Required field missing",
            Self::DataType => "Data type error",
            Self::TableValue => "Table value not found",
            Self::TooLong => "Value too long",
            Self::Cardinality => "Non-conformant cardinality",
            Self::Other => "Other HL7 error",
            Self::MessageType => "Unsupported message type",
            Self::EventCode => "Unsupported event code",
            Self::ProcessingId => "Unsupported processing id",
            Self::Version => "Unsupported version id",
            Self::UnknownKey => "Unknown key identifier",
            Self::DuplicateKey => "Duplicate key identifier",
            Self::Internal => "Application internal error",
        }
    }
}

/// What the sender is to conclude: resend after a fix elsewhere, or never the same bytes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// AE / CE: the content is at fault; the same bytes will fail again.
    Error,
    /// AR / CR: rejected for a reason outside the content.
    Reject,
}

/// A place in a message as ERR-2 names it. Numbers count from 1; 0 means "not that deep".
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Place {
    /// Segment name, three characters.
    pub segment: String,
    /// Which occurrence of that segment in the message.
    pub occurrence: u32,
    /// Field number.
    pub field: u32,
    /// Repetition of the field.
    pub repetition: u32,
    /// Component number.
    pub component: u32,
    /// Sub-component number.
    pub subcomponent: u32,
}

impl Place {
    /// The first occurrence of a segment as a whole.
    pub fn segment(name: &str, occurrence: u32) -> Self {
        Self { segment: name.to_owned(), occurrence, ..Self::default() }
    }

    /// A field of the first occurrence of a segment.
    pub fn field(name: &str, occurrence: u32, field: u32) -> Self {
        Self { segment: name.to_owned(), occurrence, field, ..Self::default() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.segment)?;
        if self.occurrence > 1 {
            write!(f, "[{}]", self.occurrence)?;
        }
        if self.field > 0 {
            write!(f, "-{}", self.field)?;
        }
        if self.repetition > 1 {
            write!(f, "[{}]", self.repetition)?;
        }
        if self.component > 0 {
            write!(f, ".{}", self.component)?;
        }
        if self.subcomponent > 0 {
            write!(f, ".{}", self.subcomponent)?;
        }
        Ok(())
    }
}

/// One thing wrong with a message: its code, its place, and a sentence without patient data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} {}: {reason}", code.number(), code.text())]
pub struct Problem {
    /// AE or AR.
    pub verdict: Verdict,
    /// Table 0357.
    pub code: ErrorCode,
    /// Segment and field, when one is to blame.
    pub place: Option<Place>,
    /// Byte offset in the message as received, when known.
    pub offset: Option<usize>,
    /// What is wrong and what would be right. Written from fixed words and numbers only.
    pub reason: String,
}

impl Problem {
    /// A problem in the content (AE).
    pub fn error(code: ErrorCode, place: Option<Place>, reason: impl Into<String>) -> Self {
        Self { verdict: Verdict::Error, code, place, offset: None, reason: reason.into() }
    }

    /// A rejection for a reason outside the content (AR).
    pub fn reject(code: ErrorCode, place: Option<Place>, reason: impl Into<String>) -> Self {
        Self { verdict: Verdict::Reject, code, place, offset: None, reason: reason.into() }
    }

    /// The same problem with the byte offset where it was found.
    pub fn at(mut self, offset: usize) -> Self {
        self.offset = Some(offset);
        self
    }
}
