//! A unit of work: records, audit lines, queue rows and idempotency record in one commit, or none of it.
//!
//! `Work` is what a job sees inside the vault's writer: it puts and removes records, writes the audit line of each, and
//! collects what the feed announces once the commit is durable. Everything slow (parsing, validation, search terms) is
//! done before a job is handed over.

use std::sync::Arc;

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::json::{self, Limits};
use clinicvault_vault::{Action, Haste, Head, Kind, Leaf, Put, Refused, Tx, Unavailable, Unit};
use jiff::Timestamp;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::Records;
use super::access::{Actor, Decision, Op, Purpose};
use super::audit::{self, About, patient_of};
use super::carried;
use super::conformance;
use super::error::Error;
use super::feed::{Event, What};
use super::mark;
use super::origin::{self, Origin};
use super::parameters::{self, Parameters};
use super::read::Stored;
use super::sight::Sight;
use super::terms;
use super::trail;
use super::watch;
use super::write::Sealed;

/// A document and its key.
pub type Document = (Vec<u8>, Zeroizing<Vec<u8>>);

/// The inside of a unit of work.
pub struct Work<'a, 'u> {
    unit: &'a mut Unit<'u>,
    who: &'a Actor,
    sight: &'a Sight,
    parameters: &'a Parameters,
    events: Vec<What>,
    /// Events before this one have their Provenance, or are none that need one.
    told: usize,
    /// The audit line of the refusal, if the policy refused something; written when that ends the unit.
    refused: Option<Leaf>,
}

