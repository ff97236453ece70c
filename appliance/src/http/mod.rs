//! The HTTP face: thin handlers, one file a topic, each with its `routes()`.
//!
//! Extract (who, what), call one service method, map the answer. `server` owns sockets, `front` what happens around
//! every request, `error` how refusals look.

pub mod alerts;
pub mod aside;
pub mod assets;
pub mod changes;
pub mod channels;
pub mod chart;
mod checkout;
pub mod connections;
pub mod consult_socket;
pub mod consultations;
mod cors;
pub mod emergency;
pub mod error;
pub mod events;
pub mod extract;
pub mod fhir;
mod files;
mod formulary;
pub mod front;
pub mod guard;
pub mod health;
pub mod hl7;
pub mod inbox;
pub mod install;
pub mod jobs;
pub mod limits;
mod linger;
pub mod live;
pub mod login;
pub mod maps;
pub mod notifications;
pub mod openapi;
pub mod outbox;
pub mod own_factor;
pub mod papers;
pub mod parameters;
pub mod patients;
pub mod payments;
pub mod portal;
pub mod presence;
pub mod query;
mod ranges;
pub mod recordings;
pub mod refusal;
pub mod replays;
pub mod reviews;
pub mod rooms;
pub mod routes;
pub mod server;
pub mod session;
pub mod setup;
pub mod smart;
mod standing;
pub mod subscriptions;
pub mod tokens;
pub mod transcripts;
pub mod trials;
pub mod users;
pub mod verify;

use axum::Router;
use axum::middleware::from_fn_with_state;

use crate::app::App;

/// The whole application: HTTPS for everyone, plain HTTP only on the box itself.
pub fn router(app: App) -> Router {
    Router::new()
        .merge(health::routes())
        .merge(setup::routes())
        .merge(login::routes())
        .merge(session::routes())
        .merge(own_factor::routes())
        .merge(users::routes())
        .merge(tokens::routes())
        .merge(smart::routes())
        .merge(install::routes())
        .merge(fhir::routes().route_layer(from_fn_with_state(app.clone(), fhir::later::turn)))
        .merge(patients::routes())
        .merge(chart::routes())
        .merge(emergency::routes())
        .merge(reviews::routes())
        .merge(events::routes())
        .merge(changes::routes())
        .merge(inbox::routes())
        .merge(channels::routes())
        .merge(maps::routes())
        .merge(alerts::routes())
        .merge(replays::routes())
        .merge(trials::routes())
        .merge(hl7::routes())
        .merge(outbox::routes())
        .merge(jobs::routes())
        .merge(parameters::routes())
        .merge(subscriptions::routes())
        .merge(notifications::routes())
        .merge(consultations::routes())
        .merge(rooms::routes())
        .merge(files::routes())
        .merge(consult_socket::routes())
        .merge(transcripts::routes())
        .merge(live::routes())
        .merge(recordings::routes())
        .merge(papers::routes())
        .merge(formulary::routes())
        .merge(verify::routes())
        .merge(presence::routes())
        .merge(payments::routes())
        .merge(portal::routes())
        .merge(checkout::routes())
        .route_layer(from_fn_with_state(app.clone(), guard::guard))
        .fallback(assets::answer)
        .layer(from_fn_with_state(app.clone(), cors::turn))
        .with_state(app)
}

/// What plain HTTP answers to everyone who is not on the box itself.
pub fn install_router(app: App) -> Router {
    install::only().merge(health::routes()).with_state(app)
}

#[cfg(test)]
mod tests;
