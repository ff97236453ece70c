//! A file in FHIR R4: the DocumentReference by which it stands in the record. Its Communication is the room's.

use clinicvault_gateway::fhir::datetime;
use clinicvault_gateway::files::Kind;
use clinicvault_gateway::json::Value;

use super::kept::FileRow;
use crate::clinic::make::{coding, concept, identifier, list, number, obj, reference, text};
use crate::consult::kept::Row;
use crate::consult::picture::SYSTEM;
use crate::consult::room::protocol::{ChatFile, ChatMessage};
use crate::consult::room::record::somebody;

/// SHA-256 of the content, in hex; the hash of an Attachment is SHA-1 (FHIR R4, Attachment.hash).
const SHA256: &str = "urn:clinicvault:file-sha256";

/// Where the content of a file is read.
pub fn url(consultation: &str, no: u64) -> String {
    format!("/api/consultations/{consultation}/files/{no}")
}

/// A file as the chat tells of it.
pub fn told(file: &FileRow) -> ChatFile {
    ChatFile { no: file.no, name: file.name.clone(), media_type: file.media_type.clone(), bytes: file.bytes }
}

/// The DocumentReference of a file; `sha1` of its content in base64.
pub fn document(row: &Row, file: &FileRow, message: &ChatMessage, sha1: &str) -> Value {
    let kind = match Kind::stored_as(&file.media_type) {
        Some(Kind::Pdf) => "PDF document",
        Some(Kind::Jpeg | Kind::Png | Kind::Webp) | None => "Picture",
    };
    let attachment = obj([
        ("contentType", text(file.media_type.as_str())),
        ("url", text(url(&row.id, file.no))),
        ("size", number(&file.bytes.to_string())),
        ("hash", text(sha1)),
        ("title", text(file.name.as_str())),
        ("creation", text(datetime::instant(file.at))),
    ]);
    obj([
        ("resourceType", text("DocumentReference")),
        ("identifier", list([identifier(SHA256, &file.sha256)])),
        ("status", text("current")),
        ("type", concept([coding(SYSTEM, "attachment", "Attachment")], kind)),
        (
            "category",
            list([concept([coding(SYSTEM, "file", "Sent in a consultation")], "Sent in a consultation")]),
        ),
        ("subject", reference(&format!("Patient/{}", row.patient))),
        ("date", text(datetime::instant(file.at))),
        ("author", list([somebody(row, &message.by, &message.name)])),
        ("description", text(file.name.as_str())),
        ("content", list([obj([("attachment", attachment)])])),
        ("context", obj([("encounter", list([reference(&format!("Encounter/{}", row.id))]))])),
    ])
}
