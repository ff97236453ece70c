//! `_filter`: a small language of comparisons, `and`, `or`, `not (…)` and parentheses (R4, search_filter).
//!
//! Comparisons become the same criteria as other parameters. What the index cannot answer is refused by name. The
//! standard reads a row of `and` and `or` from left to right, neither before the other. Length, depth and number of
//! comparisons are bounded.

use super::super::params::{Param, ParamType};
use super::super::{Context, TermRange, reference, text, token};
use super::chain::{Miss, Reading};
use super::node::Node;
use super::{Criterion, shown, value};
use crate::fhir::datetime::Moment;
use crate::fhir::id::ResourceType;
use crate::fhir::outcome::{Issue, IssueCode};
use crate::fhir::search::Check;
use crate::json::{self, Limits};
use std::ops::Bound;

/// Longest filter, bytes.
const MOST_BYTES: usize = 16 * 1024;
/// Deepest nesting of parentheses.
const MOST_DEPTH: usize = 32;
/// Most comparisons.
const MOST_COMPARISONS: usize = 100;

const OPERATORS: [&str; 19] = [
    "eq", "ne", "co", "sw", "ew", "gt", "lt", "ge", "le", "ap", "sa", "eb", "pr", "po", "ss", "sb", "in",
    "ni", "re",
];

/// Reads a filter on records of `kind`.
pub(super) fn read(kind: ResourceType, text: &str, context: &Context) -> Result<Node, Issue> {
    if text.len() > MOST_BYTES {
        let text = format!("The filter is longer than {MOST_BYTES} bytes.");
        return Err(Issue::error(IssueCode::TooLong, text));
    }
    let mut parser = Parser { kind, rest: text, context, comparisons: 0 };
    let node = parser.row(0)?;
    if parser.rest.trim_start().is_empty() { Ok(node) } else { Err(parser.wrong("and, or, or the end")) }
}

struct Parser<'a> {
    kind: ResourceType,
    rest: &'a str,
    context: &'a Context,
    comparisons: usize,
}

impl<'a> Parser<'a> {
    /// Filters with `and` and `or` between them.
    fn row(&mut self, depth: usize) -> Result<Node, Issue> {
        if depth > MOST_DEPTH {
            let text = format!("The filter is nested deeper than {MOST_DEPTH} parentheses.");
            return Err(Issue::error(IssueCode::TooCostly, text));
        }
        let mut node = self.one(depth)?;
        loop {
            if self.word("and") {
                let next = self.one(depth)?;
                node = match node {
                    Node::All(mut nodes) => {
                        nodes.push(next);
                        Node::All(nodes)
                    }
                    other => Node::All(vec![other, next]),
                };
            } else if self.word("or") {
                let next = self.one(depth)?;
                node = match node {
                    Node::Any(mut nodes) => {
                        nodes.push(next);
                        Node::Any(nodes)
                    }
                    other => Node::Any(vec![other, next]),
                };
            } else {
                return Ok(node);
            }
        }
    }

