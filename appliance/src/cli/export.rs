//! `clinicvault export`: every live record as ndjson, one file a type, from one snapshot.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;

use super::place::Place;
use super::{note, say};
use crate::admin::errands::{Client, Errand};
use crate::clock::SystemClock;
use crate::records::access::Actor;
use crate::records::error::Error;
use crate::records::{Caller, Records};

#[derive(Debug, Args)]
pub struct Export {
    #[command(flatten)]
    place: Place,
    /// Folder for the files; it must be empty or not there yet
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Writes the files and prints how many records each holds.
pub fn run(command: &Export) -> anyhow::Result<()> {
    let config = command.place.settings()?;
    let mut files = Files::new(&command.out)?;
    let tx = match Client::begin(&config.storage.data, Errand::Export)? {
        Some(mut client) => client.export(&mut |kind, body| files.write(kind, body))?,
        None => {
            let vault = command.place.open(&config)?;
            let records = Records::new(vault, Arc::new(SystemClock), jiff::tz::TimeZone::UTC);
            let caller = Caller::of(Actor::operator("cli"));
            let given = records.export(&caller, &mut |kind, body| {
                files.write(kind.as_str(), body).map_err(|error| Error::Fault(format!("{error:#}")))
            });
            records.vault().close().context("the vault did not close")?;
            given?.tx.0
        }
    };
    let counts = files.finish()?;
    for (kind, count) in &counts {
        say(format_args!("{kind} {count}"));
    }
    say(format_args!("{} records at tx {tx} in {}", counts.values().sum::<u64>(), command.out.display()));
    note("these files are not encrypted; keep them as safe as the records themselves");
    Ok(())
}

struct Files {
    folder: PathBuf,
    open: BTreeMap<String, (BufWriter<File>, u64)>,
}

impl Files {
    fn new(folder: &Path) -> anyhow::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let mut inside =
            std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
        if inside.next().is_some() {
            bail!("{} is not empty; choose a new folder with --out", folder.display());
        }
        Ok(Self { folder: folder.to_owned(), open: BTreeMap::new() })
    }

    fn write(&mut self, kind: &str, body: &[u8]) -> anyhow::Result<()> {
        use std::os::unix::fs::OpenOptionsExt;
        // The name becomes a file name; it comes from the box, but a file name is never taken on trust.
        anyhow::ensure!(kind.bytes().all(|b| b.is_ascii_alphabetic()), "not a type name");
        if !self.open.contains_key(kind) {
            let path = self.folder.join(format!("{kind}.ndjson"));
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
            let file = file.with_context(|| format!("cannot write {}", path.display()))?;
            self.open.insert(kind.to_owned(), (BufWriter::new(file), 0));
        }
        if let Some((file, count)) = self.open.get_mut(kind) {
            file.write_all(body)?;
            file.write_all(b"\n")?;
            *count += 1;
        }
        Ok(())
    }

    fn finish(self) -> anyhow::Result<BTreeMap<String, u64>> {
        let mut counts = BTreeMap::new();
        for (kind, (file, count)) in self.open {
            file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
            counts.insert(kind, count);
        }
        Ok(counts)
    }
}
