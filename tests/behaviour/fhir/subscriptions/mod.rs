//! Subscriptions: other systems are told of changes, each of what its owner may see, and nothing is lost on the way.

mod hooks;
mod lasting;
mod rights;
mod sockets;
mod topics;

use std::time::{Duration, Instant};

use clinicvault_tests::receiver::Arrived;
use clinicvault_tests::{Clinic, Http, Receiver, sample};
use serde_json::{Value, json};

pub const IG: &str = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition";
pub const TOPIC: &str = "https://clinicvault.local/fhir/SubscriptionTopic";

/// A clinic that allows these addresses, and gives up after `attempts`.
pub fn clinic(endpoints: &[String], attempts: u32, more: &str) -> Clinic {
    let mut clinic = Clinic::create();
    let listed: Vec<String> = endpoints.iter().map(|endpoint| format!("{endpoint:?}")).collect();
    let text = format!(
        "[subscriptions]\nendpoints = [{}]\nattempts = {attempts}\nretry_seconds = 1\nretry_most_seconds = 1\n\
         timeout_seconds = 3\n{more}",
        listed.join(", ")
    );
    let file = clinic.scratch().join("settings.toml");
    std::fs::write(&file, text).unwrap();
    clinic.serve_with(&["--config", file.to_str().unwrap()]);
    clinic.start();
    clinic
}

pub fn base(receiver: &Receiver) -> String {
    format!("http://{}/", receiver.address)
}

/// A rest-hook with a query as its criteria, in R4's own form.
pub fn hook(criteria: &str, endpoint: &str) -> Value {
    json!({
        "resourceType": "Subscription", "status": "requested", "reason": "tests", "criteria": criteria,
        "channel": {"type": "rest-hook", "endpoint": endpoint, "payload": "application/fhir+json"}
    })
}

/// The same in the form of the Backport guide.
pub fn backport(criteria: &str, endpoint: &str, content: &str) -> Value {
    let mut subscription = hook(criteria, endpoint);
    subscription["channel"]["_payload"] =
        json!({"extension": [{"url": format!("{IG}/backport-payload-content"), "valueCode": content}]});
    subscription
}

pub fn id_of(made: &Value) -> String {
    made["id"].as_str().expect("an id").to_owned()
}

#[track_caller]
pub fn create(fhir: &mut Http, body: &Value) -> String {
    let kind = body["resourceType"].as_str().unwrap();
    id_of(&fhir.post_fhir(&format!("/fhir/{kind}"), body).expect(201).json())
}

/// Waits until a Subscription has this status, and answers it.
#[track_caller]
pub fn status(fhir: &mut Http, id: &str, wanted: &str) -> Value {
    let began = Instant::now();
    loop {
        let found = fhir.get(&format!("/fhir/Subscription/{id}")).expect(200).json();
        if found["status"] == wanted {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "never {wanted}: {found}");
        std::thread::sleep(Duration::from_millis(30));
    }
}

pub fn patient(fhir: &mut Http, family: &str) -> String {
    create(fhir, &sample::patient(family, "Asha", "9800000001", family))
}

pub fn observe(fhir: &mut Http, patient: &str, value: &str) -> String {
    create(fhir, &sample::observation(&format!("Patient/{patient}"), value, "x"))
}

/// What a notification bundle says: its type, total, and its events as number and focus.
pub fn notice(body: &Value) -> (String, u64, Vec<(u64, Option<String>)>) {
    assert_eq!((&body["resourceType"], &body["type"]), (&json!("Bundle"), &json!("history")), "{body}");
    let status = &body["entry"][0]["resource"];
    let parameters = status["parameter"].as_array().expect("the status as Parameters");
    let find = |name: &str| parameters.iter().find(|one| one["name"] == name);
    let events = parameters.iter().filter(|one| one["name"] == "notification-event").map(|event| {
        let part = |name: &str| event["part"].as_array().unwrap().iter().find(|one| one["name"] == name);
        let number = part("event-number").unwrap()["valueString"].as_str().unwrap().parse().unwrap();
        let focus =
            part("focus").map(|focus| focus["valueReference"]["reference"].as_str().unwrap().to_owned());
        (number, focus)
    });
    (
        find("type").unwrap()["valueCode"].as_str().unwrap().to_owned(),
        find("events-since-subscription-start").unwrap()["valueString"].as_str().unwrap().parse().unwrap(),
        events.collect(),
    )
}

/// Events in all notifications so far, in the order of their arrival.
pub fn events(arrived: &[Arrived]) -> Vec<(u64, Option<String>)> {
    let notices = arrived.iter().map(|one| notice(&one.json()));
    notices.filter(|(kind, ..)| kind == "event-notification").flat_map(|(_, _, events)| events).collect()
}
