//! What signed papers are in FHIR R4: a Composition for a note, a MedicationRequest for each line, a DocumentReference with the
//! signed bytes, and the Provenance of all of them. Made from what was signed, never read back.

use clinicvault_gateway::fhir::datetime;
use clinicvault_gateway::json::Value;
use sha1::{Digest, Sha1};

use super::kept::{Signed, Stands};
use super::note::Vital;
use super::paper::Kind;
use super::sign::Sheet;
use crate::clinic::make::{coding, concept, identifier, list, number, obj, reference, text, words};
use crate::consult::picture::{SYSTEM, account};
use crate::consult::prescribe::amount::Amount;
use crate::consult::prescribe::line::{Line, Quantity};
use crate::consult::prescribe::words::{Form, Frequency, Route};

const LOINC: &str = "http://loinc.org";
/// Identifies signed bytes by their hash.
const HASH: &str = "urn:clinicvault:sha256";
/// Identifies a paper by the code on it.
const CODE: &str = "urn:clinicvault:verification";
/// Media type of the signed bytes.
const JSON: &str = "application/json";

fn author(sheet: &Sheet) -> Value {
    account(&sheet.doctor.id, &|_| sheet.doctor.name.clone())
}

fn subject(sheet: &Sheet) -> Value {
    reference(&format!("Patient/{}", sheet.patient.id))
}

fn encounter(sheet: &Sheet) -> Value {
    reference(&format!("Encounter/{}", sheet.consultation))
}

fn kind(kind: Kind) -> Value {
    match kind {
        Kind::Note => concept([coding(LOINC, "11488-4", "Consult note")], "Consultation note"),
        Kind::Prescription => {
            concept([coding(LOINC, "57833-6", "Prescription for medication")], "Prescription")
        }
    }
}

/// Text as the XHTML that a narrative is.
fn xhtml(paragraphs: &[String]) -> Value {
    let mut div = String::from("<div xmlns=\"http://www.w3.org/1999/xhtml\">");
    for line in paragraphs.iter().flat_map(|paragraph| paragraph.lines()) {
        div.push_str("<p>");
        for letter in line.chars().filter(|letter| !letter.is_control()) {
            match letter {
                '&' => div.push_str("&amp;"),
                '<' => div.push_str("&lt;"),
                '>' => div.push_str("&gt;"),
                '"' => div.push_str("&quot;"),
                other => div.push(other),
            }
        }
        div.push_str("</p>");
    }
    div.push_str("</div>");
    obj([("status", text("generated")), ("div", text(div))])
}

/// The Composition of a note.
pub(super) fn composition(sheet: &Sheet, signed: &Signed) -> Value {
    let note = sheet.note.clone().unwrap_or_default();
    let mut sections: Vec<Value> = Vec::new();
    let mut section = |name: &str, title: &str, paragraphs: &[String]| {
        if paragraphs.iter().any(|paragraph| !paragraph.trim().is_empty()) {
            sections.push(obj([
                ("title", text(title)),
                ("code", concept([coding(SYSTEM, name, title)], title)),
                ("text", xhtml(paragraphs)),
            ]));
        }
    };
    for (name, title, words) in note.sections() {
        section(name, title, &[words.to_owned()]);
    }
    let vitals: Vec<String> = note.vitals.iter().map(Vital::printed).collect();
    section("vitals", "Vital signs", &vitals);
    let next: Vec<String> = note.follow_up_on.iter().cloned().collect();
    section("followUp", "Follow-up", &next);
    obj([
        ("resourceType", text("Composition")),
        ("identifier", identifier(CODE, &signed.code)),
        ("status", text("final")),
        ("type", kind(Kind::Note)),
        ("subject", subject(sheet)),
        ("encounter", encounter(sheet)),
        ("date", text(datetime::instant(signed.at))),
        ("author", list([author(sheet)])),
        ("title", text("Consultation note")),
        (
            "attester",
            list([obj([
                ("mode", text("professional")),
                ("time", text(datetime::instant(signed.at))),
                ("party", author(sheet)),
            ])]),
        ),
        ("section", list(sections)),
    ])
}

