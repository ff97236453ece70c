//! Functions on collections as such, and on the types of their items.

use super::super::error::Error;
use super::super::function::Function as F;
use super::super::item::{Collection, Item};
use super::super::tree::Call;
use super::super::types;
use super::{Answer, Evaluator, Scope, call, equality};

impl<'a> Evaluator<'a, '_> {
    /// Functions without arguments.
    pub(super) fn shape(&mut self, call: &'a Call, mut input: Collection<'a>) -> Answer<'a> {
        let truth = |value: bool| Ok(vec![Item::Boolean(value)]);
        match call.function {
            F::Empty => truth(input.is_empty()),
            F::Exists => truth(!input.is_empty()),
            F::Not => {
                let value = super::operators::truth(&input, call.at)?;
                Ok(value.map(|b| Item::Boolean(!b)).into_iter().collect())
            }
            F::Count => Ok(i64::try_from(input.len()).map(Item::Integer).into_iter().collect()),
            F::First => {
                input.truncate(1);
                Ok(input)
            }
            F::Last => Ok(input.pop().into_iter().collect()),
            F::Tail => Ok(input.into_iter().skip(1).collect()),
            F::Single => {
                if input.len() > 1 {
                    let message = format!("\"single\" is for one item, there are {}", input.len());
                    return Err(Error::execution(call.at, message));
                }
                Ok(input)
            }
            F::Distinct => self.union(input, Vec::new(), call.at),
            F::IsDistinct => {
                let mut seen = equality::Seen::default();
                for (n, item) in input.iter().enumerate() {
                    let before = input.get(..n).unwrap_or_default();
                    if !self.is_new(&mut seen, before, item, call.at)? {
                        return truth(false);
                    }
                }
                truth(true)
            }
            F::AllTrue => truth(!self.any(call, &input, false)?),
            F::AnyTrue => truth(self.any(call, &input, true)?),
            F::AllFalse => truth(!self.any(call, &input, true)?),
            F::AnyFalse => truth(self.any(call, &input, false)?),
            F::Children => self.children(&input, call.at),
            _ => {
                // Depth first, each element before what is below it.
                let mut out = Vec::new();
                let mut open = self.children(&input, call.at)?;
                open.reverse();
                while let Some(item) = open.pop() {
                    let below = self.children(std::slice::from_ref(&item), call.at)?;
                    open.extend(below.into_iter().rev());
                    out.push(item);
                }
                Ok(out)
            }
        }
    }

    fn any(&self, call: &Call, input: &[Item<'a>], wanted: bool) -> Result<bool, Error> {
        let mut found = false;
        for item in input {
            found |= item.as_bool().ok_or_else(|| call::mismatch(call, "truth values"))? == wanted;
        }
        Ok(found)
    }

    fn children(&mut self, input: &[Item<'a>], at: u32) -> Answer<'a> {
        let mut out = Vec::new();
        for item in input {
            let Item::Node(node) = item else { continue };
            let before = out.len();
            node.each_child(&mut |child| {
                out.push(Item::Node(child));
                true
            });
            self.charge(1 + out.len() - before, at)?;
        }
        Ok(out)
    }

    /// Functions that take another collection or a number.
    pub(super) fn sets(
        &mut self,
        call: &'a Call,
        mut input: Collection<'a>,
        scope: &Scope<'a, '_>,
    ) -> Answer<'a> {
        let truth = |value: bool| Ok(vec![Item::Boolean(value)]);
        if matches!(call.function, F::Skip | F::Take) {
            let Some(number) = self.whole_argument(call, 0, scope)? else { return Ok(Vec::new()) };
            let number = usize::try_from(number.max(0)).unwrap_or(usize::MAX);
            if call.function == F::Skip {
                return Ok(input.into_iter().skip(number).collect());
            }
            input.truncate(number);
            return Ok(input);
        }
        if call.function == F::Coalesce {
            for n in 0..call.arguments.len() {
                let value = self.argument(call, n, scope)?;
                if !value.is_empty() {
                    return Ok(value);
                }
            }
            return Ok(Vec::new());
        }
        let mut other = self.argument(call, 0, scope)?;
        match call.function {
            F::Union => self.union(input, other, call.at),
            F::Combine => {
                let preserves = self.argument(call, 1, scope)?;
                let _ = super::operators::truth(&preserves, call.at)?;
                input.append(&mut other);
                Ok(input)
            }
            F::SubsetOf => truth(self.is_subset(&input, &other, call.at)?),
            F::SupersetOf => truth(self.is_subset(&other, &input, call.at)?),
            F::Intersect => {
                let known = self.index(&other, call.at)?;
                let mut seen = equality::Seen::default();
                let mut out = Vec::new();
                for item in input {
                    if self.is_among(&known, &other, &item, call.at)?
                        && self.is_new(&mut seen, &out, &item, call.at)?
                    {
                        out.push(item);
                    }
                }
                Ok(out)
            }
            _ => {
                // exclude
                let known = self.index(&other, call.at)?;
                let mut out = Vec::new();
                for item in input {
                    if !self.is_among(&known, &other, &item, call.at)? {
                        out.push(item);
                    }
                }
                Ok(out)
            }
        }
    }

    fn is_subset(&mut self, part: &[Item<'a>], whole: &[Item<'a>], at: u32) -> Result<bool, Error> {
        let known = self.index(whole, at)?;
        for item in part {
            if !self.is_among(&known, whole, item, at)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// `is`, `as`, `ofType`, `type`.
    pub(super) fn types(&mut self, call: &'a Call, input: Collection<'a>) -> Answer<'a> {
        match (call.function, call.of) {
            (F::OfType, Some(of)) => {
                Ok(input.into_iter().filter(|item| types::is_of(item, of, false)).collect())
            }
            (F::Is | F::As, Some(of)) => {
                self.typed(input, call.function == F::Is, of, self.context.as_filters, call.at)
            }
            _ => Ok(input.iter().filter_map(Item::type_info).map(Item::Type).collect()),
        }
    }
}
