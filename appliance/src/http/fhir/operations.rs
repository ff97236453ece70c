//! Operations (`$name`): one table of what is served where, and the way of an invocation to its handler.
//!
//! A line names the levels and types, whether the operation changes anything (then only POST calls it), its definition
//! for the CapabilityStatement, and the handler. Handlers take a [`Call`], read their parameters from it and answer.

use std::collections::BTreeSet;

use axum::extract::{FromRequest, FromRequestParts, Path, Request, State};
use axum::response::Response;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::parameters::Parameters;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Method, StatusCode, header};

use super::ask::{self, Ask, FhirBody};
use crate::app::App;
use crate::http::error::HttpError;
use crate::http::query;
use crate::records::error::Error;

/// Where an operation is invoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// `/fhir/$name`
    System,
    /// `/fhir/{type}/$name`
    Type,
    /// `/fhir/{type}/{id}/$name`
    Instance,
}

/// What an invocation is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum On {
    /// The whole box.
    System,
    /// A type.
    Type(ResourceType),
    /// A record by its id, as it was written.
    Instance(ResourceType, String),
}

impl On {
    const fn level(&self) -> Level {
        match self {
            Self::System => Level::System,
            Self::Type(_) => Level::Type,
            Self::Instance(..) => Level::Instance,
        }
    }

    /// The type, but for the whole box.
    pub const fn kind(&self) -> Option<ResourceType> {
        match self {
            Self::System => None,
            Self::Type(kind) | Self::Instance(kind, _) => Some(*kind),
        }
    }
}

/// What an operation may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It only looks: GET and POST.
    Looks,
    /// It changes something: POST alone (R4, Operations framework, `affectsState`).
    Changes,
}

/// Forms of the answer.
#[allow(dead_code)] // Each variant is for lines of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forms {
    /// FHIR only; another `Accept` or `_format` is 406.
    Fhir,
    /// The operation has forms of its own (CSV, raw bytes) and looks at `Accept` and `_format` itself.
    Own,
}

/// One line of the table.
pub struct Operation {
    /// Without the dollar sign.
    pub name: &'static str,
    levels: &'static [Level],
    /// Types at type and instance level; none means every type.
    types: &'static [&'static str],
    effect: Effect,
    forms: Forms,
    /// Canonical address of its OperationDefinition.
    pub definition: &'static str,
    run: fn(Call) -> Answering,
}

type Answering = BoxFuture<'static, Result<Response, HttpError>>;

use Effect::{Changes, Looks};
use Level::{Instance, System, Type};

/// A line for an operation that answers in FHIR.
const fn line(
    name: &'static str,
    levels: &'static [Level],
    types: &'static [&'static str],
    effect: Effect,
    definition: &'static str,
    run: fn(Call) -> Answering,
) -> Operation {
    Operation { name, levels, types, effect, forms: Forms::Fhir, definition, run }
}

impl Operation {
    /// The same line for an operation whose answers have forms of their own.
    const fn in_own_forms(mut self) -> Self {
        self.forms = Forms::Own;
        self
    }
}

/// Every type.
const ANY: &[&str] = &[];

