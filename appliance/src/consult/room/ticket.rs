//! Tickets: what a socket of a room is let in by.
//!
//! Kept in memory by their hash, as good as a restart needs: a browser asks for another one. A ticket counts once, for a
//! minute, for the person, session, consultation and device it was made for. One that is made up, was used, belongs to
//! somebody else or is too old is answered alike.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use crate::admin::secret::Hash;
use crate::records::access::Actor;

/// How long one counts.
pub const LASTS: SignedDuration = SignedDuration::from_secs(60);
/// Tickets of one session that wait; the oldest gives way.
const MOST_OF_ONE: usize = 4;
/// Tickets of all; a clinic has dozens at once.
const MOST: usize = 4_096;
/// Longest name of a device.
const LONGEST_DEVICE: usize = 64;

/// For what a ticket is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Who.
    pub who: Actor,
    /// The session that asked.
    pub session: Hash,
    /// Which consultation.
    pub consultation: String,
    /// Which browser.
    pub device: String,
    /// Until when.
    pub expires: Timestamp,
}

/// Whether a browser may call itself so.
pub fn is_device(name: &str) -> bool {
    (1..=LONGEST_DEVICE).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Tickets that wait, by the hash of what is shown.
#[derive(Debug, Default)]
pub struct Tickets(HashMap<Hash, Ticket>);

impl Tickets {
    /// Keeps one. False when too many wait.
    pub fn keep(&mut self, hash: Hash, ticket: Ticket, now: Timestamp) -> bool {
        self.0.retain(|_, kept| now < kept.expires);
        let own = self.0.iter().filter(|(_, kept)| kept.session == ticket.session);
        let oldest = own.clone().min_by_key(|(_, kept)| kept.expires).map(|(hash, _)| *hash);
        if own.count() >= MOST_OF_ONE
            && let Some(oldest) = oldest
        {
            self.0.remove(&oldest);
        }
        if self.0.len() >= MOST {
            return false;
        }
        self.0.insert(hash, ticket);
        true
    }

    /// Takes one, if it is for all of this. It is gone either way: who shows somebody else's has seen it.
    pub fn take(
        &mut self,
        hash: &Hash,
        session: &Hash,
        consultation: &str,
        device: &str,
        now: Timestamp,
    ) -> Option<Ticket> {
        self.0.remove(hash).filter(|ticket| {
            now < ticket.expires
                && ticket.session == *session
                && ticket.consultation == consultation
                && ticket.device == device
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    fn ticket(session: u8, second: i64) -> Ticket {
        Ticket {
            who: Actor::operator("test"),
            session: [session; 32],
            consultation: "c1".to_owned(),
            device: "d1".to_owned(),
            expires: at(second) + LASTS,
        }
    }

    #[test]
    fn one_counts_once_in_time_and_for_nothing_else() {
        let check = |session: u8, consultation: &str, device: &str, second: i64, expected: bool| {
            let mut tickets = Tickets::default();
            assert!(tickets.keep([9; 32], ticket(1, 0), at(0)));
            let taken = tickets.take(&[9; 32], &[session; 32], consultation, device, at(second));
            assert_eq!(taken.is_some(), expected, "{session} {consultation} {device} {second}");
            assert!(tickets.take(&[9; 32], &[1; 32], "c1", "d1", at(0)).is_none(), "shown, so gone");
        };
        check(1, "c1", "d1", 59, true);
        check(1, "c1", "d1", 60, false);
        check(2, "c1", "d1", 0, false);
        check(1, "c2", "d1", 0, false);
        check(1, "c1", "d2", 0, false);
        assert!(Tickets::default().take(&[9; 32], &[1; 32], "c1", "d1", at(0)).is_none());
    }

    #[test]
    fn who_asks_for_many_loses_the_oldest_and_nobody_elses() {
        let mut tickets = Tickets::default();
        assert!(tickets.keep([200; 32], ticket(7, 0), at(0)));
        for n in 0..6 {
            assert!(tickets.keep([n; 32], ticket(1, i64::from(n)), at(i64::from(n))));
        }
        let left = (0..6).filter(|n| tickets.take(&[*n; 32], &[1; 32], "c1", "d1", at(6)).is_some()).count();
        assert_eq!(left, MOST_OF_ONE);
        assert!(tickets.take(&[200; 32], &[7; 32], "c1", "d1", at(6)).is_some());
    }

    #[test]
    fn names_of_devices_are_short_and_plain() {
        assert!(is_device("a-1"));
        for wrong in ["", "a b", "a/b", &"x".repeat(65)] {
            assert!(!is_device(wrong), "{wrong}");
        }
    }
}
