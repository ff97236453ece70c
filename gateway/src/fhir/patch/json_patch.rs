//! JSON Patch (RFC 6902).

use super::place::depth;
use super::pointer::Pointer;
use super::{Budget, MOST_LEVELS, MOST_OPERATIONS, PatchError, shown};
use crate::json::{Number, Object, Value};

/// A patch that has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonPatch(Vec<(Operation, String)>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Operation {
    Add(Pointer, Value),
    Remove(Pointer),
    Replace(Pointer, Value),
    Move(Pointer, Pointer),
    Copy(Pointer, Pointer),
    Test(Pointer, Value),
}

/// A value that an operation holds.
pub struct Brought<'a> {
    /// Where in the resource it belongs.
    pub path: &'a Pointer,
    /// The value.
    pub value: &'a mut Value,
    /// Whether it is written; otherwise it is only compared.
    pub written: bool,
    /// The operation, such as `patch[0]`.
    pub place: &'a str,
}

/// Steps that one patch may take in all: values looked at, compared, counted or copied, and members passed on the way
/// to them. A short patch can so neither double a tree without end nor walk a wide one a thousand times.
const MOST_STEPS: usize = 2_000_000;

impl JsonPatch {
    /// Reads a patch: an array of at least one operation. Members that RFC 6902 does not define are ignored, as it says.
    ///
    /// # Errors
    /// [`PatchError::Malformed`] with the place of the first operation that is not one.
    pub fn read(patch: &Value) -> Result<Self, PatchError> {
        let operations = patch.as_array().filter(|operations| !operations.is_empty()).ok_or_else(|| {
            PatchError::malformed("patch", "A JSON Patch is an array of at least one operation.")
        })?;
        if operations.len() > MOST_OPERATIONS {
            let why = format!("A patch may have at most {MOST_OPERATIONS} operations.");
            return Err(PatchError::malformed("patch", why));
        }
        let read = |(n, operation): (usize, &Value)| {
            let place = format!("patch[{n}]");
            match operation_of(operation) {
                Ok(operation) => Ok((operation, place)),
                Err(why) => Err(PatchError::malformed(place, why)),
            }
        };
        operations.iter().enumerate().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Shows each value that the patch brings to `see`, with what leads to it, for reading or changing it.
    pub fn brought(&mut self, mut see: impl FnMut(Brought<'_>)) {
        for (operation, place) in &mut self.0 {
            let (path, value, written) = match operation {
                Operation::Add(path, value) | Operation::Replace(path, value) => (path, value, true),
                Operation::Test(path, value) => (path, value, false),
                Operation::Remove(_) | Operation::Move(..) | Operation::Copy(..) => continue,
            };
            see(Brought { path, value, written, place });
        }
    }

    /// The tree after all operations.
    ///
    /// # Errors
    /// [`PatchError::Misfit`] for a place that is not there; [`PatchError::TestFailed`]; [`PatchError::TooCostly`].
    pub fn apply(&self, tree: &Value, budget: &Budget) -> Result<Value, PatchError> {
        let mut tree = tree.clone();
        let mut left = MOST_STEPS;
        for (operation, place) in &self.0 {
            let steps = operation.steps(&tree);
            left = left.checked_sub(steps).ok_or_else(|| {
                let why = format!("The patch takes more than {MOST_STEPS} steps: send it in smaller parts.");
                PatchError::misfit(place, why)
            })?;
            budget.take(u64::try_from(steps).unwrap_or(u64::MAX))?;
            operation.apply(&mut tree, place)?;
        }
        Ok(tree)
    }
}

fn operation_of(operation: &Value) -> Result<Operation, String> {
    let object = operation.as_object().ok_or("An operation is an object.")?;
    let pointer = |key: &str| -> Result<Pointer, String> {
        let text = object
            .get(key)
            .and_then(Value::as_str)
            .ok_or(format!("The operation needs a string \"{key}\"."))?;
        Pointer::parse(text).ok_or_else(|| format!("\"{}\" is not a JSON Pointer.", shown(text)))
    };
    let value = || object.get("value").cloned().ok_or("The operation needs a \"value\".".to_owned());
    Ok(match object.get("op").and_then(Value::as_str).unwrap_or_default() {
        "add" => Operation::Add(pointer("path")?, value()?),
        "remove" => Operation::Remove(pointer("path")?),
        "replace" => Operation::Replace(pointer("path")?, value()?),
        "move" => {
            let (from, to) = (pointer("from")?, pointer("path")?);
            if to.is_below(&from) {
                return Err("A value cannot be moved into itself.".to_owned());
            }
            Operation::Move(from, to)
        }
        "copy" => Operation::Copy(pointer("from")?, pointer("path")?),
        "test" => Operation::Test(pointer("path")?, value()?),
        other => {
            let shown = shown(other);
            return Err(format!(
                "\"{shown}\" is not an operation: add, remove, replace, move, copy or test."
            ));
        }
    })
}

impl Operation {
    /// What applying it to the tree costs.
    fn steps(&self, tree: &Value) -> usize {
        let there = |at: &Pointer| at.get(tree).map_or(0, count);
        match self {
            Self::Add(to, value) | Self::Replace(to, value) => to.width(tree) + count(value),
            Self::Remove(from) => from.width(tree),
            Self::Move(from, to) | Self::Copy(from, to) => from.width(tree) + to.width(tree) + there(from),
            Self::Test(at, wanted) => at.width(tree) + count(wanted),
        }
    }

    fn apply(&self, tree: &mut Value, place: &str) -> Result<(), PatchError> {
        let missing = |what: &str| PatchError::misfit(place, format!("There is nothing at \"{what}\"."));
        let unfit =
            || PatchError::misfit(place, "The value cannot be put at \"path\": its parent is not there.");
        match self {
            Self::Add(to, value) => {
                fits(to, value, place)?;
                to.add(tree, value.clone()).ok_or_else(unfit)
            }
            Self::Remove(from) => from.remove(tree).map(drop).ok_or_else(|| missing("path")),
            Self::Replace(to, value) => {
                fits(to, value, place)?;
                to.replace(tree, value.clone()).ok_or_else(|| missing("path"))
            }
            Self::Move(from, to) => {
                let value = if from == to { from.get(tree).cloned() } else { from.remove(tree) };
                let value = value.ok_or_else(|| missing("from"))?;
                if from == to {
                    return Ok(());
                }
                fits(to, &value, place)?;
                to.add(tree, value).ok_or_else(unfit)
            }
            Self::Copy(from, to) => {
                let value = from.get(tree).ok_or_else(|| missing("from"))?.clone();
                fits(to, &value, place)?;
                to.add(tree, value).ok_or_else(unfit)
            }
            Self::Test(at, wanted) => match at.get(tree) {
                Some(value) if same(value, wanted) => Ok(()),
                Some(_) => Err(PatchError::test_failed(place, "The value at \"path\" is another one.")),
                None => Err(PatchError::test_failed(place, "There is nothing at \"path\".")),
            },
        }
    }
}

/// Refuses what would nest deeper than a tree may be.
fn fits(to: &Pointer, value: &Value, place: &str) -> Result<(), PatchError> {
    if to.len() + depth(value) <= MOST_LEVELS {
        return Ok(());
    }
    let why = format!("The result would be nested more than {MOST_LEVELS} levels deep.");
    Err(PatchError::misfit(place, why))
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(object) => object.iter().map(|(_, v)| count(v)).sum(),
        // Long texts weigh as what they are, too.
        Value::String(text) => text.len() / 64,
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// Equality of RFC 6902 section 4.6: numbers by value, objects whatever the order of their members.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => a == b || same_number(a, b),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            let all = |a: &Object, b: &Object| {
                sorted(a).iter().zip(&sorted(b)).all(|((k, a), (l, b))| k == l && same(a, b))
            };
            a.len() == b.len() && all(a, b)
        }
        (a, b) => a == b,
    }
}

/// The members by name.
fn sorted(object: &Object) -> Vec<(&str, &Value)> {
    let mut members: Vec<(&str, &Value)> = object.iter().collect();
    members.sort_unstable_by_key(|(key, _)| *key);
    members
}

fn same_number(a: &Number, b: &Number) -> bool {
    matches!((plain(a.as_str()), plain(b.as_str())), (Some(a), Some(b)) if a == b)
}

/// Sign, digits without zeros at the ends, and the power of ten of the last digit.
fn plain(text: &str) -> Option<(bool, String, i64)> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i64 = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
    let (negative, mantissa) = mantissa.strip_prefix('-').map_or((false, mantissa), |rest| (true, rest));
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{part}");
    let power = exponent.checked_sub(i64::try_from(part.len()).ok()?)?;
    let trimmed = digits.trim_end_matches('0');
    let power = power.checked_add(i64::try_from(digits.len() - trimmed.len()).ok()?)?;
    let trimmed = trimmed.trim_start_matches('0');
    if trimmed.is_empty() {
        return Some((false, String::new(), 0));
    }
    Some((negative, trimmed.to_owned(), power))
}
