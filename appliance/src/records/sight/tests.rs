use clinicvault_vault::{Dir, Kind, Snapshot};

use super::super::access::Role;
use super::super::testing::{Room, caller, person};
use super::super::write::Draft;
use super::super::{Caller, Records};
use super::*;

const OBSERVATION: ResourceType = ResourceType::OBSERVATION;
const CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/observation-category";

async fn put(records: &Records, id: &str, category: Option<&str>) {
    let category = category.map_or(String::new(), |code| {
        format!(r#","category":[{{"coding":[{{"system":"{CATEGORY}","code":"{code}"}}]}}]"#)
    });
    let text = format!(
        r#"{{"resourceType":"Observation","id":"{id}","status":"final","code":{{"text":"x"}},"subject":{{"display":"x"}},"effectiveDateTime":"2026-11-21"{category}}}"#
    );
    let json = clinicvault_gateway::json::parse(text.as_bytes(), &Default::default()).unwrap();
    let id = clinicvault_gateway::fhir::id::LogicalId::parse(id).unwrap();
    let operator = Caller::of(Actor::operator("test"));
    records.update(&operator, &id, Draft::of(json).unwrap(), None).await.unwrap();
}

/// A room with a pulse, a result, and one record that was a result before it became a vital sign.
async fn room() -> Room {
    let room = Room::empty();
    put(&room.records, "pulse", Some("vital-signs")).await;
    put(&room.records, "result", Some("laboratory")).await;
    put(&room.records, "bare", None).await;
    put(&room.records, "turned", None).await;
    put(&room.records, "turned", Some("vital-signs")).await;
    room
}

fn heads(snapshot: &Snapshot) -> Vec<Head> {
    let all = search::TermRange::all(search::params::ID);
    let all = super::super::terms::range(&all);
    let rows = snapshot.scan(Kind(OBSERVATION.number()), &all, Dir::Ascending, snapshot.tx()).unwrap();
    rows.map(|row| snapshot.head_of(row.unwrap().1).unwrap().unwrap()).collect()
}

/// The ids that a caller sees, by the record and by the index; both must agree.
fn seen(room: &Room, from: &Caller) -> Vec<String> {
    let snapshot = room.records.vault().snapshot().unwrap();
    let look = room.records.sight(&from.who).unwrap().look(Op::Read, OBSERVATION);
    let by_record: Vec<String> = heads(&snapshot)
        .into_iter()
        .filter(|head| look.shows(&snapshot, head).unwrap())
        .map(|head| head.id.clone())
        .collect();
    let by_index: Vec<String> = heads(&snapshot)
        .into_iter()
        .filter(|head| {
            let terms = Rows::terms(&snapshot, head.rid).unwrap();
            match look.reach() {
                Reach::Nothing(_) => false,
                Reach::Everything => true,
                Reach::Any(lists) => lists.iter().any(|list| list.iter().all(|each| each.matches(&terms))),
            }
        })
        .map(|head| head.id.clone())
        .collect();
    assert_eq!(by_record, by_index);
    by_record
}

#[tokio::test]
async fn a_role_sees_its_half_of_observations_by_index_and_by_record_alike() {
    let room = room().await;
    assert_eq!(seen(&room, &person(Role::Doctor)), ["bare", "pulse", "result", "turned"]);
    assert_eq!(seen(&room, &person(Role::Lab)), ["bare", "result"]);
    assert_eq!(seen(&room, &person(Role::Reception)), ["pulse", "turned"]);
    assert!(seen(&room, &person(Role::Owner)).is_empty());
    let both = caller(Who::Person { roles: vec![Role::Lab, Role::Reception] });
    assert_eq!(seen(&room, &both).len(), 4);
    assert_eq!(seen(&room, &Caller::of(Actor::operator("test"))).len(), 4);
}

#[tokio::test]
async fn an_older_version_is_judged_by_what_it_said_then_and_a_delete_by_what_went_before() {
    let room = room().await;
    let lab = room.records.sight(&person(Role::Lab).who).unwrap().look(Op::History, OBSERVATION);
    let snapshot = room.records.vault().snapshot().unwrap();
    let newest = snapshot.head(Kind(OBSERVATION.number()), "turned").unwrap().unwrap();
    let first = snapshot.version(newest.rid, 1).unwrap().unwrap();
    assert!(!lab.shows(&snapshot, &newest).unwrap() && lab.shows(&snapshot, &first).unwrap());
    let operator = Caller::of(Actor::operator("test"));
    for (id, expected) in [("pulse", false), ("result", true)] {
        let logical = clinicvault_gateway::fhir::id::LogicalId::parse(id).unwrap();
        let gone = room.records.delete(&operator, OBSERVATION, &logical, None).await.unwrap();
        let snapshot = room.records.vault().snapshot().unwrap();
        assert_eq!(lab.shows(&snapshot, &gone).unwrap(), expected, "{id}");
    }
}

#[tokio::test]
async fn while_the_index_is_renewed_what_lacks_a_term_is_not_taken_for_what_has_none() {
    let room = room().await;
    let sight = |role, indexed| {
        let sight = room.records.sight(&person(role).who).unwrap();
        let Inner { who, context, .. } = &*sight.0;
        Sight(Arc::new(Inner { who: who.clone(), context: context.clone(), indexed, withheld: None }))
    };
    assert!(sight(Role::Lab, true).look(Op::Search, OBSERVATION).gate().allowed());
    assert!(!sight(Role::Lab, false).look(Op::Search, OBSERVATION).gate().allowed());
    // What is asked for by a term that is there stays so.
    assert!(sight(Role::Reception, false).look(Op::Search, OBSERVATION).gate().allowed());
    assert!(sight(Role::Doctor, false).look(Op::Search, OBSERVATION).gate().allowed());
}
