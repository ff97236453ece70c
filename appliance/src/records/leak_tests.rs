//! A narrow scope against every path: nothing outside is returned, counted, or told of in an error.
//!
//! Each check does the same twice, once with what is there but outside the scope and once with what is not there at all,
//! and wants one answer to both.

use clinicvault_gateway::fhir::bundle;
use clinicvault_gateway::fhir::id::{LogicalId, ResourceType};
use clinicvault_gateway::fhir::patch::Patch;
use clinicvault_gateway::fhir::search::{Handling, query};
use clinicvault_gateway::json::{self, Limits, Value};

use super::access::{Actor, Role, Scopes, Who};
use super::conditional::Whom;
use super::error::Error;
use super::history::{Wanted, WantedOfMany};
use super::search::{Asked, Page};
use super::testing::{Room, caller};
use super::transaction::Rules;
use super::write::Draft;
use super::{Caller, change::Expected};

const OBSERVATION: ResourceType = ResourceType::OBSERVATION;
const PATIENT: ResourceType = ResourceType::PATIENT;
const CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/observation-category";

fn read(text: &str) -> Value {
    json::parse(text.as_bytes(), &Limits::default()).unwrap()
}

fn draft(text: &str) -> Draft {
    Draft::of(read(text)).unwrap()
}

fn id(text: &str) -> LogicalId {
    LogicalId::parse(text).unwrap()
}

fn observation(id: &str, patient: &str, category: &str) -> String {
    format!(
        r#"{{"resourceType":"Observation","id":"{id}","status":"final","code":{{"text":"x"}},"identifier":[{{"value":"{id}"}}],"category":[{{"coding":[{{"system":"{CATEGORY}","code":"{category}"}}]}}],"subject":{{"reference":"Patient/{patient}"}},"effectiveDateTime":"2026-11-21"}}"#
    )
}

/// Two patients, with a laboratory result and a vital sign each, and a deleted result of the second.
async fn room() -> Room {
    let room = Room::empty();
    let operator = Caller::of(Actor::operator("test"));
    for patient in ["a", "b"] {
        let text = format!(
            r#"{{"resourceType":"Patient","id":"{patient}","identifier":[{{"value":"{patient}"}}]}}"#
        );
        room.records.update(&operator, &id(patient), draft(&text), None).await.unwrap();
        for category in ["laboratory", "vital-signs"] {
            let own = format!("{patient}-{category}");
            let text = observation(&own, patient, category);
            room.records.update(&operator, &id(&own), draft(&text), None).await.unwrap();
        }
    }
    let gone = observation("b-gone", "b", "vital-signs");
    room.records.update(&operator, &id("b-gone"), draft(&gone), None).await.unwrap();
    room.records.delete(&operator, OBSERVATION, &id("b-gone"), None).await.unwrap();
    room
}

/// A program for patient `a` on behalf of a doctor.
fn app(scopes: &str) -> Caller {
    let scopes = Scopes::parse(scopes).unwrap();
    caller(Who::App { roles: vec![Role::Doctor], scopes, patient: Some(id("a")) })
}

fn machine(scopes: &str) -> Caller {
    caller(Who::Machine { scopes: Scopes::parse(scopes).unwrap() })
}

/// The narrow callers, each with what it sees of Observation.
fn narrow() -> [(Caller, &'static [&'static str]); 4] {
    [
        (app("patient/*.cruds"), &["a-laboratory", "a-vital-signs"]),
        (app("patient/Observation.cruds?category=laboratory"), &["a-laboratory"]),
        (app("user/Observation.cruds?category=laboratory"), &["a-laboratory", "b-laboratory"]),
        (
            machine("system/Observation.cruds?category=laboratory system/Patient.cruds?_id=a"),
            &["a-laboratory", "b-laboratory"],
        ),
    ]
}

fn search(room: &Room, from: &Caller, kind: ResourceType, text: &str) -> Result<Page, Error> {
    let parameters = query::decode(text).unwrap();
    let asked = Asked { kind, parameters: &parameters, handling: Handling::Strict, most_rows: 100 };
    room.records.search(from, &asked)
}

fn ids(page: &Page) -> Vec<String> {
    page.rows.iter().map(|row| row.head.id.clone()).collect()
}

/// The answer as the client reads it, with the id that it asked for left out.
fn said<T: std::fmt::Debug>(answer: Result<T, Error>, asked: &str) -> String {
    match answer {
        Ok(value) => panic!("{asked} was answered: {value:?}"),
        Err(error) => format!("{error:?}").replace(asked, "?"),
    }
}

