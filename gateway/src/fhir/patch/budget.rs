//! Work that several patches may do together.

use std::sync::atomic::{AtomicU64, Ordering};

use super::PatchError;

/// Steps that the patches of one request may take in all: those of evaluating paths, of looking at, comparing and copying
/// values, and of reading the records that are patched.
#[derive(Debug)]
pub struct Budget {
    most: u64,
    left: AtomicU64,
}

impl Budget {
    /// So many steps.
    pub const fn new(most: u64) -> Self {
        Self { most, left: AtomicU64::new(most) }
    }

    /// Takes steps out of it.
    ///
    /// # Errors
    /// [`PatchError::TooCostly`] when there are not so many left; then none is.
    pub fn take(&self, steps: u64) -> Result<(), PatchError> {
        let enough =
            self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(steps));
        enough.map(|_| ()).map_err(|_| {
            self.left.store(0, Ordering::Relaxed);
            PatchError::TooCostly(self.most)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_up_stays_so() {
        let budget = Budget::new(10);
        assert!(budget.take(7).is_ok() && budget.take(3).is_ok() && budget.take(0).is_ok());
        assert_eq!(budget.take(1), Err(PatchError::TooCostly(10)));
        let budget = Budget::new(10);
        assert!(budget.take(11).is_err() && budget.take(1).is_err());
    }
}
