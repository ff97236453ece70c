//! A transcript as it is kept and shown: who said what when, how sure the model was, and with what it was heard.
//!
//! Owns the shape and how it is made of what the transcriber answers. It is a draft: a person signs what becomes of it.

use clinicvault_scribe::pipeline::last;
use clinicvault_scribe::pipeline::sift::Doubt;
use clinicvault_scribe::speech::Word;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TranscriptState)]
pub enum State {
    /// The captions that were committed so far; the call may go on.
    Live,
    /// Speech is kept and waits to be heard as a whole.
    Waiting,
    /// It is being made.
    Making,
    /// It is there.
    Done,
    /// It could not be made; `trouble` says why and what to do.
    Failed,
}

/// One who speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TranscriptSpeaker)]
pub struct Speaker {
    /// Account, or the patient's id.
    pub id: String,
    /// Name as shown.
    pub name: String,
    /// `doctor`, `staff` or `patient`.
    pub part: String,
}

/// A word and how sure the model was of it.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TranscriptWord)]
pub struct Heard {
    /// With its punctuation, without space.
    pub text: String,
    /// 0 to 1.
    pub probability: f32,
    /// Why it wants a second look: `number`, `negation` or `term`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub doubt: Option<String>,
}

impl std::fmt::Debug for Heard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Heard({} bytes, {:.2})", self.text.len(), self.probability)
    }
}

/// What one person said in one go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TranscriptLine)]
pub struct Line {
    /// Which of the speakers, from 0.
    pub speaker: usize,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// How long it took, ms.
    pub ms: u64,
    /// The words.
    pub words: Vec<Heard>,
}

impl Line {
    /// Its words as a line.
    pub fn text(&self) -> String {
        self.words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
    }
}

/// A text that is not shown, or sound that could not be heard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TranscriptLeftOut)]
pub struct LeftOut {
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// How long it took, ms.
    pub ms: u64,
    /// What the model said, if it said something.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub text: String,
    /// Why it is left out.
    pub reason: String,
}

/// With what it was heard.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TranscriptOrigin)]
pub struct Origin {
    /// The model's name.
    pub model: String,
    /// The model's hash.
    pub sha256: String,
    /// How it was asked.
    pub parameters: String,
    /// Version of this program.
    pub program: String,
    /// Milliseconds of sound.
    pub sound_ms: u64,
    /// Milliseconds in which something was said.
    pub speech_ms: u64,
    /// Processor time, ms.
    pub cpu_ms: u64,
}

/// What was said in a consultation or a dictation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Transcript {
    /// The consultation's id, or the dictation's.
    pub id: String,
    /// Whose record it belongs to.
    pub patient: String,
    /// The account that dictated it; absent for a consultation.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dictated_by: Option<String>,
    /// How far it is.
    pub state: State,
    /// Percent of its sound that was heard, while it is being made.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub percent: Option<u8>,
    /// Why there is none, and what to do.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trouble: Option<String>,
    /// Two letters.
    pub language: String,
    /// Who speaks.
    pub speakers: Vec<Speaker>,
    /// In order of time.
    pub lines: Vec<Line>,
    /// Texts that are not shown, with the reason.
    pub dropped: Vec<LeftOut>,
    /// Sound that could not be heard.
    pub gaps: Vec<LeftOut>,
    /// With what it was heard.
    pub origin: Origin,
    /// When it was made, or last added to.
    #[schema(value_type = String, format = DateTime)]
    pub made: Timestamp,
    /// The DocumentReference with its text, once it is done.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub document: Option<String>,
}

impl Transcript {
    /// One without words yet.
    pub fn empty(id: &str, patient: &str, language: &str, state: State, now: Timestamp) -> Self {
        Self {
            id: id.to_owned(),
            patient: patient.to_owned(),
            dictated_by: None,
            state,
            percent: None,
            trouble: None,
            language: language.to_owned(),
            speakers: Vec::new(),
            lines: Vec::new(),
            dropped: Vec::new(),
            gaps: Vec::new(),
            origin: Origin::default(),
            made: now,
            document: None,
        }
    }

    /// The place of a speaker, who is added when new.
    pub fn speaker(&mut self, speaker: &Speaker) -> usize {
        match self.speakers.iter().position(|known| known.id == speaker.id) {
            Some(at) => at,
            None => {
                self.speakers.push(speaker.clone());
                self.speakers.len() - 1
            }
        }
    }

    /// Puts the words of what was heard in, track by track: who spoke on it, and when its first sample was spoken.
    pub fn fill(&mut self, heard: last::Transcript, tracks: &[(Speaker, Timestamp)]) {
        let place = |track: u64| usize::try_from(track).ok().and_then(|at| tracks.get(at));
        let when = |began: Timestamp, ms: u64| after(began, ms);
        for line in heard.lines {
            let Some((speaker, began)) = place(line.track) else { continue };
            let line = Line {
                speaker: self.speaker(speaker),
                at: when(*began, line.start),
                ms: line.end.saturating_sub(line.start),
                words: words(&line.words, &line.doubts),
            };
            self.lines.push(line);
        }
        // Tracks of a call that was interrupted do not begin together.
        self.lines.sort_by_key(|line| line.at);
        let began = tracks.first().map_or(self.made, |(_, began)| *began);
        self.dropped = heard
            .dropped
            .into_iter()
            .map(|one| LeftOut {
                at: when(began, one.start),
                ms: one.end.saturating_sub(one.start),
                reason: code(&one.reason),
                text: one.text,
            })
            .collect();
        self.gaps = heard
            .gaps
            .into_iter()
            .filter_map(|gap| {
                let (_, began) = place(gap.track)?;
                let ms = gap.end.saturating_sub(gap.start);
                Some(LeftOut { at: when(*began, gap.start), ms, text: String::new(), reason: gap.reason })
            })
            .collect();
        self.origin = Origin {
            model: heard.model,
            sha256: heard.sha256,
            parameters: heard.parameters,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            sound_ms: heard.sound,
            speech_ms: heard.speech,
            cpu_ms: u64::try_from(heard.cpu.as_millis()).unwrap_or(u64::MAX),
        };
    }

    /// As plain text, a line for each: `10:32:05 Asha: Good morning.`
    pub fn plain(&self, zone: &jiff::tz::TimeZone) -> String {
        let mut text = String::new();
        for line in &self.lines {
            let name = self.speakers.get(line.speaker).map_or("?", |speaker| speaker.name.as_str());
            let at = line.at.to_zoned(zone.clone()).strftime("%H:%M:%S").to_string();
            text.push_str(&format!("{at} {name}: {}\n", line.text()));
        }
        text
    }
}

/// So many milliseconds later.
pub fn after(at: Timestamp, ms: u64) -> Timestamp {
    let later = SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX / 4));
    at.checked_add(later).unwrap_or(at)
}

/// Words with what wants a second look.
pub fn words(words: &[Word], doubts: &[(usize, Doubt)]) -> Vec<Heard> {
    let doubt = |at: usize| doubts.iter().find(|(of, _)| *of == at).map(|(_, doubt)| code(doubt));
    let heard = |(at, word): (usize, &Word)| Heard {
        text: word.text.clone(),
        probability: word.probability,
        doubt: doubt(at),
    };
    words.iter().enumerate().map(heard).collect()
}

/// The code that an enumeration of the transcriber is written as.
fn code(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(code)) => code,
        Ok(_) | Err(_) => "other".to_owned(),
    }
}
