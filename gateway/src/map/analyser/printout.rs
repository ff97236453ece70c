//! A print-out of an analyser as a document: text for a person, never a result, since nothing vouches for its digits.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::hl7::charset::Charset;
use crate::json::{Object, Value};

use super::super::draft::Meeting;
use super::super::identity::PatientIdentity;
use super::super::ids;
use super::super::meaning::{Label, Row};
use super::super::report::MappingReport;
use super::Mapped;

/// Longest line of the meaning, in characters.
const MOST_LINE: usize = 500;
/// Most lines of it; the document holds all.
const MOST_LINES: usize = 200;

/// The text of a print-out, control characters left out.
pub fn text(bytes: &[u8], charset: Charset) -> String {
    let text = charset.decode(bytes).replace("\r\n", "\n").replace('\r', "\n");
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect::<String>().trim().to_owned()
}

/// The print-out as a DocumentReference without a patient; a person says whose it is.
pub fn document(text: &str, analyser: &str, received: Timestamp, zone: &TimeZone) -> Mapped {
    let id = ids::stable("DocumentReference", &[&super::system_of(analyser), &received.to_string(), text]);
    let when = zone.to_datetime(received).strftime("%Y-%m-%d %H:%M").to_string();
    let attachment = Object::new()
        .with("contentType", "text/plain; charset=utf-8")
        .with("data", STANDARD.encode(text.as_bytes()))
        .with("title", format!("{analyser}, {when}"));
    let resource = Object::new()
        .with("resourceType", "DocumentReference")
        .with("id", id.as_str())
        .with("status", "current")
        .with("type", Object::new().with("text", "Print-out of an analyser"))
        .with("date", crate::fhir::datetime::instant(received))
        .with("author", vec![Value::from(Object::new().with("display", analyser))])
        .with("description", "Text as the analyser printed it. No checksum vouches for its values.")
        .with("content", vec![Value::from(Object::new().with("attachment", attachment))]);
    let request = Object::new().with("method", "PUT").with("url", format!("DocumentReference/{id}"));
    let entry = Object::new().with("resource", resource).with("request", request);
    let bundle = Object::new()
        .with("resourceType", "Bundle")
        .with("type", "transaction")
        .with("entry", vec![Value::from(entry)]);
    let lines = text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty());
    let shown = |(at, line): (usize, &str)| {
        Row::plain(Label::Key("line"), line.chars().take(MOST_LINE).collect(), at)
    };
    Mapped {
        bundle: bundle.into(),
        meetings: vec![Meeting::Replace],
        patient_id: String::new(),
        patient: PatientIdentity::default(),
        samples: Vec::new(),
        quality_control: false,
        report: MappingReport::default(),
        links: Vec::new(),
        meaning: lines.take(MOST_LINES).map(shown).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::validate;

    #[test]
    fn a_print_out_is_a_document_and_holds_no_result() {
        let at: Timestamp = "2026-11-22T04:30:00Z".parse().unwrap();
        let zone = TimeZone::get("Asia/Kolkata").unwrap();
        let text = text(b"24/10/29 13:08\r\nNa   131 mmol/L\x1b \r\n", Charset::UTF8);
        assert_eq!(text, "24/10/29 13:08\nNa   131 mmol/L");
        let mut mapped = document(&text, "Spotchem", at, &zone);
        super::super::give_subject(&mut mapped.bundle, "p1");
        let [entry] = mapped.bundle.items("entry") else { panic!() };
        let resource = entry.get("resource").unwrap();
        assert!(validate::structure(resource).is_empty(), "{:?}", validate::structure(resource));
        assert_eq!(resource.pointer("/subject/reference").and_then(Value::as_str), Some("Patient/p1"));
        let data = resource.pointer("/content/0/attachment/data").and_then(Value::as_str).unwrap();
        assert_eq!(STANDARD.decode(data).unwrap(), text.as_bytes());
        let lines: Vec<&str> = mapped.meaning.iter().map(|row| row.value.as_str()).collect();
        assert_eq!(lines, ["24/10/29 13:08", "Na   131 mmol/L"]);
    }
}
