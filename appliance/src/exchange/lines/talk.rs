//! Drives one line: bytes and the time to the gateway's machine, its effects to the wire and to the inbox.
//!
//! While a commit is awaited the line is read on: a sender that gave up meanwhile must not take a late answer for that of
//! a new question. What is being committed is awaited to its end, also when the peer is gone.

use std::collections::VecDeque;
use std::time::Duration;

use clinicvault_gateway::astm::{Effect, Line, Message, Part, Settings};
use futures_util::FutureExt as _;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::{Instant, sleep_until, timeout};

use super::intake::Taken;
use super::{Lines, News, Peer};
use crate::records::error::Error;

/// Bytes have to be taken by the peer in this time.
const WRITE: Duration = Duration::from_secs(10);
/// Answers that may wait for a free line; further questions are left to be asked again.
const MOST_ANSWERS: usize = 16;
/// Read at once.
const BUFFER: usize = 4096;

/// Speaks with an analyser until its wire ends.
pub(super) async fn talk<S>(stream: S, settings: Settings, lines: &Lines, peer: Peer)
where
    S: AsyncRead + AsyncWrite + Send,
{
    let (reader, writer) = tokio::io::split(stream);
    let mut talk = Talk {
        reader,
        writer,
        line: Line::new(settings),
        began: Instant::now(),
        answers: VecDeque::new(),
        lines,
        peer,
        ended: false,
    };
    let mut buffer = vec![0; BUFFER];
    while !talk.ended {
        let until = talk.line.deadline().map(|deadline| talk.began + deadline);
        let alarm = async {
            match until {
                Some(until) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        let read = tokio::select! {
            read = talk.reader.read(&mut buffer) => Some(read),
            () = alarm => None,
        };
        let now = talk.began.elapsed();
        let effects = match read {
            None => talk.line.tick(now),
            Some(Ok(n)) if n > 0 => {
                // Nothing can be stored while the vault is sealed: the analyser is asked to come again.
                talk.line.set_busy((lines.door)().is_none());
                talk.line.read(buffer.get(..n).unwrap_or_default(), now)
            }
            Some(_) => break,
        };
        talk.carry_out(effects).await;
    }
    let last = talk.line.close();
    talk.carry_out(last).await;
    let _ = timeout(WRITE, talk.writer.shutdown()).await;
}

struct Talk<'l, S> {
    reader: ReadHalf<S>,
    writer: WriteHalf<S>,
    line: Line,
    began: Instant,
    /// Messages for the analyser, in order.
    answers: VecDeque<Vec<Vec<u8>>>,
    lines: &'l Lines,
    peer: Peer,
    ended: bool,
}

impl<S: AsyncRead + AsyncWrite + Send> Talk<'_, S> {
    async fn carry_out(&mut self, effects: Vec<Effect>) {
        let mut effects = VecDeque::from(effects);
        loop {
            while let Some(effect) = effects.pop_front() {
                match effect {
                    Effect::Send(bytes) => self.write(&bytes).await,
                    Effect::Store(parts) => effects.extend(self.store(parts).await),
                    Effect::Keep(part) => {
                        let taken = take(self.lines, vec![part], &self.peer).await;
                        self.note(taken);
                    }
                    Effect::Sent => tracing::info!(op = "line.send", analyser = self.lines.analyser.name),
                    Effect::Unsent(why) => {
                        self.lines
                            .trouble(format!("An answer was not taken: {why}. The analyser may ask again."));
                    }
                    Effect::Note(note) => self.lines.trouble(format!("{note}")),
                }
            }
            // One message is sent at a time.
            let Some(answer) = self.answers.front() else { return };
            match self.line.send(answer, self.began.elapsed()) {
                Ok(begun) => {
                    self.answers.pop_front();
                    effects.extend(begun);
                }
                Err(_) => return,
            }
        }
    }

    /// Commits, and only then lets the line answer.
    async fn store(&mut self, parts: Vec<Part>) -> Vec<Effect> {
        let lines = self.lines;
        let peer = self.peer.clone();
        let work = take(lines, parts, &peer);
        tokio::pin!(work);
        let mut buffer = vec![0; BUFFER];
        let mut effects = Vec::new();
        let taken = loop {
            let read = tokio::select! {
                biased;
                taken = &mut work => break taken,
                read = self.reader.read(&mut buffer), if !self.ended => read,
            };
            self.heard(&buffer, read, &mut effects);
        };
        // What had come before the commit was done counts as having come before the answer.
        while !self.ended {
            let Some(read) = self.reader.read(&mut buffer).now_or_never() else { break };
            self.heard(&buffer, read, &mut effects);
        }
        let now = self.began.elapsed();
        match self.note(taken) {
            Some(taken) => {
                effects.extend(self.line.stored(now));
                self.ask(taken.questions).await;
            }
            None => effects.extend(self.line.not_stored(now)),
        }
        effects
    }

    fn heard(&mut self, buffer: &[u8], read: std::io::Result<usize>, effects: &mut Vec<Effect>) {
        match read {
            Ok(n) if n > 0 => {
                let bytes = buffer.get(..n).unwrap_or_default();
                effects.extend(self.line.read(bytes, self.began.elapsed()));
            }
            Ok(_) | Err(_) => self.ended = true,
        }
    }

    /// Tells what was taken; `None` when it was not.
    fn note(&self, taken: Option<Result<Taken, Error>>) -> Option<Taken> {
        match taken {
            Some(Ok(taken)) => {
                if taken.stored > 0 {
                    (self.lines.tell)(News::Stored(taken.stored));
                }
                if taken.repeated > 0 {
                    (self.lines.tell)(News::Repeated(taken.repeated));
                }
                Some(taken)
            }
            Some(Err(error)) => {
                self.lines.trouble(format!("Records were not stored and not acknowledged: {error}."));
                None
            }
            None => {
                self.lines
                    .trouble("Records were not stored and not acknowledged: the vault is sealed.".to_owned());
                None
            }
        }
    }

    /// Finds the answers to questions.
    async fn ask(&mut self, questions: Vec<Message>) {
        for question in questions {
            let Some(exchange) = (self.lines.door)() else { return };
            if self.answers.len() >= MOST_ANSWERS {
                self.lines.trouble(
                    "More questions came than can be answered; the analyser has to ask again.".to_owned(),
                );
                return;
            }
            let (analyser, peer) = (self.lines.analyser.clone(), self.peer.clone());
            let found =
                tokio::task::spawn_blocking(move || exchange.answer(&question, &analyser, &peer)).await;
            match found {
                Ok(Ok(answer)) => self.answers.extend(answer),
                Ok(Err(error)) => self.lines.trouble(format!("A question was not answered: {error}.")),
                Err(_) => self.lines.trouble("A question was not answered: the box failed at it.".to_owned()),
            }
        }
    }

    async fn write(&mut self, bytes: &[u8]) {
        let write = async {
            self.writer.write_all(bytes).await?;
            self.writer.flush().await
        };
        if !matches!(timeout(WRITE, write).await, Ok(Ok(()))) {
            self.ended = true;
        }
    }
}

async fn take(lines: &Lines, parts: Vec<Part>, peer: &Peer) -> Option<Result<Taken, Error>> {
    let exchange = (lines.door)()?;
    Some(exchange.take_records(parts, &lines.analyser, peer).await)
}
