//! Thin accessors over the tree for what the product reads: nothing is copied, nothing can be changed.
//!
//! A view is a name for a place in the JSON; it never fails. What a resource does not say is `None` or empty.

mod clinical;
mod datatypes;
mod observation;
mod patient;

pub use clinical::{
    AllergyIntolerance, Condition, DiagnosticReport, Document, Dose, Encounter, MedicationRequest, subject,
};
pub use datatypes::{Coding, Concept, Quantity, Range, Stretch, target};
pub use observation::{Component, Measured, Observation};
pub use patient::{Identifier, Name, Patient, Telecom};

#[cfg(test)]
mod tests;
