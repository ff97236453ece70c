//! Somebody in a room, and how often he may say something.

use jiff::Timestamp;

use super::ears::Part;
use super::protocol::{Muted, Person, Standing};
use super::state::{KEPT, Link};

/// Who comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// Account, or the patient's id.
    pub id: String,
    /// Name.
    pub name: String,
    /// In which part.
    pub part: Part,
    /// Degrees.
    pub qualification: Option<String>,
    /// Number with the council.
    pub registration: Option<String>,
    /// The browser's own name.
    pub device: String,
}

impl Guest {
    /// Whether somebody in this part belongs into the room: the patient and staff were looked at when they came in, which
    /// doctor has it changes.
    pub fn takes_part(&self, standing: &Standing) -> bool {
        let has_it = standing.doctor.as_ref().is_some_and(|doctor| doctor.id == self.id);
        let is_asked = standing.transfer.as_ref().is_some_and(|offer| offer.to == self.id);
        self.part != Part::Doctor || has_it || is_asked
    }
}

/// Somebody in the room.
#[derive(Debug, Clone)]
pub struct Member {
    /// Who.
    pub guest: Guest,
    /// His socket.
    pub link: Option<Link>,
    /// Since when he has none.
    pub gone: Option<Timestamp>,
    /// He wants to be in the call.
    pub wanted: bool,
    /// His number in the call.
    pub peer: Option<u32>,
    /// His media flow.
    pub up: bool,
    /// What he has switched off.
    pub muted: Muted,
    /// His picture is his screen.
    pub screen: bool,
    /// He agrees to being heard.
    pub agrees: bool,
    /// He agrees to sound and pictures being kept.
    pub agrees_recording: bool,
    pub(super) budget: Budget,
}

impl Member {
    pub(super) fn new(guest: Guest, agrees: bool, now: Timestamp) -> Member {
        Member {
            guest,
            link: None,
            gone: None,
            wanted: false,
            peer: None,
            up: false,
            muted: Muted::default(),
            screen: false,
            agrees,
            agrees_recording: false,
            budget: Budget::new(now),
        }
    }

    /// As the others see him.
    pub fn person(&self) -> Person {
        Person {
            id: self.guest.id.clone(),
            name: self.guest.name.clone(),
            part: self.guest.part,
            qualification: self.guest.qualification.clone(),
            registration: self.guest.registration.clone(),
            here: self.link.is_some(),
            peer: self.peer,
            up: self.up,
            muted: self.muted,
            screen: self.screen,
            agrees: self.agrees,
            agrees_recording: self.agrees_recording,
        }
    }

    /// Until when his seat is kept, if his line is lost.
    pub fn kept_until(&self) -> Option<Timestamp> {
        self.gone.and_then(|since| since.checked_add(KEPT).ok())
    }
}

/// Messages at once: a negotiation of six with its addresses, twice over.
const BURST: i64 = 200;
/// Messages a second in the long run.
const PER_SECOND: i64 = 40;

/// Tokens that come back with time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    /// Thousandths of a message.
    left: i64,
    at: Timestamp,
}

impl Budget {
    fn new(now: Timestamp) -> Budget {
        Budget { left: BURST * 1000, at: now }
    }

    /// Takes one, or says that none is there.
    pub(super) fn take(&mut self, now: Timestamp) -> bool {
        let passed = now.as_millisecond().saturating_sub(self.at.as_millisecond()).max(0);
        self.at = self.at.max(now);
        self.left = self.left.saturating_add(passed.saturating_mul(PER_SECOND)).min(BURST * 1000);
        if self.left < 1000 {
            return false;
        }
        self.left -= 1000;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_taken_and_then_the_rate_holds() {
        let at = |ms: i64| Timestamp::from_millisecond(1_795_000_000_000 + ms).unwrap();
        let mut budget = Budget::new(at(0));
        assert_eq!((0..300).filter(|_| budget.take(at(0))).count(), 200);
        assert!(!budget.take(at(24)));
        assert!(budget.take(at(25)));
        assert!(!budget.take(at(0)), "time that went backwards brings nothing");
        assert_eq!((0..300).filter(|_| budget.take(at(3_600_000))).count(), 200);
    }
}
