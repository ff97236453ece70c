//! Any Bundle of definitions and resources: the definitions are compiled or refused, the resources checked against them in
//! bounded work, with the same answer again.
#![no_main]

use clinicvault_gateway::fhir::profile::{compile, embedded, snapshot};
use clinicvault_gateway::fhir::validate::{MOST_ISSUES, Policy, Shelf, Validator};
use clinicvault_gateway::json::{self, Limits, Value};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(tree) = json::parse(bytes, &Limits::default()) else { return };
    let mut shelf = Shelf::default();
    shelf.add(&[&tree]);
    let resources: Vec<&Value> = tree.items("entry").iter().filter_map(|e| e.get("resource")).take(8).collect();
    let definitions = resources.iter().filter(|r| r.str("resourceType") == Some("StructureDefinition"));
    let urls: Vec<&str> = definitions.clone().filter_map(|r| r.str("url")).collect();
    for definition in definitions {
        if let Ok(profile) = compile(definition, &embedded) {
            let _ = snapshot(&profile);
        }
    }
    let validator = Validator::new(&shelf, Policy::strict()).with_most_steps(100_000);
    for resource in resources.into_iter().chain([&tree]) {
        let issues = validator.check(resource, &urls);
        assert!(issues.len() <= 2 * MOST_ISSUES + 2);
        assert_eq!(issues, validator.check(resource, &urls));
    }
});
