use std::sync::Arc;

use clinicvault_gateway::fhir::id::{LogicalId, ResourceType};
use clinicvault_gateway::fhir::search::own::is_own;
use clinicvault_gateway::fhir::search::{Handling, query};
use clinicvault_gateway::json::Limits;
use clinicvault_vault::{Action, Kind};

use super::super::access::{Actor, Purpose, Who};
use super::super::audit::{self, About};
use super::super::search::{Asked, Page};
use super::super::testing::{Room, caller};
use super::super::write::Draft;
use super::*;
use crate::collections::SEARCH_PARAMETERS;

const DEFINITION: &str = r#"{"resourceType":"SearchParameter","id":"mood","url":"http://c.example/mood","name":"M",
    "status":"active","description":"d","code":"mood","base":["Patient"],"type":"token",
    "expression":"Patient.extension.where(url='http://m').value"}"#;
const PATIENT: &str =
    r#"{"resourceType":"Patient","id":"x","extension":[{"url":"http://m","valueCode":"calm"}]}"#;

fn draft(text: &str) -> Draft {
    Draft::read(text.as_bytes(), &Limits::default()).unwrap()
}

async fn store(records: &Records, id: &str, text: &str) {
    let id = LogicalId::parse(id).unwrap();
    records.update(&caller(Who::Operator), &id, draft(text), None).await.unwrap();
}

fn calm(records: &Records) -> Result<Page, Error> {
    let parameters = query::decode("mood=calm").unwrap();
    let kind = ResourceType::PATIENT;
    let asked = Asked { kind, parameters: &parameters, handling: Handling::Strict, most_rows: 10 };
    records.search(&caller(Who::Operator), &asked)
}

async fn settle(records: &Records) {
    let records = records.clone();
    tokio::task::spawn_blocking(move || while records.renew_some().unwrap() {}).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn terms_that_were_made_before_a_definition_are_made_again_by_the_writer() {
    let room = Room::empty();
    let records = room.records.clone();
    let from = caller(Who::Operator);
    let id = LogicalId::parse("x").unwrap();
    let sealed = draft(PATIENT).check(&records.checks()).unwrap().seal(&id, &records.context(&from));
    store(&records, "mood", DEFINITION).await;
    assert!(matches!(calm(&records), Err(Error::Indexing(_))));
    let (stored, _) =
        records.unit(from.who.clone(), move |work| work.put(&sealed, Purpose::Operations)).await.unwrap();
    let snapshot = records.vault().snapshot().unwrap();
    assert!(snapshot.terms(stored.head.rid).unwrap().iter().any(|term| is_own(term.param)));
    settle(&records).await;
    assert_eq!(calm(&records).unwrap().total, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_leaves_no_state_behind_and_what_is_deleted_is_cleared() {
    let room = Room::empty();
    let records = room.records.clone();
    records.bound_parameters(1);
    store(&records, "mood", DEFINITION).await;
    store(&records, "x", PATIENT).await;
    settle(&records).await;
    let epoch = records.own_parameters().epoch();
    let second = DEFINITION.replace("\"mood\"", "\"second\"");
    let id = LogicalId::parse("second").unwrap();
    let refused = records.update(&caller(Who::Operator), &id, draft(&second), None).await;
    assert!(matches!(refused, Err(Error::Broken(_))));
    assert_eq!(records.own_parameters().epoch(), epoch);
    store(&records, "y", &PATIENT.replace("\"x\"", "\"y\"")).await;
    assert_eq!(calm(&records).unwrap().total, Some(2));

    let kind = ResourceType::parse("SearchParameter").unwrap();
    records.delete(&caller(Who::Operator), kind, &LogicalId::parse("mood").unwrap(), None).await.unwrap();
    assert!(matches!(calm(&records), Err(Error::Unreadable(_))));
    settle(&records).await;
    let snapshot = records.vault().snapshot().unwrap();
    let head = snapshot.head(Kind(ResourceType::PATIENT.number()), "x").unwrap().unwrap();
    assert!(snapshot.terms(head.rid).unwrap().iter().all(|term| !is_own(term.param)));
    assert!(records.vault().verify(&mut |_| {}).unwrap().is_sound());
}

#[tokio::test(flavor = "multi_thread")]
async fn definitions_of_an_older_program_are_taken_in() {
    let room = Room::empty();
    let records = room.records.clone();
    store(&records, "mood", DEFINITION).await;
    store(&records, "x", PATIENT).await;
    settle(&records).await;
    // As a program left it that knew nothing of own parameters.
    let forgotten = records.unit(Arc::new(Actor::operator("test")), |work| {
        let docs = work.unit().doc_scan(SEARCH_PARAMETERS, &[], 100)?;
        for (key, _) in docs {
            work.unit().doc_delete(SEARCH_PARAMETERS, &key)?;
        }
        let who = work.who().clone();
        work.audit(audit::done(&who, Action::Execute, Purpose::Operations, About::default()))
    });
    forgotten.await.unwrap();
    records.parameters().changed();
    assert!(matches!(calm(&records), Err(Error::Unreadable(_))));
    settle(&records).await;
    assert_eq!(calm(&records).unwrap().total, Some(1));
}
