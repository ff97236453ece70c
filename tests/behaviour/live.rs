//! What changes arrives by itself, and only for those who may know.

use std::time::Duration;

use clinicvault_tests::socket::Socket;
use clinicvault_tests::{Clinic, Person, sample};
use serde_json::{Value, json};

fn patient(clinic: &Clinic) -> String {
    clinic
        .fhir()
        .post_fhir("/fhir/Patient", &sample::patient("Bhosale", "Asha", "9800000001", "L-1"))
        .expect(201)
        .json()["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn open(clinic: &Clinic, person: &Person<'_>, since: u64) -> Socket {
    let address = clinic.server().http;
    let origin = format!("http://{address}");
    let headers = [("Cookie", person.cookie()), ("Origin", origin.as_str())];
    Socket::open(address, &format!("/api/events?since={since}"), &headers).unwrap().unwrap()
}

fn last(person: &mut Person<'_>) -> u64 {
    person.get("/api/changes?since=0").expect(200).json()["last"].as_u64().unwrap()
}

/// The next message of this kind; others of the same transaction may come before it.
fn next_of(socket: &mut Socket, kind: &str) -> Value {
    loop {
        let message = socket.message().unwrap().expect("the feed is open");
        if message["kind"] == kind {
            return message;
        }
    }
}

#[test]
fn a_result_arrives_in_the_open_chart_and_nothing_of_what_it_says() {
    let clinic = Clinic::open();
    let id = patient(&clinic);
    let doctor = clinic.staff("meera", &["doctor"]);
    let mut socket = open(&clinic, &doctor, 0);
    socket.send(&json!({"subscribe": {"patients": [id], "topics": []}}).to_string()).unwrap();
    // The subscription is taken when the feed answers it; a change made before could be missed by design.
    std::thread::sleep(Duration::from_millis(300));
    clinic
        .fhir()
        .post_fhir("/fhir/Observation", &sample::observation(&format!("Patient/{id}"), "164", "told nobody"))
        .expect(201);
    let message = next_of(&mut socket, "Observation");
    assert_eq!(message["patient"], json!(id));
    assert!(!message.to_string().contains("164") && !message.to_string().contains("told nobody"));
    assert_eq!(message.as_object().unwrap().len(), 4, "{message}");
}

#[test]
fn a_view_that_comes_back_hears_what_it_missed() {
    let clinic = Clinic::open();
    let id = patient(&clinic);
    let mut doctor = clinic.staff("meera", &["doctor"]);
    let seen = last(&mut doctor);
    clinic
        .fhir()
        .post_fhir("/fhir/Observation", &sample::observation(&format!("Patient/{id}"), "164", "x"))
        .expect(201);
    let mut socket = open(&clinic, &doctor, seen);
    socket.send(&json!({"subscribe": {"patients": [id]}}).to_string()).unwrap();
    let message = next_of(&mut socket, "Observation");
    assert!(message["tx"].as_u64().unwrap() > seen);
    let polled = doctor.get(&format!("/api/changes?since={seen}")).expect(200).json();
    assert!(
        polled["changes"].as_array().unwrap().iter().any(|change| change["kind"] == "Observation"),
        "{polled}"
    );
    let mut desk = clinic.staff("sanjana", &["reception"]);
    let polled = desk.get(&format!("/api/changes?since={seen}")).expect(200).json();
    assert!(!polled.to_string().contains("Observation"), "{polled}");
}

#[test]
fn another_sites_page_cannot_open_the_feed_and_a_signed_out_one_loses_it() {
    let clinic = Clinic::open();
    let mut doctor = clinic.staff("meera", &["doctor"]);
    let address = clinic.server().http;
    for origin in ["https://evil.example", "null"] {
        let headers = [("Cookie", doctor.cookie()), ("Origin", origin)];
        assert!(Socket::open(address, "/api/events", &headers).unwrap().is_err(), "{origin}");
    }
    let own = format!("http://{address}");
    assert!(
        Socket::open(address, "/api/events", &[("Origin", own.as_str())]).unwrap().is_err(),
        "nobody is signed in"
    );
    let mut socket = open(&clinic, &doctor, 0);
    socket.send(r#"{"subscribe":{}}"#).unwrap();
    doctor.post("/api/logout", &json!({}));
    socket.patience(Duration::from_secs(5));
    assert!(matches!(socket.message(), Ok(None)), "the feed goes on after signing out");
}

#[test]
fn nonsense_closes_the_feed_and_nothing_else() {
    let clinic = Clinic::open();
    let mut doctor = clinic.staff("meera", &["doctor"]);
    let many: Vec<String> = (0..500).map(|n| format!("p{n}")).collect();
    for text in ["{", "[]", r#"{"subscribe":1}"#, &json!({"subscribe": {"patients": many}}).to_string()] {
        let mut socket = open(&clinic, &doctor, 0);
        socket.send(text).unwrap();
        assert!(matches!(socket.message(), Ok(None) | Err(_)), "{text}");
    }
    doctor.get("/api/session").expect(200);
}
