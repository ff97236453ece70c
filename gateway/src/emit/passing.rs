//! Which messages of HL7 v2 say what a FHIR message says: it brings resources, and nobody knows what was there before.

use crate::json::Value;

use super::{Kind, Set, local};

/// The messages that tell what `set` holds, each with the resource that it is about: results, orders, appointments, documents
/// and vaccinations one each; about the patient where the sender's message is (`of_patient`) or nothing else is told.
pub fn told<'a>(set: &Set<'a>, of_patient: bool) -> Vec<(Kind, &'a Value)> {
    let mut told: Vec<(Kind, &Value)> =
        set.all().filter(|one| !is_part(set, one)).filter_map(|one| Some((kind(one)?, one))).collect();
    if of_patient || told.is_empty() {
        let visit = set.of_kind("Encounter").next().map(|visit| (Kind::A08, visit));
        let patient = set.of_kind("Patient").next().map(|patient| (Kind::A31, patient));
        told.extend(visit.or(patient));
    }
    told
}

/// The message about one resource; none for what is told with others or not at all.
fn kind(resource: &Value) -> Option<Kind> {
    let status = resource.str("status");
    match resource.str("resourceType")? {
        "DiagnosticReport" => (!matches!(status, Some("registered" | "unknown"))).then_some(Kind::R01),
        "Observation" => (status != Some("registered")).then_some(Kind::R01),
        "ServiceRequest" | "MedicationRequest" => {
            (!matches!(status, Some("draft" | "unknown"))).then_some(Kind::O01)
        }
        "Appointment" => match status {
            Some("proposed" | "waitlist") => None,
            Some("cancelled") => Some(Kind::S15),
            _ => Some(Kind::S14),
        },
        "DocumentReference" => Some(Kind::T02),
        "Immunization" => Some(Kind::V04),
        _ => None,
    }
}

/// Whether another resource's message tells of it: a value of a report, the order that a report answers.
fn is_part(set: &Set<'_>, resource: &Value) -> bool {
    let own = resource.str("id");
    let kind = resource.str("resourceType").unwrap_or_default();
    let leads = |reference: &Value| {
        let text = reference.str("reference").and_then(local);
        text.as_deref().and_then(|text| text.split_once('/')) == own.map(|own| (kind, own))
    };
    own.is_some()
        && set.all().any(|other| match (kind, other.str("resourceType")) {
            ("Observation", Some("DiagnosticReport")) => other.items("result").iter().any(leads),
            ("Observation", Some("Observation")) => other.items("hasMember").iter().any(leads),
            ("ServiceRequest", Some("DiagnosticReport")) => other.items("basedOn").iter().any(leads),
            _ => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Limits, parse};

    fn names(of_patient: bool, resources: &[&str]) -> Vec<String> {
        let all: Vec<Value> =
            resources.iter().map(|text| parse(text.as_bytes(), &Limits::default()).unwrap()).collect();
        let set = Set::new(&all);
        let of = |one: &Value| one.str("resourceType").unwrap_or_default().to_owned();
        told(&set, of_patient).into_iter().map(|(kind, root)| format!("{kind} {}", of(root))).collect()
    }

    #[test]
    fn each_thing_is_told_once() {
        let patient = r#"{"resourceType":"Patient","id":"p"}"#;
        let value = r#"{"resourceType":"Observation","id":"o","status":"final"}"#;
        let order = r#"{"resourceType":"ServiceRequest","id":"s","status":"active"}"#;
        let report = r#"{"resourceType":"DiagnosticReport","id":"r","status":"final",
            "result":[{"reference":"Observation/o"}],"basedOn":[{"reference":"ServiceRequest/s"}]}"#;
        let visit = r#"{"resourceType":"Encounter","id":"e","status":"in-progress"}"#;
        let gone = r#"{"resourceType":"Appointment","id":"a","status":"cancelled"}"#;
        assert_eq!(names(true, &[patient]), ["ADT^A31 Patient"]);
        assert_eq!(names(true, &[patient, visit]), ["ADT^A08 Encounter"]);
        assert_eq!(names(false, &[patient, value]), ["ORU^R01 Observation"]);
        assert_eq!(names(false, &[patient, value, order, report]), ["ORU^R01 DiagnosticReport"]);
        assert_eq!(names(false, &[patient, order]), ["ORM^O01 ServiceRequest"]);
        assert_eq!(names(true, &[patient, value]), ["ORU^R01 Observation", "ADT^A31 Patient"]);
        assert_eq!(names(false, &[patient, gone]), ["SIU^S15 Appointment"]);
        assert_eq!(names(false, &[r#"{"resourceType":"Organization","id":"x"}"#]), Vec::<String>::new());
    }
}
