//! Searching: what was asked becomes one page of records at a fixed `Tx`.
//!
//! `field` says where a search looks and reads it for every type there. `view` is the box at one `Tx` under one caller's
//! rights (`reach`). `plan` finds the conditions that narrow a search most, `leap` meets candidates with a broad one, `holds`
//! decides about single records, `rows` walks as little as a page needs, `order` compares, `total` counts, `memory` keeps
//! what may be of use again, `page` puts types together, `include` brings linked records along and `cursor` makes the
//! link to the next page. A page belongs to the `Tx` of the first one, so new writes neither repeat nor drop a row.

mod bits;
pub(super) mod cursor;
pub(super) mod field;
mod holds;
mod include;
mod leap;
pub(super) mod memory;
#[cfg(test)]
mod model;
mod order;
mod page;
mod plan;
mod reach;
mod rows;
mod total;
mod undecided;
mod view;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::search::{
    CHAIN_DEPTH, Context, Handling, Node, Search, Summary, Total, query,
};
use clinicvault_vault::{Action, Rid, Snapshot, Tx};

use super::access::{Op, Purpose};
use super::audit::{self, About, Detail, patient_of};
use super::error::Error;
use super::read::Stored;
use super::sight::Sight;
use super::trail::{self, WantedPage};
use super::{Caller, Records};
use cursor::Place;
pub use field::Field;
use field::Understood;
pub(super) use holds::pointing_at;
pub(super) use order::Spot;
use page::{Part, Wanted};
use reach::Reaches;
use rows::Job;
use view::View;
pub(super) use view::id_of;
pub(super) use view::too_costly;

/// Rows of a page when the caller does not say.
const DEFAULT_ROWS: usize = 50;

/// What a search may cost; see the settings of these names under `limits`.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Most links that one parameter may follow.
    pub chain_depth: usize,
    /// Index rows after which a page ends.
    pub search_rows: u64,
    /// Index rows that counting may look at.
    pub count_rows: u64,
    /// Most records that come along with a page.
    pub included: usize,
    /// Up to so many candidates are looked at one by one; for more, an index is walked. Not a setting.
    pub few: usize,
    /// Index rows that a walk may look at before a search is planned. Not a setting.
    pub brief: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        let (search_rows, count_rows) = (200_000, 2_000_000);
        Self { chain_depth: CHAIN_DEPTH, search_rows, count_rows, included: 1_000, few: 4_096, brief: 4_000 }
    }
}

/// One page of a search.
#[derive(Debug)]
pub struct Page {
    /// How many records match in all, where it was asked for or is known.
    pub total: Option<u64>,
    /// The records of this page, in order.
    pub rows: Vec<Stored>,
    /// Records that come along with them.
    pub included: Vec<Stored>,
    /// What was understood, for the self link and the shape of the answer; of several types, that of the first.
    pub search: Search,
    /// Opaque cursor of the next page, if there is one.
    pub next: Option<String>,
    /// The transaction at which the whole search was answered.
    pub tx: Tx,
}

/// What a peer asked of a type: decoded names and values in their order.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The type.
    pub kind: ResourceType,
    /// Parameters, `_cursor` apart.
    pub parameters: &'a [(String, String)],
    /// What to do about unknown ones.
    pub handling: Handling,
    /// Most rows of a page.
    pub most_rows: usize,
}

impl Records {
    /// The first page of a search of one type.
    pub fn search(&self, from: &Caller, asked: &Asked<'_>) -> Result<Page, Error> {
        let field = Field::Type(asked.kind);
        self.search_in(from, &field, asked.parameters, asked.handling, asked.most_rows)
    }

    /// Some of the records that fulfil a search and that the caller may find, as of `at`, exact for an hour: at most
    /// `most`, behind the place that the part before ended at. Answers their numbers, and where to go on if there may be
    /// more. A part costs no more than a page.
    pub(super) fn matching_some(
        &self,
        from: &Caller,
        (kind, parameters): (ResourceType, &[(String, String)]),
        at: Tx,
        after: Option<&Spot>,
        most: usize,
    ) -> Result<(Vec<Rid>, Option<Spot>), Error> {
        let sight = self.sight(&from.who)?;
        self.gated(&sight, Op::Search, kind)?;
        // A part cannot carry the warning of a search, and what was found at `at` cannot be found again.
        if !sight.is_indexed() {
            return Err(Error::Renewing);
        }
        if self.was_renewed_since(at.0) {
            return Err(Error::PageExpired);
        }
        let snapshot = self.vault().snapshot()?;
        let mut context = self.context(from);
        context.own = Arc::new(context.own.as_of(at.0));
        let search = query::parse(kind, parameters, Handling::Strict, &context).map_err(Error::of_query)?;
        let (bounds, reaches) = (self.bounds(), Reaches::new(sight));
        let view = View::new(&snapshot, at, &context, &bounds, &reaches, self.searched());
        let Some(reach) = view.reach(kind) else { return Ok((Vec::new(), None)) };
        let node = Node::All(vec![search.condition(), (*reach).clone()]);
        // What has few records now may have had many then: only what holds at `at` may shape the walk, so that each part
        // goes on where the one before ended.
        let plan = view.plan(kind, &node, usize::MAX)?;
        let found = view.rows(Job { kind, node: &node, sort: &[] }, &plan, after, most)?;
        let full = || found.rows.last().filter(|_| found.rows.len() == most).map(|row| row.spot.clone());
        let next = found.early.clone().or_else(full);
        Ok((found.rows.iter().map(|row| row.rid).collect(), next))
    }

