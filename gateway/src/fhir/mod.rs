//! FHIR R4 (4.0.1): resources held as checked JSON, and the rules about them.
//!
//! Owns what R4 says: types and ids, structure, bundles, search parameters and values, capability. Storage, access
//! rights and transport are left to the appliance.

pub mod audit;
pub mod binary;
pub mod bulk;
pub mod bundle;
pub mod capability;
pub mod care_time;
pub mod compartment;
pub mod consent;
pub mod datetime;
pub mod definitions;
pub mod document;
pub mod graphql;
pub mod id;
pub mod lastn;
pub mod ndjson;
pub(crate) mod near;
pub mod outcome;
pub mod parameters;
pub mod patch;
pub mod patient_match;
pub mod pattern;
pub mod place;
pub mod profile;
pub mod resource;
pub mod rework;
pub mod search;
pub mod sql;
pub mod statistics;
pub mod subscription;
pub mod subset;
pub mod summary;
pub mod terminology;
mod types;
pub mod validate;
pub mod views;
pub mod xml;

#[cfg(test)]
mod hostile;
