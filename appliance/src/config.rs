//! Every setting of the box, its default and a sentence.
//!
//! Read from a TOML file, then from `CLINICVAULT_SECTION_KEY` variables, then from the command line. Unknown keys are
//! refused. What a clinic changes at run time (accounts, tokens, its name) is not here but in the vault.

mod calls;
mod consult;
mod exchange;
mod fhir;
mod network;
mod people;
mod scribe;
mod sentences;

use std::path::{Path, PathBuf};

use clinicvault_gateway::fhir::subscription::endpoint::{Allowed, Endpoint};
use clinicvault_gateway::json::Limits as JsonLimits;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use self::calls::Calls;
pub use self::consult::{Consultations, Payments};
pub use self::exchange::{Alerts, Hl7, Jobs, Subscriptions};
pub use self::fhir::{Fhir, Graphql, IndexedWords, Validation};
pub use self::network::{Limits, Listen};
pub use self::people::{Audit, SecondFactor, Sessions};
pub use self::scribe::Scribe;
use self::sentences::SENTENCES;
use crate::lan::origin::origin_of;

/// Why the settings cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the settings file {path}: {source}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    /// A key is unknown or a value has the wrong form.
    #[error("{origin}: {reason}")]
    Wrong { origin: String, reason: String },
}

/// The whole of the settings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub storage: Storage,
    pub listen: Listen,
    pub limits: Limits,
    pub fhir: Fhir,
    pub graphql: Graphql,
    pub audit: Audit,
    pub sessions: Sessions,
    pub hl7: Hl7,
    pub alerts: Alerts,
    pub jobs: Jobs,
    pub subscriptions: Subscriptions,
    pub scribe: Scribe,
    pub consultations: Consultations,
    pub calls: Calls,
    pub payments: Payments,
    pub clinic: Clinic,
    pub log: Log,
}

/// Where and how the vault is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    pub data: PathBuf,
    pub cache_mib: usize,
    pub cache_most_mib: usize,
    pub start: StartMode,
}

/// How the vault is opened (security-storage reference, section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StartMode {
    Verified,
    Fast,
}

/// What belongs to the place where the box stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Clinic {
    pub zone: String,
}

/// Logging.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    pub level: String,
}

impl Default for Storage {
    fn default() -> Self {
        Self { data: PathBuf::from("data"), cache_mib: 48, cache_most_mib: 320, start: StartMode::Verified }
    }
}

impl Default for Clinic {
    fn default() -> Self {
        Self { zone: "Asia/Kolkata".to_owned() }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".to_owned() }
    }
}

/// Most that `limits.binary_mib` may be.
const MOST_BINARY_MIB: usize = 11;

impl Config {
    /// Settings from an optional file and from `variables` (name and value pairs, normally the environment).
    pub fn load(
        file: Option<&Path>,
        variables: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let text = match file {
            None => String::new(),
            Some(path) => std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?,
        };
        let origin = file.map_or_else(|| "settings".to_owned(), |path| path.display().to_string());
        Self::read(&text, &origin, variables)
    }

    fn read(
        text: &str,
        origin: &str,
        variables: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let wrong = |origin: &str, reason: String| ConfigError::Wrong { origin: origin.to_owned(), reason };
        let mut table: toml::Table =
            text.parse().map_err(|e: toml::de::Error| wrong(origin, e.to_string()))?;
        // The file alone first, so that a mistake in it is reported as the file's.
        table.clone().try_into::<Config>().map_err(|e| wrong(origin, e.to_string()))?;
        for (name, value) in variables {
            let Some((section, key)) = setting_of(&name) else { continue };
            let whole = table
                .entry(section.clone())
                .or_insert_with(|| toml::Value::Table(toml::Table::new()))
                .as_table_mut()
                .ok_or_else(|| wrong(&name, "is not a section".to_owned()))?;
            // `8080` and `true` are read as TOML, anything that is not TOML is text: a path needs no quotes.
            let value = format!("v = {value}")
                .parse::<toml::Table>()
                .ok()
                .and_then(|mut t| t.remove("v"))
                .unwrap_or(toml::Value::String(value));
            whole.insert(key, value);
            table.clone().try_into::<Config>().map_err(|e| wrong(&name, e.to_string()))?;
        }
        let config: Config = table.try_into().map_err(|e| wrong(origin, e.to_string()))?;
        if let Err(error) = jiff::tz::TimeZone::get(&config.clinic.zone) {
            return Err(wrong(origin, format!("clinic.zone: {error}")));
        }
        if let Some(other) = config.listen.origins.iter().find(|text| origin_of(text).as_ref() != Some(*text))
        {
            let reason = format!("listen.origins: \"{other}\" is not an origin such as https://app.example");
            return Err(wrong(origin, reason));
        }
        config.calls.range().map_err(|reason| wrong(origin, reason))?;
        if !(1..=48).contains(&config.graphql.depth) {
            return Err(wrong(origin, "graphql.depth: must be from 1 to 48".to_owned()));
        }
        // In base64 they are a third more, and a record is at most 16 MiB.
        if !(1..=MOST_BINARY_MIB).contains(&config.limits.binary_mib) {
            return Err(wrong(origin, format!("limits.binary_mib: must be from 1 to {MOST_BINARY_MIB}")));
        }
        let listed = &config.subscriptions;
        if let Err(why) = Allowed::new(&listed.endpoints, listed.private_addresses) {
            return Err(wrong(origin, format!("subscriptions.endpoints: {why}")));
        }
        if listed.batch == 0 || listed.attempts == 0 || listed.timeout_seconds == 0 {
            let why = "subscriptions: batch, attempts and timeout_seconds must be at least 1";
            return Err(wrong(origin, why.to_owned()));
        }
        if let Err(why) = Endpoint::parse(&config.payments.razorpay) {
            return Err(wrong(origin, format!("payments.razorpay: {why}")));
        }
        if !(1..=3_600).contains(&config.alerts.look_seconds) {
            return Err(wrong(origin, "alerts.look_seconds: must be from 1 to 3600".to_owned()));
        }
        let named = &config.alerts.destination;
        if !named.is_empty() && named.split('/').filter(|part| !part.is_empty()).count() != 2 {
            let why = "alerts.destination: a channel and one of its destinations, such as to-office/desk";
            return Err(wrong(origin, why.to_owned()));
        }
        // Deeper than what the box reads back from its own store, a record could be written and never read again.
        let deepest = JsonLimits::bytes(0).max_depth;
        if !(1..=deepest).contains(&config.limits.json_depth) {
            return Err(wrong(origin, format!("limits.json_depth: must be from 1 to {deepest}")));
        }
        Ok(config)
    }

