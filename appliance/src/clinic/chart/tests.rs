//! The chart of the design, composed from the demo's resources, and the traps one by one.

use clinicvault_gateway::json::{Limits, parse};

use super::*;
use crate::clinic::identity::Precision;
use crate::clinic::review::Reviewed;
use crate::demo;

fn zone() -> TimeZone {
    TimeZone::get("Asia/Kolkata").unwrap()
}

fn now() -> Timestamp {
    "2026-11-21T11:46:00+05:30".parse().unwrap()
}

fn demo_sources(number: &str) -> Sources {
    let demo = demo::generate(demo::SEED, jiff::civil::datetime(2026, 11, 21, 11, 46, 0, 0));
    let mut sources = Sources::default();
    for transaction in &demo.transactions {
        let resources: Vec<&Value> =
            transaction.items("entry").iter().filter_map(|entry| entry.get("resource")).collect();
        let theirs =
            resources.iter().any(|resource| crate::clinic::identity::number_of(resource) == Some(number));
        for resource in resources.into_iter().filter(|_| theirs) {
            sources.add(resource.clone());
        }
    }
    sources
}

fn value(json: &str) -> Value {
    parse(json.as_bytes(), &Limits::default()).unwrap()
}

#[test]
fn the_chart_of_the_design() {
    let chart = compose(&demo_sources("NC-004218"), now(), &zone(), 7);
    let who = &chart.patient.identity;
    assert_eq!(
        (who.name.as_str(), who.birth_date.as_str(), who.birth_precision),
        ("Lakshmi Devi Pawar", "1968-03-14", Precision::Day)
    );
    let allergies: Vec<&str> = chart.allergies.items.iter().map(|item| item.substance.as_str()).collect();
    assert_eq!(
        (chart.allergies.state, allergies),
        (AllergyState::Listed, vec!["Penicillin", "Sulfonamides"])
    );
    assert_eq!(chart.allergies.items[0].reaction.as_deref(), Some("hives"));
    assert_eq!(chart.allergies.items[0].year, Some(2021));
    assert!(chart.problems.iter().any(
        |problem| problem.text == "Type 2 diabetes mellitus" && problem.since.as_deref() == Some("2019")
    ));

    let metformin = chart.medicines.iter().find(|medicine| medicine.name == "Metformin").unwrap();
    assert_eq!((metformin.strength.as_deref(), metformin.form.as_deref()), (Some("500 mg"), Some("tablet")));
    assert_eq!((metformin.dose.as_deref(), metformin.timing.as_deref()), (Some("1-0-1"), Some("after food")));
    assert_eq!(
        (metformin.given.as_deref(), metformin.given_on.as_deref()),
        (Some("180"), Some("2026-08-18"))
    );
    assert_eq!((metformin.status, metformin.until.as_deref()), (MedicineStatus::RanOut, Some("2026-11-16")));
    let telmisartan: Vec<_> =
        chart.medicines.iter().filter(|medicine| medicine.name == "Telmisartan").collect();
    assert_eq!(telmisartan.len(), 1);
    assert_eq!(telmisartan[0].strength.as_deref(), Some("40 mg"));
    assert_eq!(chart.medicines.last().unwrap().status, MedicineStatus::AsNeeded);

    let potassium = &chart.results[0];
    assert_eq!(
        (potassium.text.as_str(), potassium.latest.value.as_str(), potassium.latest.flag),
        ("Potassium", "6.1", Some(Flag::HH))
    );
    assert_eq!(potassium.series.len(), 5);
    assert_eq!(potassium.series.last(), Some(&potassium.latest));
    assert_eq!(potassium.range.as_ref().unwrap().text, "3.5 to 5.1");
    assert_eq!(potassium.latest.source.as_deref(), Some("CityPath Lab"));
    assert_eq!(chart.alerts.iter().map(|alert| alert.text.as_str()).collect::<Vec<_>>(), ["Potassium"]);

    let pressures: Vec<(i64, i64)> =
        chart.trends.blood_pressure.iter().map(|pair| (pair.systolic, pair.diastolic)).collect();
    assert_eq!(pressures, [(146, 88), (138, 86), (134, 84), (142, 90), (152, 94)]);
    let today = &chart.visits[0];
    assert_eq!((today.title.as_str(), today.state.as_str()), ("Waiting", "arrived"));
    assert!(today.lines.iter().any(|line| line.contains("BP ▲ H 152/94 mmHg")), "{:?}", today.lines);
    assert!(
        chart
            .visits
            .iter()
            .any(|visit| visit.kind == "video" && visit.by.as_deref() == Some("Dr Imran Shaikh"))
    );
    assert!(
        chart
            .visits
            .iter()
            .flat_map(|visit| &visit.lines)
            .any(|line| line.contains("METFORMIN 500 mg tablet 1-0-1"))
    );
    assert_eq!(chart.documents[0].kind.as_deref(), Some("application/pdf"));
}

