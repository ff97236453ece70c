//! Composite parameters: values of one element, kept together.
//!
//! Value: the code of the first part, which ends with 0x00 (so that a code is a range), then for each part the number of
//! its values and each with its length before it. What a value of a part is, is what the part's own parameter keeps; so
//! every prefix and unit of that parameter works here. One value for each combination of the parts' codings or numbers.

use std::collections::HashMap;
use std::rc::Rc;

use super::index::{self, Check, TermRange};
use super::params::{Component, Param, ParamType, Path};
use super::terms::encode;
use super::{Context, token, tree};
use crate::json::Value;

/// Combinations that one element gives at most; beyond, the element's later codings are left out of composites.
const MOST_COMBINATIONS: usize = 64;
/// Most values of one composite parameter of one record; a record with more is marked, and searches say so.
pub(super) const MOST_VALUES: usize = 512;
/// Longest value, bytes.
const LONGEST: usize = 1_000;

/// What the part's own parameter keeps of one coding or number.
pub(super) type Values = Vec<Vec<u8>>;

/// What the composites of one record have in common.
#[derive(Default)]
pub(super) struct Shared {
    /// Parts that stand at the resource, not at the root of a composite: the same for all roots, so they are read once.
    parts: HashMap<(u16, usize), Rc<Vec<Values>>>,
    /// How many values each parameter has so far.
    counts: HashMap<u16, usize>,
}

impl Shared {
    /// Counts values of a parameter that were found, and cuts what is over the bound. Answers whether this is the first
    /// time that something was.
    pub(super) fn bound(&mut self, number: u16, values: &mut Vec<Vec<u8>>) -> bool {
        let count = self.counts.entry(number).or_default();
        let before = *count;
        *count += values.len();
        values.truncate(MOST_VALUES.saturating_sub(before));
        before <= MOST_VALUES && *count > MOST_VALUES
    }

    fn part(
        &mut self,
        param: &Param,
        at: usize,
        component: &Component,
        root: &Value,
        resource: &Value,
        context: &Context,
    ) -> Rc<Vec<Values>> {
        let read = || Rc::new(alternatives(component, root, resource, context));
        if component.paths.iter().all(|path| path.from_resource) {
            Rc::clone(self.parts.entry((param.number, at)).or_insert_with(read))
        } else {
            read()
        }
    }
}

/// Values of a composite at one of its roots.
pub(super) fn values(
    param: &Param,
    root: &Value,
    resource: &Value,
    context: &Context,
    shared: &mut Shared,
    out: &mut Vec<Vec<u8>>,
) {
    let mut parts: Vec<Rc<Vec<Values>>> = Vec::with_capacity(param.components.len());
    // The first part is a code that nearly always is there; the others tell sooner that there is nothing to do.
    for (at, component) in param.components.iter().enumerate().rev() {
        let found = shared.part(param, at, component, root, resource, context);
        if found.is_empty() {
            return;
        }
        parts.push(found);
    }
    parts.reverse();
    combine(&parts, out);
}

/// One value for each combination of what the parts have.
pub(super) fn combine(parts: &[Rc<Vec<Values>>], out: &mut Vec<Vec<u8>>) {
    let combinations = parts.iter().map(|choices| choices.len()).product::<usize>();
    for number in 0..combinations.min(MOST_COMBINATIONS) {
        let mut left = number;
        let chosen: Vec<&[Vec<u8>]> = parts
            .iter()
            .filter_map(|choices| {
                let choice = choices.get(left % choices.len())?;
                left /= choices.len();
                Some(choice.as_slice())
            })
            .collect();
        out.extend(joined(&chosen));
    }
}

/// The values of a part, those of one coding or number together; no more than there may be combinations.
fn alternatives(component: &Component, root: &Value, resource: &Value, context: &Context) -> Vec<Values> {
    let mut out = Vec::new();
    for path in &component.paths {
        let from = if path.from_resource { resource } else { root };
        tree::walk(from, &path.steps, &mut |element| {
            part_values(component.kind, path, element, context, &mut out);
        });
    }
    out
}

/// The values of one element of a part, added to those that are there.
pub(super) fn part_values(
    kind: ParamType,
    path: &Path,
    element: &Value,
    context: &Context,
    out: &mut Vec<Values>,
) {
    for single in singles(element) {
        if out.len() >= MOST_COMBINATIONS {
            return;
        }
        let mut values = Vec::new();
        encode(kind, path, single.as_ref().unwrap_or(element), context, &mut values);
        if kind == ParamType::Token {
            // What is written about a code is not asked in a composite.
            values.iter_mut().for_each(|value| value.truncate(token::code_part(value).len()));
        }
        if !values.is_empty() {
            out.push(values);
        }
    }
}

