//! What the clinic's screens ask for: people, registration, the chart, who looked.
//!
//! Owns reading FHIR resources into what a screen shows and building resources from what a person typed. Everything is
//! read and written through `records`; what a record means to a machine client is left to FHIR itself.

pub mod chart;
pub mod duplicates;
pub mod form;
pub mod identity;
pub mod live;
pub mod make;
pub mod read;
pub mod review;
