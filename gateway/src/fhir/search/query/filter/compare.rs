//! One comparison of a filter on one parameter -> the criterion that asks the index, or a refusal by name.

use std::ops::Bound;

use super::super::super::params::{Param, ParamType};
use super::super::super::{Check, Context, TermRange, reference, text, token};
use super::super::node::{Long, Node, Part};
use super::super::{Criterion, value};
use crate::fhir::datetime::Moment;
use crate::fhir::outcome::{Issue, IssueCode};

/// How a value is compared at the end of a path.
#[derive(Clone, Copy)]
pub(in super::super) struct Comparison {
    operator: &'static str,
    /// The value was a string in quotes.
    quoted: bool,
}

impl Comparison {
    pub(super) const fn new(operator: &'static str, quoted: bool) -> Self {
        Self { operator, quoted }
    }

    /// The condition on the terms of one parameter.
    pub(in super::super) fn node(self, param: &Param, text: &str, context: &Context) -> Result<Node, Issue> {
        let criterion = |modifier: Option<&str>, value: &str| {
            let name = format!("{} {}", param.code, self.operator);
            value::criterion(param, &name, modifier, value, context)
        };
        let plain = |modifier| Ok(Node::Is(criterion(modifier, &self.escaped(param, text))?));
        use ParamType as T;
        match (self.operator, param.kind) {
            ("pr", _) => {
                let absent = match text {
                    "true" => "false",
                    "false" => "true",
                    _ => return Err(self.refused(param, "true or false is needed")),
                };
                Ok(Node::Is(criterion(Some("missing"), absent)?))
            }
            ("eq", T::String) => Ok(Node::Is(whole_texts(criterion(None, &self.escaped(param, text))?))),
            ("ne", T::String) if param.asks.is_empty() => {
                let same = whole_texts(criterion(None, &self.escaped(param, text))?);
                Ok(Node::Is(others(same, &TermRange::all(param.number))))
            }
            ("co", T::String) => {
                let kept = Node::Is(criterion(Some("contains"), &self.escaped(param, text))?);
                Ok(or_long(kept, param, text::folded(text).map(Part::Contains)))
            }
            ("sw", T::String) => plain(None),
            ("ew", T::String) => self.ending(param, text),
            ("eq", T::Token | T::Id | T::Uri | T::Reference) | ("re", T::Reference) => plain(None),
            ("ne", T::Token) if param.asks.is_empty() && !text.contains('|') => {
                let same = criterion(None, &self.escaped(param, text))?;
                Ok(Node::Is(others(same, &token::sorted(param.number))))
            }
            ("ne", T::Uri) if param.asks.is_empty() => {
                let same = criterion(None, &self.escaped(param, text))?;
                Ok(Node::Is(others(same, &TermRange::all(param.number))))
            }
            ("ne", T::Reference) => match param.stored().as_slice() {
                [asked] => {
                    let same = criterion(None, &self.escaped(param, text))?;
                    let all = reference::addressed(asked.number);
                    let all = asked.only.map_or(all.clone(), |only| all.checked(Check::RefersTo(only)));
                    Ok(Node::Is(others(same, &all)))
                }
                _ => Err(self.unanswered(param)),
            },
            ("in", T::Token) => plain(Some("in")),
            ("ni", T::Token) => plain(Some("not-in")),
            ("ss", T::Token | T::Uri) => plain(Some("below")),
            ("sb", T::Token | T::Uri) => plain(Some("above")),
            (
                "eq" | "ne" | "gt" | "lt" | "ge" | "le" | "ap" | "sa" | "eb",
                T::Date | T::Instant | T::Number | T::Quantity,
            ) => Ok(Node::Is(criterion(None, &format!("{}{}", self.operator, self.escaped(param, text)))?)),
            ("po", T::Date) => self.overlap(param, text, context),
            _ => Err(self.unanswered(param)),
        }
    }

