//! Messages from the wire to the record and before a person, on a real vault.

use std::net::SocketAddr;

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::json::{self, Limits};
use clinicvault_vault::{Action, Kind};
use jiff::tz::TimeZone;

use super::inbox::{Arrival, Reply};
use super::row::{Happened, State};
use super::settle::Settlement;
use super::view::{InboxMessage, Wanted};
use super::{Exchange, Rules};
use crate::config::Hl7;
use crate::records::access::Role;
use crate::records::testing::{Room, person};

pub(super) struct Lab {
    pub(super) room: Room,
    pub(super) exchange: Exchange,
}

impl Lab {
    pub(super) fn open() -> Self {
        Self::strict(&[])
    }

    fn strict(senders: &[&str]) -> Self {
        let strict_senders = senders.iter().map(|s| (*s).to_owned()).collect();
        Self::with(&Hl7 { strict_senders, ..Hl7::default() })
    }

    /// One that keeps messages for so many days.
    pub(super) fn keeping(days: Option<u32>) -> Self {
        Self::with(&Hl7 { keep_days: days.unwrap_or(0), ..Hl7::default() })
    }

    fn with(settings: &Hl7) -> Self {
        let room = Room::empty();
        let rules = Rules::new(settings, TimeZone::get("Asia/Kolkata").unwrap());
        let exchange = Exchange::new(room.records.clone(), rules);
        Self { room, exchange }
    }

