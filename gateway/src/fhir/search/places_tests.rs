//! The tree of places against the published expressions: what FHIRPath finds must be what is indexed.
//!
//! Small resources of our own always; all official examples and Synthea's bundles where the data is present.

use std::collections::BTreeSet;
use std::path::Path as FilePath;

use super::params::{Datatype, Filter, Param, ParamType, Path};
use super::terms::{encode, terms};
use super::words::Words;
use super::{Check, Context, params};
use crate::fhir::definitions::{self, Kind};
use crate::fhir::id::ResourceType;
use crate::fhir::resource::Resource;
use crate::fhirpath::{self, Expression, Item};
use crate::json::{self, Limits, Value};
use jiff::Timestamp;
use jiff::tz::TimeZone;

struct Checked {
    kind: ResourceType,
    param: &'static Param,
    expression: Expression,
}

fn all() -> Vec<Checked> {
    let rows = include_str!("../tables/expressions.txt").lines().filter(|line| !line.starts_with('#'));
    rows.map(|row| {
        let mut words = row.splitn(3, ' ');
        let kind = ResourceType::parse(words.next().unwrap()).unwrap();
        let param = params::find(kind, words.next().unwrap()).unwrap_or_else(|| panic!("{row}"));
        let expression = Expression::parse(words.next().unwrap()).unwrap_or_else(|e| panic!("{row}: {e}"));
        Checked { kind, param, expression }
    })
    .collect()
}

fn context() -> Context {
    let mut context = Context::new(TimeZone::UTC, Timestamp::UNIX_EPOCH);
    context.words = Words::Off;
    context
}

/// What records of one source cost: how many there are, and rows and bytes of their parameters, of the words of their
/// narratives, and of those of all text.
#[derive(Default)]
struct Cost(usize, [(usize, usize); 3]);

impl Cost {
    fn add(&mut self, resource: &Resource) {
        let mut context = context();
        context.words = Words::All;
        self.0 += 1;
        for term in terms(resource, &context) {
            let (rows, bytes) = match term.param {
                params::NARRATIVE_WORDS => &mut self.1[1],
                params::CONTENT_WORDS => &mut self.1[2],
                _ => &mut self.1[0],
            };
            *rows += 1;
            *bytes += term.value.len();
        }
    }

    fn each(&self) -> [(f64, f64); 3] {
        self.1.map(|(rows, bytes)| (rows as f64 / self.0 as f64, bytes as f64 / self.0 as f64))
    }
}

/// Marks of elements without a value, and identifiers where only references to one type count, are no values.
fn is_value(param: &Param, value: &[u8]) -> bool {
    let narrowed =
        param.stored().iter().any(|a| a.only.is_some()) || param.paths.iter().any(|p| p.only.is_some());
    match (param.kind, value.first()) {
        (ParamType::Token, Some(5)) | (ParamType::Date, Some(3)) => false,
        (ParamType::Quantity | ParamType::Number, Some(6)) | (ParamType::Reference, Some(6)) => false,
        (ParamType::Reference, Some(3 | 4)) => !narrowed,
        _ => true,
    }
}

fn indexed(resource: &Resource, param: &Param) -> BTreeSet<Vec<u8>> {
    let own = terms(resource, &context());
    let asked = param.stored();
    let counts = |number: u16, value: &[u8]| {
        asked
            .iter()
            .any(|a| a.number == number && a.only.is_none_or(|kind| Check::RefersTo(kind).accepts(value)))
    };
    own.into_iter()
        .filter(|t| counts(t.param, &t.value))
        .map(|t| t.value)
        .filter(|v| is_value(param, v))
        .collect()
}