impl<'u> Work<'_, 'u> {
    /// The vault's unit, for documents, queue rows and idempotency records.
    pub fn unit(&mut self) -> &mut Unit<'u> {
        self.unit
    }

    /// Who the work is done for.
    pub fn who(&self) -> &Actor {
        self.who
    }

    /// What they see.
    pub fn sight(&self) -> &Sight {
        self.sight
    }

    /// The time of this unit; never below an earlier unit's.
    pub fn now(&self) -> Timestamp {
        self.unit.now()
    }

    /// A document of a collection.
    pub fn document(&self, collection: u16, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        Ok(self.unit.doc_get(collection, key)?)
    }

    /// Documents whose key starts with `prefix`, in the order of keys, at most `limit`.
    pub fn documents(&self, collection: u16, prefix: &[u8], limit: usize) -> Result<Vec<Document>, Error> {
        Ok(self.unit.doc_scan(collection, prefix, limit)?)
    }

    /// The newest version of a record, deleted or not.
    pub fn head(&self, kind: ResourceType, id: &str) -> Result<Option<Head>, Error> {
        Ok(self.unit.head(Kind(kind.number()), id)?)
    }

    /// The body of a version.
    pub fn body(&self, head: &Head) -> Result<Zeroizing<Vec<u8>>, Error> {
        Ok(self.unit.body(head)?)
    }

    /// Refuses to touch a record as it stands, where the policy does.
    pub fn may_touch(&mut self, op: Op, kind: ResourceType, head: &Head) -> Result<Purpose, Error> {
        let decision = self.sight.look(op, kind).stored(self.unit, head)?;
        self.take(op, decision, About::record(kind, &head.id, head.version, &head.owner))
    }

    /// The same for a record that is looked for: one that may not be seen is answered like one that is not there.
    pub fn may_find(&mut self, op: Op, kind: ResourceType, head: &Head) -> Result<Purpose, Error> {
        self.may_touch(op, kind, head).map_err(|error| match error {
            Error::Refused(_) if self.sight.look(op, kind).looks_inside() => Error::missing(kind, &head.id),
            other => other,
        })
    }

    /// Refuses to make or change a record into this, where the policy does.
    pub fn may(&mut self, op: Op, sealed: &Sealed) -> Result<Purpose, Error> {
        let decision = sealed.decide(self.sight, op);
        self.take(op, decision, About::record(sealed.kind, sealed.id.as_str(), 0, &sealed.owner))
    }

    fn take(&mut self, op: Op, decision: Decision, about: About<'_>) -> Result<Purpose, Error> {
        decision.check().map_err(|why| {
            self.refused = Some(audit::denied(self.who, op, why, about));
            Error::Refused(why)
        })
    }

    /// Writes a record's next version and its audit line.
    pub fn put(&mut self, record: &Sealed, purpose: Purpose) -> Result<Stored, Error> {
        self.keep_off(record)?;
        self.write(record, purpose, mark::NONE)
    }

    /// The same by the room that carries the record on: nobody else writes it.
    pub fn put_carried(&mut self, record: &Sealed, purpose: Purpose) -> Result<Stored, Error> {
        self.write(record, purpose, mark::NONE)
    }

    /// The same, and from now on `by` carries the record: a signed paper, a consultation or a recording.
    pub fn put_bound(&mut self, record: &Sealed, by: &str, purpose: Purpose) -> Result<Stored, Error> {
        carried::bind(self.unit, record.kind, record.id.as_str(), by)?;
        self.write(record, purpose, mark::NONE)
    }

    fn keep_off(&self, record: &Sealed) -> Result<(), Error> {
        if carried::is(self.unit, record.kind, record.id.as_str())? { Err(carried::fixed()) } else { Ok(()) }
    }

    /// The same for a record that an update brings into being, which its history tells apart from a create.
    pub fn put_by_update(&mut self, record: &Sealed, purpose: Purpose) -> Result<Stored, Error> {
        self.keep_off(record)?;
        self.write(record, purpose, mark::BROUGHT)
    }

    /// The same for a version that a patch makes of the one before.
    pub fn put_by_patch(&mut self, record: &Sealed, purpose: Purpose) -> Result<Stored, Error> {
        self.keep_off(record)?;
        self.write(record, purpose, mark::PATCHED)
    }

    fn write(&mut self, record: &Sealed, purpose: Purpose, mark: u8) -> Result<Stored, Error> {
        if record.kind == ResourceType::AUDIT_EVENT {
            return Err(trail::fixed());
        }
        let before = self.head(record.kind, record.id.as_str())?;
        if record.kind == ResourceType::PROVENANCE && before.is_some() {
            return Err(origin::fixed());
        }
        let version = before.as_ref().map_or(1, |head| head.version + 1);
        let now = self.unit.now();
        let body = record.template.finish(version, now);
        if parameters::concerns(record.kind) {
            let json = json::parse(&body, &Limits::bytes(usize::MAX));
            let json = json.map_err(|_| Error::Fault("a body that cannot be read".to_owned()))?;
            self.parameters.take(self.unit, record.id.as_str(), Some(&json))?;
        }
        let mut terms = self.parameters.current(self.unit, (record.epoch, &record.terms), &body)?;
        terms.push(terms::last_updated(now));
        let put = Put {
            kind: Kind(record.kind.number()),
            id: record.id.as_str(),
            owner: record.owner.clone(),
            body: &body,
            terms: &terms,
        };
        let head = self.unit.put_marked(put, mark)?;
        if head.version != version {
            return Err(Error::Fault("the vault counts versions differently".to_owned()));
        }
        let action = if before.is_none_or(|head| head.deleted) { Action::Create } else { Action::Update };
        self.after_write(record.kind, &head, action, purpose)?;
        if let Some(plan) = &record.watch {
            watch::begin(self, &record.id, plan)?;
        }
        Ok(Stored { head, body: body.into() })
    }

    /// Writes a version that is a delete, and its audit line.
    pub fn remove(&mut self, kind: ResourceType, id: &str, purpose: Purpose) -> Result<Head, Error> {
        if kind == ResourceType::AUDIT_EVENT {
            return Err(trail::fixed());
        }
        if kind == ResourceType::PROVENANCE {
            return Err(origin::fixed());
        }
        if carried::is(self.unit, kind, id)? {
            return Err(carried::fixed());
        }
        let head = self.unit.remove(Kind(kind.number()), id)?;
        if parameters::concerns(kind) {
            self.parameters.take(self.unit, id, None)?;
        }
        self.after_write(kind, &head, Action::Delete, purpose)?;
        if kind == ResourceType::SUBSCRIPTION {
            watch::end(self, id)?;
        }
        Ok(head)
    }

    fn after_write(
        &mut self,
        kind: ResourceType,
        head: &Head,
        action: Action,
        purpose: Purpose,
    ) -> Result<(), Error> {
        let about = About::record(kind, &head.id, head.version, &head.owner);
        self.unit.audit(audit::done(self.who, action, purpose, about))?;
        self.events.push(What::Record {
            kind: kind.number(),
            id: head.id.as_str().into(),
            version: head.version,
            deleted: head.deleted,
            patient: patient_of(&head.owner).map(Into::into),
        });
        Ok(())
    }

    /// How many record versions this unit has written so far.
    pub fn written(&self) -> u64 {
        self.events.iter().filter(|what| matches!(what, What::Record { .. })).count() as u64
    }

    /// The versions that this unit has written since this was last asked, such as `Patient/7/_history/2`; Provenances apart.
    pub(super) fn versions_without_origin(&mut self) -> Vec<String> {
        let new = self.events.get(self.told..).unwrap_or_default();
        let versions = new.iter().filter_map(|what| match what {
            What::Record { kind, id, version, .. } => {
                let kind =
                    ResourceType::from_number(*kind).filter(|kind| *kind != ResourceType::PROVENANCE)?;
                Some(format!("{kind}/{id}/_history/{version}"))
            }
            What::Inbox { .. } | What::Alerts => None,
        });
        let versions = versions.collect();
        self.told = self.events.len();
        versions
    }

    /// Adds an audit line that belongs to no single record.
    pub fn audit(&mut self, leaf: Leaf) -> Result<(), Error> {
        Ok(self.unit.audit(leaf)?)
    }

    /// Announces something other than a record once the unit is durable.
    pub fn announce(&mut self, what: What) {
        self.events.push(what);
    }
}

