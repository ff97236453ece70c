//! The clinic's box: records, gateway, web application and command line.
//!
//! `app` composes the rooms; `records` is the only door to stored FHIR; `http` is thin; `exchange` speaks HL7 v2;
//! `consult` and `billing` are consultations and their money; `jobs` carries long work on; `scribe` brings the transcription worker
//! along; `subscriptions` tells others what has changed; `admin` knows people and machines; `lan` makes the box trusted on the clinic's network.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods))]

pub mod admin;
pub mod app;
pub mod backup;
pub mod billing;
pub mod cli;
pub mod clinic;
pub mod clock;
mod collections;
pub mod config;
pub mod consult;
pub mod demo;
pub mod exchange;
pub mod http;
pub mod jobs;
pub mod lan;
pub mod machine;
pub mod manager;
mod outgoing;
pub mod print;
pub mod pulse;
pub mod records;
pub mod scribe;
pub mod starts;
pub mod subscriptions;
pub mod supervisor;
pub mod telemetry;
