//! The evaluator: walks the tree of an expression over a document, counting its work.

mod call;
mod clock;
mod collection;
mod compare;
mod convert;
mod equality;
mod fhir;
mod keep;
mod lambda;
mod math;
mod operators;
mod quantity;
mod text;

use std::rc::Rc;

use super::context::Context;
use super::error::Error;
use super::function::Function;
use super::item::{Collection, Item};
use super::node::Node;
use super::tree::{Operator, Shape, Step, Tree};
use super::types;

/// What a part of an expression answers.
type Answer<'a> = Result<Collection<'a>, Error>;

/// Most variables that `defineVariable` may add on one way.
const MOST_VARIABLES: usize = 64;

/// One evaluation.
pub(super) struct Evaluator<'a, 'c> {
    context: &'c Context<'a>,
    /// The focus of the whole expression, `%context`.
    focus: Option<&'c Item<'a>>,
    /// Work that is left.
    left: u64,
    /// What went wrong inside a walk, which itself can only stop.
    stopped: Option<Error>,
    /// Whether a walk ends with the first element it finds.
    first_only: bool,
    /// Answers of the parts that are kept, by their numbers.
    kept: Vec<Option<Rc<keep::Kept<'a>>>>,
}

impl<'a, 'c> Evaluator<'a, 'c> {
    const fn new(context: &'c Context<'a>, focus: Option<&'c Item<'a>>) -> Self {
        let left = context.most_steps;
        Self { context, focus, left, stopped: None, first_only: false, kept: Vec::new() }
    }
}

/// What the names in a part of an expression mean.
#[derive(Clone)]
struct Scope<'a, 's> {
    this: Option<&'s Item<'a>>,
    index: Option<i64>,
    total: Option<&'s [Item<'a>]>,
    variables: Option<Rc<Defined<'a>>>,
}

/// A variable of `defineVariable`, and those before it.
struct Defined<'a> {
    name: String,
    value: Collection<'a>,
    count: usize,
    before: Option<Rc<Defined<'a>>>,
}

impl<'a, 's> Scope<'a, 's> {
    /// The same names with another focus.
    fn at<'t>(&'t self, this: &'t Item<'a>, index: usize) -> Scope<'a, 't> {
        Scope {
            this: Some(this),
            index: i64::try_from(index).ok(),
            total: self.total,
            variables: self.variables.clone(),
        }
    }
}

/// Evaluates an expression for a focus.
pub(super) fn evaluate<'a>(tree: &'a Tree, context: &Context<'a>, focus: Option<&Item<'a>>) -> Answer<'a> {
    let mut evaluator = Evaluator::new(context, focus);
    let scope = Scope { this: focus, index: None, total: None, variables: None };
    let answer = evaluator.eval(tree, &scope);
    context.spent.set(context.most_steps - evaluator.left);
    answer
}

/// Evaluates an expression whose answer is a truth value; `None` when it is empty.
pub(super) fn test<'a>(
    tree: &'a Tree,
    context: &Context<'a>,
    focus: Option<&Item<'a>>,
) -> Result<Option<bool>, Error> {
    let mut evaluator = Evaluator::new(context, focus);
    let scope = Scope { this: focus, index: None, total: None, variables: None };
    let answer = evaluator.truth_of(tree, &scope);
    context.spent.set(context.most_steps - evaluator.left);
    answer
}

