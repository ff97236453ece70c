//! Looking through the log on behalf of a subscription, and opening what it found: both under the rights that its owner
//! has at that moment.

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::resource::Resource;
use clinicvault_gateway::fhir::search::{self, Context, Term, Terminology};
use clinicvault_gateway::fhir::subscription::topic::Topic;
use clinicvault_gateway::fhir::subscription::watch::{Change, Interaction, Watch};
use clinicvault_gateway::fhir::subscription::wish::Criteria;
use clinicvault_gateway::json::{self, Limits, Value};
use clinicvault_vault::{Action, Head, Leaf, Rid, Snapshot, Tx};

use super::super::Records;
use super::super::access::{Actor, Op};
use super::super::audit::{self, About};
use super::super::error::Error;
use super::super::sight::Sight;
use super::super::{parameters, terms};
use super::gate;
use super::row::{Happened, Row};

/// Lines of the log looked at in one go.
const LINES: usize = 500;
/// Bytes of records that one notification holds, besides its first.
const MOST_BYTES: usize = 8 << 20;

/// What a look through the log found.
#[derive(Debug)]
pub struct Looked {
    /// Everything up to this unit was looked at.
    pub scanned: u64,
    /// What concerns the subscription, in order.
    pub found: Vec<Happened>,
}

/// An event that may be told.
pub struct Opened {
    /// Its number.
    pub number: u64,
    /// What happened.
    pub event: Happened,
    /// The version that was written; none of a delete, or when records were not asked for.
    pub resource: Option<Value>,
    /// The line for the audit log, on behalf of the one who is told.
    pub leaf: Leaf,
}

impl Records {
    /// Criteria as they are understood now, with the value sets that this owner may read.
    ///
    /// # Errors
    /// [`Error::Broken`] when they are not served, for example because their topic is gone; [`Error::Indexing`] while a
    /// search parameter that they ask for does not know every record.
    pub fn compiled(&self, who: &Actor, criteria: &Criteria, base: &str) -> Result<Watch, Error> {
        let mut context = self.reading();
        context.terminology = Terminology(self.seen_by(who));
        if !base.is_empty() {
            context.bases.push(base.to_owned());
        }
        let find = |url: &str| -> Option<Topic> { gate::topic(self.definitions(), url) };
        Watch::new(criteria, &context, find).map_err(gate::unfit)
    }

    /// Looks through the log behind a unit.
    ///
    /// # Errors
    /// [`Error::Busy`] when the own search parameters have changed since the criteria were read.
    pub fn look_through(&self, who: &Actor, watch: &Watch, from: u64) -> Result<Looked, Error> {
        let sight = self.sight(who)?;
        let snapshot = self.vault().snapshot()?;
        // Read by other own search parameters than there are now, criteria and scopes would ask for the wrong numbers.
        let context = self.reading();
        let read_by = [watch.own(), sight.own_epoch(), Some(context.own.epoch())];
        let epoch = parameters::epoch(&snapshot)?;
        if read_by.into_iter().flatten().any(|own| own != epoch) {
            return Err(Error::Busy);
        }
        let log = snapshot.log(Tx(from), LINES)?;
        let scanned = match log.last() {
            Some(last) if log.len() >= LINES => last.tx.0,
            _ => snapshot.tx().0,
        };
        let mut found = Vec::new();
        for change in log {
            let Some(kind) = ResourceType::from_number(change.kind.0) else { continue };
            let before = before(&snapshot, change.rid, change.version)?;
            let interaction = match (change.deleted, &before) {
                (true, _) => Interaction::Delete,
                (false, None) => Interaction::Create,
                (false, Some(_)) => Interaction::Update,
            };
            if !watch.looks_at(kind, interaction) {
                continue;
            }
            let Some(head) = snapshot.version(change.rid, change.version)? else { continue };
            let current =
                if head.deleted { None } else { Some(self.terms_then(&snapshot, &head, &context)?) };
            let previous = match before.filter(|_| watch.looks_back(kind, interaction)) {
                // What it was before decides only for whoever may know what it was.
                Some(before) if shows(&sight, kind, &snapshot, &before)? => {
                    Some(self.terms_then(&snapshot, &before, &context)?)
                }
                Some(_) | None => None,
            };
            let seen =
                Change { kind, interaction, current: current.as_deref(), previous: previous.as_deref() };
            if !watch.matches(&seen) || !shows(&sight, kind, &snapshot, &head)? {
                continue;
            }
            found.push(Happened {
                tx: change.tx.0,
                rid: change.rid.0,
                kind: change.kind.0,
                id: change.id,
                version: change.version,
                interaction: interaction.as_str().to_owned(),
                at: head.time,
            });
        }
        Ok(Looked { scanned, found })
    }