    /// The answer to a message, as text with line feeds.
    pub(super) async fn send(&self, message: &str) -> String {
        let peer: SocketAddr = "127.0.0.1:40000".parse().unwrap();
        let arrival = Arrival { peer, tls: false, connection: 1 };
        let replies = self.exchange.take(message.replace('\n', "\r").into_bytes(), arrival).await;
        match replies.as_slice() {
            [Reply::Send(bytes)] => String::from_utf8(bytes.clone()).unwrap().replace('\r', "\n"),
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn apply(&self) {
        self.exchange.drain().await.unwrap();
    }

    fn newest(&self) -> InboxMessage {
        let doctor = person(Role::Doctor);
        let page = self.exchange.list(&doctor.who, &Wanted::default()).unwrap();
        self.exchange.detail(&doctor.who, page.rows[0].seq).unwrap()
    }

    fn count(&self, kind: ResourceType) -> u64 {
        self.room.records.vault().snapshot().unwrap().count(Kind(kind.number())).unwrap()
    }

    fn rows(&self) -> usize {
        self.exchange.list(&person(Role::Doctor).who, &Wanted::default()).unwrap().rows.len()
    }
}

pub(super) fn adt(trigger: &str, control: &str, phone: &str) -> String {
    format!(
        "MSH|^~\\&|HIS|CITYPATH|BOX|CLINIC|20261121090000||ADT^{trigger}|{control}|P|2.5\nEVN||20261121090000\n\
         PID|1||88120^^^CITYPATH^PI||Thorat^Ganpat^Rao||19550430|M|||^^Nimgaon||{phone}\nPV1|1|O|||||||||||||||||V1\n"
    )
}

pub(super) fn oru(control: &str, number: &str, potassium: &str) -> String {
    format!(
        "MSH|^~\\&|LIS|CITYPATH|BOX|CLINIC|20261121113802+0530||ORU^R01^ORU_R01|{control}|P|2.5.1\n\
         PID|1||{number}^^^CITYPATH^PI||Thorat^Ganpat^Rao||19550430|M|||^^Nimgaon|||||||ACC9\n\
         OBR|1|ORD-1|F-1|RFT^Renal function^99CP|||20261121081500+0530|||||||||||||||20261121113000|||F\n\
         OBX|1|NM|2823-3^Potassium^LN||{potassium}|mmol/L|3.5-5.1|HH|||F\n\
         OBX|2|NM|2951-2^Sodium^LN||138|mmol/L|136-145|N|||F\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_for_a_known_patient_becomes_a_record() {
    let lab = Lab::open();
    assert!(lab.send(&adt("A04", "1", "9822011223")).await.contains("MSA|AA|1"));
    assert!(lab.send(&oru("2", "88120", "6.3")).await.contains("MSA|AA|2"));
    lab.apply().await;
    let view = lab.newest();
    assert_eq!((view.row.state, view.answered.as_deref()), ("applied", Some("AA")));
    assert!(view.course.iter().map(|moment| moment.what).eq([Happened::Applied]), "{:?}", view.course);
    assert_eq!(view.row.title.key, "testResult");
    assert_eq!(view.row.person.as_deref(), Some("Ganpat Thorat"));
    assert_eq!(lab.count(ResourceType::PATIENT), 1, "the lab's idea of the patient made no second one");
    assert_eq!(lab.count(ResourceType::OBSERVATION), 2);
    let potassium =
        view.resources.iter().find(|r| r.json.contains("2823-3") && r.kind == "Observation").unwrap();
    assert!(potassium.json.contains("6.3") && potassium.version == Some(1));
    let link = potassium.links.iter().find(|l| l.pointer == "/valueQuantity").unwrap();
    assert_eq!((view.segments[link.segment].name.as_str(), link.field), ("OBX", Some(5)));
    assert!(view.resources.iter().any(|r| r.kind == "Provenance"));
    assert!(view.unmapped.is_empty(), "the account number has a place, too");
    let critical = view.meaning.iter().find(|m| m.flag.as_deref() == Some("HH")).unwrap();
    assert_eq!((critical.value.as_str(), critical.tone), ("6.3 mmol/L", Some("critical")));
    let leaves = lab.room.records.vault().snapshot().unwrap().audit(0, 500).unwrap();
    let applied = leaves.iter().filter(|e| e.leaf.action == Action::MessageApplied).count();
    assert_eq!(applied, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_message_gets_the_stored_answer() {
    let lab = Lab::open();
    let first = lab.send(&adt("A04", "7", "1")).await;
    lab.apply().await;
    assert_eq!(lab.send(&adt("A04", "7", "1")).await, first, "the same bytes get the same answer");
    lab.apply().await;
    assert_eq!(lab.rows(), 1);
    let other = lab.send(&adt("A08", "7", "9822000000")).await;
    assert!(other.contains("MSA|AA|7"));
    lab.apply().await;
    assert_eq!(lab.rows(), 2);
    assert!(lab.newest().warnings.iter().any(|w| w.contains("control id was used before")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strict_sender_may_not_reuse_a_control_id() {
    let lab = Lab::strict(&["HIS|CITYPATH"]);
    assert!(lab.send(&adt("A04", "7", "1")).await.contains("MSA|AA|7"));
    let answer = lab.send(&adt("A04", "7", "2")).await;
    assert!(answer.contains("MSA|AE|7") && answer.contains("ERR||MSH^1^10^1|205^"), "{answer}");
    assert_eq!(lab.newest().row.state, "refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_without_a_certain_patient_waits_for_a_person() {
    let lab = Lab::open();
    lab.send(&adt("A04", "1", "9822011223")).await;
    lab.send(&oru("2", "L-77", "6.3")).await;
    lab.apply().await;
    let view = lab.newest();
    assert_eq!(view.row.state, "held");
    let held = view.held.unwrap();
    assert_eq!((held.reason.as_str(), held.sender_number.as_deref()), ("unknownPatient", Some("L-77")));
    assert_eq!(held.candidates.len(), 1);
    assert_eq!(held.candidates[0].reasons, ["sameName", "sameBirth", "sameSex", "samePlace"]);
    assert_eq!(lab.count(ResourceType::OBSERVATION), 0, "nothing is stored before somebody says whose it is");
    let who = person(Role::Lab).who;
    let patient = held.candidates[0].patient.id.clone();
    let assign = Settlement::Assign { patient: patient.clone(), remember: true };
    assert_eq!(lab.exchange.settle(&who, view.row.seq, assign.clone()).unwrap(), State::Applied);
    assert!(lab.exchange.settle(&who, view.row.seq, assign).is_err(), "settled once");
    let view = lab.newest();
    assert_eq!(view.patient.map(|p| p.id), Some(patient.clone()));
    let observation = view.resources.iter().find(|r| r.kind == "Observation").unwrap();
    let json = json::parse(observation.json.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(
        json.get("subject").and_then(|s| s.str("reference")),
        Some(format!("Patient/{patient}").as_str())
    );
    // The number is remembered: the next one finds its way alone, and the correction replaces the value.
    lab.send(&oru("3", "L-77", "4.9")).await;
    lab.apply().await;
    assert_eq!(lab.newest().row.state, "applied");
    assert_eq!(lab.count(ResourceType::OBSERVATION), 2);
    assert_eq!(lab.count(ResourceType::PATIENT), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_about_a_stranger_waits_for_registrations_before_it_and_not_for_results() {
    let lab = Lab::open();
    lab.send(&oru("1", "L-1", "6.3")).await;
    lab.send(&oru("2", "L-2", "6.3")).await;
    lab.send(&adt("A04", "3", "9822011223")).await;
    lab.send(&oru("4", "L-4", "6.3")).await;
    let snapshot = lab.room.records.vault().snapshot().unwrap();
    let rows = snapshot.queue_oldest(super::INBOX, State::Received.number(), None, 10).unwrap();
    let waits = rows.iter().map(|row| lab.exchange.somebody_may_come(row.seq).unwrap());
    assert_eq!(waits.collect::<Vec<_>>(), [false, false, false, true]);
    lab.apply().await;
    assert_eq!(lab.rows(), 4);
    assert!(!lab.exchange.somebody_may_come(u64::MAX).unwrap(), "nothing is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_message_can_make_a_new_patient_or_be_put_aside() {
    let lab = Lab::open();
    lab.send(&oru("2", "L-77", "6.3")).await;
    lab.apply().await;
    let (doctor, nurse) = (person(Role::Doctor).who, person(Role::Nurse).who);
    let seq = lab.newest().row.seq;
    assert!(lab.exchange.settle(&nurse, seq, Settlement::New).is_err(), "a nurse may look, not settle");
    assert!(lab.exchange.settle(&doctor, seq, Settlement::Refuse { reason: "  ".into() }).is_err());
    assert_eq!(lab.exchange.settle(&doctor, seq, Settlement::New).unwrap(), State::Applied);
    assert_eq!(lab.count(ResourceType::PATIENT), 1);
    assert_eq!(lab.newest().patient.unwrap().number, "NC-000001");
    lab.send(&oru("3", "L-99", "5.0").replace("Ganpat", "Sunita")).await;
    lab.apply().await;
    let seq = lab.newest().row.seq;
    let refuse = Settlement::Refuse { reason: "Not our patient".into() };
    assert_eq!(lab.exchange.settle(&doctor, seq, refuse).unwrap(), State::Dismissed);
    let aside = lab.newest();
    assert_eq!(aside.settled.unwrap().reason.as_deref(), Some("Not our patient"));
    assert!(aside.course.iter().map(|moment| moment.what).eq([Happened::Held, Happened::Settled]));
    assert!(aside.course.is_sorted_by_key(|moment| moment.at) && aside.course[0].at >= aside.received);
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_messages_are_answered_with_their_place_and_kept() {
    let lab = Lab::open();
    for (message, code, err) in [
        (oru("1", "", "6.3"), "AE|1", "ERR||PID^1^3^1|101^"),
        (adt("A99", "2", "1"), "AR|2", "ERR||MSH^1^9^1|201^"),
        (adt("A04", "3", "1").replace("19550430", "19551330"), "AE|3", "ERR||PID^1^7^1|102^"),
        ("PID|1||x\n".to_owned(), "AR", "ERR||MSH^1|199^"),
    ] {
        let answer = lab.send(&message).await;
        assert!(answer.contains(&format!("MSA|{code}")) && answer.contains(err), "{answer}");
        assert!(!answer.contains("Thorat") && !answer.contains("88120"), "no patient data in {answer}");
        let view = lab.newest();
        assert_eq!(view.row.state, "refused");
        assert!(view.error.is_some() && !view.segments.is_empty());
    }
    lab.apply().await;
    assert_eq!((lab.rows(), lab.count(ResourceType::PATIENT)), (4, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_changes_what_it_states_and_leaves_the_rest() {
    let lab = Lab::open();
    lab.send(&adt("A04", "1", "9822011223")).await;
    lab.apply().await;
    let update = adt("A08", "2", "9822011223").replace("19550430", "\"\"").replace("^^Nimgaon", "");
    lab.send(&update).await;
    lab.apply().await;
    let view = lab.newest();
    let patient = view.resources.iter().find(|r| r.kind == "Patient").unwrap();
    assert!(!patient.json.contains("birthDate"), "two quotation marks delete");
    assert!(patient.json.contains("Nimgaon"), "an empty field changes nothing");
    assert_eq!(patient.version, Some(2));
    lab.send(&update.replace("|2|P", "|3|P")).await;
    lab.apply().await;
    assert!(
        lab.newest().resources.iter().all(|r| r.kind != "Patient"),
        "saying the same again makes no version"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn several_messages_in_one_frame_are_answered_one_by_one() {
    let lab = Lab::open();
    let frame = format!("{}{}", adt("A04", "1", "1"), oru("2", "88120", "5.0")).replace('\n', "\r");
    let peer: SocketAddr = "127.0.0.1:40000".parse().unwrap();
    let replies = lab.exchange.take(frame.into_bytes(), Arrival { peer, tls: false, connection: 1 }).await;
    assert_eq!(replies.len(), 2);
    lab.apply().await;
    assert_eq!(lab.newest().row.state, "applied");
}

/// Both are acknowledged before either is applied: what one of them makes, the other has to find.
#[tokio::test(flavor = "multi_thread")]
async fn messages_of_one_patient_wait_for_each_other_whoever_sent_them() {
    let lab = Lab::open();
    let hospital =
        adt("A04", "1", "9822011223").replace("|88120^^^CITYPATH^PI|", "|7^^^HOSP~88120^^^CITYPATH^PI|");
    lab.send(&hospital.replace("|HIS|CITYPATH|", "|HIS|HOSP|")).await;
    lab.send(&adt("A08", "2", "9822099999")).await;
    let result = oru("3", "7", "6.3").replace("7^^^CITYPATH", "7^^^HOSP");
    lab.send(&result).await;
    lab.apply().await;
    assert_eq!(lab.count(ResourceType::PATIENT), 1);
    assert_eq!(lab.count(ResourceType::OBSERVATION), 2);
    let patient = lab.newest().patient.unwrap().id;
    let stored = lab.room.records.vault().snapshot().unwrap();
    let head = stored.head(Kind(ResourceType::PATIENT.number()), &patient).unwrap().unwrap();
    let body = String::from_utf8(stored.body(&head).unwrap().to_vec()).unwrap();
    assert!(body.contains("9822099999"), "the later change holds: {body}");
}
