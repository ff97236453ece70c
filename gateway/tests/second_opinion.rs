//! The tokenizer against the crate `hl7-parser` on inputs that crate reads right: CR line ends, four encoding
//! characters, well-formed segments. Where it is known to be wrong (escapes, other headers) it is not asked.

use clinicvault_gateway::hl7::Mode;
use clinicvault_gateway::hl7::parse::read;
use proptest::prelude::*;

fn value() -> impl Strategy<Value = String> {
    "[A-Za-z0-9 .,:;/()+-]{0,12}"
}

fn field() -> impl Strategy<Value = String> {
    let component = proptest::collection::vec(value(), 1..4).prop_map(|subs| subs.join("&"));
    let repeat = proptest::collection::vec(component, 1..5).prop_map(|c| c.join("^"));
    proptest::collection::vec(repeat, 1..3).prop_map(|r| r.join("~"))
}

fn segment() -> impl Strategy<Value = String> {
    let name = prop_oneof![Just("PID"), Just("OBX"), Just("NTE"), Just("ZAB"), Just("IN1")];
    (name, proptest::collection::vec(field(), 1..12))
        .prop_map(|(n, fields)| format!("{n}|{}", fields.join("|")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn both_readers_find_the_same_values(segments in proptest::collection::vec(segment(), 1..8)) {
        let text = format!("MSH|^~\\&|LAB|CITY|BOX|CLINIC|20261121||ORU^R01|1|P|2.5\r{}", segments.join("\r"));
        let ours = read(text.as_bytes(), Mode::Strict).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let theirs = hl7_parser::parse_message_with_lenient_newlines(&text)
            .map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert_eq!(theirs.raw_value().len(), text.len(), "the second opinion dropped something");
        prop_assert_eq!(ours.len(), theirs.segments().count());
        for (a, b) in ours.segments().zip(theirs.segments()).skip(1) {
            prop_assert_eq!(a.name(), b.name);
            prop_assert_eq!(a.fields().count(), b.fields().count());
            for ((_, fa), fb) in a.fields().zip(b.fields()) {
                prop_assert_eq!(fa.raw(), fb.raw_value().as_bytes());
                for (ra, rb) in fa.repeats().zip(fb.repeats()) {
                    prop_assert_eq!(ra.raw(), rb.raw_value().as_bytes());
                    for (ca, cb) in ra.components().zip(rb.components()) {
                        prop_assert_eq!(ca.raw(), cb.raw_value().as_bytes());
                        let subs: Vec<&[u8]> = cb.subcomponents().map(|s| s.raw_value().as_bytes()).collect();
                        let own: Vec<&[u8]> = ca.subs().map(|s| s.raw()).collect();
                        prop_assert_eq!(own, subs);
                    }
                }
            }
        }
    }
}
