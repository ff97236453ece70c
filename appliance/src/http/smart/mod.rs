//! SMART App Launch 2 over HTTP: what programs find out, where they send people, and where they get tokens.
//!
//! `known` says what there is, `authorize` lets a person decide on a `page` in the `words` of the screens, `token` holds the
//! endpoints for programs, `clients` the register for whoever may change settings, `consents` what a person granted and takes
//! back. Errors to programs are those of RFC 6749.

mod authorize;
pub mod clients;
pub mod consents;
mod known;
pub(in crate::http) mod page;
mod token;
mod words;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::routing::{get, post};
use http::header;
use http::request::Parts;

use super::error::HttpError;
use super::extract::Peer;
use crate::admin::smart::grant;
use crate::app::App;
use crate::lan::addresses;

/// The routes of this topic.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/.well-known/smart-configuration", get(known::smart))
        .route("/fhir/.well-known/smart-configuration", get(known::smart))
        .route("/.well-known/openid-configuration", get(known::openid))
        .route("/oauth/jwks", get(known::keys))
        .route("/oauth/authorize", get(authorize::ask).post(authorize::answer))
        .route("/oauth/page.css", get(authorize::style))
        .route("/oauth/token", post(token::token))
        .route("/oauth/introspect", post(token::introspect))
        .route("/oauth/revoke", post(token::revoke))
        .merge(clients::routes())
        .merge(consents::routes())
}

/// The box's address as this request names it.
pub struct Origin {
    /// Such as `https://clinicvault.local:8443`.
    base: String,
    /// Whether the name is one of the box's own. What is signed or promised for another name is not for this box.
    own: bool,
    peer: Peer,
}

impl Origin {
    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// What a token that is asked for here may be for.
    fn audiences(&self) -> Vec<String> {
        if self.own { vec![self.at("/fhir"), self.at("/fhir/")] } else { Vec::new() }
    }

    fn from(&self) -> grant::From {
        grant::From {
            address: self.peer.address.ip().to_canonical(),
            audiences: if self.own { vec![self.at("/oauth/token")] } else { Vec::new() },
            issuer: self.base.clone(),
        }
    }
}

impl FromRequestParts<App> for Origin {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, HttpError> {
        let peer = Peer::from_request_parts(parts, app).await?;
        let host = parts.uri.authority().map(|authority| authority.as_str());
        let host = host.or_else(|| parts.headers.get(header::HOST).and_then(|value| value.to_str().ok()));
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        let host = host.filter(|host| host.chars().all(plain)).unwrap_or("localhost");
        let base = format!("{}://{host}", if peer.tls { "https" } else { "http" });
        Ok(Origin { base, own: is_own(app, host), peer })
    }
}

/// Whether a host, with or without port, is a name or an address of this box.
fn is_own(app: &App, host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !name.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<std::net::IpAddr>() {
        return address.is_loopback() || addresses::local().contains(&address);
    }
    name.eq_ignore_ascii_case("localhost")
        || app.config().listen.names.iter().any(|own| own.eq_ignore_ascii_case(name))
}
