//! Whether a readable message is one that this gateway takes in: its type, version, and what it cannot do without.
//!
//! This decision is part of the acknowledgement, so it is made before the answer and needs nothing but the message.
//! Tolerant acceptance refuses only what would leave a record without a patient, a code or a safe identity.

use super::datetime::{self, DateError};
use super::error::{ErrorCode, Place, Problem};
use super::message::{Message, Presence, Segment};
use super::parse::Mode;
use super::structure::{self, Class};

pub use super::structure::Event;

/// What a channel accepts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Policy {
    /// Tolerant or strict.
    pub mode: Mode,
    /// Refuse messages that are marked as training or debugging (MSH-11 other than `P`).
    pub production_only: bool,
}

/// The event of an acceptable message.
///
/// # Errors
/// All problems found, never only the first: AR 200 to 203 for type, event, processing id and version; AE 100 to 103
/// for missing segments, missing fields and values that cannot be read.
pub fn check(message: &Message, policy: &Policy) -> Result<Event, Vec<Problem>> {
    let event = event(message).map_err(|p| vec![p])?;
    let mut problems = Vec::new();
    header(message, policy, &mut problems);
    patient(message, event, policy, &mut problems);
    content(message, event, policy, &mut problems);
    if problems.is_empty() { Ok(event) } else { Err(problems) }
}

/// What a message of its class cannot do without.
fn content(message: &Message, event: Event, policy: &Policy, problems: &mut Vec<Problem>) {
    let mut needs = |any: &[&str]| {
        if let (false, Some(name)) = (any.iter().any(|n| message.first(n).is_some()), any.first()) {
            problems.push(missing_segment(name));
        }
    };
    match event.class() {
        Class::Result => results(message, event, policy, problems),
        Class::Visit | Class::Swap if policy.mode == Mode::Strict => needs(&["PV1"]),
        Class::Merge | Class::Account | Class::Move | Class::Renumber => {
            needs(&["MRG"]);
            // The account of an A41 is in MRG-3.
            let fields: &[usize] = if event.class() == Class::Account { &[3] } else { &[1, 4] };
            if let Some(mrg) = message.first("MRG")
                && !fields.iter().any(|n| mrg.field(*n).repeats().any(|r| filled(r.component(1))))
            {
                problems.push(missing_field("MRG", 1, if event.class() == Class::Account { 3 } else { 1 }));
            }
            if event.class() != Class::Merge && message.all("MRG").count() > 1 {
                problems.push(Problem::error(
                    ErrorCode::SegmentSequence,
                    Some(Place::segment("MRG", 2)),
                    "One message, one change of number: send the second in a message of its own.",
                ));
            }
        }
        Class::Order => needs(&["ORC", "OBR", "RXO"]),
        Class::Medication => needs(&["RXE", "RXO", "RXD", "ORC"]),
        Class::Document => needs(&["TXA"]),
        Class::Schedule => needs(&["SCH"]),
        Class::Referral => needs(&["RF1"]),
        Class::Link => {
            if message.all("PID").count() != 2 {
                problems.push(Problem::error(
                    ErrorCode::SegmentSequence,
                    Some(Place::segment("PID", 2)),
                    "A link names two patients: one PID for each.",
                ));
            }
        }
        Class::Visit
        | Class::Swap
        | Class::Person
        | Class::Reply
        | Class::Vaccination
        | Class::Charge
        | Class::Query => {}
    }
}

fn event(message: &Message) -> Result<Event, Problem> {
    let header = message.header();
    let (kind, trigger) = (header.message_type(), header.trigger());
    let place = Some(Place::field("MSH", 1, 9));
    let trigger = match (kind.as_str(), trigger.as_str()) {
        ("", _) => {
            let text = "MSH-9 does not say which message this is.";
            return Err(Problem::error(ErrorCode::RequiredField, place, text));
        }
        ("ORU", "") => "R01".to_owned(),
        (_, trigger) => trigger.to_owned(),
    };
    match Event::of(&kind, &trigger) {
        Some(event) if event.class() == Class::Query => {
            let text = "Queries are not answered here: a channel's document says in rules.answers what its sender may ask for.";
            Err(Problem::reject(ErrorCode::MessageType, place, text))
        }
        Some(event) => Ok(event),
        None if structure::known_type(&kind) => {
            let triggers: Vec<&str> = Event::all().filter(|e| e.kind() == kind).map(Event::trigger).collect();
            let text = format!("This {kind} event is not taken in here; {} are.", triggers.join(", "));
            Err(Problem::reject(ErrorCode::EventCode, place, text))
        }
        None => {
            let mut kinds: Vec<&str> = Event::all().map(Event::kind).collect();
            kinds.dedup();
            let text = format!("This message type is not taken in here; {} are.", kinds.join(", "));
            Err(Problem::reject(ErrorCode::MessageType, place, text))
        }
    }
}

