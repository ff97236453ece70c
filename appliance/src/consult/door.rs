//! How a patient comes in: by a link that the clinic gives, once, for a while, and with the year of birth beside it.
//!
//! A link carries its own proof (HMAC-SHA256 under a key of the vault), so that a made-up one costs nothing to refuse; that
//! it is used once and how often it was tried is decided by its row. A session reaches the portal only and is short:
//! 15 quiet minutes, an hour at most (security-storage.md section 7).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use clinicvault_gateway::fhir::id::LogicalId;
use clinicvault_vault::{Action, Leaf, Outcome};
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::Consult;
use super::carry::{conflict, line};
use super::desk::patient;
use super::kept::{Docs, Within};
use crate::admin::secret::{self, Hash};
use crate::clinic::identity::Identity;
use crate::collections::{JOIN_LINKS, PATIENT_SESSIONS};
use crate::records::access::{Actor, Area, Op, Purpose, Subject, Who, decide};
use crate::records::error::Error;

/// How long a link may be used.
const LINK: SignedDuration = SignedDuration::from_hours(24);
/// Wrong years after which a link is worth nothing.
const TRIES: u8 = 5;
/// Quiet time of a session.
const IDLE: SignedDuration = SignedDuration::from_mins(15);
/// A session in any case.
const ABSOLUTE: SignedDuration = SignedDuration::from_hours(1);
/// Sessions whose last use is remembered.
const REMEMBERED: usize = 10_000;
/// Bytes of the random name of a link.
const NAME: usize = 16;

/// A link as kept.
#[derive(Serialize, Deserialize)]
struct Link {
    patient: String,
    expires: Timestamp,
    used: bool,
    tries: u8,
}

/// A session as kept.
#[derive(Serialize, Deserialize)]
struct Session {
    patient: String,
    ends: Timestamp,
}

/// A link that was made. It is shown once: the box keeps only what it needs to know it again.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JoinLink {
    /// What stands behind `/join#`.
    pub token: String,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    pub expires: Timestamp,
}

/// When sessions were last used; memory only, so that a quiet one ends.
#[derive(Default)]
pub(super) struct Seen(Mutex<HashMap<Hash, Timestamp>>);

impl Seen {
    fn holds(&self, hash: &Hash, now: Timestamp, touch: bool) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let quiet = seen.get(hash).is_some_and(|last| now.duration_since(*last) >= IDLE);
        if quiet {
            return false;
        }
        if touch || !seen.contains_key(hash) {
            if seen.len() >= REMEMBERED {
                seen.retain(|_, last| now.duration_since(*last) < IDLE);
            }
            seen.insert(*hash, now);
        }
        true
    }
}

impl Consult {
    /// Makes a link for a patient whose year of birth is known. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotFound`], [`Error::Conflict`] when the year is not known.
    pub fn join_link(&self, who: &Actor, id: &str) -> Result<JoinLink, Error> {
        decide(who, Op::Update, &Subject::area_only(Area::Queue)).check()?;
        let json = self.patient_json(&self.records().vault().snapshot()?, id)?;
        let json = json.ok_or_else(|| Error::NotFound(format!("Patient/{id}")))?;
        if year(&Identity::of(&json)).is_none() {
            return Err(conflict("write down the patient's year of birth first: the link asks for it"));
        }
        let mut name = [0u8; NAME];
        getrandom::fill(&mut name).map_err(|error| Error::Fault(format!("no random numbers: {error}")))?;
        let (room, patient) = (self.clone(), id.to_owned());
        let done = self.records().unit_blocking(Arc::new(who.clone()), move |work| {
            let expires = work.now().checked_add(LINK).unwrap_or(Timestamp::MAX);
            let link = Link { patient: patient.clone(), expires, used: false, tries: 0 };
            put(work, JOIN_LINKS, &name, &link)?;
            work.audit(line(work.who(), Some(&patient), Purpose::Treatment, "a link to come in was made"))?;
            Ok(JoinLink { token: room.token(&name, expires), expires })
        });
        Ok(done?.0)
    }

    fn token(&self, name: &[u8; NAME], expires: Timestamp) -> String {
        let head = [name.as_slice(), &expires.as_second().to_be_bytes()].concat();
        let proof = self.proof(&head);
        data_encoding::BASE64URL_NOPAD.encode(&[head.as_slice(), &proof].concat())
    }

    fn proof(&self, head: &[u8]) -> [u8; 32] {
        let key = self.records().vault().key_for("patients' join links");
        match Hmac::<Sha256>::new_from_slice(key.expose()) {
            Ok(mut mac) => {
                mac.update(head);
                mac.finalize().into_bytes().into()
            }
            Err(_) => [0; 32],
        }
    }

    /// The name of a link that is the box's own and whose time is not over.
    pub fn link_name(&self, token: &str) -> Option<[u8; NAME]> {
        let bytes = data_encoding::BASE64URL_NOPAD.decode(token.as_bytes()).ok()?;
        let (head, proof) = bytes.split_at_checked(NAME + 8).filter(|(_, proof)| proof.len() == 32)?;
        if !bool::from(self.proof(head).as_slice().ct_eq(proof)) {
            return None;
        }
        let (name, expires) = head.split_at_checked(NAME)?;
        let expires = Timestamp::from_second(i64::from_be_bytes(expires.try_into().ok()?)).ok()?;
        (self.records().now() < expires).then(|| name.try_into().ok())?
    }

