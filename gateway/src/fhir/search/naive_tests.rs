//! The index against a naive matcher that reads the resource by the published FHIRPath expression and compares values by
//! the sentences of the standard. It shares no code with encodings, ranges or the query parser: texts are compared as
//! texts, amounts as whole numbers of micrograms, places of time as days.

use std::collections::HashMap;
use std::sync::LazyLock;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::fhir::id::ResourceType;
use crate::fhir::resource::Resource;
use crate::fhirpath::{self, Expression, Item, Node};
use crate::json::Value;

/// The branches of each published expression. `|` would merge what is equal, and 5400 mg equals 5.40 g: a search by unit
/// has to see both.
static EXPRESSIONS: LazyLock<HashMap<(&str, &str), Vec<Expression>>> = LazyLock::new(|| {
    let rows = include_str!("../tables/expressions.txt").lines().filter(|line| !line.starts_with('#'));
    let rows = rows.map(|row| {
        let mut words = row.splitn(3, ' ');
        let key = (words.next().unwrap(), words.next().unwrap());
        let branches = branches(words.next().unwrap()).into_iter().map(|b| Expression::parse(b).unwrap());
        (key, branches.collect())
    });
    rows.collect()
});

/// An expression cut at its outermost `|`.
fn branches(expression: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    let outermost = |c: char| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == '|' && depth == 0
    };
    expression.split(outermost).map(str::trim).collect()
}

/// The elements that a parameter is about.
fn elements(resource: &Value, code: &str) -> Vec<Value> {
    let kind = resource.str("resourceType").unwrap();
    let Some(branches) = EXPRESSIONS.get(&(kind, code)) else { return Vec::new() };
    let context = fhirpath::Context::new(resource).for_search();
    let items = branches.iter().flat_map(|b| b.evaluate(&context, Node::resource(resource)).unwrap());
    let value = |item| match item {
        Item::Node(node) => node.value().cloned(),
        _ => None,
    };
    items.filter_map(value).collect()
}

#[derive(Debug, Clone)]
struct Asked {
    code: &'static str,
    modifier: &'static str,
    values: Vec<String>,
}

impl Asked {
    fn query(&self) -> (String, String) {
        let name = if self.modifier.is_empty() {
            self.code.into()
        } else {
            format!("{}:{}", self.code, self.modifier)
        };
        (name, self.values.join(","))
    }

    fn holds(&self, resource: &Value) -> bool {
        if let Some((root, parts)) = composite(self.code) {
            let hit = |value: &String| {
                let values: Vec<&str> = value.split('$').collect();
                roots(resource, root).iter().any(|at| {
                    parts.iter().zip(&values).all(|((kind, keys), value)| {
                        keys.iter()
                            .filter_map(|key| at.get(key))
                            .any(|element| holds(*kind, "", element, value))
                    })
                })
            };
            if self.modifier == "missing" {
                let there = roots(resource, root).iter().any(|at| {
                    parts.iter().all(|(kind, keys)| {
                        keys.iter().filter_map(|key| at.get(key)).any(|element| has_value(*kind, element))
                    })
                });
                return there == (self.values == ["false"]);
            }
            return self.values.iter().any(hit);
        }
        let elements = elements(resource, self.code);
        let kind = kind_of(self.code);
        if self.modifier == "missing" {
            return elements.is_empty() == (self.values == ["true"]);
        }
        let hit = |value: &String| elements.iter().any(|element| holds(kind, self.modifier, element, value));
        self.values.iter().any(hit) != matches!(self.modifier, "not" | "not-in")
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    String,
    Token,
    Quantity,
    Number,
    Date,
    Reference,
    Uri,
}

fn kind_of(code: &str) -> Kind {
    match code {
        "value-string" | "name" | "family" => Kind::String,
        "value-quantity" | "component-value-quantity" | "combo-value-quantity" | "onset-age" => {
            Kind::Quantity
        }
        "probability" => Kind::Number,
        "date" | "birthdate" | "onset-date" => Kind::Date,
        "subject" | "patient" | "performer" => Kind::Reference,
        "url" => Kind::Uri,
        _ => Kind::Token,
    }
}

type Parts = [(Kind, &'static [&'static str]); 2];

