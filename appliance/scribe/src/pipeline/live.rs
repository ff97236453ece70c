//! Captions of tracks that are running. Samples, time and what was heard come in; what to hear, and captions, go out.
//!
//! Time that comes in is since any fixed moment; times of captions are milliseconds of their track.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::Serialize;

use super::agree::Agreement;
use super::cut::{Cutter, FRAME, Frame, Piece, loudness};
use super::queue::{Class, Job, Level, Queue};
use super::sift::{self, Doubt, Dropped};
use super::vocabulary::Vocabulary;
use crate::engine::{Care, EngineError, Heard, Model, Request};
use crate::speech::{RATE, Samples, Word};

/// Frames that are judged at a time: 256 ms.
const JUDGE: usize = 8;
/// Frames of which the detector is reminded: 2.5 s.
const REMIND: usize = 78;
/// The first partial caption comes after so many samples of an utterance, the next ones a step apart.
const FIRST: u64 = RATE as u64 * 4 / 5;
const STEP: u64 = RATE as u64 * 2;
/// What the short window of partial captions holds.
const WINDOW: usize = 15 * RATE;
/// A hole that is longer than this is jumped over instead of being filled with silence.
const HOLE: u64 = 20 * RATE as u64;
/// Sound that waits for the detector; beyond it the oldest is given up.
const HELD: usize = 60 * RATE;
const PARTIAL_LIMIT: Duration = Duration::from_secs(8);
const COMMITTED_LIMIT: Duration = Duration::from_secs(30);

/// A track's number; its meaning is the caller's.
pub type TrackId = u64;

/// What is known of a track before it begins.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Two letters.
    pub language: String,
    /// What may well come.
    pub vocabulary: Vocabulary,
}

/// How far a caption is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It goes on; the first words are firm.
    Partial,
    /// It stays until the transcript.
    Committed,
    /// Nothing was heard live; the transcript will have it.
    Later,
}

/// A caption. A higher revision of the same track and id replaces it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Caption {
    /// Of which track.
    pub track: TrackId,
    /// One for each utterance, growing.
    pub id: u64,
    /// Grows with each change.
    pub revision: u32,
    /// Start, ms of the track.
    pub start: u64,
    /// End so far, ms.
    pub end: u64,
    /// What was said; empty in a committed one when nothing was.
    pub words: Vec<Word>,
    /// So many of the words stand.
    pub firm: usize,
    /// How far it is.
    pub state: State,
    /// Words of a committed one that want a second look.
    pub doubts: Vec<(usize, Doubt)>,
    /// What was heard and is not shown.
    pub dropped: Vec<Dropped>,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// A caption is new or changes.
    Caption(Caption),
    /// More or less is done live from now on.
    Level(Level),
    /// Something could not be heard; a sentence for the status page.
    Trouble(String),
    /// The track has ended and all its captions are committed.
    Ended(TrackId),
}

/// Something to do.
#[derive(Debug)]
pub enum Task {
    /// Hear, and say what came of it with [`Live::heard`].
    Hear(u64, Request),
    /// Carry a transcript on by one step.
    Last(u64),
}

#[derive(Debug)]
enum Work {
    Hear { caption: u64, care: Care, piece: Piece, samples: Samples },
    Last(u64),
}

#[derive(Debug)]
struct Doing {
    track: TrackId,
    caption: u64,
    care: Care,
    piece: Piece,
}

#[derive(Debug, Default)]
struct Track {
    setup: Setup,
    held: Vec<f32>,
    first: u64,
    cutter: Cutter,
    /// Frames that the detector is judging, and how loud they are.
    asked: Option<Vec<f32>>,
    /// What the detector is asked is about sound that was jumped over.
    stale: bool,
    next: u64,
    open: Option<Open>,
    revisions: BTreeMap<u64, u32>,
    ended: bool,
}

#[derive(Debug)]
struct Open {
    id: u64,
    agreement: Agreement,
    partial_at: u64,
}

/// All running tracks.
#[derive(Debug)]
pub struct Live {
    model: Model,
    tracks: BTreeMap<TrackId, Track>,
    queue: Queue<Work>,
    doing: BTreeMap<u64, Doing>,
    next: u64,
    level: Level,
    events: VecDeque<(TrackId, Event)>,
}

impl Live {
    /// Captions by this model.
    pub fn new(model: Model) -> Self {
        Self {
            model,
            tracks: BTreeMap::new(),
            queue: Queue::default(),
            doing: BTreeMap::new(),
            next: 0,
            level: Level::All,
            events: VecDeque::new(),
        }
    }

