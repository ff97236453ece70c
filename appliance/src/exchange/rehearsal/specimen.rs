//! Messages about people who do not exist, for trying a connection and for the page that another side's IT reads. They are
//! made of `specimens.json` as the box makes its own, with the processing id `T`.

use clinicvault_gateway::emit::{self, Envelope, Kind, Set};
use clinicvault_gateway::json::{self, Value};

use crate::records::error::Error;

/// What the messages are made of.
const RECORDS: &str = include_str!("specimens.json");

/// The records.
pub(super) fn records() -> Result<Vec<Value>, Error> {
    let all = json::parse(RECORDS.as_bytes(), &json::Limits::bytes(RECORDS.len()));
    let all = all.map_err(|e| Error::Fault(format!("specimens: {e}")))?;
    Ok(all.as_array().map(<[Value]>::to_vec).unwrap_or_default())
}

/// One of them.
pub(super) fn record<'a>(all: &'a [Value], kind: &str, id: &str) -> Option<&'a Value> {
    all.iter().find(|one| one.str("resourceType") == Some(kind) && one.str("id") == Some(id))
}

/// A message of a kind.
pub(super) fn message(
    kind: Kind,
    envelope: &Envelope<'_>,
    authorities: &[(String, String)],
) -> Result<Vec<u8>, Error> {
    let all = records()?;
    let (root, id) = root(kind);
    let fault = |why: String| Error::Fault(format!("specimen {kind}: {why}"));
    let root = record(&all, root, id).ok_or_else(|| fault("no record".to_owned()))?;
    let authorities: Vec<(String, String)> = authorities
        .iter()
        .cloned()
        .chain([("TEST".to_owned(), "urn:x-clinicvault:test".to_owned())])
        .collect();
    emit::message(kind, root, &Set::new(around(&all, root)), envelope, &authorities)
        .map_err(|why| fault(why.to_string()))
}

/// The record that a message is about.
const fn root(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::A01 | Kind::A03 | Kind::A04 | Kind::A05 => ("Encounter", "visit"),
        Kind::A08 | Kind::A28 | Kind::A31 => ("Patient", "test"),
        Kind::A40 => ("Patient", "merged"),
        Kind::R01 => ("DiagnosticReport", "report"),
        Kind::O01 | Kind::O21 => ("ServiceRequest", "order"),
        Kind::S12 | Kind::S13 | Kind::S14 | Kind::S15 => ("Appointment", "appointment"),
        Kind::T02 => ("DocumentReference", "document"),
        Kind::V04 => ("Immunization", "vaccination"),
    }
}

/// A record and all that it refers to, also at second hand.
fn around<'a>(all: &'a [Value], root: &'a Value) -> Vec<&'a Value> {
    let mut found: Vec<&Value> = vec![root];
    let mut next = 0;
    while let Some(one) = found.get(next).copied() {
        for reference in emit::references(one) {
            let Some((kind, id)) = reference.split_once('/') else { continue };
            let there = found.iter().any(|f| f.str("resourceType") == Some(kind) && f.str("id") == Some(id));
            found.extend(record(all, kind, id).filter(|_| !there));
        }
        next += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use clinicvault_gateway::emit::Acknowledge;
    use clinicvault_gateway::hl7::accept::{self, Policy};
    use clinicvault_gateway::hl7::{Limits, Mode, parse};
    use jiff::Timestamp;
    use jiff::tz::Offset;

    use super::*;

    #[test]
    fn every_kind_is_a_message_of_its_kind_that_this_box_takes_and_marked_as_a_test() {
        for kind in Kind::ALL {
            let envelope = Envelope {
                sender: ("CLINICVAULT", "BOX"),
                receiver: ("", ""),
                control_id: "TEST1",
                now: Timestamp::from_second(1_800_000_000).unwrap(),
                offset: Offset::UTC,
                training: true,
                acknowledge: Acknowledge::Original,
            };
            let bytes = message(kind, &envelope, &[]).unwrap();
            let message = parse(bytes.clone(), &Limits::default(), Mode::Strict, None).unwrap();
            assert_eq!(message.header().component(11, 1), b"T", "{kind}");
            let event = accept::check(&message, &Policy { mode: Mode::Strict, production_only: false });
            let event = event.unwrap_or_else(|problems| panic!("{kind}: {problems:?}"));
            assert_eq!(format!("{}^{}", event.kind(), event.trigger()), kind.to_string());
            assert!(String::from_utf8_lossy(&bytes).contains("Test^Invented"), "{kind}");
        }
    }
}
