//! The register of programs, for whoever may change settings.

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, patch, post};
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::error::HttpError;
use super::super::extract::{Actor, Json};
use crate::admin::people::People;
use crate::admin::smart::client::{Client, Sort, Terms};
use crate::admin::smart::held::{self, Lasts};
use crate::app::App;
use crate::config::Validation;

/// The routes of this topic.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/clients", get(list).post(add))
        .route("/api/clients/{id}", patch(change).delete(end))
        .route("/api/clients/{id}/grants", get(grants).delete(end_grants))
        .route("/api/clients/{id}/secret", post(secret))
}

/// All programs.
#[derive(Debug, Serialize, ToSchema)]
pub struct Programs {
    /// By name.
    clients: Vec<Program>,
}

/// A registered program.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Program {
    /// Its `client_id`.
    id: String,
    name: String,
    /// How it proves itself.
    kind: Sort,
    /// Where a person is sent back to, compared letter by letter.
    redirect_uris: Vec<String>,
    /// The most it may be given.
    scope: String,
    /// Its public keys, a JWK set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    jwks: Option<serde_json::Value>,
    /// Whether it has a secret, which is not kept itself.
    has_secret: bool,
    contact: String,
    /// How far what it writes is checked.
    validation: Checked,
    enabled: bool,
    #[schema(value_type = String, format = DateTime)]
    created: Timestamp,
    /// When it showed a token last, since the box started.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used: Option<Timestamp>,
    /// How many consents and tokens it holds now.
    grants: usize,
}

impl Program {
    fn of(people: &People, client: Client) -> Self {
        Program {
            last_used: people.client_last_used(&client.id),
            grants: people.held(&client.id).map_or(0, |held| held.len()),
            id: client.id,
            name: client.name,
            kind: client.sort,
            redirect_uris: client.redirects,
            scope: client.scope,
            jwks: client.keys,
            has_secret: client.secret.is_some(),
            contact: client.contact,
            validation: client.validation.into(),
            enabled: client.enabled,
            created: client.created,
        }
    }
}

/// How far what a program writes is checked: as everybody's (`fhir.validation`), or up to a level of its own.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Checked {
    /// As far as the box checks everybody.
    #[default]
    Box,
    /// Elements, types, cardinality.
    Structure,
    /// And the rules that come with R4.
    Invariants,
    /// And codes.
    Terminology,
    /// And the profiles that a resource names.
    Profiles,
}

impl From<Option<Validation>> for Checked {
    fn from(own: Option<Validation>) -> Self {
        match own {
            None => Self::Box,
            Some(Validation::Structure) => Self::Structure,
            Some(Validation::Invariants) => Self::Invariants,
            Some(Validation::Terminology) => Self::Terminology,
            Some(Validation::Profiles) => Self::Profiles,
        }
    }
}

impl From<Checked> for Option<Validation> {
    fn from(checked: Checked) -> Self {
        match checked {
            Checked::Box => None,
            Checked::Structure => Some(Validation::Structure),
            Checked::Invariants => Some(Validation::Invariants),
            Checked::Terminology => Some(Validation::Terminology),
            Checked::Profiles => Some(Validation::Profiles),
        }
    }
}

/// Lists the programs.
#[utoipa::path(get, path = "/api/clients", operation_id = "list_clients", tag = "clients", responses((status = 200, body = Programs)))]
pub async fn list(State(app): State<App>, _: Actor) -> Result<Json<Programs>, HttpError> {
    let clients = {
        let people = &app.rooms()?.people;
        people.clients().into_iter().map(|client| Program::of(people, client)).collect()
    };
    Ok(Json(Programs { clients }))
}

/// A program to be registered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewProgram {
    name: String,
    /// public: keeps no secret; confidential: runs on a server; backend: asks for itself.
    kind: Sort,
    /// Where a person is sent back to: https, or http on the same machine. None for backend.
    #[serde(default)]
    redirect_uris: Vec<String>,
    /// The most it may be given, such as `launch/patient patient/*.rs` or `system/*.rs`.
    scope: String,
    /// Its public keys, a JWK set, each with a kid: RSA from 2048 bits (RS384) or EC on P-384 (ES384).
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    jwks: Option<serde_json::Value>,
    /// Whom to ask about it.
    #[serde(default)]
    contact: String,
    /// How far what it writes is checked.
    #[serde(default)]
    validation: Checked,
}

/// A program just registered.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MadeProgram {
    client: Program,
    /// The secret of a confidential program without keys, shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
}

/// Registers a program.
#[utoipa::path(post, path = "/api/clients", operation_id = "add_client", tag = "clients", request_body = NewProgram,
    responses((status = 201, body = MadeProgram), (status = 403, description = "a fresh proof is needed: proveAgain"),
        (status = 422, description = "a field is not accepted")))]
