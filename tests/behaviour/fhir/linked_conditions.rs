//! Conditions of a transaction that follow links: decided where nothing can come between, and refused where the transaction
//! itself would decide them.

use clinicvault_tests::{Clinic, Http, sample};
use serde_json::{Value, json};

use super::{bundle, entry, issue, send};

fn pulse(patient: &str, value: u32) -> Value {
    json!({"resourceType": "Observation", "status": "final", "code": {"coding": [{"code": "pulse"}]},
        "subject": {"reference": patient}, "valueInteger": value})
}

fn patient(number: &str, house: &str) -> Value {
    let mut body = sample::patient("Rao", "Asha", "9822000001", number);
    body["id"] = json!(format!("p{number}"));
    body["managingOrganization"] = json!({"reference": format!("Organization/{house}")});
    body
}

/// Two houses with a patient each, of whom there is a pulse each.
fn furnish(fhir: &mut Http) {
    let mut put = |kind: &str, id: &str, mut body: Value| {
        body["id"] = json!(id);
        send(fhir, "PUT", &format!("/fhir/{kind}/{id}"), &[], &body).expect(201);
    };
    for (house, number) in [("north", "7"), ("south", "8")] {
        put("Organization", house, json!({"resourceType": "Organization", "name": house}));
        put("Patient", &format!("p{number}"), patient(number, house));
        put("Observation", &format!("o{number}"), pulse(&format!("Patient/p{number}"), 60));
    }
}

fn transaction(entries: &[Value]) -> Value {
    bundle("transaction", entries)
}

fn statuses(answer: &Value) -> Vec<String> {
    let entries = answer["entry"].as_array().unwrap();
    entries.iter().map(|e| e["response"]["status"].as_str().unwrap()[..3].to_owned()).collect()
}

#[test]
fn conditions_of_a_transaction_follow_links() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    furnish(&mut fhir);
    let mut again = entry("POST", "Observation", Some(pulse("Patient/p7", 99)));
    again["request"]["ifNoneExist"] = json!("code=pulse&patient.organization.name=north");
    let visit = json!({"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"},
        "subject": {"reference": "Patient?family=Rao&organization.name=south"}});
    let all = [
        again,
        entry("PUT", "Observation?code=pulse&patient.identifier=8", Some(pulse("Patient/p8", 72))),
        entry("POST", "Encounter", Some(visit)),
    ];
    let done = fhir.post_fhir("/fhir", &transaction(&all)).expect(200).json();
    assert_eq!(statuses(&done), ["200", "200", "201"], "{done}");
    assert_eq!(fhir.get("/fhir/Observation/o7").expect(200).json()["valueInteger"], 60);
    assert_eq!(fhir.get("/fhir/Observation/o8").expect(200).json()["valueInteger"], 72);
    let made = fhir.get("/fhir/Encounter?patient=p8&_summary=count").expect(200).json();
    assert_eq!(made["total"], 1, "{made}");

    let gone = [entry("DELETE", "Observation?code=pulse&patient.organization.name=south", None)];
    let done = fhir.post_fhir("/fhir", &transaction(&gone)).expect(200).json();
    assert_eq!(statuses(&done), ["204"]);
    fhir.get("/fhir/Observation/o8").expect(410);
    // Backwards, and with a filter: who has a pulse.
    for condition in [
        "Patient?family=Rao&_has:Observation:patient:code=pulse",
        "Patient?family=Rao&_filter=not%20(organization.name%20eq%20south)",
    ] {
        let done =
            fhir.post_fhir("/fhir", &transaction(&[entry("PUT", condition, Some(patient("7", "north")))]));
        assert_eq!(statuses(&done.expect(200).json()), ["200"], "{condition}");
    }
    // Nothing of the record's own names it, or several are meant.
    let wide = transaction(&[entry("DELETE", "Patient?organization.name=north", None)]);
    issue(fhir.post_fhir("/fhir", &wide), 412, "conflict");
    let both = transaction(&[entry("DELETE", "Patient?family=Rao&organization.name:missing=false", None)]);
    let refused = issue(fhir.post_fhir("/fhir", &both), 412, "multiple-matches");
    assert_eq!(refused["issue"][0]["expression"], json!(["Bundle.entry[0]"]), "{refused}");
}

