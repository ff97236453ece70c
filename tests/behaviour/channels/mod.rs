//! Channels: documents that an owner writes, and the sources that run by them, over real sockets.

mod alerts;
mod counts;
mod documents;
mod listeners;
mod maps;
mod pieces;
mod queries;
mod replays;
mod rework;
mod tls;
mod trials;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use clinicvault_tests::{Answer, Clinic, Mllp, Person};
use serde_json::{Value, json};

/// A source follows its document within a moment; this is how long a test waits for it.
const WITHIN: Duration = Duration::from_secs(20);

/// A document with a listener on a free port.
fn listener(name: &str, rules: Value) -> Value {
    json!({"name": name, "source": {"kind": "mllp", "address": "127.0.0.1:0"}, "rules": rules})
}

/// Writes a document that must be new.
fn create(owner: &mut Person<'_>, document: &Value) {
    put(owner, document, None).expect(201);
}

/// Writes a document, expecting a version or that there is none.
fn put(owner: &mut Person<'_>, document: &Value, version: Option<u64>) -> Answer {
    let path = format!("/api/channels/{}", document["name"].as_str().unwrap());
    let tag = version.map(|version| format!("W/\"{version}\""));
    let mut headers = vec![("Content-Type", "application/json")];
    headers.extend(tag.as_deref().map(|tag| ("If-Match", tag)));
    owner.http.send("PUT", &path, &headers, document.to_string().as_bytes())
}

/// The line of a channel in the list.
fn line(owner: &mut Person<'_>, name: &str) -> Value {
    let list = owner.get("/api/channels").expect(200).json();
    let found = list["channels"].as_array().unwrap().iter().find(|c| c["name"] == name).cloned();
    found.unwrap_or(Value::Null)
}

/// Waits until a channel is in a state, and answers its line.
#[track_caller]
fn wait_for(owner: &mut Person<'_>, name: &str, state: &str) -> Value {
    wait_until(owner, name, |line| line["state"] == state)
}

/// Waits until the line of a channel is as wanted.
#[track_caller]
fn wait_until(owner: &mut Person<'_>, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let line = line(owner, name);
        if wanted(&line) {
            return line;
        }
        assert!(began.elapsed() < WITHIN, "{name}: {line}");
        std::thread::sleep(Duration::from_millis(30));
    }
}

/// Where a running channel listens.
#[track_caller]
fn address(owner: &mut Person<'_>, name: &str) -> SocketAddr {
    wait_for(owner, name, "running")["address"].as_str().unwrap().parse().unwrap()
}

/// A connection to a running channel.
#[track_caller]
fn connect(owner: &mut Person<'_>, name: &str) -> Mllp {
    Mllp::connect(address(owner, name)).expect("the channel listens")
}

/// Waits until FHIR counts so many.
#[track_caller]
pub fn wait_count(clinic: &Clinic, query: &str, total: u64) {
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
