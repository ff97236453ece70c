//! What the machine under the box has, and what this program takes of it: proc(5), sysinfo(2) and statvfs(3). What the system
//! does not tell is 0.

use std::path::Path;

use serde::Serialize;
use utoipa::ToSchema;

/// Ticks of a second in `/proc/*/stat`, whatever the kernel's own clock does (proc(5), USER_HZ).
const TICKS: f64 = 100.0;
/// One of the load averages of sysinfo(2).
const LOAD: f64 = 65_536.0;

/// The machine at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Machine {
    /// Processors.
    pub processors: usize,
    /// Programs that ran or wanted to run, on average of the last minute.
    pub load: f64,
    /// Bytes of memory.
    pub memory: u64,
    /// Bytes of it that programs could have.
    pub memory_free: u64,
    /// Bytes of the disk on which the data folder lies.
    pub disk: u64,
    /// Bytes of it that the box may still write.
    pub disk_free: u64,
    /// Bytes of memory that the box takes.
    pub own_memory: u64,
    /// Seconds of processor that the box has taken since it started.
    pub own_seconds: f64,
}

impl Machine {
    /// What it is now, with the disk of this folder.
    pub fn now(folder: &Path) -> Self {
        let (memory, memory_free) = memory();
        let (disk, disk_free) = rustix::fs::statvfs(folder)
            .map_or((0, 0), |disk| (disk.f_blocks * disk.f_frsize, disk.f_bavail * disk.f_frsize));
        Self {
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            load: rustix::system::sysinfo().loads[0] as f64 / LOAD,
            memory,
            memory_free,
            disk,
            disk_free,
            own_memory: own_memory(&read("/proc/self/status")),
            own_seconds: own_seconds(&read("/proc/self/stat")),
        }
    }
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// Bytes of memory that the machine has, and those of it that programs could have. A service to which the system shows only
/// its own of /proc counts what is free and what lies in buffers.
pub fn memory() -> (u64, u64) {
    match both(&read("/proc/meminfo")) {
        (0, _) => {
            let told = rustix::system::sysinfo();
            let bytes = |count: u64| count.saturating_mul(u64::from(told.mem_unit));
            (bytes(told.totalram), bytes(told.freeram.saturating_add(told.bufferram)))
        }
        both => both,
    }
}

fn both(told: &str) -> (u64, u64) {
    (kib(told, "MemTotal:"), kib(told, "MemAvailable:"))
}

fn own_memory(told: &str) -> u64 {
    kib(told, "VmRSS:")
}

/// Bytes of a line `NAME   123 kB`.
fn kib(told: &str, name: &str) -> u64 {
    let rest = told.lines().find_map(|line| line.strip_prefix(name));
    let kib = rest.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0).saturating_mul(1024)
}

/// Time in programs and in the kernel, from `/proc/self/stat`; the name before may hold anything, also brackets.
fn own_seconds(told: &str) -> f64 {
    let fields = told.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = |at: usize| fields.split_whitespace().nth(at)?.parse::<f64>().ok();
    // utime and stime are fields 14 and 15; the state, field 3, is the first after the name.
    (ticks(11).unwrap_or(0.0) + ticks(12).unwrap_or(0.0)) / TICKS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_tells_is_read() {
        let told = "MemTotal:        4020000 kB\nMemFree:   10 kB\nMemAvailable:    1000 kB\n";
        assert_eq!(both(told), (4_020_000 * 1024, 1_024_000));
        assert_eq!(both("nothing"), (0, 0));
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 1 2 3 4 250 50 0 0 20 0";
        assert!((own_seconds(stat) - 3.0).abs() < 1e-9);
        assert_eq!(own_memory("Name:\tx\nVmRSS:\t  2048 kB\n"), 2 << 20);
    }

    #[test]
    fn this_machine_has_something_of_everything() {
        let now = Machine::now(Path::new("."));
        assert!(now.processors > 0 && now.memory > now.memory_free && now.memory_free > 0, "{now:?}");
        assert!(now.disk >= now.disk_free && now.disk > 0 && now.own_memory > 0, "{now:?}");
    }
}
