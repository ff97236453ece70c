//! `$everything`: the records of a compartment, and what they need to be understood, in pages at one `Tx`.
//!
//! A page's matches are members of the compartment, its includes the records that those refer to: nobody's in
//! particular, or of the same patient (decision 0130). Types that the caller may not read at all are left out, and said
//! to be; single records that are not visible are as if they were not there.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use clinicvault_gateway::fhir::care_time;
use clinicvault_gateway::fhir::compartment::{codes, members};
use clinicvault_gateway::fhir::datetime::Span;
use clinicvault_gateway::fhir::id::{LogicalId, ResourceType};
use clinicvault_gateway::fhir::outcome::Issue;
use clinicvault_vault::{Action, Kind, Owner, Rid, Tx};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::access::Op;
use super::audit::{self, About, patient_of};
use super::error::Error;
use super::gather::{Gather, parsed};
use super::read::Stored;
use super::{Caller, Records};

/// Most supporting records of one page.
pub const MOST_SUPPORTING: usize = 1_000;

/// Name of the list in its page links.
const LIST: &str = "everything";

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Number of the compartment's type: Patient or Encounter.
    pub compartment: u16,
    /// Whose compartment; none for every one that the caller sees.
    pub id: Option<String>,
    /// Numbers of the only types wanted; none for all.
    pub kinds: Vec<u16>,
    /// Only records changed after this, microseconds from 1970.
    pub since: Option<i64>,
    /// Only care within this half-open stretch; records without a time of care belong to every stretch.
    pub care: Option<(i64, i64)>,
    /// Most matches of a page.
    pub rows: usize,
}

/// Where a page begins.
#[derive(Serialize, Deserialize)]
struct Place {
    wanted: Wanted,
    at: u64,
    kind: u16,
    after: u64,
}

/// One page.
#[derive(Debug)]
pub struct Page {
    /// Members of the compartment.
    pub matches: Vec<Stored>,
    /// What they refer to.
    pub supporting: Vec<Stored>,
    /// Some types are kept from this caller altogether.
    pub hidden: bool,
    /// There are more than [`MOST_SUPPORTING`].
    pub cut: bool,
    /// Link text of the next page.
    pub next: Option<String>,
    /// Whether this is the first page.
    pub is_first: bool,
    /// Why members may be missing, while the index is not whole.
    pub unfinished: Option<Issue>,
}

impl Records {
    /// The first page.
    pub fn everything(&self, from: &Caller, wanted: Wanted) -> Result<Page, Error> {
        self.page_of_everything(from, wanted, None)
    }

    /// A further page of the same compartment, by its link. The caller's rights are decided anew.
    pub fn more_of_everything(
        &self,
        from: &Caller,
        compartment: ResourceType,
        id: Option<&str>,
        link: &str,
    ) -> Result<Page, Error> {
        let place: Place = self.links().open(LIST, link)?;
        if place.wanted.compartment != compartment.number() || place.wanted.id.as_deref() != id {
            return Err(Error::NotFound("this page".to_owned()));
        }
        let from_there = (Tx(place.at), place.kind, Rid(place.after));
        self.page_of_everything(from, place.wanted, Some(from_there))
    }

    fn page_of_everything(
        &self,
        from: &Caller,
        wanted: Wanted,
        place: Option<(Tx, u16, Rid)>,
    ) -> Result<Page, Error> {
        let compartment = ResourceType::from_number(wanted.compartment)
            .ok_or_else(|| Error::Fault("a compartment of no type".to_owned()))?;
        let focus = self.focus(from, compartment, wanted.id.as_deref())?;
        let mut gather = self.gather(from, place.map(|(at, ..)| at))?;
        let mut page = Page {
            matches: Vec::new(),
            supporting: Vec::new(),
            hidden: false,
            cut: false,
            next: None,
            is_first: place.is_none(),
            unfinished: self.unfinished_index(),
        };
        // The record itself comes first, then the other types by number.
        let others = members(compartment).filter(|kind| *kind != compartment);
        let kinds: Vec<ResourceType> = std::iter::once(compartment).chain(others).collect();
        let start = place.map_or(0, |(_, kind, _)| {
            kinds.iter().position(|each| each.number() == kind).unwrap_or(kinds.len())
        });
        let wants = |kind: ResourceType| wanted.kinds.is_empty() || wanted.kinds.contains(&kind.number());
        page.hidden = kinds.iter().any(|kind| wants(*kind) && !gather.sees(*kind));
        for kind in kinds.iter().skip(start).copied().filter(|kind| wants(*kind)) {
            if !gather.sees(kind) {
                continue;
            }
            let after = place.filter(|(_, at, _)| *at == kind.number()).map(|(.., rid)| rid);
            if self.take(&mut gather, &wanted, &focus, kind, after, &mut page)? {
                break;
            }
        }
        self.support(&mut gather, &wanted, compartment, &focus, &mut page)?;
        let patient = focus.as_ref().and_then(|(_, owner)| patient_of(owner));
        let object = focus.as_ref().map(|(id, _)| (compartment, id.as_str(), 0));
        let about = About { object: object.or(Some((compartment, "", 0))), patient };
        let purpose = self.gate(&from.who, Op::Search, compartment)?;
        self.vault().note(audit::done(&from.who, Action::Search, purpose, about))?;
        Ok(page)
    }