    /// A track begins.
    pub fn begin(&mut self, track: TrackId, setup: Setup) {
        self.tracks.insert(track, Track { setup, ..Track::default() });
    }

    /// Sound of a track, from the sample `at` on. What is missing before is silence; what was there already is passed over.
    pub fn push(&mut self, track: TrackId, at: u64, samples: &[f32], now: Duration) {
        let Some(here) = self.tracks.get_mut(&track) else { return };
        let length = here.length();
        let mut ended = None;
        if at > length + HOLE {
            ended = here.jump(at);
        } else if at > length {
            here.held.resize(here.held.len() + (at - length) as usize, 0.0);
        }
        let known = (here.length().saturating_sub(at) as usize).min(samples.len());
        here.held
            .extend(samples[known..].iter().map(|s| if s.is_finite() { s.clamp(-1.0, 1.0) } else { 0.0 }));
        if here.held.len() > HELD {
            let to = here.length() - HOLE / 2;
            ended = here.jump(to).or(ended);
        }
        if let Some((piece, samples)) = ended {
            self.ended(track, piece, samples, now);
        }
    }

    /// The track is over; its last utterance is still heard.
    pub fn end(&mut self, track: TrackId) {
        if let Some(track) = self.tracks.get_mut(&track) {
            track.ended = true;
        }
    }

    /// Sound for the voice detector, if any waits: the track, and what it shall hear. Its answer goes to [`Live::judged`].
    pub fn listen(&mut self, now: Duration) -> Option<(TrackId, Samples)> {
        let tracks: Vec<TrackId> = self.tracks.keys().copied().collect();
        for id in tracks {
            while let Some(here) = self.tracks.get_mut(&id) {
                if here.asked.is_some() {
                    break;
                }
                let at = (here.cutter.seen() * FRAME as u64).saturating_sub(here.first) as usize;
                let at = at.min(here.held.len());
                let new = &here.held[at..];
                if new.len() < JUDGE * FRAME && !here.ended {
                    break;
                }
                if new.is_empty() {
                    self.close(id, now);
                    break;
                }
                let take = new.len().min(JUDGE * FRAME);
                let loud = loudness(&new[..take]);
                if new[..take].iter().all(|sample| *sample == 0.0) {
                    // Digital silence needs no detector.
                    let frames = loud.into_iter().map(|loud| Frame { speech: 0.0, loud }).collect();
                    self.frames(id, frames, now);
                    continue;
                }
                here.asked = Some(loud);
                let before = at.min(REMIND * FRAME) / FRAME * FRAME;
                return Some((id, Samples::new(here.held[at - before..at + take].to_vec())));
            }
        }
        None
    }

    /// What the detector says of what [`Live::listen`] gave.
    pub fn judged(&mut self, track: TrackId, answer: Result<Vec<f32>, EngineError>, now: Duration) {
        let Some(here) = self.tracks.get_mut(&track) else { return };
        let Some(loud) = here.asked.take() else { return };
        if std::mem::take(&mut here.stale) {
            return;
        }
        let chances = match answer {
            Ok(chances) => chances,
            Err(error) => {
                self.events.push_back((track, Event::Trouble(error.to_string())));
                vec![0.0; loud.len()]
            }
        };
        let skip = chances.len().saturating_sub(loud.len());
        let chances = chances.into_iter().skip(skip);
        let frames = chances.zip(loud).map(|(speech, loud)| Frame { speech, loud }).collect();
        self.frames(track, frames, now);
    }

    /// A transcript wants to be carried on, when nothing live waits.
    pub fn carry_on(&mut self, last: u64, now: Duration) {
        self.queue.offer(Job { class: Class::Last, track: last, since: now, work: Work::Last(last) });
    }

    /// The next thing to do, if anything waits.
    pub fn task(&mut self, live_only: bool, now: Duration) -> Option<Task> {
        self.look(now);
        self.take(live_only)
    }

    /// Looks how much may be done live, and gives up what may not.
    pub fn look(&mut self, now: Duration) {
        let (level, shed) = self.queue.level(now);
        for job in shed {
            self.later(job);
        }
        if level != self.level {
            self.level = level;
            self.events.push_back((0, Event::Level(level)));
        }
    }

