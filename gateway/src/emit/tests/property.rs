//! Messages of arbitrary records: each is read and accepted in strict mode, misses nothing that the standard requires, and
//! says the same when it is mapped again.

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::super::*;
use super::{AUTHORITY, envelope};
use crate::hl7::accept::{self, Policy};
use crate::hl7::parse::{Mode, read};
use crate::json::Object;
use crate::map::{MapContext, to_transaction};

/// Text with everything that is a delimiter, an escape or another script; now and then long.
fn words() -> impl Strategy<Value = String> {
    let short = "[!-~ऀ-ॐ]([ -~ऀ-ॐ]{0,20}[!-~ऀ-ॐ])?";
    // Two quotation marks mean deletion in HL7 v2; no escape exists for them.
    let short = short.prop_filter("deletion", |text: &String| text != "\"\"");
    (short, prop_oneof![9 => Just(1_usize), 1 => Just(40)]).prop_map(|(text, n)| text.repeat(n))
}

fn number() -> impl Strategy<Value = Value> {
    let system = prop_oneof![Just(AUTHORITY), Just("urn:oid:1.2.3"), Just("urn:x-hl7v2:CITY")];
    (system, words())
        .prop_map(|(system, value)| Object::new().with("system", system).with("value", value.as_str()).into())
}

fn name() -> impl Strategy<Value = Value> {
    (proptest::option::of(words()), proptest::option::of(words())).prop_map(|(family, given)| {
        let given = given.map(|given| vec![Value::from(given.as_str())]);
        let family = family.or_else(|| given.is_none().then(|| "X".to_owned()));
        Object::new().with_some("family", family).with_some("given", given).into()
    })
}

fn telecom() -> impl Strategy<Value = Value> {
    let used = prop_oneof![Just("home"), Just("work"), Just("mobile")];
    let value = prop_oneof![words(), Just("+91 98220 11223".to_owned())];
    (used, value).prop_map(|(used, value)| {
        Object::new().with("system", "phone").with("value", value.as_str()).with("use", used).into()
    })
}

fn date() -> impl Strategy<Value = String> {
    prop_oneof!["19[0-9]{2}", "19[0-9]{2}-0[1-9]", "19[0-9]{2}-1[0-2]-[0-2][1-8]"]
}

fn list<S: Strategy<Value = Value>>(one: S, most: usize) -> impl Strategy<Value = Vec<Value>> {
    proptest::collection::vec(one, 0..=most)
}

prop_compose! {
    fn person()(
        numbers in list(number(), 3), names in list(name(), 2), phones in list(telecom(), 4),
        birth in proptest::option::of(date()), sex in proptest::option::of(prop_oneof!["male", "female", "other", "unknown"]),
        place in proptest::option::of((words(), words())), contact in proptest::option::of(name()),
    ) -> Value {
        let some = |all: Vec<Value>| (!all.is_empty()).then_some(all);
        let address = place.map(|(line, city)| {
            let lines = vec![Value::from(line.as_str())];
            vec![Value::from(Object::new().with("line", lines).with("city", city.as_str()))]
        });
        let contact = contact.map(|name| vec![Value::from(Object::new().with("name", name))]);
        Object::new()
            .with("resourceType", "Patient")
            .with("id", "p")
            .with_some("identifier", some(numbers))
            .with_some("name", some(names))
            .with_some("gender", sex)
            .with_some("birthDate", birth)
            .with_some("telecom", some(phones))
            .with_some("address", address)
            .with_some("contact", contact)
            .into()
    }
}

/// A record about the patient, with texts in the places of `@` in their order.
fn record(form: &str, texts: &[String]) -> Value {
    let mut out = String::new();
    let mut texts = texts.iter();
    for part in form.split('@') {
        if !out.is_empty() {
            out.push_str(&Value::from(texts.next().map_or("?", String::as_str)).to_string());
        }
        out.push_str(part);
    }
    super::json(&out)
}

const ABOUT: &str = r#""subject":{"reference":"Patient/p"}"#;

/// Each kind of message with the record that it is about, and what must be found again of it: paths from its type on.
fn told(texts: &[String]) -> Vec<(Kind, Value, Vec<Value>)> {
    let one = |kind: Kind, form: &str| (kind, record(&form.replace("ABOUT", ABOUT), texts), Vec::new());
    let observation = r#"{"resourceType":"Observation","id":"o","status":"final",ABOUT,"code":{"text":@},"valueString":@,"note":[{"text":@}]}"#;
    let order = r#"{"resourceType":"ServiceRequest","id":"r","status":"active","intent":"order",ABOUT,"code":{"text":@},"reasonCode":[{"text":@}],"note":[{"text":@}]}"#;
    let booked = r#"{"resourceType":"Appointment","id":"a","status":"booked","start":"2026-12-01T10:00:00+05:30","end":"2026-12-01T10:15:00+05:30","reasonCode":[{"text":@}],"serviceType":[{"text":@}],"comment":@,"participant":[{"actor":{"reference":"Patient/p"},"status":"accepted"}]}"#;
    let medicine = r#"{"resourceType":"MedicationRequest","id":"m","status":"active","intent":"order",ABOUT,"medicationCodeableConcept":{"text":@},"dosageInstruction":[{"text":@}],"note":[{"text":@}]}"#;
    let document = r#"{"resourceType":"DocumentReference","id":"d","status":"current",ABOUT,"type":{"text":@},"description":@,"content":[{"attachment":{"contentType":"text/plain","data":"aGVsbG8="}}]}"#;
    let shot = r#"{"resourceType":"Immunization","id":"v","status":"completed","patient":{"reference":"Patient/p"},"occurrenceDateTime":"2026-12-01","vaccineCode":{"text":@},"lotNumber":@}"#;
    let visit = r#"{"resourceType":"Encounter","id":"e","status":"in-progress","class":{"code":"AMB"},ABOUT,"reasonCode":[{"text":@}]}"#;
    let gone = r#"{"resourceType":"Patient","id":"q","name":[{"family":@}],"link":[{"type":"replaced-by","other":{"reference":"Patient/p"}}]}"#;
    let report = r#"{"resourceType":"DiagnosticReport","id":"t","status":"final",ABOUT,"code":{"text":@},"result":[{"reference":"Observation/o"}]}"#;
    let mut all = vec![
        one(Kind::R01, observation),
        one(Kind::O01, order),
        one(Kind::O21, order),
        one(Kind::S12, booked),
        one(Kind::S13, booked),
        one(Kind::O01, medicine),
        one(Kind::T02, document),
        one(Kind::V04, shot),
        one(Kind::A01, visit),
        one(Kind::A03, visit),
        one(Kind::A08, visit),
        one(Kind::A40, gone),
    ];
    let found = record(&observation.replace("ABOUT", ABOUT), texts);
    all.push((Kind::R01, record(&report.replace("ABOUT", ABOUT), texts), vec![found]));
    all
}

