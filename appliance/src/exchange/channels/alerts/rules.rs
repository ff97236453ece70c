//! When a channel is worth a person's look: bounds of its document, and what they say of what was seen.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Fewer messages in an hour than this say nothing about a share of them.
const ENOUGH: u64 = 10;

/// When a channel is worth a person's look; 0 turns a bound off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schema(as = ChannelAlerts)]
pub struct Alerts {
    /// No message for so many minutes.
    #[schema(maximum = 525_600)]
    pub silent_minutes: u32,
    /// So many of a hundred messages of the last hour were refused or put before a person.
    #[schema(maximum = 100)]
    pub error_percent: u8,
    /// A message waits for so many minutes to be read or to be sent.
    #[schema(maximum = 525_600)]
    pub waiting_minutes: u32,
    /// A certificate of the channel or of a peer ends in fewer days.
    #[schema(maximum = 365)]
    pub certificate_days: u16,
}

impl Default for Alerts {
    fn default() -> Self {
        Self { silent_minutes: 0, error_percent: 20, waiting_minutes: 30, certificate_days: 21 }
    }
}

impl Alerts {
    /// Whether these are the bounds of a channel that names none.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// What an alert is about. Names are part of the stored format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ChannelAlertAbout)]
pub enum About {
    /// No message came for too long.
    Silent,
    /// Too many messages were refused or held.
    Errors,
    /// Messages wait for too long.
    Waiting,
    /// A certificate ends soon or has ended.
    Certificate,
    /// The source cannot run.
    Failed,
}

impl About {
    /// The word in keys, answers and audit lines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Errors => "errors",
            Self::Waiting => "waiting",
            Self::Certificate => "certificate",
            Self::Failed => "failed",
        }
    }
}

/// What was seen of a channel.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// When a message came last, or the channel was last changed or turned on, or the box started.
    pub quiet_since: Option<Timestamp>,
    /// Messages of the last hour.
    pub came: u64,
    /// Those of them that were refused or held.
    pub wrong: u64,
    /// Since when the oldest waits.
    pub oldest: Option<Timestamp>,
    /// When the first of its certificates ends.
    pub ends: Option<Timestamp>,
    /// Why the source cannot run.
    pub failed: Option<String>,
}

/// What is worth a look now, each with the number that tells how bad it is: minutes, percent, days left.
pub fn judge(alerts: &Alerts, seen: &Seen, now: Timestamp) -> Vec<(About, i64)> {
    let mut found = Vec::new();
    let minutes = |since: Timestamp| now.duration_since(since).as_mins();
    let over = |bound: u32, since: Option<Timestamp>| {
        since.map(minutes).filter(|passed| bound > 0 && *passed >= i64::from(bound))
    };
    if let Some(passed) = over(alerts.silent_minutes, seen.quiet_since) {
        found.push((About::Silent, passed));
    }
    let share = (seen.wrong.saturating_mul(100)).checked_div(seen.came).unwrap_or(0);
    if alerts.error_percent > 0 && seen.came >= ENOUGH && share >= u64::from(alerts.error_percent) {
        found.push((About::Errors, i64::try_from(share).unwrap_or(100)));
    }
    if let Some(passed) = over(alerts.waiting_minutes, seen.oldest) {
        found.push((About::Waiting, passed));
    }
    if let Some(ends) = seen.ends.filter(|_| alerts.certificate_days > 0) {
        let left = ends.duration_since(now);
        if left <= SignedDuration::from_hours(24 * i64::from(alerts.certificate_days)) {
            found.push((About::Certificate, left.as_hours().div_euclid(24)));
        }
    }
    if seen.failed.is_some() {
        found.push((About::Failed, 0));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap()
    }

    #[test]
    fn each_bound_speaks_at_its_edge_and_not_before() {
        let alerts = Alerts { silent_minutes: 60, ..Alerts::default() };
        let told = |seen: Seen| judge(&alerts, &seen, at(10_000));
        assert!(told(Seen::default()).is_empty());
        let quiet = |minutes: i64| Seen { quiet_since: Some(at(10_000 - minutes)), ..Seen::default() };
        assert_eq!((told(quiet(59)), told(quiet(60))), (vec![], vec![(About::Silent, 60)]));
        let wrong = |wrong, came| Seen { came, wrong, ..Seen::default() };
        assert!(told(wrong(9, 9)).is_empty(), "nine messages are too few to say");
        assert_eq!((told(wrong(1, 10)), told(wrong(2, 10))), (vec![], vec![(About::Errors, 20)]));
        let waits = |minutes: i64| Seen { oldest: Some(at(10_000 - minutes)), ..Seen::default() };
        assert_eq!((told(waits(29)), told(waits(30))), (vec![], vec![(About::Waiting, 30)]));
        let ends = |days: i64| Seen { ends: Some(at(10_000 + days * 1_440)), ..Seen::default() };
        assert_eq!((told(ends(22)), told(ends(21))), (vec![], vec![(About::Certificate, 21)]));
        assert_eq!(told(ends(-1)), [(About::Certificate, -1)], "it has ended");
    }

    #[test]
    fn zero_turns_a_bound_off() {
        let off = Alerts { silent_minutes: 0, error_percent: 0, waiting_minutes: 0, certificate_days: 0 };
        let seen = Seen {
            quiet_since: Some(at(0)),
            came: 100,
            wrong: 100,
            oldest: Some(at(0)),
            ends: Some(at(0)),
            failed: None,
        };
        assert!(judge(&off, &seen, at(1_000_000)).is_empty());
    }
}
