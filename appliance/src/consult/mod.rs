//! Consultations: from a patient's request through payment and waiting room to the last addendum.
//!
//! `ask` is the request and its triage, `state` the course, `presence` the doctors: three pure parts that take `now` and
//! answer the next state with what belongs to it. Media and transcription plug in as further modules of this room.

pub mod ask;
pub mod presence;
pub mod state;
