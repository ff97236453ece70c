//! How a vault gets into the box: made at setup, or opened with a key.

use std::fs::File;
use std::io::Read as _;
use std::sync::Arc;

use clinicvault_vault::{OpenError, OpenOptions, RecoveryKey, Unlock, Vault};
use zeroize::Zeroizing;

use super::{App, Closed, Rooms, Slot};
use crate::admin::error::AdminError;
use crate::admin::setup::{self, NewClinic};
use crate::clock::Clock;
use crate::config::{Config, StartMode};
use crate::{machine, manager};

/// Pages of a large database take at most this part of the machine's memory.
const MEMORY_SHARE: usize = 12;

/// Name of the secret with which the service manager opens the vault.
const CREDENTIAL: &str = "clinicvault";
/// Bytes of it that are read.
const LONGEST_CREDENTIAL: u64 = 4096;

/// The secret that the service manager hands over, if it does.
pub fn credential() -> Option<Zeroizing<Vec<u8>>> {
    let path = manager::credential(CREDENTIAL)?;
    let mut bytes = Zeroizing::new(Vec::new());
    let read = File::open(&path).and_then(|file| file.take(LONGEST_CREDENTIAL).read_to_end(&mut bytes));
    match read {
        Ok(_) => Some(bytes),
        Err(error) => {
            tracing::error!(path = %path.display(), %error, "the service manager's secret cannot be read");
            None
        }
    }
}

/// What a vault is opened with, from the settings.
pub fn vault_options(config: &Config, clock: Arc<dyn Clock>) -> OpenOptions {
    let memory = usize::try_from(machine::memory().0).unwrap_or(usize::MAX);
    let mut options = OpenOptions::new(Arc::new(move || clock.now()));
    options.cache_bytes = config.storage.cache_mib.saturating_mul(1 << 20);
    options.cache_most = config.storage.cache_most_mib.saturating_mul(1 << 20).min(memory / MEMORY_SHARE);
    options.start = match config.storage.start {
        StartMode::Verified => clinicvault_vault::StartMode::Verified,
        StartMode::Fast => clinicvault_vault::StartMode::Fast,
    };
    options.await_notes = config.audit.await_reads;
    options
}

impl App {
    /// What this box's vault is opened with.
    pub fn vault_options(&self) -> OpenOptions {
        vault_options(&self.0.config, self.0.clock.clone())
    }

    /// Makes a clinic in the empty data folder, enters it, and answers the owner's account and the recovery key, which
    /// has to be shown once.
    pub async fn set_up(&self, new: NewClinic) -> Result<(Arc<Rooms>, String, RecoveryKey), AdminError> {
        let _turn = self.0.opening.lock().await;
        let Slot::Setup = self.slot() else { return Err(AdminError::SetUpAlready) };
        let app = self.clone();
        let made = tokio::task::spawn_blocking(move || {
            let made = setup::create(app.config(), new, app.vault_options(), app.clock().clone())?;
            app.gate().spend_setup_code();
            Ok((app.enter(made.vault)?, made.owner, made.recovery))
        });
        made.await.map_err(|_| AdminError::Create("it failed inside".to_owned()))?
    }

    /// Opens the sealed vault and enters it.
    pub async fn unlock(&self, with: Unlock) -> Result<Arc<Rooms>, AdminError> {
        let _turn = self.0.opening.lock().await;
        match self.slot() {
            Slot::Open(rooms) => return Ok(rooms),
            Slot::Setup => return Err(AdminError::Open(Closed::Setup.to_string())),
            Slot::Rescue(_) => return Err(AdminError::Open(Closed::Rescue.to_string())),
            Slot::Sealed => {}
        }
        let app = self.clone();
        let opened = tokio::task::spawn_blocking(move || {
            let vault = Vault::open(app.data(), &with, app.vault_options()).map_err(|error| match error {
                OpenError::WrongKey(_) => AdminError::WrongKey,
                other => AdminError::Open(other.to_string()),
            })?;
            app.enter(vault)
        });
        opened.await.map_err(|_| AdminError::Open("it failed inside".to_owned()))?
    }
}
