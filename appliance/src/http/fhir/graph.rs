//! `$graphql` (R4, "Using GraphQL with FHIR"): a query by GET or POST, about the whole box or one record.
//!
//! Owns reading the request and the form of answers and errors. The language is the gateway's, what is shown the records
//! room's business.

use std::rc::Rc;

use axum::response::Response;
use bytes::Bytes;
use clinicvault_gateway::fhir::graphql::{Cause, Document, GraphError, Limits, Root, answer};
use clinicvault_gateway::fhir::outcome::{Issue, IssueCode, Outcome};
use clinicvault_gateway::json::{self, Object, Value};
use http::{HeaderValue, Method, StatusCode, header};

use super::ask;
use super::operations::{Call, On};
use crate::app::App;
use crate::config;
use crate::http::error::HttpError;
use crate::records::error::Error;
use crate::records::graph::Graph;

/// A query as it was sent.
struct Asked {
    query: String,
    operation: Option<String>,
    variables: Object,
}

/// Answers a query.
pub async fn query(call: Call) -> Result<Response, HttpError> {
    let Call { app, ask, on, method, request } = call;
    let asked = if method == Method::POST {
        let typed = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let typed = typed.and_then(|t| t.split(';').next()).map(|t| t.trim().to_ascii_lowercase());
        let body = ask::read(request, &app).await?;
        of_body(&app, typed.as_deref(), &body)?
    } else {
        of_query(&app, &ask.parameters)?
    };
    let settings = app.config().graphql.clone();
    let most_rows =
        app.config().limits.page_rows.min(usize::try_from(settings.resources).unwrap_or(usize::MAX));
    // A query reads from disk: off the threads that serve everybody.
    let work = tokio::task::spawn_blocking(move || {
        let root = match &on {
            On::System => Root::System,
            On::Type(_) => return Err(HttpError::internal()),
            On::Instance(kind, id) => {
                let stored = ask.records.read(&ask.caller.who, *kind, id)?;
                let limits = json::Limits::bytes(usize::MAX);
                let tree = json::parse(&stored.body, &limits).map_err(|_| HttpError::internal())?;
                Root::Resource(Rc::new(tree))
            }
        };
        let mut source = Graph::new(&ask.records, &ask.caller, most_rows);
        match answered(&asked, &root, &settings, &mut source) {
            Ok(data) => Ok(body(StatusCode::OK, &Object::new().with("data", data))),
            Err(error) => match (error.cause, source.failed()) {
                (Cause::Failed, Some(failed)) => Err(failed.into()),
                _ => Ok(refused(&error)),
            },
        }
    });
    work.await.map_err(|_| HttpError::internal())?
}

fn answered(
    asked: &Asked,
    root: &Root,
    settings: &config::Graphql,
    source: &mut Graph<'_>,
) -> Result<Object, GraphError> {
    if asked.query.len() > settings.text_kib << 10 {
        let text = format!("the query is longer than {} KiB, which is the limit", settings.text_kib);
        return Err(GraphError::new(Cause::Limit("text"), text));
    }
    let document = Document::parse(&asked.query)?;
    let operation = document.operation(asked.operation.as_deref())?;
    let limits = Limits {
        depth: settings.depth,
        fields: settings.fields,
        resources: settings.resources,
        answer: settings.answer_mib << 20,
    };
    answer(&document, operation, &asked.variables, root, &limits, source)
}

/// `?query=…&operationName=…&variables=…`
fn of_query(app: &App, parameters: &[(String, String)]) -> Result<Asked, HttpError> {
    let mut asked = Object::new();
    for (name, value) in parameters {
        match name.as_str() {
            "variables" => {
                let variables = json::parse(value.as_bytes(), &ask::json_limits(app));
                let variables =
                    variables.map_err(|_| HttpError::bad_request("variables is JSON.").field("variables"))?;
                asked.insert("variables", variables);
            }
            "_format" | "_pretty" => {}
            _ => {
                asked.insert(name.as_str(), value.as_str());
            }
        }
    }
    of_object(&asked)
}

