//! What a screen gets of notes and prescriptions.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::addenda::Addendum;
use super::kept::{Papers, Signed, Stands};
use super::note::{Note, Written};
use super::paper::{Kind, Lease, Paper, State};
use super::prescription::{Judged, Prescription};
use crate::consult::Consult;
use crate::consult::ask::Mode;
use crate::consult::kept::{Docs, Row};
use crate::consult::note::{Extraction, Suggestion};
use crate::consult::prescribe::Problem;
use crate::consult::prescribe::check::Issue;
use crate::consult::prescribe::line::{Line, Quantity, Strength, printed};
use crate::consult::prescribe::lists::Distance;
use crate::consult::prescribe::words::{Food, Form, Frequency, Route, Span};
use crate::records::error::Error;

/// Where a paper stands, and who has it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaperHead {
    /// Where it stands.
    pub state: State,
    /// Rises with every change; 0 before the first.
    pub version: u64,
    /// Account of the last writer.
    pub by: Option<String>,
    /// Name of that one.
    pub by_name: Option<String>,
    /// When.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
    /// Which screen holds the draft.
    pub lease: Option<Lease>,
    /// Why it was discarded or taken back.
    pub reason: Option<String>,
    /// What was signed, the newest first.
    pub signed: Vec<SignedDoc>,
}

/// Something signed.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SignedPaper)]
pub struct SignedDoc {
    /// Its id, and that of its Composition and DocumentReference.
    pub id: String,
    /// Note or prescription.
    pub kind: Kind,
    /// Where it stands.
    pub state: Stands,
    /// Why it was superseded or taken back.
    pub reason: Option<String>,
    /// Account of the signer.
    pub signer: String,
    /// Name then.
    pub signer_name: String,
    /// Number with the council then.
    pub registration: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// SHA-256 of the signed bytes, in hex.
    pub sha256: String,
    /// The code that verifies it.
    pub code: String,
}

/// The note of a consultation.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NoteView {
    /// Where it stands.
    #[serde(flatten)]
    pub head: PaperHead,
    /// What stands in it.
    pub note: Note,
    /// Where what was taken over was said.
    pub sources: Vec<Suggestion>,
    /// What was found in the transcript, once it was looked at.
    pub suggestions: Option<Extraction>,
    /// What was added after the end, the oldest first.
    pub addenda: Vec<Addendum>,
}

/// A line as shown.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PrescriptionLine)]
pub struct LineView {
    /// As typed, or as it is written out once read.
    pub text: String,
    /// What cannot be understood; nothing else is there then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// Generic name, in capitals.
    pub generic: Option<String>,
    /// Whether the formulary has it.
    pub known: bool,
    /// Brand.
    pub brand: Option<String>,
    /// Code of the form.
    pub form: Option<String>,
    /// Strength as printed.
    pub strength: Option<String>,
    /// Dose as printed.
    pub dose: Option<String>,
    /// Code of the route.
    pub route: Option<String>,
    /// Code of the frequency.
    pub frequency: Option<String>,
    /// When needed.
    pub as_needed: bool,
    /// Code of the timing with food.
    pub food: Option<String>,
    /// Code of the duration.
    pub duration: Option<String>,
    /// What the pharmacy gives.
    pub quantity: Option<String>,
    /// Words for the patient.
    pub instruction: Option<String>,
    /// The whole line as printed, in English.
    pub printed: Option<String>,
}

impl LineView {
    /// A line that was read.
    pub fn of(line: &Line) -> LineView {
        LineView {
            text: line.written(),
            problem: None,
            generic: Some(line.generic.clone()),
            known: line.known,
            brand: line.brand.clone(),
            form: line.form.map(Form::code).map(str::to_owned),
            strength: line.strength.as_ref().map(Strength::printed),
            dose: line.dose.map(printed),
            route: line.route.map(Route::code).map(str::to_owned),
            frequency: line.frequency.as_ref().map(Frequency::code),
            as_needed: line.as_needed,
            food: line.food.map(Food::code).map(str::to_owned),
            duration: line.span.map(Span::code),
            quantity: line.quantity().as_ref().map(Quantity::to_string),
            instruction: line.instruction.clone(),
            printed: Some(line.printed()),
        }
    }

    /// A line that cannot be read.
    pub fn unread(text: &str, problem: Problem) -> LineView {
        LineView {
            text: text.to_owned(),
            problem: Some(problem),
            generic: None,
            known: false,
            brand: None,
            form: None,
            strength: None,
            dose: None,
            route: None,
            frequency: None,
            as_needed: false,
            food: None,
            duration: None,
            quantity: None,
            instruction: None,
            printed: None,
        }
    }
}

