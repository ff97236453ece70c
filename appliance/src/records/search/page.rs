//! One page over one or several types: which rows, how many in all, and where the next page goes on.

use clinicvault_gateway::fhir::search::{Node, Search, SortKey, Total};

use super::super::error::Error;
use super::order::{self, Spot};
use super::rows::{Job, Row, Rows};
use super::view::View;

/// A search of one type, with everything that must hold, the caller's rights among it.
pub struct Part {
    pub search: Search,
    pub node: Node,
    /// Whether the caller's rights leave some of the type out.
    pub cut: bool,
}

/// Where the next page begins: the type, by its number, and how far it had been shown.
pub type Begin = (u16, Option<Spot>);

/// The rows of a page.
pub struct Found {
    pub rows: Vec<Row>,
    pub total: Option<u64>,
    pub next: Option<Begin>,
    /// Whether it ended before it was full.
    pub early: bool,
}

/// How many rows, from where, and whether to count.
pub struct Wanted {
    pub rows: usize,
    pub begin: Begin,
    pub total: Total,
    /// Whether the total is new; a further page carries the one of the first.
    pub count: bool,
}

impl Part {
    fn job(&self) -> Job<'_> {
        Job { kind: self.search.kind, node: &self.node, sort: &self.search.sort }
    }
}

impl View<'_> {
    /// The number of all records that match, exactly.
    pub fn count_all(&self, parts: &[Part]) -> Result<u64, Error> {
        parts.iter().try_fold(0, |sum, part| Ok(sum + self.count(part.job())?))
    }

    /// A page.
    pub fn page(&self, parts: &[Part], wanted: &Wanted) -> Result<Found, Error> {
        let sort: &[SortKey] = parts.first().map_or(&[], |part| &part.search.sort);
        let mut total = wanted.count.then_some(0u64);
        let mut pages: Vec<Rows> = Vec::new();
        let (start, spot) = &wanted.begin;
        let started = |part: &Part| part.search.kind.number().cmp(start);
        let mut found = Found { rows: Vec::new(), total: None, next: None, early: false };
        for part in parts {
            let job = part.job();
            let left = wanted.rows + 1 - if sort.is_empty() { found.rows.len() } else { 0 };
            // Unsorted, the types follow one another; sorted, all of them go on behind one place.
            let due = !sort.is_empty() || (started(part).is_ge() && left > 0 && !found.early);
            if !due && total.is_none() {
                continue;
            }
            let after = spot.as_ref().filter(|_| !sort.is_empty() || started(part).is_eq());
            let counted = total.is_some() && matches!(wanted.total, Total::Estimate | Total::Accurate);
            let glance = self.first_glance(job.kind, job.node)?;
            if glance.candidates.is_none()
                && !counted
                && due
                && let Some(rows) = self.rows_met(job, after, left)?
            {
                // A first page that is not full shows all there are.
                total = match total {
                    Some(sum) if after.is_none() && rows.rows.len() < left => {
                        Some(sum + rows.rows.len() as u64)
                    }
                    Some(sum) => self.cheap_total(job, &glance)?.map(|own| sum + own),
                    None => None,
                };
                take(job, rows, &mut found, &mut pages);
                continue;
            }
            let mut plan =
                if glance.candidates.is_some() { glance } else { self.plan_all(job.kind, job.node)? };
            plan.settle(self, job.kind)?;
            if let Some(sum) = total {
                let own = match wanted.total {
                    Total::None => None,
                    Total::Unspecified => self.cheap_total(job, &plan)?,
                    Total::Estimate => Some(self.estimate(job, &plan, part.cut)?),
                    Total::Accurate => Some(match self.cheap_total(job, &plan)? {
                        Some(own) => own,
                        None => self.count(job)?,
                    }),
                };
                total = own.map(|own| sum + own);
            }
            if !due {
                continue;
            }
            let rows = self.rows(job, &plan, after, left)?;
            take(job, rows, &mut found, &mut pages);
        }
        if !sort.is_empty() {
            merge(sort, pages, &mut found)?;
        }
        found.total = total;
        close(wanted, &mut found);
        Ok(found)
    }
}

/// Unsorted, the rows of a type follow those of the one before; sorted, they are put together at the end.
fn take(job: Job<'_>, rows: Rows, found: &mut Found, pages: &mut Vec<Rows>) {
    if !job.sort.is_empty() {
        pages.push(rows);
        return;
    }
    if let Some(early) = rows.early {
        found.early = true;
        found.next = Some((job.kind.number(), Some(early)));
    }
    found.rows.extend(rows.rows);
}

/// The rows of all types in one order. Where a type ended early, nothing behind its end may be shown yet.
fn merge(sort: &[SortKey], pages: Vec<Rows>, found: &mut Found) -> Result<(), Error> {
    let place = |spot: &Spot| match spot {
        Spot::Sorted(keys, rid) => Ok((keys.clone(), clinicvault_vault::Rid(*rid))),
        Spot::Number(_) | Spot::Index(..) => Err(Error::Fault("a sorted row without keys".to_owned())),
    };
    let mut rows = Vec::new();
    let mut end = None;
    for page in pages {
        if let Some(early) = page.early {
            let early = place(&early)?;
            let sooner = end
                .as_ref()
                .is_none_or(|(keys, rid)| order::compare(sort, (&early.0, early.1), (keys, *rid)).is_lt());
            if sooner {
                end = Some(early);
            }
        }
        for row in page.rows {
            rows.push((place(&row.spot)?, row));
        }
    }
    rows.sort_by(|((a, a_rid), _), ((b, b_rid), _)| order::compare(sort, (a, *a_rid), (b, *b_rid)));
    if let Some((keys, rid)) = end {
        rows.retain(|((row, own), _)| order::compare(sort, (row, *own), (&keys, rid)).is_lt());
        found.early = true;
        found.next = Some((0, Some(Spot::Sorted(keys, rid.0))));
    }
    found.rows = rows.into_iter().map(|(_, row)| row).collect();
    Ok(())
}

/// Cuts what is over the page, and says where the next one begins.
fn close(wanted: &Wanted, found: &mut Found) {
    if found.rows.len() <= wanted.rows {
        return;
    }
    found.rows.truncate(wanted.rows);
    found.early = false;
    found.next = found.rows.last().map(|last| (last.kind.number(), Some(last.spot.clone())));
}
