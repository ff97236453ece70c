//! A cap on open connections that a flood cannot turn against everyone else.
//!
//! At the cap the connection that has been idle longest is closed to make room, so a newcomer is always admitted and
//! ten thousand idle sockets only push out each other.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// All open HTTP connections of the box.
#[derive(Clone)]
pub struct Connections(Arc<Shared>);

struct Shared {
    cap: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: u64,
    /// Idle connections by when they became idle (a growing number, not a time).
    idle: BTreeMap<u64, Arc<Notify>>,
    open: usize,
}

/// The right to be one open connection; dropping it gives the place back.
pub struct Ticket {
    shared: Arc<Shared>,
    evict: Arc<Notify>,
    place: Mutex<Place>,
}

struct Place {
    idle_since: Option<u64>,
    requests: usize,
}

/// While it lives the connection is working and will not be closed to make room.
pub struct Busy<'a>(&'a Ticket);

impl Connections {
    /// Room for `cap` connections.
    pub fn new(cap: usize) -> Self {
        Self(Arc::new(Shared { cap: cap.max(1), state: Mutex::new(State::default()) }))
    }

    /// Admits one more connection, closing the longest idle one if the house is full.
    pub fn admit(&self) -> Ticket {
        let evict = Arc::new(Notify::new());
        let mut state = self.0.lock();
        if state.open >= self.0.cap
            && let Some((_, oldest)) = state.idle.pop_first()
        {
            oldest.notify_one();
        }
        state.open += 1;
        let since = state.mark_idle(evict.clone());
        drop(state);
        Ticket {
            shared: self.0.clone(),
            evict,
            place: Mutex::new(Place { idle_since: Some(since), requests: 0 }),
        }
    }

    /// How many are open.
    pub fn open(&self) -> usize {
        self.0.lock().open
    }
}

impl Ticket {
    /// Waits until this connection has to make room.
    pub async fn evicted(&self) {
        self.evict.notified().await;
    }

    /// Marks the connection as working until the guard is dropped.
    pub fn busy(&self) -> Busy<'_> {
        let mut place = self.place();
        place.requests += 1;
        if let Some(since) = place.idle_since.take() {
            self.shared.lock().idle.remove(&since);
        }
        drop(place);
        Busy(self)
    }

    fn place(&self) -> std::sync::MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let mut place = self.0.place();
        place.requests -= 1;
        if place.requests == 0 {
            place.idle_since = Some(self.0.shared.lock().mark_idle(self.0.evict.clone()));
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let since = self.place().idle_since;
        let mut state = self.shared.lock();
        state.open -= 1;
        if let Some(since) = since {
            state.idle.remove(&since);
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn mark_idle(&mut self, evict: Arc<Notify>) -> u64 {
        self.next += 1;
        self.idle.insert(self.next, evict);
        self.next
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn is_evicted(ticket: &Ticket) -> bool {
        tokio::time::timeout(Duration::from_millis(20), ticket.evicted()).await.is_ok()
    }

    #[tokio::test]
    async fn the_longest_idle_connection_makes_room_and_a_working_one_does_not() {
        let connections = Connections::new(2);
        let first = connections.admit();
        let second = connections.admit();
        let working = first.busy();
        let third = connections.admit();
        assert!(is_evicted(&second).await);
        assert!(!is_evicted(&first).await);
        drop(second);
        drop(working);
        assert_eq!(connections.open(), 2);
        let _fourth = connections.admit();
        assert!(is_evicted(&third).await, "idle since before the first one came back from work");
    }
}
