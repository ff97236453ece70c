//! Taking an analyser's records in: read, commit, and only then may the frame be answered (decisions 0153 and 0170).

use std::collections::BTreeSet;
use std::sync::Arc;

use clinicvault_gateway::astm::{Ending, Limits, Message, Part, message};
use clinicvault_gateway::json::Value;
use clinicvault_gateway::map::analyser::{self, Context};
use clinicvault_gateway::map::ids;
use clinicvault_vault::{Action, Outcome, QueueRow};
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use super::{Analyser, Peer};
use crate::exchange::inbox::leaf;
use crate::exchange::row::{self, Facts, Fault, LineFacts, State};
use crate::exchange::terms::{self, Content};
use crate::exchange::{Exchange, INBOX};
use crate::records::access::Actor;
use crate::records::error::Error;
use crate::records::feed::What;
use crate::records::unit::Work;

/// How long the same records are known to have come before (hl7v2-gateway reference, section 3).
const WINDOW: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The same for records that state no time: an analyser without a clock may well measure the same again.
const CLOCKLESS_WINDOW: SignedDuration = SignedDuration::from_mins(10);

/// What became of the parts of a message.
#[derive(Debug, Default)]
pub struct Taken {
    /// Rows that are new.
    pub stored: u64,
    /// Parts that had come before.
    pub repeated: u64,
    /// Messages that ask for orders; they leave no row.
    pub questions: Vec<Message>,
}

/// A part as it will be stored.
struct Read {
    facts: Facts,
    state: State,
    partition: String,
    /// Under which key, and for how long, a repetition is recognised.
    same: Option<(Vec<u8>, SignedDuration)>,
    bytes: Vec<u8>,
}

impl Exchange {
    /// Stores the parts in one commit; when it answers `Ok`, they are durable.
    ///
    /// # Errors
    /// What the writer says; nothing may be taken as stored then.
    pub async fn take_records(
        &self,
        parts: Vec<Part>,
        analyser: &Analyser,
        peer: &Peer,
    ) -> Result<Taken, Error> {
        let mut taken = Taken::default();
        let mut reads = Vec::new();
        for part in parts {
            match self.read_part(part, analyser, peer) {
                Come::Row(read) => reads.push(*read),
                Come::Question(message) => taken.questions.push(message),
            }
        }
        self.commit_rows(reads, analyser, peer, &mut taken).await?;
        Ok(taken)
    }

    /// Stores the text of a printer's port.
    ///
    /// # Errors
    /// As [`Self::take_records`].
    pub async fn take_printout(
        &self,
        text: Vec<u8>,
        analyser: &Analyser,
        peer: &Peer,
    ) -> Result<Taken, Error> {
        let mut facts = facts(analyser, peer);
        facts.kind = "printout".to_owned();
        facts.title = "printout".to_owned();
        facts.answered = None;
        facts.line = facts.line.map(|line| LineFacts { printout: true, ..line });
        let partition = ids::stable("partition", &[&analyser.name]);
        let read = Read { facts, state: State::Received, partition, same: None, bytes: text };
        let mut taken = Taken::default();
        self.commit_rows(vec![read], analyser, peer, &mut taken).await?;
        Ok(taken)
    }

    async fn commit_rows(
        &self,
        reads: Vec<Read>,
        analyser: &Analyser,
        peer: &Peer,
        taken: &mut Taken,
    ) -> Result<(), Error> {
        if reads.is_empty() {
            return Ok(());
        }
        let who = Arc::new(actor(&analyser.name, peer.wire, &peer.name));
        let (now, zone) = (self.records().now(), self.rules().map.zone.clone());
        let unit = self.records().unit(who, move |work| {
            let mut repeated = 0;
            let mut rows = 0;
            for read in reads {
                match commit(work, read, now, &zone)? {
                    true => rows += 1,
                    false => repeated += 1,
                }
            }
            Ok((rows, repeated))
        });
        let ((rows, repeated), tx) = unit.await?;
        (taken.stored, taken.repeated) = (rows, repeated);
        tracing::info!(op = "line.records", analyser = analyser.name, tx = tx.0, rows, repeated);
        if rows > 0 {
            self.nudge();
        }
        Ok(())
    }

