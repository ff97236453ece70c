//! The places of all parameters of a type as one tree, so that a resource is walked once.

use super::params::{Filter, Param, Step};
use crate::json::Value;

/// A place and those within it.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// By the name of the member.
    children: Vec<(Step, Node)>,
    /// Whose values stand here.
    leaves: Vec<Leaf>,
}

/// What stands at a place.
#[derive(Debug, Clone, Copy)]
pub(super) enum Leaf {
    /// A value: place of the parameter in its list, place of the path in the parameter.
    Value(usize, usize),
    /// The common element of a composite: place of the parameter in its list.
    Composite(usize),
}

impl Node {
    /// The tree of all parameters that have values of their own.
    pub(super) fn of(params: &[Param]) -> Self {
        let mut root = Self::default();
        for (at, param) in params.iter().enumerate().filter(|(_, p)| p.asks.is_empty()) {
            for (path, place) in param.paths.iter().enumerate() {
                root.insert(&place.steps, Leaf::Value(at, path));
            }
            if !param.components.is_empty() {
                root.insert(&param.root, Leaf::Composite(at));
            }
        }
        root
    }

    fn insert(&mut self, steps: &[Step], leaf: Leaf) {
        let Some((first, rest)) = steps.split_first() else { return self.leaves.push(leaf) };
        let known = self.children.iter().position(|(step, _)| step == first);
        let place = known.unwrap_or_else(|| {
            let place = self.children.partition_point(|(step, _)| step.key <= first.key);
            self.children.insert(place, (first.clone(), Self::default()));
            place
        });
        if let Some((_, child)) = self.children.get_mut(place) {
            child.insert(rest, leaf);
        }
    }

    /// Visits every value below `value`, which stands at this place.
    pub(super) fn visit<'v>(&self, value: &'v Value, visit: &mut impl FnMut(Leaf, &'v Value)) {
        self.leaves.iter().for_each(|leaf| visit(*leaf, value));
        let Some(object) = value.as_object().filter(|_| !self.children.is_empty()) else { return };
        for (key, member) in object.iter() {
            let start = self.children.partition_point(|(step, _)| step.key < key);
            let here = self.children.get(start..).unwrap_or_default();
            for (step, child) in here.iter().take_while(|(step, _)| step.key == key) {
                items(member, &step.filter, &mut |item| child.visit(item, visit));
            }
        }
    }
}

/// Every value that the steps lead to from `value`.
pub(super) fn walk<'v>(value: &'v Value, steps: &[Step], visit: &mut impl FnMut(&'v Value)) {
    let Some((step, rest)) = steps.split_first() else { return visit(value) };
    let Some(member) = value.get(step.key) else { return };
    let mut found = Vec::new();
    items(member, &step.filter, &mut |item| found.push(item));
    found.into_iter().for_each(|item| walk(item, rest, visit));
}

/// The items of a member that a filter takes; a single value is one item.
fn items<'v>(member: &'v Value, filter: &Filter, visit: &mut impl FnMut(&'v Value)) {
    let items = member.as_array().unwrap_or(std::slice::from_ref(member));
    match filter {
        Filter::All => items.iter().for_each(visit),
        Filter::With(key, value) => items.iter().filter(|item| item.str(key) == Some(value)).for_each(visit),
        Filter::At(at) => items.get(*at).into_iter().for_each(visit),
    }
}
