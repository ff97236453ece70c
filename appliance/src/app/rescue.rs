//! A box that failed too often: it holds what it will say and the key with which it will try again, and opens nothing until
//! somebody asks it to. Looking changes nothing; trying again is one more start, and counts as one.

use std::sync::Arc;

use clinicvault_vault::{Unlock, Vault};

use super::{App, Slot};
use crate::admin::error::AdminError;
use crate::starts::{Moment, Starts, Trouble};

/// See the head of the module.
#[derive(Debug)]
pub struct Rescue {
    /// How many starts failed one after the other.
    pub times: usize,
    /// What the last one said before it failed; none when it was ended without a word.
    pub why: Option<String>,
    /// What opens the vault without a person, if anything does.
    key: Option<Unlock>,
}

impl Rescue {
    /// A box in this trouble.
    pub fn new(trouble: Trouble, key: Option<Unlock>) -> Self {
        Self { times: trouble.times, why: trouble.why, key }
    }

    /// One line for `systemctl status` and `/health`.
    pub fn sentence(&self) -> String {
        let why = self.why.as_deref().unwrap_or("it was ended without a word");
        format!("{} starts failed, so the box waits for somebody at its page: {why}", self.times)
    }
}

impl App {
    /// Tries once more what failed too often: the vault is opened, or, where a person opens it, asked for its passphrase.
    /// When that fails too the box stays where it is and says the new reason.
    ///
    /// # Errors
    /// [`AdminError::Open`] when the vault does not open.
    pub async fn try_again(&self) -> Result<(), AdminError> {
        let _turn = self.0.opening.lock().await;
        let Slot::Rescue(rescue) = self.slot() else { return Ok(()) };
        let mut starts = Starts::read(self.data());
        starts.begins(Moment::at(self.now()));
        let Some(key) = rescue.key.clone() else {
            self.put(Slot::Sealed);
            return Ok(());
        };
        let app = self.clone();
        let opened = tokio::task::spawn_blocking(move || {
            let vault = Vault::open(app.data(), &key, app.vault_options());
            app.enter(vault.map_err(|error| AdminError::Open(error.to_string()))?)
        });
        let opened = opened.await.unwrap_or_else(|_| Err(AdminError::Open("it failed inside".to_owned())));
        let Err(error) = opened else { return Ok(()) };
        let why = Some(error.to_string());
        starts.failed(why.as_deref().unwrap_or_default());
        self.put(Slot::Rescue(Arc::new(Rescue { times: rescue.times + 1, why, key: rescue.key.clone() })));
        Err(error)
    }
}
