//! Rows of recordings as they lie in the vault, and their FHIR Media.

use clinicvault_gateway::fhir::datetime;
use clinicvault_gateway::json::Value;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clinic::make::{coding, concept, number, obj, reference, text};
use crate::collections::RECORDINGS;
use crate::consult::kept::{Docs, Row};
use crate::consult::picture::SYSTEM;
use crate::consult::room::ears::Part;
use crate::consult::room::protocol::Mode;
use crate::consult::room::record::somebody;
use crate::consult::room::reel::Closing;
use crate::records::error::Error;
use crate::records::unit::Work;

/// Recordings of one consultation that are looked at together.
const MOST: usize = 2_000;

/// Somebody who was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = RecordedPerson)]
pub struct Person {
    /// Account, or the patient's id.
    pub id: String,
    /// Name.
    pub name: String,
    /// In which part.
    pub part: Part,
}

/// How far a recording is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RecordingState)]
pub enum State {
    /// It is being made.
    Growing,
    /// It ended as it should.
    Whole,
    /// It was cut short, by a power cut for example: what was kept until then is there.
    Cut,
    /// It was deleted.
    Deleted,
}

/// Who deleted a recording, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = RecordingDeleted)]
pub struct Deleted {
    /// Account.
    pub by: String,
    /// Name.
    pub name: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// One person's recording: a file of WebM in one blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recording {
    /// Its id, and that of its Media.
    pub id: String,
    /// Of which consultation.
    pub consultation: String,
    /// Whose record.
    pub patient: String,
    /// Who is seen and heard.
    pub person: Person,
    /// The doctor who asked for it: account and name.
    pub operator: (String, String),
    /// Where its bytes lie.
    pub blob: String,
    /// The time 0 of the file.
    pub began: Timestamp,
    /// How long it plays, milliseconds.
    pub lasts_ms: u64,
    /// Bytes in the blob.
    pub bytes: u64,
    /// Bytes that are served after those of the blob.
    pub tail: u64,
    /// It has pictures.
    pub pictures: bool,
    /// How they were in touch when it began.
    pub mode: Option<Mode>,
    /// Packets that never came.
    pub lost: u64,
    /// How far it is.
    pub state: State,
    /// Who deleted it.
    pub deleted: Option<Deleted>,
}

/// What a file says of itself, as stored.
#[derive(Serialize, Deserialize)]
struct Ends {
    head: String,
    tail: String,
}

impl Recording {
    /// Whether it can be played.
    pub fn plays(&self) -> bool {
        matches!(self.state, State::Whole | State::Cut)
    }

    /// Bytes of the file as it is served.
    pub fn length(&self) -> u64 {
        self.bytes + self.tail
    }
}

fn row_key(consultation: &str, id: &str) -> String {
    format!("r/{consultation}/{id}")
}

fn ends_key(consultation: &str, id: &str) -> String {
    format!("e/{consultation}/{id}")
}

fn growing_key(consultation: &str, id: &str) -> String {
    format!("g/{consultation}/{id}")
}

fn blob_key(blob: &str) -> String {
    format!("b/{blob}")
}

fn read(bytes: &[u8]) -> Result<Recording, Error> {
    serde_json::from_slice(bytes).map_err(|_| Error::Damaged("a recording".to_owned()))
}

fn written(value: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| Error::Fault(error.to_string()))
}

/// The recordings of a consultation, in the order in which they began.
pub(crate) fn of(reader: &impl Docs, consultation: &str) -> Result<Vec<Recording>, Error> {
    let rows = reader.docs(RECORDINGS, format!("r/{consultation}/").as_bytes(), MOST)?;
    let mut all = rows.iter().map(|(_, bytes)| read(bytes)).collect::<Result<Vec<_>, _>>()?;
    all.sort_by(|one, other| (one.began, &one.id).cmp(&(other.began, &other.id)));
    Ok(all)
}

/// One recording.
pub(crate) fn one(reader: &impl Docs, consultation: &str, id: &str) -> Result<Recording, Error> {
    let bytes = reader.doc(RECORDINGS, row_key(consultation, id).as_bytes())?;
    bytes.map_or_else(|| Err(Error::NotFound(format!("recording {id}"))), |bytes| read(&bytes))
}

/// Whether a blob belongs to a recording.
pub(crate) fn has_blob(reader: &impl Docs, blob: &str) -> Result<bool, Error> {
    Ok(reader.doc(RECORDINGS, blob_key(blob).as_bytes())?.is_some())
}

/// Recordings that have not ended, as far as the vault knows.
pub(crate) fn growing(reader: &impl Docs) -> Result<Vec<Recording>, Error> {
    let keys = reader.docs(RECORDINGS, b"g/", MOST)?;
    let mut all = Vec::new();
    for (key, _) in keys {
        let key = String::from_utf8_lossy(&key).replacen("g/", "r/", 1);
        if let Some(bytes) = reader.doc(RECORDINGS, key.as_bytes())? {
            all.push(read(&bytes)?);
        }
    }
    Ok(all)
}

