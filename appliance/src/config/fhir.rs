//! Settings of the FHIR face.

use std::path::{Path, PathBuf};

use clinicvault_gateway::fhir::search::words::Words;
use clinicvault_gateway::fhir::terminology::MOST_CODES;
use clinicvault_gateway::fhir::validate::{Level, MOST_STEPS};
use serde::{Deserialize, Serialize};

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

impl Default for Graphql {
    fn default() -> Self {
        Self { text_kib: 64, depth: 24, fields: 100_000, resources: 2_000, answer_mib: 16 }
    }
}
