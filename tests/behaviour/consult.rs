//! Consultations as a clinic sees them: asked for, given a doctor, paid, held, begun, ended.

use std::thread;
use std::time::{Duration, Instant};

use clinicvault_tests::{Clinic, Person, sample};
use serde_json::{Value, json};

use crate::portal::{browser, come_in};

/// A clinic with one doctor who speaks Hindi, a desk, and a fee of 500 rupees for video.
pub fn open(settings: &[(&str, &str)]) -> Clinic {
    let mut clinic = Clinic::create();
    let lines: Vec<String> = settings.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    let mut text = String::new();
    for section in ["consultations", "payments", "calls"] {
        text.push_str(&format!("[{section}]\n"));
        for line in lines.iter().filter_map(|line| line.strip_prefix(&format!("{section}."))) {
            text.push_str(&format!("{line}\n"));
        }
    }
    let file = clinic.scratch().join("settings.toml");
    std::fs::write(&file, text).unwrap();
    clinic.serve_with(&["--config", file.to_str().unwrap()]);
    clinic.start();
    clinic
}

/// Adds a member of staff and signs in. The owner has one session and goes on using it.
pub fn staff<'a>(clinic: &'a Clinic, owner: &mut Person<'_>, name: &str, role: &str) -> Person<'a> {
    owner.add_staff(name, &[role]);
    Person::sign_in(clinic, name, &Person::temporary_password(name))
}

/// Adds a doctor of general medicine who speaks these languages, and signs in.
pub fn doctor<'a>(clinic: &'a Clinic, owner: &mut Person<'_>, name: &str, languages: &[&str]) -> Person<'a> {
    let doctor = staff(clinic, owner, name, "doctor");
    let id = account(owner, name);
    let profile = json!({ "specialties": ["general"], "languages": languages });
    owner.put(&format!("/api/presence/{id}/profile"), &profile).expect(204);
    doctor
}

pub fn account(owner: &mut Person<'_>, username: &str) -> String {
    let all = owner.get("/api/users").expect(200).json();
    let found = all["users"].as_array().unwrap().iter().find(|user| user["username"] == username);
    found.unwrap()["id"].as_str().unwrap().to_owned()
}

/// The owner asks 500 rupees for a video consultation from today on.
pub fn price(owner: &mut Person<'_>, paise: u64, policy: &str) {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::get("Asia/Kolkata").unwrap()).date();
    let price = json!({
        "specialty": "general", "mode": "video", "paise": paise, "from": today.to_string(), "policy": policy
    });
    owner.post("/api/prices", &price).expect(201);
}

pub fn online(doctor: &mut Person<'_>) {
    let state = doctor.post("/api/presence/me", &json!({ "state": "ONLINE" })).expect(200).json();
    // Somebody may have been waiting.
    assert!(state["state"] == "ONLINE" || state["state"] == "RESERVED", "{state}");
}

pub fn presence(who: &mut Person<'_>, id: &str) -> Value {
    let all = who.get("/api/presence").expect(200).json();
    all["doctors"].as_array().unwrap().iter().find(|doctor| doctor["id"] == id).unwrap().clone()
}

pub fn wish(patient: &Value, key: &str) -> Value {
    json!({
        "patientId": patient["id"], "complaint": "Cough for three days", "specialty": "general",
        "language": "hi", "urgency": "routine", "mode": "video", "key": key
    })
}

pub fn ask(desk: &mut Person<'_>, patient: &Value, key: &str) -> Value {
    desk.post("/api/consultations", &wish(patient, key)).expect(201).json()
}

/// Asks for a transition from the state that is named.
pub fn turn(who: &mut Person<'_>, id: &Value, transition: &str, mut body: Value, expected: &str) -> Value {
    body["expected"] = json!(expected);
    who.post(&format!("/api/consultations/{}/{transition}", id.as_str().unwrap()), &body).expect(200).json()
}