impl<'a> Evaluator<'a, '_> {
    /// Takes `steps` from the work that is left.
    fn charge(&mut self, steps: usize, at: u32) -> Result<(), Error> {
        match self.left.checked_sub(u64::try_from(steps).unwrap_or(u64::MAX)) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.left = 0;
                Err(self.exhausted(at))
            }
        }
    }

    fn exhausted(&self, at: u32) -> Error {
        let limit = self.context.most_steps;
        Error::limit(at, format!("more than {limit} steps of work, which is the limit for one evaluation"))
    }

    fn eval(&mut self, tree: &'a Tree, scope: &Scope<'a, '_>) -> Answer<'a> {
        self.charge(1, tree.at)?;
        match &tree.shape {
            Shape::Literal(item) => Ok(vec![borrowed(item)]),
            Shape::Nothing => Ok(Vec::new()),
            Shape::This => self.copy(scope.this.map(std::slice::from_ref).unwrap_or_default(), tree.at),
            Shape::Index => Ok(scope.index.map(Item::Integer).into_iter().collect()),
            Shape::Total => self.copy(scope.total.unwrap_or_default(), tree.at),
            Shape::Variable(name) => self.variable(name, tree.at, scope),
            Shape::Name(name) => self.name(name, tree.at, &[], scope),
            Shape::Call(call) => {
                let input = self.copy(scope.this.map(std::slice::from_ref).unwrap_or_default(), tree.at)?;
                self.call(call, input, &mut scope.clone())
            }
            Shape::Path(start, steps) => self.path(start, steps, scope),
            Shape::Sign(minus, inner) => {
                let value = self.eval(inner, scope)?;
                operators::sign(*minus, value, tree.at)
            }
            Shape::Type(inner, test, of) => {
                let value = self.eval(inner, scope)?;
                self.typed(value, *test, *of, self.context.as_filters, tree.at)
            }
            Shape::Kept(number, inner) => {
                let kept = self.kept(*number, inner, scope)?;
                self.copy(kept.items(), tree.at)
            }
            Shape::Fold(first, rest) => self.fold(first, rest, scope),
        }
    }

    /// `is` and `as`.
    fn typed(
        &mut self,
        value: Collection<'a>,
        test: bool,
        of: types::TypeName,
        filters: bool,
        at: u32,
    ) -> Answer<'a> {
        if value.len() > 1 && (test || !filters) {
            let name = if test { "is" } else { "as" };
            return Err(Error::execution(at, format!("\"{name}\" takes one item, not {}", value.len())));
        }
        if test {
            return Ok(value.iter().map(|item| Item::Boolean(types::is_of(item, of, true))).collect());
        }
        Ok(value.into_iter().filter(|item| types::is_of(item, of, false)).collect())
    }

    fn path(&mut self, start: &'a Tree, steps: &'a [Step], scope: &Scope<'a, '_>) -> Answer<'a> {
        let mut scope = scope.clone();
        let (mut current, mut steps) = match &start.shape {
            // Names in a row are walked without collections in between.
            Shape::Name(name) => {
                let (run, rest) = members(steps);
                self.first_only = asks_for_any(rest);
                let found = self.name(name, start.at, run, &scope);
                self.first_only = false;
                (found?, rest)
            }
            Shape::Call(call) => {
                let input = self.copy(scope.this.map(std::slice::from_ref).unwrap_or_default(), start.at)?;
                (self.call(call, input, &mut scope)?, steps)
            }
            _ => (self.eval(start, &scope)?, steps),
        };
        while let Some((step, rest)) = steps.split_first() {
            match step {
                Step::Member(..) => {
                    let (run, rest) = members(steps);
                    let mut out = Vec::new();
                    for item in &current {
                        self.walk_item(item, run, &mut out)?;
                    }
                    (current, steps) = (out, rest);
                }
                Step::Call(call) => {
                    current = self.call(call, current, &mut scope)?;
                    steps = rest;
                }
                Step::Item(index) => {
                    let index_items = self.eval(index, &scope)?;
                    let at = operators::whole(&index_items, index.at)?;
                    current = match at.and_then(|n| usize::try_from(n).ok()) {
                        Some(at) if at < current.len() => vec![current.swap_remove(at)],
                        _ => Vec::new(),
                    };
                    steps = rest;
                }
            }
        }
        Ok(current)
    }

    /// A name at the start of a path, followed by the names of `run`.
    fn name(&mut self, name: &'a str, at: u32, run: &'a [Step], scope: &Scope<'a, '_>) -> Answer<'a> {
        let mut out = Vec::new();
        let Some(this) = scope.this else { return Ok(out) };
        if let Item::Node(node) = this
            && node.is_named(name)
        {
            self.walk_item(this, run, &mut out)?;
            return Ok(out);
        }
        match this {
            Item::Node(node) => {
                self.check_member(*node, name, at)?;
                node.each(name, &mut |child| self.walk(child, run, &mut out));
                self.stop()?;
            }
            other => {
                let own = member_of_value(other, name);
                for item in own.iter() {
                    self.walk_item(item, run, &mut out)?;
                }
            }
        }
        Ok(out)
    }

    fn walk_item(&mut self, item: &Item<'a>, run: &'a [Step], out: &mut Collection<'a>) -> Result<(), Error> {
        match (item, run.split_first()) {
            (Item::Node(node), _) => {
                self.walk(*node, run, out);
                self.stop()
            }
            (other, None) => {
                out.push(other.clone());
                Ok(())
            }
            (other, Some((Step::Member(name, _), rest))) => {
                for item in member_of_value(other, name).iter() {
                    self.walk_item(item, rest, out)?;
                }
                Ok(())
            }
            (_, Some(_)) => Ok(()),
        }
    }

    /// Follows names from one element, depth first. Answers `false` when it had to stop.
    fn walk(&mut self, node: Node<'a>, run: &'a [Step], out: &mut Collection<'a>) -> bool {
        let Some(left) = self.left.checked_sub(1) else {
            self.stopped = Some(self.exhausted(0));
            return false;
        };
        self.left = left;
        let Some((Step::Member(name, at), rest)) = run.split_first() else {
            out.push(Item::Node(node));
            return !self.first_only;
        };
        if self.context.strict
            && let Err(error) = self.check_member(node, name, *at)
        {
            self.stopped = Some(error);
            return false;
        }
        node.each(name, &mut |child| self.walk(child, rest, out))
    }

    /// In strict mode an element that the type does not have is an error.
    fn check_member(&self, node: Node<'a>, name: &str, at: u32) -> Result<(), Error> {
        if !self.context.strict || node.may_have(name) {
            return Ok(());
        }
        let owner = node.kind().map_or("this element", types::kind_name);
        Err(Error::semantic(at, format!("{owner} has no element \"{name}\"")))
    }

    /// The error of a walk that stopped.
    fn stop(&mut self) -> Result<(), Error> {
        self.stopped.take().map_or(Ok(()), Err)
    }

    /// Items once more, charged by their number and by the texts that are copied with them.
    fn copy(&mut self, items: &[Item<'a>], at: u32) -> Answer<'a> {
        let text = |item: &Item<'a>| match item {
            Item::String(std::borrow::Cow::Owned(text)) => text.len() / 8,
            _ => 0,
        };
        self.charge(items.len() + items.iter().map(text).sum::<usize>(), at)?;
        Ok(items.to_vec())
    }

    fn variable(&mut self, name: &str, at: u32, scope: &Scope<'a, '_>) -> Answer<'a> {
        let mut next = scope.variables.as_ref();
        while let Some(defined) = next {
            if defined.name == name {
                return self.copy(&defined.value, at);
            }
            next = defined.before.as_ref();
        }
        let context = self.context;
        if let Some((_, value)) = context.variables.iter().rev().find(|(n, _)| n == name) {
            return self.copy(value, at);
        }
        let node = |node: Option<Node<'a>>| Ok(node.map(Item::Node).into_iter().collect());
        let text = |text: String| Ok(vec![Item::from(text)]);
        match name {
            "context" => Ok(self.focus.cloned().into_iter().collect()),
            "resource" => node(self.context.resource),
            "rootResource" => node(self.context.root),
            "sct" => text("http://snomed.info/sct".to_owned()),
            "loinc" => text("http://loinc.org".to_owned()),
            "ucum" => text("http://unitsofmeasure.org".to_owned()),
            name => match (name.strip_prefix("vs-"), name.strip_prefix("ext-")) {
                (Some(set), _) => text(format!("http://hl7.org/fhir/ValueSet/{set}")),
                (_, Some(extension)) => text(format!("http://hl7.org/fhir/StructureDefinition/{extension}")),
                _ => Err(Error::semantic(at, format!("there is no variable %{name}"))),
            },
        }
    }

    fn fold(
        &mut self,
        first: &'a Tree,
        rest: &'a [(Operator, u32, Tree)],
        scope: &Scope<'a, '_>,
    ) -> Answer<'a> {
        if rest.first().is_some_and(|(operator, _, _)| operator.precedence() <= Operator::And.precedence()) {
            return Ok(self.logic(first, rest, scope)?.map(Item::Boolean).into_iter().collect());
        }
        let (mut left, mut rest) = (None, rest);
        if let (Shape::Kept(number, many), [(Operator::Contains, at, one), others @ ..]) =
            (&first.shape, rest)
        {
            let many = self.kept(*number, many, scope)?;
            let one = self.eval(one, scope)?;
            (left, rest) = (Some(self.among(&many, &one, Operator::Contains, *at)?), others);
        }
        let mut left = left.map_or_else(|| self.eval(first, scope), Ok)?;
        for (operator, at, right) in rest {
            left = match (operator, &right.shape) {
                (Operator::In, Shape::Kept(number, many)) => {
                    let many = self.kept(*number, many, scope)?;
                    self.among(&many, &left, Operator::In, *at)?
                }
                _ => {
                    let right = self.eval(right, scope)?;
                    self.apply(*operator, left, right, *at)?
                }
            };
        }
        Ok(left)
    }

    /// `and`, `or`, `xor`, `implies`: three-valued, and the right side is left out where the left one decides.
    fn logic(
        &mut self,
        first: &'a Tree,
        rest: &'a [(Operator, u32, Tree)],
        scope: &Scope<'a, '_>,
    ) -> Result<Option<bool>, Error> {
        let mut left = self.truth_of(first, scope)?;
        for (operator, _, right) in rest {
            left = match (operator, left) {
                (Operator::And, Some(false)) => Some(false),
                (Operator::Or, Some(true)) | (Operator::Implies, Some(false)) => Some(true),
                (Operator::Xor, None) => None,
                _ => {
                    let right = self.truth_of(right, scope)?;
                    match operator {
                        Operator::And if right == Some(false) => Some(false),
                        Operator::And => left.and(right),
                        Operator::Or if right == Some(true) => Some(true),
                        Operator::Or => left.and(right),
                        Operator::Implies if right == Some(true) => Some(true),
                        Operator::Implies => left.and(right),
                        _ => left.zip(right).map(|(a, b)| a != b),
                    }
                }
            };
        }
        Ok(left)
    }

    /// A part whose answer is a truth value: empty is `None`, one item that is not a truth value is true.
    fn truth_of(&mut self, tree: &'a Tree, scope: &Scope<'a, '_>) -> Result<Option<bool>, Error> {
        match &tree.shape {
            Shape::Fold(first, rest)
                if rest.first().is_some_and(|(o, _, _)| o.precedence() <= Operator::And.precedence()) =>
            {
                self.charge(1, tree.at)?;
                self.logic(first, rest, scope)
            }
            Shape::Path(inner, steps) if steps.is_empty() => self.truth_of(inner, scope),
            _ => {
                let value = self.eval(tree, scope)?;
                operators::truth(&value, tree.at)
            }
        }
    }
}

