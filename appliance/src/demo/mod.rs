//! The synthetic clinic: a living system for the person who tries the box, and data for its tests.
//!
//! Owns invented people and their year, as FHIR transactions and HL7 messages, the same for the same seed and day.
//! `install` carries them through the real doors (records, inbox, accounts). Nothing here is read from a real record.

pub mod course;
pub mod document;
pub mod file;
pub mod house;
pub mod install;
pub mod labs;
pub mod messages;
pub mod patient;
pub mod people;
pub mod rng;
pub mod vitals;

use clinicvault_gateway::json::Value;
use jiff::civil::{Date, DateTime};

use file::File;
use rng::Rng;

/// The seed of the clinic that `make demo` shows.
pub const SEED: u64 = 20_261_121;

/// What the demo clinic consists of.
pub struct Demo {
    /// Transactions to carry in, the house first, then one for each patient.
    pub transactions: Vec<Value>,
    /// The day it is seen from.
    pub today: Date,
    /// The highest clinic number in use.
    pub last_number: u64,
}

/// Writes the clinic as it looks at `now`, the clinic's local time.
#[must_use]
pub fn generate(seed: u64, now: DateTime) -> Demo {
    let chance = Rng::new(seed);
    let files = people::PEOPLE.iter().map(|person| {
        let mut file = File::open(person, now, chance.fork(&person.number.to_string()));
        course::write(&mut file);
        file.close()
    });
    let transactions = std::iter::once(house::transaction_of_the_house()).chain(files).collect();
    let last_number = people::PEOPLE.iter().map(|person| u64::from(person.number)).max().unwrap_or(0);
    Demo { transactions, today: now.date(), last_number }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use clinicvault_gateway::fhir::validate::{Core, Level, Policy, Validator};

    use super::*;

    const NOW: DateTime = DateTime::constant(2026, 11, 21, 11, 46, 0, 0);

    fn resources(demo: &Demo) -> Vec<&Value> {
        demo.transactions
            .iter()
            .flat_map(|all| all.items("entry"))
            .filter_map(|entry| entry.get("resource"))
            .collect()
    }

    #[test]
    fn the_same_seed_and_day_give_the_same_clinic() {
        let bytes =
            |seed| -> Vec<u8> { generate(seed, NOW).transactions.iter().flat_map(Value::to_vec).collect() };
        assert_eq!(bytes(SEED), bytes(SEED));
        assert_ne!(bytes(SEED), bytes(SEED + 1));
    }

    #[test]
    fn every_resource_keeps_the_rules_of_r4() {
        let demo = generate(SEED, NOW);
        let validator = Validator::new(&Core, Policy::write(Level::Invariants));
        for resource in resources(&demo) {
            let issues = validator.check(resource, &[]);
            let kind = resource.str("resourceType").unwrap();
            assert!(
                issues.is_empty(),
                "{kind}: {:?}\n{}",
                issues,
                String::from_utf8(resource.to_vec()).unwrap()
            );
        }
    }

    #[test]
    fn every_reference_points_at_something_and_no_id_is_used_twice() {
        let demo = generate(SEED, NOW);
        let mut ids = BTreeSet::new();
        for resource in resources(&demo) {
            let id = format!("{}/{}", resource.str("resourceType").unwrap(), resource.str("id").unwrap());
            assert!(ids.insert(id.clone()), "{id} twice");
        }
        fn walk(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(object) => {
                    found.extend(value.str("reference").map(str::to_owned));
                    object.iter().for_each(|(_, value)| walk(value, found));
                }
                Value::Array(items) => items.iter().for_each(|value| walk(value, found)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        for transaction in &demo.transactions {
            let mut found = Vec::new();
            walk(transaction, &mut found);
            assert!(found.iter().all(|reference| ids.contains(reference)), "{found:?}");
        }
    }

    #[test]
    fn nothing_lies_in_the_future_and_the_year_is_full() {
        let demo = generate(SEED, NOW);
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        for resource in resources(&demo) {
            *kinds.entry(resource.str("resourceType").unwrap()).or_default() += 1;
            for key in
                ["effectiveDateTime", "authoredOn", "occurrenceDateTime", "date", "birthDate", "recordedDate"]
            {
                let date = resource.str(key).unwrap_or_default();
                assert!(date.get(..16).unwrap_or(date) <= "2026-11-21T11:46", "{key} {date}");
            }
        }
        for (kind, least) in [
            ("Patient", 48),
            ("Encounter", 120),
            ("Observation", 700),
            ("MedicationRequest", 150),
            ("DiagnosticReport", 100),
            ("Condition", 30),
            ("AllergyIntolerance", 30),
            ("Immunization", 20),
            ("DocumentReference", 4),
            ("Practitioner", 3),
            ("Organization", 2),
        ] {
            assert!(kinds.get(kind).copied().unwrap_or(0) >= least, "{kind}: {kinds:?}");
        }
    }
}
