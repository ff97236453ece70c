//! What became of the copies of a place, and what follows from it: when the next is due, whether all is well. Pure.

use clinicvault_vault::backup::Class;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::place::{Place, Schedule};

/// A copy that has not been tried for so long is not called good (security-storage.md, section 8).
pub const TRIED_WITHIN: SignedDuration = SignedDuration::from_hours(14 * 24);
/// How often a copy is tried.
pub const TRY_EVERY: SignedDuration = SignedDuration::from_hours(7 * 24);
/// A failed try is repeated then.
const TRY_AGAIN: SignedDuration = SignedDuration::from_hours(6);

/// What a person can do about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BackupTrouble)]
pub enum Trouble {
    /// It is tried again by itself.
    Later,
    /// Somebody has to change something.
    Person,
    /// There is no room.
    Full,
}

impl From<Class> for Trouble {
    fn from(class: Class) -> Self {
        match class {
            Class::Transient => Trouble::Later,
            Class::Permanent | Class::Missing => Trouble::Person,
            Class::Full => Trouble::Full,
        }
    }
}

/// A copy that is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BackupGood)]
pub struct Good {
    /// Its name.
    pub set: String,
    /// When it was made: what came later is not in it.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The state that it holds.
    pub tx: u64,
    /// Bytes that went to the place for it.
    pub sent: u64,
    /// Bytes of the whole set there.
    pub bytes: u64,
    /// How long it took.
    pub seconds: u64,
}

/// Copies that could not be made since the last good one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BackupFailed)]
pub struct Failed {
    /// What a person can do about it.
    pub trouble: Trouble,
    /// What happened and what to do.
    pub text: String,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// The last time.
    #[schema(value_type = String, format = DateTime)]
    pub last: Timestamp,
    /// How often.
    pub times: u32,
}

/// A copy that was opened again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BackupTried)]
pub struct Tried {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Which.
    pub set: String,
    /// Whether everything in it could be read.
    pub well: bool,
    /// What was wrong, and what to do.
    pub text: String,
    /// Records that were opened.
    pub records: u64,
    /// How long it took.
    pub seconds: u64,
}

/// What is known of a place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Outcome {
    /// The last good copy.
    pub good: Option<Good>,
    /// Failures since.
    pub failed: Option<Failed>,
    /// The last copy that was opened again, well or not.
    pub tried: Option<Tried>,
    /// When a copy was opened well for the last time.
    pub tried_well: Option<Timestamp>,
    /// What somebody was told of and is not over, and since when.
    pub told: Option<(Standing, Timestamp)>,
}

impl Outcome {
    /// A copy was made.
    pub fn made(&mut self, good: Good) {
        self.good = Some(good);
        self.failed = None;
    }

    /// A copy could not be made.
    pub fn failed(&mut self, trouble: Trouble, text: String, now: Timestamp) {
        let before = self.failed.take().filter(|before| before.trouble == trouble);
        self.failed = Some(Failed {
            trouble,
            text,
            since: before.as_ref().map_or(now, |before| before.since),
            last: now,
            times: before.map_or(1, |before| before.times.saturating_add(1)),
        });
    }

    /// A copy was opened again.
    pub fn tried(&mut self, tried: Tried) {
        if tried.well {
            self.tried_well = Some(tried.at);
        }
        self.tried = Some(tried);
    }

    /// When the next copy is due; none for a place that waits for somebody to ask.
    pub fn due(&self, place: &Place, zone: &TimeZone) -> Option<Timestamp> {
        if place.settings.paused {
            return None;
        }
        let regular = match (place.settings.schedule(), &self.good) {
            (Schedule::Hand {}, _) => return None,
            (Schedule::Minutes { .. } | Schedule::Daily { .. }, None) => place.added,
            (Schedule::Minutes { every }, Some(good)) => {
                later(good.at, SignedDuration::from_mins(i64::from(every)))
            }
            (Schedule::Daily { hour }, Some(good)) => next_hour(good.at, hour, zone),
        };
        let again =
            self.failed.as_ref().map(|failed| later(failed.last, pause(failed.trouble, failed.times)));
        Some(again.map_or(regular, |again| again.max(regular)))
    }

    /// When the last good copy is to be opened again; none where there is none.
    pub fn trial_due(&self, place: &Place) -> Option<Timestamp> {
        if place.settings.paused {
            return None;
        }
        let good = self.good.as_ref()?;
        Some(match &self.tried {
            Some(tried) if tried.well => later(tried.at, TRY_EVERY),
            Some(tried) => later(tried.at, TRY_AGAIN),
            None => good.at,
        })
    }

    /// How the place is.
    pub fn standing(&self, place: &Place, now: Timestamp) -> Standing {
        if place.settings.paused {
            return Standing::Paused;
        }
        let Some(good) = &self.good else {
            return if self.failed.is_some() { Standing::Failing } else { Standing::Empty };
        };
        let hand = matches!(place.settings.schedule(), Schedule::Hand {});
        if self.failed.as_ref().is_some_and(|failed| failed.trouble != Trouble::Later) {
            Standing::Failing
        } else if !hand && later(good.at, patience(place.settings.schedule())) < now {
            Standing::Late
        } else if self.tried.as_ref().is_some_and(|tried| !tried.well) {
            Standing::Unsound
        } else if self.tried_well.is_none_or(|at| later(at, TRIED_WITHIN) < now) {
            Standing::Untried
        } else {
            Standing::Good
        }
    }
}

