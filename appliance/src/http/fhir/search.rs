//! `GET /fhir/{type}?…` and `POST /fhir/{type}/_search`: the same search, by query or by form.

use axum::extract::{Path, Request, State};
use axum::response::Response;
use bytes::Bytes;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::search::{self as gateway, Summary, Total};
use http::{StatusCode, header};

use super::answer;
use super::ask::{self, Ask};
use super::negotiate::{self, Handling};
use super::reduced::Reduced;
use super::sets::Set;
use crate::app::App;
use crate::http::error::HttpError;
use crate::http::query;
use crate::records::search::{Asked, Page};

/// Name of the parameter that carries a page's cursor.
const CURSOR: &str = "_cursor";

/// A search by query string.
pub async fn by_query(
    State(app): State<App>,
    Path(kind): Path<String>,
    ask: Ask,
) -> Result<Response, HttpError> {
    let kind = ask::kind(&kind)?;
    answer_search(app, ask, kind).await
}

/// A search by form; its parameters join those of the query string.
pub async fn by_form(
    State(app): State<App>,
    Path(kind): Path<String>,
    mut ask: Ask,
    request: Request,
) -> Result<Response, HttpError> {
    let kind = ask::kind(&kind)?;
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
    let body = ask::read(request, &app).await?;
    let text = std::str::from_utf8(&body).map_err(|_| HttpError::bad_request("The form is not UTF-8."))?;
    ask.parameters.extend(query::pairs(text)?);
    ask.wish = negotiate::wish(&ask.headers, &ask.parameters)?;
    answer_search(app, ask, kind).await
}

async fn answer_search(app: App, ask: Ask, kind: ResourceType) -> Result<Response, HttpError> {
    let bytes = answer_bytes(&app, &ask, kind).await?;
    let mut response = answer::body(StatusCode::OK, bytes);
    // A form may say what the address does not.
    response.extensions_mut().insert(ask.wish.shape);
    Ok(response)
}

/// The searchset that answers `ask`.
pub(super) async fn answer_bytes(app: &App, ask: &Ask, kind: ResourceType) -> Result<Bytes, HttpError> {
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
            Some(cursor) => ask.records.next_page(&ask.caller, kind, cursor, most_rows),
            None => {
                let asked = Asked { kind, parameters: &ask.parameters, handling, most_rows };
                ask.records.search(&ask.caller, &asked)
            }
        }?;
        written(&ask, kind, &page)
    });
    work.await.map_err(|_| HttpError::internal())?
}

fn written(ask: &Ask, kind: ResourceType, page: &Page) -> Result<Bytes, HttpError> {
    let address = format!("{}/{kind}", ask.base);
    let own = query::encode(&page.search.applied);
    let own = if own.is_empty() { address.clone() } else { format!("{address}?{own}") };
    let mut links = vec![("self", own)];
    links.extend(page.next.as_ref().map(|cursor| ("next", format!("{address}?{CURSOR}={cursor}"))));
    let total = (page.search.total != Total::None).then_some(page.total);
    let mut set = Set::open("searchset", total, &links);
    let reduced = Reduced::of_search(page.search.summary, &page.search.elements);
    for row in &page.rows {
        set.matched(&ask.base, row, &reduced.apply(&row.body)?);
    }
    if page.search.summary != Summary::Count {
        set.warned(&page.search.warnings);
    }
    Ok(set.close())
}