/// The steps that are names, up to the first that is not, and what follows.
fn members(steps: &[Step]) -> (&[Step], &[Step]) {
    let end = steps.iter().position(|s| !matches!(s, Step::Member(..))).unwrap_or(steps.len());
    steps.split_at_checked(end).unwrap_or((steps, &[]))
}

/// Whether the next step only asks whether there is anything.
fn asks_for_any(steps: &[Step]) -> bool {
    match steps.first() {
        Some(Step::Call(call)) => {
            matches!(call.function, Function::Exists | Function::Empty) && call.arguments.is_empty()
        }
        _ => false,
    }
}

/// Parts of values that are not elements.
fn member_of_value<'a>(item: &Item<'a>, name: &str) -> Option<Item<'a>> {
    match (item, name) {
        (Item::Type(info), "namespace") => Some(Item::from(info.namespace)),
        (Item::Type(info), "name") => Some(Item::from(info.name)),
        (Item::Quantity(quantity), "value") => Some(Item::Decimal(quantity.value)),
        (Item::Quantity(quantity), "unit" | "code") => Some(Item::String(quantity.unit.clone())),
        _ => None,
    }
}

/// A literal without copying its text.
fn borrowed<'a>(item: &'a Item<'static>) -> Item<'a> {
    match item {
        Item::String(text) => Item::String(std::borrow::Cow::Borrowed(text)),
        other => other.clone(),
    }
}
