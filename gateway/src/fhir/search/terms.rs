//! Resource -> index terms.

use super::params::{self, Param, ParamType, Path, Step};
use super::{Context, Term, TermRange, date, index, quantity, reference, text, token, uri};
use crate::fhir::id::{LogicalId, Reference, ResourceType};
use crate::fhir::resource::Resource;
use crate::json::Value;

/// All terms of a resource but `_lastUpdated`, sorted, each once.
///
/// Its `id` must have been set; the time of the commit is known only to the writer, see [`last_updated`].
pub fn terms(resource: &Resource, context: &Context) -> Vec<Term> {
    let mut out = Vec::with_capacity(48);
    for param in params::of(resource.kind()) {
        let mut values = Vec::new();
        for path in &param.paths {
            walk(resource.json(), &path.steps, &mut |element| {
                encode(param, path, element, context, &mut values)
            });
        }
        out.extend(values.into_iter().map(|value| Term { param: param.number, value }));
    }
    if let Some(id) = resource.id() {
        out.push(Term { param: params::ID, value: uri::encode(id) });
    }
    out.extend(timeline(resource, context));
    out.extend(super::people::terms(resource));
    out.sort_unstable();
    out.dedup();
    out
}

/// The `_lastUpdated` term, made by the writer when it knows the time of the commit.
pub fn last_updated(at: jiff::Timestamp) -> Term {
    Term { param: params::LAST_UPDATED, value: date::point(at) }
}

fn walk(value: &Value, steps: &[Step], visit: &mut impl FnMut(&Value)) {
    if let Value::Array(items) = value {
        return items.iter().for_each(|item| walk(item, steps, visit));
    }
    let Some((step, rest)) = steps.split_first() else { return visit(value) };
    let Some(next) = value.get(step.key) else { return };
    match (step.only, next) {
        (None, next) => walk(next, rest, visit),
        (Some((key, wanted)), next) => {
            let items = next.as_array().unwrap_or(std::slice::from_ref(next));
            items
                .iter()
                .filter(|item| item.str(key) == Some(wanted))
                .for_each(|item| walk(item, rest, visit));
        }
    }
}

fn encode(param: &Param, path: &Path, element: &Value, context: &Context, out: &mut Vec<Vec<u8>>) {
    match param.kind {
        ParamType::String => text::values(element, out),
        ParamType::Token => token::values(element, path.datatype, path.system, out),
        ParamType::Reference => reference::values(element, &path.targets, context, out),
        ParamType::Date => date::values(element, path.datatype, context, out),
        ParamType::Number | ParamType::Quantity => quantity::values(element, out),
        ParamType::Uri => out.extend(element.as_str().map(uri::encode)),
        ParamType::Id | ParamType::Instant => {}
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
const WHEN: [&str; 22] = [
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
