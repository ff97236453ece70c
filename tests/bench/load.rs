//! The load itself: connections that each have one request in flight, and what they saw.
//!
//! Kept as lean as it can be, since generator and box share the machine: requests are made before the clock starts
//! where possible, answers are read to their length and not parsed.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What a round of load came to.
pub struct Run {
    /// From the first request to the last answer.
    pub took: Duration,
    /// Each request's time in microseconds, sorted. An answer that is not the expected one ends the bench.
    pub micros: Vec<u32>,
}

impl Run {
    /// Requests a second.
    pub fn rate(&self) -> f64 {
        self.micros.len() as f64 / self.took.as_secs_f64()
    }

    /// The time below which this share of requests was answered, in milliseconds.
    pub fn percentile(&self, share: f64) -> f64 {
        let last = self.micros.len().saturating_sub(1);
        f64::from(self.micros[(last as f64 * share).round() as usize]) / 1000.0
    }
}

/// When a round ends.
#[derive(Clone, Copy)]
pub enum Until {
    /// So many requests in all.
    Count(usize),
    /// So long.
    Time(Duration),
}

/// One client of a protocol: sends a request, reads the whole answer, and fails on any answer but the expected.
pub trait Client: Sized + Send {
    /// Opens a connection.
    fn open(address: SocketAddr) -> io::Result<Self>;
    /// One exchange. The answer's body stays in `answer`.
    fn exchange(&mut self, request: &[u8], answer: &mut Vec<u8>) -> io::Result<()>;
}

/// Runs `connections` clients. `request(n, out)` writes the n-th request of the round; `keep(n, answer)` looks at it.
pub fn drive<C: Client>(
    address: SocketAddr,
    connections: usize,
    until: Until,
    request: impl Fn(usize, &mut Vec<u8>) + Sync,
    keep: impl Fn(usize, &[u8]) + Sync,
) -> io::Result<Run> {
    let next = AtomicUsize::new(0);
    let mut clients = (0..connections).map(|_| C::open(address)).collect::<io::Result<Vec<C>>>()?;
    let began = Instant::now();
    let worker = |client: &mut C| -> io::Result<Vec<u32>> {
        let (mut out, mut answer, mut micros) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            match until {
                Until::Count(count) if n >= count => return Ok(micros),
                Until::Time(limit) if began.elapsed() >= limit => return Ok(micros),
                Until::Count(_) | Until::Time(_) => {}
            }
            out.clear();
            request(n, &mut out);
            let start = Instant::now();
            client.exchange(&out, &mut answer)?;
            micros.push(u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX));
            keep(n, &answer);
        }
    };
    let parts = std::thread::scope(|scope| {
        let worker = &worker;
        let running: Vec<_> = clients.iter_mut().map(|client| scope.spawn(move || worker(client))).collect();
        running.into_iter().map(|w| w.join().expect("no panic")).collect::<io::Result<Vec<_>>>()
    })?;
    let took = began.elapsed();
    let mut micros = parts.concat();
    micros.sort_unstable();
    Ok(Run { took, micros })
}

fn connect(address: SocketAddr) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(120)))?;
    Ok(BufReader::with_capacity(64 * 1024, stream))
}

/// HTTP/1.1 with keep-alive.
pub struct HttpClient {
    wire: BufReader<TcpStream>,
    line: Vec<u8>,
}

impl Client for HttpClient {
    fn open(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { wire: connect(address)?, line: Vec::new() })
    }

    fn exchange(&mut self, request: &[u8], answer: &mut Vec<u8>) -> io::Result<()> {
        self.wire.get_mut().write_all(request)?;
        self.read_line()?;
        let status: u16 = std::str::from_utf8(self.line.get(9..12).unwrap_or_default())
            .ok()
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| io::Error::other("no status line"))?;
        let mut length = (status == 204).then_some(0);
        let mut chunked = false;
        loop {
            self.read_line()?;
            if self.line.is_empty() {
                break;
            }
            if let Some(value) = header(&self.line, b"content-length:") {
                length = std::str::from_utf8(value).ok().and_then(|v| v.trim().parse().ok());
            } else if let Some(value) = header(&self.line, b"transfer-encoding:") {
                chunked = value.trim_ascii().eq_ignore_ascii_case(b"chunked");
            }
        }
        answer.clear();
        if chunked {
            self.read_chunks(answer)?;
        } else {
            answer.resize(length.ok_or_else(|| io::Error::other("an answer without a length"))?, 0);
            self.wire.read_exact(answer)?;
        }
        if (200..300).contains(&status) {
            return Ok(());
        }
        Err(io::Error::other(format!("{status}: {}", String::from_utf8_lossy(answer))))
    }
}

impl HttpClient {
    fn read_line(&mut self) -> io::Result<()> {
        self.line.clear();
        self.wire.read_until(b'\n', &mut self.line)?;
        if self.line.pop() != Some(b'\n') {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.line.pop();
        Ok(())
    }

    fn read_chunks(&mut self, answer: &mut Vec<u8>) -> io::Result<()> {
        loop {
            self.read_line()?;
            let text = String::from_utf8_lossy(&self.line).into_owned();
            let size = usize::from_str_radix(text.trim(), 16).map_err(io::Error::other)?;
            let start = answer.len();
            answer.resize(start + size, 0);
            self.wire.read_exact(&mut answer[start..])?;
            self.read_line()?;
            if size == 0 {
                return Ok(());
            }
        }
    }
}

fn header<'l>(line: &'l [u8], name: &[u8]) -> Option<&'l [u8]> {
    let (start, rest) = line.split_at_checked(name.len())?;
    start.eq_ignore_ascii_case(name).then_some(rest)
}

/// Writes an MLLP frame.
pub fn frame(message: &str, out: &mut Vec<u8>) {
    out.push(0x0B);
    out.extend_from_slice(message.as_bytes());
    out.extend_from_slice(b"\x1c\r");
}

/// MLLP: a frame out, an acknowledgement `AA` in.
pub struct MllpClient {
    wire: BufReader<TcpStream>,
}

impl Client for MllpClient {
    fn open(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { wire: connect(address)? })
    }

    fn exchange(&mut self, request: &[u8], answer: &mut Vec<u8>) -> io::Result<()> {
        self.wire.get_mut().write_all(request)?;
        answer.clear();
        self.wire.read_until(0x1C, answer)?;
        let mut end = [0];
        self.wire.read_exact(&mut end)?;
        if answer.windows(7).any(|w| w == b"\rMSA|AA") {
            return Ok(());
        }
        Err(io::Error::other(String::from_utf8_lossy(answer).into_owned()))
    }
}

/// MLLP with a connection for each message: some receivers close theirs after an answer.
pub struct OneEach {
    address: SocketAddr,
}

impl Client for OneEach {
    fn open(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { address })
    }

    fn exchange(&mut self, request: &[u8], answer: &mut Vec<u8>) -> io::Result<()> {
        MllpClient::open(self.address)?.exchange(request, answer)
    }
}
