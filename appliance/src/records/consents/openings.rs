//! The list of records that were opened in an emergency, for whoever answers for privacy. Each opening is a line of the audit
//! log; this keeps beside it, in the same unit, what the list shows, so that nobody has to walk the whole log for it.

use clinicvault_gateway::fhir::datetime;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_vault::{Action, Kind, Snapshot, Vault};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::access::{Actor, Area, Op, Subject, Who, decide};
use super::super::audit::{self, About};
use super::super::compartment::parsed;
use super::super::error::Error;
use super::super::names::Names;
use super::super::unit::Work;
use super::super::{Caller, Records};
use super::{EMERGENCY, MOST_EMERGENCIES};
use crate::clinic::identity::Identity;
use crate::collections::EMERGENCIES;

/// Openings of one answer.
const SHOWN: usize = 100;

/// A record that somebody opened in an emergency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Opening {
    /// When.
    pub at: String,
    /// Until when it was open at most.
    pub until: String,
    /// Name of the person.
    pub who: String,
    /// Role it acted in.
    pub role: String,
    /// Whose record, by the four facts; absent when the record was deleted since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patient: Option<Identity>,
    /// Why, in the person's own words.
    pub reason: String,
}

/// An opening as it is kept.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    at: Timestamp,
    account: String,
    role: String,
    patient: String,
    reason: String,
}

impl Kept {
    pub(super) fn of(who: &Actor, patient: &str, reason: String, now: Timestamp) -> Self {
        let role = match &who.who {
            Who::Person { roles } => roles.first().map_or("", |role| role.as_str()),
            Who::App { .. } | Who::Machine { .. } | Who::Patient { .. } | Who::Sender | Who::Operator => "",
        };
        Self { at: now, account: who.id.clone(), role: role.to_owned(), patient: patient.to_owned(), reason }
    }

    /// When it was opened.
    pub(super) fn at(&self) -> Timestamp {
        self.at
    }

    /// The account, and the patient whose record is open to it.
    pub(super) fn whose(&self) -> (&str, &str) {
        (&self.account, &self.patient)
    }

    /// Keeps it with the unit. The newest comes first in the order of keys.
    pub(super) fn keep(&self, work: &mut Work<'_, '_>) -> Result<(), Error> {
        let descending = u64::MAX - u64::try_from(self.at.as_microsecond()).unwrap_or(0);
        let key =
            [&descending.to_be_bytes()[..], self.account.as_bytes(), b"/", self.patient.as_bytes()].concat();
        let bytes = serde_json::to_vec(self).map_err(|_| Error::Damaged("an opening".to_owned()))?;
        Ok(work.unit().doc_put(EMERGENCIES, &key, &bytes)?)
    }
}

/// The openings of the last hour, the newest first; no more than can be open at once.
pub(super) fn latest(vault: &Vault, now: Timestamp) -> Result<Vec<Kept>, Error> {
    let since = now.checked_sub(EMERGENCY).unwrap_or(Timestamp::MIN);
    let mut latest = Vec::new();
    for (_, bytes) in vault.snapshot()?.doc_scan(EMERGENCIES, &[], MOST_EMERGENCIES)? {
        let kept: Kept =
            serde_json::from_slice(&bytes).map_err(|_| Error::Damaged("an opening".to_owned()))?;
        if kept.at <= since {
            break;
        }
        latest.push(kept);
    }
    Ok(latest)
}

impl Records {
    /// The newest openings, and whether there were more. Looking at them is itself recorded.
    ///
    /// # Errors
    /// [`Error::Refused`] for who may not read the audit trail, and whatever reading answers.
    pub fn openings(&self, from: &Caller) -> Result<(Vec<Opening>, bool), Error> {
        let about = About::of_type(ResourceType::AUDIT_EVENT, None);
        let purpose =
            decide(&from.who, Op::Search, &Subject::area_only(Area::Audit)).check().map_err(|why| {
                self.deny(&from.who, Op::Search, why, About::of_type(ResourceType::AUDIT_EVENT, None));
                Error::Refused(why)
            })?;
        let snapshot = self.vault().snapshot()?;
        let mut names = Names::new(&snapshot);
        let mut rows = snapshot.doc_scan(EMERGENCIES, &[], SHOWN + 1)?;
        let more = rows.len() > SHOWN;
        rows.truncate(SHOWN);
        let mut openings = Vec::with_capacity(rows.len());
        for (_, bytes) in rows {
            let kept: Kept =
                serde_json::from_slice(&bytes).map_err(|_| Error::Damaged("an opening".to_owned()))?;
            openings.push(shown(&snapshot, kept, &mut names)?);
        }
        self.vault().note(audit::done(&from.who, Action::Search, purpose, about))?;
        Ok((openings, more))
    }
}

fn shown(snapshot: &Snapshot, kept: Kept, names: &mut Names<'_>) -> Result<Opening, Error> {
    let head = snapshot.head(Kind(ResourceType::PATIENT.number()), &kept.patient)?;
    let patient = match head.filter(|head| !head.deleted) {
        Some(head) => Some(Identity::of(&parsed(snapshot, &head)?).brief()),
        None => None,
    };
    Ok(Opening {
        at: datetime::instant(kept.at),
        until: datetime::instant(kept.at.checked_add(EMERGENCY).unwrap_or(kept.at)),
        who: names.of(&kept.account),
        role: kept.role,
        patient,
        reason: kept.reason,
    })
}
