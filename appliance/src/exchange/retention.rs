//! How long messages are kept: as long as their channel says. Then what a message said goes, its bytes, names and words;
//! that it came, what was done with it and which records it made stays, and so do those records.

use std::sync::Arc;

use clinicvault_vault::{Action, Outcome, QueueAsk, QueueItem, QueueRange, QueueTerm, Snapshot};
use jiff::{SignedDuration, Timestamp};

use super::channels::DEFAULT;
use super::inbox::leaf;
use super::row::{self, Facts, State};
use super::terms::{self, CONTROL_ID, DAY, KIND, PATIENT, PEER, SENDER};
use super::{Exchange, INBOX};
use crate::collections::SETTINGS;
use crate::records::access::Actor;
use crate::records::error::Error;

/// Rows whose messages are removed in one unit of work.
const BATCH: usize = 64;
/// Looks into the database for one batch.
const STEPS: usize = 2_000;
/// How often rows are looked through.
const EVERY: SignedDuration = SignedDuration::from_hours(1);
/// What a row without its message is still found by.
const STAYS: [u8; 6] = [CONTROL_ID, KIND, SENDER, PEER, DAY, PATIENT];

/// Rows of one channel that are old enough: from the first that may still have its message to the last, looked through
/// from the newest down.
#[derive(Debug)]
struct Walk {
    channel: String,
    days: u32,
    from: u64,
    below: u64,
    last: u64,
    /// The oldest that waits for a person: its message goes once it is settled.
    open: Option<u64>,
}

/// How far a look through the rows is.
#[derive(Debug, Default)]
pub(super) struct Expiry {
    walks: Vec<Walk>,
    due: Option<Timestamp>,
}

impl Exchange {
    /// Removes what some of the messages said that are older than their channel keeps them; says whether there is more
    /// to look through. Blocking.
    ///
    /// # Errors
    /// When the store fails; what was removed stays removed.
    pub(super) fn expire_some(&self, expiry: &mut Expiry, now: Timestamp) -> Result<bool, Error> {
        if expiry.walks.is_empty() {
            if expiry.due.is_some_and(|due| now < due) {
                return Ok(false);
            }
            expiry.due = now.checked_add(EVERY).ok();
            expiry.walks = self.walks(now)?;
        }
        let Some(walk) = expiry.walks.last_mut() else { return Ok(false) };
        if self.step(walk, now)?
            && let Some(done) = expiry.walks.pop()
        {
            let reached_now = done.open.map_or(done.last, |open| open.saturating_sub(1));
            // While a row waits for a person there is nothing new to keep.
            if reached(&self.records().vault().snapshot()?, &done.channel)? >= reached_now {
                return Ok(!expiry.walks.is_empty());
            }
            let key = progress(&done.channel);
            let said = format!("{}: messages looked through up to row {reached_now}", shown(&done.channel));
            self.records().unit_blocking(Arc::new(Actor::operator("inbox")), move |work| {
                work.unit().doc_put(SETTINGS, &key, &reached_now.to_be_bytes())?;
                work.audit(leaf(work.who(), Action::Configure, Outcome::Success, 0, None, Some(said)))
            })?;
        }
        Ok(!expiry.walks.is_empty())
    }

    /// For each channel that keeps its messages for some days only, the rows that are old enough now.
    fn walks(&self, now: Timestamp) -> Result<Vec<Walk>, Error> {
        let mut rules = vec![self.intake().clone()];
        rules.extend(self.channels().known().iter().map(|live| live.intake()));
        let snapshot = self.records().vault().snapshot()?;
        let mut walks = Vec::new();
        for intake in rules {
            let Some(days) = intake.rules.keep_days else { continue };
            let Ok(until) = now.checked_sub(SignedDuration::from_hours(24 * i64::from(days))) else {
                continue;
            };
            // The day that ended before then: of the day itself some rows are too young.
            let Ok(day) = self.rules().map.zone.to_datetime(until).date().yesterday() else { continue };
            let low = QueueTerm { field: DAY, value: b"0".to_vec() };
            let Some((first, last)) = snapshot.queue_span(INBOX, &low, terms::day(day).as_bytes())? else {
                continue;
            };
            let reached = reached(&snapshot, &intake.name)?;
            let from = first.max(reached.saturating_add(1));
            if from <= last {
                let (channel, below) = (intake.name.clone(), last.saturating_add(1));
                walks.push(Walk { channel, days, from, below, last, open: None });
            }
        }
        Ok(walks)
    }