/// The table. One line an operation.
#[rustfmt::skip]
pub static TABLE: &[Operation] = &[
    line("document", &[Type, Instance], &["Composition"], Looks, "http://hl7.org/fhir/OperationDefinition/Composition-document", |call| Box::pin(super::documents::document(call))),
    line("everything", &[Type, Instance], &["Patient"], Looks, "http://hl7.org/fhir/OperationDefinition/Patient-everything", |call| Box::pin(super::everything::show(call))),
    line("everything", &[Instance], &["Encounter"], Looks, "http://hl7.org/fhir/OperationDefinition/Encounter-everything", |call| Box::pin(super::everything::show(call))),
    line("lastn", &[Type], &["Observation"], Looks, "http://hl7.org/fhir/OperationDefinition/Observation-lastn", |call| Box::pin(super::observations::lastn(call))),
    line("match", &[Type], &["Patient"], Looks, "http://hl7.org/fhir/OperationDefinition/Patient-match", |call| Box::pin(super::patient_match::find(call))),
    line("process-message", &[System], ANY, Changes, "http://hl7.org/fhir/OperationDefinition/MessageHeader-process-message", |call| Box::pin(super::messages::process(call))),
    line("meta", &[System, Type, Instance], ANY, Looks, "http://hl7.org/fhir/OperationDefinition/Resource-meta", |call| Box::pin(super::meta::show(call))),
    line("meta-add", &[Instance], ANY, Changes, "http://hl7.org/fhir/OperationDefinition/Resource-meta-add", |call| Box::pin(super::meta::add(call))),
    line("meta-delete", &[Instance], ANY, Changes, "http://hl7.org/fhir/OperationDefinition/Resource-meta-delete", |call| Box::pin(super::meta::delete(call))),
    line("graphql", &[System, Instance], ANY, Looks, "http://hl7.org/fhir/OperationDefinition/Resource-graphql", |call| Box::pin(super::graph::query(call))).in_own_forms(),
    line("viewdefinition-run", &[System, Instance], &["Binary"], Looks, "http://sql-on-fhir.org/OperationDefinition/$viewdefinition-run", |call| Box::pin(super::table::run(call))).in_own_forms(),
    line("validate", &[Type, Instance], ANY, Looks, "http://hl7.org/fhir/OperationDefinition/Resource-validate", |call| Box::pin(super::validate::check(call))),
    line("expand", &[Type, Instance], &["ValueSet"], Looks, "http://hl7.org/fhir/OperationDefinition/ValueSet-expand", |call| Box::pin(super::terminology::expand(call))),
    line("validate-code", &[Type, Instance], &["ValueSet"], Looks, "http://hl7.org/fhir/OperationDefinition/ValueSet-validate-code", |call| Box::pin(super::terminology::validate_code(call))),
    line("validate-code", &[Type, Instance], &["CodeSystem"], Looks, "http://hl7.org/fhir/OperationDefinition/CodeSystem-validate-code", |call| Box::pin(super::terminology::validate_code(call))),
    line("lookup", &[Type], &["CodeSystem"], Looks, "http://hl7.org/fhir/OperationDefinition/CodeSystem-lookup", |call| Box::pin(super::terminology::look_up(call))),
    line("subsumes", &[Type, Instance], &["CodeSystem"], Looks, "http://hl7.org/fhir/OperationDefinition/CodeSystem-subsumes", |call| Box::pin(super::terminology::compare(call))),
    line("translate", &[Type, Instance], &["ConceptMap"], Looks, "http://hl7.org/fhir/OperationDefinition/ConceptMap-translate", |call| Box::pin(super::terminology::translated(call))),
    line("closure", &[System], ANY, Changes, "http://hl7.org/fhir/OperationDefinition/ConceptMap-closure", |call| Box::pin(super::terminology::closure(call))),
    line("export", &[System], ANY, Looks, "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export", |call| Box::pin(super::bulk::export(call))),
    line("export", &[Type], &["Patient"], Looks, "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/patient-export", |call| Box::pin(super::bulk::export(call))),
    line("export", &[Instance], &["Group"], Looks, "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/group-export", |call| Box::pin(super::bulk::export(call))),
    line("import", &[System], ANY, Changes, "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/import", |call| Box::pin(super::bulk::import(call))),
    line("status", &[Type, Instance], &["Subscription"], Looks, "http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition/backport-subscription-status", |call| Box::pin(super::subscriptions::status(call))),
    line("events", &[Instance], &["Subscription"], Looks, "http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition/backport-subscription-events", |call| Box::pin(super::subscriptions::events(call))),
    line("get-ws-binding-token", &[Type, Instance], &["Subscription"], Looks, "http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition/backport-subscription-get-ws-binding-token", |call| Box::pin(super::subscriptions::binding_token(call))),
    line("stats", &[Type], &["Observation"], Looks, "http://hl7.org/fhir/OperationDefinition/Observation-stats", |call| Box::pin(super::observations::stats(call))),
    line("summary", &[Instance], &["Patient"], Looks, "http://hl7.org/fhir/uv/ips/OperationDefinition/summary", |call| Box::pin(super::documents::summary(call))),
];