/// Fields that HL7 v2.5.1 requires of the segments that are made.
const REQUIRED: &[(&str, &[usize])] = &[
    ("EVN", &[2]),
    ("PID", &[3, 5]),
    ("MRG", &[1]),
    ("PV1", &[2]),
    ("NK1", &[1]),
    ("ORC", &[1]),
    ("OBR", &[4]),
    ("OBX", &[3, 11]),
    ("RXO", &[1]),
    ("RXA", &[1, 2, 3, 4, 5, 6]),
    ("TXA", &[1, 2, 12, 17]),
    ("RGS", &[1]),
    ("AIS", &[1, 3]),
];

/// The texts of an element and everything in it.
fn texts_of(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::String(text) => out.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts_of(item, out)),
        Value::Object(object) => object.iter().for_each(|(_, member)| texts_of(member, out)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The free texts of a record.
fn words_in(value: &Value, out: &mut Vec<String>) {
    const FREE: &[&str] = &["text", "family", "description", "comment", "lotNumber", "valueString"];
    match value {
        Value::Array(items) => items.iter().for_each(|item| words_in(item, out)),
        Value::Object(object) => {
            for (key, member) in object.iter() {
                match member.as_str() {
                    Some(text) if FREE.contains(&key) => out.push(text.to_owned()),
                    Some(_) => {}
                    None => words_in(member, out),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn says(records: &[&Value], kind: &str, key: &str, text: &str) -> bool {
    records.iter().filter(|r| r.str("resourceType") == Some(kind)).any(|r| {
        let mut all = Vec::new();
        if let Some(member) = r.get(key) {
            texts_of(member, &mut all);
        }
        all.iter().any(|one| one == text)
    })
}

/// Everything that the patient's record says stands in the one that came of the message.
fn same_person(before: &Value, records: &[&Value]) -> Result<(), TestCaseError> {
    for key in ["identifier", "name", "telecom", "address"] {
        for item in before.items(key) {
            for part in ["value", "family", "given", "line", "city"] {
                let mut said = Vec::new();
                if let Some(part) = item.get(part) {
                    texts_of(part, &mut said);
                }
                for text in said {
                    prop_assert!(says(records, "Patient", key, &text), "{} {:?} in {:?}", key, text, records);
                }
            }
        }
    }
    for key in ["birthDate", "gender"] {
        if let Some(text) = before.str(key) {
            prop_assert!(says(records, "Patient", key, text), "{} {:?}", key, text);
        }
    }
    Ok(())
}

fn checked(
    kind: Kind,
    root: &Value,
    who: &Value,
    others: &[Value],
    texts: &[String],
) -> Result<(), TestCaseError> {
    let names = [("NC".to_owned(), AUTHORITY.to_owned())];
    let set = Set::new([root, who].into_iter().chain(others));
    let bytes = message(kind, root, &set, &envelope(), &names).unwrap();
    let shown = String::from_utf8_lossy(&bytes).replace('\r', "\n");
    let made = read(&bytes, Mode::Strict).unwrap();
    let strict = Policy { mode: Mode::Strict, production_only: true };
    let event = accept::check(&made, &strict);
    prop_assert!(event.is_ok(), "{:?} {}", event, shown);
    for (name, fields) in REQUIRED {
        for segment in made.all(name) {
            for field in *fields {
                prop_assert!(segment.field(*field).has_content(), "{}-{} {}", name, field, shown);
            }
        }
    }
    let context = MapContext { zone: TimeZone::UTC, authorities: names.to_vec(), maps: Default::default() };
    let mapped = to_transaction(&made, event.unwrap(), &context);
    let records: Vec<&Value> =
        mapped.bundle.items("entry").iter().filter_map(|e| e.get("resource")).collect();
    same_person(who, &records)?;
    // Of the record itself: each of its texts, wherever the guide puts it.
    let mut back = Vec::new();
    records.iter().for_each(|r| texts_of(r, &mut back));
    let mut said = Vec::new();
    words_in(root, &mut said);
    others.iter().for_each(|other| words_in(other, &mut said));
    for text in texts.iter().filter(|text| said.contains(text)) {
        prop_assert!(back.contains(text), "{} {:?}\n{}\n{:?}", kind, text, shown, records);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_message_is_accepted_and_says_the_same(who in person(), texts in proptest::collection::vec(words(), 3)) {
        for kind in [Kind::A04, Kind::A08, Kind::A28, Kind::A31] {
            checked(kind, &who, &who, &[], &[])?;
        }
        for (kind, root, others) in told(&texts) {
            checked(kind, &root, &who, &others, &texts)?;
        }
    }
}
