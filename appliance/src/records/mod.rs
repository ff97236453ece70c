//! The only door to stored FHIR.
//!
//! `write` carries a record from draft to sealed, `unit` commits it, `change`, `conditional`, `patch`, `read`, `search`
//! and `transaction` are the interactions, `matching` finds what a condition means inside the writer, `access` decides who may, `sight`
//! is the filter that every path obeys, `watch` keeps what belongs to a Subscription, `audit` says how an access is recorded, `feed` tells live views what was committed. Records know nothing of HTTP and HL7.

pub mod access;
pub mod access_log;
mod arrivals;
pub mod audit;
mod carried;
pub mod change;
pub mod changes;
pub mod chart;
#[cfg(test)]
mod clinic_tests;
pub(crate) mod compartment;
pub mod conditional;
pub mod conformance;
pub mod consents;
#[cfg(test)]
mod cost_tests;
pub mod document;
pub mod entries;
pub mod error;
pub mod everything;
pub mod export;
#[cfg(test)]
mod export_tests;
pub mod feed;
pub mod gather;
pub mod graph;
#[cfg(test)]
mod guard_tests;
pub mod history;
pub mod import;
mod labels;
#[cfg(test)]
mod leak_tests;
pub mod mark;
mod matching;
pub mod names;
pub mod origin;
mod owner;
mod page_link;
pub mod parameters;
pub mod patch;
pub mod patient_match;
pub mod people;
pub mod read;
pub mod register;
pub mod renewal;
pub mod reviews;
pub mod search;
mod seen;
mod shown;
pub mod sight;
pub mod summary;
pub mod table;
pub mod terminology;
mod terms;
#[cfg(test)]
pub(crate) mod testing;
mod trail;
pub mod transaction;
pub mod unit;
pub mod watch;
pub mod write;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use clinicvault_gateway::fhir::patch::Budget;
use clinicvault_gateway::fhir::search::words::Words;
use clinicvault_gateway::fhir::search::{Context, Terminology};
use clinicvault_gateway::fhir::terminology::Source;
use clinicvault_gateway::fhir::validate::{Level, MOST_STEPS};
use clinicvault_vault::Vault;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::clock::Clock;
use access::Actor;
use feed::Feed;

/// Steps that all patches of one request may take unless a setting says otherwise.
pub const PATCH_STEPS: u64 = 20_000_000;

/// The records room of an open vault. A clone is another handle to the same room.
#[derive(Clone)]
pub struct Records(Arc<Inner>);

struct Inner {
    vault: Vault,
    feed: Feed,
    clock: Arc<dyn Clock>,
    zone: TimeZone,
    level: Level,
    /// How far the writes of single programs are checked, by their ids.
    levels: RwLock<BTreeMap<String, Level>>,
    definitions: Arc<conformance::Conformance>,
    cursors: search::cursor::Sealer,
    links: page_link::Links,
    shown: shown::Shown,
    searched: search::memory::Memory,
    index: renewal::Index,
    parameters: Arc<parameters::Parameters>,
    most_values: AtomicUsize,
    patch_steps: AtomicU64,
    words: OnceLock<Words>,
    validation_steps: AtomicU64,
    bounds: OnceLock<search::Bounds>,
    consents: Arc<consents::Consents>,
    gate: OnceLock<Arc<watch::Gate>>,
}

/// On whose behalf, and under which address of the box, an interaction runs.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who asks.
    pub who: Arc<Actor>,
    /// The box's FHIR base as this caller sees it, such as `https://clinicvault.local:8443/fhir`.
    pub base: Option<Arc<str>>,
}

impl Records {
    /// The room of `vault`. `zone` is the clinic's, for dates without one. Writes are checked for R4's invariants.
    pub fn new(vault: Vault, clock: Arc<dyn Clock>, zone: TimeZone) -> Self {
        Self::checking(vault, clock, zone, Level::Invariants)
    }

