//! A record on its way into the vault: `Draft -> Checked -> Sealed`, then committed by `unit`.
//!
//! All three steps run outside the writer. A `Draft` was read; a `Checked` keeps the rules of FHIR; a `Sealed` has its
//! id, its owner, its search terms and a body that lacks only version and time. Only a `Sealed` fits `Work::put`.

use std::sync::Arc;

use clinicvault_gateway::fhir::id::{LogicalId, ResourceType};
use clinicvault_gateway::fhir::outcome::{Issue, IssueCode, Outcome};
use clinicvault_gateway::fhir::profile;
use clinicvault_gateway::fhir::resource::{self, Resource, Template};
use clinicvault_gateway::fhir::search::Context;
use clinicvault_gateway::fhir::validate::{Definitions, Level, Policy, Validator};
use clinicvault_gateway::json::{self, Limits, Value};
use clinicvault_vault::{Owner, Term};

use super::access::{Decision, Op};
use super::conformance::Conformance;
use super::error::Error;
use super::owner::owner;
use super::parameters::{self, Parameters};
use super::sight::Sight;
use super::terms;
use super::watch::{self, Gate, Plan};

/// A body that was read: JSON with a type.
pub struct Draft {
    kind: ResourceType,
    json: Value,
}

impl Draft {
    /// Reads a body. [`Error::Unreadable`] when it is not JSON, too deep, or names no type.
    pub fn read(body: &[u8], limits: &Limits) -> Result<Self, Error> {
        let json = json::parse(body, limits).map_err(|error| Error::Unreadable(error.into()))?;
        Self::of(json)
    }

    /// Takes a tree. [`Error::Unreadable`] when it names no type.
    pub fn of(json: Value) -> Result<Self, Error> {
        let kind = resource::kind_of(&json).map_err(Error::Unreadable)?;
        Ok(Self { kind, json })
    }

    /// Its type.
    pub fn kind(&self) -> ResourceType {
        self.kind
    }

    /// The id it states.
    pub fn id(&self) -> Option<&str> {
        self.json.str("id")
    }

    /// The same draft, if it is of `kind` as the address says.
    pub fn expect(self, kind: ResourceType) -> Result<Self, Error> {
        if self.kind == kind {
            return Ok(self);
        }
        let message = format!("The address says {kind}, the body is a {}.", self.kind);
        let issue = Issue::error(IssueCode::Invalid, message).at(format!("{}.resourceType", self.kind));
        Err(Error::Unreadable(issue.into()))
    }

    /// Checks the rules of FHIR as far as `checks` go; [`Error::Broken`] lists every broken one with its path. A profile
    /// has to be one that can be compiled, and gets its snapshot.
    pub fn check(mut self, checks: &Checks) -> Result<Checked, Error> {
        let validator = Validator::new(&*checks.definitions, Policy::write(checks.level))
            .with_most_steps(checks.most_steps);
        let snapshot = if self.kind.as_str() == "StructureDefinition" {
            snapshot(&self.json, &checks.definitions)
        } else {
            Ok(None)
        };
        let unfit = snapshot.as_ref().err().cloned();
        if let (Ok(Some(elements)), Some(object)) = (snapshot, self.json.as_object_mut()) {
            let before = object.position("differential").unwrap_or(object.len());
            object.insert_at(before, "snapshot", Value::from([("element", Value::from(elements))]));
        }
        let watch = match &checks.gate {
            Some(gate) => watch::check(self.kind, &mut self.json, (&gate.0, &gate.1), &checks.definitions),
            None => Ok(None),
        };
        // What is wrong with the elements is told first: it may be why the profile cannot be compiled.
        let resource = Resource::checked(self.json, &validator).map_err(Error::Broken)?;
        if let Some(issue) = unfit {
            return Err(Error::Broken(issue.into()));
        }
        if parameters::concerns(self.kind) {
            checks.parameters.check(resource.json())?;
        }
        Ok(Checked { resource, watch: watch? })
    }
}

