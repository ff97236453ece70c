//! Looking at one record: read, vread, history of an instance. Each is decided and leaves an audit line.

use bytes::Bytes;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::json::{self, Limits};
use clinicvault_vault::{Action, Head, Kind, Snapshot};

use super::Records;
use super::access::{Actor, Decision, Op, Purpose, Subject, decide};
use super::audit::{self, About, patient_of};
use super::error::Error;
use super::write::subject;

/// One version of a record as stored.
#[derive(Clone)]
pub struct Stored {
    /// What is known of it.
    pub head: Head,
    /// Its JSON, byte for byte as stored; empty for a version that is a delete.
    pub body: Bytes,
}

/// Prints the head, never the body.
impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.head.fmt(f)
    }
}

impl Stored {
    /// Its type.
    pub fn kind(&self) -> Option<ResourceType> {
        ResourceType::from_number(self.head.kind.0)
    }
}

impl Records {
    /// The newest version of a record. [`Error::Gone`] when that is a delete.
    pub fn read(&self, who: &Actor, kind: ResourceType, id: &str) -> Result<Stored, Error> {
        self.gate(who, Op::Read, kind)?;
        let snapshot = self.vault().snapshot()?;
        let head = snapshot.head(Kind(kind.number()), id)?;
        let head = head.ok_or_else(|| Error::missing(kind, id))?;
        self.open(who, Op::Read, kind, &snapshot, head)
    }

    /// One version of a record.
    pub fn version(&self, who: &Actor, kind: ResourceType, id: &str, version: u64) -> Result<Stored, Error> {
        self.gate(who, Op::History, kind)?;
        let snapshot = self.vault().snapshot()?;
        let head = snapshot.head(Kind(kind.number()), id)?;
        let newest = head.ok_or_else(|| Error::missing(kind, id))?;
        let head = if newest.version == version {
            newest
        } else {
            let name = format!("{kind}/{id}/_history/{version}");
            snapshot.version(newest.rid, version)?.ok_or(Error::NotFound(name))?
        };
        self.open(who, Op::History, kind, &snapshot, head)
    }

    /// Decides on the type alone, before anything is looked up, so that a refusal tells nothing.
    ///
    /// For Observation a role may be allowed one half of the type; then the record itself decides.
    pub(super) fn gate(&self, who: &Actor, op: Op, kind: ResourceType) -> Result<Purpose, Error> {
        match may(who, op, kind) {
            Decision::Allow(purpose) => Ok(purpose),
            Decision::Refuse(why) => {
                self.deny(who, op, why, About::of_type(kind, None));
                Err(Error::Refused(why))
            }
        }
    }

    /// Writes the line of a refusal; a full queue must not turn a refusal into an answer.
    pub(super) fn deny(&self, who: &Actor, op: Op, why: super::access::Refusal, about: About<'_>) {
        if let Err(error) = self.vault().note(audit::denied(who, op, why, about)) {
            tracing::warn!(%error, "the audit line of a refusal was not taken");
        }
    }

    fn open(
        &self,
        who: &Actor,
        op: Op,
        kind: ResourceType,
        snapshot: &Snapshot,
        head: Head,
    ) -> Result<Stored, Error> {
        if head.deleted {
            let purpose = decide(who, op, &Subject::of_type(kind.as_str(), false));
            let about = About::record(kind, &head.id, head.version, &head.owner);
            if let Decision::Allow(purpose) = purpose {
                self.vault().note(audit::done(who, Action::Read, purpose, about))?;
            }
            return Err(Error::Gone { name: format!("{kind}/{}", head.id), version: head.version });
        }
        let body = Bytes::from_owner(snapshot.body(&head)?);
        let purpose = self.allow_body(who, op, kind, &head, &body)?;
        let action = if op == Op::History { Action::History } else { Action::Read };
        let about = About::record(kind, &head.id, head.version, &head.owner);
        self.vault().note(audit::done(who, action, purpose, about))?;
        Ok(Stored { head, body })
    }

    /// Decides on one record whose body is at hand.
    pub(super) fn allow_body(
        &self,
        who: &Actor,
        op: Op,
        kind: ResourceType,
        head: &Head,
        body: &[u8],
    ) -> Result<Purpose, Error> {
        let subject = subject_of(who, kind, head, body)?;
        decide(who, op, &subject).check().map_err(|why| {
            let patient = patient_of(&head.owner);
            let about = About { object: Some((kind, head.id.as_str(), head.version)), patient };
            self.deny(who, op, why, about);
            Error::Refused(why)
        })
    }
}

/// What the policy needs to know of a record whose body is at hand.
pub(super) fn subject_of(
    who: &Actor,
    kind: ResourceType,
    head: &Head,
    body: &[u8],
) -> Result<Subject, Error> {
    if !needs_content(who, kind) {
        return Ok(Subject::of_type(kind.as_str(), false));
    }
    let json = json::parse(body, &Limits::bytes(usize::MAX))
        .map_err(|_| Error::Damaged(format!("{kind} record {}", head.rid.0)))?;
    Ok(subject(kind, &json))
}

/// The most that `who` may do with a type: for Observation the better of its two halves.
pub(super) fn may(who: &Actor, op: Op, kind: ResourceType) -> Decision {
    let plain = decide(who, op, &Subject::of_type(kind.as_str(), false));
    if plain.allowed() || kind != ResourceType::OBSERVATION {
        return plain;
    }
    decide(who, op, &Subject::of_type(kind.as_str(), true))
}

/// Whether the decision depends on what the record says.
pub(super) fn needs_content(who: &Actor, kind: ResourceType) -> bool {
    kind == ResourceType::OBSERVATION && !who.roles().is_empty()
}