#[test]
fn unknown_not_asked_none_and_listed_are_four_words() {
    let none =
        r#"{"id":"n","code":{"coding":[{"code":"716186003"}]},"recordedDate":"2026-05-05T10:00:00+05:30"}"#;
    let listed =
        r#"{"id":"l","code":{"text":"Dust"},"verificationStatus":{"coding":[{"code":"unconfirmed"}]}}"#;
    let refuted = r#"{"id":"r","code":{"text":"Egg"},"verificationStatus":{"coding":[{"code":"refuted"}]}}"#;
    for (resources, hidden, expected, since) in [
        (vec![], false, AllergyState::NotAsked, None),
        (vec![refuted], false, AllergyState::NotAsked, None),
        (vec![none], false, AllergyState::NoneKnown, Some("2026-05-05")),
        (vec![none, listed], false, AllergyState::Listed, None),
        (vec![listed], true, AllergyState::Unknown, None),
    ] {
        let resources: Vec<Value> = resources.into_iter().map(value).collect();
        let found = allergies::state(&resources, hidden, &zone());
        assert_eq!((found.state, found.since.as_deref()), (expected, since));
        assert_eq!(found.items.is_empty(), expected != AllergyState::Listed);
    }
}

#[test]
fn a_finished_course_is_not_a_medicine_that_ran_out() {
    let course = |status: &str, days: &str| {
        value(&format!(
            r#"{{"id":"m","status":"{status}","medicationCodeableConcept":{{"text":"Azithromycin 500 mg tablet"}},
            "authoredOn":"2026-11-01","dispenseRequest":{{"expectedSupplyDuration":{{"value":{days},"code":"d"}}}}}}"#
        ))
    };
    let status =
        |request| medicines::list(&[request], now(), &zone()).first().map(|medicine| medicine.status);
    for (state, days, expected) in [
        ("active", "5", None),
        ("active", "30", Some(MedicineStatus::Current)),
        ("active", "19", Some(MedicineStatus::RanOut)),
        ("active", "20", Some(MedicineStatus::Current)),
        ("stopped", "30", None),
        ("entered-in-error", "30", None),
        ("on-hold", "5", Some(MedicineStatus::OnHold)),
    ] {
        assert_eq!(status(course(state, days)), expected, "{state} {days}");
    }
}

