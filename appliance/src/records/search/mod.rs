//! Searching a type: a `Search` becomes one page of records at a fixed `Tx`.
//!
//! `plan` finds which records match, `order` sorts them, `cursor` makes the link to the next page. A page belongs to
//! the `Tx` of the first one, so new writes neither repeat nor drop a row.

pub(super) mod cursor;
mod order;
mod plan;
mod view;

use bytes::Bytes;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::search::{Context, Handling, Search, Summary, query};
use clinicvault_vault::{Action, Rid, Snapshot, Tx};

use super::access::{Op, Purpose};
use super::audit::{self, About, patient_of};
use super::error::Error;
use super::read::Stored;
use super::sight::{Look, Reach};
use super::{Caller, Records};
use cursor::Place;
pub(super) use view::View;

/// Rows of a page when the caller does not say.
const DEFAULT_ROWS: usize = 50;

/// One page of a search.
#[derive(Debug)]
pub struct Page {
    /// How many records match in all.
    pub total: u64,
    /// The records of this page, in order.
    pub rows: Vec<Stored>,
    /// What was understood, for the self link and the shape of the answer.
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
    /// The first page of a search.
    pub fn search(&self, from: &Caller, asked: &Asked<'_>) -> Result<Page, Error> {
        let (look, purpose) = self.gated(&self.sight(&from.who)?, Op::Search, asked.kind)?;
        let context = self.context(from);
        let mut search = query::parse(asked.kind, asked.parameters, asked.handling, &context)
            .map_err(Error::Unreadable)?;
        search.warnings.extend(self.unfinished_index());
        let snapshot = self.vault().snapshot()?;
        let at = snapshot.tx();
        let place = Place {
            kind: asked.kind,
            parameters: search.applied.clone(),
            at,
            after: None,
            zone_now: context.now,
        };
        self.page((&look, purpose), &snapshot, search, place, asked.most_rows, &context)
    }

    /// A further page, by the cursor of the one before. The caller's rights are decided anew.
    pub fn next_page(
        &self,
        from: &Caller,
        kind: ResourceType,
        cursor: &str,
        most_rows: usize,
    ) -> Result<Page, Error> {
        let place = self.cursors().open(cursor).filter(|place| place.kind == kind);
        let place = place.ok_or_else(|| Error::NotFound("this page".to_owned()))?;
        let (look, purpose) = self.gated(&self.sight(&from.who)?, Op::Search, kind)?;
        let mut context = self.context(from);
        context.now = place.zone_now;
        let search =
            query::parse(kind, &place.parameters, Handling::Strict, &context).map_err(Error::Unreadable)?;
        let snapshot = self.vault().snapshot()?;
        self.page((&look, purpose), &snapshot, search, place, most_rows, &context)
    }

    fn page(
        &self,
        (look, purpose): (&Look, Purpose),
        snapshot: &Snapshot,
        search: Search,
        place: Place,
        most_rows: usize,
        context: &Context,
    ) -> Result<Page, Error> {
        let kind = place.kind;
        let view = View { snapshot, kind, at: place.at, context };
        let matched = within(&view, &search, look)?;
        let total = matched.len() as u64;
        let only_total = search.count == Some(0) || search.summary == Summary::Count;
        let rows = search.count.map_or(DEFAULT_ROWS.min(most_rows), |n| (n as usize).min(most_rows));
        let (rids, more) = if only_total {
            (Vec::new(), false)
        } else {
            let ordered = order::sorted(&view, matched, &search.sort)?;
            cut(&ordered, place.after, rows)
        };
        let stored = open_all(snapshot, &rids, place.at)?;
        self.note_search(look, kind, purpose, &stored)?;
        let next = match rids.last() {
            Some(last) if more => Some(self.cursors().seal(&Place { after: Some(*last), ..place.clone() })?),
            _ => None,
        };
        Ok(Page { total, rows: stored, search, next, tx: place.at })
    }

    fn note_search(
        &self,
        look: &Look,
        kind: ResourceType,
        purpose: Purpose,
        rows: &[Stored],
    ) -> Result<(), Error> {
        let mut owners = rows.iter().map(|row| patient_of(&row.head.owner));
        let first = owners.next().flatten();
        let patient = first.filter(|first| owners.all(|owner| owner == Some(*first)));
        let leaf = audit::done(look.who(), Action::Search, purpose, About::of_type(kind, patient));
        Ok(self.vault().note(leaf)?)
    }
}

/// Every record that fulfils the search and is within the caller's reach, in the order of their numbers.
fn within(view: &View<'_>, search: &Search, look: &Look) -> Result<Vec<Rid>, Error> {
    let lists = match look.reach() {
        Reach::Nothing(_) => return Ok(Vec::new()),
        Reach::Everything => return plan::matching(view, search),
        Reach::Any(lists) => lists,
    };
    let mut found = Vec::new();
    for list in lists {
        let mut within = search.clone();
        within.criteria.extend(list.iter().cloned());
        found.extend(plan::matching(view, &within)?);
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

fn cut(ordered: &[Rid], after: Option<Rid>, rows: usize) -> (Vec<Rid>, bool) {
    let start = after.and_then(|last| ordered.iter().position(|rid| *rid == last)).map_or(0, |at| at + 1);
    let rest = ordered.get(start..).unwrap_or_default();
    let page = rest.get(..rows).unwrap_or(rest);
    (page.to_vec(), rest.len() > page.len())
}

fn open_all(snapshot: &Snapshot, rids: &[Rid], at: Tx) -> Result<Vec<Stored>, Error> {
    let mut rows = Vec::with_capacity(rids.len());
    for rid in rids {
        // The index said that it is there at this Tx; a record without a version then would be damage.
        let head = snapshot.as_of(*rid, at)?.filter(|head| !head.deleted);
        let head =
            head.ok_or_else(|| Error::Damaged(format!("record {} is indexed but not there", rid.0)))?;
        let body = Bytes::from_owner(snapshot.body(&head)?);
        rows.push(Stored { head, body });
    }
    Ok(rows)
}
