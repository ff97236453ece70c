//! What comes in and goes on: nothing that was acknowledged is lost on its way, and the answers of receiving applications
//! find their message.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use clinicvault_tests::sink::{Act, Got};
use clinicvault_tests::{Clinic, Mllp, Person, Sink, sample};
use serde_json::{Value, json};

use crate::outbox::{patient, rows, staff, tell};

const WITHIN: Duration = Duration::from_secs(30);

/// Writes a document that must be new.
#[track_caller]
pub fn create(owner: &mut Person<'_>, document: &Value) {
    let path = format!("/api/channels/{}", document["name"].as_str().unwrap());
    let headers = [("Content-Type", "application/json")];
    owner.http.send("PUT", &path, &headers, document.to_string().as_bytes()).expect(201);
}

/// The line of a channel in the list.
pub fn line(owner: &mut Person<'_>, name: &str) -> Value {
    let list = owner.get("/api/channels").expect(200).json();
    let found = list["channels"].as_array().unwrap().iter().find(|c| c["name"] == name).cloned();
    found.unwrap_or(Value::Null)
}

/// Waits until a channel runs, and answers its line.
#[track_caller]
pub fn running(owner: &mut Person<'_>, name: &str) -> Value {
    let began = Instant::now();
    loop {
        let line = line(owner, name);
        if line["state"] == "running" {
            return line;
        }
        assert!(began.elapsed() < WITHIN, "{name}: {line}");
        std::thread::sleep(Duration::from_millis(30));
    }
}

/// Where a running channel listens.
#[track_caller]
pub fn address(owner: &mut Person<'_>, name: &str) -> SocketAddr {
    running(owner, name)["address"].as_str().unwrap().parse().unwrap()
}

/// A listener whose messages go on to these ports.
fn relay(name: &str, ports: &[(&str, u16)]) -> Value {
    let to = |port: u16| json!({"kind": "mllp", "host": "127.0.0.1", "port": port, "timeoutSeconds": 2});
    let targets: Vec<Value> =
        ports.iter().map(|(name, port)| json!({"name": name, "to": to(*port)})).collect();
    json!({"name": name, "source": {"kind": "mllp", "address": "127.0.0.1:0"}, "destinations": targets})
}

/// A port where nobody listens.
fn nobody() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn what_a_channel_takes_goes_on_byte_for_byte_even_over_a_kill() {
    let mut clinic = Clinic::open();
    let (here, away) = (Sink::plain(), nobody());
    let sent: Vec<String> = (1..=4)
        .map(|n| {
            sample::adt(
                "A04",
                &format!("F-{n}"),
                &format!("8812{}", n % 2),
                "Sathe",
                &format!("U{n}"),
                "98220",
            )
        })
        .collect();
    {
        let mut owner = clinic.owner();
        let mut document = relay("relay", &[("here", here.address.port()), ("away", away.port())]);
        document["filter"] = json!({"kinds": ["ADT"]});
        create(&mut owner, &document);
        let mut peer = Mllp::connect(address(&mut owner, "relay")).unwrap();
        for message in &sent {
            assert_eq!(peer.send(message).code, "AA");
        }
        assert_eq!(peer.send(&sent[0]).code, "AA", "a repetition gets its answer");
        let result = sample::oru("R-1", "88121", "Sathe", "U1", "5.1");
        peer.send(&result);
        let refused = peer.send(&sample::adt("A04", "F-9", "", "Sathe", "U", "98220"));
        assert_eq!(refused.code, "AE");
    }
    clinic.kill();
    clinic.start();
    // Some may come twice, which a kill may bring about.
    let all = |got: &[Got]| {
        let mut texts = sent.iter().map(|message| message.replace('\r', "\n"));
        texts.all(|text| got.iter().any(|one| one.text == text))
    };
    let got = here.wait_for("what was acknowledged", all);
    // Those of one patient in their order, whatever a kill made come twice.
    for patient in ["88121", "88120"] {
        let mut order: Vec<&str> =
            got.iter().filter(|one| one.text.contains(patient)).map(|one| one.control_id.as_str()).collect();
        order.dedup();
        assert!(order.is_sorted(), "{order:?}");
    }
    let mut owner = clinic.owner();
    let mut doctor = staff(&clinic, &mut owner, "meera", "doctor");
    rows(&mut doctor, "sent", 4);
    let waiting = rows(&mut doctor, "waiting", 4);
    assert!(
        waiting.iter().all(|row| row["destination"] == "relay/away"),
        "what is passed over or refused stays"
    );
    let one = doctor.get(&format!("/api/outbox/{}", waiting[0]["seq"])).expect(200).json();
    assert!(one["cause"].as_str().unwrap().starts_with("inbox/"), "{one}");
    let back = Sink::at(away);
    assert_eq!(back.wait(4).len(), 4);
    rows(&mut doctor, "sent", 8);
}

