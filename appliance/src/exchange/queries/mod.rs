//! Queries of other systems (QBP), answered at once with what they may know of our own records (decision 0147).
//!
//! A query is read by the same front as every message, but it makes no row: its answer is the response itself. Who asks is
//! the channel, with the rights of a program that reads what the channel's document allows, so that consents hold. The query
//! and every person who is told of are in the audit log before the answer leaves.

mod found;
mod orders;
mod people;

use std::sync::Arc;

use clinicvault_gateway::emit::Told as Segments;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::hl7::ack::{Answer, Code};
use clinicvault_gateway::hl7::query::{self, Asked, Query, Response, Status, Trigger};
use clinicvault_gateway::hl7::{ErrorCode, Message, Place, Problem, Verdict};
use clinicvault_vault::{Action, Leaf};

use self::found::{Found, Hit};
use super::Exchange;
use super::channels::counts::Came;
use super::channels::document::Answers;
use super::inbox::{Reply, Told};
use super::intake::{Intake, Way};
use super::row::{Facts, Fault};
use crate::records::Caller;
use crate::records::access::{Actor, Op, Purpose, Refusal, Scopes, Who};
use crate::records::audit::{self, About};
use crate::records::error::Error;

/// Records of one response where the query does not say, and most of them where it does.
const USUAL: usize = 50;
const MOST: usize = 200;

/// A query that the front has let through.
pub(super) struct Question {
    /// As the channel's operations left it.
    pub message: Message,
    /// Which one.
    pub trigger: Trigger,
}

/// The query of a message, when the channel answers any and somebody waits for the answer: not in a file.
pub(super) fn trigger(message: &Message, way: &Way) -> Option<Trigger> {
    let waits = matches!(way.wire, "mllp" | "mllps" | "http" | "https");
    Trigger::of(message.header()).filter(|_| waits && !way.intake.rules.answers.is_empty())
}

/// The refusal of a query that the filter passes over.
pub(super) fn filtered() -> Problem {
    let text = "The filter of the channel does not let this query pass.";
    Problem::reject(ErrorCode::Other, Some(Place::field("MSH", 1, 9)), text)
}

impl Exchange {
    /// Answers a query.
    pub(super) async fn respond(&self, question: Question, facts: Facts, way: &Way) -> Told {
        let Question { message, trigger } = question;
        let (message, now) = (Arc::new(message), self.records().now());
        let from = Caller { who: Arc::new(asker(way, &facts)), base: None };
        let done = self.find_answer(&message, trigger, &from, way.intake.clone()).await;
        let done = match done {
            Ok(found) => match self.note_told(&from, &found, &facts).await {
                Ok(()) => Ok(found),
                Err(problem) => Err(vec![problem]),
            },
            Err(problems) => Err(problems),
        };
        let control_id = self.control_id(now);
        let offset = self.rules().map.zone.to_offset(now);
        let nothing = Found::default();
        let (found, problems) = match &done {
            Ok(found) => (found, [].as_slice()),
            Err(problems) => (&nothing, problems.as_slice()),
        };
        let (code, status) = match problems.first().map(|problem| problem.verdict) {
            None if found.hits.is_empty() => (Code::AA, Status::NotFound),
            None => (Code::AA, Status::Ok),
            Some(Verdict::Error) => (Code::AE, Status::Error),
            Some(Verdict::Reject) => (Code::AR, Status::Rejected),
        };
        let text = self.segments(&message, trigger, found);
        let answer = Answer { code, problems, control_id: &control_id, now, offset };
        let response = Response {
            answer,
            status,
            total: found.total.filter(|_| problems.is_empty()),
            told: found.hits.len(),
            left: found.left(),
            found: &text,
            pointer: found.next.as_deref(),
        };
        let bytes = query::respond(&message, trigger, &response);
        let problem = problems.first().map(Fault::from);
        let counts = &way.intake.counts;
        counts.add(if problem.is_some() { Came::Refused } else { Came::Received }, 1, now);
        tracing::info!(
            op = "hl7.query",
            peer = way.peer,
            channel = way.intake.name,
            outcome = status.as_str(),
            told = found.hits.len()
        );
        Told {
            reply: Reply::Send(bytes),
            seq: None,
            kind: facts.kind,
            control_id: facts.control_id,
            repeated: false,
            problem,
        }
    }

