//! The message screen: list, one message, settling a message that waits.

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::aside::aside;
use super::error::HttpError;
use super::extract::{Actor, Json};
use crate::app::App;
use crate::exchange::settle::Settlement;
use crate::exchange::view::{self, InboxMessage, InboxPage, Shown};

/// The routes of this file.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/inbox", get(list))
        .route("/api/inbox/{seq}", get(detail))
        .route("/api/inbox/{seq}/settle", post(settle))
}

/// Which rows.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// `needs`, `refused` or `all`.
    #[serde(default)]
    state: Option<String>,
    /// Words, each the beginning of a control id, a kind (`ORU^R01`), a sender, an address, a number of a patient or an
    /// order, or a word of the message; all must be there.
    q: Option<String>,
    /// From this day in the clinic, `2026-03-14`.
    from: Option<String>,
    /// To this day, itself included.
    to: Option<String>,
    /// Applied to the patient with this logical id.
    patient: Option<String>,
    /// Through this channel; `default` is the listener of the settings.
    channel: Option<String>,
    /// Of this type, such as `ORU^R01`, or `ORU` for all its events.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// From this address.
    peer: Option<String>,
    /// Rows below this number: `next` of the page before.
    before: Option<u64>,
}

/// What a person decided.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "camelCase")]
pub enum Decision {
    /// It is about this patient.
    Assign {
        /// Logical id.
        #[serde(rename = "patientId")]
        patient_id: String,
        /// The sender's number is this patient's from now on.
        #[serde(default)]
        remember: bool,
    },
    /// It is about someone new.
    New,
    /// It is not to be stored.
    Refuse {
        /// Why.
        reason: String,
    },
}

/// What became of the message.
#[derive(Debug, Serialize, ToSchema)]
pub struct Settled {
    /// `applied`, `held` or `dismissed`.
    state: &'static str,
}

/// Rows of the inbox, newest first.
#[utoipa::path(get, path = "/api/inbox", operation_id = "list_messages", params(Wanted), responses((status = 200, body = InboxPage)), tag = "messages")]
pub(super) async fn list(
    who: Actor,
    State(app): State<App>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<InboxPage>, HttpError> {
    let shown = match wanted.state.as_deref() {
        Some("needs") => Shown::Needs,
        Some("refused") => Shown::Refused,
        None | Some("all") => Shown::All,
        Some(_) => return Err(HttpError::bad_request("state is one of needs, refused, all.")),
    };
    let day = |name: &str, text: Option<&String>| {
        let bad = || HttpError::bad_request(format!("{name} is a day such as 2026-03-14."));
        text.map(|text| text.parse().map_err(|_| bad())).transpose()
    };
    let asked = view::Wanted {
        shown,
        from: day("from", wanted.from.as_ref())?,
        to: day("to", wanted.to.as_ref())?,
        text: wanted.q.unwrap_or_default(),
        patient: wanted.patient,
        channel: wanted.channel,
        kind: wanted.kind,
        peer: wanted.peer,
        before: wanted.before,
    };
    let exchange = app.rooms()?.exchange.clone();
    Ok(Json(aside(move || exchange.list(&who, &asked)).await?))
}

/// One message as received, as meant and as stored.
#[utoipa::path(get, path = "/api/inbox/{seq}", operation_id = "read_message", params(("seq" = u64, Path)),
    responses((status = 200, body = InboxMessage), (status = 404)), tag = "messages")]
pub(super) async fn detail(
    who: Actor,
    State(app): State<App>,
    Path(seq): Path<u64>,
) -> Result<Json<InboxMessage>, HttpError> {
    let exchange = app.rooms()?.exchange.clone();
    Ok(Json(aside(move || exchange.detail(&who, seq)).await?))
}

/// Carries out a decision about a message that waits. 412 when it no longer does.
#[utoipa::path(post, path = "/api/inbox/{seq}/settle", operation_id = "settle_message", params(("seq" = u64, Path)), request_body = Decision,
    responses((status = 200, body = Settled), (status = 404), (status = 412)), tag = "messages")]
pub(super) async fn settle(
    who: Actor,
    State(app): State<App>,
    Path(seq): Path<u64>,
    Json(decision): Json<Decision>,
) -> Result<Json<Settled>, HttpError> {
    let settlement = match decision {
        Decision::Assign { patient_id, remember } => Settlement::Assign { patient: patient_id, remember },
        Decision::New => Settlement::New,
        Decision::Refuse { reason } => Settlement::Refuse { reason },
    };
    let exchange = app.rooms()?.exchange.clone();
    let state = aside(move || exchange.settle(&who, seq, settlement)).await?;
    Ok(Json(Settled { state: state.as_str() }))
}
