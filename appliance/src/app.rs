//! The composition root: builds the rooms once and hands back a handle that the program and the tests both use.
//!
//! It owns the state of the vault slot (setup, sealed, open). It decides nothing about people, records or messages.

pub mod opening;
pub mod rescue;

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bytes::Bytes;
use clinicvault_vault::Vault;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use thiserror::Error;

use crate::admin::error::AdminError;
use crate::admin::gate::Gate;
use crate::admin::people::People;
use crate::clock::Clock;
use crate::config::Config;
use crate::consult::Consult;
use crate::exchange::{Exchange, Rules};
use crate::jobs::Jobs;
use crate::lan::addresses;
use crate::lan::tls::{Tls, TlsError};
use crate::pulse::Pulse;
use crate::records::Records;
use crate::records::access::Actor;
use crate::records::conformance::Library;
use crate::records::search::Bounds;
use crate::scribe::transcriber::Transcriber;
use crate::subscriptions::{self, Subscriptions};
use crate::supervisor::Supervisor;

pub use rescue::Rescue;

/// The whole box. A clone is another handle to the same box.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    config: Config,
    clock: Arc<dyn Clock>,
    started: Timestamp,
    pulse: Pulse,
    supervisor: Supervisor,
    slot: RwLock<Slot>,
    gate: Arc<Gate>,
    tls: Tls,
    /// Held while a vault is made or opened: both are slow, and neither may happen twice.
    opening: tokio::sync::Mutex<()>,
    /// HTTPS and HTTP as bound.
    ports: (AtomicU16, AtomicU16),
    /// Descriptions of the box as written, by the address they were asked under, and the state of the own search
    /// parameters that they list.
    described: Mutex<(u64, HashMap<String, Bytes>)>,
}

/// Addresses under which a description is kept; a box has a handful.
const MOST_ADDRESSES: usize = 16;

/// What the vault slot holds.
#[derive(Clone)]
pub enum Slot {
    /// No vault in the data folder yet: the setup page answers.
    Setup,
    /// A vault is there, its key is not: only unlock, health and the CA page answer.
    Sealed,
    /// Open. Dropping the last handle of the rooms closes the vault.
    Open(Arc<Rooms>),
    /// The box failed too often: it opens nothing, says why, and waits for somebody to say that it shall try again.
    Rescue(Arc<Rescue>),
}

/// What exists only while the vault is open.
pub struct Rooms {
    /// The only door to stored FHIR.
    pub records: Records,
    /// Accounts, sessions, tokens.
    pub people: People,
    /// Messages from outside.
    pub exchange: Exchange,
    /// Long work.
    pub jobs: Jobs,
    /// Changes told to others.
    pub subscriptions: Subscriptions,
    /// Consultations and their money.
    pub consult: Consult,
    /// What hears speech and makes transcripts.
    pub transcriber: Transcriber,
}

/// The vault is not open, so nothing stored can be read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Closed {
    /// See [`Slot::Setup`].
    #[error("the box has not been set up yet")]
    Setup,
    /// See [`Slot::Sealed`].
    #[error("the vault is sealed")]
    Sealed,
    /// See [`Slot::Rescue`].
    #[error("the box failed too often and waits for somebody")]
    Rescue,
}

impl App {
    /// A box on `config.storage.data` with nothing open yet.
    ///
    /// Fails when the box's certificate cannot be prepared.
    pub fn new(config: Config, clock: Arc<dyn Clock>, slot: Slot) -> Result<Self, TlsError> {
        let folder = config.storage.data.join("tls");
        let tls = Tls::start(&folder, &config.listen.names, &addresses::local(), clock.now())?;
        Ok(Self(Arc::new(Inner {
            config,
            started: clock.now(),
            pulse: Pulse::default(),
            clock,
            supervisor: Supervisor::new(),
            slot: RwLock::new(slot),
            gate: Arc::new(Gate::default()),
            tls,
            opening: tokio::sync::Mutex::new(()),
            ports: Default::default(),
            described: Mutex::default(),
        })))
    }

