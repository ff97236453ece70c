//! Resource -> index terms.

use super::params::{self, ParamType, Path};
use super::tree::Leaf;
use super::{
    Context, Term, TermRange, composite, date, index, near, quantity, reference, table, text, token, uri,
};
use crate::fhir::id::{LogicalId, Reference, ResourceType};
use crate::fhir::resource::Resource;
use crate::json::Value;

/// All terms of a resource but `_lastUpdated`, sorted, each once.
///
/// Its `id` must have been set; the time of the commit is known only to the writer, see [`last_updated`].
pub fn terms(resource: &Resource, context: &Context) -> Vec<Term> {
    let mut out = Vec::with_capacity(48);
    let mut values = Vec::new();
    let mut shared = composite::Shared::default();
    let json = resource.json();
    for places in table::places(resource.kind()) {
        places.tree.visit(json, &mut |leaf, element| {
            let (Leaf::Value(at, _) | Leaf::Composite(at)) = leaf;
            let Some(param) = places.params.get(at) else { return };
            match leaf {
                Leaf::Value(_, path) => {
                    if let Some(path) = param.paths.get(path) {
                        encode(param.kind, path, element, context, &mut values);
                    }
                }
                Leaf::Composite(_) => {
                    composite::values(param, element, json, context, &mut shared, &mut values);
                    if shared.bound(param.number, &mut values) {
                        out.push(super::own::undecided_by(param.number));
                    }
                }
            }
            out.extend(values.drain(..).map(|value| Term { param: param.number, value }));
        });
    }
    if let Some(id) = resource.id() {
        out.push(Term { param: params::ID, value: uri::encode(id) });
    }
    out.extend(timeline(resource, context));
    out.extend(security_context(resource, context));
    out.extend(super::people::terms(resource));
    super::own::terms(resource, context, &mut out);
    super::words::terms(resource, context, &mut out);
    out.sort_unstable();
    out.dedup();
    out
}

/// The terms of a record that was indexed before, made anew. What it depends on under which address the box was known at
/// the time is kept: references to own records by absolute address, and the timeline.
pub fn renewed(resource: &Resource, context: &Context, old: &[Term]) -> Vec<Term> {
    let mut out = terms(resource, context);
    let kept = |term: &&Term| match term.param {
        params::LAST_UPDATED => true,
        params::TIMELINE => !out.iter().any(|new| new.param == params::TIMELINE),
        number => reference::is_record(&term.value) && is_reference(resource.kind(), number),
    };
    let kept: Vec<Term> = old.iter().filter(kept).cloned().collect();
    out.extend(kept);
    out.sort_unstable();
    out.dedup();
    out
}

fn is_reference(kind: ResourceType, number: u16) -> bool {
    number == params::SECURITY_CONTEXT
        || params::of(kind).any(|p| p.number == number && p.kind == ParamType::Reference)
}

/// The `_lastUpdated` term, made by the writer when it knows the time of the commit.
pub fn last_updated(at: jiff::Timestamp) -> Term {
    Term { param: params::LAST_UPDATED, value: date::point(at) }
}

/// Appends the values of an element that stands at a place of a parameter.
pub(super) fn encode(
    kind: ParamType,
    path: &Path,
    element: &Value,
    context: &Context,
    out: &mut Vec<Vec<u8>>,
) {
    match kind {
        ParamType::String => text::values(element, out),
        ParamType::Token => token::values(element, path.datatype, path.system, out),
        ParamType::Reference => reference::values(element, path.only, context, out),
        ParamType::Date => date::values(element, path.datatype, context, out),
        ParamType::Number | ParamType::Quantity => quantity::values(element, path.datatype, out),
        ParamType::Uri => uri::values(element, out),
        ParamType::Special => near::values(element, out),
        ParamType::Composite | ParamType::Id | ParamType::Instant => {}
    }
}

/// The patient whom a record is about: the record itself when it is a Patient, else what its `patient`, `subject`
/// or another patient-valued parameter of those names points at on this server.
pub fn patient_of(resource: &Resource, bases: &[&str]) -> Option<LogicalId> {
    if resource.kind() == ResourceType::PATIENT {
        return resource.logical_id();
    }
    let json = resource.json();
    ["patient", "subject", "beneficiary", "for", "individual"].iter().find_map(|key| {
        json.items(key).iter().find_map(|element| {
            let reference = Reference::parse(element.str("reference")?)?;
            let (kind, id) = reference.local(bases)?;
            (kind == ResourceType::PATIENT).then(|| id.clone())
        })
    })
}

/// Members that say when a record of a type happened, the telling one first.
pub(crate) const WHEN: [&str; 22] = [
    "effectiveDateTime",
    "effectivePeriod",
    "effectiveInstant",
    "performedDateTime",
    "performedPeriod",
    "occurrenceDateTime",
    "occurrencePeriod",
    "period",
    "authoredOn",
    "date",
    "recordedDate",
    "onsetDateTime",
    "issued",
    "recorded",
    "start",
    "started",
    "created",
    "sent",
    "whenHandedOver",
    "dateAsserted",
    "statusDate",
    "authored",
];

/// The record whose rights hold for a Binary. One that is none of this server's leads nowhere, and is not the same as none.
fn security_context(resource: &Resource, context: &Context) -> Option<Term> {
    if resource.kind() != ResourceType::BINARY {
        return None;
    }
    let bases: Vec<&str> = context.bases.iter().map(String::as_str).collect();
    let named = resource.json().get("securityContext")?.str("reference").and_then(Reference::parse);
    let local = named.as_ref().and_then(|named| named.local(&bases));
    let value = local.map_or_else(reference::nowhere, |(kind, id)| reference::record(kind, id.as_str()));
    Some(Term { param: params::SECURITY_CONTEXT, value })
}

fn timeline(resource: &Resource, context: &Context) -> Option<Term> {
    if resource.kind() == ResourceType::PATIENT {
        return None;
    }
    let bases: Vec<&str> = context.bases.iter().map(String::as_str).collect();
    let patient = patient_of(resource, &bases)?;
    let mut value = Vec::with_capacity(56);
    index::push_exact(patient.as_str(), &mut value);
    let at = happened(resource, context).unwrap_or(i64::MIN);
    value.extend(date::ordered(at).map(|b| !b));
    Some(Term { param: params::TIMELINE, value })
}

/// When a record happened, by the first member that says so; start of a stretch. Microseconds from 1970, UTC.
pub fn happened(resource: &Resource, context: &Context) -> Option<i64> {
    WHEN.iter().find_map(|key| {
        let element = resource.json().get(key)?;
        match element {
            Value::String(text) => {
                Some(crate::fhir::datetime::Moment::lenient(text)?.span(&context.zone).low)
            }
            _ => date::period(element, context)
                .map(|span| if span.low == i64::MIN { span.high } else { span.low }),
        }
    })
}

/// The records of one patient within a type, newest first in the order of the index; undated ones last.
pub fn patient_timeline(patient: &LogicalId) -> TermRange {
    let mut prefix = Vec::new();
    index::push_exact(patient.as_str(), &mut prefix);
    TermRange::prefix(params::TIMELINE, prefix)
}
