//! `clinicvault import`: bundles, ndjson files and folders of them go in.
//!
//! `split` cuts a file into parts with the line of every record; this file walks the files, keeps two workers busy
//! and tells what happened. What a part means is the records room's business.

mod split;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context as _, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::place::Place;
use super::{note, say};
use crate::admin::errands::{Client, Errand};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::records::access::Actor;
use crate::records::conformance::Library;
use crate::records::import::{Part, Taken};
use crate::records::{Caller, Records};

/// Parts that are under way at once: one is read and checked while another is written.
const WORKERS: usize = 3;

#[derive(Debug, Args)]
pub struct Import {
    #[command(flatten)]
    place: Place,
    /// FHIR bundles (.json), one resource a line (.ndjson), or folders that hold such files
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

struct Job {
    file: Arc<PathBuf>,
    bytes: u64,
    part: Part,
}

#[derive(Default)]
struct Sum {
    stored: u64,
    unchanged: u64,
    known: u64,
    problems: u64,
    failed: Vec<String>,
}

/// Imports everything it can; exit code 1 when something was left out.
pub fn run(command: &Import) -> anyhow::Result<()> {
    let config = command.place.settings()?;
    let files = files(&command.paths)?;
    if files.is_empty() {
        bail!("there is no .json or .ndjson file in what was given");
    }
    let whole: u64 = files.iter().filter_map(|file| file.metadata().ok()).map(|meta| meta.len()).sum();
    let doors = Doors::open(&command.place, config)?;
    if let Doors::Here(records) = &doors {
        // No running box renews the index, and conditions need it whole.
        while records.renew_some().context("the search index could not be renewed")? {}
    }
    let bar = bar(whole);
    let began = Instant::now();
    let sum = Mutex::new(Sum::default());
    let (send, receive) = sync_channel::<Job>(WORKERS);
    let receive = Mutex::new(receive);
    let done = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|_| scope.spawn(|| doors.door().and_then(|door| work(door, &receive, &sum, &bar))))
            .collect();
        // If every worker has given up, sending fails and reading ends; their errors tell why.
        let read = files.iter().try_for_each(|file| read(file, &send, &sum, &bar));
        drop(send);
        let ends =
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| bail!("a worker failed")));
        ends.collect::<anyhow::Result<Vec<()>>>().and(read)
    });
    bar.finish_and_clear();
    doors.close()?;
    done?;
    conclude(&sum.into_inner().unwrap_or_else(PoisonError::into_inner), files.len(), began)
}

fn conclude(sum: &Sum, files: usize, began: Instant) -> anyhow::Result<()> {
    let seconds = began.elapsed().as_secs_f64();
    let rate = (sum.stored + sum.unchanged) as f64 / seconds.max(0.001);
    say(format_args!(
        "{files} files: {} stored, {} unchanged, {} parts known from before, {} left out ({seconds:.1} s, {rate:.0}/s)",
        sum.stored, sum.unchanged, sum.known, sum.problems
    ));
    for failed in &sum.failed {
        note(failed);
    }
    if sum.problems > 0 || !sum.failed.is_empty() {
        bail!("{} records were left out; the lines above say which and why", sum.problems);
    }
    Ok(())
}

/// One file into parts.
fn read(file: &Path, send: &SyncSender<Job>, sum: &Mutex<Sum>, bar: &ProgressBar) -> anyhow::Result<()> {
    let name = Arc::new(file.to_owned());
    let cut =
        split::parts(file, &mut |part, bytes| send.send(Job { file: name.clone(), bytes, part }).is_ok());
    match cut {
        Ok(()) => {}
        // One file that cannot be read does not keep the others out.
        Err(why) => {
            bar.suspend(|| note(format_args!("{}: {why}", file.display())));
            let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
            sum.failed.push(format!("{} was not imported", file.display()));
        }
    }
    Ok(())
}

fn work(
    mut door: Door,
    receive: &Mutex<Receiver<Job>>,
    sum: &Mutex<Sum>,
    bar: &ProgressBar,
) -> anyhow::Result<()> {
    loop {
        let job = receive.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { file, bytes, part }) = job else { return Ok(()) };
        let lines = part.entries.len();
        let taken = door.import(part);
        bar.inc(bytes);
        let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
        match taken {
            Ok(taken) => {
                sum.stored += taken.stored;
                sum.unchanged += taken.unchanged;
                sum.known += u64::from(taken.known);
                sum.problems += taken.problems.len() as u64;
                bar.suspend(|| {
                    for (line, why) in &taken.problems {
                        note(format_args!("{}:{line}: {why}", file.display()));
                    }
                });
            }
            Err(error) => {
                sum.problems += lines as u64;
                sum.failed.push(format!("{}: {lines} records were not taken: {error:#}", file.display()));
            }
        }
    }
}

/// Ways into the vault: the running box, or the vault opened here.
enum Doors {
    Running(PathBuf),
    Here(Records),
}

enum Door {
    Running(Client),
    Here(Records, Caller),
}

impl Doors {
    fn open(place: &Place, config: Config) -> anyhow::Result<Self> {
        let data = config.storage.data.clone();
        if Client::begin(&data, Errand::Import)?.is_some() {
            return Ok(Self::Running(data));
        }
        let vault = place.open(&config)?;
        let zone = jiff::tz::TimeZone::get(&config.clinic.zone).context("clinic.zone")?;
        let level = config.fhir.validation.level();
        let library = Library::new(config.fhir.terminology(&config.storage.data));
        let records = Records::knowing(vault, Arc::new(SystemClock), zone, level, Some(library));
        records.bound_parameters(config.fhir.search_parameters);
        records.index_words(config.fhir.words.words())?;
        Ok(Self::Here(records))
    }

    fn door(&self) -> anyhow::Result<Door> {
        Ok(match self {
            Self::Running(data) => {
                Door::Running(Client::begin(data, Errand::Import)?.context("the box has stopped")?)
            }
            Self::Here(records) => Door::Here(records.clone(), Caller::of(Actor::operator("cli"))),
        })
    }

    fn close(self) -> anyhow::Result<()> {
        match self {
            Self::Running(_) => Ok(()),
            Self::Here(records) => records.vault().close().context("the vault did not close"),
        }
    }
}

impl Door {
    fn import(&mut self, part: Part) -> anyhow::Result<Taken> {
        match self {
            Self::Running(client) => client.import(&part),
            Self::Here(records, caller) => Ok(records.import(caller, part)?),
        }
    }
}

/// All files named, folders walked, in the order of their names.
fn files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        let meta = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
        if !meta.is_dir() {
            found.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut inside: Vec<PathBuf> =
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
        inside.retain(|path| path.is_dir() || split::is_known(path));
        inside.sort();
        found.extend(files(&inside)?);
    }
    Ok(found)
}

fn bar(whole: u64) -> ProgressBar {
    // Draws on a terminal only.
    let bar = ProgressBar::new(whole);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {eta}") {
        bar.set_style(style);
    }
    bar
}