#[test]
fn a_conditional_reference_that_would_hang_on_its_own_transaction_is_refused() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    furnish(&mut fhir);
    let visit = |condition: &str| {
        let subject = json!({"reference": condition});
        let body = json!({"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}, "subject": subject});
        entry("POST", "Encounter", Some(body))
    };
    let by_house = "Patient?family=Rao&organization.name=north";
    let house = json!({"resourceType": "Organization", "id": "south", "name": "north"});
    let mut other = patient("9", "north");
    other.as_object_mut().unwrap().remove("id");
    for (condition, beside) in [
        // The house at the other end is renamed, deleted, or the patient is another.
        (by_house, entry("PUT", "Organization/south", Some(house))),
        (by_house, entry("DELETE", "Organization/north", None)),
        (by_house, entry("POST", "Patient", Some(other.clone()))),
        ("Patient?identifier=7&_has:Observation:patient:code=pulse", entry("DELETE", "Observation/o7", None)),
    ] {
        let refused =
            issue(fhir.post_fhir("/fhir", &transaction(&[visit(condition), beside])), 400, "not-supported");
        let told = &refused["issue"][0];
        assert_eq!(told["expression"], json!(["Bundle.entry[0].resource.subject"]), "{refused}");
        assert!(told["diagnostics"].as_str().unwrap().contains("Bundle.entry[1]"), "{refused}");
    }
    assert_eq!(fhir.get("/fhir/Encounter?_summary=count").expect(200).json()["total"], 0);
    // What cannot be meant stands in nobody's way.
    other["name"] = json!([{"family": "Iyer"}]);
    let done =
        fhir.post_fhir("/fhir", &transaction(&[visit(by_house), entry("POST", "Patient", Some(other))]));
    assert_eq!(statuses(&done.expect(200).json()), ["201", "201"]);
    assert_eq!(fhir.get("/fhir/Encounter?patient=p7&_summary=count").expect(200).json()["total"], 1);
}

#[test]
fn links_of_a_transaction_lead_through_nothing_that_the_caller_may_not_see() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    furnish(&mut fhir);
    let mut narrow = clinic.http().bearer(&clinic.new_token("system/Observation.cruds"));
    let change =
        || entry("PUT", "Observation?code=pulse&patient.identifier=7", Some(pulse("Patient/p7", 90)));
    let done = narrow.post_fhir("/fhir", &transaction(&[change()])).expect(200).json();
    assert_eq!(statuses(&done), ["201"], "the patient is not theirs to find");
    assert_eq!(fhir.get("/fhir/Observation/o7").expect(200).json()["valueInteger"], 60);
}

#[test]
fn transactions_by_one_linked_condition_that_race_make_one_record() {
    let clinic = Clinic::open();
    furnish(&mut clinic.fhir());
    let token = clinic.token();
    let mut all: Vec<String> = std::thread::scope(|scope| {
        let one = || {
            let mut http = clinic.http().bearer(&token);
            move || {
                let sugar = json!({"resourceType": "Observation", "status": "final",
                    "code": {"coding": [{"code": "sugar"}]}, "subject": {"reference": "Patient/p7"}});
                let mut entry = entry("POST", "Observation", Some(sugar));
                entry["request"]["ifNoneExist"] = json!("code=sugar&patient.organization.name=north");
                statuses(&http.post_fhir("/fhir", &transaction(&[entry])).expect(200).json()).remove(0)
            }
        };
        let all: Vec<_> = (0..6).map(|_| scope.spawn(one())).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    all.sort();
    assert_eq!(all, ["200", "200", "200", "200", "200", "201"]);
}
