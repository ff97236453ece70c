//! Which messages are made, what they are about, and which change of a record causes which.

use std::fmt;

use crate::json::Value;

/// A message that the box makes of its own records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// ADT^A01: admit or visit.
    A01,
    /// ADT^A03: end of a visit.
    A03,
    /// ADT^A04: register an outpatient.
    A04,
    /// ADT^A05: a visit is expected.
    A05,
    /// ADT^A08: a patient or visit changed.
    A08,
    /// ADT^A28: a person was added.
    A28,
    /// ADT^A31: a person changed.
    A31,
    /// ADT^A40: two patients are one.
    A40,
    /// ORU^R01: results.
    R01,
    /// ORM^O01: an order.
    O01,
    /// OML^O21: a laboratory order.
    O21,
    /// SIU^S12: a new appointment.
    S12,
    /// SIU^S13: an appointment moved.
    S13,
    /// SIU^S14: an appointment changed otherwise.
    S14,
    /// SIU^S15: an appointment was cancelled.
    S15,
    /// MDM^T02: a document with its content.
    T02,
    /// VXU^V04: a vaccination.
    V04,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 17] = [
        Self::A01,
        Self::A03,
        Self::A04,
        Self::A05,
        Self::A08,
        Self::A28,
        Self::A31,
        Self::A40,
        Self::R01,
        Self::O01,
        Self::O21,
        Self::S12,
        Self::S13,
        Self::S14,
        Self::S15,
        Self::T02,
        Self::V04,
    ];

    /// MSH-9.1 and MSH-9.2.
    pub const fn parts(self) -> (&'static str, &'static str) {
        match self {
            Self::A01 => ("ADT", "A01"),
            Self::A03 => ("ADT", "A03"),
            Self::A04 => ("ADT", "A04"),
            Self::A05 => ("ADT", "A05"),
            Self::A08 => ("ADT", "A08"),
            Self::A28 => ("ADT", "A28"),
            Self::A31 => ("ADT", "A31"),
            Self::A40 => ("ADT", "A40"),
            Self::R01 => ("ORU", "R01"),
            Self::O01 => ("ORM", "O01"),
            Self::O21 => ("OML", "O21"),
            Self::S12 => ("SIU", "S12"),
            Self::S13 => ("SIU", "S13"),
            Self::S14 => ("SIU", "S14"),
            Self::S15 => ("SIU", "S15"),
            Self::T02 => ("MDM", "T02"),
            Self::V04 => ("VXU", "V04"),
        }
    }

    /// MSH-9.3 (table 0354).
    pub const fn structure(self) -> &'static str {
        match self {
            Self::A01 | Self::A04 | Self::A08 => "ADT_A01",
            Self::A03 => "ADT_A03",
            Self::A05 | Self::A28 | Self::A31 => "ADT_A05",
            Self::A40 => "ADT_A39",
            Self::R01 => "ORU_R01",
            Self::O01 => "ORM_O01",
            Self::O21 => "OML_O21",
            Self::S12 | Self::S13 | Self::S14 | Self::S15 => "SIU_S12",
            Self::T02 => "MDM_T02",
            Self::V04 => "VXU_V04",
        }
    }

    /// The kind of a name such as `ADT^A08`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.to_string() == name)
    }

    /// Whether a resource of this type can be what the message is about. ADT messages tell of a visit too; about a patient,
    /// results, orders and vaccinations are all that are among the records.
    pub fn tells_of(self, resource: &str) -> bool {
        match self {
            Self::A01 | Self::A03 | Self::A04 | Self::A05 | Self::A08 => {
                matches!(resource, "Patient" | "Encounter")
            }
            Self::A28 | Self::A31 | Self::A40 => resource == "Patient",
            Self::R01 => matches!(resource, "DiagnosticReport" | "Observation" | "Patient"),
            Self::O01 => matches!(resource, "ServiceRequest" | "MedicationRequest" | "Patient"),
            Self::O21 => matches!(resource, "ServiceRequest" | "Patient"),
            Self::S12 | Self::S13 | Self::S14 | Self::S15 => resource == "Appointment",
            Self::T02 => resource == "DocumentReference",
            Self::V04 => matches!(resource, "Immunization" | "Patient"),
        }
    }

    /// The resources without which a message about a patient says nothing.
    pub(super) const fn subjects(self) -> &'static [&'static str] {
        match self {
            Self::R01 => &["DiagnosticReport"],
            Self::O01 => &["ServiceRequest", "MedicationRequest"],
            Self::O21 => &["ServiceRequest"],
            Self::V04 => &["Immunization"],
            _ => &[],
        }
    }

    /// Whether the message has an EVN.
    pub(super) const fn has_event(self) -> bool {
        matches!(self.parts().0.as_bytes(), b"ADT" | b"MDM")
    }

    /// Whether the message cannot do without a PV1.
    pub(super) const fn needs_visit(self) -> bool {
        matches!(
            self,
            Self::A01 | Self::A03 | Self::A04 | Self::A05 | Self::A08 | Self::A28 | Self::A31 | Self::T02
        )
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (message, trigger) = self.parts();
        write!(f, "{message}^{trigger}")
    }
}

