//! A folder in which another system lays files of messages: its part of the document, and how it is watched.
//!
//! A file is taken once it has kept its size and time for a while, or at once when it is named so by a rename (which is
//! what the other system should do). Its messages go through the inbox like any other, its answer is written beside it,
//! and it is moved away. Whatever is cut short is done again: the inbox knows the messages and gives their old answers.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::exchange::channels::check::Findings;
use crate::exchange::channels::live::Live;
use crate::exchange::upload::Verdict;
use crate::supervisor::Stop;

/// Largest file.
const LARGEST: u64 = 64 << 20;
/// Files taken in one round.
const ROUND: usize = 100;
/// Names of a folder looked at in one round.
const MOST_NAMES: usize = 10_000;

/// A folder that is watched. It lies below one of the folders of the setting `hl7.folders`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FolderSource {
    /// The folder. In it lie the folders `processed`, `error` and `answers`, which the box makes.
    #[schema(value_type = String)]
    pub path: PathBuf,
    /// The end of names of files that are taken, such as `.hl7`; without it every file is, but those that begin with a dot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<String>,
    /// How often the folder is looked at, in seconds.
    #[serde(default = "every_seconds")]
    #[schema(minimum = 1, maximum = 3600)]
    pub every_seconds: u64,
    /// A file is taken when it has kept its size and time for so many seconds.
    #[serde(default = "settled_seconds")]
    #[schema(minimum = 0, maximum = 3600)]
    pub settled_seconds: u64,
}

fn every_seconds() -> u64 {
    5
}

fn settled_seconds() -> u64 {
    5
}

impl FolderSource {
    /// Notes what is wrong with it.
    pub fn check(&self, findings: &mut Findings) {
        let plain = self.path.is_absolute()
            && self.path.components().all(|part| !matches!(part, std::path::Component::ParentDir));
        findings.need(plain, "source.path", "Write the whole path of a folder, without \"..\".");
        if let Some(ending) = &self.ending {
            let right = (1..=20).contains(&ending.len()) && !ending.contains('/');
            findings.need(right, "source.ending", "An ending is the end of a file's name, such as .hl7.");
        }
        findings.need(
            (1..=3600).contains(&self.every_seconds),
            "source.everySeconds",
            "From 1 to 3600 seconds.",
        );
        findings.need(self.settled_seconds <= 3600, "source.settledSeconds", "From 0 to 3600 seconds.");
    }

    fn takes(&self, name: &str) -> bool {
        !name.starts_with('.') && self.ending.as_deref().is_none_or(|ending| name.ends_with(ending))
    }
}

/// A file as it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    size: u64,
    changed: SystemTime,
}

/// Watches the folder until told to stop; a file that is being taken is finished.
///
/// # Errors
/// When the folder cannot be used: a sentence for a person, which says what to do.
pub async fn run(source: FolderSource, app: App, live: Arc<Live>, mut stop: Stop) -> anyhow::Result<()> {
    let folder = allowed(&source.path, &app.config().hl7.folders)?;
    for name in ["processed", "error", "answers"] {
        fs::create_dir_all(folder.join(name)).with_context(|| {
            format!("cannot make {} in {}; give the box the right to write there", name, folder.display())
        })?;
    }
    live.running(None, None);
    let mut before: BTreeMap<String, (Seen, tokio::time::Instant)> = BTreeMap::new();
    loop {
        let now =
            look(&source, &folder).with_context(|| format!("cannot read the folder {}", folder.display()))?;
        let moment = tokio::time::Instant::now();
        before = now
            .into_iter()
            .map(|(name, seen)| {
                let since =
                    before.get(&name).filter(|(old, _)| *old == seen).map_or(moment, |(_, since)| *since);
                (name, (seen, since))
            })
            .collect();
        let settled = Duration::from_secs(source.settled_seconds);
        let ready = before.iter().filter(|(_, (_, since))| moment.duration_since(*since) >= settled);
        for name in ready.map(|(name, _)| name.clone()).take(ROUND).collect::<Vec<_>>() {
            if stop.is_wanted() {
                return Ok(());
            }
            if let Err(error) = take(&app, &live, &folder, &name).await {
                tracing::warn!(op = "hl7.file", channel = live.intake().name, outcome = "not taken");
                live.complain(format!("a file was not taken: {error:#}"));
            }
            before.remove(&name);
        }
        tokio::select! {
            () = stop.wanted() => return Ok(()),
            () = tokio::time::sleep(Duration::from_secs(source.every_seconds)) => {}
        }
    }
}

