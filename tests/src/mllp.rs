//! A lab's side of an MLLP connection: frames out, acknowledgements in.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Start of a frame (HL7 v2 Transport, Release 1).
pub const START: u8 = 0x0B;
/// End of a frame, first byte; a CR follows.
pub const END: u8 = 0x1C;

/// One open connection.
pub struct Mllp {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// The parts of an acknowledgement that tests look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// MSA-1: `AA`, `AE`, `AR`, `CA`, `CE` or `CR`.
    pub code: String,
    /// MSA-2: the control id that it answers.
    pub control_id: String,
    /// The whole message.
    pub text: String,
}

impl Mllp {
    /// Opens a connection.
    pub fn connect(address: SocketAddr) -> io::Result<Mllp> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Mllp { stream, unread: Vec::new() })
    }

    /// Sends one framed message and waits for its acknowledgement.
    #[track_caller]
    pub fn send(&mut self, message: &str) -> Ack {
        self.try_send(message.as_bytes()).unwrap_or_else(|e| panic!("no acknowledgement: {e}"))
    }

    /// The same for any bytes, reporting what went wrong with the connection.
    pub fn try_send(&mut self, message: &[u8]) -> io::Result<Ack> {
        let mut frame = Vec::with_capacity(message.len() + 3);
        frame.push(START);
        frame.extend_from_slice(message);
        frame.extend_from_slice(&[END, b'\r']);
        self.write(&frame)?;
        self.read_ack()
    }

    /// Writes bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// How long a read waits before it fails.
    pub fn patience(&self, limit: Duration) {
        self.stream.set_read_timeout(Some(limit)).expect("a time above zero");
    }

    /// Reads the next frame as an acknowledgement.
    pub fn read_ack(&mut self) -> io::Result<Ack> {
        let frame = self.read_frame()?;
        let text = String::from_utf8_lossy(&frame).into_owned();
        let msa = text.split('\r').find(|s| s.starts_with("MSA"));
        let msa =
            msa.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("no MSA: {text:?}")))?;
        let mut fields = msa.split('|').skip(1).map(str::to_owned);
        let code = fields.next().unwrap_or_default();
        let control_id = fields.next().unwrap_or_default();
        Ok(Ack { code, control_id, text })
    }

    /// Reads one frame's payload. `UnexpectedEof` when the box closed the connection.
    pub fn read_frame(&mut self) -> io::Result<Vec<u8>> {
        let mut chunk = [0; 4096];
        loop {
            if let Some(end) = self.unread.windows(2).position(|w| w == [END, b'\r']) {
                let rest = self.unread.split_off(end + 2);
                let frame = std::mem::replace(&mut self.unread, rest);
                let begin = frame.iter().position(|b| *b == START).map_or(0, |at| at + 1);
                return Ok(frame[begin..end].to_vec());
            }
            match self.stream.read(&mut chunk)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => self.unread.extend_from_slice(&chunk[..n]),
            }
        }
    }
}
