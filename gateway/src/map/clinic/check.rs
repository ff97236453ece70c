//! What single values of a document of maps must be like, and how much of everything there may be.

use crate::fhir::terminology::{Core, Membership, in_system};
use crate::map::concepts;

/// Longest document, bytes.
pub const LONGEST_DOCUMENT: usize = 1024 * 1024;
/// Most codes of a clinic's own.
pub const MOST_CONCEPTS: usize = 5_000;
/// Most rules for Z-segments.
pub const MOST_RULES: usize = 500;
/// Longest name, code or address, in characters.
pub(super) const LONGEST: usize = 255;
/// Most faults that are told at once.
pub(super) const MOST_FAULTS: usize = 50;

/// Types of a message's resources that a Z-segment's field can be added to.
const RESOURCES: [&str; 15] = [
    "Account",
    "AllergyIntolerance",
    "Appointment",
    "Condition",
    "Coverage",
    "DiagnosticReport",
    "DocumentReference",
    "Encounter",
    "Immunization",
    "MedicationRequest",
    "Observation",
    "Patient",
    "Procedure",
    "ServiceRequest",
    "Specimen",
];

/// A type that rules can add to.
pub(super) fn resource(name: &str) -> Result<(), String> {
    if RESOURCES.contains(&name) {
        return Ok(());
    }
    Err(format!("\"{name}\" is none of the types that a rule can add to: {}.", RESOURCES.join(", ")))
}

/// An absolute URI (RFC 3986): a scheme, a colon and no blanks.
pub(super) fn uri(text: &str) -> Result<(), String> {
    let scheme = text.split_once(':').filter(|(_, rest)| !rest.is_empty()).map(|(scheme, _)| scheme);
    let named = scheme.is_some_and(|s| {
        s.starts_with(|c: char| c.is_ascii_alphabetic())
            && s.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    });
    if named && !text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Ok(());
    }
    Err(format!(
        "\"{text}\" is no absolute URI; write one like https://clinic.example/fhir/token or urn:oid:1.2.3."
    ))
}

/// FHIR R4, datatype `code`: no blanks around it, single ones inside.
pub(super) fn code(text: &str) -> Result<(), String> {
    if crate::map::types::code_text(text) == text && !text.contains(char::is_control) {
        return Ok(());
    }
    Err(format!("\"{text}\" is no code: no blanks around it, single ones inside."))
}

/// A table that senders' codes are looked up in.
pub(super) fn table(name: &str) -> Result<(), String> {
    let hl7 = name.strip_prefix("v2-").is_some_and(|d| d.len() == 4 && d.bytes().all(|b| b.is_ascii_digit()));
    if hl7 || name == "unit" || concepts::system_of(name).is_some() {
        return Ok(());
    }
    let all = concepts::names().collect::<Vec<_>>().join(", ");
    Err(format!(
        "\"{name}\" is no table. There are unit, {all} and those of HL7 as v2-0007; the codes of a sender's own system \
         are given with codeSystem."
    ))
}

/// A target of a table whose element takes only the standard's own codes.
pub(super) fn bound(table: &str, system: &str, code: &str) -> Result<(), String> {
    let Some(required) = concepts::system_of(table).filter(|s| s.starts_with("http://hl7.org/fhir/")) else {
        return Ok(());
    };
    if system != required {
        return Err(format!("Codes of the table {table} lead to {required} only, not to {system}."));
    }
    match in_system(&Core, required, None, code) {
        Membership::Out => Err(format!("{required} has no code \"{code}\".")),
        Membership::In | Membership::Unknown(_) => Ok(()),
    }
}
