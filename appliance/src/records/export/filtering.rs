//! The searches of an export's `_typeFilter`: which records they find, worked out part by part, so that an export of much
//! leaves the others their turn.

use std::collections::{BTreeMap, BTreeSet};

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_vault::Tx;

use super::super::error::Error;
use super::super::search::Spot;
use super::super::{Caller, Records};

/// Records that one part finds at most.
const PART: usize = 1_000;

/// A type with the parameters of one search.
pub type Filter = (ResourceType, Vec<(String, String)>);

/// How far the searches of an export are.
#[derive(Debug, Default)]
pub struct Filtering {
    left: Vec<Filter>,
    /// Where the search that is under way goes on.
    after: Option<Spot>,
    found: BTreeMap<ResourceType, BTreeSet<u64>>,
}

impl Filtering {
    /// None of these has been searched.
    pub fn of(filters: &[Filter]) -> Self {
        let found = filters.iter().map(|(kind, _)| (*kind, BTreeSet::new())).collect();
        Self { left: filters.to_vec(), after: None, found }
    }

    /// Whether all have been.
    pub fn is_done(&self) -> bool {
        self.left.is_empty()
    }

    /// Numbers of the records found, rising, for each type that is searched.
    pub fn found(self) -> BTreeMap<ResourceType, Vec<u64>> {
        self.found.into_iter().map(|(kind, rids)| (kind, rids.into_iter().collect())).collect()
    }
}

impl Records {
    /// One part of an export's searches, exact at `at` for an hour. Blocking, and short.
    ///
    /// # Errors
    /// [`Error::PageExpired`] when that hour is over, [`Error::Unreadable`] when a search costs too much, and whatever
    /// reading answers.
    pub fn export_filter(&self, from: &Caller, filtering: &mut Filtering, at: Tx) -> Result<(), Error> {
        let Some((kind, pairs)) = filtering.left.last() else { return Ok(()) };
        let (rids, next) = self.matching_some(from, (*kind, pairs), at, filtering.after.as_ref(), PART)?;
        filtering.found.entry(*kind).or_default().extend(rids.into_iter().map(|rid| rid.0));
        if next.is_none() {
            filtering.left.pop();
        }
        filtering.after = next;
        Ok(())
    }
}
