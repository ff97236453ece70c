//! What one export holds: which types, whose records, since when; and whether its caller may have them.

use std::collections::{BTreeMap, HashSet};

use clinicvault_gateway::fhir::bulk::export::{ExportAsk, Level, in_compartment};
use clinicvault_gateway::fhir::compartment;
use clinicvault_gateway::fhir::id::{LogicalId, Reference, ResourceType};
use clinicvault_gateway::fhir::outcome::{Issue, IssueCode, Outcome};
use clinicvault_gateway::fhir::search::{Handling, Term, params, query, reference};
use clinicvault_gateway::json::{self, Limits, Value};
use clinicvault_vault::{Kind, Snapshot, Tx};

use super::super::access::Op;
use super::super::error::Error;
use super::super::sight::{Look, Sight};
use super::super::{Caller, Records};

/// Depth to which groups within groups are followed.
const DEEPEST: usize = 4;
/// Most members of one group, those of groups within it included.
const MOST_MEMBERS: usize = 200_000;
/// Parameters of a search that shape its answer; an export has no use for them.
const SHAPES: [&str; 9] = [
    "_sort",
    "_count",
    "_total",
    "_summary",
    "_elements",
    "_include",
    "_revinclude",
    "_contained",
    "_containedType",
];

/// What is exported, as asked: enough to make the [`Selection`] again after a restart.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Whose records.
    pub level: Level,
    /// The group of a group's export.
    pub group: Option<LogicalId>,
    /// The parameters.
    pub ask: ExportAsk,
}

/// Whose records belong to an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// Everything.
    All,
    /// What lies in the compartment of any patient.
    AnyPatient,
    /// What lies in the compartment of one of these patients.
    These(HashSet<String>),
}

/// What is exported, made ready.
#[derive(Debug)]
pub struct Selection {
    /// The state that is exported.
    pub at: Tx,
    /// Whose records.
    pub whom: Whom,
    /// The types that the caller may export and asked for, with what decides about their records.
    pub looks: BTreeMap<ResourceType, Look>,
    /// What was asked.
    pub ask: ExportAsk,
    /// Numbers of the records that fulfil a search, for the types that have one; rising.
    pub filtered: BTreeMap<ResourceType, Vec<u64>>,
}

impl Records {
    /// Whether the caller may start this export, decided before anything is looked up; and whether what it names is
    /// there. Blocking.
    pub fn may_export(&self, from: &Caller, wanted: &Wanted) -> Result<(), Error> {
        let sight = self.sight(&from.who)?;
        if wanted.ask.types.contains(&ResourceType::AUDIT_EVENT) {
            let text = "AuditEvents are not exported; search for them, page by page.";
            return Err(Error::Unreadable(Issue::error(IssueCode::NotSupported, text).at("_type").into()));
        }
        for kind in &wanted.ask.types {
            self.gated(&sight, Op::Export, *kind)?;
        }
        if wanted.ask.types.is_empty() && looks(&sight, wanted).is_empty() {
            // The policy's own words for the type that every level has.
            self.gate(&from.who, Op::Export, ResourceType::PATIENT)?;
        }
        if let Some(group) = &wanted.group {
            self.gate(&from.who, Op::Export, ResourceType::PATIENT)?;
            self.read(&from.who, ResourceType::GROUP, group.as_str())?;
        }
        let snapshot = self.vault().snapshot()?;
        let look = sight.look(Op::Export, ResourceType::PATIENT);
        for (index, patient) in wanted.ask.patients.iter().enumerate() {
            let head = snapshot.head(Kind(ResourceType::PATIENT.number()), patient.as_str())?;
            let known = match head.filter(|head| !head.deleted) {
                None => false,
                Some(head) => look.shows(&snapshot, &head)?,
            };
            if !known {
                let text = format!("The {}. patient named does not exist here.", index + 1);
                return Err(Error::Unreadable(Issue::error(IssueCode::NotFound, text).at("patient").into()));
            }
        }
        let context = self.context(from);
        for (kind, pairs) in &wanted.ask.filters {
            self.gate(&from.who, Op::Search, *kind)?;
            if let Some((name, _)) = pairs.iter().find(|(name, _)| is_shape(name)) {
                let text = format!("_typeFilter takes criteria only, not \"{name}\".");
                let issue = Issue::error(IssueCode::NotSupported, text).at("_typeFilter");
                return Err(Error::Unreadable(issue.into()));
            }
            query::parse(*kind, pairs, Handling::Strict, &context)
                .map_err(|outcome| Error::of_query(at_filter(outcome)))?;
        }
        Ok(())
    }

