//! Appointment to SCH, RGS, AIS, AIG, AIL and AIP.

use crate::hl7::encode::Content;
use crate::json::{Object, Value};

use super::codes;
use super::rules::{fill, fill_but};
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
    fill_but(scope, &mut sch, "SCH", appointment, &[1, 2]);
    if !sch.has(16) {
        let doctor = people(scope, appointment, "Practitioner").next().and_then(|p| p.get("actor"));
        sch.set(16, doctor.map_or(Content::Empty, |who| scope.xcn(who)));
    }
    sch.set(25, text(appointment.str("status").and_then(codes::appointment_status)));
    sch
}

/// The resources of an appointment: what is done, by whom, and where.
pub(super) fn resources(scope: &Scope<'_>, appointment: &Value, out: &mut Vec<Segment>) {
    out.push(Segment::numbered("RGS", 0).with(2, "A"));
    let start = || dtm(appointment.str("start"));
    let minutes = appointment.get("minutesDuration").and_then(Value::as_number).map(|n| n.as_str());
    let timed = |segment: Segment, from: usize| {
        let timed = if segment.has(from) { segment } else { segment.with(from, start()) };
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
    for (n, thing) in people(scope, appointment, "Device").enumerate() {
        out.push(timed(taking_part(scope, "AIG", n, thing), 8));
    }
    for (n, place) in people(scope, appointment, "Location").enumerate() {
        out.push(timed(taking_part(scope, "AIL", n, place), 6));
    }
    for (n, who) in people(scope, appointment, "Practitioner").enumerate() {
        out.push(timed(taking_part(scope, "AIP", n, who), 6));
    }
}

/// AIP, AIG or AIL of one participant.
fn taking_part(scope: &Scope<'_>, name: &'static str, at: usize, participant: &Value) -> Segment {
    let mut segment = Segment::numbered(name, at);
    let mut one = participant.clone();
    if let Some(one) = one.as_object_mut() {
        // Whether it is agreed has no field; the rules name those that are.
        one.insert("status", "accepted");
    }
    let alone = Object::new().with("participant", vec![one]);
    let block = match name {
        "AIP" => "AIP+",
        "AIG" => "AIG+",
        _ => "AIL+",
    };
    fill(scope, &mut segment, block, &alone.into());
    if !segment.has(3) {
        let actor = participant.get("actor").filter(|_| name == "AIL");
        segment.set(3, actor.map_or(Content::Empty, |place| scope.pl(place)));
    }
    segment
}

/// Participants of a type, without those who only arranged it.
fn people<'a>(
    scope: &Scope<'a>,
    appointment: &'a Value,
    kind: &'a str,
) -> impl Iterator<Item = &'a Value> + 'a {
    const ARRANGED: &[&str] = &["placer contact", "filler contact", "entered by"];
    let scope = *scope;
    let arranged =
        |p: &Value| p.items("type").iter().any(|t| t.str("text").is_some_and(|t| ARRANGED.contains(&t)));
    appointment.items("participant").iter().filter(move |p| {
        let is = |kind| p.get("actor").is_some_and(|actor| scope.is(actor, kind));
        !arranged(p) && (is(kind) || (kind == "Practitioner" && is("PractitionerRole")))
    })
}
