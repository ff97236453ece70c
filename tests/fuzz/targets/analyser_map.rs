//! Any analyser's message as FHIR: the map makes a transaction of it, each entry a resource of a known type.
#![no_main]

use clinicvault_gateway::astm::{Limits, Message};
use clinicvault_gateway::fhir::resource;
use clinicvault_gateway::map::analyser::{self, Context};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(message) = Message::parse(bytes.to_vec(), &Limits::default(), None) else { return };
    let context = Context::plain(jiff::tz::TimeZone::fixed(jiff::tz::offset(5)));
    let _ = analyser::states_time(&message);
    let mut mapped = analyser::to_transaction(&message, &context);
    let entries = mapped.bundle.items("entry").len();
    analyser::give_subject(&mut mapped.bundle, "p1");
    assert_eq!(mapped.bundle.items("entry").len(), entries);
    assert_eq!(mapped.bundle.items("entry").len(), mapped.meetings.len());
    for entry in mapped.bundle.items("entry") {
        resource::kind_of(entry.get("resource").expect("every entry carries a resource"))
            .expect("of a known type");
    }
});
