//! FHIR R4 resources to HL7 v2.5.1 messages, as pure code: what `map` reads, read backwards.
//!
//! [`message`] writes one message about one resource and what it refers to. The same resources and the same envelope give
//! the same bytes. Codes go out as they came in where the record kept them, else by the tables of the v2-to-FHIR guide 1.0.0
//! (STU 1) read backwards. What a FHIR resource says and HL7 v2 has no field for is not sent; nothing is made up.

mod appointment;
mod charge;
mod clinical;
mod codes;
mod contact;
mod document;
mod head;
mod kin;
mod kind;
mod medication;
mod observation;
mod order;
mod participation;
mod passing;
mod patient;
mod people;
mod response;
mod rules;
mod segment;
mod set;
mod specimen;
mod surroundings;
mod timing;
mod types;
mod vaccine;
mod value;
mod visit;

#[cfg(test)]
mod tests;

use thiserror::Error;

use crate::hl7::Delimiters;
use crate::hl7::encode::Builder;
use crate::json::Value;

pub use head::{Acknowledge, Envelope};
pub use kind::{Kind, caused};
pub use passing::told;
pub use response::Told;
use segment::Segment;
pub use set::{Set, local, references};
use types::Scope;

/// Longest message in bytes: the usual limit of an MLLP frame, which is the box's own for what comes in.
pub const LONGEST: usize = 16 * 1024 * 1024;

/// Why no message can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The message is about another type of resource.
    #[error("{0} is not made of this type of resource")]
    Kind(Kind),
    /// The patient that the resource is about is not among the records.
    #[error("the patient is not there")]
    NoPatient,
    /// A merge names no surviving patient that is among the records.
    #[error("the patient that replaces this one is not there")]
    NoSurvivor,
    /// A patient has none of what such messages tell of among the records.
    #[error("there is nothing that {0} tells of among the records")]
    Nothing(Kind),
    /// The message is longer than peers take: the bytes that it has.
    #[error("the message has {0} bytes, and {LONGEST} are the most that one may have")]
    TooLong(usize),
}

/// Writes one message about `root`, with what it needs of `set`. `authorities` are names of assigning authorities with
/// their URIs, as [`crate::map::MapContext`] has them.
///
/// # Errors
/// [`Refusal`] when `root` is no resource that this kind of message tells of, or its patient is not in `set`.
pub fn message(
    kind: Kind,
    root: &Value,
    set: &Set<'_>,
    envelope: &Envelope<'_>,
    authorities: &[(String, String)],
) -> Result<Vec<u8>, Refusal> {
    let root_kind = root.str("resourceType").unwrap_or_default();
    if !kind.tells_of(root_kind) {
        return Err(Refusal::Kind(kind));
    }
    let scope = Scope { authorities, set };
    let mut out = vec![head::msh(kind, envelope)];
    if kind.has_event() {
        out.push(head::evn(kind, envelope, root, &scope));
    }
    body(kind, root, &scope, &mut out)?;
    let mut builder = Builder::new(Delimiters::default());
    out.iter().for_each(|segment| segment.write(&mut builder));
    let bytes = builder.finish();
    if bytes.len() > LONGEST { Err(Refusal::TooLong(bytes.len())) } else { Ok(bytes) }
}

fn body(kind: Kind, root: &Value, scope: &Scope<'_>, out: &mut Vec<Segment>) -> Result<(), Refusal> {
    if kind == Kind::A40 {
        let survivor = survivor(root, scope).ok_or(Refusal::NoSurvivor)?;
        out.push(patient::pid(scope, survivor));
        patient::about(scope, survivor, false, out);
        out.push(patient::mrg(scope, root));
        return Ok(());
    }
    let who = patient_of(root, scope).ok_or(Refusal::NoPatient)?;
    if root.str("resourceType") == Some("Patient") && !kind.subjects().is_empty() {
        let any = kind.subjects().iter().any(|subject| scope.set.of_kind(subject).next().is_some());
        any.then_some(()).ok_or(Refusal::Nothing(kind))?;
    }
    let encounter = encounter_of(root, scope);
    let booked = matches!(kind, Kind::S12 | Kind::S13 | Kind::S14 | Kind::S15);
    if booked {
        out.push(appointment::sch(scope, root));
        let words = root.str("comment").or_else(|| root.str("patientInstruction"));
        out.extend(words.map(|words| Segment::numbered("NTE", 0).with(3, words)));
    }
    out.push(patient::pid(scope, who));
    patient::about(scope, who, surroundings::has_roles(kind), out);
    surroundings::write(scope, kind, root, who, encounter, out);
    match kind {
        Kind::R01 => results(root, scope, out),
        Kind::O01 | Kind::O21 => orders(kind, root, scope, out),
        Kind::S12 | Kind::S13 | Kind::S14 | Kind::S15 => appointment::resources(scope, root, out),
        Kind::T02 => {
            for (n, report) in scope.set.of_kind("DiagnosticReport").enumerate() {
                order::heading(scope, report, n, out);
            }
            out.push(document::txa(scope, root));
            participation::participants(scope, root, out);
            document::content(root, out);
        }
        Kind::V04 => these(root, "Immunization", scope).for_each(|g| vaccine::vaccination(scope, g, out)),
        _ => {}
    }
    if root.str("resourceType") == Some("Patient") {
        if matches!(kind, Kind::R01 | Kind::O01 | Kind::O21) {
            charge::charges(scope, who, out);
        }
        surroundings::others_in_roles(scope, kind, out);
    }
    Ok(())
}

