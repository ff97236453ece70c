//! What searches, counts and exports may cost: each bound, reached without a clock.

use clinicvault_gateway::fhir::bulk::export::{ExportAsk, Level};
use clinicvault_gateway::fhir::id::{LogicalId, ResourceType};
use clinicvault_gateway::fhir::patient_match::Person;
use clinicvault_gateway::fhir::search::Handling;
use clinicvault_gateway::json::{self, Limits, Value};
use clinicvault_vault::{Action, Kind, Put, Tx};

use super::access::{Actor, Purpose, Scopes, Who};
use super::audit::{self, About};
use super::error::Error;
use super::export::{Budget, Filtering, Out, Wanted};
use super::search::{Asked, Bounds, Page};
use super::testing::{Room, caller};
use super::write::Draft;
use super::{Caller, Records, patient_match};

const PATIENT: ResourceType = ResourceType::PATIENT;

fn operator() -> Caller {
    Caller::of(Actor::operator("test"))
}

fn read(text: &str) -> Value {
    json::parse(text.as_bytes(), &Limits::default()).unwrap()
}

async fn put(records: &Records, id: &str, text: &str) {
    let draft = Draft::of(read(text)).unwrap();
    records.update(&operator(), &LogicalId::parse(id).unwrap(), draft, None).await.unwrap();
}

/// Patients with many numbers each.
async fn patients(room: &Room, count: usize) {
    for n in 0..count {
        let numbers: Vec<String> = (0..40).map(|at| format!(r#"{{"value":"n{n}x{at}"}}"#)).collect();
        let text = format!(
            r#"{{"resourceType":"Patient","id":"p{n}","gender":"female","identifier":[{}]}}"#,
            numbers.join(",")
        );
        put(&room.records, &format!("p{n}"), &text).await;
    }
}

fn pairs(query: &[(&str, &str)]) -> Vec<(String, String)> {
    query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn search(records: &Records, kind: ResourceType, query: &[(&str, &str)]) -> Result<Page, Error> {
    let parameters = pairs(query);
    let asked = Asked { kind, parameters: &parameters, handling: Handling::Strict, most_rows: 1_000 };
    records.search(&operator(), &asked)
}

#[track_caller]
fn refused(error: &Error, setting: &str) {
    let Error::Unreadable(outcome) = error else { panic!("{error}") };
    assert_eq!(outcome.issues[0].code.as_str(), "too-costly", "{outcome}");
    assert!(outcome.to_string().contains(setting), "{outcome}");
}

#[tokio::test]
async fn a_negation_of_five_hundred_values_is_paid_for_value_by_value() {
    let few: String = "none".to_owned();
    let many = (0..500).map(|n| format!("none{n}")).collect::<Vec<_>>().join(",");
    // What one value costs is within these bounds many times over.
    let bounds = Bounds { search_rows: 2_000, count_rows: 2_000, ..Bounds::default() };
    let room = Room::empty();
    patients(&room, 120).await;
    room.records.bound_searches(bounds);
    for (name, whole) in [(few.as_str(), true), (many.as_str(), false)] {
        let query = [("identifier:not", name), ("_count", "200"), ("_total", "none")];
        match search(&room.records, PATIENT, &query) {
            Ok(page) if whole => assert_eq!((page.rows.len(), page.next), (120, None)),
            Ok(page) => {
                // It ends early, says so, and leads on.
                assert!(page.rows.len() < 120 && page.next.is_some(), "{} rows", page.rows.len());
                let told =
                    page.search.warnings.iter().any(|issue| issue.diagnostics.contains("limits.search_rows"));
                assert!(told, "{:?}", page.search.warnings);
            }
            Err(error) => {
                assert!(!whole, "{error}");
                refused(&error, "limits.search_rows");
            }
        }
    }
}

#[tokio::test]
async fn counting_over_canonical_links_pays_for_every_record_of_the_address() {
    let room = Room::empty();
    for n in 0..20 {
        let text = format!(
            r#"{{"resourceType":"Questionnaire","id":"q{n}","url":"http://c.example/form","version":"{n}","status":"active","title":"Form"}}"#
        );
        put(&room.records, &format!("q{n}"), &text).await;
    }
    for n in 0..40 {
        let text = format!(
            r#"{{"resourceType":"QuestionnaireResponse","id":"r{n}","status":"completed","questionnaire":"http://c.example/form"}}"#
        );
        put(&room.records, &format!("r{n}"), &text).await;
    }
    let kind = ResourceType::parse("QuestionnaireResponse").unwrap();
    let query = [("questionnaire:Questionnaire.title", "Form"), ("_summary", "count")];
    // Forty answers, and twenty forms of that address for each of them.
    room.records.bound_searches(Bounds { count_rows: 400, few: 1, brief: 1, ..Bounds::default() });
    refused(&search(&room.records, kind, &query).unwrap_err(), "limits.count_rows");
}

#[tokio::test]
async fn the_searches_of_an_export_are_answered_in_steps_that_cost_no_more_than_a_page() {
    let room = Room::empty();
    patients(&room, 90).await;
    room.records.bound_searches(Bounds { search_rows: 60, few: 1, brief: 1, ..Bounds::default() });
    let filters =
        vec![(PATIENT, pairs(&[("gender", "female")])), (PATIENT, pairs(&[("gender:not", "male")]))];
    let (mut filtering, at) = (Filtering::of(&filters), Tx(room.records.last_tx()));
    let mut steps = 0;
    while !filtering.is_done() {
        room.records.export_filter(&operator(), &mut filtering, at).unwrap();
        steps += 1;
        assert!(steps < 1_000, "the searches do not end");
    }
    assert!(steps > 4, "{steps} steps for two searches over 90 records with 60 rows each");
    assert_eq!(filtering.found()[&PATIENT].len(), 90);
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

#[tokio::test]
async fn a_match_says_that_somebody_was_passed_over_only_to_whoever_may_find_them() {
    let room = Room::empty();
    for n in 0..230 {
        let text = format!(r#"{{"resourceType":"Patient","id":"m{n}","name":[{{"family":"Bhosale"}}]}}"#);
        put(&room.records, &format!("m{n}"), &text).await;
    }
    let sought = Person::of(&read(r#"{"resourceType":"Patient","name":[{"family":"Bhosale"}]}"#));
    let wanted = patient_match::Wanted { only_certain: false, count: 10 };
    let machine = |scope: &str| caller(Who::Machine { scopes: Scopes::parse(scope).unwrap() });
    for (from, told) in [
        (operator(), true),
        (machine("system/Patient.rs"), true),
        (machine("system/Patient.rs?_id=m0,m1,m2"), false),
    ] {
        let found = room.records.match_patients(&from, &sought, wanted).unwrap();
        let warned = found.warnings.iter().any(|issue| issue.code.as_str() == "too-costly");
        assert_eq!(warned, told, "{:?}", found.warnings);
        assert!(!found.found.is_empty());
    }
}
