//! The text of a filter -> its comparisons and what joins them, before any type is looked at.

use super::super::shown;
use crate::fhir::outcome::{Issue, IssueCode};
use crate::json::{self, Limits};

/// Longest filter, bytes.
const MOST_BYTES: usize = 16 * 1024;
/// Deepest nesting of parentheses and brackets.
const MOST_DEPTH: usize = 32;
/// Most comparisons.
const MOST_COMPARISONS: usize = 100;

const OPERATORS: [&str; 19] = [
    "eq", "ne", "co", "sw", "ew", "gt", "lt", "ge", "le", "ap", "sa", "eb", "pr", "po", "ss", "sb", "in",
    "ni", "re",
];

/// A filter as it is written.
pub(super) enum Expression {
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Not(Box<Expression>),
    One(Compared),
}

/// A comparison.
pub(super) struct Compared {
    /// At least one step.
    pub(super) path: Vec<Step>,
    pub(super) operator: &'static str,
    pub(super) value: String,
    /// The value was a string in quotes.
    pub(super) quoted: bool,
}

/// A step of a path: `name`, or `name[filter]`.
pub(super) struct Step {
    pub(super) name: String,
    pub(super) within: Option<Box<Expression>>,
}

impl Compared {
    /// The path, without what stands in its brackets.
    pub(super) fn name(&self) -> String {
        let mut name = String::new();
        for step in &self.path {
            if !name.is_empty() {
                name.push('.');
            }
            name.push_str(&step.name);
            name.push_str(if step.within.is_some() { "[…]" } else { "" });
        }
        name
    }
}

/// Reads a filter.
pub(super) fn parse(text: &str) -> Result<Expression, Issue> {
    if text.len() > MOST_BYTES {
        let text = format!("The filter is longer than {MOST_BYTES} bytes.");
        return Err(Issue::error(IssueCode::TooLong, text));
    }
    let mut parser = Parser { rest: text, comparisons: 0 };
    let expression = parser.row(0)?;
    if parser.rest.trim_start().is_empty() {
        Ok(expression)
    } else {
        Err(parser.wrong("and, or, or the end"))
    }
}

struct Parser<'a> {
    rest: &'a str,
    comparisons: usize,
}

impl<'a> Parser<'a> {
    /// Filters with `and` and `or` between them.
    fn row(&mut self, depth: usize) -> Result<Expression, Issue> {
        if depth > MOST_DEPTH {
            let text = format!("The filter is nested deeper than {MOST_DEPTH} parentheses and brackets.");
            return Err(Issue::error(IssueCode::TooCostly, text));
        }
        let mut row = self.one(depth)?;
        loop {
            if self.word("and") {
                let next = self.one(depth)?;
                row = match row {
                    Expression::All(mut all) => {
                        all.push(next);
                        Expression::All(all)
                    }
                    other => Expression::All(vec![other, next]),
                };
            } else if self.word("or") {
                let next = self.one(depth)?;
                row = match row {
                    Expression::Any(mut any) => {
                        any.push(next);
                        Expression::Any(any)
                    }
                    other => Expression::Any(vec![other, next]),
                };
            } else {
                return Ok(row);
            }
        }
    }

    /// A comparison, or a row in parentheses, perhaps with `not` before it.
    fn one(&mut self, depth: usize) -> Result<Expression, Issue> {
        let negated = self.word("not");
        if self.sign('(') {
            // A group keeps to itself: what follows it is not added to its own list.
            let row = self.row(depth + 1)?;
            if !self.sign(')') {
                return Err(self.wrong("a closing parenthesis"));
            }
            return Ok(if negated { Expression::Not(Box::new(row)) } else { Expression::All(vec![row]) });
        }
        if negated {
            return Err(self.wrong("an opening parenthesis behind not"));
        }
        self.comparison(depth).map(Expression::One)
    }

    fn comparison(&mut self, depth: usize) -> Result<Compared, Issue> {
        self.comparisons += 1;
        if self.comparisons > MOST_COMPARISONS {
            let text = format!("The filter has more than {MOST_COMPARISONS} comparisons.");
            return Err(Issue::error(IssueCode::TooCostly, text));
        }
        let path = self.path(depth)?;
        let operator = self.take(|c| c.is_ascii_alphabetic());
        let operator = OPERATORS.iter().copied().find(|known| *known == operator);
        let operator = operator.ok_or_else(|| self.wrong("an operator such as eq"))?;
        let (value, quoted) = self.value()?;
        Ok(Compared { path, operator, value, quoted })
    }

    /// `name`, `name.path` or `name[filter].path`
    fn path(&mut self, depth: usize) -> Result<Vec<Step>, Issue> {
        self.rest = self.rest.trim_start();
        let mut path = Vec::new();
        loop {
            let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-')));
            let (name, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
            if name.is_empty() {
                return Err(self.wrong("the name of a parameter"));
            }
            self.rest = rest;
            if self.rest.starts_with(':') {
                let text = format!("A filter may not put a modifier behind \"{}\".", shown(name));
                return Err(Issue::error(IssueCode::NotSupported, text));
            }
            let mut step = Step { name: name.to_owned(), within: None };
            if let Some(rest) = self.rest.strip_prefix('[') {
                self.rest = rest;
                step.within = Some(Box::new(self.row(depth + 1)?));
                if !self.sign(']') {
                    return Err(self.wrong("a closing bracket"));
                }
            }
            let bracketed = step.within.is_some();
            path.push(step);
            match self.rest.strip_prefix('.') {
                Some(rest) => self.rest = rest,
                None if bracketed => {
                    return Err(self.wrong("a dot and the name of a parameter behind the bracket"));
                }
                None => return Ok(path),
            }
        }
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
