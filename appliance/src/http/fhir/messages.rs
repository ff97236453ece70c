//! `$process-message` (R4, MessageHeader/$process-message): a FHIR message into the inbox, answered once it is on the disk.

use axum::extract::FromRequest as _;
use axum::response::Response;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::map::fhir::{self, ResponseCode};
use http::{HeaderValue, StatusCode, Uri, header};

use super::ask::FhirBody;
use super::operations::Call;
use crate::exchange::fhir_message::{FhirAnswer, Posted};
use crate::exchange::intake::Way;
use crate::http::aside::aside;
use crate::http::error::HttpError;
use crate::records::access::Op;

/// Takes a message from whoever may write what it brings.
pub async fn process(call: Call) -> Result<Response, HttpError> {
    let Call { app, ask, request, .. } = call;
    for (name, value) in &ask.parameters {
        match name.as_str() {
            "async" if value == "false" => {}
            "async" => {
                let why = "async is true, in the address of a request of its own, or false.";
                return Err(HttpError::bad_request(why).field(name.as_str()));
            }
            "response-url" => {
                let why = "The box sends no answers of its own accord: leave out response-url. With async=true the answer is fetched from the address that is told in Content-Location.";
                return Err(HttpError::bad_request(why).field(name.as_str()));
            }
            _ => {}
        }
    }
    let bundle = FhirBody::from_request(request, &app).await?.value()?;
    let kinds = fhir::read(&bundle).map(|message| message.kinds()).unwrap_or_default();
    let (records, caller) = (ask.records.clone(), ask.caller.clone());
    aside(move || {
        records.may_begin(&caller, Op::Create, ResourceType::MESSAGE_HEADER)?;
        for kind in kinds {
            for op in [Op::Create, Op::Update] {
                records.may_begin(&caller, op, kind)?;
            }
        }
        Ok::<_, crate::records::error::Error>(())
    })
    .await?;
    let exchange = app.rooms()?.exchange.clone();
    let who = ask.caller.who.clone();
    let way = Way {
        intake: exchange.intake().clone(),
        wire: "fhir",
        peer: who.source.clone(),
        from: who.source.clone(),
        tls: ask.base.starts_with("https://"),
        connection: 0,
    };
    let endpoint = format!("{}/$process-message", ask.base);
    let posted = Posted { bytes: bundle.to_vec(), bundle, endpoint };
    Ok(answered(exchange.take_fhir(&who, posted, &way).await))
}

/// The end of the operation's address.
const ADDRESS: &str = "/$process-message";

/// Whether a message is to be processed later and its answer to be fetched (`async=true`).
pub fn wants_later(uri: &Uri) -> bool {
    uri.path().ends_with(ADDRESS) && parameters(uri).any(|one| one == LATER) && !parameters(uri).any(is_reply)
}

/// The address of the same request as it is carried out: without `async=true` of a message.
pub fn at_once(uri: &Uri) -> String {
    let whole = || uri.path_and_query().map_or("", |target| target.as_str()).to_owned();
    if !wants_later(uri) {
        return whole();
    }
    let rest: Vec<&str> = parameters(uri).filter(|one| *one != LATER).collect();
    if rest.is_empty() { uri.path().to_owned() } else { format!("{}?{}", uri.path(), rest.join("&")) }
}

const LATER: &str = "async=true";

fn parameters(uri: &Uri) -> impl Iterator<Item = &str> {
    uri.query().unwrap_or_default().split('&').filter(|one| !one.is_empty())
}

fn is_reply(parameter: &str) -> bool {
    parameter.split('=').next() == Some("response-url")
}

/// The answer on the wire: 200 with what became of the message, 503 where it may be sent again.
pub fn answered(answer: FhirAnswer) -> Response {
    let mut response = Response::new(answer.bundle.into());
    *response.status_mut() = match answer.code {
        ResponseCode::Ok | ResponseCode::FatalError => StatusCode::OK,
        ResponseCode::TransientError => StatusCode::SERVICE_UNAVAILABLE,
    };
    let typed = HeaderValue::from_static("application/fhir+json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, typed);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_later_is_carried_out_at_once() {
        for (address, later, carried) in [
            ("/fhir/$process-message?async=true", true, "/fhir/$process-message"),
            ("/fhir/$process-message?_format=json&async=true", true, "/fhir/$process-message?_format=json"),
            ("/fhir/$process-message?async=false", false, "/fhir/$process-message?async=false"),
            ("/fhir/$process-message", false, "/fhir/$process-message"),
            (
                "/fhir/$process-message?async=true&response-url=https://a/b",
                false,
                "/fhir/$process-message?async=true&response-url=https://a/b",
            ),
            ("/fhir/Patient?async=true", false, "/fhir/Patient?async=true"),
        ] {
            let uri: Uri = address.parse().unwrap();
            assert_eq!((wants_later(&uri), at_once(&uri).as_str()), (later, carried), "{address}");
        }
    }
}
