//! Notes and prescriptions as a clinic sees them: written by one doctor on one screen, checked, signed, frozen, replaced.

use clinicvault_tests::{Clinic, Person};
use serde_json::{Value, json};

use crate::consult::{account, ask, online, open, staff, turn};
use crate::portal::{browser, come_in};

const PIN: &str = "482913";

/// A doctor with a number of the council, signed in and ONLINE.
pub fn doctor<'a>(clinic: &'a Clinic, owner: &mut Person<'_>, name: &str) -> Person<'a> {
    let password = Person::temporary_password(name);
    let new = json!({
        "name": format!("Dr {name}"), "username": name, "roles": ["doctor"], "password": password,
        "registration": "MMC 2011/04/1234", "qualification": "MBBS, MD"
    });
    owner.post("/api/users", &new).expect(201);
    let doctor = Person::sign_in(clinic, name, &password);
    let id = account(owner, name);
    let profile = json!({ "specialties": ["general"], "languages": ["hi"] });
    owner.put(&format!("/api/presence/{id}/profile"), &profile).expect(204);
    doctor
}

/// A consultation by video that has begun.
pub fn begun(desk: &mut Person<'_>, doctor: &mut Person<'_>, patient: &Value, key: &str) -> Value {
    online(doctor);
    let asked = ask(desk, patient, key);
    assert_eq!(asked["state"], "WAITING", "{asked}");
    turn(desk, &asked["id"], "identity", json!({ "how": "known" }), "WAITING");
    turn(desk, &asked["id"], "consent", json!({ "form": "voice" }), "WAITING");
    turn(doctor, &asked["id"], "start", json!({}), "WAITING")
}

pub fn path(consultation: &Value, rest: &str) -> String {
    format!("/api/consultations/{}/{rest}", consultation["id"].as_str().unwrap())
}

fn note(version: u64, device: &str, plan: &str) -> Value {
    json!({ "version": version, "device": device, "note": {
        "complaint": "Cough for three days", "assessment": "Viral fever <likely>", "plan": plan,
        "vitals": [{ "kind": "bp", "value": "150/95", "unit": "mm[Hg]" }], "followUpOn": "2030-01-31"
    } })
}

pub fn lines(version: u64, lines: &[&str]) -> Value {
    json!({ "version": version, "device": "a", "prescription": { "lines": lines } })
}

