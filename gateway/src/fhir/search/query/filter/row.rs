//! Conditions within one element: `code-value-quantity[code eq x].value-quantity gt 5`.
//!
//! A composite keeps one value for each element, with what each of its parts has there. So comparisons of the parts, joined
//! in any way, are decided on that one value.

use super::super::super::Context;
use super::super::super::composite::{self, Rule};
use super::super::super::params::{Component, Param, ParamType};
use super::super::Criterion;
use super::super::node::Node;
use super::super::shown;
use super::Comparison;
use super::parse::{Compared, Expression, Step};
use crate::fhir::outcome::{Issue, IssueCode};

/// The condition that `filter` and the last comparison of a path hold in one element of a composite.
pub(super) fn node(
    param: &Param,
    filter: &Expression,
    rest: &[Step],
    one: &Compared,
    context: &Context,
) -> Result<Node, Issue> {
    let row = Row { param, context };
    let [Step { name, within: None }] = rest else { return Err(row.no_further()) };
    let last = row.compared(name, one)?;
    let code = row.code_of(filter).or_else(|| row.code(name, one));
    let rule = Rule::All(vec![row.rule(filter)?, last]);
    let name = format!("{}[]", param.code);
    let places = param.stored().into_iter();
    let alternatives = places.map(|asked| composite::ruled(asked.number, code.as_deref(), rule.clone()));
    Ok(Node::Is(Criterion { param: param.number, name, alternatives: alternatives.collect(), negate: false }))
}

struct Row<'a> {
    param: &'a Param,
    context: &'a Context,
}

impl Row<'_> {
    fn rule(&self, filter: &Expression) -> Result<Rule, Issue> {
        let rules = |all: &[Expression]| all.iter().map(|one| self.rule(one)).collect::<Result<_, _>>();
        Ok(match filter {
            Expression::All(all) => Rule::All(rules(all)?),
            Expression::Any(any) => Rule::Any(rules(any)?),
            Expression::Not(one) => Rule::Not(Box::new(self.rule(one)?)),
            Expression::One(one) => {
                let [Step { name, within: None }] = one.path.as_slice() else {
                    return Err(self.no_further());
                };
                self.compared(name, one)?
            }
        })
    }

    /// One comparison of one part.
    fn compared(&self, name: &str, one: &Compared) -> Result<Rule, Issue> {
        let (at, part) = self.part(name)?;
        if one.operator == "pr" {
            let text = format!(
                "The filter's \"{name} pr\" cannot be answered within \"{}\": only elements that have every part are kept.",
                self.param.code
            );
            return Err(Issue::error(IssueCode::NotSupported, text));
        }
        // What a part has is what its own parameter keeps.
        let own = Param {
            number: self.param.number,
            code: part.code.clone(),
            kind: part.kind,
            paths: part.paths.clone(),
            asks: Vec::new(),
            root: Vec::new(),
            components: Vec::new(),
            targets: part.targets.clone(),
        };
        let comparison = Comparison::new(one.operator, one.quoted);
        self.settled(at, &comparison.node(&own, &one.value, self.context)?)
    }

    fn settled(&self, at: usize, node: &Node) -> Result<Rule, Issue> {
        match node {
            Node::Is(criterion) => {
                let rule = Rule::Part(at, criterion.alternatives.clone());
                Ok(if criterion.negate { Rule::Not(Box::new(rule)) } else { rule })
            }
            // Of a long text a composite keeps the beginning, and which text of the record it is nobody could tell.
            Node::All(_)
            | Node::Any(_)
            | Node::Not(_)
            | Node::Refers(_)
            | Node::Referred(_)
            | Node::Long(_) => Err(self.no_further()),
        }
    }

    fn part(&self, name: &str) -> Result<(usize, &Component), Issue> {
        let found = self.param.components.iter().enumerate().find(|(_, part)| part.code == name);
        found.ok_or_else(|| {
            let parts: Vec<&str> = self.param.components.iter().map(|part| part.code.as_ref()).collect();
            let text = format!(
                "\"{}\" has no part \"{}\" to filter by; its parts are {}.",
                self.param.code,
                shown(name),
                parts.join(" and ")
            );
            Issue::error(IssueCode::NotSupported, text)
        })
    }

    /// The code that the first part must have: all values with it lie together.
    fn code_of(&self, filter: &Expression) -> Option<String> {
        match filter {
            Expression::All(all) => all.iter().find_map(|one| self.code_of(one)),
            Expression::One(one) => match one.path.as_slice() {
                [step] => self.code(&step.name, one),
                _ => None,
            },
            Expression::Any(_) | Expression::Not(_) => None,
        }
    }

    fn code(&self, name: &str, one: &Compared) -> Option<String> {
        let first = self.param.components.first()?;
        if first.code != name || first.kind != ParamType::Token || one.operator != "eq" {
            return None;
        }
        let code = one.value.rsplit_once('|').map_or(one.value.as_str(), |(_, code)| code);
        (!code.is_empty()).then(|| code.to_owned())
    }

    fn no_further(&self) -> Issue {
        let text = format!(
            "Behind \"{}[…]\" and within it, a filter compares the parts of the composite, and nothing further; co and ew \
             are not answered there.",
            self.param.code
        );
        Issue::error(IssueCode::NotSupported, text)
    }
}
