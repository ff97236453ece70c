//! Slicing: which slice an occurrence belongs to, and what follows from it.

use std::sync::Arc;

use super::check::{Check, Occurrence, is_type, occurrences};
use super::compare::{fits, same};
use super::{Discriminator, Node, Profile, Rules, Slice, Slicing, core_type};
use crate::fhir::definitions::Kind;
use crate::fhir::outcome::{Issue, IssueCode, Severity};
use crate::fhir::profile::Strength;
use crate::fhir::terminology::{Membership, canonical, member};
use crate::json::Value;

/// What a discriminator finds in a slice: a node of the tree, or of a profile that the tree refers to.
enum Rule<'n> {
    Here(&'n Node),
    In(Arc<Profile>, Vec<String>),
}

impl Rule<'_> {
    fn with<T>(&self, then: impl FnOnce(&Node) -> T) -> Option<T> {
        match self {
            Self::Here(node) => Some(then(node)),
            Self::In(profile, steps) => {
                steps.iter().try_fold(&profile.root, |node, step| node.child(step)).map(then)
            }
        }
    }
}

impl<'a> Check<'a, '_> {
    /// Puts each occurrence into its slice and checks it there, and in the slices within that. Slices within a slice that
    /// say nothing of their own about how they are told apart are told apart as those outside (`outer`).
    pub(super) fn slices(
        &mut self,
        found: &[Occurrence<'a>],
        node: &Node,
        profile: &str,
        outer: Option<&Slicing>,
    ) {
        let implied =
            Slicing { discriminators: vec![(Discriminator::Value, "url".to_owned())], ..Slicing::default() };
        let unsaid = Slicing::default();
        let slicing = match node.slicing.as_ref().or(outer) {
            Some(own) => own,
            None if matches!(node.name.as_str(), "extension" | "modifierExtension") => &implied,
            None => &unsaid,
        };
        let mut groups = vec![Vec::new(); node.slices.len()];
        let (mut last, mut left_over) = (0, false);
        for one in found {
            let fitting = self.slice_of(one, node, slicing);
            let Some((at, slice)) = fitting else {
                left_over = true;
                if slicing.rules == Rules::Closed {
                    self.within(&node.name, one.index, |check| {
                        let names: Vec<&str> = node.slices.iter().map(|s| s.name.as_str()).collect();
                        let text = format!(
                            "fits none of the slices {} and no other is allowed (from {profile})",
                            names.join(", ")
                        );
                        check.report(IssueCode::Structure, text);
                    });
                }
                continue;
            };
            if let Some(group) = groups.get_mut(at) {
                group.push(*one);
            }
            if slicing.ordered && at < last || slicing.rules == Rules::OpenAtEnd && left_over {
                self.within(&node.name, one.index, |check| {
                    let text = format!("the slice {} stands too late (from {profile})", slice.name);
                    check.report(IssueCode::Structure, text);
                });
            }
            last = last.max(at);
            self.within(&node.name, one.index, |check| check.occurrence(one, &slice.node, profile));
        }
        for (slice, group) in node.slices.iter().zip(groups) {
            if !slice.node.slices.is_empty() {
                self.slices(&group, &slice.node, profile, Some(slicing));
            }
            let count = u32::try_from(group.len()).unwrap_or(u32::MAX);
            let (min, max) = (slice.node.min.unwrap_or_default(), slice.node.max.unwrap_or(u32::MAX));
            let text = if count < min {
                format!("at least {min} of the slice {} needed, {count} found (from {profile})", slice.name)
            } else if count > max {
                format!("at most {max} of the slice {} allowed, {count} found (from {profile})", slice.name)
            } else {
                continue;
            };
            let code = if count < min { IssueCode::Required } else { IssueCode::Structure };
            self.within(&node.name, None, |check| check.report(code, text));
        }
    }

    fn report(&mut self, code: IssueCode, text: String) {
        let place = self.path.clone();
        self.issues.push(Issue::error(code, text).at(place));
    }

    fn slice_of<'n>(
        &mut self,
        one: &Occurrence<'a>,
        node: &'n Node,
        slicing: &Slicing,
    ) -> Option<(usize, &'n Slice)> {
        node.slices.iter().enumerate().find(|(_, slice)| {
            if !self.charge() {
                return false;
            }
            if slicing.discriminators.is_empty() {
                return self.silent(one, &slice.node);
            }
            slicing
                .discriminators
                .iter()
                .all(|(kind, path)| self.discriminates(one, &slice.node, *kind, path))
        })
    }

    /// Whether an occurrence breaks nothing of a node.
    fn silent(&mut self, one: &Occurrence<'a>, node: &Node) -> bool {
        let before = std::mem::take(&mut self.issues);
        self.occurrence(one, node, "");
        let found = std::mem::replace(&mut self.issues, before);
        !found.iter().any(|i| i.severity >= Severity::Error)
    }

    fn discriminates(&mut self, one: &Occurrence<'a>, node: &Node, kind: Discriminator, path: &str) -> bool {
        let steps = steps(path);
        // An extension is told by its address even where its own definition is not known here.
        if let (Discriminator::Value, [only]) = (kind, steps.as_slice())
            && only == "url"
            && let Some(url) = node.types.iter().flatten().find_map(|t| t.profiles.first())
        {
            return one.value.and_then(|v| v.str("url")) == Some(canonical(url).0);
        }
        let values = self.reach(one, &steps);
        let rule = self.rule(node, &steps);
        match kind {
            Discriminator::Exists => {
                let here = !values.is_empty();
                let (min, max) = rule
                    .and_then(|rule| rule.with(|n| (n.min.unwrap_or_default(), n.max)))
                    .unwrap_or((0, None));
                if max == Some(0) { !here } else { min == 0 || here }
            }
            Discriminator::Value => match rule {
                None => true,
                Some(rule) => rule.with(|n| self.value_fits(&values, n)).unwrap_or(true),
            },
            Discriminator::Type => {
                let wanted = self.wanted_types(node, &steps);
                wanted.is_empty()
                    || values.iter().any(|v| wanted.iter().any(|w| is_exactly(v.type_name(), w)))
            }
            Discriminator::Profile => {
                let urls = wanted_profiles(node, &steps);
                urls.is_empty()
                    || values.iter().any(|v| {
                        urls.iter().any(|url| match (self.definitions.profile(url), v.value) {
                            (Some(profile), Some(value)) => self.follows(value, v.kind, &profile),
                            _ => core_type(url) == Some(v.type_name()),
                        })
                    })
            }
        }
    }

    /// Whether any of the values is what the node fixes, by a value, a pattern or a required binding.
    fn value_fits(&mut self, values: &[Occurrence<'a>], node: &Node) -> bool {
        if let Some(wanted) = node.fixed.as_ref() {
            return values.iter().any(|v| v.value.is_some_and(|v| same(v, wanted)));
        }
        if let Some(wanted) = node.pattern.as_ref() {
            return values.iter().any(|v| v.value.is_some_and(|v| fits(v, wanted)));
        }
        if let Some(binding) = node.binding.as_ref().filter(|b| b.strength == Strength::Required) {
            return values.iter().any(|v| self.bound_to(v, &binding.value_set));
        }
        let bare = node.types.is_none() && node.children.is_empty() && node.slices.is_empty();
        bare && node.max != Some(0)
            || values.iter().any(|v| self.silent(v, node))
            || values.is_empty() && node.min.unwrap_or_default() == 0
    }

    fn bound_to(&self, one: &Occurrence<'a>, set: &str) -> bool {
        let (url, version) = canonical(set);
        let (Some(set), Some(value)) = (self.definitions.value_set(url, version), one.value) else {
            return false;
        };
        let coded = |v: &Value| v.str("code").map(|c| (v.str("system").map(str::to_owned), c.to_owned()));
        let mut codes: Vec<_> = value.items("coding").iter().filter_map(coded).collect();
        codes.extend(coded(value));
        codes.extend(value.as_str().map(|c| (None, c.to_owned())));
        codes
            .iter()
            .any(|(system, code)| member(self.definitions, &set, system.as_deref(), code) == Membership::In)
    }

    /// The values that a discriminator's path leads to.
    fn reach(&self, one: &Occurrence<'a>, steps: &[String]) -> Vec<Occurrence<'a>> {
        let mut at = vec![*one];
        for step in steps {
            at = at.iter().flat_map(|o| self.step(o, step)).collect();
        }
        at
    }

    fn step(&self, one: &Occurrence<'a>, step: &str) -> Vec<Occurrence<'a>> {
        if step == "resolve()" {
            let text = one.value.and_then(|v| v.str("reference").or_else(|| v.as_str()));
            let found = text.and_then(|text| self.around.resolve(text));
            let whole =
                |value| Occurrence { value: Some(value), twin: None, kind: Kind::Resource, index: None };
            return found.map(whole).into_iter().collect();
        }
        if let Some(kind) = argument(step, "ofType") {
            return if one.type_name() == kind { vec![*one] } else { Vec::new() };
        }
        let (Some(object), Some(definition)) = (one.object(), one.definition()) else { return Vec::new() };
        if let Some(url) = argument(step, "extension") {
            let mut found = occurrences(object, definition, "extension");
            found.retain(|o| o.value.and_then(|v| v.str("url")) == Some(url));
            return found;
        }
        occurrences(object, definition, step)
    }

    /// The node that a discriminator's path leads to in a slice.
    fn rule<'n>(&self, node: &'n Node, steps: &[String]) -> Option<Rule<'n>> {
        let mut at = node;
        for (n, step) in steps.iter().enumerate() {
            let rest = || steps.iter().skip(n).filter(|s| !s.contains('(')).cloned().collect::<Vec<_>>();
            if step == "resolve()" {
                let target = at.types.iter().flatten().find_map(|t| t.targets.first())?;
                return Some(Rule::In(self.definitions.profile(target)?, rest()));
            }
            if let Some(url) = argument(step, "extension") {
                let slices = at.child("extension").map(|e| e.slices.as_slice()).unwrap_or_default();
                at = slices.iter().map(|s| &s.node).find(|n| {
                    let by_profile = n.types.iter().flatten().any(|t| t.profiles.iter().any(|p| p == url));
                    let fixed = n.child("url").and_then(|u| u.fixed.as_ref()).and_then(Value::as_str);
                    by_profile || fixed == Some(url)
                })?;
                continue;
            }
            if argument(step, "ofType").is_some() {
                continue;
            }
            match at.child(step) {
                Some(child) => at = child,
                None => {
                    let profile = at.types.iter().flatten().find_map(|t| t.profiles.first())?;
                    return Some(Rule::In(self.definitions.profile(profile)?, rest()));
                }
            }
        }
        Some(Rule::Here(at))
    }

    fn wanted_types(&self, node: &Node, steps: &[String]) -> Vec<String> {
        let resolved = steps.iter().any(|s| s == "resolve()");
        let plain: Vec<String> = steps.iter().filter(|s| *s != "resolve()").cloned().collect();
        let Some(rule) = self.rule(node, &plain) else { return Vec::new() };
        rule.with(|n| {
            let types = n.types.iter().flatten();
            if !resolved {
                return types.map(|t| t.code.clone()).collect();
            }
            types
                .flat_map(|t| &t.targets)
                .filter_map(|url| {
                    let known = || self.definitions.profile(url).map(|p| p.type_name.clone());
                    core_type(url).map(str::to_owned).or_else(known)
                })
                .collect()
        })
        .unwrap_or_default()
    }
}

