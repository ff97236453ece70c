//! What waits for one socket: bounded, so that a browser that does not read costs nobody else anything.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::protocol::Code;

/// Messages that wait: all that a room keeps, and as many again.
const MOST: usize = 1_024;
/// Bytes of them.
const MOST_BYTES: usize = 2 * 1024 * 1024;
/// With so many waiting, what may be left out is.
const BUSY: usize = 64;

/// What is next for a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// A message.
    Message(Arc<str>),
    /// Its end.
    Close(Code),
}

/// The queue of one socket.
#[derive(Debug, Default)]
pub struct Outbox {
    inner: Mutex<Inner>,
    woken: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: VecDeque<Arc<str>>,
    bytes: usize,
    close: Option<Code>,
}

impl Outbox {
    /// Adds a message; `may_skip` for one that newer ones replace. False when the reader is too slow: then nothing is sent
    /// any more but the code that says so.
    pub fn push(&self, message: Arc<str>, may_skip: bool) -> bool {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.close.is_some() || (may_skip && inner.waiting.len() >= BUSY) {
            return inner.close != Some(Code::Slow);
        }
        if inner.waiting.len() >= MOST || inner.bytes + message.len() > MOST_BYTES {
            *inner = Inner { close: Some(Code::Slow), ..Inner::default() };
            drop(inner);
            self.woken.notify_waiters();
            self.woken.notify_one();
            return false;
        }
        inner.bytes += message.len();
        inner.waiting.push_back(message);
        drop(inner);
        self.woken.notify_one();
        true
    }

    /// Ends it after what waits.
    pub fn close(&self, code: Code) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.close.get_or_insert(code);
        drop(inner);
        self.woken.notify_waiters();
        self.woken.notify_one();
    }

    /// What is next. Cancelling loses nothing. One reader.
    pub async fn next(&self) -> Next {
        loop {
            if let Some(next) = self.take() {
                return next;
            }
            self.woken.notified().await;
        }
    }

    fn take(&self) -> Option<Next> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        match inner.waiting.pop_front() {
            Some(message) => {
                inner.bytes -= message.len();
                Some(Next::Message(message))
            }
            None => inner.close.map(Next::Close),
        }
    }

    /// Waits until the reader is found too slow.
    pub async fn found_slow(&self) {
        loop {
            let woken = self.woken.notified();
            tokio::pin!(woken);
            woken.as_mut().enable();
            if self.is_slow() {
                return;
            }
            woken.await;
        }
    }

    /// Whether the reader was found too slow.
    pub fn is_slow(&self) -> bool {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).close == Some(Code::Slow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_come_in_order_and_then_the_end() {
        let outbox = Outbox::default();
        assert!(outbox.push("a".into(), false) && outbox.push("b".into(), true));
        outbox.close(Code::Over);
        assert!(outbox.push("late".into(), false), "not slow, only over");
        assert_eq!(outbox.next().await, Next::Message("a".into()));
        assert_eq!(outbox.next().await, Next::Message("b".into()));
        assert_eq!(outbox.next().await, Next::Close(Code::Over));
    }

    #[tokio::test]
    async fn who_does_not_read_is_told_to_resume_and_what_may_be_left_out_is() {
        let outbox = Outbox::default();
        for _ in 0..BUSY * 4 {
            assert!(outbox.push("partial".into(), true));
        }
        assert_eq!(outbox.inner.lock().unwrap().waiting.len(), BUSY);
        while outbox.push("event".into(), false) {}
        assert!(outbox.is_slow());
        assert_eq!(outbox.next().await, Next::Close(Code::Slow));
        let other = Outbox::default();
        let large: Arc<str> = "x".repeat(MOST_BYTES / 2).into();
        assert!(other.push(large.clone(), false) && other.push(large.clone(), false));
        assert!(!other.push("x".into(), false));
    }
}
