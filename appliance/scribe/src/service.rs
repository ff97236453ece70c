//! The threads around the rules: one that decides, one for the voice detector, one for each worker that hears.
//!
//! Whoever has sound pushes it and never waits. Captions come out of a channel that can be awaited. A transcript is a job between
//! the captions.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};

use tokio::sync::{mpsc, oneshot};

use crate::engine::{Engine, EngineError, Heard, Model, Request};
use crate::pipeline::last::{Last, LastError, Recording, Settings, Transcript};
use crate::pipeline::live::{Event, Live, Setup, State, Task, TrackId};
use crate::pipeline::queue::Level;
use crate::speech::Samples;

/// Pieces of sound that wait for the thread that decides; at 20 ms each, more than a second of ten tracks.
const WAITING: usize = 1024;
/// Events that wait for whoever listens.
const EVENTS: usize = 256;
/// How often time is looked at.
const TICK: Duration = Duration::from_millis(20);
/// A worker that has had nothing to do for so long is let go with its memory.
const REST: Duration = Duration::from_secs(600);

/// What hears.
pub struct Engines {
    /// Finds speech; asked often and briefly, so never the one that hears.
    pub detector: Box<dyn Engine>,
    /// One for each job that may run at once.
    pub hearing: Vec<Box<dyn Engine>>,
    /// The model for captions.
    pub live: Model,
}

/// How many workers may hear at once: two cores are left to the box while people speak, and one thread hears a job.
pub fn workers(cores: usize) -> usize {
    cores.saturating_sub(2).max(1)
}

/// Transcription of the whole box. Clones share it; it ends with the last.
#[derive(Debug, Clone)]
pub struct Scribe {
    control: Sender<In>,
    sound: SyncSender<Sound>,
    next: Arc<AtomicU64>,
    status: Arc<Mutex<Status>>,
}

/// What the status page says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// How much is done live.
    pub level: Level,
    /// Running tracks.
    pub tracks: usize,
    /// Transcripts that are being made.
    pub transcripts: usize,
    /// What could not be heard last.
    pub trouble: Option<String>,
}

/// One track of sound; dropping it ends the track.
#[derive(Debug)]
pub struct Track {
    id: TrackId,
    at: u64,
    lost: u64,
    sound: SyncSender<Sound>,
    control: Sender<In>,
}

impl Track {
    /// Its number in events.
    pub fn id(&self) -> TrackId {
        self.id
    }

    /// Hands over the next samples, without ever waiting. False when there is no room: they count as silence, so that time stays
    /// true.
    pub fn push(&mut self, samples: &[f32]) -> bool {
        let at = self.at;
        self.at += samples.len() as u64;
        let sound = Sound { track: self.id, at, samples: Samples::new(samples.to_vec()) };
        match self.sound.try_send(sound) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.lost += samples.len() as u64;
                false
            }
        }
    }

    /// Says that so many samples never came, such as packets that were lost.
    pub fn skip(&mut self, samples: u64) {
        self.at += samples;
    }

    /// Samples for which there was no room.
    pub fn lost(&self) -> u64 {
        self.lost
    }
}

impl Drop for Track {
    fn drop(&mut self) {
        let _ = self.control.send(In::End(self.id, self.at));
    }
}

/// What happens on one or more tracks, to be awaited. Captions that nobody fetches in time are overtaken by newer ones.
pub type Events = mpsc::Receiver<Event>;

struct Sound {
    track: TrackId,
    at: u64,
    samples: Samples,
}

enum In {
    Begin(TrackId, Setup, mpsc::Sender<Event>),
    End(TrackId, u64),
    Last(u64, Box<Last>, oneshot::Sender<Result<Transcript, LastError>>),
    Judged(TrackId, Result<Vec<f32>, EngineError>),
    Heard(usize, u64, Result<Heard, EngineError>),
    Stepped(usize, u64, Box<Last>, Result<Option<Transcript>, LastError>),
}

