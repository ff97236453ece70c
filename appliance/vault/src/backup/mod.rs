//! Backup and restore: consistent, incremental sets of encrypted files that a standard `age` tool opens.
//!
//! Owns what lies on a shelf and how a vault comes back from it; leaves to others where a shelf is (a folder here,
//! other places over [`Shelf`]), when a backup runs and who is told.

pub mod shelf;

pub use shelf::{Class, FolderShelf, Held, MAX_FILE, Shelf, ShelfError};
