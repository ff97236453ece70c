//! What FHIR adds to FHIRPath: extensions, references, terminology, profiles, narrative.

use super::super::context;
use super::super::error::Error;
use super::super::function::Function as F;
use super::super::item::{Collection, Item};
use super::super::node::Node;
use super::super::tree::Call;
use super::super::types;
use super::{Answer, Evaluator, Scope, call};
use crate::fhir::definitions::{self, Primitive};
use crate::fhir::id::ResourceType;
use crate::fhir::validate;
use crate::json::Value;

impl<'a> Evaluator<'a, '_> {
    pub(super) fn fhir(
        &mut self,
        call: &'a Call,
        input: Collection<'a>,
        scope: &Scope<'a, '_>,
    ) -> Answer<'a> {
        let truth = |value: Option<bool>| Ok(value.map(Item::Boolean).into_iter().collect());
        match call.function {
            F::Extension => {
                let Some(url) = self.text_argument(call, 0, scope)? else { return Ok(Vec::new()) };
                let mut out = Vec::new();
                for item in &input {
                    let Item::Node(node) = item else { continue };
                    let mut looked = 1;
                    node.each("extension", &mut |extension| {
                        looked += 1;
                        if extension.str("url") == Some(&*url) {
                            out.push(Item::Node(extension));
                        }
                        true
                    });
                    self.charge(looked, call.at)?;
                }
                Ok(out)
            }
            F::HasValue => truth(Some(matches!(input.as_slice(), [one] if has_value(one)))),
            F::GetValue => match input.as_slice() {
                [one] if has_value(one) => Ok(one.system().into_iter().collect()),
                _ => Ok(Vec::new()),
            },
            F::Resolve => {
                let mut out = Vec::new();
                for item in &input {
                    let (found, looked) = self.resolve(item);
                    self.charge(4 + looked, call.at)?;
                    out.extend(found.map(Item::Node));
                }
                Ok(out)
            }
            F::MemberOf => {
                let Some(set) = self.text_argument(call, 0, scope)? else { return Ok(Vec::new()) };
                self.charge(16, call.at)?;
                match call::one(call, input)? {
                    Some(item) => truth(self.context.host.member_of(&item, &set)),
                    None => Ok(Vec::new()),
                }
            }
            F::Subsumes | F::SubsumedBy => {
                let other = self.argument(call, 0, scope)?;
                let (mine, other) = (call::one(call, input)?, call::one(call, other)?);
                let Some((mine, other)) = mine.zip(other) else { return Ok(Vec::new()) };
                let host = self.context.host;
                truth(match call.function {
                    F::Subsumes => host.subsumes(&mine, &other),
                    _ => host.subsumes(&other, &mine),
                })
            }
            F::ConformsTo => {
                let Some(profile) = self.text_argument(call, 0, scope)? else { return Ok(Vec::new()) };
                let Some(item) = call::one(call, input)? else { return Ok(Vec::new()) };
                let node = item.as_node().ok_or_else(|| call::mismatch(call, "an element"))?;
                if let Some(wanted) = context::standard_type(&profile) {
                    return truth(Some(context::conforms(node, wanted)));
                }
                let known = self.context.host.conforms_to(node, &profile);
                let unknown = || Error::execution(call.at, format!("the profile \"{profile}\" is not known"));
                truth(Some(known.ok_or_else(unknown)?))
            }
            F::GetResourceKey => Ok(input
                .iter()
                .filter_map(Item::as_node)
                .filter(Node::is_resource)
                .filter_map(|n| n.str("id"))
                .map(Item::from)
                .collect()),
            F::GetReferenceKey => self.reference_key(call, &input),
            _ => {
                // htmlChecks
                let Some(item) = call::one(call, input)? else { return Ok(Vec::new()) };
                let text = item.as_text().ok_or_else(|| call::mismatch(call, "a narrative"))?;
                self.charge(text.len() / 8, call.at)?;
                truth(Some(validate::xhtml::check(&text).is_ok()))
            }
        }
    }

    /// The target of a Reference, or of a text that is one; and the steps that looking for it is worth.
    fn resolve(&self, item: &Item<'a>) -> (Option<Node<'a>>, usize) {
        let address = match item {
            Item::Node(node) if node.primitive().is_none() => match node.str("reference") {
                Some(address) => address.into(),
                // A reference by identifier may still say what it points at.
                None => {
                    let kind = node.str("type").and_then(definitions::id_of);
                    return (kind.map(Node::placeholder), 0);
                }
            },
            other => match other.as_text() {
                Some(text) => text,
                None => return (None, 0),
            },
        };
        self.context.resolve(&address)
    }

    /// The id behind references, of those to a type when one is named. A reference that is neither relative nor to one
    /// of the host's own addresses has none.
    fn reference_key(&self, call: &'a Call, input: &[Item<'a>]) -> Answer<'a> {
        use super::super::tree::Shape;
        let wanted = match call.arguments.first().map(|a| &a.shape) {
            None => None,
            Some(Shape::Name(name)) => Some(&**name),
            Some(Shape::Literal(Item::String(name))) => Some(&**name),
            Some(_) => return Err(call::mismatch(call, "the name of a type")),
        };
        let key = |item: &Item<'a>| {
            let address = item.as_node()?.str("reference")?.split("/_history/").next()?;
            let (rest, id) = address.rsplit_once('/')?;
            let (base, kind) = rest.rsplit_once('/').map_or((None, rest), |(base, kind)| (Some(base), kind));
            let own = base.is_none_or(|base| self.context.host.is_own_base(base));
            let known = ResourceType::parse(kind).is_some() && !id.is_empty() && own;
            (known && wanted.is_none_or(|wanted| wanted == kind)).then(|| Item::from(id))
        };
        Ok(input.iter().filter_map(key).collect())
    }
}

/// Whether an item is a primitive that has a value, not extensions alone.
fn has_value(item: &Item<'_>) -> bool {
    match item {
        Item::Node(node) => match (node.primitive(), node.value()) {
            (Some(Primitive::Boolean), Some(value)) => value.as_bool().is_some(),
            (Some(_), Some(value)) => matches!(value, Value::String(_) | Value::Number(_)),
            _ => false,
        },
        other => types::system_type(other).is_some(),
    }
}