    /// Lets a patient in by a link and the year of birth; the secret of the session. None when either is not right.
    /// Blocking.
    ///
    /// # Errors
    /// What storing answers.
    pub fn come_in(
        &self,
        name: [u8; NAME],
        birth_year: u16,
        from: &str,
    ) -> Result<Option<Zeroizing<String>>, Error> {
        let (text, hash) =
            secret::fresh().map_err(|error| Error::Fault(format!("no random numbers: {error}")))?;
        let known: Option<Link> = read(&self.records().vault().snapshot()?, JOIN_LINKS, &name)?;
        let Some(known) = known else { return Ok(None) };
        let json = self.patient_json(&self.records().vault().snapshot()?, &known.patient)?;
        let right = json.as_ref().and_then(|json| year(&Identity::of(json))) == Some(birth_year);
        let who = actor(&known.patient, from)?;
        let done = self.records().unit_blocking(Arc::new(who), move |work| {
            let link: Option<Link> = read(&Within(work), JOIN_LINKS, &name)?;
            let now = work.now();
            let Some(mut link) = link.filter(|link| !link.used && link.tries < TRIES && now < link.expires)
            else {
                work.audit(came(work.who(), false, "a link that is not valid any more"))?;
                return Ok(false);
            };
            link.tries += 1;
            link.used = right;
            put(work, JOIN_LINKS, &name, &link)?;
            if right {
                let ends = now.checked_add(ABSOLUTE).unwrap_or(Timestamp::MAX);
                put(work, PATIENT_SESSIONS, &hash, &Session { patient: link.patient.clone(), ends })?;
            }
            work.audit(came(work.who(), right, "by a link and the year of birth"))?;
            Ok(right)
        });
        Ok(done?.0.then_some(text))
    }

    /// The patient behind a session's secret.
    pub fn by_session(&self, token: &str, source: &str, touch: bool) -> Option<Actor> {
        let hash = secret::hash(token);
        let session: Session =
            read(&self.records().vault().snapshot().ok()?, PATIENT_SESSIONS, &hash).ok()??;
        let now = self.records().now();
        if now >= session.ends || !self.0.seen.holds(&hash, now, touch) {
            return None;
        }
        let mut who = actor(&session.patient, source).ok()?;
        who.session = Some(hash);
        Some(who)
    }

    /// Ends the session of a patient. Blocking.
    ///
    /// # Errors
    /// What storing answers.
    pub fn leave(&self, who: &Actor) -> Result<(), Error> {
        let Some(hash) = who.session else { return Ok(()) };
        self.records().unit_blocking(Arc::new(who.clone()), move |work| {
            work.unit().doc_delete(PATIENT_SESSIONS, &hash)?;
            let leaf = Leaf { action: Action::Logout, ..came(work.who(), true, "left") };
            work.audit(leaf)
        })?;
        Ok(())
    }

    /// Who the patient of a session is. Blocking.
    ///
    /// # Errors
    /// [`Error::NotFound`] for everybody else.
    pub fn own(&self, who: &Actor) -> Result<Identity, Error> {
        let missing = || Error::NotFound("this patient".to_owned());
        let id = patient(who).ok_or_else(missing)?;
        let json = self.patient_json(&self.records().vault().snapshot()?, id.as_str())?;
        Ok(Identity::of(&json.ok_or_else(missing)?))
    }
}

fn actor(patient: &str, source: &str) -> Result<Actor, Error> {
    let id = LogicalId::parse(patient).ok_or_else(|| Error::Damaged("a patient's session".to_owned()))?;
    Ok(Actor {
        id: format!("patient/{patient}"),
        name: "patient".to_owned(),
        who: Who::Patient { patient: id },
        session: None,
        source: source.to_owned(),
    })
}

fn came(who: &Actor, right: bool, said: &str) -> Leaf {
    let of = patient(who).map(LogicalId::as_str);
    let (action, outcome) =
        if right { (Action::Login, Outcome::Success) } else { (Action::LoginFailed, Outcome::Refused) };
    Leaf { action, outcome, ..line(who, of, Purpose::Treatment, said) }
}

/// The year of birth, if it is known.
fn year(identity: &Identity) -> Option<u16> {
    identity.birth_date.get(..4)?.parse().ok()
}

fn put(
    work: &mut crate::records::unit::Work<'_, '_>,
    collection: u16,
    key: &[u8],
    value: &impl Serialize,
) -> Result<(), Error> {
    let bytes = serde_json::to_vec(value).map_err(|error| Error::Fault(error.to_string()))?;
    Ok(work.unit().doc_put(collection, key, &bytes)?)
}

fn read<T: serde::de::DeserializeOwned>(
    reader: &impl Docs,
    collection: u16,
    key: &[u8],
) -> Result<Option<T>, Error> {
    let damaged = |_| Error::Damaged("how a patient comes in".to_owned());
    reader.doc(collection, key)?.map(|bytes| serde_json::from_slice(&bytes).map_err(damaged)).transpose()
}
