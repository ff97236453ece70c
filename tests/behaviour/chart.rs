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

#[test]
fn a_critical_result_waits_until_a_doctor_has_looked_at_it() {
    let clinic = Clinic::open();
    let id = patient_with_results(&clinic);
    let now = jiff::Timestamp::now().to_string();
    let potassium = |value: f64| {
        json!({
            "resourceType": "Observation", "id": "k1", "status": "final", "subject": {"reference": format!("Patient/{id}")},
            "code": {"coding": [{"system": "http://loinc.org", "code": "2823-3"}], "text": "Potassium"},
            "effectiveDateTime": now, "valueQuantity": {"value": value, "unit": "mmol/L"},
            "interpretation": [{"coding": [{"code": "HH"}]}]
        })
    };
    clinic.fhir().put_fhir("/fhir/Observation/k1", &potassium(6.1)).expect(201);
    let mut owner = clinic.owner();
    let mut staff = |username: &str, role: &str| {
        owner.add_staff(username, &[role]);
        Person::sign_in(&clinic, username, &Person::temporary_password(username))
    };
    let (mut meera, mut imran) = (staff("meera", "doctor"), staff("imran", "doctor"));
    let (mut vikas, mut lata) = (staff("vikas", "nurse"), staff("lata", "lab"));
    let mut sanjana = staff("sanjana", "reception");
    let chart = |who: &mut Person<'_>| who.get(&format!("/api/patients/{id}/chart")).expect(200).json();
    let waiting = |who: &mut Person<'_>| who.get("/api/results/critical").expect(200).json();
    let alert = chart(&mut meera)["alerts"][0].clone();
    assert_eq!((alert["value"].as_str(), alert["version"].as_u64()), (Some("6.1"), Some(1)), "{alert}");
    let list = waiting(&mut vikas);
    assert_eq!(list["waiting"][0]["result"]["id"], "k1", "{list}");
    assert_eq!(list["waiting"][0]["patient"]["id"], id);

    let path = format!("/api/patients/{id}/observations/k1/review");
    let seen = json!({"version": 1});
    vikas.post(&path, &seen).expect(403);
    lata.post(&path, &seen).expect(403);
    owner.post(&path, &seen).expect(403);
    sanjana.get("/api/results/critical").expect(403);
    meera.post(&path, &json!({"version": 2})).expect(412);
    meera.post("/api/patients/nobody/observations/k1/review", &seen).expect(404);
    let mark = meera.post(&path, &seen).expect(200).json();
    assert_eq!(mark["by"], "Staff meera");

    // The other screens: nothing waits, and who looked stands beside the value.
    let after = chart(&mut vikas);
    assert_eq!(after["alerts"].as_array().unwrap().len(), 0, "{after}");
    let row = after["results"].as_array().unwrap().iter().find(|row| row["code"] == "2823-3").unwrap();
    assert_eq!(row["latest"]["reviewed"], mark);
    let list = waiting(&mut vikas);
    assert_eq!(
        (list["waiting"].as_array().unwrap().len(), &list["reviewed"][0]["result"]["reviewed"]),
        (0, &mark)
    );

    // It is FHIR, in the patient's compartment, and in the log of who touched the record.
    let tasks = clinic.fhir().get(&format!("/fhir/Task?patient={id}")).expect(200).json();
    let task = &tasks["entry"][0]["resource"];
    assert_eq!(tasks["total"], 1, "{tasks}");
    assert_eq!(
        (task["status"].as_str(), task["focus"]["reference"].as_str(), task["owner"]["display"].as_str()),
        (Some("completed"), Some("Observation/k1/_history/1"), Some("Staff meera"))
    );
    let log = meera.get(&format!("/api/patients/{id}/access-log")).expect(200).json();
    let line =
        log["rows"].as_array().unwrap().iter().find(|row| row["what"] == "Task" && row["action"] == "create");
    assert_eq!(line.expect("an audit line of the mark")["who"], "Staff meera");

    // A second look changes nothing; another doctor's neither. Taken back, it waits again.
    assert_eq!(imran.post(&path, &seen).expect(200).json(), mark);
    meera.delete(&format!("{path}?version=1")).expect(204);
    assert_eq!(chart(&mut meera)["alerts"][0]["id"], "k1");
    meera.delete(&format!("{path}?version=1")).expect(404);
    meera.post(&path, &seen).expect(200);

    // The laboratory corrects it: nobody has looked at that.
    clinic.fhir().put_fhir("/fhir/Observation/k1", &potassium(6.3)).expect(200);
    let again = chart(&mut meera)["alerts"][0].clone();
    assert_eq!((again["value"].as_str(), again["version"].as_u64()), (Some("6.3"), Some(2)), "{again}");
    meera.post(&path, &seen).expect(412);
    meera.post(&path, &json!({"version": 2})).expect(200);

    // A usual value asks for nothing.
    let usual = json!({"resourceType": "Observation", "id": "na1", "status": "final", "code": {"text": "Sodium"},
        "subject": {"reference": format!("Patient/{id}")}, "effectiveDateTime": now, "valueQuantity": {"value": 140}});
    clinic.fhir().put_fhir("/fhir/Observation/na1", &usual).expect(201);
    meera.post(&format!("/api/patients/{id}/observations/na1/review"), &json!({"version": 1})).expect(422);
}

