//! FHIR messages: stored before they are answered, applied to the right patient, taken once.

use std::time::{Duration, Instant};

use clinicvault_tests::{Answer, Clinic, Http, Person, Receiver, Sink};
use serde_json::{Value, json};

use crate::channels::wait_count;
use crate::outbox_forwarding::create;

const WITHIN: Duration = Duration::from_secs(30);

/// A message about a patient of the laboratory's number with one result; `focus` is a patient or the result.
fn message(id: &str, number: &str, focus: &str, value: f64) -> Value {
    let at = |what: &str| format!("https://lab.example/fhir/{what}");
    json!({"resourceType": "Bundle", "type": "message", "identifier": {"system": "urn:lab", "value": id},
        "timestamp": "2026-02-03T09:00:00+05:30", "entry": [
        {"fullUrl": at("MessageHeader/h"), "resource": {"resourceType": "MessageHeader", "id": format!("h-{id}"),
            "eventCoding": {"system": "urn:lab:events", "code": "result-ready"},
            "source": {"name": "City lab", "endpoint": "https://lab.example/fhir"}, "focus": [{"reference": at(focus)}]}},
        {"fullUrl": at("Patient/1"), "resource": {"resourceType": "Patient", "id": "1",
            "identifier": [{"system": "urn:lab:mrn", "value": number}],
            "name": [{"family": "Rao", "given": ["Anil"]}], "gender": "male", "birthDate": "1984-03-07"}},
        {"fullUrl": at("Observation/2"), "resource": {"resourceType": "Observation", "id": "2",
            "identifier": [{"system": "urn:lab:results", "value": format!("R-{number}")}], "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "2339-0"}], "text": "Glucose"},
            "subject": {"reference": at("Patient/1")}, "effectiveDateTime": "2026-02-03T08:30:00+05:30",
            "valueQuantity": {"value": value, "unit": "mg/dL"}}}]})
}

fn process(http: &mut Http, message: &Value) -> Answer {
    http.post_fhir("/fhir/$process-message", message)
}

/// What the answer says became of a message.
fn code(answer: &Answer) -> String {
    let bundle = answer.json();
    assert_eq!((&bundle["resourceType"], &bundle["type"]), (&json!("Bundle"), &json!("message")), "{bundle}");
    bundle["entry"][0]["resource"]["response"]["code"].as_str().unwrap().to_owned()
}

#[test]
fn a_message_is_stored_answered_and_applied_to_the_patient_that_its_identifiers_name() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let statement = fhir.get("/fhir/metadata").expect(200).json();
    let told = &statement["messaging"][0]["endpoint"][0]["address"];
    assert!(told.as_str().unwrap().ends_with("/fhir/$process-message"), "{told}");

    let result = message("B-1", "88", "Observation/2", 101.0);
    let answer = process(&mut fhir, &result).expect(200);
    assert_eq!(code(&answer), "ok");
    let header = answer.json()["entry"][0]["resource"].clone();
    assert_eq!(header["response"]["identifier"], "h-B-1");
    assert_eq!(header["destination"][0]["endpoint"], "https://lab.example/fhir");
    // Nobody knows the patient, and a result makes none.
    let mut doctor = clinic.staff("meera", &["doctor"]);
    let began = Instant::now();
    let held = loop {
        let rows =
            doctor.get("/api/inbox?state=needs").expect(200).json()["rows"].as_array().unwrap().clone();
        if let Some(row) = rows.first() {
            break row.clone();
        }
        assert!(began.elapsed() < WITHIN);
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!((&held["sender"], &held["person"]), (&json!("City lab"), &json!("Anil Rao")));
    let shown = doctor.get(&format!("/api/inbox/{}", held["seq"])).expect(200).json();
    assert_eq!(
        (&shown["held"]["reason"], &shown["answered"]),
        (&json!("unknownPatient"), &json!("ok")),
        "{shown}"
    );
    let names: Vec<_> = shown["segments"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, [json!("MessageHeader"), json!("Patient"), json!("Observation")]);
    assert_eq!(shown["type"], "result-ready");

    // A message about the patient makes one; the result is taken up then.
    assert_eq!(code(&process(&mut fhir, &message("B-2", "88", "Patient/1", 102.0)).expect(200)), "ok");
    wait_count(&clinic, "Patient?identifier=urn:lab:mrn|88", 1);
    doctor.post("/api/replays", &json!({"ask": {"of": "held"}})).expect(201);
    wait_count(&clinic, "Observation?identifier=urn:lab:results|R-88", 1);
    let found = clinic.fhir().get("/fhir/Observation?identifier=urn:lab:results|R-88").expect(200).json();
    let subject = found["entry"][0]["resource"]["subject"]["reference"].as_str().unwrap().to_owned();
    let patient = clinic.fhir().get(&format!("/fhir/{subject}")).expect(200).json();
    assert_eq!(patient["identifier"][0]["value"], "88", "the reference follows: {patient}");
    assert!(!found.to_string().contains("Patient/1\""), "{found}");

    // A later message about the same thing changes it, and the same message again changes nothing.
    let later = message("B-3", "88", "Observation/2", 103.5);
    let first = process(&mut fhir, &later).expect(200);
    wait_count(&clinic, "Observation?value-quantity=103.5", 1);
    wait_count(&clinic, "Observation?code=2339-0", 1);
    let again = process(&mut fhir, &later).expect(200);
    assert_eq!(first.text(), again.text(), "the stored answer");
    let all = doctor.get("/api/inbox").expect(200).json()["rows"].as_array().unwrap().len();
    assert_eq!(all, 3);
}