    /// A comparison, or a row in parentheses, perhaps with `not` before it.
    fn one(&mut self, depth: usize) -> Result<Node, Issue> {
        let negated = self.word("not");
        if self.sign('(') {
            // A group keeps to itself: what follows it is not added to its own list.
            let node = self.row(depth + 1)?;
            if !self.sign(')') {
                return Err(self.wrong("a closing parenthesis"));
            }
            return Ok(if negated { Node::Not(Box::new(node)) } else { Node::All(vec![node]) });
        }
        if negated {
            return Err(self.wrong("an opening parenthesis behind not"));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Node, Issue> {
        self.comparisons += 1;
        if self.comparisons > MOST_COMPARISONS {
            let text = format!("The filter has more than {MOST_COMPARISONS} comparisons.");
            return Err(Issue::error(IssueCode::TooCostly, text));
        }
        let path = self.take(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
        if path.is_empty() {
            return Err(self.wrong("the name of a parameter"));
        }
        if self.rest.starts_with(['[', ':']) {
            let text = format!(
                "A filter may not put conditions in brackets or modifiers behind \"{}\": the index does not keep which \
                 values stand in the same element. Ask for a composite parameter where there is one.",
                shown(path)
            );
            return Err(Issue::error(IssueCode::NotSupported, text));
        }
        let operator = self.take(|c| c.is_ascii_alphabetic());
        let operator = OPERATORS.iter().copied().find(|known| *known == operator);
        let operator = operator.ok_or_else(|| self.wrong("an operator such as eq"))?;
        let text = self.value()?;
        let comparison = Comparison { operator, quoted: text.1 };
        let mut reading = Reading::comparing("_filter", &text.0, self.context, comparison);
        reading.node(self.kind, path, 0).map_err(|miss| match miss {
            Miss::Wrong(issue) => issue,
            Miss::Unknown => {
                let text = format!("{} has no search parameter \"{}\" to filter by.", self.kind, shown(path));
                Issue::error(IssueCode::NotSupported, text)
            }
        })
    }

    /// A value and whether it was a string.
    fn value(&mut self) -> Result<(String, bool), Issue> {
        self.rest = self.rest.trim_start();
        if self.rest.starts_with('"') {
            let mut escaped = false;
            let end = self.rest.char_indices().skip(1).find(|(_, c)| {
                let ends = *c == '"' && !escaped;
                escaped = *c == '\\' && !escaped;
                ends
            });
            let Some((end, _)) = end else { return Err(self.wrong("the end of the string")) };
            let (string, rest) = self.rest.split_at(end + 1);
            let parsed = json::parse(string.as_bytes(), &Limits::bytes(MOST_BYTES));
            let text = parsed.ok().and_then(|value| value.as_str().map(str::to_owned));
            let text = text.ok_or_else(|| self.wrong("a JSON string"))?;
            self.rest = rest;
            return Ok((text, true));
        }
        let token = self.take(|c| !c.is_whitespace() && !matches!(c, ')' | ']'));
        if token.is_empty() { Err(self.wrong("a value")) } else { Ok((token.to_owned(), false)) }
    }

    /// What fits at the front, behind white space.
    fn take(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let text = self.rest.trim_start();
        let end = text.find(|c| !fits(c)).unwrap_or(text.len());
        let (taken, rest) = text.split_at(end);
        self.rest = rest;
        taken
    }

    fn word(&mut self, word: &str) -> bool {
        let Some(rest) = self.rest.trim_start().strip_prefix(word) else { return false };
        let ends = rest.is_empty() || rest.starts_with(|c: char| c.is_whitespace() || c == '(');
        if ends {
            self.rest = rest;
        }
        ends
    }

    fn sign(&mut self, sign: char) -> bool {
        let rest = self.rest.trim_start().strip_prefix(sign);
        if let Some(rest) = rest {
            self.rest = rest;
        }
        rest.is_some()
    }

    fn wrong(&self, wanted: &str) -> Issue {
        let here: String = self.rest.trim_start().chars().take(20).collect();
        let place = if here.is_empty() { "its end".to_owned() } else { format!("\"{here}\"") };
        Issue::error(IssueCode::Value, format!("The filter needs {wanted} at {place}."))
    }
}

/// How a value is compared at the end of a path.
#[derive(Clone, Copy)]
pub(super) struct Comparison {
    operator: &'static str,
    /// The value was a string in quotes.
    quoted: bool,
}

impl Comparison {
    /// The condition on the terms of one parameter.
    pub(super) fn node(self, param: &Param, text: &str, context: &Context) -> Result<Node, Issue> {
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
            ("co", T::String) => plain(Some("contains")),
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

    /// Texts that end with the value. The index keeps the first 200 bytes of a text, so ends of longer ones are not found.
    fn ending(self, param: &Param, text: &str) -> Result<Node, Issue> {
        let name = format!("{} ew", param.code);
        let ends =
            |number| text::ending(number, text).ok_or_else(|| self.refused(param, "nothing to search for"));
        let alternatives = param.stored().iter().map(|asked| ends(asked.number)).collect::<Result<_, _>>()?;
        Ok(Node::Is(Criterion { param: param.number, name, alternatives, negate: false }))
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
