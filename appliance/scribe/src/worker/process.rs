//! One running worker. Two threads carry what goes in and comes out, so that a worker that neither reads nor writes holds up nobody.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::program::{Life, Program, Started};
use crate::engine::EngineError;
use crate::wire::{self, Answer, Order};

/// A worker that has greeted. Dropping it ends it.
#[derive(Debug)]
pub struct Process {
    life: Life,
    orders: Sender<Order>,
    answers: Receiver<io::Result<Answer>>,
    variant: String,
}

impl Process {
    /// Starts one and waits for its greeting.
    ///
    /// # Errors
    /// [`EngineError::Absent`] when it does not start or greet in time, or greets with another version.
    pub fn start(program: &Program, patience: Duration) -> Result<Self, EngineError> {
        let absent = |why: String| EngineError::Absent(format!("{}: {why}", program.name()));
        let started = program.start().map_err(|error| absent(error.to_string()))?;
        let Started { life, orders: mut stdin, answers: mut stdout } = started;
        let (orders, waiting) = channel::<Order>();
        let (told, answers) = channel();
        let spawned = thread::Builder::new().name("scribe-out".to_owned()).spawn(move || {
            while let Ok(order) = waiting.recv() {
                if wire::send_order(&mut stdin, &order).is_err() {
                    return;
                }
            }
        });
        let spawned = spawned.and_then(|_| {
            thread::Builder::new().name("scribe-in".to_owned()).spawn(move || {
                loop {
                    let answer = match wire::read_answer(&mut stdout) {
                        Ok(Some(answer)) => Ok(answer),
                        Ok(None) => Err(io::ErrorKind::UnexpectedEof.into()),
                        Err(error) => Err(error),
                    };
                    let over = answer.is_err();
                    if told.send(answer).is_err() || over {
                        return;
                    }
                }
            })
        });
        let mut process = Self { life, orders, answers, variant: String::new() };
        spawned.map_err(|error| absent(error.to_string()))?;
        match process.next(Instant::now() + patience) {
            Ok(Answer::Hello { version: wire::VERSION, variant }) => {
                process.variant = variant;
                Ok(process)
            }
            Ok(Answer::Hello { version, .. }) => {
                Err(absent(format!("it speaks version {version}, not {}", wire::VERSION)))
            }
            Ok(_) => Err(absent("it does not greet".to_owned())),
            Err(error) => Err(absent(error.to_string())),
        }
    }

    /// How it was built.
    pub fn variant(&self) -> &str {
        &self.variant
    }

    /// Its process number; none where a service manager started it.
    pub fn id(&self) -> Option<u32> {
        self.life.id()
    }

    /// The most memory that it has had, bytes; `None` once it has ended, or where it is not known.
    pub fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()?)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
    }

    /// Gives an order and waits for its answer: until `deadline`, and no longer than `quiet` without a sign of life.
    ///
    /// # Errors
    /// When none comes. The worker is of no use then.
    pub fn ask(&mut self, order: Order, deadline: Instant, quiet: Duration) -> Result<Answer, EngineError> {
        // The thread that writes ends with the pipe; the answer then says how the worker ended.
        let _ = self.orders.send(order);
        loop {
            match self.next(deadline.min(Instant::now() + quiet))? {
                Answer::Working => {}
                Answer::Hello { .. } => return Err(EngineError::Broken("it greets twice".to_owned())),
                answer => return Ok(answer),
            }
        }
    }

    fn next(&mut self, deadline: Instant) -> Result<Answer, EngineError> {
        match self.answers.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
                Err(EngineError::Broken(error.to_string()))
            }
            Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => Err(EngineError::Ended(self.life.end())),
            Err(RecvTimeoutError::Timeout) => Err(EngineError::Late),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.life.end();
    }
}
