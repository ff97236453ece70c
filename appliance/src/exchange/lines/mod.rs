//! Laboratory analysers at the box's lines: sockets and serial ports that drive the gateway's line, and what becomes of
//! their records.
//!
//! `tcp` and `serial` open lines, `talk` drives one, `printer` reads one that only prints. `intake` commits what came and
//! only then lets it be answered; `open` reads a stored row back; `place` finds whose it is and which orders it answers,
//! by the sample number (`orders`); `answer` tells an analyser what is ordered. What bytes and records mean is the
//! gateway's knowledge (`astm`, `map::analyser`).

pub mod answer;
pub mod intake;
mod open;
mod orders;
mod place;
mod printer;
pub mod serial;
mod talk;
pub mod tcp;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

use clinicvault_gateway::astm;
use clinicvault_gateway::map::analyser::TestCode;

pub(super) use open::{Received, Sense};

use super::Exchange;

/// An analyser as the box knows it.
#[derive(Debug, Clone)]
pub struct Analyser {
    /// Its name in the record and on the message screen.
    pub name: String,
    /// The channel that it comes through.
    pub channel: String,
    /// How its line is spoken; `None` for a port that only prints.
    pub speech: Option<astm::Settings>,
    /// The component of O-3 that holds the sample number, from 1.
    pub sample: u16,
    /// The same for Q-3.
    pub query_sample: u16,
    /// An order is found by its sample number for so many days.
    pub days: u16,
    /// Name of its character set; without one the bytes decide.
    pub charset: Option<String>,
    /// What its test codes mean.
    pub codes: Vec<TestCode>,
    /// Whether its questions are answered with orders.
    pub queries: bool,
    /// Whether the answers name the patient.
    pub names: bool,
}

/// Where a line ends.
#[derive(Debug, Clone)]
pub struct Peer {
    /// `tcp` or `serial`.
    pub wire: &'static str,
    /// Address and port, or the path of the device.
    pub name: String,
}

/// What happens on a line, for whoever watches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The line is open; a listener has an address.
    Open(Option<SocketAddr>),
    /// Something went wrong, in a sentence for a person.
    Trouble(String),
    /// So many parts were stored as new.
    Stored(u64),
    /// So many had been stored before.
    Repeated(u64),
}

/// Leads to the exchange room while the vault is open.
pub type Door = Arc<dyn Fn() -> Option<Exchange> + Send + Sync>;

/// An analyser's line with what it needs.
#[derive(Clone)]
pub struct Lines {
    /// The analyser.
    pub analyser: Arc<Analyser>,
    /// The way to the inbox.
    pub door: Door,
    /// Hears what happens.
    pub tell: Arc<dyn Fn(News) + Send + Sync>,
}

impl Lines {
    fn trouble(&self, what: String) {
        tracing::warn!(op = "line", analyser = self.analyser.name, outcome = what);
        (self.tell)(News::Trouble(what));
    }
}
