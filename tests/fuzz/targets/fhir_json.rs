//! Any bytes as a FHIR resource: what is accepted is kept without loss, and has search terms.
#![no_main]

use clinicvault_gateway::fhir::resource::Resource;
use clinicvault_gateway::fhir::search::{Context, terms};
use clinicvault_gateway::json::{self, Limits};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let limits = Limits::default();
    let Ok(value) = json::parse(bytes, &limits) else { return };
    let written = value.to_vec();
    let again = json::parse(&written, &limits).expect("our own writing is readable");
    assert_eq!(again.to_vec(), written, "a second writing changes nothing");
    if let Ok(resource) = Resource::from_value(value) {
        Resource::parse(&resource.to_vec(), &limits).expect("a checked resource stays one");
        let context = Context::new(jiff::tz::TimeZone::UTC, jiff::Timestamp::UNIX_EPOCH);
        let _ = terms::terms(&resource, &context);
    }
});
