use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use super::*;
use crate::fhir::id::ResourceType;
use crate::fhir::resource::Resource;
use crate::fhir::search::{self, Context, Handling, query};
use crate::fhir::validate::{Core, Level, Policy, Validator};

fn line(event: Event) -> Line<'static> {
    Line {
        id: "17".to_owned(),
        recorded: Timestamp::from_second(1_700_000_000).unwrap(),
        event,
        ending: Ending::Success,
        reason: None,
        purpose: "TREAT",
        agent: Agent {
            sort: Sort::Person,
            id: "p-1",
            name: "Asha Rao",
            roles: vec!["doctor", "owner"],
            address: "10.0.0.7",
            program: Some("c-9"),
        },
        source: "box-1",
        about: About {
            record: Some("Observation/o1/_history/2".to_owned()),
            kind: Some("Observation"),
            patient: Some("7"),
            query: None,
            touched: Vec::new(),
        },
    }
}

fn found(value: Value, pairs: &[(&str, &str)]) -> bool {
    let context = Context::new(TimeZone::UTC, Timestamp::from_second(1_700_000_100).unwrap());
    let pairs: Vec<(String, String)> =
        pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let search = query::parse(ResourceType::AUDIT_EVENT, &pairs, Handling::Strict, &context).unwrap();
    search.matches(&search::terms(&Resource::from_value(value).unwrap(), &context))
}

#[test]
fn every_event_is_an_audit_event_that_keeps_the_rules() {
    let mut words = BTreeSet::new();
    for event in Event::ALL {
        let mut whole = line(event);
        whole.about.query = Some("code=8310-5");
        whole.about.touched = vec!["Observation/o1", "Patient/7"];
        for about in [whole.about.clone(), About::default(), About { record: None, ..whole.about.clone() }] {
            let value = resource(&Line { about, ..whole.clone() });
            let validator = Validator::new(&Core, Policy::write(Level::Invariants));
            let checked = Resource::checked(value.clone(), &validator);
            assert!(checked.is_ok(), "{event:?}: {:?}\n{}", checked.err(), value.pretty());
        }
        assert!(words.insert(event.word()), "{event:?}");
    }
}

#[test]
fn an_event_is_found_by_what_it_says() {
    let value = resource(&line(Event::VersionRead));
    for (name, wanted, other) in [
        ("_id", "17", "18"),
        ("date", "2023-11-14", "2023-11-15"),
        ("agent:identifier", "urn:clinicvault:account|p-1", "urn:clinicvault:account|p-2"),
        ("altid", "p-1", "p-2"),
        ("agent-name", "asha", "ravi"),
        ("agent-role", "doctor", "nurse"),
        ("address", "10.0.0.7", "10.0.0.8"),
        ("entity", "Observation/o1", "Observation/o2"),
        ("patient", "Patient/7", "Patient/8"),
        ("action", "R", "C"),
        ("outcome", "0", "4"),
        ("type", "rest", "110114"),
        ("subtype", "vread", "read"),
        ("altid", "c-9", "c-8"),
    ] {
        assert!(found(value.clone(), &[(name, wanted)]), "{name}={wanted}");
        assert!(!found(value.clone(), &[(name, other)]), "{name}={other}");
    }
}

#[test]
fn a_query_stands_there_in_base64_and_a_patient_once() {
    let mut asked = line(Event::Search);
    asked.about = About {
        record: None,
        kind: Some("Observation"),
        patient: Some("7"),
        query: Some("patient=7&code=8310-5"),
        touched: vec!["Observation/o1", "Patient/7"],
    };
    let value = resource(&asked);
    let queries: Vec<&str> = value.items("entity").iter().filter_map(|each| each.str("query")).collect();
    assert_eq!(queries, [STANDARD.encode("patient=7&code=8310-5")]);
    let patients = value
        .items("entity")
        .iter()
        .filter(|each| each.get("what").and_then(|what| what.str("reference")) == Some("Patient/7"));
    assert_eq!(patients.count(), 1);
    assert!(found(value, &[("entity", "Observation/o1"), ("patient", "7")]));
}

#[test]
fn a_line_that_says_little_is_an_event_all_the_same() {
    let mut bare = line(Event::LoginFailed);
    bare.agent =
        Agent { sort: Sort::Person, id: "", name: "", roles: Vec::new(), address: "", program: None };
    bare.purpose = "";
    bare.reason = Some("");
    bare.about = About { kind: Some("Patient"), query: Some(""), ..About::default() };
    let validator = Validator::new(&Core, Policy::write(Level::Invariants));
    let checked = Resource::checked(resource(&bare), &validator);
    assert!(checked.is_ok(), "{:?}", checked.err());
}

#[test]
fn a_refusal_and_a_machine_are_told_as_such() {
    let mut refused = line(Event::Read);
    refused.ending = Ending::Refused;
    refused.reason = Some("r noGrant");
    refused.agent = Agent {
        sort: Sort::Machine,
        id: "m-1",
        name: "m-1",
        roles: vec!["machine"],
        address: "cli",
        program: None,
    };
    let value = resource(&refused);
    assert_eq!((value.str("outcome"), value.str("outcomeDesc")), (Some("4"), Some("r noGrant")));
    let agent = &value.items("agent")[0];
    assert_eq!(agent.pointer("/who/identifier/system").and_then(Value::as_str), Some(CLIENT));
    assert_eq!(agent.pointer("/network/type").and_then(Value::as_str), Some("1"));
    assert_eq!(value.items("agent").len(), 1);
}
