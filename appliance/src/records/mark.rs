//! What a version's mark in the vault says: how it came, where its number does not tell
//! (`docs/decisions/0134-a-version-says-how-it-came.md`). Part of the stored format.

/// A create, an update of what stood, or a version from before there were marks.
pub const NONE: u8 = 0;
/// An update brought the record into being, or back.
pub const BROUGHT: u8 = 1;
/// A patch of the version before.
pub const PATCHED: u8 = 2;
