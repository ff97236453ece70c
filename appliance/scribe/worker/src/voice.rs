//! Where speech is: the silero detector of whisper.cpp.

use whisper_rs::{WhisperVadContext, WhisperVadContextParams};

/// The detector, loaded.
pub struct Detector(WhisperVadContext);

impl Detector {
    /// Loads it. The box has compared the file's hash: its format has no table that could be checked.
    pub fn open(path: &str) -> Result<Self, String> {
        if path.contains('\0') || std::fs::File::open(path).is_err() {
            return Err("the voice detector's file cannot be read".to_owned());
        }
        let mut params = WhisperVadContextParams::new();
        params.set_n_threads(1);
        WhisperVadContext::new(path, params).map(Self).map_err(|error| error.to_string())
    }

    /// One probability for each 512 samples. The detector's memory begins anew with each call.
    pub fn frames(&mut self, samples: &[f32]) -> Result<Vec<f32>, String> {
        if samples.is_empty() {
            return Ok(Vec::new());
        }
        self.0.detect_speech(samples).map_err(|error| error.to_string())?;
        Ok(self.0.probabilities().iter().map(|share| share.clamp(0.0, 1.0)).collect())
    }
}
