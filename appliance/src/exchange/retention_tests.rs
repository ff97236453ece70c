//! What a message said goes when its channel keeps it no longer; what was done with it stays.

use clinicvault_vault::Action;
use jiff::{SignedDuration, Timestamp};

use super::INBOX;
use super::retention::Expiry;
use super::tests::{Lab, adt, oru};
use super::view::{Shown, Wanted};
use crate::records::access::Role;
use crate::records::testing::person;

fn remove(lab: &Lab, at: Timestamp) {
    let mut expiry = Expiry::default();
    while lab.exchange.expire_some(&mut expiry, at).unwrap() {}
}

fn days_later(lab: &Lab, days: i64) -> Timestamp {
    lab.room.records.now() + SignedDuration::from_hours(24 * days)
}

fn found(lab: &Lab, text: &str) -> usize {
    let wanted = Wanted { text: text.to_owned(), shown: Shown::All, ..Wanted::default() };
    lab.exchange.list(&person(Role::Doctor).who, &wanted).unwrap().rows.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_goes_and_what_was_done_stays() {
    let lab = Lab::keeping(Some(30));
    lab.send(&adt("A04", "OLD-1", "9822011223")).await;
    lab.send(&oru("OLD-2", "88120", "6.3")).await;
    lab.send(&oru("WAITS-3", "99999", "5.1").replace("Thorat^Ganpat", "Nobody^Here")).await;
    lab.apply().await;
    remove(&lab, days_later(&lab, 30));
    assert_eq!(found(&lab, "potassium"), 2, "nothing is older than its days");
    remove(&lab, days_later(&lab, 33));
    let snapshot = lab.room.records.vault().snapshot().unwrap();
    assert_eq!(found(&lab, "OLD-2"), 1, "that it came is known");
    assert_eq!((found(&lab, "ganpat"), found(&lab, "88120")), (0, 0), "what it said is not");
    assert_eq!(snapshot.queue_load(INBOX, 2).unwrap(), None);
    let doctor = person(Role::Doctor);
    let view = lab.exchange.detail(&doctor.who, 2).unwrap();
    assert!(view.removed.is_some() && view.segments.is_empty() && view.row.person.is_none());
    assert!(view.resources.iter().any(|r| r.json.contains("2823-3")), "the records that it made stay");
    assert_eq!(found(&lab, "WAITS-3"), 1);
    assert!(snapshot.queue_load(INBOX, 3).unwrap().is_some(), "what waits for a person is kept");
    let leaves = snapshot.audit(0, 500).unwrap();
    let said: Vec<_> = leaves.iter().filter(|e| e.leaf.action == Action::Configure).collect();
    assert!(said.iter().any(|e| e.leaf.reason.as_deref().is_some_and(|r| r.contains("2 messages"))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_waited_goes_once_it_is_settled() {
    let lab = Lab::keeping(Some(30));
    lab.send(&oru("WAITS-1", "99999", "5.1")).await;
    lab.send(&adt("A04", "OLD-2", "9822011223")).await;
    lab.apply().await;
    remove(&lab, days_later(&lab, 40));
    let load = |seq| lab.room.records.vault().snapshot().unwrap().queue_load(INBOX, seq).unwrap();
    assert_eq!((load(1).is_some(), load(2).is_some()), (true, false));
    let refuse = super::settle::Settlement::Refuse { reason: "not ours".into() };
    lab.exchange.settle(&person(Role::Doctor).who, 1, refuse).unwrap();
    remove(&lab, days_later(&lab, 41));
    assert_eq!(load(1), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_rule_messages_are_kept_for_ever() {
    let lab = Lab::keeping(None);
    lab.send(&adt("A04", "OLD-1", "9822011223")).await;
    lab.apply().await;
    remove(&lab, days_later(&lab, 9_000));
    assert_eq!(found(&lab, "ganpat"), 1);
}