#[test]
fn a_note_and_a_prescription_are_written_signed_and_frozen() {
    let clinic = open(&[]);
    let mut owner = clinic.owner();
    let mut meera = doctor(&clinic, &mut owner, "meera");
    let mut desk = staff(&clinic, &mut owner, "sanjana", "reception");
    let patient = desk.register("Sunita Gaikwad", "7000045518", "papers-way-1");
    let patient_id = patient["id"].as_str().unwrap().to_owned();
    let live = begun(&mut desk, &mut meera, &patient, "papers-way-ask");

    // Two screens of one doctor: an old version and a screen without the lease are told what is stored.
    let empty = meera.get(&path(&live, "note")).expect(200).json();
    assert_eq!((empty["state"].as_str(), empty["version"].as_u64()), (Some("NONE"), Some(0)));
    let first = meera.put(&path(&live, "note"), &note(0, "a", "Rest")).expect(200).json();
    assert_eq!((first["state"].as_str(), first["version"].as_u64()), (Some("DRAFT"), Some(1)));
    let stale = meera.put(&path(&live, "note"), &note(0, "a", "Walk")).expect(409).json();
    assert_eq!(stale["error"]["code"], "stale");
    assert_eq!(stale["current"]["note"]["plan"], "Rest");
    let held = meera.put(&path(&live, "note"), &note(1, "b", "Walk")).expect(409).json();
    assert_eq!(held["error"]["code"], "leased");
    let mut over = note(1, "b", "Rest and fluids");
    over["takeOver"] = json!(true);
    assert_eq!(meera.put(&path(&live, "note"), &over).expect(200).json()["version"], 2);
    let mut bad = note(2, "b", "x");
    bad["note"]["vitals"][0]["value"] = json!("high");
    assert_eq!(meera.put(&path(&live, "note"), &bad).expect(422).json()["error"]["field"], "vitals");
    let mut invented = note(2, "b", "x");
    invented["note"]["accepted"] = json!(["x1"]);
    assert_eq!(meera.put(&path(&live, "note"), &invented).expect(422).json()["error"]["field"], "accepted");

    // A draft stands before the end.
    let ended = meera.post(&path(&live, "complete"), &json!({ "expected": "ACTIVE" })).expect(409).json();
    assert!(ended["error"]["message"].as_str().unwrap().contains("draft"), "{ended}");

    // Lines as they are typed; what cannot be read is kept and told.
    let parsed =
        meera.post("/api/prescriptions/parse", &json!({ "line": "para 650 1-0-1 pc 5d" })).expect(200);
    let parsed = parsed.json();
    assert_eq!(
        (parsed["generic"].as_str(), parsed["quantity"].as_str()),
        (Some("PARACETAMOL"), Some("10 tab"))
    );
    let wrong = meera.post("/api/prescriptions/parse", &json!({ "line": "paracetmol 650 od" })).expect(422);
    assert_eq!(wrong.json()["problem"]["code"], "unknownMedicine");
    let kept =
        meera.put(&path(&live, "prescription"), &lines(0, &["para 650 1-0-1 pc 5d", "amox 500 tds x"]));
    let kept = kept.expect(200).json();
    assert_eq!(kept["lines"][1]["problem"]["code"], "unknownWord", "{kept}");
    assert!(kept["hindrance"].as_str().unwrap().contains("line 2"));

    // A medicine without a list stops a first consultation by video until the doctor classifies it.
    let lines_now = ["para 650 1-0-1 pc 5d", "amox 500 tds 5d -- पूरा कोर्स लें"];
    let kept = meera.put(&path(&live, "prescription"), &lines(1, &lines_now)).expect(200).json();
    assert_eq!(kept["telemedicine"]["followUp"], false);
    assert_eq!(kept["issues"][0]["needs"], "classification", "{kept}");
    let refused = meera
        .post(&path(&live, "sign"), &json!({ "prescription": 2, "password": Person::own_password("meera") }));
    assert!(refused.expect(409).text().contains("no list"));
    let mut classified = lines(2, &lines_now);
    classified["prescription"]["classified"] =
        json!([{ "medicine": "AMOXICILLIN", "list": "A", "reason": "seen on video, throat inspected" }]);
    let kept = meera.put(&path(&live, "prescription"), &classified).expect(200).json();
    assert_eq!((kept["hindrance"].as_str(), kept["version"].as_u64()), (None, Some(3)), "{kept}");

    // An allergy that is written down meanwhile counts when it is signed.
    let allergy = json!({ "substance": "Penicillin", "certainty": "confirmed", "severity": "severe" });
    let added = meera.post(&format!("/api/patients/{patient_id}/allergies"), &allergy);
    assert!(added.status < 300, "{}", added.text());
    let sign = json!({ "note": 2, "prescription": 3, "password": Person::own_password("meera") });
    let stopped = meera.post(&path(&live, "sign"), &sign).expect(409);
    assert!(stopped.text().contains("allergic"), "{}", stopped.text());
    let note_now = meera.get(&path(&live, "note")).expect(200).json();
    assert_eq!(note_now["state"], "DRAFT", "both or neither");
    let azithromycin = lines(3, &["para 650 1-0-1 pc 5d", "azithro 500 od 3d -- खाने के बाद"]);
    let mut azithromycin = azithromycin;
    azithromycin["prescription"]["classified"] =
        json!([{ "medicine": "AZITHROMYCIN", "list": "A", "reason": "seen on video" }]);
    meera.put(&path(&live, "prescription"), &azithromycin).expect(200);

    // A wrong PIN, no PIN, then the right one.
    let by_pin = |pin: &str| json!({ "note": 2, "prescription": 4, "pin": pin });
    let none = meera.post(&path(&live, "sign"), &by_pin(PIN)).expect(422).json();
    assert_eq!(none["error"]["field"], "pin");
    let choose = json!({ "password": Person::own_password("meera"), "pin": "111111" });
    meera.put("/api/me/pin", &choose).expect(422);
    let choose = json!({ "password": Person::own_password("meera"), "pin": PIN });
    meera.put("/api/me/pin", &choose).expect(204);
    let wrong = meera.post(&path(&live, "sign"), &by_pin("482914")).expect(422).json();
    assert_eq!(wrong["error"]["code"], "wrongPin");
    let signed = meera.post(&path(&live, "sign"), &by_pin(PIN)).expect(200).json();
    let signed = signed["signed"].as_array().unwrap().clone();
    assert_eq!(
        (signed[0]["kind"].as_str(), signed[1]["kind"].as_str()),
        (Some("note"), Some("prescription"))
    );
    assert_eq!(signed[1]["registration"], "MMC 2011/04/1234");

    // Frozen: no keeping, no second signature; the consultation can end.
    let frozen = meera.put(&path(&live, "note"), &note(3, "b", "changed")).expect(409).json();
    assert_eq!(frozen["error"]["code"], "signed");
    assert_eq!(meera.post(&path(&live, "sign"), &by_pin(PIN)).expect(409).json()["error"]["code"], "stale");
    turn(&mut meera, &live["id"], "complete", json!({}), "ACTIVE");

    // The same in FHIR, written by nobody else; the hash is that of the bytes.
    let mut fhir = clinic.fhir();
    let (note_id, paper) = (signed[0]["id"].as_str().unwrap(), signed[1]["id"].as_str().unwrap());
    let composition = fhir.get(&format!("/fhir/Composition/{note_id}")).expect(200).json();
    assert_eq!(composition["status"], "final");
    assert!(composition["section"].to_string().contains("Viral fever &lt;likely&gt;"), "{composition}");
    let request = fhir.get(&format!("/fhir/MedicationRequest/{paper}-1")).expect(200).json();
    assert_eq!(request["medicationCodeableConcept"]["text"], "PARACETAMOL 650 mg TAB");
    assert_eq!(request["dispenseRequest"]["quantity"]["value"], 10);
    assert_eq!(request["encounter"]["reference"], format!("Encounter/{}", live["id"].as_str().unwrap()));
    let document = fhir.get(&format!("/fhir/DocumentReference/{paper}")).expect(200).json();
    let data = document["content"][0]["attachment"]["data"].as_str().unwrap();
    let bytes = data_encoding::BASE64.decode(data.as_bytes()).unwrap();
    let hash = data_encoding::HEXLOWER.encode(ring::digest::digest(&ring::digest::SHA256, &bytes).as_ref());
    assert_eq!(signed[1]["sha256"], hash);
    let sheet: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(sheet["doctor"]["registration"], "MMC 2011/04/1234");
    assert_eq!(sheet["lines"][1], "tab azithromycin 500mg od 3d -- खाने के बाद");
    let provenance = fhir.get(&format!("/fhir/Provenance/{paper}")).expect(200).json();
    assert_eq!(provenance["entity"][0]["what"]["identifier"]["value"], hash);
    assert_eq!(provenance["target"].as_array().unwrap().len(), 3, "{provenance}");
    // On paper: a page where the box has fonts, DUPLICATE from the second time on; its code tells nothing clinical.
    let code = signed[1]["code"].as_str().unwrap();
    let page = meera.get(&path(&live, &format!("documents/{paper}/pdf?paper=a5")));
    if page.status == 200 {
        assert!(page.body.starts_with(b"%PDF-"), "{}", page.text());
        let again = meera.get(&path(&live, &format!("documents/{paper}/pdf?paper=a5"))).expect(200);
        assert!(again.body != page.body, "a second print says so");
        meera.get(&path(&live, &format!("documents/{paper}/pdf?paper=a3"))).expect(422);
    } else {
        page.expect(503);
    }
    let mut anyone = clinic.https();
    let told = anyone.get(&format!("/verify/{code}")).expect(200).text();
    assert!(told.contains("Valid") && told.contains("Dr meera") && told.contains("S.G."), "{told}");
    for clinical in ["Sunita", "PARACETAMOL", "azithromycin", "fever", "7000045518"] {
        assert!(!told.contains(clinical), "{clinical}: {told}");
    }
    anyone.get("/verify/000000000000").expect(404);
    anyone.get("/verify/x").expect(404);
    fhir.put_fhir(&format!("/fhir/MedicationRequest/{paper}-1"), &request).expect(405);
    fhir.delete(&format!("/fhir/Composition/{note_id}")).expect(405);
    fhir.delete(&format!("/fhir/DocumentReference/{paper}")).expect(405);
    let chart = meera.get(&format!("/api/patients/{patient_id}/chart")).expect(200).json();
    assert!(chart["medicines"].to_string().contains("AZITHROMYCIN"), "{}", chart["medicines"]);

    // After the end: a prescription is replaced with a reason, and taken back; a first note is not written any more.
    let plain = lines(5, &["para 500 tds 3d"]);
    assert_eq!(meera.put(&path(&live, "prescription"), &plain).expect(409).json()["error"]["code"], "signed");
    let mut again = plain.clone();
    again["supersede"] = json!("lower dose");
    meera.put(&path(&live, "prescription"), &again).expect(200);
    let second =
        meera.post(&path(&live, "sign"), &json!({ "prescription": 6, "pin": PIN })).expect(200).json();
    let second_id = second["signed"][0]["id"].as_str().unwrap();
    let old = fhir.get(&format!("/fhir/DocumentReference/{paper}")).expect(200).json();
    assert_eq!(old["status"], "superseded");
    assert_eq!(
        fhir.get(&format!("/fhir/MedicationRequest/{paper}-1")).expect(200).json()["status"],
        "stopped"
    );
    let new = fhir.get(&format!("/fhir/DocumentReference/{second_id}")).expect(200).json();
    assert_eq!(new["relatesTo"][0]["target"]["reference"], format!("DocumentReference/{paper}"));
    let cancel = json!({ "version": 7, "reason": "patient will be seen in person", "pin": PIN });
    meera.post(&path(&live, "prescription/cancel"), &cancel).expect(200);
    assert_eq!(
        fhir.get(&format!("/fhir/MedicationRequest/{second_id}-1")).expect(200).json()["status"],
        "cancelled"
    );
    let shown = meera.get(&path(&live, "prescription")).expect(200).json();
    assert_eq!(
        (shown["state"].as_str(), shown["signed"][1]["state"].as_str()),
        (Some("CANCELLED"), Some("SUPERSEDED"))
    );
    let late = meera.put(&path(&live, "note"), &note(3, "b", "late"));
    assert!(late.expect(409).text().contains("addendum"));
    let log = meera.get(&format!("/api/patients/{patient_id}/access-log")).expect(200);
    assert!(log.text().contains("Composition"), "{}", log.text());
}

