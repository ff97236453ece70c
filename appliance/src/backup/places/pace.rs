//! A place that is not used faster than the clinic wants, so that a backup does not take the whole line.

use std::thread;
use std::time::Duration;

use clinicvault_vault::backup::{Held, Shelf, ShelfError};

/// Slows a place down to a number of bytes a second, over files of at most 32 MiB.
#[derive(Debug)]
pub struct Paced {
    inner: Box<dyn Shelf>,
    bytes_a_second: u64,
}

impl Paced {
    /// `inner`, at most this fast; 0 does not slow it.
    pub fn new(inner: Box<dyn Shelf>, kib_a_second: u32) -> Self {
        Self { inner, bytes_a_second: u64::from(kib_a_second) * 1024 }
    }

    /// Waits for the time that `bytes` should take: less is free when the line itself is slow, which errs on the quiet side.
    fn pause(&self, bytes: usize) {
        thread::sleep(pause(bytes, self.bytes_a_second));
    }
}

/// How long to wait after so many bytes.
fn pause(bytes: usize, bytes_a_second: u64) -> Duration {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    match bytes_a_second {
        0 => Duration::ZERO,
        rate => Duration::from_millis(bytes.saturating_mul(1000) / rate),
    }
}

impl Shelf for Paced {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), ShelfError> {
        self.inner.put(name, bytes)?;
        self.pause(bytes.len());
        Ok(())
    }

    fn get(&self, name: &str) -> Result<Vec<u8>, ShelfError> {
        let bytes = self.inner.get(name)?;
        self.pause(bytes.len());
        Ok(bytes)
    }

    fn list(&self, prefix: &str) -> Result<Vec<Held>, ShelfError> {
        self.inner.list(prefix)
    }

    fn delete(&self, name: &str) -> Result<(), ShelfError> {
        self.inner.delete(name)
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mebibyte_at_half_a_mebibyte_a_second_takes_two_seconds() {
        assert_eq!(pause(1 << 20, 512 * 1024), Duration::from_secs(2));
        assert_eq!(pause(1 << 20, 0), Duration::ZERO);
        assert_eq!(pause(0, 1), Duration::ZERO);
    }
}
