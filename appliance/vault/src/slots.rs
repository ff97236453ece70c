//! The slot file: who may unwrap the root key, and the keys that the root key wraps.
//!
//! It lies beside the database, not in it, because the database keeps stale pages. Layout, numbers little-endian:
//! ```text
//! "CVSLOTS1" | level u32 | generation u64 | clinic id | database id 16 | suite u8
//! | count u16, then (KEK generation u32, wrapped 40)* | audit public key 32 | wrapped audit secret 40
//! | count u8, then (type u8, parameters, salt 16, wrapped root key 40)*
//! | first 8 bytes of SHA-256 of all before | HMAC-SHA-256 of all before under the "slotmac" key
//! ```
//! The plain checksum tells damage from a wrong key before unlocking; the MAC, checked right after, tells a slot that
//! was added, swapped or rolled back from outside.

use crate::error::{CreateError, OpenError, SlotError};
use crate::files;
use crate::keys::{self, RootKey, WRAPPED};
use crate::options::{PassphraseCost, Unlock, UnlockSlot};
use crate::recovery::RecoveryKey;
use crate::secret::Key32;
use crate::suite::Suite;
use crate::wire::{Decoder, Encoder};
use argon2::{Algorithm, Argon2, Params, Version};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Format of the slot file.
const LEVEL: u32 = 1;
const MAGIC: &[u8; 8] = b"CVSLOTS1";
/// Memory of a calibrated passphrase slot in KiB (security-storage.md, section 2: never below 256 MiB).
const MEMORY_KIB: u32 = 256 << 10;
/// Passes of a calibrated passphrase slot, at least.
const PASSES: u32 = 3;
/// What a calibrated unlock should take.
const TARGET: Duration = Duration::from_secs(1);
/// No slot is accepted below this memory, whatever it says.
const LEAST_KIB: u32 = 8 << 10;
/// No slot is accepted above this memory: a damaged file must not exhaust the machine.
const MOST_KIB: u32 = 4 << 20;
/// Most passes of a passphrase slot; far beyond what calibration chooses.
const MOST_PASSES: u32 = 64;
/// Shortest passphrase in characters.
const PASSPHRASE: usize = 16;
/// Shortest service credential in bytes.
const CREDENTIAL: usize = 16;
/// First words of a key file.
const KEYFILE: &str = "clinicvault-keyfile-1";

/// A kind of slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SlotKind {
    /// A passphrase typed by a person.
    Passphrase,
    /// The printed recovery key.
    Recovery,
    /// A key file on the box or on a stick.
    KeyFile,
    /// A secret from the service manager or a TPM.
    Credential,
}

impl SlotKind {
    fn words(self) -> &'static str {
        match self {
            Self::Passphrase => "passphrase",
            Self::Recovery => "recovery key",
            Self::KeyFile => "key file",
            Self::Credential => "service credential",
        }
    }
}

/// How the key of a slot is derived from what is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Derivation {
    /// Argon2id with one lane; `floor_kib` is the least memory this slot was made for.
    Passphrase {
        memory_kib: u32,
        passes: u32,
        floor_kib: u32,
    },
    Recovery,
    KeyFile,
    Credential,
}

impl Derivation {
    fn kind(self) -> SlotKind {
        match self {
            Self::Passphrase { .. } => SlotKind::Passphrase,
            Self::Recovery => SlotKind::Recovery,
            Self::KeyFile => SlotKind::KeyFile,
            Self::Credential => SlotKind::Credential,
        }
    }

    fn key(self, secret: &[u8], salt: &[u8; 16]) -> Option<Key32> {
        match self {
            Self::Passphrase { memory_kib, passes, floor_kib } => {
                // The file is not trusted yet: neither cheap enough to guess nor so dear that a start never ends.
                let memory_fits = memory_kib >= floor_kib.max(LEAST_KIB) && memory_kib <= MOST_KIB;
                if !memory_fits || !(1..=MOST_PASSES).contains(&passes) {
                    return None;
                }
                argon(secret, salt, memory_kib, passes).ok()
            }
            Self::Recovery => Some(keys::derive_bytes(secret, Some(salt), "slot/recovery")),
            Self::KeyFile => Some(keys::derive_bytes(secret, Some(salt), "slot/keyfile")),
            Self::Credential => Some(keys::derive_bytes(secret, Some(salt), "slot/credential")),
        }
    }
}

