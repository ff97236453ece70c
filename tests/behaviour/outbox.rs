//! Messages that leave the box: what changed in the records goes to a receiver that answers well, badly or not at all, and
//! arrives as it was promised.

use std::time::{Duration, Instant};

use clinicvault_tests::mllp::Identity;
use clinicvault_tests::sink::Act;
use clinicvault_tests::{Clinic, Person, Sink};
use serde_json::{Value, json};

const WITHIN: Duration = Duration::from_secs(30);

/// Lets the box tell a receiver of patients; answers once whatever changes is told.
pub fn tell(owner: &mut Person<'_>, name: &str, port: u16, more: &Value) {
    let mut to = json!({"kind": "mllp", "host": "127.0.0.1", "port": port, "facility": "CITYHOSP", "timeoutSeconds": 2});
    for (key, value) in more.as_object().unwrap() {
        to[key] = value.clone();
    }
    let document = json!({"name": name, "source": {"kind": "records", "messages": ["ADT^A04", "ADT^A08"]},
        "destinations": [{"name": "his", "to": to}]});
    let path = format!("/api/channels/{name}");
    let headers = [("Content-Type", "application/json")];
    owner.http.send("PUT", &path, &headers, document.to_string().as_bytes()).expect(201);
    let began = Instant::now();
    loop {
        let list = owner.get("/api/channels").expect(200).json();
        let line = list["channels"].as_array().unwrap().iter().find(|c| c["name"] == name).cloned().unwrap();
        if line["state"] == "running" {
            return;
        }
        assert!(began.elapsed() < WITHIN, "{line}");
        std::thread::sleep(Duration::from_millis(30));
    }
}

pub fn patient(clinic: &Clinic, id: &str, family: &str) {
    let body = json!({"resourceType": "Patient", "id": id, "identifier": [{"system": "urn:oid:1.2.3", "value": id}],
        "name": [{"family": family, "given": ["Uma"]}], "gender": "female"});
    let answer = clinic.fhir().put_fhir(&format!("/fhir/Patient/{id}"), &body);
    assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
}

/// Somebody of the staff, added by an owner who is signed in already.
pub fn staff<'a>(clinic: &'a Clinic, owner: &mut Person<'_>, username: &str, role: &str) -> Person<'a> {
    owner.add_staff(username, &[role]);
    Person::sign_in(clinic, username, &Person::temporary_password(username))
}

