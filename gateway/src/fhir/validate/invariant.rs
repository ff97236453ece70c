//! The invariants of R4 that are broken in practice, besides those on extensions and references.

use jiff::tz::TimeZone;

use crate::fhir::datetime::Moment;
use crate::fhir::views::Concept;
use crate::json::Value;

/// What an object of a type breaks, in a sentence.
pub fn broken(type_name: &str, value: &Value) -> Option<&'static str> {
    match type_name {
        "Period" => starts_late(value).then_some("a period must not end before it starts (per-1)"),
        "Patient.contact" => nobody(value)
            .then_some("a contact needs at least a name, a telecom, an address or an organization (pat-1)"),
        "Observation" if has_value(value) && value.get("dataAbsentReason").is_some() => {
            Some("dataAbsentReason is only for observations without a value (obs-6)")
        }
        "Observation" if has_value(value) && repeats_its_code(value) => {
            Some("an observation whose component has the same code must not have a value itself (obs-7)")
        }
        _ => None,
    }
}

fn starts_late(period: &Value) -> bool {
    let span = |key| Some(Moment::date_time(period.str(key)?)?.span(&TimeZone::UTC));
    span("start").zip(span("end")).is_some_and(|(start, end)| start.low >= end.high)
}

fn nobody(contact: &Value) -> bool {
    ["name", "telecom", "address", "organization"].iter().all(|key| contact.get(key).is_none())
}

fn has_value(observation: &Value) -> bool {
    observation.as_object().is_some_and(|o| o.iter().any(|(key, _)| key.starts_with("value")))
}

fn repeats_its_code(observation: &Value) -> bool {
    let Some(code) = observation.get("code").map(Concept) else { return false };
    let components = observation.items("component").iter().filter_map(|c| c.get("code")).map(Concept);
    components.flat_map(|c| c.codings()).any(|coding| {
        !coding.code.is_empty()
            && code.codings().any(|own| own.system == coding.system && own.code == coding.code)
    })
}
