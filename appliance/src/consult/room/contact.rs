//! Whether and how doctor and patient are in touch: pure, from who is in and what flows.
//!
//! Two things follow. The mode of each segment is written down, because it decides which medicines may be prescribed
//! (clinic-workflow.md section 7.1). Media that are lost interrupt the consultation, and media that are back end that
//! (section 3.1). Neither follows short flaps.

use jiff::{SignedDuration, Timestamp};

use super::protocol::Mode;

/// A way of being in touch counts once it has lasted this long.
const SETTLE: SignedDuration = SignedDuration::from_secs(3);
/// Media count as lost after this long. The engine itself needs 5 s to notice.
const LOSS: SignedDuration = SignedDuration::from_secs(5);

/// How it looks at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sight {
    /// The consultation is ACTIVE.
    pub active: bool,
    /// Both are in the clinic.
    pub in_person: bool,
    /// They wanted to hear each other, not only to write.
    pub by_media: bool,
    /// The doctor said that they go on by phone.
    pub phone: bool,
    /// The doctor and the patient are in the room.
    pub both_here: bool,
    /// The media of both flow.
    pub both_up: bool,
    /// The patient sends a picture of himself.
    pub patient_seen: bool,
    /// The consultation says that it is interrupted.
    pub interrupted: bool,
}

impl Sight {
    fn mode(self) -> Option<Mode> {
        match self {
            Sight { active: false, .. } => None,
            Sight { phone: true, .. } => Some(Mode::Phone),
            Sight { in_person: true, .. } => Some(Mode::InPerson),
            Sight { both_up: true, patient_seen: true, .. } => Some(Mode::Video),
            Sight { both_up: true, .. } => Some(Mode::Audio),
            Sight { both_here: true, .. } => Some(Mode::Chat),
            Sight { .. } => None,
        }
    }

    /// Whether they are in touch in the way that they wanted, or in one that stands for it.
    fn holds(self) -> bool {
        self.phone || self.in_person || if self.by_media { self.both_up } else { self.both_here }
    }
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follows {
    /// They are in touch in this way now.
    Mode(Option<Mode>),
    /// Media are lost, or back.
    Lost(bool),
}

/// What is remembered.
#[derive(Debug, Clone, Default)]
pub struct Contact {
    mode: Option<Mode>,
    other: Option<(Option<Mode>, Timestamp)>,
    /// They were in touch at least once.
    met: bool,
    holding: bool,
    without: Option<Timestamp>,
    told: bool,
}

impl Contact {
    /// `met` when they were in touch before this room was made.
    pub fn new(met: bool) -> Contact {
        Contact { met, ..Contact::default() }
    }

    /// How they are in touch, as written down.
    pub fn mode(&self) -> Option<Mode> {
        self.mode
    }

    /// What follows from how it looks now.
    pub fn look(&mut self, sight: Sight, now: Timestamp) -> Vec<Follows> {
        let mut follows = Vec::new();
        let mode = sight.mode();
        if mode == self.mode {
            self.other = None;
        } else {
            let since = self.other.filter(|(other, _)| *other == mode).map_or(now, |(_, since)| since);
            self.other = Some((mode, since));
            // An end is an end at once: what follows it is no part of the consultation.
            if !sight.active || since.checked_add(SETTLE).is_ok_and(|at| at <= now) {
                (self.mode, self.other) = (mode, None);
                follows.push(Follows::Mode(mode));
            }
        }
        if !sight.active {
            (self.holding, self.without, self.told) = (false, None, false);
            return follows;
        }
        let holds = sight.holds();
        if holds && !self.holding && (sight.interrupted || self.told) {
            follows.push(Follows::Lost(false));
        }
        self.holding = holds;
        self.met |= holds;
        if holds || !self.met {
            (self.without, self.told) = (None, false);
            return follows;
        }
        let since = *self.without.get_or_insert(now);
        if !self.told && since.checked_add(LOSS).is_ok_and(|at| at <= now) {
            self.told = true;
            if !sight.interrupted {
                follows.push(Follows::Lost(true));
            }
        }
        follows
    }

    /// When to look again.
    pub fn wake(&self) -> Option<Timestamp> {
        let mode = self.other.and_then(|(_, since)| since.checked_add(SETTLE).ok());
        let loss = self.without.filter(|_| !self.told).and_then(|since| since.checked_add(LOSS).ok());
        mode.into_iter().chain(loss).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_795_000_000_000 + ms).unwrap()
    }

    fn talk() -> Sight {
        Sight {
            active: true,
            by_media: true,
            both_here: true,
            both_up: true,
            patient_seen: true,
            ..Sight::default()
        }
    }

    #[test]
    fn a_way_counts_once_it_lasts() {
        let mut contact = Contact::default();
        assert_eq!(contact.look(talk(), at(0)), []);
        assert_eq!(contact.wake(), Some(at(3000)));
        assert_eq!(contact.look(talk(), at(3000)), [Follows::Mode(Some(Mode::Video))]);
        // A camera that is off for a moment is no segment of its own.
        let dark = Sight { patient_seen: false, ..talk() };
        assert_eq!(contact.look(dark, at(4000)), []);
        assert_eq!(contact.look(talk(), at(5000)), []);
        assert_eq!(contact.look(dark, at(9000)), []);
        assert_eq!(contact.look(dark, at(12_000)), [Follows::Mode(Some(Mode::Audio))]);
        assert_eq!(contact.look(Sight { active: false, ..dark }, at(12_001)), [Follows::Mode(None)]);
        assert_eq!(contact.wake(), None);
    }

    #[test]
    fn lost_media_interrupt_and_media_that_are_back_resume() {
        let mut contact = Contact::default();
        let alone = Sight { both_up: false, both_here: false, ..talk() };
        assert_eq!(contact.look(alone, at(0)), [], "who has not met cannot lose each other");
        assert_eq!(contact.look(alone, at(60_000)), []);
        contact.look(talk(), at(60_000));
        contact.look(talk(), at(70_000));
        assert_eq!(contact.look(alone, at(70_000)), []);
        assert_eq!(contact.wake(), Some(at(73_000)));
        contact.look(alone, at(73_000));
        assert_eq!(contact.look(alone, at(75_000)), [Follows::Lost(true)]);
        let known = Sight { interrupted: true, ..alone };
        assert_eq!(contact.look(known, at(80_000)), [], "said once");
        // They write meanwhile: in touch, but not as they wanted.
        let write = Sight { both_here: true, ..known };
        contact.look(write, at(81_000));
        assert_eq!(contact.look(write, at(84_000)), [Follows::Mode(Some(Mode::Chat))]);
        let back = Sight { interrupted: true, ..talk() };
        assert_eq!(contact.look(back, at(90_000)), [Follows::Lost(false)]);
        assert_eq!(contact.look(talk(), at(91_000)), []);
    }

    #[test]
    fn a_phone_call_stands_for_media() {
        let mut contact = Contact::new(true);
        let phone = Sight { phone: true, both_up: false, interrupted: true, ..talk() };
        assert_eq!(contact.look(phone, at(0)), [Follows::Lost(false)]);
        assert_eq!(contact.look(phone, at(3000)), [Follows::Mode(Some(Mode::Phone))]);
    }

    #[test]
    fn a_room_made_anew_notices_who_does_not_come_back() {
        let mut contact = Contact::new(true);
        let alone = Sight { both_up: false, both_here: false, ..talk() };
        contact.look(alone, at(0));
        assert_eq!(contact.look(alone, at(5000)), [Follows::Lost(true)]);
    }
}