#[test]
fn what_is_no_message_is_refused_and_kept_and_rights_are_kept() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let mut broken = message("X-1", "1", "Patient/1", 1.0);
    broken["entry"].as_array_mut().unwrap().remove(0);
    let answer = process(&mut fhir, &broken).expect(200);
    assert_eq!(code(&answer), "fatal-error");
    let told = answer.json()["entry"][1]["resource"].clone();
    assert_eq!(
        (&told["resourceType"], &told["issue"][0]["expression"][0]),
        (&json!("OperationOutcome"), &json!("Bundle.entry[0]"))
    );
    let mut reaching = message("X-0", "1", "Patient/1", 1.0);
    reaching["entry"][2]["resource"] = json!({"resourceType": "Consent", "id": "2", "status": "active",
        "scope": {"text": "x"}, "category": [{"text": "x"}], "patient": {"reference": "Patient/1"}, "policyRule": {"text": "x"}});
    let answer = process(&mut fhir, &reaching).expect(200);
    assert_eq!(code(&answer), "fatal-error");
    assert!(answer.text().contains("does not bring a resource of the type Consent"), "{}", answer.text());
    let mut doctor = clinic.staff("meera", &["doctor"]);
    let refused =
        doctor.get("/api/inbox?state=refused").expect(200).json()["rows"].as_array().unwrap().clone();
    assert_eq!(refused.len(), 2);
    let replies = "/fhir/$process-message?async=true&response-url=https://lab.example/told";
    fhir.post_fhir(replies, &message("X-2", "1", "Patient/1", 1.0)).expect(400);
    let mut reader = clinic.http().bearer(&clinic.new_token("system/*.rs"));
    process(&mut reader, &message("X-3", "1", "Patient/1", 1.0)).expect(403);
    let mut narrow = clinic.http().bearer(&clinic.new_token("system/MessageHeader.c system/Patient.cu"));
    process(&mut narrow, &message("X-4", "1", "Patient/1", 1.0)).expect(403);
    assert_eq!(doctor.get("/api/inbox").expect(200).json()["rows"].as_array().unwrap().len(), 2);
}

#[test]
fn a_program_posts_fhir_messages_to_its_channel_unless_the_channel_has_rules_for_others() {
    let clinic = Clinic::open();
    let mut owner = clinic.owner();
    let token = json!({"name": "lab", "scope": "system/Patient.r", "ttlHours": 1});
    let made = owner.post("/api/tokens", &token).expect(201).json();
    let source = json!({"kind": "http", "tokens": [made["id"]]});
    let mut create = |document: Value| {
        let path = format!("/api/channels/{}", document["name"].as_str().unwrap());
        let headers = [("Content-Type", "application/json")];
        owner.http.send("PUT", &path, &headers, document.to_string().as_bytes()).expect(201);
    };
    create(json!({"name": "any", "source": source}));
    create(json!({"name": "adt", "source": source, "rules": {"kinds": ["ADT"]}}));
    create(json!({"name": "plain", "source": {"kind": "http", "tokens": [made["id"]], "takes": "hl7"}}));
    let mut lab = clinic.http().bearer(made["token"].as_str().unwrap());
    let sent = message("C-1", "99", "Patient/1", 88.0);
    let taken = lab.post_fhir("/hl7/v2/any", &sent).expect(200);
    assert_eq!(code(&taken), "ok");
    assert_eq!(taken.header("content-type").and_then(|t| t.split(';').next()), Some("application/fhir+json"));
    wait_count(&clinic, "Patient?identifier=urn:lab:mrn|99", 1);
    wait_count(&clinic, "Observation?identifier=urn:lab:results|R-99", 1);
    let refused = lab.post_fhir("/hl7/v2/adt", &sent).expect(200);
    assert_eq!(code(&refused), "fatal-error");
    assert!(refused.text().contains("rules for HL7 v2"), "{}", refused.text());
    assert_eq!(code(&lab.post_fhir("/hl7/v2/plain", &sent).expect(200)), "fatal-error");
    let headers = [("Content-Type", "application/fhir+json")];
    assert_eq!(lab.send("POST", "/hl7/v2/any", &headers, b"{nonsense").status, 400);
    assert_eq!(clinic.fhir().post_fhir("/hl7/v2/any", &sent).status, 403);
    let mut doctor = crate::outbox::staff(&clinic, &mut owner, "meera", "doctor");
    let rows = doctor.get("/api/inbox?channel=any").expect(200).json()["rows"].as_array().unwrap().clone();
    assert_eq!((rows.len(), &rows[0]["state"]), (1, &json!("applied")), "{rows:?}");
}