fn composite(code: &str) -> Option<(&'static str, Parts)> {
    let quantity: Parts = [(Kind::Token, &["code"]), (Kind::Quantity, &["valueQuantity"])];
    let concept: Parts = [(Kind::Token, &["code"]), (Kind::Token, &["valueCodeableConcept"])];
    Some(match code {
        "code-value-quantity" => ("resource", quantity),
        "component-code-value-quantity" => ("component", quantity),
        "combo-code-value-quantity" => ("both", quantity),
        "code-value-concept" => ("resource", concept),
        "component-code-value-concept" => ("component", concept),
        "code-value-string" => ("resource", [(Kind::Token, &["code"]), (Kind::String, &["valueString"])]),
        _ => return None,
    })
}

fn roots<'a>(resource: &'a Value, root: &str) -> Vec<&'a Value> {
    let whole = (root != "component").then_some(resource);
    let components = if root == "resource" { &[] } else { resource.items("component") };
    whole.into_iter().chain(components).collect()
}

/// What a composite needs of an element: something that can be compared.
fn has_value(kind: Kind, element: &Value) -> bool {
    kind != Kind::Token || !codings(element).is_empty() || element.str("text").is_some()
}

fn holds(kind: Kind, modifier: &str, element: &Value, value: &str) -> bool {
    match kind {
        Kind::String => string(modifier, element, value),
        Kind::Token => token(modifier, element, value),
        Kind::Quantity => quantity(element, value),
        Kind::Number => number(element, value),
        Kind::Date => span(element).is_some_and(|stored| date_holds(value, stored)),
        Kind::Reference => reference(modifier, element, value),
        Kind::Uri => uri(modifier, element.as_str().unwrap(), value),
    }
}

fn simple(text: &str) -> String {
    let plain: String = text.to_lowercase().replace('é', "e").replace('ã', "a");
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn string(modifier: &str, element: &Value, value: &str) -> bool {
    let mut texts: Vec<&str> = element.as_str().into_iter().collect();
    texts.extend(["text", "family"].iter().filter_map(|key| element.str(key)));
    texts.extend(element.items("given").iter().filter_map(Value::as_str));
    texts.iter().any(|text| match modifier {
        "exact" => *text == value,
        "contains" => simple(text).contains(&simple(value)),
        _ => simple(text).starts_with(&simple(value)),
    })
}

/// System, code and display.
type Said = (Option<String>, Option<String>, Option<String>);

fn codings(element: &Value) -> Vec<Said> {
    let of = |e: &Value| {
        let text = |key| e.str(key).map(str::to_owned);
        (text("system"), text("code").or_else(|| text("value")), text("display"))
    };
    match element {
        Value::String(code) => vec![(implied(code).map(str::to_owned), Some(code.clone()), None)],
        Value::Bool(flag) => vec![(None, Some(flag.to_string()), None)],
        _ if element.get("coding").is_some() => element.items("coding").iter().map(of).collect(),
        _ if element.get("code").is_some() || element.get("value").is_some() => vec![of(element)],
        _ => Vec::new(),
    }
}

fn implied(code: &str) -> Option<&'static str> {
    matches!(code, "male" | "female" | "other").then_some("http://hl7.org/fhir/administrative-gender")
}

fn token(modifier: &str, element: &Value, value: &str) -> bool {
    let codings = codings(element);
    let parts: Vec<&str> = value.split('|').collect();
    match modifier {
        "text" => {
            let own = [element.str("text"), element.get("type").and_then(|t| t.str("text"))];
            let kinds = element.get("type").map(|t| t.items("coding")).unwrap_or_default();
            let displays =
                codings.iter().map(|c| c.2.as_deref()).chain(kinds.iter().map(|c| c.str("display")));
            let texts = own.into_iter().chain(displays).flatten().map(simple);
            let words = |text: String| {
                let starts = text.char_indices().filter(|(at, _)| {
                    *at == 0 || !text[..*at].chars().next_back().is_some_and(char::is_alphanumeric)
                });
                starts.map(|(at, _)| text[at..].to_owned()).collect::<Vec<_>>()
            };
            texts.flat_map(words).any(|text| text.starts_with(&simple(value)))
        }
        "of-type" => {
            let kinds = element.get("type").map(|t| t.items("coding")).unwrap_or_default();
            element.str("value") == Some(parts[2])
                && kinds.iter().any(|c| c.str("system") == Some(parts[0]) && c.str("code") == Some(parts[1]))
        }
        "in" | "not-in" => codings.iter().any(|(system, code, _)| {
            system.as_deref() == Some("http://hl7.org/fhir/administrative-gender")
                && matches!(code.as_deref(), Some("male" | "female" | "other" | "unknown"))
        }),
        _ => codings.iter().any(|(system, code, _)| {
            let (system, code) = (system.as_deref(), code.as_deref());
            match *parts.as_slice() {
                [wanted] => code == Some(wanted),
                ["", wanted] => system.is_none() && code == Some(wanted),
                [wanted, ""] => system == Some(wanted),
                [asked, wanted] => system == Some(asked) && code == Some(wanted),
                _ => false,
            }
        }),
    }
}