    async fn find_answer(
        &self,
        message: &Arc<Message>,
        trigger: Trigger,
        from: &Caller,
        intake: Arc<Intake>,
    ) -> Result<Found, Vec<Problem>> {
        let needed = if trigger == Trigger::Q11 { Answers::Orders } else { Answers::Patients };
        if !intake.rules.answers.contains(&needed) {
            let about = About::of_type(ResourceType::PATIENT, None);
            let denied = audit::denied(&from.who, Op::Search, Refusal::OutsideScope, about);
            self.records().vault().note(denied).map_err(|_| vec![not_now()])?;
            let text = format!(
                "This channel does not answer such queries; its owner may add \"{}\" to rules.answers.",
                needed.as_str()
            );
            let place = Some(Place::field("MSH", 1, 9));
            return Err(vec![Problem::reject(ErrorCode::MessageType, place, text)]);
        }
        let query = query::read(message, trigger)?;
        let pages = message.first("QPD").map(|qpd| found::mark(qpd.raw())).unwrap_or_default();
        let (exchange, from) = (self.clone(), from.clone());
        let work = tokio::task::spawn_blocking(move || exchange.find_by(&from, &query, &pages));
        work.await.map_err(|_| vec![not_now()])?.map_err(|problem| vec![problem])
    }

    fn find_by(&self, from: &Caller, query: &Query, mark: &str) -> Result<Found, Problem> {
        match &query.asked {
            Asked::Orders(sample) => self.orders_told(from, sample),
            Asked::Person(_) | Asked::People(_) | Asked::Numbers(_) => self.people_told(from, query, mark),
        }
    }

    /// What was found, as segments in the delimiters of the query.
    fn segments(&self, message: &Message, trigger: Trigger, found: &Found) -> String {
        let mut told = Segments::new(*message.delimiters(), &self.rules().map.authorities, &found.domains);
        for hit in &found.hits {
            match trigger {
                Trigger::Q11 => hit.write_orders(&mut told),
                Trigger::Q21 | Trigger::Q22 => told.person(&hit.patient, &found.reasons),
                Trigger::Q23 => told.numbers(&hit.patient),
            }
        }
        told.finish()
    }

    /// Writes who was told of, one line a person, and waits until that is on the disk.
    async fn note_told(&self, from: &Caller, found: &Found, facts: &Facts) -> Result<(), Problem> {
        let reason = format!("told in answer to {}", facts.kind);
        let line = |hit: &Hit| -> Leaf {
            let about =
                About { object: Some((ResourceType::PATIENT, &hit.id, hit.version)), patient: Some(&hit.id) };
            let mut leaf = audit::done(&from.who, Action::Read, Purpose::Treatment, about);
            leaf.reason = Some(reason.clone());
            leaf
        };
        let lines: Vec<Leaf> = found.hits.iter().map(line).collect();
        if lines.is_empty() {
            return Ok(());
        }
        let done = self
            .records()
            .unit(from.who.clone(), move |work| lines.into_iter().try_for_each(|line| work.audit(line)));
        done.await.map(|_| ()).map_err(|_| not_now())
    }
}

/// Who asks: the channel, as a program that reads what may be told. The sender's own name stands in a message that anybody
/// could write, so no right depends on it.
fn asker(way: &Way, facts: &Facts) -> Actor {
    let scopes = [
        (Answers::Patients, "system/Patient.rs"),
        (
            Answers::Orders,
            "system/Patient.rs system/ServiceRequest.rs system/Specimen.rs system/DiagnosticReport.rs",
        ),
    ];
    let given = scopes.iter().filter(|(answers, _)| way.intake.rules.answers.contains(answers));
    let text: Vec<&str> = given.map(|(_, scope)| *scope).collect();
    let scopes = Scopes::parse(&text.join(" ")).unwrap_or_else(|_| Scopes::of(Vec::new()));
    Actor {
        id: format!("channel:{}", way.intake.name),
        name: facts.sender.clone(),
        who: Who::Machine { scopes },
        session: None,
        source: way.source(),
    }
}

/// Something stands in the way that is not the query's fault.
fn not_now() -> Problem {
    Problem::reject(ErrorCode::Internal, None, "The query cannot be answered now. Send it again later.")
}

/// What the sender is told of an error of the records room: nothing of its text, which may name records.
fn problem(error: &Error) -> Problem {
    let qpd = Some(Place::segment("QPD", 1));
    match error {
        Error::PageExpired | Error::NotFound(_) => stale(),
        Error::TooMuch(_) => {
            Problem::error(ErrorCode::Other, qpd, "Too many records fit; ask for something more particular.")
        }
        Error::Unreadable(_) | Error::Broken(_) => {
            Problem::error(ErrorCode::Other, qpd, "The records cannot be searched by this.")
        }
        other => {
            tracing::warn!(op = "hl7.query", error = %other, outcome = "not answered");
            not_now()
        }
    }
}

/// A pointer that leads nowhere.
fn stale() -> Problem {
    let text = "This continuation pointer is too old, or of another query: ask again without it.";
    Problem::error(ErrorCode::UnknownKey, Some(Place::field("DSC", 1, 1)), text)
}