    /// Makes an export ready at `at`. The rights are decided anew. Blocking.
    pub fn selection(&self, from: &Caller, wanted: &Wanted, at: Tx) -> Result<Selection, Error> {
        let named: HashSet<String> = wanted.ask.patients.iter().map(|id| id.as_str().to_owned()).collect();
        let sight = self.sight(&from.who)?;
        let whom = match (wanted.level, &wanted.group) {
            (Level::System, _) => Whom::All,
            (Level::Patient, _) | (Level::Group, None) if named.is_empty() => Whom::AnyPatient,
            (Level::Patient, _) | (Level::Group, None) => Whom::These(named),
            (Level::Group, Some(group)) => {
                let mut members = HashSet::new();
                let snapshot = self.vault().snapshot()?;
                let look = sight.look(Op::Read, ResourceType::GROUP);
                self.members(from, &look, &snapshot, group, at, 0, &mut members)?;
                if !named.is_empty() {
                    members.retain(|id| named.contains(id));
                }
                Whom::These(members)
            }
        };
        let looks = looks(&sight, wanted);
        Ok(Selection { at, whom, looks, ask: wanted.ask.clone(), filtered: BTreeMap::new() })
    }

    /// Adds the patients of a group as it was at `at`. A member that has left (`inactive`) is none.
    #[allow(clippy::too_many_arguments)]
    fn members(
        &self,
        from: &Caller,
        look: &Look,
        snapshot: &Snapshot,
        group: &LogicalId,
        at: Tx,
        depth: usize,
        members: &mut HashSet<String>,
    ) -> Result<(), Error> {
        let newest = snapshot.head(Kind(ResourceType::GROUP.number()), group.as_str())?;
        let head = match newest {
            None => None,
            Some(newest) => snapshot.as_of(newest.rid, at)?.filter(|head| !head.deleted),
        };
        let Some(head) = head else { return Ok(()) };
        if !look.shows(snapshot, &head)? {
            return Ok(());
        }
        let body = snapshot.body(&head)?;
        let json = json::parse(&body, &Limits::bytes(usize::MAX))
            .map_err(|_| Error::Damaged(format!("record {}", head.rid.0)))?;
        let base = from.base.as_deref().unwrap_or_default();
        for member in json.items("member") {
            if member.get("inactive").and_then(Value::as_bool) == Some(true) {
                continue;
            }
            let text = member.get("entity").and_then(|entity| entity.str("reference")).unwrap_or_default();
            match Reference::parse(text).as_ref().and_then(|reference| reference.local(&[base])) {
                Some((ResourceType::PATIENT, id)) => {
                    members.insert(id.as_str().to_owned());
                }
                Some((ResourceType::GROUP, id)) if depth < DEEPEST => {
                    self.members(from, look, snapshot, id, at, depth + 1, members)?;
                }
                Some(_) | None => {}
            }
            if members.len() > MOST_MEMBERS {
                return Err(Error::TooMuch(format!("the group has more than {MOST_MEMBERS} members")));
            }
        }
        Ok(())
    }
}

/// The types of an export that the caller may have, those asked for, else every one of the level; the one place where
/// an export asks what its caller sees.
fn looks(sight: &Sight, wanted: &Wanted) -> BTreeMap<ResourceType, Look> {
    let asked = |kind: &ResourceType| wanted.ask.types.is_empty() || wanted.ask.types.contains(kind);
    ResourceType::all()
        .filter(asked)
        .filter(|kind| wanted.level == Level::System || in_compartment(*kind))
        .map(|kind| (kind, sight.look(Op::Export, kind)))
        .filter(|(_, look)| look.gate().allowed())
        .collect()
}

fn is_shape(name: &str) -> bool {
    SHAPES.contains(&name.split(':').next().unwrap_or(name))
}

fn at_filter(mut outcome: Outcome) -> Outcome {
    for issue in &mut outcome.issues {
        issue.expression = vec!["_typeFilter".to_owned()];
    }
    outcome
}

impl Whom {
    /// Whether a record with these terms belongs to it.
    pub(super) fn holds(&self, kind: ResourceType, id: &str, terms: &[Term]) -> bool {
        if matches!(self, Self::All) {
            return true;
        }
        if kind == ResourceType::PATIENT {
            return match self {
                Self::These(ids) if ids.contains(id) => true,
                Self::All | Self::AnyPatient => true,
                Self::These(_) => self.linked(kind, terms),
            };
        }
        self.linked(kind, terms)
    }

    /// Whether one of the parameters that put a record into a compartment names a patient of it.
    fn linked(&self, kind: ResourceType, terms: &[Term]) -> bool {
        let Some(codes) = compartment::codes(ResourceType::PATIENT, kind) else { return false };
        let numbers: Vec<u16> =
            codes.iter().filter_map(|code| params::find(kind, code)).map(|param| param.number).collect();
        let mut values = terms.iter().filter(|term| numbers.contains(&term.param)).map(|term| &term.value);
        let mut any = reference::record(ResourceType::PATIENT, "");
        any.pop();
        match self {
            Self::All => true,
            Self::AnyPatient => values.any(|value| value.starts_with(&any)),
            Self::These(ids) => values.any(|value| {
                let id = value.strip_prefix(any.as_slice()).and_then(|rest| rest.strip_suffix(&[0]));
                id.and_then(|id| std::str::from_utf8(id).ok()).is_some_and(|id| ids.contains(id))
            }),
        }
    }

    /// The one patient it is about, if it is one: in whose access log the export stands.
    pub fn only(&self) -> Option<&str> {
        match self {
            Self::These(ids) if ids.len() == 1 => ids.iter().next().map(String::as_str),
            Self::These(_) | Self::All | Self::AnyPatient => None,
        }
    }
}
