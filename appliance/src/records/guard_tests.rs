//! What those learn who may not see all: the laboratory and vital signs.

use clinicvault_gateway::fhir::bundle;
use clinicvault_gateway::fhir::id::{LogicalId, ResourceType};
use clinicvault_gateway::fhir::patch::Patch;
use clinicvault_gateway::json::{self, Limits, Value};
use clinicvault_vault::Action;

use super::access::{Actor, Role};
use super::conditional::Whom;
use super::error::Error;
use super::testing::{Room, person};
use super::transaction::Rules;
use super::write::Draft;
use super::{Caller, Records};

const KIND: ResourceType = ResourceType::OBSERVATION;
const VITAL: &str = r#"{"resourceType":"Observation","id":"pulse","status":"final","code":{"text":"pulse"},"identifier":[{"value":"1"}],"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],"subject":{"display":"x"},"effectiveDateTime":"2026-11-21"}"#;
const RESULT: &str =
    r#"{"resourceType":"Observation","status":"final","code":{"text":"x"},"identifier":[{"value":"1"}]}"#;

fn read(text: &str) -> Value {
    json::parse(text.as_bytes(), &Limits::default()).unwrap()
}

fn draft(text: &str) -> Draft {
    Draft::of(read(text)).unwrap()
}

fn id() -> LogicalId {
    LogicalId::parse("pulse").unwrap()
}

/// A room with the pulse in it.
async fn room() -> Room {
    let room = Room::empty();
    let operator = Caller::of(Actor::operator("test"));
    room.records.update(&operator, &id(), draft(VITAL), None).await.unwrap();
    room
}

/// How many refusals about the pulse the audit log holds.
fn denials(records: &Records) -> usize {
    let entries = records.vault().snapshot().unwrap().audit(0, 1_000).unwrap();
    let about = |leaf: &clinicvault_vault::Leaf| {
        leaf.action == Action::Denied && leaf.object.as_ref().is_some_and(|(_, id, _)| id == "pulse")
    };
    entries.iter().filter(|entry| about(&entry.leaf)).count()
}

async fn transaction(records: &Records, from: &Caller, entry: &str) -> Result<(), Error> {
    let text = format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{entry}]}}"#);
    let bundle = bundle::parse(read(&text), bundle::MOST_ENTRIES).unwrap();
    let rules = Rules { check_references: true, representation: true, skip_broken: false };
    records.transaction(from, bundle, rules).await.map(drop)
}

#[tokio::test]
async fn a_patch_tells_nothing_of_what_its_sender_may_not_read() {
    let room = room().await;
    let lab = person(Role::Lab);
    // A test that holds, one that does not, a place that is not there: one answer to all of them.
    for operation in [
        r#"{"op":"test","path":"/status","value":"final"}"#,
        r#"{"op":"test","path":"/status","value":"amended"}"#,
        r#"{"op":"remove","path":"/none"}"#,
    ] {
        let before = denials(&room.records);
        let text = format!("[{operation}]");
        let patch = Patch::read_json(text.as_bytes(), &Limits::default()).unwrap();
        let done = room.records.patch(&lab, KIND, Whom::Named(id()), patch, None).await;
        assert!(matches!(done, Err(Error::NotFound(_))), "{operation}: {done:?}");
        let data = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &text);
        let entry = format!(
            r#"{{"request":{{"method":"PATCH","url":"Observation/pulse"}},"resource":{{"resourceType":"Binary","contentType":"application/json-patch+json","data":"{data}"}}}}"#
        );
        let done = transaction(&room.records, &lab, &entry).await;
        assert!(matches!(done, Err(Error::NotFound(_))), "{operation}: {done:?}");
        settle(&room.records).await;
        assert_eq!(denials(&room.records), before + 2, "{operation}");
    }
}

#[tokio::test]
async fn a_condition_is_not_fulfilled_by_what_its_sender_may_not_read() {
    let room = room().await;
    let lab = person(Role::Lab);
    let by = |query: &str| {
        room.records.condition(&lab, KIND, &[("identifier".to_owned(), query.to_owned())]).unwrap()
    };
    assert!(room.records.delete_matching(&lab, KIND, by("1"), None).await.unwrap().is_none());
    let made = room.records.create(&lab, draft(RESULT), Some(by("1"))).await.unwrap();
    assert_ne!(made.stored.head.id, "pulse");
    let again = room.records.create(&lab, draft(RESULT), Some(by("1"))).await.unwrap();
    assert_eq!(again.stored.head.id, made.stored.head.id, "its own results fulfil it");
    let entry =
        format!(r#"{{"request":{{"method":"PUT","url":"Observation?identifier=1"}},"resource":{RESULT}}}"#);
    transaction(&room.records, &lab, &entry).await.unwrap();
    let doctor = person(Role::Doctor);
    let both = room.records.condition(&doctor, KIND, &[("identifier".to_owned(), "1".to_owned())]).unwrap();
    let several = room.records.delete_matching(&doctor, KIND, both, None).await;
    assert!(matches!(several, Err(Error::Precondition(_))), "{several:?}");
}

#[tokio::test]
async fn what_the_writer_refuses_is_in_the_audit_log() {
    let room = room().await;
    let lab = person(Role::Lab);
    let overwrite = RESULT.replace(r#""status""#, r#""id":"pulse","status""#);
    let done = room.records.update(&lab, &id(), draft(&overwrite), None).await;
    assert!(matches!(done, Err(Error::NotYours(_))), "{done:?}");
    assert_eq!(denials(&room.records), 1);
    let put = format!(r#"{{"request":{{"method":"PUT","url":"Observation/pulse"}},"resource":{overwrite}}}"#);
    let done = transaction(&room.records, &lab, &put).await;
    assert!(matches!(done, Err(Error::NotYours(_))), "{done:?}");
    assert_eq!(denials(&room.records), 2);
    let stands = room.records.read(&person(Role::Doctor).who, KIND, "pulse").unwrap();
    assert_eq!(stands.head.version, 1);
}

/// Waits until every line that was queued is written.
async fn settle(records: &Records) {
    let who = Caller::of(Actor::operator("test")).who;
    let line = super::audit::done(&who, Action::Read, super::access::Purpose::Operations, Default::default());
    records.unit(who, move |work| work.audit(line)).await.unwrap();
}
