//! `GET /fhir/metadata`: what this box really does, without sign-in.
//!
//! The interactions listed here are those of the routes in `super`; the search parameters come from the table that
//! searches work by.

use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::response::Response;
use clinicvault_gateway::fhir::capability::{self, Offered, Served, TypeServed, statement};
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::search::own::Own;
use clinicvault_gateway::json::Value;
use http::StatusCode;
use http::request::Parts;

use super::answer;
use super::ask::base_of;
use super::{negotiate, operations};
use crate::app::App;
use crate::http::error::HttpError;
use crate::http::extract::Peer;
use crate::http::query;

/// Interactions with one type, as routed.
const OF_TYPE: [&str; 9] = [
    "read",
    "vread",
    "update",
    "patch",
    "delete",
    "history-instance",
    "history-type",
    "create",
    "search-type",
];

/// What is needed of the head; nobody has to be signed in.
pub struct Open {
    base: String,
    /// TerminologyCapabilities instead (R4, capabilities interaction, `mode`).
    terminology: bool,
}

impl FromRequestParts<App> for Open {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, HttpError> {
        let peer = Peer::from_request_parts(parts, app).await?;
        let parameters = query::pairs(parts.uri.query().unwrap_or_default())?;
        negotiate::shape(&parts.headers, &parameters)?;
        let mode = parameters.iter().find(|(name, _)| name == "mode").map(|(_, value)| value.as_str());
        let terminology = match mode {
            None | Some("full" | "normative") => false,
            Some("terminology") => true,
            Some(_) => return Err(HttpError::bad_request("The mode is full, normative or terminology.")),
        };
        Ok(Self { base: base_of(parts, peer.tls), terminology })
    }
}

/// The CapabilityStatement, or what is known of terminology.
pub async fn show(State(app): State<App>, open: Open) -> Response {
    let written = if open.terminology {
        let told = capability::terminology(env!("CARGO_PKG_VERSION"), Some(&open.base), app.started());
        answer::text(&told)
    } else {
        app.described(&open.base, own(&app).epoch(), || answer::text(&value(&app, &open.base)))
    };
    answer::body(StatusCode::OK, written)
}

fn offered(operation: &operations::Operation) -> Offered {
    Offered { name: operation.name, definition: operation.definition }
}

/// The own search parameters; none while the vault is sealed.
fn own(app: &App) -> Arc<Own> {
    app.rooms().map(|rooms| rooms.records.own_parameters()).unwrap_or_default()
}

/// The same as a tree.
pub(super) fn value(app: &App, base: &str) -> Value {
    let types = ResourceType::all().map(|kind| {
        // The box itself writes AuditEvents, and nobody changes them.
        let open = kind != ResourceType::AUDIT_EVENT;
        let looks = ["read", "vread", "history-instance", "search-type"];
        TypeServed {
            kind,
            interactions: OF_TYPE.into_iter().filter(|code| open || looks.contains(code)).collect(),
            update_create: open,
            conditional_create: open,
            conditional_update: open,
            conditional_delete: open,
            operations: operations::of_kind(kind).map(offered).collect(),
        }
    });
    statement(&Served {
        version: env!("CARGO_PKG_VERSION"),
        base: Some(base),
        websocket: Some(super::subscriptions::socket_address(base)),
        date: app.started(),
        zone: &app.config().clinic.zone,
        types: types.collect(),
        messages: Some(format!("{base}/$process-message")),
        operations: operations::of_whole().map(offered).collect(),
        system: vec!["transaction", "batch", "search-system", "history-system"],
        security: "A bearer token made on the box (clinicvault token), one of SMART App Launch 2 or backend services \
                   (/.well-known/smart-configuration), or the session of a signed-in person; rights by scopes and by \
                   role. Every access is recorded.",
        own: own(app),
        words: app.config().fhir.words.words(),
    })
}
