//! A browser's side of the live feed: just enough WebSocket (RFC 6455) to send text and read messages.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// One open feed.
pub struct Socket {
    stream: BufReader<TcpStream>,
    closed: Option<u16>,
}

impl Socket {
    /// Opens `path` with these header fields; the status line when the box refuses.
    pub fn open(
        address: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
    ) -> io::Result<Result<Socket, String>> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let mut request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        );
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes())?;
        let mut stream = BufReader::new(stream);
        let mut status = String::new();
        stream.read_line(&mut status)?;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line)? == 0 || line == "\r\n" {
                break;
            }
        }
        Ok(if status.contains(" 101 ") {
            Ok(Socket { stream, closed: None })
        } else {
            Err(status.trim().to_owned())
        })
    }

    /// Sends a text message.
    pub fn send(&mut self, text: &str) -> io::Result<()> {
        self.frame(0x1, text.as_bytes())
    }

    /// The next text message as JSON; pings are answered on the way. `None` when the box has closed.
    pub fn message(&mut self) -> io::Result<Option<Value>> {
        let text = self.text()?;
        text.map(|text| serde_json::from_str(&text).map_err(io::Error::other)).transpose()
    }

    /// The next text message; pings are answered on the way. `None` when the box has closed.
    pub fn text(&mut self) -> io::Result<Option<String>> {
        loop {
            let mut head = [0; 2];
            match self.stream.read_exact(&mut head) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                other => other?,
            }
            let length = match head[1] & 0x7f {
                126 => {
                    let mut long = [0; 2];
                    self.stream.read_exact(&mut long)?;
                    usize::from(u16::from_be_bytes(long))
                }
                127 => {
                    let mut long = [0; 8];
                    self.stream.read_exact(&mut long)?;
                    usize::try_from(u64::from_be_bytes(long)).map_err(io::Error::other)?
                }
                short => usize::from(short),
            };
            let mut payload = vec![0; length];
            self.stream.read_exact(&mut payload)?;
            match head[0] & 0x0f {
                0x1 => return String::from_utf8(payload).map(Some).map_err(io::Error::other),
                0x8 => {
                    self.closed = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                    return Ok(None);
                }
                0x9 => self.frame(0xA, &payload)?,
                _ => {}
            }
        }
    }

    /// The code with which the box has closed.
    pub fn code(&self) -> Option<u16> {
        self.closed
    }

    /// The connection below, for whoever wants to be slow.
    pub fn stream(&self) -> &TcpStream {
        self.stream.get_ref()
    }

    /// How long `next` waits before it fails.
    pub fn patience(&self, limit: Duration) {
        self.stream.get_ref().set_read_timeout(Some(limit)).expect("a connected stream");
    }

    fn frame(&mut self, kind: u8, payload: &[u8]) -> io::Result<()> {
        let mask = [1, 2, 3, 4];
        let mut frame = vec![0x80 | kind];
        match u8::try_from(payload.len()) {
            Ok(short @ 0..=125) => frame.push(0x80 | short),
            _ => match u16::try_from(payload.len()) {
                Ok(length) => {
                    frame.push(0x80 | 126);
                    frame.extend(length.to_be_bytes());
                }
                Err(_) => {
                    frame.push(0x80 | 127);
                    frame.extend((payload.len() as u64).to_be_bytes());
                }
            },
        }
        frame.extend(mask);
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        self.stream.get_mut().write_all(&frame)
    }
}