/// What the file of a recording says of itself: its first bytes and its last.
pub(crate) fn ends(reader: &impl Docs, of: &Recording) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let damaged = || Error::Damaged("the ends of a recording".to_owned());
    let bytes = reader.doc(RECORDINGS, ends_key(&of.consultation, &of.id).as_bytes())?.ok_or_else(damaged)?;
    let ends: Ends = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
    let plain = |text: &str| data_encoding::BASE64.decode(text.as_bytes()).map_err(|_| damaged());
    Ok((plain(&ends.head)?, plain(&ends.tail)?))
}

/// Lays a recording down.
pub(crate) fn put(work: &mut Work<'_, '_>, one: &Recording) -> Result<(), Error> {
    let grows = growing_key(&one.consultation, &one.id);
    let unit = work.unit();
    unit.doc_put(RECORDINGS, row_key(&one.consultation, &one.id).as_bytes(), &written(one)?)?;
    if one.state == State::Growing {
        unit.doc_put(RECORDINGS, grows.as_bytes(), &[])?;
    } else {
        unit.doc_delete(RECORDINGS, grows.as_bytes())?;
    }
    if one.state == State::Deleted {
        unit.doc_delete(RECORDINGS, ends_key(&one.consultation, &one.id).as_bytes())?;
        unit.doc_delete(RECORDINGS, blob_key(&one.blob).as_bytes())?;
    } else {
        unit.doc_put(RECORDINGS, blob_key(&one.blob).as_bytes(), &[])?;
    }
    Ok(())
}

/// Lays down what its file says of itself.
pub(crate) fn put_ends(work: &mut Work<'_, '_>, of: &Recording, closing: &Closing) -> Result<(), Error> {
    let text = |bytes: &[u8]| data_encoding::BASE64.encode(bytes);
    let ends = Ends { head: text(&closing.head), tail: text(&closing.tail) };
    Ok(work.unit().doc_put(RECORDINGS, ends_key(&of.consultation, &of.id).as_bytes(), &written(&ends)?)?)
}

/// Takes a recording out in which nothing is.
pub(crate) fn forget(work: &mut Work<'_, '_>, one: &Recording) -> Result<(), Error> {
    let unit = work.unit();
    unit.doc_delete(RECORDINGS, row_key(&one.consultation, &one.id).as_bytes())?;
    unit.doc_delete(RECORDINGS, blob_key(&one.blob).as_bytes())?;
    Ok(unit.doc_delete(RECORDINGS, growing_key(&one.consultation, &one.id).as_bytes()).map(|_| ())?)
}

/// The Media of a recording: that it is there and how it came about. Its bytes are played only where the rights of recordings
/// hold.
pub(crate) fn media(row: &Row, one: &Recording) -> Value {
    let (kind, display) = if one.pictures { ("video", "Video") } else { ("audio", "Audio") };
    let status = match one.state {
        State::Growing => "in-progress",
        State::Whole => "completed",
        State::Cut => "stopped",
        State::Deleted => "not-done",
    };
    let mut content = vec![
        ("contentType", text(content_type(one.pictures))),
        ("creation", text(datetime::instant(one.began))),
    ];
    match &one.deleted {
        None => {
            let url = format!("/api/consultations/{}/recordings/{}", one.consultation, one.id);
            content.push(("url", text(url)));
            content.push(("title", text(format!("Recording of {}", one.person.name))));
        }
        Some(deleted) => content.push(("title", text(format!("Deleted: {}", deleted.reason)))),
    }
    let mut fields = vec![
        ("resourceType", text("Media")),
        ("status", text(status)),
        (
            "type",
            concept([coding("http://terminology.hl7.org/CodeSystem/media-type", kind, display)], display),
        ),
        ("subject", reference(&format!("Patient/{}", one.patient))),
        ("encounter", reference(&format!("Encounter/{}", one.consultation))),
        ("createdDateTime", text(datetime::instant(one.began))),
        ("operator", somebody(row, &one.operator.0, &one.operator.1)),
        ("content", obj(content)),
    ];
    if let Some(mode) = one.mode {
        fields.push(("modality", concept([coding(SYSTEM, mode.as_str(), mode.as_str())], mode.as_str())));
    }
    if one.lasts_ms > 0 {
        let seconds = format!("{}.{:03}", one.lasts_ms / 1000, one.lasts_ms % 1000);
        fields.push(("duration", number(&seconds)));
    }
    obj(fields)
}

/// What browsers are told that it is.
pub(crate) const fn content_type(pictures: bool) -> &'static str {
    if pictures { "video/webm" } else { "audio/webm" }
}
