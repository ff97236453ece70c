//! Analysers at the box's lines, over sockets and a pseudo-terminal, into the real record.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use clinicvault_gateway::astm::frame::{self, ACK, ENQ, EOT};
use clinicvault_tests::analyser::{Analyser, frames, potassium};
use clinicvault_tests::{Clinic, Person};
use serde_json::{Value, json};

/// Rows are applied after they are acknowledged; this is how long a test waits for it.
const WITHIN: Duration = Duration::from_secs(30);

/// A channel with an analyser; `line` says where it is.
fn channel(owner: &mut Person<'_>, line: Value, more: Value) {
    let mut source = json!({"kind": "analyser", "analyser": "Meter", "line": line});
    for (name, value) in more.as_object().unwrap() {
        source[name] = value.clone();
    }
    let document = json!({"name": "meter", "source": source}).to_string();
    let headers = [("Content-Type", "application/json")];
    owner.http.send("PUT", "/api/channels/meter", &headers, document.as_bytes()).expect(201);
}

fn listener() -> Value {
    json!({"by": "listen", "address": "127.0.0.1:0"})
}

/// Waits until the channel runs, and answers its line in the list.
fn running(owner: &mut Person<'_>) -> Value {
    let began = Instant::now();
    loop {
        let list = owner.get("/api/channels").expect(200).json();
        let line = list["channels"].as_array().unwrap().iter().find(|c| c["name"] == "meter").cloned();
        if let Some(line) = line.filter(|line| line["state"] == "running") {
            return line;
        }
        assert!(began.elapsed() < WITHIN, "{list}");
        std::thread::sleep(Duration::from_millis(30));
    }
}

fn address(owner: &mut Person<'_>) -> SocketAddr {
    running(owner)["address"].as_str().unwrap().parse().unwrap()
}

/// Uma Sathe with an order for potassium of sample S-1.
fn ordered(clinic: &Clinic) {
    let patient = json!({"resourceType": "Patient", "id": "uma", "name": [{"family": "Sathe", "given": ["Uma"]}],
        "gender": "female", "birthDate": "1968-03-14"});
    clinic.fhir().put_fhir("/fhir/Patient/uma", &patient).expect(201);
    let order = json!({"resourceType": "ServiceRequest", "id": "k", "status": "active", "intent": "order",
        "identifier": [{"system": "urn:lab", "value": "S-1"}], "subject": {"reference": "Patient/uma"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "2823-3"}]}});
    clinic.fhir().put_fhir("/fhir/ServiceRequest/k", &order).expect(201);
}

