//! The index against a naive matcher that reads the resource by the published FHIRPath expression and compares values by
//! the sentences of the standard. It shares no code with encodings, ranges or the query parser: texts are compared as
//! texts, amounts as whole numbers of micrograms, places of time as days.

mod dates;
mod links;
mod made;
mod numbers;
mod texts;

use std::collections::HashMap;
use std::sync::LazyLock;

use jiff::tz::TimeZone;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;

use super::*;
use crate::fhir::id::ResourceType;
use crate::fhir::resource::Resource;
use crate::fhirpath::{self, Expression, Item, Node};
use crate::json::Value;
use dates::{date_holds, span};
use links::{reference, uri};
use made::{asked, observation, other};
use numbers::{number, quantity};
use texts::{codings, string, token};

/// The branches of each published expression. `|` would merge what is equal, and 5400 mg equals 5.40 g: a search by unit
/// has to see both.
static EXPRESSIONS: LazyLock<HashMap<(&str, &str), Vec<Expression>>> = LazyLock::new(|| {
    let rows = include_str!("../../tables/expressions.txt").lines().filter(|line| !line.starts_with('#'));
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

/// The same cases at every run; PROPTEST_RNG_SEED asks others.
const SEED: u64 = 20_261_122;

fn config(cases: u32) -> ProptestConfig {
    let told = ProptestConfig::with_cases(cases);
    let rng_seed = if told.rng_seed == RngSeed::Random { RngSeed::Fixed(SEED) } else { told.rng_seed };
    ProptestConfig { rng_seed, ..told }
}

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
    let seed = config(1).rng_seed;
    let says = asked.holds(resource.json());
    prop_assert_eq!(search.matches(&terms), says, "{:?} on {} (PROPTEST_RNG_SEED={})", pair, text, seed);
    Ok(())
}

proptest! {
    #![proptest_config(config(600))]
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