#[test]
fn a_flag_comes_from_the_laboratory_or_from_the_range() {
    let observation = |rest: &str| {
        value(&format!(
            r#"{{"status":"final","code":{{"text":"K"}},"effectiveDateTime":"2026-11-20",{rest}}}"#
        ))
    };
    let range = r#""referenceRange":[{"low":{"value":3.5},"high":{"value":5.1}}]"#;
    for (rest, expected) in [
        (format!(r#""valueQuantity":{{"value":5.11}},{range}"#), Some(Flag::H)),
        (format!(r#""valueQuantity":{{"value":5.10}},{range}"#), None),
        (format!(r#""valueQuantity":{{"value":3.49}},{range}"#), Some(Flag::L)),
        (
            format!(
                r#""valueQuantity":{{"value":9}},{range},"interpretation":[{{"coding":[{{"code":"N"}}]}}]"#
            ),
            None,
        ),
        (
            r#""valueQuantity":{"value":9},"interpretation":[{"coding":[{"code":"HH"}]}]"#.to_owned(),
            Some(Flag::HH),
        ),
        (r#""valueQuantity":{"value":9}"#.to_owned(), None),
    ] {
        assert_eq!(results::flag(&observation(&rest)), expected, "{rest}");
    }
}

#[test]
fn readings_in_another_unit_are_another_row() {
    let reading = |number: &str, unit: &str, at: &str| {
        value(&format!(
            r#"{{"status":"final","code":{{"coding":[{{"system":"http://loinc.org","code":"1558-6"}}]}},
            "effectiveDateTime":"{at}","valueQuantity":{{"value":{number},"unit":"{unit}"}}}}"#
        ))
    };
    let rows = results::rows(
        &[
            reading("164", "mg/dL", "2026-11-20"),
            reading("9.1", "mmol/L", "2026-11-21"),
            reading("150.0", "mg/dL", "2026-08-20"),
        ],
        &Reviews::new(),
        &zone(),
    );
    assert_eq!(rows.len(), 2);
    let milligrams = rows.iter().find(|row| row.unit.as_deref() == Some("mg/dL")).unwrap();
    assert_eq!(
        milligrams.series.iter().map(|point| point.value.as_str()).collect::<Vec<_>>(),
        ["150.0", "164"]
    );
    let named = |name| series(&[reading("164", "mg/dL", "2026-11-20")], &Reviews::new(), name, &zone()).len();
    assert_eq!((named("http://loinc.org|1558-6"), named("http://loinc.org|1558")), (1, 0));
}

/// A potassium of a day with its interpretation; the id is the day.
fn potassium(number: &str, code: &str, at: &str) -> Value {
    value(&format!(
        r#"{{"id":"{at}","meta":{{"versionId":"3"}},"status":"final","code":{{"text":"K"}},"effectiveDateTime":"{at}",
        "valueQuantity":{{"value":{number}}},"interpretation":[{{"coding":[{{"code":"{code}"}}]}}]}}"#
    ))
}

fn looked_at(days: &[&str]) -> Reviews {
    let by = |at: &&str| Reviewed { by: "Dr Meera Kulkarni".into(), at: format!("{at}T10:00:00+05:30") };
    days.iter().map(|day| ((*day).to_owned(), by(day))).collect()
}

fn waiting(readings: &[Value], reviews: &Reviews) -> Vec<String> {
    let rows = results::rows(readings, reviews, &zone());
    results::alerts(&rows, now(), &zone()).into_iter().map(|alert| alert.value).collect()
}

#[test]
fn a_critical_value_is_an_alert_until_it_is_old_or_somebody_has_looked() {
    let old = potassium("6.1", "HH", "2026-09-20");
    let first = potassium("6.1", "HH", "2026-11-19");
    let worse = potassium("6.4", "HH", "2026-11-20");
    let better = potassium("4.4", "N", "2026-11-21");
    for (readings, reviewed, expected) in [
        (vec![&old], vec![], vec![]),
        (vec![&first], vec![], vec!["6.1"]),
        // One alert for a test, the newest; a better value does not take it away, a look at it does.
        (vec![&first, &worse], vec![], vec!["6.4"]),
        (vec![&first, &worse, &better], vec![], vec!["6.4"]),
        (vec![&first, &worse, &better], vec!["2026-11-20"], vec![]),
        // Who has looked at the newer has seen the older beside it, but not the other way round.
        (vec![&first, &worse], vec!["2026-11-19"], vec!["6.4"]),
        (vec![&first, &worse], vec!["2026-11-20"], vec![]),
    ] {
        let readings: Vec<Value> = readings.into_iter().cloned().collect();
        assert_eq!(
            waiting(&readings, &looked_at(&reviewed)),
            expected,
            "{} readings, {reviewed:?}",
            readings.len()
        );
    }
}

/// The same, stored at a moment.
fn stored(reading: Value, at: &str) -> Value {
    let mut reading = reading;
    let meta = value(&format!(r#"{{"versionId":"3","lastUpdated":"{at}"}}"#));
    reading.as_object_mut().unwrap().insert("meta", meta);
    reading
}

#[test]
fn a_mark_does_not_speak_for_what_came_after_it() {
    // Marked on the 20th at ten.
    let marked = stored(potassium("5.6", "H", "2026-11-20"), "2026-11-20T08:00:00Z");
    let reviews = Reviews::from([(
        "2026-11-20".to_owned(),
        Reviewed { by: "Dr Meera Kulkarni".into(), at: "2026-11-20T10:00:00.000Z".into() },
    )]);
    for (older, stored_at, expected) in [
        // There when the doctor looked, up to the very moment.
        (potassium("6.1", "HH", "2026-11-19"), "2026-11-19T12:00:00Z", vec![]),
        (potassium("6.1", "HH", "2026-11-19"), "2026-11-20T10:00:00.000Z", vec![]),
        // Drawn before and come after; or corrected after, from a usual value to this one.
        (potassium("6.1", "HH", "2026-11-19"), "2026-11-20T10:00:00.001Z", vec!["6.1"]),
        (potassium("6.1", "HH", "2026-11-19"), "2026-11-21T04:00:00Z", vec!["6.1"]),
        (potassium("4.1", "N", "2026-11-19"), "2026-11-21T04:00:00Z", vec![]),
    ] {
        let readings = [stored(older, stored_at), marked.clone()];
        assert_eq!(waiting(&readings, &reviews), expected, "{stored_at}");
    }
}

#[test]
fn what_counts_for_the_age_is_when_the_result_came() {
    for (drawn, issued, stored_at, expected) in [
        // A culture of six weeks that grew: it came today.
        ("2026-10-10", "", "2026-11-21T04:00:00Z", 1),
        // Known for three weeks.
        ("2026-10-10", "", "2026-10-31T04:00:00Z", 0),
        // A sender whose clock runs ahead keeps nothing on the screen.
        ("2027-10-10", "2027-10-11T04:00:00Z", "2026-10-31T04:00:00Z", 0),
        // Not stored: the later of the two.
        ("2026-10-10", "2026-11-20T04:00:00Z", "", 1),
        ("2026-10-10", "2026-10-11T04:00:00Z", "", 0),
    ] {
        let mut culture = potassium("1", "AA", drawn);
        if !issued.is_empty() {
            let issued = clinicvault_gateway::json::Value::from(issued);
            culture.as_object_mut().unwrap().insert("issued", issued);
        }
        if !stored_at.is_empty() {
            culture = stored(culture, stored_at);
        }
        assert_eq!(waiting(&[culture], &Reviews::new()).len(), expected, "{drawn} {issued} {stored_at}");
    }
}

#[test]
fn a_report_is_a_laboratorys_or_has_an_interpretation() {
    for (json, expected) in [
        (r#"{"status":"final","category":[{"coding":[{"code":"laboratory"}]}]}"#, true),
        (r#"{"status":"final","interpretation":[{"coding":[{"code":"N"}]}]}"#, true),
        (r#"{"status":"final"}"#, false),
        (r#"{"status":"entered-in-error","category":[{"coding":[{"code":"laboratory"}]}]}"#, false),
        (
            r#"{"status":"final","category":[{"coding":[{"code":"vital-signs"}]}],
            "interpretation":[{"coding":[{"code":"HH"}]}]}"#,
            false,
        ),
    ] {
        assert_eq!(results::is_reported(&value(json)), expected, "{json}");
    }
}

#[test]
fn a_point_says_which_version_was_seen_and_by_whom() {
    let readings = [potassium("6.1", "HH", "2026-11-20"), potassium("5.4", "H", "2026-11-21")];
    let rows = results::rows(&readings, &looked_at(&["2026-11-20"]), &zone());
    let point = &rows[0].series[0];
    assert_eq!((point.id.as_str(), point.version), ("2026-11-20", 3));
    assert_eq!(point.reviewed.as_ref().map(|reviewed| reviewed.by.as_str()), Some("Dr Meera Kulkarni"));
    assert_eq!(rows[0].latest.reviewed, None);
    let midnight = "2026-11-20T00:00:00+05:30".parse().unwrap();
    assert_eq!(results::settled(&rows, midnight, &zone()).len(), 1, "abnormal ones are not in this list");
    assert!(results::settled(&rows, now(), &zone()).is_empty());
}
