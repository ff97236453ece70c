//! To whom a patient was shown in a list, so that the access log says it once and not with every refresh.
//!
//! A list on a screen that stays open is asked for again and again. Each answer has its line in the audit log; this
//! remembers which patients have theirs already. What it forgets is only written once more.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::access::Actor;

/// For how long a line in a patient's access log speaks for the same reader: a working day.
const AGAIN: SignedDuration = SignedDuration::from_hours(12);
/// Most pairs of reader and patient that are remembered.
const MOST: usize = 20_000;

type Pairs = BTreeMap<(String, Option<[u8; 32]>, String), Timestamp>;

/// Pairs of a reader's session and a patient, with the time of the line.
#[derive(Default)]
pub struct Shown(Mutex<Pairs>);

impl Shown {
    /// Whether the log has a line of this reader and patient that still speaks.
    pub fn has(&self, who: &Actor, patient: &str, now: Timestamp) -> bool {
        self.pairs().get(&pair(who, patient)).is_some_and(|at| speaks(*at, now))
    }

    /// Remembers a line that was written.
    pub fn add(&self, who: &Actor, patient: &str, now: Timestamp) {
        let mut pairs = self.pairs();
        if pairs.len() >= MOST {
            pairs.retain(|_, at| speaks(*at, now));
        }
        if pairs.len() >= MOST {
            pairs.clear();
        }
        pairs.insert(pair(who, patient), now);
    }

    fn pairs(&self) -> MutexGuard<'_, Pairs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pair(who: &Actor, patient: &str) -> (String, Option<[u8; 32]>, String) {
    (who.id.clone(), who.session, patient.to_owned())
}

fn speaks(at: Timestamp, now: Timestamp) -> bool {
    let age = now.duration_since(at);
    !age.is_negative() && age < AGAIN
}

#[cfg(test)]
mod tests {
    use super::super::access::Role;
    use super::super::testing::person;
    use super::*;

    #[test]
    fn a_line_speaks_for_one_session_one_patient_and_a_working_day() {
        let (shown, doctor) = (Shown::default(), person(Role::Doctor));
        let mut other = (*doctor.who).clone();
        other.session = Some([1; 32]);
        let start = Timestamp::UNIX_EPOCH;
        assert!(!shown.has(&doctor.who, "7", start));
        shown.add(&doctor.who, "7", start);
        let later = |hours| start + SignedDuration::from_hours(hours);
        assert!(shown.has(&doctor.who, "7", start) && shown.has(&doctor.who, "7", later(11)));
        assert!(!shown.has(&doctor.who, "7", later(12)) && !shown.has(&doctor.who, "7", later(-1)));
        assert!(!shown.has(&doctor.who, "8", start) && !shown.has(&other, "7", start));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (shown, doctor) = (Shown::default(), person(Role::Doctor));
        for patient in 0..=MOST {
            shown.add(&doctor.who, &patient.to_string(), Timestamp::UNIX_EPOCH);
        }
        assert_eq!(shown.pairs().len(), 1);
    }
}
