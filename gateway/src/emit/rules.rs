//! The rules of `map` read backwards: what a block says of a segment, written from the resource it becomes.
//!
//! Where an item of a list could have come from several fields, the one that fits it best is written, then the first in
//! the order of the rules, which is the standard guide's. A field that is set already stays.

use std::collections::BTreeSet;

use crate::hl7::encode::Content;
use crate::json::Value;
use crate::map::concepts;
use crate::map::rules::{Block, How, List, RULES, Rule, Step};

use super::codes;
use super::contact::{xad, xpn, xtn};
use super::segment::{Segment, parts, repeats, text};
use super::types::{Scope, cwe, day, dtm, identifier_type, period};
use super::value;

const ALTERNATE: &str = "http://hl7.org/fhir/StructureDefinition/alternate-codes";

/// Kinds of numbers that belong to orders; they stand in fields of their own.
const ORDER_KINDS: &[&str] = &["PLAC", "FILL", "PGN", "FGN"];

/// Writes what the block of that name knows of a resource into a segment.
pub(super) fn fill(scope: &Scope<'_>, segment: &mut Segment, block: &str, resource: &Value) {
    fill_but(scope, segment, block, resource, &[]);
}

/// The same without some fields.
pub(super) fn fill_but(scope: &Scope<'_>, segment: &mut Segment, block: &str, resource: &Value, but: &[u16]) {
    let Some(block) = RULES.block(block) else { return };
    let free = |rule: &&Rule| {
        let field = rule.source.0;
        field != 0 && !but.contains(&field) && !segment.has(usize::from(field))
    };
    let rules: Vec<&Rule> = block.rules.iter().filter(free).collect();
    let back = Back { scope, block, rules: &rules, resource };
    let mut used = BTreeSet::new();
    for rule in &rules {
        let (field, component, sub) = rule.source;
        let content = back.content(rule, &mut used);
        let content = match (component, sub) {
            (0, _) => content,
            (n, 0) => at(n, content),
            (n, sub) => at(n, at(sub, content)),
        };
        if !segment.has(usize::from(field)) {
            segment.set(usize::from(field), content);
        }
    }
}

/// Content as the n-th part of what is around it.
fn at(n: u16, content: Content) -> Content {
    let mut all = vec![Content::Empty; usize::from(n.saturating_sub(1))];
    all.push(content);
    parts(all)
}

struct Back<'b> {
    scope: &'b Scope<'b>,
    block: &'static Block,
    /// The rules that may be written.
    rules: &'b [&'static Rule],
    resource: &'b Value,
}

impl<'b> Back<'b> {
    /// What a rule writes; each place of the resource is written once.
    fn content(&self, rule: &Rule, used: &mut BTreeSet<String>) -> Content {
        let plain = rule.path.iter().all(|s| s.list == List::No);
        if let How::Always(constant) = rule.how {
            // A constant that one value of the field stands for is written as that value.
            let own = rule.when.as_ref().filter(|w| !w.negated && w.source == rule.source && plain);
            let said = own.filter(|_| says(self.resource, &rule.path, constant));
            return text(said.and_then(|w| w.values.first()).copied());
        }
        let mut found = Vec::new();
        self.find(rule, 0, self.resource, String::new(), &mut found);
        let mut all = Vec::new();
        for (pointer, value) in found {
            let content = self.convert(rule.how, value);
            if content != Content::Empty && used.insert(pointer) {
                all.push(content);
            }
        }
        if all.is_empty()
            && let (How::Code(_), true) = (rule.how, plain)
        {
            return self.alternate(&rule.path);
        }
        repeats(all)
    }

