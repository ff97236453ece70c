//! Times of reading and evaluating typical FHIRPath expressions, one JSON row a line. Run with `--release`:
//! `cargo run --release -p clinicvault-gateway --example fhirpath_bench`.
#![allow(clippy::print_stdout, clippy::expect_used)]

use std::hint::black_box;
use std::time::Instant;

use clinicvault_gateway::fhirpath::{Context, Expression, Node};
use clinicvault_gateway::json::{self, Limits};

const PATIENT: &str = r##"{"resourceType":"Patient","id":"7","meta":{"versionId":"3"},
"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">Asha Rao</div>"},
"identifier":[{"system":"urn:x","value":"NC-004218"},{"system":"urn:y","value":"91-2233-4455-6677"}],"active":true,
"name":[{"use":"official","family":"Rao","given":["Asha","M"]},{"use":"usual","given":["Ash"]}],
"telecom":[{"system":"phone","value":"98220 11111","use":"mobile"},{"system":"email","value":"a@example.org"}],
"gender":"female","birthDate":"1974-12-25","deceasedBoolean":false,
"address":[{"line":["12 Hill Road"],"city":"Pune","postalCode":"411001","country":"IN"}],
"contact":[{"name":{"text":"Ravi Rao"},"telecom":[{"system":"phone","value":"98220 22222"}]}],
"generalPractitioner":[{"reference":"Practitioner/9"}],"managingOrganization":{"reference":"#o"},
"contained":[{"resourceType":"Organization","id":"o","name":"Clinic"}]}"##;

const OBSERVATION: &str = r#"{"resourceType":"Observation","id":"1","status":"final",
"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],
"code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},"subject":{"reference":"Patient/7"},
"encounter":{"reference":"Encounter/3"},"effectiveDateTime":"2024-02-03T10:15:00+05:30",
"component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},
"valueQuantity":{"value":124,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}},
{"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},
"valueQuantity":{"value":81,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}]}"#;

/// Name of the row, resource, whether as a search parameter, expression.
const EXPRESSIONS: [(&str, &str, bool, &str); 12] = [
    ("sp_family", PATIENT, true, "Patient.name.family"),
    ("sp_phone", PATIENT, true, "Patient.telecom.where(system='phone')"),
    ("sp_deceased", PATIENT, true, "Patient.deceased.exists() and Patient.deceased != false"),
    (
        "sp_birthdate_of_three",
        PATIENT,
        true,
        "Patient.birthDate | Person.birthDate | RelatedPerson.birthDate",
    ),
    ("sp_patient", OBSERVATION, true, "Observation.subject.where(resolve() is Patient)"),
    (
        "sp_value_quantity",
        OBSERVATION,
        true,
        "(Observation.value as Quantity) | (Observation.component.value as Quantity)",
    ),
    ("sp_code", OBSERVATION, true, "Observation.code | Observation.component.code"),
    ("inv_ele_1", PATIENT, false, "hasValue() or (children().count() > id.count())"),
    (
        "inv_pat_1",
        PATIENT,
        false,
        "contact.all(name.exists() or telecom.exists() or address.exists() or organization.exists())",
    ),
    ("inv_obs_6", OBSERVATION, false, "dataAbsentReason.empty() or value.empty()"),
    (
        "inv_obs_7",
        OBSERVATION,
        false,
        "value.empty() or component.code.where(coding.intersect(%resource.code.coding).exists()).empty()",
    ),
    (
        "inv_dom_3",
        PATIENT,
        true,
        "contained.where((('#'+id in (%resource.descendants().reference | %resource.descendants().as(canonical) | %resource.descendants().as(uri) | %resource.descendants().as(url))) or descendants().where(reference = '#').exists() or descendants().where(as(canonical) = '#').exists() or descendants().where(as(canonical) = '#').exists()).not()).trace('unmatched', id).empty()",
    ),
];

fn main() {
    for (name, resource, search, text) in EXPRESSIONS {
        let resource = json::parse(resource.as_bytes(), &Limits::default()).expect("good JSON");
        row(&format!("parse_{name}"), || drop(black_box(Expression::parse(black_box(text)))));
        let expression = Expression::parse(text).expect("a good expression");
        let context = Context::new(&resource);
        let context = if search { context.for_search() } else { context };
        expression.evaluate(&context, Node::resource(&resource)).expect("an answer");
        row(name, || drop(black_box(expression.evaluate(&context, Node::resource(black_box(&resource))))));
    }
}

/// Median over rounds of a thousand.
fn row(name: &str, mut work: impl FnMut()) {
    let mut rounds = Vec::new();
    let begun = Instant::now();
    while rounds.len() < 15 || (begun.elapsed().as_millis() < 300 && rounds.len() < 2000) {
        let started = Instant::now();
        (0..1000).for_each(|_| work());
        rounds.push(started.elapsed().as_secs_f64() * 1e3);
    }
    rounds.sort_by(f64::total_cmp);
    let median = rounds.get(rounds.len() / 2).copied().unwrap_or_default();
    println!(
        "{{\"name\":\"fhirpath_{name}\",\"unit\":\"us\",\"median\":{median:.3},\"rounds\":{}}}",
        rounds.len()
    );
}
