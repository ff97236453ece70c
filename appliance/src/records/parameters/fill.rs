//! Records that were there before a parameter are indexed by it in the background, a few at a time, and lose the terms
//! of one that is no more.
//!
//! Terms are made outside the writer; a unit sets those of a handful of records and notes how far it is, so a restart or
//! a kill goes on where it ended. All parameters that are new share one pass.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::resource::Resource;
use clinicvault_gateway::fhir::search::own::{self, Own};
use clinicvault_gateway::fhir::search::{self, Context};
use clinicvault_vault::{Action, Head, MAX_TERMS, Rid, Snapshot, Term};

use super::super::Records;
use super::super::access::{Actor, Purpose};
use super::super::audit::{self, About};
use super::super::error::Error;
use super::super::terms;
use super::Open;
use super::kept::{self, All};

/// Records of one unit.
const BATCH: u64 = 64;

impl Records {
    /// Takes in what an older program kept, or indexes the next few records; answers whether there is more to do.
    /// Blocking.
    ///
    /// # Errors
    /// What reading and writing the vault answers; what was done before stays done.
    pub(in super::super) fn fill_some(&self) -> Result<bool, Error> {
        match self.parameters().state()?.1 {
            Open::Nothing => return Ok(false),
            Open::Adopt => self.adopt()?,
            Open::Fill => self.index_some()?,
        }
        self.parameters().changed();
        Ok(true)
    }

    fn adopt(&self) -> Result<(), Error> {
        let parameters = self.parameters().clone();
        self.unit_blocking(Arc::new(Actor::operator("search parameters")), move |work| {
            let all = parameters.all(work.unit())?;
            all.save(work.unit())?;
            let who = work.who().clone();
            work.audit(audit::done(&who, Action::Execute, Purpose::Operations, About::default()))
        })?;
        Ok(())
    }

    fn index_some(&self) -> Result<(), Error> {
        let snapshot = self.vault().snapshot()?;
        let all = All::read(&snapshot)?;
        let Some(begin) = all.state.as_ref().and_then(kept::State::begin) else { return Ok(()) };
        let own = Arc::new(all.own(Arc::default()));
        let epoch = own.epoch();
        let mut context = Context::new(self.zone().clone(), self.now());
        context.own = own;
        let mut changed = Vec::new();
        let mut next = begin;
        while next < begin + BATCH
            && let Some(head) = snapshot.head_of(Rid(next))?
        {
            if let Some(terms) = anew(&snapshot, &head, &context)? {
                changed.push((head.rid, head.version, terms));
            }
            next += 1;
        }
        let done = next < begin + BATCH;
        self.unit_blocking(Arc::new(Actor::operator("search parameters")), move |work| {
            let mut all = All::read(work.unit())?;
            // A definition was written meanwhile: these terms are none of its.
            if all.epoch() != epoch {
                return Ok(());
            }
            for (rid, version, terms) in changed {
                // Whoever wrote it since has indexed it as well.
                if work.unit().head_of(rid)?.is_some_and(|head| head.version == version && !head.deleted) {
                    work.unit().set_terms(rid, &terms)?;
                }
            }
            if done {
                all.finish(work.unit().tx().0);
            } else if let Some(state) = &mut all.state {
                state.reach(next);
            }
            all.save(work.unit())?;
            let who = work.who().clone();
            work.audit(audit::done(&who, Action::Execute, Purpose::Operations, About::default()))
        })?;
        let last = snapshot.last_rid().0.max(1);
        let percent = (next.saturating_sub(1).min(last) * 100 / last).min(99);
        self.parameters().percent.store(u8::try_from(percent).unwrap_or(99), Ordering::Relaxed);
        Ok(())
    }
}

/// The terms of a record with those of the own parameters made anew; none when it has them already.
fn anew(snapshot: &Snapshot, head: &Head, context: &Context) -> Result<Option<Vec<Term>>, Error> {
    if head.deleted {
        return Ok(None);
    }
    let old = match snapshot.terms(head.rid).map_err(Error::from) {
        Ok(old) => old,
        Err(Error::Damaged(why)) => {
            tracing::error!(rid = head.rid.0, why, "the search terms of a record stay as they are");
            return Ok(None);
        }
        Err(other) => return Err(other),
    };
    let known: Vec<search::Term> = old.iter().cloned().map(terms::back).collect();
    let resource = match snapshot.body(head).map_err(Error::from) {
        Ok(body) => Resource::stored(&body).ok(),
        // One damaged record must not keep the others from being found.
        Err(Error::Damaged(_)) => None,
        Err(other) => return Err(other),
    };
    let new = match (&resource, ResourceType::from_number(head.kind.0)) {
        (Some(resource), _) => own::renewed(resource, context, &known),
        (None, Some(kind)) => own::unreadable(kind, context, &known),
        (None, None) => return Ok(None),
    };
    let new = terms::all(new);
    if new.len() > MAX_TERMS {
        tracing::error!(rid = head.rid.0, terms = new.len(), "the search terms of a record stay as they are");
        return Ok(None);
    }
    Ok((new != old).then_some(new))
}

/// Whether a state of the parameters is the one that the writer sees.
pub fn is_current(unit: &clinicvault_vault::Unit<'_>, own: &Own) -> Result<bool, Error> {
    Ok(kept::epoch(unit)? == own.epoch())
}
