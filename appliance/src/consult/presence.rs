//! Whether a doctor can be given a patient, as a pure state machine (clinic-workflow.md section 3.2).
//!
//! A doctor holds at most one consultation: RESERVED while it waits, BUSY while it goes on. Owns which move may follow
//! which, and who of several doctors is chosen. The heartbeat is a moment that the caller knows (`room` keeps it in
//! memory: nothing that decides about patients is lost with it).

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

/// Whether a doctor can be given a patient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", tag = "state", content = "with")]
pub enum Presence {
    /// Not there.
    Offline,
    /// Free.
    Online,
    /// Held for a consultation, until then if there is an end.
    Reserved { consultation: String, until: Option<Timestamp> },
    /// In a consultation.
    Busy { consultation: String },
    /// There, and not to be given anybody.
    Break,
}

/// The same without what goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PresenceState {
    /// Not there.
    Offline,
    /// Free.
    Online,
    /// Held.
    Reserved,
    /// In a consultation.
    Busy,
    /// Not to be given anybody.
    Break,
}

/// What a doctor may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Wanted {
    /// To be given patients.
    Online,
    /// A pause.
    Break,
    /// To go.
    Offline,
}

/// A doctor as the box knows him.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Doctor {
    /// Account.
    pub id: String,
    /// Whether he can be given a patient.
    pub presence: Presence,
    /// Since when nobody was given to him.
    pub idle_since: Timestamp,
    /// Codes of his specialties.
    pub specialties: Vec<String>,
    /// Codes of the languages he speaks.
    pub languages: Vec<String>,
    /// What he wants once the patient he has is through.
    pub then: Option<Wanted>,
}

/// What happens to a doctor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Move {
    /// He asks.
    Want(Wanted),
    /// Held for a consultation.
    Reserve { consultation: String, until: Option<Timestamp> },
    /// The hold has no end any more.
    Keep { consultation: String },
    /// It begins, or he takes it over.
    Engage { consultation: String },
    /// He is through with it.
    Free { consultation: String },
    /// Nothing was heard of his screen for too long.
    Lapse,
}

/// Why a move is not made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotFree {
    /// Only who is ONLINE is given somebody.
    #[error("the doctor is not free")]
    Taken,
    /// It is another consultation that he has.
    #[error("the doctor has another consultation")]
    Other,
}

impl Presence {
    /// Without what goes with it.
    pub const fn state(&self) -> PresenceState {
        match self {
            Presence::Offline => PresenceState::Offline,
            Presence::Online => PresenceState::Online,
            Presence::Reserved { .. } => PresenceState::Reserved,
            Presence::Busy { .. } => PresenceState::Busy,
            Presence::Break => PresenceState::Break,
        }
    }

    /// The consultation that he has.
    pub fn consultation(&self) -> Option<&str> {
        match self {
            Presence::Reserved { consultation, .. } | Presence::Busy { consultation } => Some(consultation),
            Presence::Offline | Presence::Online | Presence::Break => None,
        }
    }
}

impl Doctor {
    /// A doctor who has not been there yet.
    pub fn new(id: &str, now: Timestamp) -> Doctor {
        Doctor {
            id: id.to_owned(),
            presence: Presence::Offline,
            idle_since: now,
            specialties: Vec::new(),
            languages: Vec::new(),
            then: None,
        }
    }

    /// The doctor after a move.
    ///
    /// # Errors
    /// [`NotFree`]; nothing has changed then.
    pub fn apply(&self, with: Move, now: Timestamp) -> Result<Doctor, NotFree> {
        let mut next = self.clone();
        match with {
            Move::Want(wanted) if self.presence.consultation().is_some() => next.then = Some(wanted),
            Move::Want(wanted) => next.go(wanted, now),
            Move::Reserve { consultation, until } => match self.presence {
                Presence::Online => next.presence = Presence::Reserved { consultation, until },
                _ => return Err(NotFree::Taken),
            },
            Move::Keep { consultation } => match &self.presence {
                Presence::Reserved { consultation: own, .. } if *own == consultation => {
                    next.presence = Presence::Reserved { consultation, until: None };
                }
                _ => return Err(NotFree::Other),
            },
            Move::Engage { consultation } => match &self.presence {
                Presence::Online => next.presence = Presence::Busy { consultation },
                Presence::Reserved { consultation: own, .. } if *own == consultation => {
                    next.presence = Presence::Busy { consultation };
                }
                _ => return Err(NotFree::Taken),
            },
            Move::Free { consultation } => {
                if self.presence.consultation() != Some(&consultation) {
                    return Err(NotFree::Other);
                }
                let wanted = next.then.take().unwrap_or(Wanted::Online);
                next.presence = Presence::Offline;
                next.go(wanted, now);
            }
            // Whoever has a patient keeps him: the consultation has its own clock for what is lost.
            Move::Lapse if self.presence.consultation().is_some() => next.then = Some(Wanted::Offline),
            Move::Lapse => next.go(Wanted::Offline, now),
        }
        Ok(next)
    }

