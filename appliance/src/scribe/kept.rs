//! Rows of speech that waits, of captions and of transcripts, as they lie in the vault.

use std::sync::Arc;

use clinicvault_gateway::fhir::datetime;
use clinicvault_gateway::json::Value;
use clinicvault_vault::{Action, Leaf, Snapshot};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::transcript::{Line, Speaker, State, Transcript};
use crate::clinic::chart::TRANSCRIPT;
use crate::clinic::make::{coding, concept, list, number, obj, reference, text};
use crate::collections::{CAPTIONS, SPEECH, TRANSCRIPTS};
use crate::records::access::{Actor, Purpose};
use crate::records::audit::{self, About};
use crate::records::error::Error;
use crate::records::unit::Work;
use crate::records::write::Draft;
use crate::records::{Caller, Records};

/// Pieces of speech that are looked at together.
const MOST_SPEECH: usize = 10_000;
/// Captions of one consultation; at one every three seconds, eight hours.
const MOST_CAPTIONS: usize = 10_000;
/// Code system of the box's words about documents.
const SYSTEM: &str = "urn:clinicvault:document";

/// What speech belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Of {
    /// A consultation, by its id.
    Consultation(String),
    /// A dictation, by its id.
    Dictation(String),
}

impl Of {
    /// The id.
    pub fn id(&self) -> &str {
        match self {
            Of::Consultation(id) | Of::Dictation(id) => id,
        }
    }
}

/// One speaker's speech, in one blob.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Speech {
    /// The blob.
    pub blob: String,
    /// What it belongs to.
    pub of: Of,
    /// Whose record.
    pub patient: String,
    /// Who speaks.
    pub speaker: Speaker,
    /// The time at which its milliseconds begin.
    pub began: Timestamp,
    /// Two letters.
    pub language: String,
    /// Words that may well come.
    pub vocabulary: Vec<String>,
}

fn read<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|_| Error::Damaged(what.to_owned()))
}

fn written(value: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| Error::Fault(error.to_string()))
}

fn line(who: &Actor, patient: &str, said: &str) -> Leaf {
    let mut leaf =
        audit::done(who, Action::Execute, Purpose::Treatment, About { object: None, patient: Some(patient) });
    leaf.reason = Some(said.to_owned());
    leaf
}

fn program() -> Arc<Actor> {
    Arc::new(Actor::operator("scribe"))
}

/// All speech that waits.
pub fn speech(snapshot: &Snapshot) -> Result<Vec<Speech>, Error> {
    let rows = snapshot.doc_scan(SPEECH, &[], MOST_SPEECH)?;
    rows.iter().map(|(_, bytes)| read(bytes, "a row of speech")).collect()
}

/// The transcript of a consultation or dictation: the one that was made, else the captions until now.
pub fn transcript(snapshot: &Snapshot, id: &str) -> Result<Option<Transcript>, Error> {
    let made: Option<Transcript> = snapshot
        .doc_get(TRANSCRIPTS, id.as_bytes())?
        .map(|bytes| read(&bytes, "a transcript"))
        .transpose()?;
    let Some(mut made) = made else { return Ok(None) };
    if made.state == State::Done {
        return Ok(Some(made));
    }
    for (_, bytes) in snapshot.doc_scan(CAPTIONS, format!("{id}/").as_bytes(), MOST_CAPTIONS)? {
        let (speaker, mut line): (Speaker, Line) = read(&bytes, "a caption")?;
        line.speaker = made.speaker(&speaker);
        made.lines.push(line);
    }
    made.lines.sort_by_key(|line| line.at);
    Ok(Some(made))
}

/// Notes that speech is kept from now on. Blocking.
pub fn begin(records: &Records, speech: Speech) -> Result<(), Error> {
    records.unit_blocking(program(), move |work| {
        let said = match &speech.of {
            Of::Consultation(_) => "speech is kept until its transcript is made",
            Of::Dictation(_) => "a dictation is kept until its transcript is made",
        };
        work.audit(line(work.who(), &speech.patient, said))?;
        let id = speech.of.id().to_owned();
        if work.document(TRANSCRIPTS, id.as_bytes())?.is_none() {
            let state = match &speech.of {
                Of::Consultation(_) => State::Live,
                Of::Dictation(_) => State::Waiting,
            };
            let mut fresh = Transcript::empty(&id, &speech.patient, &speech.language, state, work.now());
            if matches!(speech.of, Of::Dictation(_)) {
                fresh.dictated_by = Some(speech.speaker.id.clone());
            }
            work.unit().doc_put(TRANSCRIPTS, id.as_bytes(), &written(&fresh)?)?;
        }
        Ok(work.unit().doc_put(SPEECH, speech.blob.as_bytes(), &written(&speech)?)?)
    })?;
    Ok(())
}