    /// The settings, fixed for the life of the process.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        &self.0.config.storage.data
    }

    /// The box's clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// When this process began.
    pub fn started(&self) -> Timestamp {
        self.0.started
    }

    /// Whether the box can do its work.
    pub fn pulse(&self) -> &Pulse {
        &self.0.pulse
    }

    /// Named tasks and the ordered stop.
    pub fn supervisor(&self) -> &Supervisor {
        &self.0.supervisor
    }

    /// The clinic's zone; UTC when the setting names none that is known, which `Config` refuses at start.
    pub fn zone(&self) -> TimeZone {
        TimeZone::get(&self.0.config.clinic.zone).unwrap_or(TimeZone::UTC)
    }

    /// What the box says of itself under an address: as it was written before, or made now. It stays the same until the own
    /// search parameters change, whose state `epoch` is.
    pub fn described(&self, base: &str, epoch: u64, make: impl FnOnce() -> Bytes) -> Bytes {
        {
            let mut kept = self.0.described.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.0 != epoch {
                *kept = (epoch, HashMap::new());
            }
            if let Some(bytes) = kept.1.get(base) {
                return bytes.clone();
            }
        }
        let bytes = make();
        let mut kept = self.0.described.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.0 == epoch && kept.1.len() < MOST_ADDRESSES {
            kept.1.insert(base.to_owned(), bytes.clone());
        }
        bytes
    }

    /// Throttling and the setup code.
    pub fn gate(&self) -> &Arc<Gate> {
        &self.0.gate
    }

    /// The box's certificate.
    pub fn tls(&self) -> &Tls {
        &self.0.tls
    }

    /// What the vault slot holds now.
    pub fn slot(&self) -> Slot {
        self.0.slot.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The rooms, or why there are none.
    pub fn rooms(&self) -> Result<Arc<Rooms>, Closed> {
        match &*self.0.slot.read().unwrap_or_else(PoisonError::into_inner) {
            Slot::Open(rooms) => Ok(rooms.clone()),
            Slot::Setup => Err(Closed::Setup),
            Slot::Sealed => Err(Closed::Sealed),
            Slot::Rescue(_) => Err(Closed::Rescue),
        }
    }

    /// Builds the rooms around an opened vault, brings the box's certificate up to date and puts the rooms into the slot;
    /// setup and unlock end here. Blocking.
    pub fn enter(&self, vault: Vault) -> Result<Arc<Rooms>, AdminError> {
        let inner = &self.0;
        let level = inner.config.fhir.validation.level();
        let library = Library::new(inner.config.fhir.terminology(&inner.config.storage.data));
        let records = Records::knowing(vault, inner.clock.clone(), self.zone(), level, Some(library));
        records.set_most_values(inner.config.limits.search_values);
        records.index_words(inner.config.fhir.words.words())?;
        records.bound_parameters(inner.config.fhir.search_parameters);
        let limits = &inner.config.limits;
        records.set_patch_steps(limits.patch_steps);
        records.set_validation_steps(inner.config.fhir.validation_steps);
        records.bound_searches(Bounds {
            chain_depth: limits.chain_depth,
            search_rows: limits.search_rows,
            count_rows: limits.count_rows,
            included: limits.included,
            ..Bounds::default()
        });
        records.consents().need_for_programs(inner.config.fhir.consent_for_programs);
        records.gate_subscriptions(subscriptions::gate(&inner.config.subscriptions));
        let people =
            People::open(records.clone(), inner.gate.clone(), &inner.config.sessions, inner.clock.clone())?;
        inner.tls.keep_fresh(&people.authority(), &addresses::local(), self.now())?;
        let exchange = Exchange::new(records.clone(), Rules::new(&inner.config.hl7, self.zone()));
        exchange.channels().load()?;
        exchange.load_counts()?;
        exchange.own_maps().load()?;
        let asked = people.clone();
        let standing = Arc::new(move |who: &Actor| asked.stands(who));
        let longest = inner.config.limits.body_mib << 20;
        let jobs = Jobs::new(records.clone(), &inner.config.jobs, longest, standing);
        let subscriptions = Subscriptions::new(records.clone(), people.clone(), &inner.config.subscriptions);
        let config = &inner.config;
        let consult = Consult::new(records.clone(), &config.consultations, &config.payments, &config.calls);
        let transcriber = Transcriber::new(records.clone(), config.clone());
        consult.ask_for_transcripts(Arc::new(transcriber.clone()));
        let rooms = Arc::new(Rooms { records, people, exchange, jobs, subscriptions, consult, transcriber });
        *inner.slot.write().unwrap_or_else(PoisonError::into_inner) = Slot::Open(rooms.clone());
        Ok(rooms)
    }

    /// Notes where the box listens, for the pages that lead from one address to another.
    pub fn bound(&self, https: u16, http: u16) {
        self.0.ports.0.store(https, Ordering::Relaxed);
        self.0.ports.1.store(http, Ordering::Relaxed);
    }

    /// The port of HTTPS: the bound one, else that of the settings.
    pub fn bound_https(&self) -> u16 {
        match self.0.ports.0.load(Ordering::Relaxed) {
            0 => self.0.config.listen.https.port(),
            bound => bound,
        }
    }

    /// The port of plain HTTP.
    pub fn bound_http(&self) -> u16 {
        match self.0.ports.1.load(Ordering::Relaxed) {
            0 => self.0.config.listen.http.port(),
            bound => bound,
        }
    }

    /// Empties the slot; the vault closes when the last request that holds the rooms has ended.
    pub fn seal(&self) {
        self.put(Slot::Sealed);
    }

    fn put(&self, slot: Slot) {
        *self.0.slot.write().unwrap_or_else(PoisonError::into_inner) = slot;
    }
}