impl Records {
    /// Runs `job` as one unit of work and answers after the durable commit. An error undoes all of it.
    ///
    /// If the returned future is dropped the unit still runs to its end; only the answer is lost.
    pub async fn unit<T, F>(&self, who: Arc<Actor>, job: F) -> Result<(T, Tx), Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Work<'_, '_>) -> Result<T, Error> + Send + 'static,
    {
        let (answer, heard) = oneshot::channel();
        self.submit(Haste::Now, who, job, move |done| {
            // The asker may have gone; the unit is committed all the same.
            let _ = answer.send(done);
        });
        match heard.await {
            Ok(done) => done.map_err(Error::from),
            Err(_) => Err(Error::from(Unavailable::Closed)),
        }
    }

    /// The blocking form of [`Records::unit`], for the command line and for threads that are not the runtime's.
    pub fn unit_blocking<T, F>(&self, who: Arc<Actor>, job: F) -> Result<(T, Tx), Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Work<'_, '_>) -> Result<T, Error> + Send + 'static,
    {
        self.unit_with(Haste::Now, who, job)
    }

    /// As [`Records::unit_blocking`], saying how soon it is to be committed.
    pub fn unit_with<T, F>(&self, haste: Haste, who: Arc<Actor>, job: F) -> Result<(T, Tx), Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Work<'_, '_>) -> Result<T, Error> + Send + 'static,
    {
        let (answer, heard) = std::sync::mpsc::sync_channel(1);
        self.submit(haste, who, job, move |done| {
            let _ = answer.send(done);
        });
        match heard.recv() {
            Ok(done) => done.map_err(Error::from),
            Err(_) => Err(Error::from(Unavailable::Closed)),
        }
    }

    fn submit<T, F, D>(&self, haste: Haste, who: Arc<Actor>, job: F, done: D)
    where
        T: Send + 'static,
        F: FnOnce(&mut Work<'_, '_>) -> Result<T, Error> + Send + 'static,
        D: FnOnce(Result<(T, Tx), Refused<Error>>) + Send + 'static,
    {
        let (feed, vault) = (self.feed().clone(), self.vault().clone());
        let records = self.clone();
        let (definitions, consents) = (self.definitions().clone(), self.consents().clone());
        let parameters = self.parameters().clone();
        let own = parameters.clone();
        let sight = match self.sight(&who) {
            Ok(sight) => sight,
            Err(error) => return done(Err(Refused::Job(error))),
        };
        self.vault().submit_with(
            haste,
            move |unit| {
                let mut work = Work {
                    unit,
                    who: &who,
                    sight: &sight,
                    parameters: &parameters,
                    events: Vec::new(),
                    told: 0,
                    refused: None,
                };
                let done = job(&mut work).and_then(|value| {
                    if let Some(origin) = Origin::of_program(&who) {
                        records.keep_origin(&mut work, &origin)?;
                    }
                    Ok(value)
                });
                match done {
                    Ok(value) => match work.refused.take().map(|leaf| work.unit.audit(leaf)) {
                        // What was refused on the way of something that was done.
                        Some(Err(error)) => Err(Box::new((Error::from(error), None))),
                        Some(Ok(())) | None => Ok((value, work.events)),
                    },
                    Err(error) => Err(Box::new((error, work.refused))),
                }
            },
            move |committed| match committed {
                Ok(((value, events), tx)) => {
                    if events.iter().any(changes_definitions) {
                        definitions.changed();
                    }
                    if events.iter().any(changes_parameters) {
                        own.changed();
                    }
                    for what in events {
                        if let What::Record { kind, id, .. } = &what
                            && let Some(kind) = ResourceType::from_number(*kind)
                        {
                            consents.written(kind, id);
                        }
                        feed.announce(Event { tx: tx.0, what });
                    }
                    done(Ok((value, tx)));
                }
                Err(Refused::Job(failed)) => match *failed {
                    // The unit is undone; the line of its refusal is not, and it is there before the answer.
                    (error, Some(leaf)) => vault.submit(
                        move |unit| unit.audit(leaf),
                        move |noted| {
                            if let Err(why) = noted {
                                tracing::warn!(?why, "the audit line of a refusal was not taken");
                            }
                            done(Err(Refused::Job(error)));
                        },
                    ),
                    (error, None) => done(Err(Refused::Job(error))),
                },
                Err(Refused::NoAudit) => done(Err(Refused::NoAudit)),
                Err(Refused::Panicked) => done(Err(Refused::Panicked)),
                Err(Refused::Unavailable(why)) => done(Err(Refused::Unavailable(why))),
                Err(Refused::Unknown(fault)) => done(Err(Refused::Unknown(fault))),
            },
        );
    }
}

/// Whether a definition was written, so that what was read of it before no longer holds.
fn changes_definitions(what: &What) -> bool {
    match what {
        What::Record { kind, .. } => ResourceType::from_number(*kind).is_some_and(conformance::concerns),
        What::Inbox { .. } | What::Alerts => false,
    }
}

/// The same for the clinic's own search parameters.
fn changes_parameters(what: &What) -> bool {
    match what {
        What::Record { kind, .. } => ResourceType::from_number(*kind).is_some_and(parameters::concerns),
        What::Inbox { .. } | What::Alerts => false,
    }
}
