//! Making a clinic: vault, settings, owner, authority. The browser's first run and `clinicvault init` both end here.
//!
//! Blocking: a passphrase slot alone takes a second. What cannot be right is refused before anything is written.

use std::path::Path;
use std::sync::Arc;

use clinicvault_vault::{
    Action, NewVault, OpenOptions, Outcome, PassphraseCost, RecoveryKey, Suite, UnlockSlot, Vault,
    is_initialised,
};
use zeroize::Zeroizing;

use super::account;
use super::clinic::{AUTHORITY_KEY, Clinic, KEY};
use super::error::AdminError;
use super::password::{self, Cost, Hasher};
use super::secret;
use super::staff::{self, NewAccount};
use super::store::{Change, Collection, Store, leaf};
use crate::clock::Clock;
use crate::config::Config;
use crate::lan::addresses;
use crate::lan::authority::Authority;
use crate::lan::tls::Tls;
use crate::records::Records;
use crate::records::access::{Actor, Role};

/// Shortest passphrase, unless it has this many words (security-storage.md section 2).
const PASSPHRASE_LETTERS: usize = 16;
/// Longest name of a clinic and the like.
const LONGEST: usize = 200;

/// How the box opens its vault when it starts.
#[derive(Clone)]
pub enum UnlockBy {
    /// By itself, from a key file beside the vault. Whoever has the disk has the records.
    KeyFile,
    /// A person types it after each start.
    Passphrase(Zeroizing<String>),
    /// The service manager hands it over.
    Credential(Zeroizing<Vec<u8>>),
}

/// What a new clinic is made of.
#[derive(Clone)]
pub struct NewClinic {
    /// Name of the clinic.
    pub name: String,
    /// Town or quarter.
    pub place: String,
    /// Phone.
    pub phone: String,
    /// Registration number.
    pub registration: String,
    /// Language chosen.
    pub language: String,
    /// Name of the owner.
    pub owner_name: String,
    /// Sign-in name of the owner.
    pub owner_username: String,
    /// Password of the owner.
    pub owner_password: Zeroizing<String>,
    /// The owner treats patients too.
    pub also_doctor: bool,
    /// How the vault opens.
    pub unlock: UnlockBy,
    /// The recovery key is being handed over at once (the command line prints it), so nobody has to confirm it.
    pub recovery_confirmed: bool,
}

/// A clinic just made.
pub struct Made {
    /// The open vault.
    pub vault: Vault,
    /// To be shown once.
    pub recovery: RecoveryKey,
    /// Id of the owner's account.
    pub owner: String,
}

/// Makes a clinic in the data folder.
pub fn create(
    config: &Config,
    new: NewClinic,
    options: OpenOptions,
    clock: Arc<dyn Clock>,
) -> Result<Made, AdminError> {
    let folder = &config.storage.data;
    let new = checked(config, new)?;
    if is_initialised(folder) {
        return Err(AdminError::SetUpAlready);
    }
    std::fs::create_dir_all(folder).map_err(|error| AdminError::Create(error.to_string()))?;
    restrict(folder)?;
    let id = secret::short_id("clinic")?;
    let slot = match &new.unlock {
        UnlockBy::KeyFile => UnlockSlot::KeyFile(folder.join("keyfile")),
        UnlockBy::Passphrase(text) => {
            UnlockSlot::Passphrase { text: text.clone(), cost: PassphraseCost::Calibrated }
        }
        UnlockBy::Credential(bytes) => UnlockSlot::Credential(bytes.clone()),
    };
    let vault =
        NewVault { clinic_id: id.clone(), suite: Suite::of_this_processor(), unlock: vec![slot], options };
    let (vault, recovery) =
        Vault::create(folder, vault).map_err(|error| AdminError::Create(error.to_string()))?;
    match furnish(config, &vault, new, id, clock) {
        Ok(owner) => Ok(Made { vault, recovery, owner }),
        Err(error) => {
            // A vault without an owner would answer nobody; without its slots the setup can be repeated.
            let _ = vault.close();
            let _ = std::fs::remove_file(folder.join("slots"));
            Err(error)
        }
    }
}

