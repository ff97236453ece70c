//! Subscriptions as pure code: what one asks for, whether a change concerns it, what is sent, and its life.
//!
//! Two forms are served: R4's own, whose criteria are a query, and the topic-based form of the R5 Backport guide (1.1,
//! for R4). `wish` reads a Subscription, `endpoint` and `header` say where a notification may go and with what, `topic`
//! and `watch` decide whether a change concerns it, `notice` writes the bundles, `life` is the state machine with its
//! counters. Sockets, clocks, chance and storage are the appliance's.

pub mod endpoint;
pub mod header;
pub mod life;
pub mod notice;
pub mod topic;
pub mod watch;
pub mod wish;

/// Where the extensions, profiles and operations of the R5 Backport guide are defined.
pub const BACKPORT: &str = "http://hl7.org/fhir/uv/subscriptions-backport";

#[cfg(test)]
mod tests;
