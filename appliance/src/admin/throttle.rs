//! Slows guessing down: per account and per address, never a permanent lock.
//!
//! Pure: moments come in, waits go out. Names of accounts that do not exist are counted like those that do, so the answer
//! tells nothing about which exist. Kept in memory only; restarting the box is not in a guesser's power.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};

/// Wrong attempts on one account before waiting starts (security-storage.md section 7).
const FREE_FAILURES: u32 = 5;
/// Longest wait for one account, in seconds (security-storage.md section 7).
const LONGEST_WAIT: i64 = 15 * 60;
/// Attempts from one address in a minute (security-storage.md section 7).
const PER_ADDRESS: usize = 20;
/// Quiet time after which an account's failures are forgotten, in seconds.
const FORGET: i64 = 24 * 60 * 60;
/// Accounts and addresses remembered at most; the oldest are dropped first, so memory stays bounded.
const REMEMBERED: usize = 10_000;

/// Who has been guessing.
#[derive(Debug, Default)]
pub struct Throttle {
    accounts: HashMap<String, Failures>,
    addresses: HashMap<IpAddr, VecDeque<Timestamp>>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Timestamp,
}

/// How long to wait, in whole seconds, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait(pub u64);

impl Throttle {
    /// Asks for one attempt on an account from an address, and counts it as failed until [`Throttle::passed`] says
    /// otherwise: attempts that run side by side cannot slip through together.
    pub fn attempt(&mut self, account: &str, from: IpAddr, now: Timestamp) -> Result<(), Wait> {
        self.knock(from, now)?;
        if let Some(failures) = self.accounts.get(account) {
            let ready = failures.last + SignedDuration::from_secs(wait_after(failures.count));
            if now < ready {
                return Err(wait_until(ready, now));
            }
        }
        trim(&mut self.accounts, |failures| failures.last);
        let entry = self.accounts.entry(account.to_owned()).or_insert(Failures { count: 0, last: now });
        if now.duration_since(entry.last).as_secs() > FORGET {
            entry.count = 0;
        }
        *entry = Failures { count: entry.count.saturating_add(1), last: now };
        Ok(())
    }

    /// Counts one attempt from an address: for setup codes and unlocking, which belong to no account.
    pub fn knock(&mut self, from: IpAddr, now: Timestamp) -> Result<(), Wait> {
        trim(&mut self.addresses, |times| times.back().copied().unwrap_or(Timestamp::MIN));
        let times = self.addresses.entry(from).or_default();
        let minute = SignedDuration::from_secs(60);
        while times.front().is_some_and(|first| now.duration_since(*first) >= minute) {
            times.pop_front();
        }
        match times.front() {
            Some(first) if times.len() >= PER_ADDRESS => Err(wait_until(*first + minute, now)),
            Some(_) | None => {
                times.push_back(now);
                Ok(())
            }
        }
    }

    /// The attempt was right: the account starts from nothing again, and the address gets its try back.
    pub fn passed(&mut self, account: &str, from: IpAddr) {
        self.accounts.remove(account);
        if let Some(times) = self.addresses.get_mut(&from) {
            times.pop_back();
        }
    }
}

/// Seconds to wait after so many failures: 1, 2, 4 ... up to 15 minutes, once the free ones are used up.
fn wait_after(failures: u32) -> i64 {
    match failures.checked_sub(FREE_FAILURES) {
        None => 0,
        Some(past) => 1i64
            .checked_shl(past)
            .filter(|wait| *wait > 0 && past < 32)
            .map_or(LONGEST_WAIT, |wait| wait.min(LONGEST_WAIT)),
    }
}

fn wait_until(ready: Timestamp, now: Timestamp) -> Wait {
    let left = ready.duration_since(now).as_millis();
    Wait(u64::try_from((left + 999) / 1000).unwrap_or(1).max(1))
}

fn trim<K: Clone + Eq + std::hash::Hash, V>(map: &mut HashMap<K, V>, age: impl Fn(&V) -> Timestamp) {
    if map.len() < REMEMBERED {
        return;
    }
    if let Some(oldest) = map.iter().min_by_key(|(_, value)| age(value)).map(|(key, _)| key.clone()) {
        map.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + millis).unwrap()
    }

    fn address(n: u32) -> IpAddr {
        IpAddr::V4(n.into())
    }

    #[test]
    fn waits_double_after_five_failures_up_to_a_quarter_of_an_hour() {
        let expected = [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900];
        for (failures, wait) in expected.iter().enumerate() {
            assert_eq!(wait_after(u32::try_from(failures).unwrap()), *wait, "{failures}");
        }
        assert_eq!(wait_after(u32::MAX), LONGEST_WAIT);
    }

    #[test]
    fn an_account_waits_and_is_free_again_after_the_right_password() {
        let mut throttle = Throttle::default();
        for n in 0..5 {
            assert_eq!(throttle.attempt("asha", address(n), at(0)), Ok(()));
        }
        assert_eq!(throttle.attempt("asha", address(9), at(1)), Err(Wait(1)));
        assert_eq!(throttle.attempt("ravi", address(9), at(1)), Ok(()));
        assert_eq!(throttle.attempt("asha", address(9), at(1000)), Ok(()));
        assert_eq!(throttle.attempt("asha", address(9), at(1500)), Err(Wait(2)));
        throttle.passed("asha", address(9));
        assert_eq!(throttle.attempt("asha", address(9), at(1500)), Ok(()));
    }

    #[test]
    fn a_refused_attempt_does_not_lengthen_the_wait() {
        let mut throttle = Throttle::default();
        for n in 0..5 {
            let _ = throttle.attempt("asha", address(n), at(0));
        }
        for n in 0..15 {
            assert!(throttle.attempt("asha", address(100 + n), at(10)).is_err());
        }
        assert_eq!(throttle.attempt("asha", address(99), at(1000)), Ok(()));
    }

    #[test]
    fn an_address_has_twenty_tries_a_minute() {
        let mut throttle = Throttle::default();
        for n in 0..20 {
            assert_eq!(throttle.attempt(&format!("name{n}"), address(1), at(n * 1000)), Ok(()));
        }
        assert_eq!(throttle.attempt("other", address(1), at(20_000)), Err(Wait(40)));
        assert_eq!(throttle.attempt("other", address(2), at(20_000)), Ok(()));
        assert_eq!(throttle.attempt("other", address(1), at(60_000)), Ok(()));
        assert!(throttle.attempt("other", address(1), at(60_500)).is_err());
        throttle.passed("other", address(1));
        assert_eq!(throttle.attempt("other", address(1), at(60_500)), Ok(()), "the right ones do not count");
    }

    #[test]
    fn memory_stays_bounded_and_time_may_step_back() {
        let mut throttle = Throttle::default();
        for n in 0..10_050u32 {
            let _ = throttle.attempt(&format!("name{n}"), address(n), at(i64::from(n)));
        }
        assert!(throttle.accounts.len() <= REMEMBERED && throttle.addresses.len() <= REMEMBERED);
        assert!(throttle.attempt("asha", address(1), at(-100_000)).is_ok());
    }
}
