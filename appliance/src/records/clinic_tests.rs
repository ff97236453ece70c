//! The clinic's services on a real vault: search, registration, the chart by role, the log, changes.

use std::sync::Arc;

use super::access::Role;
use super::people::Hit;
use super::register::Registered;
use super::testing::{Room, person};
use super::{Caller, Records};
use crate::clinic::chart::AllergyState;
use crate::clinic::duplicates::Grade;
use crate::clinic::form::NewPatient;

fn names(hits: &[Hit]) -> Vec<&str> {
    hits.iter().map(|hit| hit.patient.name.as_str()).collect()
}

fn find(records: &Records, from: &Caller, query: &str) -> Vec<Hit> {
    records.find_people(from, query).unwrap().0
}

fn form(name: &str, age: i64, phone: &str, key: &str) -> NewPatient {
    serde_json::from_str(&format!(
        r#"{{"name":"{name}","birth":{{"ageYears":{age}}},"sex":"F","phone":"{phone}","village":"Talegaon","key":"{key}"}}"#
    ))
    .unwrap()
}

#[tokio::test]
async fn the_search_of_the_design() {
    let room = Room::with(&[418, 2681, 2846, 3148, 4218, 4901, 5902, 6341, 6107]).await;
    let desk = person(Role::Reception);
    let found = find(&room.records, &desk, "laksh");
    for name in ["Lakshmi Devi Pawar", "Laxmi Suresh Pawar", "Lakshman Pandit Gore", "लक्ष्मी नारायण तिवारी"]
    {
        assert!(names(&found).contains(&name), "{name} in {:?}", names(&found));
    }
    let lakshmi = found.iter().find(|hit| hit.patient.number == "NC-004218").unwrap();
    assert_eq!(lakshmi.last_visit.as_deref().map(|at| &at[..10]), Some("2026-11-21"));
    assert_eq!((lakshmi.matched[0].field, lakshmi.matched[0].start, lakshmi.matched[0].end), ("name", 0, 5));
    for (query, number) in [
        ("7000088316", "NC-002681"),
        ("8316", "NC-002681"),
        ("nc4218", "NC-004218"),
        ("NC-004218", "NC-004218"),
        ("pawar laxmi devi", "NC-004218"),
        ("मुरुगन", "NC-004901"),
        ("murugan", "NC-004901"),
        ("shaikh yusuf", "NC-006341"),
        ("sheikh yusuf", "NC-006341"),
        ("mohammad irfan", "NC-002846"),
        ("waghmare 1968", "NC-003148"),
    ] {
        let found = find(&room.records, &desk, query);
        assert!(found.iter().any(|hit| hit.patient.number == number), "{query}: {:?}", names(&found));
    }
    assert!(find(&room.records, &desk, "zzzz").is_empty());
    assert!(find(&room.records, &desk, "  ").is_empty());
    assert_eq!(room.records.recent_people(&desk).unwrap().len(), 8);
}

#[tokio::test]
async fn a_likely_duplicate_must_be_decided() {
    let room = Room::with(&[4218, 5902]).await;
    let desk = person(Role::Reception);
    let twin = form("Laxmi Pawar", 58, "70000 41207", "form-0001");
    let Registered::Undecided(candidates) = room.records.register(&desk, twin.clone()).await.unwrap() else {
        panic!("registered without a decision")
    };
    assert_eq!(candidates[0].patient.number, "NC-004218");
    assert_eq!(candidates[0].grade, Grade::High);
    let mut decided = twin;
    decided.decisions = candidates
        .iter()
        .map(|candidate| {
            serde_json::from_str(&format!(
                r#"{{"patientId":"{}","same":false,"reason":"Sister-in-law"}}"#,
                candidate.patient.id
            ))
            .unwrap()
        })
        .collect();
    let Registered::Stored(identity) = room.records.register(&desk, decided).await.unwrap() else {
        panic!("refused")
    };
    assert_eq!(identity.phone.as_deref(), Some("7000041207"));
    assert!(find(&room.records, &desk, "laxmi").iter().any(|hit| hit.patient.id == identity.id));
}

