//! Hears the people of a call: captions as they speak, and their speech kept for the transcript.
//!
//! What is heard goes two ways, neither of which is waited for: to the captions, and to a blob, a chunk a second. Both go on
//! without the other. Who opens an ear has everybody's consent.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, PoisonError};

use clinicvault_scribe::pipeline::live::{Caption as Heard, Event, Setup, State};
use clinicvault_scribe::pipeline::queue::Level;
use clinicvault_scribe::pipeline::vocabulary::Vocabulary;
use clinicvault_scribe::service::{Events, Scribe, Track};
use clinicvault_scribe::speech::{RATE, Word};
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use super::kept::{self, Of, Speech};
use super::spool::Filling;
use super::transcriber::{Ready, Transcriber};
use super::transcript::{self, Line, Speaker, after};
use crate::consult::room::ears::{
    Caption, CaptionEvent, CaptionState, CaptionWord, Ear, Ears, Hearing, Part, Speaker as Person,
};

/// Chunks that wait for the disk: more than a minute of speech.
const WAITING: usize = 64;
/// A gap of up to this many milliseconds is the network's, and none.
const SLACK: u64 = 40;
/// Captions of one track are numbered below this; the track stands above.
const CAPTIONS_OF_A_TRACK: u32 = 20;

type Chunk = Zeroizing<Vec<u8>>;

/// Listens to one speaker.
struct OneEar {
    track: Option<Track>,
    /// Milliseconds of the call at which the track begins, once it does.
    origin: Option<u64>,
    told_origin: Arc<AtomicU64>,
    /// Samples of the track so far.
    pushed: u64,
    filling: Filling,
    keep: SyncSender<Chunk>,
    full: bool,
}

impl Ears for Transcriber {
    fn open(
        &self,
        of: &Hearing,
        speaker: &Person,
        vocabulary: Vec<String>,
        told: mpsc::Sender<CaptionEvent>,
    ) -> Option<Box<dyn Ear>> {
        let ready = self.ready().ok()?;
        let speech = Speech {
            blob: String::new(),
            of: Of::Consultation(of.consultation.clone()),
            patient: of.patient.clone(),
            speaker: Speaker { id: speaker.id.clone(), name: speaker.name.clone(), part: part(speaker.part) },
            began: of.began,
            language: of.language.clone(),
            vocabulary,
        };
        let told_origin = Arc::new(AtomicU64::new(0));
        let (keep, kept) = sync_channel(WAITING);
        let (room, row) = (self.clone(), speech.clone());
        tokio::task::spawn_blocking(move || room.keep(row, &kept));
        let track = self.captions(&ready, speech, told, told_origin.clone());
        let filling = Filling::default();
        Some(Box::new(OneEar { track, origin: None, told_origin, pushed: 0, filling, keep, full: false }))
    }
}

fn part(part: Part) -> String {
    match part {
        Part::Doctor => "doctor",
        Part::Staff => "staff",
        Part::Patient => "patient",
    }
    .to_owned()
}

impl Ear for OneEar {
    fn hear(&mut self, at_ms: u64, samples: &[f32]) {
        let origin = *self.origin.get_or_insert(at_ms);
        self.told_origin.store(origin, Ordering::Relaxed);
        if let Some(track) = &mut self.track {
            let due = at_ms.saturating_sub(origin) * RATE as u64 / 1000;
            let missing = due.saturating_sub(self.pushed);
            if missing > SLACK * RATE as u64 / 1000 {
                track.skip(missing);
                self.pushed = due;
            }
            track.push(samples);
            self.pushed += samples.len() as u64;
        }
        for chunk in self.filling.push(at_ms, samples) {
            self.give(chunk);
        }
    }
}

impl OneEar {
    fn give(&mut self, chunk: Chunk) {
        let full = self.keep.try_send(chunk).is_err();
        if full && !self.full {
            tracing::warn!("the disk does not keep up with speech: the transcript will have a gap");
        }
        self.full = full;
    }
}

impl Drop for OneEar {
    fn drop(&mut self) {
        if let Some(chunk) = self.filling.take() {
            self.give(chunk);
        }
    }
}

