//! Any bytes as an HL7 v2 message: read, walked to the last sub-component, answered.
#![no_main]

use clinicvault_gateway::hl7::{self, Limits, Mode, ack};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for mode in [Mode::Tolerant, Mode::Strict] {
        let Ok(message) = hl7::parse(bytes.to_vec(), &Limits::default(), mode, None) else { continue };
        let mut end = 0;
        for segment in message.segments() {
            // Segments stand in order and apart: no byte belongs to two of them.
            assert!(segment.range().start >= end && segment.range().end <= message.bytes().len());
            end = segment.range().end;
            for (_, field) in segment.fields() {
                for repeat in field.repeats() {
                    for component in repeat.components() {
                        for sub in component.subs() {
                            let _ = (sub.text(), sub.presence());
                        }
                    }
                }
            }
        }
        let _ = (message.gaps(), ack::Wish::of(message.header()));
    }
});
