//! Medicines: what a screen needs for writing a line, and what the clinic has of its own over what the box brings.

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::aside::aside;
use super::error::HttpError;
use super::extract::{Actor, Json};
use crate::app::App;
use crate::consult::medicines::Kept;
use crate::consult::papers::view::LineView;
use crate::consult::prescribe::Book;
use crate::consult::prescribe::formulary::Own;
use crate::consult::prescribe::lists::{List, Written};
use crate::consult::prescribe::words::{Food, Form, Frequency, Route, Unit};

/// The routes of this file.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/prescriptions/parse", post(parse))
        .route("/api/formulary", get(formulary))
        .route("/api/formulary/own", get(own).put(set_own))
        .route("/api/telemedicine-lists", get(lists).put(set_lists))
}

/// A line of a prescription as typed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TypedLine {
    /// The line.
    line: String,
}

/// A medicine to choose.
#[derive(Debug, Serialize, ToSchema)]
pub struct FormularyMedicine {
    /// Generic name.
    pub name: String,
    /// What else it is typed as.
    pub abbreviations: Vec<String>,
    /// What it is for.
    pub class: String,
    /// Codes of its forms, the usual one first.
    pub forms: Vec<String>,
    /// Its substances.
    pub ingredients: Vec<String>,
    /// Its list of teleconsultation in one of its forms.
    pub telemedicine: Option<List>,
}

/// A word of a line.
#[derive(Debug, Serialize, ToSchema)]
pub struct LineWord {
    /// As it is typed.
    pub code: String,
    /// As it is printed.
    pub printed: String,
}

/// What a screen needs to help with a line.
#[derive(Debug, Serialize, ToSchema)]
pub struct FormularyView {
    /// Which list it is.
    pub version: String,
    /// Medicines by name.
    pub medicines: Vec<FormularyMedicine>,
    /// Forms.
    pub forms: Vec<LineWord>,
    /// What an amount counts.
    pub units: Vec<LineWord>,
    /// Classes in which an allergy to one speaks against the others.
    pub allergies: Vec<String>,
    /// Frequencies without a number.
    pub frequencies: Vec<LineWord>,
    /// Routes.
    pub routes: Vec<LineWord>,
    /// Timing with food.
    pub food: Vec<LineWord>,
}

/// The clinic's own medicines, to be laid over those of the box.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnMedicinesChange {
    /// The revision on the screen.
    revision: u64,
    /// All of them; none for what the box brings alone.
    own: Option<Own>,
}

/// The clinic's own lists of telemedicine.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnListsChange {
    /// The revision on the screen.
    revision: u64,
    /// All of them; none for those that the box brings.
    own: Option<Written>,
}

/// The clinic's own medicines.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnMedicinesView {
    /// What is kept.
    #[serde(flatten)]
    pub kept: Kept<Own>,
    /// Which list is gone by now.
    pub version: String,
}

/// The lists of telemedicine.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnListsView {
    /// What is kept of the clinic's own.
    #[serde(flatten)]
    pub kept: Kept<Written>,
    /// The lists that are gone by now.
    pub now: Written,
}

/// Reads one line as it is typed. 422 says what is not understood, with its place as `problem`.
#[utoipa::path(post, path = "/api/prescriptions/parse", operation_id = "parse_prescription_line", tag = "papers",
    request_body = TypedLine, responses((status = 200, body = LineView), (status = 422)))]
pub(super) async fn parse(
    State(app): State<App>,
    Json(typed): Json<TypedLine>,
) -> Result<Json<LineView>, HttpError> {
    let room = app.rooms()?.consult.clone();
    room.parse_line(&typed.line).map(Json).map_err(|problem| {
        let told = serde_json::to_value(&problem).unwrap_or_default();
        HttpError::invalid(problem.message).field("line").with("problem", told)
    })
}

