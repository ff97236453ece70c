//! Where messages come from: one file a kind of source, each with its part of a channel's document, its checks and what
//! it does while it runs. `net` are addresses and networks, `pins` certificates that a peer is known by,
//! `vicinity` what stands around a changed record.

pub mod analyser;
pub mod folder;
pub mod http;
pub mod mllp;
pub mod net;
pub mod pins;
pub mod records;
pub(super) mod telling;
mod vicinity;