fn argon(secret: &[u8], salt: &[u8; 16], memory_kib: u32, passes: u32) -> Result<Key32, String> {
    let params = Params::new(memory_kib, passes, 1, Some(32)).map_err(|error| error.to_string())?;
    let mut out = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(secret, salt, out.as_mut())
        .map_err(|error| error.to_string())?;
    Ok(Key32::new(*out))
}

#[derive(Clone)]
struct Slot {
    derivation: Derivation,
    salt: [u8; 16],
    wrapped: [u8; WRAPPED],
}

/// The slot file's content.
#[derive(Clone)]
pub(crate) struct Slots {
    pub generation: u64,
    pub clinic: String,
    pub database: [u8; 16],
    pub suite: Suite,
    /// Key-encryption keys by generation, wrapped.
    pub keks: Vec<(u32, [u8; WRAPPED])>,
    pub audit_public: [u8; 32],
    pub audit_wrapped: [u8; WRAPPED],
    slots: Vec<Slot>,
}

/// What was wrong with a change of slots.
pub(crate) enum Trouble {
    WeakPassphrase,
    WeakCredential,
    BadCost(String),
    Chance(String),
    Io(std::path::PathBuf, io::Error),
}

macro_rules! from_trouble {
    ($($error:ident),*) => {$(
        impl From<Trouble> for $error {
            fn from(trouble: Trouble) -> Self {
                match trouble {
                    Trouble::WeakPassphrase => Self::WeakPassphrase,
                    Trouble::WeakCredential => Self::WeakCredential,
                    Trouble::BadCost(text) => Self::BadCost(text),
                    Trouble::Chance(text) => Self::Chance(text),
                    Trouble::Io(path, error) => Self::Io { path, error },
                }
            }
        }
    )*};
}
from_trouble!(CreateError, SlotError);

impl Slots {
    /// The parts without any slot.
    pub fn new(
        clinic: String,
        database: [u8; 16],
        suite: Suite,
        kek: [u8; WRAPPED],
        audit: ([u8; 32], [u8; WRAPPED]),
    ) -> Self {
        Self {
            generation: 0,
            clinic,
            database,
            suite,
            keks: vec![(1, kek)],
            audit_public: audit.0,
            audit_wrapped: audit.1,
            slots: Vec::new(),
        }
    }

    /// Kinds of the slots, in the order they were made.
    pub fn kinds(&self) -> Vec<SlotKind> {
        self.slots.iter().map(|slot| slot.derivation.kind()).collect()
    }

    fn add(&mut self, root: &RootKey, derivation: Derivation, secret: &[u8]) -> Result<(), Trouble> {
        let salt = crate::chance::random().map_err(Trouble::Chance)?;
        let refused = || Trouble::BadCost("the derivation refused its parameters".into());
        let key = derivation.key(secret, &salt).ok_or_else(refused)?;
        let wrapped = root.wrap(&key).ok_or_else(refused)?;
        self.slots.push(Slot { derivation, salt, wrapped });
        Ok(())
    }

    /// Adds the slot of the printed recovery key.
    pub fn add_recovery(&mut self, root: &RootKey, key: &RecoveryKey) -> Result<(), Trouble> {
        self.add(root, Derivation::Recovery, key.key().expose())
    }

    /// Adds a slot chosen by the caller.
    pub fn add_slot(&mut self, root: &RootKey, slot: &UnlockSlot) -> Result<(), Trouble> {
        match slot {
            UnlockSlot::Passphrase { text, cost } => {
                if text.chars().count() < PASSPHRASE {
                    return Err(Trouble::WeakPassphrase);
                }
                let derivation = cost_of(*cost)?;
                self.add(root, derivation, text.as_bytes())
            }
            UnlockSlot::KeyFile(path) => {
                let key = match read_keyfile(path) {
                    Ok(Some(key)) => key,
                    Ok(None) => make_keyfile(path)?,
                    Err(error) => return Err(Trouble::Io(path.clone(), error)),
                };
                self.add(root, Derivation::KeyFile, key.expose())
            }
            UnlockSlot::Credential(bytes) => {
                if bytes.len() < CREDENTIAL {
                    return Err(Trouble::WeakCredential);
                }
                self.add(root, Derivation::Credential, bytes)
            }
        }
    }

