//! Prices, payments, and the messages of the payment gateway.

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::ToSchema;

use super::aside::aside;
use super::error::HttpError;
use super::extract::{Actor, Json, Peer};
use super::limits;
use crate::app::App;
use crate::billing::prices::{NewPrice, Price};
use crate::billing::ways::{WaysChange, WaysView};
use crate::consult::Consult;
use crate::consult::money::{Callback, Confirmation, Heard, Order};
use crate::consult::view::Fee;
use crate::records::error::Error;

/// Largest message of the gateway, in bytes.
const HOOK: usize = 256 * 1024;

/// The routes of this file.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/prices", get(prices).post(add_price))
        .route("/api/payments", get(list))
        .route("/api/payments/ways", get(ways).put(change_ways))
        .route("/api/payments/{id}", get(read))
        .route("/api/payments/{id}/upi.svg", get(picture))
        .route("/api/payments/{id}/claim", post(claim))
        .route("/api/payments/{id}/confirm", post(confirm))
        .route("/api/payments/{id}/order", post(order))
        .route("/api/payments/{id}/callback", post(callback))
        .route("/api/payments/{id}/refund", post(refund))
        .route("/api/payments/{id}/credit", post(credit))
        .route("/hooks/razorpay", post(hook))
}

/// The price list.
#[derive(Debug, Serialize, ToSchema)]
pub struct PriceList {
    /// The newest first.
    pub prices: Vec<Price>,
}

/// Payments.
#[derive(Debug, Serialize, ToSchema)]
pub struct Payments {
    /// Those that wait for somebody, in the order in which they were asked for.
    pub payments: Vec<Fee>,
}

/// A UPI reference.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PaymentClaim)]
pub struct Claim {
    /// 12 digits.
    pub(super) reference: String,
}

/// Money that goes back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RefundWish)]
pub struct Refund {
    /// Paise.
    paise: u64,
    /// The reason.
    reason: String,
}

/// What was done with money that came too late.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreditSettled)]
pub struct Credit {
    /// In words.
    how: String,
}

/// The price list.
#[utoipa::path(get, path = "/api/prices", operation_id = "list_prices", tag = "payments", responses((status = 200, body = PriceList)))]
pub(super) async fn prices(State(app): State<App>, who: Actor) -> Result<Json<PriceList>, HttpError> {
    let room = app.rooms()?.consult.clone();
    Ok(Json(PriceList { prices: aside(move || room.price_list(&who)).await? }))
}

/// Adds a price from a day on; what was asked for before keeps its price.
#[utoipa::path(post, path = "/api/prices", operation_id = "add_price", tag = "payments", request_body = NewPrice,
    responses((status = 201, body = Price), (status = 422)))]
pub(super) async fn add_price(
    State(app): State<App>,
    who: Actor,
    Json(new): Json<NewPrice>,
) -> Result<(StatusCode, Json<Price>), HttpError> {
    let room = app.rooms()?.consult.clone();
    let added = aside(move || room.add_price(&who, new)).await?;
    Ok((StatusCode::CREATED, Json(added.map_err(HttpError::from)?)))
}

/// The ways to pay; secrets are not shown.
#[utoipa::path(get, path = "/api/payments/ways", operation_id = "read_payment_ways", tag = "payments", responses((status = 200, body = WaysView)))]
pub(super) async fn ways(State(app): State<App>, who: Actor) -> Result<Json<WaysView>, HttpError> {
    let room = app.rooms()?.consult.clone();
    Ok(Json(aside(move || room.ways_shown(&who)).await?))
}

/// Changes the ways to pay. A secret that is left out stays.
#[utoipa::path(put, path = "/api/payments/ways", operation_id = "change_payment_ways", tag = "payments", request_body = WaysChange,
    responses((status = 200, body = WaysView), (status = 422)))]
pub(super) async fn change_ways(
    State(app): State<App>,
    who: Actor,
    Json(change): Json<WaysChange>,
) -> Result<Json<WaysView>, HttpError> {
    app.rooms()?.people.recently_proven(&who)?;
    let room = app.rooms()?.consult.clone();
    let changed = aside(move || room.change_ways(&who, change)).await?;
    Ok(Json(changed.map_err(HttpError::from)?))
}

/// Payments that wait for somebody: open ones, credits, and money that is to go back.
#[utoipa::path(get, path = "/api/payments", operation_id = "list_payments", tag = "payments", responses((status = 200, body = Payments)))]
pub(super) async fn list(State(app): State<App>, who: Actor) -> Result<Json<Payments>, HttpError> {
    let room = app.rooms()?.consult.clone();
    let payments = aside(move || {
        let all = room.payments(&who)?;
        all.iter().map(|payment| room.fee(&who, payment)).collect::<Result<_, _>>()
    });
    Ok(Json(Payments { payments: payments.await? }))
}

/// One payment.
#[utoipa::path(get, path = "/api/payments/{id}", operation_id = "read_payment", tag = "payments", params(("id" = String, Path)),
    responses((status = 200, body = Fee), (status = 404)))]
pub(super) async fn read(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
) -> Result<Json<Fee>, HttpError> {
    let room = app.rooms()?.consult.clone();
    Ok(Json(aside(move || room.fee(&who, &room.payment(&who, &id)?)).await?))
}

/// The UPI link of a payment as a QR picture; the link itself is in the header `X-Upi-Link`.
#[utoipa::path(get, path = "/api/payments/{id}/upi.svg", operation_id = "draw_upi", tag = "payments", params(("id" = String, Path)),
    responses((status = 200, content_type = "image/svg+xml", body = String), (status = 404), (status = 409)))]
