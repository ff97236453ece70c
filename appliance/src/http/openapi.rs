//! The interface of the screens as an OpenAPI document: every address under `/api`, from the handlers themselves.
//!
//! `clinicvault openapi` prints it and the web UI's types are generated from it. FHIR describes itself under
//! `/fhir/metadata`.

use serde_json::Value;
use utoipa::OpenApi;

use super::{
    alerts, changes, channels, chart, checkout, consult_socket, consultations, emergency, events, files,
    formulary, hl7, inbox, jobs, live, login, maps, outbox, own_factor, papers, parameters, patients,
    payments, portal, presence, recordings, replays, reviews, rooms, session, setup, smart, subscriptions,
    tokens, transcripts, trials, users,
};

use crate::exchange::channels::schema;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "ClinicVault",
        description = "What the screens ask the box. Requests that change something carry `X-ClinicVault: 1` and come \
            from the box's own page. Errors are `{error: {code, message, field?, requestId}}`."
    ),
    paths(
        setup::status,
        setup::set_up,
        setup::sheet,
        setup::confirm,
        setup::unlock,
        setup::retry,
        login::login,
        login::totp,
        login::enrol,
        login::password,
        session::read,
        session::prove,
        session::logout,
        session::change,
        session::password,
        session::pin,
        session::sessions,
        session::end,
        users::list,
        users::add,
        users::change,
        users::reset,
        tokens::list,
        tokens::add,
        tokens::end,
        smart::clients::list,
        smart::clients::add,
        smart::clients::change,
        smart::clients::end,
        smart::consents::list,
        smart::consents::end,
        smart::clients::grants,
        smart::clients::end_grants,
        smart::clients::secret,
        patients::search,
        patients::recent,
        patients::duplicates,
        patients::register,
        own_factor::begin,
        own_factor::confirm,
        chart::chart,
        chart::results,
        chart::access_log,
        emergency::open,
        emergency::openings,
        chart::add_allergy,
        chart::add_problem,
        chart::document,
        reviews::critical,
        reviews::review,
        reviews::unreview,
        inbox::list,
        inbox::detail,
        inbox::settle,
        outbox::list,
        outbox::one,
        outbox::resend,
        outbox::edit,
        outbox::discard,
        outbox::pause,
        outbox::set_secret,
        outbox::drop_secret,
        outbox::resume,
        channels::list,
        channels::described,
        channels::read,
        channels::put,
        channels::end,
        channels::pause,
        channels::resume,
        channels::versions,
        channels::version,
        channels::restore,
        channels::try_out,
        alerts::list,
        alerts::acknowledge,
        replays::list,
        replays::preview,
        replays::begin,
        replays::read,
        replays::pause,
        replays::resume,
        replays::cancel,
        trials::target,
        trials::door,
        trials::sheet,
        maps::read,
        maps::put,
        maps::try_out,
        maps::versions,
        maps::version,
        hl7::upload,
        recordings::list,
        recordings::play,
        recordings::delete,
        recordings::own,
        live::live,
        transcripts::status,
        transcripts::of_consultation,
        transcripts::dictate,
        transcripts::of_dictation,
        consultations::list,
        consultations::flags,
        consultations::request,
        consultations::read,
        consultations::assign,
        consultations::emergency,
        consultations::arrived,
        consultations::identity,
        consultations::consent,
        consultations::start,
        consultations::absent,
        consultations::interrupted,
        consultations::resumed,
        consultations::transfer,
        consultations::accept,
        consultations::decline,
        consultations::complete,
        consultations::addendum,
        consultations::cancel,
        rooms::ticket,
        rooms::chat,
        rooms::segments,
        rooms::own_ticket,
        rooms::own_chat,
        files::send,
        files::read,
        files::list_own,
        files::send_own,
        files::read_own,
        consult_socket::open,
        papers::note,
        papers::keep_note,
        papers::extract_note,
        papers::discard_note,
        papers::prescription,
        papers::keep_prescription,
        papers::discard_prescription,
        papers::cancel_prescription,
        papers::sign,
        papers::pdf,
        formulary::parse,
        formulary::formulary,
        formulary::own,
        formulary::set_own,
        formulary::lists,
        formulary::set_lists,
        presence::list,
        presence::want,
        presence::beat,
        presence::describe,
        payments::prices,
        payments::add_price,
        payments::ways,
        payments::change_ways,
        payments::list,
        payments::read,
        payments::picture,
        payments::claim,
        payments::confirm,
        payments::order,
        payments::callback,
        payments::refund,
        payments::credit,
        portal::link,
        portal::join,
        portal::own,
        portal::leave,
        portal::list,
        portal::request,
        portal::read,
        portal::arrived,
        portal::cancel,
        portal::papers,
        portal::pdf,
        portal::access_log,
        portal::upi,
        portal::claim,
        portal::order,
        portal::callback,
        checkout::checkout,
        jobs::list,
        jobs::end,
        parameters::list,
        subscriptions::list,
        subscriptions::pause,
        subscriptions::resume,
        subscriptions::retry,
        changes::changes,
        events::events,
    )
)]
struct Document;

/// The document as indented JSON.
pub fn document() -> Result<String, serde_json::Error> {
    let mut document = Document::openapi();
    document.info.version = env!("CARGO_PKG_VERSION").to_owned();
    let mut described = serde_json::to_value(&document)?;
    if let Some(Value::Object(types)) = described.pointer_mut("/components/schemas") {
        schema::join_tags(types);
    }
    serde_json::to_string_pretty(&described)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::http::routes::TABLE;

    #[test]
    fn every_address_of_the_interface_is_described_and_nothing_else() {
        let document: serde_json::Value = serde_json::from_str(&document().unwrap()).unwrap();
        let mut described = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys().filter(|key| key.as_str() != "parameters") {
                described.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
        let wanted: BTreeSet<String> = TABLE
            .iter()
            .filter(|row| row.path.starts_with("/api/"))
            .map(|row| format!("{} {}", row.method, row.path))
            .collect();
        assert_eq!(described, wanted);
    }

    #[test]
    fn operations_have_names_of_their_own_and_parameters_stand_where_they_are_sent() {
        let document: serde_json::Value = serde_json::from_str(&document().unwrap()).unwrap();
        let mut names = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for operation in item.as_object().unwrap().values() {
                let name = operation["operationId"].as_str().unwrap();
                assert!(names.insert(name.to_owned()), "{name} repeats");
                for parameter in operation["parameters"].as_array().into_iter().flatten() {
                    let placed = path.contains(&format!("{{{}}}", parameter["name"].as_str().unwrap()));
                    let wanted = if placed { "path" } else { "query" };
                    assert_eq!(parameter["in"].as_str(), Some(wanted), "{name}: {}", parameter["name"]);
                }
            }
        }
        assert!(names.len() > 30, "{} operations", names.len());
    }
}
