//! The records of one type for a table (`$viewdefinition-run`): all that the caller sees, or those of some patients, at
//! one snapshot and one after another.
//!
//! Owns which records are shown and the audit line of it. What a table makes of them is the caller's part.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use clinicvault_gateway::fhir::compartment;
use clinicvault_gateway::fhir::id::{LogicalId, Reference, ResourceType};
use clinicvault_gateway::fhir::outcome::{Issue, IssueCode};
use clinicvault_gateway::fhir::search::{Criterion, TermRange, params};
use clinicvault_gateway::json::Value;
use clinicvault_vault::{Action, Dir, Head, Kind, Rid, Snapshot};
use jiff::Timestamp;

use super::access::Op;
use super::audit::{self, About};
use super::compartment::parsed;
use super::error::Error;
use super::sight::{Look, Sight};
use super::{Caller, Records, terms};

/// Most patients that one table is narrowed to.
pub const MOST_PATIENTS: usize = 10_000;

/// Which records are wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Their type.
    pub kind: ResourceType,
    /// Only those in the compartments of these patients, where any is named here or in `groups`.
    pub patients: Vec<LogicalId>,
    /// The same for the patients who are active members of these groups.
    pub groups: Vec<LogicalId>,
    /// Only those that changed after this instant.
    pub since: Option<Timestamp>,
}

/// Takes one record's content; breaks when no more are wanted.
pub type Taker<'a> = dyn FnMut(Value) -> Result<ControlFlow<()>, Error> + 'a;

impl Records {
    /// Shows the wanted records to `taker`, each as it was at one transaction, in the order of their numbers. Blocking.
    /// The line in the audit log is taken before the first record is shown.
    ///
    /// # Errors
    /// [`Error::Refused`] for a type that the caller may not search, [`Error::Unreadable`] naming `patient` or `group`
    /// for one that is not there or that the caller does not see, whatever reading answers, and what `taker` answers.
    pub fn each_wanted(&self, from: &Caller, wanted: &Wanted, taker: &mut Taker<'_>) -> Result<(), Error> {
        let sight = self.sight(&from.who)?;
        let (look, purpose) = self.gated(&sight, Op::Search, wanted.kind)?;
        let snapshot = self.vault().long_snapshot()?;
        let narrowed = !wanted.patients.is_empty() || !wanted.groups.is_empty();
        let patients = patients(&snapshot, &sight, wanted, &self.context(from).bases)?;
        let only = match patients.first() {
            Some(only) if patients.len() == 1 => Some(only.as_str()),
            _ => None,
        };
        let leaf = audit::done(&from.who, Action::Search, purpose, About::of_type(wanted.kind, only));
        self.vault().note(leaf)?;
        let view = At { snapshot: &snapshot, look: &look, wanted };
        if narrowed { view.of_patients(&patients, taker) } else { view.of_all(taker) }
    }
}

/// One type at one snapshot, through one caller's eyes.
struct At<'a> {
    snapshot: &'a Snapshot,
    look: &'a Look,
    wanted: &'a Wanted,
}

impl At<'_> {
    fn of_all(&self, taker: &mut Taker<'_>) -> Result<(), Error> {
        let all = terms::range(&TermRange::all(params::ID));
        let kind = Kind(self.wanted.kind.number());
        for row in self.snapshot.scan(kind, &all, Dir::Ascending, self.snapshot.tx())? {
            if self.show(row?.1, taker)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn of_patients(&self, patients: &BTreeSet<LogicalId>, taker: &mut Taker<'_>) -> Result<(), Error> {
        let kind = self.wanted.kind;
        let mut found: BTreeSet<Rid> = BTreeSet::new();
        for patient in patients {
            let Some(criterion) = compartment::membership(ResourceType::PATIENT, patient, kind) else {
                let text = format!("{kind} has no place in the compartment of a patient; leave this out.");
                let issue = Issue::error(IssueCode::NotSupported, text).at("patient");
                return Err(Error::Unreadable(issue.into()));
            };
            self.add(&criterion, &mut found)?;
        }
        for rid in found {
            if self.show(rid, taker)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn add(&self, criterion: &Criterion, found: &mut BTreeSet<Rid>) -> Result<(), Error> {
        let kind = Kind(self.wanted.kind.number());
        for range in &criterion.alternatives {
            let rows = self.snapshot.scan(kind, &terms::range(range), Dir::Ascending, self.snapshot.tx())?;
            for row in rows {
                let (value, rid) = row?;
                if range.check.as_ref().is_none_or(|check| check.accepts(&value)) {
                    found.insert(rid);
                }
            }
        }
        Ok(())
    }

    fn show(&self, rid: Rid, taker: &mut Taker<'_>) -> Result<ControlFlow<()>, Error> {
        let Some(head) = self.snapshot.head_of(rid)?.filter(|head| !head.deleted) else {
            return Ok(ControlFlow::Continue(()));
        };
        let fresh = self.wanted.since.is_none_or(|since| head.time > since);
        if !fresh || !self.look.shows(self.snapshot, &head)? {
            return Ok(ControlFlow::Continue(()));
        }
        taker(parsed(self.snapshot, &head)?)
    }
}

/// The patients that a table is narrowed to; each is there and seen by the caller.
fn patients(
    snapshot: &Snapshot,
    sight: &Sight,
    wanted: &Wanted,
    bases: &[String],
) -> Result<BTreeSet<LogicalId>, Error> {
    let mut found = BTreeSet::new();
    for patient in &wanted.patients {
        seen(snapshot, sight, ResourceType::PATIENT, patient, "patient")?;
        found.insert(patient.clone());
    }
    let bases: Vec<&str> = bases.iter().map(String::as_str).collect();
    for group in &wanted.groups {
        let head = seen(snapshot, sight, ResourceType::GROUP, group, "group")?;
        for member in parsed(snapshot, &head)?.items("member") {
            let active = member.get("inactive").and_then(Value::as_bool) != Some(true);
            let entity = member.get("entity").and_then(|entity| entity.str("reference"));
            let entity = entity.and_then(Reference::parse);
            let local = entity.as_ref().and_then(|entity| entity.local(&bases));
            if let (Some((ResourceType::PATIENT, id)), true) = (local, active) {
                found.insert(id.clone());
            }
        }
    }
    if found.len() > MOST_PATIENTS {
        let text = format!("A table is narrowed to at most {MOST_PATIENTS} patients.");
        return Err(Error::Unreadable(Issue::error(IssueCode::TooCostly, text).at("patient").into()));
    }
    Ok(found)
}

/// A record that exists and that the caller may read; one that is not seen is not there.
fn seen(
    snapshot: &Snapshot,
    sight: &Sight,
    kind: ResourceType,
    id: &LogicalId,
    parameter: &str,
) -> Result<Head, Error> {
    let head = snapshot.head(Kind(kind.number()), id.as_str())?.filter(|head| !head.deleted);
    let look = sight.look(Op::Read, kind);
    let shown = match head {
        Some(head) => look.shows(snapshot, &head)?.then_some(head),
        None => None,
    };
    shown.ok_or_else(|| {
        let text = format!("There is no {kind}/{id} here.");
        Error::Unreadable(Issue::error(IssueCode::NotFound, text).at(parameter).into())
    })
}
