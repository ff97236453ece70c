//! Receiving: sessions, frame numbers, and the answer that is held back.

use std::time::Duration;

use super::super::frame::{ACK, ENQ, EOT, Event, Fault, Frame, NAK};
use super::super::part::{Assembly, Ending};
use super::{Effect, Line, Note, Numbers, State};

/// A question to transmit that comes again sooner than this is the same one, doubled on the line: whoever missed the
/// answer waits for seconds before asking again, and two answers would put its frames one step ahead of ours.
const SAME_QUESTION: Duration = Duration::from_secs(1);

/// One session of the peer.
#[derive(Clone, Default)]
pub(super) struct Session {
    /// The number of the next frame.
    wanted: u8,
    /// The last good frame: its repetition is answered and not taken again.
    last: Option<Frame>,
    assembly: Assembly,
    /// No ENQ opened it.
    implied: bool,
    /// When its ENQ was answered.
    answered: Duration,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session(next frame {}, {:?})", self.wanted, self.assembly)
    }
}

/// A session whose last frame is not answered yet.
#[derive(Debug)]
pub(super) struct Held {
    /// With that frame.
    after: Session,
    /// Without it, for the case that its records cannot be stored.
    before: Session,
    /// The message ended with it.
    terminated: bool,
}

impl Line {
    pub(super) fn event(&mut self, event: Event, now: Duration, out: &mut Vec<Effect>) {
        match (&self.state, event) {
            (State::Idle, Event::Enq) if self.busy => out.push(Effect::Send(vec![NAK])),
            (State::Idle, Event::Enq) => {
                let session = Session { wanted: 1, answered: now, ..Session::default() };
                self.state = State::Receiving(session);
                out.push(Effect::Send(vec![ACK]));
            }
            (State::Idle, Event::Frame(_)) if !self.settings.unannounced => {
                out.push(Effect::Note(Note::NoSession));
            }
            (State::Idle, Event::Frame(_)) if self.busy => out.push(Effect::Send(vec![NAK])),
            (State::Idle, Event::Frame(frame)) => {
                let implied = Session { wanted: 1, implied: true, ..Session::default() };
                self.state = State::Receiving(implied);
                self.frame(frame, now, out);
            }
            (State::Idle, Event::Bad(fault)) if self.settings.unannounced && fault != Fault::Noise => {
                refuse(fault, out);
            }
            (State::Idle, Event::Unchecked(_)) if self.settings.unannounced => {
                refuse(Fault::NoChecksum, out);
            }
            (State::Receiving(session), Event::Enq) => {
                if session.last.is_none() {
                    if now >= session.answered + SAME_QUESTION {
                        // Our first answer was lost; nothing has been taken yet.
                        let session = Session { wanted: 1, answered: now, ..Session::default() };
                        self.state = State::Receiving(session);
                        out.push(Effect::Send(vec![ACK]));
                    }
                } else {
                    // Not answered: an answer now could be taken for that of a frame. The peer will end and ask again.
                    out.push(Effect::Note(Note::Anew));
                    self.end(out);
                }
            }
            (State::Receiving(_), Event::Eot) => self.end(out),
            (State::Receiving(_), Event::Frame(frame)) => self.frame(frame, now, out),
            (State::Receiving(_), Event::Bad(fault)) => refuse(fault, out),
            (State::Receiving(_), Event::Unchecked(_)) => refuse(Fault::NoChecksum, out),
            (State::Receiving(_), Event::Noise) => out.push(Effect::Note(Note::Frame(Fault::Noise))),
            (_, _) => {}
        }
    }

    fn frame(&mut self, frame: Frame, now: Duration, out: &mut Vec<Effect>) {
        let State::Receiving(session) = &mut self.state else { return };
        if session.last.as_ref() == Some(&frame) {
            out.push(Effect::Send(vec![ACK]));
            return;
        }
        if frame.number != session.wanted {
            let fault = Fault::Number { found: frame.number, wanted: session.wanted };
            if self.settings.numbers == Numbers::Strict {
                refuse(fault, out);
                return;
            }
            out.push(Effect::Note(Note::Frame(fault)));
        }
        let before = session.assembly.closes(&frame.text, frame.last).then(|| session.clone());
        let parts = match session.assembly.take(&frame.text, frame.last, self.settings.part) {
            Ok(parts) => parts,
            Err(too_much) => {
                out.push(Effect::Note(Note::TooMuch { limit: too_much.limit }));
                out.push(Effect::Send(vec![NAK]));
                return;
            }
        };
        session.wanted = (frame.number + 1) % 8;
        session.last = Some(frame);
        let Some(before) = before.filter(|_| !parts.is_empty()) else {
            out.push(Effect::Send(vec![ACK]));
            return;
        };
        let after = std::mem::take(session);
        let terminated = parts.last().is_some_and(|part| part.ending == Ending::Terminated);
        self.state = State::Held(Box::new(Held { after, before, terminated }));
        self.heard = now;
        out.push(Effect::Store(parts));
    }

    /// The parts of the last [`Effect::Store`] are stored: the peer gets its answer.
    pub fn stored(&mut self, now: Duration) -> Vec<Effect> {
        self.release(true, now)
    }

    /// They are not: the frame is refused, so that the peer sends it again.
    pub fn not_stored(&mut self, now: Duration) -> Vec<Effect> {
        self.release(false, now)
    }

    fn release(&mut self, stored: bool, now: Duration) -> Vec<Effect> {
        let mut out = Vec::new();
        let State::Held(held) = std::mem::replace(&mut self.state, State::Idle) else { return out };
        let backlog = std::mem::take(&mut self.backlog);
        // Who has given up waiting must not take a late answer for that of a new question.
        let gone = std::mem::take(&mut self.overrun) || backlog.iter().any(|b| matches!(*b, EOT | ENQ));
        let over = stored && held.terminated && held.after.implied;
        if !over {
            self.state = State::Receiving(if stored { held.after } else { held.before });
        }
        if !gone {
            out.push(Effect::Send(vec![if stored { ACK } else { NAK }]));
        }
        self.heard = now;
        self.run(&backlog, now, &mut out);
        self.ask(now, &mut out);
        out
    }

    /// The session is over. What it left unfinished is kept.
    pub(super) fn end(&mut self, out: &mut Vec<Effect>) {
        let session = match std::mem::replace(&mut self.state, State::Idle) {
            State::Receiving(session) => Some(session),
            State::Held(held) => Some(held.after),
            State::Idle | State::Asking { .. } | State::Sending { .. } => None,
        };
        out.extend(session.and_then(|mut session| session.assembly.cut()).map(Effect::Keep));
    }

    /// Nothing came for the receiver's time.
    pub(super) fn silent(&mut self, out: &mut Vec<Effect>) {
        self.decoder.forget();
        out.push(Effect::Note(Note::Silent));
        self.end(out);
    }
}

fn refuse(fault: Fault, out: &mut Vec<Effect>) {
    out.push(Effect::Note(Note::Frame(fault)));
    out.push(Effect::Send(vec![NAK]));
}
