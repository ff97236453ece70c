//! Looking at one record: read, vread, history of an instance. Each is decided and leaves an audit line.

use bytes::Bytes;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_vault::{Action, Head, Kind, Snapshot};

use super::Records;
use super::access::{Actor, Decision, Op, Purpose};
use super::audit::{self, About};
use super::error::Error;
use super::origin;
use super::sight::{Look, Sight};
use super::trail;

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
        if kind == ResourceType::AUDIT_EVENT {
            return self.audit_event(who, Op::Read, id);
        }
        let (look, _) = self.gated(&self.sight(who)?, Op::Read, kind)?;
        let snapshot = self.vault().snapshot()?;
        let head = snapshot.head(Kind(kind.number()), id)?;
        let head = head.ok_or_else(|| Error::missing(kind, id))?;
        self.open(&look, kind, &snapshot, head)
    }

    /// One version of a record.
    pub fn version(&self, who: &Actor, kind: ResourceType, id: &str, version: u64) -> Result<Stored, Error> {
        if kind == ResourceType::AUDIT_EVENT {
            let only = self.audit_event(who, Op::History, id)?;
            let missing = || Error::NotFound(format!("{kind}/{id}/_history/{version}"));
            return if version == only.head.version { Ok(only) } else { Err(missing()) };
        }
        let (look, _) = self.gated(&self.sight(who)?, Op::History, kind)?;
        let snapshot = self.vault().snapshot()?;
        let head = snapshot.head(Kind(kind.number()), id)?;
        let newest = head.ok_or_else(|| Error::missing(kind, id))?;
        let head = if newest.version == version {
            newest
        } else {
            match snapshot.version(newest.rid, version)? {
                Some(head) => head,
                None => {
                    // Who may not see the record is not told that it is only the version that is missing.
                    self.allow_stored(&look, kind, &snapshot, &newest)?;
                    return Err(Error::NotFound(format!("{kind}/{id}/_history/{version}")));
                }
            }
        };
        self.open(&look, kind, &snapshot, head)
    }

    /// Decides on the type alone, before anything is looked up, so that a refusal tells nothing.
    ///
    /// For Observation a role may be allowed one half of the type; then the record itself decides.
    pub(super) fn gate(&self, who: &Actor, op: Op, kind: ResourceType) -> Result<Purpose, Error> {
        Ok(self.gated(&self.sight(who)?, op, kind)?.1)
    }

    /// The same, with the look that decides about the records.
    pub(super) fn gated(&self, sight: &Sight, op: Op, kind: ResourceType) -> Result<(Look, Purpose), Error> {
        let look = sight.look(op, kind);
        let changes = matches!(op, Op::Create | Op::Update | Op::Delete);
        if changes && kind == ResourceType::AUDIT_EVENT {
            return Err(trail::fixed());
        }
        if op == Op::Delete && kind == ResourceType::PROVENANCE && look.gate().allowed() {
            return Err(origin::fixed());
        }
        match look.gate() {
            Decision::Allow(purpose) => Ok((look, purpose)),
            Decision::Refuse(why) => {
                self.deny(sight.who(), op, why, About::of_type(kind, None));
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
        look: &Look,
        kind: ResourceType,
        snapshot: &Snapshot,
        head: Head,
    ) -> Result<Stored, Error> {
        let purpose = self.allow_stored(look, kind, snapshot, &head)?;
        let about = About::record(kind, &head.id, head.version, &head.owner);
        if head.deleted {
            self.vault().note(audit::done(look.who(), Action::Read, purpose, about))?;
            return Err(Error::Gone { name: format!("{kind}/{}", head.id), version: head.version });
        }
        let body = Bytes::from_owner(snapshot.body(&head)?);
        let action = if look.op() == Op::History { Action::History } else { Action::Read };
        self.vault().note(audit::done(look.who(), action, purpose, about))?;
        Ok(Stored { head, body })
    }

    /// Decides about one stored version; a refusal gets its line in the log, and tells the caller nothing.
    pub(super) fn allow_stored(
        &self,
        look: &Look,
        kind: ResourceType,
        snapshot: &Snapshot,
        head: &Head,
    ) -> Result<Purpose, Error> {
        look.stored(snapshot, head)?.check().map_err(|why| {
            self.deny(look.who(), look.op(), why, About::record(kind, &head.id, head.version, &head.owner));
            // Where some of the type may be seen, the rest of it is as if it were not there.
            if look.looks_inside() { Error::missing(kind, &head.id) } else { Error::Refused(why) }
        })
    }
}
