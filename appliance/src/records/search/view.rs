//! The box as it was at one `Tx`, seen by one caller: index rows, terms of records, and what looking at them costs.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::outcome::{IssueCode, Outcome};
use clinicvault_gateway::fhir::resource::Resource;
use clinicvault_gateway::fhir::search::{self, Context, Long, Node, Term, TermRange, params};
use clinicvault_gateway::json::{self, Limits};
use clinicvault_vault::{Dir, Head, Kind, OwnTerms, Rid, Snapshot, Tx};

use super::super::error::Error;
use super::super::terms;
use super::Bounds;
use super::holds::Needs;
use super::memory::Memory;
use super::reach::Reaches;

/// What reading the terms of a record costs, in index rows.
const TERMS: u64 = 8;
/// What opening a record costs.
const BODY: u64 = 64;
/// What finding a record by its id costs.
const HEAD: u64 = 4;
/// A page may cost so many times what it should before it is refused; short of that it ends early.
const PATIENCE: u64 = 8;

/// What a search looks at.
pub struct View<'a> {
    pub snapshot: &'a Snapshot,
    pub at: Tx,
    pub context: &'a Context,
    pub bounds: &'a Bounds,
    /// What the caller may see of each type.
    pub reaches: &'a Reaches,
    /// What earlier searches have found out.
    pub memory: &'a Memory,
    spent: Cell<u64>,
    compared: Comparisons,
    /// What may be spent before this stage should end.
    allowed: Cell<u64>,
    reached: RefCell<BTreeMap<ResourceType, Option<Rc<Node>>>>,
    /// Whether a condition, by its address, holds for a record.
    pub(super) known: RefCell<HashMap<(usize, Rid), bool>>,
}

impl<'a> View<'a> {
    pub fn new(
        snapshot: &'a Snapshot,
        at: Tx,
        context: &'a Context,
        bounds: &'a Bounds,
        reaches: &'a Reaches,
        memory: &'a Memory,
    ) -> Self {
        Self {
            snapshot,
            at,
            context,
            bounds,
            reaches,
            memory,
            spent: Cell::new(0),
            compared: Comparisons::default(),
            allowed: Cell::new(bounds.search_rows),
            reached: RefCell::default(),
            known: RefCell::default(),
        }
    }

    /// What the caller must be kept to within a type; none when nothing of it may be seen.
    pub fn reach(&self, kind: ResourceType) -> Option<Rc<Node>> {
        let known = self.reached.borrow().get(&kind).cloned();
        known.unwrap_or_else(|| {
            let reach = self.reaches.of(kind).map(Rc::new);
            self.reached.borrow_mut().insert(kind, reach.clone());
            reach
        })
    }

    /// Whether this page has looked at as much as a page should.
    pub fn is_tired(&self) -> bool {
        self.spent.get() > self.allowed.get()
    }

    /// Does something that should end after so many further index rows.
    pub fn briefly<R>(&self, rows: u64, work: impl FnOnce() -> R) -> R {
        self.allowed.set(self.bounds.search_rows.min(self.spent.get() + rows));
        let result = work();
        self.allowed.set(self.bounds.search_rows);
        result
    }

    /// Begins to count anew: another stage with a bound of its own.
    pub fn refund(&self) {
        self.spent.set(0);
    }

    /// Counts what looking costs; refuses what costs far more than a page should.
    pub(super) fn spend(&self, rows: u64) -> Result<(), Error> {
        let spent = self.spent.get() + rows;
        self.spent.set(spent);
        if spent <= self.bounds.search_rows.saturating_mul(PATIENCE) {
            return Ok(());
        }
        Err(too_costly("This search looks at too many index entries (limits.search_rows); narrow it."))
    }

    /// Counts comparisons of values that are asked for with terms of a record.
    pub(super) fn compare(&self, count: usize) -> Result<(), Error> {
        self.spend(self.compared.rows(count))
    }

