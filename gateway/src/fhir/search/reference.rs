//! Reference parameters: records by type and id, everything else by its text.
//!
//! Values, by their first byte: 1 type number, id, 0x00; 2 URI, 0x00; 3 hash of an identifier's system, its value, 0x00;
//! 4 an identifier's value in any system, 0x00; 5 canonical with its version, 0x00; 6 a reference that leads to no record,
//! such as one to a contained resource. A version in a reference is left out.

use super::Context;
use super::index::{self, TermRange, short_hash};
use std::ops::Bound;

use crate::fhir::id::{LogicalId, Reference, ResourceType};
use crate::json::Value;

const RECORD: u8 = 1;
const URI: u8 = 2;
const IDENTIFIER: u8 = 3;
const IDENTIFIER_VALUE: u8 = 4;
const VERSIONED: u8 = 5;
const NOWHERE: u8 = 6;

/// Values of an element: a Reference, a canonical or URI, or a resource in place of one. References to another type than
/// `only` have none.
pub fn values(element: &Value, only: Option<ResourceType>, context: &Context, out: &mut Vec<Vec<u8>>) {
    let before = out.len();
    match element {
        Value::String(text) => canonical(text, out),
        Value::Object(_) if element.str("resourceType").is_some() => out.extend(resource(element, only)),
        Value::Object(_) => {
            out.extend(element.str("reference").and_then(|text| target(text, only, context)));
            let identifier = element.get("identifier");
            if let Some(value) = identifier.and_then(|i| i.str("value")) {
                let system = identifier.and_then(|i| i.str("system")).unwrap_or_default();
                out.push(by_identifier(Some(system), value));
                out.push(by_identifier(None, value));
            }
            if out.len() == before && only.is_none() {
                out.push(nowhere());
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {}
    }
}

fn resource(element: &Value, only: Option<ResourceType>) -> Option<Vec<u8>> {
    let kind = element.str("resourceType").and_then(ResourceType::parse)?;
    let id = element.str("id").and_then(LogicalId::parse)?;
    only.is_none_or(|only| only == kind).then(|| record(kind, id.as_str()))
}

fn target(text: &str, only: Option<ResourceType>, context: &Context) -> Option<Vec<u8>> {
    let bases: Vec<&str> = context.bases.iter().map(String::as_str).collect();
    let reference = Reference::parse(text)?;
    match (&reference, reference.local(&bases)) {
        (_, Some((kind, id))) => only.is_none_or(|only| only == kind).then(|| record(kind, id.as_str())),
        (Reference::Record { kind, .. }, None) if only.is_some_and(|only| only != *kind) => None,
        (Reference::Record { version, .. }, None) => {
            let bare = version.as_ref().and_then(|v| text.strip_suffix(&format!("/_history/{v}")));
            Some(uri(bare.unwrap_or(text)))
        }
        // Nothing tells of which type it is.
        (Reference::Uri(text), None) => only.is_none().then(|| uri(text)),
        (Reference::Fragment(_) | Reference::Conditional { .. }, None) => None,
    }
}

/// The value of a record of this server.
pub fn record(kind: ResourceType, id: &str) -> Vec<u8> {
    let mut out = records_of(kind);
    index::push_exact(id, &mut out);
    out
}

/// The value of a reference that leads to no record.
pub fn nowhere() -> Vec<u8> {
    vec![NOWHERE]
}

/// What the values of all records of a type on this server begin with.
pub fn records_of(kind: ResourceType) -> Vec<u8> {
    let [high, low] = kind.number().to_be_bytes();
    vec![RECORD, high, low]
}

/// Type and id of a record, from its value; `None` for values that are something else.
pub fn record_of(value: &[u8]) -> Option<(ResourceType, &str)> {
    let (kind, id) = value.strip_prefix(&[RECORD])?.split_first_chunk::<2>()?;
    let id = std::str::from_utf8(id.strip_suffix(&[0])?).ok()?;
    Some((ResourceType::from_number(u16::from_be_bytes(*kind))?, id))
}

/// The URI of a value; `None` for values that are something else, and for one too long to be kept whole.
pub fn uri_of(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value.strip_prefix(&[URI])?.strip_suffix(&[0])?).ok()?;
    (!text.contains('\u{1}')).then_some(text)
}

/// The value of a reference that names a record by its canonical address, without version.
pub fn to_canonical(url: &str) -> Vec<u8> {
    uri(url)
}

fn uri(text: &str) -> Vec<u8> {
    let mut out = vec![URI];
    index::push_exact(text, &mut out);
    out
}

/// A canonical without its version, and with it.
fn canonical(text: &str, out: &mut Vec<Vec<u8>>) {
    match text.split_once('|') {
        Some((url, _)) => out.extend([uri(url), versioned(text)]),
        None => out.push(uri(text)),
    }
}

fn versioned(text: &str) -> Vec<u8> {
    let mut out = vec![VERSIONED];
    index::push_exact(text, &mut out);
    out
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
    let among = |kind| kinds.is_empty() || kinds.contains(&kind);
    if let Some(reference) = Reference::parse(text) {
        return match (&reference, reference.local(&bases)) {
            (_, Some((kind, id))) if among(kind) => one(record(kind, id.as_str())),
            (_, Some(_)) => Some(Vec::new()),
            (Reference::Record { .. }, None) => one(target(text, None, context)?),
            (Reference::Uri(uri), None) if uri.contains('|') => one(versioned(uri)),
            (Reference::Uri(text), None) => one(uri(text)),
            (Reference::Fragment(_) | Reference::Conditional { .. }, None) => None,
        };
    }
    let id = LogicalId::parse(text)?;
    let range = |kind| TermRange::prefix(param, record(kind, id.as_str()));
    Some(if kinds.is_empty() {
        ResourceType::all().map(range).collect()
    } else {
        kinds.iter().copied().map(range).collect()
    })
}

/// Ranges of a canonical and everything below it, or what it is below of, on a path border.
///
/// # Errors
/// In words, when it is too long or too deep.
pub fn canonical_hierarchy(param: u16, text: &str, below: bool) -> Result<Vec<TermRange>, String> {
    let tagged = |range: TermRange| TermRange {
        low: range.low.map(|low| [&[URI], low.as_slice()].concat()),
        high: match range.high {
            Bound::Unbounded => index::after(&[URI]),
            other => other.map(|high| [&[URI], high.as_slice()].concat()),
        },
        ..range
    };
    let found = if below { super::uri::below(param, text)? } else { super::uri::above(param, text)? };
    Ok(found.into_iter().map(tagged).collect())
}

/// The range of `:identifier`: `system|value`, `|value`, or the value in any system.
pub fn identified(param: u16, system: Option<&str>, value: &str) -> TermRange {
    TermRange::prefix(param, by_identifier(system, value))
}

/// Whether a stored reference is to a record of this server.
pub(super) fn is_record(value: &[u8]) -> bool {
    value.first() == Some(&RECORD)
}

/// Whether a stored reference is to a record of a type, or by an identifier.
pub(super) fn refers_to(value: &[u8], kind: ResourceType) -> bool {
    let Some((tag, rest)) = value.split_first() else { return false };
    match *tag {
        RECORD => rest.starts_with(&kind.number().to_be_bytes()),
        URI => {
            let text = rest.split(|b| *b == 0).next().and_then(|text| std::str::from_utf8(text).ok());
            matches!(text.and_then(Reference::parse), Some(Reference::Record { kind: found, .. }) if found == kind)
        }
        IDENTIFIER | IDENTIFIER_VALUE => true,
        _ => false,
    }
}

/// All references to records and addresses; those by identifier alone are not among them.
pub fn addressed(param: u16) -> TermRange {
    TermRange::between(param, vec![RECORD], vec![URI + 1])
}

/// The values to sort by: type and id of records.
pub fn sorted(param: u16) -> TermRange {
    TermRange::prefix(param, vec![RECORD])
}

/// The same for references to one type.
pub fn sorted_of(param: u16, kind: ResourceType) -> TermRange {
    TermRange::prefix(param, [&[RECORD][..], &kind.number().to_be_bytes()].concat())
}
