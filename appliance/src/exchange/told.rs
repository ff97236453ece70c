//! What became of a message: what goes back on the wire, and what whoever handed it in is told.

use super::row::Fault;
use crate::records::error::Error;

/// What to do on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Send this payload.
    Send(Vec<u8>),
    /// The sender wants no answer.
    Silent,
    /// It is not known whether the message is stored: close without an answer, so that it is sent again.
    Close,
}

/// What became of one message, for whoever handed it in.
#[derive(Debug, Clone)]
pub struct Told {
    /// What to do on the wire.
    pub reply: Reply,
    /// Its row, when it is new.
    pub seq: Option<u64>,
    /// MSH-9, empty when unreadable.
    pub kind: String,
    /// MSH-10 as text.
    pub control_id: String,
    /// It was there before and got its answer of then.
    pub repeated: bool,
    /// What was wrong with it, as the sender is told.
    pub problem: Option<Fault>,
}

impl Told {
    /// Whether the sender is told that it was not taken.
    pub fn is_refused(&self) -> bool {
        self.problem.is_some() || matches!(self.reply.code().as_str(), "AE" | "AR" | "CE" | "CR")
    }
}

impl Reply {
    /// The reply that an answer is; an empty one is none.
    pub(super) fn of(answer: Vec<u8>) -> Self {
        if answer.is_empty() { Self::Silent } else { Self::Send(answer) }
    }

    /// The message to send; empty when there is none.
    pub fn payload(&self) -> &[u8] {
        match self {
            Self::Send(message) => message,
            Self::Silent | Self::Close => &[],
        }
    }

    /// MSA-1 of the answer; empty when there is none.
    pub fn code(&self) -> String {
        let mut lines = self.payload().split(|b| *b == b'\r');
        let msa = lines.find(|line| line.starts_with(b"MSA")).and_then(|line| line.get(4..6));
        msa.map(|code| String::from_utf8_lossy(code).into_owned()).unwrap_or_default()
    }
}

/// One sentence for a sender whose message could not be stored.
pub(super) fn not_stored(error: &Error) -> &'static str {
    match error {
        Error::NoRoom => "The message was not stored: the disk is nearly full. Send it again later.",
        Error::Busy => "The message was not stored: the box is busy. Send it again in a moment.",
        Error::TooMuch(_) => "The message was not stored: it is longer than the box accepts.",
        _ => "The message was not stored. Send it again later.",
    }
}