    /// A further page of it, by the cursor of the one before.
    pub fn next_page(
        &self,
        from: &Caller,
        kind: ResourceType,
        cursor: &str,
        most_rows: usize,
    ) -> Result<Page, Error> {
        self.next_in(from, &Field::Type(kind), cursor, most_rows)
    }

    /// The first page of a search anywhere.
    pub fn search_in(
        &self,
        from: &Caller,
        field: &Field,
        parameters: &[(String, String)],
        handling: Handling,
        most_rows: usize,
    ) -> Result<Page, Error> {
        if trail::concerns(field) {
            return self.audit_events(from, field, &WantedPage::First(parameters, handling), most_rows);
        }
        let sight = self.sight(&from.who)?;
        // One type that may not be searched is refused before anything else is said about the question.
        if let Some(kind) = field.only() {
            self.gated(&sight, Op::Search, kind)?;
        }
        // Before what is searched, so that it is not said to be whole when it became so only afterwards.
        let unfinished = self.unfinished_index();
        // Before the own search parameters, so that none of those is older than what is searched.
        let snapshot = self.vault().snapshot()?;
        let mut context = self.context(from);
        context.own = Arc::new(context.own.as_of(snapshot.tx().0));
        let understood = field::understand(field, parameters, handling, &context);
        let mut understood = understood.map_err(|error| match error {
            // It came to know every record since the first line of this function.
            Error::PageExpired => Error::Busy,
            other => other,
        })?;
        understood.warnings.extend(unfinished);
        let place = Place {
            field: field.path(),
            parameters: understood.applied.clone(),
            at: snapshot.tx(),
            begin: None,
            total: None,
            zone_now: context.now,
            whose: cursor::whose(&from.who),
        };
        self.page(&sight, &snapshot, understood, place, most_rows, &context)
    }

    /// A further page, by the cursor of the one before. The caller's rights are decided anew.
    pub fn next_in(&self, from: &Caller, field: &Field, link: &str, most_rows: usize) -> Result<Page, Error> {
        if trail::concerns(field) {
            return self.audit_events(from, field, &WantedPage::Next(link), most_rows);
        }
        let place = self.cursors().open(link);
        let place =
            place.filter(|place| place.field == field.path() && place.whose == cursor::whose(&from.who));
        let place = place.ok_or_else(|| Error::NotFound("this page".to_owned()))?;
        let sight = self.sight(&from.who)?;
        if let Some(kind) = field.only() {
            self.gated(&sight, Op::Search, kind)?;
        }
        // Records have other terms than at the first page, or a scope could not be answered for then.
        let unfinished = self.unfinished_index();
        if self.was_renewed_since(place.at.0) || sight.known_since().is_some_and(|since| since > place.at.0) {
            return Err(Error::PageExpired);
        }
        let snapshot = self.vault().snapshot()?;
        let mut context = self.context(from);
        context.now = place.zone_now;
        context.own = Arc::new(context.own.as_of(place.at.0));
        let mut understood = field::understand(field, &place.parameters, Handling::Strict, &context)?;
        understood.warnings.extend(unfinished);
        self.page(&sight, &snapshot, understood, place, most_rows, &context)
    }

