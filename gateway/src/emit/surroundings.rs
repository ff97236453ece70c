//! What stands around a patient in a message: relatives, findings, procedures, guarantors, cover, referrals, accidents,
//! persons in roles. Which of it a message has, and in which order, is in [`parts`].

use crate::json::Value;

use super::clinical;
use super::kin;
use super::kind::Kind;
use super::observation;
use super::participation;
use super::rules::{fill, fill_but};
use super::segment::Segment;
use super::types::{Scope, about};
use super::visit;

/// A run of segments about a patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// NK1.
    Kin,
    /// PV1 and PV2.
    Visit,
    /// DB1.
    Disabilities,
    /// OBX outside of orders.
    Observations,
    /// AL1 and IAM.
    Allergies,
    /// DG1.
    Problems,
    /// PR1.
    Procedures,
    /// GT1.
    Guarantors,
    /// IN1 and IN2.
    Covers,
    /// RF1.
    Referrals,
    /// ACC.
    Accidents,
    /// PDA.
    Deaths,
}

/// The parts of a message between PID and what it is about, in the order of its structure (HL7 v2.9 chapters 3 to 9), as
/// runs one behind the other.
pub(super) const fn parts(kind: Kind) -> &'static [&'static [Part]] {
    use Part::*;
    const PERSON: &[Part] = &[Kin, Visit, Disabilities];
    const CLINICAL: &[Part] = &[Allergies, Problems, Procedures];
    const PAID: &[Part] = &[Guarantors, Covers, Referrals, Accidents];
    match kind {
        Kind::A01 | Kind::A04 | Kind::A08 => &[PERSON, &[Observations], CLINICAL, PAID, &[Deaths]],
        Kind::A03 => &[PERSON, CLINICAL, &[Observations], PAID, &[Deaths]],
        Kind::A05 | Kind::A28 | Kind::A31 => &[PERSON, &[Observations], CLINICAL, PAID],
        Kind::A40 => &[],
        Kind::R01 => &[&[Kin, Allergies, Observations, Visit, Problems, Guarantors, Covers]],
        Kind::O01 => &[&[Kin, Visit, Covers, Guarantors, Allergies, Problems]],
        Kind::O21 => &[&[Kin, Observations, Visit, Covers, Guarantors, Allergies, Problems]],
        Kind::S12 | Kind::S13 | Kind::S14 | Kind::S15 => &[&[Visit, Observations, Problems, Allergies]],
        Kind::T02 => &[&[Visit]],
        Kind::V04 => &[&[Kin, Visit, Guarantors, Covers, Allergies, Observations]],
    }
}

/// Whether a message of this kind has ROL.
pub(super) const fn has_roles(kind: Kind) -> bool {
    matches!(kind.parts().0.as_bytes(), b"ADT")
}

/// Writes what surrounds a patient. All of it is told where the message is about the patient or a visit; beside one
/// result, order or appointment, only who the relatives are and the visit.
pub(super) fn write(
    scope: &Scope<'_>,
    kind: Kind,
    root: &Value,
    who: &Value,
    encounter: Option<&Value>,
    out: &mut Vec<Segment>,
) {
    let whole = matches!(root.str("resourceType"), Some("Patient" | "Encounter" | "Appointment"));
    for part in parts(kind).iter().copied().flatten() {
        match part {
            Part::Kin => kin::relatives(scope, who, out),
            Part::Visit => match encounter {
                Some(encounter) => visit::visit(scope, kind, encounter, who, out),
                None if kind.needs_visit() => out.push(visit::none(scope, who)),
                None => {}
            },
            _ if !whole => {}
            // An order that a visit follows is a referral only where the message is about all of a patient.
            Part::Referrals if root.str("resourceType") != Some("Patient") => {}
            part => findings(scope, kind, *part, who, encounter, out),
        }
    }
}

fn findings(
    scope: &Scope<'_>,
    kind: Kind,
    part: Part,
    who: &Value,
    encounter: Option<&Value>,
    out: &mut Vec<Segment>,
) {
    match part {
        Part::Disabilities => special(scope, who, "Disability", "DB1", out),
        Part::Accidents => special(scope, who, "Accident", "ACC", out),
        Part::Deaths => special(scope, who, "Death and autopsy", "PDA", out),
        Part::Observations => loose(scope, kind, who, out),
        Part::Allergies => {
            for (n, allergy) in about(scope, who, "AllergyIntolerance").enumerate() {
                out.push(clinical::allergy(scope, allergy, n, has_roles(kind)));
            }
        }
        Part::Problems => {
            for (n, condition) in about(scope, who, "Condition").enumerate() {
                out.push(clinical::dg1(scope, condition, encounter, n));
            }
        }
        Part::Procedures => {
            for (n, procedure) in about(scope, who, "Procedure").enumerate() {
                let mut pr1 = Segment::numbered("PR1", n);
                // What is coded has its words with it.
                let coded = procedure.get("code").is_some_and(|c| !c.items("coding").is_empty());
                fill_but(scope, &mut pr1, "PR1", procedure, if coded { &[4] } else { &[] });
                out.push(pr1);
                participation::roles(scope, kind, procedure, out);
            }
        }
        Part::Guarantors => kin::guarantors(scope, who, out),
        Part::Covers => {
            for (n, coverage) in about(scope, who, "Coverage").enumerate() {
                clinical::cover(scope, coverage, n, out);
            }
        }
        Part::Referrals => {
            let answered = |request: &&Value| {
                let reports = scope.set.of_kind("DiagnosticReport");
                reports
                    .flat_map(|r| scope.set.all_of(r.items("basedOn")))
                    .any(|r| r.get("id") == request.get("id"))
            };
            for request in about(scope, who, "ServiceRequest").filter(|r| !answered(r)) {
                let mut rf1 = Segment::new("RF1");
                fill(scope, &mut rf1, "RF1", request);
                out.push(rf1);
            }
        }
        Part::Kin | Part::Visit => {}
    }
}

