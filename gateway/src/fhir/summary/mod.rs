//! The patient summary: a document after the International Patient Summary guide for R4 (HL7 IPS, Composition-uv-ips),
//! made from the records of one patient.
//!
//! Pure: who may see what, and where the records come from, is decided before. Sections are a table in `sections`, the
//! words a person reads are made in `narrative`.

mod narrative;
mod sections;

use jiff::Timestamp;

use super::datetime;
use super::document::{Entry, assemble};
use super::id::ResourceType;
use crate::json::{Object, Value};
pub use sections::kinds;
use sections::{SECTIONS, Section, taken};

/// Profile of the document.
pub const BUNDLE_PROFILE: &str = "http://hl7.org/fhir/uv/ips/StructureDefinition/Bundle-uv-ips";
/// Profile of its composition.
pub const COMPOSITION_PROFILE: &str = "http://hl7.org/fhir/uv/ips/StructureDefinition/Composition-uv-ips";
/// Heading of the document.
const TITLE: &str = "International Patient Summary";
const LOINC: &str = "http://loinc.org";
const ABSENT: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";
const EMPTY_REASON: &str = "http://terminology.hl7.org/CodeSystem/list-empty-reason";

/// What a summary is made of.
#[derive(Debug)]
pub struct Sources<'a> {
    /// The FHIR base under which the records are known.
    pub base: &'a str,
    /// The Patient as stored.
    pub patient: Value,
    /// Records about the patient, newest first within a type.
    pub records: Vec<Value>,
    /// Records that those refer to.
    pub supporting: Vec<Value>,
    /// Types that are kept from the reader.
    pub withheld: Vec<ResourceType>,
    /// Now.
    pub now: Timestamp,
    /// Three identifiers of this document's own: of the Bundle, the Composition and the authoring Device.
    pub uuids: [String; 3],
    /// Name and version of the program.
    pub author: &'a str,
}

/// The document.
pub fn summary(sources: Sources<'_>) -> Value {
    let [bundle, composition_id, device_id] = &sources.uuids;
    let (composition_url, device_url) =
        (format!("urn:uuid:{composition_id}"), format!("urn:uuid:{device_id}"));
    let mut used = Vec::new();
    let sections: Vec<Value> =
        SECTIONS.iter().filter_map(|section| written(section, &sources, &mut used)).collect();
    let patient_url = url(sources.base, &sources.patient);
    let name = narrative::person(&sources.patient);
    let composition = Object::new()
        .with("resourceType", "Composition")
        .with("id", composition_id.as_str())
        .with("meta", Object::new().with("profile", vec![Value::from(COMPOSITION_PROFILE)]))
        .with("text", narrative::text(TITLE, &name))
        .with("status", "final")
        .with("type", coded(LOINC, "60591-5", "Patient summary Document"))
        .with("subject", Object::new().with("reference", patient_url.as_str()))
        .with("date", datetime::instant(sources.now))
        .with("author", vec![Value::from(Object::new().with("reference", device_url.as_str()))])
        .with("title", TITLE)
        .with("section", sections);
    let device = Object::new().with("resourceType", "Device").with("id", device_id.as_str()).with(
        "deviceName",
        vec![Value::from(Object::new().with("name", sources.author).with("type", "other"))],
    );
    let mut entries = vec![
        Entry { full_url: composition_url, resource: composition.into() },
        Entry { full_url: patient_url, resource: identified(sources.patient) },
        Entry { full_url: device_url, resource: device.into() },
    ];
    let records = sources.records.into_iter().enumerate();
    let shown = records.filter(|(at, _)| used.contains(at)).map(|(_, record)| record);
    for resource in shown.chain(sources.supporting) {
        let full_url = url(sources.base, &resource);
        if !entries.iter().any(|entry| entry.full_url == full_url) {
            entries.push(Entry { full_url, resource });
        }
    }
    assemble(bundle, Some(BUNDLE_PROFILE), sources.now, entries)
}

/// The patient with what the guide's profile needs (Patient-uv-ips): a name and a date of birth, each with the reason
/// `unknown` where none is recorded.
fn identified(mut patient: Value) -> Value {
    let unknown = || {
        let reason = Object::new().with("url", ABSENT).with("valueCode", "unknown");
        Value::from(Object::new().with("extension", vec![Value::from(reason)]))
    };
    let Some(object) = patient.as_object_mut() else { return patient };
    if object.get("birthDate").is_none() && object.get("_birthDate").is_none() {
        object.insert("_birthDate", unknown());
    }
    let mut names = object.get("name").and_then(Value::as_array).map(<[Value]>::to_vec).unwrap_or_default();
    if names.is_empty() {
        names.push(Object::new().into());
    }
    let parts = ["family", "given", "text", "_family", "_given", "_text"];
    for name in names.iter_mut().filter_map(Value::as_object_mut) {
        if parts.iter().all(|part| name.get(part).is_none()) {
            name.insert("_text", unknown());
        }
    }
    object.insert("name", names);
    patient
}

/// Places of the records that some section shows.
pub fn chosen(records: &[Value]) -> std::collections::BTreeSet<usize> {
    let of = |section: &Section| {
        taken(section, records).into_iter().map(|(at, _)| at).take(section.most).collect::<Vec<_>>()
    };
    SECTIONS.iter().flat_map(of).collect()
}

/// One section, its records marked as used; none for an optional one without records.
fn written(section: &Section, sources: &Sources<'_>, used: &mut Vec<usize>) -> Option<Value> {
    let mut found = taken(section, &sources.records);
    let all = found.len();
    found.truncate(section.most);
    let withheld =
        section.kinds.iter().all(|name| sources.withheld.iter().any(|kind| kind.as_str() == *name));
    if found.is_empty() && !section.required {
        return None;
    }
    let head =
        Object::new().with("title", section.title).with("code", coded(LOINC, section.code, section.display));
    if found.is_empty() {
        let (code, display, words) = match withheld {
            true => ("withheld", "Information Withheld", "Withheld from the reader of this summary."),
            false => ("unavailable", "Unavailable", "Nothing is recorded."),
        };
        return Some(
            head.with("text", narrative::text(section.title, words))
                .with("emptyReason", coded(EMPTY_REASON, code, display))
                .into(),
        );
    }
    used.extend(found.iter().map(|(at, _)| *at));
    let entries: Vec<Value> = found
        .iter()
        .map(|(_, record)| Object::new().with("reference", url(sources.base, record)).into())
        .collect();
    let rows: Vec<&Value> = found.iter().map(|(_, record)| *record).collect();
    Some(
        head.with("text", narrative::table(section.title, &rows, &sources.supporting, all))
            .with("entry", entries)
            .into(),
    )
}

fn url(base: &str, resource: &Value) -> String {
    format!("{base}/{}", url_of(resource))
}

/// `Type/id` of a resource.
fn url_of(resource: &Value) -> String {
    let part = |key: &str| resource.str(key).unwrap_or_default();
    format!("{}/{}", part("resourceType"), part("id"))
}

fn coded(system: &str, code: &str, display: &str) -> Value {
    let coding = Object::new().with("system", system).with("code", code).with("display", display);
    Object::new().with("coding", vec![Value::from(coding)]).into()
}

#[cfg(test)]
mod tests;
