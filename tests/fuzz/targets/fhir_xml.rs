//! Any bytes as a FHIR resource in XML: what is accepted and keeps the rules is written back without loss.
#![no_main]

use clinicvault_gateway::fhir::validate;
use clinicvault_gateway::fhir::xml::{self, Style};
use clinicvault_gateway::json::Limits;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let limits = Limits::default();
    let Ok(value) = xml::read(bytes, &limits) else { return };
    if !validate::structure(&value).is_empty() {
        return;
    }
    let Ok(compact) = xml::write(&value, Style::Compact) else { return };
    let again = xml::read(&compact, &limits).expect("our own writing is readable");
    assert_eq!(
        xml::write(&again, Style::Compact).as_deref(),
        Ok(&compact[..]),
        "a second writing changes nothing"
    );
    let pretty = xml::write(&value, Style::Pretty).expect("what is written compactly is written prettily");
    assert_eq!(xml::read(&pretty, &limits).as_ref(), Ok(&again), "the layout says nothing");
});
