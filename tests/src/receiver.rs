//! Another system that is told of changes: a small HTTP server, plain or over TLS, that keeps what it gets and answers
//! as it is told to.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Arrived {
    /// Method and path.
    pub line: String,
    /// Header fields, names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Arrived {
    /// A header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }
}

/// How a request is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mood {
    /// With this status.
    Status(u16),
    /// With this status and header field.
    Told(u16, &'static str, String),
    /// With an HL7 acknowledgement of this code about the message, in a 200.
    Ack(&'static str),
    /// With a redirect to this address.
    Redirect(String),
    /// Not at all; the connection stays open.
    Silent,
    /// It is read, and the connection is cut.
    Cut,
}

struct Shared {
    mood: Mutex<Mood>,
    arrived: Mutex<Vec<Arrived>>,
    changed: Condvar,
    over: AtomicBool,
}

/// The server. Dropping it closes its port.
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl Receiver {
    /// A receiver over plain HTTP that takes everything.
    pub fn plain() -> Receiver {
        Receiver::start(None)
    }

    /// The same over TLS, with this certificate and key.
    pub fn tls(certificate: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> Receiver {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![certificate], key))
            .expect("a usable certificate");
        Receiver::start(Some(Arc::new(config)))
    }

    fn start(tls: Option<Arc<ServerConfig>>) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let shared = Arc::new(Shared {
            mood: Mutex::new(Mood::Status(200)),
            arrived: Mutex::default(),
            changed: Condvar::new(),
            over: AtomicBool::new(false),
        });
        let own = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if own.over.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(stream), own, tls) = (stream, Arc::clone(&own), tls.clone()) else { continue };
                std::thread::spawn(move || {
                    let _ = stream.set_read_timeout(Some(Duration::from_secs(20)));
                    // A peer that goes away is no failure of the test.
                    let _ = match tls {
                        None => answer(stream, &own),
                        Some(config) => ServerConnection::new(config)
                            .map_err(io::Error::other)
                            .and_then(|connection| answer(StreamOwned::new(connection, stream), &own)),
                    };
                });
            }
        });
        Receiver { address, shared }
    }

    /// Answers so from now on.
    pub fn be(&self, mood: Mood) {
        *self.shared.mood.lock().unwrap() = mood;
    }

    /// Everything that has arrived.
    pub fn arrived(&self) -> Vec<Arrived> {
        self.shared.arrived.lock().unwrap().clone()
    }

    /// Waits until so many requests have arrived, and answers all of them.
    #[track_caller]
    pub fn wait(&self, count: usize) -> Vec<Arrived> {
        self.wait_for(&format!("{count} requests"), |arrived| arrived.len() >= count)
    }

    /// Waits until what has arrived is as `enough` wants it.
    #[track_caller]
    pub fn wait_for(&self, what: &str, enough: impl Fn(&[Arrived]) -> bool) -> Vec<Arrived> {
        let began = Instant::now();
        let mut arrived = self.shared.arrived.lock().unwrap();
        while !enough(&arrived) {
            assert!(began.elapsed() < Duration::from_secs(60), "{what} did not arrive: {arrived:#?}");
            arrived = self.shared.changed.wait_timeout(arrived, Duration::from_millis(200)).unwrap().0;
        }
        arrived.clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

/// Reads one request, keeps it, answers it.
fn answer(stream: impl Read + Write, shared: &Shared) -> io::Result<()> {
    let mut wire = BufReader::new(stream);
    let mut line = String::new();
    if wire.read_line(&mut line)? == 0 {
        return Ok(());
    }
    let mut headers = Vec::new();
    loop {
        let mut field = String::new();
        if wire.read_line(&mut field)? == 0 || field == "\r\n" {
            break;
        }
        if let Some((name, value)) = field.trim_end().split_once(':') {
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0)];
    wire.read_exact(&mut body)?;
    let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    let mood = shared.mood.lock().unwrap().clone();
    let body = String::from_utf8(body).map_err(io::Error::other)?;
    shared.arrived.lock().unwrap().push(Arrived { line, headers, body: body.clone() });
    shared.changed.notify_all();
    let about = body.split('|').nth(9).unwrap_or_default().to_owned();
    let head = match mood {
        Mood::Told(status, name, value) => {
            format!(
                "HTTP/1.1 {status} -\r\n{name}: {value}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
        }
        Mood::Ack(code) => {
            let ack = format!("MSH|^~\\&|HIS|H|||20261122||ACK|1|P|2.5.1\rMSA|{code}|{about}\r");
            let length = ack.len();
            format!(
                "HTTP/1.1 200 -\r\nContent-Type: application/hl7-v2\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{ack}"
            )
        }
        Mood::Status(status) => {
            format!("HTTP/1.1 {status} -\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        }
        Mood::Redirect(to) => {
            format!("HTTP/1.1 307 -\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        }
        Mood::Cut => return Ok(()),
        Mood::Silent => {
            // Until the peer gives up.
            let _ = wire.read(&mut [0; 1]);
            return Ok(());
        }
    };
    wire.get_mut().write_all(head.as_bytes())?;
    wire.get_mut().flush()
}