/// An element as it is, or a concept with several codings as one concept for each, made when it is asked for.
fn singles(element: &Value) -> impl Iterator<Item = Option<Value>> {
    let codings = element.items("coding");
    let one = |coding: &Value| Value::from([("coding", Value::from([coding.clone()]))]);
    let several = codings.len() > 1;
    let each =
        codings.iter().take(if several { codings.len() } else { 0 }).map(move |coding| Some(one(coding)));
    (!several).then_some(None).into_iter().chain(each)
}

fn joined(parts: &[&[Vec<u8>]]) -> Option<Vec<u8>> {
    let mut out = parts.first()?.iter().find_map(|value| token::any_code(value)).unwrap_or(&[0]).to_vec();
    for values in parts {
        out.push(u8::try_from(values.len()).ok()?);
        for value in *values {
            out.extend_from_slice(&u16::try_from(value.len()).ok()?.to_be_bytes());
            out.extend_from_slice(value);
        }
    }
    (out.len() <= LONGEST).then_some(out)
}

/// The range of a composite: each part in one of its ranges, the first perhaps known by its code.
pub fn range(param: u16, code: Option<&str>, parts: Vec<Vec<TermRange>>) -> TermRange {
    let whole = match code.filter(|code| !code.is_empty()) {
        Some(code) => {
            let mut prefix = Vec::new();
            index::push_exact(code, &mut prefix);
            TermRange::prefix(param, prefix)
        }
        None => TermRange::all(param),
    };
    whole.checked(Check::Composite(parts))
}

/// Conditions on the parts of one composite value, joined in any way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// All hold.
    All(Vec<Rule>),
    /// At least one holds.
    Any(Vec<Rule>),
    /// It does not hold.
    Not(Box<Rule>),
    /// The part at this place has a value in one of the ranges.
    Part(usize, Vec<TermRange>),
}

impl Rule {
    /// Whether it holds for a stored composite.
    pub fn accepts(&self, value: &[u8]) -> bool {
        parts(value).is_some_and(|parts| self.holds(&parts))
    }

    fn holds(&self, parts: &[Vec<&[u8]>]) -> bool {
        match self {
            Self::All(rules) => rules.iter().all(|rule| rule.holds(parts)),
            Self::Any(rules) => rules.iter().any(|rule| rule.holds(parts)),
            Self::Not(rule) => !rule.holds(parts),
            Self::Part(at, ranges) => parts.get(*at).is_some_and(|values| {
                values.iter().any(|value| ranges.iter().any(|range| range.holds(value)))
            }),
        }
    }
}

/// The range of a composite whose parts fulfil a rule, the first perhaps known by its code.
pub fn ruled(param: u16, code: Option<&str>, rule: Rule) -> TermRange {
    range(param, code, Vec::new()).checked(Check::Row(Box::new(rule)))
}

/// The values of each part of a stored composite.
fn parts(value: &[u8]) -> Option<Vec<Vec<&[u8]>>> {
    let end = value.iter().position(|b| *b == 0)?;
    let (mut rest, mut out) = (value.get(end + 1..)?, Vec::new());
    while let Some((count, mut left)) = rest.split_first() {
        let mut values = Vec::new();
        for _ in 0..*count {
            let (length, bytes) = left.split_first_chunk::<2>()?;
            let (one, bytes) = bytes.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            values.push(one);
            left = bytes;
        }
        out.push(values);
        rest = left;
    }
    Some(out)
}

/// Whether each part of a stored composite has a value in one of its ranges.
pub(super) fn accepts(value: &[u8], parts: &[Vec<TermRange>]) -> bool {
    let Some(mut rest) = value.iter().position(|b| *b == 0).and_then(|end| value.get(end + 1..)) else {
        return false;
    };
    for ranges in parts {
        let Some((fulfilled, left)) = part(rest, ranges) else { return false };
        if !fulfilled {
            return false;
        }
        rest = left;
    }
    true
}

fn part<'a>(bytes: &'a [u8], ranges: &[TermRange]) -> Option<(bool, &'a [u8])> {
    let (count, mut rest) = bytes.split_first()?;
    let mut fulfilled = false;
    for _ in 0..*count {
        let (length, left) = rest.split_first_chunk::<2>()?;
        let (value, left) = left.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        fulfilled = fulfilled || ranges.iter().any(|range| range.holds(value));
        rest = left;
    }
    Some((fulfilled, rest))
}