/// Names of the observations that segments of their own become.
const SPECIAL: &[&str] = &["Disability", "Accident", "Death and autopsy", "Autopsy"];

fn name_of(observation: &Value) -> Option<&str> {
    let code = observation.get("code").filter(|c| c.items("coding").is_empty())?;
    code.str("text").filter(|name| SPECIAL.contains(name))
}

fn special(scope: &Scope<'_>, who: &Value, name: &str, segment: &'static str, out: &mut Vec<Segment>) {
    let all = about(scope, who, "Observation").filter(|o| name_of(o) == Some(name));
    // The autopsy is told of by the same segment as the death.
    let mut autopsies = about(scope, who, "Observation").filter(|o| name_of(o) == Some("Autopsy"));
    for (n, one) in all.enumerate() {
        let mut made = match segment {
            "DB1" => Segment::numbered("DB1", n).with(2, "PT"),
            other => Segment::new(other),
        };
        fill(scope, &mut made, segment, one);
        if let ("PDA", Some(autopsy)) = (segment, autopsies.next()) {
            fill(scope, &mut made, "PDAA", autopsy);
        }
        out.push(made);
    }
    for autopsy in autopsies.filter(|_| segment == "PDA") {
        let mut made = Segment::new(segment);
        fill(scope, &mut made, "PDAA", autopsy);
        out.push(made);
    }
}

/// Values outside of reports and orders.
fn loose(scope: &Scope<'_>, kind: Kind, who: &Value, out: &mut Vec<Segment>) {
    let set = scope.set;
    let reports = set.of_kind("DiagnosticReport").flat_map(|r| set.all_of(r.items("result")));
    let orders = set.of_kind("ServiceRequest").flat_map(|r| set.all_of(r.items("supportingInfo")));
    let taken: Vec<_> = reports.chain(orders).map(|o| o.str("id")).collect();
    let mut n = 0;
    for one in about(scope, who, "Observation") {
        let elsewhere = !one.items("partOf").is_empty()
            || (one.get("specimen").is_some() && !has_roles(kind))
            || (!one.items("basedOn").is_empty() && !has_roles(kind));
        if name_of(one).is_none() && !elsewhere && !taken.contains(&one.str("id")) {
            observation::observation(scope, one, &mut n, out);
        }
    }
}

/// ROL of a person in a role.
pub(super) fn role(scope: &Scope<'_>, role: &Value) -> Segment {
    let mut rol = Segment::new("ROL").with(2, "UC");
    fill(scope, &mut rol, "ROL", role);
    rol
}

/// Persons in roles and devices that no record among these refers to, behind all else.
pub(super) fn others_in_roles(scope: &Scope<'_>, kind: Kind, out: &mut Vec<Segment>) {
    let told = scope.set.all().filter(|r| r.str("resourceType") != Some("Provenance"));
    let referred: Vec<String> = told.flat_map(super::set::references).collect();
    // Without ROL nobody in a role of its own stands beside the visit.
    let visits = scope.set.of_kind("Encounter").filter(|_| !has_roles(kind));
    let apart: Vec<String> = visits
        .flat_map(|e| e.items("participant"))
        .filter(|p| visit::in_role(scope, p))
        .filter_map(|p| super::local(p.get("individual")?.str("reference")?))
        .collect();
    for one in scope.set.of_kind("PractitionerRole") {
        let own = format!("PractitionerRole/{}", one.str("id").unwrap_or_default());
        if referred.contains(&own) && !apart.contains(&own) {
            continue;
        }
        if has_roles(kind) && one.get("practitioner").is_some() {
            out.push(role(scope, one));
        } else {
            out.push(participation::prt(scope, one));
        }
    }
    for device in scope.set.of_kind("Device") {
        if !referred.contains(&format!("Device/{}", device.str("id").unwrap_or_default())) {
            let mut prt = Segment::new("PRT").with(2, "UC");
            fill(scope, &mut prt, "PRTD", device);
            out.push(prt);
        }
    }
}