    /// The record whose compartment it is, with its owner; refused as a read of it would be.
    pub(super) fn focus(
        &self,
        from: &Caller,
        kind: ResourceType,
        id: Option<&str>,
    ) -> Result<Option<(LogicalId, Owner)>, Error> {
        let Some(id) = id else {
            self.gate(&from.who, Op::Search, kind)?;
            return Ok(None);
        };
        let (look, _) = self.gated(&self.sight(&from.who)?, Op::Read, kind)?;
        let snapshot = self.vault().snapshot()?;
        let head = snapshot.head(Kind(kind.number()), id)?.ok_or_else(|| Error::missing(kind, id))?;
        self.allow_stored(&look, kind, &snapshot, &head)?;
        if head.deleted {
            return Err(Error::Gone { name: format!("{kind}/{id}"), version: head.version });
        }
        let id = LogicalId::parse(id).ok_or_else(|| Error::missing(kind, id))?;
        Ok(Some((id, head.owner)))
    }

    /// Takes the members of one type behind `after`; true when the page is full and more is known to follow.
    fn take(
        &self,
        gather: &mut Gather,
        wanted: &Wanted,
        focus: &Option<(LogicalId, Owner)>,
        kind: ResourceType,
        after: Option<Rid>,
        page: &mut Page,
    ) -> Result<bool, Error> {
        let compartment = ResourceType::from_number(wanted.compartment).unwrap_or(kind);
        let rids = gather.members(compartment, focus.as_ref().map(|(id, _)| id), kind)?;
        for rid in rids.into_iter().filter(|rid| after.is_none_or(|after| *rid > after)) {
            let Some(stored) = gather.open(kind, rid)? else { continue };
            if !changed(&stored, wanted) || !in_time(&stored, wanted, gather)? {
                continue;
            }
            if page.matches.len() == wanted.rows {
                page.next = match page.matches.last() {
                    None => None,
                    Some(last) => Some(self.links().seal(
                        LIST,
                        &Place {
                            wanted: wanted.clone(),
                            at: gather.tx().0,
                            kind: last.head.kind.0,
                            after: last.head.rid.0,
                        },
                    )?),
                };
                return Ok(true);
            }
            page.matches.push(stored);
        }
        Ok(false)
    }

    fn support(
        &self,
        gather: &mut Gather,
        wanted: &Wanted,
        compartment: ResourceType,
        focus: &Option<(LogicalId, Owner)>,
        page: &mut Page,
    ) -> Result<(), Error> {
        let own = focus.as_ref().and_then(|(_, owner)| patient_of(owner).map(str::to_owned));
        let mut inside: BTreeMap<ResourceType, BTreeSet<Rid>> = BTreeMap::new();
        let (found, cut) = gather.follow(&page.matches, MOST_SUPPORTING, |gather, stored| {
            let Some(kind) = stored.kind() else { return Ok(false) };
            let whose = patient_of(&stored.head.owner);
            if whose.is_some() && whose != own.as_deref() {
                return Ok(false);
            }
            // What lies in the compartment is a match of some page, or was filtered out.
            if codes(compartment, kind).is_none() {
                return Ok(true);
            }
            let members = match inside.entry(kind) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    new.insert(gather.members(compartment, focus.as_ref().map(|(id, _)| id), kind)?)
                }
            };
            Ok(!members.contains(&stored.head.rid))
        })?;
        let wants = |stored: &Stored| wanted.kinds.is_empty() || wanted.kinds.contains(&stored.head.kind.0);
        page.supporting =
            found.into_iter().filter(|stored| wants(stored) && changed(stored, wanted)).collect();
        page.cut = cut;
        Ok(())
    }
}

fn changed(stored: &Stored, wanted: &Wanted) -> bool {
    let since = wanted.since.and_then(|since| Timestamp::from_microsecond(since).ok());
    since.is_none_or(|since| stored.head.time > since)
}

fn in_time(stored: &Stored, wanted: &Wanted, gather: &Gather) -> Result<bool, Error> {
    let Some((low, high)) = wanted.care else { return Ok(true) };
    let span = care_time::span(&parsed(stored)?, &gather.context().zone);
    Ok(span.is_none_or(|Span { low: from, high: until }| from < high && low < until))
}
