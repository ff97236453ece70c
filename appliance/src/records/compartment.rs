//! The records of one patient, type by type, newest first.
//!
//! Owns reading a patient's timeline within bounds. Whether the reader may see a type, and the audit line of the page
//! that is made of it, are the caller's part.

use clinicvault_gateway::fhir::id::{LogicalId, ResourceType};
use clinicvault_gateway::fhir::search::patient_timeline;
use clinicvault_gateway::json::{self, Limits, Value};
use clinicvault_vault::{Dir, Head, Kind, Snapshot};

use super::error::Error;
use super::terms::range as vault_range;
use super::unit::Work;

/// At most `limit` records of `kind` that are about `patient`, newest first.
pub fn newest(
    snapshot: &Snapshot,
    patient: &LogicalId,
    kind: ResourceType,
    limit: usize,
) -> Result<Vec<Value>, Error> {
    let mut found = Vec::new();
    for entry in snapshot.scan(
        Kind(kind.number()),
        &vault_range(&patient_timeline(patient)),
        Dir::Ascending,
        snapshot.tx(),
    )? {
        let (_, rid) = entry?;
        if let Some(head) = snapshot.as_of(rid, snapshot.tx())?.filter(|head| !head.deleted) {
            found.push(parsed(snapshot, &head)?);
        }
        if found.len() >= limit {
            break;
        }
    }
    Ok(found)
}

/// A version's body inside a unit.
pub fn parsed_in(work: &Work<'_, '_>, head: &Head) -> Result<Value, Error> {
    let body = work.body(head)?;
    let json = json::parse(&body, &Limits::bytes(usize::MAX));
    json.map_err(|_| Error::Damaged(format!("record {}", head.rid.0)))
}

/// The same inside a unit of work, as its writer sees it.
pub fn newest_in(
    work: &mut Work<'_, '_>,
    patient: &LogicalId,
    kind: ResourceType,
    limit: usize,
) -> Result<Vec<Value>, Error> {
    let range = vault_range(&patient_timeline(patient));
    let mut found = Vec::new();
    for rid in work.unit().scan(Kind(kind.number()), &range, limit)? {
        if let Some(head) = work.unit().head_of(rid)?.filter(|head| !head.deleted) {
            found.push(parsed_in(work, &head)?);
        }
    }
    Ok(found)
}

/// When the newest record of `kind` about `patient` happened, without opening it; microseconds from 1970.
pub fn last_time(snapshot: &Snapshot, patient: &LogicalId, kind: ResourceType) -> Result<Option<i64>, Error> {
    let range = vault_range(&patient_timeline(patient));
    let first = snapshot.scan(Kind(kind.number()), &range, Dir::Ascending, snapshot.tx())?.next();
    Ok(first.transpose()?.and_then(|(value, _)| timeline_time(&value)))
}

/// The time in a timeline value: its last eight bytes, inverted so that newer sorts first.
fn timeline_time(value: &[u8]) -> Option<i64> {
    let tail: [u8; 8] = value.get(value.len().checked_sub(8)?..)?.try_into().ok()?;
    let ordered = u64::from_be_bytes(tail.map(|byte| !byte)) ^ (1 << 63);
    Some(i64::from_be_bytes(ordered.to_be_bytes())).filter(|at| *at != i64::MIN)
}

/// The JSON of a stored record.
pub fn parsed(snapshot: &Snapshot, head: &Head) -> Result<Value, Error> {
    let body = snapshot.body(head)?;
    json::parse(&body, &Limits::bytes(usize::MAX))
        .map_err(|_| Error::Damaged(format!("record {}", head.rid.0)))
}
