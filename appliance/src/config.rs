//! Every setting of the box, its default and a sentence.
//!
//! Read from a TOML file, then from `CLINICVAULT_SECTION_KEY` variables, then from the command line. Unknown keys are
//! refused. What a clinic changes at run time (accounts, tokens, its name) is not here but in the vault.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use clinicvault_gateway::fhir::search::words::Words;
use clinicvault_gateway::fhir::subscription::endpoint::Allowed;
use clinicvault_gateway::fhir::terminology::MOST_CODES;
use clinicvault_gateway::fhir::validate::{Level, MOST_STEPS};
use clinicvault_gateway::json::Limits as JsonLimits;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::lan::origin::origin_of;
use crate::records::PATCH_STEPS;

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
    pub jobs: Jobs,
    pub subscriptions: Subscriptions,
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

/// Addresses the box listens on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Listen {
    pub https: SocketAddr,
    pub http: SocketAddr,
    pub mllp: SocketAddr,
    pub names: Vec<String>,
    pub origins: Vec<String>,
}

/// Bounds on what a peer may ask of the box.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    pub connections: usize,
    pub header_seconds: u64,
    pub body_seconds: u64,
    pub body_mib: usize,
    pub binary_mib: usize,
    pub json_depth: usize,
    pub bundle_entries: usize,
    pub patch_steps: u64,
    pub page_rows: usize,
    pub search_values: usize,
    pub table_seconds: u64,
    pub chain_depth: usize,
    pub search_rows: u64,
    pub count_rows: u64,
    pub included: usize,
    pub check_references: bool,
}

/// What the FHIR face asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fhir {
    pub validation: Validation,
    pub validation_steps: u64,
    pub expansion_codes: usize,
    pub consent_for_programs: bool,
    pub search_parameters: usize,
    pub words: IndexedWords,
    pub terminology_dir: PathBuf,
}

impl Fhir {
    /// The folder of packed code systems, for a box whose data folder is `data`.
    pub fn terminology(&self, data: &Path) -> PathBuf {
        if self.terminology_dir.as_os_str().is_empty() {
            data.join("terminology")
        } else {
            self.terminology_dir.clone()
        }
    }
}

/// What one GraphQL query may cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Graphql {
    pub text_kib: usize,
    pub depth: usize,
    pub fields: u64,
    pub resources: u64,
    pub answer_mib: usize,
}

/// Which words of records are indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum IndexedWords {
    Off,
    #[default]
    Narrative,
    All,
}

impl IndexedWords {
    /// The words of the index.
    pub const fn words(self) -> Words {
        match self {
            Self::Off => Words::Off,
            Self::Narrative => Words::Narrative,
            Self::All => Words::All,
        }
    }
}

/// How far a write is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Validation {
    Structure,
    #[default]
    Invariants,
    Terminology,
    Profiles,
}

impl Validation {
    /// The level of the validator.
    pub const fn level(self) -> Level {
        match self {
            Self::Structure => Level::Structure,
            Self::Invariants => Level::Invariants,
            Self::Terminology => Level::Terminology,
            Self::Profiles => Level::Profiles,
        }
    }
}

/// How strictly reads wait for their audit line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub struct Audit {
    pub await_reads: bool,
}

/// Life of sign-ins (security-storage reference, section 7).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sessions {
    pub idle_minutes: u64,
    pub absolute_hours: u64,
    pub admin_idle_minutes: u64,
    pub admin_absolute_hours: u64,
    pub second_factor: SecondFactor,
    pub prove_minutes: u64,
    pub app_minutes: u64,
    pub password_memory_mib: u32,
    pub password_passes: u32,
}

/// Whether staff must have a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecondFactor {
    Required,
    Optional,
}

/// The HL7 v2 side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hl7 {
    pub frame_kib: usize,
    pub idle_seconds: u64,
    pub connections: usize,
    pub plain_peers: Vec<IpAddr>,
    pub strict_senders: Vec<String>,
}

/// Long work: exports, imports, and requests that are answered later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Jobs {
    pub per_caller: usize,
    pub most: usize,
    pub keep_minutes: u64,
    pub answer_mib: usize,
    pub import_folders: Vec<PathBuf>,
}

/// Notifications of changes to other systems.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Subscriptions {
    pub endpoints: Vec<String>,
    pub private_addresses: bool,
    pub ca_file: PathBuf,
    pub per_owner: usize,
    pub most: usize,
    pub attempts: u32,
    pub retry_seconds: u64,
    pub retry_most_seconds: u64,
    pub timeout_seconds: u64,
    pub batch: u64,
    pub keep_events: u64,
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

