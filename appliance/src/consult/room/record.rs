//! What is said and agreed to in a room, in FHIR R4: a Communication for each message, a Consent for each agreement to being
//! heard or recorded. Both have the id of the consultation, a dot and their number.

use clinicvault_gateway::fhir::datetime;
use clinicvault_gateway::json::Value;
use jiff::Timestamp;

use super::ears::Part;
use super::kept::Matter;
use super::protocol::{ChatFile, ChatMessage};
use crate::clinic::make::{
    coding, concept, identifier, list, number, obj, reference, reference_as, text, words,
};
use crate::consult::files;
use crate::consult::kept::Row;
use crate::consult::picture::{SYSTEM, account};

/// The sender's own name for a message.
const KEY: &str = "urn:clinicvault:chat-key";
const SCOPE: &str = "http://terminology.hl7.org/CodeSystem/consentscope";
/// What is agreed to, in the words that the Consent keeps.
const TERMS: &str = "While the consultation lasts, what I say is turned into text by the clinic's own box. I can take this \
                     back at any moment. Nothing that is heard leaves the box.";

/// The same of a recording.
const RECORDING_TERMS: &str = "While the consultation lasts, the doctor may record sound and pictures of everybody in the call. The \
                               recording is kept sealed in the clinic's own box, and only the doctors of this consultation can \
                               play it. Everybody sees a mark while it is recorded. I can take this back at any moment: then \
                               the recording stops at once.";

/// The id of a message or agreement of a consultation.
pub fn id_of(consultation: &str, no: u64) -> String {
    format!("{consultation}.{no}")
}

/// A moment as the record writes it, in milliseconds: whoever is told of a message at once is told what stands in its history.
pub fn moment(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

/// Somebody of the room as the one who did something.
pub(in crate::consult) fn somebody(row: &Row, id: &str, name: &str) -> Value {
    if id == row.patient {
        reference_as(&format!("Patient/{id}"), name)
    } else {
        account(id, &|_| name.to_owned())
    }
}

/// The Communication of a message.
pub fn communication(row: &Row, message: &ChatMessage) -> Value {
    obj([
        ("resourceType", text("Communication")),
        ("identifier", list([identifier(KEY, &message.key)])),
        ("status", text("completed")),
        ("category", list([concept([coding(SYSTEM, "chat", "Chat")], "Chat")])),
        ("subject", reference(&format!("Patient/{}", row.patient))),
        ("encounter", reference(&format!("Encounter/{}", row.id))),
        ("sent", text(datetime::instant(message.at))),
        ("sender", somebody(row, &message.by, &message.name)),
        ("payload", list([obj([payload(row, message)])])),
    ])
}

/// What is said, or the file that is handed over.
fn payload(row: &Row, message: &ChatMessage) -> (&'static str, Value) {
    let Some(file) = &message.file else { return ("contentString", text(&message.text)) };
    let attachment = obj([
        ("contentType", text(file.media_type.as_str())),
        ("url", text(files::url(&row.id, file.no))),
        ("size", number(&file.bytes.to_string())),
        ("title", text(file.name.as_str())),
        ("creation", text(datetime::instant(message.at))),
    ]);
    ("contentAttachment", attachment)
}

/// The file of a Communication that hands one over.
fn file(payload: &Value) -> Option<ChatFile> {
    let attachment = payload.get("contentAttachment")?;
    Some(ChatFile {
        no: attachment.str("url")?.rsplit('/').next()?.parse().ok()?,
        name: attachment.str("title")?.to_owned(),
        media_type: attachment.str("contentType")?.to_owned(),
        bytes: attachment.get("size")?.as_number()?.as_u64()?,
    })
}

/// The message of a Communication that this room wrote. None when it is none.
pub fn message(row: &Row, no: u64, json: &Value) -> Option<ChatMessage> {
    let sender = json.get("sender")?;
    let patient = sender.str("reference").and_then(|known| known.strip_prefix("Patient/"));
    let account = sender.get("identifier").and_then(|identifier| identifier.str("value"));
    let by = patient.or(account)?.to_owned();
    let payload = json.items("payload").first()?;
    let file = file(payload);
    Some(ChatMessage {
        no,
        part: part(row, &by),
        name: sender.str("display")?.to_owned(),
        text: match &file {
            Some(file) => file.name.clone(),
            None => payload.str("contentString")?.to_owned(),
        },
        file,
        at: json.str("sent")?.parse().ok()?,
        key: json.items("identifier").first()?.str("value")?.to_owned(),
        by,
    })
}

/// In which part somebody takes part.
pub fn part(row: &Row, id: &str) -> Part {
    let has_or_had_it = || row.course.parts.iter().any(|part| part.doctor == id);
    let is_asked = || row.course.offer.as_ref().is_some_and(|offer| offer.to == id);
    if id == row.patient {
        Part::Patient
    } else if has_or_had_it() || is_asked() {
        Part::Doctor
    } else {
        Part::Staff
    }
}

/// The Consent of somebody to being heard or recorded: active, or taken back at `until`.
pub fn consent(row: &Row, to: Matter, by: (&str, &str), since: Timestamp, until: Option<Timestamp>) -> Value {
    let (code, display, terms) = match to {
        Matter::Speech => ("transcription", "Transcription of speech", TERMS),
        Matter::Recording => ("recording", "Recording of sound and pictures", RECORDING_TERMS),
    };
    let mut period = vec![("start", text(datetime::instant(since)))];
    period.extend(until.map(|until| ("end", text(datetime::instant(until)))));
    let instance =
        obj([("meaning", text("related")), ("reference", reference(&format!("Encounter/{}", row.id)))]);
    obj([
        ("resourceType", text("Consent")),
        ("status", text(if until.is_none() { "active" } else { "inactive" })),
        ("scope", concept([coding(SCOPE, "treatment", "Treatment")], "Treatment")),
        ("category", list([concept([coding(SYSTEM, code, display)], display)])),
        ("patient", reference(&format!("Patient/{}", row.patient))),
        ("dateTime", text(datetime::instant(since))),
        ("performer", list([somebody(row, by.0, by.1)])),
        ("policyRule", words(terms)),
        ("provision", obj([("type", text("permit")), ("period", obj(period)), ("data", list([instance]))])),
    ])
}
