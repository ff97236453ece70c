//! `Patient/$match`: whom a description may mean, out of those whom the caller may find.
//!
//! Owns walking the people index within bounds. How alike two people are is the gateway's judgement; what may be seen is
//! decided before anybody is compared or counted.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use bytes::Bytes;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::outcome::{Issue, IssueCode};
use clinicvault_gateway::fhir::patient_match::{Grade, Person, Verdict, compare};
use clinicvault_gateway::fhir::search::people::{self, Probe};
use clinicvault_gateway::json::{self, Limits};
use clinicvault_vault::{Action, Dir, Head, Kind, Rid, Snapshot};

use super::access::Op;
use super::audit::{self, About, patient_of};
use super::error::Error;
use super::read::Stored;
use super::sight::Look;
use super::{Caller, Records, terms};

/// People compared for one answer; this bounds its time.
pub const COMPARED: usize = 400;
/// Index rows looked at for one answer.
const WALKED: usize = 40_000;

/// What of the answer is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// `onlyCertainMatches`: one certain match, or none.
    pub only_certain: bool,
    /// Most people answered.
    pub count: usize,
}

/// Somebody who may be meant.
#[derive(Debug)]
pub struct Match {
    /// The record.
    pub stored: Stored,
    /// How alike.
    pub verdict: Verdict,
}

/// Whom a description may mean, the likeliest first.
#[derive(Debug)]
pub struct Matches {
    /// At most as many as were wanted.
    pub found: Vec<Match>,
    /// How many there are in all.
    pub total: usize,
    /// Why somebody may be missing.
    pub warnings: Vec<Issue>,
}

impl Records {
    /// Whom `sought` may mean.
    ///
    /// # Errors
    /// [`Error::Refused`] when the caller may not search patients.
    pub fn match_patients(&self, from: &Caller, sought: &Person, wanted: Wanted) -> Result<Matches, Error> {
        let (look, purpose) = self.gated(&self.sight(&from.who)?, Op::Search, ResourceType::PATIENT)?;
        let snapshot = self.vault().snapshot()?;
        let mut walk = Walk {
            snapshot: &snapshot,
            look: &look,
            seen: BTreeSet::new(),
            heads: Vec::new(),
            rows: WALKED,
            cut: false,
        };
        for text in sought.texts() {
            for probe in people::query(&text).probes {
                walk.along(&probe)?;
            }
        }
        let mut warnings: Vec<Issue> = self.unfinished_index().into_iter().collect();
        // Who sees a part is not told how many there are beside it.
        if walk.cut || (walk.rows == 0 && !look.looks_inside()) {
            let text = format!(
                "So many have a name like this that only {} of them were compared; state more of the person.",
                walk.heads.len()
            );
            warnings.push(Issue::warning(IssueCode::TooCostly, text));
        }
        let mut found = judged(&snapshot, walk.heads, sought)?;
        if wanted.only_certain {
            found.retain(|found| found.verdict.grade == Grade::Certain);
            if found.len() > 1 {
                found.clear();
            }
        }
        let total = found.len();
        found.truncate(wanted.count);
        let mut owners = found.iter().map(|found| patient_of(&found.stored.head.owner));
        let first = owners.next().flatten();
        let only = first.filter(|first| owners.all(|owner| owner == Some(*first)));
        let about = About::of_type(ResourceType::PATIENT, only);
        self.vault().note(audit::done(&from.who, Action::Search, purpose, about))?;
        Ok(Matches { found, total, warnings })
    }
}

/// A walk through the people index, from probe to probe.
struct Walk<'a> {
    snapshot: &'a Snapshot,
    look: &'a Look,
    seen: BTreeSet<Rid>,
    heads: Vec<Head>,
    /// Rows that may still be looked at.
    rows: usize,
    /// Whether somebody who may be meant was passed over: there were too many.
    cut: bool,
}

impl Walk<'_> {
    fn along(&mut self, probe: &Probe) -> Result<(), Error> {
        let (kind, range) = (Kind(ResourceType::PATIENT.number()), terms::range(&probe.range));
        let mut kept = 0;
        for row in self.snapshot.scan(kind, &range, Dir::Ascending, self.snapshot.tx())? {
            if self.rows == 0 {
                break;
            }
            self.rows -= 1;
            let (value, rid) = row?;
            if !probe.range.check.as_ref().is_none_or(|check| check.accepts(&value))
                || self.seen.contains(&rid)
            {
                continue;
            }
            let Some(head) = self.snapshot.head_of(rid)?.filter(|head| !head.deleted) else { continue };
            if !self.look.shows(self.snapshot, &head)? {
                self.seen.insert(rid);
                continue;
            }
            // One more than there is room for, whom this caller may see: who sees none is told of none.
            if kept >= probe.limit || self.heads.len() >= COMPARED {
                self.cut = true;
                break;
            }
            self.seen.insert(rid);
            kept += 1;
            self.heads.push(head);
        }
        Ok(())
    }
}

/// Those who may be meant, the likeliest first; of equals the one who was recorded first.
fn judged(snapshot: &Snapshot, heads: Vec<Head>, sought: &Person) -> Result<Vec<Match>, Error> {
    let mut found = Vec::new();
    for head in heads {
        let body = Bytes::from_owner(snapshot.body(&head)?);
        let patient = json::parse(&body, &Limits::bytes(usize::MAX))
            .map_err(|_| Error::Damaged(format!("Patient record {}", head.rid.0)))?;
        let verdict = compare(sought, &Person::of(&patient));
        if verdict.grade > Grade::CertainlyNot {
            found.push(Match { stored: Stored { head, body }, verdict });
        }
    }
    let rank = |found: &Match| (found.verdict.score(), found.verdict.grade, found.verdict.points);
    found.sort_by_key(|found| (Reverse(rank(found)), found.stored.head.rid));
    Ok(found)
}
