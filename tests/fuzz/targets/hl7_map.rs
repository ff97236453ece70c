//! Any accepted HL7 message as FHIR: the map makes a transaction of it, each entry a resource of a known type. (Whether
//! every value is valid is the write's to say; a message with one that is not waits in the inbox for a person.)
#![no_main]

use clinicvault_gateway::fhir::resource;
use clinicvault_gateway::hl7::{self, Limits, Mode, accept};
use clinicvault_gateway::map::{self, MapContext};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(message) = hl7::parse(bytes.to_vec(), &Limits::default(), Mode::Tolerant, None) else { return };
    let Ok(event) = accept::check(&message, &accept::Policy::default()) else { return };
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(5));
    let context = MapContext { zone, authorities: Vec::new(), maps: map::clinic::Maps::default() };
    let mapped = map::to_transaction(&message, event, &context);
    assert_eq!(mapped.bundle.items("entry").len(), mapped.meetings.len());
    for entry in mapped.bundle.items("entry") {
        resource::kind_of(entry.get("resource").expect("every entry carries a resource"))
            .expect("of a known type");
    }
});
