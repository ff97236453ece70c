//! Drives one room: performs what the rules in `state` decide, on sockets, the call, the vault and the clock. Holds no rule
//! of its own.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use clinicvault_gateway::fhir::id::ResourceType;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinSet;

use super::calls::Line;
use super::desk::unfit;
use super::ears::{CaptionEvent, Hearing, Speaker};
use super::gauge::Gauge;
use super::kept::Matter;
use super::line::FromCall;
use super::member::Guest;
use super::outbox::Outbox;
use super::protocol::{ChatMessage, Code, FromClient, Mode, Standing};
use super::state::{Link, Output, Room};
use crate::consult::Consult;
use crate::consult::desk::Ask;
use crate::consult::kept::Docs;
use crate::consult::recordings::{Person, Sitting};
use crate::consult::state::State;
use crate::records::access::Actor;
use crate::records::error::Error;
use crate::records::feed::{self, What};

/// What waits for a room.
pub(super) const COMMANDS: usize = 256;
/// Captions that wait for a room.
const CAPTIONS: usize = 256;
/// A room in which nobody is stays for a moment: whoever comes back resumes.
const LINGERS: Duration = Duration::from_secs(60);
/// The longest sleep; also how often it is looked whether the box can hear.
const LOOKS: Duration = Duration::from_secs(2);
/// Things to be written down that wait.
const MOST_JOBS: usize = 200;

/// What a socket tells its room.
pub enum Command {
    /// Somebody comes in.
    Enter {
        /// The socket.
        link: Link,
        /// Who, to the room and to the policy.
        by: Box<(Guest, Actor)>,
        /// Room and event that were seen last.
        seen: Option<(String, u64)>,
        /// What is sent to the socket.
        outbox: Arc<Outbox>,
    },
    /// Something was said; none when it could not be read.
    Said {
        /// The socket.
        link: Link,
        /// What.
        said: Option<FromClient>,
    },
    /// The socket is gone.
    Gone {
        /// The socket.
        link: Link,
    },
    /// A message was written down outside of the room.
    Wrote(Box<ChatMessage>),
}

/// Something to be written down; one at a time, in order.
enum Job {
    Write { by: Box<(Guest, Actor)>, key: String, text: String },
    Agree { by: Box<(Guest, Actor)>, to: Matter, on: bool },
    Recording { by: Actor, on: bool },
    Lost(bool),
    Segment(Option<Mode>),
    Arrived(Actor),
    Look,
}

/// What came of it.
enum Done {
    Written { id: String, key: String, done: Result<Option<ChatMessage>, Error> },
    Agreed { id: String, to: Matter, on: bool, done: Result<(), Error> },
    Looked(Result<Standing, Error>),
    Nothing(Result<(), Error>),
}

/// One room.
pub(super) struct Driver {
    consult: Consult,
    id: String,
    number: u64,
    gauge: Arc<Gauge>,
    room: Room,
    commands: mpsc::Receiver<Command>,
    sockets: BTreeMap<Link, Arc<Outbox>>,
    actors: BTreeMap<String, Actor>,
    jobs: VecDeque<Job>,
    /// At most one.
    doing: JoinSet<Done>,
    feed: broadcast::Receiver<feed::Event>,
    line: Option<Line>,
    captions: (mpsc::Sender<CaptionEvent>, mpsc::Receiver<CaptionEvent>),
    /// What was to be kept of a recording and could not be.
    failures: (mpsc::Sender<()>, mpsc::Receiver<()>),
    /// Whose consultation it is, and the patient's language.
    about: (String, String),
    /// Who asked for the recording that goes on.
    operator: Option<Actor>,
}

impl Driver {
    pub(super) fn new(
        consult: Consult,
        (id, number, gauge): (String, u64, Arc<Gauge>),
        room: Room,
        about: (String, String),
        commands: mpsc::Receiver<Command>,
    ) -> Driver {
        let feed = consult.records().feed().listen();
        // What moved between the reading of the room and now is looked at once.
        let jobs = VecDeque::from([Job::Look]);
        Driver {
            consult,
            id,
            number,
            gauge,
            room,
            commands,
            sockets: BTreeMap::new(),
            actors: BTreeMap::new(),
            jobs,
            doing: JoinSet::new(),
            feed,
            line: None,
            captions: mpsc::channel(CAPTIONS),
            failures: mpsc::channel(1),
            about,
            operator: None,
        }
    }

