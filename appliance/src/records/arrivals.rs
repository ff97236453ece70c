//! Results in the order in which they came, over all patients, within bounds.
//!
//! Owns walking back from now. Which of them wait for a doctor is `reviews`' question.

use std::collections::BTreeMap;

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::search::params;
use clinicvault_gateway::json::Value;
use clinicvault_vault::{Dir, Kind, Snapshot, TermRange};
use jiff::Timestamp;

use super::audit::patient_of;
use super::compartment::parsed;
use super::error::Error;
use crate::clinic::chart;

/// How far a walk goes.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Reported results; what is measured at the bedside does not count.
    pub results: usize,
    /// Observations of any kind; this bounds the time of an answer.
    pub opened: usize,
}

/// What a walk found.
#[derive(Debug, Default)]
pub struct Arrivals {
    /// Results outside their usual range, by patient, the newest first.
    pub unusual: BTreeMap<String, Vec<Value>>,
    /// Whether the walk ended at a bound before the time it was to reach.
    pub more: bool,
}

/// Results outside their usual range whose newest version came at `since` or later.
///
/// # Errors
/// [`Error::Damaged`] when a record cannot be read, and what the vault's reading answers.
pub fn arrivals(snapshot: &Snapshot, since: Timestamp, bounds: Bounds) -> Result<Arrivals, Error> {
    let mut found = Arrivals::default();
    let (mut results, mut opened) = (0, 0);
    let newest = TermRange::all(params::LAST_UPDATED);
    let kind = Kind(ResourceType::OBSERVATION.number());
    for row in snapshot.scan(kind, &newest, Dir::Descending, snapshot.tx())? {
        let (_, rid) = row?;
        let Some(head) = snapshot.head_of(rid)?.filter(|head| !head.deleted) else { continue };
        if head.time < since {
            break;
        }
        let Some(patient) = patient_of(&head.owner) else { continue };
        if opened == bounds.opened || results == bounds.results {
            found.more = true;
            break;
        }
        opened += 1;
        let json = parsed(snapshot, &head)?;
        results += usize::from(chart::is_reported(&json));
        if chart::is_result(&json) && chart::flag(&json).is_some() {
            found.unusual.entry(patient.to_owned()).or_default().push(json);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Room;
    use super::*;

    #[tokio::test]
    async fn what_is_measured_at_the_bedside_does_not_use_up_the_walk() {
        let room = Room::with(&[4218]).await;
        let snapshot = room.records.vault().snapshot().unwrap();
        let walk = |results, opened| arrivals(&snapshot, Timestamp::MIN, Bounds { results, opened }).unwrap();
        let fits = |results, opened| !walk(results, opened).more;
        let least = |fits: &dyn Fn(usize) -> bool| (0..2_000).find(|most| fits(*most)).unwrap();
        let results = least(&|most| fits(most, usize::MAX));
        let opened = least(&|most| fits(usize::MAX, most));
        assert!(0 < results && results < opened, "{results} of {opened} are results");
        assert!(walk(results - 1, usize::MAX).more && walk(usize::MAX, opened - 1).more);
        let all = walk(usize::MAX, usize::MAX).unusual;
        assert!(all.values().flatten().any(|one| chart::is_critical(chart::flag(one))));
        assert_eq!(all.len(), 1);
        let later: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
        let none = arrivals(&snapshot, later, Bounds { results: 0, opened: 0 }).unwrap();
        assert!(none.unusual.is_empty() && !none.more, "nothing came since");
    }
}