    /// Values and records of an index range of a type, exact at the view's `Tx`, behind `last`. The range's own
    /// condition has been looked at.
    pub fn scan<'s>(
        &'s self,
        kind: ResourceType,
        range: &'s TermRange,
        direction: Dir,
        last: Option<(&[u8], Rid)>,
    ) -> Result<impl Iterator<Item = Result<(Vec<u8>, Rid), Error>> + 's, Error> {
        let kind = Kind(kind.number());
        self.spend(1)?;
        let rows = self.snapshot.scan_behind(kind, &terms::range(range), direction, self.at, last)?;
        Ok(rows.filter_map(move |row| {
            let row = row.map_err(Error::from).and_then(|row| self.spend(1).map(|()| row));
            match (row, &range.check) {
                (Ok((value, _)), Some(check)) if !check.accepts(&value) => None,
                (row, _) => Some(row),
            }
        }))
    }

    /// The terms of a record as it was; none when it was not there.
    ///
    /// The vault keeps the terms of the newest version beside the record; when a newer version has come since, they
    /// are made again from the version of then.
    pub fn terms(&self, rid: Rid) -> Result<Vec<Term>, Error> {
        self.spend(TERMS)?;
        if self.is_newest(rid)? {
            return Ok(self.snapshot.terms(rid)?.into_iter().map(terms::back).collect());
        }
        self.terms_of_then(rid)
    }

    /// The same, at least those that are needed.
    pub fn terms_for(&self, rid: Rid, needs: &Needs) -> Result<Vec<Term>, Error> {
        self.spend(TERMS)?;
        if self.is_newest(rid)? {
            let own = self.snapshot.terms_of(rid, needs.params())?;
            return Ok(own.into_iter().map(terms::back).collect());
        }
        self.terms_of_then(rid)
    }

    /// Reads the terms of one record after the other, at least those that are needed: cheapest in the order of numbers.
    pub fn reader<'s>(&'s self, needs: &'s Needs) -> Reader<'s, 'a> {
        Reader { view: self, own: self.snapshot.terms_of_each(needs.params()) }
    }

    /// Whether no version has come since.
    fn is_newest(&self, rid: Rid) -> Result<bool, Error> {
        if self.at == self.snapshot.tx() {
            return Ok(true);
        }
        Ok(self.snapshot.head_of(rid)?.is_some_and(|head| head.tx <= self.at))
    }

    /// Whether a long text of a record with these terms has what is asked: the record itself is looked at, if there is one.
    pub(super) fn long_holds(&self, rid: Rid, own: &[Term], long: &Long) -> Result<bool, Error> {
        if !long.concerns(own) {
            return Ok(false);
        }
        self.spend(BODY)?;
        let Some(head) = self.snapshot.as_of(rid, self.at)?.filter(|head| !head.deleted) else {
            return Ok(false);
        };
        let json = json::parse(&self.snapshot.body(&head)?, &Limits::bytes(usize::MAX))
            .map_err(|_| Error::Damaged(format!("record {} version {}", rid.0, head.version)))?;
        Ok(long.holds(own, &json))
    }

    fn terms_of_then(&self, rid: Rid) -> Result<Vec<Term>, Error> {
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

    /// The number of a record that was there.
    pub fn find(&self, kind: ResourceType, id: &str) -> Result<Option<Rid>, Error> {
        self.spend(HEAD)?;
        let Some(newest) = self.snapshot.head(Kind(kind.number()), id)? else { return Ok(None) };
        Ok(self.stood(newest)?.map(|head| head.rid))
    }

    /// Numbers of records that stood under a canonical address.
    pub fn canonical(&self, kind: ResourceType, url: &str) -> Result<Vec<Rid>, Error> {
        let Some(param) = params::find(kind, "url") else { return Ok(Vec::new()) };
        let range = search::uri::exact(param.number, url);
        self.scan(kind, &range, Dir::Ascending, None)?.map(|row| Ok(row?.1)).collect()
    }

    fn stood(&self, newest: Head) -> Result<Option<Head>, Error> {
        if newest.tx <= self.at {
            return Ok((!newest.deleted).then_some(newest));
        }
        Ok(self.snapshot.as_of(newest.rid, self.at)?.filter(|head| !head.deleted))
    }
}

/// Comparisons that have not yet come to an index row.
#[derive(Default)]
struct Comparisons(Cell<usize>);

impl Comparisons {
    /// So many that together they take about as long as reading an index row.
    const A_ROW: usize = 1_024;

    /// The index rows that these come to, together with those left over before.
    fn rows(&self, count: usize) -> u64 {
        let all = self.0.get().saturating_add(count);
        self.0.set(all % Self::A_ROW);
        (all / Self::A_ROW) as u64
    }
}

/// See [`View::reader`].
pub struct Reader<'s, 'a> {
    view: &'s View<'a>,
    own: OwnTerms<'s>,
}

impl Reader<'_, '_> {
    /// As [`View::terms_for`].
    pub fn of(&mut self, rid: Rid) -> Result<Vec<Term>, Error> {
        self.view.spend(TERMS)?;
        if self.view.is_newest(rid)? {
            return Ok(self.own.of(rid)?.into_iter().map(terms::back).collect());
        }
        self.view.terms_of_then(rid)
    }
}

/// A refusal (400, `too-costly`).
pub fn too_costly(message: &str) -> Error {
    Error::Unreadable(Outcome::error(IssueCode::TooCostly, message))
}

/// The id among a record's own terms.
pub fn id_of(own: &[Term]) -> Option<&str> {
    let term = own.iter().find(|term| term.param == params::ID)?;
    std::str::from_utf8(term.value.strip_suffix(&[0])?).ok()
}

/// The canonical addresses among the own terms of a record of `kind`.
pub fn urls_of(kind: ResourceType, own: &[Term]) -> impl Iterator<Item = &str> {
    let param = params::find(kind, "url").map(|param| param.number);
    let own = own.iter().filter(move |term| Some(term.param) == param);
    own.filter_map(|term| std::str::from_utf8(term.value.strip_suffix(&[0])?).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_short_comparisons_cost_what_a_long_one_does() {
        let (short, long) = (Comparisons::default(), Comparisons::default());
        assert_eq!(short.rows(500) + long.rows(0), 0);
        let paid: u64 = (0..99).map(|_| short.rows(500)).sum();
        assert_eq!((paid, long.rows(50_000)), (48, 48));
    }
}
