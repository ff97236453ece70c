//! Any bytes on an analyser's line and in a file of one: what is stored must not depend on how the reads were cut, memory
//! is bounded, and a part reads as a message or is refused.
#![no_main]

use std::time::Duration;

use clinicvault_gateway::astm::line::Numbers;
use clinicvault_gateway::astm::printout::Printer;
use clinicvault_gateway::astm::{Effect, Limits, Line, Message, Part, Settings, capture, query};

fn stored(bytes: &[u8], cut: usize, settings: Settings) -> Vec<Part> {
    let mut line = Line::new(settings);
    let mut parts = Vec::new();
    for piece in bytes.chunks(cut) {
        let mut effects = line.read(piece, Duration::ZERO);
        while !effects.is_empty() {
            let mut next = Vec::new();
            for effect in effects {
                match effect {
                    Effect::Store(found) => {
                        parts.extend(found);
                        next.extend(line.stored(Duration::ZERO));
                    }
                    Effect::Keep(part) => parts.push(part),
                    Effect::Send(_) | Effect::Sent | Effect::Unsent(_) | Effect::Note(_) => {}
                }
            }
            effects = next;
        }
    }
    for effect in line.close() {
        if let Effect::Keep(part) = effect {
            parts.push(part);
        }
    }
    parts
}

fn printed(bytes: &[u8], cut: usize) -> Vec<Vec<u8>> {
    let mut printer = Printer::new(64);
    let mut texts = Vec::new();
    for mut piece in bytes.chunks(cut) {
        texts.extend(std::iter::from_fn(|| printer.take(&mut piece)));
    }
    texts.extend(printer.pause());
    texts
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let texts = printed(bytes, usize::MAX);
    assert_eq!(printed(bytes, 3), texts, "print-outs read in pieces");
    assert!(texts.iter().all(|text| text.len() <= 64));
    let settings = Settings {
        unannounced: bytes.first().is_some_and(|b| b % 2 == 0),
        numbers: if bytes.len() % 2 == 0 { Numbers::Strict } else { Numbers::Loose },
        part: 512,
        frame: 256,
        backlog: 1 << 20,
        ..Settings::default()
    };
    let whole = stored(bytes, usize::MAX, settings);
    for cut in [1, 2, 7] {
        assert_eq!(stored(bytes, cut, settings), whole, "read in pieces of {cut}");
    }
    let _ = capture::read(bytes, 512);
    for part in whole {
        // Header and patient are copied into each part of a message.
        assert!(part.bytes.len() <= 3 * settings.part);
        if let Ok(message) = Message::parse(part.bytes, &Limits::default(), None) {
            let _ = query::queries(&message, 2);
            for record in message.records() {
                for (_, field) in record.fields() {
                    field.repeats().flat_map(|r| r.components()).for_each(|c| drop(c.text()));
                }
            }
        }
    }
});
