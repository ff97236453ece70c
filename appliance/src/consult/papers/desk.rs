//! Reading and keeping notes and prescriptions. Only the consultation's doctor writes; the version that the screen has goes
//! with every change, and another one by now is answered with what is stored.

use std::sync::Arc;

use clinicvault_gateway::fhir::id::{LogicalId, ResourceType};
use clinicvault_gateway::json::Value;
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;

use super::addenda;
use super::kept::{Content, Papers, put_extraction, put_paper};
use super::note::{Note, Written};
use super::paper::{Keep, NotKept, Paper};
use super::prescription::{Judged, Prescription};
use super::view::{self, NoteView, PrescriptionView};
use crate::clinic::chart::allergies;
use crate::clinic::form::Wrong;
use crate::consult::Consult;
use crate::consult::ask::Mode;
use crate::consult::carry::{conflict, line};
use crate::consult::desk::allowed;
use crate::consult::kept::{Docs, MOST_VISITS, Row, Within};
use crate::consult::note::extract;
use crate::consult::prescribe::Book;
use crate::consult::prescribe::check::Allergy;
use crate::consult::prescribe::lists::{Distance, recent};
use crate::consult::state::State;
use crate::records::access::{Actor, Area, Op, Purpose, Refusal};
use crate::records::compartment;
use crate::records::error::Error;
use crate::records::unit::Work;

/// Longest name of a screen and longest reason, in bytes.
const LONGEST_DEVICE: usize = 64;
const LONGEST_REASON: usize = 2_000;
/// Allergies that are looked at.
const MOST_ALLERGIES: usize = 200;

/// A note as a screen sends it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NoteKept {
    /// The version on the screen; 0 for none.
    pub version: u64,
    /// The screen's own name.
    pub device: String,
    /// Takes the draft from another screen.
    #[serde(default)]
    pub take_over: bool,
    /// The note.
    pub note: Note,
}

/// A prescription as a screen sends it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrescriptionKept {
    /// The version on the screen; 0 for none.
    pub version: u64,
    /// The screen's own name.
    pub device: String,
    /// Takes the draft from another screen.
    #[serde(default)]
    pub take_over: bool,
    /// Why what was signed is to be replaced.
    #[serde(default)]
    pub supersede: Option<String>,
    /// The prescription.
    pub prescription: Prescription,
}

/// What came of keeping.
#[derive(Debug, Clone)]
pub enum Kept {
    /// It is kept.
    Done,
    /// A field is not acceptable.
    Wrong(Wrong),
    /// It is not; what is stored is to be shown.
    Not(NotKept),
}

impl Consult {
    /// The note of a consultation. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotFound`].
    pub fn note(&self, who: &Actor, id: &str) -> Result<NoteView, Error> {
        let snapshot = self.records().vault().snapshot()?;
        let row = snapshot.row(id)?;
        allowed(who, (Op::Read, Area::Notes), Some(&row.patient))?;
        self.note_read(who, &row)?;
        view::note(&snapshot, &row, addenda::of(&snapshot, &row)?)
    }

    /// The prescription of a consultation, read and checked. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotFound`].
    pub fn prescription(&self, who: &Actor, id: &str) -> Result<PrescriptionView, Error> {
        let snapshot = self.records().vault().snapshot()?;
        let row = snapshot.row(id)?;
        allowed(who, (Op::Read, Area::Prescriptions), Some(&row.patient))?;
        self.note_read(who, &row)?;
        let stored = stored_allergies(&row, |patient| {
            compartment::newest(&snapshot, patient, ResourceType::ALLERGY_INTOLERANCE, MOST_ALLERGIES)
        })?;
        let content = snapshot.paper::<Prescription>(id)?.map(|paper| paper.content).unwrap_or_default();
        let distance = self.distance(&snapshot, &row, content.same_condition)?;
        let judged = self.judge(&self.book(), &content, &stored, distance.map(|(distance, _)| distance));
        view::prescription(&snapshot, &row, &judged, distance)
    }

    /// Keeps a note. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`] for another doctor, [`Error::Conflict`] where the consultation does not stand so.
    pub fn keep_note(&self, who: &Actor, id: &str, sent: NoteKept) -> Result<Kept, Error> {
        if let Err(wrong) = sent.note.check().and_then(|()| device(&sent.device)) {
            return Ok(Kept::Wrong(wrong));
        }
        let asked = id.to_owned();
        self.change(who, id, (Op::Update, Area::Notes), false, move |work, row| {
            let found = Within(work).extraction(&asked)?.unwrap_or_default();
            let before = Within(work).paper::<Written>(&asked)?;
            let accepted = |id: &String| {
                let stored = found.suggestions.iter().find(|known| known.id == *id).cloned();
                let earlier =
                    || before.as_ref()?.content.sources.iter().find(|known| known.id == *id).cloned();
                // What was taken over stays as it was said, also when the transcript was looked at again.
                earlier().or(stored)
            };
            let sources: Option<Vec<_>> = sent.note.accepted.iter().map(accepted).collect();
            let Some(sources) = sources else {
                return Ok(Kept::Wrong(Wrong {
                    field: "accepted",
                    code: "invalid",
                    message: "A suggestion that is taken over does not exist.".to_owned(),
                }));
            };
            let by = work.who().id.clone();
            let keep = Keep {
                version: sent.version,
                device: &sent.device,
                take_over: sent.take_over,
                supersede: None,
                by: &by,
            };
            let content = Written { note: sent.note.clone(), sources };
            kept(work, row, Paper::keep(before.as_ref(), &keep, content, work.now()))
        })
    }