    fn go(&mut self, wanted: Wanted, now: Timestamp) {
        let to = match wanted {
            Wanted::Online => Presence::Online,
            Wanted::Break => Presence::Break,
            Wanted::Offline => Presence::Offline,
        };
        // Asking twice does not send anybody to the end of the line.
        if to == Presence::Online && self.presence != Presence::Online {
            self.idle_since = now;
        }
        self.presence = to;
        self.then = None;
    }

    /// Whether he may be given this request: ONLINE, of the specialty, speaking the language, heard of lately.
    pub fn fits(&self, specialty: &str, language: &str, beat: Option<Timestamp>, oldest: Timestamp) -> bool {
        self.presence == Presence::Online
            && beat.is_some_and(|beat| beat >= oldest)
            && self.specialties.iter().any(|own| own == specialty)
            && self.languages.iter().any(|own| own == language)
    }
}

/// The doctor who is given a request: among those who fit, the one who has been idle longest.
pub fn choose<'a>(
    doctors: &'a [Doctor],
    wants: (&str, &str),
    beat: impl Fn(&str) -> Option<Timestamp>,
    lapse: SignedDuration,
    now: Timestamp,
) -> Option<&'a Doctor> {
    let oldest = now.checked_sub(lapse).unwrap_or(Timestamp::MIN);
    let fit = doctors.iter().filter(|doctor| doctor.fits(wants.0, wants.1, beat(&doctor.id), oldest));
    fit.min_by(|one, other| (one.idle_since, &one.id).cmp(&(other.idle_since, &other.id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    fn online(id: &str, since: i64, languages: &[&str]) -> Doctor {
        let mut doctor = Doctor::new(id, at(0));
        doctor.specialties = vec!["general".to_owned()];
        doctor.languages = languages.iter().map(|code| (*code).to_owned()).collect();
        doctor.apply(Move::Want(Wanted::Online), at(since)).unwrap()
    }

    #[test]
    fn the_longest_idle_who_speaks_the_language_is_chosen() {
        let doctors = [online("a", 5, &["hi"]), online("b", 1, &["en"]), online("c", 9, &["hi"])];
        let lapse = SignedDuration::from_secs(90);
        let check = |specialty: &str, language: &str, now: i64, expected: Option<&str>| {
            let beat = |id: &str| Some(if id == "a" { at(100) } else { at(200) });
            let found = choose(&doctors, (specialty, language), beat, lapse, at(now));
            assert_eq!(found.map(|doctor| doctor.id.as_str()), expected, "{specialty} {language} {now}");
        };
        check("general", "hi", 150, Some("a"));
        check("general", "en", 150, Some("b"));
        check("general", "hi", 191, Some("c"));
        check("general", "hi", 291, None);
        check("general", "ta", 150, None);
        check("dental", "hi", 150, None);
        assert_eq!(choose(&doctors, ("general", "hi"), |_| None, lapse, at(0)), None);
    }

    #[test]
    fn a_wish_during_a_patient_counts_afterwards() {
        let doctor = online("a", 0, &["hi"]);
        let of = |id: &str| id.to_owned();
        let held = doctor.apply(Move::Reserve { consultation: of("c1"), until: None }, at(1)).unwrap();
        let wants = held.apply(Move::Want(Wanted::Break), at(2)).unwrap();
        assert_eq!(wants.presence.consultation(), Some("c1"));
        let busy = wants.apply(Move::Engage { consultation: of("c1") }, at(3)).unwrap();
        assert_eq!(busy.apply(Move::Free { consultation: of("c2") }, at(4)), Err(NotFree::Other));
        assert_eq!(
            busy.apply(Move::Reserve { consultation: of("c2"), until: None }, at(4)),
            Err(NotFree::Taken)
        );
        let free = busy.apply(Move::Free { consultation: of("c1") }, at(4)).unwrap();
        assert_eq!((free.presence, free.then), (Presence::Break, None));
        let lapsed = held.apply(Move::Lapse, at(100)).unwrap();
        assert_eq!(lapsed.presence.state(), PresenceState::Reserved);
        let gone = lapsed.apply(Move::Free { consultation: of("c1") }, at(101)).unwrap();
        assert_eq!(gone.presence, Presence::Offline);
    }

    #[test]
    fn asking_twice_keeps_the_place_in_the_line() {
        let doctor = online("a", 3, &["hi"]);
        assert_eq!(doctor.apply(Move::Want(Wanted::Online), at(50)).unwrap().idle_since, at(3));
    }
}
