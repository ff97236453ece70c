//! FHIR messages in the same inbox: read, committed, and only then answered; applied by the same worker with the same
//! matching of patients (0146).

use std::sync::Arc;

use clinicvault_gateway::fhir::outcome::{Issue, IssueCode, Outcome as Issues};
use clinicvault_gateway::fhir::search::words;
use clinicvault_gateway::hl7::structure::Event;
use clinicvault_gateway::json::{self, Value};
use clinicvault_gateway::map::fhir::{self, Answering, FhirMessage, ResponseCode};
use clinicvault_gateway::map::ids;
use clinicvault_vault::{Action, Outcome, QueueRow};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::apply::Opened;
use super::channels::counts::Came;
use super::inbox::leaf;
use super::intake::{Intake, Way};
use super::lines::{Received, Sense};
use super::reading::scope;
use super::row::{self, Facts, Fault, State};
use super::terms::{self, Content};
use super::{Exchange, INBOX};
use crate::records::access::Actor;
use crate::records::error::Error;
use crate::records::feed::What;
use crate::records::unit::Work;

/// Keys of order that a row has beside its first.
const MOST_KEYS: usize = 8;
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
    facts: Facts,
    partition: String,
    same: Vec<u8>,
    bytes: Vec<u8>,
    answer: Vec<u8>,
    refused: bool,
    until: Timestamp,
    offset: jiff::tz::Offset,
}

