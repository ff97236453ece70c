//! Sessions: who is signed in, from where, until when.
//!
//! Pure: a table of sessions by the hash of their token, moved by explicit moments. Keeping them in the vault, and the
//! cookie, belong to `people` and `http::session`.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::secret::Hash;
use crate::config;
use crate::records::access::Role;

/// Sessions that one member of staff may have at once (security-storage.md section 7).
const STAFF_SESSIONS: usize = 3;
/// Sessions that an owner may have at once (security-storage.md section 7).
const OWNER_SESSIONS: usize = 1;

/// One signed-in browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Name in lists; not the secret and not its hash.
    pub id: String,
    /// The account.
    pub account: String,
    /// When it began.
    pub started: Timestamp,
    /// The last thing done by the person.
    pub seen: Timestamp,
    /// Ends then in any case.
    pub ends: Timestamp,
    /// Ends after so many quiet seconds.
    pub idle: i64,
    /// The last time the person proved who they are.
    pub proven: Timestamp,
    /// Address it was opened from.
    pub from: String,
    /// What the browser calls itself, shortened.
    pub agent: String,
}

/// How long and how many, for an account with certain roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Quiet seconds.
    pub idle: i64,
    /// Seconds in any case.
    pub absolute: i64,
    /// Sessions at once.
    pub at_once: usize,
}

impl Limits {
    /// The limits for these roles. Whoever may change accounts has the owner's, also as a doctor.
    pub fn of(roles: &[Role], settings: &config::Sessions) -> Limits {
        let seconds =
            |count: u64, unit: i64| i64::try_from(count).unwrap_or(i64::MAX / 3600).saturating_mul(unit);
        if roles.contains(&Role::Owner) {
            Limits {
                idle: seconds(settings.admin_idle_minutes, 60),
                absolute: seconds(settings.admin_absolute_hours, 3600),
                at_once: OWNER_SESSIONS,
            }
        } else {
            Limits {
                idle: seconds(settings.idle_minutes, 60),
                absolute: seconds(settings.absolute_hours, 3600),
                at_once: STAFF_SESSIONS,
            }
        }
    }
}

impl Session {
    /// A session that begins now.
    pub fn begin(
        id: String,
        account: &str,
        limits: Limits,
        from: &str,
        agent: &str,
        now: Timestamp,
    ) -> Session {
        Session {
            id,
            account: account.to_owned(),
            started: now,
            seen: now,
            ends: later(now, limits.absolute),
            idle: limits.idle,
            proven: now,
            from: from.to_owned(),
            agent: agent.chars().filter(|c| !c.is_control()).take(120).collect(),
        }
    }

    /// Whether it still holds.
    pub fn holds(&self, now: Timestamp) -> bool {
        now < self.ends && now < later(self.seen, self.idle)
    }
}

