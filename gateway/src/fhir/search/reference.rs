//! Reference parameters: records by type and id, everything else by its text.
//!
//! Values, by their first byte: 1 type number, id, 0x00; 2 URI, 0x00; 3 hash of an identifier's system, its value, 0x00;
//! 4 an identifier's value in any system, 0x00. A version in a reference is left out; contained resources have no value.

use super::Context;
use super::index::{self, TermRange, short_hash};
use crate::fhir::id::{Reference, ResourceType};
use crate::json::Value;

const RECORD: u8 = 1;
const URI: u8 = 2;
const IDENTIFIER: u8 = 3;
const IDENTIFIER_VALUE: u8 = 4;

/// Values of an element: a Reference, or a canonical or URI.
pub fn values(element: &Value, only: &[ResourceType], context: &Context, out: &mut Vec<Vec<u8>>) {
    match element {
        Value::String(text) => out.push(canonical(text)),
        Value::Object(_) => {
            out.extend(element.str("reference").and_then(|text| target(text, only, context)));
            let identifier = element.get("identifier");
            if let Some(value) = identifier.and_then(|i| i.str("value")) {
                let system = identifier.and_then(|i| i.str("system")).unwrap_or_default();
                out.push(by_identifier(Some(system), value));
                out.push(by_identifier(None, value));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {}
    }
}

fn target(text: &str, only: &[ResourceType], context: &Context) -> Option<Vec<u8>> {
    let bases: Vec<&str> = context.bases.iter().map(String::as_str).collect();
    let reference = Reference::parse(text)?;
    match (&reference, reference.local(&bases)) {
        (_, Some((kind, id))) => (only.is_empty() || only.contains(&kind)).then(|| record(kind, id.as_str())),
        (Reference::Record { kind, .. }, None) if !only.is_empty() && !only.contains(kind) => None,
        (Reference::Record { version, .. }, None) => {
            let bare = version.as_ref().and_then(|v| text.strip_suffix(&format!("/_history/{v}")));
            Some(uri(bare.unwrap_or(text)))
        }
        (Reference::Uri(text), None) => Some(uri(text)),
        (Reference::Fragment(_) | Reference::Conditional { .. }, None) => None,
    }
}

/// The value of a record of this server.
pub fn record(kind: ResourceType, id: &str) -> Vec<u8> {
    let mut out = vec![RECORD];
    out.extend_from_slice(&kind.number().to_be_bytes());
    index::push_exact(id, &mut out);
    out
}

fn uri(text: &str) -> Vec<u8> {
    let mut out = vec![URI];
    index::push_exact(text, &mut out);
    out
}

/// A canonical without its version.
fn canonical(text: &str) -> Vec<u8> {
    uri(text.split_once('|').map_or(text, |(url, _)| url))
}

fn by_identifier(system: Option<&str>, value: &str) -> Vec<u8> {
    let mut out = match system {
        Some(system) => [&[IDENTIFIER][..], &short_hash(system)].concat(),
        None => vec![IDENTIFIER_VALUE],
    };
    index::push_exact(value, &mut out);
    out
}

/// Ranges of a search value: `id`, `Type/id` or a URI. `kinds` are the types a bare id may belong to; none means any.
pub fn ranges(param: u16, text: &str, kinds: &[ResourceType], context: &Context) -> Option<Vec<TermRange>> {
    let bases: Vec<&str> = context.bases.iter().map(String::as_str).collect();
    let one = |value| Some(vec![TermRange::prefix(param, value)]);
    if let Some(reference) = Reference::parse(text) {
        return match (&reference, reference.local(&bases)) {
            (_, Some((kind, id))) => {
                if kinds.is_empty() || kinds.contains(&kind) {
                    one(record(kind, id.as_str()))
                } else {
                    Some(Vec::new())
                }
            }
            (Reference::Record { .. } | Reference::Uri(_), None) => one(target(text, &[], context)?),
            (Reference::Fragment(_) | Reference::Conditional { .. }, None) => None,
        };
    }
    let id = crate::fhir::id::LogicalId::parse(text)?;
    let range = |kind| TermRange::prefix(param, record(kind, id.as_str()));
    Some(if kinds.is_empty() {
        ResourceType::all().map(range).collect()
    } else {
        kinds.iter().copied().map(range).collect()
    })
}

/// The range of `:identifier`: `system|value`, `|value`, or the value in any system.
pub fn identified(param: u16, system: Option<&str>, value: &str) -> TermRange {
    TermRange::prefix(param, by_identifier(system, value))
}

/// The values to sort by: type and id of records.
pub fn sorted(param: u16) -> TermRange {
    TermRange::prefix(param, vec![RECORD])
}
