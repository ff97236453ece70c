//! Audit lines of the records room: one for every read, search, write and denial.
//!
//! Owns how an access becomes a leaf. Writing it in the same commit as the change is `unit`'s part; keeping the log
//! unforgeable is the vault's.

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_vault::{Action, Kind, Leaf, Outcome, Owner};
use serde::{Deserialize, Serialize};

use super::access::{Actor, Op, Purpose, Refusal};

/// What an audit line is about.
#[derive(Debug, Clone, Copy, Default)]
pub struct About<'a> {
    /// Record type and id, with the version seen or written (0 when none applies).
    pub object: Option<(ResourceType, &'a str, u64)>,
    /// The patient in whose access log the line appears.
    pub patient: Option<&'a str>,
}

impl<'a> About<'a> {
    /// One version of one record.
    pub fn record(kind: ResourceType, id: &'a str, version: u64, owner: &'a Owner) -> Self {
        Self { object: Some((kind, id, version)), patient: patient_of(owner) }
    }

    /// A whole type, such as a search; `patient` when everything it touched is one patient's.
    pub fn of_type(kind: ResourceType, patient: Option<&'a str>) -> Self {
        Self { object: Some((kind, "", 0)), patient }
    }
}

/// The patient an owner names.
pub fn patient_of(owner: &Owner) -> Option<&str> {
    match owner {
        Owner::Patient(id) => Some(id),
        Owner::Shared => None,
    }
}

/// A line for something that was done.
pub fn done(who: &Actor, action: Action, purpose: Purpose, about: About<'_>) -> Leaf {
    leaf(who, action, Outcome::Success, purpose.code(), about, None)
}

/// What a line tells besides, sealed under the patient's key: it may name anybody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detail {
    /// The query, names and values.
    #[serde(rename = "q", default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The records that the answer held, such as `Observation/7`.
    #[serde(rename = "t", default, skip_serializing_if = "Vec::is_empty")]
    pub touched: Vec<String>,
}

impl Detail {
    /// Most records that are named.
    pub const MOST_TOUCHED: usize = 20;
    /// Longest query that is kept, in bytes; a longer one is cut there.
    const LONGEST_QUERY: usize = 4_096;

    /// Reads a detail; none when the bytes are something else.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    fn written(&self) -> Option<Vec<u8>> {
        let mut whole = self.clone();
        whole.touched.truncate(Self::MOST_TOUCHED);
        if let Some(query) = &mut whole.query {
            let end = (0..=Self::LONGEST_QUERY.min(query.len())).rev().find(|n| query.is_char_boundary(*n));
            query.truncate(end.unwrap_or(0));
        }
        serde_json::to_vec(&whole).ok()
    }
}

/// A line for something that was done, with what it asked and what it got.
pub fn detailed(who: &Actor, action: Action, purpose: Purpose, about: About<'_>, detail: &Detail) -> Leaf {
    Leaf { detail: detail.written(), ..done(who, action, purpose, about) }
}

/// A line for something that was refused.
pub fn denied(who: &Actor, op: Op, why: Refusal, about: About<'_>) -> Leaf {
    let reason = format!("{} {}", op.letters(), why.code());
    leaf(who, Action::Denied, Outcome::Refused, "", about, Some(reason))
}

fn leaf(
    who: &Actor,
    action: Action,
    outcome: Outcome,
    purpose: &str,
    about: About<'_>,
    reason: Option<String>,
) -> Leaf {
    Leaf {
        actor: who.id.clone(),
        role: who.role(),
        session: who.session,
        source: who.source.clone(),
        action,
        object: about.object.map(|(kind, id, version)| (Kind(kind.number()), id.to_owned(), version)),
        owner: about.patient.map(str::to_owned),
        outcome,
        purpose: purpose.to_owned(),
        reason,
        detail: None,
    }
}
