//! The worker's program: unpacked into memory that cannot be changed any more, and run from there; or a socket behind which a
//! service manager starts one for each connection, in a place of its own.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use flate2::read::GzDecoder;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

/// Largest unpacked worker.
const MOST: u64 = 64 << 20;

/// The workers that were built into the box, packed with gzip.
#[derive(Debug, Clone, Copy, Default)]
pub struct Built {
    /// For processors with AVX2, FMA, F16C and BMI2.
    pub avx2: Option<&'static [u8]>,
    /// For every x86-64 processor.
    pub baseline: Option<&'static [u8]>,
}

impl Built {
    /// The one that this processor can run. The question comes before the worker starts: its first step may use what it was built for.
    ///
    /// # Errors
    /// A sentence that says why there is none.
    pub fn choose(&self) -> Result<Program, String> {
        let has = |wanted| if wanted { self.avx2 } else { None };
        match (has(modern()), self.baseline) {
            (Some(packed), _) => Ok(Program::packed("avx2", packed)),
            (None, Some(packed)) => Ok(Program::packed("baseline", packed)),
            (None, None) if self.avx2.is_some() => {
                Err("the transcription worker needs a processor with AVX2, which this one has not".to_owned())
            }
            (None, None) => {
                Err("this build has no transcription worker; `make build` makes one that has".to_owned())
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn modern() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c")
        && is_x86_feature_detected!("bmi2")
}

#[cfg(not(target_arch = "x86_64"))]
fn modern() -> bool {
    false
}

/// A program that can be started as a worker.
#[derive(Debug)]
pub struct Program {
    name: String,
    source: Source,
    /// Unpacked once, when it is first started.
    memory: Mutex<Option<File>>,
    arguments: Vec<String>,
}

#[derive(Debug)]
enum Source {
    Packed(&'static [u8]),
    File(PathBuf),
    Socket(PathBuf),
}

/// A worker that was started, and the two ends that it is spoken with.
pub(super) struct Started {
    pub(super) life: Life,
    pub(super) orders: Box<dyn Write + Send>,
    pub(super) answers: Box<dyn Read + Send>,
}

/// What ends a worker.
#[derive(Debug)]
pub(super) enum Life {
    /// A child of this process.
    Child(Child),
    /// Somebody else's: it ends itself when nobody is there to work for.
    Peer(UnixStream),
}

impl Life {
    /// Its process number, where it is known.
    pub(super) fn id(&self) -> Option<u32> {
        match self {
            Self::Child(child) => Some(child.id()),
            Self::Peer(_) => None,
        }
    }

    /// Ends it and says how it ended.
    pub(super) fn end(&mut self) -> String {
        match self {
            Self::Child(child) => {
                let _ = child.kill();
                match child.wait() {
                    Ok(status) => status.to_string(),
                    Err(error) => error.to_string(),
                }
            }
            Self::Peer(stream) => {
                let _ = stream.shutdown(Shutdown::Both);
                "the connection is closed".to_owned()
            }
        }
    }
}

impl Program {
    /// One that is packed with gzip.
    pub fn packed(name: impl Into<String>, packed: &'static [u8]) -> Self {
        Self {
            name: name.into(),
            source: Source::Packed(packed),
            memory: Mutex::new(None),
            arguments: Vec::new(),
        }
    }

    /// One that lies beside the box, such as a graphics worker.
    pub fn file(name: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            source: Source::File(path.into()),
            memory: Mutex::new(None),
            arguments: Vec::new(),
        }
    }

    /// One that a service manager starts for each connection to a socket.
    pub fn socket(name: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            source: Source::Socket(path.into()),
            memory: Mutex::new(None),
            arguments: Vec::new(),
        }
    }

    /// With arguments.
    #[must_use]
    pub fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Starts it: from sealed memory, without environment, in the root folder, its errors thrown away.
    pub(super) fn start(&self) -> io::Result<Started> {
        if let Source::Socket(path) = &self.source {
            let orders = UnixStream::connect(path)?;
            let (life, answers) = (orders.try_clone()?, orders.try_clone()?);
            return Ok(Started {
                life: Life::Peer(life),
                orders: Box::new(orders),
                answers: Box::new(answers),
            });
        }
        let mut command = self.command()?;
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(orders), Some(answers)) => {
                Ok(Started { life: Life::Child(child), orders: Box::new(orders), answers: Box::new(answers) })
            }
            (_, _) => Err(io::Error::other("it has no pipes")),
        }
    }

    /// Becomes it: this process is the worker from now on, with its own standard input and output. Returns only what went wrong.
    pub fn become_it(&self) -> io::Error {
        match self.command() {
            Ok(mut command) => command.exec(),
            Err(error) => error,
        }
    }

    fn command(&self) -> io::Result<Command> {
        let mut memory = self.memory.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if memory.is_none() {
            *memory = Some(self.load()?);
        }
        let descriptor = memory.as_ref().map(AsRawFd::as_raw_fd).ok_or(io::ErrorKind::NotFound)?;
        // The kernel opens it before it closes what is not inherited.
        let mut command = Command::new(format!("/proc/self/fd/{descriptor}"));
        command.args(&self.arguments).env_clear().current_dir("/");
        Ok(command)
    }

    fn load(&self) -> io::Result<File> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        // Kernels before 6.3 do not know that some memory may not be run.
        let memory = memfd_create("clinicvault-scribe-worker", flags | MemfdFlags::EXEC)
            .or_else(|_| memfd_create("clinicvault-scribe-worker", flags))?;
        let mut memory = File::from(memory);
        let copied = match &self.source {
            Source::Packed(packed) => io::copy(&mut GzDecoder::new(*packed).take(MOST), &mut memory)?,
            Source::File(path) => io::copy(&mut File::open(path)?.take(MOST * 16), &mut memory)?,
            Source::Socket(_) => 0,
        };
        if copied == 0 {
            return Err(io::Error::other("the worker's program is empty"));
        }
        memory.flush()?;
        fcntl_add_seals(&memory, SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)?;
        Ok(memory)
    }
}
