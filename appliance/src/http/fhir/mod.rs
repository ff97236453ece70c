//! The FHIR face: REST of R4 under `/fhir`.
//!
//! `ask` understands the request head, `negotiate`, `media` and `conditions` its headers, `answer` and `sets` write
//! what goes back as JSON, `operations` is the table of `$name`, `bulk`, `later` and `jobs` are long work, and `form` turns that into the form asked for. What an interaction means is the records room's business.

mod answer;
mod ask;
mod batch;
mod binary;
mod bulk;
mod bundle;
pub(super) mod conditions;
mod documents;
mod everything;
pub(super) mod form;
mod graph;
mod history;
mod jobs;
pub mod later;
pub(super) mod media;
pub(super) mod messages;
mod meta;
mod metadata;
mod negotiate;
mod observations;
mod one;
mod operations;
mod packing;
mod patch;
mod patient_match;
mod reduced;
mod search;
mod sets;
mod subscriptions;
mod table;
mod terminology;
mod validate;

use axum::Router;
use axum::routing::{any, get, post};

use crate::app::App;

/// The routes of this topic.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/fhir", get(search::of_whole).post(bundle::apply))
        .route("/fhir/", get(search::of_whole).post(bundle::apply))
        .route("/fhir/_search", post(search::of_whole_by_form))
        .route("/fhir/metadata", get(metadata::show))
        .route("/fhir/_history", get(history::of_all))
        .route("/fhir/${operation}", any(operations::of_system))
        .route("/fhir/ViewDefinition/${operation}", any(table::of_type))
        .route("/fhir/{kind}/${operation}", any(operations::of_type))
        .route("/fhir/{kind}/{id}/${operation}", any(operations::of_instance))
        .route("/fhir/_jobs/{job}", get(jobs::state).delete(jobs::end))
        .route("/fhir/_jobs/{job}/{file}", get(jobs::file))
        .route("/fhir/_uploads", post(bulk::upload))
        .route("/fhir/{kind}/_history", get(history::of_type))
        .route(
            "/fhir/{kind}",
            get(search::by_query)
                .post(one::create)
                .put(one::update_matching)
                .patch(patch::matching)
                .delete(one::delete_matching),
        )
        .route("/fhir/{kind}/_search", post(search::by_form))
        .route("/fhir/{kind}/{id}", get(one::read).put(one::update).patch(patch::of_one).delete(one::delete))
        .route("/fhir/{kind}/{id}/_history", get(history::of_one))
        .route("/fhir/{kind}/{id}/_history/{version}", get(one::version))
        .route("/fhir/{kind}/{id}/{member}", get(search::of_compartment))
        .route("/fhir/{kind}/{id}/{member}/_search", post(search::of_compartment_by_form))
}
