//! What goes in and what comes out: samples, words, segments. What was said never appears in `Debug`.

use std::fmt;

use serde::Serialize;
use zeroize::Zeroize;

/// Samples a second, everywhere in this crate.
pub const RATE: usize = 16_000;

/// Mono sound at [`RATE`], -1 to 1; overwritten when it is let go.
#[derive(Clone, Default, PartialEq)]
pub struct Samples(Vec<f32>);

impl Samples {
    /// Takes samples.
    pub fn new(samples: Vec<f32>) -> Self {
        Self(samples)
    }

    /// Milliseconds of it.
    pub fn millis(&self) -> u64 {
        millis(self.0.len())
    }
}

/// Milliseconds that so many samples last.
pub fn millis(samples: usize) -> u64 {
    samples as u64 * 1000 / RATE as u64
}

impl std::ops::Deref for Samples {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.0
    }
}

impl Drop for Samples {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Samples({} ms)", self.millis())
    }
}

/// A word and how sure the model was of it.
#[derive(Clone, PartialEq, Serialize)]
pub struct Word {
    /// With its punctuation, without space.
    pub text: String,
    /// 0 to 1: the least of its tokens.
    pub probability: f32,
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Word({} bytes, {:.2})", self.text.len(), self.probability)
    }
}

/// Words that the model gave as one piece.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Segment {
    /// From the start of what was heard, milliseconds.
    pub start: u64,
    /// Its end, milliseconds; never beyond what was heard.
    pub end: u64,
    /// What was said.
    pub words: Vec<Word>,
}

impl Segment {
    /// Its words as a line.
    pub fn text(&self) -> String {
        line(&self.words)
    }

    /// Average probability of its words; 0 without any.
    pub fn probability(&self) -> f32 {
        if self.words.is_empty() {
            return 0.0;
        }
        self.words.iter().map(|word| word.probability).sum::<f32>() / self.words.len() as f32
    }
}

/// Words as a line.
pub fn line(words: &[Word]) -> String {
    words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
}
