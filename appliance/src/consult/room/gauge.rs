//! What an open room looks like from outside, for whoever looks after the box: how many, not who or what.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use utoipa::ToSchema;

use super::state::Room;

/// A room that is open now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenRoom {
    /// Of which consultation.
    pub consultation: String,
    /// People in it.
    pub people: usize,
    /// Those of them in the call.
    pub in_call: usize,
    /// What they say is written along.
    pub heard: bool,
    /// They are recorded.
    pub recorded: bool,
}

/// Kept up to date by the room's driver.
#[derive(Debug, Default)]
pub(super) struct Gauge(Mutex<OpenRoom>);

impl Gauge {
    pub(super) fn show(&self, consultation: &str, room: &Room) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = room.gauge(consultation);
        if *shown != now {
            *shown = now;
        }
    }

    pub(super) fn read(&self) -> OpenRoom {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Room {
    fn gauge(&self, consultation: &str) -> OpenRoom {
        OpenRoom {
            consultation: consultation.to_owned(),
            people: self.members.len(),
            in_call: self.members.values().filter(|member| member.peer.is_some()).count(),
            heard: self.heard().open,
            recorded: self.recorder.is_on(),
        }
    }
}
