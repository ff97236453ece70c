//! Listeners of channels: their rules, changes while they run, and one that cannot listen.

use std::net::TcpListener;
use std::time::Duration;

use clinicvault_tests::{Clinic, sample};
use serde_json::json;

use super::{address, connect, create, listener, put, wait_count, wait_for, wait_until};

#[test]
fn two_channels_treat_the_same_sender_by_their_own_rules() {
    let clinic = Clinic::open();
    let mut owner = clinic.owner();
    create(&mut owner, &listener("ward", json!({"kinds": ["ADT"], "reuse": "refuse"})));
    create(
        &mut owner,
        &listener("lab", json!({"kinds": ["ORU", "ADT^A04"], "processing": ["P"], "charset": "8859/1"})),
    );
    let (mut ward, mut lab) = (connect(&mut owner, "ward"), connect(&mut owner, "lab"));
    let admission = sample::adt("A04", "A-1", "88120", "Sathe", "Uma", "9822012345");
    assert_eq!(ward.send(&admission).code, "AA");
    assert_eq!(lab.send(&admission).code, "AA", "another channel has its own memory");
    let other = admission.replace("9822012345", "9822099999");
    let answer = ward.send(&other);
    assert!(answer.code == "AE" && answer.text.contains("|205^"), "{}", answer.text);
    assert_eq!(lab.send(&other).code, "AA", "taken as new");
    let answer = lab.send(&sample::adt("A08", "A-2", "88120", "Sathe", "Uma", "1"));
    assert!(answer.code == "AR" && answer.text.contains("|201^"), "{}", answer.text);
    let answer = ward.send(&sample::oru("R-1", "88120", "Sathe", "Uma", "131"));
    assert!(answer.code == "AR" && answer.text.contains("|200^"), "{}", answer.text);
    let trial = sample::adt("A04", "A-3", "88121", "Kale", "Asha", "1").replace("|A-3|P|", "|A-3|T|");
    let answer = lab.send(&trial);
    assert!(answer.code == "AR" && answer.text.contains("|202^"), "{}", answer.text);
    assert_eq!(ward.send(&trial).code, "AA");
    // The channel's character set wins over what the header says.
    let named = sample::adt("A04", "A-4", "88122", "M\u{1}ller", "Uta", "1")
        .replace("|2.5.1", "|2.5.1||||||UNICODE UTF-8");
    let mut bytes = named.into_bytes();
    let at = bytes.iter().position(|b| *b == 1).unwrap();
    bytes[at] = 0xfc;
    assert_eq!(lab.try_send(&bytes).unwrap().code, "AA");
    wait_count(&clinic, "Patient?family:exact=M%C3%BCller", 1);
    let counts = super::line(&mut owner, "ward")["counts"].clone();
    assert_eq!((&counts["received"], &counts["refused"]), (&json!(2), &json!(2)), "{counts}");
}

#[test]
fn only_the_channel_that_changed_is_started_again() {
    let clinic = Clinic::open();
    let mut owner = clinic.owner();
    create(&mut owner, &listener("one", json!({})));
    create(&mut owner, &listener("two", json!({})));
    let (mut one, mut two) = (connect(&mut owner, "one"), connect(&mut owner, "two"));
    let first = address(&mut owner, "one");
    let message = |n: u32| sample::adt("A04", &format!("M-{n}"), &format!("7000{n}"), "Rao", "Anil", "1");
    assert_eq!(one.send(&message(1)).code, "AA");
    assert_eq!(two.send(&message(2)).code, "AA");
    // Rules hold from the next message on, on the connection that is there.
    put(&mut owner, &listener("one", json!({"kinds": ["ORU"]})), Some(1)).expect(200);
    assert_eq!(one.send(&message(3)).code, "AR");
    assert_eq!(address(&mut owner, "one"), first);
    // Another source ends it; the other channel does not notice.
    let mut moved = listener("one", json!({}));
    moved["source"]["idleSeconds"] = json!(20);
    put(&mut owner, &moved, Some(2)).expect(200);
    wait_until(&mut owner, "one", |line| {
        line["state"] == "running" && line["address"] != json!(first.to_string())
    });
    assert!(one.try_send(message(4).as_bytes()).is_err(), "the old listener is gone");
    assert_eq!(two.send(&message(5)).code, "AA");
    owner.post("/api/channels/two/pause", &json!({})).expect(200);
    wait_for(&mut owner, "two", "paused");
    two.patience(Duration::from_secs(10));
    assert!(two.try_send(message(6).as_bytes()).is_err());
    owner.post("/api/channels/two/resume", &json!({})).expect(200);
    assert_eq!(connect(&mut owner, "two").send(&message(6)).code, "AA");
    assert_eq!(super::line(&mut owner, "two")["counts"]["received"], 3);
}

#[test]
fn a_listener_whose_port_is_taken_says_so_and_the_box_starts_all_the_same() {
    let mut clinic = Clinic::open();
    let mut owner = clinic.owner();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap();
    let mut document = listener("lab", json!({}));
    document["source"]["address"] = json!(taken.to_string());
    create(&mut owner, &document);
    let failed = wait_for(&mut owner, "lab", "failed");
    let why = failed["reason"].as_str().unwrap();
    assert!(why.contains(&taken.to_string()) && why.contains("in use"), "{why}");
    drop(owner);
    clinic.stop();
    clinic.start();
    assert_eq!(clinic.mllp().send(&sample::adt("A04", "S-1", "1", "Rao", "Anil", "1")).code, "AA");
    let mut owner = clinic.owner();
    wait_for(&mut owner, "lab", "failed");
    drop(other);
    assert_eq!(address(&mut owner, "lab"), taken, "it is tried again by itself");
    assert_eq!(
        connect(&mut owner, "lab").send(&sample::adt("A04", "S-2", "1", "Rao", "Anil", "1")).code,
        "AA"
    );
}

#[test]
fn a_peer_that_is_not_on_the_list_is_turned_away() {
    let clinic = Clinic::open();
    let mut owner = clinic.owner();
    let mut document = listener("lab", json!({}));
    document["source"]["allow"] = json!(["10.9.0.0/16"]);
    create(&mut owner, &document);
    let mut stranger = connect(&mut owner, "lab");
    assert!(stranger.try_send(sample::adt("A04", "S-1", "1", "Rao", "Anil", "1").as_bytes()).is_err());
    let line = wait_until(&mut owner, "lab", |line| line["trouble"].is_string());
    assert!(line["trouble"].as_str().unwrap().contains("127.0.0.1"), "{line}");
    document["source"]["allow"] = json!(["10.9.0.0/16", "127.0.0.0/8"]);
    put(&mut owner, &document, Some(1)).expect(200);
    wait_until(&mut owner, "lab", |line| line["version"] == 2 && line["state"] == "running");
    let began = std::time::Instant::now();
    while super::connect(&mut owner, "lab")
        .try_send(sample::adt("A04", "S-1", "1", "Rao", "Anil", "1").as_bytes())
        .is_err()
    {
        assert!(began.elapsed() < super::WITHIN, "never let in");
    }
}
