//! What somebody sends in a call as a file that browsers play: Opus and VP8 as they came, in WebM. Nothing is decoded.
//!
//! Owns the joining of pictures ([`vp8`]), the times of both streams ([`film`]) and the file ([`webm`]): all three pure.
//! [`record`] drives them. Leaves to others: consent, and where the pieces are kept.

mod ebml;
pub mod film;
pub mod vp8;
pub mod webm;

pub use film::{Film, Piece};
pub use webm::{Closing, mend};

use crate::engine::PeerId;
use crate::forward::Copied;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Gives the pieces of what comes until nothing comes any more. Ends early, without an [`Piece::End`], when nobody takes them
/// or they are taken too slowly: what was not kept is not claimed to be. `began` is the time 0 of what is copied; `wishes` is
/// told whose whole picture is needed.
pub async fn record(
    began: Instant,
    of: PeerId,
    mut copied: mpsc::Receiver<Copied>,
    wishes: mpsc::Sender<PeerId>,
    to: mpsc::Sender<Piece>,
) {
    let mut film = Film::new();
    let mut beat = interval(film::EVERY);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            next = copied.recv() => match next {
                Some(next) => film.push(next),
                None => break,
            },
            _ = beat.tick() => {
                for piece in film.cut(began.elapsed(), false) {
                    if to.try_send(piece).is_err() {
                        tracing::warn!(op = "media.record", peer = of.0, "a recording is not taken in time and ends");
                        return;
                    }
                }
            }
            () = to.closed() => return,
        }
        if film.wants_whole(began.elapsed()) {
            let _ = wishes.try_send(of);
        }
    }
    for piece in film.cut(began.elapsed(), true) {
        if to.send(piece).await.is_err() {
            return;
        }
    }
}
