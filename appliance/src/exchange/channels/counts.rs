//! What came through a channel: since the process began, and by quarters of an hour over restarts.
//!
//! Counting happens in memory, because a write for each message would cost more than the message. `keep` brings what has
//! changed into the vault once a minute and when the box stops (decision 0172). Quarters and not hours, because clinics
//! stand in zones whose hours begin at the half or the quarter.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clinicvault_vault::{Action, QueueItem};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::DEFAULT;
use crate::app::App;
use crate::collections::CHANNEL_COUNTS;
use crate::exchange::pace::Desk;
use crate::exchange::row::{self, State};
use crate::exchange::{Exchange, INBOX};
use crate::records::access::{Actor, Purpose};
use crate::records::audit::{self, About};
use crate::records::error::Error;
use crate::supervisor::Stop;

/// Seconds of one place of counting.
const QUARTER: i64 = 900;
/// Places that are kept: a day, and the hour that it began in.
const PLACES: i64 = 100;
/// How often what changed is kept.
const EVERY: Duration = Duration::from_secs(60);

/// What happened with a message. Numbers are part of the stored format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// Taken in as new.
    Received = 0,
    /// Answered with AE, AR, CE or CR.
    Refused = 1,
    /// Answered as before.
    Repeated = 2,
    /// Kept without being applied, because the filter says so.
    PassedOver = 3,
    /// Put before a person.
    Held = 4,
    /// In the record.
    Applied = 5,
}

/// Where the milliseconds between coming and being applied are summed.
const MILLIS: usize = 6;

/// Sums of one place or of several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums([u64; 7]);

impl Sums {
    /// How many.
    pub fn of(&self, came: Came) -> u64 {
        self.0[came as usize]
    }

    /// Milliseconds between coming and being applied, on average; none where nothing was applied.
    pub fn latency(&self) -> Option<u64> {
        self.0[MILLIS].checked_div(self.of(Came::Applied))
    }

    fn add(&mut self, which: usize, many: u64) {
        self.0[which] = self.0[which].saturating_add(many);
    }

    fn join(&mut self, other: &Self) {
        for (own, more) in self.0.iter_mut().zip(other.0) {
            *own = own.saturating_add(more);
        }
    }
}

/// What has come through one channel.
#[derive(Debug, Default)]
pub struct Counts(Mutex<Tally>);

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Tally {
    /// When something came last.
    last: Option<Timestamp>,
    /// Sums by number of the quarter since 1970.
    places: BTreeMap<i64, Sums>,
    /// Since the process began.
    #[serde(skip)]
    since: Sums,
    #[serde(skip)]
    changed: bool,
}

impl Counts {
    /// Notes that so many came.
    pub fn add(&self, came: Came, many: u64, now: Timestamp) {
        let mut tally = self.tally();
        tally.add(came as usize, many, now);
        if matches!(came, Came::Received | Came::Refused | Came::Repeated | Came::PassedOver) {
            tally.last = Some(now);
        }
    }

    /// Notes that one was applied, and how long it had waited.
    fn applied(&self, waited: SignedDuration, now: Timestamp) {
        let mut tally = self.tally();
        tally.add(Came::Applied as usize, 1, now);
        tally.add(MILLIS, u64::try_from(waited.as_millis()).unwrap_or(0), now);
    }

    /// Since the process began.
    pub fn since(&self) -> Sums {
        self.tally().since
    }

    /// When something came last, also before the process began.
    pub fn last(&self) -> Option<Timestamp> {
        self.tally().last
    }

    /// What came from one moment to before another; both are rounded down to a quarter of an hour.
    pub fn between(&self, from: Timestamp, to: Timestamp) -> Sums {
        let mut sums = Sums::default();
        for (_, one) in self.tally().places.range(quarter(from)..quarter(to)) {
            sums.join(one);
        }
        sums
    }

    /// What is to be kept, if something changed since the last time.
    fn to_keep(&self) -> Option<Vec<u8>> {
        let mut tally = self.tally();
        let bytes = tally.changed.then(|| serde_json::to_vec(&*tally).ok()).flatten()?;
        tally.changed = false;
        Some(bytes)
    }

    /// What was taken to be kept could not be.
    fn not_kept(&self) {
        self.tally().changed = true;
    }

