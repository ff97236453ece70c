//! FHIR messages in the same inbox: read, committed, and only then answered; applied by the same worker with the same
//! matching of patients (0146).

use std::sync::Arc;

use clinicvault_gateway::fhir::outcome::{Issue, IssueCode, Outcome as Issues, Severity};
use clinicvault_gateway::fhir::search::words;
use clinicvault_gateway::json::{self, Value};
use clinicvault_gateway::map::fhir::{self, Answering, ResponseCode};
use clinicvault_gateway::map::ids;
use clinicvault_vault::{Action, Outcome, QueueRow};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::apply::Opened;
use super::channels::counts::Came;
use super::fhir_reading::{ReadFhir, transaction};
use super::inbox::leaf;
use super::intake::Way;
use super::lines::{Received, Sense};
use super::outbox::forward;
use super::row::{self, Facts, Settled, State};
use super::terms::{self, Content};
use super::{Exchange, INBOX};
use crate::records::access::Actor;
use crate::records::error::Error;
use crate::records::feed::What;
use crate::records::unit::Work;

/// Longest text that is looked at for words, in characters.
const LONGEST: usize = 4_000;

/// A FHIR message as it came.
#[derive(Debug)]
pub struct Posted {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The same, read.
    pub bundle: Value,
    /// The address that it was sent to.
    pub endpoint: String,
}

/// The answer to a FHIR message.
#[derive(Debug)]
pub struct FhirAnswer {
    /// What became of it.
    pub code: ResponseCode,
    /// A message Bundle, JSON.
    pub bundle: Vec<u8>,
}

/// What the writer needs.
struct Ready {
    read: ReadFhir,
    bytes: Vec<u8>,
    answer: Vec<u8>,
    until: Timestamp,
    offset: jiff::tz::Offset,
}

enum Taken {
    Repeated(Vec<u8>),
    New {
        seq: u64,
        state: State,
        /// Destinations to which it goes round.
        round: Vec<String>,
    },
}

impl Exchange {
    /// Takes in a FHIR message by the rules of its channel; `who` brings it.
    pub async fn take_fhir(&self, who: &Arc<Actor>, posted: Posted, way: &Way) -> FhirAnswer {
        let now = self.records().now();
        let (code, outcome, ready) = self.ready(&posted, way, now);
        let (counts, channel) = (&way.intake.counts, &way.intake.name);
        let done = self.records().unit(who.clone(), move |work| commit(work, ready)).await;
        match done {
            Ok((Taken::Repeated(answer), _)) => {
                tracing::info!(op = "fhir.message", channel, outcome = "repeated");
                counts.add(Came::Repeated, 1, now);
                FhirAnswer { code: code_of(&answer), bundle: answer }
            }
            Ok((Taken::New { seq, state, round }, tx)) => {
                self.sent_on(channel, &round);
                tracing::info!(op = "fhir.message", channel, seq, tx = tx.0, outcome = state.as_str());
                let came = match state {
                    State::Dismissed => Came::PassedOver,
                    State::Refused => Came::Refused,
                    State::Received | State::Applied | State::Held => Came::Received,
                };
                counts.add(came, 1, now);
                self.nudge();
                let bundle = self.answered(&posted, code, &outcome, now);
                FhirAnswer { code, bundle }
            }
            Err(error) => {
                tracing::error!(op = "fhir.message", channel, outcome = "not stored", %error);
                let code = ResponseCode::TransientError;
                let said = super::told::not_stored(&error);
                let outcome = Issues::error(IssueCode::Transient, said);
                FhirAnswer { code, bundle: self.answered(&posted, code, &outcome, now) }
            }
        }
    }

    fn answered(&self, posted: &Posted, code: ResponseCode, outcome: &Issues, now: Timestamp) -> Vec<u8> {
        // The same message in the same moment has the same answer, which is what is kept of it.
        let id = ids::stable("answer", &[&now.as_microsecond().to_string(), &hex(&posted.bytes)]);
        let own = Answering { id: &id, endpoint: &posted.endpoint, at: now };
        fhir::response(&posted.bundle, code, outcome, &own).to_vec()
    }

    /// The answer that is kept of a message which a person has taken up again, for a sender who repeats it.
    pub(super) fn taken_later(&self, bundle: &Value, bytes: &[u8], way: &Way) -> Vec<u8> {
        let endpoint = match way.intake.name.as_str() {
            "" => "/fhir/$process-message".to_owned(),
            name => format!("/hl7/v2/{name}"),
        };
        let posted = Posted { bytes: bytes.to_vec(), bundle: bundle.clone(), endpoint };
        self.answered(&posted, ResponseCode::Ok, &fhir::taken(), self.records().now())
    }