/// The folder as the system knows it, when the settings allow it.
///
/// # Errors
/// A sentence for a person, which says what to do.
pub(in crate::exchange) fn allowed(path: &Path, folders: &[PathBuf]) -> anyhow::Result<PathBuf> {
    let real = fs::canonicalize(path).with_context(|| {
        format!("cannot use the folder {}; make it, readable and writable for the box", path.display())
    })?;
    let below = folders
        .iter()
        .filter_map(|folder| fs::canonicalize(folder).ok())
        .any(|folder| real.starts_with(folder));
    anyhow::ensure!(
        below,
        "the folder {} is in none of the folders of the setting hl7.folders; add it there",
        path.display()
    );
    anyhow::ensure!(real.is_dir(), "{} is not a folder", path.display());
    Ok(real)
}

/// The files of the folder that the source takes. Links are not followed.
fn look(source: &FolderSource, folder: &Path) -> std::io::Result<BTreeMap<String, Seen>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder)?.take(MOST_NAMES) {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let Ok(about) = entry.metadata() else { continue };
        if about.is_file() && source.takes(&name) {
            found.insert(name, Seen { size: about.len(), changed: about.modified()? });
        }
    }
    Ok(found)
}

/// Takes one file: its messages into the inbox, its answer into `answers`, itself away.
async fn take(app: &App, live: &Live, folder: &Path, name: &str) -> anyhow::Result<()> {
    let bytes = read(&folder.join(name))?;
    let exchange = app.rooms()?.exchange.clone();
    let done = exchange.take_file(bytes, live.intake(), "file", name).await;
    drop(exchange);
    for warning in &done.warnings {
        live.complain(format!("{name}: {warning}"));
    }
    if done.verdict == Verdict::Later {
        anyhow::bail!("the box could not store all of {name}; it is taken again");
    }
    let answers = folder.join("answers");
    let free = free_name(&answers, name, ".ack");
    write(&answers, &free, &done.answer)?;
    let to = folder.join(if done.verdict == Verdict::Taken { "processed" } else { "error" });
    fs::rename(folder.join(name), to.join(free_name(&to, name, "")))?;
    fs::File::open(folder)?.sync_all()?;
    let outcome = if done.verdict == Verdict::Taken { "processed" } else { "error" };
    tracing::info!(op = "hl7.file", channel = live.intake().name, messages = done.told.len(), outcome);
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = fs::File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)? as u64;
    anyhow::ensure!(read <= LARGEST, "a file is larger than {} MiB; divide it", LARGEST >> 20);
    Ok(bytes)
}

/// A name that is free in a folder: the file's own, else one with a number. Nothing that lies there is overwritten.
fn free_name(folder: &Path, name: &str, ending: &str) -> String {
    let with = |n: u32| if n == 0 { format!("{name}{ending}") } else { format!("{name}.{n}{ending}") };
    let free = (0..1_000_000).map(with).find(|name| !folder.join(name).exists());
    free.unwrap_or_else(|| with(u32::MAX))
}

/// Writes a file so that whoever looks for it finds it whole.
fn write(folder: &Path, name: &str, content: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let unready = folder.join(format!(".{name}.new"));
    let mut file = fs::File::create(&unready)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(unready, folder.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_outside_the_settings_is_not_used() {
        let inside = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let folders = [inside.path().to_owned()];
        fs::create_dir(inside.path().join("in")).unwrap();
        assert!(allowed(&inside.path().join("in"), &folders).is_ok());
        assert!(allowed(outside.path(), &folders).unwrap_err().to_string().contains("hl7.folders"));
        std::os::unix::fs::symlink(outside.path(), inside.path().join("link")).unwrap();
        assert!(allowed(&inside.path().join("link"), &folders).is_err(), "a link leads out");
        assert!(allowed(&inside.path().join("none"), &folders).is_err());
    }

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(free_name(folder.path(), "a.hl7", ".ack"), "a.hl7.ack");
        write(folder.path(), "a.hl7.ack", b"x").unwrap();
        assert_eq!(free_name(folder.path(), "a.hl7", ".ack"), "a.hl7.1.ack");
    }
}