impl Operation {
    fn is_at(&self, level: Level, kind: Option<ResourceType>) -> bool {
        let of_type = |kind: ResourceType| self.types.is_empty() || self.types.contains(&kind.as_str());
        self.levels.contains(&level) && kind.is_none_or(of_type)
    }

    const fn methods(&self) -> &'static str {
        match self.effect {
            Looks => "GET, HEAD, POST",
            Changes => "POST",
        }
    }
}

/// What is served of a type at type or instance level, for the CapabilityStatement.
pub fn of_kind(kind: ResourceType) -> impl Iterator<Item = &'static Operation> {
    TABLE.iter().filter(move |op| op.is_at(Type, Some(kind)) || op.is_at(Instance, Some(kind)))
}

/// What is served for the whole box.
pub fn of_whole() -> impl Iterator<Item = &'static Operation> {
    TABLE.iter().filter(|op| op.is_at(System, None))
}

/// One invocation.
pub struct Call {
    /// The composition root.
    pub app: App,
    /// Who asks, with which wishes.
    pub ask: Ask,
    /// About what.
    pub on: On,
    /// How it was called: GET or POST.
    pub method: Method,
    /// The request, its body not read yet.
    pub request: Request,
}

impl Call {
    /// The parameters: those of the query, and for POST those of a form or a `Parameters` body.
    pub async fn parameters(self) -> Result<(Rest, Parameters), HttpError> {
        self.parameters_or("").await
    }

    /// The same; a body that is another resource stands for the parameter of this name (none when empty).
    pub async fn parameters_or(self, sole: &'static str) -> Result<(Rest, Parameters), HttpError> {
        let Self { app, ask, on, method, request } = self;
        let given = Parameters::of_query(&own(&ask.parameters));
        let more =
            if method == Method::POST { of_body(&app, request, sole).await? } else { Parameters::default() };
        Ok((Rest { app, ask, on }, given.and(more)))
    }
}

/// What is left of an invocation whose body has been read.
#[derive(Clone)]
pub struct Rest {
    /// The composition root.
    pub app: App,
    /// Who asks, with which wishes.
    pub ask: Ask,
    /// About what.
    pub on: On,
}

/// Parameters of the operation itself, without those of any request.
fn own(pairs: &[(String, String)]) -> Vec<(String, String)> {
    pairs.iter().filter(|(name, _)| !matches!(name.as_str(), "_format" | "_pretty")).cloned().collect()
}

async fn of_body(app: &App, request: Request, sole: &'static str) -> Result<Parameters, HttpError> {
    let typed = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    match typed.and_then(|t| t.split(';').next()).map(str::trim) {
        Some("application/x-www-form-urlencoded") => {
            let bytes = ask::read(request, app).await?;
            let text =
                std::str::from_utf8(&bytes).map_err(|_| HttpError::bad_request("The form is not UTF-8."))?;
            Ok(Parameters::of_query(&own(&query::pairs(text)?)))
        }
        // A body is optional, and what has none needs no type.
        None if axum::body::HttpBody::is_end_stream(request.body()) => Ok(Parameters::default()),
        _ => {
            let value = FhirBody::from_request(request, app).await?.value()?;
            if !sole.is_empty() && value.str("resourceType") != Some("Parameters") {
                return Ok(Parameters::of_sole(sole, value));
            }
            Ok(Parameters::of_resource(value).map_err(Error::Unreadable)?)
        }
    }
}

