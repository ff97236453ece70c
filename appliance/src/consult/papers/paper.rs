//! A draft and what becomes of it, as a pure state machine: kept by one screen at a time, signed or discarded, opened again
//! to replace what was signed (clinic-workflow.md sections 3.4 and 11).

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How long a screen holds a draft after each keeping.
const LEASE: SignedDuration = SignedDuration::from_mins(2);

/// Note or prescription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PaperKind)]
pub enum Kind {
    /// What was found and decided.
    Note,
    /// Medicines.
    Prescription,
}

impl Kind {
    /// Its name in keys and sentences.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Note => "note",
            Kind::Prescription => "prescription",
        }
    }
}

/// Where a paper stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schema(as = PaperState)]
pub enum State {
    /// Nobody has written anything.
    None,
    /// Being written.
    Draft,
    /// Signed: frozen.
    Signed,
    /// Not to be signed.
    Discarded,
    /// Signed, and taken back.
    Cancelled,
}

/// Which screen holds it, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = PaperLease)]
pub struct Lease {
    /// The screen's own name.
    pub device: String,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
}

/// What a new signature takes the place of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaces {
    /// The signed one.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// A paper of a consultation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Paper<T> {
    /// Where it stands.
    pub state: State,
    /// Rises with every change.
    pub version: u64,
    /// Who wrote last.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Which screen holds it.
    pub lease: Option<Lease>,
    /// What stands in it.
    pub content: T,
    /// What a draft is to take the place of.
    pub replaces: Option<Replaces>,
    /// Why it was discarded or taken back.
    pub reason: Option<String>,
    /// What was signed, the newest last.
    pub signed: Vec<String>,
}

/// A keeping of a draft.
#[derive(Debug, Clone)]
pub struct Keep<'a> {
    /// The version that the screen has; 0 for none.
    pub version: u64,
    /// The screen.
    pub device: &'a str,
    /// Whether it takes the draft from another screen.
    pub take_over: bool,
    /// Why what was signed is to be replaced.
    pub supersede: Option<&'a str>,
    /// Who.
    pub by: &'a str,
}

/// Why a draft is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotKept {
    /// Another version is stored.
    Stale,
    /// Another screen holds it.
    Leased,
    /// It is signed.
    Signed,
}

impl<T: Clone> Paper<T> {
    /// Whether it waits for a signature or to be discarded.
    pub fn is_open(&self) -> bool {
        self.state == State::Draft
    }

    /// The draft with new content.
    ///
    /// # Errors
    /// [`NotKept`]; what is stored stays.
    pub fn keep(
        before: Option<&Paper<T>>,
        keep: &Keep<'_>,
        content: T,
        now: Timestamp,
    ) -> Result<Paper<T>, NotKept> {
        let stored = before.map_or(0, |paper| paper.version);
        if stored != keep.version {
            return Err(NotKept::Stale);
        }
        let lease = before.filter(|paper| paper.is_open()).and_then(|paper| paper.lease.as_ref());
        let held = lease.is_some_and(|lease| lease.device != keep.device && now < lease.until);
        if held && !keep.take_over {
            return Err(NotKept::Leased);
        }
        let replaces = match before {
            Some(paper) if paper.state == State::Signed => {
                let id = paper.signed.last().ok_or(NotKept::Signed)?.clone();
                let reason = keep.supersede.ok_or(NotKept::Signed)?.to_owned();
                Some(Replaces { id, reason })
            }
            Some(paper) if paper.is_open() => paper.replaces.clone(),
            Some(_) | None => None,
        };
        let until = now.checked_add(LEASE).unwrap_or(Timestamp::MAX);
        Ok(Paper {
            state: State::Draft,
            version: stored + 1,
            by: keep.by.to_owned(),
            at: now,
            lease: Some(Lease { device: keep.device.to_owned(), until }),
            content,
            replaces,
            reason: None,
            signed: before.map(|paper| paper.signed.clone()).unwrap_or_default(),
        })
    }

    /// The paper after a draft was discarded. One that was to replace a signed one leaves that one standing.
    ///
    /// # Errors
    /// [`NotKept::Stale`] for another version, or when it is no draft.
    pub fn discard(&self, version: u64, reason: &str, by: &str, now: Timestamp) -> Result<Paper<T>, NotKept> {
        if self.version != version || !self.is_open() {
            return Err(NotKept::Stale);
        }
        let state = if self.replaces.is_some() { State::Signed } else { State::Discarded };
        Ok(Paper {
            state,
            version: version + 1,
            by: by.to_owned(),
            at: now,
            lease: None,
            replaces: None,
            reason: Some(reason.to_owned()),
            ..self.clone()
        })
    }

