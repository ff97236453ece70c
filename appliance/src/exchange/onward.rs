//! What of a message that comes in goes on, and what is waited for from others.

use std::sync::Arc;

use clinicvault_gateway::hl7::Message;
use clinicvault_gateway::hl7::accept::Event;
use clinicvault_gateway::map::to_transaction;

use super::intake::Intake;
use super::outbox::forward::{self, Onward};
use super::outbox::{Parcel, row};
use super::{Exchange, FENCE};

impl Exchange {
    /// The parcels of a message that a channel accepts: `message` is it after the channel's operations, `bytes` it as it
    /// came.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn onward(
        &self,
        intake: &Arc<Intake>,
        kind: &str,
        partition: &str,
        also: &[String],
        message: &Message,
        bytes: &[u8],
        event: Event,
    ) -> Vec<Parcel> {
        if intake.destinations.is_empty() {
            return Vec::new();
        }
        let control_id = String::from_utf8_lossy(message.header().control_id()).into_owned();
        let onward = Onward {
            channel: &intake.name,
            kind,
            control_id: &control_id,
            lane: if partition == FENCE { row::FENCE } else { partition },
            // What joins two patients waits for everything anyway.
            also: if partition == FENCE { &[] } else { also },
            message: if intake.operations.is_empty() { bytes } else { message.bytes() },
        };
        let bundle = || to_transaction(message, event, &self.context()).bundle.to_vec();
        forward::parcels(&onward, &intake.destinations, bundle)
    }

    /// The destinations that wait for what a receiving application says.
    pub(super) fn waiting_for_applications(&self) -> Vec<String> {
        let mut found = Vec::new();
        for live in self.channels().there() {
            let kept = live.kept();
            let targets = kept.document.destinations.iter().filter(|t| forward::waits_for_application(t));
            found.extend(targets.map(|target| format!("{}/{}", kept.document.name, target.name)));
        }
        found
    }

    /// After the commit of a message: wakes the outbox, and says what goes round.
    pub(super) fn sent_on(&self, channel: &str, round: &[String]) {
        let Some(live) = self.channels().find(channel) else { return };
        if !round.is_empty() {
            let to = round.join(", ");
            tracing::warn!(op = "hl7.message", channel, to, outcome = "goes round");
            live.complain(format!(
                "messages go round: they have come in again and again on their way to {to}"
            ));
        }
        if !live.kept().document.destinations.is_empty() || !round.is_empty() {
            self.outbox().nudge();
        }
    }
}