    /// The same, with writes checked as far as `level` goes.
    pub fn checking(vault: Vault, clock: Arc<dyn Clock>, zone: TimeZone, level: Level) -> Self {
        Self::knowing(vault, clock, zone, level, None)
    }

    /// The same, with a library of large code systems.
    pub fn knowing(
        vault: Vault,
        clock: Arc<dyn Clock>,
        zone: TimeZone,
        level: Level,
        library: Option<conformance::Library>,
    ) -> Self {
        let cursors = search::cursor::Sealer::new(vault.key_for("search cursor").expose());
        let links = page_link::Links::new(vault.key_for("page link").expose());
        let parameters = Arc::new(parameters::Parameters::new(vault.clone(), zone.clone()));
        let definitions = Arc::new(conformance::Conformance::new(vault.clone(), library));
        let records = Self(Arc::new(Inner {
            vault,
            feed: Feed::new(),
            clock,
            zone,
            level,
            levels: RwLock::default(),
            definitions,
            cursors,
            links,
            shown: shown::Shown::default(),
            searched: search::memory::Memory::default(),
            index: renewal::Index::default(),
            parameters,
            most_values: AtomicUsize::new(Context::MOST_VALUES),
            patch_steps: AtomicU64::new(PATCH_STEPS),
            words: OnceLock::new(),
            validation_steps: AtomicU64::new(MOST_STEPS),
            bounds: OnceLock::new(),
            consents: Arc::default(),
            gate: OnceLock::new(),
        }));
        if let Err(error) = records.look_at_index() {
            tracing::warn!(%error, "how far the search index is could not be read");
        }
        if let Err(error) = records.consents().reopen(records.vault(), records.now()) {
            tracing::warn!(%error, "which records are open in an emergency could not be read: none is");
        }
        records
    }

    /// Bounds the values of one search parameter (setting `limits.search_values`).
    pub fn set_most_values(&self, most: usize) {
        self.0.most_values.store(most, Ordering::Relaxed);
    }

    /// Bounds the work of all patches of one request (setting `limits.patch_steps`).
    pub fn set_patch_steps(&self, most: u64) {
        self.0.patch_steps.store(most, Ordering::Relaxed);
    }

    /// Bounds the work of checking one resource (setting `fhir.validation_steps`).
    pub fn set_validation_steps(&self, most: u64) {
        self.0.validation_steps.store(most, Ordering::Relaxed);
    }

    /// What the patches of one request may do together.
    pub fn patch_budget(&self) -> Arc<Budget> {
        Arc::new(Budget::new(self.0.patch_steps.load(Ordering::Relaxed)))
    }

    /// What the box's own writes are checked for.
    pub fn checks(&self) -> write::Checks {
        self.checks_with(self.0.definitions.clone())
    }

    /// The same, where criteria of subscriptions are understood with this terminology.
    fn checks_with(&self, terminology: Arc<dyn Source>) -> write::Checks {
        let mut context = self.reading();
        context.terminology = Terminology(terminology);
        let gate = (self.gate_of_subscriptions(), context);
        write::Checks {
            level: self.0.level,
            most_steps: self.0.validation_steps.load(Ordering::Relaxed),
            definitions: self.0.definitions.clone(),
            parameters: self.0.parameters.clone(),
            gate: Some(Arc::new(gate)),
        }
    }

    /// Sets what subscriptions may do, once; otherwise nothing may be sent anywhere.
    pub fn gate_subscriptions(&self, gate: watch::Gate) {
        if self.0.gate.set(Arc::new(gate)).is_err() {
            tracing::warn!("the rules about subscriptions were set before and stay");
        }
    }

    /// What subscriptions may do.
    fn gate_of_subscriptions(&self) -> Arc<watch::Gate> {
        self.0.gate.get().cloned().unwrap_or_default()
    }

    /// What a write of this caller is checked for: a registered program may have a level of its own.
    pub fn checks_for(&self, who: &Actor) -> write::Checks {
        let levels = self.0.levels.read().unwrap_or_else(PoisonError::into_inner);
        let own = who.program().and_then(|program| levels.get(program).copied());
        write::Checks { level: own.unwrap_or(self.0.level), ..self.checks_with(self.seen_by(who)) }
    }

