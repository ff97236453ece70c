//! Whether a readable message is one that this gateway takes in: its type, version, and what it cannot do without.
//!
//! This decision is part of the acknowledgement, so it is made before the answer and needs nothing but the message.
//! Tolerant acceptance refuses only what would leave a record without a patient, a code or a safe identity.

use super::datetime::{self, DateError};
use super::error::{ErrorCode, Place, Problem};
use super::message::{Message, Presence, Segment};
use super::parse::Mode;

/// The events that are mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// Admit or visit.
    A01,
    /// Discharge or end of visit.
    A03,
    /// Register an outpatient.
    A04,
    /// Pre-admit.
    A05,
    /// Update of patient and visit.
    A08,
    /// Add a person.
    A28,
    /// Update a person.
    A31,
    /// Unsolicited results.
    R01,
}

impl Event {
    /// The trigger as MSH-9.2 writes it.
    pub const fn trigger(self) -> &'static str {
        match self {
            Self::A01 => "A01",
            Self::A03 => "A03",
            Self::A04 => "A04",
            Self::A05 => "A05",
            Self::A08 => "A08",
            Self::A28 => "A28",
            Self::A31 => "A31",
            Self::R01 => "R01",
        }
    }

    /// True when the message is about a visit and not only about a person.
    pub const fn has_visit(self) -> bool {
        match self {
            Self::A01 | Self::A03 | Self::A04 | Self::A05 | Self::A08 => true,
            Self::A28 | Self::A31 | Self::R01 => false,
        }
    }

    const ADT: [Self; 7] = [Self::A01, Self::A03, Self::A04, Self::A05, Self::A08, Self::A28, Self::A31];
}

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
    patient(message, policy, &mut problems);
    if event == Event::R01 {
        results(message, policy, &mut problems);
    } else if policy.mode == Mode::Strict && event.has_visit() && message.first("PV1").is_none() {
        problems.push(missing_segment("PV1"));
    }
    if problems.is_empty() { Ok(event) } else { Err(problems) }
}

fn event(message: &Message) -> Result<Event, Problem> {
    let header = message.header();
    let (kind, trigger) = (header.message_type(), header.trigger());
    let place = Some(Place::field("MSH", 1, 9));
    let trigger = trigger.as_str();
    match kind.as_str() {
        "" => {
            Err(Problem::error(ErrorCode::RequiredField, place, "MSH-9 does not say which message this is."))
        }
        "ADT" => Event::ADT.into_iter().find(|e| e.trigger() == trigger).ok_or_else(|| {
            Problem::reject(
                ErrorCode::EventCode,
                place,
                "This ADT event is not taken in here; A01, A03, A04, A05, A08, A28 and A31 are.",
            )
        }),
        "ORU" if trigger == "R01" || trigger.is_empty() => Ok(Event::R01),
        "ORU" => {
            Err(Problem::reject(ErrorCode::EventCode, place, "This ORU event is not taken in here; R01 is."))
        }
        _ => Err(Problem::reject(
            ErrorCode::MessageType,
            place,
            "This message type is not taken in here; ADT and ORU^R01 are.",
        )),
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

fn patient(message: &Message, policy: &Policy, problems: &mut Vec<Problem>) {
    let mut all = message.all("PID");
    let Some(pid) = all.next() else {
        problems.push(missing_segment("PID"));
        return;
    };
    if all.next().is_some() {
        problems.push(Problem::error(
            ErrorCode::SegmentSequence,
            Some(Place::segment("PID", 2)),
            "One message, one patient: send the second patient in a message of its own.",
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

fn results(message: &Message, policy: &Policy, problems: &mut Vec<Problem>) {
    if message.first("OBR").is_none() {
        problems.push(missing_segment("OBR"));
        return;
    }
    // From 2.7 on, OBX about the patient may stand before the first order.
    let mut seen_order = policy.mode == Mode::Tolerant && message.header().at_least(7);
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
            (head("ADT^A40") + pid, vec!["201 MSH-9"]),
            (head("ORU^R30") + pid, vec!["201 MSH-9"]),
            (head("SIU^S12") + pid, vec!["200 MSH-9"]),
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