    /// The paper after its draft was signed as `id`.
    ///
    /// # Errors
    /// [`NotKept::Stale`] for another version, or when it is no draft.
    pub fn sign(&self, version: u64, id: &str, by: &str, now: Timestamp) -> Result<Paper<T>, NotKept> {
        if self.version != version || !self.is_open() {
            return Err(NotKept::Stale);
        }
        let mut next = Paper {
            state: State::Signed,
            version: version + 1,
            by: by.to_owned(),
            at: now,
            lease: None,
            replaces: None,
            reason: None,
            ..self.clone()
        };
        next.signed.push(id.to_owned());
        Ok(next)
    }

    /// The paper after what was signed is taken back.
    ///
    /// # Errors
    /// [`NotKept::Stale`] for another version, or when nothing signed stands.
    pub fn cancel(&self, version: u64, reason: &str, by: &str, now: Timestamp) -> Result<Paper<T>, NotKept> {
        if self.version != version || self.state != State::Signed {
            return Err(NotKept::Stale);
        }
        Ok(Paper {
            state: State::Cancelled,
            version: version + 1,
            by: by.to_owned(),
            at: now,
            reason: Some(reason.to_owned()),
            ..self.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    fn keep(version: u64, device: &str) -> Keep<'_> {
        Keep { version, device, take_over: false, supersede: None, by: "d1" }
    }

    #[test]
    fn one_screen_writes_at_a_time_and_an_old_one_is_told() {
        let first = Paper::keep(None, &keep(0, "a"), "one", at(0)).unwrap();
        assert_eq!(Paper::keep(Some(&first), &keep(0, "a"), "x", at(1)), Err(NotKept::Stale));
        assert_eq!(Paper::keep(Some(&first), &keep(1, "b"), "x", at(1)), Err(NotKept::Leased));
        let over = Keep { take_over: true, ..keep(1, "b") };
        let taken = Paper::keep(Some(&first), &over, "two", at(1)).unwrap();
        assert_eq!((taken.version, taken.content), (2, "two"));
        let later = Paper::keep(Some(&taken), &keep(2, "a"), "three", at(1_000)).unwrap();
        assert_eq!(later.version, 3, "a lease ends by itself");
    }

    #[test]
    fn what_is_signed_is_replaced_with_a_reason_only() {
        let draft = Paper::keep(None, &keep(0, "a"), "one", at(0)).unwrap();
        let signed = draft.sign(1, "s1", "d1", at(2)).unwrap();
        assert_eq!(Paper::keep(Some(&signed), &keep(2, "a"), "x", at(3)), Err(NotKept::Signed));
        let again = Keep { supersede: Some("wrong dose"), ..keep(2, "a") };
        let opened = Paper::keep(Some(&signed), &again, "two", at(3)).unwrap();
        assert!(opened.is_open());
        // A second keeping needs no second reason; letting it go leaves the signed one standing.
        let kept = Paper::keep(Some(&opened), &keep(3, "a"), "three", at(4)).unwrap();
        assert_eq!(kept.replaces.as_ref().unwrap().id, "s1");
        assert_eq!(kept.discard(4, "no", "d1", at(5)).unwrap().state, State::Signed);
        let replaced = kept.sign(4, "s2", "d1", at(5)).unwrap();
        assert_eq!(replaced.signed, ["s1", "s2"]);
        assert_eq!(replaced.cancel(5, "allergy", "d1", at(6)).unwrap().state, State::Cancelled);
        assert_eq!(draft.cancel(1, "x", "d1", at(6)), Err(NotKept::Stale));
    }

    proptest! {
        /// Whatever screens ask in whatever order: versions rise by one, nothing signed is lost, and a draft that is open is
        /// the only thing that can be signed.
        #[test]
        fn any_course_keeps_its_promises(steps in proptest::collection::vec((0_u8..4, 0_u64..9, any::<bool>(), any::<bool>()), 0..40)) {
            let mut paper: Option<Paper<u8>> = None;
            let mut given = 0_usize;
            for (place, (what, lag, other, strong)) in steps.into_iter().enumerate() {
                let now = at(place as i64 * 60);
                let stored = paper.as_ref().map_or(0, |paper| paper.version);
                let version = stored.saturating_sub(lag / 4);
                let device = if other { "b" } else { "a" };
                let next = match what {
                    0 => Paper::keep(
                        paper.as_ref(),
                        &Keep { version, device, take_over: strong, supersede: strong.then_some("r"), by: "d" },
                        what,
                        now,
                    ),
                    1 => paper.as_ref().map_or(Err(NotKept::Stale), |p| p.discard(version, "r", "d", now)),
                    2 => paper.as_ref().map_or(Err(NotKept::Stale), |p| p.sign(version, &format!("s{place}"), "d", now)),
                    _ => paper.as_ref().map_or(Err(NotKept::Stale), |p| p.cancel(version, "r", "d", now)),
                };
                if let Ok(next) = next {
                    prop_assert_eq!(next.version, stored + 1);
                    prop_assert_eq!(version, stored);
                    if what == 2 {
                        prop_assert!(paper.as_ref().unwrap().is_open());
                        given += 1;
                    }
                    prop_assert_eq!(next.signed.len(), given);
                    paper = Some(next);
                }
            }
        }
    }
}
