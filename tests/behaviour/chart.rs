//! The chart: what a doctor sees, what others do not, and who looked.

use clinicvault_tests::{Clinic, Person, sample};
use serde_json::json;

/// A patient with three glucose results, stored over FHIR; the id of the Patient.
fn patient_with_results(clinic: &Clinic) -> String {
    let made = clinic.fhir().post_fhir("/fhir", &sample::transaction("Bhosale", "C-1", 3)).expect(200).json();
    let location = made["entry"][0]["response"]["location"].as_str().unwrap().to_owned();
    let path = location.split("/_history/").next().unwrap();
    path.rsplit('/').next().unwrap().to_owned()
}

fn doctor(clinic: &Clinic) -> Person<'_> {
    clinic.staff("meera", &["doctor"])
}

#[test]
fn a_doctor_sees_results_as_a_series_and_reception_sees_no_clinical_word() {
    let clinic = Clinic::open();
    let id = patient_with_results(&clinic);
    let mut doctor = doctor(&clinic);
    let chart = doctor.get(&format!("/api/patients/{id}/chart")).expect(200).json();
    assert_eq!(chart["allergies"]["state"], "notAsked");
    assert_eq!(chart["results"][0]["text"], "Glucose");
    assert_eq!(chart["results"][0]["series"].as_array().unwrap().len(), 3);
    let code = "http%3A%2F%2Floinc.org%7C2339-0";
    let row = doctor.get(&format!("/api/patients/{id}/results/{code}")).expect(200).json();
    assert_eq!(row["unit"], "mg/dL");
    doctor.get(&format!("/api/patients/{id}/results/none")).expect(404);
    doctor.get("/api/patients/nobody/chart").expect(404);

    let mut desk = clinic.staff("sanjana", &["reception"]);
    let seen = desk.get(&format!("/api/patients/{id}/chart")).expect(200);
    assert!(!seen.text().to_lowercase().contains("glucose"), "{}", seen.text());
    assert_eq!(seen.json()["allergies"]["state"], "unknown");
    desk.get(&format!("/api/patients/{id}/results/{code}")).expect(403);
    desk.post(&format!("/api/patients/{id}/allergies"), &json!({"none": true})).expect(403);
}

#[test]
fn allergies_are_asked_once_and_then_stand_in_the_banner() {
    let clinic = Clinic::open();
    let id = patient_with_results(&clinic);
    let mut doctor = doctor(&clinic);
    let path = format!("/api/patients/{id}/allergies");
    doctor.post(&path, &json!({"none": true})).expect(201);
    let chart = |doctor: &mut Person<'_>| doctor.get(&format!("/api/patients/{id}/chart")).expect(200).json();
    assert_eq!(chart(&mut doctor)["allergies"]["state"], "noneKnown");
    doctor.post(&path, &json!({"substance": "Penicillin", "reaction": "hives", "severity": "moderate", "certainty": "confirmed"})).expect(201);
    let listed = chart(&mut doctor)["allergies"].clone();
    assert_eq!(
        (listed["state"].as_str(), listed["items"][0]["substance"].as_str()),
        (Some("listed"), Some("Penicillin"))
    );
    assert_eq!(doctor.post(&path, &json!({})).expect(422).json()["error"]["field"], "substance");
    doctor
        .post(&format!("/api/patients/{id}/problems"), &json!({"text": "Asthma", "since": "2019"}))
        .expect(201);
    assert_eq!(
        chart(&mut doctor)["problems"][0],
        json!({"id": chart(&mut doctor)["problems"][0]["id"], "text": "Asthma", "since": "2019", "active": true})
    );
}

#[test]
fn whoever_opened_the_record_is_in_its_log() {
    let clinic = Clinic::open();
    let id = patient_with_results(&clinic);
    let mut doctor = doctor(&clinic);
    doctor.get(&format!("/api/patients/{id}/chart")).expect(200);
    let mut desk = clinic.staff("sanjana", &["reception"]);
    desk.get(&format!("/api/patients/{id}/chart")).expect(200);
    desk.get(&format!("/api/patients/{id}/access-log")).expect(403);
    // A write waits for the disk, and every audit line before it is on the disk then.
    doctor.post(&format!("/api/patients/{id}/problems"), &json!({"text": "Cough"})).expect(201);
    let rows = doctor.get(&format!("/api/patients/{id}/access-log")).expect(200).json();
    let who: Vec<&str> = rows["rows"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["action"] == "read")
        .map(|row| row["who"].as_str().unwrap())
        .collect();
    assert!(who.contains(&"Staff meera") && who.contains(&"Staff sanjana"), "{rows}");
    let opened = doctor.get(&format!("/api/patients/{id}/chart")).expect(200).json()["opened"].clone();
    assert!(opened.as_array().unwrap().iter().any(|line| line["who"] == "Staff sanjana"), "{opened}");
}

#[test]
fn a_document_is_saved_and_never_shown_as_a_page() {
    let clinic = Clinic::open();
    let id = patient_with_results(&clinic);
    let document = |kind: &str, data: &str| {
        json!({
            "resourceType": "DocumentReference", "status": "current", "subject": {"reference": format!("Patient/{id}")},
            "content": [{"attachment": {"contentType": kind, "data": data}}]
        })
    };
    let store = |document| {
        let made = clinic.fhir().post_fhir("/fhir/DocumentReference", &document).expect(201).json();
        made["id"].as_str().unwrap().to_owned()
    };
    let page = store(document("text/html", "PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg=="));
    let text = store(document("text/plain", "aGVsbG8="));
    let mut doctor = doctor(&clinic);
    let got = doctor.get(&format!("/api/patients/{id}/documents/{text}")).expect(200);
    assert_eq!(got.text(), "hello");
    let got = doctor.get(&format!("/api/patients/{id}/documents/{page}")).expect(200);
    assert_eq!(got.header("content-type"), Some("application/octet-stream"));
    assert!(got.header("content-disposition").unwrap().starts_with("attachment"));
    assert!(got.header("content-security-policy").unwrap().contains("sandbox"), "{:?}", got.headers);
    doctor.get(&format!("/api/patients/somebody-else/documents/{text}")).expect(404);
    clinic.staff("sanjana", &["reception"]).get(&format!("/api/patients/{id}/documents/{text}")).expect(403);
}
