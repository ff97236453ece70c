//! The live feed over a WebSocket: what changed, never what it says.
//!
//! Owns the conversation on one socket: what it subscribes to, resuming after a `Tx`, the heartbeat,
//! and letting go of a listener that does not read or is no longer signed in. Who may open it was the guard's
//! question. Which changes a listener hears is `clinic::live`'s rule. There is
//! no queue of messages per listener: a slow one is held up by its own socket, falls behind the feed's backlog and
//! catches up from the vault's log.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::get;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use utoipa::IntoParams;

use super::changes::AT_ONCE;
use super::error::HttpError;
use super::extract::Actor;
use super::standing::{Standing, farewell};
use crate::app::App;
use crate::clinic::live::{Change, Interest, message};
use crate::records::Records;
use crate::records::feed::Event;

/// A ping goes out this often; a listener that answers none of two is gone.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// A message that cannot be handed to the network for this long means that nobody reads.
const PATIENCE: Duration = Duration::from_secs(10);
/// A subscription is small.
const MOST_BYTES: usize = 16 * 1024;

/// The routes of this file.
pub fn routes() -> Router<App> {
    Router::new().route("/api/events", get(events))
}

/// Where the listener stands.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Position {
    /// The last transaction that was seen; 0 for "from now".
    #[serde(default)]
    since: u64,
}

/// What a listener sends.
#[derive(Debug, Deserialize)]
struct Request {
    subscribe: Interest,
}

/// Told when the listener was away for so long that it must load its views again.
#[derive(Debug, Serialize)]
struct Reset {
    reset: bool,
    last: u64,
}

/// Opens the live feed. The browser must come from this box's own pages.
#[utoipa::path(get, path = "/api/events", params(Position), responses((status = 101)), tag = "live")]
pub(super) async fn events(
    who: Actor,
    State(app): State<App>,
    Query(position): Query<Position>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, HttpError> {
    let rooms = app.rooms()?;
    let standing = Arc::new(Standing::of(rooms.people.clone(), &who, &headers));
    let listener =
        Listener { standing, who, records: rooms.records.clone(), interest: None, seen: position.since };
    let upgrade = upgrade.max_message_size(MOST_BYTES).max_frame_size(MOST_BYTES);
    Ok(upgrade.on_upgrade(|socket| listener.run(socket)))
}

struct Listener {
    standing: Arc<Standing>,
    who: Actor,
    records: Records,
    /// None until the listener has said what it wants; nothing is taken as seen before that.
    interest: Option<Interest>,
    seen: u64,
}

/// Why the conversation ends; nothing is left to do about it but to close.
struct Over;

impl Listener {
    async fn run(mut self, mut socket: WebSocket) {
        let mut feed = self.records.feed().listen();
        let mut beat = interval(HEARTBEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beat.reset();
        let mut heard = Instant::now();
        // A session or token that ends, however it ends, hears nothing more.
        let standing = self.standing.clone();
        let mut ended = std::pin::pin!(standing.ended());
        loop {
            let going_on = tokio::select! {
                () = &mut ended => Err(Over),
                incoming = socket.recv() => {
                    heard = Instant::now();
                    self.incoming(&mut socket, incoming).await
                }
                event = feed.recv() => match event {
                    Ok(event) => self.tell(&mut socket, &event).await,
                    // The transaction last heard may have been cut in two; a change told twice does no harm.
                    Err(RecvError::Lagged(_)) => self.catch_up(&mut socket, self.seen.saturating_sub(1).max(1)).await,
                    Err(RecvError::Closed) => Err(Over),
                },
                _ = beat.tick() => {
                    if heard.elapsed() > HEARTBEAT * 2 {
                        Err(Over)
                    } else {
                        send(&mut socket, Message::Ping(axum::body::Bytes::new())).await
                    }
                }
            };
            if going_on.is_err() {
                break;
            }
        }
        // The peer may have gone already; there is nobody left to tell.
        let _ = timeout(PATIENCE, socket.send(farewell(&self.standing))).await;
    }

    async fn incoming(
        &mut self,
        socket: &mut WebSocket,
        incoming: Option<Result<Message, axum::Error>>,
    ) -> Result<(), Over> {
        match incoming {
            Some(Ok(Message::Text(text))) => {
                let request: Request = serde_json::from_str(&text).map_err(|_| Over)?;
                if !request.subscribe.is_reasonable() {
                    return Err(Over);
                }
                self.interest = Some(request.subscribe);
                self.catch_up(socket, self.seen).await
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
            Some(Ok(Message::Binary(_) | Message::Close(_)) | Err(_)) | None => Err(Over),
        }
    }

    /// Sends what was committed after `since`.
    async fn catch_up(&mut self, socket: &mut WebSocket, since: u64) -> Result<(), Over> {
        let records = self.records.clone();
        let read = tokio::task::spawn_blocking(move || records.since(since, AT_ONCE)).await;
        let since = read.map_err(|_| Over)?.map_err(|_| Over)?;
        if since.reset {
            let reset = Reset { reset: true, last: since.last };
            send_json(socket, &reset).await?;
        } else {
            for event in &since.events {
                self.tell(socket, event).await?;
            }
        }
        self.seen = self.seen.max(since.last);
        Ok(())
    }

    async fn tell(&mut self, socket: &mut WebSocket, event: &Event) -> Result<(), Over> {
        // One transaction holds many changes, so only those of earlier ones are known to have been sent.
        let Some(interest) = self.interest.as_ref().filter(|_| event.tx >= self.seen) else { return Ok(()) };
        self.seen = event.tx;
        if !self.standing.holds() {
            return Err(Over);
        }
        let hears = self.records.hears(&self.who, event).map_err(|_| Over)?;
        match message(event, &self.who, interest).filter(|_| hears) {
            Some(change) => send_json::<Change>(socket, &change).await,
            None => Ok(()),
        }
    }
}

async fn send_json<T: Serialize>(socket: &mut WebSocket, value: &T) -> Result<(), Over> {
    let text = serde_json::to_string(value).map_err(|_| Over)?;
    send(socket, Message::Text(text.into())).await
}

async fn send(socket: &mut WebSocket, message: Message) -> Result<(), Over> {
    match timeout(PATIENCE, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Over),
    }
}