    /// The values at a rule's path, with their pointers.
    fn find(
        &self,
        rule: &Rule,
        depth: usize,
        here: &'b Value,
        base: String,
        found: &mut Vec<(String, &'b Value)>,
    ) {
        let Some(step) = rule.path.get(depth) else { return found.push((base, here)) };
        let base = format!("{base}/{}", step.name);
        if step.list == List::No {
            if let Some(inner) = here.get(step.name) {
                self.find(rule, depth + 1, inner, base, found);
            }
            return;
        }
        let prefix = rule.path.get(..=depth).unwrap_or_default();
        for (n, item) in here.items(step.name).iter().enumerate() {
            if self.belongs(rule, prefix, item) {
                self.find(rule, depth + 1, item, format!("{base}/{n}"), found);
            }
        }
    }

    /// Whether an item of a list is what a rule means: a labelled one by the constants of its label; any other unless it
    /// is a labelled one or fits another rule better.
    fn belongs(&self, rule: &Rule, prefix: &[Step], item: &Value) -> bool {
        let Some((last, before)) = prefix.split_last() else { return false };
        let constants = self.constants(prefix, Some(rule));
        if let (List::Item(_), false) = (last.list, constants.is_empty()) {
            return constants.iter().all(|(steps, constant)| says(item, steps, constant));
        }
        let mut labels = self.block.rules.iter().filter_map(|r| {
            let (step, head) = (r.path.get(before.len())?, r.path.get(..before.len())?);
            let other = step.name == last.name && step.list != last.list && head == before;
            other.then(|| r.path.get(..=before.len())).flatten()
        });
        let is_of = |label: &[Step]| {
            let constants = self.constants(label, None);
            !constants.is_empty() && constants.iter().all(|(steps, constant)| says(item, steps, constant))
        };
        if labels.any(is_of) {
            return false;
        }
        if last.list != List::Append {
            return true;
        }
        let own = self.fit(rule, item);
        let best = self.rules.iter().filter(|r| r.path == rule.path).map(|r| self.fit(r, item)).max();
        let first = self.rules.iter().find(|r| r.path == rule.path && Some(self.fit(r, item)) == best);
        own > 0 && first.is_some_and(|first| std::ptr::eq(*first, rule))
    }

    /// The constants below the item at a path, with their paths inside it; with a rule, without those of the items
    /// beside the one that it means.
    fn constants(&self, prefix: &[Step], of: Option<&Rule>) -> Vec<(&'static [Step], &'static str)> {
        let beside = |path: &[Step]| {
            let own = of.map(|rule| rule.path.iter()).into_iter().flatten();
            own.zip(path).find(|(a, b)| a != b).is_some_and(|(a, b)| a.name == b.name && a.list != b.list)
        };
        let of = |rule: &'static Rule| match (rule.how, rule.path.strip_prefix(prefix)) {
            (How::Always(constant), Some(rest)) if !rest.is_empty() && rule.when.is_none() => {
                (!beside(&rule.path)).then_some((rest, constant))
            }
            _ => None,
        };
        self.block.rules.iter().filter_map(of).collect()
    }

    /// How well an item of a list fits the field of a rule; 0 when it has no place there.
    fn fit(&self, rule: &Rule, item: &Value) -> u8 {
        let order = identifier_type(item).is_some_and(|kind| ORDER_KINDS.contains(&kind));
        match rule.how {
            How::Ei(Some(kind)) if identifier_type(item) == Some(kind) => 3,
            How::Ei(Some(_)) | How::Cx if order => 0,
            How::Cx => 2,
            How::Xtn(Some(used)) => match (item.str("use"), used) {
                (Some(own), used) if own == used => 3,
                (Some("mobile"), "home") => 3,
                _ => 1,
            },
            How::Xtn(None) => 2,
            How::Cwe(Some(table)) if target(table, item).is_some() => 3,
            How::Organization if self.scope.is(item, "Organization") => 3,
            How::Practitioner
                if ["Practitioner", "PractitionerRole"].iter().any(|k| self.scope.is(item, k)) =>
            {
                3
            }
            _ => 1,
        }
    }

    /// A code that no table has, as it was sent.
    fn alternate(&self, path: &[Step]) -> Content {
        let Some((last, before)) = path.split_last() else { return Content::Empty };
        let holder = before.iter().try_fold(self.resource, |at, step| at.get(step.name));
        let extensions = holder.and_then(|h| h.get(&format!("_{}", last.name))).map(|m| m.items("extension"));
        let found = extensions.unwrap_or_default().iter().find(|e| e.str("url") == Some(ALTERNATE));
        found.and_then(|e| e.get("valueCodeableConcept")).map_or(Content::Empty, cwe)
    }