    /// The effective settings as a commented TOML file. No setting is a secret: secrets live in the vault.
    pub fn show(&self) -> String {
        let Ok(table) = toml::Table::try_from(self) else { return String::new() };
        let mut out = String::new();
        let mut open = "";
        for (path, sentence) in SENTENCES {
            let Some((section, key)) = path.split_once('.') else { continue };
            let Some(value) = table.get(section).and_then(|s| s.get(key)) else { continue };
            if section != open {
                out.push_str(&format!("{}[{section}]\n", if open.is_empty() { "" } else { "\n" }));
                open = section;
            }
            out.push_str(&format!("# {sentence}\n{key} = {value}\n"));
        }
        out
    }
}

/// `CLINICVAULT_LISTEN_HTTPS` is `listen.https`; other variables are nobody's.
fn setting_of(name: &str) -> Option<(String, String)> {
    let rest = name.strip_prefix("CLINICVAULT_")?.to_ascii_lowercase();
    let (section, key) = rest.split_once('_')?;
    Some((section.to_owned(), key.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::read(text, "test", variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
    }

    #[test]
    fn every_key_has_its_sentence_and_no_sentence_is_left_over() {
        let table = toml::Table::try_from(Config::default()).unwrap();
        let mut keys: Vec<String> = table
            .iter()
            .flat_map(|(s, t)| t.as_table().unwrap().keys().map(move |k| format!("{s}.{k}")))
            .collect();
        let mut told: Vec<String> = SENTENCES.iter().map(|(path, _)| (*path).to_owned()).collect();
        keys.sort();
        told.sort();
        assert_eq!(keys, told);
    }

    #[test]
    fn what_is_shown_reads_back_the_same() {
        assert_eq!(read(&Config::default().show(), &[]).unwrap(), Config::default());
    }

    #[test]
    fn unknown_keys_are_refused_with_their_place() {
        let error = read("[listen]\nhtps = \"x\"\n", &[]).unwrap_err().to_string();
        assert!(error.contains("test") && error.contains("htps"), "{error}");
        let error = read("", &[("CLINICVAULT_LISTEN_HTPS", "x")]).unwrap_err().to_string();
        assert!(error.contains("CLINICVAULT_LISTEN_HTPS"), "{error}");
    }

    #[test]
    fn a_record_is_never_nested_deeper_than_it_can_be_read_back() {
        assert_eq!(read("[limits]\njson_depth = 64\n", &[]).unwrap().limits.json_depth, 64);
        for wrong in ["0", "65"] {
            let error = read("", &[("CLINICVAULT_LIMITS_JSON_DEPTH", wrong)]).unwrap_err().to_string();
            assert!(error.contains("limits.json_depth: must be from 1 to 64"), "{error}");
        }
    }

    #[test]
    fn a_variable_wins_over_the_file() {
        let config = read(
            "[listen]\nhttps = \"127.0.0.1:1\"\n",
            &[
                ("CLINICVAULT_LISTEN_HTTPS", "127.0.0.1:2"),
                ("CLINICVAULT_STORAGE_DATA", "/somewhere"),
                ("CLINICVAULT_LIMITS_BODY_MIB", "3"),
                ("CLINICVAULT_AUDIT_AWAIT_READS", "true"),
                ("PATH", "/bin"),
            ],
        )
        .unwrap();
        assert_eq!(config.listen.https.port(), 2);
        assert_eq!(config.storage.data, PathBuf::from("/somewhere"));
        assert_eq!(config.limits.body_mib, 3);
        assert!(config.audit.await_reads);
    }
}