/// How a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BackupStanding)]
pub enum Standing {
    /// A copy as new as it should be, opened again within 14 days.
    Good,
    /// The copy is new, but none has been opened again for 14 days.
    Untried,
    /// The last copy that was opened was not whole.
    Unsound,
    /// The copy is older than it should be.
    Late,
    /// Copies cannot be made, and somebody has to do something.
    Failing,
    /// There is no copy yet.
    Empty,
    /// Nobody wants copies there for now.
    Paused,
}

/// How old a copy may be before somebody should look: twice what is wished, an hour at least.
pub fn patience(schedule: Schedule) -> SignedDuration {
    match schedule {
        Schedule::Minutes { every } => SignedDuration::from_mins((i64::from(every) * 2).max(60)),
        Schedule::Daily { .. } => SignedDuration::from_hours(36),
        Schedule::Hand {} => SignedDuration::MAX,
    }
}

/// How long to wait after so many failures of a kind.
fn pause(trouble: Trouble, times: u32) -> SignedDuration {
    SignedDuration::from_mins(match trouble {
        Trouble::Later => (1_i64 << times.saturating_sub(1).min(6)).min(60),
        Trouble::Full => 60,
        Trouble::Person => 360,
    })
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// The first moment after `at` at which the clinic's clock begins this hour.
fn next_hour(at: Timestamp, hour: i8, zone: &TimeZone) -> Timestamp {
    let day = at.to_zoned(zone.clone()).date();
    let time = Time::new(hour, 0, 0, 0).unwrap_or_default();
    let mut days = (0..4).filter_map(|n| day.checked_add(SignedDuration::from_hours(24 * n)).ok());
    days.find_map(|day| {
        let moment = day.to_datetime(time).to_zoned(zone.clone()).ok()?.timestamp();
        (moment > at).then_some(moment)
    })
    .unwrap_or_else(|| later(at, SignedDuration::from_hours(24)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::place::{FolderPlace, Keep, Settings, Where};
    use super::*;

    fn place(schedule: Schedule) -> Place {
        Place {
            id: "p".into(),
            revision: 1,
            added: at("2026-11-01T00:00:00Z"),
            settings: Settings {
                name: "a".into(),
                at: Where::Folder(FolderPlace { path: "/a".into() }),
                schedule: Some(schedule),
                keep: Keep::default(),
                kib_a_second: 0,
                paused: false,
            },
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn good(when: &str) -> Good {
        Good { set: "s".into(), at: at(when), tx: 7, sent: 1, bytes: 1, seconds: 1 }
    }

    fn tried(when: &str, well: bool) -> Tried {
        Tried { at: at(when), set: "s".into(), well, text: String::new(), records: 1, seconds: 1 }
    }

    fn zone() -> TimeZone {
        TimeZone::get("Asia/Kolkata").unwrap()
    }

    const QUARTER: Schedule = Schedule::Minutes { every: 15 };

    #[test]
    fn the_next_copy_is_due_after_its_time_and_at_its_hour() {
        for (schedule, made, expected) in [
            (QUARTER, None, Some("2026-11-01T00:00:00Z")),
            (QUARTER, Some("2026-11-23T10:00:00Z"), Some("2026-11-23T10:15:00Z")),
            (Schedule::Hand {}, Some("2026-11-23T10:00:00Z"), None),
            // Two in the night of the clinic's clock is half past eight in the evening in London.
            (Schedule::Daily { hour: 2 }, Some("2026-11-23T10:00:00Z"), Some("2026-11-23T20:30:00Z")),
            (Schedule::Daily { hour: 2 }, Some("2026-11-23T20:30:00Z"), Some("2026-11-24T20:30:00Z")),
            (Schedule::Daily { hour: 2 }, Some("2026-11-23T20:29:59Z"), Some("2026-11-23T20:30:00Z")),
        ] {
            let outcome = Outcome { good: made.map(good), ..Outcome::default() };
            assert_eq!(outcome.due(&place(schedule), &zone()), expected.map(at), "{schedule:?} {made:?}");
        }
        let mut paused = place(QUARTER);
        paused.settings.paused = true;
        assert_eq!(Outcome::default().due(&paused, &zone()), None);
    }

    #[test]
    fn what_may_be_there_later_is_tried_soon_and_what_needs_a_person_seldom() {
        let now = at("2026-11-23T10:00:00Z");
        let minutes = |trouble, times| {
            let mut outcome = Outcome { good: Some(good("2026-11-23T09:00:00Z")), ..Outcome::default() };
            for _ in 0..times {
                outcome.failed(trouble, "x".into(), now);
            }
            (outcome.due(&place(QUARTER), &zone()).unwrap().as_second() - now.as_second()) / 60
        };
        let soon: Vec<i64> = (1..=9).map(|times| minutes(Trouble::Later, times)).collect();
        assert_eq!(soon, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!((minutes(Trouble::Full, 3), minutes(Trouble::Person, 3)), (60, 360));
    }

    #[test]
    fn a_failure_of_another_kind_begins_anew_and_a_copy_ends_it() {
        let mut outcome = Outcome::default();
        outcome.failed(Trouble::Later, "a".into(), at("2026-11-23T10:00:00Z"));
        outcome.failed(Trouble::Later, "b".into(), at("2026-11-23T11:00:00Z"));
        let failed = outcome.failed.clone().unwrap();
        assert_eq!((failed.times, failed.since, failed.text.as_str()), (2, at("2026-11-23T10:00:00Z"), "b"));
        outcome.failed(Trouble::Full, "c".into(), at("2026-11-23T12:00:00Z"));
        assert_eq!(outcome.failed.as_ref().unwrap().times, 1);
        outcome.made(good("2026-11-23T13:00:00Z"));
        assert_eq!(outcome.failed, None);
    }

    #[test]
    fn nothing_is_called_good_that_was_not_opened_within_fourteen_days() {
        let now = at("2026-11-23T10:00:00Z");
        let fresh = Some(good("2026-11-23T09:50:00Z"));
        let with = |tried_at: Option<(&str, bool)>| {
            let mut outcome = Outcome { good: fresh.clone(), ..Outcome::default() };
            if let Some((when, well)) = tried_at {
                outcome.tried(tried(when, well));
            }
            outcome.standing(&place(QUARTER), now)
        };
        assert_eq!(with(None), Standing::Untried);
        assert_eq!(with(Some(("2026-11-20T10:00:00Z", true))), Standing::Good);
        assert_eq!(with(Some(("2026-11-09T10:00:00Z", true))), Standing::Good);
        assert_eq!(with(Some(("2026-11-09T09:59:59Z", true))), Standing::Untried);
        assert_eq!(with(Some(("2026-11-20T10:00:00Z", false))), Standing::Unsound);
    }

    #[test]
    fn late_and_failing_places_are_told_apart() {
        let now = at("2026-11-23T10:00:00Z");
        let made = |when: &str| Outcome { good: Some(good(when)), ..Outcome::default() };
        assert_eq!(Outcome::default().standing(&place(QUARTER), now), Standing::Empty);
        assert_eq!(made("2026-11-23T08:59:00Z").standing(&place(QUARTER), now), Standing::Late);
        assert_eq!(
            made("2026-11-22T00:00:00Z").standing(&place(Schedule::Daily { hour: 2 }), now),
            Standing::Untried
        );
        assert_eq!(
            made("2026-11-21T20:00:00Z").standing(&place(Schedule::Daily { hour: 2 }), now),
            Standing::Late
        );
        assert_eq!(made("2020-01-01T00:00:00Z").standing(&place(Schedule::Hand {}), now), Standing::Untried);
        let mut failing = made("2026-11-23T09:59:00Z");
        failing.failed(Trouble::Later, "x".into(), now);
        assert_eq!(failing.standing(&place(QUARTER), now), Standing::Untried);
        failing.failed(Trouble::Full, "x".into(), now);
        assert_eq!(failing.standing(&place(QUARTER), now), Standing::Failing);
    }

    #[test]
    fn a_copy_is_opened_once_a_week_and_again_soon_when_it_was_not_whole() {
        let place = place(QUARTER);
        assert_eq!(Outcome::default().trial_due(&place), None);
        let mut outcome = Outcome { good: Some(good("2026-11-23T09:00:00Z")), ..Outcome::default() };
        assert_eq!(outcome.trial_due(&place), Some(at("2026-11-23T09:00:00Z")));
        outcome.tried(tried("2026-11-23T09:10:00Z", true));
        assert_eq!(outcome.trial_due(&place), Some(at("2026-11-30T09:10:00Z")));
        outcome.tried(tried("2026-11-30T09:10:00Z", false));
        assert_eq!(outcome.trial_due(&place), Some(at("2026-11-30T15:10:00Z")));
        assert_eq!(outcome.tried_well, Some(at("2026-11-23T09:10:00Z")));
    }

    proptest! {
        #[test]
        fn a_failure_never_brings_a_copy_forward(hour in 0_i8..24, after in 0_i64..200_000, times in 0_u32..12) {
            let place = place(Schedule::Daily { hour });
            let mut outcome = Outcome { good: Some(good("2026-11-23T09:00:00Z")), ..Outcome::default() };
            let regular = outcome.due(&place, &zone()).unwrap();
            prop_assert!(regular > at("2026-11-23T09:00:00Z"));
            prop_assert!(regular <= at("2026-11-24T09:00:00Z"));
            let when = Timestamp::from_second(at("2026-11-23T09:00:00Z").as_second() + after).unwrap();
            for _ in 0..times {
                outcome.failed(Trouble::Later, "x".into(), when);
            }
            let due = outcome.due(&place, &zone()).unwrap();
            prop_assert!(due >= regular);
            if times > 0 {
                prop_assert!(due > when);
            }
        }
    }
}