    /// Keeps a prescription. Blocking.
    ///
    /// # Errors
    /// As [`Consult::keep_note`].
    pub fn keep_prescription(&self, who: &Actor, id: &str, sent: PrescriptionKept) -> Result<Kept, Error> {
        let reason = sent.supersede.as_deref().map_or(Ok(()), reason);
        if let Err(wrong) = sent.prescription.check().and_then(|()| device(&sent.device)).and(reason) {
            return Ok(Kept::Wrong(wrong));
        }
        let asked = id.to_owned();
        self.change(who, id, (Op::Update, Area::Prescriptions), true, move |work, row| {
            let before = Within(work).paper::<Prescription>(&asked)?;
            // After the end only what was signed is replaced; a first prescription belongs into the consultation.
            let replacing = before.as_ref().is_some_and(|paper| !paper.signed.is_empty());
            if row.course.state != State::Active && !replacing {
                return Err(conflict("the consultation is over; only a signed prescription can be replaced"));
            }
            let by = work.who().id.clone();
            let keep = Keep {
                version: sent.version,
                device: &sent.device,
                take_over: sent.take_over,
                supersede: sent.supersede.as_deref(),
                by: &by,
            };
            kept(work, row, Paper::keep(before.as_ref(), &keep, sent.prescription, work.now()))
        })
    }

    /// Discards a draft with a reason. Blocking.
    ///
    /// # Errors
    /// As [`Consult::keep_note`].
    pub fn discard_note(&self, who: &Actor, id: &str, version: u64, why: &str) -> Result<Kept, Error> {
        self.discard::<Written>(who, id, version, why, (Op::Update, Area::Notes))
    }

    /// The same of a prescription. Blocking.
    ///
    /// # Errors
    /// As [`Consult::keep_note`].
    pub fn discard_prescription(
        &self,
        who: &Actor,
        id: &str,
        version: u64,
        why: &str,
    ) -> Result<Kept, Error> {
        self.discard::<Prescription>(who, id, version, why, (Op::Update, Area::Prescriptions))
    }

    fn discard<T: Content + Send + 'static>(
        &self,
        who: &Actor,
        id: &str,
        version: u64,
        why: &str,
        need: (Op, Area),
    ) -> Result<Kept, Error> {
        if let Err(wrong) = reason(why) {
            return Ok(Kept::Wrong(wrong));
        }
        let (asked, why) = (id.to_owned(), why.trim().to_owned());
        self.change(who, id, need, true, move |work, row| {
            let Some(before) = Within(work).paper::<T>(&asked)? else { return Ok(Kept::Not(NotKept::Stale)) };
            let by = work.who().id.clone();
            kept(work, row, before.discard(version, &why, &by, work.now()))
        })
    }

    /// Looks through the consultation's transcript and keeps what a note can take from it, for the doctor to take over or
    /// leave. No text of the note changes. Blocking.
    ///
    /// # Errors
    /// As [`Consult::keep_note`]; [`Error::NotFound`] without a transcript.
    pub fn find_in_transcript(&self, who: &Actor, id: &str) -> Result<(), Error> {
        allowed(who, (Op::Update, Area::Notes), None)?;
        // Whose it is comes first: another doctor is not told whether there is a transcript.
        theirs(&self.records().vault().snapshot()?.row(id)?, &who.id, false)?;
        let missing = || Error::NotFound(format!("transcript of consultation {id}"));
        let said = self.transcripts().ok_or_else(missing)?.passages(id)?.ok_or_else(missing)?;
        let found = extract(&said, &self.book().formulary);
        let asked = id.to_owned();
        self.change(who, id, (Op::Update, Area::Notes), false, move |work, row| {
            put_extraction(work, &asked, &found)?;
            let said = format!("{} suggestions found in the transcript", found.suggestions.len());
            work.audit(line(work.who(), Some(&row.patient), Purpose::Treatment, &said))
        })
    }

    /// One unit of work by the consultation's doctor.
    pub(super) fn change<T, F>(
        &self,
        who: &Actor,
        id: &str,
        need: (Op, Area),
        also_after: bool,
        job: F,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Work<'_, '_>, &Row) -> Result<T, Error> + Send + 'static,
    {
        allowed(who, need, None)?;
        let id = id.to_owned();
        let done = self.records().unit_blocking(Arc::new(who.clone()), move |work| {
            let row = Within(work).row(&id)?;
            theirs(&row, &work.who().id, also_after)?;
            job(work, &row)
        });
        Ok(done?.0)
    }

    pub(super) fn judge(
        &self,
        book: &Book,
        content: &Prescription,
        stored: &[Value],
        distance: Option<Distance>,
    ) -> Judged {
        content.judge(book, &known_allergies(stored, self.records().zone()), distance)
    }

    /// How the lists see this consultation, and the last visit in person; none in person.
    pub(super) fn distance(
        &self,
        reader: &impl Docs,
        row: &Row,
        same_condition: bool,
    ) -> Result<Option<(Distance, Option<Timestamp>)>, Error> {
        let mode = row.course.ask.mode;
        if mode == Mode::InPerson {
            return Ok(None);
        }
        let visits = reader.rows_of(&row.patient, MOST_VISITS)?;
        let asked = row.course.steps.first().map_or(Timestamp::MAX, |step| step.since);
        let last = visits
            .iter()
            .filter(|visit| visit.course.ask.mode == Mode::InPerson && visit.course.state == State::Completed)
            .map(|visit| visit.course.since())
            .filter(|since| *since <= asked)
            .max();
        let follow_up =
            same_condition && last.is_some_and(|visit| recent(visit, asked, self.records().zone()));
        Ok(Some((Distance { mode, follow_up }, last)))
    }
}

