//! Consents of patients: what they withhold is withheld on every path.

use clinicvault_tests::{Clinic, Http, Person, sample};
use serde_json::{Value, json};

use super::send;

fn put(fhir: &mut Http, body: &Value) {
    let path = format!("/fhir/{}/{}", body["resourceType"].as_str().unwrap(), body["id"].as_str().unwrap());
    let answer = fhir.put_fhir(&path, body);
    assert!(matches!(answer.status, 200 | 201), "{path} {}", answer.text());
}

fn observation(id: &str, patient: &str) -> Value {
    json!({"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "x"},
        "subject": {"reference": format!("Patient/{patient}")}, "encounter": {"reference": format!("Encounter/v{patient}")}})
}

fn consent(provision: &Value) -> Value {
    json!({"resourceType": "Consent", "id": "wish", "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": "Patient/a"},
        "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTIN"}]},
        "provision": provision})
}

/// Two patients, `a` and `b`, with a visit and a result each.
fn people(fhir: &mut Http) {
    for id in ["a", "b"] {
        put(fhir, &json!({"resourceType": "Patient", "id": id, "name": [{"family": format!("Rao{id}")}]}));
        put(
            fhir,
            &json!({"resourceType": "Encounter", "id": format!("v{id}"), "status": "finished", "class": {"code": "AMB"},
                "subject": {"reference": format!("Patient/{id}")}}),
        );
        put(fhir, &observation(&format!("r{id}"), id));
    }
}

fn ids(answer: &Value) -> Vec<String> {
    let entries = answer["entry"].as_array().cloned().unwrap_or_default();
    let mut ids: Vec<String> =
        entries.iter().map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

#[test]
fn a_patient_who_says_no_to_programs_is_not_there_for_them() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    people(&mut fhir);
    let mut program = clinic.http().bearer(&clinic.new_token("system/*.rs"));
    assert_eq!(ids(&program.get("/fhir/Observation").expect(200).json()), ["ra", "rb"]);

    // Somebody whom the box does not know: that counts against programs, which may be anybody's.
    let insurer = json!([{"role": {"coding": [{"code": "IRCP"}]}, "reference": {"display": "An insurer"}}]);
    let no = consent(&json!({"type": "deny", "actor": insurer}));
    put(&mut fhir, &no);
    for (path, wanted) in [
        ("/fhir/Observation", vec!["rb"]),
        ("/fhir/Patient", vec!["b"]),
        ("/fhir/Patient?name=rao", vec!["b"]),
        ("/fhir/Observation?patient=a", vec![]),
        ("/fhir/Observation?patient.name=raoa", vec![]),
        ("/fhir/Patient?_has:Observation:patient:status=final", vec!["b"]),
        ("/fhir/Observation?_include=Observation:subject", vec!["b", "rb"]),
        ("/fhir/Patient?_id=b&_revinclude=Observation:subject", vec!["b", "rb"]),
        ("/fhir/Encounter?_revinclude=Observation:encounter", vec!["rb", "vb"]),
        ("/fhir/Patient/b/Observation", vec!["rb"]),
        ("/fhir?_type=Patient,Observation", vec!["b", "rb"]),
        ("/fhir/Consent", vec!["wish"]),
    ] {
        let found = program.get(path).expect(200).json();
        assert_eq!(ids(&found), wanted, "{path}");
    }
    for path in ["/fhir/Observation?_summary=count", "/fhir/Patient?_total=accurate"] {
        assert_eq!(program.get(path).expect(200).json()["total"], 1, "{path}");
    }
    for path in [
        "/fhir/Patient/a",
        "/fhir/Observation/ra",
        "/fhir/Observation/ra/_history/1",
        "/fhir/Observation/ra/_history",
        "/fhir/Patient/a/$everything",
    ] {
        program.get(path).expect(404);
    }
    let history = ids(&program.get("/fhir/_history").expect(200).json());
    assert!(history.iter().all(|id| !["a", "ra", "va"].contains(&id.as_str())), "{history:?}");
    let query = json!({"query": "{ ObservationList { id } }"});
    let graph = send(&mut program, "POST", "/fhir/$graphql", &[("Content-Type", "application/json")], &query);
    assert!(!graph.text().contains("\"ra\""), "{}", graph.text());

    // The clinic's own people treat the patient as before, until the patient says otherwise.
    let mut doctor = clinic.staff("asha", &["doctor"]);
    doctor.http.get("/fhir/Observation/ra").expect(200);
    assert_eq!(ids(&doctor.http.get("/fhir/Observation").expect(200).json()), ["ra", "rb"]);
    let mut withdrawn = no.clone();
    withdrawn["status"] = json!("inactive");
    doctor.http.put_fhir("/fhir/Consent/wish", &withdrawn).expect(200);
    assert_eq!(ids(&program.get("/fhir/Observation").expect(200).json()), ["ra", "rb"]);
}

