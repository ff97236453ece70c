//! Access logs as FHIR: one line of a log told as an AuditEvent (R4, AuditEvent; IHE Basic Audit Log Patterns for what
//! stands where).
//!
//! Owns the codes and the shape. What is logged, who may look, and finding lines is left to the keeper of the log.

mod event;

pub use event::Event;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::datetime;
use crate::json::{Object, Value};

/// System of ids of accounts of the clinic's people.
pub const ACCOUNT: &str = "urn:clinicvault:account";
/// System of ids of programs and of tokens of machines.
pub const CLIENT: &str = "urn:clinicvault:client";
/// System of names of peers that send messages.
pub const SENDER: &str = "urn:clinicvault:sender";
/// System of ids of boxes.
pub const BOX: &str = "urn:clinicvault:box";
/// System of the box's own words for what was done; also for roles.
const OWN: &str = "urn:clinicvault:audit-action";
const ROLE: &str = "urn:clinicvault:role";
const PURPOSE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";

/// The sort of actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// A person with an account.
    Person,
    /// A program or a machine with a token.
    Machine,
    /// A peer that sends messages.
    Sender,
    /// Someone at the box itself.
    Operator,
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent<'a> {
    /// Which sort.
    pub sort: Sort,
    /// Id of the account, token, program or peer.
    pub id: &'a str,
    /// Its name today; the id where there is none.
    pub name: &'a str,
    /// The roles it acted in.
    pub roles: Vec<&'a str>,
    /// Address or channel.
    pub address: &'a str,
    /// Id of the program through which a person acted.
    pub program: Option<&'a str>,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It was done.
    Success,
    /// It was not allowed.
    Refused,
    /// It was allowed and failed.
    Failed,
}

/// What it was about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About<'a> {
    /// A record, such as `Observation/7` or `Observation/7/_history/2`.
    pub record: Option<String>,
    /// A type, where no single record was meant.
    pub kind: Option<&'a str>,
    /// Id of the patient in whose access log it stands.
    pub patient: Option<&'a str>,
    /// The query, as in an address.
    pub query: Option<&'a str>,
    /// Records that the answer held, such as `Observation/7`.
    pub touched: Vec<&'a str>,
}

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<'a> {
    /// The logical id that the event gets.
    pub id: String,
    /// When it was written.
    pub recorded: Timestamp,
    /// What was done.
    pub event: Event,
    /// How it ended.
    pub ending: Ending,
    /// Why, in words or codes.
    pub reason: Option<&'a str>,
    /// Purpose of use (HL7 v3 ActReason); empty where none is known.
    pub purpose: &'a str,
    /// Who did it.
    pub agent: Agent<'a>,
    /// Which box wrote the line.
    pub source: &'a str,
    /// What it was about.
    pub about: About<'a>,
}

/// The AuditEvent of a line.
pub fn resource(line: &Line<'_>) -> Value {
    let meta = Object::new().with("versionId", "1").with("lastUpdated", datetime::instant(line.recorded));
    let purpose = (!line.purpose.is_empty()).then(|| concepts(PURPOSE, [line.purpose]));
    let (outcome, described) = match line.ending {
        Ending::Success => ("0", "success"),
        Ending::Refused => ("4", "refused"),
        Ending::Failed => ("8", "failed"),
    };
    let described = line.reason.filter(|reason| !reason.is_empty()).unwrap_or(described);
    let kind = line.event.kind();
    let mut subtypes: Vec<Value> =
        line.event.subtype().map(|(s, c, d)| coding(s, c, Some(d))).into_iter().collect();
    subtypes.push(coding(OWN, line.event.word(), None));
    let entities = entities(line);
    Object::new()
        .with("resourceType", "AuditEvent")
        .with("id", line.id.as_str())
        .with("meta", meta)
        .with("type", coding(kind.0, kind.1, Some(kind.2)))
        .with("subtype", subtypes)
        .with("action", line.event.letter())
        .with("recorded", datetime::instant(line.recorded))
        .with("outcome", outcome)
        .with("outcomeDesc", described)
        .with_some("purposeOfEvent", purpose)
        .with("agent", agents(line))
        .with("source", source(line.source))
        .with_some("entity", (!entities.is_empty()).then_some(entities))
        .into()
}

