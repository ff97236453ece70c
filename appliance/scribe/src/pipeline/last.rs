//! The transcript of whole recordings: utterances packed to 30 s for each track, heard with the best model, put in order of time.
//!
//! One step hears one pack, so that whoever drives it can let something more urgent go first.

use std::io;
use std::time::Duration;

use serde::Serialize;
use thiserror::Error;

use super::cut::{Cutter, FRAME, Frame, Piece, loudness};
use super::sift::{self, Doubt, Dropped};
use super::vocabulary::Vocabulary;
use crate::engine::{Care, Engine, EngineError, Heard, Model, Request};
use crate::speech::{RATE, Samples, Word, line, millis};

/// Longest pack: what one window of the model holds, and a little less.
const PACK: usize = 29 * RATE;
/// Silence between two utterances of a pack.
const GAP: usize = RATE * 4 / 10;
/// Frames that the detector hears at once, and of how many before it is reminded: its memory begins anew with each call.
const HEAR: usize = 10 * RATE / FRAME;
const REMIND: usize = 78;

/// How to hear.
#[derive(Debug, Clone)]
pub struct Settings {
    /// With which model.
    pub model: Model,
    /// Two letters.
    pub language: String,
    /// What may well come.
    pub vocabulary: Vocabulary,
    /// Candidates.
    pub beam: u8,
}

/// One track's sound from its start, in pieces of any length.
pub struct Recording {
    /// Comes back with its lines.
    pub track: u64,
    /// The sound. An error ends the whole transcript: half of what was said is no record.
    pub sound: Box<dyn Iterator<Item = io::Result<Samples>> + Send>,
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Recording({})", self.track)
    }
}

/// A line of the transcript.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// Of which track.
    pub track: u64,
    /// Start, ms of the track.
    pub start: u64,
    /// End, ms.
    pub end: u64,
    /// What was said.
    pub words: Vec<Word>,
    /// Average probability.
    pub probability: f32,
    /// Words that want a second look, by their place.
    pub doubts: Vec<(usize, Doubt)>,
}

impl Line {
    /// Its words as a line.
    pub fn text(&self) -> String {
        line(&self.words)
    }

    /// The words that want a second look.
    pub fn marked(&self) -> Vec<String> {
        self.doubts.iter().filter_map(|(at, _)| self.words.get(*at)).map(|word| word.text.clone()).collect()
    }
}

/// Sound that could not be heard, although it was tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// Of which track.
    pub track: u64,
    /// Start, ms.
    pub start: u64,
    /// End, ms.
    pub end: u64,
    /// Why.
    pub reason: String,
}

/// What was said, and with what it was heard.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Transcript {
    /// In order of their start.
    pub lines: Vec<Line>,
    /// Texts that are not shown.
    pub dropped: Vec<Dropped>,
    /// What could not be heard.
    pub gaps: Vec<Gap>,
    /// The model's name.
    pub model: String,
    /// The model's hash.
    pub sha256: String,
    /// Two letters.
    pub language: String,
    /// How it was asked.
    pub parameters: String,
    /// Milliseconds of all tracks.
    pub sound: u64,
    /// Milliseconds in which something was said.
    pub speech: u64,
    /// Processor time.
    pub cpu: Duration,
}

impl Transcript {
    /// Processor seconds for a second of sound.
    pub fn cost(&self) -> f64 {
        self.cpu.as_secs_f64() / (self.sound.max(1) as f64 / 1000.0)
    }
}