/// Lays a draft down with its audit line, or says why not.
fn kept<T: Content>(
    work: &mut Work<'_, '_>,
    row: &Row,
    next: Result<Paper<T>, NotKept>,
) -> Result<Kept, Error> {
    match next {
        Err(why) => Ok(Kept::Not(why)),
        Ok(paper) => {
            put_paper(work, &row.id, &paper)?;
            let how = if paper.is_open() { "kept" } else { "discarded" };
            let said =
                format!("{} of consultation {} {how}, version {}", T::KIND.as_str(), row.id, paper.version);
            work.audit(line(work.who(), Some(&row.patient), Purpose::Treatment, &said))?;
            Ok(Kept::Done)
        }
    }
}

/// Whether a consultation is this doctor's, and where papers are written.
pub(super) fn theirs(row: &Row, who: &str, also_after: bool) -> Result<(), Error> {
    let course = &row.course;
    let last = course.parts.last().map(|part| part.doctor.as_str());
    let (own, fits) = match course.state {
        State::Active => (course.doctor.as_deref() == Some(who), true),
        State::Completed => (last == Some(who), also_after),
        State::Requested | State::PendingPayment | State::Waiting | State::Cancelled | State::NoShow => {
            (course.doctor.as_deref().or(last) == Some(who), false)
        }
    };
    if !own {
        return Err(Error::Refused(Refusal::NotTheirs));
    }
    if fits {
        return Ok(());
    }
    Err(conflict(match course.state {
        State::Completed => "the consultation is over; write an addendum",
        State::Cancelled | State::NoShow => "the consultation did not take place",
        State::Requested | State::PendingPayment | State::Waiting | State::Active => {
            "begin the consultation first"
        }
    }))
}

/// The stored allergies of a consultation's patient.
pub(super) fn stored_allergies(
    row: &Row,
    read: impl FnOnce(&LogicalId) -> Result<Vec<Value>, Error>,
) -> Result<Vec<Value>, Error> {
    LogicalId::parse(&row.patient).map_or_else(|| Ok(Vec::new()), |patient| read(&patient))
}

/// The allergies of a patient inside the unit that signs.
pub(super) fn allergies_in(work: &mut Work<'_, '_>, row: &Row) -> Result<Vec<Value>, Error> {
    stored_allergies(row, |patient| {
        compartment::newest_in(work, patient, ResourceType::ALLERGY_INTOLERANCE, MOST_ALLERGIES)
    })
}

fn known_allergies(stored: &[Value], zone: &jiff::tz::TimeZone) -> Vec<Allergy> {
    let listed = allergies::state(stored, false, zone).items;
    let severe = |severity: Option<&str>| matches!(severity, Some("severe" | "high"));
    listed
        .into_iter()
        .map(|item| Allergy { severe: severe(item.severity.as_deref()), words: item.substance })
        .collect()
}

pub(super) fn reason(text: &str) -> Result<(), Wrong> {
    let message = "Give a reason of at most 2000 bytes.".to_owned();
    let fits = !text.trim().is_empty() && text.len() <= LONGEST_REASON;
    if fits { Ok(()) } else { Err(Wrong { field: "reason", code: "invalid", message }) }
}

fn device(name: &str) -> Result<(), Wrong> {
    let message = "Name the screen in 1 to 64 bytes.".to_owned();
    let fits = (1..=LONGEST_DEVICE).contains(&name.len()) && !name.contains(char::is_control);
    if fits { Ok(()) } else { Err(Wrong { field: "device", code: "invalid", message }) }
}
