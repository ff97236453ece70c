//! Whether the vault can still do its work: a mark is written, committed durably, and read back. It is no unit of work: no
//! Tx is used up, no audit line is written, no record changes.

use thiserror::Error;

use crate::error::{Fault, ReadError, Refused};
use crate::vault::Vault;

/// Where the mark lies.
pub(crate) const MARK: &[u8] = b"pulse";

/// Why there is no pulse.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NoPulse {
    /// Nothing is written now.
    #[error("nothing can be written: {0}")]
    Unwritten(Refused<Fault>),
    /// What was written cannot be read.
    #[error("what was written cannot be read: {0}")]
    Unread(ReadError),
    /// Another mark than the one that was written is there.
    #[error("what was written is not what is read")]
    Another,
}

impl Vault {
    /// Writes a mark and reads it back; whoever calls it does so alone. Blocking, for as long as the vault is behind.
    ///
    /// # Errors
    /// [`NoPulse`].
    pub fn pulse(&self, mark: u64) -> Result<(), NoPulse> {
        self.write(move |unit| unit.mark(mark)).map_err(NoPulse::Unwritten)?;
        let read = self.snapshot().and_then(|snapshot| snapshot.mark()).map_err(NoPulse::Unread)?;
        if read == Some(mark) { Ok(()) } else { Err(NoPulse::Another) }
    }
}
