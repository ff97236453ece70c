//! The records room over a real vault in a temporary folder.

use std::sync::Arc;

use clinicvault_gateway::fhir::bundle;
use clinicvault_gateway::fhir::id::{LogicalId, ResourceType};
use clinicvault_gateway::fhir::search::{Handling, query};
use clinicvault_gateway::json::{self, Limits, Value};
use clinicvault_vault::{Action, NewVault, OpenOptions, Suite, Vault};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::access::{Actor, Role, Who};
use super::change::{Did, Expected, Written};
use super::error::Error;
use super::feed::What;
use super::history::Wanted;
use super::import::{Form, Part};
use super::search::{Asked, Page};
use super::transaction::Rules;
use super::write::Draft;
use super::{Caller, Records};
use crate::clock::{Clock, ManualClock};

struct House {
    records: Records,
    clock: Arc<ManualClock>,
    operator: Caller,
    _folder: tempfile::TempDir,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new("2026-11-21T09:00:00Z".parse().unwrap()));
        let told = clock.clone();
        let options = OpenOptions::new(Arc::new(move || told.now()));
        let new = NewVault {
            clinic_id: "test".to_owned(),
            suite: Suite::XChaCha20Poly1305,
            unlock: Vec::new(),
            options,
        };
        let (vault, _) = Vault::create(folder.path(), new).unwrap();
        let records = Records::new(vault, clock.clone(), TimeZone::UTC);
        let operator = Caller::of(Actor::operator("test"));
        Self { records, clock, operator, _folder: folder }
    }

    async fn create(&self, text: &str) -> Written {
        self.records.create(&self.operator, draft(text), None).await.unwrap()
    }

    async fn put(&self, text: &str, expected: Option<Expected>) -> Result<Written, Error> {
        let draft = draft(text);
        let id = LogicalId::parse(draft.id().unwrap()).unwrap();
        self.records.update(&self.operator, &id, draft, expected).await
    }

    async fn transaction(&self, text: &str) -> Result<Vec<String>, Error> {
        let bundle = bundle::parse(value(text), 100).map_err(Error::Unreadable)?;
        let rules = Rules { check_references: true, representation: false, skip_broken: false };
        let (answers, _) = self.records.transaction(&self.operator, bundle, rules).await?;
        Ok(answers
            .into_iter()
            .map(|answer| format!("{} {}", answer.status, answer.location.unwrap_or_default()))
            .collect())
    }

    fn search(&self, kind: ResourceType, query: &str) -> Page {
        self.search_as(&self.operator, kind, query).unwrap()
    }

    fn search_as(&self, from: &Caller, kind: ResourceType, query: &str) -> Result<Page, Error> {
        let parameters = query::decode(query).unwrap();
        let asked = Asked { kind, parameters: &parameters, handling: Handling::Strict, most_rows: 1000 };
        self.records.search(from, &asked)
    }

    fn actions(&self) -> Vec<Action> {
        let audit = self.records.vault().snapshot().unwrap().audit(0, 1000).unwrap();
        audit.into_iter().map(|entry| entry.leaf.action).collect()
    }
}

fn value(text: &str) -> Value {
    json::parse(text.as_bytes(), &Limits::default()).unwrap()
}

fn draft(text: &str) -> Draft {
    Draft::read(text.as_bytes(), &Limits::default()).unwrap()
}

fn ids(page: &Page) -> Vec<&str> {
    page.rows.iter().map(|row| row.head.id.as_str()).collect()
}

fn person(roles: &[Role]) -> Caller {
    Caller::of(Actor {
        id: "u1".to_owned(),
        name: "A".to_owned(),
        who: Who::Person { roles: roles.to_vec() },
        session: None,
        source: "test".to_owned(),
    })
}