/// The medicines that are known, and the words of a line.
#[utoipa::path(get, path = "/api/formulary", operation_id = "read_formulary", tag = "papers", responses((status = 200, body = FormularyView)))]
pub(super) async fn formulary(State(app): State<App>) -> Result<Json<FormularyView>, HttpError> {
    let room = app.rooms()?.consult.clone();
    let book = room.book();
    let (formulary, lists) = (&book.formulary, &book.lists);
    let medicines = formulary.medicines().iter().map(|medicine| FormularyMedicine {
        name: medicine.name.clone(),
        abbreviations: medicine.abbreviations.clone(),
        class: medicine.class.clone(),
        forms: medicine.forms.clone(),
        ingredients: medicine.substances().to_vec(),
        telemedicine: lists.any_form(&medicine.name),
    });
    let word = |code: &str, printed: &str| LineWord { code: code.to_owned(), printed: printed.to_owned() };
    let printed = |code: &'static str| Frequency::read(code).map(|found| found.printed()).unwrap_or_default();
    let mut allergies: Vec<String> =
        formulary.medicines().iter().flat_map(|medicine| medicine.allergy.iter().cloned()).collect();
    allergies.sort_unstable();
    allergies.dedup();
    Ok(Json(FormularyView {
        version: formulary.version().to_owned(),
        medicines: medicines.collect(),
        forms: Form::ALL.iter().map(|form| word(form.code(), form.printed())).collect(),
        units: Unit::ALL.iter().map(|unit| word(unit.code(), unit.printed())).collect(),
        allergies,
        frequencies: Frequency::words().map(|code| word(code, &printed(code))).collect(),
        routes: Route::ALL.iter().map(|route| word(route.code(), route.printed())).collect(),
        food: Food::ALL.iter().map(|food| word(food.code(), food.printed())).collect(),
    }))
}

/// The clinic's own medicines.
#[utoipa::path(get, path = "/api/formulary/own", operation_id = "read_own_medicines", tag = "papers",
    responses((status = 200, body = OwnMedicinesView)))]
pub(super) async fn own(State(app): State<App>) -> Result<Json<OwnMedicinesView>, HttpError> {
    let room = app.rooms()?.consult.clone();
    aside(move || Ok(medicines_view(room.own_medicines()?, &room.book()))).await.map(Json)
}

/// Lays the clinic's own medicines over those of the box. 409 when they were changed since, 422 says what is wrong with one.
#[utoipa::path(put, path = "/api/formulary/own", operation_id = "set_own_medicines", tag = "papers",
    request_body = OwnMedicinesChange, responses((status = 200, body = OwnMedicinesView), (status = 409), (status = 422)))]
pub(super) async fn set_own(
    State(app): State<App>,
    who: Actor,
    Json(sent): Json<OwnMedicinesChange>,
) -> Result<Json<OwnMedicinesView>, HttpError> {
    let room = app.rooms()?.consult.clone();
    let set = aside(move || {
        let set = room.set_medicines(&who, sent.revision, sent.own)?;
        Ok(set.map(|kept| medicines_view(kept, &room.book())))
    });
    Ok(Json(set.await?.map_err(HttpError::from)?))
}

/// The lists of telemedicine.
#[utoipa::path(get, path = "/api/telemedicine-lists", operation_id = "read_telemedicine_lists", tag = "papers",
    responses((status = 200, body = OwnListsView)))]
pub(super) async fn lists(State(app): State<App>) -> Result<Json<OwnListsView>, HttpError> {
    let room = app.rooms()?.consult.clone();
    aside(move || Ok(lists_view(room.own_lists()?, &room.book()))).await.map(Json)
}

/// Goes by other lists of telemedicine. 409 when they were changed since, 422 says what is wrong with them.
#[utoipa::path(put, path = "/api/telemedicine-lists", operation_id = "set_telemedicine_lists", tag = "papers",
    request_body = OwnListsChange, responses((status = 200, body = OwnListsView), (status = 409), (status = 422)))]
pub(super) async fn set_lists(
    State(app): State<App>,
    who: Actor,
    Json(sent): Json<OwnListsChange>,
) -> Result<Json<OwnListsView>, HttpError> {
    let room = app.rooms()?.consult.clone();
    let set = aside(move || {
        let set = room.set_lists(&who, sent.revision, sent.own)?;
        Ok(set.map(|kept| lists_view(kept, &room.book())))
    });
    Ok(Json(set.await?.map_err(HttpError::from)?))
}

fn medicines_view(kept: Kept<Own>, book: &Book) -> OwnMedicinesView {
    OwnMedicinesView { kept, version: book.formulary.version().to_owned() }
}

fn lists_view(kept: Kept<Written>, book: &Book) -> OwnListsView {
    OwnListsView { kept, now: book.lists.written().clone() }
}