    /// Takes over what was kept.
    fn restore(&self, bytes: &[u8]) {
        let Ok(kept) = serde_json::from_slice::<Tally>(bytes) else { return };
        let mut tally = self.tally();
        tally.last = tally.last.max(kept.last);
        for (place, sums) in kept.places {
            tally.places.entry(place).or_default().join(&sums);
        }
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tally {
    fn add(&mut self, which: usize, many: u64, now: Timestamp) {
        let place = quarter(now);
        self.since.add(which, many);
        self.places.entry(place).or_default().add(which, many);
        self.places = self.places.split_off(&(place - PLACES));
        self.changed = true;
    }
}

fn quarter(at: Timestamp) -> i64 {
    at.as_second().div_euclid(QUARTER)
}

impl Exchange {
    /// Applies a row and counts what came of it. Blocking.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub(in crate::exchange) fn apply_counted(
        &self,
        item: &QueueItem,
        desk: Option<Desk>,
    ) -> Result<State, Error> {
        let state = self.apply(item, desk)?;
        self.count_outcome(item, state);
        Ok(state)
    }

    /// Puts a row before a person that cannot be applied, and counts it. Blocking.
    ///
    /// # Errors
    /// As [`Self::give_up`].
    pub(in crate::exchange) fn give_up_counted(&self, seq: u64, why: &Error) -> Result<(), Error> {
        let item = self.records().vault().snapshot()?.queue_get(INBOX, seq)?;
        let state = self.give_up(seq, why)?;
        if let Some(item) = item {
            self.count_outcome(&item, state);
        }
        Ok(())
    }

    /// Counts what became of a row that had come.
    fn count_outcome(&self, item: &QueueItem, state: State) {
        let Some((facts, _)) = row::decode(&item.row.body) else { return };
        let (intake, now) = (self.rules_of(&facts.through), self.records().now());
        match state {
            State::Applied => intake.counts.applied(now.duration_since(item.at), now),
            State::Held => intake.counts.add(Came::Held, 1, now),
            State::Received | State::Refused | State::Dismissed => {}
        }
    }

    /// Takes over the counts of the vault. Blocking.
    ///
    /// # Errors
    /// When the vault stops.
    pub fn load_counts(&self) -> Result<(), Error> {
        let snapshot = self.records().vault().snapshot()?;
        for (name, counts) in self.counted() {
            if let Some(bytes) = snapshot.doc_get(CHANNEL_COUNTS, name.as_bytes())? {
                counts.restore(&bytes);
            }
        }
        Ok(())
    }

    /// Keeps the counts that changed, all in one commit; none where nothing did. Blocking.
    ///
    /// # Errors
    /// As the unit's writes; what could not be kept is tried again the next time.
    pub fn keep_counts(&self) -> Result<(), Error> {
        let mut changed = Vec::new();
        for (name, counts) in self.counted() {
            if let Some(bytes) = counts.to_keep() {
                changed.push((name, counts, bytes));
            }
        }
        if changed.is_empty() {
            return Ok(());
        }
        let rows: Vec<(String, Vec<u8>)> = changed.iter().map(|(n, _, b)| (n.clone(), b.clone())).collect();
        let who = Arc::new(Actor::operator("channels"));
        let kept = self.records().unit_blocking(who, move |work| {
            for (name, bytes) in &rows {
                work.unit().doc_put(CHANNEL_COUNTS, name.as_bytes(), bytes)?;
            }
            let mut line = audit::done(work.who(), Action::Execute, Purpose::Operations, About::default());
            line.reason = Some(format!("counts of {} channels", rows.len()));
            work.audit(line)
        });
        if kept.is_err() {
            changed.iter().for_each(|(_, counts, _)| counts.not_kept());
        }
        kept.map(|_| ())
    }

    fn counted(&self) -> Vec<(String, Arc<Counts>)> {
        let mut all = vec![(DEFAULT.to_owned(), self.intake().counts.clone())];
        all.extend(self.channels().there().iter().map(|live| {
            let intake = live.intake();
            (intake.name.clone(), intake.counts.clone())
        }));
        all
    }
}

/// Keeps the counts once a minute and at the end.
///
/// # Errors
/// When the vault stops; the supervisor starts the task again.
pub async fn keep(app: App, mut stop: Stop) -> anyhow::Result<()> {
    loop {
        tokio::select! {
            () = stop.wanted() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
        if let Some(exchange) = app.rooms().ok().map(|rooms| rooms.exchange.clone()) {
            tokio::task::spawn_blocking(move || exchange.keep_counts()).await??;
        }
        if stop.is_wanted() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn a_place_is_a_quarter_and_a_day_is_kept() {
        let counts = Counts::default();
        counts.add(Came::Received, 2, at(0));
        counts.add(Came::Refused, 1, at(899));
        counts.add(Came::Received, 1, at(900));
        counts.applied(SignedDuration::from_millis(30), at(901));
        counts.applied(SignedDuration::from_millis(10), at(902));
        let first = counts.between(at(0), at(900));
        assert_eq!((first.of(Came::Received), first.of(Came::Refused), first.latency()), (2, 1, None));
        let hour = counts.between(at(0), at(3600));
        assert_eq!((hour.of(Came::Received), hour.of(Came::Applied), hour.latency()), (3, 2, Some(20)));
        assert_eq!(counts.last(), Some(at(900)), "being applied is not coming");
        counts.add(Came::Repeated, 1, at(26 * 3600));
        assert_eq!(counts.between(at(0), at(900)), Sums::default(), "more than a day ago");
        assert_eq!(counts.since().of(Came::Received), 3);
    }

    #[test]
    fn what_was_kept_is_counted_on() {
        let counts = Counts::default();
        assert!(counts.to_keep().is_none());
        counts.add(Came::Received, 5, at(0));
        let bytes = counts.to_keep().unwrap();
        assert!(counts.to_keep().is_none(), "nothing changed since");
        counts.not_kept();
        assert!(counts.to_keep().is_some());
        let later = Counts::default();
        later.add(Came::Received, 1, at(10));
        later.restore(&bytes);
        assert_eq!(later.between(at(0), at(900)).of(Came::Received), 6);
        assert_eq!((later.since().of(Came::Received), later.last()), (1, Some(at(10))));
        later.restore(b"{broken");
        assert_eq!(later.between(at(0), at(900)).of(Came::Received), 6);
    }
}