/// Waits until the outbox shows so many rows in a state, and answers them.
#[track_caller]
pub fn rows(doctor: &mut Person<'_>, state: &str, count: usize) -> Vec<Value> {
    let began = Instant::now();
    loop {
        let page = doctor.get(&format!("/api/outbox?state={state}")).expect(200).json();
        let rows = page["rows"].as_array().unwrap().clone();
        if rows.len() == count {
            return rows;
        }
        assert!(began.elapsed() < WITHIN, "{count} {state}: {page}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_registration_and_its_change_arrive_once_and_in_order() {
    let mut clinic = Clinic::open();
    let his = Sink::plain();
    {
        let mut owner = clinic.owner();
        tell(&mut owner, "to-his", his.address.port(), &json!({}));
        patient(&clinic, "p1", "Sathe");
        patient(&clinic, "p1", "Kale");
        let got = his.wait(2);
        assert!(
            got[0].text.contains("|ADT^A04^ADT_A01|") && got[0].text.contains("Sathe^Uma"),
            "{}",
            got[0].text
        );
        assert!(
            got[1].text.contains("|ADT^A08^ADT_A01|") && got[1].text.contains("Kale^Uma"),
            "{}",
            got[1].text
        );
        assert!(got[0].text.contains("|CITYHOSP|") && got[0].text.contains("p1^^^&1.2.3&ISO"));
        let mut doctor = staff(&clinic, &mut owner, "meera", "doctor");
        let sent = rows(&mut doctor, "sent", 2);
        assert_eq!(sent[0]["attempts"], 1);
        let one = doctor.get(&format!("/api/outbox/{}", sent[0]["seq"])).expect(200).json();
        assert_eq!(
            (&one["attempts"][0]["outcome"], &one["attempts"][0]["code"]),
            (&json!("taken"), &json!("AA"))
        );
        assert_eq!(one["cause"], "Patient/p1/_history/2");
        assert!(one["text"].as_str().unwrap().contains("Kale^Uma"));
    }
    // Nothing is told twice after a restart, and nothing is lost that changes while the receiver's line is gone.
    clinic.kill();
    clinic.start();
    patient(&clinic, "p2", "Rao");
    let got = his.wait(3);
    assert!(got[2].text.contains("Rao^Uma"));
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(his.got().len(), 3);
}

#[test]
fn relatives_and_allergies_in_force_go_with_a_patient() {
    let clinic = Clinic::open();
    let his = Sink::plain();
    let mut owner = clinic.owner();
    patient(&clinic, "p1", "Sathe");
    let put = |kind: &str, id: &str, more: &Value| {
        let mut body = json!({"resourceType": kind, "id": id, "patient": {"reference": "Patient/p1"}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        clinic.fhir().put_fhir(&format!("/fhir/{kind}/{id}"), &body).expect(201);
    };
    let state = |code: &str| {
        let system = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical";
        json!({"coding": [{"system": system, "code": code}]})
    };
    put("RelatedPerson", "mother", &json!({"name": [{"family": "Sathe", "given": ["Vimal"]}]}));
    put("RelatedPerson", "former", &json!({"active": false, "name": [{"family": "Joshi"}]}));
    let allergy = |code: &str, text: &str| json!({"clinicalStatus": state(code), "code": {"text": text}});
    put("AllergyIntolerance", "a1", &allergy("active", "Penicillin"));
    put("AllergyIntolerance", "a2", &allergy("resolved", "Groundnuts"));
    tell(&mut owner, "to-his", his.address.port(), &json!({}));
    patient(&clinic, "p1", "Kale");
    let text = his.wait(1)[0].text.clone();
    let count = |name: &str| text.lines().filter(|line| line.starts_with(name)).count();
    assert_eq!((count("PID|"), count("NK1|"), count("AL1|")), (1, 1, 1), "{text}");
    assert!(text.contains("Sathe^Vimal") && text.contains("Penicillin"), "{text}");
}

#[test]
fn what_is_not_answered_is_sent_again_with_the_same_bytes_on_another_line() {
    let clinic = Clinic::open();
    let his = Sink::plain();
    let mut owner = clinic.owner();
    tell(&mut owner, "to-his", his.address.port(), &json!({}));
    let mut doctor = staff(&clinic, &mut owner, "meera", "doctor");
    his.will(&[
        Act::Silent,
        Act::Cut,
        Act::Other("AA"),
        Act::Answer("AR"),
        Act::Twice("AA"),
        Act::Answer("AA"),
    ]);
    patient(&clinic, "p1", "Sathe");
    let got = his.wait(5);
    assert!(got.iter().all(|one| one.text == got[0].text), "the same bytes under the same control id");
    let lines: Vec<usize> = got.iter().map(|one| one.connection).collect();
    assert!(lines[1] > lines[0] && lines[2] > lines[1] && lines[3] > lines[2], "{lines:?}");
    assert_eq!(lines[4], lines[3], "a rejection leaves the line open");
    // The second answer about the first message settles nothing of the next.
    patient(&clinic, "p2", "Rao");
    let got = his.wait(6);
    assert!(got[5].text.contains("Rao^Uma"));
    let sent = rows(&mut doctor, "sent", 2);
    let first = doctor.get(&format!("/api/outbox/{}", sent[1]["seq"])).expect(200).json();
    let outcomes: Vec<&str> =
        first["attempts"].as_array().unwrap().iter().map(|a| a["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["noAnswer", "noAnswer", "noAnswer", "rejected", "taken"]);
}

#[test]
fn what_the_receiver_does_not_want_waits_for_a_person() {
    let clinic = Clinic::open();
    let his = Sink::plain();
    let mut owner = clinic.owner();
    tell(&mut owner, "to-his", his.address.port(), &json!({}));
    his.will(&[Act::Answer("AE"), Act::Answer("AE"), Act::Answer("AE")]);
    for (id, family) in [("p1", "Sathe"), ("p2", "Rao"), ("p3", "Kale")] {
        patient(&clinic, id, family);
        his.wait(usize::from(id.as_bytes()[1] - b'0'));
    }
    let mut doctor = staff(&clinic, &mut owner, "meera", "doctor");
    let failed = rows(&mut doctor, "failed", 3);
    let [third, second, first] = [0, 1, 2].map(|n| failed[n]["seq"].as_u64().unwrap());
    doctor.post(&format!("/api/outbox/{first}/resend"), &json!({})).expect(200);
    let got = his.wait(4);
    assert_eq!(got[3].text, got[0].text);
    let text = doctor.get(&format!("/api/outbox/{second}")).expect(200).json()["text"].clone();
    let other = text.as_str().unwrap().replace("Rao", "Raut");
    let edited =
        doctor.post(&format!("/api/outbox/{second}/edit"), &json!({"text": other})).expect(200).json();
    let got = his.wait(5);
    assert!(got[4].text.contains("Raut^Uma") && got[4].control_id != got[1].control_id);
    let kept = doctor.get(&format!("/api/outbox/{second}")).expect(200).json();
    assert_eq!((&kept["row"]["state"], &kept["replacedBy"]), (&json!("replaced"), &edited["seq"]));
    assert!(kept["text"].as_str().unwrap().contains("Rao^Uma"), "the original is kept");
    assert_eq!(doctor.post(&format!("/api/outbox/{third}/discard"), &json!({"reason": " "})).status, 422);
    doctor.post(&format!("/api/outbox/{third}/discard"), &json!({"reason": "told by telephone"})).expect(200);
    assert_eq!(doctor.post(&format!("/api/outbox/{third}/resend"), &json!({})).status, 412);
    rows(&mut doctor, "sent", 2);
    let mut desk = staff(&clinic, &mut owner, "asha", "reception");
    assert_eq!(desk.get("/api/outbox").status, 403);
    assert_eq!(doctor.post("/api/destinations/to-his/his/pause", &json!({})).status, 403);
}

#[test]
fn a_receiver_that_is_away_holds_up_nobody_else_and_gets_everything_when_it_is_back() {
    let clinic = Clinic::open();
    let his = Sink::plain();
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut owner = clinic.owner();
    tell(&mut owner, "away", gone.port(), &json!({}));
    tell(&mut owner, "here", his.address.port(), &json!({}));
    owner.post("/api/destinations/here/his/pause", &json!({})).expect(204);
    patient(&clinic, "p1", "Sathe");
    let mut doctor = staff(&clinic, &mut owner, "meera", "doctor");
    rows(&mut doctor, "waiting", 2);
    assert!(his.got().is_empty(), "it is paused");
    owner.post("/api/destinations/here/his/resume", &json!({})).expect(204);
    his.wait(1);
    patient(&clinic, "p2", "Rao");
    his.wait(2);
    rows(&mut doctor, "waiting", 2);
    let back = Sink::at(gone);
    let got = back.wait(2);
    assert!(got[0].text.contains("Sathe^Uma") && got[1].text.contains("Rao^Uma"));
    rows(&mut doctor, "sent", 4);
}

#[test]
fn a_pinned_receiver_gets_its_messages_over_tls_and_a_stranger_none() {
    let clinic = Clinic::open();
    let (known, stranger) = (Identity::make("his"), Identity::make("his"));
    let sink = |who: &Identity| {
        use rustls_pki_types::pem::PemObject as _;
        let certificate =
            rustls_pki_types::CertificateDer::from_pem_slice(who.certificate().as_bytes()).unwrap();
        let key = rustls_pki_types::PrivateKeyDer::from_pem_slice(who.key().as_bytes()).unwrap();
        Sink::tls(certificate, key)
    };
    let (right, wrong) = (sink(&known), sink(&stranger));
    let mut owner = clinic.owner();
    let tls =
        json!({"tls": {"fingerprint": known.fingerprint(), "name": "his"}, "acknowledge": "application"});
    tell(&mut owner, "right", right.address.port(), &tls);
    tell(&mut owner, "wrong", wrong.address.port(), &tls);
    right.will(&[Act::Then("CA", "AE")]);
    patient(&clinic, "p1", "Sathe");
    let got = right.wait(1);
    assert!(got[0].text.lines().next().unwrap().contains("|2.5.1|||AL|AL"), "{}", got[0].text);
    // The acceptance releases the line; the application's refusal comes later and is matched by MSA-2.
    let mut doctor = staff(&clinic, &mut owner, "meera", "doctor");
    let failed = rows(&mut doctor, "failed", 1);
    let one = doctor.get(&format!("/api/outbox/{}", failed[0]["seq"])).expect(200).json();
    assert_eq!((&one["attempts"][0]["code"], &one["attempts"][1]["code"]), (&json!("CA"), &json!("AE")));
    rows(&mut doctor, "waiting", 1);
    assert!(wrong.got().is_empty());
}

#[test]
fn what_a_patient_does_not_let_out_does_not_leave() {
    let clinic = Clinic::open();
    let his = Sink::plain();
    let mut owner = clinic.owner();
    let mut doctor = staff(&clinic, &mut owner, "meera", "doctor");
    patient(&clinic, "a", "Sathe");
    patient(&clinic, "b", "Rao");
    let insurer = json!([{"role": {"coding": [{"code": "IRCP"}]}, "reference": {"display": "An insurer"}}]);
    let consent = json!({"resourceType": "Consent", "id": "wish", "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": "Patient/a"},
        "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTIN"}]},
        "provision": {"type": "deny", "actor": insurer}});
    // A program does not see the patient any more; the doctor does.
    let mut put = |body: &Value| {
        let path =
            format!("/fhir/{}/{}", body["resourceType"].as_str().unwrap(), body["id"].as_str().unwrap());
        let answer = doctor.http.put_fhir(&path, body);
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
    };
    put(&consent);
    tell(&mut owner, "to-his", his.address.port(), &json!({}));
    let known = |family: &str| json!({"resourceType": "Patient", "id": "a", "identifier": [{"system": "urn:oid:1.2.3", "value": "a"}], "name": [{"family": family, "given": ["Uma"]}], "gender": "female"});
    put(&known("Kale"));
    patient(&clinic, "b", "Raut");
    let got = his.wait(1);
    assert!(got[0].text.contains("Raut^Uma"), "{}", got[0].text);
    // The log is read in its order: what was withheld has been passed over, and the next change of another arrives.
    patient(&clinic, "b", "Rane");
    let got = his.wait(2);
    assert!(got[1].text.contains("Rane^Uma"));
    assert!(got.iter().all(|one| !one.text.contains("Kale") && !one.text.contains("Sathe")));
    let mut gone = consent.clone();
    gone["status"] = json!("inactive");
    put(&gone);
    put(&known("Kelkar"));
    assert!(his.wait(3)[2].text.contains("Kelkar^Uma"));
    let sent = rows(&mut doctor, "sent", 3);
    assert!(sent.iter().all(|row| row["type"] == "ADT^A08"), "{sent:?}");
}
