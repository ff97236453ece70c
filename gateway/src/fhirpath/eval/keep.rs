//! Answers of parts that mean the same for every item: evaluated once, looked into by an index.

use std::cell::OnceCell;
use std::rc::Rc;

use super::super::error::Error;
use super::super::item::{Collection, Item};
use super::super::tree::{Operator, Tree};
use super::equality::Seen;
use super::{Answer, Evaluator, Scope, operators};

/// What a part answered.
pub(super) struct Kept<'a> {
    items: Collection<'a>,
    index: OnceCell<Seen>,
}

impl<'a> Kept<'a> {
    /// All of it.
    pub fn items(&self) -> &[Item<'a>] {
        &self.items
    }
}

impl<'a> Evaluator<'a, '_> {
    /// What a part answers, evaluated when it is first asked for.
    pub(super) fn kept(
        &mut self,
        number: usize,
        part: &'a Tree,
        scope: &Scope<'a, '_>,
    ) -> Result<Rc<Kept<'a>>, Error> {
        self.charge(1, part.at)?;
        if let Some(Some(known)) = self.kept.get(number) {
            return Ok(Rc::clone(known));
        }
        let items = self.eval(part, scope)?;
        let kept = Rc::new(Kept { items, index: OnceCell::new() });
        if self.kept.len() <= number {
            self.kept.resize(number + 1, None);
        }
        if let Some(place) = self.kept.get_mut(number) {
            *place = Some(Rc::clone(&kept));
        }
        Ok(kept)
    }

    /// `in` and `contains` with a kept collection.
    pub(super) fn among(
        &mut self,
        many: &Kept<'a>,
        one: &[Item<'a>],
        operator: Operator,
        at: u32,
    ) -> Answer<'a> {
        let Some(item) = operators::sought(one, operator, at)? else { return Ok(Vec::new()) };
        let index = match many.index.get() {
            Some(index) => index,
            None => {
                let made = self.index(&many.items, at)?;
                many.index.get_or_init(|| made)
            }
        };
        let found = self.is_among(index, &many.items, item, at)?;
        Ok(vec![Item::Boolean(found)])
    }
}
