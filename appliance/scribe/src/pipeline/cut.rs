//! Where an utterance begins and ends (thresholds: decision 0181).

use std::collections::VecDeque;

use crate::speech::millis;

/// Samples of a frame: 32 ms.
pub const FRAME: usize = 512;
/// From this probability on a frame is speech.
pub const SPEECH: f32 = 0.5;
/// So many frames of speech in a row begin an utterance.
const BEGIN: usize = 3;
/// Below this probability a frame is quiet.
const QUIET: f32 = 0.35;
/// So many quiet frames in a row end an utterance: 600 ms.
const END: usize = 19;
/// Samples that belong to it before and after: 200 ms.
const PAD: u64 = 3200;
/// Longest utterance, frames: 15 s.
const LONGEST: usize = 468;
/// A longer one is cut at the quietest frame of the last 3 s.
const LOOK_BACK: usize = 94;

/// A frame as the detector and the ear have it.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    /// Probability of speech.
    pub speech: f32,
    /// Mean square.
    pub loud: f32,
}

/// A piece of a track that holds an utterance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// First sample.
    pub start: u64,
    /// Sample after the last.
    pub end: u64,
    /// The frame that `speech` begins with.
    first: u64,
    /// Which frames are speech.
    speech: Vec<bool>,
}

impl Piece {
    /// Milliseconds of speech between two samples of the track.
    pub fn speech_between(&self, start: u64, end: u64) -> u64 {
        let inside = |at: &usize| {
            let middle = (self.first + *at as u64) * FRAME as u64 + FRAME as u64 / 2;
            (start..end).contains(&middle)
        };
        let frames = self.speech.iter().enumerate().filter(|(at, speech)| **speech && inside(at)).count();
        millis(frames * FRAME)
    }

    /// Milliseconds of speech.
    pub fn speech(&self) -> u64 {
        self.speech_between(0, u64::MAX)
    }
}

/// Finds the utterances of a track, frame by frame.
#[derive(Debug, Clone, Default)]
pub struct Cutter {
    seen: u64,
    run: usize,
    /// The last frames while nothing is open: those that begin an utterance belong to it.
    before: VecDeque<Frame>,
    open: Option<Open>,
    /// Where the last piece ended: pieces never overlap.
    free: u64,
}

#[derive(Debug, Clone)]
struct Open {
    start: u64,
    first: u64,
    frames: Vec<Frame>,
    quiet: usize,
}

impl Open {
    fn piece(&self, end: u64, frames: usize) -> Piece {
        let speech = self.frames.iter().take(frames).map(|frame| frame.speech >= SPEECH).collect();
        Piece { start: self.start, end, first: self.first, speech }
    }
}

impl Cutter {
    /// Frames so far.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// The first sample of the utterance that is going on.
    pub fn open(&self) -> Option<u64> {
        self.open.as_ref().map(|open| open.start)
    }

    /// The utterance that is going on, as far as it goes.
    pub fn so_far(&self) -> Option<Piece> {
        self.open.as_ref().map(|open| open.piece(self.seen * FRAME as u64, open.frames.len()))
    }

    /// Takes the next frame; gives the utterance that ends with it.
    pub fn push(&mut self, frame: Frame) -> Option<Piece> {
        let at = self.seen;
        self.seen += 1;
        match &mut self.open {
            None => {
                self.run = if frame.speech >= SPEECH { self.run + 1 } else { 0 };
                self.before.push_back(frame);
                if self.before.len() > BEGIN {
                    self.before.pop_front();
                }
                if self.run >= BEGIN {
                    let first = at + 1 - BEGIN as u64;
                    let start = (first * FRAME as u64).saturating_sub(PAD).max(self.free);
                    let frames = std::mem::take(&mut self.before).into();
                    self.open = Some(Open { start, first, frames, quiet: 0 });
                    self.run = 0;
                }
                None
            }
            Some(open) => {
                open.frames.push(frame);
                open.quiet = if frame.speech < QUIET { open.quiet + 1 } else { 0 };
                if open.quiet >= END {
                    let spoken = open.frames.len() - END;
                    let end = (open.first + spoken as u64) * FRAME as u64 + PAD;
                    let piece = open.piece(end, spoken);
                    self.open = None;
                    return Some(self.close(piece));
                }
                if open.frames.len() >= LONGEST {
                    return Some(self.force());
                }
                None
            }
        }
    }

    /// The track ends: so does the utterance that is going on.
    pub fn finish(&mut self) -> Option<Piece> {
        let piece = self.so_far();
        self.open = None;
        piece.map(|piece| self.close(piece))
    }

    /// Goes on at a later frame: those between were lost. Nothing may be going on.
    pub fn skip_to(&mut self, frame: u64) {
        self.seen = self.seen.max(frame);
        self.free = self.free.max(self.seen * FRAME as u64);
        self.run = 0;
        self.before.clear();
    }

