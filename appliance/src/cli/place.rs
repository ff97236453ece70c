//! Which box a command means, and how its vault is opened when no box runs.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use clinicvault_vault::{Progress, SlotKind, Unlock, Vault, slot_kinds};

use crate::app::opening::{self, vault_options};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;

/// Name of the key file in the data folder.
pub const KEY_FILE: &str = "keyfile";

/// Options that every command about a box takes.
#[derive(Debug, Clone, Args)]
pub struct Place {
    /// Folder of the vault [default: the setting storage.data, which is ./data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Settings file (TOML); `clinicvault config show` prints every key
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How to open the vault: `keyfile`, `credential`, `passphrase-file:FILE` or `recovery-file:FILE`
    /// [default: key file or credential if there is one]
    #[arg(long, value_name = "HOW")]
    pub unlock: Option<How>,
}

/// `--unlock`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// The key file in the data folder.
    KeyFile,
    /// The service manager's credential.
    Credential,
    /// The first line of a file is the passphrase.
    PassphraseFile(PathBuf),
    /// The first line of a file is the printed recovery key.
    RecoveryFile(PathBuf),
}

impl std::str::FromStr for How {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "keyfile" => Ok(Self::KeyFile),
            None if text == "credential" => Ok(Self::Credential),
            Some(("passphrase-file", file)) if !file.is_empty() => Ok(Self::PassphraseFile(file.into())),
            Some(("recovery-file", file)) if !file.is_empty() => Ok(Self::RecoveryFile(file.into())),
            _ => Err("write keyfile, credential, passphrase-file:FILE or recovery-file:FILE".to_owned()),
        }
    }
}

impl Place {
    /// The settings, with `--data` on top.
    pub fn settings(&self) -> anyhow::Result<Config> {
        let mut config = Config::load(self.config.as_deref(), super::config::environment())?;
        if let Some(data) = &self.data {
            config.storage.data.clone_from(data);
        }
        Ok(config)
    }

    /// How the vault of `config` is opened without a person: as asked, else by what lies there. None when somebody
    /// has to type a passphrase.
    pub fn key(&self, config: &Config) -> anyhow::Result<Option<Unlock>> {
        if let Some(how) = &self.unlock {
            return how.key(config).map(Some);
        }
        let kinds = slot_kinds(&config.storage.data)?;
        if kinds.contains(&SlotKind::KeyFile) && config.storage.data.join(KEY_FILE).exists() {
            return How::KeyFile.key(config).map(Some);
        }
        if kinds.contains(&SlotKind::Credential) && opening::credential().is_some() {
            return How::Credential.key(config).map(Some);
        }
        Ok(None)
    }

    /// Opens the vault for a command, when no box runs on it.
    pub fn open(&self, config: &Config) -> anyhow::Result<Vault> {
        let Some(key) = self.key(config)? else {
            bail!(
                "this vault is opened with a passphrase; add --unlock passphrase-file:FILE, or start the box and \
                 unlock it in the browser"
            );
        };
        open(config, &key, None, Arc::new(SystemClock))
    }
}

impl How {
    /// The secret itself.
    pub fn key(&self, config: &Config) -> anyhow::Result<Unlock> {
        Ok(match self {
            Self::KeyFile => Unlock::KeyFile(config.storage.data.join(KEY_FILE)),
            Self::Credential => Unlock::Credential(
                opening::credential()
                    .context("no service credential: LoadCredential= of systemd hands one over")?,
            ),
            Self::PassphraseFile(file) => Unlock::passphrase(first_line(file)?.as_str()),
            Self::RecoveryFile(file) => {
                let line = first_line(file)?;
                let key = clinicvault_vault::RecoveryKey::parse(&line)
                    .with_context(|| format!("the recovery key in {}", file.display()))?;
                Unlock::RecoveryKey(key)
            }
        })
    }
}

/// Opens the vault of `config`.
pub fn open(
    config: &Config,
    key: &Unlock,
    progress: Option<Progress>,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<Vault> {
    let mut options = vault_options(config, clock);
    options.progress = progress;
    let data = &config.storage.data;
    Vault::open(data, key, options).with_context(|| format!("cannot open the vault in {}", data.display()))
}

/// The first line of a file that holds a secret.
pub fn first_line(path: &std::path::Path) -> anyhow::Result<zeroize::Zeroizing<String>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let text = zeroize::Zeroizing::new(text);
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        bail!("{} is empty; its first line must hold the secret", path.display());
    }
    Ok(zeroize::Zeroizing::new(line.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_to_unlock_are_read_as_written() {
        let check =
            |text: &str, expected: Option<How>| assert_eq!(text.parse::<How>().ok(), expected, "{text}");
        check("keyfile", Some(How::KeyFile));
        check("credential", Some(How::Credential));
        check("passphrase-file:/a b", Some(How::PassphraseFile("/a b".into())));
        check("recovery-file:x", Some(How::RecoveryFile("x".into())));
        check("passphrase-file:", None);
        check("passphrase-file", None);
        check("tpm", None);
    }
}
