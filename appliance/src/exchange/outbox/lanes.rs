//! The order in which one destination gets its messages: strict for each patient, side by side across patients. Pure:
//! time and chance come in.
//!
//! A message that is rejected rests with those behind it of the same patient; the others go on. A destination that cannot
//! be reached rests as a whole, and one message then finds out whether it is back.

use std::collections::{BTreeSet, HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::row::FENCE;

/// First pause before a message is sent again (hl7v2-gateway reference, section 2).
const FIRST: i64 = 1_000;
/// Longest such pause, in milliseconds.
const LONGEST: i64 = 60_000;

/// What came of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It waits no longer, whatever came of it.
    Gone,
    /// It is sent again after a pause.
    Again,
    /// The destination cannot be reached.
    Down,
    /// The destination asks for nothing before this moment.
    Rest(Timestamp),
}

/// The messages that wait for one destination.
#[derive(Debug, Default)]
pub struct Lanes {
    /// Numbers of rows by patient, in their order.
    lanes: HashMap<String, VecDeque<u64>>,
    /// Heads of lanes that may be sent.
    ready: BTreeSet<(u64, String)>,
    /// Lanes that rest, by when they may go on.
    resting: BTreeSet<(Timestamp, u64, String)>,
    /// Of each row its place in the order in which rows came, and every name that its patient has.
    names: HashMap<u64, (u64, Vec<String>)>,
    /// By name the places of the rows that wait under it.
    holders: HashMap<String, BTreeSet<u64>>,
    /// The place of the next row.
    place: u64,
    /// How often the head of a lane was sent in vain.
    failures: HashMap<String, u32>,
    /// How often the destination could not be reached, and until when it rests.
    down: u32,
    until: Option<Timestamp>,
    under_way: usize,
}

impl Lanes {
    /// Adds a row behind those of its patient: those of its lane and those that share any of its other names (`also`), so
    /// that two senders who know one patient by different first numbers keep one order.
    pub fn add(&mut self, seq: u64, patient: &str, also: &[String]) {
        let lane = self.lanes.entry(patient.to_owned()).or_default();
        if lane.contains(&seq) {
            return;
        }
        lane.push_back(seq);
        if lane.len() == 1 {
            self.ready.insert((seq, patient.to_owned()));
        }
        let names: Vec<String> = std::iter::once(patient.to_owned()).chain(also.iter().cloned()).collect();
        for name in &names {
            self.holders.entry(name.clone()).or_default().insert(self.place);
        }
        self.names.insert(seq, (self.place, names));
        self.place += 1;
    }

    /// Whether no row that came before this one waits under any of its names.
    fn is_first(&self, seq: u64) -> bool {
        let Some((place, names)) = self.names.get(&seq) else { return true };
        let first = |name: &String| self.holders.get(name).and_then(BTreeSet::first);
        names.iter().all(|name| first(name).is_none_or(|first| first == place))
    }

    /// Forgets the names of a row that waits no longer.
    fn release(&mut self, seq: u64) {
        let Some((place, names)) = self.names.remove(&seq) else { return };
        for name in names {
            if let Some(all) = self.holders.get_mut(&name) {
                all.remove(&place);
                if all.is_empty() {
                    self.holders.remove(&name);
                }
            }
        }
    }

    /// Rows that wait, those under way included.
    pub fn waiting(&self) -> usize {
        self.lanes.values().map(VecDeque::len).sum()
    }

    /// The next row to send. While a destination is not known to be back, one at a time.
    pub fn next(&mut self, now: Timestamp) -> Option<(u64, String)> {
        if self.until.is_some_and(|until| until > now) || (self.down > 0 && self.under_way > 0) {
            return None;
        }
        while let Some((until, seq, patient)) = self.resting.first().cloned() {
            if until > now {
                break;
            }
            self.resting.remove(&(until, seq, patient.clone()));
            self.ready.insert((seq, patient));
        }
        let next = self.ready.iter().find(|(seq, _)| self.is_first(*seq)).cloned()?;
        if let Some(fence) = self.lanes.get(FENCE).and_then(|lane| lane.front().copied()) {
            let before = || self.lanes.values().filter_map(VecDeque::front).any(|head| *head < fence);
            if next.0 > fence || (next.0 == fence && before()) {
                return None;
            }
        }
        self.ready.remove(&next);
        self.under_way += 1;
        Some(next)
    }

