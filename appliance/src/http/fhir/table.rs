//! `$viewdefinition-run` (SQL on FHIR, R4 mode) and `ViewDefinition/$run`: stored or sent resources as a table.
//!
//! Owns reading the parameters and streaming the rows. Views themselves are the gateway's, which records are shown is the
//! records room's business.

use std::ops::ControlFlow;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use bytes::Bytes;
use clinicvault_gateway::fhir::id::{LogicalId, Reference, ResourceType};
use clinicvault_gateway::fhir::outcome::{Issue, IssueCode};
use clinicvault_gateway::fhir::parameters::Parameters;
use clinicvault_gateway::fhir::sql::{Around, Format, RowError, View, Writer};
use clinicvault_gateway::fhirpath::Host;
use clinicvault_gateway::json::{self, Limits, Value};
use futures_util::StreamExt;
use http::{HeaderValue, StatusCode, header};
use tokio::sync::mpsc;

use super::media::list;
use super::operations::{self, Call, On, Rest};
use crate::app::App;
use crate::http::error::HttpError;
use crate::records::error::Error;
use crate::records::table::Wanted;

/// Text of a table that waits for the peer, bytes of one piece.
const PIECE: usize = 64 * 1024;
/// Pieces that wait for the peer.
const PIECES: usize = 4;
/// Tables that are made at once.
const AT_ONCE: usize = 4;
static PLACES: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(AT_ONCE);

/// `/fhir/ViewDefinition/$run` and `/fhir/ViewDefinition/$viewdefinition-run`. R4 has no such type, so the address has a
/// route of its own.
pub async fn of_type(
    State(app): State<App>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, HttpError> {
    match name.as_str() {
        "run" | "viewdefinition-run" => {
            operations::invoke(app, On::System, "viewdefinition-run", request).await
        }
        _ => Err(HttpError::not_found("ViewDefinition has the operation $run here.")),
    }
}

/// Runs a view.
pub async fn run(call: Call) -> Result<Response, HttpError> {
    let (call, mut given) = call.parameters().await?;
    let format = format(&call, &mut given)?;
    let view = view(&call, &mut given)?;
    let limit = limit(&mut given)?;
    let wanted = Wanted {
        kind: view.kind,
        patients: ids(&mut given, "patient", ResourceType::PATIENT, &call)?,
        groups: ids(&mut given, "group", ResourceType::GROUP, &call)?,
        since: given.instant("_since").map_err(Error::Unreadable)?,
    };
    let mut sent = Vec::new();
    for parameter in given.take_all("resource") {
        let resource = parameter.resource().map_err(Error::Unreadable)?;
        if resource.str("resourceType") == Some("Bundle") && view.kind.as_str() != "Bundle" {
            sent.extend(resource.items("entry").iter().filter_map(|entry| entry.get("resource")).cloned());
        } else {
            sent.push(resource);
        }
    }
    given.finish().map_err(Error::Unreadable)?;
    let filtered = !wanted.patients.is_empty() || !wanted.groups.is_empty() || wanted.since.is_some();
    if !sent.is_empty() && filtered {
        let message = "patient, group and _since choose stored records; they do not go with resource.";
        return Err(HttpError::bad_request(message).field("resource"));
    }
    let place = PLACES.try_acquire().map_err(|_| {
        let message = format!("{AT_ONCE} tables are being made, which is the limit; try again in a moment.");
        HttpError::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "throttled", message)
    })?;
    let seconds = call.app.config().limits.table_seconds;
    let (pieces, mut waiting) = mpsc::channel(PIECES);
    let job = Job { call, view, format, limit, wanted, sent, seconds };
    tokio::task::spawn_blocking(move || {
        let _place = place;
        let sender = pieces.clone();
        let mut out = Out { pieces, text: Vec::new(), until: tokio::time::Instant::now() + job.patience() };
        if let Err(error) = job.write(&mut out) {
            tracing::debug!(error = %error.message, "a table ended before its last row");
            let _ = sender.blocking_send(Err(error));
        }
    });
    // What goes wrong before the first piece is a refusal like any other; after it the connection breaks off, so that
    // half a table is never taken for a whole one.
    let first = match waiting.recv().await {
        None => return Err(HttpError::internal()),
        Some(first) => first?,
    };
    let rest = futures_util::stream::poll_fn(move |context| waiting.poll_recv(context));
    let pieces = futures_util::stream::iter([Ok(first)]).chain(rest);
    let body =
        pieces.map(|piece| piece.map_err(|error: HttpError| std::io::Error::other(error.message.clone())));
    let mut response = Response::new(Body::from_stream(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Everything that a run needs.
struct Job {
    call: Rest,
    view: View,
    format: Format,
    limit: Option<u64>,
    wanted: Wanted,
    sent: Vec<Value>,
    seconds: u64,
}

/// Text on its way to the peer.
struct Out {
    pieces: mpsc::Sender<Result<Bytes, HttpError>>,
    text: Vec<u8>,
    until: tokio::time::Instant,
}

impl Out {
    /// Sends what has been written when it is a piece, or in any case when it is the last.
    fn flush(&mut self, last: bool, seconds: u64) -> Result<(), HttpError> {
        let late = || {
            let message = format!("The table took longer than {seconds} s (limits.table_seconds).");
            HttpError::new(StatusCode::SERVICE_UNAVAILABLE, "tooSlow", "timeout", message)
        };
        if tokio::time::Instant::now() > self.until {
            return Err(late());
        }
        if !last && self.text.len() < PIECE {
            return Ok(());
        }
        let piece = Bytes::from(std::mem::take(&mut self.text));
        let sent = async { tokio::time::timeout_at(self.until, self.pieces.send(Ok(piece))).await };
        match tokio::runtime::Handle::current().block_on(sent) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(HttpError::bad_request("The peer has gone.")),
            Err(_) => Err(late()),
        }
    }
}

/// Answers which absolute references are to this box.
struct Own<'a>(&'a str);

impl<'a> Host<'a> for Own<'_> {
    fn is_own_base(&self, base: &str) -> bool {
        base == self.0
    }
}

