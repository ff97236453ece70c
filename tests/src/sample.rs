//! Invented patients, results and messages, each recognisable by the words put into it.

use serde_json::{Value, json};

/// A FHIR Patient with one name, a phone and an identifier in the test's own system.
pub fn patient(family: &str, given: &str, phone: &str, number: &str) -> Value {
    json!({
        "resourceType": "Patient",
        "identifier": [{ "system": "http://tests.example/number", "value": number }],
        "name": [{ "family": family, "given": [given] }],
        "telecom": [{ "system": "phone", "value": phone }],
        "gender": "female",
        "birthDate": "1984-03-07"
    })
}

/// A glucose result about `subject` (a reference such as `Patient/1`).
pub fn observation(subject: &str, value: &str, note: &str) -> Value {
    let number: serde_json::Number = value.parse().expect("a decimal");
    json!({
        "resourceType": "Observation",
        "status": "final",
        "code": { "coding": [{ "system": "http://loinc.org", "code": "2339-0" }], "text": "Glucose" },
        "subject": { "reference": subject },
        "effectiveDateTime": "2026-02-03T08:30:00+05:30",
        "valueQuantity": { "value": number, "unit": "mg/dL" },
        "note": [{ "text": note }]
    })
}

/// A transaction that creates a patient and `results` observations about them, linked by `urn:uuid`.
pub fn transaction(family: &str, number: &str, results: usize) -> Value {
    let patient_url = "urn:uuid:5f0a1c62-0a4b-4a44-9f8e-000000000001";
    let mut entries = vec![json!({
        "fullUrl": patient_url,
        "resource": patient(family, "Asha", "9800000000", number),
        "request": { "method": "POST", "url": "Patient" }
    })];
    for i in 0..results {
        entries.push(json!({
            "fullUrl": format!("urn:uuid:5f0a1c62-0a4b-4a44-9f8e-1{i:011}"),
            "resource": observation(patient_url, &format!("{}.{}", 80 + i % 90, i % 10), number),
            "request": { "method": "POST", "url": "Observation" }
        }));
    }
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries })
}

/// What the register-patient form sends.
pub fn registration(name: &str, phone: &str, key: &str) -> Value {
    json!({
        "name": name, "birth": { "ageYears": 41 }, "sex": "F", "phone": phone, "noPhone": false,
        "village": "Hadapsar", "decisions": [], "key": key
    })
}

/// An ORU^R01 of one haemoglobin and one glucose, as a lab sends it. Segments end with CR.
pub fn oru(control_id: &str, number: &str, family: &str, given: &str, glucose: &str) -> String {
    [
        format!("MSH|^~\\&|LIS|CITYPATH|CLINICVAULT|CLINIC|20260203090000+0530||ORU^R01^ORU_R01|{control_id}|P|2.5.1"),
        format!("PID|1||{number}^^^CITYPATH^MR||{family}^{given}||19840307|F|||||9822012345"),
        "PV1|1|O".to_owned(),
        format!("ORC|RE|P{control_id}|F{control_id}"),
        format!("OBR|1|P{control_id}|F{control_id}|24331-1^Lipid and glucose panel^LN|||20260203083000+0530||||||||||||||||||F"),
        "OBX|1|NM|718-7^Hemoglobin^LN||12.4|g/dL|12.0-15.5|N|||F|||20260203083000+0530".to_owned(),
        format!("OBX|2|NM|2339-0^Glucose^LN||{glucose}|mg/dL|70-140|H|||F|||20260203083000+0530"),
    ]
    .join("\r")
        + "\r"
}

/// An ADT of the given trigger (`A04`, `A08` ...).
pub fn adt(trigger: &str, control_id: &str, number: &str, family: &str, given: &str, phone: &str) -> String {
    [
        format!("MSH|^~\\&|HIS|CITYHOSP|CLINICVAULT|CLINIC|20260203090000+0530||ADT^{trigger}^ADT_A01|{control_id}|P|2.5.1"),
        "EVN||20260203090000+0530".to_owned(),
        format!("PID|1||{number}^^^CITYHOSP^MR||{family}^{given}||19840307|F|||14 Lane^^Pune^MH^411028^IN||{phone}"),
        "PV1|1|O".to_owned(),
    ]
    .join("\r")
        + "\r"
}
