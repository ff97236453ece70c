//! Gathering records for an answer that is made of many: those of a compartment, those that others refer to.
//!
//! Everything here is read at one `Tx` and shows only what the caller sees; what is not visible is as if it were not
//! there. The audit line belongs to the operation that gathers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use clinicvault_gateway::fhir::bundle::references;
use clinicvault_gateway::fhir::compartment::{membership, membership_of_any};
use clinicvault_gateway::fhir::id::{LogicalId, Reference, ResourceType};
use clinicvault_gateway::fhir::search::{Context, TermRange, params};
use clinicvault_gateway::json::{self, Limits, Value};
use clinicvault_vault::{Dir, Kind, Rid, Snapshot, Tx};

use super::access::Op;
use super::error::Error;
use super::read::Stored;
use super::sight::{Look, Sight};
use super::{Caller, Records, terms};

/// What one caller sees of the records at one `Tx`.
pub struct Gather {
    sight: Sight,
    snapshot: Snapshot,
    at: Tx,
    context: Context,
    looks: BTreeMap<ResourceType, Look>,
}

impl Records {
    /// Begins to gather: at `at`, or at what stands now.
    pub(super) fn gather(&self, from: &Caller, at: Option<Tx>) -> Result<Gather, Error> {
        let snapshot = self.vault().snapshot()?;
        let at = at.unwrap_or_else(|| snapshot.tx());
        let (sight, context) = (self.sight(&from.who)?, self.context(from));
        Ok(Gather { sight, snapshot, at, context, looks: BTreeMap::new() })
    }
}

impl Gather {
    /// The `Tx` of everything gathered.
    pub fn tx(&self) -> Tx {
        self.at
    }

    /// How dates and references are read.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Whether anything of a type may be visible.
    pub fn sees(&mut self, kind: ResourceType) -> bool {
        self.look(kind).gate().allowed()
    }

    fn look(&mut self, kind: ResourceType) -> &Look {
        self.looks.entry(kind).or_insert_with(|| self.sight.look(Op::Search, kind))
    }

    /// Records of `kind` in the compartment of a record, or in any compartment of that type; seen or not.
    pub fn members(
        &self,
        compartment: ResourceType,
        id: Option<&LogicalId>,
        kind: ResourceType,
    ) -> Result<BTreeSet<Rid>, Error> {
        let criterion = match id {
            Some(id) => membership(compartment, id, kind),
            None => membership_of_any(compartment, kind),
        };
        let ranges = criterion.map(|criterion| criterion.alternatives).unwrap_or_default();
        let mut found = BTreeSet::new();
        for range in &ranges {
            self.walk(kind, range, &mut found)?;
        }
        Ok(found)
    }

    /// Every record of a type, seen or not.
    pub fn all(&self, kind: ResourceType) -> Result<BTreeSet<Rid>, Error> {
        let mut found = BTreeSet::new();
        self.walk(kind, &TermRange::all(params::ID), &mut found)?;
        Ok(found)
    }

    fn walk(&self, kind: ResourceType, range: &TermRange, found: &mut BTreeSet<Rid>) -> Result<(), Error> {
        let rows = self.snapshot.scan(Kind(kind.number()), &terms::range(range), Dir::Ascending, self.at)?;
        for row in rows {
            let (value, rid) = row?;
            if range.check.as_ref().is_none_or(|check| check.accepts(&value)) {
                found.insert(rid);
            }
        }
        Ok(())
    }

    /// A record as it was; none when it was not there, was deleted, or is not visible.
    pub fn open(&mut self, kind: ResourceType, rid: Rid) -> Result<Option<Stored>, Error> {
        let Some(head) = self.snapshot.as_of(rid, self.at)?.filter(|head| !head.deleted) else {
            return Ok(None);
        };
        let look = self.looks.entry(kind).or_insert_with(|| self.sight.look(Op::Search, kind));
        if !look.shows(&self.snapshot, &head)? {
            return Ok(None);
        }
        let body = Bytes::from_owner(self.snapshot.body(&head)?);
        Ok(Some(Stored { head, body }))
    }

    /// The record of a name, as [`Gather::open`].
    pub fn named(&mut self, kind: ResourceType, id: &LogicalId) -> Result<Option<Stored>, Error> {
        match self.snapshot.head(Kind(kind.number()), id.as_str())? {
            Some(head) => self.open(kind, head.rid),
            None => Ok(None),
        }
    }

    /// Every record of this box that a resource refers to, in order, each once.
    pub fn referred(&self, resource: &Value) -> Vec<(ResourceType, LogicalId)> {
        let bases: Vec<&str> = self.context.bases.iter().map(String::as_str).collect();
        let mut seen = BTreeSet::new();
        let local = |(_, reference): (String, Reference)| {
            reference.local(&bases).map(|(kind, id)| (kind, id.clone()))
        };
        references(resource).into_iter().filter_map(local).filter(|name| seen.insert(name.clone())).collect()
    }

    /// Follows references from `from` to records that `wanted` takes, and from those on; each once, none of `from`
    /// itself. The flag says that there are more than `most`, or that ten times as many were looked at in vain.
    pub fn follow(
        &mut self,
        from: &[Stored],
        most: usize,
        mut wanted: impl FnMut(&mut Self, &Stored) -> Result<bool, Error>,
    ) -> Result<(Vec<Stored>, bool), Error> {
        let mut seen: BTreeSet<Rid> = from.iter().map(|stored| stored.head.rid).collect();
        let mut asked = BTreeSet::new();
        let mut waiting: VecDeque<(ResourceType, LogicalId)> = VecDeque::new();
        for stored in from {
            waiting.extend(self.referred(&parsed(stored)?).into_iter().filter(|n| asked.insert(n.clone())));
        }
        let mut found = Vec::new();
        let mut vain = 0;
        while let Some((kind, id)) = waiting.pop_front() {
            if vain > most.saturating_mul(10) {
                return Ok((found, true));
            }
            vain += 1;
            let Some(stored) = self.named(kind, &id)? else { continue };
            if !seen.insert(stored.head.rid) || !wanted(self, &stored)? {
                continue;
            }
            if found.len() == most {
                return Ok((found, true));
            }
            waiting.extend(self.referred(&parsed(&stored)?).into_iter().filter(|n| asked.insert(n.clone())));
            found.push(stored);
            vain -= 1;
        }
        Ok((found, false))
    }
}

/// The tree of a stored record.
pub fn parsed(stored: &Stored) -> Result<Value, Error> {
    json::parse(&stored.body, &Limits::bytes(usize::MAX))
        .map_err(|_| Error::Damaged(format!("record {}", stored.head.rid.0)))
}
