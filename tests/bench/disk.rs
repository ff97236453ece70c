//! What the machine's own disk can do: the yardstick for every durable figure. And a slower one.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::load::Run;

/// Appends of 4 KiB each made durable with fdatasync, a second, one after another in a file of `folder`.
pub fn durable_appends_per_second(folder: &Path, length: Duration) -> io::Result<f64> {
    Ok(durable_appends(folder, length, Duration::ZERO)?.rate())
}

/// The same as a run: how long each took. None is faster than `least`, as on the slow disk.
pub fn durable_appends(folder: &Path, length: Duration, least: Duration) -> io::Result<Run> {
    let path = folder.join("fdatasync-probe");
    let mut file = File::create(&path)?;
    let page = [0x5A; 4096];
    let began = Instant::now();
    let mut micros = Vec::new();
    while began.elapsed() < length {
        let start = Instant::now();
        file.write_all(&page)?;
        file.sync_data()?;
        std::thread::sleep(least.saturating_sub(start.elapsed()));
        micros.push(u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
    let took = began.elapsed();
    std::fs::remove_file(path)?;
    micros.sort_unstable();
    Ok(Run { took, micros })
}

/// How long a sync takes on the slow disk.
pub const SLOW_SYNC: Duration = Duration::from_millis(4);

/// A library that, loaded before the C library, makes each sync of a process take [`SLOW_SYNC`]: built with the machine's
/// C compiler into `folder`.
pub fn slow_disk(folder: &Path) -> Result<PathBuf, String> {
    let library = folder.join("slow_disk.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/slow_disk.c");
    let mut compiler = Command::new("cc");
    compiler.args(["-O2", "-shared", "-fPIC", "-o"]).arg(&library).arg(source);
    match compiler.status() {
        Ok(status) if status.success() => Ok(library),
        Ok(status) => Err(format!("cc ended with {status}")),
        Err(error) => Err(format!("cc: {error}")),
    }
}