/// Waits until a consultation is in a state.
#[track_caller]
pub fn wait(who: &mut Person<'_>, id: &Value, state: &str) -> Value {
    let began = Instant::now();
    loop {
        let view = who.get(&format!("/api/consultations/{}", id.as_str().unwrap())).expect(200).json();
        if view["state"] == state {
            return view;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "not {state}: {view}");
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_consultation_goes_from_the_request_to_the_addendum() {
    let clinic = open(&[]);
    let mut owner = clinic.owner();
    price(&mut owner, 50_000, "before");
    let mut doctor = doctor(&clinic, &mut owner, "meera", &["hi"]);
    let mut desk = staff(&clinic, &mut owner, "sanjana", "reception");
    let patient = desk.register("Sunita Gaikwad", "7000045518", "consult-way-1");
    let asked = ask(&mut desk, &patient, "consult-way-ask");
    assert_eq!(asked["state"], "REQUESTED");
    assert_eq!(ask(&mut desk, &patient, "consult-way-ask")["id"], asked["id"], "sent twice, asked once");
    let id = &asked["id"];

    online(&mut doctor);
    let held = wait(&mut desk, id, "PENDING_PAYMENT");
    assert_eq!(held["payment"]["paise"], 50_000);
    assert_eq!(held["doctor"]["name"], "Staff meera");
    let me = account(&mut owner, "meera");
    assert_eq!(presence(&mut desk, &me)["state"], "RESERVED");

    // A stale screen is told where it stands; nobody starts before the fee is paid.
    let path = format!("/api/consultations/{}/start", id.as_str().unwrap());
    let stale = doctor.post(&path, &json!({ "expected": "WAITING" })).expect(409).json();
    assert_eq!(
        (stale["state"].as_str(), stale["error"]["code"].as_str()),
        (Some("PENDING_PAYMENT"), Some("stale"))
    );
    let early = doctor.post(&path, &json!({ "expected": "PENDING_PAYMENT" })).expect(409).json();
    assert_eq!(early["state"], "PENDING_PAYMENT");

    let payment = held["payment"]["id"].as_str().unwrap();
    let cash = json!({ "method": "cash", "paise": 50_000 });
    let paid = desk.post(&format!("/api/payments/{payment}/confirm"), &cash).expect(200).json();
    assert_eq!(paid["state"], "PAID");
    assert!(paid["bill"].as_str().unwrap().starts_with("CV/"));
    assert_eq!(wait(&mut desk, id, "WAITING")["identity"], false);

    let missing = doctor.post(&path, &json!({ "expected": "WAITING" })).expect(409).json();
    assert!(missing["error"]["message"].as_str().unwrap().contains("identity"), "{missing}");
    turn(&mut desk, id, "identity", json!({ "how": "document" }), "WAITING");
    turn(&mut desk, id, "consent", json!({ "form": "voice" }), "WAITING");
    assert_eq!(turn(&mut doctor, id, "start", json!({}), "WAITING")["state"], "ACTIVE");
    assert_eq!(presence(&mut desk, &me)["state"], "BUSY");
    let lost = turn(&mut doctor, id, "interrupted", json!({}), "ACTIVE");
    assert!(lost["graceUntil"].is_string() && lost["state"] == "ACTIVE");
    turn(&mut doctor, id, "resumed", json!({}), "ACTIVE");
    assert_eq!(turn(&mut doctor, id, "complete", json!({}), "ACTIVE")["state"], "COMPLETED");
    assert_eq!(presence(&mut desk, &me)["state"], "ONLINE");
    let added =
        turn(&mut doctor, id, "addendum", json!({ "text": "Call back after the X-ray." }), "COMPLETED");
    assert_eq!(added["addenda"].as_array().unwrap().len(), 1);
    let note = doctor.get(&format!("/api/consultations/{}/note", id.as_str().unwrap())).expect(200).json();
    let later = json!([{ "id": added["addenda"][0], "byName": "Staff meera", "text": "Call back after the X-ray.",
        "at": note["addenda"][0]["at"] }]);
    assert_eq!(note["addenda"], later, "shown below the note");
    let link = desk.post(&format!("/api/patients/{}/join-link", patient["id"].as_str().unwrap()), &json!({}));
    let year = patient["birthDate"].as_str().unwrap()[..4].parse().unwrap();
    let (mut sunita, status) = come_in(browser(&clinic), &link.expect(201).json(), year);
    assert_eq!(status, 204);
    let own = sunita.get("/api/portal/papers").expect(200).json();
    assert_eq!(own["addenda"][0]["text"], "Call back after the X-ray.", "and to the patient");
    assert_eq!(own["addenda"][0]["consultation"], *id);

    // The same in FHIR, for whoever may read it, and for nobody to write.
    let mut fhir = clinic.fhir();
    let encounter = fhir.get(&format!("/fhir/Encounter/{}", id.as_str().unwrap())).expect(200).json();
    assert_eq!(
        (encounter["status"].as_str(), encounter["class"]["code"].as_str()),
        (Some("finished"), Some("VR"))
    );
    assert_eq!(encounter["extension"][0]["valueCode"], "COMPLETED");
    assert_eq!(encounter["statusHistory"].as_array().unwrap().len(), 4);
    let invoice = fhir.get(&format!("/fhir/Invoice/{}", id.as_str().unwrap())).expect(200).json();
    assert_eq!(invoice["status"], "balanced");
    assert_eq!(invoice["totalGross"], json!({ "value": 500.0, "currency": "INR" }));
    let reconciled = fhir.get(&format!("/fhir/PaymentReconciliation/{payment}")).expect(200).json();
    assert_eq!(reconciled["detail"][0]["request"]["reference"], format!("Invoice/{}", id.as_str().unwrap()));
    let mut planned = encounter.clone();
    planned["status"] = json!("in-progress");
    fhir.put_fhir(&format!("/fhir/Encounter/{}", id.as_str().unwrap()), &planned).expect(405);
    fhir.delete(&format!("/fhir/Invoice/{}", id.as_str().unwrap())).expect(405);
    fhir.delete(&format!("/fhir/PaymentReconciliation/{payment}")).expect(405);
    let addendum = format!("/fhir/DocumentReference/{}", added["addenda"][0].as_str().unwrap());
    let mut bent = fhir.get(&addendum).expect(200).json();
    bent["content"][0]["attachment"]["data"] = json!("QWxsIGlzIHdlbGwu");
    fhir.put_fhir(&addendum, &bent).expect(405);
    fhir.delete(&addendum).expect(405);

    // Who only takes money sees the queue and not what it is about.
    let mut cashier = staff(&clinic, &mut owner, "cash", "cashier");
    let seen = cashier.get(&format!("/api/consultations/{}", id.as_str().unwrap())).expect(200).json();
    assert!(seen.get("complaint").is_none(), "{seen}");
    cashier.get(&format!("/fhir/Encounter/{}", id.as_str().unwrap())).expect(403);
    cashier.post(&path, &json!({ "expected": "WAITING" })).expect(403);
    // Each step has its line in the patient's log.
    let log =
        doctor.get(&format!("/api/patients/{}/access-log", patient["id"].as_str().unwrap())).expect(200);
    assert!(log.text().contains("Encounter"), "{}", log.text());
}

#[test]
fn a_hold_that_ends_frees_the_doctor_for_the_next_one() {
    let clinic = open(&[("consultations.hold_seconds", "4")]);
    let mut owner = clinic.owner();
    price(&mut owner, 50_000, "before");
    let mut doctor = doctor(&clinic, &mut owner, "meera", &["hi"]);
    online(&mut doctor);
    let mut desk = staff(&clinic, &mut owner, "sanjana", "reception");
    let one = desk.register("Sunita Gaikwad", "7000045518", "consult-hold-1");
    let two = desk.register("Tukaram Pawar", "7000041208", "consult-hold-2");
    let first = ask(&mut desk, &one, "consult-hold-a1");
    assert_eq!(first["state"], "PENDING_PAYMENT");
    let second = ask(&mut desk, &two, "consult-hold-a2");
    assert_eq!(second["state"], "REQUESTED", "one doctor holds one patient");
    let over = wait(&mut desk, &first["id"], "CANCELLED");
    assert_eq!(over["payment"]["state"], "EXPIRED");
    wait(&mut desk, &second["id"], "PENDING_PAYMENT");
}

#[test]
fn an_emergency_never_waits_for_money() {
    let clinic = open(&[]);
    let mut owner = clinic.owner();
    price(&mut owner, 50_000, "before");
    let mut doctor = doctor(&clinic, &mut owner, "meera", &["hi"]);
    online(&mut doctor);
    let mut desk = staff(&clinic, &mut owner, "sanjana", "reception");
    let patient = desk.register("Sunita Gaikwad", "7000045518", "consult-emergency-1");
    let mut wanted = wish(&patient, "consult-emergency-a");
    wanted["flags"] = json!(["chestPain"]);
    let red = desk.post("/api/consultations", &wanted).expect(201).json();
    assert_eq!((red["state"].as_str(), red["colour"].as_str()), (Some("WAITING"), Some("red")));
    assert!(red["policy"].as_str().unwrap().starts_with("emergency"));
    assert_eq!(
        (red["payment"]["gates"].as_bool(), red["payment"]["state"].as_str()),
        (Some(false), Some("CREATED"))
    );
    turn(
        &mut desk,
        &red["id"],
        "cancel",
        json!({ "reason": "sent to hospital", "refund": "none" }),
        "WAITING",
    );

    let held = ask(&mut desk, &patient, "consult-emergency-b");
    assert_eq!(held["state"], "PENDING_PAYMENT");
    let path = format!("/api/consultations/{}/emergency", held["id"].as_str().unwrap());
    let body = json!({ "expected": "PENDING_PAYMENT", "reason": "worse: cannot speak" });
    desk.post(&path, &body).expect(403);
    let waits = doctor.post(&path, &body).expect(200).json();
    assert_eq!(
        (waits["state"].as_str(), waits["exempt"].as_str()),
        (Some("WAITING"), Some("worse: cannot speak"))
    );
    // What is paid afterwards counts.
    let payment = waits["payment"]["id"].as_str().unwrap();
    let cash = json!({ "method": "cash", "paise": 50_000 });
    desk.post(&format!("/api/payments/{payment}/confirm"), &cash).expect(200);
}

#[test]
fn a_transfer_needs_the_other_doctor() {
    let clinic = open(&[]);
    let mut owner = clinic.owner();
    let mut meera = doctor(&clinic, &mut owner, "meera", &["hi"]);
    let mut imran = doctor(&clinic, &mut owner, "imran", &["ta"]);
    online(&mut meera);
    let mut desk = staff(&clinic, &mut owner, "sanjana", "reception");
    let patient = desk.register("Sunita Gaikwad", "7000045518", "consult-transfer-1");
    let free = ask(&mut desk, &patient, "consult-transfer-a");
    assert_eq!((free["state"].as_str(), free["policy"].as_str()), (Some("WAITING"), Some("noPrice")));
    let id = &free["id"];
    turn(&mut desk, id, "identity", json!({ "how": "known" }), "WAITING");
    turn(&mut desk, id, "consent", json!({ "form": "tick" }), "WAITING");
    turn(&mut meera, id, "start", json!({}), "WAITING");
    let to = account(&mut owner, "imran");
    turn(&mut meera, id, "transfer", json!({ "to": to, "reason": "skin" }), "ACTIVE");
    let accept = format!("/api/consultations/{}/transfer/accept", id.as_str().unwrap());
    meera.post(&accept, &json!({ "expected": "ACTIVE" })).expect(403);
    imran.post(&accept, &json!({ "expected": "ACTIVE" })).expect(409);
    online(&mut imran);
    let taken = turn(&mut imran, id, "transfer/accept", json!({}), "ACTIVE");
    assert_eq!(taken["doctors"], json!(["Staff meera", "Staff imran"]));
    let me = account(&mut owner, "meera");
    assert_eq!(presence(&mut desk, &me)["state"], "ONLINE");
    meera
        .post(
            &format!("/api/consultations/{}/complete", id.as_str().unwrap()),
            &json!({ "expected": "ACTIVE" }),
        )
        .expect(403);
    turn(&mut imran, id, "complete", json!({}), "ACTIVE");
}

#[test]
fn whoever_does_not_come_and_whose_screen_falls_silent() {
    let clinic = open(&[("consultations.absent_seconds", "2"), ("consultations.lapse_seconds", "5")]);
    let mut owner = clinic.owner();
    let mut doctor = doctor(&clinic, &mut owner, "meera", &["hi"]);
    online(&mut doctor);
    let mut desk = staff(&clinic, &mut owner, "sanjana", "reception");
    let patient = desk.register("Sunita Gaikwad", "7000045518", "consult-absent-1");
    let asked = ask(&mut desk, &patient, "consult-absent-a");
    assert_eq!(asked["state"], "WAITING");
    wait(&mut desk, &asked["id"], "NO_SHOW");
    let me = account(&mut owner, "meera");
    let began = Instant::now();
    while presence(&mut desk, &me)["state"] != "OFFLINE" {
        assert!(began.elapsed() < Duration::from_secs(30), "a silent screen stays ONLINE");
        thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(ask(&mut desk, &patient, "consult-absent-b")["state"], "REQUESTED");
}

#[test]
fn a_hundred_requests_at_once_never_give_a_doctor_twice() {
    let clinic = open(&[("consultations.lapse_seconds", "600")]);
    let mut owner = clinic.owner();
    price(&mut owner, 50_000, "before");
    let names = ["anil", "bina", "chetan", "devi", "esha"];
    for name in names {
        online(&mut doctor(&clinic, &mut owner, name, &["hi"]));
    }
    let mut fhir = clinic.fhir();
    let patients: Vec<String> = (0..100)
        .map(|n| {
            let one = sample::patient("Gaikwad", &format!("Sunita{n}"), "9800000000", &format!("N-{n}"));
            fhir.post_fhir("/fhir/Patient", &one).expect(201).json()["id"].as_str().unwrap().to_owned()
        })
        .collect();
    let desk = staff(&clinic, &mut owner, "sanjana", "reception");
    let (address, cookie) = (clinic.server().http, desk.cookie().to_owned());
    thread::scope(|scope| {
        for (n, patient) in patients.iter().enumerate() {
            let cookie = cookie.clone();
            scope.spawn(move || {
                let mut http = clinicvault_tests::Http::plain(address)
                    .with("X-ClinicVault", "1")
                    .with("Sec-Fetch-Site", "same-origin")
                    .with("Cookie", &cookie);
                let mut wanted = wish(&json!({ "id": patient }), &format!("hundred-{n:04}"));
                wanted["urgency"] = json!(if n % 7 == 0 { "urgent" } else { "routine" });
                http.post("/api/consultations", &wanted).expect(201);
            });
        }
    });
    let mut desk = Person::sign_in(&clinic, "sanjana", &Person::own_password("sanjana"));
    let all = desk.get("/api/consultations").expect(200).json();
    let all = all["consultations"].as_array().unwrap();
    assert_eq!(all.len(), 100);
    let held: Vec<&str> = all
        .iter()
        .filter(|one| one["state"] == "PENDING_PAYMENT")
        .map(|one| one["doctor"]["id"].as_str().unwrap())
        .collect();
    assert_eq!(held.len(), names.len(), "every doctor has one");
    let mut once = held.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), names.len(), "nobody has two: {held:?}");
    assert_eq!(all.iter().filter(|one| one["state"] == "REQUESTED").count(), 100 - names.len());
    for doctor in desk.get("/api/presence").expect(200).json()["doctors"].as_array().unwrap() {
        assert_eq!(doctor["state"], "RESERVED");
        let one = all.iter().find(|one| one["id"] == doctor["consultation"]).unwrap();
        assert_eq!(one["doctor"]["id"], doctor["id"]);
    }
}

#[test]
fn a_pulled_plug_loses_nothing_and_leaves_nothing_half_done() {
    let mut clinic = open(&[]);
    {
        let mut owner = clinic.owner();
        price(&mut owner, 50_000, "before");
        let mut doctor = doctor(&clinic, &mut owner, "meera", &["hi"]);
        online(&mut doctor);
        staff(&clinic, &mut owner, "sanjana", "reception");
    }
    let mut known: Vec<(String, String)> = Vec::new();
    for round in 0..6 {
        let mut acknowledged = Vec::new();
        let token;
        {
            let mut desk = Person::sign_in(&clinic, "sanjana", &Person::own_password("sanjana"));
            token = clinic.token();
            let mut fhir = clinic.http().bearer(&token);
            let one =
                sample::patient("Gaikwad", &format!("Sunita{round}"), "9800000000", &format!("K-{round}"));
            let patient = fhir.post_fhir("/fhir/Patient", &one).expect(201).json();
            let asked = ask(&mut desk, &patient, &format!("kill-round-{round}"));
            acknowledged.push((
                asked["id"].as_str().unwrap().to_owned(),
                asked["state"].as_str().unwrap().to_owned(),
            ));
            // Whoever holds the doctor pays, while the plug is pulled at another moment in each round.
            let open = desk.get("/api/consultations").expect(200).json();
            let held = open["consultations"]
                .as_array()
                .unwrap()
                .iter()
                .find(|one| one["state"] == "PENDING_PAYMENT")
                .cloned();
            if let Some(held) = held {
                let (address, cookie) = (clinic.server().http, desk.cookie().to_owned());
                let payment = held["payment"]["id"].as_str().unwrap().to_owned();
                let sending = thread::spawn(move || {
                    let mut http = clinicvault_tests::Http::plain(address)
                        .with("X-ClinicVault", "1")
                        .with("Sec-Fetch-Site", "same-origin")
                        .with("Cookie", &cookie);
                    let body = json!({ "method": "cash", "paise": 50_000 }).to_string();
                    let path = format!("/api/payments/{payment}/confirm");
                    let headers = [("Content-Type", "application/json")];
                    http.try_send("POST", &path, &headers, body.as_bytes())
                        .is_ok_and(|answer| answer.status == 200)
                });
                thread::sleep(Duration::from_millis(round * 9));
                clinic.kill();
                if sending.join().unwrap() {
                    acknowledged.push((held["id"].as_str().unwrap().to_owned(), "WAITING".to_owned()));
                }
            } else {
                clinic.kill();
            }
        }
        known.extend(acknowledged);
        clinic.start();
        let mut desk = Person::sign_in(&clinic, "sanjana", &Person::own_password("sanjana"));
        let mut fhir = clinic.http().bearer(&token);
        let latest: std::collections::BTreeMap<&str, &str> =
            known.iter().map(|(id, state)| (id.as_str(), state.as_str())).collect();
        for (id, state) in latest {
            let view = desk.get(&format!("/api/consultations/{id}")).expect(200).json();
            let reached = view["steps"].as_array().unwrap().iter().any(|step| step["state"] == state);
            assert!(reached, "an acknowledged state is lost: {state} of {view}");
            // Row, Encounter, payment and bill tell the same.
            let encounter = fhir.get(&format!("/fhir/Encounter/{id}")).expect(200).json();
            assert_eq!(encounter["extension"][0]["valueCode"], view["state"]);
            let steps = view["steps"].as_array().unwrap();
            let waits = steps.iter().any(|step| step["state"] == "WAITING");
            let paid = view["payment"]["state"] == "PAID";
            assert_eq!(waits, paid, "half done: {view}");
            if !view["payment"].is_null() {
                let invoice = fhir.get(&format!("/fhir/Invoice/{id}")).expect(200).json();
                assert_eq!(invoice["status"] == "balanced", paid);
                assert_eq!(invoice.get("identifier").is_some(), paid);
            }
        }
        let doctors = desk.get("/api/presence").expect(200).json();
        let doctor = &doctors["doctors"][0];
        let open = desk.get("/api/consultations").expect(200).json();
        let holders = open["consultations"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["id"] == doctor["consultation"])
            .count();
        assert_eq!(holders, usize::from(!doctor["consultation"].is_null()));
        // Whoever has paid goes, so that the doctor is held for the next one.
        let paid = open["consultations"].as_array().unwrap().iter().find(|one| one["state"] == "WAITING");
        if let Some(one) = paid {
            turn(&mut desk, &one["id"], "cancel", json!({ "reason": "asked", "refund": "none" }), "WAITING");
            known.push((one["id"].as_str().unwrap().to_owned(), "CANCELLED".to_owned()));
        }
    }
}