fn header(message: &Message, policy: &Policy, problems: &mut Vec<Problem>) {
    let header = message.header();
    let strict = policy.mode == Mode::Strict;
    match header.version() {
        Some((2, _)) => {}
        None if header.component(12, 1).is_empty() && !strict => {}
        None if header.component(12, 1).is_empty() => problems.push(missing_field("MSH", 1, 12)),
        Some(_) | None => problems.push(Problem::reject(
            ErrorCode::Version,
            Some(Place::field("MSH", 1, 12)),
            "Only version 2 messages are taken in here.",
        )),
    }
    if strict && header.control_id().is_empty() {
        problems.push(missing_field("MSH", 1, 10));
    }
    if policy.production_only && header.component(11, 1) != b"P" {
        problems.push(Problem::reject(
            ErrorCode::ProcessingId,
            Some(Place::field("MSH", 1, 11)),
            "This channel takes only production messages (processing id P).",
        ));
    }
}

fn patient(message: &Message, event: Event, policy: &Policy, problems: &mut Vec<Problem>) {
    let layout = structure::Layout::of(message);
    let Some(pid) = message.first("PID") else {
        problems.push(missing_segment("PID"));
        return;
    };
    if layout.patients.len() > if matches!(event.class(), Class::Swap | Class::Link) { 2 } else { 1 } {
        problems.push(Problem::error(
            ErrorCode::SegmentSequence,
            Some(Place::segment("PID", 2)),
            "One message, one patient: send the second patient in a message of its own.",
        ));
    }
    let mut ids = layout.patients.iter().filter_map(|p| message.segment(p.pid)).map(|s| s.field(3).raw());
    if let (Some(one), Some(other)) = (ids.next(), ids.next())
        && one == other
        && matches!(event.class(), Class::Swap | Class::Link)
    {
        problems.push(Problem::error(
            ErrorCode::SegmentSequence,
            Some(Place::segment("PID", 2)),
            "Both PID name the same patient; this event is about two.",
        ));
    }
    let identified = [3, 2, 4].into_iter().any(|n| pid.field(n).repeats().any(|r| filled(r.component(1))));
    if !identified {
        problems.push(missing_field("PID", 1, 3));
    }
    if policy.mode == Mode::Strict && !pid.field(5).has_content() {
        problems.push(missing_field("PID", 1, 5));
    }
    let birth = pid.field(7).component(1);
    if let (Presence::Value, Err(e)) = (birth.presence(), datetime::read(&birth.text(), None))
        && e != DateError::Zero
    {
        problems.push(bad_date("PID", 1, 7, e));
    }
}

fn results(message: &Message, event: Event, policy: &Policy, problems: &mut Vec<Problem>) {
    if message.first("OBR").is_none() {
        problems.push(missing_segment("OBR"));
        return;
    }
    // From 2.7 on, OBX about the patient may stand before the first order; those about a specimen always might.
    let early = event.structure() != "ORU_R01" || message.header().at_least(7);
    let mut seen_order = policy.mode == Mode::Tolerant && early;
    let (mut orders, mut values) = (0, 0);
    for segment in message.segments() {
        if segment.is("OBR") {
            orders += 1;
            seen_order = true;
            if policy.mode == Mode::Strict && !segment.field(4).has_content() {
                problems.push(missing_field("OBR", orders, 4));
            }
        } else if segment.is("OBX") {
            values += 1;
            observation(segment, values, seen_order, policy, problems);
        }
        if problems.len() >= MAX_PROBLEMS {
            return;
        }
    }
}

/// Most problems that one answer lists.
const MAX_PROBLEMS: usize = 20;

fn observation(obx: Segment<'_>, n: u32, ordered: bool, policy: &Policy, problems: &mut Vec<Problem>) {
    if !ordered {
        problems.push(Problem::error(
            ErrorCode::SegmentSequence,
            Some(Place::segment("OBX", n)),
            "A result stands before the OBR it belongs to.",
        ));
    }
    if !obx.field(3).has_content() {
        problems.push(missing_field("OBX", n, 3));
    }
    if policy.mode == Mode::Tolerant {
        return;
    }
    if obx.field(5).has_content() && !obx.field(2).has_content() {
        problems.push(missing_field("OBX", n, 2));
    }
    if !obx.field(11).has_content() {
        problems.push(missing_field("OBX", n, 11));
    }
    let time = obx.field(14).component(1);
    if let (Presence::Value, Err(e)) = (time.presence(), datetime::read(&time.text(), None)) {
        problems.push(bad_date("OBX", n, 14, e));
    }
}

