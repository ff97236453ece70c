//! Every refusal of the admin room as an answer, by name: a new one does not compile until it has its status here.

use http::StatusCode;

use super::error::HttpError;
use crate::admin::account::BadName;
use crate::admin::error::AdminError;

impl From<AdminError> for HttpError {
    fn from(error: AdminError) -> Self {
        let message = error.to_string();
        let invalid = |field: &str| HttpError::invalid(message.clone()).field(field);
        match error {
            AdminError::WrongPassword => signed_out(message).code("wrongPassword"),
            AdminError::WrongCode => signed_out(message).code("wrongCode").field("code"),
            AdminError::WrongPin => invalid("pin").code("wrongPin"),
            AdminError::LoginOver => signed_out(message).code("loginOver"),
            AdminError::SignedOut => HttpError::unauthenticated(),
            AdminError::WrongSetupCode => HttpError::forbidden(message).code("wrongSetupCode").field("code"),
            AdminError::ProveAgain => HttpError::forbidden(message).code("proveAgain"),
            AdminError::Throttled(wait) => HttpError::too_many(wait.0),
            AdminError::Weak(_) => invalid("password").code("weakPassword"),
            AdminError::SamePassword => invalid("password").code("samePassword"),
            AdminError::BadName(BadName::Name) => invalid("name"),
            AdminError::BadName(BadName::Username | BadName::Shared(_)) => invalid("username"),
            AdminError::Taken(_) => HttpError::conflict(message).code("taken").field("username"),
            AdminError::NoRole => invalid("roles"),
            AdminError::LastOwner => HttpError::conflict(message).code("lastOwner"),
            AdminError::Missing(_) => HttpError::not_found(message),
            AdminError::Scope(_) => invalid("scope"),
            AdminError::Invalid(field, sentence) => HttpError::invalid(sentence).field(field),
            AdminError::SetUpAlready => HttpError::conflict(message).code("setUpAlready"),
            AdminError::WrongKey => signed_out(message).code("wrongKey"),
            AdminError::Open(why) => {
                tracing::error!(why, "the vault cannot be opened");
                HttpError::unavailable(message).code("cannotOpen")
            }
            AdminError::Create(why) => {
                tracing::error!(why, "the vault could not be made");
                HttpError::internal().code("cannotCreate")
            }
            AdminError::Records(why) => why.into(),
            AdminError::Damaged(_)
            | AdminError::Hash(_)
            | AdminError::Random
            | AdminError::Certificate(_)
            | AdminError::Tls(_) => {
                tracing::error!(why = message, "the admin room failed");
                HttpError::internal()
            }
        }
    }
}

/// 401 without an invitation to send a bearer token: these are answers to a person.
fn signed_out(message: String) -> HttpError {
    HttpError::new(StatusCode::UNAUTHORIZED, "unauthenticated", "login", message)
}

/// For people who are signed in and mistyped their password or a code: 401 would tell the screen that the session is over.
pub fn mistyped(error: AdminError, field: &str) -> HttpError {
    match error {
        AdminError::WrongPassword => {
            HttpError::invalid("This is not your present password.").code("wrongPassword").field(field)
        }
        AdminError::WrongCode => HttpError::invalid(error.to_string()).code("wrongCode").field(field),
        AdminError::LoginOver => HttpError::conflict(error.to_string()).code("loginOver").field(field),
        other => other.into(),
    }
}
