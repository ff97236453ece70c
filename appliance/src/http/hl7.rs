//! HL7 v2 over HTTP: messages that a program posts to a channel, and files that an owner hands in.
//!
//! A message is answered with 200 and its acknowledgement as the body, whatever the acknowledgement says; 4xx is only for
//! what is no message, or may not be sent here.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use clinicvault_gateway::json;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::error::HttpError;
use super::extract::{Actor, ClientCertificate, Json, Peer};
use super::fhir::messages;
use super::{limits, session};
use crate::app::App;
use crate::exchange::channels::DEFAULT;
use crate::exchange::channels::document::Source;
use crate::exchange::fhir_message::Posted;
use crate::exchange::inbox::{Reply, Told};
use crate::exchange::intake::{Intake, Way};
use crate::exchange::sources::http::HttpSource;
use crate::exchange::upload::Verdict;
use crate::records::access::Who;

/// Forms in which a message may come.
const TYPES: [&str; 3] = ["application/hl7-v2", "x-application/hl7-v2+er7", "text/plain"];
/// Largest upload in bytes.
const LARGEST: usize = 64 << 20;

/// The routes of this file.
pub fn routes() -> Router<App> {
    Router::new().route("/hl7/v2/{channel}", post(send)).route("/api/channels/{name}/upload", post(upload))
}

/// What became of an upload.
#[derive(Debug, Serialize, ToSchema)]
pub struct Uploaded {
    /// One each, in their order.
    messages: Vec<UploadedMessage>,
    /// What does not fit about the file as a whole, such as a wrong count.
    warnings: Vec<String>,
}

/// What became of one message.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UploadedMessage {
    /// MSH-9.
    #[serde(rename = "type")]
    kind: String,
    /// MSH-10.
    control_id: String,
    /// Number of its row on the message screen; absent for a repetition and for one that was not stored.
    seq: Option<u64>,
    /// It was there before.
    repeated: bool,
    /// It was stored, now or before, and not refused.
    taken: bool,
    /// Where it was wrong.
    place: Option<String>,
    /// Why it was refused.
    reason: Option<String>,
}

/// Takes one or more messages from a program.
async fn send(
    State(app): State<App>,
    peer: Peer,
    Path(channel): Path<String>,
    request: Request,
) -> Result<Response, HttpError> {
    let who = session::identify(&app, request.extensions(), request.headers(), false)?;
    let shown = request.extensions().get::<ClientCertificate>().cloned();
    let intake = admitted(&app, &who, &channel, shown.as_ref())?;
    if is_fhir(&request) {
        return fhir(&app, &who, peer, intake, request).await;
    }
    let typed = typed(&request)?;
    if intake.fhir.is_some() {
        return Err(only_fhir());
    }
    let bytes = body(&app, request, app.config().hl7.frame_kib * 1024, "hl7.frame_kib").await?;
    let wire = if peer.tls { "https" } else { "http" };
    let way = Way::peer(wire, peer.address, peer.tls, intake);
    let exchange = app.rooms()?.exchange.clone();
    let done = exchange.take_piece(bytes.to_vec(), &way).await;
    if done.told.is_empty() {
        return Err(HttpError::bad_request(
            "The body is no HL7 v2 message: none of its lines begins with MSH.",
        ));
    }
    if done.told.iter().any(|told| told.reply == Reply::Close) {
        return Err(HttpError::unavailable("It is not known whether this was stored; send it again."));
    }
    if done.answer.is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let mut response = Response::new(done.answer.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(typed));
    Ok(response)
}

fn only_fhir() -> HttpError {
    let why = "This channel takes FHIR messages alone (source.takes): send application/fhir+json, or HL7 v2 to another.";
    HttpError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupportedType", "not-supported", why)
}

fn is_fhir(request: &Request) -> bool {
    let typed = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let typed = typed.split(';').next().unwrap_or_default().trim();
    typed.eq_ignore_ascii_case("application/fhir+json")
}

/// Takes a FHIR message from a program.
async fn fhir(
    app: &App,
    who: &Actor,
    peer: Peer,
    intake: Arc<Intake>,
    request: Request,
) -> Result<Response, HttpError> {
    let path = request.uri().path().to_owned();
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let endpoint = format!("{}://{host}{path}", if peer.tls { "https" } else { "http" });
    let bytes = body(app, request, app.config().hl7.frame_kib * 1024, "hl7.frame_kib").await?;
    let bundle = json::parse(&bytes, &json::Limits::bytes(bytes.len())).map_err(|error| {
        HttpError::bad_request(format!("The body is no JSON that can be taken: {error}."))
    })?;
    let wire = if peer.tls { "https" } else { "http" };
    let way = Way::peer(wire, peer.address, peer.tls, intake);
    let exchange = app.rooms()?.exchange.clone();
    let posted = Posted { bytes: bytes.to_vec(), bundle, endpoint };
    Ok(messages::answered(exchange.take_fhir(&Arc::new(who.clone()), posted, &way).await))
}

