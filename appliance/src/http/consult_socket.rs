//! The socket of a room: lets a browser in by its ticket, carries messages both ways, and ends with the session.
//!
//! Owns the conversation on one socket: the first message and its time, the heartbeat, the codes of closing. What is said
//! means something only to the room (`consult::room`). No identifier stands in its address.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::get;
use http::HeaderMap;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use zeroize::Zeroizing;

use super::error::HttpError;
use super::extract::Peer;
use super::guard::opened_by_own_page;
use super::session;
use crate::admin::people::People;
use crate::app::App;
use crate::consult::Consult;
use crate::consult::room::Place;
use crate::consult::room::outbox::Next;
use crate::consult::room::protocol::{Code, FromClient, Hello, MOST_BYTES, VERSION};
use crate::records::access::Actor;
use crate::records::error::Error;

/// The first message comes within this time.
const FIRST: Duration = Duration::from_secs(10);
/// A ping goes out this often; whoever answers none of two is gone.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How often it is looked whether the session holds.
const LOOKS: Duration = Duration::from_secs(1);
/// A message that cannot be handed to the network for this long means that nobody reads.
const PATIENCE: Duration = Duration::from_secs(10);
/// The last word to somebody who may not read.
const LAST_WORD: Duration = Duration::from_secs(2);
/// Being in a consultation is use of the session: noted this often.
const TOUCHES: Duration = Duration::from_secs(30);

/// The routes of this file.
pub fn routes() -> Router<App> {
    Router::new().route("/api/room", get(open))
}

/// Opens the socket of a room. The first message shows the ticket; the protocol is in `docs/room-protocol.md`.
#[utoipa::path(get, path = "/api/room", operation_id = "open_room", tag = "consultations",
    responses((status = 101), (status = 401), (status = 403)))]
pub(super) async fn open(
    State(app): State<App>,
    peer: Peer,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, HttpError> {
    opened_by_own_page(&headers)?;
    let rooms = app.rooms()?;
    let token = session::cookie(&headers).ok_or_else(HttpError::unauthenticated)?;
    let standing = Session {
        people: rooms.people.clone(),
        consult: rooms.consult.clone(),
        token: Zeroizing::new(token.to_owned()),
        source: peer.address.ip().to_canonical().to_string(),
    };
    if standing.who(false).is_none() {
        return Err(HttpError::unauthenticated());
    }
    let upgrade = upgrade.max_message_size(MOST_BYTES).max_frame_size(MOST_BYTES);
    Ok(upgrade.on_upgrade(|socket| converse(standing, socket)))
}

/// The session that the browser had when it opened the socket.
struct Session {
    people: People,
    consult: Consult,
    token: Zeroizing<String>,
    source: String,
}

impl Session {
    /// Who it is; none when it is over.
    fn who(&self, touch: bool) -> Option<Actor> {
        let staff = self.people.by_session(&self.token, &self.source, touch);
        staff.or_else(|| self.consult.by_session(&self.token, &self.source, touch))
    }
}

async fn converse(session: Session, mut socket: WebSocket) {
    let code = match enter(&session, &mut socket).await {
        Ok(place) => {
            let code = carry(&session, &mut socket, &place).await;
            place.leave().await;
            code
        }
        Err(code) => code,
    };
    let frame = CloseFrame { code: code as u16, reason: code.reason().into() };
    let farewell = async {
        if socket.send(Message::Close(Some(frame))).await.is_ok() {
            // What is still on its way is read, or the network would drop the last word with it.
            while let Some(Ok(_)) = socket.recv().await {}
        }
    };
    // The peer may have gone already; there is nobody left to tell.
    let _ = timeout(LAST_WORD, farewell).await;
}

/// Reads the first message and finds the place in the room.
async fn enter(session: &Session, socket: &mut WebSocket) -> Result<Place, Code> {
    let first = async {
        loop {
            match socket.recv().await {
                Some(Ok(Message::Text(text))) => return Some(text),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Binary(_) | Message::Close(_)) | Err(_)) | None => return None,
            }
        }
    };
    let text = timeout(FIRST, first).await.ok().flatten().ok_or(Code::Protocol)?;
    let hello = Hello::read(&text).ok_or(Code::Protocol)?;
    if hello.v != VERSION {
        return Err(Code::Protocol);
    }
    let own = session.who(true).and_then(|who| who.session).ok_or(Code::Ticket)?;
    let consult = session.consult.clone();
    let came = tokio::task::spawn_blocking(move || {
        let Hello { consultation, ticket, device, epoch, seen, .. } = hello;
        consult.come_into_room((&ticket, &own), &consultation, &device, epoch.zip(seen))
    });
    match came.await {
        Ok(Ok(Some(place))) => Ok(place),
        Ok(Ok(None)) => Err(Code::Ticket),
        Ok(Err(Error::Refused(_) | Error::NotFound(_))) => Err(Code::Out),
        Ok(Err(error)) => {
            tracing::warn!(op = "room.enter", %error, "nobody could be let in");
            Err(Code::Away)
        }
        Err(_) => Err(Code::Away),
    }
}

/// Carries messages until one side ends; why.
async fn carry(session: &Session, socket: &mut WebSocket, place: &Place) -> Code {
    let mut beat = interval(HEARTBEAT);
    let mut look = interval(LOOKS);
    for timer in [&mut beat, &mut look] {
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        timer.reset();
    }
    let (mut heard, mut touched) = (Instant::now(), Instant::now());
    loop {
        tokio::select! {
            incoming = socket.recv() => {
                heard = Instant::now();
                match incoming {
                    Some(Ok(Message::Text(text))) => {
                        let said = FromClient::read(&text);
                        if !place.said(said).await {
                            return Code::Away;
                        }
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    // Closed, broken, or longer than anything that is said here.
                    Some(Ok(Message::Binary(_) | Message::Close(_)) | Err(_)) | None => return Code::Protocol,
                }
            }
            next = place.outbox.next() => match next {
                Next::Close(code) => return code,
                Next::Message(text) => {
                    if let Err(code) = send(socket, Message::Text(text.as_ref().into()), place).await {
                        return code;
                    }
                }
            },
            _ = beat.tick() => {
                if heard.elapsed() > HEARTBEAT * 2 {
                    return Code::Away;
                }
                if let Err(code) = send(socket, Message::Ping(axum::body::Bytes::new()), place).await {
                    return code;
                }
            }
            _ = look.tick() => {
                // Only somebody who is there is using it: the browser answers pings.
                let touch = touched.elapsed() > TOUCHES && heard.elapsed() < HEARTBEAT * 2;
                if touch {
                    touched = Instant::now();
                }
                if session.who(touch).is_none() {
                    return Code::Ticket;
                }
            }
        }
    }
}

/// Hands a message to the network. Who does not read is found out here or by the room.
async fn send(socket: &mut WebSocket, message: Message, place: &Place) -> Result<(), Code> {
    tokio::select! {
        sent = timeout(PATIENCE, socket.send(message)) => match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Code::Away),
            Err(_) => Err(Code::Slow),
        },
        () = place.outbox.found_slow() => Err(Code::Slow),
    }
}
