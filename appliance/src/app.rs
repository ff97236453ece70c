//! The composition root: builds the rooms once and hands back a handle that the program and the tests both use.
//!
//! It owns the state of the vault slot (setup, sealed, open). It decides nothing about people, records or messages.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use clinicvault_vault::Vault;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use thiserror::Error;

use crate::clock::Clock;
use crate::config::Config;
use crate::records::Records;
use crate::supervisor::Supervisor;

/// The whole box. A clone is another handle to the same box.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    config: Config,
    clock: Arc<dyn Clock>,
    supervisor: Supervisor,
    slot: RwLock<Slot>,
}

/// What the vault slot holds.
#[derive(Clone)]
pub enum Slot {
    /// No vault in the data folder yet: the setup page answers.
    Setup,
    /// A vault is there, its key is not: only unlock, health and the CA page answer.
    Sealed,
    /// Open. Dropping the last handle of the rooms closes the vault.
    Open(Arc<Rooms>),
}

/// What exists only while the vault is open.
pub struct Rooms {
    /// The only door to stored FHIR.
    pub records: Records,
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
}

impl App {
    /// A box on `config.storage.data` with nothing open yet.
    pub fn new(config: Config, clock: Arc<dyn Clock>, slot: Slot) -> Self {
        Self(Arc::new(Inner { config, clock, supervisor: Supervisor::new(), slot: RwLock::new(slot) }))
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

    /// Named tasks and the ordered stop.
    pub fn supervisor(&self) -> &Supervisor {
        &self.0.supervisor
    }

    /// The clinic's zone; UTC when the setting names none that is known, which `Config` refuses at start.
    pub fn zone(&self) -> TimeZone {
        TimeZone::get(&self.0.config.clinic.zone).unwrap_or(TimeZone::UTC)
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
        }
    }

    /// Builds the rooms around an opened vault and puts them into the slot; setup and unlock end here.
    pub fn enter(&self, vault: Vault) -> Arc<Rooms> {
        let rooms = Arc::new(Rooms { records: Records::new(vault, self.0.clock.clone(), self.zone()) });
        *self.0.slot.write().unwrap_or_else(PoisonError::into_inner) = Slot::Open(rooms.clone());
        rooms
    }

    /// Empties the slot; the vault closes when the last request that holds the rooms has ended.
    pub fn seal(&self) {
        *self.0.slot.write().unwrap_or_else(PoisonError::into_inner) = Slot::Sealed;
    }
}
