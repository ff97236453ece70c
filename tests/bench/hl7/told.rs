//! Messages that leave to a slow receiver: the order within a patient holds, and patients do not wait for each other.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use clinicvault_tests::{Clinic, Person};
use serde_json::{Value, json};

use crate::Scale;
use crate::table::Aim::AtLeast;
use crate::table::Table;

/// What the receiver takes for each message.
const DELAY: Duration = Duration::from_millis(200);
/// Patients, and as many connections to the receiver.
const PATIENTS: usize = 128;
/// Patients whose messages go one after the other.
const ALONE: usize = 12;
/// Messages about each of them.
const EACH: usize = 3;

pub fn all(table: &mut Table, scale: &Scale) {
    // A short run has the messages beside each other alone.
    let serial = (scale.rounds > 1).then(|| rate(ALONE, 1));
    let beside = rate(PATIENTS, PATIENTS);
    let name = "HL7 to a receiver that takes 200 ms";
    table.figure(format!("{name}, {PATIENTS} patients, as many connections"), beside, "/s");
    let alone = serial.unwrap_or(1.0 / DELAY.as_secs_f64());
    let what = if serial.is_some() { "1 connection" } else { "one after the other (reckoned)" };
    table.figure(format!("{name}, {what}"), alone, "/s");
    table.aimed(format!("{name}: side by side against serial"), beside / alone, "times", AtLeast(50.0));
}

/// Messages a second about so many patients, in order for each of them.
fn rate(patients: usize, connections: usize) -> f64 {
    (patients * EACH) as f64 / took(patients, connections).as_secs_f64()
}

/// From the first change to the last message, with so many connections to the receiver.
fn took(patients: usize, connections: usize) -> Duration {
    let clinic = Clinic::open();
    let (port, got) = receiver();
    let mut owner = clinic.owner();
    tell(&mut owner, port, connections);
    let began = Instant::now();
    for change in 0..EACH {
        for patient in 0..patients {
            put(&clinic, patient, change);
        }
    }
    let mut order: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for _ in 0..patients * EACH {
        let (family, given) = got.recv_timeout(Duration::from_secs(120)).expect("the next message");
        order.entry(family).or_default().push(given);
    }
    let took = began.elapsed();
    let expected: Vec<String> = (0..EACH).map(given).collect();
    assert!(order.len() == patients && order.values().all(|own| *own == expected), "{order:?}");
    took
}

fn given(change: usize) -> String {
    format!("Change{change}")
}

fn put(clinic: &Clinic, patient: usize, change: usize) {
    let id = format!("p{patient}");
    let body = json!({"resourceType": "Patient", "id": id, "identifier": [{"system": "urn:oid:1.2.3", "value": id}],
        "name": [{"family": format!("Family{patient}"), "given": [given(change)]}]});
    let answer = clinic.fhir().put_fhir(&format!("/fhir/Patient/{id}"), &body);
    assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
}

fn tell(owner: &mut Person<'_>, port: u16, connections: usize) {
    let to = json!({"kind": "mllp", "host": "127.0.0.1", "port": port, "connections": connections});
    let document = json!({"name": "slow", "source": {"kind": "records", "messages": ["ADT^A04", "ADT^A08"]},
        "destinations": [{"name": "slow", "to": to}]});
    let headers = [("Content-Type", "application/json")];
    owner.http.send("PUT", "/api/channels/slow", &headers, document.to_string().as_bytes()).expect(201);
    let running = |line: &Value| line["name"] == "slow" && line["state"] == "running";
    let began = Instant::now();
    while !owner.get("/api/channels").expect(200).json()["channels"].as_array().unwrap().iter().any(running) {
        assert!(began.elapsed() < Duration::from_secs(30), "the channel does not run");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A receiver that takes its time; hands on the names of PID-5.
fn receiver() -> (u16, Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("a bound socket").port();
    let (told, got) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let told = told.clone();
            std::thread::spawn(move || drop(talk(stream, &told)));
        }
    });
    (port, got)
}

fn talk(mut stream: TcpStream, told: &Sender<(String, String)>) -> std::io::Result<()> {
    let (mut unread, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let n = stream.read(&mut chunk)?;
        if n == 0 {
            return Ok(());
        }
        unread.extend_from_slice(&chunk[..n]);
        while let Some(end) = unread.windows(2).position(|w| w == b"\x1c\r") {
            let rest = unread.split_off(end + 2);
            let text = String::from_utf8_lossy(&std::mem::replace(&mut unread, rest)).into_owned();
            std::thread::sleep(DELAY);
            let pid = text.split('\r').find(|line| line.starts_with("PID")).unwrap_or_default();
            let name = pid.split('|').nth(5).unwrap_or_default();
            let mut parts = name.split('^').map(str::to_owned);
            let who = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            // Nobody waits for what comes after the last.
            let _ = told.send(who);
            let id = text.split('|').nth(9).unwrap_or_default();
            let answer = format!("\u{b}MSH|^~\\&|R|R|||20261122||ACK|1|P|2.5.1\rMSA|AA|{id}\r\u{1c}\r");
            stream.write_all(answer.as_bytes())?;
        }
    }
}
