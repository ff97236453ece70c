//! What a participant may ask of the box, and what he is told beyond that.

use std::time::Duration;

/// The limits of a room. [`Limits::default`] is what the product uses; tests make them small.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// People in one call: every further one costs each browser a decoder and the box five copies.
    pub people: usize,
    /// Bytes of an answer. A browser writes about one kilobyte for each media section, of which a call of six has 12,
    /// and those of people who left stay in it.
    pub sdp: usize,
    /// Bytes of one address line; browsers write about 150.
    pub candidate: usize,
    /// Addresses of one generation. A laptop with several networks and relays sends about 20.
    pub candidates: u32,
    /// Messages that come at once before the rate below counts.
    pub burst: u32,
    /// Messages a second in the long run.
    pub per_second: u32,
    /// How long an offer may stay unanswered. Longer than a page takes to reconnect its signalling.
    pub answer: Duration,
    /// How long a connection may stay broken. A consultation has its own, longer grace, in which he comes in anew.
    pub broken: Duration,
    /// How long a restart gets before the next one.
    pub restart: Duration,
    /// The shortest time between two requests for a whole picture to the same sender.
    pub keyframe: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            people: 6,
            sdp: 128 * 1024,
            candidate: 512,
            candidates: 64,
            burst: 96,
            per_second: 20,
            answer: Duration::from_secs(30),
            broken: Duration::from_secs(60),
            restart: Duration::from_secs(8),
            keyframe: Duration::from_millis(300),
        }
    }
}

/// Why a participant's message was not taken. The call goes on without it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody else fits in.
    #[error("the call is full: at most {people} people; somebody has to leave first")]
    Full {
        /// How many fit in.
        people: usize,
    },
    /// The sender is not in the call (any more).
    #[error("you are not in this call: join again")]
    NotHere,
    /// A description is too long.
    #[error("the answer has {length} bytes, {most} are taken: reload the page to start with a short one")]
    TooLong {
        /// Its length.
        length: usize,
        /// The longest taken.
        most: usize,
    },
    /// What should be a description or an address is none.
    #[error("this is no {what}: send what the browser wrote, unchanged")]
    Malformed {
        /// What it should have been.
        what: &'static str,
    },
    /// Too many addresses for one connection.
    #[error("more than {most} addresses for one connection: restart it to begin anew")]
    TooMany {
        /// The most taken.
        most: u32,
    },
    /// Too many messages in a short time.
    #[error("too many messages: at most {per_second} a second; wait a moment")]
    TooFast {
        /// The rate.
        per_second: u32,
    },
    /// An answer to an offer that is not outstanding.
    #[error("offer {n} is not waiting for an answer: answer the latest offer only")]
    Stale {
        /// Its number.
        n: u32,
    },
}

/// Tokens that come back with time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    /// Thousandths of a message.
    left: u64,
    most: u64,
    per_second: u64,
    at: Duration,
}

impl Bucket {
    pub(super) fn new(burst: u32, per_second: u32, now: Duration) -> Bucket {
        let most = u64::from(burst) * 1000;
        Bucket { left: most, most, per_second: u64::from(per_second), at: now }
    }

    /// Takes one, or says that none is there.
    pub(super) fn take(&mut self, now: Duration) -> bool {
        let passed = u64::try_from(now.saturating_sub(self.at).as_millis()).unwrap_or(u64::MAX);
        self.at = self.at.max(now);
        self.left = self.left.saturating_add(passed.saturating_mul(self.per_second)).min(self.most);
        match self.left.checked_sub(1000) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_taken_and_then_the_rate_holds() {
        let at = Duration::from_millis;
        let mut bucket = Bucket::new(3, 10, at(0));
        assert_eq!((0..5).filter(|_| bucket.take(at(0))).count(), 3);
        assert!(!bucket.take(at(99)), "a tenth of a second brings one");
        assert!(bucket.take(at(100)));
        assert!(!bucket.take(at(50)), "time that went backwards brings nothing");
        assert_eq!(
            (0..50).filter(|_| bucket.take(at(60_000))).count(),
            3,
            "no more than the burst is saved up"
        );
    }
}