fn filled(part: super::message::Part<'_>) -> bool {
    part.presence() == Presence::Value && part.has_content()
}

fn missing_segment(name: &str) -> Problem {
    Problem::error(
        ErrorCode::SegmentSequence,
        Some(Place::segment(name, 1)),
        format!("The segment {name} is missing."),
    )
}

fn missing_field(name: &str, occurrence: u32, field: u32) -> Problem {
    Problem::error(
        ErrorCode::RequiredField,
        Some(Place::field(name, occurrence, field)),
        format!("{name}-{field} is required."),
    )
}

fn bad_date(name: &str, occurrence: u32, field: u32, why: DateError) -> Problem {
    Problem::error(
        ErrorCode::DataType,
        Some(Place::field(name, occurrence, field)),
        format!("{name}-{field} is {why}."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hl7::parse::read;

    fn problems(text: &str, policy: Policy) -> Vec<String> {
        let m = read(text.replace('\n', "\r").as_bytes(), Mode::Tolerant).unwrap();
        check(&m, &policy)
            .err()
            .unwrap_or_default()
            .iter()
            .map(|p| {
                format!(
                    "{} {}",
                    p.code.number(),
                    p.place.as_ref().map(ToString::to_string).unwrap_or_default()
                )
            })
            .collect()
    }

    #[test]
    fn what_is_missing_is_named_by_segment_and_field() {
        let head = |kind: &str| format!("MSH|^~\\&|A|B|C|D|2026||{kind}|1|T|2.5\n");
        let pid = "PID|1||10^^^H||DOE^J||19550430|M\n";
        for (text, expected) in [
            (head("ORU^R01") + pid + "OBR|1|||CODE\nOBX|1|NM|X||1\n", vec![]),
            (head("ADT^A08") + pid, vec![]),
            (head("ADT^A99") + pid, vec!["201 MSH-9"]),
            (head("ADT^A40") + pid, vec!["100 MRG"]),
            (head("ADT^A40") + pid + "MRG|20^^^H\n", vec![]),
            (head("ADT^A17") + pid + "PID|1||11^^^H||ROE^J", vec![]),
            (head("ADT^A17") + pid + pid, vec!["100 PID[2]"]),
            (head("ADT^A24") + pid, vec!["100 PID[2]"]),
            (head("ADT^A24") + pid + "PID|1||11^^^H||ROE^J", vec![]),
            (head("ADT^A41") + pid + "MRG|20^^^H", vec!["101 MRG-3"]),
            (head("ADT^A47") + pid + "MRG|20^^^H\nMRG|21^^^H", vec!["100 MRG[2]"]),
            (head("REF^I12") + pid, vec!["100 RF1"]),
            (head("ORU^R99") + pid, vec!["201 MSH-9"]),
            (head("SIU^S12") + pid, vec!["100 SCH"]),
            (head("QBP^Q22") + pid, vec!["200 MSH-9"]),
            (head("XYZ^Q22") + pid, vec!["200 MSH-9"]),
            (head("") + pid, vec!["101 MSH-9"]),
            (head("ADT^A01"), vec!["100 PID"]),
            (head("ADT^A01") + "PID|1||^^^H||DOE", vec!["101 PID-3"]),
            (head("ADT^A01") + "PID|1||10||DOE||19551399", vec!["102 PID-7"]),
            (head("ADT^A01") + "PID|1||10||DOE||00000000", vec![]),
            (head("ADT^A01") + pid + pid, vec!["100 PID[2]"]),
            (head("ORU^R01") + pid + "OBX|1|NM|X||1", vec!["100 OBR"]),
            (head("ORU^R01") + pid + "OBX|1|NM|X||1\nOBR|1|||C\nOBX|2|NM", vec!["100 OBX", "101 OBX[2]-3"]),
            (head("ORU^R01") + pid + "OBR|1\nOBX|1|NM|X||1", vec![]),
        ] {
            assert_eq!(problems(&text, Policy::default()), expected, "{text}");
        }
        let text = head("ADT^A01") + pid;
        assert_eq!(problems(&text, Policy { production_only: true, ..Policy::default() }), ["202 MSH-11"]);
        assert_eq!(problems(&text, Policy { mode: Mode::Strict, ..Policy::default() }), ["100 PV1"]);
        assert_eq!(problems(&text.replace("|2.5", "|3.0"), Policy::default()), ["203 MSH-12"]);
    }
}
