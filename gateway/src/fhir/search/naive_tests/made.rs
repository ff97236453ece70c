//! Resources and questions that are made up.

use proptest::prelude::*;
use proptest::sample::select;

use super::numbers::scaled;
use super::{Asked, Kind, composite, kind_of};

pub(super) fn coding() -> impl Strategy<Value = String> {
    let system = select(&["", r#""system":"http://a","#, r#""system":"http://b","#][..]);
    let display = select(&["", r#","display":"Blood pressure""#, r#","display":"high Blood""#][..]);
    (system, select(&["x", "xy", "X"][..]), display)
        .prop_map(|(system, code, display)| format!(r#"{{{system}"code":"{code}"{display}}}"#))
}

pub(super) fn concept() -> impl Strategy<Value = String> {
    let text = select(&["", r#""text":"Blood pressure","#, r#""text":"seen twice","#][..]);
    (text, prop::collection::vec(coding(), 1..3))
        .prop_map(|(text, codings)| format!(r#"{{{text}"coding":[{}]}}"#, codings.join(",")))
}

pub(super) fn amount() -> impl Strategy<Value = String> {
    select(&["5", "5.4", "0.0054", "5400", "6", "-5.4", "5.40", "0", "4.9"][..]).prop_map(str::to_owned)
}

pub(super) fn measured() -> impl Strategy<Value = String> {
    let unit = select(
        &[
            "",
            r#","unit":"mg","system":"http://unitsofmeasure.org","code":"mg""#,
            r#","unit":"gram","system":"http://unitsofmeasure.org","code":"g""#,
            r#","unit":"tablets""#,
        ][..],
    );
    (amount(), unit).prop_map(|(value, unit)| format!(r#"{{"value":{value}{unit}}}"#))
}

pub(super) fn day() -> impl Strategy<Value = String> {
    prop_oneof![
        (2023i16..2026).prop_map(|y| format!("{y}")),
        (2023i16..2026, 1i8..13).prop_map(|(y, m)| format!("{y}-{m:02}")),
        (2023i16..2026, 1i8..4, 1i8..29).prop_map(|(y, m, d)| format!("{y}-{m:02}-{d:02}")),
    ]
}

/// A start, perhaps an end behind it.
pub(super) fn period() -> impl Strategy<Value = String> {
    let parts = (2023i16..2025, 1i8..13, prop::option::of(0i16..3), any::<bool>());
    parts.prop_map(|(year, month, more, open)| match (more, open) {
        (Some(more), false) => format!(r#"{{"start":"{year}-{month:02}","end":"{}"}}"#, year + more),
        (Some(more), true) => format!(r#"{{"end":"{}"}}"#, year + more),
        (None, _) => format!(r#"{{"start":"{year}-{month:02}"}}"#),
    })
}

pub(super) fn who() -> impl Strategy<Value = String> {
    let texts = [
        r#""reference":"Patient/1""#,
        r#""reference":"Group/1""#,
        r#""reference":"Patient/12/_history/3""#,
        r#""reference":"http://else/fhir/Patient/1""#,
        r#""identifier":{"system":"http://a","value":"7"}"#,
        r#""identifier":{"value":"7"}"#,
    ];
    select(texts.to_vec()).prop_map(|text| format!("{{{text}}}"))
}

pub(super) fn observation() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        measured().prop_map(|q| format!(r#","valueQuantity":{q}"#)),
        concept().prop_map(|c| format!(r#","valueCodeableConcept":{c}"#)),
        select(&["Positive", "Pos", "not seen"][..]).prop_map(|t| format!(r#","valueString":"{t}""#)),
        Just(String::new()),
    ];
    let when = prop_oneof![
        day().prop_map(|d| format!(r#","effectiveDateTime":"{d}""#)),
        period().prop_map(|p| format!(r#","effectivePeriod":{p}"#)),
        prop::collection::vec(day(), 1..3)
            .prop_map(|d| format!(r#","effectiveTiming":{{"event":["{}"]}}"#, d.join(r#"",""#))),
        Just(String::new()),
    ];
    let half = prop_oneof![
        measured().prop_map(|q| format!(r#","valueQuantity":{q}"#)),
        concept().prop_map(|c| format!(r#","valueCodeableConcept":{c}"#)),
        Just(String::new()),
    ];
    let component = (concept(), half).prop_map(|(code, value)| format!(r#"{{"code":{code}{value}}}"#));
    let parts = (concept(), value, when, prop::option::of(who()), prop::collection::vec(component, 0..3));
    parts.prop_map(|(code, value, when, who, components)| {
        let subject = who.map(|who| format!(r#","subject":{who}"#)).unwrap_or_default();
        let components = if components.is_empty() {
            String::new()
        } else {
            format!(r#","component":[{}]"#, components.join(","))
        };
        format!(
            r#"{{"resourceType":"Observation","id":"1","status":"final","code":{code}{value}{when}{subject}{components}}}"#
        )
    })
}

pub(super) fn other() -> impl Strategy<Value = String> {
    let identifier = select(
        &[
            r#"{"system":"http://a","value":"7","type":{"coding":[{"system":"http://t","code":"MR","display":"Record number"}]}}"#,
            r#"{"value":"7","type":{"text":"Old number"}}"#,
            r#"{"system":"http://b","value":"8"}"#,
        ][..],
    );
    let name = select(
        &[r#"{"family":"Rão","given":["Asha","Devi"]}"#, r#"{"text":"Asha  Rao"}"#, r#"{"family":"Rao"}"#][..],
    );
    let gender = select(&["", r#","gender":"female""#, r#","gender":"male""#][..]);
    let patient = (prop::collection::vec(identifier, 1..3), name, gender, prop::option::of(day())).prop_map(
        |(identifiers, name, gender, birth)| {
            let birth = birth.map(|b| format!(r#","birthDate":"{b}""#)).unwrap_or_default();
            format!(
                r#"{{"resourceType":"Patient","id":"1","identifier":[{}],"name":[{name}]{gender}{birth}}}"#,
                identifiers.join(",")
            )
        },
    );
    let ends = prop_oneof![
        (amount(), amount()).prop_map(|(a, b)| {
            let (a, b) = if scaled(&a, 1).0 <= scaled(&b, 1).0 { (a, b) } else { (b, a) };
            format!(r#"{{"low":{{"value":{a}}},"high":{{"value":{b}}}}}"#)
        }),
        amount().prop_map(|a| format!(r#"{{"low":{{"value":{a}}}}}"#)),
        amount().prop_map(|a| format!(r#"{{"high":{{"value":{a}}}}}"#)),
    ];
    let onset = prop_oneof![
        ends.prop_map(|ends| format!(r#","onsetRange":{ends}"#)),
        measured().prop_map(|age| format!(r#","onsetAge":{age}"#)),
        day().prop_map(|day| format!(r#","onsetDateTime":"{day}""#)),
        Just(String::new()),
    ];
    let condition = onset.prop_map(|onset| format!(r#"{{"resourceType":"Condition","id":"1"{onset}}}"#));
    let risk = prop::collection::vec(amount(), 0..3).prop_map(|amounts| {
        let each: Vec<_> = amounts.iter().map(|a| format!(r#"{{"probabilityDecimal":{a}}}"#)).collect();
        format!(r#"{{"resourceType":"RiskAssessment","id":"1","prediction":[{}]}}"#, each.join(","))
    });
    let set = select(&["http://a/b", "http://a", "http://a/b/c", "http://ab", "urn:x"][..])
        .prop_map(|url| format!(r#"{{"resourceType":"ValueSet","id":"1","url":"{url}"}}"#));
    prop_oneof![patient, condition, risk, set]
}

pub(super) fn asked(code: &'static str) -> BoxedStrategy<Asked> {
    let make = move |modifier: &'static str, values: BoxedStrategy<String>| {
        let values = prop::collection::vec(values, 1..3);
        values.prop_map(move |values| Asked { code, modifier, values }).boxed()
    };
    let missing = select(&["true", "false"][..]).prop_map(move |value| Asked {
        code,
        modifier: "missing",
        values: vec![value.to_owned()],
    });
    let prefix = || select(&["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"][..]);
    let texts = |list: &'static [&'static str]| select(list).prop_map(str::to_owned).boxed();
    let tokens: &[&str] = &["x", "xy", "X", "http://a|x", "|x", "http://b|", "http://a|X", "http://b|xy"];
    let units: &[&str] =
        &["", "|http://unitsofmeasure.org|mg", "|http://unitsofmeasure.org|g", "||mg", "||gram"];
    let amounts =
        || (prefix(), amount(), select(units)).prop_map(|(p, a, unit)| format!("{p}{a}{unit}")).boxed();
    if let Some((_, parts)) = composite(code) {
        let second = match parts[1].0 {
            Kind::Quantity => amounts(),
            Kind::Token => texts(tokens),
            _ => texts(&["Pos", "positive", "seen", "not"]),
        };
        let pair = (texts(tokens), second).prop_map(|(code, value)| format!("{code}${value}")).boxed();
        return prop_oneof![4 => make("", pair), 1 => missing].boxed();
    }
    let questions = match (kind_of(code), code) {
        (Kind::String, _) => {
            let list: &'static [&'static str] =
                &["Pos", "positive", "seen", "rao", "Rão", "asha rao", "DEV", "sha"];
            prop_oneof![make("", texts(list)), make("exact", texts(list)), make("contains", texts(list))]
                .boxed()
        }
        (Kind::Token, "gender") => {
            let set = "http://hl7.org/fhir/ValueSet/administrative-gender";
            let list: &'static [&'static str] =
                &["male", "female", "http://hl7.org/fhir/administrative-gender|male"];
            let sets = Just(set.to_owned()).boxed();
            prop_oneof![
                make("", texts(list)),
                make("not", texts(list)),
                make("in", sets.clone()),
                make("not-in", sets)
            ]
            .boxed()
        }
        (Kind::Token, "identifier") => prop_oneof![
            make("", texts(&["7", "http://a|7", "|7", "http://b|", "8"])),
            make("of-type", texts(&["http://t|MR|7", "http://t|MR|8", "http://t|SS|7"])),
            make("text", texts(&["record", "number", "old", "cord"])),
            make("not", texts(&["7", "http://a|7"])),
        ]
        .boxed(),
        (Kind::Token, _) => prop_oneof![
            make("", texts(tokens)),
            make("not", texts(tokens)),
            make("text", texts(&["blood", "pressure", "BLOOD PRESS", "lood", "seen", "twice"])),
        ]
        .boxed(),
        (Kind::Quantity, _) => make("", amounts()),
        (Kind::Number, _) => make("", (prefix(), amount()).prop_map(|(p, a)| format!("{p}{a}")).boxed()),
        (Kind::Date, _) => make("", (prefix(), day()).prop_map(|(p, d)| format!("{p}{d}")).boxed()),
        (Kind::Reference, "patient") => {
            make("", texts(&["1", "12", "Patient/1", "http://else/fhir/Patient/1"]))
        }
        (Kind::Reference, _) => prop_oneof![
            make(
                "",
                texts(&[
                    "1",
                    "12",
                    "Patient/1",
                    "Group/1",
                    "Patient/12/_history/9",
                    "http://else/fhir/Patient/1"
                ])
            ),
            make("Patient", texts(&["1", "12"])),
            make("identifier", texts(&["7", "http://a|7", "|7", "8"])),
        ]
        .boxed(),
        (Kind::Uri, _) => {
            let list: &'static [&'static str] = &["http://a", "http://a/b", "http://a/b/c/d", "urn:x"];
            prop_oneof![make("", texts(list)), make("below", texts(list)), make("above", texts(list))].boxed()
        }
    };
    prop_oneof![5 => questions, 1 => missing].boxed()
}
