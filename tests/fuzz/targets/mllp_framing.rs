//! Any bytes on an MLLP line: what comes out must not depend on how the reads were cut, and memory is bounded.
#![no_main]

use clinicvault_gateway::hl7::mllp::{Bounds, Decoder, Event};

const BOUNDS: Bounds = Bounds { frame: 256, junk: 16 };

fn events(bytes: &[u8], cut: usize) -> Vec<Event> {
    let mut decoder = Decoder::new(BOUNDS);
    let mut found = Vec::new();
    for mut piece in bytes.chunks(cut) {
        while let Some(event) = decoder.take(&mut piece) {
            found.push(event);
        }
    }
    found.extend(decoder.pause());
    found
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let whole = events(bytes, usize::MAX);
    for cut in [1, 2, 7] {
        assert_eq!(events(bytes, cut), whole, "read in pieces of {cut}");
    }
    for event in whole {
        if let Event::Frame(payload) = event {
            assert!(payload.len() <= BOUNDS.frame);
        }
    }
});