fn of_body(app: &App, typed: Option<&str>, body: &Bytes) -> Result<Asked, HttpError> {
    match typed {
        Some("application/json") => {
            let value = json::parse(body, &ask::json_limits(app));
            let value = value.map_err(|error| Error::Unreadable(error.into()))?;
            match value {
                Value::Object(object) => of_object(&object),
                _ => Err(HttpError::bad_request("A query is sent as {\"query\": …, \"variables\": …}.")),
            }
        }
        Some("application/graphql") => {
            let query =
                std::str::from_utf8(body).map_err(|_| HttpError::bad_request("The query is not UTF-8."))?;
            Ok(Asked { query: query.to_owned(), operation: None, variables: Object::new() })
        }
        _ => {
            let message = "A query is sent as application/json or application/graphql.";
            Err(HttpError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupportedType",
                "not-supported",
                message,
            ))
        }
    }
}

fn of_object(object: &Object) -> Result<Asked, HttpError> {
    let wrong = |name: &str, text: &str| Err(HttpError::bad_request(text).field(name));
    let mut asked = Asked { query: String::new(), operation: None, variables: Object::new() };
    for (name, value) in object.iter() {
        match (name, value) {
            ("query", Value::String(query)) => asked.query = query.clone(),
            ("operationName", Value::String(name)) if !name.is_empty() => {
                asked.operation = Some(name.clone())
            }
            ("operationName" | "variables" | "extensions", Value::Null) => {}
            ("operationName", Value::String(_)) => {}
            ("variables", Value::Object(variables)) => asked.variables = variables.clone(),
            // For extensions of the protocol; none is known here, and none is needed to read a query.
            ("extensions", Value::Object(_)) => {}
            ("query" | "operationName", _) => return wrong(name, "A text is needed here."),
            ("variables" | "extensions", _) => return wrong(name, "An object is needed here."),
            (other, _) => {
                let shown: String = other.chars().filter(|c| !c.is_control()).take(60).collect();
                return wrong(&shown, "A query has query, operationName, variables and extensions.");
            }
        }
    }
    if asked.query.trim().is_empty() {
        return wrong("query", "The query is missing.");
    }
    Ok(asked)
}

fn body(status: StatusCode, answer: &Object) -> Response {
    let mut response = Response::new(Value::Object(answer.clone()).to_vec().into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// `errors` with an OperationOutcome, as the standard has it; `data` is null once the query was understood.
fn refused(error: &GraphError) -> Response {
    let (status, code) = match error.cause {
        Cause::Query => (StatusCode::BAD_REQUEST, IssueCode::Invalid),
        Cause::NotSupported => (StatusCode::BAD_REQUEST, IssueCode::NotSupported),
        Cause::Limit(_) => (StatusCode::UNPROCESSABLE_ENTITY, IssueCode::TooCostly),
        Cause::NotFound => (StatusCode::NOT_FOUND, IssueCode::NotFound),
        Cause::Forbidden => (StatusCode::FORBIDDEN, IssueCode::Forbidden),
        Cause::Values => (StatusCode::UNPROCESSABLE_ENTITY, IssueCode::Processing),
        Cause::Failed => (StatusCode::INTERNAL_SERVER_ERROR, IssueCode::Exception),
    };
    let mut error = error.clone();
    if let Cause::Limit(name) = error.cause {
        error.message.push_str(match name {
            "depth" => " (graphql.depth)",
            "fields" => " (graphql.fields)",
            "resources" => " (graphql.resources)",
            "answer" => " (graphql.answer_mib)",
            "text" => " (graphql.text_kib)",
            _ => "",
        });
    }
    let outcome = Outcome::from(Issue::error(code, error.message.clone())).to_json();
    let extensions = Object::new().with("resource", outcome);
    let errors = Value::from([Value::Object(error.to_json().with("extensions", extensions))]);
    let data = (!error.path.is_empty()).then_some(Value::Null);
    body(status, &Object::new().with_some("data", data).with("errors", errors))
}
