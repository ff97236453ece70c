//! The clinic's own search for a person.
use super::Term;
use crate::fhir::resource::Resource;
/// Terms of a Patient.
pub fn terms(_patient: &Resource) -> Vec<Term> {
    Vec::new()
}
