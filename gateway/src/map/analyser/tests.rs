use std::path::Path;

use super::*;
use crate::astm::{Capture, Limits, capture};
use crate::fhir::validate;

fn zone() -> TimeZone {
    TimeZone::get("Asia/Kolkata").unwrap()
}

fn map(records: &str) -> Mapped {
    map_with(records, &Context::plain(zone()))
}

fn map_with(records: &str, context: &Context) -> Mapped {
    let message = Message::parse(records.replace('\n', "\r").into_bytes(), &Limits::default(), None).unwrap();
    checked(to_transaction(&message, context))
}

/// Every entry keeps the structure of R4 and the links lead somewhere.
fn checked(mapped: Mapped) -> Mapped {
    let entries = mapped.bundle.items("entry");
    assert_eq!(entries.len(), mapped.meetings.len());
    for entry in entries {
        let resource = entry.get("resource").unwrap();
        let issues = validate::structure(resource);
        assert!(issues.is_empty(), "{issues:?}\n{}", resource.pretty());
    }
    for link in &mapped.links {
        let resource = entries[link.entry].get("resource").unwrap();
        assert!(resource.pointer(&link.pointer).is_some(), "{link:?}");
    }
    mapped
}

fn all<'m>(mapped: &'m Mapped, kind: &str) -> Vec<&'m Value> {
    let resources = mapped.bundle.items("entry").iter().filter_map(|e| e.get("resource"));
    resources.filter(|r| r.str("resourceType") == Some(kind)).collect()
}

fn at<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

const RESULT: &str = "H|\\^&|M1||Meter^SN7|||||BOX||P|LIS2-A2|20261122093000\n\
    P|1|NC-4218|||PAWAR^LAKSHMI||19680314|F\n\
    O|1|S-1^R2||^^^K\\^^^Na|S|20261122080000|20261122081500||||N||||SER|Dr. Rao||||||20261122094000|||F\n\
    C|1|I|haemolytic|G\n\
    R|1|^^^K|<2.5|mmol/l|3.5 - 5.1^NORMAL|LL~||F||asha^rao|20261122092000|20261122092500|M-2\n\
    C|1|I|diluted^twice|G\n\
    R|2|^^^Na^2951-2|139|mmol/L|136-145|N||P\n\
    M|1|CURVE|AAECAw==\n\
    L|1|N";

#[test]
fn a_result_becomes_what_the_chart_shows() {
    let mapped = map(RESULT);
    let patient = all(&mapped, "Patient")[0];
    assert_eq!(at(patient, "/identifier/0/value"), "NC-4218");
    assert_eq!((at(patient, "/name/0/family"), at(patient, "/birthDate")), ("PAWAR", "1968-03-14"));
    assert_eq!(mapped.patient.identifiers[0].value, "NC-4218");
    let specimen = all(&mapped, "Specimen")[0];
    assert_eq!(at(specimen, "/accessionIdentifier/value"), "S-1");
    assert_eq!(at(specimen, "/identifier/0/value"), "R2");
    assert_eq!(at(specimen, "/note/0/text"), "haemolytic");
    assert_eq!(at(specimen, "/collection/collectedDateTime"), "2026-11-22T08:15:00+05:30");
    let request = all(&mapped, "ServiceRequest")[0];
    assert_eq!((at(request, "/priority"), at(request, "/status")), ("stat", "completed"));
    assert_eq!(at(request, "/requester/display"), "Dr. Rao");
    let report = all(&mapped, "DiagnosticReport")[0];
    assert_eq!((at(report, "/status"), report.items("result").len()), ("final", 2));
    assert_eq!(at(report, "/issued"), "2026-11-22T09:40:00+05:30");
    let [potassium, sodium] = all(&mapped, "Observation")[..] else { panic!() };
    assert_eq!(at(potassium, "/valueQuantity/comparator"), "<");
    assert_eq!(potassium.pointer("/valueQuantity/value").unwrap().as_number().unwrap().as_str(), "2.5");
    assert_eq!(
        (at(potassium, "/valueQuantity/unit"), at(potassium, "/valueQuantity/code")),
        ("mmol/l", "mmol/L")
    );
    assert_eq!(at(potassium, "/referenceRange/0/type/text"), "NORMAL");
    assert_eq!(at(potassium, "/interpretation/0/text"), "LL~");
    assert_eq!(at(potassium, "/note/0/text"), "diluted twice");
    assert_eq!(at(potassium, "/effectiveDateTime"), "2026-11-22T08:15:00+05:30");
    assert_eq!(at(potassium, "/issued"), "2026-11-22T09:25:00+05:30");
    assert_eq!((at(potassium, "/performer/1/display"), at(potassium, "/device/display")), ("rao", "M-2"));
    assert_eq!((at(sodium, "/status"), at(sodium, "/device/display")), ("preliminary", "Meter SN7"));
    assert_eq!(
        (at(sodium, "/code/coding/0/system"), at(sodium, "/code/coding/0/code")),
        ("http://loinc.org", "2951-2")
    );
    assert_eq!(
        (at(sodium, "/code/coding/1/system"), at(sodium, "/code/coding/1/code")),
        ("urn:x-astm:Meter", "Na")
    );
    assert_eq!(at(sodium, "/interpretation/0/coding/0/code"), "N");
    let paths =
        |list: &[super::super::report::Unmapped]| list.iter().map(|u| u.path.clone()).collect::<Vec<_>>();
    assert_eq!(paths(&mapped.report.unmapped), ["M-2", "M-3", "M-4"]);
    assert_eq!(
        paths(&mapped.report.unknown_codes),
        ["O-5[1]", "O-5[2]", "R-3", "R-7[1].1"].map(|p| p.replace("[1]", ""))
    );
    assert_eq!(mapped.samples, ["S-1"]);
    assert_eq!(mapped.meaning.len(), 4);
}

