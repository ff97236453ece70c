//! What the expressions of invariants may ask beyond the document: terminology and profiles.

use super::around::Surroundings;
use super::{Definitions, Policy};
use crate::fhir::definitions::Kind;
use crate::fhir::profile::check::Check;
use crate::fhir::terminology::{Membership, canonical, member};
use crate::fhirpath::{Host, Item, Node};
use crate::json::Value;

/// The answers of a check to the expressions that it evaluates.
pub struct Outside<'a, 'd> {
    /// Where profiles and codes are found.
    pub definitions: &'d dyn Definitions,
    /// What is looked at.
    pub policy: &'d Policy,
    /// The resource at hand, and the work that is left.
    pub around: Surroundings<'a>,
}

impl<'b, 'a: 'b> Host<'b> for Outside<'a, '_> {
    /// One coding that is in the value set is enough. Nobody can tell where the value set or a system is not here.
    fn member_of(&self, item: &Item<'b>, value_set: &str) -> Option<bool> {
        let (url, version) = canonical(value_set);
        let set = self.definitions.value_set(url, version)?;
        let mut known = Some(false);
        let mut ask = |system: Option<&str>, code: &str| match member(self.definitions, &set, system, code) {
            Membership::In => true,
            Membership::Out => false,
            Membership::Unknown(_) => {
                known = None;
                false
            }
        };
        let mut coded = |value: &Value| value.str("code").is_some_and(|code| ask(value.str("system"), code));
        let found = match item.as_node().and_then(|node| node.value()) {
            Some(Value::Object(object)) => match object.get("coding").and_then(Value::as_array) {
                Some(codings) => codings.iter().any(coded),
                None => item.as_node().and_then(|node| node.value()).is_some_and(&mut coded),
            },
            _ => ask(None, &item.as_text()?),
        };
        if found { Some(true) } else { known }
    }

    /// A value that is being held against the same profile already conforms as far as this question goes.
    fn conforms_to(&self, node: Node<'b>, profile: &str) -> Option<bool> {
        let profile = self.definitions.profile(profile)?;
        let (value, kind) = (node.value()?, node.kind()?);
        let Some(_open) = self.around.budget.open(value, &profile.url) else { return Some(true) };
        let kind = if node.is_resource() { Kind::Resource } else { kind };
        let mut check = Check::at("", self.definitions, self.policy, self.around.clone());
        Some(check.follows(value, kind, &profile))
    }
}
