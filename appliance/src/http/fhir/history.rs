//! `GET /fhir/{type}/{id}/_history`: every version of one record, newest first, in pages.

use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use clinicvault_gateway::fhir::id::ResourceType;
use http::StatusCode;
use jiff::Timestamp;

use super::answer;
use super::ask::{self, Ask};
use super::sets::Set;
use crate::app::App;
use crate::http::error::HttpError;
use crate::http::query;
use crate::records::history::Wanted;

/// Name of the parameter that carries where a page begins. A version never changes its place, so it is in clear.
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

/// The history bundle that answers `ask`.
pub(super) async fn answer_bytes(
    app: &App,
    ask: &Ask,
    kind: ResourceType,
    id: &str,
) -> Result<Bytes, HttpError> {
    let wanted = wanted(&ask.parameters, app.config().limits.page_rows)?;
    let (ask, id) = (ask.clone(), id.to_owned());
    let work = tokio::task::spawn_blocking(move || {
        let page = ask.records.history(&ask.caller.who, kind, &id, &wanted)?;
        let address = format!("{}/{kind}/{id}/_history", ask.base);
        let applied: Vec<(String, String)> =
            ask.parameters.iter().filter(|(name, _)| is_known(name)).cloned().collect();
        let own = query::encode(&applied);
        let mut links =
            vec![("self", if own.is_empty() { address.clone() } else { format!("{address}?{own}") })];
        if let Some(before) = page.next {
            let mut pairs: Vec<_> = applied.into_iter().filter(|(name, _)| name != BEFORE).collect();
            pairs.push((BEFORE.to_owned(), before.to_string()));
            links.push(("next", format!("{address}?{}", query::encode(&pairs))));
        }
        let mut set = Set::open("history", Some(page.total), &links);
        for row in &page.rows {
            set.version(&ask.base, row);
        }
        Ok(set.close())
    });
    work.await.map_err(|_| HttpError::internal())?
}

fn is_known(name: &str) -> bool {
    matches!(name, "_count" | "_since" | "_at" | BEFORE)
}

fn wanted(parameters: &[(String, String)], most_rows: usize) -> Result<Wanted, HttpError> {
    let mut wanted = Wanted { rows: DEFAULT_ROWS.min(most_rows), since: None, at: None, before: None };
    for (name, value) in parameters {
        let bad = |form: &str| HttpError::bad_request(format!("{name} must be {form}.")).field(name.clone());
        let number = || value.parse::<u64>().map_err(|_| bad("a whole number"));
        // FHIR `instant`: a zone is needed, else the moment is not known.
        let instant = || value.parse::<Timestamp>().map_err(|_| bad("an instant with its zone"));
        match name.as_str() {
            "_count" => wanted.rows = usize::try_from(number()?).unwrap_or(most_rows).min(most_rows),
            "_since" => wanted.since = Some(instant()?),
            "_at" => wanted.at = Some(instant()?),
            BEFORE => wanted.before = Some(number()?),
            "_format" | "_pretty" => {}
            other => {
                let shown: String = other.chars().take(64).collect();
                return Err(HttpError::bad_request(format!("History has no parameter \"{shown}\" here.")));
            }
        }
    }
    Ok(wanted)
}