#[test]
fn a_doctor_whom_the_patient_shuts_out_opens_the_record_only_in_an_emergency() {
    let clinic = Clinic::open();
    people(&mut clinic.fhir());
    let mut asha = clinic.staff("asha", &["doctor"]);
    let mut ravi = clinic.staff("ravi", &["doctor", "owner"]);
    let id = asha.http.get("/api/session").expect(200).json()["user"]["id"].as_str().unwrap().to_owned();
    let actor = json!([{"role": {"coding": [{"code": "IRCP"}]},
        "reference": {"identifier": {"system": "urn:clinicvault:account", "value": id}}}]);
    let wish = consent(&json!({"provision": [{"type": "deny", "actor": actor}]}));
    ravi.http.put_fhir("/fhir/Consent/wish", &wish).expect(201);

    for path in ["/fhir/Observation/ra", "/fhir/Patient/a"] {
        asha.http.get(path).expect(404);
        ravi.http.get(path).expect(200);
    }
    let closed = asha.http.get("/api/patients/a/chart").expect(200).json();
    assert_eq!(closed["consent"], json!({"state": "all"}));
    assert!(closed["hidden"].as_array().unwrap().len() == 7 && closed["results"] == json!([]), "{closed}");
    assert!(closed["patient"].get("phone").is_none(), "{closed}");
    assert!(ravi.http.get("/api/patients/a/chart").expect(200).json().get("consent").is_none());
    assert_eq!(asha.http.get("/fhir/Patient?_summary=count").expect(200).json()["total"], 1);

    asha.http.post("/api/patients/a/emergency", &json!({"reason": "no"})).expect(422);
    asha.http
        .post("/api/patients/nobody/emergency", &json!({"reason": "unconscious in the house"}))
        .expect(404);
    asha.http.post("/api/patients/a/emergency", &json!({"reason": "unconscious in the house"})).expect(200);
    asha.http.get("/fhir/Observation/ra").expect(200);
    let open = asha.http.get("/api/patients/a/chart").expect(200).json();
    assert_eq!(open["consent"]["state"], "open");
    assert!(open["consent"]["until"].is_string() && open.get("hidden").is_none(), "{open}");
    // The owner sees the opening with its reason; who only treats does not.
    let listed = ravi.http.get("/api/emergencies").expect(200).json();
    let row = &listed["openings"][0];
    assert_eq!(
        (listed["openings"].as_array().unwrap().len(), &listed["more"]),
        (1, &json!(false)),
        "{listed}"
    );
    assert_eq!((&row["reason"], &row["role"]), (&json!("unconscious in the house"), &json!("doctor")));
    assert_eq!(row["patient"]["id"], "a");
    assert!(row["patient"].get("phone").is_none(), "{listed}");
    asha.http.get("/api/emergencies").expect(403);
    let mut auditor = clinic.http().bearer(&clinic.new_token("system/AuditEvent.rs"));
    let told = auditor.get("/fhir/AuditEvent?patient=a&subtype=break-glass").expect(200).json();
    let event = &told["entry"][0]["resource"];
    assert_eq!(event["outcomeDesc"], "unconscious in the house", "{told}");
    assert_eq!(event["purposeOfEvent"][0]["coding"][0]["code"], "BTG");
    auditor.post("/api/patients/a/emergency", &json!({"reason": "unconscious in the house"})).expect(403);
}

#[test]
fn a_record_that_is_open_in_an_emergency_stays_so_when_the_box_starts_again() {
    let mut clinic = Clinic::open();
    people(&mut clinic.fhir());
    let reason = json!({"reason": "unconscious in the house"});
    let until = {
        let mut asha = clinic.staff("asha", &["doctor"]);
        let id = asha.http.get("/api/session").expect(200).json()["user"]["id"].as_str().unwrap().to_owned();
        let actor = json!([{"role": {"coding": [{"code": "IRCP"}]},
            "reference": {"identifier": {"system": "urn:clinicvault:account", "value": id}}}]);
        let wish = consent(&json!({"provision": [{"type": "deny", "actor": actor}]}));
        clinic.fhir().put_fhir("/fhir/Consent/wish", &wish).expect(201);
        asha.http.get("/fhir/Patient/a").expect(404);
        asha.http.post("/api/patients/a/emergency", &reason).expect(200);
        asha.http.get("/api/patients/a/chart").expect(200).json()["consent"]["until"].clone()
    };
    // The plug is pulled: nothing is left but what was committed.
    clinic.kill();
    clinic.start();
    let mut asha = Person::sign_in(&clinic, "asha", &Person::own_password("asha"));
    asha.http.get("/fhir/Patient/a").expect(200);
    let open = asha.http.get("/api/patients/a/chart").expect(200).json();
    assert_eq!((&open["consent"]["state"], &open["consent"]["until"]), (&json!("open"), &until), "{open}");
    // To nobody else, and nothing else.
    let mut ravi = clinic.staff("ravi", &["doctor", "owner"]);
    let listed = ravi.http.get("/api/emergencies").expect(200).json();
    assert_eq!(listed["openings"].as_array().unwrap().len(), 1, "{listed}");
}

