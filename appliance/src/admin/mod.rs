//! People and machines that may use the box: accounts, sessions, tokens, setup, the control socket.

pub mod account;
mod blocklist;
pub mod password;
pub mod recovery_code;
pub mod secret;
pub mod session;
pub mod throttle;
pub mod totp;

use http::request::Parts;

use crate::app::App;
use crate::http::error::HttpError;
use crate::records::access::Actor;

/// Who sends this request, by session cookie or bearer token.
///
/// There are no accounts yet, so nobody is known and everyone is refused.
pub fn identify(app: &App, parts: &Parts) -> Result<Actor, HttpError> {
    app.rooms()?;
    let _ = parts;
    Err(HttpError::unauthenticated())
}
