//! `GET /health`: is the process alive, and what does the vault slot hold. No authentication, no content.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde::Serialize;

use super::extract::Json;
use crate::app::{App, Slot};

/// The routes of this topic.
pub fn routes() -> Router<App> {
    Router::new().route("/health", get(health))
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    vault: &'static str,
}

async fn health(State(app): State<App>) -> Json<Health> {
    let vault = match app.slot() {
        Slot::Setup => "setup",
        Slot::Sealed => "sealed",
        Slot::Open(_) => "ready",
    };
    Json(Health { status: "alive", vault })
}
