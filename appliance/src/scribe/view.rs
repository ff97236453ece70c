//! Who sees which transcript, and dictations that come in as recordings.
//!
//! A consultation's transcript is seen by its doctors, a dictation by who dictated it (clinic-workflow.md section 2: transcripts
//! only in care). Each look is an audit line.

use std::io::Cursor;

use bytes::Bytes;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::outcome::{IssueCode, Outcome};
use clinicvault_scribe::audio::wav;
use clinicvault_scribe::speech::{RATE, millis};
use clinicvault_vault::{Action, Kind};

use super::kept::{self, Of, Speech};
use super::spool::{CHUNK, Filling};
use super::transcriber::Transcriber;
use super::transcript::{Line, Speaker, State, Transcript};
use crate::consult::desk::hears;
use crate::consult::note::{self, Passage};
use crate::consult::{Consult, Transcripts};
use crate::records::access::{Actor, Area, Op, Purpose, Subject, decide};
use crate::records::audit::{self, About};
use crate::records::error::Error;

/// What is known of a dictation before it is heard.
pub struct Dictation<'a> {
    /// About whom.
    pub patient: &'a str,
    /// Language, two or three letters.
    pub language: String,
    /// Words that may well come.
    pub vocabulary: Vec<String>,
}

impl Transcriber {
    /// The transcript of a consultation as it is now: captions until it is made. Blocking.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Refused`] for everybody but its doctors.
    pub fn of_consultation(&self, who: &Actor, consult: &Consult, id: &str) -> Result<Transcript, Error> {
        let (patient, course) = consult.course(id)?;
        hears(who, &course)?;
        self.shown(who, id, &patient)
    }

    /// The transcript of a dictation as it is now. Blocking.
    ///
    /// # Errors
    /// [`Error::NotFound`] also for one that somebody else dictated.
    pub fn of_dictation(&self, who: &Actor, id: &str) -> Result<Transcript, Error> {
        let missing = || Error::NotFound(format!("dictation {id}"));
        let snapshot = self.records().vault().snapshot()?;
        let kept = kept::transcript(&snapshot, id)?.ok_or_else(missing)?;
        let own = kept.dictated_by.as_deref() == Some(who.id.as_str());
        if kept.dictated_by.is_none() || !own {
            return Err(missing());
        }
        decide(who, Op::Read, &Subject::area_only(Area::Transcript).in_care(own)).check()?;
        let patient = kept.patient;
        self.shown(who, id, &patient)
    }

    fn shown(&self, who: &Actor, id: &str, patient: &str) -> Result<Transcript, Error> {
        let snapshot = self.records().vault().snapshot()?;
        let kept = kept::transcript(&snapshot, id)?;
        let mut kept = kept.ok_or_else(|| Error::NotFound(format!("transcript {id}; nothing was heard")))?;
        if let Some(percent) = self.percent(id) {
            (kept.state, kept.percent) = (State::Making, Some(percent));
        }
        let mut leaf = audit::done(
            who,
            Action::Read,
            Purpose::Treatment,
            About { object: None, patient: Some(patient) },
        );
        leaf.reason = Some(format!("transcript {id}"));
        self.records().vault().note(leaf)?;
        Ok(kept)
    }

    /// Takes a dictation about a patient: a WAV file. It is kept, sealed, when this returns, and heard after. Blocking.
    ///
    /// # Errors
    /// [`Error::Broken`] says what is wrong with the file; [`Error::NotFound`] for a patient who is not there;
    /// [`Error::Conflict`] where nothing hears.
    pub fn dictate(&self, who: &Actor, about: Dictation<'_>, file: &Bytes) -> Result<String, Error> {
        let patient = about.patient;
        decide(who, Op::Create, &Subject::area_only(Area::Notes)).check()?;
        let head = self.records().vault().snapshot()?.head(Kind(ResourceType::PATIENT.number()), patient)?;
        head.filter(|head| !head.deleted).ok_or_else(|| Error::missing(ResourceType::PATIENT, patient))?;
        let off = |why: String| {
            Error::Conflict(Outcome::error(IssueCode::Conflict, format!("Nothing can be heard now: {why}.")))
        };
        self.ready().map_err(off)?;
        let sound = wav::read(Cursor::new(file)).map_err(unheard)?;
        let id = self.records().new_id()?.as_str().to_owned();
        let fault = |error: clinicvault_vault::BlobError| Error::Fault(error.to_string());
        let mut blob = {
            let mut speaking = self.speaking().lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let blob = self.records().vault().new_blob(patient).map_err(fault)?;
            speaking.insert(blob.id().to_string());
            blob
        };
        let name = blob.id().to_string();
        let kept = self.keep_dictation(who, &id, about, &sound, &mut blob);
        if kept.is_err() {
            let _ = self.records().vault().remove_blob(&blob.id());
        }
        self.speaking().lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(&name);
        kept?;
        self.wake().notify_one();
        Ok(id)
    }

    fn keep_dictation(
        &self,
        who: &Actor,
        id: &str,
        about: Dictation<'_>,
        sound: &[f32],
        blob: &mut clinicvault_vault::BlobWriter,
    ) -> Result<(), Error> {
        let mut filling = Filling::default();
        for (number, second) in sound.chunks(CHUNK).enumerate() {
            let at = millis(RATE) * number as u64;
            for chunk in filling.push(at, second) {
                blob.append(&chunk).map_err(|error| Error::Fault(error.to_string()))?;
            }
        }
        if let Some(chunk) = filling.take() {
            blob.append(&chunk).map_err(|error| Error::Fault(error.to_string()))?;
        }
        let speaker = Speaker { id: who.id.clone(), name: who.name.clone(), part: "doctor".to_owned() };
        kept::begin(
            self.records(),
            Speech {
                blob: blob.id().to_string(),
                of: Of::Dictation(id.to_owned()),
                patient: about.patient.to_owned(),
                speaker,
                began: self.records().now(),
                language: about.language,
                vocabulary: about.vocabulary,
            },
        )
    }
}

impl Transcripts for Transcriber {
    fn passages(&self, consultation: &str) -> Result<Option<Vec<Passage>>, Error> {
        let snapshot = self.records().vault().snapshot()?;
        let Some(kept) = kept::transcript(&snapshot, consultation)? else { return Ok(None) };
        let Some(began) = kept.lines.first().map(|line| line.at) else { return Ok(None) };
        let passage = |line: &Line| {
            let start = u64::try_from(line.at.duration_since(began).as_millis()).unwrap_or(0);
            let speaker = match kept.speakers.get(line.speaker).map(|speaker| speaker.part.as_str()) {
                Some("patient") => note::Speaker::Patient,
                Some("doctor") => note::Speaker::Doctor,
                Some(_) | None => note::Speaker::Other,
            };
            Passage { start, end: start + line.ms, speaker, text: line.text() }
        };
        Ok(Some(kept.lines.iter().map(passage).collect()))
    }
}

fn unheard(why: wav::WavError) -> Error {
    Error::Broken(Outcome::error(IssueCode::Invalid, format!("The recording cannot be heard: {why}.")))
}
