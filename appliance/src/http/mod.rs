//! The HTTP face: thin handlers, one file a topic, each with its `routes()`.
//!
//! Extract (who, what), call one service method, map the answer. `server` owns sockets, `front` what happens around
//! every request, `error` how refusals look.

pub mod assets;
pub mod connections;
pub mod error;
pub mod extract;
pub mod fhir;
pub mod front;
pub mod health;
pub mod limits;
pub mod query;
pub mod server;

use axum::Router;

use crate::app::App;

/// The whole application: HTTPS for everyone, plain HTTP only on the box itself.
pub fn router(app: App) -> Router {
    Router::new().merge(health::routes()).merge(fhir::routes()).with_state(app)
}

/// What plain HTTP answers to everyone who is not on the box itself.
pub fn install_router(app: App) -> Router {
    Router::new().merge(health::routes()).with_state(app)
}
