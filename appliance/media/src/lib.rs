//! Video and audio of a call of up to six people: each has one connection to the box, which hands every packet on
//! unchanged to the others, and copies somebody's speech, or all that he sends, to who asked for it.
//!
//! Owns: connections, their negotiation, the forwarding of packets, the decoding of tapped speech, the measures of
//! quality. Leaves to others: who may be in a call and under which name, how its messages travel (it gives and takes
//! [`signal`] values), what becomes of decoded speech, consent to it.
//!
//! From the outside in:
//! - [`call`]: the driver, one task a call. It performs what the room decides, on an [`engine::Media`].
//! - [`room`]: who is in, whose tracks go to whom, negotiation, limits: a pure state machine with `now` as an argument.
//! - [`engine`]: what a media engine must be able to do; [`peer`] is the one on `webrtc`.
//! - [`forward`]: packets from a sender to those who watch him. [`audio`]: the tap. [`quality`]: caps and meters.
//! - [`recording`]: what somebody sends, unchanged, as WebM.
//! - [`ice`]: STUN and TURN servers, and credentials that run out.
//!
//! Calls are encrypted from each browser to the box and from the box to each browser; the box itself sees the media.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout))]

pub mod audio;
pub mod call;
pub mod engine;
mod error;
pub mod forward;
pub mod ice;
pub mod peer;
pub mod quality;
pub mod recording;
pub mod room;
pub mod signal;

pub use error::Error;
