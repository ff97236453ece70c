//! How many connections may be open, and who has to leave when one more comes.
//!
//! Peers keep sockets open for days without a word, and scanners open thousands. Beyond the limit the connection that
//! has been quiet longest is asked to leave; one that is in the middle of a message never is. When nobody is quiet, the
//! newcomer is refused.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// The connections of a listener.
#[derive(Debug, Clone)]
pub struct Seats(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limit: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    /// Rises with every sign of life; the lowest among the idle has been quiet longest.
    clock: u64,
    next: u64,
    seats: HashMap<u64, State>,
}

#[derive(Debug)]
struct State {
    last: u64,
    busy: bool,
    leave: Arc<Notify>,
}

/// One connection's place; given back when dropped.
#[derive(Debug)]
pub struct Seat {
    room: Arc<Inner>,
    number: u64,
    leave: Arc<Notify>,
}

impl Seats {
    /// At most `limit` connections.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Inner { limit: limit.max(1), taken: Mutex::default() }))
    }

    /// A seat for a newcomer, made free if need be; `None` when all others are busy.
    pub fn sit(&self) -> Option<Seat> {
        let mut taken = self.0.taken();
        if taken.seats.len() >= self.0.limit {
            let quietest =
                taken.seats.iter().filter(|(_, s)| !s.busy).min_by_key(|(_, s)| s.last).map(|(n, _)| *n)?;
            if let Some(state) = taken.seats.remove(&quietest) {
                state.leave.notify_one();
            }
        }
        taken.clock += 1;
        taken.next += 1;
        let (number, last, leave) = (taken.next, taken.clock, Arc::new(Notify::new()));
        taken.seats.insert(number, State { last, busy: false, leave: leave.clone() });
        Some(Seat { room: self.0.clone(), number, leave })
    }

    /// Connections open now.
    pub fn taken(&self) -> usize {
        self.0.taken().seats.len()
    }
}

impl Inner {
    fn taken(&self) -> std::sync::MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Notes a sign of life, and whether the connection is in the middle of something.
    pub fn stir(&self, busy: bool) {
        let mut taken = self.room.taken();
        taken.clock += 1;
        let last = taken.clock;
        if let Some(state) = taken.seats.get_mut(&self.number) {
            state.last = last;
            state.busy = busy;
        }
    }

    /// Waits until this connection has to make room.
    pub async fn asked_to_leave(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.room.taken().seats.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_quietest_leaves_and_the_busy_stay() {
        let seats = Seats::new(2);
        let first = seats.sit().unwrap();
        let second = seats.sit().unwrap();
        first.stir(false);
        let third = seats.sit().unwrap();
        second.asked_to_leave().await;
        drop(second);
        assert_eq!(seats.taken(), 2);
        first.stir(true);
        third.stir(true);
        assert!(seats.sit().is_none());
        third.stir(false);
        assert!(seats.sit().is_some());
    }
}