async fn transaction(room: &Room, from: &Caller, entry: &str) -> Result<Vec<String>, Error> {
    let text = format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{entry}]}}"#);
    let bundle = bundle::parse(read(&text), bundle::MOST_ENTRIES).unwrap();
    let rules = Rules { check_references: true, representation: true, skip_broken: false };
    let (answers, _) = room.records.transaction(from, bundle, rules).await?;
    Ok(answers.into_iter().map(|answer| answer.status).collect())
}

#[tokio::test]
async fn searches_return_count_and_sort_only_what_is_within() {
    let room = room().await;
    for (from, within) in narrow() {
        for text in
            ["", "_sort=_id", "_sort=-_id", "status=final", "category:not=x", "_count=0", "_summary=count"]
        {
            let page = search(&room, &from, OBSERVATION, text).unwrap();
            assert_eq!(page.total, Some(within.len() as u64), "{text}");
            assert!(ids(&page).iter().all(|id| within.contains(&id.as_str())), "{text}");
        }
        assert_eq!(search(&room, &from, OBSERVATION, "identifier=b-vital-signs").unwrap().total, Some(0));
        assert_eq!(search(&room, &from, OBSERVATION, "_count=1").unwrap().next.is_some(), within.len() > 1);
    }
    let page = search(&room, &app("patient/*.rs"), PATIENT, "").unwrap();
    assert_eq!((page.total, ids(&page)), (Some(1), vec!["a".to_owned()]));
    // Both letters are needed for what needs both, and a type outside is refused as such.
    assert!(matches!(search(&room, &app("patient/Patient.r"), PATIENT, ""), Err(Error::Refused(_))));
    assert!(matches!(search(&room, &app("patient/Patient.rs"), OBSERVATION, ""), Err(Error::Refused(_))));
    let no_patient = caller(Who::App {
        roles: vec![Role::Doctor],
        scopes: Scopes::parse("patient/*.rs").unwrap(),
        patient: None,
    });
    assert!(matches!(search(&room, &no_patient, PATIENT, ""), Err(Error::Refused(_))));
}

#[tokio::test]
async fn an_app_never_gets_beyond_the_role_of_its_person() {
    let room = room().await;
    let of = |role, scopes: &str| {
        let scopes = Scopes::parse(scopes).unwrap();
        caller(Who::App { roles: vec![role], scopes, patient: Some(id("a")) })
    };
    let page = search(&room, &of(Role::Lab, "user/*.cruds"), OBSERVATION, "").unwrap();
    assert_eq!(ids(&page).len(), 2, "a laboratory sees results, not vital signs");
    let page = search(&room, &of(Role::Lab, "patient/*.rs"), OBSERVATION, "").unwrap();
    assert_eq!(ids(&page), ["a-laboratory"]);
    let page = search(&room, &of(Role::Lab, "user/Observation.rs?category=vital-signs"), OBSERVATION, "");
    assert_eq!(page.unwrap().total, Some(0));
    assert!(search(&room, &of(Role::Owner, "user/*.cruds"), OBSERVATION, "").is_err());
    let lab = of(Role::Lab, "user/*.cruds");
    let made = room.records.create(&lab, draft(r#"{"resourceType":"Patient"}"#), None);
    assert!(matches!(made.await, Err(Error::Refused(_))));
}

#[tokio::test]
async fn one_record_outside_is_answered_like_one_that_is_not_there() {
    let room = room().await;
    let all = Wanted { rows: 10, since: None, at: None, before: None };
    for (from, _) in narrow() {
        for hidden in ["b-vital-signs", "b-gone"] {
            let look = |asked: &'static str| {
                [
                    said(room.records.read(&from.who, OBSERVATION, asked), asked),
                    said(room.records.version(&from.who, OBSERVATION, asked, 1), asked)
                        .replace("/_history/1", ""),
                    said(room.records.version(&from.who, OBSERVATION, asked, 999), asked),
                    said(room.records.history(&from.who, OBSERVATION, asked, &all), asked),
                ]
            };
            assert_eq!(look(hidden), look("none"));
            let patch = || {
                Patch::read_json(br#"[{"op":"test","path":"/status","value":"final"}]"#, &Limits::default())
                    .unwrap()
            };
            let patched = |asked: &'static str| {
                room.records.patch(
                    &from,
                    OBSERVATION,
                    Whom::Named(id(asked)),
                    patch(),
                    Some(Expected::Version(9)),
                )
            };
            assert_eq!(said(patched(hidden).await, hidden), said(patched("none").await, "none"));
            for expected in [None, Some(Expected::Version(9))] {
                let deleted = |asked: &'static str| async {
                    let logical = id(asked);
                    said(room.records.delete(&from, OBSERVATION, &logical, expected).await, asked)
                };
                assert_eq!(deleted(hidden).await, deleted("none").await);
            }
            for (verb, version) in
                [("GET", ""), ("GET", "/_history/1"), ("GET", "/_history/999"), ("DELETE", "")]
            {
                let entry = |asked: &str| {
                    format!(r#"{{"request":{{"method":"{verb}","url":"Observation/{asked}{version}"}}}}"#)
                };
                let one = transaction(&room, &from, &entry(hidden)).await;
                let other = transaction(&room, &from, &entry("none")).await;
                assert_eq!(
                    format!("{one:?}").replace(hidden, "?"),
                    format!("{other:?}").replace("none", "?")
                );
            }
            // Writing over it is answered as where nothing stands: who sees a part chooses no ids.
            for expected in [None, Some(Expected::Nothing), Some(Expected::Version(9))] {
                let put = |asked: &'static str| {
                    let text = observation(asked, "a", "laboratory");
                    let (logical, room, from) = (id(asked), &room, &from);
                    async move { said(room.records.update(from, &logical, draft(&text), expected).await, asked) }
                };
                assert_eq!(put(hidden).await, put("none").await);
            }
        }
    }
}

