//! Entries become steps, and the conditions on which steps depend are collected once.

use std::sync::Arc;

use clinicvault_gateway::fhir::bundle::{
    Bundle, ConditionalReference, Entry, Method, Target, conditional_references,
};
use clinicvault_gateway::fhir::id::{LogicalId, ResourceType, version_id};
use clinicvault_gateway::fhir::outcome::{Issue, IssueCode};
use clinicvault_gateway::fhir::patch::{Budget, Patch};
use clinicvault_gateway::fhir::search::{Context, Search, query};
use clinicvault_gateway::json::{Limits, Value};

use super::super::access::{Op, Purpose};
use super::super::change::Expected;
use super::super::conditional;
use super::super::error::Error;
use super::super::matching::{self, Rows};
use super::super::sight::Sight;
use super::super::{Caller, Records};
use super::Rules;
use crate::records::write::Checks;

/// A transaction as steps, in the order of processing.
pub struct Plan {
    pub steps: Vec<Step>,
    pub conditions: Vec<Condition>,
    /// Number of answers.
    pub len: usize,
    pub rules: Rules,
    /// How far the resources are checked.
    pub checks: Checks,
    /// What all patches may do together.
    pub patches: Arc<Budget>,
}

/// One entry.
pub struct Step {
    pub index: usize,
    pub kind: ResourceType,
    pub full_url: Option<String>,
    pub purpose: Purpose,
    pub what: What,
}

/// What a step does.
pub enum What {
    Delete {
        whom: Whom,
        expected: Option<Expected>,
    },
    Create {
        resource: Value,
        fresh: LogicalId,
        unless: Option<usize>,
    },
    Update {
        resource: Value,
        whom: Whom,
        expected: Option<Expected>,
    },
    Patch {
        /// The Binary or Parameters; it has been read once.
        patch: Value,
        whom: Whom,
        expected: Option<Expected>,
    },
    Read {
        id: LogicalId,
        version: Option<u64>,
        /// `ifNoneMatch`: versions that the peer has already.
        known: Option<String>,
        /// HEAD: everything but the resource.
        head: bool,
    },
    /// Left to the caller, after the commit.
    Later,
}

/// Which record a step is about.
pub enum Whom {
    Named(LogicalId),
    /// The one that fulfils the condition, else (update only) a new one.
    Matching {
        condition: usize,
        fresh: LogicalId,
        /// Whether the body states `fresh`: then no other record may be meant.
        stated: bool,
    },
}

/// A query that must name one record.
pub struct Condition {
    pub kind: ResourceType,
    pub search: Search,
    /// Where it stands, for a refusal.
    pub place: String,
    /// The whole text when it is a reference.
    pub reference: Option<String>,
}

/// The record that a condition names, if one does.
pub type Found = Option<LogicalId>;

impl Plan {
    /// What the conditions name now.
    pub fn resolve(&self, rows: &impl Rows, sight: &Sight) -> Result<Vec<Found>, Error> {
        let reserve = matching::Reserve::default();
        let one = |condition: &Condition| {
            let head = matching::only_within(rows, sight, condition.kind, &condition.search, &reserve)
                .map_err(|error| error.within(&condition.place))?;
            Ok(head.and_then(|head| LogicalId::parse(&head.id)))
        };
        self.conditions.iter().map(one).collect()
    }
}

/// Reads the entries of a transaction into steps. Rights are decided by type here, by content when building.
pub fn plan(
    records: &Records,
    from: &Caller,
    bundle: Bundle,
    rules: Rules,
    context: &Context,
) -> Result<Plan, Error> {
    let mut planner = Planner { records, from, context, conditions: Vec::new() };
    let len = bundle.len;
    let mut entries = bundle.entries;
    // Stable, so entries of one method keep their order.
    entries.sort_by_key(|entry| match entry.method {
        Method::Delete => 0,
        Method::Post => 1,
        Method::Put | Method::Patch => 2,
        Method::Get | Method::Head => 3,
    });
    let mut steps = Vec::with_capacity(entries.len());
    for entry in entries {
        // What is about no type is left to the caller like every search; decided there.
        if entry.kind().is_none() {
            continue;
        }
        let place = entry.expression();
        steps.push(planner.step(entry).map_err(|error| error.within(&place))?);
    }
    let (checks, patches) = (records.checks_for(&from.who), records.patch_budget());
    Ok(Plan { steps, conditions: planner.conditions, len, rules, checks, patches })
}

struct Planner<'a> {
    records: &'a Records,
    from: &'a Caller,
    context: &'a Context,
    conditions: Vec<Condition>,
}