fn wait_for(clinic: &Clinic, query: &str, total: u64) {
    let began = Instant::now();
    loop {
        let found = clinic.fhir().get(&format!("/fhir/{query}&_summary=count")).expect(200).json();
        if found["total"] == json!(total) {
            return;
        }
        assert!(began.elapsed() < WITHIN, "{query}: {found} instead of {total}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn send<W: std::io::Read + std::io::Write + std::os::fd::AsFd>(meter: &mut Analyser<W>, records: &[String]) {
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    meter.send(&records).expect("every frame is acknowledged");
}

#[test]
fn damaged_and_repeated_frames_become_one_result_of_the_right_patient() {
    let clinic = Clinic::open();
    ordered(&clinic);
    let mut owner = clinic.owner();
    let codes = json!([{"local": "K", "code": "2823-3", "display": "Potassium"}]);
    channel(&mut owner, listener(), json!({"codes": codes}));
    let mut meter = Analyser::connect(address(&mut owner)).unwrap();
    meter.damaged = vec![0, 3, 4];
    meter.doubled = vec![1, 4];
    send(&mut meter, &potassium("S-1", "6.1", "F", "20261121101500"));
    wait_for(&clinic, "Observation?code=http://loinc.org%7C2823-3", 1);
    let found = clinic.fhir().get("/fhir/Observation?code=2823-3").expect(200).json();
    let result = &found["entry"][0]["resource"];
    assert_eq!(result["valueQuantity"]["value"].to_string(), "6.1");
    assert_eq!(result["subject"]["reference"], "Patient/uma");
    assert_eq!(result["basedOn"][0]["reference"], "ServiceRequest/k");
    // The whole message once more, on another connection: answered, and not stored again.
    let mut again = Analyser::connect(address(&mut owner)).unwrap();
    send(&mut again, &potassium("S-1", "6.1", "F", "20261121101500"));
    let counts = running(&mut owner)["counts"].clone();
    assert_eq!((&counts["received"], &counts["repeated"]), (&json!(1), &json!(1)), "{counts}");
    let mut doctor = clinic.staff("meera", &["doctor"]);
    let rows = doctor.get("/api/inbox").expect(200).json()["rows"].clone();
    assert_eq!(rows.as_array().unwrap().len(), 1);
    let message = doctor.get(&format!("/api/inbox/{}", rows[0]["seq"])).expect(200).json();
    assert_eq!((&message["type"], &message["answered"]), (&json!("LIS2-A2"), &json!("ACK")));
    assert_eq!(message["segments"][3]["name"], "R");
}

#[test]
fn a_serial_line_takes_results_and_answers_questions() {
    let clinic = Clinic::open();
    ordered(&clinic);
    let (mut meter, device) = Analyser::terminal().unwrap();
    let mut owner = clinic.owner();
    let codes = json!([{"local": "K", "code": "2823-3", "display": "Potassium"}]);
    let line = json!({"by": "serial", "device": device, "baud": 19200});
    channel(&mut owner, line, json!({"codes": codes}));
    running(&mut owner);
    meter.send(&["H|\\^&|||Meter^7", "Q|1|^S-1||ALL||||||||O", "L|1|N"]).unwrap();
    let answer = meter.hear().unwrap();
    assert!(answer[1].starts_with("P|1|"), "{answer:?}");
    assert!(!answer[1].contains("Sathe"), "the name is not told unless the channel says so");
    assert!(answer[2].starts_with("O|1|S-1||^^^K|R"), "{answer:?}");
    assert_eq!(answer[3], "L|1|N");
    meter.send(&["H|\\^&|||Meter^7", "Q|1|^S-404||ALL||||||||O", "L|1|N"]).unwrap();
    assert_eq!(meter.hear().unwrap()[1..], ["L|1|I"]);
    send(&mut meter, &potassium("S-1", "6.1", "F", "20261121101500"));
    wait_for(&clinic, "Observation?subject=Patient/uma", 1);
    // A sample that nobody ordered waits.
    send(&mut meter, &potassium("S-404", "4.1", "F", "20261121111500"));
    let mut doctor = clinic.staff("meera", &["doctor"]);
    let began = Instant::now();
    let waiting = loop {
        let page = doctor.get("/api/inbox?state=needs").expect(200).json();
        if page["counts"]["needs"] == json!(1) {
            break page["rows"][0]["seq"].clone();
        }
        assert!(began.elapsed() < WITHIN, "{page}");
        std::thread::sleep(Duration::from_millis(50));
    };
    let message = doctor.get(&format!("/api/inbox/{waiting}")).expect(200).json();
    assert_eq!(
        (&message["held"]["reason"], &message["transport"]),
        (&json!("unknownSample"), &json!("serial"))
    );
}

#[test]
fn the_analyser_goes_first_when_both_ask_for_the_line() {
    let clinic = Clinic::open();
    ordered(&clinic);
    let mut owner = clinic.owner();
    channel(&mut owner, listener(), json!({}));
    let mut meter = Analyser::connect(address(&mut owner)).unwrap();
    meter.send(&["H|\\^&|||Meter^7", "Q|1|^S-1||ALL||||||||O", "L|1|N"]).unwrap();
    assert_eq!(meter.byte().unwrap(), ENQ, "the host has an answer");
    // Instead of taking it, the analyser asks itself; the host gives way and comes back with its answer later.
    meter.write(&[ENQ]).unwrap();
    std::thread::sleep(Duration::from_secs(1));
    send(&mut meter, &potassium("S-1", "6.1", "F", "20261121101500"));
    wait_for(&clinic, "Observation?subject=Patient/uma", 1);
    assert_eq!(meter.hear().unwrap()[2], "O|1|S-1||^^^2823-3|R||||||N||||||||||||||O");
}

#[test]
fn what_was_acknowledged_is_there_after_the_plug_was_pulled_and_nothing_is_there_twice() {
    let mut clinic = Clinic::open();
    ordered(&clinic);
    // The same port after each start.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let cookie = {
        let mut owner = clinic.owner();
        owner.add_staff("meera", &["doctor"]);
        channel(&mut owner, json!({"by": "listen", "address": free}), json!({}));
        running(&mut owner);
        Person::sign_in(&clinic, "meera", &Person::temporary_password("meera")).cookie().to_owned()
    };
    for round in 0..4u64 {
        let status = if round == 0 { "F" } else { "C" };
        let records = potassium("S-1", &format!("5.{round}"), status, &format!("2026112110150{round}"));
        let records: Vec<&str> = records.iter().map(String::as_str).collect();
        let mut meter = connected(free);
        meter.begin().unwrap();
        let all = frames(&records);
        let (last, before) = all.split_last().unwrap();
        for frame in before {
            meter.frame(frame).unwrap();
        }
        meter.write(&frame::write(last)).unwrap();
        // Between receipt and answer, or shortly after.
        std::thread::sleep(Duration::from_millis(4 * round));
        clinic.kill();
        let acknowledged = meter.byte_within(Duration::from_millis(200)).is_ok_and(|answer| answer == ACK);
        clinic.start();
        if !acknowledged {
            // Whoever got no answer sends again.
            connected(free).send(&records).unwrap();
        }
        wait_for(&clinic, &format!("Observation?subject=Patient/uma&value-quantity=5.{round}"), 1);
        wait_for(&clinic, "Observation?subject=Patient/uma", 1);
    }
    let page = clinic.http().with("Cookie", &cookie).get("/api/inbox").expect(200).json();
    let applied = page["rows"].as_array().unwrap().iter().filter(|row| row["state"] == "applied").count();
    assert_eq!((applied, &page["counts"]["needs"]), (4, &json!(0)), "one row a message: {page}");
}

/// A connection, once the box listens again.
fn connected(address: SocketAddr) -> Analyser<TcpStream> {
    let began = Instant::now();
    loop {
        match Analyser::connect(address) {
            Ok(meter) => return meter,
            Err(error) => assert!(began.elapsed() < WITHIN, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(30));
    }
}

#[test]
fn a_line_that_only_prints_brings_text_for_a_person() {
    let clinic = Clinic::open();
    ordered(&clinic);
    let mut owner = clinic.owner();
    channel(&mut owner, listener(), json!({"speaks": "printout"}));
    let mut printer = Analyser::connect(address(&mut owner)).unwrap();
    printer.write(b"\x0226/11/21 13:08 ID# 7\r\nNa 131 mmol/L\x03\n").unwrap();
    printer.write(&[EOT]).unwrap();
    let mut doctor = clinic.staff("meera", &["doctor"]);
    let began = Instant::now();
    let seq = loop {
        let page = doctor.get("/api/inbox?state=needs").expect(200).json();
        if page["counts"]["needs"] == json!(1) {
            break page["rows"][0]["seq"].clone();
        }
        assert!(began.elapsed() < WITHIN, "{page}");
        std::thread::sleep(Duration::from_millis(50));
    };
    let decision = json!({"action": "assign", "patientId": "uma", "remember": false});
    doctor.post(&format!("/api/inbox/{seq}/settle"), &decision).expect(200);
    wait_for(&clinic, "DocumentReference?subject=Patient/uma", 1);
    wait_for(&clinic, "Observation?subject=Patient/uma", 0);
}
