//! The conversation on one line as a state machine: bytes and the time go in, effects come out (LIS1-A, 6.2 to 6.5).
//!
//! Both directions: an analyser's results are received, a host query's answer is sent. The rule of the box holds here
//! too: the frame that lets the sender forget something is answered only after [`Line::stored`]. Times are durations
//! since a moment that the driver chooses; it calls [`Line::tick`] when [`Line::deadline`] has come.

mod receive;
mod send;

#[cfg(test)]
mod tests;

use std::time::Duration;

use super::frame::{Decoder, Fault, MOST_TEXT};
use super::part::Part;
use receive::{Held, Session};
use send::Outgoing;

/// Which end of the line this is. It decides who gives way when both ask at once: the analyser goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The box.
    Host,
    /// The analyser (in tests and in simulators).
    Instrument,
}

/// How frame numbers are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// Each frame has the next number; another one is refused.
    Strict,
    /// A frame out of turn is taken and noted: some analysers number only some of their frames.
    Loose,
}

/// Waiting times (LIS1-A, 6.5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timers {
    /// A sender waits this long for each answer: 15 s.
    pub reply: Duration,
    /// A receiver waits this long for the next frame: 30 s.
    pub receive: Duration,
    /// After NAK to ENQ, before asking again: 10 s.
    pub busy: Duration,
    /// After both asked at once, before the host asks again: 20 s.
    pub yield_host: Duration,
    /// After both asked at once, before the analyser asks again: 1 s.
    pub yield_instrument: Duration,
    /// A frame that ends in CR alone is taken as whole after this silence: 200 ms.
    pub last_lf: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            reply: Duration::from_secs(15),
            receive: Duration::from_secs(30),
            busy: Duration::from_secs(10),
            yield_host: Duration::from_secs(20),
            yield_instrument: Duration::from_secs(1),
            last_lf: Duration::from_millis(200),
        }
    }
}

/// How a line is spoken, with its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// This end.
    pub role: Role,
    /// Frame numbers of the peer.
    pub numbers: Numbers,
    /// Frames without ENQ before them are taken as a session.
    pub unannounced: bool,
    /// Longest text of a frame that is accepted, in bytes.
    pub frame: usize,
    /// Longest part (the records of one patient's order) that is accepted, in bytes.
    pub part: usize,
    /// Bytes that may arrive while an answer is held back. A sender that keeps the standard sends none.
    pub backlog: usize,
    /// Longest text of a frame that is sent, in bytes: 240, which every receiver takes.
    pub send: usize,
    /// How often a frame or a question to transmit is repeated: 6.
    pub tries: u8,
    /// Waiting times.
    pub timers: Timers,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            role: Role::Host,
            numbers: Numbers::Strict,
            unannounced: false,
            frame: MOST_TEXT,
            part: 4 * 1024 * 1024,
            backlog: 2 * MOST_TEXT,
            send: 240,
            tries: 6,
            timers: Timers::default(),
        }
    }
}

/// What the driver is to do, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Write these bytes.
    Send(Vec<u8>),
    /// Store these parts, then call [`Line::stored`] or [`Line::not_stored`]. The peer waits for its answer.
    Store(Vec<Part>),
    /// Store this part too; nobody waits. Its message was not finished, so the sender has to send it again.
    Keep(Part),
    /// The message given to [`Line::send`] was taken by the peer.
    Sent,
    /// It was not; it is forgotten here.
    Unsent(Unsent),
    /// Something for the log and the operator.
    Note(Note),
}

/// Why a message was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsent {
    /// The peer did not answer.
    #[error("the analyser does not answer")]
    NoAnswer,
    /// The peer was busy each time.
    #[error("the analyser is busy")]
    Busy,
    /// The peer refused a frame each time.
    #[error("the analyser refuses a frame")]
    Refused,
}

/// Something odd on the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Note {
    /// A frame that was refused with NAK, or taken out of turn.
    #[error("{0}")]
    Frame(Fault),
    /// A frame came before ENQ; it was not answered.
    #[error("a frame came outside a session")]
    NoSession,
    /// The peer asked anew in the middle of a session, which ended it.
    #[error("the session began anew before it ended")]
    Anew,
    /// Nothing came for the receiver's time.
    #[error("the line fell silent in a session")]
    Silent,
    /// The records of one part are longer than accepted; the frame was refused.
    #[error("the records of one patient are longer than {limit} bytes")]
    TooMuch {
        /// The limit in bytes.
        limit: usize,
    },
    /// More arrived while an answer was held back than is kept.
    #[error("the peer did not wait for its answer")]
    Impatient,
    /// Both ends asked at once; this one gave way.
    #[error("both ends asked to transmit at once")]
    Contention,
}

/// Another message is still being sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("another message is still being sent")]
pub struct StillSending;