    /// Takes note of what came of a row that was under way; `roll` is a random number.
    pub fn settle(&mut self, patient: &str, settled: Settled, now: Timestamp, roll: u32) {
        self.under_way = self.under_way.saturating_sub(1);
        let head = self.lanes.get(patient).and_then(|lane| lane.front().copied());
        match settled {
            Settled::Gone => {
                (self.down, self.until) = (0, None);
                self.failures.remove(patient);
                if let Some(seq) = head {
                    self.release(seq);
                }
                if let Some(lane) = self.lanes.get_mut(patient) {
                    lane.pop_front();
                    match lane.front() {
                        Some(next) => drop(self.ready.insert((*next, patient.to_owned()))),
                        None => drop(self.lanes.remove(patient)),
                    }
                }
            }
            Settled::Again => {
                (self.down, self.until) = (0, None);
                let failures = self.failures.entry(patient.to_owned()).or_default();
                *failures = failures.saturating_add(1);
                let until = after(now, pause(*failures, roll));
                if let Some(head) = head {
                    self.resting.insert((until, head, patient.to_owned()));
                }
            }
            Settled::Down | Settled::Rest(_) => {
                self.down = self.down.saturating_add(1);
                let own = after(now, pause(self.down, roll));
                self.until = Some(match settled {
                    Settled::Rest(until) => own.max(until),
                    Settled::Gone | Settled::Again | Settled::Down => own,
                });
                if let Some(head) = head {
                    self.ready.insert((head, patient.to_owned()));
                }
            }
        }
    }

    /// When there may be something to send again, if nothing else happens.
    pub fn wakes(&self) -> Option<Timestamp> {
        match self.until {
            Some(until) => Some(until),
            None => self.resting.first().map(|(until, _, _)| *until),
        }
    }

    /// Forgets every pause: somebody asks to try now.
    pub fn hurry(&mut self) {
        (self.down, self.until) = (0, None);
        for (_, seq, patient) in std::mem::take(&mut self.resting) {
            self.ready.insert((seq, patient));
        }
    }
}

/// The pause before an attempt: doubled each time, with a quarter more or less, from 1 s to 60 s.
fn pause(failures: u32, roll: u32) -> SignedDuration {
    let doubled =
        FIRST.saturating_mul(1_i64.checked_shl(failures.saturating_sub(1).min(16)).unwrap_or(i64::MAX));
    let base = doubled.min(LONGEST);
    let part = base * i64::from(roll % 1_001) / 2_000;
    SignedDuration::from_millis((base * 3 / 4 + part).clamp(FIRST, LONGEST))
}

