//! Any text as an expression over a resource: what is read is answered in bounded work, and the same way again.
#![no_main]

use clinicvault_gateway::fhirpath::{Context, Expression, Item, Node};
use clinicvault_gateway::json::{self, Limits};

const SEEDS: [&str; 3] = [
    r##"{"resourceType":"Patient","id":"7","birthDate":"1974-12-25","_birthDate":{"id":"b"},"name":[{"family":"Rao",
    "given":["A",null],"_given":[null,{"extension":[{"url":"u","valueCode":"x"}]}],"period":{"start":"2020"}}],
    "contained":[{"resourceType":"Organization","id":"o"}],"managingOrganization":{"reference":"#o"}}"##,
    r#"{"resourceType":"Observation","valueQuantity":{"value":185.50,"system":"http://unitsofmeasure.org","code":"[lb_av]"},
    "effectiveDateTime":"2024-02-03T04:05:06+05:30","component":[{"valueInteger":3},{"valueTime":"10:00:00"}]}"#,
    r#"{"resourceType":"Nothing","a":[[[1,2],{"b":null}]],"_a":{"extension":[{"url":1}]}}"#,
];

libfuzzer_sys::fuzz_target!(|input: (u8, &str)| {
    let Ok(expression) = Expression::parse(input.1) else { return };
    let _ = expression.check("Patient");
    let seed = SEEDS[usize::from(input.0) % SEEDS.len()];
    let resource = json::parse(seed.as_bytes(), &Limits::default()).expect("a seed is JSON");
    let context = Context::new(&resource)
        .with_now(jiff::Timestamp::UNIX_EPOCH, &jiff::tz::TimeZone::UTC)
        .with_most_steps(200_000);
    let texts = |items: Vec<Item<'_>>| items.iter().map(|i| i.to_json().to_vec()).collect::<Vec<_>>();
    let first = expression.evaluate(&context, Node::resource(&resource)).map(texts);
    assert_eq!(first, expression.evaluate(&context, Node::resource(&resource)).map(texts));
});
