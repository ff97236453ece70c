//! What a condition means: which one record of a type a query names.
//!
//! Used by conditional interactions and conditional references. It differs from `search` in that two matches are as
//! bad as many, and in that it runs inside the writer too, where it must see what the open group commit changed.

mod links;

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::outcome::{IssueCode, Outcome};
use clinicvault_gateway::fhir::search::{Criterion, Node, Search, Term};
use clinicvault_vault::{Dir, Head, Kind, Rid, Snapshot, TermRange, Unit};
use zeroize::Zeroizing;

use super::access::Op;
use super::error::Error;
use super::parameters;
use super::sight::Sight;
use super::terms;
use links::Links;
pub use links::Reserve;

/// Rows looked at to find out how selective a criterion is.
const GLANCE: usize = 64;
/// Most rows of the most selective criterion. A condition is meant to name one record.
const MOST: usize = 20_000;

/// Where conditions can be looked up: a snapshot, or the inside of a unit of work.
pub trait Rows {
    /// Records with a term in the range, at most `limit` rows.
    fn scan(&self, kind: ResourceType, range: &TermRange, limit: usize) -> Result<Vec<Rid>, Error>;
    /// The terms of a record.
    fn terms(&self, rid: Rid) -> Result<Vec<Term>, Error>;
    /// Which state of the own search parameters it has.
    fn own_epoch(&self) -> Result<u64, Error>;
    /// The newest version of a record.
    fn head_of(&self, rid: Rid) -> Result<Option<Head>, Error>;
    /// One version of a record.
    fn version(&self, rid: Rid, version: u64) -> Result<Option<Head>, Error>;
    /// The body of a version.
    fn body(&self, head: &Head) -> Result<Zeroizing<Vec<u8>>, Error>;
}

impl Rows for Unit<'_> {
    fn scan(&self, kind: ResourceType, range: &TermRange, limit: usize) -> Result<Vec<Rid>, Error> {
        Ok(self.scan(Kind(kind.number()), range, limit)?)
    }

    fn terms(&self, rid: Rid) -> Result<Vec<Term>, Error> {
        Ok(self.terms(rid)?.into_iter().map(terms::back).collect())
    }

    fn own_epoch(&self) -> Result<u64, Error> {
        parameters::epoch(self)
    }

    fn head_of(&self, rid: Rid) -> Result<Option<Head>, Error> {
        Ok(self.head_of(rid)?)
    }

    fn version(&self, rid: Rid, version: u64) -> Result<Option<Head>, Error> {
        Ok(self.version(rid, version)?)
    }

    fn body(&self, head: &Head) -> Result<Zeroizing<Vec<u8>>, Error> {
        Ok(self.body(head)?)
    }
}

impl Rows for Snapshot {
    fn scan(&self, kind: ResourceType, range: &TermRange, limit: usize) -> Result<Vec<Rid>, Error> {
        let rows = self.scan(Kind(kind.number()), range, Dir::Ascending, self.tx())?;
        Ok(rows.take(limit).map(|row| row.map(|(_, rid)| rid)).collect::<Result<_, _>>()?)
    }

    fn terms(&self, rid: Rid) -> Result<Vec<Term>, Error> {
        Ok(self.terms(rid)?.into_iter().map(terms::back).collect())
    }

    fn own_epoch(&self) -> Result<u64, Error> {
        parameters::epoch(self)
    }

    fn head_of(&self, rid: Rid) -> Result<Option<Head>, Error> {
        Ok(self.head_of(rid)?)
    }

    fn version(&self, rid: Rid, version: u64) -> Result<Option<Head>, Error> {
        Ok(self.version(rid, version)?)
    }

    fn body(&self, head: &Head) -> Result<Zeroizing<Vec<u8>>, Error> {
        Ok(self.body(head)?)
    }
}

/// The one record of `kind` that matches; none, or a refusal (412) when there are several. What the caller may not find
/// fulfils no condition. [`Error::Renewing`] while the index may lack the record that is meant.
pub fn only(
    rows: &impl Rows,
    sight: &Sight,
    kind: ResourceType,
    search: &Search,
) -> Result<Option<Head>, Error> {
    only_within(rows, sight, kind, search, &Reserve::default())
}

/// The same for one of several conditions that are decided together: their links share a reserve.
pub fn only_within(
    rows: &impl Rows,
    sight: &Sight,
    kind: ResourceType,
    search: &Search,
    reserve: &Reserve,
) -> Result<Option<Head>, Error> {
    if !sight.is_indexed() {
        return Err(Error::Renewing);
    }
    // It was read by other own search parameters than there are now: their numbers may no longer be those.
    if let Some(epoch) = search.own
        && epoch != rows.own_epoch()?
    {
        return Err(Error::Busy);
    }
    let look = sight.look(Op::Search, kind);
    let links = Links::new(rows, sight, reserve);
    let further = Node::All(search.further.clone());
    let mut found: Option<Head> = None;
    for rid in candidates(rows, kind, search)? {
        let terms = rows.terms(rid)?;
        if !search.matches(&terms) {
            continue;
        }
        let Some(head) = rows.head_of(rid)?.filter(|head| !head.deleted) else { continue };
        if !look.wholly(rows, &head.owner, &terms)?.allowed() {
            continue;
        }
        if !search.further.is_empty() {
            reserve.spend(1)?;
            if !links.hold(kind, &terms, &further)? {
                continue;
            }
        }
        if found.replace(head).is_some() {
            return Err(several());
        }
    }
    Ok(found)
}

/// The refusal of a condition that several records match.
pub fn several() -> Error {
    let message = "Several records match the condition; it must name one.";
    Error::Precondition(Outcome::error(IssueCode::MultipleMatches, message))
}

/// Records that fulfil the most selective criterion, in the order of their numbers.
fn candidates(rows: &impl Rows, kind: ResourceType, search: &Search) -> Result<Vec<Rid>, Error> {
    let mut best: Option<(usize, &Criterion)> = None;
    for criterion in search.criteria.iter().filter(|criterion| !criterion.negate) {
        let size = scan(rows, kind, criterion, GLANCE)?.len();
        if best.is_none_or(|(least, _)| size < least) {
            best = Some((size, criterion));
        }
    }
    let Some((size, criterion)) = best else {
        return Err(Error::precondition(
            "The condition needs at least one criterion of the record's own that is not negated.",
        ));
    };
    let limit = if size < GLANCE { GLANCE } else { MOST };
    let mut rids = scan(rows, kind, criterion, limit)?;
    if rids.len() >= MOST {
        return Err(Error::TooMuch(format!("the condition matches more than {MOST} records")));
    }
    rids.sort_unstable();
    rids.dedup();
    Ok(rids)
}

fn scan(
    rows: &impl Rows,
    kind: ResourceType,
    criterion: &Criterion,
    limit: usize,
) -> Result<Vec<Rid>, Error> {
    let mut rids = Vec::new();
    for range in &criterion.alternatives {
        let left = limit.saturating_sub(rids.len());
        if left == 0 {
            break;
        }
        rids.extend(rows.scan(kind, &terms::range(range), left)?);
    }
    Ok(rids)
}