#[test]
fn a_withheld_patient_is_found_at_the_desk_by_the_four_facts_and_by_nothing_else() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    people(&mut fhir);
    let mut patient = sample::patient("Kshirsagar", "Vimal", "9822055501", "7001");
    patient["id"] = json!("k");
    patient["address"] = json!([{"city": "Sangamner"}]);
    fhir.put_fhir("/fhir/Patient/k", &patient).expect(201);
    let mut desk = clinic.staff("sana", &["reception"]);
    let before = desk.http.get("/api/search?q=kshirsagar").expect(200).json();
    assert_eq!(before["hits"][0]["patient"]["phone"], "9822055501");
    assert!(before["hits"][0].get("withheld").is_none(), "{before}");

    let mut wish = consent(&json!({"type": "deny"}));
    wish["patient"] = json!({"reference": "Patient/k"});
    let mut ravi = clinic.staff("ravi", &["doctor"]);
    ravi.http.put_fhir("/fhir/Consent/wish", &wish).expect(201);

    for query in ["kshirsagar", "vimal%20kshirsagar", "9822055501"] {
        let found = desk.http.get(&format!("/api/search?q={query}")).expect(200).json();
        let hit = &found["hits"][0];
        assert_eq!(
            (&hit["patient"]["id"], &hit["withheld"]),
            (&json!("k"), &json!(true)),
            "{query}: {found}"
        );
        assert_eq!(hit["patient"]["birthDate"], patient["birthDate"]);
        for more in ["phone", "village", "otherName"] {
            assert!(hit["patient"].get(more).is_none(), "{more}: {found}");
        }
        let fields = hit["matched"].as_array().unwrap();
        assert!(fields.iter().all(|part| part["field"] == "name" || part["field"] == "number"), "{found}");
    }
    for query in ["982205550", "98220", "7001", "sangamner"] {
        let found = desk.http.get(&format!("/api/search?q={query}")).expect(200).text();
        assert!(!found.contains("\"k\""), "{query}: {found}");
    }
    let recent = desk.http.get("/api/patients/recent").expect(200).text();
    assert!(!recent.contains("\"k\"") && recent.contains("\"b\""), "{recent}");
    assert_eq!(ids(&ravi.http.get("/fhir/Patient").expect(200).json()), ["a", "b"]);
    ravi.http.get("/fhir/Patient/k").expect(404);

    // Registered once more, the person is recognised, and no more is told than at the desk.
    let same = json!({"name": "Vimal Kshirsagar", "sex": "F", "birth": {"date": patient["birthDate"]}, "phone": "9822055501"});
    let mut form = same.clone();
    form["key"] = json!("form-of-vimal-1");
    for told in [
        desk.http.post("/api/patients/duplicates", &same).expect(200).text(),
        desk.http.post("/api/patients", &form).expect(409).text(),
    ] {
        assert!(told.contains("\"k\"") && told.contains("withheld"), "{told}");
        assert!(!told.contains("Sangamner") && !told.contains("9822055501"), "{told}");
    }
}

#[test]
fn where_programs_need_consent_only_what_is_permitted_is_given() {
    let mut clinic = Clinic::create();
    let settings = clinic.scratch().join("settings.toml");
    std::fs::write(&settings, "[fhir]\nconsent_for_programs = true\n").unwrap();
    clinic.serve_with(&["--config", settings.to_str().unwrap()]);
    clinic.start();
    let mut doctor = clinic.staff("asha", &["doctor"]);
    people(&mut doctor.http);
    doctor.http.put_fhir(
        "/fhir/Organization/house",
        &json!({"resourceType": "Organization", "id": "house", "name": "x"}),
    );
    let mut program = clinic.http().bearer(&clinic.new_token("system/*.rs"));
    assert_eq!(ids(&program.get("/fhir/Observation").expect(200).json()), Vec::<String>::new());
    program.get("/fhir/Observation/ra").expect(404);
    assert_eq!(program.get("/fhir/Patient?_summary=count").expect(200).json()["total"], 0);

    let class = json!([{"system": "http://hl7.org/fhir/resource-types", "code": "Observation"}]);
    let mut wish = consent(&json!({"type": "permit", "class": class}));
    doctor.http.put_fhir("/fhir/Consent/wish", &wish).expect(201);
    assert_eq!(ids(&program.get("/fhir/Observation").expect(200).json()), ["ra"]);
    program.get("/fhir/Observation/ra").expect(200);
    program.get("/fhir/Patient/a").expect(404);
    // What is nobody's is not asked about.
    program.get("/fhir/Location").expect(200);

    // A rule with a time that is over, and one that nobody can judge, permit nothing.
    for narrowed in [
        json!({"type": "permit", "period": {"end": "2020-01-01"}}),
        json!({"type": "permit", "purpose": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "TREAT"}]}),
    ] {
        wish["provision"] = narrowed;
        doctor.http.put_fhir("/fhir/Consent/wish", &wish).expect(200);
        program.get("/fhir/Observation/ra").expect(404);
    }
    doctor.http.get("/fhir/Observation/ra").expect(200);
}
