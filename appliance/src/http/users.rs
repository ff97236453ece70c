//! Accounts, for whoever may change settings.

use axum::extract::{Path, State};
use axum::routing::{get, patch, post};
use axum::{Extension, Router};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::HttpError;
use super::extract::{Actor, Json, Peer};
use super::session;
use crate::admin::account::Account;
use crate::admin::staff::{AccountChange, NewAccount};
use crate::app::App;
use crate::records::access::Role;

/// The routes of this topic.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/users", get(list).post(add))
        .route("/api/users/{id}", patch(change))
        .route("/api/users/{id}/reset", post(reset))
}

/// Everybody.
#[derive(Debug, Serialize, ToSchema)]
pub struct Users {
    /// By name.
    users: Vec<User>,
}

/// An account.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    id: String,
    name: String,
    username: String,
    roles: Vec<&'static str>,
    disabled: bool,
    /// Has an authenticator.
    second_factor: bool,
    /// Still has the password that somebody else gave.
    temporary: bool,
    registration: Option<String>,
    qualification: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_seen: Option<Timestamp>,
}

fn shown(account: Account, last_seen: Option<Timestamp>) -> User {
    User {
        roles: account.roles.iter().map(|role| role.as_str()).collect(),
        second_factor: account.seed.is_some(),
        id: account.id,
        name: account.name,
        username: account.username,
        disabled: account.disabled,
        temporary: account.temporary,
        registration: account.registration,
        qualification: account.qualification,
        last_seen,
    }
}

/// Lists everybody.
#[utoipa::path(get, path = "/api/users", operation_id = "list_users", tag = "users", responses((status = 200, body = Users)))]
pub async fn list(State(app): State<App>, _: Actor) -> Result<Json<Users>, HttpError> {
    let all = app.rooms()?.people.accounts();
    Ok(Json(Users { users: all.into_iter().map(|each| shown(each.account, each.last_seen)).collect() }))
}

/// A new member of the clinic.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewUser {
    name: String,
    username: String,
    roles: Vec<String>,
    /// Temporary: must be changed at the first sign-in.
    password: String,
    registration: Option<String>,
    qualification: Option<String>,
}

/// Adds an account.
#[utoipa::path(post, path = "/api/users", operation_id = "add_user", tag = "users", request_body = NewUser,
    responses((status = 201, body = User), (status = 409, description = "the sign-in name is taken"), (status = 422)))]
pub async fn add(
    State(app): State<App>,
    who: Actor,
    Json(new): Json<NewUser>,
) -> Result<(StatusCode, Json<User>), HttpError> {
    let account = NewAccount {
        name: new.name,
        username: new.username,
        roles: roles(&new.roles)?,
        registration: new.registration,
        qualification: new.qualification,
    };
    let account = app.rooms()?.people.add_account(&who, account, &new.password, true).await?;
    Ok((StatusCode::CREATED, Json(shown(account, None))))
}

/// What may change; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
pub struct UserChange {
    name: Option<String>,
    roles: Option<Vec<String>>,
    disabled: Option<bool>,
    registration: Option<String>,
    qualification: Option<String>,
}

/// Changes an account; new roles and disabling end its sessions at once.
#[utoipa::path(patch, path = "/api/users/{id}", operation_id = "change_user", tag = "users", params(("id" = String, Path)), request_body = UserChange,
    responses((status = 200, body = User), (status = 404), (status = 409, description = "the last owner")))]
pub async fn change(
    State(app): State<App>,
    who: Actor,
    Extension(peer): Extension<Peer>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(wish): Json<UserChange>,
) -> Result<Json<User>, HttpError> {
    let change = AccountChange {
        name: wish.name,
        roles: wish.roles.as_deref().map(roles).transpose()?,
        disabled: wish.disabled,
        registration: wish.registration,
        qualification: wish.qualification,
    };
    let account =
        app.rooms()?.people.change_account(&who, &id, change, &session::origin(peer, &headers)).await?;
    Ok(Json(shown(account, None)))
}

/// What to reset besides the password.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Reset {
    /// The authenticator too: the person has lost it.
    second_factor: bool,
}

/// A new temporary password.
#[derive(Debug, Serialize, ToSchema)]
pub struct Temporary {
    /// Shown this once.
    password: String,
}

/// Gives a new temporary password and ends the person's sessions. The body may be empty.
#[utoipa::path(post, path = "/api/users/{id}/reset", operation_id = "reset_user", tag = "users", params(("id" = String, Path)), request_body = Reset,
    responses((status = 200, body = Temporary), (status = 404)))]
pub async fn reset(
    State(app): State<App>,
    who: Actor,
    Extension(peer): Extension<Peer>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Temporary>, HttpError> {
    let wish = if body.is_empty() {
        Reset::default()
    } else {
        serde_json::from_slice(&body)
            .map_err(|_| HttpError::bad_request("The body does not have the expected form."))?
    };
    let from = session::origin(peer, &headers);
    let password = app.rooms()?.people.reset_account(&who, &id, wish.second_factor, &from).await?;
    Ok(Json(Temporary { password: password.to_string() }))
}

fn roles(names: &[String]) -> Result<Vec<Role>, HttpError> {
    let read = |name: &String| {
        Role::parse(name).ok_or_else(|| HttpError::invalid("There is no such role.").field("roles"))
    };
    names.iter().map(read).collect()
}
