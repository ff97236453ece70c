//! Any bytes as a model: a ggml file behind a head that is right, any bytes as one, and any as weights of a package.
#![no_main]

use std::io::Cursor;

use clinicvault_scribe::model::{ct2, ggml};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = ggml::check(&mut Cursor::new(bytes));
    let _ = ct2::File::read(bytes);
    // Behind a head, filters and a vocabulary that pass, the table of tensors is the fuzzer's.
    let mut file = Vec::with_capacity(400_000 + bytes.len());
    for number in [ggml::MAGIC, 51_864, 1500, 64, 1, 4, 448, 64, 1, 4, 80, 1, 80, 201] {
        file.extend_from_slice(&number.to_le_bytes());
    }
    file.resize(file.len() + 80 * 201 * 4, 0);
    file.extend_from_slice(&50_257_u32.to_le_bytes());
    file.resize(file.len() + 50_257 * 4, 0);
    file.extend_from_slice(bytes);
    assert!(ggml::check(&mut Cursor::new(&file)).is_err(), "a model of so few bytes is none");
});
