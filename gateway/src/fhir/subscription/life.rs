//! The life of a subscription: its state, how far it has come in the log, and what is to be done next.
//!
//! The log of the store is the queue. Of a subscription three numbers are kept: up to which unit of the log it has been
//! looked at ([`Line::scanned`]), the number of the last event that was found there ([`Line::numbered`]), and that of
//! the last event which the receiver has taken ([`Line::delivered`]). An event has its number before it is sent for the
//! first time and keeps it, so a receiver that gets one twice knows it by its number. Events are sent in order, the next
//! only after the one before was taken. Time and chance are arguments; the caller does what [`Line::next`] says and
//! tells [`Line::apply`] what came of it.

use jiff::{SignedDuration, Timestamp};

/// State of a subscription (value set subscription-status).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Asked for, not checked yet.
    Requested,
    /// Events are sent.
    Active,
    /// Given up after too many failures.
    Error,
    /// Not wanted, or over.
    Off,
}

impl State {
    /// The code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Active => "active",
            Self::Error => "error",
            Self::Off => "off",
        }
    }

    /// The member of a code.
    pub fn parse(code: &str) -> Option<Self> {
        [Self::Requested, Self::Active, Self::Error, Self::Off]
            .into_iter()
            .find(|state| state.as_str() == code)
    }
}

/// What is kept of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its state.
    pub state: State,
    /// Turned off by whoever looks after the box, to be turned on again from where it was.
    pub paused: bool,
    /// The log has been looked at up to this unit.
    pub scanned: u64,
    /// Number of the last event found, 0 for none.
    pub numbered: u64,
    /// Number of the last event that was taken, 0 for none.
    pub delivered: u64,
    /// Failures in a row.
    pub failures: u32,
    /// Nothing is tried before.
    pub not_before: Option<Timestamp>,
    /// When something was taken last.
    pub last: Option<Timestamp>,
    /// What went wrong last; none after something was taken.
    pub error: Option<String>,
}

/// What does not change by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Failures in a row after which it is given up.
    pub attempts: u32,
    /// Wait after the first failure; it doubles with each further one.
    pub retry: SignedDuration,
    /// Longest wait.
    pub longest: SignedDuration,
}

/// What the subscription itself asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// When it is turned off.
    pub end: Option<Timestamp>,
    /// Quiet after which a sign of life is sent.
    pub heartbeat: Option<SignedDuration>,
    /// Most events in one notification.
    pub batch: u64,
    /// Whether one failure of the first check is final (R5 Backport, channels: handshake).
    pub strict_check: bool,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Turn it off: its end has come.
    End,
    /// Try the endpoint.
    Check,
    /// Look at the log behind `scanned`.
    Scan,
    /// Send these events, both included.
    Send(u64, u64),
    /// Send a sign of life.
    Beat,
    /// Nothing until then, or until something is committed.
    Rest(Option<Timestamp>),
}

/// What came of it, or what somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The endpoint answered.
    Checked,
    /// The log was looked at up to a unit, and so many events were found.
    Found {
        /// The unit.
        scanned: u64,
        /// How many.
        events: u64,
    },
    /// Everything up to this number was taken.
    Taken(u64),
    /// The sign of life was taken.
    Beaten,
    /// It was not taken; the reason in words without content.
    Failed(String),
    /// It will never be taken.
    Hopeless(String),
    /// The end has come.
    Ended,
    /// Stop for now.
    Pause,
    /// Go on.
    Resume,
    /// Try again at once, also after it was given up.
    Retry,
}

impl Line {
    /// A subscription that begins behind a unit of the log.
    pub const fn new(scanned: u64) -> Self {
        Self {
            state: State::Requested,
            paused: false,
            scanned,
            numbered: 0,
            delivered: 0,
            failures: 0,
            not_before: None,
            last: None,
            error: None,
        }
    }

    /// Events that were found and not taken yet.
    pub const fn waiting(&self) -> u64 {
        self.numbered.saturating_sub(self.delivered)
    }

    /// What is to be done, when the log has come to `head`.
    pub fn next(&self, asked: &Asked, head: u64, now: Timestamp) -> Step {
        if matches!(self.state, State::Off | State::Error) {
            return Step::Rest(None);
        }
        if asked.end.is_some_and(|end| end <= now) {
            return Step::End;
        }
        if let Some(later) = self.not_before.filter(|later| *later > now) {
            return Step::Rest(Some(asked.end.map_or(later, |end| later.min(end))));
        }
        if self.state == State::Requested {
            return Step::Check;
        }
        if self.waiting() > 0 {
            let until = self.delivered.saturating_add(asked.batch.max(1)).min(self.numbered);
            return Step::Send(self.delivered + 1, until);
        }
        if self.scanned < head {
            return Step::Scan;
        }
        let quiet = asked.heartbeat.and_then(|beat| self.last?.checked_add(beat).ok());
        match quiet {
            Some(due) if due <= now => Step::Beat,
            due => Step::Rest(due.into_iter().chain(asked.end).min()),
        }
    }

    /// The line after an event. `roll` is a random number: it spreads the attempts of many subscriptions.
    #[must_use]
    pub fn apply(mut self, event: Event, asked: &Asked, rules: &Rules, now: Timestamp, roll: u32) -> Self {
        match event {
            Event::Checked => {
                self.state = State::Active;
                self.well(now);
            }
            Event::Found { scanned, events } => {
                self.scanned = self.scanned.max(scanned);
                self.numbered = self.numbered.saturating_add(events);
            }
            Event::Taken(number) => {
                self.delivered = self.delivered.max(number.min(self.numbered));
                self.well(now);
            }
            Event::Beaten => self.well(now),
            Event::Failed(why) => {
                self.failures = self.failures.saturating_add(1);
                self.error = Some(why);
                let first_check = self.state == State::Requested && asked.strict_check;
                if first_check || self.failures >= rules.attempts {
                    self.state = State::Error;
                    self.not_before = None;
                } else {
                    self.not_before = now.checked_add(wait(self.failures, rules, roll)).ok();
                }
            }
            Event::Hopeless(why) => {
                self.failures = self.failures.saturating_add(1);
                self.error = Some(why);
                self.state = State::Error;
                self.not_before = None;
            }
            Event::Ended => self.state = State::Off,
            Event::Pause if matches!(self.state, State::Requested | State::Active) => {
                self.state = State::Off;
                self.paused = true;
            }
            Event::Resume if self.paused => self.again(),
            Event::Retry if self.state == State::Error => self.again(),
            Event::Retry => self.not_before = None,
            Event::Pause | Event::Resume => {}
        }
        self
    }

    fn well(&mut self, now: Timestamp) {
        self.failures = 0;
        self.not_before = None;
        self.error = None;
        self.last = Some(now);
    }

    fn again(&mut self) {
        self.state = State::Requested;
        self.paused = false;
        self.failures = 0;
        self.not_before = None;
    }
}

/// The wait after so many failures: doubled each time up to the longest, of which chance takes up to half away.
fn wait(failures: u32, rules: &Rules, roll: u32) -> SignedDuration {
    let first = rules.retry.as_millis().max(1);
    let doubled = first.saturating_mul(1_i128 << failures.saturating_sub(1).min(40));
    let whole = doubled.min(rules.longest.as_millis().max(first));
    let part = whole / 2 * i128::from(roll) / i128::from(u32::MAX);
    SignedDuration::from_millis(i64::try_from(whole - part).unwrap_or(i64::MAX))
}
