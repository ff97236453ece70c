//! Who opened a patient's record, when, in what role and why.
//!
//! Owns reading the lines of one patient out of the audit log and saying them in codes that a screen can translate.
//! The log holds ids of accounts; the names shown are those the accounts have today.

use std::collections::BTreeSet;

use clinicvault_gateway::fhir::datetime;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_vault::{Action, AuditEntry, Outcome, Snapshot};
use serde::Serialize;
use utoipa::ToSchema;

use super::access::{Actor, Area, Op, Subject, decide};
use super::audit::{self, About};
use super::error::Error;
use super::names::Names;
use super::{Caller, Records};
use crate::clinic::chart::Opened;

/// One line of a patient's access log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessRow {
    /// When.
    pub at: String,
    /// Name of the person or machine; the id where no name is known.
    pub who: String,
    /// Role it acted in.
    pub role: String,
    /// read, search, create, update, delete, denied ...
    pub action: String,
    /// FHIR type that was touched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// Purpose of use, HL7 v3 code.
    pub purpose: String,
}

/// Rows of one page.
const ROWS: usize = 200;
/// Lines looked through for the last openings.
const LOOK_BACK: usize = 100;
/// Openings the chart shows.
const OPENINGS: usize = 2;

impl Records {
    /// The newest lines about this patient. Looking at the log is itself recorded.
    pub fn access_log(&self, from: &Caller, patient: &str) -> Result<Vec<AccessRow>, Error> {
        let subject = Subject::area_only(Area::AccessLog);
        let purpose = decide(&from.who, Op::Read, &subject).check().map_err(|why| {
            self.deny(&from.who, Op::Read, why, About::of_type(ResourceType::AUDIT_EVENT, Some(patient)));
            Error::Refused(why)
        })?;
        let snapshot = self.vault().snapshot()?;
        let mut names = Names::new(&snapshot);
        let entries = snapshot.audit_of(patient, None, ROWS)?;
        let rows = entries.into_iter().map(|entry| row(entry, &mut names)).collect();
        let about = About::of_type(ResourceType::AUDIT_EVENT, Some(patient));
        self.vault().note(audit::done(&from.who, Action::Read, purpose, about))?;
        Ok(rows)
    }

    /// The newest lines about a patient, for the patient: his own are left out. Looking is itself recorded.
    pub(crate) fn own_access_log(&self, who: &Actor, patient: &str) -> Result<Vec<AccessRow>, Error> {
        let purpose = decide(who, Op::Read, &Subject::area_only(Area::Portal)).check()?;
        let snapshot = self.vault().snapshot()?;
        let mut names = Names::new(&snapshot);
        let entries = snapshot.audit_of(patient, None, ROWS)?;
        let others = entries.into_iter().filter(|entry| entry.leaf.actor != who.id);
        let rows = others.map(|entry| row(entry, &mut names)).collect();
        let about = About::of_type(ResourceType::AUDIT_EVENT, Some(patient));
        self.vault().note(audit::done(who, Action::Read, purpose, about))?;
        Ok(rows)
    }

    /// The last times the record was opened before now, one line a person.
    pub(super) fn opened(&self, snapshot: &Snapshot, patient: &str) -> Result<Vec<Opened>, Error> {
        let (mut opened, mut seen, mut names) = (Vec::new(), BTreeSet::new(), Names::new(snapshot));
        for entry in snapshot.audit_of(patient, None, LOOK_BACK)? {
            if is_opening(&entry) && seen.insert(entry.leaf.actor.clone()) {
                let who = names.of(&entry.leaf.actor);
                opened.push(Opened { at: datetime::instant(entry.at), who, role: entry.leaf.role });
            }
            if opened.len() == OPENINGS {
                break;
            }
        }
        Ok(opened)
    }
}

fn is_opening(entry: &AuditEntry) -> bool {
    let patient = ResourceType::PATIENT.number();
    entry.leaf.action == Action::Read
        && entry.leaf.outcome == Outcome::Success
        && entry.leaf.object.as_ref().is_some_and(|(kind, _, _)| kind.0 == patient)
}

fn row(entry: AuditEntry, names: &mut Names<'_>) -> AccessRow {
    let leaf = entry.leaf;
    let kind = leaf.object.and_then(|(kind, _, _)| ResourceType::from_number(kind.0));
    AccessRow {
        at: datetime::instant(entry.at),
        who: names.of(&leaf.actor),
        role: leaf.role,
        action: word(leaf.action),
        what: kind.map(|kind| kind.as_str().to_owned()),
        purpose: leaf.purpose,
    }
}

/// `MessageApplied` becomes `messageApplied`.
fn word(action: Action) -> String {
    let name = format!("{action:?}");
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}
