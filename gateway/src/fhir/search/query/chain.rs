//! Names of parameters with links in them: `subject:Patient.organization.name`, `_has:Observation:patient:code`.
//!
//! A chain without a type tries every type that the reference may point at; those that have no such parameter, or for
//! which the value means nothing, drop out. Depth and number of the tried ways are bounded.

use super::super::params::{Param, ParamType};
use super::super::{Context, words};
use super::filter::Comparison;
use super::node::{Node, Referred, Refers};
use super::{bad_value, shown, unsupported, value};
use crate::fhir::id::ResourceType;
use crate::fhir::outcome::{Issue, IssueCode};

/// Most ways through the types that one parameter may take.
pub(super) const MOST_WAYS: usize = 1_000;

/// What the reading of one parameter knows.
pub(super) struct Reading<'a> {
    /// The whole name, for refusals.
    name: &'a str,
    value: &'a str,
    context: &'a Context,
    /// How the value is compared, in a filter.
    comparison: Option<Comparison>,
    ways: usize,
}

/// Why a name could not be read on a type.
pub(super) enum Miss {
    /// The type has no such parameter.
    Unknown,
    /// It has, but it cannot be used like this.
    Wrong(Issue),
}

impl From<Issue> for Miss {
    fn from(issue: Issue) -> Self {
        Self::Wrong(issue)
    }
}

impl<'a> Reading<'a> {
    pub(super) const fn new(name: &'a str, value: &'a str, context: &'a Context) -> Self {
        Self { name, value, context, comparison: None, ways: 0 }
    }

    /// The same for a comparison of a filter.
    pub(super) const fn comparing(
        name: &'a str,
        value: &'a str,
        context: &'a Context,
        comparison: Comparison,
    ) -> Self {
        Self { name, value, context, comparison: Some(comparison), ways: 0 }
    }

    /// The ways that were tried.
    pub(super) const fn ways(&self) -> usize {
        self.ways
    }

    /// The condition that `name` states on a record of `kind`; `depth` links have been followed.
    pub(super) fn node(&mut self, kind: ResourceType, name: &str, depth: usize) -> Result<Node, Miss> {
        self.ways += 1;
        if self.ways > MOST_WAYS {
            let text = format!(
                "\"{}\" leads through more than {MOST_WAYS} types; name the type of each link.",
                shown(self.name)
            );
            return Err(Issue::error(IssueCode::TooCostly, text).into());
        }
        if let Some(rest) = name.strip_prefix("_has:") {
            return self.referred(kind, rest, depth + 1);
        }
        match name.split_once('.') {
            Some((link, rest)) => self.refers(kind, link, rest, depth + 1),
            None => self.leaf(kind, name),
        }
    }

    fn leaf(&self, kind: ResourceType, name: &str) -> Result<Node, Miss> {
        let (code, modifier) = match name.split_once(':') {
            Some((code, modifier)) => (code, Some(modifier)),
            None => (name, None),
        };
        if words::is_asked(code) && modifier.is_none() && self.comparison.is_none() {
            return Ok(words::node(code, self.value, self.context)?);
        }
        if super::is_control(code) {
            return Err(unsupported(self.name).into());
        }
        let param = self.context.param(kind, code)?.ok_or(Miss::Unknown)?;
        if let Some(comparison) = self.comparison {
            return Ok(comparison.node(param, self.value, self.context)?);
        }
        Ok(value::condition(param, self.name, modifier, self.value, self.context)?)
    }

    /// `code[:Type].rest`
    fn refers(&mut self, kind: ResourceType, link: &str, rest: &str, depth: usize) -> Result<Node, Miss> {
        self.bounded(depth)?;
        let (code, only) = match link.split_once(':') {
            Some((code, only)) => (code, Some(only)),
            None => (link, None),
        };
        let param = self.reference(kind, code)?;
        let allowed = param.targets();
        let kinds: Vec<ResourceType> = match only {
            Some(name) => {
                let only = ResourceType::parse(name).filter(|k| allowed.is_empty() || allowed.contains(k));
                vec![only.ok_or_else(|| {
                    let text = format!("\"{code}\" of {kind} does not refer to \"{}\".", shown(name));
                    Issue::error(IssueCode::Value, text)
                })?]
            }
            None if allowed.is_empty() => ResourceType::all().collect(),
            None => allowed,
        };
        let name = self.name;
        follow(param, name, kinds, |target| self.node(target, rest, depth))
    }

    /// `Type:code:rest`
    fn referred(&mut self, kind: ResourceType, rest: &str, depth: usize) -> Result<Node, Miss> {
        self.bounded(depth)?;
        let mut parts = rest.splitn(3, ':');
        let (Some(from), Some(code), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
            let why = "it is written _has:Type:reference:parameter";
            return Err(bad_value(self.name, self.value, why).into());
        };
        let from = ResourceType::parse(from).ok_or_else(|| {
            Issue::error(IssueCode::Value, format!("\"{}\" is not a resource type of R4.", shown(from)))
        })?;
        let param = self.reference(from, code)?;
        let targets = param.targets();
        if !targets.is_empty() && !targets.contains(&kind) {
            let text = format!("\"{code}\" of {from} does not refer to {kind}.");
            return Err(Issue::error(IssueCode::Value, text).into());
        }
        let of = Box::new(self.node(from, rest, depth)?);
        Ok(Node::Referred(Referred { from, stored: param.stored(), name: self.name.to_owned(), of }))
    }

    fn reference(&self, kind: ResourceType, code: &str) -> Result<&'a Param, Miss> {
        let param = self.context.param(kind, code)?.ok_or(Miss::Unknown)?;
        if param.kind != ParamType::Reference {
            let text = format!(
                "\"{}\" cannot be followed: \"{code}\" of {kind} is not a reference.",
                shown(self.name)
            );
            return Err(Issue::error(IssueCode::Value, text).into());
        }
        Ok(param)
    }

    pub(super) fn bounded(&self, depth: usize) -> Result<(), Issue> {
        let most = self.context.chain_depth;
        if depth <= most {
            return Ok(());
        }
        let text = format!("\"{}\" follows more than {most} links (limits.chain_depth).", shown(self.name));
        Err(Issue::error(IssueCode::TooCostly, text))
    }
}

/// The condition that a reference leads to a record for which `of` states one: of every type, out of `kinds`, on which it can
/// be stated.
pub(super) fn follow(
    param: &Param,
    name: &str,
    kinds: Vec<ResourceType>,
    mut of: impl FnMut(ResourceType) -> Result<Node, Miss>,
) -> Result<Node, Miss> {
    let mut targets = Vec::new();
    let mut wrong = None;
    for target in kinds {
        match of(target) {
            Ok(node) => targets.push((target, node)),
            Err(Miss::Unknown) => {}
            Err(Miss::Wrong(issue)) if issue.code == IssueCode::TooCostly => return Err(issue.into()),
            Err(Miss::Wrong(issue)) => wrong = wrong.or(Some(issue)),
        }
    }
    match (targets.is_empty(), wrong) {
        (false, _) => Ok(Node::Refers(Refers { stored: param.stored(), name: name.to_owned(), targets })),
        (true, Some(issue)) => Err(issue.into()),
        (true, None) => Err(Miss::Unknown),
    }
}
