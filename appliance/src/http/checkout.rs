//! The way to the payment gateway's own page and back: a page of the box with a form that leads there, since no foreign script
//! runs on the box's pages, and the return, which comes from another site and so without a session.

use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use clinicvault_gateway::fhir::search::query;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::error::HttpError;
use super::extract::{Actor, Peer};
use super::limits;
use super::smart::page::{escape, frame};
use crate::app::App;
use crate::consult::money::{Callback, Order};
use crate::records::error::Error;

/// Most bytes of what the gateway's page sends back.
const LONGEST: usize = 8 << 10;

/// The routes of this file.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/portal/payments/{id}/checkout", get(checkout))
        .route("/hooks/razorpay/{id}/back", post(back))
}

/// The page from which the patient goes to the gateway.
#[utoipa::path(get, path = "/api/portal/payments/{id}/checkout", operation_id = "open_checkout", tag = "portal",
    params(("id" = String, Path)),
    responses((status = 200, content_type = "text/html", body = String), (status = 404), (status = 409), (status = 503)))]
pub(super) async fn checkout(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    let rooms = app.rooms()?;
    let order = rooms.consult.clone().order(&who, &id).await?;
    let to = rooms.consult.checkout();
    // Back to the address that this browser knows the box by.
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let here = format!("{}://{host}", if peer.tls { "https" } else { "http" });
    let page = form(&to, &order, &rooms.people.clinic().name, &id, &here);
    let origin = to.parse::<http::Uri>().ok();
    let origin = origin.and_then(|uri| Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?)));
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action {}; frame-ancestors 'none'; base-uri 'none'",
        origin.unwrap_or_else(|| "'none'".to_owned())
    );
    let mut response = html(StatusCode::OK, page);
    let policy = HeaderValue::from_str(&policy).map_err(|_| HttpError::internal())?;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

/// The gateway's page sends the browser back: paid, or given up.
async fn back(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, HttpError> {
    let patience = Duration::from_secs(app.config().limits.body_seconds);
    let body = limits::read_body(request.into_body(), LONGEST, patience).await?;
    let mut sent = Callback { order_id: String::new(), payment_id: String::new(), signature: String::new() };
    let unreadable = || HttpError::bad_request("The payment gateway sends a form.");
    let text = std::str::from_utf8(&body).map_err(|_| unreadable())?;
    for (name, value) in query::decode(text).map_err(|_| unreadable())? {
        match name.as_str() {
            "razorpay_order_id" => sent.order_id = value,
            "razorpay_payment_id" => sent.payment_id = value,
            "razorpay_signature" => sent.signature = value,
            _ => {}
        }
    }
    // Given up, or refused by the bank: the patient's page says how the payment stands.
    if !sent.signature.is_empty() {
        let from = peer.address.ip().to_canonical().to_string();
        let room = app.rooms()?.consult.clone();
        match room.came_back(&id, sent, &from).await {
            Ok(_) | Err(Error::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/portal"));
    Ok(response)
}

fn form(to: &str, order: &Order, clinic: &str, payment: &str, here: &str) -> String {
    let paise = order.paise.to_string();
    let (done, gone) = (format!("{here}/hooks/razorpay/{payment}/back"), format!("{here}/portal"));
    let fields = [
        ("key_id", order.key_id.as_str()),
        ("order_id", &order.order_id),
        ("amount", &paise),
        ("currency", "INR"),
        ("name", clinic),
        ("callback_url", &done),
        ("cancel_url", &gone),
    ];
    let fields: String = fields
        .iter()
        .map(|(name, value)| format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape(value)))
        .collect();
    let sum = format!("\u{20b9}{}.{:02}", order.paise / 100, order.paise % 100);
    frame(&format!(
        "<h1>{}</h1><p>{sum}</p><form method=\"post\" action=\"{}\">{fields}<button type=\"submit\" class=\"go\">Pay {sum} \
         <span lang=\"hi\">\u{00b7} भुगतान करें</span></button></form><p><a href=\"/portal\">Back <span lang=\"hi\">\u{00b7} \
         वापस</span></a></p>",
        escape(clinic),
        escape(to)
    ))
}

fn html(status: StatusCode, text: String) -> Response {
    let mut response = (status, text).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_carries_the_order_and_nothing_of_the_page_around_it() {
        let order = Order { order_id: "order_1".to_owned(), key_id: "rzp_1".to_owned(), paise: 50_005 };
        let page = form("https://pay.example/v1", &order, "A\"><script>x</script>", "p1", "https://box:8443");
        assert!(page.contains("action=\"https://pay.example/v1\"") && page.contains("value=\"50005\""));
        assert!(page.contains("\u{20b9}500.05") && !page.contains("<script>"), "{page}");
        assert!(page.contains("value=\"https://box:8443/hooks/razorpay/p1/back\""));
    }
}