#[tokio::test]
async fn a_record_is_created_read_changed_and_deleted_and_every_step_is_on_the_audit_log() {
    let house = House::new();
    let mut feed = house.records.feed().listen();
    let made = house.create(r#"{"resourceType":"Patient","id":"ignored","birthDate":"1990-01-02"}"#).await;
    assert_eq!((made.did, made.stored.head.version), (Did::Created, 1));
    let id = made.stored.head.id.clone();
    assert_ne!(id, "ignored");
    let read = house.records.read(&house.operator.who, ResourceType::PATIENT, &id).unwrap();
    assert_eq!(read.body, made.stored.body);
    let expected = format!(
        r#"{{"resourceType":"Patient","id":"{id}","meta":{{"versionId":"1","lastUpdated":"2026-11-21T09:00:00.000Z"}},"birthDate":"1990-01-02"}}"#
    );
    assert_eq!(std::str::from_utf8(&read.body).unwrap(), expected);

    let text = format!(r#"{{"resourceType":"Patient","id":"{id}","birthDate":"1991"}}"#);
    let changed = house.put(&text, Some(Expected::Version(1))).await.unwrap();
    assert_eq!((changed.did, changed.stored.head.version), (Did::Updated, 2));
    let same = house.put(&text, None).await.unwrap();
    assert_eq!((same.did, same.stored.head.version), (Did::Nothing, 2));
    assert!(matches!(house.put(&text, Some(Expected::Version(1))).await, Err(Error::Precondition(_))));

    let logical = LogicalId::parse(&id).unwrap();
    let kind = ResourceType::PATIENT;
    let gone = house.records.delete(&house.operator, kind, &logical, None).await.unwrap();
    assert_eq!((gone.version, gone.deleted), (3, true));
    let again = house.records.delete(&house.operator, kind, &logical, None).await.unwrap();
    assert_eq!(again.version, 3);
    let read = house.records.read(&house.operator.who, kind, &id);
    assert!(matches!(read, Err(Error::Gone { version: 3, .. })));
    let first = house.records.version(&house.operator.who, kind, &id, 1).unwrap();
    assert_eq!(first.body, made.stored.body);
    assert!(matches!(house.records.version(&house.operator.who, kind, &id, 4), Err(Error::NotFound(_))));

    let revived = house.put(&text, None).await.unwrap();
    assert_eq!((revived.did, revived.stored.head.version), (Did::Created, 4));
    let wanted = Wanted { rows: 3, since: None, at: None, before: None };
    let history = house.records.history(&house.operator.who, kind, &id, &wanted).unwrap();
    let versions: Vec<u64> = history.rows.iter().map(|row| row.head.version).collect();
    assert_eq!((history.total, versions, history.next), (4, vec![4, 3, 2], Some(2)));

    // Lines of reads are written with the next commit.
    house.create(r#"{"resourceType":"Organization","name":"x"}"#).await;
    let actions = house.actions();
    for (action, times) in
        [(Action::Create, 3), (Action::Update, 1), (Action::Delete, 1), (Action::History, 2)]
    {
        assert_eq!(actions.iter().filter(|a| **a == action).count(), times, "{action:?}");
    }
    let mut seen = Vec::new();
    while let Ok(event) = feed.try_recv() {
        let What::Record { version, deleted, patient, .. } = event.what else { panic!("a record") };
        if patient.is_none() {
            continue;
        }
        assert_eq!(patient.as_deref(), Some(id.as_str()));
        seen.push((version, deleted));
    }
    assert_eq!(seen, [(1, false), (2, false), (3, true), (4, false)]);
}

#[tokio::test]
async fn of_many_racing_writers_one_wins() {
    let house = House::new();
    house.put(r#"{"resourceType":"Patient","id":"p"}"#, None).await.unwrap();
    let races = (0..8).map(|n| {
        let text = format!(r#"{{"resourceType":"Patient","id":"p","birthDate":"199{n}"}}"#);
        let house = &house;
        async move { house.put(&text, Some(Expected::Version(1))).await }
    });
    let results = futures_util::future::join_all(races).await;
    assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 1);
    assert_eq!(results.iter().filter(|r| matches!(r, Err(Error::Precondition(_)))).count(), 7);

    let unless = || {
        let pairs = query::decode("identifier=urn:x|1").unwrap();
        let context = house.records.context(&house.operator);
        Some(query::parse(ResourceType::PATIENT, &pairs, Handling::Strict, &context).unwrap())
    };
    let text = r#"{"resourceType":"Patient","identifier":[{"system":"urn:x","value":"1"}]}"#;
    let races = (0..8).map(|_| house.records.create(&house.operator, draft(text), unless()));
    let results = futures_util::future::join_all(races).await;
    let made = results.iter().filter(|r| r.as_ref().unwrap().did == Did::Created).count();
    let one: std::collections::HashSet<_> =
        results.iter().map(|r| r.as_ref().unwrap().stored.head.id.clone()).collect();
    assert_eq!((made, one.len()), (1, 1));

    house.create(text).await;
    let several = house.records.create(&house.operator, draft(text), unless()).await;
    assert!(matches!(several, Err(Error::Precondition(_))));
}

const LAB: &str = r#"{"resourceType":"Bundle","type":"transaction","entry":[
  {"fullUrl":"urn:uuid:0a","resource":{"resourceType":"Observation","status":"final","code":{"text":"x"},
     "subject":{"reference":"urn:uuid:0b"},"valueQuantity":{"value":72.50}},"request":{"method":"POST","url":"Observation"}},
  {"fullUrl":"urn:uuid:0b","resource":{"resourceType":"Patient","identifier":[{"system":"urn:x","value":"7"}]},
     "request":{"method":"POST","url":"Patient","ifNoneExist":"identifier=urn:x|7"}},
  {"request":{"method":"DELETE","url":"Patient/never"}}]}"#;

#[tokio::test]
async fn a_transaction_links_its_entries_and_finds_the_patient_that_is_there() {
    let house = House::new();
    let first = house.transaction(LAB).await.unwrap();
    assert!(first[0].starts_with("201 Created Observation/") && first[1].starts_with("201 Created Patient/"));
    assert!(first[2].starts_with("204"));
    let second = house.transaction(LAB).await.unwrap();
    assert!(second[0].starts_with("201 Created Observation/"));
    assert_eq!(second[1].replace("200 OK", "201 Created"), first[1]);
    let patient = first[1].split(['/', ' ']).nth(3).unwrap().to_owned();
    let page = house.search(ResourceType::OBSERVATION, &format!("patient={patient}"));
    assert_eq!(page.total, Some(2));
    let text = std::str::from_utf8(&page.rows[0].body).unwrap();
    assert!(text.contains(&format!("Patient/{patient}")) && text.contains("72.50"), "{text}");
}

#[tokio::test]
async fn a_transaction_with_one_broken_entry_leaves_nothing() {
    let house = House::new();
    let check = async |text: &str, place: &str| {
        let error = house.transaction(text).await.unwrap_err();
        assert!(error.to_string().contains(place), "{error}");
        assert_eq!(house.search(ResourceType::PATIENT, "").total, Some(0));
        assert_eq!(house.search(ResourceType::OBSERVATION, "").total, Some(0));
    };
    check(
        &LAB.replace("urn:uuid:0b\"},\"value", "urn:uuid:0c\"},\"value"),
        "Bundle.entry[0].resource.subject",
    )
    .await;
    check(
        &LAB.replace("urn:uuid:0b\"},\"value", "Patient/nobody\"},\"value"),
        "Bundle.entry[0].resource.subject",
    )
    .await;
    check(&LAB.replace("\"status\":\"final\"", "\"status\":3"), "Bundle.entry[0].resource.status").await;
    check(&LAB.replace("urn:uuid:0b\"},\"value", "Patient?identifier=urn:x|9\"},\"value"), "Bundle.entry[0]")
        .await;
    let by_reference = LAB.replace("urn:uuid:0b\"},\"value", "Patient?identifier=urn:x|7\"},\"value");
    house.transaction(&by_reference).await.unwrap();
    assert_eq!(house.search(ResourceType::OBSERVATION, "subject:missing=false").total, Some(1));
}

#[tokio::test]
async fn pages_stay_as_they_were_while_others_write() {
    let house = House::new();
    for n in 0..5 {
        let birth = 1990 + (n * 3) % 5;
        let text = format!(r#"{{"resourceType":"Patient","id":"p{n}","birthDate":"{birth}"}}"#);
        house.put(&text, None).await.unwrap();
    }
    let first = house.search(ResourceType::PATIENT, "_sort=birthdate&_count=2");
    assert_eq!((ids(&first), first.total), (vec!["p0", "p2"], Some(5)));
    house.put(r#"{"resourceType":"Patient","id":"p9","birthDate":"1980"}"#, None).await.unwrap();
    house.put(r#"{"resourceType":"Patient","id":"p4","birthDate":"1970"}"#, None).await.unwrap();
    let p1 = LogicalId::parse("p1").unwrap();
    house.records.delete(&house.operator, ResourceType::PATIENT, &p1, None).await.unwrap();
    let next = |page: &Page| {
        let cursor = page.next.as_deref().unwrap();
        house.records.next_page(&house.operator, ResourceType::PATIENT, cursor, 1000).unwrap()
    };
    let second = next(&first);
    assert_eq!((ids(&second), second.total), (vec!["p4", "p1"], Some(5)));
    assert!(std::str::from_utf8(&second.rows[0].body).unwrap().contains("1992"));
    let third = next(&second);
    assert_eq!((ids(&third), third.next.as_deref()), (vec!["p3"], None));
    let now = house.search(ResourceType::PATIENT, "_sort=-birthdate");
    assert_eq!(ids(&now), ["p3", "p2", "p0", "p9", "p4"]);
    assert!(house.records.next_page(&house.operator, ResourceType::PATIENT, "x", 10).is_err());
}

#[tokio::test]
async fn criteria_are_joined_and_negated() {
    let house = House::new();
    for (id, gender, family) in
        [("a", "female", "Rao"), ("b", "male", "Rao"), ("c", "female", "Iyer"), ("d", "unknown", "Rathod")]
    {
        let text = format!(
            r#"{{"resourceType":"Patient","id":"{id}","gender":"{gender}","name":[{{"family":"{family}"}}]}}"#
        );
        house.put(&text, None).await.unwrap();
    }
    let check = |query: &str, expected: &[&str]| {
        assert_eq!(ids(&house.search(ResourceType::PATIENT, query)), expected, "{query}");
    };
    check("name=ra", &["a", "b", "d"]);
    check("name=ra&gender=female", &["a"]);
    check("gender=female,male", &["a", "b", "c"]);
    check("gender:not=female", &["b", "d"]);
    check("name=ra&gender:not=male&_sort=-family", &["d", "a"]);
    check("_id=c", &["c"]);
    check("_count=0", &[]);
    check("birthdate:missing=true&name:exact=Iyer", &["c"]);
}

#[tokio::test]
async fn rights_are_decided_by_role_and_refusals_are_recorded() {
    let house = House::new();
    let vital = r#"{"resourceType":"Observation","id":"v","status":"final","code":{"text":"BP"},"category":[{"coding":[
        {"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}]}"#;
    house.put(vital, None).await.unwrap();
    house
        .put(r#"{"resourceType":"Observation","id":"r","status":"final","code":{"text":"Hb"}}"#, None)
        .await
        .unwrap();
    let kind = ResourceType::OBSERVATION;
    let lab = person(&[Role::Lab]);
    assert_eq!(ids(&house.search_as(&lab, kind, "").unwrap()), ["r"]);
    assert!(matches!(house.records.read(&lab.who, kind, "v"), Err(Error::NotFound(_))));
    assert!(house.records.read(&lab.who, kind, "r").is_ok());
    let owner = person(&[Role::Owner]);
    assert!(matches!(house.search_as(&owner, kind, ""), Err(Error::Refused(_))));
    let made = house.records.create(&owner, draft(r#"{"resourceType":"Patient"}"#), None).await;
    assert!(matches!(made, Err(Error::Refused(_))));
    // Notes are written with the next commit.
    house.create(r#"{"resourceType":"Patient"}"#).await;
    assert_eq!(house.actions().iter().filter(|a| **a == Action::Denied).count(), 3);
}

#[tokio::test]
async fn time_never_falls_below_the_previous_commit() {
    let house = House::new();
    let first = house.create(r#"{"resourceType":"Patient"}"#).await.stored.head.time;
    house.clock.set(Timestamp::UNIX_EPOCH);
    let second = house.create(r#"{"resourceType":"Patient"}"#).await.stored.head.time;
    assert!(second >= first);
}

#[test]
fn an_import_takes_the_good_reports_the_bad_and_is_never_done_twice() {
    let house = House::new();
    let part = || {
        Part {
        file: [7; 32],
        number: 0,
        form: Form::Plain,
        entries: [
            r#"{"resource":{"resourceType":"Patient","id":"a"}}"#,
            r#"{"resource":{"resourceType":"Patient","id":"b","colour":"red"}}"#,
            r#"{"resource":{"resourceType":"Patient","id":"c","id":"c"}}"#,
            r#"{"resource":{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/a"}}}"#,
            r#"{"resource":{"resourceType":"Thing"}}"#,
        ]
        .iter()
        .zip(10..)
        .map(|(text, line)| (line, text.as_bytes().to_vec()))
        .collect(),
    }
    };
    let taken = house.records.import(&house.operator, part()).unwrap();
    assert_eq!((taken.stored, taken.unchanged, taken.known), (2, 0, false), "{taken:?}");
    let lines: Vec<u64> = taken.problems.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [11, 12, 14]);
    assert!(taken.problems[0].1.contains("colour"), "{taken:?}");
    assert!(house.records.import(&house.operator, part()).unwrap().known);
    let again = house.records.import(&house.operator, Part { number: 1, ..part() }).unwrap();
    assert_eq!((again.stored, again.unchanged), (1, 1), "the record without an id is new each time");
    assert_eq!(house.search(ResourceType::OBSERVATION, "patient=a").total, Some(2));
}

#[test]
fn an_export_shows_every_live_record_of_one_moment() {
    let house = House::new();
    let entries = (0..3)
        .map(|n| (n, format!(r#"{{"resource":{{"resourceType":"Patient","id":"p{n}"}}}}"#).into_bytes()));
    let part = Part { file: [1; 32], number: 0, form: Form::Plain, entries: entries.collect() };
    house.records.import(&house.operator, part).unwrap();
    let mut seen = Vec::new();
    let given = house.records.export(&house.operator, &mut |kind, body| {
        let resource = value(std::str::from_utf8(body).unwrap());
        seen.push(format!("{kind}/{}", resource.str("id").unwrap()));
        Ok(())
    });
    assert_eq!(seen, ["Patient/p0", "Patient/p1", "Patient/p2"]);
    assert_eq!(given.unwrap().counts, [(ResourceType::PATIENT, 3)]);
    assert!(house.records.export(&person(&[Role::Doctor]), &mut |_, _| Ok(())).is_err());
}
