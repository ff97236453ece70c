//! `GET …/_history` of one record, of a type and of everything: versions, newest first, in pages.

use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use clinicvault_gateway::fhir::id::ResourceType;
use http::StatusCode;
use jiff::Timestamp;

use super::answer;
use super::ask::{self, Ask};
use super::reduced::Reduced;
use super::sets::Set;
use crate::app::App;
use crate::http::error::HttpError;
use crate::http::query;
use crate::records::history::{Wanted, WantedOfMany};
use crate::records::read::Stored;

/// Name of the parameter that carries where a page begins: a version of one record in clear, or a place in the log of
/// many, sealed.
const BEFORE: &str = "_before";
const DEFAULT_ROWS: usize = 50;

/// The history of one record.
pub async fn of_one(
    State(app): State<App>,
    ask: Ask,
    Path((kind, id)): Path<(String, String)>,
) -> Result<Response, HttpError> {
    let bytes = answer_bytes(&app, &ask, ask::kind(&kind)?, &id).await?;
    Ok(answer::body(StatusCode::OK, bytes))
}

/// The history of a type.
pub async fn of_type(
    State(app): State<App>,
    ask: Ask,
    Path(kind): Path<String>,
) -> Result<Response, HttpError> {
    let bytes = many_bytes(&app, &ask, Some(ask::kind(&kind)?)).await?;
    Ok(answer::body(StatusCode::OK, bytes))
}

/// The history of everything that the caller may see.
pub async fn of_all(State(app): State<App>, ask: Ask) -> Result<Response, HttpError> {
    let bytes = many_bytes(&app, &ask, None).await?;
    Ok(answer::body(StatusCode::OK, bytes))
}

/// The history bundle of a type, or of everything.
pub(super) async fn many_bytes(app: &App, ask: &Ask, kind: Option<ResourceType>) -> Result<Bytes, HttpError> {
    let (wanted, before) = wanted(&ask.parameters, app.config().limits.page_rows)?;
    let before = match before {
        None => None,
        Some(link) => Some(ask.records.history_place(kind, &link)?),
    };
    let Wanted { rows, since, at, .. } = wanted;
    let wanted = WantedOfMany { kind, rows, since, at, before };
    let ask = ask.clone();
    let work = tokio::task::spawn_blocking(move || {
        let page = ask.records.history_of_many(&ask.caller.who, &wanted)?;
        let address = match kind {
            Some(kind) => format!("{}/{kind}/_history", ask.base),
            None => format!("{}/_history", ask.base),
        };
        let next = page.next.map(|place| ask.records.history_link(kind, place)).transpose()?;
        written(&ask, &address, None, next, &page.rows)
    });
    work.await.map_err(|_| HttpError::internal())?
}

/// The history bundle that answers `ask`.
pub(super) async fn answer_bytes(
    app: &App,
    ask: &Ask,
    kind: ResourceType,
    id: &str,
) -> Result<Bytes, HttpError> {
    let (mut wanted, before) = wanted(&ask.parameters, app.config().limits.page_rows)?;
    wanted.before = match before {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| bad(BEFORE, "a version"))?),
    };
    let (ask, id) = (ask.clone(), id.to_owned());
    let work = tokio::task::spawn_blocking(move || {
        let page = ask.records.history(&ask.caller.who, kind, &id, &wanted)?;
        let address = format!("{}/{kind}/{id}/_history", ask.base);
        let next = page.next.map(|before| before.to_string());
        written(&ask, &address, Some(page.total), next, &page.rows)
    });
    work.await.map_err(|_| HttpError::internal())?
}

fn written(
    ask: &Ask,
    address: &str,
    total: Option<u64>,
    next: Option<String>,
    rows: &[Stored],
) -> Result<Bytes, HttpError> {
    let reduced = Reduced::of_history(&ask.parameters)?;
    let applied: Vec<(String, String)> =
        ask.parameters.iter().filter(|(name, _)| is_known(name)).cloned().collect();
    let own = query::encode(&applied);
    let mut links =
        vec![("self", if own.is_empty() { address.to_owned() } else { format!("{address}?{own}") })];
    if let Some(before) = next {
        let mut pairs: Vec<_> = applied.into_iter().filter(|(name, _)| name != BEFORE).collect();
        pairs.push((BEFORE.to_owned(), before));
        links.push(("next", format!("{address}?{}", query::encode(&pairs))));
    }
    let mut set = Set::open("history", total, &links);
    if !reduced.is_count() {
        for row in rows {
            let body = if row.head.deleted { Bytes::new() } else { reduced.apply(&row.body)? };
            set.version(&ask.base, row, &body);
        }
    }
    Ok(set.close())
}

fn is_known(name: &str) -> bool {
    matches!(name, "_count" | "_since" | "_at" | "_summary" | "_elements" | BEFORE)
}

fn bad(name: &str, form: &str) -> HttpError {
    HttpError::bad_request(format!("{name} must be {form}.")).field(name.to_owned())
}

/// What is wanted, and where the page begins, as it was written.
fn wanted(parameters: &[(String, String)], most_rows: usize) -> Result<(Wanted, Option<String>), HttpError> {
    let mut wanted = Wanted { rows: DEFAULT_ROWS.min(most_rows), since: None, at: None, before: None };
    let mut before = None;
    for (name, value) in parameters {
        // FHIR `instant`: a zone is needed, else the moment is not known.
        let instant = || value.parse::<Timestamp>().map_err(|_| bad(name, "an instant with its zone"));
        match name.as_str() {
            "_count" => {
                let number = value.parse::<u64>().map_err(|_| bad(name, "a whole number"))?;
                wanted.rows = usize::try_from(number).unwrap_or(most_rows).min(most_rows);
            }
            "_since" => wanted.since = Some(instant()?),
            "_at" => wanted.at = Some(instant()?),
            BEFORE => before = Some(value.clone()),
            "_format" | "_pretty" | "_summary" | "_elements" => {}
            other => {
                let shown: String = other.chars().take(64).collect();
                return Err(HttpError::bad_request(format!("History has no parameter \"{shown}\" here.")));
            }
        }
    }
    Ok((wanted, before))
}
