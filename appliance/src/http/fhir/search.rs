//! Searches by query or by form: of a type, of the whole box, of a compartment.

use axum::extract::{Path, Request, State};
use axum::response::Response;
use bytes::Bytes;
use clinicvault_gateway::fhir::outcome::{Issue, IssueCode};
use clinicvault_gateway::fhir::search::{self as gateway, Summary};
use http::{StatusCode, header};

use super::answer;
use super::ask::{self, Ask};
use super::negotiate::{self, Handling};
use super::reduced::Reduced;
use super::sets::Set;
use crate::app::App;
use crate::http::error::HttpError;
use crate::http::query;
use crate::records::search::{Field, Page};

/// Name of the parameter that carries a page's cursor.
const CURSOR: &str = "_cursor";

/// `GET /fhir/{type}`
pub async fn by_query(
    State(app): State<App>,
    Path(kind): Path<String>,
    ask: Ask,
) -> Result<Response, HttpError> {
    let field = Field::Type(ask::kind(&kind)?);
    answer_search(app, ask, field).await
}

/// `POST /fhir/{type}/_search`; its parameters join those of the query string.
pub async fn by_form(
    State(app): State<App>,
    Path(kind): Path<String>,
    ask: Ask,
    request: Request,
) -> Result<Response, HttpError> {
    let field = Field::Type(ask::kind(&kind)?);
    let ask = with_form(&app, ask, request).await?;
    answer_search(app, ask, field).await
}

/// `GET /fhir`
pub async fn of_whole(State(app): State<App>, ask: Ask) -> Result<Response, HttpError> {
    answer_search(app, ask, Field::Whole).await
}

/// `POST /fhir/_search`
pub async fn of_whole_by_form(
    State(app): State<App>,
    ask: Ask,
    request: Request,
) -> Result<Response, HttpError> {
    let ask = with_form(&app, ask, request).await?;
    answer_search(app, ask, Field::Whole).await
}

/// `GET /fhir/{compartment}/{id}/{type or *}`
pub async fn of_compartment(
    State(app): State<App>,
    Path((of, id, kind)): Path<(String, String, String)>,
    ask: Ask,
) -> Result<Response, HttpError> {
    let field = compartment(&of, &id, &kind)?;
    answer_search(app, ask, field).await
}

/// `POST /fhir/{compartment}/{id}/{type or *}/_search`
pub async fn of_compartment_by_form(
    State(app): State<App>,
    Path((of, id, kind)): Path<(String, String, String)>,
    ask: Ask,
    request: Request,
) -> Result<Response, HttpError> {
    let field = compartment(&of, &id, &kind)?;
    let ask = with_form(&app, ask, request).await?;
    answer_search(app, ask, field).await
}

fn compartment(of: &str, id: &str, kind: &str) -> Result<Field, HttpError> {
    let (of, id) = (ask::kind(of)?, ask::id(id)?);
    let kind = if kind == "*" { None } else { Some(ask::kind(kind)?) };
    Ok(Field::compartment(of, id, kind)?)
}

async fn with_form(app: &App, mut ask: Ask, request: Request) -> Result<Ask, HttpError> {
    let typed = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let form = "application/x-www-form-urlencoded";
    if typed.and_then(|t| t.split(';').next()).map(str::trim) != Some(form) {
        let message = format!("A search by POST sends {form}.");
        return Err(HttpError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupportedType",
            "not-supported",
            message,
        ));
    }
    let body = ask::read(request, app).await?;
    let text = std::str::from_utf8(&body).map_err(|_| HttpError::bad_request("The form is not UTF-8."))?;
    ask.parameters.extend(query::pairs(text)?);
    ask.wish = negotiate::wish(&ask.headers, &ask.parameters)?;
    Ok(ask)
}

async fn answer_search(app: App, ask: Ask, field: Field) -> Result<Response, HttpError> {
    let bytes = answer_bytes(&app, &ask, field).await?;
    let mut response = answer::body(StatusCode::OK, bytes);
    // A form may say what the address does not.
    response.extensions_mut().insert(ask.wish.shape);
    Ok(response)
}

/// The searchset that answers `ask`.
pub(super) async fn answer_bytes(app: &App, ask: &Ask, field: Field) -> Result<Bytes, HttpError> {
    let most_rows = app.config().limits.page_rows;
    let ask = ask.clone();
    // A search may read from disk and sort: off the threads that serve everybody.
    let work = tokio::task::spawn_blocking(move || {
        let cursor = ask.parameters.iter().find(|(name, _)| name == CURSOR).map(|(_, value)| value.as_str());
        let handling = match ask.wish.handling {
            Handling::Strict => gateway::Handling::Strict,
            Handling::Lenient => gateway::Handling::Lenient,
        };
        let page = match cursor {
            Some(cursor) => ask.records.next_in(&ask.caller, &field, cursor, most_rows),
            None => ask.records.search_in(&ask.caller, &field, &ask.parameters, handling, most_rows),
        }?;
        written(&ask, &field, &page)
    });
    work.await.map_err(|_| HttpError::internal())?
}

fn written(ask: &Ask, field: &Field, page: &Page) -> Result<Bytes, HttpError> {
    let path = field.path();
    let address = if path.is_empty() { ask.base.to_string() } else { format!("{}/{path}", ask.base) };
    let own = query::encode(&page.search.applied);
    let own = if own.is_empty() { address.clone() } else { format!("{address}?{own}") };
    let mut links = vec![("self", own)];
    links.extend(page.next.as_ref().map(|cursor| ("next", format!("{address}?{CURSOR}={cursor}"))));
    let mut set = Set::open("searchset", page.total, &links);
    let reduced = Reduced::of_search(page.search.summary, &page.search.elements);
    set.expect(page.rows.iter().chain(&page.included));
    for row in &page.rows {
        set.matched(&ask.base, row, &reduced.apply(&row.body)?);
    }
    for row in &page.included {
        set.included(&ask.base, row, &reduced.apply(&row.body)?);
    }
    // A count has no entries, save the one that says that it may be too low.
    let told = |issue: &&Issue| page.search.summary != Summary::Count || issue.code == IssueCode::Incomplete;
    set.warned(&page.search.warnings.iter().filter(told).cloned().collect::<Vec<_>>());
    Ok(set.close())
}
