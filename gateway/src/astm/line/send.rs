//! Sending: asking for the line, giving way, frames and their repetitions.

use std::time::Duration;

use super::super::frame::{self, ACK, ENQ, EOT, Frame, NAK};
use super::{Effect, Line, Note, Role, State, StillSending, Unsent};

/// The message that is being sent.
pub(super) struct Outgoing {
    frames: Vec<Frame>,
    /// The frame whose answer is awaited.
    at: usize,
    /// How often that frame, or the question to transmit, was sent.
    tries: u8,
    /// Not to be asked for before.
    pub(super) not_before: Duration,
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Outgoing(frame {} of {}, {} tries)", self.at + 1, self.frames.len(), self.tries)
    }
}

impl Line {
    /// Sends a message, given as its records without their CR, as soon as the line is free. [`Effect::Sent`] or
    /// [`Effect::Unsent`] says what became of it.
    ///
    /// # Errors
    /// [`StillSending`] when another message is on its way.
    pub fn send(&mut self, records: &[Vec<u8>], now: Duration) -> Result<Vec<Effect>, StillSending> {
        if self.outgoing.is_some() {
            return Err(StillSending);
        }
        let frames = frame::split(records.iter().map(Vec::as_slice), self.settings.send);
        let mut out = Vec::new();
        if frames.is_empty() {
            out.push(Effect::Sent);
            return Ok(out);
        }
        self.outgoing = Some(Outgoing { frames, at: 0, tries: 0, not_before: now });
        self.ask(now, &mut out);
        Ok(out)
    }

    /// Asks for the line when there is something to send and the line is free.
    pub(super) fn ask(&mut self, now: Duration, out: &mut Vec<Effect>) {
        if !matches!(self.state, State::Idle) || self.decoder.in_frame() {
            return;
        }
        let Some(outgoing) = self.outgoing.as_mut().filter(|o| now >= o.not_before) else { return };
        outgoing.tries = outgoing.tries.saturating_add(1);
        outgoing.at = 0;
        self.state = State::Asking { until: now + self.settings.timers.reply };
        out.push(Effect::Send(vec![ENQ]));
    }

    /// One byte came while an answer is awaited. What is no answer is passed over: to repeat a frame for each byte of
    /// noise would put the answers out of step with the frames.
    pub(super) fn answered(&mut self, byte: u8, now: Duration, out: &mut Vec<Effect>) {
        match (&self.state, byte) {
            (State::Asking { .. }, ACK) => {
                if let Some(outgoing) = &mut self.outgoing {
                    outgoing.tries = 0;
                }
                self.transmit(now, out);
            }
            (State::Asking { .. }, NAK) => self.postpone(true, self.settings.timers.busy, now, out),
            (State::Asking { .. }, ENQ) => {
                out.push(Effect::Note(Note::Contention));
                let pause = match self.settings.role {
                    Role::Host => self.settings.timers.yield_host,
                    Role::Instrument => self.settings.timers.yield_instrument,
                };
                self.state = State::Idle;
                if let Some(outgoing) = &mut self.outgoing {
                    // Giving way is no failure of the peer.
                    outgoing.tries = outgoing.tries.saturating_sub(1);
                    outgoing.not_before = now + pause;
                }
            }
            // EOT asks to stop; the frame was taken all the same (LIS1-A, 6.3.5.3). The rest is worth the attempt.
            (State::Sending { .. }, ACK | EOT) => {
                let Some(outgoing) = &mut self.outgoing else { return };
                outgoing.at += 1;
                outgoing.tries = 0;
                if outgoing.at < outgoing.frames.len() {
                    self.transmit(now, out);
                } else {
                    self.finish(out, Effect::Sent);
                }
            }
            (State::Sending { .. }, NAK) => {
                if self.outgoing.as_ref().is_some_and(|o| o.tries > self.settings.tries) {
                    self.finish(out, Effect::Unsent(Unsent::Refused));
                } else {
                    self.transmit(now, out);
                }
            }
            (_, _) => {}
        }
    }

    /// No answer came in time.
    pub(super) fn unanswered(&mut self, now: Duration, out: &mut Vec<Effect>) {
        if matches!(self.state, State::Asking { .. }) {
            out.push(Effect::Send(vec![EOT]));
            self.postpone(false, self.settings.timers.busy, now, out);
        } else {
            self.finish(out, Effect::Unsent(Unsent::NoAnswer));
        }
    }

    /// Asks again later, unless that was the last time.
    fn postpone(&mut self, busy: bool, pause: Duration, now: Duration, out: &mut Vec<Effect>) {
        self.state = State::Idle;
        let Some(outgoing) = &mut self.outgoing else { return };
        outgoing.not_before = now + pause;
        if outgoing.tries >= self.settings.tries {
            self.outgoing = None;
            out.push(Effect::Unsent(if busy { Unsent::Busy } else { Unsent::NoAnswer }));
        }
    }

    fn transmit(&mut self, now: Duration, out: &mut Vec<Effect>) {
        let Some(outgoing) = &mut self.outgoing else { return };
        let Some(next) = outgoing.frames.get(outgoing.at) else { return };
        outgoing.tries = outgoing.tries.saturating_add(1);
        self.state = State::Sending { until: now + self.settings.timers.reply };
        out.push(Effect::Send(frame::write(next)));
    }

    fn finish(&mut self, out: &mut Vec<Effect>, outcome: Effect) {
        self.state = State::Idle;
        self.outgoing = None;
        out.push(Effect::Send(vec![EOT]));
        out.push(outcome);
    }
}