#[test]
fn values_are_what_they_are() {
    for (r, pointer, expected) in [
        ("R|1|^^^X|5.90|mg/dL||||F", "/valueQuantity/code", "mg/dL"),
        ("R|1|^^^X|1:40|||||F", "/valueRatio/denominator/value", "40"),
        ("R|1|^^^X|POSITIVE|||||F", "/valueString", "POSITIVE"),
        ("R|1|^^^X|^24.7|||||F", "/valueQuantity/value", "24.7"),
        ("R|1|^^^X|NOT DETECTED^|||||F", "/valueString", "NOT DETECTED"),
        ("R|1|^^^X|1^2|||||F", "/valueString", "1 2"),
        ("R|1|^^^X|+++|||||F", "/valueString", "+++"),
        ("R|1|^^^X|1,5|||||F", "/valueString", "1,5"),
        ("R|1|^^^X||||A||F", "/dataAbsentReason/coding/0/code", "unknown"),
        ("R|1|^^^X|high|S/CO||||F", "/note/0/text", "R-5: S/CO"),
        ("R|1|^^^X|5|||||C", "/status", "corrected"),
        ("R|1|^^^X|5|||||X", "/status", "cancelled"),
        ("R|1|^^^X|5|||||Positif", "/status", "unknown"),
        ("R|1|^^^X|5", "/status", "unknown"),
        ("R|1||5|||||F", "/code/text", "(unnamed)"),
    ] {
        let mapped = map(&format!("H|\\^&|||Meter\nP|1|7\nO|1|S-1\n{r}\nL|1"));
        let found = all(&mapped, "Observation")[0].pointer(pointer).cloned().unwrap_or_default();
        let text =
            found.as_str().map(str::to_owned).or_else(|| found.as_number().map(|n| n.as_str().to_owned()));
        assert_eq!(text.as_deref(), Some(expected), "{r}");
    }
}

#[test]
fn a_replay_is_an_update_and_another_day_is_not() {
    let ids = |mapped: &Mapped| -> Vec<String> {
        let resources = mapped.bundle.items("entry").iter().filter_map(|e| e.get("resource"));
        resources.map(|r| r.str("id").unwrap().to_owned()).collect()
    };
    let first = ids(&map(RESULT));
    assert_eq!(ids(&map(RESULT)), first);
    // A correction of the same day meets the result; a message of another day with the same sample number does not.
    assert_eq!(
        ids(&map(&RESULT.replace("|P\nM", "|C\nM").replace("20261122092500", "20261122112500"))),
        first
    );
    let tomorrow = ids(&map(&RESULT.replace("20261122", "20261123")));
    assert!(tomorrow.iter().skip(1).all(|id| !first.contains(id)));
    // Two results of one test in one message are two.
    let twice = map("H|\\^&|||Meter\nP|1|7\nO|1|S-1\nR|1|^^^K|1||||F\nR|2|^^^K|2||||F\nL|1");
    let mut both = ids(&twice);
    both.dedup();
    assert_eq!(both.len(), twice.bundle.items("entry").len());
    // An analyser without a clock: the day on which its records came tells its counters apart.
    let clockless = |at: &str| {
        let context = Context { received: Some(at.parse().unwrap()), ..Context::plain(zone()) };
        map_with("H|\\^&|||Meter\nP|1\nO|1|7\nR|1|^^^GLU|99|mg/dL||||F\nL|1", &context)
    };
    assert_ne!(ids(&clockless("2026-11-22T04:00:00Z")), ids(&clockless("2026-11-23T04:00:00Z")));
    assert_eq!(ids(&clockless("2026-11-22T04:00:00Z")), ids(&clockless("2026-11-22T09:00:00Z")));
    // Without a sample number only the moment tells two measurements apart.
    let meter = |time: &str| map(&format!("H|\\^&|||Meter\nP|1|7\nR|1|^^^GLU|99|mg/dL||||F||||{time}\nL|1"));
    assert_ne!(ids(&meter("20261122080000")), ids(&meter("20261122120000")));
}