enum Taken {
    Repeated(Vec<u8>),
    New(u64),
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
            Ok((Taken::New(seq), tx)) => {
                tracing::info!(op = "fhir.message", channel, seq, tx = tx.0, outcome = code.as_str());
                counts.add(if code == ResponseCode::Ok { Came::Received } else { Came::Refused }, 1, now);
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

    /// Everything about a message that can be found out before the writer.
    fn ready(&self, posted: &Posted, way: &Way, now: Timestamp) -> (ResponseCode, Issues, Ready) {
        let read = fits(&way.intake).and_then(|()| fhir::read(&posted.bundle));
        let mut facts = Facts {
            through: way.intake.name.clone(),
            wire: way.wire.to_owned(),
            peer: way.peer.clone(),
            tls: way.tls,
            title: "unreadable".to_owned(),
            version: "4.0.1".to_owned(),
            fhir: true,
            ..Facts::default()
        };
        let (code, outcome) = match &read {
            Ok(message) => {
                describe(&mut facts, message);
                (ResponseCode::Ok, fhir::taken())
            }
            Err(outcome) => {
                facts.problem = outcome.issues.first().map(fault);
                (ResponseCode::FatalError, outcome.clone())
            }
        };
        facts.answered = Some(code.as_str().to_owned());
        let mut keys = match &read {
            Ok(message) => keys(message),
            Err(_) => Vec::new(),
        }
        .into_iter();
        let partition = keys.next().unwrap_or_else(|| format!("sender:{}", facts.channel));
        facts.also = keys.collect();
        let hash = Sha256::digest(&posted.bytes);
        let named = format!("{}\n{}", facts.through, facts.channel);
        let same = scope(b"fhir", &named, facts.control_id.as_bytes(), &hash);
        let ready = Ready {
            partition,
            same,
            bytes: posted.bytes.clone(),
            answer: self.answered(posted, code, &outcome, now),
            refused: code != ResponseCode::Ok,
            until: now.saturating_add(way.intake.window()).unwrap_or(Timestamp::MAX),
            offset: self.rules().map.zone.to_offset(now),
            facts,
        };
        (code, outcome, ready)
    }

    /// Reads a row's FHIR message and maps it; none when it can no longer be read.
    pub(super) fn open_fhir(&self, facts: Facts, bytes: &[u8]) -> Option<Opened> {
        let bundle = json::parse(bytes, &json::Limits::bytes(usize::MAX)).ok()?;
        let read = fhir::read(&bundle).ok()?;
        let feed = Event::of("ADT", "A31").filter(|_| read.of_patient);
        let mapped = read.to_transaction(feed.unwrap_or(Event::RESULT));
        let message = Received::Fhir(Box::new(bundle));
        Some(Opened { facts, message, mapped, sense: Sense::default(), desk: None })
    }
}

/// Rules of a channel that are about HL7 v2 say nothing of FHIR; such a channel takes none of it.
fn fits(intake: &Intake) -> Result<(), Issues> {
    let plain = intake.rules.kinds.is_empty()
        && intake.filter.is_none()
        && intake.operations.is_empty()
        && intake.destinations.is_empty();
    if plain {
        return Ok(());
    }
    let why = "This channel has rules for HL7 v2 (kinds, filter, transform or destinations), which cannot be kept for FHIR messages; send them to another channel.";
    Err(Issues::from(Issue::error(IssueCode::NotSupported, why)))
}

fn describe(facts: &mut Facts, message: &FhirMessage) {
    facts.sender = message.source.chars().take(200).collect();
    facts.channel = message.endpoint.chars().take(200).collect();
    facts.control_id = message.identifier.chars().take(200).collect();
    facts.kind = message.event.clone();
    facts.person = Some(message.patient().name()).filter(|name| !name.is_empty());
    let values = message.count("Observation");
    facts.values = u32::try_from(values).ok().filter(|values| *values > 0);
    let titles = [
        ("Observation", "testResult"),
        ("DiagnosticReport", "testResult"),
        ("ServiceRequest", "testOrder"),
        ("MedicationRequest", "prescription"),
        ("Immunization", "vaccination"),
        ("Appointment", "appointment"),
        ("DocumentReference", "document"),
        ("Composition", "document"),
    ];
    let title = titles.into_iter().find(|(kind, _)| message.count(kind) > 0).map(|(_, title)| title);
    facts.title = title.unwrap_or("patientUpdate").to_owned();
}

/// In whose order it is applied.
fn keys(message: &FhirMessage) -> Vec<String> {
    let identifiers = message.patient().identifiers;
    let key = |one: &clinicvault_gateway::map::PatientIdentifier| {
        ids::stable("partition", &[&one.value, &one.system])
    };
    identifiers.iter().take(MOST_KEYS).map(key).collect()
}

fn fault(issue: &Issue) -> Fault {
    Fault {
        segment: issue.expression.first().cloned(),
        field: None,
        code: issue.code.as_str().to_owned(),
        reason: issue.diagnostics.clone(),
    }
}

/// Runs inside the writer: a repetition, or a new row.
fn commit(work: &mut Work<'_, '_>, ready: Ready) -> Result<Taken, Error> {
    let Ready { facts, partition, same, bytes, answer, refused, until, offset } = ready;
    if let Some(answer) = work.unit().recall(&same)? {
        return Ok(Taken::Repeated(answer.to_vec()));
    }
    let state = if refused { State::Refused } else { State::Received };
    let body = row::encode(&facts, &[]).map_err(|e| Error::Fault(e.to_string()))?;
    let row = QueueRow { partition, state: state.number(), due: None, body, ref_key: same.clone() };
    let seq = work.unit().enqueue(INBOX, &row)?;
    work.unit().queue_load_put(INBOX, seq, &bytes)?;
    if refused {
        let text = String::from_utf8_lossy(&bytes);
        let found = terms::of(&facts, work.now(), &offset.to_time_zone(), Content::Text(&text));
        work.unit().queue_terms_set(INBOX, seq, &found)?;
    }
    work.unit().remember(&same, until, &answer)?;
    let (action, outcome) = if refused {
        (Action::MessageRefused, Outcome::Refused)
    } else {
        (Action::MessageIn, Outcome::Success)
    };
    let reason = facts.problem.as_ref().map(|fault| format!("FHIR {}", fault.code));
    let line = leaf(work.who(), action, outcome, seq, None, reason);
    work.audit(line)?;
    work.announce(What::Inbox { seq, state: state.number() });
    Ok(Taken::New(seq))
}

/// What an answer that was kept says.
fn code_of(answer: &[u8]) -> ResponseCode {
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
