//! Bindings and invariants of R4, read once from `tables/rules.txt`, which explains its own format.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, OnceLock};

use crate::fhir::definitions::{TypeId, id_of};
use crate::fhir::profile::{Binding, Strength};
use crate::fhirpath::{Error, Expression};

/// An invariant: a FHIRPath expression that must not be false. It is parsed when it is first evaluated, and kept.
#[derive(Debug, Clone)]
pub struct Invariant {
    /// Its key, such as `obs-7`.
    pub key: Box<str>,
    /// Whether breaking it is an error; otherwise it is a warning.
    pub is_error: bool,
    /// The expression.
    pub expression: Box<str>,
    /// What it asks for, in words.
    pub human: Box<str>,
    pub(super) parsed: Arc<OnceLock<Result<Expression, Error>>>,
}

impl Invariant {
    /// An invariant that has not been parsed.
    pub fn new(key: &str, is_error: bool, expression: &str, human: &str) -> Self {
        let parsed = Arc::new(OnceLock::new());
        Self { key: key.into(), is_error, expression: expression.into(), human: human.into(), parsed }
    }
}

/// What R4 asks of the values of a type, and of its elements.
#[derive(Debug, Default)]
pub struct TypeRules {
    /// The number of the type.
    pub id: Option<TypeId>,
    /// Invariants of the type itself.
    pub invariants: Vec<&'static Invariant>,
    elements: Vec<(&'static str, ElementRules)>,
}

/// What R4 asks of an element beyond its type.
#[derive(Debug, Default)]
pub struct ElementRules {
    /// The value set it is bound to.
    pub binding: Option<Binding>,
    /// Invariants on each occurrence.
    pub invariants: Vec<&'static Invariant>,
}

impl TypeRules {
    /// What is asked of an element, if anything is.
    pub fn element(&self, name: &str) -> Option<&ElementRules> {
        self.elements.iter().find(|(own, _)| *own == name).map(|(_, rules)| rules)
    }
}

/// What R4 asks of a type such as `Patient.contact`.
pub fn of(type_name: &str) -> Option<&'static TypeRules> {
    TABLE.get(type_name)
}

/// Every invariant of R4.
pub fn invariants() -> &'static [Invariant] {
    &INVARIANTS
}

const FILE: &str = include_str!("../tables/rules.txt");

static INVARIANTS: LazyLock<Vec<Invariant>> = LazyLock::new(|| {
    let rows = FILE.lines().filter_map(|l| l.strip_prefix('!'));
    rows.filter_map(|row| {
        let mut columns = row.split('\t').skip(1);
        let (key, grade) = (columns.next()?, columns.next()?);
        Some(Invariant::new(key, grade == "e", columns.next()?, columns.next()?))
    })
    .collect()
});

static TABLE: LazyLock<HashMap<&'static str, TypeRules>> = LazyLock::new(|| {
    let sets: Vec<&'static str> =
        FILE.lines().filter_map(|l| l.strip_prefix('%')?.split_once(' ')).map(|(_, url)| url).collect();
    let mut table = HashMap::new();
    let mut current = None;
    let rows = FILE.lines().filter(|l| !l.starts_with(['#', '%', '!']));
    for row in rows {
        let mut words = row.split(' ');
        let Some(name) = words.next() else { continue };
        if let Some(name) = name.strip_prefix('=') {
            let invariants = words.filter_map(invariant).collect();
            table.insert(name, TypeRules { id: id_of(name), invariants, elements: Vec::new() });
            current = Some(name);
        } else if let Some(rules) = current.and_then(|name| table.get_mut(name)) {
            rules.elements.push((name, element(words, &sets)));
        }
    }
    table
});

/// The invariant of a number, but for those that the structure check decides itself.
fn invariant(number: &str) -> Option<&'static Invariant> {
    INVARIANTS.get(number.parse::<usize>().ok()?).filter(|i| !super::invariant::is_native(&i.key))
}

fn element<'a>(words: impl Iterator<Item = &'a str>, sets: &[&'static str]) -> ElementRules {
    let mut rules = ElementRules::default();
    for word in words {
        match word.split_once('%') {
            None => rules.invariants.extend(invariant(word)),
            Some((strength, set)) => {
                let url = set.parse::<usize>().ok().and_then(|n| sets.get(n));
                let strength = match strength {
                    "r" => Strength::Required,
                    "x" => Strength::Extensible,
                    _ => Strength::Preferred,
                };
                rules.binding = url.map(|url| Binding { strength, value_set: (*url).to_owned() });
            }
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_file_is_read() {
        assert!(invariants().len() > 200);
        let observation = of("Observation").unwrap();
        let status = observation.element("status").unwrap().binding.as_ref().unwrap();
        assert_eq!(
            (status.strength, status.value_set.as_str()),
            (Strength::Required, "http://hl7.org/fhir/ValueSet/observation-status")
        );
        assert!(of("Quantity").unwrap().invariants.iter().any(|i| &*i.key == "qty-3"));
        assert!(of("Composition.section").unwrap().invariants.iter().any(|i| &*i.key == "cmp-1"));
        assert!(of("Patient").unwrap().element("nothing").is_none());
    }
}
