//! Any bytes as what the vault hands out of itself: an audit leaf and a signed checkpoint, as an outside verifier
//! reads them.
#![no_main]

use clinicvault_vault::audit::{Checkpoint, leaf};
use ed25519_dalek::SigningKey;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = leaf::decode(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let key = SigningKey::from_bytes(&[7; 32]).verifying_key();
        assert!(Checkpoint::verify(text, &key).is_err(), "nobody signed this");
    }
});