/// The document with the signed bytes; their SHA-1 is what R4 has a place for, their SHA-256 an identifier.
pub(super) fn document(sheet: &Sheet, signed: &Signed) -> Value {
    let (status, doc) = match signed.stands {
        Stands::Signed => ("current", "final"),
        Stands::Superseded => ("superseded", "final"),
        Stands::Cancelled => ("entered-in-error", "entered-in-error"),
    };
    let title = match signed.kind {
        Kind::Note => "Consultation note",
        Kind::Prescription => "Prescription",
    };
    let attachment = obj([
        ("contentType", text(JSON)),
        ("data", text(data_encoding::BASE64.encode(signed.bytes.as_bytes()))),
        ("size", number(&signed.bytes.len().to_string())),
        ("hash", text(data_encoding::BASE64.encode(&Sha1::digest(signed.bytes.as_bytes())))),
        ("title", text(title)),
        ("creation", text(datetime::instant(signed.at))),
    ]);
    let mut fields = vec![
        ("resourceType", text("DocumentReference")),
        ("masterIdentifier", identifier(CODE, &signed.code)),
        ("identifier", list([identifier(HASH, &signed.sha256)])),
        ("status", text(status)),
        ("docStatus", text(doc)),
        ("type", kind(signed.kind)),
        ("subject", subject(sheet)),
        ("date", text(datetime::instant(signed.at))),
        ("author", list([author(sheet)])),
        ("authenticator", author(sheet)),
    ];
    if let Some(old) = &sheet.replaces {
        let target = reference(&format!("DocumentReference/{old}"));
        fields.push(("relatesTo", list([obj([("code", text("replaces")), ("target", target)])])));
    }
    fields.extend(signed.reason.as_ref().map(|why| ("description", text(why.as_str()))));
    fields.push(("content", list([obj([("attachment", attachment)])])));
    fields.push(("context", obj([("encounter", list([encounter(sheet)]))])));
    obj(fields)
}

/// A line.
pub(super) fn medication(sheet: &Sheet, signed: &Signed, line: &Line) -> Value {
    let mut fields = vec![("resourceType", text("MedicationRequest")), ("status", text(status(signed)))];
    fields.extend([
        ("intent", text("order")),
        ("medicationCodeableConcept", words(&label(line))),
        ("subject", subject(sheet)),
        ("encounter", encounter(sheet)),
        ("authoredOn", text(datetime::instant(signed.at))),
        ("requester", author(sheet)),
        ("groupIdentifier", identifier(CODE, &signed.code)),
        ("dosageInstruction", list([dosage(line)])),
    ]);
    let quantity = line.quantity();
    let days = line.span.and_then(|span| span.days());
    if quantity.is_some() || days.is_some() {
        let mut dispense = Vec::new();
        dispense.extend(quantity.as_ref().map(|quantity| ("quantity", amount(quantity))));
        dispense.extend(days.map(|days| {
            let span = [
                ("value", number(&days.to_string())),
                ("unit", text("days")),
                ("system", text("http://unitsofmeasure.org")),
                ("code", text("d")),
            ];
            ("expectedSupplyDuration", obj(span))
        }));
        fields.push(("dispenseRequest", obj(dispense)));
    }
    obj(fields)
}

/// A stored order, as the paper that carries it stands now.
pub(super) fn restated(mut order: Value, signed: &Signed) -> Value {
    if let Some(fields) = order.as_object_mut() {
        fields.insert("status", text(status(signed)));
        if let Some(why) = &signed.reason {
            fields.insert("statusReason", words(why));
        }
    }
    order
}

fn status(signed: &Signed) -> &'static str {
    match signed.stands {
        Stands::Signed => "active",
        Stands::Superseded => "stopped",
        Stands::Cancelled => "cancelled",
    }
}

/// The medicine in the order that charts read: name, strength, form.
fn label(line: &Line) -> String {
    let mut label = line.generic.clone();
    for part in [
        line.brand.as_ref().map(|brand| format!("({brand})")),
        line.strength.as_ref().map(|strength| strength.printed()),
        line.form.map(|form: Form| form.printed().to_owned()),
    ]
    .into_iter()
    .flatten()
    {
        label.push(' ');
        label.push_str(&part);
    }
    label
}

