//! Appointment to SCH, AIS, AIP and AIL.

use crate::hl7::encode::Content;
use crate::json::Value;

use super::codes;
use super::segment::{Segment, parts, text};
use super::types::{Scope, cwe, cwe_of, dtm, identifier_type};

/// SCH.
pub(super) fn sch(scope: &Scope<'_>, appointment: &Value) -> Segment {
    let mut sch = Segment::new("SCH");
    let typed = |kind| scope.ei_of(appointment, kind);
    let identifiers = appointment.items("identifier");
    let plain = !identifiers.iter().any(|i| matches!(identifier_type(i), Some("PLAC" | "FILL")));
    let own = identifiers.first().map_or_else(|| text(appointment.str("id")), |i| scope.ei(i));
    sch.set(1, typed("PLAC")).set(2, if plain { own } else { typed("FILL") });
    let reason = appointment.items("reasonCode").first().map_or(Content::Empty, cwe);
    let words = parts(vec![Content::Empty, text(appointment.str("description"))]);
    let cancelled = cwe_of(appointment, "cancelationReason");
    sch.set(6, if cancelled == Content::Empty { words } else { cancelled });
    sch.set(7, reason).set(8, cwe_of(appointment, "appointmentType"));
    if let Some(minutes) = appointment.get("minutesDuration").and_then(Value::as_number) {
        sch.set(9, minutes.as_str()).set(10, Content::from(["min", "minute", "UCUM"]));
    }
    let (start, end) = (dtm(appointment.str("start")), dtm(appointment.str("end")));
    sch.set(11, parts(vec![Content::Empty, Content::Empty, Content::Empty, start, end]));
    let doctor = people(scope, appointment, "Practitioner").next();
    sch.set(16, doctor.map_or(Content::Empty, |who| scope.xcn(who)));
    sch.set(25, text(appointment.str("status").and_then(codes::appointment_status)));
    sch
}

/// The resources of an appointment: what is done, by whom, and where.
pub(super) fn resources(scope: &Scope<'_>, appointment: &Value, out: &mut Vec<Segment>) {
    out.push(Segment::numbered("RGS", 0).with(2, "A"));
    let start = || dtm(appointment.str("start"));
    let minutes = appointment.get("minutesDuration").and_then(Value::as_number).map(|n| n.as_str());
    let timed = |segment: Segment, from: usize| {
        let timed = segment.with(from, start());
        match minutes {
            Some(minutes) => {
                timed.with(from + 3, minutes).with(from + 4, Content::from(["min", "minute", "UCUM"]))
            }
            None => timed,
        }
    };
    for (n, service) in appointment.items("serviceType").iter().enumerate() {
        out.push(timed(Segment::numbered("AIS", n).with(3, cwe(service)), 4));
    }
    for (n, who) in people(scope, appointment, "Practitioner").enumerate() {
        out.push(timed(Segment::numbered("AIP", n).with(3, scope.xcn(who)), 6));
    }
    for (n, place) in people(scope, appointment, "Location").enumerate() {
        out.push(timed(Segment::numbered("AIL", n).with(3, scope.pl(place)), 6));
    }
}

/// Participants of a type.
fn people<'a>(
    scope: &Scope<'a>,
    appointment: &'a Value,
    kind: &'a str,
) -> impl Iterator<Item = &'a Value> + 'a {
    let scope = *scope;
    let actors = appointment.items("participant").iter().filter_map(|p| p.get("actor"));
    actors.filter(move |actor| {
        scope.is(actor, kind) || (kind == "Practitioner" && scope.is(actor, "PractitionerRole"))
    })
}
