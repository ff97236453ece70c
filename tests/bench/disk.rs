//! What the machine's own disk can do: the yardstick for every durable figure.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::load::Run;

/// Appends of 4 KiB each made durable with fdatasync, a second, one after another in a file of `folder`.
pub fn durable_appends_per_second(folder: &Path, length: Duration) -> io::Result<f64> {
    Ok(durable_appends(folder, length)?.rate())
}

/// The same as a run: how long each took.
pub fn durable_appends(folder: &Path, length: Duration) -> io::Result<Run> {
    let path = folder.join("fdatasync-probe");
    let mut file = File::create(&path)?;
    let page = [0x5A; 4096];
    let began = Instant::now();
    let mut micros = Vec::new();
    while began.elapsed() < length {
        let start = Instant::now();
        file.write_all(&page)?;
        file.sync_data()?;
        micros.push(u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
    let took = began.elapsed();
    std::fs::remove_file(path)?;
    micros.sort_unstable();
    Ok(Run { took, micros })
}
