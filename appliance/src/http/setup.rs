//! How the box is, its first run, and unlocking it.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use clinicvault_vault::{RecoveryKey, Unlock};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::error::HttpError;
use super::extract::{Actor, Json, Peer};
use super::session;
use crate::admin::clinic::SheetView;
use crate::admin::setup::{NewClinic, UnlockBy};
use crate::app::{App, Slot, opening};
use crate::config::SecondFactor;
use crate::lan::install::qr_svg;

/// The routes of this topic.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/status", get(status))
        .route("/api/setup", post(set_up))
        .route("/api/setup/recovery", get(sheet))
        .route("/api/setup/confirm", post(confirm))
        .route("/api/unlock", post(unlock))
        .route("/api/rescue/retry", post(retry))
}

/// How the box is. Asked for before anybody is signed in, so it tells nothing of patients.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// `setup`, `recovery` (the recovery key is not written down yet), `sealed`, `rescue` (the box failed too often) or
    /// `ready`.
    state: &'static str,
    /// The clinic, once the vault is open.
    clinic: Option<ClinicName>,
    /// Version of the program.
    version: &'static str,
    #[schema(value_type = String, format = DateTime)]
    now: Timestamp,
    /// Where the clinic's clock stands: an IANA name such as `Asia/Kolkata`. Times are shown in it.
    time_zone: String,
    /// `required` or `optional`.
    second_factor: &'static str,
    /// Where the box listens.
    ports: Ports,
    /// SHA-256 of the clinic's authority.
    fingerprint: Option<String>,
    /// No backup can be made yet.
    #[schema(value_type = Option<String>)]
    last_backup: Option<Timestamp>,
    /// Why the box opens nothing, when its state is `rescue`.
    #[serde(skip_serializing_if = "Option::is_none")]
    rescue: Option<RescueView>,
}

/// A box that failed too often.
#[derive(Debug, Serialize, ToSchema)]
pub struct RescueView {
    /// How many starts failed one after the other.
    times: usize,
    /// What the last one said before it failed; absent when it was ended without a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// The clinic's name.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClinicName {
    name: String,
    place: String,
}

/// Ports.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ports {
    https: u16,
}

/// How the box is.
#[utoipa::path(get, path = "/api/status", tag = "box", responses((status = 200, body = Status)))]
pub async fn status(State(app): State<App>) -> Json<Status> {
    let (state, clinic) = match app.slot() {
        Slot::Setup => ("setup", None),
        Slot::Sealed => ("sealed", None),
        Slot::Open(rooms) => {
            let clinic = rooms.people.clinic();
            let state = if clinic.recovery_confirmed { "ready" } else { "recovery" };
            (state, Some(ClinicName { name: clinic.name, place: clinic.place }))
        }
        Slot::Rescue(_) => ("rescue", None),
    };
    let rescue = match app.slot() {
        Slot::Rescue(rescue) => Some(RescueView { times: rescue.times, why: rescue.why.clone() }),
        Slot::Setup | Slot::Sealed | Slot::Open(_) => None,
    };
    Json(Status {
        state,
        clinic,
        version: env!("CARGO_PKG_VERSION"),
        now: app.now(),
        time_zone: app.config().clinic.zone.clone(),
        second_factor: match app.config().sessions.second_factor {
            SecondFactor::Required => "required",
            SecondFactor::Optional => "optional",
        },
        ports: Ports { https: app.bound_https() },
        fingerprint: app.tls().fingerprint(),
        last_backup: None,
        rescue,
    })
}

/// The first run.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Setup {
    /// The one-time code that the box printed.
    code: String,
    #[serde(default)]
    language: String,
    clinic: SetupClinic,
    owner: SetupOwner,
    unlock: SetupUnlock,
}

/// The clinic.
#[derive(Deserialize, ToSchema)]
pub struct SetupClinic {
    name: String,
    #[serde(default)]
    place: String,
    #[serde(default)]
    phone: String,
    #[serde(default)]
    registration: String,
}

/// The owner.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetupOwner {
    name: String,
    username: String,
    password: String,
    #[serde(default)]
    also_doctor: bool,
}

/// How the box opens its vault when it starts.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum SetupUnlock {
    /// By itself, from the service manager's secret or a key file.
    KeyFile,
    /// A person types it.
    Passphrase {
        /// At least 16 characters.
        passphrase: String,
    },
}

/// The recovery sheet, shown until two of its groups are typed back.
#[derive(Serialize, ToSchema)]
pub struct SheetAnswer {
    recovery: Recovery,
    /// SHA-256 of the clinic's authority, to compare on other devices.
    fingerprint: Option<String>,
    /// Positions (from 1) of the groups to type back.
    confirm: [usize; 2],
}

/// The recovery key.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recovery {
    groups: Vec<String>,
    qr_svg: Option<String>,
}

fn sheet_answer(app: &App, sheet: &SheetView) -> SheetAnswer {
    SheetAnswer {
        recovery: Recovery {
            groups: sheet.groups.iter().map(|group| group.to_string()).collect(),
            qr_svg: qr_svg(&sheet.line),
        },
        fingerprint: app.tls().fingerprint(),
        confirm: sheet.ask,
    }
}