/// The rules of a channel, for a program that may send to it. Whether there is such a channel is nobody else's business.
fn admitted(
    app: &App,
    who: &Actor,
    name: &str,
    shown: Option<&ClientCertificate>,
) -> Result<Arc<Intake>, HttpError> {
    let exchange = app.rooms()?.exchange.clone();
    let live = exchange.channels().find(name).filter(|live| live.kept().is_there());
    let kept = live.as_ref().map(|live| live.kept());
    let allowed = match (&who.who, kept.as_ref().map(|kept| &kept.document.source)) {
        (Who::Machine { .. }, Some(Source::Http(source))) => source.admits(&who.id),
        _ => false,
    };
    let (Some(live), Some(kept), true) = (live, kept, allowed) else {
        app.rooms()?.people.note_denial(who, "POST /hl7/v2/{channel}: notAdmitted")?;
        let why = "This token may not send to such a channel; the owner names its id in source.tokens of the channel.";
        return Err(HttpError::forbidden(why));
    };
    if let Source::Http(HttpSource { peers, .. }) = &kept.document.source
        && !peers.is_empty()
    {
        let shown = shown.map(|shown| shown.0.as_ref());
        if let Err(why) = live.peers().admit(peers, shown, app.clock().now(), "source.peers") {
            app.rooms()?.people.note_denial(who, "POST /hl7/v2/{channel}: certificate")?;
            return Err(HttpError::forbidden(format!(
                "This channel is for known certificates: {why}. The owner names its fingerprint in source.peers of the channel."
            )));
        }
    }
    if !kept.document.on {
        return Err(HttpError::unavailable("This channel is paused; send it again later."));
    }
    Ok(live.intake())
}

fn typed(request: &Request) -> Result<&'static str, HttpError> {
    let typed = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let typed = typed.split(';').next().unwrap_or_default().trim();
    TYPES.into_iter().find(|own| typed.eq_ignore_ascii_case(own)).ok_or_else(|| {
        HttpError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupportedType",
            "not-supported",
            format!("Send {}, or application/fhir+json for a FHIR message to a channel.", TYPES.join(", ")),
        )
    })
}

async fn body(app: &App, request: Request, most: usize, setting: &str) -> Result<Bytes, HttpError> {
    let patience = Duration::from_secs(app.config().limits.body_seconds);
    limits::read_body(request.into_body(), most, patience).await.map_err(|mut error| {
        if error.status == StatusCode::PAYLOAD_TOO_LARGE {
            error.message = format!("The body is larger than {most} bytes ({setting}).");
        }
        error
    })
}

/// Takes a file of messages, with or without FHS and BHS, by the rules of a channel (`default` for those of the settings).
#[utoipa::path(post, path = "/api/channels/{name}/upload", operation_id = "upload_messages", tag = "channels",
    params(("name" = String, Path)), request_body(content = String, content_type = "application/hl7-v2"),
    responses((status = 200, body = Uploaded), (status = 404), (status = 409), (status = 422)))]
pub(super) async fn upload(
    State(app): State<App>,
    who: Actor,
    Path(name): Path<String>,
    request: Request,
) -> Result<Json<Uploaded>, HttpError> {
    typed(&request)?;
    let exchange = app.rooms()?.exchange.clone();
    let intake = if name == DEFAULT {
        exchange.intake().clone()
    } else {
        let live = exchange.channels().read(&who, &name)?;
        if !live.kept().document.on {
            return Err(HttpError::conflict("This channel is paused; resume it first."));
        }
        live.intake()
    };
    if intake.fhir.is_some() {
        return Err(only_fhir());
    }
    let bytes = body(&app, request, LARGEST, "the limit of an upload").await?;
    let done = exchange.take_file(bytes.to_vec(), intake, "upload", &who.id).await;
    if done.told.is_empty() {
        return Err(HttpError::invalid(
            "The file holds no HL7 v2 message: none of its lines begins with MSH.",
        ));
    }
    if done.verdict == Verdict::Later && done.told.iter().all(|told| told.seq.is_none() && !told.repeated) {
        return Err(HttpError::unavailable("Nothing of the file could be stored; hand it in again later."));
    }
    Ok(Json(Uploaded { messages: done.told.into_iter().map(line).collect(), warnings: done.warnings }))
}

fn line(told: Told) -> UploadedMessage {
    let taken = !told.is_refused() && (told.seq.is_some() || told.repeated);
    let place = told.problem.as_ref().and_then(|problem| {
        let segment = problem.segment.clone()?;
        Some(problem.field.as_ref().map_or(segment.clone(), |field| format!("{segment}-{field}")))
    });
    UploadedMessage {
        taken,
        place,
        reason: told.problem.map(|problem| problem.reason),
        kind: told.kind,
        control_id: told.control_id,
        seq: told.seq,
        repeated: told.repeated,
    }
}
