//! One type as it was at one `Tx`: its index and the terms of its records.

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::resource::Resource;
use clinicvault_gateway::fhir::search::{self, Context, Term, TermRange};
use clinicvault_vault::{Dir, Kind, ReadError, Rid, Snapshot, Tx};

use super::super::error::Error;
use super::super::terms;

/// What a search looks at.
pub struct View<'a> {
    pub snapshot: &'a Snapshot,
    pub kind: ResourceType,
    pub at: Tx,
    pub context: &'a Context,
}

impl View<'_> {
    /// Values and records of an index range, exact at the view's `Tx`. A range's own condition is the caller's.
    pub fn scan(
        &self,
        range: &TermRange,
        direction: Dir,
    ) -> Result<impl Iterator<Item = Result<(Vec<u8>, Rid), ReadError>>, Error> {
        Ok(self.snapshot.scan(Kind(self.kind.number()), &terms::range(range), direction, self.at)?)
    }

    /// The terms of a record as it was.
    ///
    /// The vault keeps the terms of the newest version beside the record; when a newer version has come since, they
    /// are made again from the version of then.
    pub fn terms(&self, rid: Rid) -> Result<Vec<Term>, Error> {
        let newest = self.snapshot.head_of(rid)?;
        if newest.is_some_and(|head| head.tx <= self.at) {
            return Ok(self.snapshot.terms(rid)?.into_iter().map(terms::back).collect());
        }
        let Some(head) = self.snapshot.as_of(rid, self.at)?.filter(|head| !head.deleted) else {
            return Ok(Vec::new());
        };
        let body = self.snapshot.body(&head)?;
        let damaged = |_| Error::Damaged(format!("record {} version {}", rid.0, head.version));
        let resource = Resource::stored(&body).map_err(damaged)?;
        let mut terms = search::terms(&resource, self.context);
        terms.push(search::terms::last_updated(head.time));
        Ok(terms)
    }
}