pub(super) async fn picture(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
) -> Result<Response, HttpError> {
    let room = app.rooms()?.consult.clone();
    let (link, drawn) = aside(move || room.upi_picture(&who, &id)).await?;
    let mut response = Response::new(Body::from(drawn));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("image/svg+xml"));
    if let Ok(link) = HeaderValue::from_str(&link) {
        response.headers_mut().insert("x-upi-link", link);
    }
    Ok(response)
}

/// Somebody typed the reference of a UPI payment. A claim is no payment: somebody of the clinic confirms it.
#[utoipa::path(post, path = "/api/payments/{id}/claim", operation_id = "claim_payment", tag = "payments", params(("id" = String, Path)),
    request_body = Claim, responses((status = 200, body = Fee), (status = 404), (status = 409)))]
pub(super) async fn claim(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
    Json(sent): Json<Claim>,
) -> Result<Json<Fee>, HttpError> {
    let room = app.rooms()?.consult.clone();
    Ok(Json(aside(move || room.fee(&who, &room.claim(&who, &id, sent.reference)?)).await?))
}

/// Somebody of the clinic has the cash, or sees the money on the account.
#[utoipa::path(post, path = "/api/payments/{id}/confirm", operation_id = "confirm_payment", tag = "payments", params(("id" = String, Path)),
    request_body = Confirmation, responses((status = 200, body = Fee), (status = 404), (status = 409)))]
pub(super) async fn confirm(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
    Json(sent): Json<Confirmation>,
) -> Result<Json<Fee>, HttpError> {
    let room = app.rooms()?.consult.clone();
    Ok(Json(aside(move || room.fee(&who, &room.confirm(&who, &id, sent)?)).await?))
}

/// Makes the order of the payment gateway, once.
#[utoipa::path(post, path = "/api/payments/{id}/order", operation_id = "order_payment", tag = "payments", params(("id" = String, Path)),
    responses((status = 200, body = Order), (status = 404), (status = 409), (status = 503)))]
pub(super) async fn order(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
) -> Result<Json<Order>, HttpError> {
    let room = app.rooms()?.consult.clone();
    Ok(Json(room.order(&who, &id).await?))
}

/// The browser brings the payment gateway's proof.
#[utoipa::path(post, path = "/api/payments/{id}/callback", operation_id = "prove_payment", tag = "payments", params(("id" = String, Path)),
    request_body = Callback, responses((status = 200, body = Fee), (status = 404), (status = 409)))]
pub(super) async fn callback(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
    Json(sent): Json<Callback>,
) -> Result<Json<Fee>, HttpError> {
    let room = app.rooms()?.consult.clone();
    proven(room, who, id, sent).await
}

/// The same for whoever brings it.
pub(super) async fn proven(
    room: Consult,
    who: Actor,
    id: String,
    sent: Callback,
) -> Result<Json<Fee>, HttpError> {
    let payment = room.callback(&who, &id, sent).await?;
    Ok(Json(aside(move || room.fee(&who, &payment)).await?))
}

/// Sends money back.
#[utoipa::path(post, path = "/api/payments/{id}/refund", operation_id = "refund_payment", tag = "payments", params(("id" = String, Path)),
    request_body = Refund, responses((status = 200, body = Fee), (status = 404), (status = 409), (status = 503)))]
pub(super) async fn refund(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
    Json(sent): Json<Refund>,
) -> Result<Json<Fee>, HttpError> {
    let room = app.rooms()?.consult.clone();
    let payment = room.refund(&who, &id, sent.paise, &sent.reason).await?;
    Ok(Json(aside(move || room.fee(&who, &payment)).await?))
}

/// Settles money that came too late.
#[utoipa::path(post, path = "/api/payments/{id}/credit", operation_id = "settle_credit", tag = "payments", params(("id" = String, Path)),
    request_body = Credit, responses((status = 200, body = Fee), (status = 404), (status = 409)))]
pub(super) async fn credit(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
    Json(sent): Json<Credit>,
) -> Result<Json<Fee>, HttpError> {
    let room = app.rooms()?.consult.clone();
    Ok(Json(aside(move || room.fee(&who, &room.settle_credit(&who, &id, sent.how)?)).await?))
}

/// A message of the payment gateway: its signature is that of the very bytes.
async fn hook(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, HttpError> {
    let named =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let (signature, event) = (named("x-razorpay-signature"), named("x-razorpay-event-id"));
    if signature.is_empty() || event.is_empty() || event.len() > 100 {
        return Err(HttpError::bad_request("A message has its signature and the id of its event."));
    }
    let from = peer.address.ip().to_canonical();
    let patience = Duration::from_secs(app.config().limits.body_seconds);
    let body = limits::read_body(request.into_body(), HOOK, patience).await?;
    let room = app.rooms()?.consult.clone();
    match room.webhook(&body, &signature, &event, &from.to_string()).await {
        Ok(Heard::Forged) => Err(HttpError::new(
            StatusCode::UNAUTHORIZED,
            "forged",
            "security",
            "The signature is not that of these bytes.",
        )),
        // What contradicts is not sent better a second time: a person finds it in the audit trail.
        Ok(Heard::Taken | Heard::Known | Heard::Contradicts) => Ok(StatusCode::OK.into_response()),
        Err(Error::NotFound(_)) => Err(HttpError::not_found("No payment gateway is set up here.")),
        Err(error) => Err(error.into()),
    }
}