#[test]
fn only_the_doctor_of_the_consultation_writes_and_signs() {
    let clinic = open(&[]);
    let mut owner = clinic.owner();
    let mut meera = doctor(&clinic, &mut owner, "meera");
    let mut desk = staff(&clinic, &mut owner, "sanjana", "reception");
    let patient = desk.register("Tukaram Pawar", "7000041208", "papers-own-1");
    let live = begun(&mut desk, &mut meera, &patient, "papers-own-ask");
    meera.put(&path(&live, "note"), &note(0, "a", "Rest")).expect(200);

    // Another doctor reads and does not write; the others do neither.
    let mut arjun = doctor(&clinic, &mut owner, "arjun");
    assert_eq!(arjun.get(&path(&live, "note")).expect(200).json()["note"]["plan"], "Rest");
    arjun.put(&path(&live, "note"), &note(1, "a", "Mine")).expect(403);
    let password = Person::own_password("arjun");
    arjun.post(&path(&live, "sign"), &json!({ "note": 1, "password": password })).expect(403);
    let mut nurse = staff(&clinic, &mut owner, "asha", "nurse");
    for who in [&mut nurse, &mut desk, &mut owner] {
        who.get(&path(&live, "note")).expect(403);
        who.put(&path(&live, "prescription"), &lines(0, &[])).expect(403);
        who.post(&path(&live, "sign"), &json!({ "note": 1, "pin": PIN })).expect(403);
    }

    // Discarded with a reason, then the consultation ends; before its start nothing is written.
    meera.post(&path(&live, "note/discard"), &json!({ "version": 1, "reason": " " })).expect(422);
    let gone = json!({ "version": 1, "reason": "wrong patient opened" });
    assert_eq!(meera.post(&path(&live, "note/discard"), &gone).expect(200).json()["state"], "DISCARDED");
    turn(&mut meera, &live["id"], "complete", json!({}), "ACTIVE");
    let waiting = ask(&mut desk, &patient, "papers-own-second");
    assert_eq!(waiting["state"], "WAITING");
    let early = meera.put(&path(&waiting, "note"), &note(0, "a", "x"));
    assert!(early.expect(409).text().contains("egin the consultation"));
}

