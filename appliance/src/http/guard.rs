//! What happens before every handler: is the request from our own page, who sends it, may they come in.
//!
//! Owns the CSRF rule (security-storage.md section 7) and the look into the table of routes. Leaves a refusal that
//! depends on the record to the handler.

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method};

use super::error::HttpError;
use super::routes::{self, Need};
use super::session;
use crate::app::App;
use crate::records::access::{Actor, Decision, Subject, Who, decide};

/// The header that only our own page sends.
const OWN: &str = "x-clinicvault";

/// Carried by a request that the box itself makes on behalf of somebody whose request it has kept. A peer cannot send it.
#[derive(Clone)]
pub struct Inside(pub Actor);

/// Lets a request in, or answers it.
pub async fn guard(
    State(app): State<App>,
    matched: MatchedPath,
    mut request: Request,
    next: Next,
) -> Response {
    match admit(&app, matched.as_str(), &request) {
        Ok(Some(actor)) => {
            request.extensions_mut().insert(actor);
            next.run(request).await
        }
        Ok(None) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

fn admit(app: &App, path: &str, request: &Request) -> Result<Option<Actor>, HttpError> {
    let Some((need, quiet)) = routes::find(request.method(), path) else {
        // Either nobody wrote the row, or the route has no such method and the router would say so.
        return if routes::is_known(path) {
            Ok(None)
        } else {
            tracing::error!(method = %request.method(), path, "a route without a row in the table of routes");
            Err(HttpError::forbidden("Nobody may do this."))
        };
    };
    let headers = request.headers();
    let inside = request.extensions().get::<Inside>().map(|inside| inside.0.clone());
    if inside.is_none() && session::bearer(headers).is_none() && !path.starts_with(routes::OAUTH) {
        if is_unsafe(request.method()) {
            // A program without its token is told to bring one, not about our pages.
            // Another system's own message: its signature is what the handler asks for.
            if path.starts_with(routes::HOOKS) {
                return Ok(None);
            }
            if (need == Need::Fhir || path.starts_with(routes::HL7)) && session::cookie(headers).is_none() {
                return Err(HttpError::unauthenticated());
            }
            from_own_page(headers)?;
        } else if headers.contains_key("upgrade") && need != Need::Nothing {
            opened_by_own_page(headers)?;
        }
    }
    let actor = match (need, inside) {
        (Need::Nothing, _) => return Ok(None),
        (Need::Person | Need::May(..) | Need::Fhir, Some(actor)) => actor,
        (Need::Person | Need::May(..) | Need::Fhir, None) => {
            session::identify(app, request.extensions(), headers, !quiet)?
        }
    };
    let why = match (need, &actor.who) {
        (Need::Nothing | Need::Fhir, _) | (Need::Person, Who::Person { .. }) => return Ok(Some(actor)),
        (
            Need::Person,
            Who::App { .. } | Who::Machine { .. } | Who::Patient { .. } | Who::Sender | Who::Operator,
        ) => crate::records::access::Refusal::OutsideScope,
        (Need::May(op, area), _) => match decide(&actor, op, &Subject::area_only(area)) {
            Decision::Allow(_) => return Ok(Some(actor)),
            Decision::Refuse(why) => why,
        },
    };
    // A refusal is recorded before it is answered; if it cannot be, the box is not able to answer at all.
    app.rooms()?.people.note_denial(&actor, &format!("{} {path}: {}", request.method(), why.code()))?;
    Err(HttpError::forbidden(why.sentence()).code(why.code()))
}

fn is_unsafe(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// A request that changes something must come from our own page: the browser says so, and the page's own header is
/// there, which another site's page cannot send without asking first.
fn from_own_page(headers: &HeaderMap) -> Result<(), HttpError> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let refuse = |message: &str| Err(HttpError::forbidden(message).code("crossSite"));
    if text(OWN).is_none() {
        return refuse("Requests that change something carry the header X-ClinicVault: 1.");
    }
    match text("sec-fetch-site") {
        Some("same-origin") => Ok(()),
        Some(_) => refuse("This request came from another site."),
        None => match (text("origin"), text("host")) {
            (Some(origin), Some(host)) if same_host(origin, host) => Ok(()),
            (Some(_) | None, Some(_) | None) => {
                refuse("The request does not say that it came from this box's own page.")
            }
        },
    }
}

/// A WebSocket cannot carry our header; browsers always say which page opens it.
pub(super) fn opened_by_own_page(headers: &HeaderMap) -> Result<(), HttpError> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("origin"), text("host")) {
        (Some(origin), Some(host)) if same_host(origin, host) => Ok(()),
        (Some(_) | None, Some(_) | None) => {
            Err(HttpError::forbidden("This connection was not opened by this box's own page.")
                .code("crossSite"))
        }
    }
}

fn same_host(origin: &str, host: &str) -> bool {
    let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    rest.is_some_and(|rest| rest.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_page_may_change_something() {
        let check = |headers: &[(&'static str, &'static str)], expected: bool| {
            let map: HeaderMap = headers
                .iter()
                .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
                .collect();
            assert_eq!(from_own_page(&map).is_ok(), expected, "{headers:?}");
        };
        let own = ("x-clinicvault", "1");
        check(&[own, ("sec-fetch-site", "same-origin")], true);
        check(&[own, ("origin", "https://clinicvault.local:8443"), ("host", "clinicvault.local:8443")], true);
        check(&[own, ("origin", "http://localhost:8080"), ("host", "localhost:8080")], true);
        check(&[("sec-fetch-site", "same-origin")], false);
        check(&[own], false);
        check(&[own, ("sec-fetch-site", "cross-site")], false);
        check(&[own, ("sec-fetch-site", "same-site")], false);
        check(&[own, ("sec-fetch-site", "none")], false);
        check(&[own, ("origin", "https://evil.example"), ("host", "clinicvault.local:8443")], false);
        check(&[own, ("origin", "https://clinicvault.local"), ("host", "clinicvault.local:8443")], false);
        check(&[own, ("origin", "null"), ("host", "clinicvault.local:8443")], false);
        // What the browser says counts more than an origin that looks right.
        check(
            &[own, ("sec-fetch-site", "cross-site"), ("origin", "http://localhost"), ("host", "localhost")],
            false,
        );
    }
}