fn expected(resource: &Resource, checked: &Checked) -> BTreeSet<Vec<u8>> {
    let json = resource.json();
    let evaluation = fhirpath::Context::new(json).for_search();
    let items = checked.expression.evaluate(&evaluation, fhirpath::Node::resource(json)).unwrap();
    let mut out = Vec::new();
    for item in items {
        let Item::Node(node) = item else { panic!("{}: no element", checked.expression.as_str()) };
        let Some(value) = node.value() else { continue };
        let name = match node.kind() {
            Some(Kind::Complex(id) | Kind::Reference(id, _)) => definitions::by_id(id).unwrap().name,
            Some(Kind::Primitive(primitive, _)) => primitive.as_str(),
            Some(Kind::Resource) | None => "Resource",
        };
        let plain = matches!(name, "date" | "dateTime" | "instant" | "Period" | "Timing");
        if checked.param.kind == ParamType::Date && !plain {
            continue;
        }
        let of_resource = checked.param.paths.first().filter(|p| p.datatype == Datatype::Resource);
        let path = Path {
            steps: Vec::new(),
            from_resource: false,
            datatype: Datatype::of(name),
            system: (name == "code").then(|| system(checked)).flatten(),
            targets: Vec::new(),
            only: of_resource.and_then(|p| p.only),
        };
        encode(checked.param.kind, &path, value, &context(), &mut out);
    }
    out.into_iter().filter(|value| is_value(checked.param, value)).collect()
}

/// The system of the bound code at the places that the parameter asks.
fn system(checked: &Checked) -> Option<&'static str> {
    let asked: Vec<u16> = checked.param.stored().iter().map(|a| a.number).collect();
    params::of(checked.kind)
        .filter(|p| p.asks.is_empty() && asked.contains(&p.number))
        .flat_map(|p| &p.paths)
        .find_map(|p| p.system)
}

/// Compares every parameter of a resource; answers how many had values.
fn compare(all: &[Checked], resource: &Resource, from: &str) -> usize {
    let mut seen = 0;
    // Whether somebody is dead is asked, not kept: see the test of its own.
    for checked in all.iter().filter(|c| c.kind == resource.kind() && c.param.code != "deceased") {
        let (expected, indexed) = (expected(resource, checked), indexed(resource, checked.param));
        assert_eq!(expected, indexed, "{from}: {} {}", checked.param.code, checked.expression.as_str());
        seen += usize::from(!expected.is_empty());
    }
    seen
}

fn resources(json: Value, out: &mut Vec<Resource>) {
    for entry in json.items("entry") {
        if let Some(inner) = entry.get("resource") {
            resources(inner.clone(), out);
        }
    }
    out.extend(Resource::stored(&json.to_vec()));
}

#[test]
fn our_own_examples_are_indexed_where_the_expressions_say() {
    let all = all();
    assert!(all.len() > 1_600);
    let mut seen = 0;
    for text in include_str!("examples.ndjson").lines() {
        let resource = Resource::stored(text.as_bytes()).unwrap();
        seen += compare(&all, &resource, text);
    }
    assert!(seen > 40, "{seen}");
}

#[test]
fn examples_of_the_standard_are_indexed_where_the_expressions_say() {
    let root = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/fhir");
    let all = all();
    let (mut count, mut seen) = (0, 0);
    for folder in ["r4-examples", "synthea", "fhirpath"] {
        let Ok(files) = std::fs::read_dir(root.join(folder)) else { return };
        let mut cost = Cost::default();
        for file in files.flatten().map(|f| f.path()).filter(|p| p.extension().is_some_and(|e| e == "json")) {
            let bytes = std::fs::read(&file).unwrap();
            let Ok(json) = json::parse(&bytes, &Limits::bytes(usize::MAX)) else { continue };
            let mut found = Vec::new();
            resources(json, &mut found);
            for resource in found {
                count += 1;
                cost.add(&resource);
                seen += compare(&all, &resource, &file.display().to_string());
            }
        }
        // What a write costs: the rows of its record. Records of a clinic have some 17.
        println!("{folder}: {} records, rows and bytes each: {:.1?}", cost.0, cost.each());
        assert!(folder != "synthea" || cost.each()[0].0 < 19.0, "{:?}", cost.each());
    }
    assert!(count > 100 && seen > 1_000, "{count} resources, {seen} values");
}

#[test]
fn every_place_stands_in_the_definitions() {
    for kind in ResourceType::all() {
        for param in params::of(kind).filter(|p| !p.code.starts_with('_')) {
            for path in &param.paths {
                let mut at = definitions::resource(kind);
                for step in &path.steps {
                    let Some(owner) = at else { break };
                    let found = owner.member(step.key);
                    let (_, found) = found.unwrap_or_else(|| panic!("{kind}.{}: {}", param.code, step.key));
                    at = match found {
                        Kind::Complex(id) | Kind::Reference(id, _) => definitions::by_id(id),
                        Kind::Primitive(..) | Kind::Resource => None,
                    };
                    assert!(step.filter != Filter::At(1));
                }
            }
        }
    }
}