/// Writes everything that a clinic starts with, in one unit of work.
fn furnish(
    config: &Config,
    vault: &Vault,
    new: NewClinic,
    id: String,
    clock: Arc<dyn Clock>,
) -> Result<String, AdminError> {
    let now = clock.now();
    let store = Store::new(Records::new(vault.clone(), clock, jiff::tz::TimeZone::UTC));
    let settings = &config.sessions;
    let cost = Cost { memory_mib: settings.password_memory_mib, passes: settings.password_passes };
    let hash = Hasher::new(store.secret("password pepper"), cost)?.hash(&new.owner_password)?;
    let owner = NewAccount {
        name: new.owner_name,
        username: new.owner_username,
        roles: owner_roles(new.also_doctor),
        registration: None,
        qualification: None,
    };
    let mut owner = staff::draft(owner, hash, false, now)?;
    owner.looks.language = Some(new.language.clone()).filter(|language| !language.is_empty());
    let authority = Authority::create(&config.listen.names, now)?;
    let clinic = Clinic {
        id,
        name: new.name,
        place: new.place,
        phone: new.phone,
        registration: new.registration,
        language: new.language,
        created: now,
        recovery_confirmed: new.recovery_confirmed,
    };
    let changes = vec![
        Change::put(Collection::Settings, KEY, &clinic)?,
        Change::put(Collection::Accounts, owner.id.as_bytes(), &owner)?,
        Change::put(Collection::Tls, AUTHORITY_KEY, &authority)?,
    ];
    let who = Actor::operator("setup");
    let line = leaf(&who, Action::Setup, Outcome::Success, Some(format!("owner {}", owner.id)));
    store.commit_blocking(Arc::new(who), line, changes)?;
    // The certificate lies there from the first moment, also when no browser has been near yet.
    let tls = Tls::start(&config.storage.data.join("tls"), &config.listen.names, &[], now)?;
    tls.keep_fresh(&authority, &addresses::local(), now)?;
    Ok(owner.id)
}

fn owner_roles(also_doctor: bool) -> Vec<Role> {
    if also_doctor { vec![Role::Owner, Role::Doctor] } else { vec![Role::Owner] }
}

fn checked(config: &Config, mut new: NewClinic) -> Result<NewClinic, AdminError> {
    let line = |text: &str, field: &'static str| {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let fits = text.chars().count() <= LONGEST && !text.chars().any(char::is_control);
        if fits { Ok(text) } else { Err(AdminError::Invalid(field, "This has at most 200 characters.")) }
    };
    new.name = line(&new.name, "clinic.name")?;
    new.place = line(&new.place, "clinic.place")?;
    new.phone = line(&new.phone, "clinic.phone")?;
    new.registration = line(&new.registration, "clinic.registration")?;
    new.language = line(&new.language, "language")?;
    if new.name.is_empty() {
        return Err(AdminError::Invalid("clinic.name", "The clinic needs a name."));
    }
    new.owner_name = account::shown_name(&new.owner_name)?;
    new.owner_username = account::username(&new.owner_username)?;
    let roles = owner_roles(new.also_doctor);
    let second = account::must_have_second_factor(&roles, config.sessions.second_factor);
    password::acceptable(&new.owner_password, &new.owner_username, second)?;
    if let UnlockBy::Passphrase(text) = &new.unlock {
        passphrase_holds(text)?;
    }
    Ok(new)
}

/// A passphrase guards the disk against a thief with time, so it must be long and not obvious.
fn passphrase_holds(text: &str) -> Result<(), AdminError> {
    if text.chars().count() < PASSPHRASE_LETTERS {
        return Err(AdminError::Invalid(
            "unlock.passphrase",
            "The passphrase needs at least 16 characters; six words picked by chance are best.",
        ));
    }
    match password::acceptable(text, "", false) {
        Ok(()) => Ok(()),
        Err(password::Weak::Long) => {
            Err(AdminError::Invalid("unlock.passphrase", "The passphrase may have at most 256 characters."))
        }
        Err(password::Weak::Short(_) | password::Weak::Common) => Err(AdminError::Invalid(
            "unlock.passphrase",
            "This passphrase is among the first that a thief tries; choose another.",
        )),
    }
}

/// The data folder is nobody's business but the box's.
fn restrict(folder: &Path) -> Result<(), AdminError> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
        .map_err(|error| AdminError::Create(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_must_hold_against_a_thief_with_time() {
        for (text, fine) in [
            ("lantern river copper fifteen moss ridge", true),
            ("k3vq 9zt2 mmx1 pp0w", true),
            ("too short", false),
            ("aaaaaaaaaaaaaaaaaaaa", false),
            ("passwordpassword", false),
            ("12345678901234567890", false),
        ] {
            assert_eq!(passphrase_holds(text).is_ok(), fine, "{text}");
        }
    }
}