impl Transcriber {
    /// Writes chunks to a blob until nobody sends any. Blocking.
    fn keep(&self, mut row: Speech, chunks: &Receiver<Chunk>) {
        let vault = self.records().vault().clone();
        let begun = {
            // Held so that a sweep does not take a blob for forgotten before its row is there.
            let mut speaking = self.speaking().lock().unwrap_or_else(PoisonError::into_inner);
            vault.new_blob(&row.patient).inspect(|blob| {
                speaking.insert(blob.id().to_string());
            })
        };
        let mut blob = match begun {
            Ok(blob) => blob,
            Err(error) => return tracing::error!(%error, "speech is not kept: there will be no transcript"),
        };
        row.blob = blob.id().to_string();
        let name = row.blob.clone();
        match kept::begin(self.records(), row) {
            Err(error) => {
                tracing::error!(%error, "speech is not kept: there will be no transcript");
                let _ = vault.remove_blob(&blob.id());
            }
            Ok(()) => {
                let written = chunks.iter().try_for_each(|chunk| blob.append(&chunk));
                if let Err(error) = written.and_then(|()| blob.finish().map(drop)) {
                    tracing::error!(%error, "speech is kept up to here only");
                }
            }
        }
        self.speaking().lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
        self.wake().notify_one();
    }

    /// A track of captions, where captions are made of this language.
    fn captions(
        &self,
        ready: &Ready,
        speech: Speech,
        told: mpsc::Sender<CaptionEvent>,
        origin: Arc<AtomicU64>,
    ) -> Option<Track> {
        if ready.live.is_none() || !(ready.speaks)(&speech.language) {
            let _ = told.try_send(CaptionEvent::Level("later".to_owned()));
            return None;
        }
        let (tell, events) = Scribe::events();
        let vocabulary = Vocabulary::new(&speech.vocabulary);
        let track = ready.scribe.track(Setup { language: speech.language.clone(), vocabulary }, &tell);
        let room = self.clone();
        tokio::task::spawn_blocking(move || room.tell(&speech, events, &told, &origin));
        Some(track)
    }

    /// Hands captions on until the track has ended, and keeps the committed ones. Blocking.
    fn tell(
        &self,
        speech: &Speech,
        mut events: Events,
        told: &mpsc::Sender<CaptionEvent>,
        origin: &AtomicU64,
    ) {
        while let Some(event) = events.blocking_recv() {
            match event {
                Event::Ended(_) => return,
                Event::Trouble(why) => tracing::warn!(why, "something was not heard live"),
                Event::Level(level) => {
                    let _ = told.blocking_send(CaptionEvent::Level(said(level).to_owned()));
                }
                Event::Caption(heard) => {
                    let began = origin.load(Ordering::Relaxed);
                    let shown = CaptionEvent::Caption(shown(&heard, &speech.speaker.id, began));
                    if heard.state == State::Partial {
                        let _ = told.try_send(shown);
                        continue;
                    }
                    self.keep_caption(speech, &heard, began);
                    let _ = told.blocking_send(shown);
                }
            }
        }
    }

    fn keep_caption(&self, speech: &Speech, heard: &Heard, origin: u64) {
        if heard.state != State::Committed || heard.words.is_empty() {
            return;
        }
        let at = after(speech.began, origin + heard.start);
        let words = transcript::words(&heard.words, &heard.doubts);
        let line = Line { speaker: 0, at, ms: heard.end.saturating_sub(heard.start), words };
        let key = format!("{:016x}-{:x}-{:x}", at.as_millisecond(), heard.track, heard.id);
        if let Err(error) = kept::caption(self.records(), speech, &key, line) {
            tracing::warn!(%error, "a caption was not kept; the transcript will have it");
        }
    }
}

/// The word for how much is done live, as rooms say it.
fn said(level: Level) -> &'static str {
    match level {
        Level::All | Level::Slow => "all",
        Level::Bare => "commitsOnly",
        Level::Paused => "later",
    }
}

fn shown(heard: &Heard, speaker: &str, origin: u64) -> Caption {
    let doubts = transcript::words(&heard.words, &heard.doubts);
    let word = |(at, word): (usize, &Word)| CaptionWord {
        text: if at == 0 { word.text.clone() } else { format!(" {}", word.text) },
        doubt: doubts.get(at).and_then(|known| known.doubt.clone()),
    };
    Caption {
        speaker: speaker.to_owned(),
        id: (heard.track << CAPTIONS_OF_A_TRACK) + heard.id,
        revision: heard.revision,
        start_ms: origin + heard.start,
        end_ms: origin + heard.end,
        words: heard.words.iter().enumerate().map(word).collect(),
        firm: heard.firm,
        state: match heard.state {
            State::Partial => CaptionState::Partial,
            State::Committed => CaptionState::Committed,
            State::Later => CaptionState::Later,
        },
    }
}
