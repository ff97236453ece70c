//! Parts of an expression that do not depend on the item at hand, found when it is read.
//!
//! `entry.all(%resource.link.url contains fullUrl)` asks for the same links once for every entry. Such a part, beneath a
//! function that goes through items, becomes [`Shape::Kept`]: it is evaluated when it is first needed and its answer kept
//! for the rest of the evaluation, with an index for `in` and `contains`. A part is one only when all it starts from is
//! the document (`%resource`, `%rootResource`, `%context`) and nothing in it is seen from outside.

use super::function::Function as F;
use super::tree::{Call, Shape, Step, Tree};

/// Marks the parts of an expression that may be kept.
pub(super) fn mark(tree: &mut Tree) {
    Marker { next: 0 }.tree(tree, false);
}

struct Marker {
    next: usize,
}

impl Marker {
    /// `each` within an argument that is evaluated for every item.
    fn tree(&mut self, tree: &mut Tree, each: bool) {
        let large = matches!(tree.shape, Shape::Path(..) | Shape::Fold(..));
        if each && large && Within::Outer.holds(tree) && asks_the_document(tree) {
            let shape = std::mem::replace(&mut tree.shape, Shape::Nothing);
            tree.shape = Shape::Kept(self.next, Box::new(Tree { at: tree.at, shape }));
            self.next += 1;
            return;
        }
        match &mut tree.shape {
            Shape::Call(call) => self.call(call, each),
            Shape::Path(first, steps) => {
                self.tree(first, each);
                for step in steps {
                    match step {
                        Step::Member(..) => {}
                        Step::Call(call) => self.call(call, each),
                        Step::Item(index) => self.tree(index, each),
                    }
                }
            }
            Shape::Sign(_, inner) | Shape::Type(inner, _, _) | Shape::Kept(_, inner) => {
                self.tree(inner, each);
            }
            Shape::Fold(first, rest) => {
                self.tree(first, each);
                for (_, _, right) in rest {
                    self.tree(right, each);
                }
            }
            Shape::Literal(_)
            | Shape::Nothing
            | Shape::This
            | Shape::Index
            | Shape::Total
            | Shape::Variable(_)
            | Shape::Name(_) => {}
        }
    }

    fn call(&mut self, call: &mut Call, each: bool) {
        let inner = each || goes_through(call.function);
        for argument in &mut call.arguments {
            self.tree(argument, inner);
        }
    }
}

/// Functions that evaluate their first argument for every item.
const fn goes_through(function: F) -> bool {
    matches!(
        function,
        F::Where | F::Select | F::All | F::Exists | F::Repeat | F::RepeatAll | F::Aggregate | F::Sort
    )
}

/// Whose focus a part stands in.
#[derive(Clone, Copy, PartialEq)]
enum Within {
    /// That of the item outside, which a kept part may not look at.
    Outer,
    /// That of an item which the part itself goes through.
    Own,
}

impl Within {
    /// Whether a part answers the same whatever the item outside is.
    fn holds(self, tree: &Tree) -> bool {
        match &tree.shape {
            Shape::Literal(_) | Shape::Nothing => true,
            Shape::This | Shape::Index | Shape::Name(_) => self == Self::Own,
            Shape::Total => false,
            Shape::Variable(name) => is_document(name),
            Shape::Call(call) => self == Self::Own && self.call(call),
            Shape::Path(first, steps) => {
                self.holds(first)
                    && steps.iter().all(|step| match step {
                        Step::Member(..) => true,
                        Step::Call(call) => self.call(call),
                        Step::Item(index) => self.holds(index),
                    })
            }
            Shape::Sign(_, inner) | Shape::Type(inner, _, _) | Shape::Kept(_, inner) => self.holds(inner),
            Shape::Fold(first, rest) => {
                self.holds(first) && rest.iter().all(|(_, _, right)| self.holds(right))
            }
        }
    }

    fn call(self, call: &Call) -> bool {
        match call.function {
            // These see names or totals from outside, say something to the host, or name a type.
            F::Trace | F::DefineVariable | F::Aggregate | F::GetReferenceKey => false,
            F::Is | F::As | F::OfType => true,
            F::Where | F::Select | F::All | F::Exists | F::Repeat | F::RepeatAll | F::Sort => {
                call.arguments.iter().all(|argument| Self::Own.holds(argument))
            }
            _ => call.arguments.iter().all(|argument| self.holds(argument)),
        }
    }
}

fn is_document(name: &str) -> bool {
    matches!(name, "resource" | "rootResource" | "context")
}

/// Whether there is anything to keep: a path through the document.
fn asks_the_document(tree: &Tree) -> bool {
    match &tree.shape {
        Shape::Path(first, steps) => match &first.shape {
            Shape::Variable(name) => is_document(name) && !steps.is_empty(),
            _ => asks_the_document(first),
        },
        Shape::Sign(_, inner) | Shape::Type(inner, _, _) => asks_the_document(inner),
        Shape::Fold(first, rest) => {
            asks_the_document(first) || rest.iter().any(|(_, _, right)| asks_the_document(right))
        }
        _ => false,
    }
}
