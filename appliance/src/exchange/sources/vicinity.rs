//! What stands around what a message is about and is referred to by nothing in it: it refers there itself. A patient's
//! relatives, allergies and cover, the problems and procedures of a visit, the visit of an appointment.
//!
//! Only what is in force is told, and only what such a message has a segment for; values are told by messages of their own.

use std::collections::BTreeMap;

use clinicvault_gateway::emit::Kind as Message;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::search::Handling;
use clinicvault_gateway::json::Value;

use super::records::parsed;
use crate::records::error::Error;
use crate::records::search::Asked;
use crate::records::{Caller, Records};

/// Most records of an answer.
const MOST: usize = 50;

/// A type and what it is searched by.
type Question = (ResourceType, Vec<(&'static str, String)>);

/// What to ask for beside what `root` refers to, where one of these messages is made of it.
fn questions(messages: &[Message], root: &Value) -> Vec<Question> {
    let Some(id) = root.str("id") else { return Vec::new() };
    let kind = root.str("resourceType").unwrap_or_default();
    let own = format!("{kind}/{id}");
    let told = |name: &str| messages.iter().any(|message| message.parts().0 == name);
    match kind {
        "Appointment" if told("SIU") => {
            vec![(ResourceType::ENCOUNTER, vec![("appointment", own), ("_sort", "-date".to_owned())])]
        }
        "Patient" if told("ADT") => {
            let mut all = of_patient(&own);
            let active = vec![("patient", own), ("clinical-status", "active".to_owned())];
            all.push((ResourceType::CONDITION, active));
            all
        }
        "Encounter" if told("ADT") => {
            let patient = root.get("subject").and_then(|subject| subject.str("reference")).map(str::to_owned);
            let mut all = patient.map(|patient| of_patient(&patient)).unwrap_or_default();
            all.push((ResourceType::CONDITION, vec![("encounter", own.clone())]));
            let done = vec![("encounter", own), ("status", "in-progress,completed".to_owned())];
            all.push((ResourceType::PROCEDURE, done));
            all
        }
        _ => Vec::new(),
    }
}

fn of_patient(patient: &str) -> Vec<Question> {
    let of = |name| (name, patient.to_owned());
    vec![
        (ResourceType::RELATED_PERSON, vec![of("patient"), ("active:not", "false".to_owned())]),
        (
            ResourceType::ALLERGY_INTOLERANCE,
            vec![of("patient"), ("clinical-status:not", "inactive,resolved".to_owned())],
        ),
        (ResourceType::COVERAGE, vec![of("beneficiary"), ("status", "active".to_owned())]),
    ]
}

/// The records that stand around `root` as far as `from` may see them, by their references. Blocking.
///
/// # Errors
/// When the vault stops, or its index is being renewed: then the same is asked again later.
pub fn vicinity(
    records: &Records,
    from: &Caller,
    messages: &[Message],
    root: &Value,
) -> Result<BTreeMap<String, Value>, Error> {
    let mut found = BTreeMap::new();
    for (kind, parameters) in questions(messages, root) {
        let mut parameters: Vec<_> =
            parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        parameters.push(("_count".to_owned(), MOST.to_string()));
        let asked = Asked { kind, parameters: &parameters, handling: Handling::Strict, most_rows: MOST };
        for row in records.search(from, &asked)?.rows {
            found.insert(format!("{kind}/{}", row.head.id), parsed(&row.body)?);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clinicvault_gateway::json::{self, Limits};

    fn asked(message: &str, root: &str) -> Vec<String> {
        let root = json::parse(root.as_bytes(), &Limits::default()).unwrap();
        let message = Message::parse(message).unwrap();
        questions(&[message], &root)
            .into_iter()
            .map(|(kind, all)| format!("{kind} {}={}", all[0].0, all[0].1))
            .collect()
    }

    #[test]
    fn a_visit_brings_its_own_findings_and_a_result_brings_none() {
        let visit = r#"{"resourceType": "Encounter", "id": "e", "subject": {"reference": "Patient/p"}}"#;
        assert_eq!(
            asked("ADT^A08", visit),
            [
                "RelatedPerson patient=Patient/p",
                "AllergyIntolerance patient=Patient/p",
                "Coverage beneficiary=Patient/p",
                "Condition encounter=Encounter/e",
                "Procedure encounter=Encounter/e"
            ]
        );
        let booked = r#"{"resourceType": "Appointment", "id": "a"}"#;
        assert_eq!(asked("SIU^S12", booked), ["Encounter appointment=Appointment/a"]);
        let report =
            r#"{"resourceType": "DiagnosticReport", "id": "r", "subject": {"reference": "Patient/p"}}"#;
        assert!(asked("ORU^R01", report).is_empty());
    }
}
