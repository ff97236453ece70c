//! The clinic's own search parameters on the owner's screen: which there are, and how far records are indexed by each.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde::Serialize;
use utoipa::ToSchema;

use super::aside::aside;
use super::error::HttpError;
use super::extract::{Actor, Json};
use crate::app::App;
use crate::records::parameters::Standing;

/// The routes of this file.
pub fn routes() -> Router<App> {
    Router::new().route("/api/search-parameters", get(list))
}

/// How far the search index is.
#[derive(Debug, Serialize, ToSchema)]
pub struct SearchParameterList {
    /// The clinic's own parameters, by id.
    parameters: Vec<SearchParameterLine>,
    /// Everything else that records are indexed by.
    index: IndexLine,
}

/// A SearchParameter that is in use.
#[derive(Debug, Serialize, ToSchema)]
pub struct SearchParameterLine {
    /// Id of the SearchParameter.
    id: String,
    /// Its name in queries.
    code: String,
    /// Types that have it.
    types: Vec<&'static str>,
    /// Records that were looked at, deleted ones included.
    done: u64,
    /// Records there are.
    of: u64,
    /// `indexing`: records are being looked at, and searches by it are refused until that is done. `waiting`: the renewal of
    /// the index comes first. `ready`.
    state: &'static str,
}

/// The renewal of the index after an update, or after another choice of words.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IndexLine {
    /// Records that were looked at, deleted ones included.
    done: u64,
    /// Records there are.
    of: u64,
    /// `renewing`: searches say that something may be missing. `ready`.
    state: &'static str,
    /// Records that could not be indexed anew and may be missing from searches; the log of the box names them.
    left_out: u64,
    /// Which words are indexed: `off`, `narrative` or `all` (setting `fhir.words`).
    words: &'static str,
}

/// How far records are indexed by the clinic's own search parameters.
#[utoipa::path(get, path = "/api/search-parameters", operation_id = "list_search_parameters", tag = "search-parameters",
    responses((status = 200, body = SearchParameterList)))]
pub(super) async fn list(State(app): State<App>, _: Actor) -> Result<Json<SearchParameterList>, HttpError> {
    let records = app.rooms()?.records.clone();
    let (index, standing) =
        aside(move || Ok((records.index_standing()?, records.standing_parameters()?))).await?;
    let parameters = standing.into_iter().map(|one| line(one, index.done)).collect();
    let index = IndexLine {
        done: index.next,
        of: index.of,
        state: if index.done { "ready" } else { "renewing" },
        left_out: index.left_out,
        words: index.words,
    };
    Ok(Json(SearchParameterList { parameters, index }))
}

fn line(one: Standing, index_is_done: bool) -> SearchParameterLine {
    let state = match (one.ready, index_is_done) {
        (true, _) => "ready",
        (false, true) => "indexing",
        (false, false) => "waiting",
    };
    let types = one.kinds.iter().map(|kind| kind.as_str()).collect();
    SearchParameterLine { id: one.id, code: one.code, types, done: one.done, of: one.of, state }
}
