//! What one step of an export does at most, and what it says of records that are damaged.

use clinicvault_gateway::fhir::bulk::export::{ExportAsk, Level};
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_vault::{Action, Kind, Put, Tx};

use super::access::{Purpose, Scopes, Who};
use super::audit::{self, About};
use super::export::{Budget, Out, Wanted};
use super::testing::{Room, caller, operator, put, read};

const PATIENT: ResourceType = ResourceType::PATIENT;

async fn patients(room: &Room, count: usize) {
    for n in 0..count {
        let text = format!(r#"{{"resourceType":"Patient","id":"p{n}","gender":"female"}}"#);
        put(&room.records, &format!("p{n}"), &text).await;
    }
}

#[tokio::test]
async fn one_step_of_an_export_looks_at_no_more_than_its_budget() {
    let room = Room::empty();
    patients(&room, 30).await;
    let (from, at) = (operator(), Tx(room.records.last_tx()));
    let wanted = Wanted { level: Level::System, group: None, ask: ExportAsk::default() };
    let selection = room.records.selection(&from, &wanted, at).unwrap();
    for (budget, given) in [
        (Budget { records: 7, bytes: usize::MAX }, 7),
        (Budget { records: 1_000, bytes: 1 }, 1),
        (Budget { records: 1_000, bytes: usize::MAX }, 30),
    ] {
        let mut out = 0;
        let reached = room.records.export_step(&from, &selection, 0, budget, &mut |_| {
            out += 1;
            Ok(())
        });
        assert_eq!((out, reached.unwrap().is_all()), (given, given == 30), "{budget:?}");
    }
}

#[tokio::test]
async fn a_damaged_record_is_named_to_whoever_may_see_it_and_to_nobody_else() {
    let room = Room::empty();
    patients(&room, 2).await;
    let records = &room.records;
    let snapshot = records.vault().snapshot().unwrap();
    let head = snapshot.head(Kind(PATIENT.number()), "p1").unwrap().unwrap();
    let terms = snapshot.terms(head.rid).unwrap();
    let about = About { object: Some((PATIENT, "p1", 0)), patient: None };
    let leaf = audit::done(&operator().who, Action::Update, Purpose::Operations, about);
    let written = records.vault().write(move |unit| {
        unit.audit(leaf)?;
        let (kind, owner) = (head.kind, head.owner.clone());
        unit.put(Put { kind, id: "p1", owner, body: b"{\"resourceType\": torn", terms: &terms }).map(drop)
    });
    assert!(written.is_ok());
    let elements = vec![(None, "gender".to_owned())];
    let ask = ExportAsk { types: vec![PATIENT], elements, ..ExportAsk::default() };
    let wanted = Wanted { level: Level::System, group: None, ask };
    let machine = |scope: &str| caller(Who::Machine { scopes: Scopes::parse(scope).unwrap() });
    for (from, told) in [
        (operator(), vec!["p0", "damaged p1"]),
        (machine("system/Patient.rs"), vec!["p0", "damaged p1"]),
        (machine("system/Patient.rs?_id=p0"), vec!["p0"]),
    ] {
        let selection = records.selection(&from, &wanted, Tx(records.last_tx())).unwrap();
        let budget = Budget { records: 1_000, bytes: usize::MAX };
        let mut out = Vec::new();
        let reached = records.export_step(&from, &selection, 0, budget, &mut |each| {
            out.push(match each {
                Out::Record(_, body) => {
                    read(std::str::from_utf8(body).unwrap()).str("id").unwrap().to_owned()
                }
                Out::Damaged(_, id) => format!("damaged {id}"),
                Out::Deleted(_, id) => format!("deleted {id}"),
            });
            Ok(())
        });
        assert!(reached.unwrap().is_all());
        assert_eq!(out, told);
    }
}
