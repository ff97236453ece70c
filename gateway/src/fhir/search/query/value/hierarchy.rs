//! `:above` and `:below` of references: by the path of a canonical address, and along what a record is part of
//! (FHIR R4, Search, 3.1.1.5.9): places within places, organizations within organizations, visits, procedures, tasks.
//!
//! A hierarchy of records is asked as links from record to record, so that nothing is reached through a record that the
//! caller may not see.

use std::collections::BTreeMap;

use super::super::super::Context;
use super::super::super::params::{self, Param, ParamType};
use super::super::{Node, Referred, Refers};
use super::{One, alternatives, bad_value, criterion, unescape};
use crate::fhir::id::{LogicalId, Reference, ResourceType};
use crate::fhir::outcome::Issue;

/// How many steps are followed from a record to what it is part of.
pub const LEVELS: usize = 16;

/// The condition of `code:above` or `code:below` with its value.
pub(super) fn condition(
    param: &Param,
    name: &str,
    modifier: &str,
    value: &str,
    context: &Context,
) -> Result<Node, Issue> {
    let mut addresses = Vec::new();
    let mut records: BTreeMap<ResourceType, Vec<LogicalId>> = BTreeMap::new();
    for value in alternatives(name, value, context)? {
        match record(param, value, context) {
            Some((kinds, id)) if !kinds.is_empty() => {
                kinds.into_iter().for_each(|kind| records.entry(kind).or_default().push(id.clone()));
            }
            Some(_) => {
                let why = "records of this type are not part of one another; :above and :below go by places, \
                           organizations and others that are, and by canonical addresses";
                return Err(bad_value(name, value, why));
            }
            None => addresses.push(value),
        }
    }
    let mut any = Vec::new();
    if !addresses.is_empty() {
        let by_path = Node::Is(criterion(param, name, Some(modifier), &addresses.join(","), context)?);
        if records.is_empty() {
            return Ok(by_path);
        }
        any.push(by_path);
    }
    for (kind, ids) in records {
        let Some(part_of) = part_of(kind) else { continue };
        One::of(param, name, context).spend(ids.len() * LEVELS)?;
        let ladder = Ladder { kind, part_of, name, context };
        let ids: Vec<&str> = ids.iter().map(LogicalId::as_str).collect();
        let named: Vec<String> = ids.iter().map(|id| format!("{kind}/{id}")).collect();
        let named = named.join(",");
        let rungs =
            if modifier == "below" { ladder.parts(&named)? } else { ladder.wholes(&ids.join(","))? };
        any.push(Node::Is(criterion(param, name, None, &named, context)?));
        any.push(refers(param, name, kind, rungs));
    }
    Ok(Node::Any(any))
}

/// One hierarchy: the type, and the parameter that says what a record of it is part of.
struct Ladder<'a> {
    kind: ResourceType,
    part_of: &'static Param,
    name: &'a str,
    context: &'a Context,
}

impl Ladder<'_> {
    /// What holds for records that are part, at any level, of one that is named (`Type/id,…`).
    fn parts(&self, named: &str) -> Result<Node, Issue> {
        let direct = Node::Is(criterion(self.part_of, self.name, None, named, self.context)?);
        Ok((1..LEVELS).fold(direct.clone(), |under, _| {
            Node::Any(vec![direct.clone(), refers(self.part_of, self.name, self.kind, under)])
        }))
    }

    /// What holds for records of which one that is named (`id,…`) is part, at any level.
    fn wholes(&self, ids: &str) -> Result<Node, Issue> {
        let Some(id) = params::find(self.kind, "_id") else { return Ok(Node::Any(Vec::new())) };
        let itself = Node::Is(criterion(id, self.name, None, ids, self.context)?);
        let whole_of = |of| {
            let stored = self.part_of.stored();
            Node::Referred(Referred { from: self.kind, stored, name: self.name.to_owned(), of: Box::new(of) })
        };
        Ok((1..LEVELS)
            .fold(whole_of(itself.clone()), |over, _| whole_of(Node::Any(vec![itself.clone(), over]))))
    }
}

fn refers(param: &Param, name: &str, kind: ResourceType, node: Node) -> Node {
    let targets = vec![(kind, node)];
    Node::Refers(Refers { stored: param.stored(), name: name.to_owned(), targets })
}

/// The record that a value names, with the types that it may have and that are part of one another; none for addresses
/// elsewhere.
fn record(param: &Param, value: &str, context: &Context) -> Option<(Vec<ResourceType>, LogicalId)> {
    let plain = unescape(value)?;
    let allowed = |kind: &ResourceType| param.targets.is_empty() || param.targets.contains(kind);
    let ordered = |kind: &ResourceType| allowed(kind) && part_of(*kind).is_some();
    if let Some(id) = LogicalId::parse(&plain) {
        return Some((ResourceType::all().filter(ordered).collect(), id));
    }
    let bases: Vec<&str> = context.bases.iter().map(String::as_str).collect();
    let reference = Reference::parse(&plain)?;
    let (kind, id) = reference.local(&bases)?;
    Some((Some(kind).filter(ordered).into_iter().collect(), id.clone()))
}

/// The parameter by which records of a type are part of others of it.
fn part_of(kind: ResourceType) -> Option<&'static Param> {
    let found = ["partof", "part-of"].into_iter().find_map(|code| params::find(kind, code));
    found.filter(|param| param.kind == ParamType::Reference && param.targets.contains(&kind))
}