/// An issue with the doctor's answer.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IssueView {
    /// What stands against signing.
    #[serde(flatten)]
    pub issue: Issue,
    /// The answer, if there is one.
    pub reason: Option<String>,
}

/// How they meet, as far as the lists depend on it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DistanceView {
    /// Video, audio or chat.
    pub mode: Mode,
    /// Whether it follows up a visit in person.
    pub follow_up: bool,
    /// The last visit in person at this clinic.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_in_person: Option<Timestamp>,
}

/// The prescription of a consultation.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrescriptionView {
    /// Where it stands.
    #[serde(flatten)]
    pub head: PaperHead,
    /// What stands in it, as typed.
    pub prescription: Prescription,
    /// Every line as it was read.
    pub lines: Vec<LineView>,
    /// What stands against signing.
    pub issues: Vec<IssueView>,
    /// None in person.
    pub telemedicine: Option<DistanceView>,
    /// Why it cannot be signed now; none when it can.
    pub hindrance: Option<String>,
}

impl SignedDoc {
    pub(super) fn of(signed: &Signed) -> SignedDoc {
        SignedDoc {
            id: signed.id.clone(),
            kind: signed.kind,
            state: signed.stands,
            reason: signed.reason.clone(),
            signer: signed.signer.clone(),
            signer_name: signed.signer_name.clone(),
            registration: signed.registration.clone(),
            at: signed.at,
            sha256: signed.sha256.clone(),
            code: signed.code.clone(),
        }
    }
}

fn head<T>(reader: &impl Docs, paper: Option<&Paper<T>>) -> Result<PaperHead, Error> {
    let signed: Result<Vec<SignedDoc>, Error> = paper
        .iter()
        .flat_map(|paper| paper.signed.iter().rev())
        .map(|id| reader.signed(id).map(|signed| SignedDoc::of(&signed)))
        .collect();
    Ok(PaperHead {
        state: paper.map_or(State::None, |paper| paper.state),
        version: paper.map_or(0, |paper| paper.version),
        by: paper.map(|paper| paper.by.clone()),
        by_name: paper.map(|paper| reader.name(&paper.by)).transpose()?,
        at: paper.map(|paper| paper.at),
        lease: paper.and_then(|paper| paper.lease.clone()),
        reason: paper.and_then(|paper| paper.reason.clone()),
        signed: signed?,
    })
}

/// The note as shown.
pub(super) fn note(reader: &impl Docs, row: &Row, addenda: Vec<Addendum>) -> Result<NoteView, Error> {
    let paper = reader.paper::<Written>(&row.id)?;
    let head = head(reader, paper.as_ref())?;
    let content = paper.map(|paper| paper.content).unwrap_or_default();
    let suggestions = reader.extraction(&row.id)?;
    Ok(NoteView { head, note: content.note, sources: content.sources, suggestions, addenda })
}

/// The prescription as shown.
pub(super) fn prescription(
    reader: &impl Docs,
    row: &Row,
    judged: &Judged,
    distance: Option<(Distance, Option<Timestamp>)>,
) -> Result<PrescriptionView, Error> {
    let paper = reader.paper::<Prescription>(&row.id)?;
    let head = head(reader, paper.as_ref())?;
    let prescription = paper.map(|paper| paper.content).unwrap_or_default();
    let lines = judged.lines.iter().zip(&prescription.lines).map(|(line, text)| match line {
        Ok(line) => LineView::of(line),
        Err(problem) => LineView::unread(text, problem.clone()),
    });
    let lines = lines.collect();
    let issues = judged
        .issues
        .iter()
        .map(|(issue, reason)| IssueView { issue: issue.clone(), reason: reason.clone() });
    let telemedicine = distance.map(|(distance, last_in_person)| DistanceView {
        mode: distance.mode,
        follow_up: distance.follow_up,
        last_in_person,
    });
    Ok(PrescriptionView {
        head,
        prescription,
        lines,
        issues: issues.collect(),
        telemedicine,
        hindrance: judged.hindrance(),
    })
}

impl Consult {
    /// One line, read as it is typed.
    pub fn parse_line(&self, line: &str) -> Result<LineView, Problem> {
        crate::consult::prescribe::parse(line, &self.book().formulary).map(|line| LineView::of(&line))
    }
}
