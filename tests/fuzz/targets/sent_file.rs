//! Any bytes as a file that somebody sends: as they are, and behind the beginning of each type that is taken.
#![no_main]

use clinicvault_gateway::files::{clean, look};

const BEGINNINGS: [&[u8]; 4] =
    [b"\xFF\xD8\xFF", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBPVP8 ", b"%PDF-1.7 /XRef /ObjStm stream\n"];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = look(bytes);
    for beginning in BEGINNINGS {
        let mut file = [beginning, bytes].concat();
        if let Ok(kind) = look(&file) {
            let name = clean(&String::from_utf8_lossy(bytes), kind);
            assert!(name.ends_with(kind.ending()));
        }
        file.extend_from_slice(b"\nendstream\nstartxref\n0\n%%EOF");
        let _ = look(&file);
    }
});
