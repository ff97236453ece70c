//! Format levels.
//!
//! Level 2 added the rows that wait to be spread (pending/) and the number of the commit in the state. A database of
//! level 1 has none waiting and is taken over as it is: only its level is raised, so that a program which does not know
//! of waiting rows refuses it.

/// The level this program writes and the highest it reads.
pub(crate) const LEVEL: u32 = 2;
