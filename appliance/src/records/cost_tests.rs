//! What searches, counts, exports and matches may cost: each bound, reached without a clock.

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::patient_match::Person;
use clinicvault_gateway::fhir::search::Handling;
use clinicvault_vault::Tx;

use super::access::{Scopes, Who};
use super::error::Error;
use super::export::Filtering;
use super::search::{Asked, Bounds, Page};
use super::testing::{Room, caller, operator, put, read};
use super::{Records, patient_match};

const PATIENT: ResourceType = ResourceType::PATIENT;

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

/// All pages of a search: how many there are, and how many rows. Each that ended early says by which bound. None when it
/// was refused by that.
fn pages(records: &Records, query: &[(&str, &str)]) -> Option<(usize, usize)> {
    let first = match search(records, PATIENT, query) {
        Ok(page) => page,
        Err(error) => {
            refused(&error, "limits.search_rows");
            return None;
        }
    };
    let (mut count, mut rows, mut page) = (1, first.rows.len(), first);
    while let Some(link) = page.next {
        let told = page.search.warnings.iter().any(|issue| issue.diagnostics.contains("limits.search_rows"));
        assert!(told, "{:?}", page.search.warnings);
        page = records.next_page(&operator(), PATIENT, &link, 1_000).unwrap();
        (count, rows) = (count + 1, rows + page.rows.len());
        assert!(count < 1_000, "the pages do not end");
    }
    Some((count, rows))
}

#[tokio::test]
async fn five_hundred_negated_values_are_paid_for_one_by_one() {
    let none = (0..500).map(|n| format!("none{n}")).collect::<Vec<_>>().join(",");
    let some = (0..500).map(|n| format!("n{}x{}", n / 10, n % 10)).collect::<Vec<_>>().join(",");
    let room = Room::empty();
    patients(&room, 60).await;
    room.records.bound_searches(Bounds { search_rows: 150, count_rows: 1_500, ..Bounds::default() });
    let ask = |values| [("identifier:not", values), ("_count", "200"), ("_total", "none")];
    // One value costs what looking at every record costs; five hundred cost many times as much, whoever has them.
    assert_eq!(pages(&room.records, &ask("none")), Some((1, 60)));
    assert_eq!(pages(&room.records, &ask(&none)), None);
    assert!(pages(&room.records, &ask(&some)).is_none_or(|(pages, rows)| pages > 1 && rows == 10));
    let count = |value| search(&room.records, PATIENT, &[("identifier:not", value), ("_summary", "count")]);
    assert_eq!(count("none").unwrap().total, Some(60));
    assert_eq!(count(&some).unwrap().total, Some(10), "five hundred rows and sixty records");
    let error = search(&room.records, PATIENT, &[("identifier:not", &format!("{some},one-too-many"))]);
    refused(&error.unwrap_err(), "limits.search_values");
}

#[tokio::test]
async fn every_negation_of_many_is_paid_for() {
    let room = Room::empty();
    patients(&room, 60).await;
    room.records.bound_searches(Bounds { count_rows: 1_500, ..Bounds::default() });
    let few = [("identifier:not", "none"), ("birthdate:missing", "true")];
    let mut many: Vec<(&str, &str)> = few.iter().copied().cycle().take(60).collect();
    let counted =
        |query: &[(&str, &str)]| search(&room.records, PATIENT, &[query, &[("_summary", "count")]].concat());
    assert_eq!(counted(&few).unwrap().total, Some(60));
    refused(&counted(&many).unwrap_err(), "limits.count_rows");
    many.extend(few.iter().copied().cycle().take(440));
    let Err(Error::Unreadable(outcome)) = search(&room.records, PATIENT, &many) else { panic!("answered") };
    assert!(outcome.to_string().contains("at most 64 parameters"), "{outcome}");
}