    fn take(&mut self, live_only: bool) -> Option<Task> {
        self.next += 1;
        let id = self.next;
        let job = self.queue.next(id, live_only)?;
        match job.work {
            Work::Last(last) => Some(Task::Last(last)),
            Work::Hear { caption, care, piece, samples } => {
                let setup = self.tracks.get(&job.track).map(|track| track.setup.clone()).unwrap_or_default();
                let partial = care == Care::Partial;
                self.doing.insert(id, Doing { track: job.track, caption, care, piece });
                let request = Request {
                    model: self.model.clone(),
                    care,
                    language: setup.language,
                    // A prompt makes partial captions repeat themselves and costs time; the committed one has it.
                    prompt: if partial { String::new() } else { setup.vocabulary.prompt() },
                    samples,
                    limit: if partial { PARTIAL_LIMIT } else { COMMITTED_LIMIT },
                };
                Some(Task::Hear(id, request))
            }
        }
    }

    /// What came of a [`Task::Hear`].
    pub fn heard(&mut self, id: u64, answer: Result<Heard, EngineError>, now: Duration) {
        self.queue.done(id);
        let Some(doing) = self.doing.remove(&id) else { return };
        let track = doing.track;
        match (doing.care, answer) {
            (Care::Partial, Ok(heard)) => self.partial(&doing, heard),
            (Care::Partial, Err(_)) => {}
            (_, Ok(heard)) => self.commit(&doing, heard),
            (_, Err(error)) => {
                self.events.push_back((track, Event::Trouble(error.to_string())));
                self.tell(track, doing.caption, &doing.piece, Vec::new(), 0, State::Later);
            }
        }
        self.close(track, now);
    }

    /// What has happened, for which track; 0 is for all.
    pub fn event(&mut self) -> Option<(TrackId, Event)> {
        self.events.pop_front()
    }

    /// How much is done live.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Whether anything live waits or is being done.
    pub fn is_busy(&self) -> bool {
        self.queue.waiting() > 0 || !self.doing.is_empty()
    }

    /// Whether any track runs.
    pub fn has_tracks(&self) -> bool {
        !self.tracks.is_empty()
    }

    fn frames(&mut self, id: TrackId, frames: Vec<Frame>, now: Duration) {
        for frame in frames {
            let Some(here) = self.tracks.get_mut(&id) else { return };
            if let Some(piece) = here.cutter.push(frame) {
                let samples = here.sound(piece.start, piece.end);
                self.ended(id, piece, samples, now);
            }
        }
        let step = if self.level == Level::All { STEP } else { STEP * 2 };
        let level = self.level;
        let Some(here) = self.tracks.get_mut(&id) else { return };
        let until = here.cutter.seen() * FRAME as u64;
        if let Some(piece) = here.cutter.so_far() {
            let open = match &mut here.open {
                Some(open) => open,
                None => {
                    here.next += 1;
                    let open = Open {
                        id: here.next,
                        agreement: Agreement::default(),
                        partial_at: piece.start + FIRST,
                    };
                    here.open.insert(open)
                }
            };
            if until >= open.partial_at {
                open.partial_at = until + step;
                let caption = open.id;
                let samples = here.sound(piece.start, until.min(piece.start + WINDOW as u64));
                let work = Work::Hear { caption, care: Care::Partial, piece, samples };
                if level <= Level::Slow {
                    self.queue.offer(Job { class: Class::Partial, track: id, since: now, work });
                }
            }
        }
        if let Some(here) = self.tracks.get_mut(&id) {
            here.forget();
        }
        self.close(id, now);
    }

    fn ended(&mut self, id: TrackId, piece: Piece, samples: Samples, now: Duration) {
        self.queue.forget_partial(id);
        let Some(here) = self.tracks.get_mut(&id) else { return };
        let caption = match here.open.take() {
            Some(open) => open.id,
            None => {
                here.next += 1;
                here.next
            }
        };
        let work = Work::Hear { caption, care: Care::Committed, piece, samples };
        let job = Job { class: Class::Committed, track: id, since: now, work };
        if let Some(job) = self.queue.offer(job) {
            self.later(job);
        }
    }

    fn later(&mut self, job: Job<Work>) {
        if let Work::Hear { caption, care: Care::Committed, piece, .. } = job.work {
            self.tell(job.track, caption, &piece, Vec::new(), 0, State::Later);
        }
    }

    fn partial(&mut self, doing: &Doing, heard: Heard) {
        let Some(open) = self.tracks.get_mut(&doing.track).and_then(|here| here.open.as_mut()) else {
            return;
        };
        // The utterance has ended meanwhile: its committed caption is on the way.
        if open.id != doing.caption {
            return;
        }
        let speech = doing.piece.speech();
        let kept = heard.segments.into_iter().filter_map(|segment| sift::sift(segment, speech).kept);
        let words: Vec<Word> = kept.flat_map(|segment| segment.words).collect();
        let (words, firm) = open.agreement.next(words);
        if !words.is_empty() {
            self.tell(doing.track, doing.caption, &doing.piece, words, firm, State::Partial);
        }
    }