/// What a write is checked for. A clone is cheap.
#[derive(Clone)]
pub struct Checks {
    /// How far the check goes.
    pub level: Level,
    /// Work that it may take.
    pub most_steps: u64,
    /// Where profiles and codes are found.
    pub definitions: Arc<Conformance>,
    /// What a definition of a search parameter is judged by.
    pub parameters: Arc<Parameters>,
    /// The clinic's rules about subscriptions, and what reading their criteria depends on. None where the box itself
    /// writes how a subscription is.
    pub(super) gate: Option<Arc<(Arc<Gate>, Context)>>,
}

impl Checks {
    /// The same for what the box itself writes.
    pub(super) fn by_the_box(self) -> Self {
        Self { gate: None, ..self }
    }
}

/// The elements of the snapshot of a profile that came without one; none for other definitions.
fn snapshot(json: &Value, definitions: &Conformance) -> Result<Option<Vec<Value>>, Issue> {
    if json.str("derivation") != Some("constraint") {
        return Ok(None);
    }
    let profile = profile::compile(json, &|url| definitions.profile(url)).map_err(|refusal| {
        let text = format!("the profile cannot be compiled: {refusal}");
        Issue::error(IssueCode::Invalid, text).at("StructureDefinition.differential")
    })?;
    Ok(json.get("snapshot").is_none().then(|| profile::described_snapshot(&profile, json)))
}

/// A resource that keeps the rules of FHIR.
#[derive(Clone)]
pub struct Checked {
    resource: Resource,
    /// What a Subscription makes of its row.
    watch: Option<Plan>,
}

impl Checked {
    /// Its type.
    pub fn kind(&self) -> ResourceType {
        self.resource.kind()
    }

    /// Gives it its id and makes everything ready that can be made before the writer.
    pub fn seal(mut self, id: &LogicalId, context: &Context) -> Sealed {
        self.resource.set_id(id);
        let kind = self.resource.kind();
        if let (Some(watch), Some(base)) = (&mut self.watch, context.bases.first()) {
            watch.base.clone_from(base);
        }
        Sealed {
            watch: self.watch,
            kind,
            id: id.clone(),
            owner: owner(kind, id.as_str(), self.resource.json(), &context.bases),
            terms: terms::of(&self.resource, context),
            epoch: context.own.epoch(),
            template: self.resource.template(),
        }
    }
}

/// A record ready for `Work::put`.
pub struct Sealed {
    pub(super) kind: ResourceType,
    pub(super) id: LogicalId,
    pub(super) owner: Owner,
    pub(super) terms: Vec<Term>,
    /// The state of the own search parameters that the terms were made by.
    pub(super) epoch: u64,
    pub(super) template: Template,
    pub(super) watch: Option<Plan>,
}

impl Sealed {
    /// Its type.
    pub fn kind(&self) -> ResourceType {
        self.kind
    }

    /// Its id.
    pub fn id(&self) -> &LogicalId {
        &self.id
    }

    /// Whether a caller may bring this into being, or turn a record into it.
    pub fn decide(&self, sight: &Sight, op: Op) -> Decision {
        let look = sight.look(op, self.kind);
        if !look.looks_inside() {
            return look.gate();
        }
        let own: Vec<_> = self.terms.iter().cloned().map(terms::back).collect();
        look.decide(&self.owner, &own)
    }
}

/// Refuses an id in the body that is missing or differs from the address (update).
pub fn same_id(draft: &Draft, id: &LogicalId) -> Result<(), Error> {
    let message = match draft.id() {
        Some(own) if own == id.as_str() => return Ok(()),
        Some(_) => "The id in the body differs from the id in the address.",
        None => "The body of an update must carry its id.",
    };
    let issue = Issue::error(IssueCode::Invalid, message).at(format!("{}.id", draft.kind));
    Err(Error::Unreadable(Outcome::from(issue)))
}