#[tokio::test]
async fn a_form_sent_twice_registers_once_and_another_form_with_its_key_is_refused() {
    let room = Room::with(&[6107]).await;
    let desk = person(Role::Reception);
    let first = form("Kamal Nivrutti Shelke", 63, "7000099001", "form-0002");
    let Registered::Stored(once) = room.records.register(&desk, first.clone()).await.unwrap() else {
        panic!()
    };
    let Registered::Stored(again) = room.records.register(&desk, first).await.unwrap() else { panic!() };
    assert_eq!(once, again);
    let other = form("Somebody Else", 30, "7000099002", "form-0002");
    let Registered::Wrong(wrong) = room.records.register(&desk, other).await.unwrap() else { panic!() };
    assert_eq!(wrong.code, "keyUsed");
}

#[tokio::test]
async fn two_desks_at_once_get_two_numbers_without_a_gap() {
    let room = Room::empty();
    let records = Arc::new(room.records.clone());
    let mut tasks = Vec::new();
    for at in 0..24 {
        let records = Arc::clone(&records);
        // Names that do not sound alike: letters of the number, spelled far apart.
        let name = format!(
            "{} Testperson",
            ["Asha", "Binod", "Chetan", "Durga", "Eknath", "Falguni"][at % 6].repeat(1 + at / 6)
        );
        let form = form(
            &name,
            20 + i64::try_from(at).unwrap() * 3,
            &format!("70000{:05}", at),
            &format!("desk-form-{at}"),
        );
        tasks.push(tokio::spawn(async move { records.register(&person(Role::Reception), form).await }));
    }
    let mut numbers = Vec::new();
    for task in tasks {
        match task.await.unwrap().unwrap() {
            Registered::Stored(identity) => numbers.push(identity.number),
            other => panic!("{other:?}"),
        }
    }
    numbers.sort();
    let expected: Vec<String> = (1..=24).map(crate::clinic::identity::number_text).collect();
    assert_eq!(numbers, expected);
}

#[tokio::test]
async fn numbers_that_came_with_imported_records_are_passed_over() {
    let room = Room::with(&[418]).await;
    let desk = person(Role::Reception);
    let Registered::Stored(first) =
        room.records.register(&desk, form("Kamal Shelke", 63, "7000099001", "form-0003")).await.unwrap()
    else {
        panic!()
    };
    assert_eq!(first.number, "NC-000001");
    room.records.last_number_is(417).await.unwrap();
    let Registered::Stored(next) =
        room.records.register(&desk, form("Nanda Bhoir", 41, "7000099003", "form-0004")).await.unwrap()
    else {
        panic!()
    };
    assert_eq!(next.number, "NC-000419", "NC-000418 belongs to somebody of the demo");
}

#[tokio::test]
async fn each_role_sees_its_part_of_the_chart() {
    let room = Room::with(&[4218, 3148]).await;
    let id = find(&room.records, &person(Role::Doctor), "nc4218")[0].patient.id.clone();
    let chart = |role| room.records.chart(&person(role), &id).unwrap();
    let doctor = chart(Role::Doctor);
    assert_eq!(
        (doctor.allergies.state, doctor.results[0].text.as_str(), doctor.alerts.len()),
        (AllergyState::Listed, "Potassium", 1)
    );
    assert!(doctor.hidden.is_empty(), "{:?}", doctor.hidden);

    let reception = chart(Role::Reception);
    assert_eq!(reception.allergies.state, AllergyState::Unknown);
    assert!(
        reception.results.is_empty()
            && reception.medicines.is_empty()
            && reception.problems.is_empty()
            && reception.documents.is_empty()
    );
    assert!(!reception.visits.is_empty());
    let words = serde_json::to_string(&reception).unwrap().to_lowercase();
    for clinical in ["diabetes", "metformin", "penicillin", "potassium", "fever", "knee"] {
        assert!(!words.contains(clinical), "{clinical} in {words}");
    }
    let lab = chart(Role::Lab);
    assert!(!lab.results.is_empty() && lab.problems.is_empty());
    let owner = chart(Role::Owner);
    assert!(owner.visits.is_empty() && owner.results.is_empty());
    // She waits in the clinic now, so the nurse sees her notes and medicines; tomorrow's patient she does not.
    assert!(!chart(Role::Nurse).medicines.is_empty());
    let other = find(&room.records, &person(Role::Doctor), "nc3148")[0].patient.id.clone();
    let away = room.records.chart(&person(Role::Nurse), &other).unwrap();
    assert!(away.medicines.is_empty() && away.hidden.contains(&"medicines".to_owned()));
}

