//! `Subscription/$status`, `$events` and `$get-ws-binding-token` (R5 Backport 1.1, operations).

use axum::response::Response;
use clinicvault_gateway::fhir::bundle::{EntryParts, Writer};
use clinicvault_gateway::fhir::datetime;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::parameters::{Answer, Parameters};
use clinicvault_gateway::fhir::subscription::wish::Content;
use http::StatusCode;

use super::answer;
use super::operations::{Call, On, Rest};
use crate::http::aside::aside;
use crate::http::error::HttpError;
use crate::records::error::Error;
use crate::records::watch::Row;

/// Where subscribers open a socket, for a box that is known under `base`.
pub fn socket_address(base: &str) -> String {
    let rest = base.strip_prefix("http").unwrap_or(base);
    format!("ws{rest}/_notifications")
}

/// How subscriptions are.
pub async fn status(call: Call) -> Result<Response, HttpError> {
    let (call, mut given) = call.parameters().await?;
    let (mut ids, mut states) = (texts(&mut given, "id")?, texts(&mut given, "status")?);
    given.finish().map_err(Error::Unreadable)?;
    let Rest { app, ask, on } = call;
    if let On::Instance(_, id) = on {
        // Read as a record first: who may not see it is told so, and the access is recorded.
        ask.records.read(&ask.caller.who, ResourceType::SUBSCRIPTION, &id)?;
        (ids, states) = (vec![id], Vec::new());
    }
    let (room, base) = (app.rooms()?.subscriptions.clone(), ask.base.clone());
    let bundle = aside(move || {
        let mut rows = room.readable(&ask.caller.who)?;
        rows.retain(|row| ids.is_empty() || ids.contains(&row.id));
        rows.retain(|row| states.is_empty() || states.iter().any(|state| state == row.line().state.as_str()));
        let mut writer = Writer::new("searchset", Some(rows.len() as u64));
        for row in rows {
            let status = room.status(&ask.caller.who, &row, &base)?.to_vec();
            let url = format!("{base}/Subscription/{}/$status", row.id);
            let parts = EntryParts {
                full_url: Some(&url),
                resource: Some(&status),
                mode: Some("match"),
                ..EntryParts::default()
            };
            writer.entry(&parts);
        }
        Ok(writer.finish())
    });
    Ok(answer::body(StatusCode::OK, bundle.await?.into()))
}

/// Events of one subscription again.
pub async fn events(call: Call) -> Result<Response, HttpError> {
    let (call, mut given) = call.parameters().await?;
    let from = number(&mut given, "eventsSinceNumber")?;
    let to = number(&mut given, "eventsUntilNumber")?;
    let content = match given.text("content").map_err(Error::Unreadable)? {
        None => None,
        Some(code) => Some(Content::parse(&code).ok_or_else(|| {
            HttpError::bad_request("The content is empty, id-only or full-resource.").field("content")
        })?),
    };
    given.finish().map_err(Error::Unreadable)?;
    let Rest { app, ask, on } = call;
    let On::Instance(_, id) = on else { return Err(HttpError::internal()) };
    ask.records.read(&ask.caller.who, ResourceType::SUBSCRIPTION, &id)?;
    let room = app.rooms()?.subscriptions.clone();
    let bundle = aside(move || {
        let row = ask.records.watch(&id)?.ok_or_else(|| Error::missing(ResourceType::SUBSCRIPTION, &id))?;
        room.events(&ask.caller.who, &row, (from, to), content, &ask.base)
    });
    Ok(answer::body(StatusCode::OK, answer::text(&bundle.await?)))
}

/// A token that binds a socket.
pub async fn binding_token(call: Call) -> Result<Response, HttpError> {
    let (call, mut given) = call.parameters().await?;
    let mut ids = texts(&mut given, "id")?;
    given.finish().map_err(Error::Unreadable)?;
    let Rest { app, ask, on } = call;
    if let On::Instance(_, id) = on {
        ids = vec![id];
    }
    let (room, base, who) = (app.rooms()?.subscriptions.clone(), ask.base.clone(), ask.caller.who.clone());
    let answer = aside(move || {
        let own = |row: &Row| row.by_socket() && row.owner.is_wholly(&who);
        let rows = room.readable(&who)?;
        for id in &ids {
            if !rows.iter().any(|row| row.id == *id && own(row)) {
                return Err(Error::NotFound(format!(
                    "Subscription/{id} with channel websocket, made by this caller"
                )));
            }
        }
        let wanted = |row: &Row| own(row) && (ids.is_empty() || ids.contains(&row.id));
        let bound: Vec<String> = rows.iter().filter(|row| wanted(row)).map(|row| row.id.clone()).collect();
        if bound.is_empty() {
            return Err(Error::NotFound(
                "a Subscription with channel websocket, made by this caller,".to_owned(),
            ));
        }
        let (token, expires) = room.binding_token(&who, bound.clone())?;
        let mut answer = Answer::new().value("token", "valueString", token).value(
            "expiration",
            "valueDateTime",
            datetime::instant(expires),
        );
        for id in bound {
            answer = answer.value("subscription", "valueString", id);
        }
        Ok(answer.value("websocket-url", "valueUrl", socket_address(&base)).to_json())
    });
    Ok(answer::body(StatusCode::OK, answer::text(&answer.await?)))
}

fn texts(given: &mut Parameters, name: &str) -> Result<Vec<String>, HttpError> {
    let texts = given.texts(name).map_err(Error::Unreadable)?;
    Ok(texts.iter().flat_map(|text| text.split(',')).map(str::to_owned).collect())
}

fn number(given: &mut Parameters, name: &str) -> Result<Option<u64>, HttpError> {
    let text = given.text(name).map_err(Error::Unreadable)?;
    let read = |text: String| {
        text.parse()
            .map_err(|_| HttpError::bad_request(format!("{name} is the number of an event.")).field(name))
    };
    text.map(read).transpose()
}
