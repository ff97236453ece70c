//! Any JSON as a FHIRPath Patch: read or refused; what it makes of a patient is a tree that can be written and read, and
//! the same again.
#![no_main]

use clinicvault_gateway::fhir::patch::Patch;
use clinicvault_gateway::json::{self, Limits};

const PATIENT: &str = r##"{"resourceType":"Patient","id":"7","active":true,"birthDate":"1974-12-25","_birthDate":{"id":"b"},
    "name":[{"family":"Rao","given":["A",null],"_given":[null,{"id":"g"}]},{"use":"old","family":"X"}],"deceasedBoolean":false,
    "contained":[{"resourceType":"Organization","id":"o"}],"managingOrganization":{"reference":"#o"}}"##;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let limits = Limits::default();
    let Ok(tree) = json::parse(bytes, &limits) else { return };
    let Ok(patch) = Patch::of_parameters(&tree) else { return };
    let patient = json::parse(PATIENT.as_bytes(), &limits).expect("the patient is JSON");
    let made = patch.apply(&patient);
    assert_eq!(made, patch.apply(&patient));
    if let Ok(made) = made {
        let written = made.to_vec();
        assert_eq!(json::parse(&written, &limits).as_ref(), Ok(&made), "what a patch makes can be stored");
    }
});