/// Prefix, then what follows.
fn prefixed(value: &str) -> (&str, &str) {
    match value.get(..2) {
        Some(p) if ["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"].contains(&p) => (p, &value[2..]),
        _ => ("eq", value),
    }
}

/// A decimal in thousandths of `unit`; and half of its last digit's place.
fn scaled(text: &str, unit: i128) -> (i128, i128) {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().unwrap();
    let place = 1_000_000 / 10_i128.pow(u32::try_from(fraction.len()).unwrap());
    (digits * place * unit, place * unit / 2)
}

/// Micrograms of a unit; pieces without one.
fn grams(code: &str) -> Option<i128> {
    Some(match code {
        "ug" => 1,
        "mg" => 1_000,
        "g" => 1_000_000,
        _ => return None,
    })
}

fn compares(prefix: &str, (asked, half): (i128, i128), (low, high): (i128, i128)) -> bool {
    let equal = asked - half <= low && high < asked + half;
    match prefix {
        "ne" => !equal,
        "gt" => high > asked,
        "ge" => high >= asked,
        "lt" => low < asked,
        "le" => low <= asked,
        "sa" => low > asked,
        "eb" => high < asked,
        "ap" => {
            let by = (asked.abs() / 10).max(half);
            low <= asked + by && high >= asked - by
        }
        _ => equal,
    }
}

/// The ends of an amount as written: an open end is far away.
fn ends(element: &Value) -> Option<[(Option<&Value>, i128); 2]> {
    let far = 10_i128.pow(30);
    if element.get("low").is_some() || element.get("high").is_some() {
        return Some([(element.get("low"), -far), (element.get("high"), far)]);
    }
    element.get("value").map(|_| [(Some(element), 0), (Some(element), 0)])
}

fn quantity(element: &Value, value: &str) -> bool {
    let (prefix, rest) = prefixed(value);
    let parts: Vec<&str> = rest.split('|').collect();
    let Some(ends) = ends(element) else { return false };
    let unit_of = ends.iter().find_map(|(end, _)| *end).unwrap();
    let code = unit_of.str("code");
    let factors = match parts.as_slice() {
        [_] => (1, 1),
        [_, "", wanted] => {
            if code != Some(*wanted) && unit_of.str("unit") != Some(*wanted) {
                return false;
            }
            (1, 1)
        }
        [_, system, wanted] => {
            let stored = code.and_then(grams).filter(|_| unit_of.str("system") == Some(*system));
            match (stored, grams(wanted)) {
                (Some(stored), Some(asked)) => (asked, stored),
                _ => return false,
            }
        }
        _ => return false,
    };
    let end = |(end, far): &(Option<&Value>, i128)| match end {
        Some(end) => scaled(end.get("value").unwrap().as_number().unwrap().as_str(), factors.1).0,
        None => *far,
    };
    compares(prefix, scaled(parts[0], factors.0), (end(&ends[0]), end(&ends[1])))
}

fn number(element: &Value, value: &str) -> bool {
    let (prefix, rest) = prefixed(value);
    match element.as_number() {
        Some(number) => {
            let at = scaled(number.as_str(), 1).0;
            compares(prefix, scaled(rest, 1), (at, at))
        }
        None => quantity(element, value),
    }
}