#[test]
fn it_goes_on_as_the_channel_changes_it() {
    let clinic = Clinic::open();
    let here = Sink::plain();
    let mut owner = clinic.owner();
    let mut document = relay("relay", &[("here", here.address.port())]);
    document["transform"] = json!([{"do": "set", "at": "MSH-6", "value": "ELSEWHERE"}]);
    create(&mut owner, &document);
    let message = sample::adt("A04", "F-1", "88120", "Sathe", "Uma", "98220");
    let mut peer = Mllp::connect(address(&mut owner, "relay")).unwrap();
    assert_eq!(peer.send(&message).code, "AA");
    let got = here.wait(1);
    assert_eq!(got[0].control_id, "F-1");
    assert!(got[0].text.contains("|ELSEWHERE|") && !message.contains("ELSEWHERE"), "{}", got[0].text);
    let rest =
        |text: &str| text.replace('\r', "\n").split_once('\n').map(|(_, rest)| rest.trim_end().to_owned());
    assert_eq!(rest(&got[0].text), rest(&message), "nothing else is another");
}

#[test]
fn a_message_that_goes_round_is_stopped_and_said() {
    let clinic = Clinic::open();
    let here = Sink::plain();
    let mut owner = clinic.owner();
    create(&mut owner, &relay("relay", &[("here", here.address.port())]));
    let mut peer = Mllp::connect(address(&mut owner, "relay")).unwrap();
    // Somebody behind the destination gives it back under a control id of its own each time.
    for n in 1..=5 {
        let again = sample::adt("A04", &format!("L-{n}"), "88120", "Sathe", "Uma", "98220");
        assert_eq!(peer.send(&again).code, "AA");
    }
    let mut doctor = staff(&clinic, &mut owner, "meera", "doctor");
    rows(&mut doctor, "sent", 3);
    let stopped = rows(&mut doctor, "failed", 2);
    assert_eq!(stopped[0]["last"]["outcome"], "loop");
    let line = line(&mut owner, "relay");
    assert!(line["trouble"].as_str().unwrap().contains("relay/here"), "{line}");
    assert_eq!(here.got().len(), 3);
    // Another patient's message is not held up, and a person may send one of them all the same.
    assert_eq!(peer.send(&sample::adt("A04", "L-9", "88121", "Rao", "Asha", "98221")).code, "AA");
    here.wait(4);
    doctor.post(&format!("/api/outbox/{}/resend", stopped[1]["seq"]), &json!({})).expect(200);
    assert_eq!(here.wait(5)[4].control_id, "L-4");
}

#[test]
fn the_answer_of_an_application_finds_its_message_by_another_connection() {
    let clinic = Clinic::open();
    let his = Sink::plain();
    his.will(&[Act::Answer("CA"), Act::Answer("CA"), Act::Answer("CA")]);
    let mut owner = clinic.owner();
    tell(&mut owner, "to-his", his.address.port(), &json!({"acknowledge": "application"}));
    for (id, family) in [("p1", "Sathe"), ("p2", "Rao"), ("p3", "Kale")] {
        patient(&clinic, id, family);
    }
    let got = his.wait(3);
    let mut doctor = staff(&clinic, &mut owner, "meera", "doctor");
    rows(&mut doctor, "accepted", 3);
    let ack = |own: &str, code: &str, about: &str| {
        format!(
            "MSH|^~\\&|HIS|CITYHOSP|CLINICVAULT|BOX|20261122||ACK^A04^ACK|{own}|P|2.5.1|||AL|NE\rMSA|{code}|{about}\r"
        )
    };
    let mut peer = clinic.mllp();
    let first = ack("H1", "AA", &got[0].control_id);
    assert_eq!(peer.send(&first).code, "CA");
    assert_eq!(peer.send(&ack("H2", "AE", &got[1].control_id)).code, "CA");
    rows(&mut doctor, "sent", 1);
    let failed = rows(&mut doctor, "failed", 1);
    assert_eq!(failed[0]["controlId"], json!(got[1].control_id));
    assert_eq!(failed[0]["last"]["code"], "AE");
    assert_eq!(peer.send(&first).code, "CA", "the same answer again changes nothing");
    let unknown = peer.send(&ack("H3", "AA", "NOBODY"));
    assert!(unknown.code == "CE" && unknown.text.contains("204"), "{}", unknown.text);
    let settled = peer.send(&ack("H4", "AE", &got[0].control_id));
    assert_eq!(settled.code, "CE", "what is settled stays so");
    rows(&mut doctor, "accepted", 1);
}

#[test]
fn a_backlog_of_many_pages_arrives_whole_and_in_order_after_a_restart() {
    let mut clinic = Clinic::open();
    let (here, away) = (Sink::plain(), nobody());
    let count = 150;
    {
        let mut owner = clinic.owner();
        create(&mut owner, &relay("relay", &[("here", here.address.port()), ("away", away.port())]));
        let mut peer = Mllp::connect(address(&mut owner, "relay")).unwrap();
        for n in 0..count {
            let message = sample::adt(
                "A04",
                &format!("B-{n:03}"),
                &format!("77{}", n % 3),
                "Sathe",
                &format!("U{n}"),
                "98220",
            );
            assert_eq!(peer.send(&message).code, "AA");
        }
    }
    clinic.stop();
    let back = Sink::at(away);
    clinic.start();
    let got = back.wait(count);
    assert_eq!(got.len(), count, "none twice");
    for patient in ["|770^", "|771^", "|772^"] {
        let order: Vec<&str> =
            got.iter().filter(|one| one.text.contains(patient)).map(|one| one.control_id.as_str()).collect();
        assert!(order.len() == count / 3 && order.is_sorted(), "{order:?}");
    }
    here.wait(count);
}