fn later(from: Timestamp, seconds: i64) -> Timestamp {
    from.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

/// All sessions.
#[derive(Debug, Default)]
pub struct Sessions {
    by_hash: HashMap<Hash, Session>,
}

impl Sessions {
    /// Puts in a session and returns those that had to end for it, the least used first: only `limits.at_once` of one
    /// account stay.
    pub fn open(&mut self, hash: Hash, session: Session, limits: Limits) -> Vec<Hash> {
        let ended = self.surplus(&session, limits);
        for hash in &ended {
            self.by_hash.remove(hash);
        }
        self.by_hash.insert(hash, session);
        ended
    }

    /// The sessions that have to end before this one may begin, the least used first.
    pub fn surplus(&self, session: &Session, limits: Limits) -> Vec<Hash> {
        let mut own: Vec<(Timestamp, Hash)> = self
            .by_hash
            .iter()
            .filter(|(_, each)| each.account == session.account)
            .map(|(hash, each)| (each.seen, *hash))
            .collect();
        own.sort_unstable();
        let surplus = (own.len() + 1).saturating_sub(limits.at_once);
        own.into_iter().take(surplus).map(|(_, hash)| hash).collect()
    }

    /// Puts back a kept session after a restart.
    pub fn restore(&mut self, hash: Hash, session: Session) {
        self.by_hash.insert(hash, session);
    }

    /// The session of a token, if it holds.
    pub fn find(&self, hash: &Hash, now: Timestamp) -> Option<&Session> {
        self.by_hash.get(hash).filter(|session| session.holds(now))
    }

    /// Notes that the person did something.
    pub fn touch(&mut self, hash: &Hash, now: Timestamp) {
        if let Some(session) = self.by_hash.get_mut(hash) {
            session.seen = session.seen.max(now);
        }
    }

    /// Notes that the person has proven who they are.
    pub fn prove(&mut self, hash: &Hash, now: Timestamp) {
        if let Some(session) = self.by_hash.get_mut(hash) {
            session.proven = session.proven.max(now);
        }
    }

    /// Ends one.
    pub fn end(&mut self, hash: &Hash) -> Option<Session> {
        self.by_hash.remove(hash)
    }

    /// Ends all of an account, but for `keep`; returns them.
    pub fn end_account(&mut self, account: &str, keep: Option<&Hash>) -> Vec<Hash> {
        self.take(|hash, session| session.account == account && Some(hash) != keep)
    }

    /// Ends what no longer holds; returns them.
    pub fn sweep(&mut self, now: Timestamp) -> Vec<Hash> {
        self.take(|_, session| !session.holds(now))
    }

    /// The sessions of an account that hold, newest first.
    pub fn of(&self, account: &str, now: Timestamp) -> Vec<(Hash, Session)> {
        let mut own: Vec<_> = self
            .by_hash
            .iter()
            .filter(|(_, session)| session.account == account && session.holds(now))
            .map(|(hash, session)| (*hash, session.clone()))
            .collect();
        own.sort_by_key(|(_, session)| std::cmp::Reverse(session.started));
        own
    }

    /// All of them, for keeping at a stop.
    pub fn all(&self) -> impl Iterator<Item = (&Hash, &Session)> {
        self.by_hash.iter()
    }

    fn take(&mut self, which: impl Fn(&Hash, &Session) -> bool) -> Vec<Hash> {
        let ended: Vec<Hash> = self
            .by_hash
            .iter()
            .filter(|(hash, session)| which(hash, session))
            .map(|(hash, _)| *hash)
            .collect();
        for hash in &ended {
            self.by_hash.remove(hash);
        }
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + minutes * 60).unwrap()
    }

    fn limits(roles: &[Role]) -> Limits {
        Limits::of(roles, &config::Sessions::default())
    }

    fn open(table: &mut Sessions, n: u8, account: &str, roles: &[Role], now: Timestamp) -> Vec<Hash> {
        let session = Session::begin(format!("s{n}"), account, limits(roles), "10.0.0.1", "browser", now);
        table.open([n; 32], session, limits(roles))
    }

    #[test]
    fn the_limits_are_those_of_the_sheet() {
        assert_eq!(limits(&[Role::Doctor]), Limits { idle: 900, absolute: 43_200, at_once: 3 });
        assert_eq!(limits(&[Role::Owner]), Limits { idle: 600, absolute: 14_400, at_once: 1 });
        assert_eq!(limits(&[Role::Doctor, Role::Owner]), limits(&[Role::Owner]));
    }

    #[test]
    fn a_quiet_session_ends_and_a_used_one_goes_on_until_its_end() {
        let mut table = Sessions::default();
        open(&mut table, 1, "asha", &[Role::Nurse], at(0));
        assert!(table.find(&[1; 32], at(14)).is_some());
        assert!(table.find(&[1; 32], at(15)).is_none());
        for minute in (0..720).step_by(10) {
            assert!(table.find(&[1; 32], at(minute)).is_some(), "{minute}");
            table.touch(&[1; 32], at(minute));
        }
        table.touch(&[1; 32], at(719));
        assert!(table.find(&[1; 32], at(720)).is_none());
        assert_eq!(table.sweep(at(720)), vec![[1; 32]]);
    }

    #[test]
    fn a_clock_that_steps_back_does_not_lengthen_the_quiet_time() {
        let mut table = Sessions::default();
        open(&mut table, 1, "asha", &[Role::Nurse], at(0));
        table.touch(&[1; 32], at(10));
        table.touch(&[1; 32], at(2));
        assert!(table.find(&[1; 32], at(24)).is_some());
    }

    #[test]
    fn one_session_more_than_allowed_ends_the_least_used() {
        let mut table = Sessions::default();
        for n in 1..=3 {
            assert!(open(&mut table, n, "asha", &[Role::Nurse], at(i64::from(n))).is_empty());
        }
        table.touch(&[1; 32], at(9));
        assert_eq!(open(&mut table, 4, "asha", &[Role::Nurse], at(10)), vec![[2; 32]]);
        open(&mut table, 5, "ravi", &[Role::Owner], at(10));
        assert_eq!(open(&mut table, 6, "ravi", &[Role::Owner], at(11)), vec![[5; 32]]);
        assert_eq!(table.of("asha", at(11)).len(), 3);
    }

    #[test]
    fn ending_an_account_leaves_the_others() {
        let mut table = Sessions::default();
        open(&mut table, 1, "asha", &[Role::Nurse], at(0));
        open(&mut table, 2, "asha", &[Role::Nurse], at(0));
        open(&mut table, 3, "ravi", &[Role::Nurse], at(0));
        assert_eq!(table.end_account("asha", Some(&[2; 32])), vec![[1; 32]]);
        assert!(table.find(&[2; 32], at(0)).is_some() && table.find(&[3; 32], at(0)).is_some());
    }
}