    fn close(&mut self, piece: Piece) -> Piece {
        self.free = piece.end;
        piece
    }

    /// Cuts where it is quietest; what follows is an utterance of its own that has begun already.
    fn force(&mut self) -> Piece {
        let Some(open) = self.open.take() else {
            return Piece { start: self.free, end: self.free, first: self.seen, speech: Vec::new() };
        };
        let from = open.frames.len() - LOOK_BACK;
        let quietest = open.frames.iter().enumerate().skip(from);
        let at = quietest.min_by(|(_, a), (_, b)| a.loud.total_cmp(&b.loud)).map_or(from, |(at, _)| at);
        let end = (open.first + at as u64) * FRAME as u64;
        let piece = open.piece(end, at);
        let frames: Vec<Frame> = open.frames[at..].to_vec();
        let quiet = frames.iter().rev().take_while(|frame| frame.speech < QUIET).count();
        self.open = Some(Open { start: end, first: open.first + at as u64, frames, quiet });
        self.close(piece)
    }
}

/// The mean squares of whole frames.
pub fn loudness(samples: &[f32]) -> Vec<f32> {
    samples
        .chunks(FRAME)
        .map(|frame| frame.iter().map(|sample| sample * sample).sum::<f32>() / frame.len() as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(frames: &[(f32, f32)]) -> Vec<Piece> {
        let mut cutter = Cutter::default();
        let mut pieces: Vec<Piece> = frames
            .iter()
            .filter_map(|(speech, loud)| cutter.push(Frame { speech: *speech, loud: *loud }))
            .collect();
        pieces.extend(cutter.finish());
        pieces
    }

    fn frames(parts: &[(f32, usize)]) -> Vec<(f32, f32)> {
        parts.iter().flat_map(|(speech, count)| vec![(*speech, *speech); *count]).collect()
    }

    #[test]
    fn an_utterance_has_its_pauses_and_its_margins() {
        let pieces = run(&frames(&[(0.0, 30), (0.9, 20), (0.1, 10), (0.9, 20), (0.1, 60)]));
        assert_eq!(pieces.len(), 1);
        assert_eq!(pieces[0].start, 30 * 512 - 3200);
        assert_eq!(pieces[0].end, 80 * 512 + 3200);
        assert_eq!(pieces[0].speech(), 40 * 32);
        assert_eq!(pieces[0].speech_between(60 * 512, u64::MAX), 20 * 32);
    }

    #[test]
    fn two_frames_are_no_utterance_and_half_a_second_is_no_end() {
        assert!(run(&frames(&[(0.0, 9), (0.9, 2), (0.0, 9), (0.9, 2), (0.0, 40)])).is_empty());
        assert_eq!(run(&frames(&[(0.9, 9), (0.1, 18), (0.9, 9), (0.1, 19)])).len(), 1);
        assert_eq!(run(&frames(&[(0.9, 9), (0.1, 19), (0.9, 9), (0.1, 19)])).len(), 2);
    }

    #[test]
    fn a_long_one_is_cut_where_it_is_quietest() {
        let mut long = frames(&[(0.9, 900)]);
        long[420].1 = 0.001;
        let pieces = run(&long);
        assert_eq!(pieces[0].end, 420 * 512);
        assert_eq!(pieces[1].start, pieces[0].end);
        assert_eq!(pieces.last().unwrap().end, 900 * 512);
    }

    proptest! {
        #[test]
        fn pieces_are_in_order_apart_and_short(
            parts in proptest::collection::vec((0.0_f32..1.0, 0.0_f32..1.0, 1_usize..60), 1..60),
        ) {
            let all: Vec<(f32, f32)> =
                parts.iter().flat_map(|(speech, loud, count)| vec![(*speech, *loud); *count]).collect();
            let pieces = run(&all);
            let mut free = 0;
            for piece in &pieces {
                prop_assert!(piece.start >= free && piece.end >= piece.start);
                prop_assert!(piece.end - piece.start <= 15 * 16_000 + PAD * 2);
                free = piece.end;
            }
            // Every frame that belongs to three of speech in a row lies in a piece.
            for (at, window) in all.windows(3).enumerate() {
                if window.iter().all(|(speech, _)| *speech >= SPEECH) {
                    let middle = ((at + 1) * 512 + 256) as u64;
                    prop_assert!(pieces.iter().any(|piece| (piece.start..piece.end).contains(&middle)));
                }
            }
        }

        #[test]
        fn without_speech_there_is_nothing(quiet in proptest::collection::vec(0.0_f32..0.49, 0..2000)) {
            let all: Vec<(f32, f32)> = quiet.into_iter().map(|speech| (speech, 0.5)).collect();
            prop_assert!(run(&all).is_empty());
        }
    }
}
