//! By which rules a message is taken in, and how it came.

use std::net::SocketAddr;
use std::sync::Arc;

use clinicvault_gateway::hl7::rework::Draft;
use clinicvault_gateway::hl7::{Message, Mode, Problem};
use jiff::SignedDuration;

use super::channels::counts::Counts;
use super::channels::document::{Channel, Reuse, Rules, Source};
use super::channels::fhir_rules::FhirRules;
use super::channels::rework::{Act, Filter, operations};
use super::channels::script::Script;
use super::inbox::Arrival;
use super::outbox::destination::Target;
use super::sources::http::Takes;

/// The rules of a channel as the inbox uses them.
#[derive(Debug, Default)]
pub struct Intake {
    /// The channel's name; empty for the listener of the settings.
    pub name: String,
    /// What its document says.
    pub rules: Rules,
    /// Which messages are applied.
    pub filter: Option<Filter>,
    /// The rule of the filter.
    pub gate: Option<Script>,
    /// What is changed in a message before it is read.
    pub operations: Vec<Act>,
    /// The rules for FHIR messages, of a channel that takes them alone.
    pub fhir: Option<FhirRules>,
    /// Whether it takes HL7 v2 alone.
    pub hl7_alone: bool,
    /// Where messages go on to.
    pub destinations: Vec<Target>,
    /// What has come.
    pub counts: Arc<Counts>,
}

impl Intake {
    /// The rules of a document.
    pub fn of(channel: &Channel, counts: Arc<Counts>) -> Self {
        let fhir = channel.takes_fhir();
        Self {
            name: channel.name.clone(),
            rules: channel.rules.clone(),
            filter: channel.filter.clone().filter(|_| !fhir),
            gate: channel.filter.as_ref().filter(|_| !fhir).and_then(Filter::gate),
            operations: if fhir { Vec::new() } else { operations(&channel.transform) },
            fhir: fhir.then(|| FhirRules::of(channel)),
            hl7_alone: matches!(&channel.source, Source::Http(http) if http.takes == Some(Takes::Hl7)),
            destinations: channel.destinations.clone(),
            counts,
        }
    }

    /// The rules of the listener of the settings.
    pub fn default_listener(keep_days: Option<u32>) -> Self {
        Self { rules: Rules { keep_days, ..Rules::default() }, ..Self::default() }
    }

    /// Whether a sender is held to the standard: by the channel, or by the settings' list at the listener of the settings.
    pub fn mode(&self, sender: &str, strict_senders: &[String]) -> Mode {
        let listed = self.name.is_empty() && strict_senders.iter().any(|one| one == sender);
        if self.rules.strict || listed { Mode::Strict } else { Mode::Tolerant }
    }

    /// Whether a control id must not come again with another body.
    pub fn refuses_reuse(&self, mode: Mode) -> bool {
        self.rules.reuse == Reuse::Refuse || (self.name.is_empty() && mode == Mode::Strict)
    }

    /// Whether the filter lets a message pass, as it came.
    ///
    /// # Errors
    /// When its rule fails: then nobody knows.
    pub fn passes(&self, message: &Message) -> Result<bool, Problem> {
        if !self.filter.as_ref().is_none_or(|filter| filter.passes(message)) {
            return Ok(false);
        }
        self.gate.as_ref().map_or(Ok(true), |gate| gate.decide(Draft::of(message)))
    }

    /// How long a repetition gets its stored answer.
    pub fn window(&self) -> SignedDuration {
        SignedDuration::from_hours(24).saturating_mul(i32::try_from(self.rules.replay_days).unwrap_or(7))
    }
}

/// How a message came.
#[derive(Debug, Clone)]
pub struct Way {
    /// By which rules it is taken.
    pub intake: Arc<Intake>,
    /// The wire, such as `mllp`, `https` or `file`.
    pub wire: &'static str,
    /// Who sent it: address and port, or the name of a file.
    pub peer: String,
    /// The peer's address alone.
    pub from: String,
    /// Whether nobody could read it on the way.
    pub tls: bool,
    /// Number of the connection; 0 for none that can be told something later.
    pub connection: u64,
}

impl Way {
    /// Over a connection of MLLP.
    pub fn mllp(arrival: Arrival, intake: Arc<Intake>) -> Self {
        let wire = if arrival.tls { "mllps" } else { "mllp" };
        Self { connection: arrival.connection, ..Self::peer(wire, arrival.peer, arrival.tls, intake) }
    }

    /// From a peer with an address, which cannot be told anything later.
    pub fn peer(wire: &'static str, peer: SocketAddr, tls: bool, intake: Arc<Intake>) -> Self {
        Self {
            intake,
            wire,
            peer: peer.to_string(),
            from: peer.ip().to_canonical().to_string(),
            tls,
            connection: 0,
        }
    }

    /// The source as audit lines name it.
    pub fn source(&self) -> String {
        format!("{} {}", self.wire, self.from)
    }
}