fn coding(system: &str, code: &str, display: Option<&str>) -> Value {
    Object::new().with("system", system).with("code", code).with_some("display", display).into()
}

fn concepts<'a>(system: &str, codes: impl IntoIterator<Item = &'a str>) -> Vec<Value> {
    let concept = |code| Object::new().with("coding", vec![coding(system, code, None)]).into();
    codes.into_iter().map(concept).collect()
}

fn known_as(kind: Option<&str>, system: &str, id: &str, name: Option<&str>) -> Value {
    // Nobody is named by nothing: who failed to sign in may have typed no name.
    let identifier = (!id.is_empty()).then(|| Object::new().with("system", system).with("value", id));
    let name = name.or(id.is_empty().then_some("unknown"));
    Object::new()
        .with_some("type", kind)
        .with_some("identifier", identifier)
        .with_some("display", name.filter(|name| !name.is_empty()))
        .into()
}

fn agents(line: &Line<'_>) -> Vec<Value> {
    let agent = &line.agent;
    let (kind, system) = match agent.sort {
        Sort::Person => (Some("Practitioner"), ACCOUNT),
        Sort::Machine => (Some("Device"), CLIENT),
        Sort::Sender => (Some("Device"), SENDER),
        Sort::Operator => (None, ACCOUNT),
    };
    let roles = concepts(ROLE, agent.roles.iter().copied());
    let network = (!agent.address.is_empty()).then(|| {
        // Network types of R4: 2 is an IP address, 1 a name.
        let kind = if agent.address.parse::<std::net::IpAddr>().is_ok() { "2" } else { "1" };
        Object::new().with("address", agent.address).with("type", kind)
    });
    let first = Object::new()
        .with_some("role", (!roles.is_empty()).then_some(roles))
        .with("who", known_as(kind, system, agent.id, Some(agent.name).filter(|name| !name.is_empty())))
        .with_some("altId", (!agent.id.is_empty()).then_some(agent.id))
        .with_some("name", (!agent.name.is_empty()).then_some(agent.name))
        .with("requestor", true)
        .with_some("network", network);
    let program = agent.program.map(|id| {
        let application =
            coding("http://dicom.nema.org/resources/ontology/DCM", "110150", Some("Application"));
        Object::new()
            .with("type", Object::new().with("coding", vec![application]))
            .with("who", known_as(Some("Device"), CLIENT, id, None))
            .with("altId", id)
            .with("requestor", false)
            .into()
    });
    std::iter::once(first.into()).chain(program).collect()
}

fn source(id: &str) -> Value {
    let server =
        coding("http://terminology.hl7.org/CodeSystem/security-source-type", "4", Some("Application Server"));
    Object::new().with("observer", known_as(Some("Device"), BOX, id, None)).with("type", vec![server]).into()
}

/// Types and roles of entities: code systems audit-entity-type and object-role.
fn entity(what: Option<Value>, kind: &str, role: &str) -> Object {
    Object::new()
        .with_some("what", what)
        .with("type", coding("http://terminology.hl7.org/CodeSystem/audit-entity-type", kind, None))
        .with("role", coding("http://terminology.hl7.org/CodeSystem/object-role", role, None))
}

fn entities(line: &Line<'_>) -> Vec<Value> {
    let about = &line.about;
    let refers = |text: &str| Some(Value::from(Object::new().with("reference", text)));
    let patient = about.patient.map(|id| format!("Patient/{id}"));
    let mut entities: Vec<Value> = Vec::new();
    if let Some(patient) = &patient {
        entities.push(entity(refers(patient), "1", "1").into());
    }
    if let Some(record) = &about.record {
        entities.push(entity(refers(record), "2", "4").into());
    }
    let query = about.query.filter(|query| !query.is_empty()).map(|query| STANDARD.encode(query));
    if about.record.is_none() && (about.kind.is_some() || query.is_some()) {
        // A query has no record of its own; the name says what was searched.
        let asked = entity(None, "2", "24")
            .with_some("name", if query.is_none() { about.kind } else { None })
            .with_some("description", query.as_ref().and(about.kind))
            .with_some("query", query);
        entities.push(asked.into());
    }
    let others = about.touched.iter().filter(|each| Some(**each) != patient.as_deref());
    entities.extend(others.map(|each| Value::from(entity(refers(each), "2", "4"))));
    entities
}

#[cfg(test)]
mod tests;
