//! Nothing is lost: receivers that fail, a box that is killed, an endpoint that is dead.

use std::collections::BTreeMap;

use clinicvault_tests::Receiver;
use clinicvault_tests::receiver::{Arrived, Mood};
use serde_json::{Value, json};

use super::{backport, base, clinic, create, events, hook, observe, patient, status};

#[test]
fn nothing_is_lost_when_the_receiver_fails_and_the_box_is_killed() {
    let receiver = Receiver::plain();
    let mut clinic = clinic(&[base(&receiver)], 100, "batch = 3\n");
    let mut fhir = clinic.fhir();
    let who = patient(&mut fhir, "Kale");
    let id = create(&mut fhir, &backport("Observation", &base(&receiver), "id-only"));
    status(&mut fhir, &id, "active");
    let mut made = Vec::new();
    for (round, mood) in
        [Mood::Status(503), Mood::Cut, Mood::Status(200), Mood::Silent, Mood::Cut].into_iter().enumerate()
    {
        receiver.be(mood);
        for value in 0..3 {
            made.push(observe(&mut fhir, &who, &format!("1{round}{value}")));
        }
        let before = receiver.arrived().len();
        receiver.wait(before + 1);
        clinic.kill();
        clinic.start();
        fhir = clinic.fhir();
    }
    receiver.be(Mood::Status(200));
    let all = |arrived: &[Arrived]| {
        let known: BTreeMap<u64, Option<String>> = events(arrived).into_iter().collect();
        known.len() >= made.len()
    };
    let arrived = receiver.wait_for("every result", all);
    // What arrives twice has its number; dropping doubles leaves each once, in order.
    let mut known: BTreeMap<u64, Option<String>> = BTreeMap::new();
    let mut highest = 0;
    for (number, focus) in events(&arrived) {
        assert!(number <= highest + 1, "a gap before {number}");
        highest = highest.max(number);
        let before = known.insert(number, focus.clone());
        assert!(before.is_none_or(|before| before == focus), "event {number} has changed");
    }
    let told: Vec<String> =
        known.into_values().map(|focus| focus.unwrap().rsplit('/').next().unwrap().to_owned()).collect();
    assert_eq!(told, made);
    // A stop in order loses nothing either.
    clinic.stop();
    clinic.start();
    fhir = clinic.fhir();
    let last = observe(&mut fhir, &who, "9");
    receiver.wait_for("the last result", |all| {
        events(all).last().is_some_and(|(_, focus)| focus.as_deref().unwrap().ends_with(&last))
    });
    status(&mut fhir, &id, "active");
}

#[test]
fn a_dead_endpoint_is_given_up_with_its_reason_and_holds_up_nobody() {
    let (dead, alive) = (Receiver::plain(), Receiver::plain());
    let clinic = clinic(&[base(&dead), base(&alive)], 3, "");
    let mut fhir = clinic.fhir();
    let who = patient(&mut fhir, "Kale");
    let silent = create(&mut fhir, &hook("Observation", &base(&dead)));
    let well = create(&mut fhir, &hook("Observation", &base(&alive)));
    status(&mut fhir, &silent, "active");
    status(&mut fhir, &well, "active");
    dead.be(Mood::Redirect(base(&alive)));
    let first = observe(&mut fhir, &who, "164");
    alive.wait_for("the result", |all| all.iter().any(|one| one.body.contains(&first)));
    let given_up = status(&mut fhir, &silent, "error");
    assert!(given_up["error"].as_str().unwrap().contains("redirects are not followed"), "{given_up}");
    assert_eq!(alive.arrived().len(), 2, "a redirect was followed");
    // A handshake that fails is final.
    dead.be(Mood::Status(500));
    let strict = create(&mut fhir, &backport("Observation", &base(&dead), "empty"));
    let refused = status(&mut fhir, &strict, "error");
    assert!(refused["error"].as_str().unwrap().contains("500"), "{refused}");
    // The owner sees both, and tries again: what waited arrives.
    let mut owner = clinic.owner();
    let listed = owner.get("/api/subscriptions").expect(200).json();
    let line = |listed: &Value, id: &str| {
        listed["subscriptions"].as_array().unwrap().iter().find(|line| line["id"] == id).unwrap().clone()
    };
    let found = line(&listed, &silent);
    assert_eq!(
        (&found["state"], &found["queued"], &found["failures"]),
        (&json!("error"), &json!(1), &json!(3))
    );
    dead.be(Mood::Status(200));
    owner.post(&format!("/api/subscriptions/{silent}/retry"), &json!({})).expect(204);
    status(&mut fhir, &silent, "active");
    dead.wait_for("what waited", |all| all.iter().filter(|one| one.body.contains(&first)).count() > 1);
    // Paused, it is off; resumed, it goes on from where it was.
    owner.post(&format!("/api/subscriptions/{well}/pause"), &json!({})).expect(204);
    status(&mut fhir, &well, "off");
    let second = observe(&mut fhir, &who, "165");
    dead.wait_for("the second result", |all| all.iter().any(|one| one.body.contains(&second)));
    assert!(!alive.arrived().iter().any(|one| one.body.contains(&second)));
    assert_eq!(line(&owner.get("/api/subscriptions").expect(200).json(), &well)["paused"], true);
    owner.post(&format!("/api/subscriptions/{well}/resume"), &json!({})).expect(204);
    alive.wait_for("what came meanwhile", |all| all.iter().any(|one| one.body.contains(&second)));
    owner.post("/api/subscriptions/none/pause", &json!({})).expect(404);
}