    fn unanswered(self, param: &Param) -> Issue {
        let kind = param.kind.as_str();
        let text = format!(
            "The filter's \"{}\" cannot be answered for \"{}\", a {kind} parameter.",
            self.operator, param.code
        );
        Issue::error(IssueCode::NotSupported, text)
    }

    /// Texts that end with the value.
    fn ending(self, param: &Param, text: &str) -> Result<Node, Issue> {
        let name = format!("{} ew", param.code);
        let ends =
            |number| text::ending(number, text).ok_or_else(|| self.refused(param, "nothing to search for"));
        let alternatives = param.stored().iter().map(|asked| ends(asked.number)).collect::<Result<_, _>>()?;
        let kept = Node::Is(Criterion { param: param.number, name, alternatives, negate: false });
        Ok(or_long(kept, param, text::folded(text).map(Part::Ends)))
    }

    /// A value as other parameters spell it: a string has no separators, a token keeps its bar.
    fn escaped(self, param: &Param, text: &str) -> String {
        let bar = self.quoted && param.kind == ParamType::String;
        text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
            if matches!(c, ',' | '$' | '\\') || (c == '|' && bar) {
                out.push('\\');
            }
            out.push(c);
            out
        })
    }

    /// Spans that have a moment in common with that of the value.
    fn overlap(self, param: &Param, text: &str, context: &Context) -> Result<Node, Issue> {
        let moment = Moment::lenient(text).ok_or_else(|| self.refused(param, "a date is needed"))?;
        let name = format!("{} po", param.code);
        // Spans that start after the value; those that start before end where these begin.
        let behind = value::criterion(param, &name, None, &format!("sa{text}"), context)?;
        let low = moment.span(&context.zone).low;
        let mut alternatives = Vec::new();
        for range in behind.alternatives {
            let Bound::Included(start) = range.low else {
                return Err(self.refused(param, "the index cannot answer it"));
            };
            let tag = start.get(..1).unwrap_or_default().to_vec();
            alternatives.push(TermRange::between(range.param, tag, start).checked(Check::EndsAfter(low)));
        }
        Ok(Node::Is(Criterion { param: param.number, name, alternatives, negate: false }))
    }

    fn refused(self, param: &Param, why: &str) -> Issue {
        let text = format!("The filter's \"{} {}\" cannot be used: {why}.", param.code, self.operator);
        Issue::error(IssueCode::Value, text)
    }
}

/// What the index decides about the beginning of a text that it keeps, or the record itself about a long one.
fn or_long(kept: Node, param: &Param, part: Option<Part>) -> Node {
    let Some(part) = part else { return kept };
    let ranges = param.stored().iter().map(|asked| text::long(asked.number)).collect();
    Node::Any(vec![kept, Node::Long(Long { param: param.number, ranges, part })])
}

/// Ranges of texts that start with something -> ranges of texts that are just that: the folded text ends with a zero.
fn whole_texts(mut criterion: Criterion) -> Criterion {
    for range in &mut criterion.alternatives {
        if let Bound::Included(low) = &range.low {
            *range = TermRange::prefix(range.param, [low.as_slice(), &[0]].concat());
        }
    }
    criterion
}

/// The values of `all` that lie in none of the criterion's ranges.
fn others(mut criterion: Criterion, all: &TermRange) -> Criterion {
    let mut rest = vec![all.clone()];
    for range in &criterion.alternatives {
        rest = rest.into_iter().flat_map(|part| without(&part, range)).collect();
    }
    criterion.alternatives = rest;
    criterion
}

/// A range without another that lies in it.
fn without(part: &TermRange, range: &TermRange) -> Vec<TermRange> {
    let mut out = Vec::new();
    if let Bound::Included(low) = &range.low {
        out.push(TermRange { high: Bound::Excluded(low.clone()), ..part.clone() });
    }
    if let Bound::Excluded(high) = &range.high {
        out.push(TermRange { low: Bound::Included(high.clone()), ..part.clone() });
    }
    out
}