    /// Runs until nobody is left, or it is told to stop.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut empty: Option<tokio::time::Instant> = None;
        loop {
            // Before anybody is told of what changed.
            self.gauge.show(&self.id, &self.room);
            self.perform().await;
            if self.room.is_empty() && self.jobs.is_empty() && self.doing.is_empty() {
                let since = *empty.get_or_insert_with(tokio::time::Instant::now);
                if self.room.is_over() || since.elapsed() > LINGERS {
                    break;
                }
            } else {
                empty = None;
            }
            let pause = self.pause();
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(command) => self.command(command),
                    None => break,
                },
                Some(done) = self.doing.join_next() => self.done(done.ok()),
                told = self.feed.recv() => match told {
                    Ok(event) => self.happened(&event),
                    Err(RecvError::Lagged(_)) => self.look(),
                    Err(RecvError::Closed) => break,
                },
                Some(said) = next_of(&mut self.line) => self.called(said),
                Some(caption) = self.captions.1.recv() => self.caption(caption),
                Some(()) = self.failures.1.recv() => {
                    self.room.recording_failed(self.consult.records().now());
                }
                () = tokio::time::sleep(pause) => {}
                () = wanted(&mut stop) => break,
            }
            let (ears, now) = (self.consult.ears().is_some(), self.consult.records().now());
            self.room.ears(ears, now);
            self.room.tick(now);
        }
        self.end().await;
    }

    fn pause(&self) -> Duration {
        let now = self.consult.records().now();
        let wake = self.room.wake().map_or(LOOKS, |at| {
            Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO) + Duration::from_millis(1)
        });
        wake.min(LOOKS)
    }

    fn command(&mut self, command: Command) {
        let now = self.consult.records().now();
        match command {
            Command::Enter { link, by, seen, outbox } => {
                let (guest, who) = *by;
                self.sockets.insert(link, outbox);
                self.actors.insert(guest.id.clone(), who);
                self.room.enter(link, guest, seen.as_ref().map(|(epoch, n)| (epoch.as_str(), *n)), now);
            }
            Command::Said { link, said } => self.room.said(link, said, now),
            Command::Gone { link } => {
                self.sockets.remove(&link);
                self.room.lost(link, now);
            }
            Command::Wrote(message) => self.room.written(*message, now),
        }
    }

    fn happened(&mut self, event: &feed::Event) {
        let What::Record { kind, id, .. } = &event.what else { return };
        if *kind == ResourceType::ENCOUNTER.number() && **id == *self.id {
            self.look();
        }
    }

    fn look(&mut self) {
        if !self.jobs.iter().any(|job| matches!(job, Job::Look)) {
            self.jobs.push_back(Job::Look);
        }
    }

    fn called(&mut self, said: FromCall) {
        let now = self.consult.records().now();
        match said {
            FromCall::Signal { id, signal } => self.room.signal(&id, &signal),
            FromCall::Flows { id, up } => self.room.flows(&id, up, now),
            FromCall::Out { id, peer } => {
                if let Some(line) = &mut self.line {
                    line.forget(&id, peer);
                }
                self.room.unseated(&id, peer, now);
            }
        }
    }

    fn caption(&mut self, event: CaptionEvent) {
        let now = self.consult.records().now();
        match event {
            CaptionEvent::Caption(caption) => self.room.caption(caption, now),
            CaptionEvent::Level(level) => self.room.level(&level),
        }
    }

    fn done(&mut self, done: Option<Done>) {
        let now = self.consult.records().now();
        match done {
            Some(Done::Written { done: Ok(Some(message)), .. }) => self.room.written(message, now),
            // It was written before, and whoever sent it has seen it or will.
            Some(Done::Written { done: Ok(None), .. }) => {}
            Some(Done::Written { id, key, done: Err(error) }) => {
                tracing::warn!(op = "room.chat", resource = %self.id, %error, "a message was not written");
                let (code, message) = told(&error);
                self.room.refuse_keyed(&id, "chat", Some(&key), code, &message);
            }
            Some(Done::Agreed { id, to: Matter::Speech, on, done: Ok(()) }) => self.room.agreed(&id, on, now),
            Some(Done::Agreed { id, to: Matter::Recording, on, done: Ok(()) }) => {
                self.room.agreed_recording(&id, on, now);
            }
            Some(Done::Agreed { id, to, done: Err(error), .. }) => {
                tracing::warn!(op = "room.agree", resource = %self.id, %error, "an agreement was not written");
                let (code, message) = told(&error);
                let of = match to {
                    Matter::Speech => "agree",
                    Matter::Recording => "agreeRecording",
                };
                self.room.refuse(&id, of, code, &message);
            }
            Some(Done::Looked(Ok(standing))) => self.room.moved(standing, now),
            Some(Done::Looked(Err(error)) | Done::Nothing(Err(error))) => match error {
                // Somebody was quicker.
                Error::Conflict(_) => {}
                error => tracing::warn!(op = "room", resource = %self.id, %error, "not done"),
            },
            Some(Done::Nothing(Ok(()))) => {}
            None => {
                tracing::error!(op = "room", resource = %self.id, "what was to be written down ended early")
            }
        }
    }

    async fn perform(&mut self) {
        while let Some(output) = self.room.poll() {
            self.one(output).await;
        }
        if self.doing.is_empty()
            && let Some(job) = self.jobs.pop_front()
        {
            self.begin(job);
        }
    }

    async fn one(&mut self, output: Output) {
        match output {
            Output::Tell { link, message, may_skip } => {
                let fits = self.sockets.get(&link).is_none_or(|outbox| outbox.push(message, may_skip));
                if !fits {
                    self.sockets.remove(&link);
                    self.room.lost(link, self.consult.records().now());
                }
            }
            Output::Close { link, code } => {
                if let Some(outbox) = self.sockets.remove(&link) {
                    outbox.close(code);
                }
            }
            Output::Seat { id, video } => self.seat(id, video).await,
            Output::Unseat { id } => {
                if let Some(line) = &mut self.line {
                    line.unseat(&id).await;
                }
                if let Some(line) = self.line.take_if(|line| line.is_empty()) {
                    line.end().await;
                }
            }
            Output::Signal { id, signal } => {
                if let Some(line) = &self.line
                    && let Err(why) = line.signal(&id, signal).await
                {
                    self.room.refuse(&id, "signal", "refused", &why.0);
                }
            }
            Output::Mute { id, muted } => {
                if let Some(line) = &self.line
                    && let Err(why) = line.mute(&id, muted).await
                {
                    self.room.refuse(&id, "media", "refused", &why.0);
                }
            }
            Output::Ear { id, on } => self.ear(&id, on).await,
            Output::Write { id, key, text } => match unfit(&key, &text) {
                Some(why) => self.room.refuse_keyed(&id, "chat", Some(&key), "unfit", why),
                None => {
                    if let Some(by) = self.somebody(&id) {
                        self.job(Job::Write { by, key, text });
                    }
                }
            },
            Output::Agree { id, on } => {
                if let Some(by) = self.somebody(&id) {
                    self.job(Job::Agree { by, to: Matter::Speech, on });
                }
            }
            Output::AgreeRecording { id, on } => {
                if let Some(by) = self.somebody(&id) {
                    self.job(Job::Agree { by, to: Matter::Recording, on });
                }
            }
            Output::Recording { by, on } => {
                if let Some(by) = self.actors.get(&by).cloned() {
                    self.operator = on.then(|| by.clone());
                    self.job(Job::Recording { by, on });
                }
            }
            Output::Reel { id, on } => self.reel(&id, on).await,
            Output::Arrived { id } => {
                if let Some(who) = self.actors.get(&id).cloned() {
                    self.job(Job::Arrived(who));
                }
            }
            Output::Lost(lost) => self.job(Job::Lost(lost)),
            Output::Segment(mode) => self.job(Job::Segment(mode)),
        }
    }

    fn somebody(&self, id: &str) -> Option<Box<(Guest, Actor)>> {
        let guest = self.room.member(id).map(|member| member.guest.clone());
        guest.zip(self.actors.get(id).cloned()).map(Box::new)
    }

    fn job(&mut self, job: Job) {
        if self.jobs.len() < MOST_JOBS {
            return self.jobs.push_back(job);
        }
        // Only somebody who writes faster than the disk gets here.
        match &job {
            Job::Write { by, key, .. } => {
                let why = "too much waits to be written; send it again in a moment";
                self.room.refuse_keyed(&by.0.id, "chat", Some(key), "busy", why);
            }
            Job::Agree { on: true, .. } | Job::Look | Job::Arrived(_) => {}
            Job::Agree { on: false, .. } | Job::Recording { .. } | Job::Lost(_) | Job::Segment(_) => {
                self.jobs.push_back(job)
            }
        }
    }

    async fn seat(&mut self, id: String, video: bool) {
        let now = self.consult.records().now();
        let Some(up) = self.room.member(&id).map(|member| member.up) else { return };
        if self.line.is_none() {
            self.line = self.consult.rooms().calls().map(|calls| calls.begin(now));
        }
        let Some(line) = &mut self.line else { return };
        match line.seat(&id, video, up, now).await {
            Ok(seated) => self.room.seated(&id, seated.peer, seated.fresh, now),
            Err(why) => self.room.refuse(&id, "call", "full", &why.0),
        }
    }

    async fn ear(&mut self, id: &str, on: bool) {
        let (consult, patient) = (self.consult.clone(), self.about.0.clone());
        let expected = match on {
            true => {
                tokio::task::spawn_blocking(move || consult.vocabulary(&patient)).await.unwrap_or_default()
            }
            false => Vec::new(),
        };
        let Some(line) = &mut self.line else { return };
        let member = self.room.member(id).map(|member| member.guest.clone());
        let ear = match (on, member, self.consult.ears()) {
            (true, Some(guest), Some(ears)) => {
                let hearing = Hearing {
                    consultation: self.id.clone(),
                    patient: self.about.0.clone(),
                    began: line.began,
                    language: self.about.1.clone(),
                };
                let speaker = Speaker { id: guest.id, name: guest.name.clone(), part: guest.part };
                let doctor = self.room.standing().doctor.as_ref().map(|doctor| doctor.name.clone());
                let vocabulary = [guest.name].into_iter().chain(doctor).chain(expected).collect();
                ears.open(&hearing, &speaker, vocabulary, self.captions.0.clone())
            }
            _ => None,
        };
        line.tap(id, ear).await;
    }

    async fn reel(&mut self, id: &str, on: bool) {
        let mode = self.room.mode();
        let Some(line) = &mut self.line else { return };
        let guest = self.room.member(id).map(|member| member.guest.clone()).filter(|_| on);
        let to = guest.zip(self.operator.as_ref()).map(|(guest, operator)| {
            let sitting = Sitting {
                consultation: self.id.clone(),
                patient: self.about.0.clone(),
                began: line.began,
                person: Person { id: guest.id, name: guest.name, part: guest.part },
                operator: (operator.id.clone(), operator.name.clone()),
                mode,
            };
            self.consult.keep_reel(sitting, self.failures.0.clone())
        });
        line.record(id, to).await;
    }

    fn begin(&mut self, job: Job) {
        let (consult, id) = (self.consult.clone(), self.id.clone());
        match job {
            Job::Write { by, key, text } => {
                self.doing.spawn_blocking(move || {
                    let (guest, who) = *by;
                    let done = consult.write(&who, &guest, &id, &key, &text);
                    Done::Written { id: guest.id, key, done }
                });
            }
            Job::Agree { by, to, on } => {
                let mode = self.room.mode();
                self.doing.spawn_blocking(move || {
                    let (guest, who) = *by;
                    let done = consult.agree(&who, &guest, &id, (to, on), mode);
                    Done::Agreed { id: guest.id, to, on, done }
                });
            }
            Job::Recording { by, on } => {
                let mode = self.room.mode();
                self.doing.spawn_blocking(move || Done::Nothing(consult.note_recording(&by, &id, on, mode)));
            }
            Job::Lost(lost) => {
                self.doing.spawn_blocking(move || Done::Nothing(consult.lost(&id, lost).map(|_| ())));
            }
            Job::Segment(mode) => {
                let recorded = self.room.is_recorded();
                self.doing.spawn_blocking(move || Done::Nothing(consult.turn_mode(&id, mode, recorded)));
            }
            Job::Arrived(who) => {
                self.doing.spawn_blocking(move || {
                    let done = consult.transition(&who, &id, State::Waiting, Ask::Arrived);
                    Done::Nothing(done.map(|_| ()))
                });
            }
            Job::Look => {
                self.doing.spawn_blocking(move || {
                    let read = || {
                        let snapshot = consult.records().vault().snapshot()?;
                        let row = snapshot.row(&id)?;
                        consult.standing(&snapshot, &row)
                    };
                    Done::Looked(read())
                });
            }
        }
    }

    /// Ends it: whoever comes meanwhile is sent away and comes back to a new one.
    async fn end(mut self) {
        self.consult.rooms().forget(&self.id, self.number);
        self.commands.close();
        while let Some(command) = self.commands.recv().await {
            if let Command::Enter { outbox, .. } = command {
                outbox.close(Code::Away);
            }
        }
        for outbox in self.sockets.values() {
            outbox.close(Code::Away);
        }
        if let Some(line) = self.line.take() {
            line.end().await;
        }
        // What was said is written down, also when the box stops.
        while self.doing.join_next().await.is_some() {}
        while let Some(job) = self.jobs.pop_front() {
            self.begin(job);
            while self.doing.join_next().await.is_some() {}
        }
    }
}

/// Waits until it should end.
async fn wanted(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// What the call says next, if there is one.
async fn next_of(line: &mut Option<Line>) -> Option<FromCall> {
    match line {
        Some(line) => line.next().await,
        None => std::future::pending().await,
    }
}

/// An error as a word and a sentence for whoever sent something.
fn told(error: &Error) -> (&'static str, String) {
    match error {
        Error::Busy | Error::NoRoom => ("busy", error.to_string()),
        Error::Conflict(_) | Error::TooMuch(_) | Error::Refused(_) => ("refused", error.to_string()),
        // Whatever else it is says nothing to whoever reads it, and may say too much.
        _ => ("failed", "this could not be written down; send it again".to_owned()),
    }
}