/// Days since 1970, half-open.
fn days(text: &str) -> (i64, i64) {
    let parts: Vec<i16> = text.split('-').map(|part| part.parse().unwrap()).collect();
    let day = |y: i16, m: i16, d: i16| {
        let date = Date::new(y, i8::try_from(m).unwrap(), i8::try_from(d).unwrap()).unwrap();
        i64::from((date - Date::new(1970, 1, 1).unwrap()).get_days())
    };
    match *parts.as_slice() {
        [y] => (day(y, 1, 1), day(y + 1, 1, 1)),
        [y, 12] => (day(y, 12, 1), day(y + 1, 1, 1)),
        [y, m] => (day(y, m, 1), day(y, m + 1, 1)),
        [y, m, d] => (day(y, m, d), day(y, m, d) + 1),
        _ => unreachable!(),
    }
}

const FAR: i64 = 1_000_000_000;

fn span(element: &Value) -> Option<(i64, i64)> {
    if let Some(text) = element.as_str() {
        return Some(days(text));
    }
    let period = |element: &Value| {
        let (start, end) = (element.str("start").map(days), element.str("end").map(days));
        if start.is_none() && end.is_none() {
            return None;
        }
        let low = start.map_or(-FAR, |s| s.0);
        Some((low, end.map_or(FAR, |e| e.1)))
    };
    let events = element.items("event").iter().map(|event| days(event.as_str().unwrap()));
    let bounds = element.pointer("/repeat/boundsPeriod").and_then(period);
    let timing = events.chain(bounds).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    timing.or_else(|| period(element))
}

fn date_holds(value: &str, (r1, r2): (i64, i64)) -> bool {
    let (prefix, rest) = prefixed(value);
    let (s1, s2) = days(rest);
    let equal = s1 <= r1 && r2 <= s2;
    match prefix {
        "ne" => !equal,
        "gt" => r2 > s2,
        "lt" => r1 < s1,
        "ge" => r2 > s2 || equal,
        "le" => r1 < s1 || equal,
        "sa" => r1 >= s2,
        "eb" => r2 <= s1,
        // In tenths of a day, with 1970 as now.
        "ap" => r1 * 10 < s2 * 10 + s2.abs() && r2 * 10 > s1 * 10 - s1.abs(),
        _ => equal,
    }
}

fn reference(modifier: &str, element: &Value, value: &str) -> bool {
    let stored = element.str("reference").map(|text| text.split("/_history").next().unwrap());
    if modifier == "identifier" {
        let identifier = element.get("identifier");
        let (system, wanted) = value.split_once('|').map_or((None, value), |(s, v)| (Some(s), v));
        let own = identifier.and_then(|i| i.str("system")).unwrap_or_default();
        return identifier.and_then(|i| i.str("value")) == Some(wanted) && system.is_none_or(|s| s == own);
    }
    let Some(stored) = stored else { return false };
    if value.contains('/') || value.contains(':') {
        return stored == value.split("/_history").next().unwrap();
    }
    match stored.split_once('/') {
        Some((kind, id)) if !stored.contains(':') => id == value && (modifier.is_empty() || modifier == kind),
        _ => false,
    }
}

fn uri(modifier: &str, stored: &str, value: &str) -> bool {
    match modifier {
        "below" => stored == value || stored.starts_with(&format!("{value}/")),
        "above" => stored == value || value.starts_with(&format!("{stored}/")),
        _ => stored == value,
    }
}

// Random resources and questions.