impl Planner<'_> {
    fn step(&mut self, mut entry: Entry) -> Result<Step, Error> {
        let kind = entry.kind().ok_or_else(|| unsupported("an entry about no type"))?;
        let op = match entry.method {
            Method::Delete => Op::Delete,
            Method::Post => Op::Create,
            Method::Put | Method::Patch => Op::Update,
            Method::Get | Method::Head => match entry.target {
                Target::Type { .. } => Op::Search,
                Target::Instance { .. } | Target::Metadata => Op::Read,
                Target::Version { .. } | Target::History { .. } | Target::Log { .. } => Op::History,
            },
        };
        let purpose = self.records.gate(&self.from.who, op, kind)?;
        let place = entry.expression();
        let resource = entry.resource.take();
        if let Some(resource) = &resource {
            self.references(conditional_references(resource), &place)?;
        }
        let what = match (entry.method, resource) {
            (Method::Post, Some(resource)) => {
                What::Create { resource, fresh: self.records.new_id()?, unless: self.unless(&entry, kind)? }
            }
            (Method::Put, Some(resource)) => {
                let expected = expected(&entry)?;
                What::Update { whom: self.whom(&entry, kind, resource.str("id"))?, resource, expected }
            }
            (Method::Patch, Some(resource)) => {
                self.records.gate(&self.from.who, Op::Read, kind)?;
                let mut patch = Patch::of_entry(&resource, &Limits::default())
                    .map_err(|error| Error::from(error).within(&format!("{place}.resource")))?;
                self.references(patch.conditional_references(kind), &place)?;
                What::Patch {
                    whom: self.whom(&entry, kind, None)?,
                    patch: resource,
                    expected: expected(&entry)?,
                }
            }
            (Method::Delete, _) => {
                What::Delete { whom: self.whom(&entry, kind, None)?, expected: expected(&entry)? }
            }
            (Method::Get | Method::Head, _) => look(&entry)?,
            (Method::Post | Method::Put | Method::Patch, _) => return Err(unsupported("this entry")),
        };
        Ok(Step { index: entry.index, kind, full_url: entry.full_url, purpose, what })
    }

    fn unless(&mut self, entry: &Entry, kind: ResourceType) -> Result<Option<usize>, Error> {
        let Some(text) = &entry.if_none_exist else { return Ok(None) };
        let text = text.split_once('?').map_or(text.as_str(), |(_, query)| query);
        let pairs = query::decode(text).map_err(Error::Unreadable)?;
        self.condition(kind, &pairs, entry.expression(), None).map(Some)
    }

    fn whom(&mut self, entry: &Entry, kind: ResourceType, own: Option<&str>) -> Result<Whom, Error> {
        if let Some((_, id)) = entry.named() {
            return Ok(Whom::Named(id.clone()));
        }
        let Target::Type { query, .. } = &entry.target else { return Err(unsupported("this address")) };
        let condition = self.condition(kind, query, entry.expression(), None)?;
        let (fresh, stated) = match own.and_then(LogicalId::parse) {
            Some(id) => (id, true),
            None => (self.records.new_id()?, false),
        };
        Ok(Whom::Matching { condition, fresh, stated })
    }

    fn references(&mut self, each: Vec<ConditionalReference>, place: &str) -> Result<(), Error> {
        for ConditionalReference { text, kind, query, expression } in each {
            if self.conditions.iter().any(|known| known.reference.as_ref() == Some(&text)) {
                continue;
            }
            let pairs = query::decode(&query).map_err(Error::Unreadable)?;
            let rest = expression.split_once('.').map_or("", |(_, rest)| rest);
            self.condition(kind, &pairs, format!("{place}.resource.{rest}"), Some(text))?;
        }
        Ok(())
    }

    fn condition(
        &mut self,
        kind: ResourceType,
        pairs: &[(String, String)],
        place: String,
        reference: Option<String>,
    ) -> Result<usize, Error> {
        self.records.gate(&self.from.who, Op::Search, kind)?;
        let search = conditional::read(kind, pairs, self.context)?;
        self.conditions.push(Condition { kind, search, place, reference });
        Ok(self.conditions.len() - 1)
    }
}

fn expected(entry: &Entry) -> Result<Option<Expected>, Error> {
    // Of writes, only a PUT carries it, as `*` and alone.
    if entry.if_none_match.is_some() {
        return Ok(Some(Expected::Nothing));
    }
    let Some(text) = &entry.if_match else { return Ok(None) };
    let bare = text.trim().strip_prefix("W/").unwrap_or(text.trim());
    let version = bare.strip_prefix('"').and_then(|t| t.strip_suffix('"')).and_then(version_id);
    match version {
        Some(version) => Ok(Some(Expected::Version(version))),
        None => {
            let issue = Issue::error(IssueCode::Value, "ifMatch must be a version tag such as W/\"3\".");
            Err(Error::Unreadable(issue.into()))
        }
    }
}

fn look(entry: &Entry) -> Result<What, Error> {
    let read = |id: &LogicalId, version| What::Read {
        id: id.clone(),
        version,
        known: entry.if_none_match.clone(),
        head: entry.method == Method::Head,
    };
    Ok(match &entry.target {
        Target::Instance { id, query, .. } if query.is_empty() => read(id, None),
        Target::Version { kind, id, version } => match version_id(version) {
            Some(number) => read(id, Some(number)),
            None => return Err(Error::NotFound(format!("{kind}/{id}/_history/{version}"))),
        },
        Target::Type { .. }
        | Target::Instance { .. }
        | Target::History { .. }
        | Target::Log { .. }
        | Target::Metadata => What::Later,
    })
}

fn unsupported(what: &str) -> Error {
    let issue = Issue::error(IssueCode::NotSupported, format!("{what} is not supported in a transaction."));
    Error::Unreadable(issue.into())
}
