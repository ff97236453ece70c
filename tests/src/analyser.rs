//! A laboratory analyser's side of a line, true to LIS1-A: sessions, frames, repetitions, giving way. Blocking, over a
//! socket or a pseudo-terminal.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Duration;

use clinicvault_gateway::astm::frame::{self, ACK, Decoder, ENQ, EOT, Event, NAK, split};

/// How long an answer may take before the line counts as dead.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a frame is repeated (LIS1-A, 6.5.1.2).
const TRIES: u32 = 6;

/// One end of a line.
pub struct Analyser<W> {
    wire: W,
    unread: Vec<u8>,
    /// Frames, counted from 0 over all sessions, that arrive damaged the first time.
    pub damaged: Vec<usize>,
    /// Frames that are sent once more after they were acknowledged, as if the answer had been lost.
    pub doubled: Vec<usize>,
    sent: usize,
}

impl Analyser<TcpStream> {
    /// Connects to the box.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self::over(stream))
    }
}

impl Analyser<File> {
    /// A pseudo-terminal: this end, and the path of the port that the box opens.
    pub fn terminal() -> io::Result<(Self, PathBuf)> {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        // What is sent before the box opens its end is neither echoed nor changed.
        let mut modes = tcgetattr(&master)?;
        modes.make_raw();
        tcsetattr(&master, OptionalActions::Now, &modes)?;
        let path = ptsname(&master, Vec::new())?;
        let path = path.to_str().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?.into();
        Ok((Self::over(File::from(master)), path))
    }
}

impl<W: Read + Write + AsFd> Analyser<W> {
    /// An analyser on an open wire.
    pub fn over(wire: W) -> Self {
        Self { wire, unread: Vec::new(), damaged: Vec::new(), doubled: Vec::new(), sent: 0 }
    }

    /// Writes bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.wire.write_all(bytes)
    }

    /// The next byte; `TimedOut` when none comes within `patience`.
    pub fn byte_within(&mut self, patience: Duration) -> io::Result<u8> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        while self.unread.is_empty() {
            let limit =
                Timespec::try_from(patience).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
            let mut ready = [PollFd::new(&self.wire, PollFlags::IN)];
            if poll(&mut ready, Some(&limit))? == 0 {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let mut chunk = [0; 512];
            match self.wire.read(&mut chunk)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => self.unread.extend_from_slice(&chunk[..n]),
            }
        }
        Ok(self.unread.remove(0))
    }

    /// The next byte.
    pub fn byte(&mut self) -> io::Result<u8> {
        self.byte_within(PATIENCE)
    }

    /// Asks for the line until it is given: busy is asked again, and a host that asks at once gives way.
    pub fn begin(&mut self) -> io::Result<()> {
        for _ in 0..TRIES {
            self.write(&[ENQ])?;
            match self.byte()? {
                ACK => return Ok(()),
                // Both asked: the analyser goes first, a second later.
                ENQ => std::thread::sleep(Duration::from_secs(1)),
                _ => std::thread::sleep(Duration::from_millis(300)),
            }
        }
        Err(io::Error::other("the host does not give the line"))
    }

    /// Sends a frame until it is acknowledged.
    pub fn frame(&mut self, frame: &frame::Frame) -> io::Result<()> {
        let good = frame::write(frame);
        let number = self.sent;
        self.sent += 1;
        let mut damaged = self.damaged.contains(&number);
        for _ in 0..=TRIES {
            let mut bytes = good.clone();
            if std::mem::take(&mut damaged) {
                let at = bytes.len() / 2;
                bytes[at] ^= 0x01;
            }
            self.write(&bytes)?;
            if self.byte()? == ACK {
                if self.doubled.contains(&number) {
                    self.write(&good)?;
                    let again = self.byte()?;
                    assert_eq!(again, ACK, "the last good frame is acknowledged again");
                }
                return Ok(());
            }
        }
        Err(io::Error::other("the host refuses a frame"))
    }

    /// A whole session.
    pub fn send(&mut self, records: &[&str]) -> io::Result<()> {
        self.begin()?;
        for frame in frames(records) {
            self.frame(&frame)?;
        }
        self.write(&[EOT])
    }

    /// The records of a session of the host, from its question to transmit on.
    pub fn hear(&mut self) -> io::Result<Vec<String>> {
        while self.byte()? != ENQ {}
        self.write(&[ACK])?;
        self.hear_frames()
    }

    /// The same after the question was answered.
    pub fn hear_frames(&mut self) -> io::Result<Vec<String>> {
        let (mut decoder, mut text) = (Decoder::new(64_000), Vec::new());
        loop {
            let byte = [self.byte()?];
            match decoder.take(&mut &byte[..]) {
                Some(Event::Frame(frame)) => {
                    text.extend(frame.text);
                    self.write(&[ACK])?;
                }
                Some(Event::Bad(_)) => self.write(&[NAK])?,
                Some(Event::Eot) => break,
                Some(_) | None => {}
            }
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        Ok(text.split_terminator('\r').map(str::to_owned).collect())
    }
}

/// The frames of a message, one a record.
pub fn frames(records: &[&str]) -> Vec<frame::Frame> {
    split(records.iter().map(|record| record.as_bytes()), 240)
}

/// A message with one result of potassium.
pub fn potassium(sample: &str, value: &str, status: &str, sent: &str) -> Vec<String> {
    vec![
        format!("H|\\^&|||Meter^7|||||||P|LIS2-A2|{sent}"),
        "P|1".to_owned(),
        format!("O|1|{sample}||^^^K|R||{sent}"),
        format!("R|1|^^^K|{value}|mmol/L|3.5-5.1|H||{status}||||{sent}"),
        "L|1|N".to_owned(),
    ]
}