impl Job {
    const fn patience(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    fn write(&self, out: &mut Out) -> Result<(), HttpError> {
        let mut writer = Writer::new(&self.view, self.format);
        writer.open(&mut out.text);
        let now = self.call.ask.records.now();
        let zone = self.call.ask.records.zone();
        if self.sent.is_empty() {
            let mut failed = None;
            let mut taker = |resource: Value| match self.rows(&resource, now, zone, &mut writer, out) {
                Ok(flow) => Ok(flow),
                Err(error) => {
                    failed = Some(error);
                    Ok(ControlFlow::Break(()))
                }
            };
            self.call.ask.records.each_wanted(&self.call.ask.caller, &self.wanted, &mut taker)?;
            if let Some(error) = failed {
                return Err(error);
            }
        }
        for resource in &self.sent {
            if self.rows(resource, now, zone, &mut writer, out)?.is_break() {
                break;
            }
        }
        writer.close(&mut out.text);
        out.flush(true, self.seconds)
    }

    fn rows(
        &self,
        resource: &Value,
        now: jiff::Timestamp,
        zone: &jiff::tz::TimeZone,
        writer: &mut Writer<'_>,
        out: &mut Out,
    ) -> Result<ControlFlow<()>, HttpError> {
        let more = |writer: &Writer<'_>| self.limit.is_none_or(|limit| writer.rows() < limit);
        if !more(writer) {
            return Ok(ControlFlow::Break(()));
        }
        let host = Own(&self.call.ask.base);
        let around = Around { now, zone, host: &host };
        let mut refused = Ok(());
        self.view
            .rows(resource, &around, &mut |row| {
                if refused.is_ok() && more(writer) {
                    writer.row(row, &mut out.text);
                    refused = out.flush(false, self.seconds);
                }
            })
            .map_err(|error| unfit(resource, &error))?;
        refused?;
        out.flush(false, self.seconds)?;
        Ok(if more(writer) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    }
}

/// A resource that does not fit the view.
fn unfit(resource: &Value, error: &RowError) -> HttpError {
    let id: String = resource.str("id").unwrap_or("without id").chars().take(64).collect();
    let kind = resource.str("resourceType").unwrap_or_default();
    let code = if error.is_limit { IssueCode::TooCostly } else { IssueCode::Processing };
    let text = format!("{kind}/{id}: {}", error.message);
    Error::Broken(Issue::error(code, text).at(error.place.clone()).into()).into()
}

/// The form of the table: `_format`, else `Accept`, else ndjson.
fn format(call: &Rest, given: &mut Parameters) -> Result<Format, HttpError> {
    let header = given.flag("header").map_err(Error::Unreadable)?.unwrap_or(true);
    let of = |name: &str| match name {
        "csv" | "text/csv" => Some(Format::Csv { header }),
        "json" | "application/json" => Some(Format::Json),
        "ndjson" | "application/x-ndjson" | "application/ndjson" => Some(Format::Ndjson),
        _ => None,
    };
    let in_query = call.ask.parameters.iter().rev().find(|(name, _)| name == "_format");
    let in_query = in_query.map(|(_, value)| value.clone());
    let asked = given.text("_format").map_err(Error::Unreadable)?.or(in_query);
    let accepted: Vec<&str> = list(&call.ask.headers, header::ACCEPT.as_str())
        .map(|range| range.split(';').next().unwrap_or(range).trim())
        .collect();
    if let Some(asked) = asked {
        let format = of(&asked).ok_or_else(|| {
            let shown: String = asked.chars().filter(|c| !c.is_control()).take(40).collect();
            let message = format!("A table is written as json, ndjson or csv, not as \"{shown}\".");
            let mut error = HttpError::bad_request(message).field("_format");
            error.issue = "not-supported";
            error
        })?;
        return Ok(format);
    }
    if let Some(format) = accepted.iter().find_map(|name| of(name)) {
        return Ok(format);
    }
    let anything = ["*/*", "application/*", "text/html", "application/octet-stream"];
    if accepted.is_empty() || accepted.iter().any(|name| anything.contains(name)) {
        return Ok(Format::Ndjson);
    }
    let message =
        "A table is text/csv, application/json or application/x-ndjson; it is not wrapped in a resource.";
    Err(HttpError::new(StatusCode::NOT_ACCEPTABLE, "notAcceptable", "not-supported", message))
}

/// The view: sent in `viewResource`, or kept in a Binary that `viewReference` or the address names.
fn view(call: &Rest, given: &mut Parameters) -> Result<View, HttpError> {
    let sent = given.resource("viewResource").map_err(Error::Unreadable)?;
    let reference = given.take("viewReference").map_err(Error::Unreadable)?;
    let (definition, place) = match (sent, reference, &call.on) {
        (Some(sent), None, On::System) => (sent, "viewResource"),
        (None, Some(parameter), On::System) => {
            let place = parameter.place().to_owned();
            let reference = address(parameter).map_err(Error::Unreadable)?;
            let reference = Reference::parse(&reference);
            let local = reference.as_ref().and_then(|r| r.local(&[&call.ask.base]));
            let Some((ResourceType::BINARY, id)) = local else {
                let message =
                    "A view is kept in a Binary here, such as Binary/7 with the ViewDefinition as JSON.";
                return Err(HttpError::bad_request(message).field(place));
            };
            (kept(call, id.as_str())?, "viewReference")
        }
        (None, None, On::Instance(_, id)) => (kept(call, id)?, "Binary"),
        (_, _, On::Instance(..)) => {
            let message = "The address names the view; viewResource and viewReference do not go with it.";
            return Err(HttpError::bad_request(message));
        }
        _ => {
            let message = "One of viewResource (a ViewDefinition) and viewReference (a Binary that holds one) is needed.";
            let mut error = HttpError::bad_request(message);
            error.issue = "required";
            return Err(error);
        }
    };
    View::read(&definition).map_err(|mut outcome| {
        for path in outcome.issues.iter_mut().flat_map(|issue| issue.expression.iter_mut()) {
            *path = path.replacen("ViewDefinition", place, 1);
        }
        Error::Broken(outcome).into()
    })
}

/// The ViewDefinition inside a Binary that the caller may read.
fn kept(call: &Rest, id: &str) -> Result<Value, HttpError> {
    let stored = call.ask.records.read(&call.ask.caller.who, ResourceType::BINARY, id)?;
    let none = || {
        let text = format!("Binary/{id} does not hold a ViewDefinition as JSON.");
        HttpError::from(Error::Broken(Issue::error(IssueCode::Invalid, text).into()))
    };
    let binary = json::parse(&stored.body, &Limits::bytes(usize::MAX)).map_err(|_| HttpError::internal())?;
    let data = binary.str("data").ok_or_else(none)?;
    let plain: Vec<u8> = data.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let bytes = data_encoding::BASE64.decode(&plain).map_err(|_| none())?;
    json::parse(&bytes, &super::ask::json_limits(&call.app)).map_err(|_| none())
}

/// `_limit`
fn limit(given: &mut Parameters) -> Result<Option<u64>, HttpError> {
    match given.integer("_limit").map_err(Error::Unreadable)? {
        None => Ok(None),
        Some(limit) => {
            let wrong = || HttpError::bad_request("_limit is a number of rows.").field("_limit");
            Ok(Some(u64::try_from(limit).map_err(|_| wrong())?))
        }
    }
}

/// The ids behind references of one type, such as `Patient/7`.
fn ids(
    given: &mut Parameters,
    name: &str,
    kind: ResourceType,
    call: &Rest,
) -> Result<Vec<LogicalId>, HttpError> {
    let mut ids = Vec::new();
    for parameter in given.take_all(name) {
        let refused = parameter.refused(&format!("This is no reference to a {kind} of this box."));
        let text = address(parameter).map_err(Error::Unreadable)?;
        let reference = Reference::parse(&text);
        let local = reference.as_ref().and_then(|reference| reference.local(&[&call.ask.base]));
        let id = match local {
            Some((found, id)) if found == kind => Some(id.clone()),
            Some(_) => None,
            None => LogicalId::parse(&text),
        };
        ids.push(id.ok_or(Error::Unreadable(refused))?);
    }
    Ok(ids)
}

/// The text of a reference: of a Reference, or written out.
fn address(
    parameter: clinicvault_gateway::fhir::parameters::Parameter,
) -> Result<String, clinicvault_gateway::fhir::outcome::Outcome> {
    let refused = parameter.refused("A Reference with its \"reference\" is needed.");
    match parameter.value() {
        Some(("valueReference", value)) => value.str("reference").map(str::to_owned).ok_or(refused),
        _ => parameter.text(),
    }
}
