//! Trying a channel's rules on a message, without storing anything: before and after side by side, and what would be
//! stored.

use clinicvault_gateway::hl7::accept::{self, Policy};
use clinicvault_gateway::hl7::{Message, admit, charset, parse};
use clinicvault_gateway::json::{self, Value};
use clinicvault_gateway::map::to_transaction;
use clinicvault_vault::{Action, Outcome};
use serde::Serialize;
use utoipa::ToSchema;

use super::channels::document::Channel;
use super::channels::rework;
use super::fhir_reading::{fault, transaction};
use super::inbox::leaf;
use super::intake::Intake;
use super::row::{self, Facts, Fault};
use super::{Exchange, INBOX};
use crate::records::access::{Actor, Area, Op, Subject, decide};
use crate::records::error::Error;

/// Longest message that is tried, in bytes.
pub const LONGEST: usize = 512 * 1024;

/// A message to try.
#[derive(Debug, Clone)]
pub enum Input {
    /// Its text, segments ended by CR or line feeds; for a channel of FHIR messages a Bundle.
    Text(String),
    /// One of the inbox.
    Stored(u64),
}

/// What a channel would do with a message.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tried {
    /// The segments as they came; of a FHIR message the lines of its JSON.
    before: Vec<String>,
    /// The segments after the operations.
    after: Vec<String>,
    /// Whether the filter lets it pass.
    passes: bool,
    /// Operations that could not be carried out.
    notes: Vec<String>,
    /// Why the sender would be refused; empty when it would not.
    refused: Vec<TriedProblem>,
    /// The FHIR transaction that it would become, indented JSON; absent when it is refused or passed over.
    fhir: Option<String>,
    /// Places without a home in the record.
    unmapped: Vec<String>,
    /// What is odd.
    warnings: Vec<String>,
}

/// Why a message would be refused.
#[derive(Debug, Serialize, ToSchema)]
pub struct TriedProblem {
    /// Table 0357.
    code: String,
    /// Where, such as `PID-3`.
    place: Option<String>,
    /// What is wrong.
    reason: String,
}

impl Exchange {
    /// Tries the rules of a document. Blocking; writes nothing but the line of the audit log about a stored message that
    /// was read.
    ///
    /// # Errors
    /// [`Error::Refused`] for somebody who may not change settings, or not read the inbox where a stored message is asked
    /// for; [`Error::NotFound`] for an unknown row; [`Error::TooMuch`] for a message that is too long.
    pub fn try_out(&self, who: &Actor, channel: &Channel, input: Input) -> Result<Tried, Error> {
        decide(who, Op::Update, &Subject::area_only(Area::Settings)).check()?;
        let bytes = match input {
            Input::Text(text) if channel.takes_fhir() => text.into_bytes(),
            Input::Text(text) => text.replace("\r\n", "\r").replace('\n', "\r").into_bytes(),
            Input::Stored(seq) => self.stored_bytes(who, seq)?,
        };
        if bytes.len() > LONGEST {
            return Err(Error::TooMuch(format!("a message that is tried has at most {LONGEST} bytes")));
        }
        let intake = Intake::of(channel, std::sync::Arc::default());
        Ok(if intake.fhir.is_some() { self.tried_fhir(&intake, &bytes) } else { self.tried(&intake, bytes) })
    }

    fn stored_bytes(&self, who: &Actor, seq: u64) -> Result<Vec<u8>, Error> {
        decide(who, Op::Read, &Subject::area_only(Area::Inbox)).check()?;
        let item = self.records().vault().snapshot()?.queue_get(INBOX, seq)?;
        let item = item.ok_or_else(|| Error::NotFound(format!("inbox row {seq}")))?;
        let damaged = || Error::Damaged(format!("inbox row {seq}"));
        let (facts, inside) = row::decode(&item.row.body).ok_or_else(damaged)?;
        let bytes = self.bytes(&item, inside)?;
        let looked = leaf(who, Action::Read, Outcome::Success, seq, facts.patient, Some("tried".to_owned()));
        self.records().vault().note(looked)?;
        Ok(bytes)
    }

    fn tried_fhir(&self, intake: &Intake, bytes: &[u8]) -> Tried {
        let mut tried = Tried::default();
        let bundle = match json::parse(bytes, &json::Limits::bytes(bytes.len())) {
            Ok(bundle) => bundle,
            Err(error) => {
                let reason = format!("This is no JSON that can be taken: {error}.");
                tried.refused.push(TriedProblem { code: "structure".to_owned(), place: None, reason });
                return tried;
            }
        };
        tried.before = pretty(&bundle);
        match self.judge(intake, &bundle, bytes.len()) {
            Err(refusal) => {
                tried.refused = refusal.outcome.issues.iter().map(|issue| told(&fault(issue))).collect();
            }
            Ok(judged) => {
                tried.after = pretty(&judged.bundle);
                tried.passes = judged.passes;
                tried.notes = judged.notes;
                tried.fhir = judged.passes.then(|| transaction(&judged.message).bundle.pretty());
            }
        }
        tried
    }

    pub(super) fn tried(&self, intake: &Intake, bytes: Vec<u8>) -> Tried {
        let mut tried = Tried::default();
        let limits = &self.rules().limits;
        let mode = intake.mode("", &[]);
        let charset = intake.rules.charset.as_deref().and_then(charset::by_name);
        let message = match parse(bytes, limits, mode, charset) {
            Ok(message) => message,
            Err(problem) => {
                tried.refused.push(told(&Fault::from(&problem)));
                return tried;
            }
        };
        tried.before = lines(&message);
        tried.passes = match intake.passes(&message) {
            Ok(passes) => passes,
            Err(problem) => {
                tried.refused.push(told(&Fault::from(&problem)));
                return tried;
            }
        };
        let rules = &intake.rules;
        let refused = admit::refusals(message.header(), &rules.kinds, &rules.processing);
        let message = match rework::change(message, &intake.operations, limits, mode) {
            Ok((message, notes)) => {
                tried.notes = notes;
                message
            }
            Err(problem) => {
                tried.refused.push(told(&Fault::from(&problem)));
                return tried;
            }
        };
        tried.after = lines(&message);
        let checked = accept::check(&message, &Policy { mode, production_only: false });
        let problems =
            if refused.is_empty() { checked.as_ref().err().cloned().unwrap_or_default() } else { refused };
        tried.refused = problems.iter().map(|problem| told(&Fault::from(problem))).collect();
        if let (Ok(event), true, true) = (checked, tried.refused.is_empty(), tried.passes) {
            let mapped = to_transaction(&message, event, &self.context());
            let mut facts = Facts::default();
            facts.report(&mapped.report);
            tried.unmapped = facts.unmapped.into_iter().map(|(path, _)| path).collect();
            tried.warnings = facts.warnings;
            tried.fhir = Some(mapped.bundle.pretty());
        }
        tried
    }
}

fn pretty(bundle: &Value) -> Vec<String> {
    bundle.pretty().lines().map(str::to_owned).collect()
}

fn lines(message: &Message) -> Vec<String> {
    message.segments().map(|segment| message.charset().decode(segment.raw()).into_owned()).collect()
}

fn told(fault: &Fault) -> TriedProblem {
    let place = fault.segment.as_ref().map(|segment| match &fault.field {
        Some(field) => format!("{segment}-{field}"),
        None => segment.clone(),
    });
    TriedProblem { code: fault.code.clone(), place, reason: fault.reason.clone() }
}