    /// Opens kept events for whoever is to be told of them; one that they may not see, now, is left out. Answers the
    /// number up to which it came: what would be too much for one answer is left for the next.
    pub fn open_events(
        &self,
        who: &Actor,
        row: &Row,
        (from, to): (u64, u64),
        with_records: bool,
    ) -> Result<(u64, Vec<Opened>), Error> {
        let events = self.happened(row, from, to)?;
        let sight = self.sight(who)?;
        let snapshot = self.vault().snapshot()?;
        let (mut opened, mut bytes) = (Vec::new(), 0);
        for (number, event) in events {
            let Some(kind) = ResourceType::from_number(event.kind) else { continue };
            let Some(head) = snapshot.version(Rid(event.rid), event.version)? else { continue };
            if !shows(&sight, kind, &snapshot, &head)? {
                continue;
            }
            let mut resource = None;
            if with_records && !head.deleted {
                let body = snapshot.body(&head)?;
                bytes += body.len();
                if bytes > MOST_BYTES && !opened.is_empty() {
                    return Ok((number - 1, opened));
                }
                resource = Some(parsed(&body, &head)?);
            }
            let purpose = sight.look(Op::Read, kind).gate().check().map_err(Error::Refused)?;
            let about = About::record(kind, &head.id, head.version, &head.owner);
            let leaf = audit::done(who, Action::Read, purpose, about);
            opened.push(Opened { number, event, resource, leaf });
        }
        Ok((to, opened))
    }

    /// The terms of one version. Those of the newest are kept beside the record; others are made again.
    fn terms_then(&self, snapshot: &Snapshot, head: &Head, context: &Context) -> Result<Vec<Term>, Error> {
        let newest = snapshot.head_of(head.rid)?.is_some_and(|newest| newest.version == head.version);
        if newest && self.index_is_complete() {
            return Ok(snapshot.terms(head.rid)?.into_iter().map(terms::back).collect());
        }
        let body = snapshot.body(head)?;
        let damaged = |_| Error::Damaged(format!("record {} version {}", head.rid.0, head.version));
        let resource = Resource::stored(&body).map_err(damaged)?;
        let mut terms = search::terms(&resource, context);
        terms.push(search::terms::last_updated(head.time));
        Ok(terms)
    }
}

fn parsed(body: &[u8], head: &Head) -> Result<Value, Error> {
    json::parse(body, &Limits::bytes(usize::MAX))
        .map_err(|_| Error::Damaged(format!("record {}", head.rid.0)))
}

/// The version before one, if that was no delete.
fn before(snapshot: &Snapshot, rid: Rid, version: u64) -> Result<Option<Head>, Error> {
    let before = version.checked_sub(1).filter(|version| *version > 0);
    let before = before.map(|version| snapshot.version(rid, version)).transpose()?.flatten();
    Ok(before.filter(|before| !before.deleted))
}

/// Whether the one who watches may both find and read this version.
fn shows(sight: &Sight, kind: ResourceType, snapshot: &Snapshot, head: &Head) -> Result<bool, Error> {
    Ok(sight.look(Op::Read, kind).shows(snapshot, head)?
        && sight.look(Op::Search, kind).shows(snapshot, head)?)
}
