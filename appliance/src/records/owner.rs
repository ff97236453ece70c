//! Whose record it is: the patient whose data key seals it and whose access log names it.
//!
//! The rule is the Patient compartment of R4 cut down to one patient: a record that names several (a Group, a Person
//! with links) is nobody's in particular and is sealed under the key of its type.

use clinicvault_gateway::fhir::id::{Reference, ResourceType};
use clinicvault_gateway::json::Value;
use clinicvault_vault::Owner;

/// Members that say whose record it is, in the order in which they are asked. The Patient compartment of R4 uses
/// these names for all types but those of [`participants`].
const MEMBERS: [&str; 6] = ["patient", "subject", "beneficiary", "for", "individual", "candidate"];

/// The owner of a record with this id and content; `bases` are the addresses under which this box is known.
pub fn owner(kind: ResourceType, id: &str, json: &Value, bases: &[String]) -> Owner {
    if kind == ResourceType::PATIENT {
        return Owner::Patient(id.to_owned());
    }
    let direct = MEMBERS.iter().find_map(|member| only_patient(json.items(member), |value| value, bases));
    match direct.or_else(|| participants(kind, json, bases)) {
        Some(patient) => Owner::Patient(patient),
        None => Owner::Shared,
    }
}

/// The one patient that takes part in an appointment.
fn participants(kind: ResourceType, json: &Value, bases: &[String]) -> Option<String> {
    match kind {
        ResourceType::APPOINTMENT => {
            only_patient(json.items("participant"), |p| p.get("actor").unwrap_or(&Value::Null), bases)
        }
        ResourceType::APPOINTMENT_RESPONSE => only_patient(json.items("actor"), |value| value, bases),
        _ => None,
    }
}

fn only_patient<'a>(
    items: &'a [Value],
    reference: impl Fn(&'a Value) -> &'a Value,
    bases: &[String],
) -> Option<String> {
    let bases: Vec<&str> = bases.iter().map(String::as_str).collect();
    let mut found: Option<String> = None;
    for item in items {
        let Some(parsed) = reference(item).str("reference").and_then(Reference::parse) else { continue };
        let Some((ResourceType::PATIENT, id)) = parsed.local(&bases) else { continue };
        match &found {
            Some(already) if already != id.as_str() => return None,
            _ => found = Some(id.as_str().to_owned()),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use clinicvault_gateway::json::{Limits, parse};

    use super::*;

    #[test]
    fn a_record_belongs_to_the_one_patient_it_names() {
        let check = |text: &str, expected: Option<&str>| {
            let json = parse(text.as_bytes(), &Limits::default()).unwrap();
            let kind = ResourceType::parse(json.str("resourceType").unwrap()).unwrap();
            let expected = expected.map_or(Owner::Shared, |id| Owner::Patient(id.to_owned()));
            assert_eq!(owner(kind, "me", &json, &["https://box/fhir".to_owned()]), expected, "{text}");
        };
        check(r#"{"resourceType":"Patient"}"#, Some("me"));
        check(r#"{"resourceType":"Observation","subject":{"reference":"Patient/7"}}"#, Some("7"));
        check(
            r#"{"resourceType":"Observation","subject":{"reference":"https://box/fhir/Patient/7"}}"#,
            Some("7"),
        );
        check(
            r#"{"resourceType":"Observation","subject":{"reference":"https://else/fhir/Patient/7"}}"#,
            None,
        );
        check(r#"{"resourceType":"Observation","subject":{"reference":"Group/7"}}"#, None);
        check(r#"{"resourceType":"Task","for":{"reference":"Patient/7"}}"#, Some("7"));
        check(
            r#"{"resourceType":"Appointment","participant":[{"actor":{"reference":"Practitioner/1"}},
                {"actor":{"reference":"Patient/7"}}]}"#,
            Some("7"),
        );
        check(
            r#"{"resourceType":"Account","subject":[{"reference":"Patient/7"},{"reference":"Patient/8"}]}"#,
            None,
        );
        check(r#"{"resourceType":"Organization"}"#, None);
    }
}