/// The resource itself, or of a patient all of the type.
fn these<'a>(root: &'a Value, kind: &'a str, scope: &Scope<'a>) -> impl Iterator<Item = &'a Value> + 'a {
    let all: Vec<&Value> = match root.str("resourceType") {
        Some("Patient") => scope.set.of_kind(kind).collect(),
        _ => vec![root],
    };
    all.into_iter()
}

/// One order, or of a patient all of them; ORM tells of medicines, too.
fn orders(kind: Kind, root: &Value, scope: &Scope<'_>, out: &mut Vec<Segment>) {
    let specimens = match kind {
        Kind::O01 => order::Specimens::InOrder,
        _ => order::Specimens::Apart,
    };
    let root_kind = root.str("resourceType");
    if root_kind != Some("MedicationRequest") {
        for (n, request) in these(root, "ServiceRequest", scope).enumerate() {
            order::request(scope, request, n, specimens, out);
        }
    }
    if kind == Kind::O01 && root_kind != Some("ServiceRequest") {
        these(root, "MedicationRequest", scope).for_each(|one| medication::prescription(scope, one, out));
    }
}

/// One report, one observation, or for a whole set the reports in it.
fn results(root: &Value, scope: &Scope<'_>, out: &mut Vec<Segment>) {
    match root.str("resourceType") {
        Some("Observation") => order::lone(scope, root, 0, out),
        Some("DiagnosticReport") => order::report(scope, root, 0, out),
        _ => {
            for (n, report) in scope.set.of_kind("DiagnosticReport").enumerate() {
                order::report(scope, report, n, out);
            }
        }
    }
}

/// The patient that a resource is about.
fn patient_of<'a>(root: &'a Value, scope: &Scope<'a>) -> Option<&'a Value> {
    if root.str("resourceType") == Some("Patient") {
        return Some(root);
    }
    let named =
        ["subject", "patient", "beneficiary"].into_iter().find_map(|key| scope.set.get(root.get(key)));
    let actors = root.items("participant").iter().filter_map(|p| scope.set.get(p.get("actor")));
    named.into_iter().chain(actors).find(|found| found.str("resourceType") == Some("Patient"))
}

/// The visit that a resource belongs to; of a patient, the one that is among the records.
fn encounter_of<'a>(root: &'a Value, scope: &Scope<'a>) -> Option<&'a Value> {
    match root.str("resourceType") {
        Some("Encounter") => Some(root),
        Some("Patient") => scope.set.of_kind("Encounter").next(),
        _ => {
            let booked = |e: &&Value| {
                scope.set.all_of(e.items("appointment")).iter().any(|a| a.get("id") == root.get("id"))
            };
            if root.str("resourceType") == Some("Appointment") {
                return scope.set.of_kind("Encounter").find(booked);
            }
            let context = root.get("context").map(|c| c.items("encounter")).unwrap_or_default();
            let named = scope.set.get(root.get("encounter").or_else(|| context.first()));
            named.filter(|found| found.str("resourceType") == Some("Encounter"))
        }
    }
}

/// The patient that stands in for a merged one.
fn survivor<'a>(merged: &'a Value, scope: &Scope<'a>) -> Option<&'a Value> {
    let replaced = merged.items("link").iter().find(|l| l.str("type") == Some("replaced-by"))?;
    scope.set.get(replaced.get("other"))
}