#[derive(Debug)]
enum State {
    /// Neutral: either end may ask.
    Idle,
    Receiving(Session),
    /// An answer is held back until the parts are stored.
    Held(Box<Held>),
    /// ENQ was sent.
    Asking {
        until: Duration,
    },
    /// A frame was sent.
    Sending {
        until: Duration,
    },
}

/// One line. Keeps at most one open part, one frame, the backlog and one message to send.
#[derive(Debug)]
pub struct Line {
    settings: Settings,
    decoder: Decoder,
    state: State,
    backlog: Vec<u8>,
    overrun: bool,
    outgoing: Option<Outgoing>,
    busy: bool,
    /// When the last byte came.
    heard: Duration,
}

impl Line {
    /// A quiet line.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            decoder: Decoder::new(settings.frame),
            state: State::Idle,
            backlog: Vec::new(),
            overrun: false,
            outgoing: None,
            busy: false,
            heard: Duration::ZERO,
        }
    }

    /// While busy, questions to transmit are answered with NAK: the peer asks again later.
    pub fn set_busy(&mut self, busy: bool) {
        self.busy = busy;
    }

    /// True when nothing is going on: no session, no open frame, nothing to send.
    pub fn is_quiet(&self) -> bool {
        matches!(self.state, State::Idle) && !self.decoder.in_frame() && self.outgoing.is_none()
    }

    /// Blank bytes outside frames so far.
    pub fn stray(&self) -> u64 {
        self.decoder.stray
    }

    /// Bytes came.
    pub fn read(&mut self, bytes: &[u8], now: Duration) -> Vec<Effect> {
        let mut out = Vec::new();
        self.heard = now;
        self.run(bytes, now, &mut out);
        self.ask(now, &mut out);
        out
    }

    fn run(&mut self, mut input: &[u8], now: Duration, out: &mut Vec<Effect>) {
        while !input.is_empty() {
            match self.state {
                State::Held(_) => {
                    self.keep_back(input, out);
                    return;
                }
                State::Asking { .. } | State::Sending { .. } => {
                    let Some((byte, rest)) = input.split_first() else { return };
                    input = rest;
                    let before = out.len();
                    self.answered(*byte, now, out);
                    // What came together with an answer is no answer to the frame that was sent because of it: a line
                    // that doubles a byte would put all later answers one step ahead of the frames.
                    if matches!(self.state, State::Sending { .. }) && out.len() > before {
                        return;
                    }
                }
                State::Idle | State::Receiving(_) => {
                    if let Some(event) = self.decoder.take(&mut input) {
                        self.event(event, now, out);
                    }
                }
            }
        }
    }

    fn keep_back(&mut self, input: &[u8], out: &mut Vec<Effect>) {
        if self.overrun || self.backlog.len() + input.len() > self.settings.backlog {
            if !self.overrun {
                out.push(Effect::Note(Note::Impatient));
            }
            self.overrun = true;
            self.backlog = Vec::new();
        } else {
            self.backlog.extend_from_slice(input);
        }
    }

    /// When [`Self::tick`] is to be called next; `None` while only the peer or the driver can go on.
    pub fn deadline(&self) -> Option<Duration> {
        let timers = &self.settings.timers;
        let silence = if self.decoder.awaits_lf() { timers.last_lf } else { timers.receive };
        match &self.state {
            State::Held(_) => None,
            State::Asking { until } | State::Sending { until } => Some(*until),
            State::Receiving(_) => Some(self.heard + silence),
            State::Idle if self.decoder.in_frame() => Some(self.heard + silence),
            State::Idle => self.outgoing.as_ref().map(|outgoing| outgoing.not_before),
        }
    }

    /// The time is `now`.
    pub fn tick(&mut self, now: Duration) -> Vec<Effect> {
        let mut out = Vec::new();
        if self.deadline().is_some_and(|deadline| now >= deadline) {
            match self.state {
                State::Held(_) => {}
                State::Asking { .. } | State::Sending { .. } => self.unanswered(now, &mut out),
                State::Idle | State::Receiving(_) if self.decoder.awaits_lf() => {
                    if let Some(event) = self.decoder.pause() {
                        self.event(event, now, &mut out);
                    }
                }
                State::Idle => self.decoder.forget(),
                State::Receiving(_) => self.silent(&mut out),
            }
        }
        self.ask(now, &mut out);
        out
    }

    /// The line is gone. What was open is kept; what was to be sent is not sent.
    pub fn close(&mut self) -> Vec<Effect> {
        let mut out = Vec::new();
        self.decoder.forget();
        self.end(&mut out);
        if self.outgoing.take().is_some() {
            out.push(Effect::Unsent(Unsent::NoAnswer));
        }
        out
    }
}
