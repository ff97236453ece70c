//! One running `clinicvault serve`: its addresses, its output, its memory, and its end.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long a start may take before the test gives up, on a machine shared with a whole test suite.
const START_LIMIT: Duration = Duration::from_secs(60);

/// The child process. Dropping it kills it.
pub struct Server {
    child: Child,
    /// Where plain HTTP on loopback listens (the same application as HTTPS).
    pub http: SocketAddr,
    /// Where HTTPS listens.
    pub https: SocketAddr,
    /// Where MLLP listens.
    pub mllp: SocketAddr,
    /// From the start of the process to its `ready` line.
    pub start: Duration,
}

impl Server {
    /// Starts the binary on `data` with ports chosen by the system and waits for `ready`. What it prints goes to
    /// `<logs>/stdout` and `<logs>/stderr`, appended over restarts. Says why when it does not come up.
    pub fn start(data: &Path, logs: &Path, extra: &[&str]) -> Result<Server, String> {
        Self::start_in(data, logs, extra, &[])
    }

    /// The same with variables of the environment, such as `LD_PRELOAD`.
    pub fn start_in(
        data: &Path,
        logs: &Path,
        extra: &[&str],
        environment: &[(String, String)],
    ) -> Result<Server, String> {
        let append = |name: &str| -> Result<File, String> {
            File::options().create(true).append(true).open(logs.join(name)).map_err(|e| e.to_string())
        };
        let began = Instant::now();
        // Like a full disk, a file that may not grow is an error of the write and not the end of the process.
        let mut command = std::process::Command::new("sh");
        command.args(["-c", r#"trap "" XFSZ; exec "$0" "$@""#]).arg(crate::binary::path());
        let mut child = crate::binary::without_settings(command)
            .arg("serve")
            .arg("--data")
            .arg(data)
            .args(["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--mllp", "127.0.0.1:0"])
            .args(extra)
            .envs(environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(append("stderr")?)
            .spawn()
            .map_err(|e| format!("cannot start the box: {e}"))?;
        let lines = copy_lines(child.stdout.take().expect("stdout is piped"), append("stdout")?);
        let (mut http, mut https, mut mllp) = (None, None, None);
        loop {
            let left = START_LIMIT.saturating_sub(began.elapsed());
            match lines.recv_timeout(left) {
                Ok(line) if line == "ready" => break,
                Ok(line) => {
                    let mut words = line.split_whitespace();
                    if words.next() == Some("listening") {
                        let slot = match words.next() {
                            Some("http") => &mut http,
                            Some("https") => &mut https,
                            Some("mllp") => &mut mllp,
                            _ => continue,
                        };
                        *slot = words.next().and_then(|a| a.parse().ok());
                    }
                }
                Err(why) => {
                    let _ = child.kill();
                    let status = child.wait();
                    return Err(format!(
                        "the box did not get ready ({why}, {status:?}): {}",
                        tail(logs, "stderr")
                    ));
                }
            }
        }
        let address = |found: Option<SocketAddr>, what: &str| {
            found.ok_or_else(|| format!("no line `listening {what} ADDR:PORT` before `ready`"))
        };
        Ok(Server {
            start: began.elapsed(),
            http: address(http, "http")?,
            https: address(https, "https")?,
            mllp: address(mllp, "mllp")?,
            child,
        })
    }

    /// The process number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How long any of its files may become from now on, in bytes; `None` lifts that.
    pub fn limit_files(&self, bytes: Option<u64>) {
        let pid = i32::try_from(self.pid()).ok().and_then(rustix::process::Pid::from_raw);
        let limit = rustix::process::Rlimit { current: bytes, maximum: None };
        rustix::process::prlimit(pid, rustix::process::Resource::Fsize, limit)
            .expect("a limit that may be set");
    }

    /// Resident memory now, in KiB (`VmRSS`).
    pub fn memory_kib(&self) -> u64 {
        self.proc_status("VmRSS:")
    }

    /// The most resident memory since the start or since it was forgotten, in KiB (`VmHWM`).
    pub fn peak_memory_kib(&self) -> u64 {
        self.proc_status("VmHWM:")
    }

    /// Forgets the peak so far, such as that of the key's derivation at the start (proc(5), `clear_refs`).
    pub fn forget_peak_memory(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.pid()), "5").expect("the box runs");
    }

    /// Processor time used so far, user and system.
    pub fn processor_time(&self) -> Duration {
        processor_time(self.pid()).expect("the box runs")
    }

    fn proc_status(&self, key: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("the box runs");
        let line = text.lines().find(|l| l.starts_with(key)).expect("a memory line");
        line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number of KiB")
    }

    /// Whether the process is still there.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// SIGTERM, then waits. Returns the exit status and how long it took.
    pub fn stop(mut self) -> (ExitStatus, Duration) {
        let began = Instant::now();
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("the box runs");
        let status = self.child.wait().expect("the box ends");
        (status, began.elapsed())
    }

    /// SIGKILL: no chance to finish anything.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The last lines of a log, for the message of a failing test.
pub fn tail(logs: &Path, name: &str) -> String {
    let text = std::fs::read(PathBuf::from(logs).join(name)).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// Copies the output to the log for as long as the process writes, and hands on each line while anyone listens.
fn copy_lines(from: impl std::io::Read + Send + 'static, mut to: File) -> mpsc::Receiver<String> {
    let (send, lines) = mpsc::channel();
    std::thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            let _ = to.write_all(&line);
            let _ = send.send(String::from_utf8_lossy(&line).trim_end().to_owned());
            line.clear();
        }
    });
    lines
}

/// Processor time that a process has used so far, user and system; none when there is no such process.
pub fn processor_time(pid: u32) -> Option<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The fields after the command, which stands in brackets: user and system time are the 12th and 13th of
    // them, in ticks of 1/100 s (proc(5)).
    let after = text.rsplit(')').next()?;
    let ticks = after.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<u64>().ok()).sum::<u64>();
    Some(Duration::from_millis(ticks * 10))
}
