use std::collections::BTreeMap;

use jiff::Timestamp;

use super::*;
use crate::json::{Limits, parse};

fn shape(mapped: &Mapped) -> BTreeMap<String, String> {
    let of = |entry: &Value| {
        let resource = entry.get("resource")?;
        Some((resource.str("resourceType")?.to_owned(), resource.str("id")?.to_owned()))
    };
    mapped.bundle.items("entry").iter().filter_map(of).collect()
}

fn value(text: &str) -> Value {
    parse(text.as_bytes(), &Limits::bytes(text.len())).unwrap()
}

fn message(focus: &str) -> Value {
    value(&format!(
        r#"{{"resourceType":"Bundle","type":"message","identifier":{{"system":"urn:x","value":"B-1"}},"timestamp":"2026-02-03T09:00:00Z","entry":[
        {{"fullUrl":"urn:uuid:5f0a1c62-0a4b-4a44-9f8e-000000000001","resource":{{"resourceType":"MessageHeader","id":"m1","eventCoding":{{"system":"urn:e","code":"result"}},
          "source":{{"name":"City lab","endpoint":"https://lab.example/fhir"}},"focus":[{{"reference":"{focus}"}}]}}}},
        {{"fullUrl":"https://lab.example/fhir/Patient/7","resource":{{"resourceType":"Patient","id":"7","identifier":[{{"system":"urn:lab","value":"88"}}],
          "name":[{{"family":"Rao","given":["Anil"]}}],"gender":"male","birthDate":"1984-03-07"}}}},
        {{"fullUrl":"https://lab.example/fhir/Observation/9","resource":{{"resourceType":"Observation","id":"9","status":"final","code":{{"text":"Glucose"}},
          "subject":{{"reference":"Patient/7"}},"valueQuantity":{{"value":5.40,"unit":"mmol/L"}}}}}}]}}"#
    ))
}

#[test]
fn a_message_becomes_a_transaction_under_ids_of_our_own() {
    let read = read(&message("https://lab.example/fhir/Observation/9")).unwrap();
    assert_eq!((read.id.as_str(), read.identifier.as_str(), read.event.as_str()), ("m1", "B-1", "result"));
    assert!(!read.of_patient);
    let mapped = read.to_transaction(Event::RESULT);
    let ids = shape(&mapped);
    assert_eq!(ids["Patient"], mapped.patient_id);
    assert!(ids.values().all(|id| id != "7" && id != "9"), "{ids:?}");
    let observation = mapped.bundle.items("entry")[1].get("resource").unwrap();
    let subject = observation.get("subject").unwrap().str("reference").unwrap();
    assert_eq!(subject, format!("Patient/{}", mapped.patient_id));
    assert_eq!(mapped.patient.identifiers[0].value, "88");
    assert_eq!(mapped.meaning[1].value, "5.40 mmol/L");
    let again = super::read(&message("Patient/7")).unwrap();
    assert!(again.of_patient);
    assert_eq!(shape(&again.to_transaction(Event::RESULT)), ids, "the same every time");
}

#[test]
fn what_is_no_message_says_where() {
    let good = message("Patient/7");
    for (change, place) in [
        (("type", Value::from("collection")), "Bundle.type"),
        (("entry", Value::from(Vec::<Value>::new())), "Bundle.entry"),
    ] {
        let mut bundle = good.clone();
        bundle.as_object_mut().unwrap().insert(change.0, change.1);
        let issues = read(&bundle).unwrap_err().issues;
        assert!(issues[0].expression[0].starts_with(place), "{issues:?}");
    }
    let mut bundle = good;
    bundle.get_mut("entry").unwrap().as_array_mut().unwrap().remove(0);
    assert_eq!(read(&bundle).unwrap_err().issues[0].expression, ["Bundle.entry[0]"]);
}

#[test]
fn an_answer_names_the_message_and_says_what_became_of_it() {
    let own = Answering {
        id: "5f0a1c62-0a4b-8a44-9f8e-00000000000a",
        endpoint: "https://box/fhir",
        at: Timestamp::UNIX_EPOCH,
    };
    let answer = response(&message("Patient/7"), ResponseCode::Ok, &taken(), &own);
    assert!(validate::structure(&answer).is_empty(), "{:?}", validate::structure(&answer));
    let header = answer.items("entry")[0].get("resource").unwrap();
    let about = header.get("response").unwrap();
    assert_eq!((about.str("identifier"), about.str("code")), (Some("m1"), Some("ok")));
    assert_eq!(header.items("destination")[0].str("endpoint"), Some("https://lab.example/fhir"));
}