fn coding() -> impl Strategy<Value = String> {
    let system = select(&["", r#""system":"http://a","#, r#""system":"http://b","#][..]);
    let display = select(&["", r#","display":"Blood pressure""#, r#","display":"high Blood""#][..]);
    (system, select(&["x", "xy", "X"][..]), display)
        .prop_map(|(system, code, display)| format!(r#"{{{system}"code":"{code}"{display}}}"#))
}

fn concept() -> impl Strategy<Value = String> {
    let text = select(&["", r#""text":"Blood pressure","#, r#""text":"seen twice","#][..]);
    (text, prop::collection::vec(coding(), 1..3))
        .prop_map(|(text, codings)| format!(r#"{{{text}"coding":[{}]}}"#, codings.join(",")))
}

fn amount() -> impl Strategy<Value = String> {
    select(&["5", "5.4", "0.0054", "5400", "6", "-5.4", "5.40", "0", "4.9"][..]).prop_map(str::to_owned)
}

fn measured() -> impl Strategy<Value = String> {
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

fn day() -> impl Strategy<Value = String> {
    prop_oneof![
        (2023i16..2026).prop_map(|y| format!("{y}")),
        (2023i16..2026, 1i8..13).prop_map(|(y, m)| format!("{y}-{m:02}")),
        (2023i16..2026, 1i8..4, 1i8..29).prop_map(|(y, m, d)| format!("{y}-{m:02}-{d:02}")),
    ]
}

/// A start, perhaps an end behind it.
fn period() -> impl Strategy<Value = String> {
    let parts = (2023i16..2025, 1i8..13, prop::option::of(0i16..3), any::<bool>());
    parts.prop_map(|(year, month, more, open)| match (more, open) {
        (Some(more), false) => format!(r#"{{"start":"{year}-{month:02}","end":"{}"}}"#, year + more),
        (Some(more), true) => format!(r#"{{"end":"{}"}}"#, year + more),
        (None, _) => format!(r#"{{"start":"{year}-{month:02}"}}"#),
    })
}

fn who() -> impl Strategy<Value = String> {
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

fn observation() -> impl Strategy<Value = String> {
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

fn other() -> impl Strategy<Value = String> {
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

fn asked(code: &'static str) -> BoxedStrategy<Asked> {
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

const OBSERVATION: [&str; 17] = [
    "code",
    "combo-code",
    "component-code",
    "value-concept",
    "combo-value-concept",
    "value-string",
    "value-quantity",
    "component-value-quantity",
    "combo-value-quantity",
    "date",
    "subject",
    "patient",
    "code-value-quantity",
    "component-code-value-quantity",
    "combo-code-value-quantity",
    "code-value-concept",
    "code-value-string",
];

fn agree(text: &str, asked: &Asked) -> Result<(), TestCaseError> {
    let resource = Resource::stored(text.as_bytes()).unwrap();
    let context = Context::new(TimeZone::UTC, Timestamp::UNIX_EPOCH);
    let terms = terms(&resource, &context);
    let pair = asked.query();
    let search = query::parse(resource.kind(), std::slice::from_ref(&pair), Handling::Strict, &context)
        .unwrap_or_else(|e| panic!("{pair:?}: {e}"));
    // References by identifier count for every type; the expression cannot follow them.
    let by_identifier = resource.json().pointer("/subject/identifier").is_some();
    if asked.code == "patient" && asked.modifier == "missing" && by_identifier {
        return Ok(());
    }
    prop_assert_eq!(search.matches(&terms), asked.holds(resource.json()), "{:?} on {}", pair, text);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn observations_are_found_as_the_standard_says(
        resources in prop::collection::vec(observation(), 4),
        questions in prop::collection::vec(select(OBSERVATION.to_vec()).prop_flat_map(asked), 6),
    ) {
        for resource in &resources {
            for question in &questions {
                agree(resource, question)?;
            }
        }
    }

    #[test]
    fn other_types_are_found_as_the_standard_says(
        resources in prop::collection::vec(other(), 4),
        patients in prop::collection::vec(
            select(vec!["identifier", "name", "family", "gender", "birthdate"]).prop_flat_map(asked), 4),
        conditions in prop::collection::vec(select(vec!["onset-age", "onset-date"]).prop_flat_map(asked), 4),
        numbers in prop::collection::vec(asked("probability"), 2),
        uris in prop::collection::vec(asked("url"), 2),
    ) {
        for text in &resources {
            let kind = Resource::stored(text.as_bytes()).unwrap().kind();
            let questions = match kind.as_str() {
                "Patient" => &patients,
                "Condition" => &conditions,
                "RiskAssessment" => &numbers,
                _ => &uris,
            };
            for question in questions {
                agree(text, question)?;
            }
        }
    }
}

#[test]
fn the_types_of_the_model_are_there() {
    for (kind, code) in [("Observation", "code"), ("RiskAssessment", "probability"), ("ValueSet", "url")] {
        let kind = ResourceType::parse(kind).unwrap();
        assert!(params::find(kind, code).is_some());
    }
}
