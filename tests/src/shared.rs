//! Public sample data beside the checkout (`../shared`), for tests that read it and skip when it is absent.

use std::path::PathBuf;

/// The folder or file `shared/<path>` beside the repository; prints a line and returns nothing when it is not there.
pub fn shared(path: &str) -> Option<PathBuf> {
    let found = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")).join(path);
    if found.exists() {
        return Some(found);
    }
    eprintln!("skipped: ../shared/{path} is not here");
    None
}
