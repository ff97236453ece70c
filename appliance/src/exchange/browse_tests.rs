//! Finding messages: what a person types, days, states, pages; and rows from before there were terms.

use clinicvault_vault::{Action, Outcome};

use super::inbox::leaf;
use super::row;
use super::tests::{Lab, adt, oru};
use super::view::{Shown, Wanted};
use super::{Exchange, INBOX};
use crate::collections::SETTINGS;
use crate::records::access::Actor;
use crate::records::access::Role;
use crate::records::testing::person;

impl Lab {
    fn find(&self, text: &str) -> Vec<String> {
        self.found(&Wanted { text: text.to_owned(), ..Wanted::default() })
    }

    /// Control ids, newest first.
    fn found(&self, wanted: &Wanted) -> Vec<String> {
        let who = person(Role::Doctor).who;
        let page = self.exchange.list(&who, wanted).unwrap();
        page.rows.iter().map(|row| self.exchange.detail(&who, row.seq).unwrap().control_id).collect()
    }
}

async fn four(lab: &Lab) {
    lab.send(&adt("A04", "REG-1", "9822011223")).await;
    lab.send(&oru("RES-2", "88120", "6.3")).await;
    lab.send(&oru("RES-3", "77001", "4.1").replace("Thorat^Ganpat^Rao", "Éléna^Priya")).await;
    lab.send(&adt("Z99", "ODD-4", "1")).await;
    lab.apply().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_found_by_what_a_person_types() {
    let lab = Lab::open();
    four(&lab).await;
    for (typed, expected) in [
        ("", vec!["ODD-4", "RES-3", "RES-2", "REG-1"]),
        ("res-3", vec!["RES-3"]),
        ("RES", vec!["RES-3", "RES-2"]),
        ("oru^r01", vec!["RES-3", "RES-2"]),
        ("ADT", vec!["ODD-4", "REG-1"]),
        ("8812", vec!["ODD-4", "RES-2", "REG-1"]),
        ("ord-1", vec!["RES-3", "RES-2"]),
        ("thorat", vec!["ODD-4", "RES-2", "REG-1"]),
        ("ganp thor oru", vec!["RES-2"]),
        ("elena", vec!["RES-3"]),
        ("potass", vec!["RES-3", "RES-2"]),
        ("citypath his", vec!["ODD-4", "REG-1"]),
        ("127.0.0.1", vec!["ODD-4", "RES-3", "RES-2", "REG-1"]),
        ("priya-elena", vec!["RES-3"]),
        ("nobody", vec![]),
        ("thorat nobody", vec![]),
        ("-", vec![]),
    ] {
        assert_eq!(lab.find(typed), expected, "{typed}");
    }
    let refused = Wanted { shown: Shown::Refused, text: "adt".to_owned(), ..Wanted::default() };
    assert_eq!(lab.found(&refused), ["ODD-4"]);
    let held = Wanted { shown: Shown::Needs, text: "potassium".to_owned(), ..Wanted::default() };
    assert_eq!(lab.found(&held), ["RES-3"]);
    let who = person(Role::Doctor).who;
    let long = Wanted { text: "a ".repeat(9), ..Wanted::default() };
    assert!(lab.exchange.list(&who, &long).is_err());
    let applied = lab.exchange.list(&who, &Wanted { text: "res-2".to_owned(), ..Wanted::default() }).unwrap();
    let patient = lab.exchange.detail(&who, applied.rows[0].seq).unwrap().patient.unwrap().id;
    let of_patient = Wanted { patient: Some(patient), ..Wanted::default() };
    assert_eq!(lab.found(&of_patient), ["RES-2", "REG-1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn days_and_pages_cut_the_list() {
    let lab = Lab::open();
    let today = lab.room.records.now().to_zoned(lab.exchange.rules().map.zone.clone()).date();
    for n in 0..60 {
        lab.send(&adt("A04", &format!("N-{n:02}"), "9822011223")).await;
    }
    lab.apply().await;
    let who = person(Role::Doctor).who;
    let first = lab.exchange.list(&who, &Wanted { text: "n-".to_owned(), ..Wanted::default() }).unwrap();
    assert_eq!((first.rows.len(), first.counts.today, first.whole_words.len()), (50, 60, 0));
    let rest = Wanted { text: "n-".to_owned(), before: first.next, ..Wanted::default() };
    let rest = lab.exchange.list(&who, &rest).unwrap();
    assert_eq!((rest.rows.len(), rest.next), (10, None));
    assert!(rest.rows[0].seq < first.rows[49].seq);
    let on = |from, to| Wanted { from, to, ..Wanted::default() };
    let (before, after) = (today.yesterday().unwrap(), today.tomorrow().unwrap());
    assert_eq!(lab.found(&on(Some(today), Some(today))).len(), 50);
    assert_eq!(lab.found(&on(None, Some(before))).len(), 0);
    assert_eq!(lab.found(&on(Some(after), None)).len(), 0);
    assert_eq!(lab.found(&on(Some(before), Some(after))).len(), 50);
}

/// Makes rows what they were before there were loads and terms.
fn age(exchange: &Exchange, seqs: Vec<u64>) {
    exchange
        .records()
        .unit_blocking(std::sync::Arc::new(Actor::operator("test")), move |work| {
            for seq in seqs {
                let item = work.unit().queue_get(INBOX, seq)?.unwrap();
                let bytes = work.unit().queue_load(INBOX, seq)?.unwrap();
                let (facts, _) = row::decode(&item.row.body).unwrap();
                let body = row::encode(&facts, &bytes).unwrap();
                work.unit().queue_set(INBOX, seq, item.row.state, None, Some(&body))?;
                work.unit().queue_terms_set(INBOX, seq, &[])?;
            }
            work.audit(leaf(work.who(), Action::Configure, Outcome::Success, 0, None, None))
        })
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_from_before_there_were_terms_get_theirs() {
    let lab = Lab::open();
    four(&lab).await;
    let who = person(Role::Doctor).who;
    let seqs = lab.exchange.list(&who, &Wanted::default()).unwrap().rows.iter().map(|row| row.seq).collect();
    age(&lab.exchange, seqs);
    assert!(lab.find("thorat").is_empty());
    assert_eq!(lab.find("").len(), 4, "they are read as they are");
    let exchange = lab.exchange.clone();
    tokio::task::spawn_blocking(move || while exchange.renew_some().unwrap() {}).await.unwrap();
    assert_eq!(lab.find("thorat"), ["ODD-4", "RES-2", "REG-1"]);
    assert_eq!(lab.find("potass elena"), ["RES-3"]);
    let snapshot = lab.room.records.vault().snapshot().unwrap();
    assert!(snapshot.doc_get(SETTINGS, b"inbox/terms").unwrap().is_some());
    let exchange = lab.exchange.clone();
    assert!(!tokio::task::spawn_blocking(move || exchange.renew_some().unwrap()).await.unwrap(), "done once");
}