    fn read_part(&self, part: Part, analyser: &Analyser, peer: &Peer) -> Come {
        let encoding = analyser.charset.as_deref().and_then(message::encoding);
        let mut facts = facts(analyser, peer);
        let partition = ids::stable("partition", &[&analyser.name]);
        let message = match Message::parse(part.bytes.clone(), &Limits::default(), encoding) {
            Ok(message) => message,
            Err(refusal) => {
                facts.problem = Some(Fault {
                    reason: format!("{}.", sentence(&refusal.to_string())),
                    ..Fault::default()
                });
                let (same, bytes) = (None, part.bytes);
                return Come::Row(Box::new(Read { facts, state: State::Refused, partition, same, bytes }));
            }
        };
        let has = |kinds: &[char]| message.records().any(|record| kinds.contains(&record.kind()));
        if has(&['Q']) && !has(&['O', 'R']) && part.ending != Ending::Cut {
            return Come::Question(message);
        }
        let context = Context {
            analyser: Some(analyser.name.clone()),
            sample: analyser.sample,
            codes: analyser.codes.clone(),
            received: Some(self.records().now()),
            ..Context::plain(self.rules().map.zone.clone())
        };
        let mapped = analyser::to_transaction(&message, &context);
        let results = message.records().filter(|record| record.kind() == 'R').count();
        facts.title = title(&mapped, results).to_owned();
        facts.values = (results > 0).then(|| u32::try_from(results).unwrap_or(u32::MAX));
        facts.person = Some(mapped.patient.name()).filter(|name| !name.is_empty());
        if let Some(line) = &mut facts.line {
            let mut used = BTreeSet::new();
            codes(&mapped.bundle, &mut used);
            line.codes =
                analyser.codes.iter().filter(|c| used.contains(c.local.as_str())).map(Into::into).collect();
        }
        let cut = part.ending == Ending::Cut;
        if cut {
            let reason = "The message ended before its L record. Its sender counts nothing of it as sent and has to \
                          send it again.";
            facts.problem =
                Some(Fault { segment: Some("L".to_owned()), reason: reason.to_owned(), ..Fault::default() });
        }
        let window = if analyser::states_time(&message) {
            Some(WINDOW)
        } else if !mapped.samples.is_empty() || !mapped.patient.identifiers.is_empty() {
            Some(CLOCKLESS_WINDOW)
        } else {
            // Two strips without a number may well read the same.
            None
        };
        let partition = match (mapped.samples.first(), mapped.patient.identifiers.first()) {
            (Some(sample), _) => ids::stable("partition", &[&analyser.name, "sample", sample]),
            (None, Some(number)) => ids::stable("partition", &[&analyser.name, "patient", &number.value]),
            (None, None) => partition,
        };
        let same = window.filter(|_| !cut).map(|window| (key(&analyser.name, &part.bytes), window));
        let state = if cut { State::Refused } else { State::Received };
        Come::Row(Box::new(Read { facts, state, partition, same, bytes: part.bytes }))
    }
}

/// What a part is.
enum Come {
    Row(Box<Read>),
    Question(Message),
}

fn title(mapped: &analyser::Mapped, results: usize) -> &'static str {
    match (mapped.quality_control, results) {
        (true, _) => "qualityControl",
        (false, 0) => "analyserNote",
        (false, _) => "testResult",
    }
}

/// What is known of everything that comes from an analyser.
fn facts(analyser: &Analyser, peer: &Peer) -> Facts {
    let line = LineFacts {
        wire: peer.wire.to_owned(),
        sample: analyser.sample,
        days: analyser.days,
        charset: analyser.charset.clone(),
        codes: Vec::new(),
        printout: false,
    };
    Facts {
        sender: analyser.name.clone(),
        through: analyser.channel.clone(),
        wire: peer.wire.to_owned(),
        channel: format!("analyser|{}", analyser.name),
        kind: "LIS2-A2".to_owned(),
        peer: peer.name.clone(),
        answered: Some("ACK".to_owned()),
        title: "unreadable".to_owned(),
        line: Some(line),
        ..Facts::default()
    }
}

/// An analyser as the one who acts.
pub(in crate::exchange) fn actor(name: &str, wire: &str, peer: &str) -> Actor {
    let peer = peer.rsplit_once(':').filter(|_| wire == "tcp").map_or(peer, |(ip, _)| ip);
    Actor::sender(name, &format!("{wire} {peer}"))
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// All codes in a bundle.
fn codes<'v>(value: &'v Value, found: &mut BTreeSet<&'v str>) {
    match value {
        Value::Object(object) => {
            for (name, member) in object.iter() {
                if let ("code", Some(code)) = (name, member.as_str()) {
                    found.insert(code);
                }
                codes(member, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| codes(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Of fixed length, so that no analyser can make it too long.
fn key(analyser: &str, bytes: &[u8]) -> Vec<u8> {
    let mut digest = Sha256::new();
    for part in [analyser.as_bytes(), bytes] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    [b"line:".as_slice(), &digest.finalize()].concat()
}

/// Runs inside the writer; false for a part that had come before.
fn commit(work: &mut Work<'_, '_>, read: Read, now: jiff::Timestamp, zone: &TimeZone) -> Result<bool, Error> {
    if let Some((key, _)) = &read.same
        && work.unit().recall(key)?.is_some()
    {
        return Ok(false);
    }
    let body = row::encode(&read.facts, &[]).map_err(|e| Error::Fault(e.to_string()))?;
    let seq = work.unit().enqueue(
        INBOX,
        &QueueRow {
            partition: read.partition,
            state: read.state.number(),
            due: None,
            body,
            ref_key: read.same.as_ref().map(|(key, _)| key.clone()).unwrap_or_default(),
        },
    )?;
    work.unit().queue_load_put(INBOX, seq, &read.bytes)?;
    if read.state == State::Refused {
        let text = String::from_utf8_lossy(&read.bytes);
        work.unit().queue_terms_set(INBOX, seq, &terms::of(&read.facts, now, zone, Content::Text(&text)))?;
    }
    if let Some((key, window)) = &read.same {
        work.unit().remember(key, now + *window, &[])?;
    }
    let (action, outcome) = match read.state {
        State::Refused => (Action::MessageRefused, Outcome::Refused),
        State::Received | State::Applied | State::Held | State::Dismissed => {
            (Action::MessageIn, Outcome::Success)
        }
    };
    let line = leaf(work.who(), action, outcome, seq, None, None);
    work.audit(line)?;
    work.announce(What::Inbox { seq, state: read.state.number() });
    Ok(true)
}
