//! What a socket that stays open rests on: the session or the token it was opened with. When that ends, so does the socket.

use axum::extract::ws::{CloseFrame, Message, close_code};
use http::HeaderMap;

use super::session;
use crate::admin::people::People;
use crate::admin::secret::{self, Hash};
use crate::records::access::Actor;

/// What somebody was let in by.
pub struct Standing {
    people: People,
    by: By,
}

enum By {
    Session(Hash),
    Bearer(Hash),
    /// The socket rests on neither.
    Nothing,
}

impl Standing {
    /// That of somebody who has been let in with these headers.
    pub fn of(people: People, who: &Actor, headers: &HeaderMap) -> Self {
        let by = match (session::bearer(headers), who.session) {
            (Some(token), _) => By::Bearer(secret::hash(token)),
            (None, Some(session)) => By::Session(session),
            (None, None) => By::Nothing,
        };
        Self { people, by }
    }

    /// That of a socket that anybody may open.
    pub fn of_nobody(people: People) -> Self {
        Self { people, by: By::Nothing }
    }

    /// Whether it still holds.
    pub fn holds(&self) -> bool {
        match &self.by {
            By::Session(session) => self.people.session_holds(session),
            By::Bearer(token) => self.people.bearer_holds(token),
            By::Nothing => true,
        }
    }

    /// Waits until it does not.
    pub async fn ended(&self) {
        match &self.by {
            By::Session(session) => self.people.until_ended(*session).await,
            By::Bearer(token) => self.people.until_bearer_ended(*token).await,
            By::Nothing => std::future::pending().await,
        }
    }
}

/// The last message of a socket, which says why when the standing has ended (RFC 6455 section 7.4.1, policy).
pub fn farewell(standing: &Standing) -> Message {
    let frame = CloseFrame { code: close_code::POLICY, reason: "the session or token has ended".into() };
    Message::Close((!standing.holds()).then_some(frame))
}