/// The messages that a change of a record is told by: `before` is the version before, absent for a new record. Drafts and
/// what was entered in error before it was ever told cause none.
pub fn caused(before: Option<&Value>, now: &Value) -> Vec<Kind> {
    match now.str("resourceType") {
        Some("Patient") => patient(before, now),
        Some("Encounter") => visit(before, now),
        Some("DiagnosticReport") => results(before, now),
        Some("Observation") => lone(before, now),
        Some("ServiceRequest") => order(now),
        Some("MedicationRequest") => order(now).into_iter().filter(|kind| *kind == Kind::O01).collect(),
        Some("Appointment") => appointment(before, now),
        Some("DocumentReference") => vec![Kind::T02],
        Some("Immunization") => vec![Kind::V04],
        _ => Vec::new(),
    }
}

fn patient(before: Option<&Value>, now: &Value) -> Vec<Kind> {
    let merged = |p: &Value| p.items("link").iter().any(|l| l.str("type") == Some("replaced-by"));
    match before {
        _ if merged(now) && !before.is_some_and(merged) => vec![Kind::A40],
        None => vec![Kind::A04, Kind::A28],
        Some(_) => vec![Kind::A08, Kind::A31],
    }
}

fn visit(before: Option<&Value>, now: &Value) -> Vec<Kind> {
    let ended = |e: &Value| e.str("status") == Some("finished");
    match (before, now.str("status")) {
        (Some(before), Some("finished")) if !ended(before) => vec![Kind::A03],
        (None, Some("planned")) => vec![Kind::A05],
        (None, Some("finished")) => vec![Kind::A03],
        (None, _) => vec![Kind::A01],
        (Some(_), _) => vec![Kind::A08],
    }
}

fn results(before: Option<&Value>, now: &Value) -> Vec<Kind> {
    let told = before.is_some_and(|b| has_results(b.str("status")));
    if has_results(now.str("status")) || told { vec![Kind::R01] } else { Vec::new() }
}

fn has_results(status: Option<&str>) -> bool {
    matches!(
        status,
        Some("partial" | "preliminary" | "final" | "amended" | "corrected" | "appended" | "cancelled")
    )
}

/// An observation tells of itself only where no report does: what a laboratory found comes with its report.
fn lone(before: Option<&Value>, now: &Value) -> Vec<Kind> {
    let laboratory = now.items("category").iter().flat_map(|c| c.items("coding"));
    let mut laboratory = laboratory.filter(|c| matches!(c.str("code"), Some("laboratory" | "imaging")));
    let told = matches!(now.str("status"), Some("final" | "amended" | "corrected"));
    let withdrawn = before.is_some() && now.str("status") == Some("entered-in-error");
    if laboratory.next().is_none() && (told || withdrawn) { vec![Kind::R01] } else { Vec::new() }
}