#[tokio::test]
async fn every_opening_is_in_the_patients_log() {
    let room = Room::with(&[4218]).await;
    let doctor = person(Role::Doctor);
    let id = find(&room.records, &doctor, "nc4218")[0].patient.id.clone();
    assert!(room.records.chart(&doctor, &id).unwrap().opened.is_empty());
    room.records
        .unit(doctor.who.clone(), |work| {
            work.audit(super::audit::done(
                &super::access::Actor::operator("test"),
                clinicvault_vault::Action::Start,
                super::access::Purpose::Operations,
                super::audit::About::default(),
            ))
        })
        .await
        .unwrap();
    let again = room.records.chart(&doctor, &id).unwrap();
    assert_eq!(again.opened.len(), 1);
    assert_eq!((again.opened[0].who.as_str(), again.opened[0].role.as_str()), ("p-test", "doctor"));
    let rows = room.records.access_log(&doctor, &id).unwrap();
    assert!(
        rows.iter().any(|row| row.action == "read"
            && row.what.as_deref() == Some("Patient")
            && row.purpose == "TREAT")
    );
    assert!(room.records.access_log(&person(Role::Reception), &id).is_err());
}

#[tokio::test]
async fn an_allergy_added_at_the_chart_is_there() {
    let room = Room::with(&[2203]).await;
    let doctor = person(Role::Doctor);
    let id = find(&room.records, &doctor, "nc2203")[0].patient.id.clone();
    assert_eq!(room.records.chart(&doctor, &id).unwrap().allergies.state, AllergyState::NotAsked);
    let none = serde_json::from_str(r#"{"none":true}"#).unwrap();
    room.records.add_allergy(&doctor, &id, none).await.unwrap().unwrap();
    let chart = room.records.chart(&doctor, &id).unwrap();
    assert_eq!(
        (chart.allergies.state, chart.allergies.since.as_deref()),
        (AllergyState::NoneKnown, Some("2026-11-21"))
    );
    let egg = serde_json::from_str(r#"{"substance":"Egg","reaction":"rash","severity":"mild"}"#).unwrap();
    room.records.add_allergy(&doctor, &id, egg).await.unwrap().unwrap();
    assert_eq!(room.records.chart(&doctor, &id).unwrap().allergies.state, AllergyState::Listed);
    let refused = room
        .records
        .add_allergy(&person(Role::Reception), &id, serde_json::from_str(r#"{"none":true}"#).unwrap())
        .await;
    assert!(refused.is_err());
    let nobody = room
        .records
        .add_problem(&doctor, "nobody", serde_json::from_str(r#"{"text":"Cough"}"#).unwrap())
        .await;
    assert!(nobody.is_err());
}

#[tokio::test]
async fn changes_can_be_resumed_after_a_transaction() {
    let room = Room::with(&[6107]).await;
    let doctor = person(Role::Doctor);
    let id = find(&room.records, &doctor, "nc6107")[0].patient.id.clone();
    let before = room.records.last_tx();
    assert!(room.records.since(before, 100).unwrap().events.is_empty());
    room.records
        .add_problem(&doctor, &id, serde_json::from_str(r#"{"text":"Cough"}"#).unwrap())
        .await
        .unwrap()
        .unwrap();
    let since = room.records.since(before, 100).unwrap();
    assert_eq!(since.events.len(), 1);
    let change = crate::clinic::live::known(&since.events[0], &doctor.who).unwrap();
    assert_eq!((change.kind.as_str(), change.patient.as_deref()), ("Condition", Some(id.as_str())));
    assert!(!since.reset && since.last > before);
    assert!(room.records.since(1, 10).unwrap().reset, "too far behind is said, not hidden");
}
