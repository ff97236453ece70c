//! Which subscribers have a socket open, the tokens that bind one, and how far each subscription has looked in memory.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::Subscriptions;
use crate::admin::secret::{self, Hash};
use crate::records::access::Actor;
use crate::records::error::Error;
use crate::records::watch::{Row, Standing};

/// Messages that wait for one socket.
const WAITING: usize = 4;
/// A socket that takes nothing for so long is forgotten.
const PATIENCE: Duration = Duration::from_secs(15);
/// Sockets of one subscription.
const MOST_SOCKETS: usize = 16;
/// Tokens at once.
const MOST_TOKENS: usize = 1_000;
/// Life of a token, in seconds.
const TOKEN_SECONDS: i64 = 600;

/// A message for a socket, and where to say that it was handed over.
pub struct Message {
    /// What is sent.
    pub text: String,
    /// Told once it was.
    pub done: oneshot::Sender<()>,
}

/// The sockets of one vault.
#[derive(Default)]
pub struct Sockets(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    bound: HashMap<String, Vec<(u64, mpsc::Sender<Message>)>>,
    next: u64,
    tokens: HashMap<Hash, Token>,
    /// By id: the unit in which it was written, and the unit up to which it has looked.
    scanned: HashMap<String, (u64, u64)>,
}

struct Token {
    owner: Standing,
    ids: Vec<String>,
    expires: Timestamp,
}

impl Sockets {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number for a new socket, and both ends of its line.
    pub fn open(&self) -> (u64, mpsc::Sender<Message>, mpsc::Receiver<Message>) {
        let (send, receive) = mpsc::channel(WAITING);
        let mut inner = self.lock();
        inner.next += 1;
        (inner.next, send, receive)
    }

    /// Binds a socket to a subscription; false when it has too many.
    pub fn bind(&self, id: &str, number: u64, to: &mpsc::Sender<Message>) -> bool {
        let mut inner = self.lock();
        let bound = inner.bound.entry(id.to_owned()).or_default();
        bound.retain(|(_, sender)| !sender.is_closed());
        if bound.iter().any(|(other, _)| *other == number) {
            return true;
        }
        if bound.len() >= MOST_SOCKETS {
            return false;
        }
        bound.push((number, to.clone()));
        true
    }

    /// Forgets a socket.
    pub fn close(&self, number: u64) {
        let mut inner = self.lock();
        inner.bound.retain(|_, bound| {
            bound.retain(|(other, _)| *other != number);
            !bound.is_empty()
        });
    }

    /// How many listen to a subscription.
    pub fn count(&self, id: &str) -> usize {
        self.lock().bound.get(id).map_or(0, |bound| bound.iter().filter(|(_, to)| !to.is_closed()).count())
    }

    /// Hands a message to every socket of a subscription; whether any took it.
    pub async fn tell(&self, id: &str, text: &str) -> bool {
        let sockets = self.lock().bound.get(id).cloned().unwrap_or_default();
        let mut taken = false;
        for (number, socket) in sockets {
            let (done, heard) = oneshot::channel();
            let message = Message { text: text.to_owned(), done };
            let handed = async { socket.send(message).await.is_ok() && heard.await.is_ok() };
            match tokio::time::timeout(PATIENCE, handed).await {
                Ok(true) => taken = true,
                Ok(false) | Err(_) => self.close(number),
            }
        }
        taken
    }

    /// How far a subscription has looked without finding anything, as long as it was not written anew.
    pub fn scanned(&self, row: &Row) -> u64 {
        let inner = self.lock();
        inner.scanned.get(&row.id).filter(|(written, _)| *written == row.written).map_or(0, |(_, upto)| *upto)
    }

    /// Remembers how far it has looked.
    pub(super) fn looked(&self, row: &Row, scanned: u64) {
        self.lock().scanned.insert(row.id.clone(), (row.written, scanned));
    }

    /// Forgets what belongs to subscriptions that are gone.
    pub(super) fn keep_only(&self, rows: &[Row]) {
        let stays = |id: &String| rows.iter().any(|row| row.id == *id && !row.gone);
        self.lock().scanned.retain(|id, _| stays(id));
    }
}

impl Subscriptions {
    /// A token that binds a socket to some subscriptions of its owner; with its end.
    pub fn binding_token(&self, who: &Actor, ids: Vec<String>) -> Result<(String, Timestamp), Error> {
        let (text, hash) = secret::fresh().map_err(|error| Error::Fault(error.to_string()))?;
        let now = self.records().now();
        let expires = super::after(now, TOKEN_SECONDS);
        let mut inner = self.sockets().lock();
        inner.tokens.retain(|_, token| token.expires > now);
        if inner.tokens.len() >= MOST_TOKENS {
            return Err(Error::Busy);
        }
        inner.tokens.insert(hash, Token { owner: Standing::of(who), ids, expires });
        Ok((text.to_string(), expires))
    }

    /// The subscriptions of a token, whose owner must still stand; none when it is worth nothing.
    pub fn bound_by(&self, token: &str) -> Vec<String> {
        let now = self.records().now();
        let (owner, ids) = {
            let inner = self.sockets().lock();
            match inner.tokens.get(&secret::hash(token)).filter(|token| token.expires > now) {
                Some(token) => (token.owner.clone(), token.ids.clone()),
                None => return Vec::new(),
            }
        };
        if self.0.people.standing(&owner, "socket").is_none() { Vec::new() } else { ids }
    }
}
