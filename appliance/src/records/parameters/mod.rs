//! The clinic's own search parameters: SearchParameter records that are in use.
//!
//! `kept` is what the vault holds of them: under which number each is indexed, since when it knows every record, and how
//! far those are that do not yet. It changes in the unit that writes the definition, so what is committed after it has
//! its terms; `fill` indexes what was there before. This room hands out the state that was committed last; the writer
//! compares it with its own before it takes terms that were made outside (0117).

mod fill;
mod kept;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::resource::Resource;
use clinicvault_gateway::fhir::search::own::{self, Definition, Own};
use clinicvault_gateway::fhir::search::{Context, Term};
use clinicvault_gateway::json::Value;
use clinicvault_vault::{Unit, Vault};
use jiff::tz::TimeZone;

use super::Records;
use super::error::Error;
pub use fill::is_current;
use kept::All;
pub use kept::Standing;
pub use kept::epoch;

/// Most own parameters unless the settings say otherwise (`fhir.search_parameters`).
const MOST: usize = 100;

/// Whether records of a type are definitions of search parameters.
pub fn concerns(kind: ResourceType) -> bool {
    kind.as_str() == "SearchParameter"
}

/// What there is to do in the background.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Nothing,
    /// Definitions of an older program have not been looked at.
    Adopt,
    /// Records are not yet indexed by a parameter, or still by one that is no more.
    Fill,
}

struct Held {
    generation: u64,
    own: Arc<Own>,
    open: Open,
}

/// The own parameters of one vault.
pub struct Parameters {
    vault: Vault,
    zone: TimeZone,
    held: Mutex<Option<Held>>,
    /// Grows with every commit that changes them.
    generation: AtomicU64,
    /// The state that the writer saw last. A unit that was undone leaves one that never was; it is then looked up.
    writer: AtomicU64,
    most: AtomicUsize,
    percent: Arc<AtomicU8>,
}

impl Parameters {
    /// Those of a vault; `zone` is the clinic's.
    pub fn new(vault: Vault, zone: TimeZone) -> Self {
        Self {
            vault,
            zone,
            held: Mutex::default(),
            generation: AtomicU64::new(0),
            writer: AtomicU64::new(u64::MAX),
            most: AtomicUsize::new(MOST),
            percent: Arc::default(),
        }
    }

    /// Bounds their number.
    pub fn bound(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// Those that were committed last.
    pub fn own(&self) -> Arc<Own> {
        match self.state() {
            Ok((own, _)) => own,
            Err(error) => {
                tracing::warn!(%error, "the clinic's own search parameters could not be read");
                let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
                held.as_ref().map(|held| held.own.clone()).unwrap_or_default()
            }
        }
    }

    /// A commit changed them. Called before the answer to it leaves.
    pub fn changed(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    fn state(&self) -> Result<(Arc<Own>, Open), Error> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // Asked for before anything is read: what is committed meanwhile is read the next time.
        let generation = self.generation.load(Ordering::SeqCst);
        if let Some(held) = held.as_ref().filter(|held| held.generation == generation) {
            return Ok((held.own.clone(), held.open));
        }
        let snapshot = self.vault.snapshot()?;
        let all = All::read(&snapshot)?;
        let open = match &all.state {
            None if snapshot.count(kept::kind()?)? > 0 => Open::Adopt,
            Some(state) if state.begin().is_some() => Open::Fill,
            _ => Open::Nothing,
        };
        let own = Arc::new(all.own(self.percent.clone()));
        *held = Some(Held { generation, own: own.clone(), open });
        Ok((own, open))
    }

    /// Takes in what a SearchParameter says that is being written; none when it is being deleted. Inside the writer.
    ///
    /// # Errors
    /// [`Error::Broken`] for a definition that cannot be used, or would be one too many.
    pub fn take(&self, unit: &mut Unit<'_>, id: &str, json: Option<&Value>) -> Result<(), Error> {
        let mut all = self.all(unit)?;
        if all.set(id, json, self.most.load(Ordering::Relaxed))? {
            all.save(unit)?;
            self.writer.store(all.epoch(), Ordering::SeqCst);
        }
        Ok(())
    }

    /// What is kept, with definitions of an older program taken in.
    fn all(&self, unit: &mut Unit<'_>) -> Result<All, Error> {
        let mut all = All::read(unit)?;
        if all.state.is_none() {
            all.adopt(unit, self.most.load(Ordering::Relaxed))?;
        }
        Ok(all)
    }

    /// Terms as the writer has to keep them: those that were made outside, or, when own parameters have changed since,
    /// these with those of the own parameters made anew.
    pub fn current(
        &self,
        unit: &mut Unit<'_>,
        (epoch, terms): (u64, &[clinicvault_vault::Term]),
        body: &[u8],
    ) -> Result<Vec<clinicvault_vault::Term>, Error> {
        if self.writer.load(Ordering::SeqCst) == epoch {
            return Ok(terms.to_vec());
        }
        let now = kept::epoch(unit)?;
        self.writer.store(now, Ordering::SeqCst);
        if now == epoch {
            return Ok(terms.to_vec());
        }
        let mut context = Context::new(self.zone.clone(), unit.now());
        context.own = Arc::new(All::read(unit)?.own(self.percent.clone()));
        let resource =
            Resource::stored(body).map_err(|_| Error::Fault("a body that cannot be read".into()))?;
        let old: Vec<Term> = terms.iter().cloned().map(super::terms::back).collect();
        Ok(super::terms::all(own::renewed(&resource, &context, &old)))
    }

    /// Refuses a definition that cannot be used, before it is written.
    ///
    /// # Errors
    /// [`Error::Broken`] with every reason and its place.
    pub fn check(&self, json: &Value) -> Result<(), Error> {
        Definition::read(json, &self.own()).map(|_| ()).map_err(Error::Broken)
    }
}

impl Records {
    pub(super) fn parameters(&self) -> &Arc<Parameters> {
        &self.0.parameters
    }

    /// The clinic's own search parameters.
    pub fn own_parameters(&self) -> Arc<Own> {
        self.parameters().own()
    }

    /// How far records are indexed by each of the own search parameters, by id. Blocking.
    ///
    /// # Errors
    /// What reading the vault answers.
    pub fn standing_parameters(&self) -> Result<Vec<Standing>, Error> {
        let snapshot = self.vault().snapshot()?;
        All::read(&snapshot)?.standing(snapshot.last_rid().0)
    }

    /// Bounds the number of own search parameters (setting `fhir.search_parameters`).
    pub fn bound_parameters(&self, most: usize) {
        self.parameters().bound(most);
    }
}
