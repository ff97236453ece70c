//! Models by name. What the program knows by heart is here; what a clinic imports brings its own entry.

use serde::{Deserialize, Serialize};

/// What is known about a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// `size[.en]-quantisation`.
    pub name: String,
    /// Of the whole file, lower case hex.
    pub sha256: String,
    /// Size of the file.
    pub bytes: u64,
    /// Languages it may be offered for, as two letters. Empty for a voice detector.
    pub languages: Vec<String>,
    /// SPDX.
    pub licence: String,
    /// Memory that a worker with it takes, MiB.
    pub memory_mib: u32,
}

impl Entry {
    /// Whether it hears where speech is, rather than what was said.
    pub fn is_voice(&self) -> bool {
        self.languages.is_empty()
    }

    /// Whether it may be offered for a language.
    pub fn speaks(&self, language: &str) -> bool {
        self.languages.iter().any(|known| known == language)
    }
}

/// The voice detector. Only this very file is taken: its format has no table that could be checked.
pub const VOICE: &str = "silero-v6.2.0";

/// Name, sha256, bytes, languages, memory. `base` knows many languages, but was found to be of no use for Hindi (wrong script, wrong
/// words): it is offered for what it was measured with.
const KNOWN: [(&str, &str, u64, &[&str], u32); 7] = [
    (
        "tiny.en-q8_0",
        "b8386aa20f16426970acb37809253ae2aef00ea4680b13dde02071f3c152f230",
        43_550_795,
        &["en"],
        280,
    ),
    (
        "tiny.en-q5_1",
        "0f888bf5a6b0895337f880f36ccf06ca6d4713521af5e492283bb6e9321a2dda",
        32_166_155,
        &["en"],
        240,
    ),
    (
        "tiny.en-f16",
        "4559fdc17c8b991fdba7b836116f005cc7e83c1c71ce612537b995f11c1426e9",
        77_704_715,
        &["en"],
        310,
    ),
    (
        "base-q8_0",
        "e74b56a98c89382ac43b0890269b8153c82e7072c7d8729a0209ec71747f21b8",
        81_768_585,
        &["en"],
        330,
    ),
    (
        "base-q5_1",
        "eb30aa0f7d6b61c06eb5202fd40783213cb50ecc2a93a277818247e8c58b32ae",
        59_707_625,
        &["en"],
        310,
    ),
    (
        "base-f16",
        "84294c8e4a7df60030ac9c5d40cc836a64157611b48ca4d93e5883aae37e4065",
        147_951_465,
        &["en"],
        400,
    ),
    (VOICE, "2aa269b785eeb53a82983a20501ddf7c1d9c48e33ab63a41391ac6c9f7fb6987", 885_098, &[], 30),
];

/// All models that the program knows by heart, the ones it would choose first in front.
pub fn known() -> Vec<Entry> {
    KNOWN
        .iter()
        .map(|(name, sha256, bytes, languages, memory_mib)| Entry {
            name: (*name).to_owned(),
            sha256: (*sha256).to_owned(),
            bytes: *bytes,
            languages: languages.iter().map(|language| (*language).to_owned()).collect(),
            licence: "MIT".to_owned(),
            memory_mib: *memory_mib,
        })
        .collect()
}

/// Whether a name may be given to an imported model.
pub fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter))
}
