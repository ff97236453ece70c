//! `$process-message` (R4, MessageHeader/$process-message): a FHIR message into the inbox, answered once it is on the disk.

use axum::extract::FromRequest as _;
use axum::response::Response;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::map::fhir::{self, ResponseCode};
use http::{HeaderValue, StatusCode, header};

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
            "async" | "response-url" => {
                let why = "A message is answered at once: leave out async and response-url.";
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
