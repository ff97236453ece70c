//! Where messages come from: one file a kind of source, each with its part of a channel's document, its checks and what
//! it does while it runs.

pub mod analyser;
