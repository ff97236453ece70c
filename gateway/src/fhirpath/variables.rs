//! Which variables an expression takes from outside.

use super::function::Function;
use super::item::Item;
use super::tree::{Call, Shape, Step, Tree};

/// Names of the variables that an expression asks for and does not define itself, each once, with the first place.
pub(super) fn asked(tree: &Tree) -> Vec<(&str, u32)> {
    let mut names = Names::default();
    names.tree(tree);
    let Names { mut asked, defined } = names;
    asked.retain(|(name, _)| !defined.contains(name));
    asked
}

#[derive(Default)]
struct Names<'a> {
    asked: Vec<(&'a str, u32)>,
    defined: Vec<&'a str>,
}

impl<'a> Names<'a> {
    fn tree(&mut self, tree: &'a Tree) {
        match &tree.shape {
            Shape::Literal(_)
            | Shape::Nothing
            | Shape::This
            | Shape::Index
            | Shape::Total
            | Shape::Name(_) => {}
            Shape::Variable(name) => {
                if !self.asked.iter().any(|(known, _)| *known == &**name) {
                    self.asked.push((name, tree.at));
                }
            }
            Shape::Call(call) => self.call(call),
            Shape::Path(first, steps) => {
                self.tree(first);
                for step in steps {
                    match step {
                        Step::Member(..) => {}
                        Step::Call(call) => self.call(call),
                        Step::Item(index) => self.tree(index),
                    }
                }
            }
            Shape::Sign(_, inner) | Shape::Type(inner, _, _) | Shape::Kept(_, inner) => self.tree(inner),
            Shape::Fold(first, rest) => {
                self.tree(first);
                for (_, _, right) in rest {
                    self.tree(right);
                }
            }
        }
    }

    fn call(&mut self, call: &'a Call) {
        if call.function == Function::DefineVariable
            && let Some(Shape::Literal(Item::String(name))) = call.arguments.first().map(|name| &name.shape)
        {
            self.defined.push(name);
        }
        for argument in &call.arguments {
            self.tree(argument);
        }
    }
}