pub async fn add(
    State(app): State<App>,
    who: Actor,
    Json(new): Json<NewProgram>,
) -> Result<(StatusCode, Json<MadeProgram>), HttpError> {
    let terms = Terms {
        name: new.name,
        sort: new.kind,
        redirects: new.redirect_uris,
        scope: new.scope,
        keys: new.jwks,
        contact: new.contact,
        validation: new.validation.into(),
    };
    let people = &app.rooms()?.people;
    let (client, secret) = people.add_client(&who, terms).await?;
    let client_secret = secret.map(|secret| secret.to_string());
    Ok((StatusCode::CREATED, Json(MadeProgram { client: Program::of(people, client), client_secret })))
}

/// A change of a program; what is left out stays. Every token that it holds ends.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProgramChange {
    name: Option<String>,
    redirect_uris: Option<Vec<String>>,
    scope: Option<String>,
    #[schema(value_type = Option<Object>)]
    jwks: Option<serde_json::Value>,
    contact: Option<String>,
    validation: Option<Checked>,
    enabled: Option<bool>,
}

/// Changes a program, or switches it on or off.
#[utoipa::path(patch, path = "/api/clients/{id}", operation_id = "change_client", tag = "clients", params(("id" = String, Path)),
    request_body = ProgramChange, responses((status = 200, body = Program), (status = 404),
        (status = 403, description = "a fresh proof is needed: proveAgain"), (status = 422)))]
pub async fn change(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
    Json(change): Json<ProgramChange>,
) -> Result<Json<Program>, HttpError> {
    let rooms = app.rooms()?;
    let changed = rooms.people.change_client(&who, &id, |terms, enabled| {
        terms.name = change.name.unwrap_or(std::mem::take(&mut terms.name));
        terms.redirects = change.redirect_uris.unwrap_or(std::mem::take(&mut terms.redirects));
        terms.scope = change.scope.unwrap_or(std::mem::take(&mut terms.scope));
        terms.keys = change.jwks.or(terms.keys.take());
        terms.contact = change.contact.unwrap_or(std::mem::take(&mut terms.contact));
        terms.validation = change.validation.map_or(terms.validation, Checked::into);
        *enabled = change.enabled.unwrap_or(*enabled);
    });
    let changed = changed.await?;
    Ok(Json(Program::of(&rooms.people, changed)))
}

/// Takes a program away, and every token that it holds.
#[utoipa::path(delete, path = "/api/clients/{id}", operation_id = "end_client", tag = "clients", params(("id" = String, Path)),
    responses((status = 204), (status = 404)))]
pub async fn end(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
) -> Result<StatusCode, HttpError> {
    app.rooms()?.people.drop_client(&who, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a program holds.
#[derive(Debug, Serialize, ToSchema)]
pub struct Grants {
    /// The lasting first, then by person.
    grants: Vec<Grant>,
}

/// A consent, or a token without one. Of one patient it is said that there is one, not who.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// Who gave it; none for a program of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<String>,
    /// What it may do.
    scope: String,
    /// Whether it is about one patient.
    one_patient: bool,
    /// `offline`: until its end; `session`: at the longest until the person signs out; `once`: one token.
    lasts: &'static str,
    #[schema(value_type = String, format = DateTime)]
    expires: Timestamp,
}

impl From<held::Held> for Grant {
    fn from(held: held::Held) -> Self {
        let lasts = match held.lasts {
            Lasts::Offline => "offline",
            Lasts::Session => "session",
            Lasts::Once => "once",
        };
        let held::Held { person, scope, one_patient, expires, .. } = held;
        Grant { person, scope, one_patient, lasts, expires }
    }
}

/// What a program was given and holds now.
#[utoipa::path(get, path = "/api/clients/{id}/grants", operation_id = "client_grants", tag = "clients", params(("id" = String, Path)),
    responses((status = 200, body = Grants), (status = 404)))]
pub async fn grants(
    State(app): State<App>,
    _: Actor,
    Path(id): Path<String>,
) -> Result<Json<Grants>, HttpError> {
    let grants = app.rooms()?.people.held(&id)?.into_iter().map(Grant::from).collect();
    Ok(Json(Grants { grants }))
}

/// Ends every consent and token that a program holds; it stays registered.
#[utoipa::path(delete, path = "/api/clients/{id}/grants", operation_id = "end_client_grants", tag = "clients", params(("id" = String, Path)),
    responses((status = 204), (status = 404)))]
pub async fn end_grants(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
) -> Result<StatusCode, HttpError> {
    app.rooms()?.people.end_held(&who, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a new secret for a confidential program; the old one is worth nothing from then on.
#[utoipa::path(post, path = "/api/clients/{id}/secret", operation_id = "new_client_secret", tag = "clients", params(("id" = String, Path)),
    responses((status = 200, body = MadeProgram), (status = 403, description = "a fresh proof is needed: proveAgain"), (status = 404),
        (status = 422, description = "it proves itself without a secret")))]
pub async fn secret(
    State(app): State<App>,
    who: Actor,
    Path(id): Path<String>,
) -> Result<Json<MadeProgram>, HttpError> {
    let people = &app.rooms()?.people;
    let (client, secret) = people.new_client_secret(&who, &id).await?;
    Ok(Json(MadeProgram { client: Program::of(people, client), client_secret: Some(secret.to_string()) }))
}