    /// Everything about a message that can be found out before the writer.
    fn ready(&self, posted: &Posted, way: &Way, now: Timestamp) -> (ResponseCode, Issues, Ready) {
        let mut read = self.read_fhir(&posted.bundle, &posted.bytes, way);
        let (code, outcome) = match &read.refused {
            None => (ResponseCode::Ok, if read.passes { fhir::taken() } else { passed_over() }),
            Some(refusal) => (ResponseCode::FatalError, refusal.outcome.clone()),
        };
        read.facts.answered = Some(code.as_str().to_owned());
        let ready = Ready {
            bytes: posted.bytes.clone(),
            answer: self.answered(posted, code, &outcome, now),
            until: now.saturating_add(way.intake.window()).unwrap_or(Timestamp::MAX),
            offset: self.rules().map.zone.to_offset(now),
            read,
        };
        (code, outcome, ready)
    }

    /// Reads a row's FHIR message and maps it; none when it can no longer be read.
    pub(super) fn open_fhir(&self, facts: Facts, bytes: &[u8]) -> Option<Opened> {
        let bundle = json::parse(bytes, &json::Limits::bytes(usize::MAX)).ok()?;
        let judged = self.judge(&self.rules_of(&facts.through), &bundle, bytes.len()).ok()?;
        let (mapped, bundle) = (transaction(&judged.message), judged.bundle);
        let message = Received::Fhir(Box::new(bundle));
        Some(Opened { facts, message, mapped, sense: Sense::default(), desk: None })
    }
}

/// Runs inside the writer: a repetition, or a new row.
fn commit(work: &mut Work<'_, '_>, ready: Ready) -> Result<Taken, Error> {
    let Ready { read, bytes, answer, until, offset } = ready;
    let ReadFhir { mut facts, partition, same, refused, passes, onward } = read;
    if let Some(answer) = work.unit().recall(&same)? {
        return Ok(Taken::Repeated(answer.to_vec()));
    }
    let state = match (&refused, passes) {
        (Some(_), _) => State::Refused,
        (None, true) => State::Received,
        (None, false) => State::Dismissed,
    };
    if state == State::Dismissed {
        let reason = Some("The filter of the channel passes it over.".to_owned());
        facts.settled = Some(Settled { by: facts.through.clone(), reason });
    }
    let body = row::encode(&facts, &[]).map_err(|e| Error::Fault(e.to_string()))?;
    let row = QueueRow { partition, state: state.number(), due: None, body, ref_key: same.clone() };
    let seq = work.unit().enqueue(INBOX, &row)?;
    work.unit().queue_load_put(INBOX, seq, &bytes)?;
    let round = match state {
        State::Received => forward::enqueue_all(work, seq, onward)?,
        State::Applied | State::Held | State::Refused | State::Dismissed => Vec::new(),
    };
    if state != State::Received {
        let text = String::from_utf8_lossy(&bytes);
        let found = terms::of(&facts, work.now(), &offset.to_time_zone(), Content::Text(&text));
        work.unit().queue_terms_set(INBOX, seq, &found)?;
    }
    // What a change of the channel may lift is looked at anew when it comes again.
    if refused.is_none_or(|refusal| refusal.lasting) {
        work.unit().remember(&same, until, &answer)?;
    }
    let (action, outcome) = match state {
        State::Refused => (Action::MessageRefused, Outcome::Refused),
        State::Received | State::Applied | State::Held | State::Dismissed => {
            (Action::MessageIn, Outcome::Success)
        }
    };
    let reason = facts.problem.as_ref().map(|fault| format!("FHIR {}", fault.code));
    let line = leaf(work.who(), action, outcome, seq, None, reason);
    work.audit(line)?;
    work.announce(What::Inbox { seq, state: state.number() });
    Ok(Taken::New { seq, state, round })
}

/// The outcome of a message that the filter passes over.
fn passed_over() -> Issues {
    let said = "The message is stored; the filter of its channel passes it over.";
    Issues::from(Issue { severity: Severity::Information, ..Issue::error(IssueCode::Informational, said) })
}

/// What an answer that was kept says.
pub(super) fn code_of(answer: &[u8]) -> ResponseCode {
    let text = String::from_utf8_lossy(answer);
    if text.contains("\"code\":\"fatal-error\"") { ResponseCode::FatalError } else { ResponseCode::Ok }
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

/// The texts of a message, without the names of its elements: what it is found by.
pub(super) fn texts(value: &Value) -> String {
    let mut out = String::new();
    gather(value, &mut out);
    out
}

fn gather(value: &Value, out: &mut String) {
    if out.len() >= LONGEST {
        return;
    }
    match value {
        Value::String(text) if !text.contains("://") && words::split(text).next().is_some() => {
            out.extend(text.chars().take(200));
            out.push(' ');
        }
        Value::Array(items) => items.iter().for_each(|item| gather(item, out)),
        Value::Object(object) => {
            for (key, member) in object.iter() {
                let said =
                    !matches!(key, "resourceType" | "fullUrl" | "system" | "reference" | "data" | "div");
                if said {
                    gather(member, out);
                }
            }
        }
        _ => {}
    }
}