fn amount(quantity: &Quantity) -> Value {
    let mut fields = vec![("value", number(&quantity.amount.to_string()))];
    fields.extend(quantity.unit.map(|unit| ("unit", text(unit.printed()))));
    obj(fields)
}

fn dosage(line: &Line) -> Value {
    let mut fields = vec![("text", text(line.directions()))];
    fields.extend(line.food.map(|food| ("additionalInstruction", list([words(food.printed())]))));
    fields.extend(line.instruction.as_ref().map(|said| ("patientInstruction", text(said.as_str()))));
    fields.extend(line.frequency.as_ref().map(|frequency| ("timing", timing(frequency))));
    fields.extend(line.as_needed.then_some(("asNeededBoolean", Value::Bool(true))));
    fields.extend(line.route.map(|route: Route| ("route", words(route.printed()))));
    fields.extend(line.dose.map(|(dose, unit)| {
        let quantity = obj([("value", number(&dose.to_string())), ("unit", text(unit.printed()))]);
        ("doseAndRate", list([obj([("doseQuantity", quantity)])]))
    }));
    obj(fields)
}

/// A frequency as `Timing`, with the words of it always and as a repeat where FHIR can say it.
fn timing(frequency: &Frequency) -> Value {
    let every = |times: u64, period: u64, unit: &str| {
        Some(obj([
            ("frequency", number(&times.to_string())),
            ("period", number(&period.to_string())),
            ("periodUnit", text(unit)),
        ]))
    };
    let repeat = match frequency {
        Frequency::Pattern(parts) => {
            let taken = parts.iter().filter(|part: &&Amount| !part.is_zero()).count();
            every(taken as u64, 1, "d")
        }
        Frequency::Daily | Frequency::Morning | Frequency::Bedtime => every(1, 1, "d"),
        Frequency::Twice => every(2, 1, "d"),
        Frequency::Thrice => every(3, 1, "d"),
        Frequency::FourTimes => every(4, 1, "d"),
        Frequency::TimesADay(times) => every(u64::from(*times), 1, "d"),
        Frequency::EveryHours(hours) => every(1, u64::from(*hours), "h"),
        Frequency::AlternateDays => every(1, 2, "d"),
        Frequency::Weekly => every(1, 1, "wk"),
        Frequency::Fortnightly => every(1, 2, "wk"),
        Frequency::Monthly => every(1, 1, "mo"),
        Frequency::AtOnce => None,
    };
    let mut fields: Vec<(&str, Value)> = Vec::new();
    fields.extend(repeat.map(|repeat| ("repeat", repeat)));
    fields.push(("code", words(&frequency.code())));
    obj(fields)
}

/// Who signed what and when, with the hash of the signed bytes.
pub(super) fn provenance(sheet: &Sheet, signed: &Signed, targets: &[String]) -> Value {
    let activity = "http://terminology.hl7.org/CodeSystem/v3-DocumentCompletion";
    let what = obj([("identifier", identifier(HASH, &signed.sha256))]);
    let signature = obj([
        (
            "type",
            list([coding("urn:iso-astm:E1762-95:2013", "1.2.840.10065.1.12.1.1", "Author's Signature")]),
        ),
        ("when", text(datetime::instant(signed.at))),
        ("who", author(sheet)),
        ("targetFormat", text(JSON)),
    ]);
    obj([
        ("resourceType", text("Provenance")),
        ("target", list(targets.iter().map(|target| reference(target)))),
        ("recorded", text(datetime::instant(signed.at))),
        ("activity", concept([coding(activity, "LA", "legally authenticated")], "Signed")),
        (
            "agent",
            list([obj([
                (
                    "type",
                    concept(
                        [coding(
                            "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
                            "author",
                            "Author",
                        )],
                        "Author",
                    ),
                ),
                ("who", author(sheet)),
            ])]),
        ),
        ("entity", list([obj([("role", text("source")), ("what", what)])])),
        ("signature", list([signature])),
    ])
}