impl Default for Listen {
    fn default() -> Self {
        let everywhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Self {
            https: SocketAddr::new(everywhere, 8443),
            http: SocketAddr::new(here, 8080),
            mllp: SocketAddr::new(here, 2575),
            names: vec!["clinicvault.local".to_owned()],
            origins: Vec::new(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 900,
            header_seconds: 10,
            body_seconds: 30,
            body_mib: 16,
            binary_mib: 10,
            json_depth: 64,
            bundle_entries: 10_000,
            patch_steps: PATCH_STEPS,
            page_rows: 1_000,
            search_values: 500,
            table_seconds: 300,
            chain_depth: 5,
            search_rows: 200_000,
            count_rows: 2_000_000,
            included: 1_000,
            check_references: true,
        }
    }
}

impl Default for Fhir {
    fn default() -> Self {
        Self {
            validation: Validation::default(),
            validation_steps: MOST_STEPS,
            expansion_codes: MOST_CODES,
            consent_for_programs: false,
            search_parameters: 100,
            words: IndexedWords::default(),
            terminology_dir: PathBuf::new(),
        }
    }
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            idle_minutes: 15,
            absolute_hours: 12,
            admin_idle_minutes: 10,
            admin_absolute_hours: 4,
            second_factor: SecondFactor::Required,
            prove_minutes: 5,
            app_minutes: 10,
            password_memory_mib: 64,
            password_passes: 3,
        }
    }
}

impl Default for Graphql {
    fn default() -> Self {
        Self { text_kib: 64, depth: 24, fields: 100_000, resources: 2_000, answer_mib: 16 }
    }
}

impl Default for Hl7 {
    fn default() -> Self {
        Self {
            frame_kib: 16_000,
            idle_seconds: 10,
            connections: 128,
            plain_peers: Vec::new(),
            strict_senders: Vec::new(),
        }
    }
}

impl Default for Jobs {
    fn default() -> Self {
        Self { per_caller: 20, most: 100, keep_minutes: 24 * 60, answer_mib: 64, import_folders: Vec::new() }
    }
}