#[tokio::test]
async fn histories_of_many_hold_only_what_is_within() {
    let room = room().await;
    for (from, within) in narrow() {
        for kind in [None, Some(OBSERVATION)] {
            let wanted = WantedOfMany { kind, rows: 100, since: None, at: None, before: None };
            let page = room.records.history_of_many(&from.who, &wanted).unwrap();
            let seen = page.rows.iter().filter(|row| row.kind() == Some(OBSERVATION));
            let mut seen: Vec<&str> = seen.map(|row| row.head.id.as_str()).collect();
            seen.sort_unstable();
            assert_eq!(seen, within);
        }
    }
}

#[tokio::test]
async fn a_condition_is_fulfilled_only_by_what_is_within() {
    let room = room().await;
    for (from, _) in narrow() {
        let by = |text: &str| {
            room.records.condition(&from, OBSERVATION, &[("identifier".to_owned(), text.to_owned())]).unwrap()
        };
        let gone = room.records.delete_matching(&from, OBSERVATION, by("b-vital-signs"), None).await;
        assert!(gone.unwrap().is_none());
        let patch = Patch::read_json(b"[]", &Limits::default());
        if let Ok(patch) = patch {
            let whom = Whom::Matching(Box::new(by("b-vital-signs")));
            let done = room.records.patch(&from, OBSERVATION, whom, patch, None).await;
            assert!(matches!(done, Err(Error::NotFound(_))), "{done:?}");
        }
        // A conditional reference names nothing that may not be found.
        let entry = |target: &str| {
            let text = observation("x", "a", "laboratory").replace(r#""id":"x","#, "");
            let text = text.replace(
                r#""status""#,
                &format!(r#""derivedFrom":[{{"reference":"Observation?identifier={target}"}}],"status""#),
            );
            format!(r#"{{"request":{{"method":"POST","url":"Observation"}},"resource":{text}}}"#)
        };
        let hidden = transaction(&room, &from, &entry("b-vital-signs")).await;
        let none = transaction(&room, &from, &entry("none")).await;
        assert!(matches!(hidden, Err(Error::Precondition(_))), "{hidden:?}");
        assert_eq!(format!("{hidden:?}"), format!("{none:?}"));
        // Nor does a plain one tell whether its target is there.
        let plain =
            |target: &str| entry("x").replace("Observation?identifier=x", &format!("Observation/{target}"));
        assert!(transaction(&room, &from, &plain("b-vital-signs")).await.is_ok());
        assert!(transaction(&room, &from, &plain("none")).await.is_ok());
    }
}

#[tokio::test]
async fn nothing_is_written_outside_the_scope() {
    let room = room().await;
    let vital = observation("new", "a", "vital-signs");
    let other = observation("new", "b", "laboratory");
    let check = |from: Caller, text: String, expected: bool| {
        let room = &room;
        async move {
            let made = room.records.create(&from, draft(&text), None).await;
            assert_eq!(made.is_ok(), expected, "{made:?}");
            let turned = text.replace(r#""id":"new""#, r#""id":"a-laboratory""#);
            let put = room.records.update(&from, &id("a-laboratory"), draft(&turned), None).await;
            assert_eq!(put.is_ok(), expected, "{put:?}");
        }
    };
    check(app("patient/Observation.cruds?category=laboratory"), vital.clone(), false).await;
    check(app("patient/Observation.cruds?category=laboratory"), other.clone(), false).await;
    check(machine("system/Observation.cruds?category=laboratory"), vital.clone(), false).await;
    check(app("patient/Observation.cruds"), vital, true).await;
    check(app("user/Observation.cruds"), other, true).await;
}
