//! `GET /health`: can the box do its work, and what does the vault slot hold. No authentication, no content.

use std::time::Instant;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::StatusCode;
use jiff::SignedDuration;
use serde::Serialize;

use super::extract::Json;
use crate::app::{App, Slot};
use crate::pulse::Fault;

/// A box that has begun so lately is not judged yet.
const BEGINS: SignedDuration = SignedDuration::from_secs(30);

/// The routes of this topic.
pub fn routes() -> Router<App> {
    Router::new().route("/health", get(health))
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    vault: &'static str,
    /// Why it cannot, in words without content.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
}

/// 200 while what is written is read back and the ports answer; 503 says why not. Nothing is tried for who asks: it is what
/// was found last.
#[allow(clippy::disallowed_methods)] // Only a distance in time is asked for here.
async fn health(State(app): State<App>) -> (StatusCode, Json<Health>) {
    let vault = match app.slot() {
        Slot::Setup => "setup",
        Slot::Sealed => "sealed",
        Slot::Open(_) => "ready",
        Slot::Rescue(rescue) => {
            let fault = Some(rescue.sentence());
            return (
                StatusCode::SERVICE_UNAVAILABLE,
                Json(Health { status: "failing", vault: "rescue", fault }),
            );
        }
    };
    match app.pulse().found(Instant::now()) {
        Ok(()) => (StatusCode::OK, Json(Health { status: "alive", vault, fault: None })),
        // Nothing was found yet: the box has just begun.
        Err(Fault::Unknown) if app.now().duration_since(app.started()) < BEGINS => {
            (StatusCode::OK, Json(Health { status: "alive", vault, fault: None }))
        }
        Err(fault) => {
            let fault = Some(fault.to_string());
            (StatusCode::SERVICE_UNAVAILABLE, Json(Health { status: "failing", vault, fault }))
        }
    }
}