fn order(now: &Value) -> Vec<Kind> {
    match (now.str("intent"), now.str("status")) {
        (_, Some("draft" | "unknown")) | (Some("proposal" | "plan" | "option"), _) => Vec::new(),
        (_, _) => vec![Kind::O01, Kind::O21],
    }
}

fn appointment(before: Option<&Value>, now: &Value) -> Vec<Kind> {
    let status = now.str("status");
    match before {
        _ if matches!(status, Some("proposed" | "waitlist")) => Vec::new(),
        None if matches!(status, Some("cancelled" | "entered-in-error")) => Vec::new(),
        None => vec![Kind::S12],
        Some(before) if status == Some("cancelled") && before.str("status") != status => vec![Kind::S15],
        Some(before) if before.str("start") != now.str("start") => vec![Kind::S13],
        Some(_) => vec![Kind::S14],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Limits, parse};

    fn json(text: &str) -> Value {
        parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    #[test]
    fn a_change_causes_the_messages_of_its_kind() {
        let p = r#"{"resourceType":"Patient"}"#;
        let merged =
            r#"{"resourceType":"Patient","link":[{"type":"replaced-by","other":{"reference":"Patient/2"}}]}"#;
        let e = |s: &str| format!(r#"{{"resourceType":"Encounter","status":"{s}"}}"#);
        let a =
            |s: &str, t: &str| format!(r#"{{"resourceType":"Appointment","status":"{s}","start":"{t}"}}"#);
        let o = |s: &str, c: &str| {
            format!(
                r#"{{"resourceType":"Observation","status":"{s}","category":[{{"coding":[{{"code":"{c}"}}]}}]}}"#
            )
        };
        for (before, now, expected) in [
            (None, p.to_owned(), "ADT^A04 ADT^A28"),
            (Some(p.to_owned()), p.to_owned(), "ADT^A08 ADT^A31"),
            (Some(p.to_owned()), merged.to_owned(), "ADT^A40"),
            (Some(merged.to_owned()), merged.to_owned(), "ADT^A08 ADT^A31"),
            (None, e("in-progress"), "ADT^A01"),
            (None, e("planned"), "ADT^A05"),
            (Some(e("in-progress")), e("finished"), "ADT^A03"),
            (Some(e("finished")), e("finished"), "ADT^A08"),
            (None, a("booked", "1"), "SIU^S12"),
            (None, a("proposed", "1"), ""),
            (Some(a("booked", "1")), a("booked", "2"), "SIU^S13"),
            (Some(a("booked", "1")), a("arrived", "1"), "SIU^S14"),
            (Some(a("booked", "1")), a("cancelled", "1"), "SIU^S15"),
            (None, o("final", "vital-signs"), "ORU^R01"),
            (None, o("final", "laboratory"), ""),
            (None, o("preliminary", "exam"), ""),
            (None, r#"{"resourceType":"ServiceRequest","status":"draft","intent":"order"}"#.to_owned(), ""),
            (
                None,
                r#"{"resourceType":"ServiceRequest","status":"active","intent":"order"}"#.to_owned(),
                "ORM^O01 OML^O21",
            ),
            (
                None,
                r#"{"resourceType":"MedicationRequest","status":"active","intent":"order"}"#.to_owned(),
                "ORM^O01",
            ),
            (
                None,
                r#"{"resourceType":"MedicationRequest","status":"draft","intent":"order"}"#.to_owned(),
                "",
            ),
            (None, r#"{"resourceType":"DiagnosticReport","status":"registered"}"#.to_owned(), ""),
            (None, r#"{"resourceType":"DiagnosticReport","status":"final"}"#.to_owned(), "ORU^R01"),
            (None, r#"{"resourceType":"Basic"}"#.to_owned(), ""),
        ] {
            let kinds = caused(before.map(|b| json(&b)).as_ref(), &json(&now));
            let names: Vec<String> = kinds.iter().map(Kind::to_string).collect();
            assert_eq!(names.join(" "), expected, "{now}");
            assert!(names.iter().all(|name| Kind::parse(name).is_some()));
        }
    }
}
