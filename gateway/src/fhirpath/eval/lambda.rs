//! Functions whose argument is evaluated for each item: `where`, `select`, `repeat`, `all`, `aggregate`, `sort`, `iif`,
//! `trace`, `defineVariable`.

use std::cmp::Ordering;
use std::rc::Rc;

use super::super::error::Error;
use super::super::function::Function as F;
use super::super::item::{Collection, Item};
use super::super::tree::{Call, Shape, Tree};
use super::{Answer, Defined, Evaluator, MOST_VARIABLES, Scope, equality};

impl<'a> Evaluator<'a, '_> {
    pub(super) fn lambda(
        &mut self,
        call: &'a Call,
        input: Collection<'a>,
        scope: &Scope<'a, '_>,
    ) -> Answer<'a> {
        let Some(argument) = call.arguments.first() else {
            return if call.function == F::Sort { self.sort(call, input, scope) } else { Ok(input) };
        };
        match call.function {
            F::Where => {
                let mut out = Vec::new();
                for (n, item) in input.into_iter().enumerate() {
                    if self.truth_of(argument, &scope.at(&item, n))? == Some(true) {
                        out.push(item);
                    }
                }
                Ok(out)
            }
            F::Exists | F::All => {
                let wanted = call.function == F::Exists;
                for (n, item) in input.iter().enumerate() {
                    if (self.truth_of(argument, &scope.at(item, n))? == Some(true)) == wanted {
                        return Ok(vec![Item::Boolean(wanted)]);
                    }
                }
                Ok(vec![Item::Boolean(!wanted)])
            }
            F::Select => {
                let mut out = Vec::new();
                for (n, item) in input.iter().enumerate() {
                    out.append(&mut self.eval(argument, &scope.at(item, n))?);
                }
                Ok(out)
            }
            F::Repeat => self.repeat(argument, input, scope, true),
            F::RepeatAll => self.repeat(argument, input, scope, false),
            F::Aggregate => {
                let mut total = self.argument(call, 1, scope)?;
                for (n, item) in input.iter().enumerate() {
                    let mut inner = scope.at(item, n);
                    inner.total = Some(&total);
                    let next = self.eval(argument, &inner)?;
                    total = next;
                }
                Ok(total)
            }
            F::Sort => self.sort(call, input, scope),
            F::Iif => self.iif(call, argument, &input, scope),
            _ => {
                // trace
                let name = self.text_argument(call, 0, scope)?.unwrap_or_default();
                match call.arguments.get(1) {
                    None => self.context.host.trace(&name, &input),
                    Some(projection) => {
                        let mut seen = Vec::new();
                        for (n, item) in input.iter().enumerate() {
                            seen.append(&mut self.eval(projection, &scope.at(item, n))?);
                        }
                        self.context.host.trace(&name, &seen);
                    }
                }
                Ok(input)
            }
        }
    }

    /// What the projection gives for the input, for that again, and so on. `distinct` passes over what was there before.
    fn repeat(
        &mut self,
        projection: &'a Tree,
        input: Collection<'a>,
        scope: &Scope<'a, '_>,
        distinct: bool,
    ) -> Answer<'a> {
        let mut out: Collection<'a> = Vec::new();
        let mut seen = equality::Seen::default();
        let mut queue = input;
        while !queue.is_empty() {
            let mut next = Vec::new();
            for (n, item) in queue.iter().enumerate() {
                for found in self.eval(projection, &scope.at(item, n))? {
                    self.charge(1, projection.at)?;
                    if distinct && !self.is_new(&mut seen, &out, &found, projection.at)? {
                        continue;
                    }
                    out.push(found.clone());
                    next.push(found);
                }
            }
            queue = next;
        }
        Ok(out)
    }

    fn iif(
        &mut self,
        call: &'a Call,
        criterion: &'a Tree,
        input: &[Item<'a>],
        scope: &Scope<'a, '_>,
    ) -> Answer<'a> {
        let inner = match input {
            [] => Scope { this: None, ..scope.clone() },
            [one] => Scope { this: Some(one), ..scope.clone() },
            many => {
                return Err(Error::execution(call.at, format!("\"iif\" takes one item, not {}", many.len())));
            }
        };
        let value = self.eval(criterion, &inner)?;
        let wrong = || Error::execution(criterion.at, "the criterion of \"iif\" is a truth value");
        let holds = match value.as_slice() {
            [] => false,
            [one] => one.as_bool().ok_or_else(wrong)?,
            _ => return Err(wrong()),
        };
        match call.arguments.get(if holds { 1 } else { 2 }) {
            Some(branch) => self.eval(branch, &inner),
            None => Ok(Vec::new()),
        }
    }

    /// By each key in turn; a key with a minus sign sorts downwards; items without a key count as greatest.
    fn sort(&mut self, call: &'a Call, input: Collection<'a>, scope: &Scope<'a, '_>) -> Answer<'a> {
        let keys: Vec<(Option<&'a Tree>, bool)> = match call.arguments.as_slice() {
            [] => vec![(None, false)],
            keys => keys
                .iter()
                .map(|key| match &key.shape {
                    Shape::Sign(true, inner) => (Some(&**inner), true),
                    _ => (Some(key), false),
                })
                .collect(),
        };
        let mut rows = Vec::with_capacity(input.len());
        for (n, item) in input.into_iter().enumerate() {
            let mut row = Vec::with_capacity(keys.len());
            for (key, _) in &keys {
                let value = match key {
                    Some(key) => self.eval(key, &scope.at(&item, n))?,
                    None => vec![item.clone()],
                };
                row.push(match value.as_slice() {
                    [] => None,
                    [one] => Some(one.system().ok_or_else(|| unsortable(call))?),
                    _ => return Err(unsortable(call)),
                });
            }
            rows.push((row, item));
        }
        self.charge(rows.len() * (rows.len().max(1).ilog2() as usize + 1), call.at)?;
        let mut failed = false;
        rows.sort_by(|(a, _), (b, _)| {
            for ((x, y), (_, down)) in a.iter().zip(b).zip(&keys) {
                let order = match (x, y) {
                    (None, None) => Ordering::Equal,
                    (None, Some(_)) => Ordering::Greater,
                    (Some(_), None) => Ordering::Less,
                    (Some(x), Some(y)) => self
                        .compare(x, y)
                        .unwrap_or_else(|| {
                            failed = true;
                            None
                        })
                        .unwrap_or(Ordering::Equal),
                };
                if order != Ordering::Equal {
                    return if *down { order.reverse() } else { order };
                }
            }
            Ordering::Equal
        });
        if failed { Err(unsortable(call)) } else { Ok(rows.into_iter().map(|(_, item)| item).collect()) }
    }

    pub(super) fn define(
        &mut self,
        call: &'a Call,
        input: Collection<'a>,
        scope: &mut Scope<'a, '_>,
    ) -> Answer<'a> {
        let Some(name) = self.text_argument(call, 0, scope)? else {
            return Err(Error::execution(call.at, "\"defineVariable\" needs a name"));
        };
        let mut next = scope.variables.as_ref();
        let mut taken = matches!(&*name, "context" | "resource" | "rootResource" | "sct" | "loinc" | "ucum")
            || self.context.variables.iter().any(|(n, _)| *n == name);
        while let Some(defined) = next {
            taken = taken || defined.name == name;
            next = defined.before.as_ref();
        }
        if taken {
            return Err(Error::semantic(call.at, format!("there is a variable %{name} already")));
        }
        let count = scope.variables.as_ref().map_or(0, |v| v.count) + 1;
        if count > MOST_VARIABLES {
            return Err(Error::limit(
                call.at,
                format!("more than {MOST_VARIABLES} variables, which is the limit"),
            ));
        }
        let value = match call.arguments.get(1) {
            None => input.clone(),
            Some(value) => {
                let this = match input.as_slice() {
                    [one] => Some(one),
                    _ => scope.this,
                };
                self.eval(value, &Scope { this, ..scope.clone() })?
            }
        };
        let before = scope.variables.take();
        scope.variables = Some(Rc::new(Defined { name: name.into_owned(), value, count, before }));
        Ok(input)
    }
}

fn unsortable(call: &Call) -> Error {
    Error::execution(call.at, "a key of \"sort\" is one value that can be put in order with the others")
}
