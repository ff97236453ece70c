//! Doctors: what they want, what the owner says of them, who is there.

use std::sync::Arc;

use clinicvault_vault::Action;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Consult;
use super::ask::is_code;
use super::carry::{conflict, line};
use super::kept::{Docs, Within, put_doctor};
use super::presence::{Doctor, Move, PresenceState, Wanted};
use crate::clinic::form::Wrong;
use crate::collections::ACCOUNTS;
use crate::records::access::{Actor, Area, Op, Purpose, Role, Subject, decide};
use crate::records::error::Error;

/// Specialties or languages of one doctor.
const MOST_CODES: usize = 20;

/// A doctor as others see him.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DoctorView {
    /// Account.
    pub id: String,
    /// Name.
    pub name: String,
    /// Degrees.
    pub qualification: Option<String>,
    /// Number with the council.
    pub registration: Option<String>,
    /// Whether he can be given a patient.
    pub state: PresenceState,
    /// The consultation that he has.
    pub consultation: Option<String>,
    /// What he wants once that is through.
    pub then: Option<Wanted>,
    /// Codes of his specialties.
    pub specialties: Vec<String>,
    /// Codes of the languages he speaks.
    pub languages: Vec<String>,
}

/// What a doctor may be given.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DoctorProfile {
    /// Codes of specialties.
    pub specialties: Vec<String>,
    /// Codes of languages.
    pub languages: Vec<String>,
}

impl Consult {
    /// Every doctor of the clinic. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`].
    pub fn doctors(&self, who: &Actor) -> Result<Vec<DoctorView>, Error> {
        decide(who, Op::Search, &Subject::area_only(Area::Queue)).check()?;
        let snapshot = self.records().vault().snapshot()?;
        let mut all = Vec::new();
        for (key, _) in snapshot.doc_scan(ACCOUNTS, &[], super::kept::MOST_DOCTORS * 4)? {
            let id = String::from_utf8_lossy(&key).into_owned();
            let account = snapshot.account(&id)?.filter(|account| !account.disabled);
            let Some(account) = account.filter(|account| account.roles.contains(&Role::Doctor)) else {
                continue;
            };
            let doctor = snapshot.doctor(&id)?.unwrap_or_else(|| Doctor::new(&id, self.records().now()));
            all.push(DoctorView {
                name: account.name,
                qualification: account.qualification,
                registration: account.registration,
                state: doctor.presence.state(),
                consultation: doctor.presence.consultation().map(str::to_owned),
                then: doctor.then,
                specialties: doctor.specialties,
                languages: doctor.languages,
                id,
            });
        }
        all.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(all)
    }

    /// A doctor says whether he can be given patients. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`] for everybody but a doctor.
    pub fn want(&self, who: &Actor, wanted: Wanted) -> Result<(), Error> {
        decide(who, Op::Update, &Subject::area_only(Area::Notes)).check()?;
        self.heard(&who.id);
        let room = self.clone();
        self.records().unit_blocking(Arc::new(who.clone()), move |work| {
            let now = work.now();
            let id = work.who().id.clone();
            let known = Within(work).doctor(&id)?.unwrap_or_else(|| Doctor::new(&id, now));
            if wanted == Wanted::Online && (known.specialties.is_empty() || known.languages.is_empty()) {
                return Err(conflict("the owner first says which specialties and languages you have"));
            }
            let next = known.apply(Move::Want(wanted), now)?;
            put_doctor(work, &next)?;
            let said = format!("presence {:?} to {:?}", known.presence.state(), next.presence.state());
            work.audit(line(work.who(), None, Purpose::Operations, &said))?;
            room.assign_waiting(work)
        })?;
        Ok(())
    }

    /// A doctor's screen is there: kept in memory only, so that it can come often.
    ///
    /// # Errors
    /// [`Error::Refused`] for everybody but a doctor.
    pub fn beats(&self, who: &Actor) -> Result<PresenceState, Error> {
        decide(who, Op::Update, &Subject::area_only(Area::Notes)).check()?;
        self.heard(&who.id);
        let doctor = self.records().vault().snapshot()?.doctor(&who.id)?;
        Ok(doctor.map_or(PresenceState::Offline, |doctor| doctor.presence.state()))
    }

    /// The owner says what a doctor may be given. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotFound`] for one who is no doctor.
    pub fn describe(&self, who: &Actor, id: &str, profile: DoctorProfile) -> Result<Option<Wrong>, Error> {
        decide(who, Op::Update, &Subject::area_only(Area::Settings)).check()?;
        let fine = |codes: &[String]| codes.len() <= MOST_CODES && codes.iter().all(|code| is_code(code));
        if !fine(&profile.specialties) || !fine(&profile.languages) {
            let message = "Specialties and languages are words in small letters, at most 20 of each.";
            return Ok(Some(Wrong { field: "specialties", code: "invalid", message: message.to_owned() }));
        }
        let (room, id) = (self.clone(), id.to_owned());
        self.records().unit_blocking(Arc::new(who.clone()), move |work| {
            let account = Within(work).account(&id)?;
            account
                .filter(|account| account.roles.contains(&Role::Doctor))
                .ok_or_else(|| Error::NotFound(format!("doctor {id}")))?;
            let now = work.now();
            let mut doctor = Within(work).doctor(&id)?.unwrap_or_else(|| Doctor::new(&id, now));
            (doctor.specialties, doctor.languages) = (profile.specialties, profile.languages);
            put_doctor(work, &doctor)?;
            let said = format!("doctor {id}: {:?} {:?}", doctor.specialties, doctor.languages);
            let mut leaf = line(work.who(), None, Purpose::Operations, &said);
            leaf.action = Action::Configure;
            work.audit(leaf)?;
            room.assign_waiting(work)
        })?;
        Ok(None)
    }
}
