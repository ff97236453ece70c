//! What can go wrong with a connection. What a participant may not do is a [`crate::room::Refusal`] instead.

/// Why a connection could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No socket could be opened for the connection. Free a port, or widen the range.
    #[error(
        "no free UDP port for a call on the addresses {addresses} (ports {ports}): widen the range of ports"
    )]
    NoPort {
        /// The addresses tried.
        addresses: String,
        /// The ports tried.
        ports: String,
    },
    /// The participant's browser sent a description or a candidate that cannot be used: only that one is at fault.
    #[error("what the browser sent cannot be used: {0}")]
    Unusable(String),
    /// The engine failed: the connection is to be given up and opened again.
    #[error("the media engine failed: {0}")]
    Engine(String),
    /// The connection has been closed.
    #[error("the connection is closed")]
    Closed,
    /// A relay's or a STUN server's setting cannot be used.
    #[error("{0}")]
    Setting(String),
    /// Speech could not be decoded.
    #[error("the sound could not be decoded: {0}")]
    Sound(String),
}
