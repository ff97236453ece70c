//! What the machine's own disk can do: the yardstick for every durable figure.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// Appends of 4 KiB each made durable with fdatasync, a second, one after another in a file of `folder`.
pub fn durable_appends_per_second(folder: &Path, length: Duration) -> io::Result<f64> {
    let path = folder.join("fdatasync-probe");
    let mut file = File::create(&path)?;
    let page = [0x5A; 4096];
    let began = Instant::now();
    let mut count = 0_u32;
    while began.elapsed() < length {
        file.write_all(&page)?;
        file.sync_data()?;
        count += 1;
    }
    let rate = f64::from(count) / began.elapsed().as_secs_f64();
    std::fs::remove_file(path)?;
    Ok(rate)
}