impl Default for Subscriptions {
    fn default() -> Self {
        Self {
            endpoints: Vec::new(),
            private_addresses: false,
            ca_file: PathBuf::new(),
            per_owner: 20,
            most: 100,
            attempts: 12,
            retry_seconds: 2,
            retry_most_seconds: 900,
            timeout_seconds: 20,
            batch: 20,
            keep_events: 1_000,
        }
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

/// One sentence for every key, in the order in which `config show` prints them.
const SENTENCES: &[(&str, &str)] = &[
    ("storage.data", "Folder of the vault; nothing outside it is ever written."),
    ("storage.cache_mib", "Memory for decrypted database pages, in MiB."),
    (
        "storage.cache_most_mib",
        "For a large database, up to this: a sixteenth of its size at the start, at most a twelfth of the machine's memory.",
    ),
    ("storage.start", "\"verified\" checks the whole file after a crash; \"fast\" trusts the disk."),
    ("listen.https", "Address and port for the clinic's network; port 0 takes a free one."),
    ("listen.http", "Plain HTTP: the application on the box itself, the install page for everyone else."),
    ("listen.mllp", "HL7 v2 over MLLP; plain on loopback, TLS otherwise."),
    ("listen.names", "Names under which the box is reached; they go into its certificate."),
    (
        "listen.origins",
        "Pages of other makers that may ask FHIR from a browser, such as https://app.example; those of registered programs may in any case.",
    ),
    ("limits.connections", "Open HTTP connections; beyond it the longest idle one is closed."),
    ("limits.header_seconds", "Time a peer has to send its request head."),
    ("limits.body_seconds", "Time a peer has to send its request body."),
    ("limits.body_mib", "Largest request body, in MiB."),
    ("limits.binary_mib", "Most bytes of a Binary that is sent as they are, in MiB, at most 11."),
    ("limits.json_depth", "Deepest nesting of a JSON body, at most 64."),
    ("limits.bundle_entries", "Most entries of a transaction or batch."),
    (
        "limits.patch_steps",
        "Work of all patches of one request: values looked at, steps of paths, and a step for every 8 bytes of a patched record.",
    ),
    ("limits.page_rows", "Most rows of one search or history page."),
    ("limits.search_values", "Most values, separated by commas, of one search parameter."),
    ("limits.table_seconds", "Longest time that the rows of a ViewDefinition are made and sent."),
    ("limits.chain_depth", "Most links that one search parameter may follow from record to record."),
    ("limits.search_rows", "Index entries after which a search page ends early; a next link goes on."),
    ("limits.count_rows", "Index entries that counting the matches of a search may look at."),
    ("limits.included", "Most records that _include and _revinclude bring along with a page."),
    (
        "limits.check_references",
        "Whether a transaction is refused that refers to a record which neither exists nor is made by it.",
    ),
    (
        "fhir.validation",
        "What a write is checked for: \"structure\", \"invariants\", \"terminology\" or \"profiles\"; each has those before it.",
    ),
    (
        "fhir.validation_steps",
        "Work of checking one resource: elements that invariants visit, values that they compare, elements held against profiles. A resource that takes more is refused.",
    ),
    (
        "fhir.expansion_codes",
        "Most codes of a value set that $expand gathers; what has more is refused, and a filter makes it fewer.",
    ),
    (
        "fhir.consent_for_programs",
        "Whether programs get a patient's records only where a Consent of the patient permits it.",
    ),
    (
        "fhir.search_parameters",
        "Most search parameters of the clinic's own: SearchParameter resources that are active.",
    ),
    (
        "fhir.words",
        "Which words of records are indexed: \"off\", \"narrative\" (for _text) or \"all\" (for _content, too).",
    ),
    (
        "fhir.terminology_dir",
        "Folder of large code systems that \"terminology load\" made; when empty, the folder terminology of the data.",
    ),
    ("graphql.text_kib", "Longest GraphQL query, in KiB."),
    ("graphql.depth", "Deepest nesting of a GraphQL answer, at most 48."),
    (
        "graphql.fields",
        "Most fields that one GraphQL query looks at, each counted for every element that has it.",
    ),
    ("graphql.resources", "Most records that one GraphQL query touches."),
    ("graphql.answer_mib", "Longest text of the values in one GraphQL answer, in MiB."),
    ("audit.await_reads", "Whether a read waits until its audit line is on disk."),
    ("sessions.idle_minutes", "A staff session ends after so many quiet minutes."),
    ("sessions.absolute_hours", "A staff session ends after so many hours in any case."),
    ("sessions.admin_idle_minutes", "The same for an owner."),
    ("sessions.admin_absolute_hours", "The same for an owner."),
    (
        "sessions.second_factor",
        "\"required\" for owners, doctors and nurses, or \"optional\" (a demonstration).",
    ),
    (
        "sessions.prove_minutes",
        "Dangerous changes need a proof of who one is that is at most so many minutes old.",
    ),
    (
        "sessions.app_minutes",
        "An access token of a program that acts for a person lives so many minutes, 60 at most.",
    ),
    ("sessions.password_memory_mib", "Memory of one password hash, in MiB; at least 19. Two run at once."),
    ("sessions.password_passes", "Passes of one password hash; at least 2."),
    ("hl7.frame_kib", "Largest HL7 message, in KiB; a stored row holds at most 16 MiB."),
    ("hl7.idle_seconds", "A sender that stops in the middle of a message is dropped after so long."),
    ("hl7.connections", "Open MLLP connections."),
    ("hl7.plain_peers", "Addresses other than loopback that may send HL7 without TLS."),
    ("hl7.strict_senders", "MSH-3|MSH-4 of senders whose repeated control id with another body is refused."),
    (
        "jobs.per_caller",
        "Exports, imports and requests answered later that one caller may have, finished ones included.",
    ),
    ("jobs.most", "The same for all callers together."),
    ("jobs.keep_minutes", "How long what such a job has made is kept; then it is deleted."),
    ("jobs.answer_mib", "Largest answer of a request that is answered later, in MiB."),
    (
        "jobs.import_folders",
        "Folders that $import may read files from; none means that only uploads are taken.",
    ),
    (
        "subscriptions.endpoints",
        "Addresses that notifications may be sent to, each with everything below it; none means that nothing is sent anywhere.",
    ),
    (
        "subscriptions.private_addresses",
        "Whether a listed name may lead to an address of a private network; a listed number may be any.",
    ),
    (
        "subscriptions.ca_file",
        "Certificates (PEM) that receivers are trusted by; when empty, those of the system.",
    ),
    ("subscriptions.per_owner", "Subscriptions that one account, token or program may have."),
    ("subscriptions.most", "The same for all together."),
    ("subscriptions.attempts", "Failures in a row after which a subscription is given up."),
    ("subscriptions.retry_seconds", "Wait after the first failure; it doubles with each further one."),
    ("subscriptions.retry_most_seconds", "Longest wait between two attempts."),
    ("subscriptions.timeout_seconds", "Longest time that one notification may take."),
    ("subscriptions.batch", "Most events in one notification."),
    (
        "subscriptions.keep_events",
        "Events of a subscription that can be asked for again after they were taken.",
    ),
    ("clinic.zone", "Time zone for dates that carry none."),
    ("log.level", "What is logged to stderr, such as info or clinicvault=debug,info."),
];

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