fn wanted_profiles(node: &Node, steps: &[String]) -> Vec<String> {
    let resolved = steps.iter().any(|s| s == "resolve()");
    let mut at = node;
    for step in steps.iter().filter(|s| !s.contains('(')) {
        match at.child(step) {
            Some(child) => at = child,
            None => return Vec::new(),
        }
    }
    let types = at.types.iter().flatten();
    types.flat_map(|t| if resolved { t.targets.clone() } else { t.profiles.clone() }).collect()
}

fn is_exactly(own: &str, wanted: &str) -> bool {
    own == wanted || (wanted != "Element" && is_type(own, wanted))
}

/// The steps of a discriminator's path, `$this` left out.
fn steps(path: &str) -> Vec<String> {
    let mut steps = vec![String::new()];
    let mut depth = 0i32;
    for c in path.chars() {
        depth += i32::from(c == '(') - i32::from(c == ')');
        match (c, steps.last_mut()) {
            ('.', _) if depth == 0 => steps.push(String::new()),
            (_, Some(last)) => last.push(c),
            (_, None) => {}
        }
    }
    steps.retain(|s| !s.is_empty() && s != "$this");
    steps
}

/// `extension('url')` gives `url`, `ofType(Quantity)` gives `Quantity`.
fn argument<'s>(step: &'s str, function: &str) -> Option<&'s str> {
    let inner = step.strip_prefix(function)?.strip_prefix('(')?.strip_suffix(')')?;
    Some(inner.trim_matches(['\'', '"']))
}