#[test]
fn wrong_pins_are_slowed_as_wrong_passwords_are() {
    let clinic = open(&[]);
    let mut owner = clinic.owner();
    let mut meera = doctor(&clinic, &mut owner, "meera");
    let mut desk = staff(&clinic, &mut owner, "sanjana", "reception");
    let patient = desk.register("Tukaram Pawar", "7000041208", "papers-pin-1");
    let live = begun(&mut desk, &mut meera, &patient, "papers-pin-ask");
    meera.put(&path(&live, "note"), &note(0, "a", "Rest")).expect(200);
    let choose = json!({ "password": Person::own_password("meera"), "pin": PIN });
    meera.put("/api/me/pin", &choose).expect(204);
    let mut answers = Vec::new();
    for guess in 0..7 {
        let sign = json!({ "note": 1, "pin": format!("90909{guess}") });
        answers.push(meera.post(&path(&live, "sign"), &sign).status);
    }
    assert_eq!(answers.first(), Some(&422));
    assert!(answers.contains(&429), "{answers:?}");
    let right = json!({ "note": 1, "pin": PIN });
    meera.post(&path(&live, "sign"), &right).expect(429);
}

#[test]
fn a_patient_finds_what_was_signed_and_sees_who_looked() {
    let clinic = open(&[]);
    let mut owner = clinic.owner();
    let mut meera = doctor(&clinic, &mut owner, "meera");
    let mut desk = staff(&clinic, &mut owner, "sanjana", "reception");
    let patient = desk.register("Sunita Gaikwad", "7000045518", "papers-own-1");
    let other = desk.register("Farida Shaikh", "7000045519", "papers-own-2");
    let live = begun(&mut desk, &mut meera, &patient, "papers-own-ask");
    meera.put(&path(&live, "note"), &note(0, "a", "Rest")).expect(200);
    let came = |desk: &mut Person<'_>, patient: &Value| {
        let link = format!("/api/patients/{}/join-link", patient["id"].as_str().unwrap());
        let link = desk.post(&link, &json!({})).expect(201).json();
        let year = patient["birthDate"].as_str().unwrap()[..4].parse().unwrap();
        let (http, status) = come_in(browser(&clinic), &link, year);
        assert_eq!(status, 204);
        http
    };
    let (mut sunita, mut farida) = (came(&mut desk, &patient), came(&mut desk, &other));
    let none = sunita.get("/api/portal/papers").expect(200).json();
    assert_eq!(none["papers"], json!([]), "a draft is the doctor's own");
    let sign = json!({ "note": 1, "password": Person::own_password("meera") });
    meera.post(&path(&live, "sign"), &sign).expect(200);

    let own = sunita.get("/api/portal/papers").expect(200).json();
    let paper = &own["papers"][0];
    assert_eq!((paper["kind"].as_str(), paper["state"].as_str()), (Some("note"), Some("SIGNED")), "{own}");
    assert_eq!(paper["consultation"], live["id"]);
    let page = format!(
        "/api/portal/consultations/{}/documents/{}/pdf",
        live["id"].as_str().unwrap(),
        paper["id"].as_str().unwrap()
    );
    let printed = sunita.get(&page);
    match printed.status {
        200 => assert!(printed.body.starts_with(b"%PDF-")),
        // A box that was built without fonts says so.
        status => assert_eq!(status, 503, "{}", printed.text()),
    }
    assert_eq!(farida.get("/api/portal/papers").expect(200).json()["papers"], json!([]));
    if printed.status == 200 {
        farida.get(&page).expect(404);
    }
    clinic.http().get(&page).expect(401);
    meera.get("/api/portal/papers").expect(403);

    let log = sunita.get("/api/portal/access-log").expect(200).json();
    let rows = log["rows"].as_array().unwrap();
    assert!(rows.iter().any(|row| row["who"] == "Dr meera" && row["role"] == "doctor"), "{log}");
    assert!(rows.iter().all(|row| row["who"] != "patient"), "what the patient does is left out: {log}");
    let foreign = farida.get("/api/portal/access-log").expect(200).json();
    assert!(foreign["rows"].as_array().unwrap().iter().all(|row| row["who"] != "Dr meera"), "{foreign}");
    desk.get("/api/portal/access-log").expect(403);
}