#[tokio::test]
async fn counting_over_canonical_links_pays_for_every_record_of_an_address() {
    // Forty answers to forty forms, of which there is one version each, or twelve.
    for (versions, whole) in [(1, true), (12, false)] {
        let room = Room::empty();
        for n in 0..40 {
            for version in 0..versions {
                let text = format!(
                    r#"{{"resourceType":"Questionnaire","id":"q{n}v{version}","url":"http://c.example/form{n}","version":"{version}","status":"active"}}"#
                );
                put(&room.records, &format!("q{n}v{version}"), &text).await;
            }
            let text = format!(
                r#"{{"resourceType":"QuestionnaireResponse","id":"r{n}","status":"completed","questionnaire":"http://c.example/form{n}"}}"#
            );
            put(&room.records, &format!("r{n}"), &text).await;
        }
        room.records.bound_searches(Bounds { count_rows: 400, ..Bounds::default() });
        let kind = ResourceType::parse("Questionnaire").unwrap();
        let query = [("_has:QuestionnaireResponse:questionnaire:status", "completed"), ("_summary", "count")];
        match search(&room.records, kind, &query) {
            Ok(page) => assert_eq!((page.total, whole), (Some(40), true)),
            Err(error) => {
                assert!(!whole, "{error}");
                refused(&error, "limits.count_rows");
            }
        }
    }
}

#[tokio::test]
async fn the_searches_of_an_export_are_answered_in_steps_that_cost_no_more_than_a_page() {
    let room = Room::empty();
    patients(&room, 90).await;
    room.records.bound_searches(Bounds { search_rows: 250, few: 1, brief: 1, ..Bounds::default() });
    // Nobody fulfils the second, and who does not is found out one by one.
    let all = (0..90).map(|n| format!("n{n}x0")).collect::<Vec<_>>().join(",");
    let filters = vec![
        (PATIENT, pairs(&[("gender", "female")])),
        (PATIENT, pairs(&[("gender", "female"), ("identifier:not", &all)])),
    ];
    let (mut filtering, at) = (Filtering::of(&filters), Tx(room.records.last_tx()));
    let mut steps = 0;
    while !filtering.is_done() {
        room.records.export_filter(&operator(), &mut filtering, at).unwrap();
        steps += 1;
        assert!(steps < 1_000, "the searches do not end");
    }
    assert!(steps > 3, "{steps} steps for two searches");
    assert_eq!(filtering.found()[&PATIENT].len(), 90);
    let many = (0..500).map(|n| format!("none{n}")).collect::<Vec<_>>().join(",");
    let mut costly = Filtering::of(&[(PATIENT, pairs(&[("identifier:not", &many)]))]);
    refused(&room.records.export_filter(&operator(), &mut costly, at).unwrap_err(), "limits.search_rows");
}

#[tokio::test]
async fn a_match_compares_a_bounded_number_and_says_so_only_to_whoever_may_find_the_rest() {
    let room = Room::empty();
    for n in 0..230 {
        let text = format!(r#"{{"resourceType":"Patient","id":"m{n}","name":[{{"family":"Bhosale"}}]}}"#);
        put(&room.records, &format!("m{n}"), &text).await;
    }
    let sought = Person::of(&read(r#"{"resourceType":"Patient","name":[{"family":"Bhosale"}]}"#));
    let wanted = patient_match::Wanted { only_certain: false, count: 1_000 };
    let machine = |scope: &str| caller(Who::Machine { scopes: Scopes::parse(scope).unwrap() });
    for (from, told) in [
        (operator(), true),
        (machine("system/Patient.rs"), true),
        (machine("system/Patient.rs?_id=m0"), false),
    ] {
        let found = room.records.match_patients(&from, &sought, wanted).unwrap();
        let warned = found.warnings.iter().any(|issue| issue.code.as_str() == "too-costly");
        assert_eq!(warned, told, "{:?}", found.warnings);
        assert!(found.found.len() < 230, "{} compared", found.found.len());
    }
}