fn after(now: Timestamp, pause: SignedDuration) -> Timestamp {
    now.checked_add(pause).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn seqs(lanes: &mut Lanes, now: Timestamp) -> Vec<u64> {
        std::iter::from_fn(|| lanes.next(now)).map(|(seq, _)| seq).collect()
    }

    #[test]
    fn a_patient_keeps_its_order_and_the_others_do_not_wait() {
        let mut lanes = Lanes::default();
        for (seq, patient) in [(1, "a"), (2, "a"), (3, "b"), (4, "c")] {
            lanes.add(seq, patient, &[]);
        }
        lanes.add(2, "a", &[]);
        assert_eq!((seqs(&mut lanes, at(0)), lanes.waiting()), (vec![1, 3, 4], 4));
        lanes.settle("b", Settled::Gone, at(0), 0);
        assert_eq!(seqs(&mut lanes, at(0)), Vec::<u64>::new());
        lanes.settle("a", Settled::Again, at(0), 0);
        assert_eq!(seqs(&mut lanes, at(0)), Vec::<u64>::new(), "2 must not pass 1");
        assert_eq!(lanes.wakes(), Some(at(1)));
        assert_eq!(seqs(&mut lanes, at(1)), [1]);
        lanes.settle("a", Settled::Gone, at(1), 0);
        assert_eq!(seqs(&mut lanes, at(1)), [2]);
    }

    #[test]
    fn a_destination_that_is_away_is_asked_by_one_message_after_growing_pauses() {
        let mut lanes = Lanes::default();
        (1..=3).for_each(|n| lanes.add(n, &n.to_string(), &[]));
        assert_eq!(seqs(&mut lanes, at(0)), [1, 2, 3]);
        ["1", "2", "3"].iter().for_each(|p| lanes.settle(p, Settled::Down, at(0), 1_000));
        let until = lanes.wakes().unwrap();
        assert!(until > at(3) && until < at(6), "{until}");
        assert_eq!(seqs(&mut lanes, at(2)), Vec::<u64>::new());
        assert_eq!(seqs(&mut lanes, at(10)), [1], "one finds out");
        lanes.settle("1", Settled::Gone, at(10), 0);
        assert_eq!(seqs(&mut lanes, at(10)), [2, 3]);
    }

    #[test]
    fn what_is_about_two_patients_waits_for_those_before_it_and_holds_those_behind_it() {
        let mut lanes = Lanes::default();
        for (seq, lane) in [(1, "a"), (2, "b"), (3, FENCE), (4, "a"), (5, "c")] {
            lanes.add(seq, lane, &[]);
        }
        assert_eq!(seqs(&mut lanes, at(0)), [1, 2]);
        lanes.settle("a", Settled::Gone, at(0), 0);
        assert_eq!(seqs(&mut lanes, at(0)), Vec::<u64>::new());
        lanes.settle("b", Settled::Again, at(0), 0);
        assert_eq!(seqs(&mut lanes, at(9)), [2]);
        lanes.settle("b", Settled::Gone, at(9), 0);
        assert_eq!(seqs(&mut lanes, at(9)), [3]);
        lanes.settle(FENCE, Settled::Gone, at(9), 0);
        assert_eq!(seqs(&mut lanes, at(9)), [4, 5]);
    }

    #[test]
    fn every_number_of_a_patient_keeps_the_order() {
        let mut lanes = Lanes::default();
        let also = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        // A laboratory leads with its own number, the hospital with its own; the second message knows both.
        lanes.add(1, "city", &[]);
        lanes.add(2, "lab", &also(&["city"]));
        lanes.add(3, "lab", &[]);
        lanes.add(4, "other", &[]);
        assert_eq!(seqs(&mut lanes, at(0)), [1, 4], "2 waits for 1, and 3 for 2");
        lanes.settle("city", Settled::Again, at(0), 0);
        assert_eq!(seqs(&mut lanes, at(9)), [1]);
        lanes.settle("city", Settled::Gone, at(9), 0);
        assert_eq!(seqs(&mut lanes, at(9)), [2]);
        // What a person sends again stands behind what waits, under whichever name.
        lanes.add(1, "city", &[]);
        assert_eq!(seqs(&mut lanes, at(9)), Vec::<u64>::new());
        lanes.settle("lab", Settled::Gone, at(9), 0);
        assert_eq!(seqs(&mut lanes, at(9)), [1, 3]);
        lanes.settle("city", Settled::Gone, at(9), 0);
        lanes.settle("lab", Settled::Gone, at(9), 0);
        lanes.settle("other", Settled::Gone, at(9), 0);
        assert_eq!((lanes.waiting(), lanes.names.len(), lanes.holders.len()), (0, 0, 0));
    }

    #[test]
    fn a_destination_rests_as_long_as_it_asks() {
        let mut lanes = Lanes::default();
        (1..=2).for_each(|n| lanes.add(n, &n.to_string(), &[]));
        assert_eq!(lanes.next(at(0)), Some((1, "1".to_owned())));
        lanes.settle("1", Settled::Rest(at(30)), at(0), 0);
        assert_eq!((seqs(&mut lanes, at(29)), lanes.wakes()), (vec![], Some(at(30))));
        assert_eq!(seqs(&mut lanes, at(30)), [1]);
    }

    #[test]
    fn pauses_stay_between_one_second_and_a_minute() {
        for failures in [1, 2, 5, 6, 7, 30, u32::MAX] {
            for roll in [0, 500, 1_000, u32::MAX] {
                let pause = pause(failures, roll).as_millis();
                assert!((1_000..=60_000).contains(&pause), "{failures} {roll} {pause}");
            }
        }
    }
}