    /// Drops all slots of a kind; answers how many there were.
    pub fn remove(&mut self, kind: SlotKind) -> usize {
        let before = self.slots.len();
        self.slots.retain(|slot| slot.derivation.kind() != kind);
        before - self.slots.len()
    }

    /// Finds the root key with what was presented.
    pub fn unlock(&self, with: &Unlock) -> Result<RootKey, OpenError> {
        let (kind, secret) = match with {
            Unlock::Passphrase(text) => (SlotKind::Passphrase, Zeroizing::new(text.as_bytes().to_vec())),
            Unlock::RecoveryKey(key) => (SlotKind::Recovery, Zeroizing::new(key.key().expose().to_vec())),
            Unlock::KeyFile(path) => match read_keyfile(path) {
                Ok(Some(key)) => (SlotKind::KeyFile, Zeroizing::new(key.expose().to_vec())),
                Ok(None) => {
                    return Err(OpenError::BadKey(format!("there is no key file at {}", path.display())));
                }
                Err(error) => return Err(OpenError::Io { path: path.clone(), error }),
            },
            Unlock::Credential(bytes) => (SlotKind::Credential, bytes.clone()),
        };
        let mut found = false;
        for slot in self.slots.iter().filter(|slot| slot.derivation.kind() == kind) {
            found = true;
            let root =
                slot.derivation.key(&secret, &slot.salt).and_then(|key| RootKey::unwrap(&key, &slot.wrapped));
            if let Some(root) = root {
                return Ok(root);
            }
        }
        Err(if found { OpenError::WrongKey(kind.words()) } else { OpenError::NoSuchSlot(kind.words()) })
    }

    /// Writes the file under the next generation.
    pub fn save(&mut self, root: &RootKey, path: &Path) -> io::Result<()> {
        self.generation += 1;
        files::replace(path, &self.encode(root))
    }

    fn encode(&self, root: &RootKey) -> Vec<u8> {
        let mut out = Encoder::default();
        out.raw(MAGIC).u32(LEVEL).u64(self.generation).bytes(self.clinic.as_bytes());
        out.raw(&self.database).u8(self.suite as u8).u16(self.keks.len() as u16);
        for (generation, wrapped) in &self.keks {
            out.u32(*generation).raw(wrapped);
        }
        out.raw(&self.audit_public).raw(&self.audit_wrapped).u8(self.slots.len() as u8);
        for slot in &self.slots {
            match slot.derivation {
                Derivation::Passphrase { memory_kib, passes, floor_kib } => {
                    out.u8(1).u32(memory_kib).u32(passes).u32(floor_kib)
                }
                Derivation::Recovery => out.u8(2),
                Derivation::KeyFile => out.u8(3),
                Derivation::Credential => out.u8(4),
            };
            out.raw(&slot.salt).raw(&slot.wrapped);
        }
        let mut bytes = out.done();
        let sum = Sha256::digest(&bytes);
        bytes.extend_from_slice(&sum[..8]);
        let mac = mac(root, &bytes);
        bytes.extend_from_slice(&mac);
        bytes
    }

    /// Reads the file without trusting it yet: answers the content and what [`Slots::trust`] needs.
    pub fn load(path: &Path) -> Result<(Self, Unverified), OpenError> {
        let folder = || path.parent().unwrap_or(path).to_owned();
        let bytes = files::read(path)
            .map_err(|error| OpenError::Io { path: path.to_owned(), error })?
            .ok_or_else(|| OpenError::NotAVault(folder()))?;
        let damaged = || OpenError::DamagedSlots(path.to_owned());
        let (signed, mac) = bytes.split_last_chunk::<32>().ok_or_else(damaged)?;
        let (content, sum) = signed.split_last_chunk::<8>().ok_or_else(damaged)?;
        if Sha256::digest(content)[..8] != *sum {
            return Err(damaged());
        }
        let slots = Self::decode(content).map_err(|newer| match newer {
            Some(found) => OpenError::Newer { found, known: LEVEL },
            None => damaged(),
        })?;
        Ok((slots, Unverified { signed: signed.to_vec(), mac: *mac }))
    }

    fn decode(content: &[u8]) -> Result<Self, Option<u32>> {
        let mut row = Decoder::new(content);
        if row.raw(8) != Some(MAGIC) {
            return Err(None);
        }
        let level = row.u32().ok_or(None)?;
        if level > LEVEL {
            return Err(Some(level));
        }
        Self::decode_body(&mut row).filter(|_| row.is_empty()).ok_or(None)
    }

