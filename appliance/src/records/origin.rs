//! Where records came from: the Provenance of what an integration wrote, in the same unit as the records
//! (`docs/decisions/0124-provenance-of-what-integrations-write.md`).

use clinicvault_gateway::fhir::audit::{ACCOUNT, CLIENT, SENDER};
use clinicvault_gateway::fhir::datetime;
use clinicvault_gateway::fhir::id::{LogicalId, ResourceType};
use clinicvault_gateway::fhir::validate::Level;
use clinicvault_gateway::json::{Object, Value};

use super::Records;
use super::access::{Actor, Purpose, Who};
use super::error::Error;
use super::read::Stored;
use super::unit::Work;
use super::write::{Checks, Draft};

/// Most records that one Provenance names; for more there are several.
const MOST_TARGETS: usize = 500;
/// What the ids of registered programs begin with.
const PROGRAM: &str = "c-";
/// Participation types (code system provenance-participant-type).
const TYPES: &str = "http://terminology.hl7.org/CodeSystem/provenance-participant-type";

/// Where the records of a unit came from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// What the agent did: `author`, `informant`, `enterer`.
    role: &'static str,
    /// Who it was: system, id, name.
    who: (&'static str, String, String),
    /// The sources: system, value, and words.
    sources: Vec<(&'static str, String, Option<String>)>,
    /// The id of the Provenance, where it follows from the source.
    id: Option<LogicalId>,
}

impl Origin {
    /// A program that acts for itself, registered as one of SMART's backend services.
    pub fn of_program(who: &Actor) -> Option<Self> {
        let registered = matches!(who.who, Who::Machine { .. }) && who.id.starts_with(PROGRAM);
        let agent = || (CLIENT, who.id.clone(), who.name.clone());
        registered.then(|| Self { role: "author", who: agent(), sources: Vec::new(), id: None })
    }

    /// A peer that sent a message.
    pub fn of_sender(name: &str, id: &str) -> Self {
        let who = (SENDER, name.to_owned(), name.to_owned());
        Self { role: "informant", who, sources: Vec::new(), id: LogicalId::parse(id) }
    }

    /// Somebody who had files imported.
    pub fn of_import(who: &Actor, source: &str) -> Self {
        let system = if matches!(who.who, Who::Machine { .. }) { CLIENT } else { ACCOUNT };
        let who = (system, who.id.clone(), who.name.clone());
        let sources = vec![("urn:clinicvault:import", source.to_owned(), None)];
        Self { role: "enterer", who, sources, id: None }
    }

    /// With a source.
    #[must_use]
    pub fn from(mut self, system: &'static str, value: &str, words: Option<&str>) -> Self {
        if !value.is_empty() {
            self.sources.push((system, value.to_owned(), words.map(str::to_owned)));
        }
        self
    }

    fn resource(&self, id: &LogicalId, targets: &[String], recorded: jiff::Timestamp) -> Value {
        let reference = |text: &String| Value::from(Object::new().with("reference", text.as_str()));
        let known = |system: &str, value: &str, display: Option<&str>| {
            let identifier = Object::new().with("system", system).with("value", value);
            let display = display.filter(|display| !display.is_empty());
            Object::new().with("identifier", identifier).with_some("display", display)
        };
        let (system, value, name) = &self.who;
        let role = Object::new().with("system", TYPES).with("code", self.role);
        let agent = Object::new()
            .with("type", Object::new().with("coding", vec![Value::from(role)]))
            .with("who", known(system, value, Some(name)));
        let source = |(system, value, words): &(&str, String, Option<String>)| {
            let what = known(system, value, words.as_deref());
            Value::from(Object::new().with("role", "source").with("what", what))
        };
        let entity: Vec<Value> = self.sources.iter().map(source).collect();
        Object::new()
            .with("resourceType", "Provenance")
            .with("id", id.as_str())
            .with("target", targets.iter().map(reference).collect::<Vec<_>>())
            .with("recorded", datetime::instant(recorded))
            .with("agent", vec![Value::from(agent)])
            .with_some("entity", (!entity.is_empty()).then_some(entity))
            .into()
    }
}

/// The refusal (405) of a change of a Provenance.
pub(super) fn fixed() -> Error {
    Error::Fixed(
        "A Provenance says where a record came from when it came; it is neither changed nor deleted. Another one may be \
         added."
            .to_owned(),
    )
}

impl Records {
    /// Writes the Provenance of every version that a unit has written so far; none when it wrote nothing.
    ///
    /// # Errors
    /// What putting a record answers.
    pub fn keep_origin(&self, work: &mut Work<'_, '_>, origin: &Origin) -> Result<Vec<Stored>, Error> {
        let targets = work.versions_without_origin();
        let checks = Checks { level: Level::Structure, ..self.checks() };
        let context = self.reading();
        let mut kept = Vec::new();
        for (nth, part) in targets.chunks(MOST_TARGETS).enumerate() {
            // What stands under the id of a source stays: the source is then applied once more.
            let own = origin.id.as_ref().filter(|_| nth == 0);
            let free = match own {
                Some(id) => work.head(ResourceType::PROVENANCE, id.as_str())?.is_none(),
                None => false,
            };
            let id = match own.filter(|_| free) {
                Some(id) => id.clone(),
                None => self.new_id()?,
            };
            let draft = Draft::of(origin.resource(&id, part, work.now()))?;
            let sealed = draft.check(&checks)?.seal(&id, &context);
            kept.push(work.put(&sealed, Purpose::Operations)?);
        }
        Ok(kept)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use clinicvault_gateway::fhir::search::Handling;
    use clinicvault_gateway::json::{self, Limits};

    use super::super::Caller;
    use super::super::access::Scopes;
    use super::super::search::{Asked, Page};
    use super::super::testing::Room;
    use super::*;

    fn machine(id: &str) -> Caller {
        let who = Who::Machine { scopes: Scopes::parse("system/*.cruds").unwrap() };
        let (id, name) = (id.to_owned(), "Growth chart".to_owned());
        Caller {
            who: Arc::new(Actor { id, name, who, session: None, source: "10.0.0.7".into() }),
            base: None,
        }
    }

    fn provenances(room: &Room, query: &[(&str, &str)]) -> Page {
        let parameters: Vec<(String, String)> =
            query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let kind = ResourceType::PROVENANCE;
        let asked = Asked { kind, parameters: &parameters, handling: Handling::Strict, most_rows: 10 };
        room.records.search(&machine("m-1"), &asked).unwrap()
    }

    #[tokio::test]
    async fn a_registered_program_leaves_a_provenance_with_each_write_and_a_token_of_the_box_none() {
        let room = Room::empty();
        let id = LogicalId::parse("a").unwrap();
        for (who, active, all) in [("m-1", true, 0), ("c-9", false, 1), ("c-9", false, 1), ("c-9", true, 2)] {
            let text = format!(r#"{{"resourceType":"Patient","id":"a","active":{active}}}"#);
            let draft = Draft::of(json::parse(text.as_bytes(), &Limits::default()).unwrap()).unwrap();
            room.records.update(&machine(who), &id, draft, None).await.unwrap();
            assert_eq!(provenances(&room, &[]).rows.len(), all, "{who} {active}");
        }
        let found = provenances(&room, &[("target", "Patient/a"), ("_sort", "recorded")]);
        let first = json::parse(&found.rows[0].body, &Limits::default()).unwrap();
        let told = |pointer: &str| first.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        assert_eq!(told("/target/0/reference").as_deref(), Some("Patient/a/_history/2"));
        assert_eq!(told("/agent/0/who/identifier/value").as_deref(), Some("c-9"));
        let version = room.records.version(&machine("m-1").who, ResourceType::PATIENT, "a", 2).unwrap();
        assert_eq!(version.head.tx, found.rows[0].head.tx, "in one unit");
        room.records.delete(&machine("c-9"), ResourceType::PATIENT, &id, None).await.unwrap();
        assert_eq!(provenances(&room, &[]).rows.len(), 3);
    }
}
