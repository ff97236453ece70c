use clinicvault_gateway::fhir::id::{LogicalId, ResourceType};
use clinicvault_gateway::fhir::search::Handling;
use clinicvault_gateway::json::{self, Limits, Value};

use super::super::access::{Actor, Role, Scopes, Who};
use super::super::error::Error;
use super::super::search::{Asked, Page};
use super::super::testing::{Room, caller, person};
use super::super::write::Draft;
use super::super::{Caller, Records};

const KIND: ResourceType = ResourceType::AUDIT_EVENT;

fn pairs(query: &[(&str, &str)]) -> Vec<(String, String)> {
    query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn search(records: &Records, from: &Caller, query: &[(&str, &str)]) -> Result<Page, Error> {
    let parameters = pairs(query);
    records.search(
        from,
        &Asked { kind: KIND, parameters: &parameters, handling: Handling::Strict, most_rows: 100 },
    )
}

fn events(page: &Page) -> Vec<Value> {
    page.rows.iter().map(|row| json::parse(&row.body, &Limits::default()).unwrap()).collect()
}

fn machine(scope: &str) -> Caller {
    caller(Who::Machine { scopes: Scopes::parse(scope).unwrap() })
}

async fn put(records: &Records, who: &Caller, kind: &str, id: &str, body: &str) {
    let text = format!(r#"{{"resourceType":"{kind}","id":"{id}",{body}}}"#);
    let draft = Draft::of(json::parse(text.as_bytes(), &Limits::default()).unwrap()).unwrap();
    records.update(who, &LogicalId::parse(id).unwrap(), draft, None).await.unwrap();
}

/// Two patients, one seen by the doctor.
async fn room() -> Room {
    let room = Room::empty();
    let operator = Caller::of(Actor::operator("test"));
    put(&room.records, &operator, "Patient", "a", r#""active":true"#).await;
    put(&room.records, &operator, "Patient", "b", r#""active":true"#).await;
    let doctor = person(Role::Doctor);
    room.records.read(&doctor.who, ResourceType::PATIENT, "a").unwrap();
    let lab = person(Role::Lab);
    assert!(room.records.read(&lab.who, ResourceType::parse("Condition").unwrap(), "x").is_err());
    // What was noted is committed behind a unit that waits for its own commit.
    put(&room.records, &operator, "Patient", "b", r#""active":false"#).await;
    room
}

#[tokio::test]
async fn the_log_is_searched_and_read_like_records() {
    let room = room().await;
    let auditor = person(Role::Auditor);
    for (query, found) in [
        (vec![("patient", "a")], 2),
        (vec![("patient", "Patient/a"), ("action", "R")], 1),
        (vec![("action", "C")], 2),
        (vec![("action", "U"), ("entity", "Patient/b")], 1),
        (vec![("outcome", "4")], 1),
        // The searches themselves are lines of the log, too, once they are committed.
        (vec![("agent:identifier", "urn:clinicvault:account|p-test"), ("outcome", "0"), ("action", "R")], 1),
        (vec![("subtype", "create"), ("date", "2026-11-21"), ("date", "ge2026-11-21T06:00:00Z")], 2),
        (vec![("date", "lt2026-11-21")], 0),
        (vec![("date", "gt2026-11-22")], 0),
        (vec![("type", "rest"), ("outcome:not", "0")], 1),
    ] {
        let page = search(&room.records, &auditor, &query).unwrap();
        assert_eq!(page.rows.len(), found, "{query:?} {:?}", events(&page));
        let counted = [query.clone(), vec![("_summary", "count")]].concat();
        assert_eq!(search(&room.records, &auditor, &counted).unwrap().total, Some(found as u64), "{query:?}");
    }
    let seen = search(&room.records, &auditor, &[("patient", "a"), ("action", "R")]).unwrap();
    let event = &events(&seen)[0];
    assert_eq!(event.pointer("/entity/0/what/reference").and_then(Value::as_str), Some("Patient/a"));
    let id = event.str("id").unwrap();
    let again = room.records.read(&auditor.who, KIND, id).unwrap();
    assert_eq!(again.body, seen.rows[0].body);
    assert_eq!(room.records.version(&auditor.who, KIND, id, 1).unwrap().body, again.body);
    assert!(room.records.version(&auditor.who, KIND, id, 2).is_err());
    assert!(room.records.read(&auditor.who, KIND, &format!("0{id}")).is_err());
    assert!(room.records.read(&auditor.who, KIND, "999999").is_err());
}

#[tokio::test]
async fn pages_go_through_the_log_once_in_either_direction() {
    let room = room().await;
    let auditor = person(Role::Auditor);
    for order in ["date", "-date"] {
        let all = search(&room.records, &auditor, &[("_sort", order), ("_total", "accurate")]).unwrap();
        let whole: Vec<String> = all.rows.iter().map(|row| row.head.id.clone()).collect();
        let first = search(&room.records, &auditor, &[("_sort", order), ("_count", "2")]).unwrap();
        let mut page = first;
        let mut ids = Vec::new();
        loop {
            ids.extend(page.rows.iter().map(|row| row.head.id.clone()));
            let Some(next) = page.next else { break };
            page = room.records.next_page(&auditor, KIND, &next, 100).unwrap();
        }
        // Looking leaves lines of its own, behind those of the first look.
        ids.retain(|id| whole.contains(id));
        assert_eq!(ids, whole, "{order}");
        assert!(all.total >= Some(whole.len() as u64));
    }
}

#[tokio::test]
async fn only_those_who_may_see_the_trail_and_others_their_own_part_of_it() {
    let room = room().await;
    let all = search(&room.records, &person(Role::Owner), &[]).unwrap().rows.len();
    assert!(all >= 5, "{all}");
    // The doctor did one thing; the other roles share the test's account, so the lab's refusal is theirs, too.
    let own = search(&room.records, &person(Role::Doctor), &[]).unwrap();
    assert!(events(&own).iter().all(|event| { event.items("agent")[0].str("altId") == Some("p-test") }));
    assert!(own.rows.len() < all && !own.rows.is_empty());
    let others = search(&room.records, &person(Role::Owner), &[("agent-name", "operator")]).unwrap();
    let id = others.rows[0].head.id.clone();
    assert!(room.records.read(&person(Role::Owner).who, KIND, &id).is_ok());
    assert!(matches!(room.records.read(&person(Role::Doctor).who, KIND, &id), Err(Error::NotFound(_))));
    // Every line stands there by now, those of searches that asked for everything, too.
    put(&room.records, &Caller::of(Actor::operator("test")), "Patient", "a", r#""active":false"#).await;
    search(&room.records, &machine("system/AuditEvent.rs"), &[]).unwrap();
    assert!(matches!(search(&room.records, &machine("system/Patient.rs"), &[]), Err(Error::Refused(_))));
    // A scope with a query shows what fits it.
    let creates = search(&room.records, &machine("system/AuditEvent.rs?action=C"), &[]).unwrap();
    assert!(creates.rows.len() == 2 && events(&creates).iter().all(|event| event.str("action") == Some("C")));
}

#[tokio::test]
async fn nobody_writes_the_trail() {
    let room = room().await;
    let operator = Caller::of(Actor::operator("test"));
    let text = r#"{"resourceType":"AuditEvent","id":"1","type":{"code":"rest"},"recorded":"2026-11-21T00:00:00Z",
        "agent":[{"requestor":true}],"source":{"observer":{"display":"x"}}}"#;
    let draft = || Draft::of(json::parse(text.as_bytes(), &Limits::default()).unwrap()).unwrap();
    let id = LogicalId::parse("1").unwrap();
    for from in [operator, machine("system/*.cruds"), person(Role::Owner)] {
        let before = room.records.vault().snapshot().unwrap().audit(1, 1).unwrap();
        assert!(matches!(room.records.create(&from, draft(), None).await, Err(Error::Fixed(_))));
        assert!(matches!(room.records.update(&from, &id, draft(), None).await, Err(Error::Fixed(_))));
        assert!(matches!(room.records.delete(&from, KIND, &id, None).await, Err(Error::Fixed(_))));
        assert_eq!(room.records.vault().snapshot().unwrap().audit(1, 1).unwrap(), before);
    }
}

#[tokio::test]
async fn a_search_says_what_it_asked_and_what_it_got() {
    let room = room().await;
    let doctor = person(Role::Doctor);
    let parameters = pairs(&[("active", "true")]);
    let asked = Asked {
        kind: ResourceType::PATIENT,
        parameters: &parameters,
        handling: Handling::Strict,
        most_rows: 10,
    };
    assert_eq!(room.records.search(&doctor, &asked).unwrap().rows.len(), 1);
    put(&room.records, &Caller::of(Actor::operator("test")), "Patient", "c", r#""active":false"#).await;
    let page =
        search(&room.records, &person(Role::Auditor), &[("subtype", "search"), ("patient", "a")]).unwrap();
    let event = &events(&page)[0];
    let query = event.items("entity").iter().find_map(|each| each.str("query")).unwrap();
    assert_eq!(data_encoding::BASE64.decode(query.as_bytes()).unwrap(), b"active=true");
}

#[tokio::test]
async fn what_the_log_cannot_be_asked_is_refused() {
    let room = room().await;
    let auditor = person(Role::Auditor);
    for query in
        [vec![("patient.name", "x")], vec![("_include", "AuditEvent:patient")], vec![("_sort", "action")]]
    {
        let refused = search(&room.records, &auditor, &query).map(|page| page.rows.len());
        assert!(matches!(refused, Err(Error::Unreadable(_))), "{query:?} {refused:?}");
    }
}