    // What a conversion knows beside its name is for reading only.
    #[allow(clippy::unneeded_struct_pattern)]
    fn convert(&self, how: How, value: &Value) -> Content {
        let scope = self.scope;
        match how {
            How::Always(_) | How::Assume(_) | How::Refer(_) => Content::Empty,
            How::Cwe(Some(table)) if !table.starts_with("v2-") => mapped(table, value),
            How::Cwe(_) => cwe(value),
            How::Coding { .. } => {
                let concept = crate::json::Object::new().with("coding", vec![value.clone()]);
                cwe(&concept.into())
            }
            How::Code(table) => text(value.as_str().and_then(|code| concepts::back(table, code).next())),
            How::Text => text(value.as_str()),
            How::Lines => value.as_str().map_or(Content::Empty, raw),
            How::Date | How::Day => day(value.as_str()),
            How::DateTime | How::Instant => dtm(value.as_str()),
            How::Bool => text(value.as_bool().map(|yes| if yes { "Y" } else { "N" })),
            How::Int | How::Decimal => value::digits(Some(value)),
            How::Cx => scope.cx(value),
            How::Ei(_) => scope.ei(value),
            How::Xpn => xpn(value),
            How::Xad => xad(value),
            How::Xtn(_) => xtn(value),
            How::Practitioner => scope.xcn(value),
            How::Organization => scope.xon(value),
            How::OrganizationNamed => scope.named_organization(value),
            How::Device => scope.device(value),
            How::DeviceNamed => scope.named_device(value),
            How::Location => scope.pl(value),
            How::LocationNamed => scope.named_place(value),
            How::LocationAddress => {
                let place = scope.set.get(Some(value)).and_then(|place| place.get("address"));
                place.map_or(Content::Empty, xad)
            }
            How::Period => {
                let (from, to) = period(Some(value));
                parts(vec![dtm(from), dtm(to)])
            }
            How::Money => {
                parts(vec![parts(vec![value::digits(value.get("value")), text(value.str("currency"))])])
            }
            How::Quantity => parts(vec![value::digits(value.get("value")), value::unit(value)]),
            How::Unit => value::unit(value),
            How::Annotation => text(value.str("text")),
            How::Concept => {
                let coding = value.items("coding").first();
                text(value.str("text").or_else(|| coding.and_then(|c| c.str("display").or(c.str("code")))))
            }
        }
    }
}

/// Whether a constant stands at a path; of a list, in any item.
fn says(value: &Value, path: &[Step], constant: &str) -> bool {
    let Some((step, rest)) = path.split_first() else {
        return value.as_str() == Some(constant)
            || value.as_bool().is_some_and(|b| b.to_string() == constant);
    };
    match step.list {
        List::No => value.get(step.name).is_some_and(|inner| says(inner, rest, constant)),
        List::Append | List::Item(_) => value.items(step.name).iter().any(|item| says(item, rest, constant)),
    }
}

/// The code of a table that leads to one of a concept's codings, with that coding's position.
fn target(table: &str, concept: &Value) -> Option<(usize, &'static str)> {
    concept.items("coding").iter().enumerate().find_map(|(n, coding)| {
        let (system, code) = (coding.str("system"), coding.str("code")?);
        let leads = |sent: &&str| {
            concepts::find(table, sent)
                .is_some_and(|c| c.code == code && system.is_none_or(|s| s == c.system))
        };
        Some((n, concepts::back(table, code).find(leads)?))
    })
}

/// A concept that came through a table: the sender's own codings where the record kept them, else the table's code.
pub(super) fn mapped(table: &str, concept: &Value) -> Content {
    let Some((at, sent)) = target(table, concept) else { return cwe(concept) };
    let of_table = |coding: &&Value| {
        let found = coding.str("code").map(|code| concepts::back(table, code));
        found.is_some_and(|mut all| {
            all.any(|sent| concepts::find(table, sent).map(|c| c.system) == coding.str("system"))
        })
    };
    let own: Vec<Value> = concept.items("coding").iter().filter(|c| !of_table(c)).cloned().collect();
    if own.is_empty() {
        // Without a coding of its own the sender's code was the table's.
        let code = concept.items("coding").get(at).and_then(|c| c.str("code")).unwrap_or(sent);
        let sent = concepts::back(table, code).find(|sent| *sent == code).unwrap_or(sent);
        let words = concept.str("text").filter(|words| *words != sent);
        return parts(vec![sent.into(), text(words)]);
    }
    let own = crate::json::Object::new().with("coding", own).with_some("text", concept.str("text"));
    cwe(&own.into())
}

/// Text that was kept with the delimiters it had.
pub(super) fn raw(text: &str) -> Content {
    let component = |text: &str| match text.contains('&') {
        true => parts(text.split('&').map(Content::from).collect()),
        false => text.into(),
    };
    match text.contains(['^', '&']) {
        true => parts(text.split('^').map(component).collect()),
        false => text.into(),
    }
}

/// The name of a code system, for fields that hold it alone.
pub(super) fn system(uri: Option<&str>) -> Content {
    uri.map(codes::system_name).as_deref().map_or(Content::Empty, Content::from)
}