    fn commit(&mut self, doing: &Doing, heard: Heard) {
        let (mut words, mut dropped) = (Vec::new(), Vec::new());
        for segment in heard.segments {
            let sample = |millis: u64| doing.piece.start + millis * (RATE as u64 / 1000);
            let speech = doing.piece.speech_between(sample(segment.start), sample(segment.end));
            let sifted = sift::sift(segment, speech);
            words.extend(sifted.kept.into_iter().flat_map(|segment| segment.words));
            dropped.extend(sifted.dropped);
        }
        let firm = words.len();
        if let Some(caption) =
            self.tell(doing.track, doing.caption, &doing.piece, words, firm, State::Committed)
        {
            caption.dropped = dropped;
        }
    }

    fn tell(
        &mut self,
        track: TrackId,
        id: u64,
        piece: &Piece,
        words: Vec<Word>,
        firm: usize,
        state: State,
    ) -> Option<&mut Caption> {
        let here = self.tracks.get_mut(&track)?;
        let revision = here.revisions.entry(id).or_insert(0);
        *revision += 1;
        let millis = |sample: u64| sample * 1000 / RATE as u64;
        let doubts =
            if state == State::Committed { sift::doubts(&words, &here.setup.vocabulary) } else { Vec::new() };
        let caption = Caption {
            track,
            id,
            revision: *revision,
            start: millis(piece.start),
            end: millis(piece.end),
            words,
            firm,
            state,
            doubts,
            dropped: Vec::new(),
        };
        if state != State::Partial {
            here.revisions.remove(&id);
        }
        self.events.push_back((track, Event::Caption(caption)));
        match self.events.back_mut() {
            Some((_, Event::Caption(caption))) => Some(caption),
            _ => None,
        }
    }

    /// Ends a track that is over and of which nothing waits any more.
    fn close(&mut self, id: TrackId, now: Duration) {
        let Some(here) = self.tracks.get_mut(&id) else { return };
        let judged = here.cutter.seen() * FRAME as u64 >= here.length();
        if !here.ended || !judged || here.asked.is_some() {
            return;
        }
        if let Some(piece) = here.cutter.finish() {
            let samples = here.sound(piece.start, piece.end);
            self.ended(id, piece, samples, now);
            return;
        }
        let waits = self.queue.has_committed(id) || self.doing.values().any(|doing| doing.track == id);
        if !waits {
            self.tracks.remove(&id);
            self.events.push_back((id, Event::Ended(id)));
        }
    }
}

impl Track {
    fn length(&self) -> u64 {
        self.first + self.held.len() as u64
    }

    fn sound(&self, start: u64, end: u64) -> Samples {
        let at = |sample: u64| (sample.saturating_sub(self.first) as usize).min(self.held.len());
        Samples::new(self.held[at(start)..at(end).max(at(start))].to_vec())
    }

    /// What no utterance and no reminder needs any more goes.
    fn forget(&mut self) {
        let judged = self.cutter.seen() * FRAME as u64;
        let margin = judged.saturating_sub((REMIND * FRAME) as u64);
        let keep = self.cutter.open().unwrap_or(judged).min(margin);
        let gone = (keep.saturating_sub(self.first) as usize).min(self.held.len()) / FRAME * FRAME;
        self.held.drain(..gone);
        self.first += gone as u64;
    }

    /// Goes on at a later sample: what is between was lost. Gives the utterance that was going on.
    fn jump(&mut self, to: u64) -> Option<(Piece, Samples)> {
        let piece = self.cutter.finish();
        let ended = piece.map(|mut piece| {
            // What the detector has not judged yet belongs to it, as far as the window goes.
            piece.end = self.length().min(to).min(piece.start + WINDOW as u64).max(piece.end);
            let sound = self.sound(piece.start, piece.end);
            (piece, sound)
        });
        let frame = to / FRAME as u64;
        let rest = self.sound(to.min(self.length()), self.length());
        self.stale = self.asked.is_some();
        self.held = vec![0.0; (to - frame * FRAME as u64) as usize];
        self.held.extend_from_slice(&rest);
        self.first = frame * FRAME as u64;
        self.cutter.skip_to(frame);
        ended
    }
}

#[cfg(test)]
#[path = "live_tests.rs"]
mod tests;