    fn page(
        &self,
        sight: &Sight,
        snapshot: &Snapshot,
        understood: Understood,
        place: Place,
        most_rows: usize,
        context: &Context,
    ) -> Result<Page, Error> {
        let (bounds, reaches) = (self.bounds(), Reaches::new(sight.clone()));
        let view = View::new(snapshot, place.at, context, &bounds, &reaches, self.searched());
        let mut purpose = None;
        let mut parts = Vec::with_capacity(understood.searches.len());
        let mut shown = understood.searches.first().cloned();
        for search in understood.searches {
            // A type that was asked for by name and may not be searched is a refusal; of all types, those that may.
            let gate = if understood.named {
                Some(self.gated(sight, Op::Search, search.kind)?.1)
            } else {
                sight.look(Op::Search, search.kind).gate().check().ok()
            };
            let Some(may) = gate else { continue };
            purpose = purpose.or(Some((search.kind, may)));
            let Some(reach) = view.reach(search.kind) else { continue };
            let cut = !matches!(&*reach, Node::All(nodes) if nodes.is_empty());
            let node = Node::All(vec![search.condition(), (*reach).clone()]);
            parts.push(Part { search, node, cut });
        }
        let search = shown.as_mut().ok_or_else(|| Error::NotFound("anything to search".to_owned()))?;
        search.applied = understood.applied;
        search.warnings = understood.warnings;
        search.warnings.extend(view.undecided(&parts)?);
        let only_total = search.count == Some(0) || search.summary == Summary::Count;
        let mut page = Page {
            total: place.total,
            rows: Vec::new(),
            included: Vec::new(),
            search: search.clone(),
            next: None,
            tx: place.at,
        };
        if only_total {
            page.total = Some(view.count_all(&parts)?);
        } else {
            self.fill(&view, &parts, place, most_rows, &mut page)?;
        }
        if let Some((kind, purpose)) = purpose {
            self.note_search(sight, kind, purpose, &page)?;
        }
        Ok(page)
    }

    fn fill(
        &self,
        view: &View<'_>,
        parts: &[Part],
        place: Place,
        most_rows: usize,
        page: &mut Page,
    ) -> Result<(), Error> {
        let rows = page.search.count.map_or(DEFAULT_ROWS, |n| n as usize).min(most_rows);
        let first = place.begin.is_none();
        let wanted = Wanted {
            rows,
            begin: place.begin.clone().unwrap_or((0, None)),
            total: page.search.total,
            count: first && page.search.total != Total::None,
        };
        let found = view.page(parts, &wanted)?;
        if first {
            page.total = found.total;
        }
        if found.early {
            page.search.warnings.push(field::early());
        }
        page.rows = open_all(view, found.rows.iter().map(|row| row.rid))?;
        if !page.search.includes.is_empty() {
            let shown: Vec<_> = found.rows.iter().map(|row| (row.kind, row.rid)).collect();
            let (included, warning) = view.included(&shown, &page.search.includes)?;
            page.included = open_all(view, included.into_iter().map(|(_, rid)| rid))?;
            page.search.warnings.extend(warning);
        }
        if let Some(begin) = found.next {
            let next = Place { begin: Some(begin), total: page.total, ..place };
            page.next = Some(self.cursors().seal(&next)?);
        }
        Ok(())
    }

    /// One line for each type of which something was shown, and one for the search when nothing was.
    fn note_search(
        &self,
        sight: &Sight,
        searched: ResourceType,
        purpose: Purpose,
        page: &Page,
    ) -> Result<(), Error> {
        let mut shown: BTreeMap<ResourceType, Vec<&Stored>> = BTreeMap::from([(searched, Vec::new())]);
        for row in page.rows.iter().chain(&page.included) {
            if let Some(kind) = row.kind() {
                shown.entry(kind).or_default().push(row);
            }
        }
        if page.rows.iter().chain(&page.included).all(|row| row.kind() != Some(searched)) && shown.len() > 1 {
            shown.remove(&searched);
        }
        // On each line, for each is sealed for another patient.
        let query = Some(trail::query_text(&page.search.applied)).filter(|query| !query.is_empty());
        for (kind, rows) in shown {
            let mut owners = rows.iter().map(|row| patient_of(&row.head.owner));
            let first = owners.next().flatten();
            let patient = first.filter(|first| owners.all(|owner| owner == Some(*first)));
            let touched = rows.iter().take(Detail::MOST_TOUCHED).map(|row| format!("{kind}/{}", row.head.id));
            let detail = Detail { query: query.clone(), touched: touched.collect() };
            let about = About::of_type(kind, patient);
            let leaf = audit::detailed(sight.who(), Action::Search, purpose, about, &detail);
            self.vault().note(leaf)?;
        }
        Ok(())
    }
}

fn open_all(view: &View<'_>, rids: impl Iterator<Item = Rid>) -> Result<Vec<Stored>, Error> {
    let mut rows = Vec::new();
    for rid in rids {
        // The index said that it is there at this Tx; a record without a version then would be damage.
        let head = view.snapshot.as_of(rid, view.at)?.filter(|head| !head.deleted);
        let head =
            head.ok_or_else(|| Error::Damaged(format!("record {} is indexed but not there", rid.0)))?;
        let body = Bytes::from_owner(view.snapshot.body(&head)?);
        rows.push(Stored { head, body });
    }
    Ok(rows)
}
