//! The transcription worker: reads orders on standard input, answers on standard output, and ends when the input does.
//!
//! The only program that links C++. It is started by the box from memory, without environment, and knows models and samples, nothing
//! else. An abort, an illegal instruction or a kill of it is a lost worker for the box, which starts another.
//! What it says is `clinicvault_scribe::wire`; what it is asked for is bounded there.

mod hearing;
mod voice;

use std::io::{self, BufReader, Write};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use clinicvault_scribe::wire::{self, Answer, Order};
use rustix::process;

/// How this one was built; packaging/workers.sh says.
const VARIANT: &str = match option_env!("SCRIBE_VARIANT") {
    Some(variant) => variant,
    None => "plain",
};
/// Everything else of the box goes first.
const NICE: i32 = 10;

fn main() -> ExitCode {
    if withdraw().is_err() {
        return ExitCode::from(3);
    }
    // Without a listener behind them these say nothing: ggml would write to standard error.
    whisper_rs::install_logging_hooks();
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(4),
    }
}

/// No core dump, no reading of this process's memory by others of the same user, and a low priority.
fn withdraw() -> rustix::io::Result<()> {
    let none = process::Rlimit { current: Some(0), maximum: Some(0) };
    process::setrlimit(process::Resource::Core, none)?;
    process::set_dumpable_behavior(process::DumpableBehavior::NotDumpable)?;
    // A service manager that forbids it has seen to it itself.
    match process::nice(NICE) {
        Err(rustix::io::Errno::PERM) => Ok(()),
        done => done.map(drop),
    }
}

fn serve() -> io::Result<()> {
    say(&Answer::Hello { version: wire::VERSION, variant: VARIANT.to_owned() })?;
    let mut places = [const { None }; 2];
    let mut detector = None;
    for order in orders()? {
        let answer = match order {
            Order::Load { place, path } => match places.get_mut(usize::from(place)) {
                None => Err("there are two places for models".to_owned()),
                Some(there) => {
                    // What was there goes first: two models at once may be more than fits.
                    *there = None;
                    hearing::Loaded::open(&path).map(|loaded| {
                        *there = Some(loaded);
                        Answer::Loaded
                    })
                }
            },
            Order::LoadVoice { path } => voice::Detector::open(&path).map(|opened| {
                detector = Some(opened);
                Answer::Loaded
            }),
            Order::Hear { id, place, care, language, prompt, limit, samples } => {
                match places.get_mut(usize::from(place)).and_then(Option::as_mut) {
                    None => Err("no model is loaded there".to_owned()),
                    Some(loaded) => loaded
                        .hear(care, &language, &prompt, limit, &samples)
                        .map(|heard| Answer::Heard { id, heard }),
                }
            }
            Order::Voice { id, samples } => match &mut detector {
                None => Err("no voice detector is loaded".to_owned()),
                Some(detector) => detector.frames(&samples).map(|frames| Answer::Voice { id, frames }),
            },
        };
        say(&answer.unwrap_or_else(|why| Answer::Refused { why }))?;
    }
    Ok(())
}

/// Orders as they come, read beside the work: once the box has gone there is nobody to work for, and this process ends at once, in
/// the middle of a job too.
fn orders() -> io::Result<Receiver<Order>> {
    let (told, orders) = sync_channel(1);
    thread::Builder::new().name("orders".to_owned()).spawn(move || {
        let mut from = BufReader::new(io::stdin().lock());
        loop {
            match wire::read_order(&mut from) {
                Ok(Some(order)) => {
                    if told.send(order).is_err() {
                        return;
                    }
                }
                Ok(None) => std::process::exit(0),
                Err(_) => std::process::exit(4),
            }
        }
    })?;
    Ok(orders)
}

/// Sends an answer.
fn say(answer: &Answer) -> io::Result<()> {
    let mut out = io::stdout().lock();
    wire::send_answer(&mut out, answer)?;
    out.flush()
}