/// Why there is no transcript.
#[derive(Debug, Error)]
pub enum LastError {
    /// The sound could not be read.
    #[error("the recording cannot be read: {0}")]
    Sound(#[from] io::Error),
    /// Nothing can be heard at all.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// A transcript that is being made.
#[derive(Debug)]
pub struct Last {
    settings: Settings,
    waiting: Vec<Recording>,
    track: Option<Track>,
    transcript: Transcript,
}

/// The track that is at hand: sound that is not yet part of an utterance, and the pack that fills up.
#[derive(Debug)]
struct Track {
    recording: Recording,
    held: Vec<f32>,
    /// Sample of the track that `held` begins with.
    first: u64,
    cutter: Cutter,
    ended: bool,
    pack: Pack,
    /// An utterance that did not fit into the pack before.
    over: Option<(Piece, Samples)>,
    ready: std::collections::VecDeque<Piece>,
}

#[derive(Debug, Default)]
struct Pack {
    sound: Vec<f32>,
    /// Where each utterance begins in the pack.
    pieces: Vec<(usize, Piece)>,
}

impl Last {
    /// A transcript of these recordings, in the order in which they are given.
    pub fn new(settings: Settings, recordings: Vec<Recording>) -> Self {
        let transcript = Transcript {
            model: settings.model.name.clone(),
            sha256: settings.model.sha256.clone(),
            language: settings.language.clone(),
            parameters: format!(
                "v1 beam {} terms {}",
                settings.beam,
                !settings.vocabulary.prompt().is_empty()
            ),
            ..Transcript::default()
        };
        let mut waiting = recordings;
        waiting.reverse();
        Self { settings, waiting, track: None, transcript }
    }

    /// Hears until it is done.
    ///
    /// # Errors
    /// [`LastError`].
    pub fn run(mut self, engine: &mut dyn Engine) -> Result<Transcript, LastError> {
        loop {
            if let Some(transcript) = self.step(engine)? {
                return Ok(transcript);
            }
        }
    }

    /// Hears one pack; gives the transcript once all is heard.
    ///
    /// # Errors
    /// [`LastError`]. What a worker could not hear twice is a gap, no error.
    pub fn step(&mut self, engine: &mut dyn Engine) -> Result<Option<Transcript>, LastError> {
        if self.track.is_none() {
            let Some(recording) = self.waiting.pop() else {
                let mut transcript = std::mem::take(&mut self.transcript);
                transcript.lines.sort_by_key(|line| (line.start, line.track));
                return Ok(Some(transcript));
            };
            self.track = Some(Track::new(recording));
        }
        let Some(track) = &mut self.track else { return Ok(None) };
        let full = track.fill(engine)?;
        let pack = std::mem::take(&mut track.pack);
        let id = track.recording.track;
        if !full {
            self.transcript.sound += millis(usize::try_from(track.heard()).unwrap_or(usize::MAX));
            self.track = None;
        }
        if !pack.pieces.is_empty() {
            self.hear(id, pack, engine)?;
        }
        Ok(None)
    }

    fn hear(&mut self, track: u64, pack: Pack, engine: &mut dyn Engine) -> Result<(), LastError> {
        let samples = Samples::new(pack.sound);
        let seconds = samples.millis().div_ceil(1000);
        self.transcript.speech += pack.pieces.iter().map(|(_, piece)| piece.speech()).sum::<u64>();
        let request = Request {
            model: self.settings.model.clone(),
            care: Care::Final { beam: self.settings.beam.clamp(1, 8) },
            language: self.settings.language.clone(),
            prompt: self.settings.vocabulary.prompt(),
            samples,
            // Twenty times as long as it lasts, on the slowest machine with the fallbacks of temperature.
            limit: Duration::from_secs(30 + 20 * seconds),
        };
        match engine.hear(&request) {
            Ok(heard) => {
                self.keep(track, &pack.pieces, heard);
                Ok(())
            }
            Err(absent @ EngineError::Absent(_)) => Err(absent.into()),
            Err(error) => {
                self.transcript.gaps.extend(pack.pieces.iter().map(|(_, piece)| Gap {
                    track,
                    start: piece.start * 1000 / RATE as u64,
                    end: piece.end * 1000 / RATE as u64,
                    reason: error.to_string(),
                }));
                Ok(())
            }
        }
    }

    fn keep(&mut self, track: u64, pieces: &[(usize, Piece)], heard: Heard) {
        self.transcript.cpu += heard.cpu;
        for mut segment in heard.segments {
            let (from, to) = (samples_of(segment.start), samples_of(segment.end));
            let (start, end) =
                (place(pieces, from, false), place(pieces, to, true).max(place(pieces, from, false)));
            segment.start = start * 1000 / RATE as u64;
            segment.end = end * 1000 / RATE as u64;
            let speech = pieces.iter().map(|(_, piece)| piece.speech_between(start, end)).sum();
            let sifted = sift::sift(segment, speech);
            self.transcript.dropped.extend(sifted.dropped);
            if let Some(kept) = sifted.kept {
                self.transcript.lines.push(Line {
                    track,
                    start: kept.start,
                    end: kept.end,
                    probability: kept.probability(),
                    doubts: sift::doubts(&kept.words, &self.settings.vocabulary),
                    words: kept.words,
                });
            }
        }
    }
}

fn samples_of(millis: u64) -> usize {
    usize::try_from(millis).unwrap_or(usize::MAX).saturating_mul(RATE / 1000)
}

/// The sample of the track at a place of the pack. In the silence between two utterances a start is the next one's start, an end
/// the last one's end.
fn place(pieces: &[(usize, Piece)], at: usize, end: bool) -> u64 {
    let mut last = 0;
    for (begin, piece) in pieces {
        if at < *begin {
            return if end { last } else { piece.start };
        }
        let inside = (at - begin) as u64;
        if inside < piece.end - piece.start || (end && inside == piece.end - piece.start) {
            return piece.start + inside;
        }
        last = piece.end;
    }
    last
}

impl Track {
    fn new(recording: Recording) -> Self {
        Self {
            recording,
            held: Vec::new(),
            first: 0,
            cutter: Cutter::default(),
            ended: false,
            pack: Pack::default(),
            over: None,
            ready: std::collections::VecDeque::new(),
        }
    }

    /// Samples so far.
    fn heard(&self) -> u64 {
        self.first + self.held.len() as u64
    }

    /// Fills the pack. False when the track has no more.
    fn fill(&mut self, engine: &mut dyn Engine) -> Result<bool, LastError> {
        if let Some((piece, sound)) = self.over.take() {
            self.put(piece, &sound);
        }
        loop {
            while let Some(piece) = self.ready.pop_front() {
                let sound = self.sound(&piece);
                if self.pack.sound.is_empty() || self.pack.sound.len() + GAP + sound.len() <= PACK {
                    self.put(piece, &sound);
                } else {
                    self.over = Some((piece, sound));
                    return Ok(true);
                }
            }
            if self.ended {
                return Ok(false);
            }
            self.listen(engine)?;
        }
    }

    fn put(&mut self, piece: Piece, sound: &[f32]) {
        if !self.pack.sound.is_empty() {
            self.pack.sound.resize(self.pack.sound.len() + GAP, 0.0);
        }
        self.pack.pieces.push((self.pack.sound.len(), piece));
        self.pack.sound.extend_from_slice(sound);
    }

    fn sound(&self, piece: &Piece) -> Samples {
        let at = |sample: u64| (sample.saturating_sub(self.first) as usize).min(self.held.len());
        Samples::new(self.held[at(piece.start)..at(piece.end)].to_vec())
    }

    /// Reads on and finds the utterances that end there.
    fn listen(&mut self, engine: &mut dyn Engine) -> Result<(), LastError> {
        let judged = self.cutter.seen() * FRAME as u64;
        while self.heard() < judged + (HEAR * FRAME) as u64 {
            match self.recording.sound.next() {
                Some(sound) => self.held.extend_from_slice(&sound?),
                None => {
                    self.ended = true;
                    break;
                }
            }
        }
        let at = (judged - self.first) as usize;
        let new = &self.held[at..];
        let take = if self.ended { new.len() } else { new.len().min(HEAR * FRAME) };
        let new = &new[..take];
        let before = at.min(REMIND * FRAME) / FRAME * FRAME;
        // Digital silence needs no detector.
        let chances = if new.iter().all(|sample| *sample == 0.0) {
            vec![0.0; new.len().div_ceil(FRAME)]
        } else {
            let context = Samples::new(self.held[at - before..at + take].to_vec());
            engine.voice(&context)?.split_off(before / FRAME)
        };
        let frames: Vec<Frame> =
            chances.into_iter().zip(loudness(new)).map(|(speech, loud)| Frame { speech, loud }).collect();
        self.ready.extend(frames.into_iter().filter_map(|frame| self.cutter.push(frame)));
        if self.ended {
            self.ready.extend(self.cutter.finish());
        }
        // What no utterance and no reminder needs any more goes.
        let needed = self.ready.front().map(|piece| piece.start).or(self.cutter.open());
        let judged = self.cutter.seen() * FRAME as u64;
        let keep = needed.unwrap_or(judged).min(judged.saturating_sub((REMIND * FRAME) as u64));
        let gone = (keep.saturating_sub(self.first) as usize).min(self.held.len()) / FRAME * FRAME;
        self.held.drain(..gone);
        self.first += gone as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::speech::Segment;

    /// Loud is speech; a second of speech is a word that says how long it lasted.
    #[derive(Default)]
    struct Fake {
        packs: Vec<usize>,
        fail: Option<usize>,
    }

    impl Engine for Fake {
        fn hear(&mut self, request: &Request) -> Result<Heard, EngineError> {
            self.packs.push(request.samples.len());
            if self.fail == Some(self.packs.len()) {
                return Err(EngineError::Late);
            }
            let (mut segments, mut start) = (Vec::new(), None);
            let frames: Vec<bool> =
                request.samples.chunks(160).map(|frame| frame.iter().any(|s| s.abs() > 0.01)).collect();
            for (at, loud) in frames.iter().chain(&[false]).enumerate() {
                match (start, loud) {
                    (None, true) => start = Some(at),
                    (Some(from), false) => {
                        let text = format!("said{}", (at - from) * 10);
                        let end = (at as u64 * 10).min(request.samples.millis());
                        let words = vec![Word { text, probability: 0.9 }];
                        segments.push(Segment { start: from as u64 * 10, end, words });
                        start = None;
                    }
                    _ => {}
                }
            }
            Ok(Heard { segments, cpu: Duration::from_millis(1) })
        }

        fn voice(&mut self, samples: &Samples) -> Result<Vec<f32>, EngineError> {
            let loud = |frame: &[f32]| frame.iter().any(|sample| sample.abs() > 0.01);
            Ok(samples.chunks(FRAME).map(|frame| if loud(frame) { 0.9 } else { 0.1 }).collect())
        }
    }

    fn settings() -> Settings {
        let model = Model { name: "fake".into(), sha256: "0".into(), path: "/".into() };
        Settings { model, language: "en".into(), vocabulary: Vocabulary::default(), beam: 1 }
    }

    /// Silence and speech in turn, in units of 32 ms.
    fn recording(track: u64, parts: &[usize], piece: usize) -> Recording {
        let mut sound = Vec::new();
        for (at, frames) in parts.iter().enumerate() {
            let value = if at % 2 == 1 { 0.5 } else { 0.0001 };
            sound.resize(sound.len() + frames * FRAME, value);
        }
        let pieces: Vec<io::Result<Samples>> =
            sound.chunks(piece).map(|p| Ok(Samples::new(p.to_vec()))).collect();
        Recording { track, sound: Box::new(pieces.into_iter()) }
    }

    #[test]
    fn what_was_said_has_its_place_in_the_track() {
        let parts = [100, 50, 100, 80, 40, 60, 300];
        let tracks = vec![recording(1, &parts, 7000), recording(2, &[20, 50, 60], 999)];
        let mut fake = Fake::default();
        let transcript = Last::new(settings(), tracks).run(&mut fake).unwrap();
        let lines: Vec<(u64, u64, u64)> =
            transcript.lines.iter().map(|line| (line.track, line.start, line.end)).collect();
        let expected = [
            (2, 20 * 32, 70 * 32),
            (1, 100 * 32, 150 * 32),
            (1, 250 * 32, 330 * 32),
            (1, 370 * 32, 430 * 32),
        ];
        assert_eq!(lines.len(), expected.len());
        for (line, wanted) in lines.iter().zip(expected) {
            assert!(
                line.0 == wanted.0 && line.1.abs_diff(wanted.1) <= 10 && line.2.abs_diff(wanted.2) <= 10,
                "{line:?}"
            );
        }
        assert_eq!(fake.packs.len(), 2, "each track is one pack");
        assert_eq!(transcript.sound, (730 + 130) * 32);
    }

    #[test]
    fn what_cannot_be_heard_is_a_gap_and_the_rest_is_there() {
        let long: Vec<usize> = (0..40).map(|at| if at % 2 == 0 { 25 } else { 200 }).collect();
        let mut fake = Fake { fail: Some(2), ..Fake::default() };
        let transcript = Last::new(settings(), vec![recording(1, &long, 16_000)]).run(&mut fake).unwrap();
        assert!(!transcript.gaps.is_empty() && !transcript.lines.is_empty());
        assert_eq!(transcript.gaps.len() + transcript.lines.len(), 20);
        assert!(fake.packs.iter().all(|pack| *pack <= PACK));
        assert!(fake.packs.len() < 20, "utterances share packs");
    }

    #[test]
    fn a_recording_that_breaks_off_is_an_error() {
        let sound = vec![Ok(Samples::new(vec![0.0; 100])), Err(io::Error::other("torn"))];
        let recording = Recording { track: 1, sound: Box::new(sound.into_iter()) };
        assert!(matches!(
            Last::new(settings(), vec![recording]).run(&mut Fake::default()),
            Err(LastError::Sound(_))
        ));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn everything_said_is_heard_once(
            parts in proptest::collection::vec(20_usize..400, 1..24),
            piece in 100_usize..40_000,
        ) {
            let mut fake = Fake::default();
            let transcript = Last::new(settings(), vec![recording(1, &parts, piece)]).run(&mut fake).unwrap();
            let said: usize = parts.iter().skip(1).step_by(2).sum::<usize>() * 32;
            let heard: u64 = transcript.lines.iter().map(|line| line.end - line.start).sum();
            // Silence is not digital here, so what is heard ends with what is loud.
            prop_assert!(heard.abs_diff(said as u64) <= 20 * parts.len() as u64 + 20, "{heard} of {said}");
            prop_assert!(fake.packs.iter().all(|pack| *pack <= PACK));
        }
    }
}
