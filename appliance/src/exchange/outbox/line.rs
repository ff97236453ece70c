//! One connection to a receiver of MLLP: a message out, its answer in, matched by MSA-2.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clinicvault_gateway::hl7::mllp::{Bounds, Decoder, Event, frame};
use clinicvault_gateway::hl7::reply::{self, Reply};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

use super::probe::{ProbeStep, Steps};

/// Longest answer in bytes.
const LONGEST_ANSWER: usize = 1024 * 1024;
/// Answers about other messages that are read while one is waited for.
const MOST_OTHERS: usize = 100;

/// Where a connection leads.
#[derive(Clone)]
pub struct Dial {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// TLS, with the name that the receiver's certificate is for.
    pub tls: Option<(Arc<ClientConfig>, String)>,
    /// How long it may take to get there.
    pub patience: Duration,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync> Stream for T {}

/// An open connection.
pub struct Line {
    stream: Box<dyn Stream>,
    decoder: Decoder,
    unread: Vec<u8>,
}

/// Why there is no answer. Nothing of it says whether the message was taken, but for `NotSent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// Not all bytes left: the receiver cannot have the whole message.
    NotSent(String),
    /// All bytes left, and no answer about this message came in time, or the line was cut.
    NoAnswer(String),
}

impl Dial {
    /// Opens a connection.
    ///
    /// # Errors
    /// A sentence that says what stood in the way.
    pub async fn open(&self) -> Result<Line, String> {
        self.open_told(&Steps::default()).await
    }

    /// [`Self::open`], noting how far it gets.
    ///
    /// # Errors
    /// A sentence that says what stood in the way.
    pub async fn open_told(&self, steps: &Steps) -> Result<Line, String> {
        let late = |_| format!("no connection within {} s", self.patience.as_secs());
        timeout(self.patience, self.reach(steps)).await.map_err(late)?
    }

    async fn reach(&self, steps: &Steps) -> Result<Line, String> {
        let stream = connect(&self.host, self.port, steps).await?;
        let _ = stream.set_nodelay(true);
        let stream: Box<dyn Stream> = match &self.tls {
            None => Box::new(stream),
            Some((config, name)) => {
                steps.begin(ProbeStep::Tls);
                let name = ServerName::try_from(name.clone())
                    .map_err(|_| "the receiver's name is none that a certificate could be for".to_owned())?;
                let stream = TlsConnector::from(config.clone()).connect(name, stream).await;
                Box::new(stream.map_err(|error| format!("TLS: {error}"))?)
            }
        };
        let bounds = Bounds { frame: LONGEST_ANSWER, ..Bounds::default() };
        Ok(Line { stream, decoder: Decoder::new(bounds), unread: Vec::new() })
    }
}

/// A connection to a host, by name or address.
pub(super) async fn connect(host: &str, port: u16, steps: &Steps) -> Result<TcpStream, String> {
    steps.begin(ProbeStep::Name);
    let found = lookup_host((host, port)).await;
    let found: Vec<SocketAddr> =
        found.map_err(|error| format!("the name cannot be found: {}", error.kind()))?.collect();
    steps.begin(ProbeStep::Connect);
    let stream = TcpStream::connect(found.as_slice()).await;
    stream.map_err(|error| format!("no connection: {}", error.kind()))
}

impl Line {
    /// Sends a message and waits for the answer about it. Answers about others go to `other`, in their order.
    ///
    /// # Errors
    /// [`Lost`]; the connection must not be used again then.
    pub async fn exchange(
        &mut self,
        message: &[u8],
        control_id: &[u8],
        patience: Duration,
        mut other: impl FnMut(Reply),
    ) -> Result<(Reply, Vec<u8>), Lost> {
        let until = Instant::now() + patience;
        let bytes = frame(message);
        let write = async {
            self.stream.write_all(&bytes).await?;
            self.stream.flush().await
        };
        match timeout_at(until, write).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(Lost::NotSent(format!("the line was cut: {}", error.kind()))),
            Err(_) => return Err(Lost::NotSent("the receiver takes no more bytes".to_owned())),
        }
        for _ in 0..MOST_OTHERS {
            let answer = match timeout_at(until, self.answer()).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(why)) => return Err(Lost::NoAnswer(why)),
                Err(_) => return Err(Lost::NoAnswer(format!("no answer within {} s", patience.as_secs()))),
            };
            match reply::read(&answer) {
                Some(reply) if reply.about == control_id => return Ok((reply, answer)),
                Some(reply) => other(reply),
                // What names no message settles nothing.
                None => {}
            }
        }
        Err(Lost::NoAnswer("only answers about other messages came".to_owned()))
    }

    /// Answers that have come while nothing was waited for; `None` when the line is cut.
    pub async fn lately(&mut self) -> Option<Vec<Reply>> {
        let mut found = Vec::new();
        while found.len() < MOST_OTHERS {
            match timeout(Duration::ZERO, self.answer()).await {
                Ok(Ok(answer)) => found.extend(reply::read(&answer)),
                Ok(Err(_)) => return None,
                Err(_) => break,
            }
        }
        Some(found)
    }

    /// The next frame. Bytes that were read stay when this is dropped before it ends.
    async fn answer(&mut self) -> Result<Vec<u8>, String> {
        loop {
            let mut input = self.unread.as_slice();
            let event = self.decoder.take(&mut input);
            let left = input.len();
            self.unread.drain(..self.unread.len() - left);
            match event {
                Some(Event::Frame(payload)) => return Ok(payload),
                Some(Event::Fault(fault)) => return Err(format!("the answer is no frame: {fault}")),
                None => {}
            }
            let mut chunk = [0; 4096];
            let wait = if self.decoder.awaits_cr() { Duration::from_millis(200) } else { Duration::MAX };
            match timeout(wait, self.stream.read(&mut chunk)).await {
                Ok(Ok(0)) => return Err("the receiver closed the line".to_owned()),
                Ok(Ok(n)) => self.unread.extend_from_slice(chunk.get(..n).unwrap_or_default()),
                Ok(Err(error)) => return Err(format!("the line was cut: {}", error.kind())),
                // Some receivers leave out the last byte of a frame.
                Err(_) => match self.decoder.pause() {
                    Some(Event::Frame(payload)) => return Ok(payload),
                    Some(Event::Fault(fault)) => return Err(format!("the answer is no frame: {fault}")),
                    None => {}
                },
            }
        }
    }
}
