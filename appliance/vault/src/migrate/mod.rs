//! Format levels.
//!
//! Level 2 added the rows that wait to be spread (pending/) and the number of the commit in the state. A database of
//! level 1 has none waiting and is taken over as it is: only its level is raised, so that a program which does not know
//! of waiting rows refuses it.
//!
//! Level 3 added loads and terms to the rows of queues. Rows of earlier levels have neither, and are read as they are;
//! whoever owns a queue may give them terms.

/// The level this program writes and the highest it reads.
pub(crate) const LEVEL: u32 = 3;
