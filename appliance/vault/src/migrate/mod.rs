//! Format levels. There is one level so far: the check that a newer file is refused.

/// The level this program writes and the highest it reads.
pub(crate) const LEVEL: u32 = 1;
