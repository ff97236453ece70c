//! One call: the handle others hold, and the driver that performs what the [`crate::room`] decides.
//!
//! [`Call::new`] gives the handle and a future. The caller runs the future as a task of his own; it ends after
//! [`Call::end`], or when every handle is gone, with every connection closed.

mod driver;

use crate::audio::Sound;
use crate::engine::{Link, Media, PeerId};
use crate::ice::IceServer;
use crate::quality::Meter;
use crate::recording::Piece;
use crate::room::{Limits, Refusal, Wants};
use crate::signal::{FromPeer, ToPeer};
use std::future::Future;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// Commands that wait for the driver. It performs one at a time; who asks more waits.
const COMMANDS: usize = 64;

/// How somebody comes in.
#[derive(Clone, Debug)]
pub struct Joining {
    /// What he wants to be sent.
    pub wants: Wants,
    /// The servers his browser may use ([`crate::ice::Servers::for_participant`]).
    pub ice_servers: Vec<IceServer>,
}

/// Somebody who came in.
#[derive(Debug)]
pub struct Joined {
    /// His number in this call.
    pub id: PeerId,
    /// What is to be brought to his browser, in order. He is put out when nobody empties it.
    pub outbox: mpsc::Receiver<ToPeer>,
    /// How his connection stands now.
    pub link: watch::Receiver<Link>,
}

/// The handle of a call. Clones drive the same call.
#[derive(Clone, Debug)]
pub struct Call {
    commands: mpsc::Sender<Command>,
}

#[derive(Debug)]
enum Command {
    Join(Joining, oneshot::Sender<Result<Joined, Refusal>>),
    Hear(PeerId, FromPeer, oneshot::Sender<Result<(), Refusal>>),
    Leave(PeerId),
    Tap(PeerId, Option<mpsc::Sender<Sound>>, oneshot::Sender<Result<(), Refusal>>),
    Record(PeerId, Option<mpsc::Sender<Piece>>, oneshot::Sender<Result<(), Refusal>>),
    Meters(oneshot::Sender<Vec<Meter>>),
    End,
}

impl Call {
    /// A call on this engine, and the future that drives it.
    pub fn new(media: Arc<dyn Media>, limits: Limits) -> (Call, impl Future<Output = ()> + Send + 'static) {
        let (commands, waiting) = mpsc::channel(COMMANDS);
        (Call { commands }, driver::Driver::new(media, limits).run(waiting))
    }

    /// Brings somebody in. Refused when the call is full or over.
    pub async fn join(&self, joining: Joining) -> Result<Joined, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.ask(Command::Join(joining, reply), answer).await?
    }

    /// What his browser said. A refusal is for that browser; the call goes on.
    pub async fn hear(&self, who: PeerId, said: FromPeer) -> Result<(), Refusal> {
        let (reply, answer) = oneshot::channel();
        self.ask(Command::Hear(who, said, reply), answer).await?
    }

    /// Takes him out.
    pub async fn leave(&self, who: PeerId) {
        let _ = self.commands.send(Command::Leave(who)).await;
    }

    /// Copies his speech, decoded, to there, or no longer. The caller has his consent. What finds no room is dropped.
    pub async fn tap(&self, who: PeerId, to: Option<mpsc::Sender<Sound>>) -> Result<(), Refusal> {
        let (reply, answer) = oneshot::channel();
        self.ask(Command::Tap(who, to, reply), answer).await?
    }

    /// Records what he sends, unchanged, as pieces of WebM, or no longer. The caller has everybody's consent. The recording ends
    /// early, without its last piece, when its pieces are not taken in time.
    pub async fn record(&self, who: PeerId, to: Option<mpsc::Sender<Piece>>) -> Result<(), Refusal> {
        let (reply, answer) = oneshot::channel();
        self.ask(Command::Record(who, to, reply), answer).await?
    }

    /// The quality meters as last measured.
    pub async fn meters(&self) -> Vec<Meter> {
        let (reply, answer) = oneshot::channel();
        self.ask(Command::Meters(reply), answer).await.unwrap_or_default()
    }

    /// Ends the call for everyone.
    pub async fn end(&self) {
        let _ = self.commands.send(Command::End).await;
    }

    async fn ask<T>(&self, command: Command, answer: oneshot::Receiver<T>) -> Result<T, Refusal> {
        self.commands.send(command).await.map_err(|_| Refusal::NotHere)?;
        answer.await.map_err(|_| Refusal::NotHere)
    }
}
