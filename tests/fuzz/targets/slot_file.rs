//! Any bytes as the file of key slots, with the sum that lets them past the first check: it is read before anybody
//! has proved anything, so whoever holds the disk may write it.
#![no_main]

use std::sync::{Arc, LazyLock};

use clinicvault_vault::{OpenOptions, Unlock, Vault, slot_kinds};
use sha2::{Digest, Sha256};

static FOLDER: LazyLock<tempfile::TempDir> =
    LazyLock::new(|| tempfile::tempdir().expect("a temporary folder"));

libfuzzer_sys::fuzz_target!(|content: &[u8]| {
    let mut file = content.to_vec();
    file.extend_from_slice(&Sha256::digest(content)[..8]);
    file.extend_from_slice(&[0; 32]);
    std::fs::write(FOLDER.path().join("slots"), &file).expect("a writable folder");
    let Ok(kinds) = slot_kinds(FOLDER.path()) else { return };
    assert!(kinds.len() <= 255);
    // Its end is not sealed by any key, so nobody gets in.
    let key = Unlock::Credential(vec![7; 32].into());
    assert!(
        Vault::open(FOLDER.path(), &key, OpenOptions::new(Arc::new(|| jiff::Timestamp::UNIX_EPOCH))).is_err()
    );
});