/// Makes the clinic. Answers the recovery sheet and signs the owner in.
#[utoipa::path(post, path = "/api/setup", tag = "box", request_body = Setup,
    responses((status = 201, body = SheetAnswer), (status = 403, description = "not the setup code"),
        (status = 409, description = "set up already"), (status = 422)))]
pub async fn set_up(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Json(setup): Json<Setup>,
) -> Result<Response, HttpError> {
    let from = session::origin(peer, &headers);
    if !matches!(app.slot(), Slot::Setup) {
        return Err(crate::admin::error::AdminError::SetUpAlready.into());
    }
    app.gate().check_setup_code(&setup.code, from.address, app.now())?;
    let new = NewClinic {
        name: setup.clinic.name,
        place: setup.clinic.place,
        phone: setup.clinic.phone,
        registration: setup.clinic.registration,
        language: setup.language,
        owner_name: setup.owner.name,
        owner_username: setup.owner.username,
        owner_password: Zeroizing::new(setup.owner.password),
        also_doctor: setup.owner.also_doctor,
        unlock: match setup.unlock {
            // A secret that is sealed to this machine is worth more than a file beside the vault.
            SetupUnlock::KeyFile => opening::credential().map_or(UnlockBy::KeyFile, UnlockBy::Credential),
            SetupUnlock::Passphrase { passphrase } => UnlockBy::Passphrase(Zeroizing::new(passphrase)),
        },
        recovery_confirmed: false,
    };
    let (rooms, owner, recovery) = app.set_up(new).await?;
    let (signed_in, sheet) = rooms.people.begin_after_setup(&owner, recovery, &from).await?;
    let answer = (StatusCode::CREATED, Json(sheet_answer(&app, &sheet))).into_response();
    Ok(session::with_cookie(answer, &signed_in.token))
}

/// The recovery sheet again, until it is confirmed.
#[utoipa::path(get, path = "/api/setup/recovery", tag = "box",
    responses((status = 200, body = SheetAnswer), (status = 404, description = "confirmed, or not for this session")))]
pub async fn sheet(State(app): State<App>, who: Actor) -> Result<Json<SheetAnswer>, HttpError> {
    let sheet = app.rooms()?.people.sheet(&who).await?;
    Ok(Json(sheet_answer(&app, &sheet)))
}

/// Two groups of the recovery key, by position.
#[derive(Deserialize, ToSchema)]
pub struct Confirm {
    groups: BTreeMap<String, String>,
}

/// Proves that the recovery key is written down; it is never shown again.
#[utoipa::path(post, path = "/api/setup/confirm", tag = "box", request_body = Confirm,
    responses((status = 204), (status = 422, description = "not what the sheet says")))]
pub async fn confirm(
    State(app): State<App>,
    who: Actor,
    Json(typed): Json<Confirm>,
) -> Result<StatusCode, HttpError> {
    let groups = typed.groups;
    let right =
        app.rooms()?.people.confirm_recovery(&who, |place| groups.get(&place.to_string()).cloned()).await?;
    if right {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(HttpError::invalid("This is not what the sheet says; look again.")
            .code("wrongGroups")
            .field("groups"))
    }
}

/// What opens the vault.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Key {
    passphrase: Option<String>,
    recovery_key: Option<String>,
}

/// Opens the sealed vault.
#[utoipa::path(post, path = "/api/unlock", tag = "box", request_body = Key,
    responses((status = 204), (status = 401, description = "this does not open it"), (status = 429)))]
pub async fn unlock(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Json(key): Json<Key>,
) -> Result<StatusCode, HttpError> {
    if !matches!(app.slot(), Slot::Sealed) {
        return Err(HttpError::conflict("The vault is not sealed.").code("notSealed"));
    }
    let address = session::origin(peer, &headers).address;
    let counter = if address.is_loopback() { "unlock, here" } else { "unlock, network" };
    app.gate().attempt(counter, address, app.now())?;
    let (with, what) = match (key.passphrase, key.recovery_key) {
        (Some(text), None) => (Unlock::passphrase(text), "passphrase"),
        (None, Some(text)) => {
            let text = Zeroizing::new(text);
            let key = RecoveryKey::parse(&text);
            let key = key.map_err(|e| HttpError::invalid(e.to_string()).field("recoveryKey"))?;
            (Unlock::RecoveryKey(key), "recovery key")
        }
        (Some(_) | None, Some(_) | None) => {
            return Err(HttpError::bad_request("Send either passphrase or recoveryKey.").field("passphrase"));
        }
    };
    let rooms = app.unlock(with).await?;
    rooms.people.note_unlock(&address.to_string(), what).await?;
    app.gate().passed(counter, address);
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a box that failed too often try once more. Anybody in the clinic may: it tells nothing and undoes nothing.
#[utoipa::path(post, path = "/api/rescue/retry", tag = "box",
    responses((status = 204), (status = 409, description = "the box has not failed"), (status = 429),
        (status = 503, description = "it failed again; the answer says why")))]
pub async fn retry(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Result<StatusCode, HttpError> {
    let Slot::Rescue(_) = app.slot() else {
        return Err(HttpError::conflict("The box has not failed.").code("notRescue"));
    };
    app.gate().attempt("rescue", session::origin(peer, &headers).address, app.now())?;
    app.try_again().await?;
    Ok(StatusCode::NO_CONTENT)
}