/// A token and a channel of FHIR messages that admits it, with these rules besides.
fn channel(clinic: &Clinic, name: &str, rest: Value) -> Http {
    let mut owner = clinic.owner();
    let token = json!({"name": name, "scope": "system/Patient.r", "ttlHours": 1});
    let made = owner.post("/api/tokens", &token).expect(201).json();
    let mut document =
        json!({"name": name, "source": {"kind": "http", "tokens": [made["id"]], "takes": "fhir"}});
    for (key, value) in rest.as_object().unwrap() {
        document[key] = value.clone();
    }
    create(&mut owner, &document);
    clinic.http().bearer(made["token"].as_str().unwrap())
}

#[test]
fn a_channel_of_fhir_messages_filters_and_changes_them() {
    let clinic = Clinic::open();
    let rules = json!({"filter": {"when": [{"at": "Patient.gender", "is": ["male"]}],
            "rule": "parse_float(get(\"Observation.valueQuantity.value\")) < 500.0"},
        "transform": [{"do": "set", "at": "Patient.name.family", "value": "Raó"},
            {"do": "rule", "script": "for o in resources(\"Observation\") { set(o + \".valueQuantity.value\", fixed(parse_float(get(o + \".valueQuantity.value\")) / 18.0, 1)); }"}]});
    let mut lab = channel(&clinic, "rules", rules);
    let sent = message("F-1", "301", "Patient/1", 90.0);
    assert_eq!(code(&lab.post_fhir("/hl7/v2/rules", &sent).expect(200)), "ok");
    wait_count(&clinic, "Patient?identifier=urn:lab:mrn|301&family:exact=Raó", 1);
    wait_count(&clinic, "Observation?identifier=urn:lab:results|R-301&value-quantity=5.0", 1);
    // Passed over: by a condition, and by the rule. Both are kept and answered.
    let mut other = message("F-2", "302", "Patient/1", 90.0);
    other["entry"][1]["resource"]["gender"] = json!("female");
    for passed in [&other, &message("F-3", "303", "Patient/1", 900.0)] {
        let answer = lab.post_fhir("/hl7/v2/rules", passed).expect(200);
        assert_eq!(code(&answer), "ok");
        assert!(answer.text().contains("passes it over"), "{}", answer.text());
    }
    // A rule that fails refuses the message, and it may come again after it is put right.
    let mut bare = message("F-4", "304", "Patient/1", 90.0);
    bare["entry"][2]["resource"].as_object_mut().unwrap().remove("valueQuantity");
    assert_eq!(code(&lab.post_fhir("/hl7/v2/rules", &bare).expect(200)), "fatal-error");
    let text = [("Content-Type", "application/hl7-v2")];
    assert_eq!(lab.send("POST", "/hl7/v2/rules", &text, b"MSH|^~\\&|A").status, 415);

    let mut doctor = clinic.staff("meera", &["doctor"]);
    let mut owner = Person::still_there(&clinic, clinicvault_tests::clinic::OWNER).expect("signed in");
    let rows = doctor.get("/api/inbox?channel=rules").expect(200).json()["rows"].as_array().unwrap().clone();
    let states: Vec<&str> = rows.iter().rev().map(|row| row["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["applied", "dismissed", "dismissed", "refused"]);
    // The original is kept; what was tried without storing shows both.
    let tried = json!({"message": sent.to_string()});
    let tried = owner.post("/api/channels/rules/try", &tried).expect(200).json();
    let lines = |key: &str| tried[key].to_string();
    assert!(lines("before").contains("Rao") && lines("after").contains("Raó"), "{tried}");
    assert!(tried["fhir"].as_str().unwrap().contains("transaction"), "{tried}");
}

#[test]
fn a_fhir_message_goes_on_as_a_bundle_and_as_messages_of_hl7() {
    let clinic = Clinic::open();
    let (sink, fhir) = (Sink::plain(), Receiver::plain());
    let to = json!([
        {"name": "his", "to": {"kind": "mllp", "host": "127.0.0.1", "port": sink.address.port()}},
        {"name": "server", "to": {"kind": "http", "format": "fhir", "url": format!("http://{}/fhir/$process-message", fhir.address)}}]);
    let mut lab = channel(&clinic, "relay", json!({"destinations": to}));
    let sent = message("G-1", "401", "Patient/1", 101.0);
    assert_eq!(code(&lab.post_fhir("/hl7/v2/relay", &sent).expect(200)), "ok");
    let got = fhir.wait(1);
    assert_eq!(got[0].json(), sent, "as it came");
    assert_eq!(got[0].header("content-type"), Some("application/fhir+json"));
    let told = sink.wait(2);
    let result = told.iter().find(|one| one.text.contains("|ORU^R01")).expect("a result");
    assert!(result.text.contains("|401^^^") && result.text.contains("|101.0|mg/dL"), "{}", result.text);
    let person = told.iter().find(|one| one.text.contains("|ADT^A31")).expect("a person");
    assert!(person.text.contains("|Rao^Anil"), "{}", person.text);
    // The same once more is answered and goes nowhere.
    assert_eq!(code(&lab.post_fhir("/hl7/v2/relay", &sent).expect(200)), "ok");
    // A message that HL7 v2 has no words for waits for a person.
    let mut words = message("G-2", "401", "Goal/2", 1.0);
    words["entry"][2]["resource"] = json!({"resourceType": "Goal", "id": "2", "lifecycleStatus": "active",
        "description": {"text": "walk"}, "subject": {"identifier": {"system": "urn:lab:mrn", "value": "401"}}});
    words["entry"].as_array_mut().unwrap().remove(1);
    assert_eq!(code(&lab.post_fhir("/hl7/v2/relay", &words).expect(200)), "ok");
    let mut doctor = clinic.staff("meera", &["doctor"]);
    let failed = crate::outbox::rows(&mut doctor, "failed", 1);
    assert!(failed[0].to_string().contains("says nothing that the box"), "{failed:?}");
    assert_eq!(sink.got().len(), 2);
}

#[test]
fn what_a_channel_of_fhir_messages_cannot_keep_is_refused_when_it_is_written() {
    let clinic = Clinic::open();
    let mut owner = clinic.owner();
    for (rest, place) in [
        (json!({"filter": {"when": [{"at": "PID-8"}]}}), "filter.when[0].at"),
        (json!({"filter": {"rule": "get(\"PID-8\") == \"F\""}}), "filter.rule"),
        (json!({"transform": [{"do": "set", "at": "OBX-3", "value": "x"}]}), "transform[0].at"),
        (json!({"rules": {"charset": "8859/1"}}), "rules.charset"),
    ] {
        let mut document =
            json!({"name": "no", "source": {"kind": "http", "tokens": ["t"], "takes": "fhir"}});
        document.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        let headers = [("Content-Type", "application/json")];
        let answer = owner.http.send("PUT", "/api/channels/no", &headers, document.to_string().as_bytes());
        let told = answer.expect(422).text();
        assert!(told.contains(place), "{told}");
    }
}

#[test]
fn a_message_may_be_processed_later_and_its_answer_fetched() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let sent = message("L-1", "501", "Patient/1", 101.0);
    let taken = fhir.post_fhir("/fhir/$process-message?async=true", &sent).expect(202);
    let job = taken.header("content-location").expect("where its answer is").to_owned();
    let path = job.find("/fhir/").map(|at| job[at..].to_owned()).unwrap();
    let began = Instant::now();
    let done = loop {
        let answer = fhir.get(&path);
        if answer.status != 202 {
            break answer.expect(200).json();
        }
        assert!(began.elapsed() < WITHIN, "{}", answer.text());
        std::thread::sleep(Duration::from_millis(50));
    };
    let told = done["entry"][0]["resource"]["entry"][0]["resource"]["response"]["code"].clone();
    assert_eq!(told, "ok", "{done}");
    wait_count(&clinic, "Patient?identifier=urn:lab:mrn|501", 1);
}
