//! Trying a connection by hand: a message about nobody, marked as a test, sent to a destination, or by the box to itself
//! through the door of a channel.
//!
//! `specimen` makes the messages, `target` sends one to a destination, `door` sends one through the channel's own door and
//! says what would be stored; nothing of either enters the record or a queue (0178).

mod answer;
mod door;
pub mod sheet;
mod specimen;
mod target;

pub use answer::{AnswerProblem, TestAnswer};
pub(super) use door::Rehearsals;
pub use door::{Door, DoorTest};
pub use target::TargetTest;

use clinicvault_gateway::emit::{Acknowledge, Envelope, Kind};
use clinicvault_gateway::fhir::outcome::{Issue, IssueCode, Outcome};

use super::Exchange;
use super::outbox::control_id;
use crate::records::error::Error;

/// The message that is sent where none is named.
const USUAL: &str = "ADT^A08";

/// The kind of message that somebody names.
fn kind(named: Option<&str>) -> Result<Kind, Error> {
    let named = named.unwrap_or(USUAL);
    Kind::parse(named).ok_or_else(|| {
        let all: Vec<String> = Kind::ALL.iter().map(Kind::to_string).collect();
        let why = format!("A test message is one of {}.", all.join(", "));
        Error::Broken(Outcome::of(vec![Issue::error(IssueCode::Value, why).at("type")]))
    })
}

impl Exchange {
    /// A test message with a control id of its own, which nobody can guess.
    fn specimen(
        &self,
        kind: Kind,
        receiver: (&str, &str),
        training: bool,
        acknowledge: Acknowledge,
    ) -> Result<(String, Vec<u8>), Error> {
        let mut random = [0u8; 16];
        getrandom::fill(&mut random).map_err(|error| Error::Fault(format!("no random numbers: {error}")))?;
        let id = control_id(&["test", &data_encoding::HEXLOWER.encode(&random)]);
        let now = self.records().now();
        let envelope = Envelope {
            sender: ("CLINICVAULT", "TEST"),
            receiver,
            control_id: &id,
            now,
            offset: self.rules().map.zone.to_offset(now),
            training,
            acknowledge,
        };
        let bytes = specimen::message(kind, &envelope, &self.rules().map.authorities)?;
        Ok((id, bytes))
    }
}
