//! Behaviour of the whole box, one test binary. Each file is one topic; tests are named for what a clinic sees.
//! A new file is one line here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods
)]

mod analyser_lines;
mod analysers;
mod channels;
mod chart;
mod consult;
mod demo;
mod disk;
mod errands;
mod fhir;
mod fhir_rest;
mod files;
mod hl7_events;
mod hl7_intake;
mod hostile;
mod kill;
mod kill_bundle;
mod kill_hl7;
mod leak;
mod leaks;
mod lifecycle;
mod live;
mod manager;
mod medicines;
mod models;
mod outbox;
mod outbox_destinations;
mod outbox_forwarding;
mod outbox_send;
mod package;
mod papers;
mod payments;
mod portal;
mod register;
mod roles;
mod room;
mod search;
mod sign_in;
mod transcripts;
mod units;