impl Scribe {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn start(engines: Engines) -> io::Result<Self> {
        let (control, orders) = channel();
        let (sound, sounds) = sync_channel(WAITING);
        let status = Status { level: Level::All, tracks: 0, transcripts: 0, trouble: None };
        let status = Arc::new(Mutex::new(status));
        let ears = detect(engines.detector, control.clone())?;
        let hearing = engines
            .hearing
            .into_iter()
            .enumerate()
            .map(|(at, engine)| hear(at, engine, control.clone()))
            .collect::<io::Result<Vec<_>>>()?;
        let desk = Desk {
            live: Live::new(engines.live),
            began: Instant::now(),
            ears,
            idle: vec![true; hearing.len()],
            hearing,
            listeners: BTreeMap::new(),
            ending: BTreeMap::new(),
            lasts: BTreeMap::new(),
            status: status.clone(),
        };
        let scribe = Self { control, sound, next: Arc::new(AtomicU64::new(1)), status };
        // The threads hold senders of their own: the one that decides ends when all handles are gone.
        let alive = Arc::downgrade(&scribe.next);
        thread::Builder::new()
            .name("scribe".to_owned())
            .spawn(move || desk.run(&orders, &sounds, &|| alive.strong_count() > 0))?;
        Ok(scribe)
    }

    /// A track begins. Its events go to `events`; more than one track may share a channel.
    pub fn track(&self, setup: Setup, events: &mpsc::Sender<Event>) -> Track {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let _ = self.control.send(In::Begin(id, setup, events.clone()));
        Track { id, at: 0, lost: 0, sound: self.sound.clone(), control: self.control.clone() }
    }

    /// A channel for events.
    pub fn events() -> (mpsc::Sender<Event>, Events) {
        mpsc::channel(EVENTS)
    }

    /// Makes a transcript of recordings, between the captions of whoever speaks now. The receiver is closed when the box stops.
    pub fn transcript(
        &self,
        settings: Settings,
        recordings: Vec<Recording>,
    ) -> oneshot::Receiver<Result<Transcript, LastError>> {
        let (told, answer) = oneshot::channel();
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let _ = self.control.send(In::Last(id, Box::new(Last::new(settings, recordings)), told));
        answer
    }

