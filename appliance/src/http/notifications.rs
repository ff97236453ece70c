//! Sockets of subscribers: `bind ID` and `ping ID` of R4, `bind-with-token TOKEN` and bundles of the R5 Backport guide.
//!
//! A socket opened with a bearer token may bind subscriptions of that caller; one without has to bring a binding token.
//! Cookies count for nothing here, so that another site's page cannot listen. A socket ends with the token it was opened with;
//! a binding token counts when it is shown. What is sent is the subscription's
//! business; here it is only handed over, and said that it was.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::get;
use http::{Extensions, HeaderMap};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::error::HttpError;
use super::extract::{Actor, Peer};
use super::session;
use super::standing::{Standing, farewell};
use crate::app::App;
use crate::records::error::Error;
use crate::subscriptions::{Subscriptions, sockets};

/// A ping goes out this often; a subscriber that answers none of two is gone.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// A message that cannot be handed to the network for this long means that nobody reads.
const PATIENCE: Duration = Duration::from_secs(10);
/// A command is small.
const MOST_BYTES: usize = 4 * 1024;
/// Subscriptions of one socket.
const MOST_BOUND: usize = 100;
/// Commands that may fail on one socket: whoever guesses is sent away.
const MOST_WRONG: u32 = 10;

/// The routes of this file.
pub fn routes() -> Router<App> {
    Router::new().route("/fhir/_notifications", get(open))
}

/// Opens a socket.
pub(super) async fn open(
    State(app): State<App>,
    peer: Peer,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, HttpError> {
    let rooms = app.rooms()?;
    let (room, people) = (rooms.subscriptions.clone(), rooms.people.clone());
    let (who, standing) = match session::bearer(&headers) {
        None => (None, Standing::of_nobody(people)),
        Some(_) => {
            let mut extensions = Extensions::new();
            extensions.insert(peer);
            let who = session::identify(&app, &extensions, &headers, false)?;
            let standing = Standing::of(people, &who, &headers);
            (Some(who), standing)
        }
    };
    let subscriber = Subscriber { room, who, standing: Arc::new(standing), bound: HashSet::new(), wrong: 0 };
    let upgrade = upgrade.max_message_size(MOST_BYTES).max_frame_size(MOST_BYTES);
    Ok(upgrade.on_upgrade(|socket| subscriber.run(socket)))
}

struct Subscriber {
    room: Subscriptions,
    who: Option<Actor>,
    standing: Arc<Standing>,
    /// Ids of what it listens to.
    bound: HashSet<String>,
    wrong: u32,
}

/// Why the conversation ends.
struct Over;

impl Subscriber {
    async fn run(mut self, mut socket: WebSocket) {
        let (number, line, mut told) = self.room.sockets().open();
        let mut beat = interval(HEARTBEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beat.reset();
        let mut heard = Instant::now();
        let standing = self.standing.clone();
        let mut ended = std::pin::pin!(standing.ended());
        loop {
            let going_on = tokio::select! {
                () = &mut ended => Err(Over),
                incoming = socket.recv() => {
                    heard = Instant::now();
                    match incoming {
                        Some(Ok(Message::Text(text))) => self.command(&mut socket, &text, number, &line).await,
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
                        Some(Ok(Message::Binary(_) | Message::Close(_)) | Err(_)) | None => Err(Over),
                    }
                }
                Some(message) = told.recv() => if standing.holds() {
                    hand(&mut socket, message).await
                } else {
                    Err(Over)
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
        self.room.sockets().close(number);
        // The peer may have gone already; there is nobody left to tell.
        let _ = timeout(PATIENCE, socket.send(farewell(&standing))).await;
    }

    async fn command(
        &mut self,
        socket: &mut WebSocket,
        text: &str,
        number: u64,
        line: &mpsc::Sender<sockets::Message>,
    ) -> Result<(), Over> {
        let (command, rest) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
        let rest = rest.trim();
        let ids = match (command, &self.who) {
            ("bind", Some(who)) => match self.room.may_bind(who, rest) {
                Ok(Some(row)) => vec![row.id],
                Ok(None) | Err(_) => Vec::new(),
            },
            ("bind-with-token", _) => self.room.bound_by(rest),
            ("bind", None) => {
                return self
                    .refuse(socket, "open the socket with a bearer token, or bind with a token")
                    .await;
            }
            (_, _) => return self.refuse(socket, "the commands are bind and bind-with-token").await,
        };
        if ids.is_empty() {
            return self.refuse(socket, "nothing here can be bound by that").await;
        }
        for id in ids {
            if self.bound.len() >= MOST_BOUND || !self.room.sockets().bind(&id, number, line) {
                return self.refuse(socket, "too many are bound already").await;
            }
            self.bound.insert(id.clone());
            if command == "bind" {
                send(socket, Message::Text(format!("bound {id}").into())).await?;
            }
            let (room, own) = (self.room.clone(), id);
            let greeting = tokio::task::spawn_blocking(move || room.greeting(&own));
            let greeting: Result<Option<String>, Error> = greeting.await.map_err(|_| Over)?;
            if let Some(text) = greeting.map_err(|_| Over)? {
                send(socket, Message::Text(text.into())).await?;
            }
        }
        self.room.nudge();
        Ok(())
    }

    async fn refuse(&mut self, socket: &mut WebSocket, why: &str) -> Result<(), Over> {
        self.wrong += 1;
        if self.wrong > MOST_WRONG {
            return Err(Over);
        }
        send(socket, Message::Text(format!("error {why}").into())).await
    }
}

/// Hands a notification over and says that it was.
async fn hand(socket: &mut WebSocket, message: sockets::Message) -> Result<(), Over> {
    send(socket, Message::Text(message.text.into())).await?;
    // Whoever asked may have given up waiting.
    let _ = message.done.send(());
    Ok(())
}

async fn send(socket: &mut WebSocket, message: Message) -> Result<(), Over> {
    match timeout(PATIENCE, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Over),
    }
}
