//! Alerts: what about channels is worth a look is found, told, and over when it is over.

use std::time::{Duration, Instant};

use clinicvault_tests::mllp::Identity;
use clinicvault_tests::receiver::Receiver;
use clinicvault_tests::socket::Socket;
use clinicvault_tests::{Clinic, Person, sample};
use serde_json::{Value, json};

use super::{address, connect, create, listener};
use crate::outbox::staff;

/// Silence and waiting are told after a minute at the earliest.
const WITHIN: Duration = Duration::from_secs(150);

/// A clinic that looks every second and sends alerts to this destination.
fn clinic(destination: &str) -> Clinic {
    let mut clinic = Clinic::create();
    let settings = clinic.scratch().join("settings.toml");
    std::fs::write(&settings, format!("[alerts]\nlook_seconds = 1\ndestination = {destination:?}\n"))
        .unwrap();
    clinic.serve_with(&["--config", settings.to_str().unwrap()]);
    clinic.start();
    clinic
}

fn told(owner: &mut Person<'_>) -> Value {
    owner.get("/api/alerts").expect(200).json()
}

/// Waits until the alerts are these, `channel about`, and answers them.
#[track_caller]
fn wait_for(owner: &mut Person<'_>, wanted: &[&str]) -> Vec<Value> {
    let began = Instant::now();
    loop {
        let all = told(owner)["alerts"].as_array().unwrap().clone();
        let name =
            |one: &Value| format!("{} {}", one["channel"].as_str().unwrap(), one["about"].as_str().unwrap());
        let mut names: Vec<String> = all.iter().map(name).collect();
        names.sort();
        if names == wanted {
            return all;
        }
        assert!(began.elapsed() < WITHIN, "{wanted:?}: {names:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn feed(clinic: &Clinic, person: &Person<'_>) -> Socket {
    let address = clinic.server().http;
    let origin = format!("http://{address}");
    let headers = [("Cookie", person.cookie()), ("Origin", origin.as_str())];
    let mut socket = Socket::open(address, "/api/events?since=0", &headers).unwrap().unwrap();
    socket.send(&json!({"subscribe": {"patients": [], "topics": ["alerts"]}}).to_string()).unwrap();
    socket
}

/// What the log of the box says of alerts, oldest first.
fn logged(clinic: &Clinic) -> Vec<String> {
    let found = clinic.fhir().get("/fhir/AuditEvent?_count=500").expect(200).json();
    let entries = found["entry"].as_array().unwrap().clone();
    let words = entries.iter().map(|entry| entry["resource"].to_string());
    words.filter(|text| text.contains(" begins") || text.contains(" is over")).collect()
}

#[test]
fn errors_certificates_and_failures_are_told_to_pages_to_the_log_and_to_a_destination() {
    let clinic = clinic("to-desk/desk");
    let mut owner = clinic.owner();
    assert!(told(&mut owner)["trouble"].as_str().unwrap().contains("to-desk/desk"), "it is not there yet");
    let desk = Receiver::plain();
    let to = json!({"kind": "http", "url": format!("http://{}/alerts", desk.address), "format": "fhir"});
    let source = json!({"kind": "records", "messages": []});
    create(
        &mut owner,
        &json!({"name": "to-desk", "source": source, "destinations": [{"name": "desk", "to": to}]}),
    );
    assert_eq!(told(&mut owner), json!({"alerts": [], "destination": "to-desk/desk", "trouble": null}));
    let mut page = feed(&clinic, &owner);
    let nurse = staff(&clinic, &mut owner, "uma", "nurse");
    let mut other = feed(&clinic, &nurse);

    create(&mut owner, &listener("lab", json!({"kinds": ["ADT"]})));
    let oru = |n: usize| {
        format!(
            "MSH|^~\\&|LIS|LAB|CV|BOX|20260203||ORU^R01^ORU_R01|R-{n}|P|2.5.1\rPID|1||1^^^LAB^MR||Rao^Anil\r"
        )
    };
    let mut lab = connect(&mut owner, "lab");
    (0..9).for_each(|n| assert_eq!(lab.send(&oru(n)).code, "AR"));
    wait_for(&mut owner, &[]);
    assert_eq!(lab.send(&oru(9)).code, "AR");
    let alert = wait_for(&mut owner, &["lab errors"]).remove(0);
    assert_eq!(alert["number"], 100);
    let heard = page.message().unwrap().unwrap();
    assert_eq!((&heard["kind"], &heard["id"]), (&json!("alerts"), &json!("")), "{heard}");
    let sent = desk.wait(1)[0].json();
    let record = &sent["entry"][0]["resource"];
    assert_eq!(
        (&record["resourceType"], &record["status"]),
        (&json!("Communication"), &json!("in-progress"))
    );
    let words = record["payload"][0]["contentString"].as_str().unwrap();
    assert!(words.contains("lab") && words.contains("100"), "{words}");

    // Two more, of other kinds.
    let old = Identity::ended("localhost", 2021);
    std::fs::write(clinic.data().join("tls/old.crt"), old.certificate()).unwrap();
    std::fs::write(clinic.data().join("tls/old.key"), old.key()).unwrap();
    let tls = |name: &str, certificate: &str| json!({"name": name, "source": {"kind": "mllp", "address": "127.0.0.1:0", "tls": {"certificate": certificate}}});
    create(&mut owner, &tls("old", "old"));
    create(&mut owner, &tls("broken", "missing"));
    wait_for(&mut owner, &["broken failed", "lab errors", "old certificate"]);

    // It is over when enough went well again, and when a channel is no more.
    for n in 0..45 {
        // Different people: who looks like somebody known would wait for a person.
        let (number, family) = (format!("{n}"), format!("Family{}", "x".repeat(n)));
        let sent = sample::adt("A04", &format!("G-{n}"), &number, &family, "Anil", &number);
        assert_eq!(lab.send(&sent).code, "AA");
    }
    owner.delete("/api/channels/broken").expect(204);
    owner.delete("/api/channels/old").expect(204);
    wait_for(&mut owner, &[]);
    let id = record["id"].clone();
    let all = desk.wait(6);
    let about = |one: &Value| one["entry"][0]["resource"]["id"] == id;
    let bodies: Vec<Value> = all.iter().map(|one| one.json()).filter(about).collect();
    let states: Vec<_> = bodies.iter().map(|one| one["entry"][0]["resource"]["status"].clone()).collect();
    assert_eq!(states, [json!("in-progress"), json!("completed")], "the same record, in order");
    let log = logged(&clinic);
    for said in
        ["lab: errors begins", "lab: errors is over", "old: certificate begins", "broken: failed is over"]
    {
        assert!(log.iter().any(|line| line.contains(said)), "{said}: {log:?}");
    }
    // Who may not look at settings hears nothing.
    other.patience(Duration::from_millis(300));
    assert!(other.message().is_err());
    drop(nurse);
}

#[test]
fn silence_and_a_dead_destination_are_told_after_their_minutes_and_outlive_a_restart() {
    let mut clinic = clinic("");
    let mut owner = clinic.owner();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let to = json!({"kind": "mllp", "host": "127.0.0.1", "port": nobody.port()});
    let mut relay = listener("relay", json!({}));
    relay["destinations"] = json!([{"name": "away", "to": to}]);
    relay["alerts"] = json!({"waitingMinutes": 1});
    create(&mut owner, &relay);
    let mut quiet = listener("quiet", json!({}));
    quiet["alerts"] = json!({"silentMinutes": 1});
    create(&mut owner, &quiet);
    let sent = sample::adt("A04", "W-1", "1", "Rao", "Anil", "1");
    assert_eq!(connect(&mut owner, "relay").send(&sent).code, "AA");
    let found = wait_for(&mut owner, &["quiet silent", "relay waiting"]);
    assert!(found.iter().all(|one| one["number"] == 1), "{found:?}");
    drop(owner);
    clinic.stop();
    clinic.start();
    let mut owner = clinic.owner();
    let after = told(&mut owner)["alerts"].as_array().unwrap().clone();
    assert!(
        after.iter().any(|one| one["about"] == "waiting" && one["since"] == found[1]["since"]),
        "{after:?}"
    );
    let _receiver = clinicvault_tests::Sink::at(nobody);
    address(&mut owner, "quiet");
    wait_for(&mut owner, &[]);
}