    /// Says how far the writes of a program are checked; none for the box's own level.
    pub fn set_level(&self, program: &str, level: Option<Level>) {
        let mut levels = self.0.levels.write().unwrap_or_else(PoisonError::into_inner);
        match level {
            Some(level) => levels.insert(program.to_owned(), level),
            None => levels.remove(program),
        };
    }

    /// Stored definitions in front of those of R4, whoever asks: what writes are checked by.
    pub fn definitions(&self) -> &Arc<conformance::Conformance> {
        &self.0.definitions
    }

    /// Terminology as a caller sees it: a stored value set, code system or map that they may not read is not there.
    pub fn seen_by(&self, who: &Actor) -> Arc<dyn Source> {
        Arc::new(seen::Seen::new(self.clone(), who.clone()))
    }

    /// The vault itself, for rooms that keep documents and queue rows in it.
    pub fn vault(&self) -> &Vault {
        &self.0.vault
    }

    /// Committed changes as they happen.
    pub fn feed(&self) -> &Feed {
        &self.0.feed
    }

    /// The box's clock.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// The clinic's time zone.
    pub fn zone(&self) -> &TimeZone {
        &self.0.zone
    }

    /// What reading dates and references depends on, for this caller.
    pub fn context(&self, from: &Caller) -> Context {
        let mut context = self.reading();
        context.chain_depth = self.bounds().chain_depth;
        context.bases.extend(from.base.as_deref().map(str::to_owned));
        context.terminology = Terminology(self.seen_by(&from.who));
        context.most_values = self.0.most_values.load(Ordering::Relaxed);
        context
    }

    /// The same whoever asks: what records are indexed by, and what criteria that are kept are read by.
    fn reading(&self) -> Context {
        let mut context = Context::new(self.0.zone.clone(), self.now());
        context.terminology = Terminology(self.0.definitions.clone());
        context.own = self.own_parameters();
        context.words = self.words();
        context
    }

    /// Refuses scopes that cannot be honoured with the search parameters and value sets that there are now.
    ///
    /// # Errors
    /// The scope and the reason.
    pub fn judge(&self, scopes: &access::Scopes) -> Result<(), access::UnreadableScope> {
        scopes.judge(&self.reading())
    }

    /// Says which words of records are indexed, once (setting `fhir.words`). Records that are indexed otherwise are renewed.
    /// Blocking.
    ///
    /// # Errors
    /// What reading and writing the vault answers.
    pub fn index_words(&self, words: Words) -> Result<(), error::Error> {
        if self.0.words.set(words).is_err() {
            tracing::warn!("which words are indexed was said before and stays");
        }
        self.take_over_index()?;
        self.look_at_index()
    }

    fn words(&self) -> Words {
        self.0.words.get().copied().unwrap_or_default()
    }

    fn index(&self) -> &renewal::Index {
        &self.0.index
    }

    /// Sets what a search may cost, once; otherwise it is what [`search::Bounds`] has by default.
    pub fn bound_searches(&self, bounds: search::Bounds) {
        if self.0.bounds.set(bounds).is_err() {
            tracing::warn!("the bounds of searches were set before and stay");
        }
    }

    fn bounds(&self) -> search::Bounds {
        self.0.bounds.get().copied().unwrap_or_default()
    }

    /// Patients' consents.
    pub fn consents(&self) -> &Arc<consents::Consents> {
        &self.0.consents
    }

    fn shown(&self) -> &shown::Shown {
        &self.0.shown
    }

    fn searched(&self) -> &search::memory::Memory {
        &self.0.searched
    }

    fn links(&self) -> &page_link::Links {
        &self.0.links
    }

    fn cursors(&self) -> &search::cursor::Sealer {
        &self.0.cursors
    }
}

#[cfg(test)]
mod tests;