    /// One batch of a walk; says whether it is through.
    fn step(&self, walk: &mut Walk, now: Timestamp) -> Result<bool, Error> {
        let snapshot = self.records().vault().snapshot()?;
        let named = QueueTerm { field: SENDER, value: terms::value(&walk.channel).into_bytes() };
        let all = if walk.channel.is_empty() { Vec::new() } else { vec![QueueRange::Any(vec![named])] };
        let ask = QueueAsk {
            queue: INBOX,
            all,
            below: Some(walk.below),
            from: Some(walk.from),
            limit: BATCH,
            steps: STEPS,
        };
        let found = snapshot.queue_find(&ask)?;
        let mut old = Vec::new();
        for seq in found.rows {
            let Some(item) = snapshot.queue_get(INBOX, seq)? else { continue };
            let Some((facts, _)) = row::decode(&item.row.body) else { continue };
            if facts.through != walk.channel || facts.removed.is_some() {
                continue;
            }
            match State::of(item.row.state) {
                State::Received | State::Held => {
                    walk.open = Some(walk.open.map_or(seq, |open| open.min(seq)));
                }
                State::Applied | State::Refused | State::Dismissed => old.push((item, facts)),
            }
        }
        if !old.is_empty() {
            self.remove(old, walk, now)?;
        }
        if let Some(next) = found.next {
            walk.below = next;
        }
        Ok(found.next.is_none())
    }

    fn remove(&self, old: Vec<(QueueItem, Facts)>, walk: &Walk, now: Timestamp) -> Result<(), Error> {
        let zone = self.rules().map.zone.clone();
        let channel = shown(&walk.channel);
        let said = format!("{channel}: {} messages older than {} days removed", old.len(), walk.days);
        self.records().unit_blocking(Arc::new(Actor::operator("inbox")), move |work| {
            for (item, facts) in &old {
                // One that changed since is looked at again another time.
                let there = work.unit().queue_get(INBOX, item.seq)?;
                if there.is_none_or(|there| there.row.body != item.row.body) {
                    continue;
                }
                let bare = facts.without_content(now);
                let body = row::encode(&bare, &[]).map_err(|e| Error::Fault(e.to_string()))?;
                let mut found_by = terms::of(&bare, item.at, &zone, terms::Content::Text(""));
                found_by.retain(|term| STAYS.contains(&term.field));
                work.unit().queue_load_drop(INBOX, item.seq)?;
                work.unit().queue_set(INBOX, item.seq, item.row.state, None, Some(&body))?;
                work.unit().queue_terms_set(INBOX, item.seq, &found_by)?;
            }
            work.audit(leaf(work.who(), Action::Configure, Outcome::Success, 0, None, Some(said)))
        })?;
        Ok(())
    }
}

/// A channel's name for people; the listener of the settings has none of its own.
fn shown(channel: &str) -> &str {
    if channel.is_empty() { DEFAULT } else { channel }
}

/// The document that says up to which row a channel's messages are removed.
fn progress(channel: &str) -> Vec<u8> {
    [b"inbox/removed/".as_slice(), channel.as_bytes()].concat()
}

fn reached(snapshot: &Snapshot, channel: &str) -> Result<u64, Error> {
    let kept = snapshot.doc_get(SETTINGS, &progress(channel))?;
    Ok(kept.as_deref().and_then(|bytes| bytes.first_chunk().copied()).map_or(0, u64::from_be_bytes))
}
