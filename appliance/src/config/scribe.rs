//! Settings of transcription.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Which models hear, and where they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scribe {
    pub models_dir: PathBuf,
    pub packaged_models_dir: PathBuf,
    pub mirror: String,
    pub live_model: String,
    pub final_model: String,
    pub graphics_dir: PathBuf,
    pub worker_socket: PathBuf,
}

impl Scribe {
    /// The folder of models, for a box whose data folder is `data`.
    pub fn models(&self, data: &Path) -> PathBuf {
        if self.models_dir.as_os_str().is_empty() { data.join("models") } else { self.models_dir.clone() }
    }
}

impl Default for Scribe {
    fn default() -> Self {
        Self {
            models_dir: PathBuf::new(),
            packaged_models_dir: PathBuf::from("/usr/share/clinicvault/models"),
            mirror: String::new(),
            live_model: "tiny.en-q8_0".to_owned(),
            final_model: "base-q8_0".to_owned(),
            graphics_dir: PathBuf::new(),
            worker_socket: PathBuf::new(),
        }
    }
}