    /// How it is.
    pub fn status(&self) -> Status {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The thread of the voice detector.
fn detect(mut engine: Box<dyn Engine>, told: Sender<In>) -> io::Result<Sender<(TrackId, Samples)>> {
    let (ask, asked) = channel::<(TrackId, Samples)>();
    thread::Builder::new().name("scribe-voice".to_owned()).spawn(move || {
        loop {
            match asked.recv_timeout(REST) {
                Ok((track, samples)) => {
                    if told.send(In::Judged(track, engine.voice(&samples))).is_err() {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => engine.rest(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    })?;
    Ok(ask)
}

enum Do {
    Hear(u64, Request),
    Step(u64, Box<Last>),
}

/// The thread of a worker that hears.
fn hear(at: usize, mut engine: Box<dyn Engine>, told: Sender<In>) -> io::Result<Sender<Do>> {
    let (ask, asked) = channel::<Do>();
    thread::Builder::new().name(format!("scribe-{at}")).spawn(move || {
        loop {
            let done = match asked.recv_timeout(REST) {
                Ok(Do::Hear(id, request)) => In::Heard(at, id, engine.hear(&request)),
                Ok(Do::Step(id, mut last)) => {
                    let step = last.step(&mut *engine);
                    In::Stepped(at, id, last, step)
                }
                Err(RecvTimeoutError::Timeout) => {
                    engine.rest();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if told.send(done).is_err() {
                return;
            }
        }
    })?;
    Ok(ask)
}

struct Waiting {
    /// Not here while a step is being made.
    last: Option<Box<Last>>,
    told: oneshot::Sender<Result<Transcript, LastError>>,
}

struct Listener {
    events: mpsc::Sender<Event>,
    /// What did not fit: committed captions are never left out.
    late: std::collections::VecDeque<Event>,
}

/// The thread that decides.
struct Desk {
    live: Live,
    began: Instant,
    ears: Sender<(TrackId, Samples)>,
    hearing: Vec<Sender<Do>>,
    idle: Vec<bool>,
    listeners: BTreeMap<TrackId, Listener>,
    /// Tracks that end once the sound before this sample has come.
    ending: BTreeMap<TrackId, u64>,
    lasts: BTreeMap<u64, Waiting>,
    status: Arc<Mutex<Status>>,
}

impl Desk {
    fn run(mut self, orders: &Receiver<In>, sounds: &Receiver<Sound>, wanted: &dyn Fn() -> bool) {
        loop {
            let first = orders.recv_timeout(TICK);
            if !wanted() && matches!(first, Err(RecvTimeoutError::Timeout)) && self.listeners.is_empty() {
                return;
            }
            for order in first.into_iter().chain(orders.try_iter().take(WAITING)) {
                self.order(order);
            }
            let now = self.began.elapsed();
            for sound in sounds.try_iter().take(WAITING * 2) {
                self.live.push(sound.track, sound.at, &sound.samples, now);
            }
            // What was pushed before a track was let go has come by now.
            for (track, _) in std::mem::take(&mut self.ending) {
                self.live.end(track);
            }
            while let Some((track, samples)) = self.live.listen(now) {
                let _ = self.ears.send((track, samples));
            }
            self.give();
            self.tell();
        }
    }

    fn order(&mut self, order: In) {
        let now = self.began.elapsed();
        match order {
            In::Begin(track, setup, events) => {
                self.live.begin(track, setup);
                self.listeners.insert(track, Listener { events, late: std::collections::VecDeque::new() });
            }
            In::End(track, at) => {
                self.ending.insert(track, at);
            }
            In::Last(id, last, told) => {
                self.lasts.insert(id, Waiting { last: Some(last), told });
                self.live.carry_on(id, now);
            }
            In::Judged(track, answer) => self.live.judged(track, answer, now),
            In::Heard(worker, id, answer) => {
                self.idle[worker] = true;
                self.live.heard(id, answer, now);
            }
            In::Stepped(worker, id, last, step) => {
                self.idle[worker] = true;
                let done = match step {
                    Ok(None) => {
                        if let Some(waiting) = self.lasts.get_mut(&id) {
                            waiting.last = Some(last);
                            self.live.carry_on(id, now);
                        }
                        return;
                    }
                    Ok(Some(transcript)) => Ok(transcript),
                    Err(error) => Err(error),
                };
                if let Some(waiting) = self.lasts.remove(&id) {
                    let _ = waiting.told.send(done);
                }
            }
        }
    }

    /// Gives idle workers what waits.
    fn give(&mut self) {
        let now = self.began.elapsed();
        // Also without an idle worker: what piles up is shed in time.
        if !self.idle.contains(&true) {
            self.live.look(now);
        }
        while let Some(worker) = self.idle.iter().position(|idle| *idle) {
            // With several workers the first is kept for whoever speaks.
            let live_only = worker == 0 && self.idle.len() > 1 && self.live.has_tracks();
            let task = match self.live.task(live_only, now) {
                None if live_only => {
                    match self.idle.iter().rposition(|idle| *idle).filter(|other| *other > 0) {
                        None => return,
                        Some(other) => self.live.task(false, now).map(|task| (other, task)),
                    }
                }
                task => task.map(|task| (worker, task)),
            };
            let Some((worker, task)) = task else { return };
            let order = match task {
                Task::Hear(id, request) => Do::Hear(id, request),
                Task::Last(id) => match self.lasts.get_mut(&id).and_then(|waiting| waiting.last.take()) {
                    Some(last) => Do::Step(id, last),
                    None => continue,
                },
            };
            self.idle[worker] = false;
            let _ = self.hearing[worker].send(order);
        }
    }

    fn tell(&mut self) {
        let mut trouble = None;
        while let Some((track, event)) = self.live.event() {
            if let Event::Trouble(why) = &event {
                trouble = Some(why.clone());
            }
            let ended = matches!(event, Event::Ended(_));
            for (id, listener) in &mut self.listeners {
                if track == 0 || track == *id {
                    listener.offer(event.clone());
                }
            }
            if ended && let Some(listener) = self.listeners.get_mut(&track) {
                listener.late.push_back(Event::Ended(track));
            }
        }
        self.listeners.retain(|_, listener| !listener.is_over());
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        status.level = self.live.level();
        status.tracks = self.listeners.len();
        status.transcripts = self.lasts.len();
        status.trouble = trouble.or(status.trouble.take());
    }
}

impl Listener {
    fn offer(&mut self, event: Event) {
        match &event {
            Event::Ended(_) => {}
            Event::Caption(caption) if caption.state == State::Partial && !self.late.is_empty() => {}
            Event::Caption(_) | Event::Level(_) | Event::Trouble(_) => {
                self.late.push_back(event);
            }
        }
        self.flush();
    }

    fn flush(&mut self) {
        while let Some(event) = self.late.pop_front() {
            match self.events.try_send(event) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(event)) => {
                    self.late.push_front(event);
                    return;
                }
                Err(mpsc::error::TrySendError::Closed(_)) => {
                    self.late.clear();
                    return;
                }
            }
        }
    }

    /// Sends what waits; true once the track's end has been told, or nobody listens and it has ended.
    fn is_over(&mut self) -> bool {
        let ending = matches!(self.late.back(), Some(Event::Ended(_)));
        self.flush();
        ending && self.late.is_empty()
    }
}