#[test]
fn a_mark_speaks_only_for_what_was_there_and_only_in_the_name_of_an_account() {
    let clinic = Clinic::open();
    let id = patient_with_results(&clinic);
    let potassium = |name: &str, day: &str, value: f64, code: &str| {
        json!({
            "resourceType": "Observation", "id": name, "status": "final", "subject": {"reference": format!("Patient/{id}")},
            "code": {"coding": [{"system": "http://loinc.org", "code": "2823-3"}], "text": "Potassium"},
            "effectiveDateTime": day, "valueQuantity": {"value": value, "unit": "mmol/L"},
            "interpretation": [{"coding": [{"code": code}]}]
        })
    };
    let put = |resource: &serde_json::Value, status: u16| {
        let path = format!("/fhir/Observation/{}", resource["id"].as_str().unwrap());
        clinic.fhir().put_fhir(&path, resource).expect(status);
    };
    put(&potassium("early", "2026-01-02", 4.4, "N"), 201);
    put(&potassium("late", "2026-01-09", 6.1, "HH"), 201);
    let mut owner = clinic.owner();
    owner.add_staff("meera", &["doctor"]);
    let mut meera = Person::sign_in(&clinic, "meera", &Person::temporary_password("meera"));
    let waiting = |who: &mut Person<'_>| {
        let chart = who.get(&format!("/api/patients/{id}/chart")).expect(200).json();
        let list = who.get("/api/results/critical").expect(200).json();
        let ids = |rows: &serde_json::Value, at: &str| -> Vec<String> {
            let rows = rows.as_array().unwrap().iter();
            rows.map(|row| row.pointer(at).and_then(|id| id.as_str()).unwrap().to_owned()).collect()
        };
        let (chart, list) = (ids(&chart["alerts"], "/id"), ids(&list["waiting"], "/result/id"));
        assert_eq!(chart, list, "the chart and the first screen agree");
        list
    };
    // Drawn long ago and come today.
    assert_eq!(waiting(&mut meera), ["late"]);
    meera.post(&format!("/api/patients/{id}/observations/late/review"), &json!({"version": 1})).expect(200);
    assert!(waiting(&mut meera).is_empty());

    // What comes after the mark waits, though the specimen is older: corrected to a critical value, or new.
    put(&potassium("early", "2026-01-02", 6.8, "HH"), 200);
    assert_eq!(waiting(&mut meera), ["early"]);
    meera.post(&format!("/api/patients/{id}/observations/early/review"), &json!({"version": 2})).expect(200);
    assert!(waiting(&mut meera).is_empty());
    put(&potassium("between", "2026-01-05", 6.5, "HH"), 201);
    assert_eq!(waiting(&mut meera), ["between"]);
    let path = format!("/api/patients/{id}/observations/between/review");
    meera.post(&path, &json!({"version": 1})).expect(200);
    assert!(waiting(&mut meera).is_empty());

    // A Task in the place of a mark that names nobody here, or another version, is none; a doctor's takes its place.
    let tasks = clinic.fhir().get(&format!("/fhir/Task?patient={id}")).expect(200).json();
    let focus = "Observation/between/_history/1";
    let tasks = tasks["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]);
    let task = tasks.into_iter().find(|task| task["focus"]["reference"] == focus).unwrap().clone();
    let place = format!("/fhir/Task/{}", task["id"].as_str().unwrap());
    for (pointer, forged) in
        [("/owner/identifier/value", "nobody"), ("/focus/reference", "Observation/late/_history/1")]
    {
        let mut other = task.clone();
        *other.pointer_mut(pointer).unwrap() = json!(forged);
        clinic.fhir().put_fhir(&place, &other).expect(200);
        assert_eq!(waiting(&mut meera), ["between"], "{forged}");
        meera.post(&path, &json!({"version": 1})).expect(200);
        assert!(waiting(&mut meera).is_empty());
    }

    // Who was shown the patient's results on the first screen is in the patient's log, and not once for every look.
    let log = meera.get(&format!("/api/patients/{id}/access-log")).expect(200).json();
    let rows = log["rows"].as_array().unwrap().iter();
    let looks = rows.filter(|row| row["what"] == "Observation" && row["action"] == "search").count();
    assert_eq!(looks, 1, "{log}");
}
