//! The room in which doctor and patient meet: who is in, what is said and shown there, and what is heard.
//!
//! Owns one room for each consultation in which somebody is, its call, and what of it is kept. Leaves to others: the course of
//! the consultation (`state` of the room above), media as such (`clinicvault-media`), making captions (`ears`), sockets
//! (`http::consult_socket`).
//!
//! Pure, with `now` as an argument: [`state`] (the rules; `recorder` is the part about recordings), [`contact`] (whether they are in touch), [`log`] (events for whoever
//! was away), [`ticket`], [`member`], [`protocol`]. Around them: `rooms` finds and runs, `driver` performs, `calls` carries,
//! `desk` writes down, [`outbox`] waits for a browser.

#[cfg(feature = "video")]
mod calls;
#[cfg(not(feature = "video"))]
#[path = "no_calls.rs"]
mod calls;
pub mod contact;
pub mod desk;
mod driver;
pub mod ears;
pub mod gauge;
pub mod kept;
mod line;
pub mod log;
pub mod member;
#[cfg(test)]
mod model;
pub mod outbox;
pub mod protocol;
pub(in crate::consult) mod record;
mod recorder;
pub mod reel;
mod rooms;
pub mod state;
pub mod ticket;

pub use rooms::{Place, Rooms, keep};

pub(in crate::consult) use calls::{CARRIES, mend};

/// Whether calls can be carried by these settings; a sentence when not.
///
/// # Errors
/// The sentence.
pub fn check(settings: &crate::config::Calls) -> Result<(), String> {
    calls::Calls::new(settings).map(|_| ())
}