/// `/fhir/$name`
pub async fn of_system(
    State(app): State<App>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, HttpError> {
    invoke(app, On::System, &name, request).await
}

/// `/fhir/{type}/$name`
pub async fn of_type(
    State(app): State<App>,
    Path((kind, name)): Path<(String, String)>,
    request: Request,
) -> Result<Response, HttpError> {
    invoke(app, On::Type(ask::kind(&kind)?), &name, request).await
}

/// `/fhir/{type}/{id}/$name`
pub async fn of_instance(
    State(app): State<App>,
    Path((kind, id, name)): Path<(String, String, String)>,
    request: Request,
) -> Result<Response, HttpError> {
    invoke(app, On::Instance(ask::kind(&kind)?, id), &name, request).await
}

/// Calls the operation of a name.
pub(super) async fn invoke(app: App, on: On, name: &str, request: Request) -> Result<Response, HttpError> {
    let operation = TABLE
        .iter()
        .find(|op| op.name == name && op.is_at(on.level(), on.kind()))
        .ok_or_else(|| unknown(&on, name))?;
    let method = match (request.method(), operation.effect) {
        (&Method::GET | &Method::HEAD, Looks) => Method::GET,
        (&Method::POST, Looks | Changes) => Method::POST,
        _ => return Err(not_by(operation, request.method())),
    };
    let (mut parts, body) = request.into_parts();
    let ask = match operation.forms {
        Forms::Fhir => Ask::from_request_parts(&mut parts, &app).await?,
        Forms::Own => Ask::whatever_is_accepted(&mut parts, &app).await?,
    };
    let request = Request::from_parts(parts, body);
    (operation.run)(Call { app, ask, on, method, request }).await
}

/// 404 with the operations that there are.
fn unknown(on: &On, name: &str) -> HttpError {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
    let place = on.kind().map_or("the whole box", ResourceType::as_str);
    let known: BTreeSet<String> = match on.kind() {
        None => of_whole().map(|op| format!("${}", op.name)).collect(),
        Some(kind) => {
            let line = |op: &Operation| {
                let way = |level, path: &str| {
                    op.is_at(level, Some(kind)).then(|| format!("{kind}{path}/${}", op.name))
                };
                [way(Type, ""), way(Instance, "/[id]")]
            };
            of_kind(kind).flat_map(line).flatten().collect()
        }
    };
    let known = if known.is_empty() {
        "It has none.".to_owned()
    } else {
        format!("It has {}.", known.into_iter().collect::<Vec<_>>().join(", "))
    };
    HttpError::not_found(format!("There is no operation ${shown} for {place} here. {known}"))
}

/// 405 with the methods that call it.
fn not_by(operation: &Operation, method: &Method) -> HttpError {
    let why = match (operation.effect, method) {
        (Changes, &Method::GET | &Method::HEAD) => "it changes what is stored",
        _ => "operations are called by GET or POST",
    };
    let message = format!("${} is not called by {method}: {why}.", operation.name);
    let mut error =
        HttpError::new(StatusCode::METHOD_NOT_ALLOWED, "methodNotAllowed", "not-supported", message);
    error.headers.push((header::ALLOW, HeaderValue::from_static(operation.methods())));
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_operation_has_two_lines_at_one_place_and_every_type_exists() {
        for (at, op) in TABLE.iter().enumerate() {
            assert!(!op.levels.is_empty() && op.definition.contains("://"), "{}", op.name);
            assert!(op.types.iter().all(|name| ResourceType::parse(name).is_some()), "{}", op.name);
            assert!(op.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", op.name);
            for other in TABLE.iter().skip(at + 1).filter(|other| other.name == op.name) {
                let both = |kind| {
                    [Type, Instance].iter().any(|l| op.is_at(*l, Some(kind)) && other.is_at(*l, Some(kind)))
                };
                let twice =
                    (op.is_at(System, None) && other.is_at(System, None)) || ResourceType::all().any(both);
                assert!(!twice, "{}", op.name);
            }
        }
    }

    #[test]
    fn a_refusal_names_what_there_is() {
        let error = unknown(&On::Instance(ResourceType::PATIENT, "1".to_owned()), "nonsense");
        assert_eq!(error.status, 404);
        assert!(error.message.contains("Patient/[id]/$meta"), "{}", error.message);
    }
}
