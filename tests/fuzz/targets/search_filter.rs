//! Any text as a `_filter`: what is understood can be written down and understood the same way again.
#![no_main]

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::search::Context;
use clinicvault_gateway::fhir::search::query::{self, Handling};

libfuzzer_sys::fuzz_target!(|input: (u8, &str)| {
    let kinds = [ResourceType::PATIENT, ResourceType::OBSERVATION, ResourceType::ENCOUNTER];
    let kind = kinds[usize::from(input.0) % kinds.len()];
    let context = Context::new(jiff::tz::TimeZone::fixed(jiff::tz::offset(5)), jiff::Timestamp::UNIX_EPOCH);
    let asked = vec![("_filter".to_owned(), input.1.to_owned())];
    let Ok(search) = query::parse(kind, &asked, Handling::Strict, &context) else { return };
    let again =
        query::parse(kind, &search.applied, Handling::Strict, &context).expect("the self link is a search");
    assert_eq!(again.criteria, search.criteria);
    assert_eq!(again.applied, search.applied);
});