#[test]
fn a_patient_found_by_the_sample_becomes_the_subject() {
    let mut mapped = map("H|\\^&|||Meter\nP|1\nO|1|S-1||^^^K\nR|1|^^^K|1||||F\nL|1");
    assert!(mapped.patient_id.is_empty());
    give_subject(&mut mapped.bundle, "p1");
    for kind in ["Specimen", "ServiceRequest", "DiagnosticReport", "Observation"] {
        assert_eq!(at(all(&mapped, kind)[0], "/subject/reference"), "Patient/p1", "{kind}");
    }
    let mut named = map(RESULT);
    let before = named.bundle.clone();
    give_subject(&mut named.bundle, "p1");
    assert_eq!(named.bundle, before, "who is named stays");
    let message =
        |text: &str| Message::parse(text.replace('\n', "\r").into_bytes(), &Limits::default(), None).unwrap();
    assert!(states_time(&message(RESULT)));
    assert!(!states_time(&message("H|\\^&|||Meter\nP|1\nO|1|S-1\nR|1|^^^K|1||||F\nL|1")));
}

#[test]
fn quality_control_belongs_to_nobody() {
    for records in [
        "H|\\^&|||H500|||||||Q\nP|1|7\nO|1|QC1\nR|1|^^^K|1||||F\nL|1",
        "H|\\^&|||H500\nP|1|7\nO|1|QC1||^^^K|||||||Q\nR|1|^^^K|1||||F\nL|1",
    ] {
        let mapped = map(records);
        assert!(mapped.quality_control && mapped.patient_id.is_empty());
        assert!(all(&mapped, "Patient").is_empty());
        assert!(all(&mapped, "Observation")[0].get("subject").is_none());
        assert_eq!(mapped.report.warnings[0].code, "qualityControl");
    }
}

#[test]
fn the_results_of_a_second_patient_are_never_the_first_ones() {
    let mapped = map("H|\\^&|||Meter\nP|1|7\nO|1|S-1\nR|1|^^^K|1||||F\nP|2|8\nO|1|S-2\nR|1|^^^K|2||||F\nL|1");
    assert_eq!(all(&mapped, "Observation").len(), 1);
    assert_eq!(mapped.report.warnings.last().unwrap().code, "severalPatients");
    assert!(mapped.report.unmapped.iter().any(|u| u.path == "R[2]-4" && u.value == "2"));
}

#[test]
fn the_channel_says_where_the_sample_is_and_what_codes_mean() {
    let known = TestCode {
        local: "685/".into(),
        system: "http://loinc.org".into(),
        code: "1742-6".into(),
        display: "ALT".into(),
    };
    let context = Context {
        sample: 2,
        codes: vec![known],
        analyser: Some("c311 lab".into()),
        ..Context::plain(zone())
    };
    let mapped = map_with(
        "H|\\^&|||c311^1\nP|1\nO|1|11625^CL-24   ^1^^004|R1|^^^685/|R\nR|1|^^^685/|22.4|U/l||A||F\nL|1",
        &context,
    );
    assert_eq!(mapped.samples, ["CL-24"]);
    assert!(mapped.report.unknown_codes.is_empty());
    let observation = all(&mapped, "Observation")[0];
    assert_eq!(at(observation, "/code/coding/0/code"), "1742-6");
    assert_eq!(at(observation, "/code/coding/1/system"), "urn:x-astm:c311%20lab");
}

/// The captures of real analysers, where they are at hand: every result arrives, valid, with its value.
#[test]
fn captures_of_real_analysers_are_mapped() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/hl7v2/dev/astm");
    if !folder.is_dir() {
        return;
    }
    for (file, results, first, unit) in [
        ("abbott_afinion2.txt", 1, "5.9", "%"),
        ("cobas_c311.txt", 7, "22.4", "U/L"),
        ("genexpert.txt", 84, "NOT DETECTED", ""),
        ("mini_vidas_mock.txt", 1, "0.05", ""),
        ("sysmex_xn550.txt", 41, "8.13", "10*3/uL"),
        ("yumizen_h500.txt", 21, "90.6", "um3"),
    ] {
        let bytes = std::fs::read(folder.join(file)).unwrap();
        let Capture::Records(found) = capture::read(&bytes, 1 << 20).unwrap() else { panic!("{file}") };
        let mut observations = Vec::new();
        for part in found.parts {
            let message = Message::parse(part.bytes, &Limits::default(), None).unwrap();
            let mapped = checked(to_transaction(&message, &Context::plain(zone())));
            assert_eq!(mapped.quality_control, file == "yumizen_h500.txt");
            observations.extend(all(&mapped, "Observation").into_iter().cloned());
        }
        assert_eq!(observations.len(), results, "{file}");
        let one = &observations[0];
        let value =
            one.pointer("/valueQuantity/value").and_then(Value::as_number).map(|n| n.as_str().to_owned());
        assert_eq!(value.unwrap_or_else(|| at(one, "/valueString").to_owned()), first, "{file}");
        assert_eq!(at(one, "/valueQuantity/code"), unit, "{file}");
    }
}
