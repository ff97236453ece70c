//! A filter as it is written -> a condition on records of one type, through the types that its links may lead to.

use super::super::super::Context;
use super::super::super::params::ParamType;
use super::super::chain::{MOST_WAYS, Miss, Reading, follow};
use super::super::node::Node;
use super::super::shown;
use super::Comparison;
use super::parse::{Compared, Expression, Step};
use super::row;
use crate::fhir::id::ResourceType;
use crate::fhir::outcome::{Issue, IssueCode};

/// Builds the conditions of one filter.
pub(super) struct Builder<'a> {
    context: &'a Context,
    /// Ways through the types that paths with brackets have taken so far.
    ways: usize,
}

impl<'a> Builder<'a> {
    pub(super) const fn new(context: &'a Context) -> Self {
        Self { context, ways: 0 }
    }

    /// The condition of a whole filter on a record of `kind`.
    pub(super) fn whole(mut self, kind: ResourceType, expression: &Expression) -> Result<Node, Issue> {
        self.node(kind, expression, 0).map_err(|miss| match miss {
            Miss::Wrong(issue) => issue,
            // Told already, with the name; see `compared`.
            Miss::Unknown => Issue::error(IssueCode::NotSupported, "The filter cannot be answered."),
        })
    }

    /// The condition that an expression states on a record of `kind`; `depth` links have been followed.
    fn node(&mut self, kind: ResourceType, expression: &Expression, depth: usize) -> Result<Node, Miss> {
        Ok(match expression {
            Expression::All(all) => Node::All(self.nodes(kind, all, depth)?),
            Expression::Any(any) => Node::Any(self.nodes(kind, any, depth)?),
            Expression::Not(one) => Node::Not(Box::new(self.node(kind, one, depth)?)),
            Expression::One(one) => self.compared(kind, one, depth)?,
        })
    }

    fn nodes(&mut self, kind: ResourceType, all: &[Expression], depth: usize) -> Result<Vec<Node>, Miss> {
        all.iter().map(|one| self.node(kind, one, depth)).collect()
    }

    fn compared(&mut self, kind: ResourceType, one: &Compared, depth: usize) -> Result<Node, Miss> {
        let node = if one.path.iter().any(|step| step.within.is_some()) {
            self.along(kind, &one.path, one, depth)
        } else {
            self.plain(kind, &one.name(), one, depth)
        };
        match node {
            // On the type that is searched; a type at the other end of a link drops out by itself.
            Err(Miss::Unknown) if depth == 0 => {
                let text = format!("{kind} has no search parameter \"{}\" to filter by.", shown(&one.name()));
                Err(Issue::error(IssueCode::NotSupported, text).into())
            }
            other => other,
        }
    }

    /// A path without brackets: a parameter or a chain.
    fn plain(&mut self, kind: ResourceType, name: &str, one: &Compared, depth: usize) -> Result<Node, Miss> {
        let comparison = Comparison::new(one.operator, one.quoted);
        let mut reading = Reading::comparing("_filter", &one.value, self.context, comparison);
        let node = reading.node(kind, name, depth);
        if depth > 0 {
            self.spend(reading.ways())?;
        }
        node
    }

    /// A path with brackets in it.
    fn along(
        &mut self,
        kind: ResourceType,
        path: &[Step],
        one: &Compared,
        depth: usize,
    ) -> Result<Node, Miss> {
        self.spend(1)?;
        let Some((step, rest)) = path.split_first() else { return Err(Miss::Unknown) };
        if rest.is_empty() {
            return self.plain(kind, &step.name, one, depth);
        }
        let param = self.context.param(kind, &step.name)?.ok_or(Miss::Unknown)?;
        match (param.kind, &step.within) {
            (ParamType::Reference, within) => {
                let reading = Reading::new("_filter", &one.value, self.context);
                reading.bounded(depth + 1)?;
                let kinds = match param.targets() {
                    any if any.is_empty() => ResourceType::all().collect(),
                    some => some,
                };
                follow(param, "_filter", kinds, |target| {
                    let next = self.along(target, rest, one, depth + 1)?;
                    match within {
                        None => Ok(next),
                        // Of one and the same record.
                        Some(filter) => Ok(Node::All(vec![self.node(target, filter, depth + 1)?, next])),
                    }
                })
            }
            (ParamType::Composite, Some(filter)) => Ok(row::node(param, filter, rest, one, self.context)?),
            _ => {
                let text = format!(
                    "The filter cannot look into \"{}\" of {kind}: brackets and dots stand behind references and \
                     brackets behind composites, and it is a {} parameter.",
                    step.name,
                    param.kind.as_str()
                );
                Err(Issue::error(IssueCode::NotSupported, text).into())
            }
        }
    }

    fn spend(&mut self, ways: usize) -> Result<(), Issue> {
        self.ways += ways;
        if self.ways <= MOST_WAYS {
            return Ok(());
        }
        let text = format!("The filter leads through more than {MOST_WAYS} types.");
        Err(Issue::error(IssueCode::TooCostly, text))
    }
}
