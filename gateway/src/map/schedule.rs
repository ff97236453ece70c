//! SCH with its RGS groups to Appointment.

use crate::hl7::Segment;
use crate::hl7::datetime::{Precision, When};
use crate::hl7::structure::{Class, Event, Layout};
use crate::json::{Object, Value};

use super::apply::Around;
use super::book::Spot;
use super::draft::{Draft, Drafts};
use super::meaning::{Label, Row};
use super::observation;

/// Adds the appointment of a scheduling message.
pub(super) fn appointment<'a>(
    around: &Around<'a, '_>,
    drafts: &mut Drafts,
    about: &[Segment<'a>],
    layout: &Layout,
    event: Event,
    rows: &mut Vec<Row>,
) {
    let book = around.book;
    let (Class::Schedule, Some(sch)) = (event.class(), book.message.first("SCH")) else { return };
    let Some(mut draft) = around.resource(drafts, sch) else { return };
    let resources = || about.iter().filter(|s| s.is("AIS") || s.is("AIG") || s.is("AIL") || s.is("AIP"));
    for segment in resources() {
        around.add(drafts, *segment, &format!("{}+", segment.name()), &mut draft);
    }
    book.message.all("RGS").for_each(|rgs| book.structural(rgs, &[1, 2]));
    status(&mut draft, event);
    times(around, &mut draft, sch, resources().copied());
    let patient = around.refs.get("patient").cloned();
    for one in draft.body.get_mut("participant").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(one) = one.as_object_mut().filter(|o| !o.contains_key("status")) {
            one.insert("status", "needs-action");
        }
    }
    let actor = Object::new().with_some("actor", patient).with("status", "accepted");
    draft.append("participant", actor);
    // Why it was cancelled belongs to a cancelled one only (invariant app-4).
    let ended = matches!(draft.body.get("status").and_then(Value::as_str), Some("cancelled" | "noshow"));
    if !ended && let Some(reason) = draft.body.remove("cancelationReason") {
        draft.links.retain(|l| l.4 != "/cancelationReason");
        draft.append("reasonCode", reason);
    }
    if !ended {
        // An appointment that holds again keeps no reason of an earlier cancellation.
        draft.deletes.push("cancelationReason".to_owned());
    }
    for at in layout.notes_of(sch.index()).filter_map(|i| book.segment(i)) {
        if let Some(note) = observation::note_text(book, at) {
            let text = match draft.body.get("comment").and_then(Value::as_str) {
                Some(before) => format!("{before}\n{note}"),
                None => note,
            };
            draft.put("comment", text);
        }
    }
    let start = draft.body.get("start").and_then(Value::as_str).unwrap_or_default().to_owned();
    rows.push(Row::plain(Label::Key("appointment"), start, sch.index()));
    let booked = drafts.add(draft);
    if let Some(visit) = around.refs.get("encounter") {
        drafts.extend(visit, "appointment", std::iter::once(&booked));
    }
}

/// The trigger says more than SCH-25 does (the guide's note on SIU).
fn status(draft: &mut Draft, event: Event) {
    match event.trigger() {
        "S15" => draft.put("status", "cancelled"),
        "S16" => draft.put("status", "cancelled"),
        "S17" => draft.put("status", "entered-in-error"),
        "S26" => draft.put("status", "noshow"),
        _ => draft.assume("status", "booked"),
    }
}

/// TQ1-7 and 8, SCH-11.4 and 11.5, or the first resource's start; the end also from a duration in minutes.
fn times<'a>(
    around: &Around<'a, '_>,
    draft: &mut Draft,
    sch: Segment<'a>,
    resources: impl Iterator<Item = Segment<'a>>,
) {
    let book = around.book;
    let old = book.field(sch, 11);
    // TQ1 took the place of SCH-11 in version 2.5.
    let tq1 = book.message.all("TQ1").map(|tq1| (book.field(tq1, 7), Some(book.field(tq1, 8))));
    let mut spots: Vec<(Spot<'a>, Option<Spot<'a>>)> = tq1.collect();
    spots.push((old.c(4), Some(old.c(5))));
    for one in resources {
        let n = if one.is("AIS") {
            4
        } else if one.is("AIG") {
            8
        } else {
            6
        };
        spots.push((book.field(one, n), None));
    }
    let minutes =
        minutes(book.field(sch, 9), book.field(sch, 10)).or_else(|| minutes(old.c(3), book.field(sch, 10)));
    for (from, to) in spots {
        let timed = from.when_if(|w| w.precision > Precision::Day);
        let Some((start, begins)) = timed.and_then(|w| w.instant(&book.fallback).map(|b| (w, b))) else {
            continue;
        };
        let end = to.and_then(|t| t.instant());
        let end = end.or_else(|| after(&start, minutes?, around)).unwrap_or_else(|| begins.clone());
        draft.set("start", Some(begins), from);
        draft.put("end", end);
        break;
    }
    if let Some(minutes) = minutes.filter(|m| *m > 0) {
        draft.put("minutesDuration", minutes);
    }
    // Without a time FHIR knows a proposed, a cancelled and a waiting appointment only (invariant app-3).
    let timed = draft.body.contains_key("start");
    let free = matches!(
        draft.body.get("status").and_then(Value::as_str),
        Some("proposed" | "cancelled" | "waitlist")
    );
    if !timed && !free {
        draft.put("status", "proposed");
    }
}

fn after(start: &When, minutes: u32, around: &Around<'_, '_>) -> Option<String> {
    start.later(i64::from(minutes), &around.book.fallback)
}

fn minutes(number: Spot<'_>, unit: Spot<'_>) -> Option<u32> {
    let n = number.c1().peek()?.parse::<u32>().ok()?;
    let factor = match unit.c(1).peek().map(|u| u.to_ascii_lowercase()).as_deref() {
        None | Some("m" | "min" | "mins" | "minute" | "minutes") => 1,
        Some("h" | "hr" | "hour" | "hours") => 60,
        Some("s" | "sec" | "seconds") => {
            number.c1().mark();
            unit.c(1).mark();
            return Some(n.div_ceil(60));
        }
        Some(_) => return None,
    };
    number.c1().mark();
    unit.c(1).mark();
    n.checked_mul(factor)
}
