//! What the recording of one person in a call consists of, on its way from the call to whoever keeps it: files in pieces, each of
//! use as soon as it is kept.

use std::time::Duration;

/// In order: each file begins, grows and ends. Whoever switches the camera begins another file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A file begins.
    Begin {
        /// Its time 0, since the call began.
        at: Duration,
        /// It has pictures.
        pictures: bool,
        /// Its first bytes.
        head: Vec<u8>,
    },
    /// More bytes of it, less than 1 MiB.
    Cluster(Vec<u8>),
    /// The file is over.
    End {
        /// What it says of itself.
        closing: Closing,
        /// Packets that never came.
        lost: u64,
    },
}

/// What a file says of itself once it is over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Closing {
    /// Served in place of the first bytes, which are as many.
    pub head: Vec<u8>,
    /// Served after the last.
    pub tail: Vec<u8>,
    /// How long it plays.
    pub lasts: Duration,
}
