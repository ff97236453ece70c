//! The clips with what was said in them, and how many words of a text are wrong.

use std::io;
use std::path::Path;

use clinicvault_scribe::audio::wav;
use clinicvault_scribe::speech::RATE;

/// A clip.
pub struct Clip {
    /// Its name.
    pub id: String,
    /// What is said in it.
    pub text: String,
    /// By a person, not by a machine.
    pub real: bool,
    /// The WAV file.
    pub bytes: Vec<u8>,
}

/// The English clips in which something is said.
pub fn clips(folder: &Path) -> Vec<Clip> {
    let list = std::fs::read_to_string(folder.join("refs.jsonl")).expect("a list of clips");
    let clips = list.lines().filter_map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        let (id, kind) = (text("id"), text("kind"));
        if text("lang") != "en" || text("text").is_empty() {
            return None;
        }
        let bytes = std::fs::read(folder.join(format!("{id}.wav"))).expect("a clip");
        Some(Clip { id, text: text("text"), real: kind == "real", bytes })
    });
    clips.collect()
}

/// The clips of people, or those of machines, one after the other with 2 s between.
pub fn joined(clips: &[Clip], real: bool) -> Clip {
    let chosen: Vec<&Clip> = clips.iter().filter(|clip| clip.real == real).collect();
    let mut sound: Vec<u8> = Vec::new();
    for clip in &chosen {
        let samples = wav::read(io::Cursor::new(&clip.bytes)).expect("a WAV file");
        sound.extend(samples.iter().flat_map(|sample| ((sample * 32767.0) as i16).to_le_bytes()));
        sound.resize(sound.len() + 4 * RATE, 0);
    }
    let (length, rate) = (sound.len() as u32, RATE as u32);
    let mut bytes = b"RIFF".to_vec();
    bytes.extend_from_slice(&(length + 36).to_le_bytes());
    bytes.extend_from_slice(b"WAVEfmt ");
    bytes.extend_from_slice(&16_u32.to_le_bytes());
    bytes.extend_from_slice(&[1, 0, 1, 0]);
    bytes.extend_from_slice(&rate.to_le_bytes());
    bytes.extend_from_slice(&(rate * 2).to_le_bytes());
    bytes.extend_from_slice(&[2, 0, 16, 0]);
    bytes.extend_from_slice(b"data");
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend(sound);
    let text = chosen.iter().map(|clip| clip.text.as_str()).collect::<Vec<_>>().join(" ");
    Clip { id: if real { "real" } else { "synthetic" }.to_owned(), text, real, bytes }
}

/// Errors and words, of people's and of invented voices.
#[derive(Default)]
pub struct Score {
    real: (usize, usize),
    synthetic: (usize, usize),
}

impl Score {
    /// Adds what was heard in a clip.
    pub fn add(&mut self, clip: &Clip, heard: &str) {
        let (errors, words) = wrong(heard, &clip.text);
        let sum = if clip.real { &mut self.real } else { &mut self.synthetic };
        sum.0 += errors;
        sum.1 += words;
    }

    /// Percent of people's words.
    pub fn real(&self) -> f64 {
        percent(self.real)
    }

    /// Percent of machines' words.
    pub fn synthetic(&self) -> f64 {
        percent(self.synthetic)
    }
}

fn percent((errors, words): (usize, usize)) -> f64 {
    100.0 * errors as f64 / words.max(1) as f64
}

/// Words that were added, left out or changed, and the words that were said.
pub fn wrong(heard: &str, said: &str) -> (usize, usize) {
    let (heard, said) = (plain(heard), plain(said));
    let mut row: Vec<usize> = (0..=said.len()).collect();
    for (at, word) in heard.iter().enumerate() {
        let mut corner = row[0];
        row[0] = at + 1;
        for (place, other) in said.iter().enumerate() {
            let change = corner + usize::from(word != other);
            corner = row[place + 1];
            row[place + 1] = change.min(row[place] + 1).min(corner + 1);
        }
    }
    (row[said.len()], said.len())
}

fn plain(text: &str) -> Vec<String> {
    let kept = |c: char| if c.is_alphanumeric() || c == '\'' { c } else { ' ' };
    let text: String = text.to_lowercase().chars().map(kept).collect();
    let word = |word: &str| match word {
        "mr" => "mister".to_owned(),
        "3" => "three".to_owned(),
        "10" => "ten".to_owned(),
        other => other.to_owned(),
    };
    text.split_whitespace().map(word).collect()
}