/// Keeps a committed caption until the transcript is there; `key` tells it from the others of the consultation. Blocking.
pub fn caption(records: &Records, of: &Speech, key: &str, caption: Line) -> Result<(), Error> {
    let (key, patient) = (format!("{}/{key}", of.of.id()), of.patient.clone());
    let row = written(&(&of.speaker, caption))?;
    records.unit_blocking(program(), move |work| {
        work.audit(line(work.who(), &patient, "a caption is kept"))?;
        Ok(work.unit().doc_put(CAPTIONS, key.as_bytes(), &row)?)
    })?;
    Ok(())
}

/// Says how far a transcript is. Blocking.
pub fn mark(records: &Records, id: &str, state: State, trouble: Option<String>) -> Result<(), Error> {
    let id = id.to_owned();
    records.unit_blocking(program(), move |work| {
        let bytes = work.document(TRANSCRIPTS, id.as_bytes())?;
        let Some(bytes) = bytes else { return Err(Error::NotFound(format!("transcript {id}"))) };
        let mut kept: Transcript = read(&bytes, "a transcript")?;
        (kept.state, kept.trouble) = (state, trouble);
        work.audit(line(work.who(), &kept.patient, "transcript"))?;
        Ok(work.unit().doc_put(TRANSCRIPTS, id.as_bytes(), &written(&kept)?)?)
    })?;
    Ok(())
}

/// Lays a transcript down in place of its captions and of the speech that it was made of, with its document. Blocking.
pub fn done(
    records: &Records,
    mut made: Transcript,
    of: Vec<Speech>,
    zone: &TimeZone,
) -> Result<Transcript, Error> {
    let id = records.new_id()?;
    let now = records.now();
    (made.state, made.percent, made.trouble) = (State::Done, None, None);
    made.document = Some(id.as_str().to_owned());
    made.made = now;
    let consultation = of.iter().any(|one| matches!(one.of, Of::Consultation(_)));
    let json = document(&made, consultation, made.plain(zone).len());
    let from = Caller::of((*program()).clone());
    let sealed = Draft::of(json)?.check(&records.checks())?.seal(&id, &records.context(&from));
    let kept = made.clone();
    records.unit_blocking(program(), move |work| {
        work.audit(line(work.who(), &made.patient, "a transcript is made; the speech it was made of goes"))?;
        work.unit().doc_put(TRANSCRIPTS, made.id.as_bytes(), &written(&made)?)?;
        for speech in &of {
            work.unit().doc_delete(SPEECH, speech.blob.as_bytes())?;
        }
        forget_captions(work, &made.id)?;
        work.put(&sealed, Purpose::Treatment).map(|_| ())
    })?;
    Ok(kept)
}

fn forget_captions(work: &mut Work<'_, '_>, id: &str) -> Result<(), Error> {
    for (key, _) in work.documents(CAPTIONS, format!("{id}/").as_bytes(), MOST_CAPTIONS)? {
        work.unit().doc_delete(CAPTIONS, &key)?;
    }
    Ok(())
}

/// The document of a transcript: that it is there and how it was made. Its words are read where the rights of transcripts
/// hold, not those of notes.
fn document(made: &Transcript, consultation: bool, size: usize) -> Value {
    let (kind, title) = if consultation { ("transcript", "Transcript") } else { ("dictation", "Dictation") };
    let attachment = obj([
        ("contentType", text("text/plain; charset=utf-8")),
        ("language", text(made.language.as_str())),
        ("url", text(format!("{TRANSCRIPT}{}", made.id))),
        ("size", number(&size.to_string())),
        ("title", text(title)),
        ("creation", text(datetime::instant(made.made))),
    ]);
    let heard = format!("Heard by {} ({}); signed by nobody", made.origin.model, made.origin.program);
    let mut fields = vec![
        ("resourceType", text("DocumentReference")),
        ("status", text("current")),
        ("docStatus", text("preliminary")),
        ("type", concept([coding(SYSTEM, kind, title)], title)),
        ("subject", reference(&format!("Patient/{}", made.patient))),
        ("date", text(datetime::instant(made.made))),
        ("description", text(heard)),
        ("content", list([obj([("attachment", attachment)])])),
    ];
    if consultation {
        let encounter = reference(&format!("Encounter/{}", made.id));
        fields.push(("context", obj([("encounter", list([encounter]))])));
    }
    obj(fields)
}
