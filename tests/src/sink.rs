//! A receiver of HL7 v2 over MLLP, plain or over TLS, that keeps what it gets and answers as it is told to, well or badly.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::mllp::{END, START};

/// What is done with one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// It is answered with this code.
    Answer(&'static str),
    /// The same, twice.
    Twice(&'static str),
    /// With this code, but about another message; the right one never gets an answer.
    Other(&'static str),
    /// With one code at once and another one later on the same line.
    Then(&'static str, &'static str),
    /// It is read and never answered; the line stays open.
    Silent,
    /// It is read, and the line is cut.
    Cut,
}

/// A message as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Got {
    /// Which connection it came over, from 1.
    pub connection: usize,
    /// MSH-10.
    pub control_id: String,
    /// The whole, with line feeds.
    pub text: String,
}

#[derive(Default)]
struct Shared {
    acts: Mutex<VecDeque<Act>>,
    got: Mutex<Vec<Got>>,
    changed: Condvar,
    over: AtomicBool,
}

/// The receiver. Dropping it closes its port.
pub struct Sink {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl Sink {
    /// A receiver that answers everything with AA.
    pub fn plain() -> Sink {
        Sink::start("127.0.0.1:0".parse().unwrap(), None)
    }

    /// The same at a given address.
    pub fn at(address: SocketAddr) -> Sink {
        Sink::start(address, None)
    }

    /// The same over TLS, with this certificate and key.
    pub fn tls(certificate: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> Sink {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![certificate], key))
            .expect("a usable certificate");
        Sink::start("127.0.0.1:0".parse().unwrap(), Some(Arc::new(config)))
    }

    fn start(address: SocketAddr, tls: Option<Arc<ServerConfig>>) -> Sink {
        let listener = TcpListener::bind(address).expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        std::thread::spawn(move || {
            for (number, stream) in (1..).zip(listener.incoming()) {
                if own.over.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(stream), own, tls) = (stream, Arc::clone(&own), tls.clone()) else { continue };
                std::thread::spawn(move || match tls {
                    None => talk(stream, number, &own),
                    Some(config) => {
                        if let Ok(connection) = ServerConnection::new(config) {
                            talk(StreamOwned::new(connection, stream), number, &own);
                        }
                    }
                });
            }
        });
        Sink { address, shared }
    }

    /// What is done with the next messages, in their order; everything after them gets AA.
    pub fn will(&self, acts: &[Act]) {
        self.shared.acts.lock().unwrap().extend(acts);
    }

    /// Everything that has arrived.
    pub fn got(&self) -> Vec<Got> {
        self.shared.got.lock().unwrap().clone()
    }

    /// Waits until so many messages have arrived.
    #[track_caller]
    pub fn wait(&self, count: usize) -> Vec<Got> {
        self.wait_for(&format!("{count} messages"), |got| got.len() >= count)
    }

    /// Waits until what has arrived is as `enough` wants it.
    #[track_caller]
    pub fn wait_for(&self, what: &str, enough: impl Fn(&[Got]) -> bool) -> Vec<Got> {
        let began = Instant::now();
        let mut got = self.shared.got.lock().unwrap();
        while !enough(&got) {
            assert!(began.elapsed() < Duration::from_secs(60), "{what} did not arrive: {got:#?}");
            got = self.shared.changed.wait_timeout(got, Duration::from_millis(200)).unwrap().0;
        }
        got.clone()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

fn talk(mut wire: impl Read + Write, connection: usize, shared: &Shared) {
    let mut unread: Vec<u8> = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        while let Some(end) = unread.windows(2).position(|w| w == [END, b'\r']) {
            let rest = unread.split_off(end + 2);
            let frame = std::mem::replace(&mut unread, rest);
            let begin = frame.iter().position(|b| *b == START).map_or(0, |at| at + 1);
            let text = String::from_utf8_lossy(&frame[begin..end]).replace('\r', "\n");
            let control_id = text.split('|').nth(9).unwrap_or_default().to_owned();
            let act = shared.acts.lock().unwrap().pop_front().unwrap_or(Act::Answer("AA"));
            shared.got.lock().unwrap().push(Got { connection, control_id: control_id.clone(), text });
            shared.changed.notify_all();
            let answers: Vec<(&str, &str)> = match act {
                Act::Answer(code) => vec![(code, &control_id)],
                Act::Twice(code) => vec![(code, &control_id), (code, &control_id)],
                Act::Other(code) => vec![(code, "ANOTHER")],
                Act::Then(first, second) => vec![(first, &control_id), (second, &control_id)],
                Act::Silent => Vec::new(),
                Act::Cut => return,
            };
            for (code, about) in answers {
                let answer = format!(
                    "\u{b}MSH|^~\\&|HIS|H|||20261122||ACK|{connection}|P|2.5.1\rMSA|{code}|{about}\r\u{1c}\r"
                );
                if wire.write_all(answer.as_bytes()).and_then(|()| wire.flush()).is_err() {
                    return;
                }
            }
        }
        match wire.read(&mut chunk) {
            Ok(n) if n > 0 => unread.extend_from_slice(&chunk[..n]),
            Ok(_) | Err(_) => return,
        }
    }
}