    fn decode_body(row: &mut Decoder<'_>) -> Option<Self> {
        let generation = row.u64()?;
        let clinic = row.text()?;
        let database = row.array()?;
        let suite = Suite::from_byte(row.u8()?)?;
        let keks = (0..row.u16()?).map(|_| Some((row.u32()?, row.array()?))).collect::<Option<_>>()?;
        let audit_public = row.array()?;
        let audit_wrapped = row.array()?;
        let slots = (0..row.u8()?)
            .map(|_| {
                let derivation = match row.u8()? {
                    1 => Derivation::Passphrase {
                        memory_kib: row.u32()?,
                        passes: row.u32()?,
                        floor_kib: row.u32()?,
                    },
                    2 => Derivation::Recovery,
                    3 => Derivation::KeyFile,
                    4 => Derivation::Credential,
                    _ => return None,
                };
                Some(Slot { derivation, salt: row.array()?, wrapped: row.array()? })
            })
            .collect::<Option<_>>()?;
        Some(Self { generation, clinic, database, suite, keks, audit_public, audit_wrapped, slots })
    }
}

/// The bytes under a slot file's MAC, kept until the root key is known.
pub(crate) struct Unverified {
    signed: Vec<u8>,
    mac: [u8; 32],
}

impl Unverified {
    /// Whether the file was written by a holder of the root key.
    pub fn trusted(&self, root: &RootKey) -> bool {
        mac(root, &self.signed).ct_eq(&self.mac).into()
    }
}

pub(crate) fn mac(root: &RootKey, bytes: &[u8]) -> [u8; 32] {
    // HMAC takes keys of any length; the fallback keeps the function total without a panic and never matches.
    match Hmac::<Sha256>::new_from_slice(root.slot_mac().expose()) {
        Ok(mut mac) => {
            mac.update(bytes);
            mac.finalize().into_bytes().into()
        }
        Err(_) => [0; 32],
    }
}

fn cost_of(cost: PassphraseCost) -> Result<Derivation, Trouble> {
    match cost {
        PassphraseCost::Calibrated => {
            let started = Instant::now();
            argon(b"calibration", &[7; 16], MEMORY_KIB, PASSES).map_err(Trouble::BadCost)?;
            let one_pass = (started.elapsed() / PASSES).max(Duration::from_millis(1));
            let passes =
                (TARGET.as_millis() / one_pass.as_millis().max(1)).clamp(u128::from(PASSES), 20) as u32;
            Ok(Derivation::Passphrase { memory_kib: MEMORY_KIB, passes, floor_kib: MEMORY_KIB })
        }
        PassphraseCost::Explicit { memory_kib, passes } => {
            if !(LEAST_KIB..=MOST_KIB).contains(&memory_kib) || !(1..=MOST_PASSES).contains(&passes) {
                return Err(Trouble::BadCost(format!(
                    "memory must be {LEAST_KIB} to {MOST_KIB} KiB and passes 1 to {MOST_PASSES}"
                )));
            }
            Ok(Derivation::Passphrase { memory_kib, passes, floor_kib: memory_kib })
        }
    }
}

fn read_keyfile(path: &Path) -> io::Result<Option<Key32>> {
    let Some(bytes) = files::read(path)? else { return Ok(None) };
    let bytes = Zeroizing::new(bytes);
    let wrong = || io::Error::new(io::ErrorKind::InvalidData, "this is not a ClinicVault key file");
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong())?;
    let hex = text.trim().strip_prefix(KEYFILE).ok_or_else(wrong)?.trim();
    let key = Zeroizing::new(data_encoding::HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).map_err(|_| wrong())?);
    key.as_slice().try_into().map(|key| Some(Key32::new(key))).map_err(|_| wrong())
}

fn make_keyfile(path: &Path) -> Result<Key32, Trouble> {
    let key = Key32::random().map_err(Trouble::Chance)?;
    let hex = Zeroizing::new(data_encoding::HEXLOWER.encode(key.expose()));
    let text = Zeroizing::new(format!("{KEYFILE} {}\n", hex.as_str()));
    files::replace(path, text.as_bytes()).map_err(|error| Trouble::Io(path.to_owned(), error))?;
    Ok(key)
}
