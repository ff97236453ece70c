//! Reading a message before the writer: who sent it, what is wrong with it, whose order it belongs to, what goes on.

use std::sync::Arc;

use clinicvault_gateway::hl7::accept::{self, Policy};
use clinicvault_gateway::hl7::ack::Wish;
use clinicvault_gateway::hl7::structure::Class;
use clinicvault_gateway::hl7::{
    self, ErrorCode, Header, Message, Mode, Place, Problem, admit, charset, parse,
};
use sha2::{Digest, Sha256};

use super::channels::rework;
use super::describe;
use super::intake::{Intake, Way};
use super::outbox::Parcel;
use super::queries::{self, Question};
use super::row::Facts;
use super::{Exchange, FENCE};
/// Everything about a message that can be found out before the writer.
pub(super) struct Read {
    pub header: Option<Header>,
    pub wish: Wish,
    pub problems: Vec<Problem>,
    pub facts: Facts,
    pub partition: String,
    pub same: Vec<u8>,
    pub id: Option<Vec<u8>>,
    pub intake: Arc<Intake>,
    pub refuses_reuse: bool,
    pub passes: bool,
    /// What goes on to the channel's destinations.
    pub onward: Vec<Parcel>,
    /// What it says of a message of ours, and the destinations that wait for such answers.
    pub reply: Option<(hl7::reply::Reply, Vec<String>)>,
    pub bytes: Vec<u8>,
    pub question: Option<Question>,
}

impl Exchange {
    /// Reads a message by the rules of its channel.
    pub(super) fn read(&self, bytes: Vec<u8>, way: &Way) -> Read {
        let header = Header::find(&bytes);
        let intake = way.intake.clone();
        let mut facts = Facts {
            through: intake.name.clone(),
            wire: way.wire.to_owned(),
            peer: way.peer.clone(),
            tls: way.tls,
            connection: (self.0.opened, way.connection),
            title: "unreadable".to_owned(),
            ..Facts::default()
        };
        if let Ok(header) = &header {
            describe::name(&mut facts, header);
        }
        let mode = intake.mode(&facts.channel, &self.rules().strict_senders);
        let wish = header.as_ref().map_or(Wish::original(), Wish::of);
        if wish.odd {
            facts
                .warnings
                .push("MSH-15 or MSH-16 holds a value that is not in its table; taken as empty.".to_owned());
        }
        let mut partition = format!("sender:{}", facts.channel);
        let charset = intake.rules.charset.as_deref().and_then(charset::by_name);
        let (mut passes, mut onward, mut reply, mut question) = (true, Vec::new(), None, None);
        let problems = match parse(bytes.clone(), &self.rules().limits, mode, charset) {
            // An unreadable header is the parser's first complaint as well.
            Err(problem) => vec![problem],
            Ok(message) => {
                describe::oddities(&mut facts, &message);
                let gate = intake.passes(&message);
                passes = gate.as_ref().map_or(true, |passes| *passes);
                let rules = &intake.rules;
                let refused = admit::refusals(message.header(), &rules.kinds, &rules.processing);
                match gate.and_then(|_| self.reworked(message, &intake, mode, &mut facts)) {
                    Ok(message) if refused.is_empty() && message.header().message_type() == "ACK" => {
                        // An answer of an application that comes as a message of its own.
                        match hl7::reply::read(message.bytes()) {
                            Some(said) => {
                                facts.title = "acknowledgement".to_owned();
                                reply = Some((said, self.waiting_for_applications()));
                                passes = true;
                                Vec::new()
                            }
                            None => {
                                let problem = Problem::error(
                                    ErrorCode::RequiredField,
                                    Some(Place::field("MSA", 1, 2)),
                                    "This acknowledgement names no message.",
                                );
                                describe::refused(&mut facts, &message, std::slice::from_ref(&problem));
                                vec![problem]
                            }
                        }
                    }
                    Err(problem) => vec![problem],
                    Ok(message) if refused.is_empty() && queries::trigger(&message, way).is_some() => {
                        // Whoever asks waits for an answer: what is passed over elsewhere is refused here.
                        let wanted = std::mem::replace(&mut passes, true);
                        let asked = queries::trigger(&message, way).filter(|_| wanted);
                        question = asked.map(|trigger| Question { message, trigger });
                        if wanted { Vec::new() } else { vec![queries::filtered()] }
                    }
                    Ok(message) => match accept::check(&message, &Policy { mode, production_only: false }) {
                        _ if !refused.is_empty() => {
                            describe::refused(&mut facts, &message, &refused);
                            refused
                        }
                        Ok(event) => {
                            describe::accepted(&mut facts, &message, event);
                            // What joins two patients waits for both and lets nothing overtake it.
                            let joins = matches!(
                                event.class(),
                                Class::Merge | Class::Swap | Class::Link | Class::Move
                            );
                            let mut keys = describe::patient_keys(&message).into_iter();
                            partition = match joins {
                                true => FENCE.to_owned(),
                                false => keys.next().unwrap_or(partition),
                            };
                            facts.also = keys.collect();
                            if passes {
                                let (kind, also) = (&facts.kind, &facts.also);
                                onward =
                                    self.onward(&intake, kind, &partition, also, &message, &bytes, event);
                            }
                            Vec::new()
                        }
                        Err(problems) => {
                            describe::refused(&mut facts, &message, &problems);
                            // Nobody needs what the filter passes over to be complete.
                            if passes { problems } else { Vec::new() }
                        }
                    },
                }
            }
        };
        let hash = Sha256::digest(&bytes);
        let header = header.ok();
        let id = header
            .as_ref()
            .map(Header::control_id)
            .filter(|id| !id.is_empty())
            .map(|id| scope(b"id", &describe::named(&facts), id, &[]));
        if header.is_some() && id.is_none() {
            facts.warnings.push(
                "The message has no control id; repetitions are recognised by their content.".to_owned(),
            );
        }
        let own = header.as_ref().map(|h| h.control_id().to_vec()).unwrap_or_default();
        let same = scope(b"same", &describe::named(&facts), &own, &hash);
        let refuses_reuse = intake.refuses_reuse(mode);
        Read {
            header,
            wish,
            problems,
            facts,
            partition,
            same,
            id,
            intake,
            refuses_reuse,
            passes,
            onward,
            reply,
            bytes,
            question,
        }
    }

    /// The message after the channel's operations; what they could not do stands on its row.
    fn reworked(
        &self,
        message: Message,
        intake: &Intake,
        mode: Mode,
        facts: &mut Facts,
    ) -> Result<Message, Problem> {
        let (message, notes) = rework::change(message, &intake.operations, &self.rules().limits, mode)?;
        if !intake.operations.is_empty() {
            let said = "The channel's operations changed it before it was read; it is kept as it came.";
            facts.warnings.push(said.to_owned());
        }
        facts.warnings.extend(notes.into_iter().take(20));
        Ok(message)
    }
}

/// A key of the idempotency table: fixed length, so that no sender can make it too long.
pub(super) fn scope(what: &[u8], channel: &str, control_id: &[u8], hash: &[u8]) -> Vec<u8> {
    let mut digest = Sha256::new();
    for part in [what, channel.as_bytes(), control_id, hash] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    [b"hl7:".as_slice(), &digest.finalize()].concat()
}
