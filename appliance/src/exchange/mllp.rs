//! The MLLP listener: sockets driven by the gateway's decoder.
//!
//! Plain MLLP carries patient data in clear text, so it is served on loopback and to peers the settings name; everyone
//! else must speak TLS. One message at a time on a connection, answers in order. A peer may be silent for days between
//! messages, but not inside one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clinicvault_gateway::hl7::mllp::{Bounds, Decoder, Event, Fault, frame};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;

use super::Exchange;
use super::channels::live::Live;
use super::inbox::{Arrival, Reply};
use super::intake::Way;
use super::seats::{Seat, Seats};
use crate::app::App;
use crate::supervisor::Stop;

/// A TLS handshake has to be done in this time.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// An answer has to be taken in this time.
const WRITE: Duration = Duration::from_secs(10);
/// How long a lone end byte waits for its CR.
const LAST_CR: Duration = Duration::from_millis(200);
/// The longest that one frame may take altogether, however steadily its bytes drip.
const FRAME: Duration = Duration::from_secs(300);
/// Connections that were told to end get this long to finish what they are doing.
const GRACE: Duration = Duration::from_secs(2);
/// Read buffer of a connection that waits: small, because thousands may wait.
const IDLE_BUFFER: usize = 1024;
/// Read buffer inside a frame.
const FRAME_BUFFER: usize = 16 * 1024;
/// Numbers of connections, never used twice in a process, also when the listener starts again.
static NUMBER: AtomicU64 = AtomicU64::new(1);
/// First byte of a TLS handshake record.
const TLS_HELLO: u8 = 0x16;

/// How a peer is let in.
pub enum Entry {
    /// In clear text.
    Plain,
    /// Over TLS with these settings.
    Tls(Arc<rustls::ServerConfig>),
    /// Not at all.
    Closed,
}

/// What a listener works with.
#[derive(Clone)]
pub struct Service {
    /// The box.
    pub app: App,
    /// Bounds of frames.
    pub bounds: Bounds,
    /// A peer that is silent in the middle of a message is dropped after so long.
    pub quiet: Duration,
    /// Open connections at most.
    pub connections: usize,
    /// The channel that the listener belongs to; none for the listener of the settings.
    pub live: Option<Arc<Live>>,
}

/// Serves the listener of the settings until told to stop. `tls` is asked for every connection, so a renewed certificate
/// is used at once.
pub async fn serve(
    app: App,
    listener: Arc<TcpListener>,
    tls: impl Fn() -> Arc<rustls::ServerConfig>,
    stop: Stop,
) -> anyhow::Result<()> {
    let settings = app.config().hl7.clone();
    let gate = move |peer: SocketAddr| {
        let ip = peer.ip().to_canonical();
        if ip.is_loopback() || settings.plain_peers.contains(&ip) { Entry::Plain } else { Entry::Tls(tls()) }
    };
    let settings = &app.config().hl7;
    let service = Service {
        bounds: Bounds { frame: settings.frame_kib * 1024, ..Bounds::default() },
        quiet: Duration::from_secs(settings.idle_seconds),
        connections: settings.connections,
        live: None,
        app: app.clone(),
    };
    serve_by(service, listener, gate, stop).await
}

/// Serves a listener until told to stop; `gate` is asked for every connection how its peer is let in.
pub async fn serve_by(
    line: Service,
    listener: Arc<TcpListener>,
    gate: impl Fn(SocketAddr) -> Entry,
    mut stop: Stop,
) -> anyhow::Result<()> {
    let seats = Seats::new(line.connections);
    let mut open = tokio::task::JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.wanted() => break,
            Some(_) = open.join_next() => continue,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, or the peer is already gone: neither may end the loop, nor make it spin.
                tracing::warn!(%error, "accept");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let acceptor = match gate(peer) {
            Entry::Plain => None,
            Entry::Tls(config) => Some(config),
            Entry::Closed => {
                tracing::warn!(op = "hl7.connection", peer = %peer, outcome = "not allowed");
                continue;
            }
        };
        let Some(seat) = seats.sit() else {
            tracing::warn!(op = "hl7.connection", peer = %peer, outcome = "all connections are busy");
            continue;
        };
        keep_alive(&stream);
        open.spawn(line.clone().connection(stream, peer, acceptor, seat, stop.clone()));
    }
    let all = async { while open.join_next().await.is_some() {} };
    let _ = timeout(GRACE, all).await;
    Ok(())
}

/// A peer that vanished without a word is noticed by the system within minutes.
pub(super) fn keep_alive(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let outcome = rustix::net::sockopt::set_socket_keepalive(stream, true)
        .and_then(|()| rustix::net::sockopt::set_tcp_keepidle(stream, Duration::from_secs(60)))
        .and_then(|()| rustix::net::sockopt::set_tcp_keepintvl(stream, Duration::from_secs(20)))
        .and_then(|()| rustix::net::sockopt::set_tcp_keepcnt(stream, 4));
    if let Err(error) = outcome {
        tracing::debug!(%error, "keepalive");
    }
}

impl Service {
    async fn connection(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        tls: Option<Arc<rustls::ServerConfig>>,
        seat: Seat,
        stop: Stop,
    ) {
        match tls {
            None => self.talk(stream, peer, false, seat, stop).await,
            Some(config) => {
                // Someone who speaks plain MLLP to a TLS port waits for an answer that cannot come: tell the log.
                let mut first = [0];
                let seen = timeout(HANDSHAKE, stream.peek(&mut first)).await;
                if matches!(seen, Ok(Ok(1))) && first != [TLS_HELLO] {
                    tracing::warn!(op = "hl7.connection", peer = %peer, outcome = "plain MLLP from another machine; TLS is needed");
                    if let Some(live) = &self.live {
                        live.complain(format!("{} spoke plain MLLP; this channel needs TLS", peer.ip()));
                    }
                    return;
                }
                match timeout(HANDSHAKE, TlsAcceptor::from(config).accept(stream)).await {
                    Ok(Ok(stream)) => self.talk(stream, peer, true, seat, stop).await,
                    Ok(Err(error)) => tracing::info!(op = "hl7.connection", peer = %peer, %error),
                    Err(_) => tracing::info!(op = "hl7.connection", peer = %peer, outcome = "no handshake"),
                }
            }
        }
    }

    async fn talk<S>(self, stream: S, peer: SocketAddr, tls: bool, seat: Seat, mut stop: Stop)
    where
        S: AsyncRead + AsyncWrite + Send,
    {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let (teller, mut later) = mpsc::channel::<Vec<u8>>(4);
        let arrival = Arrival { peer, tls, connection: NUMBER.fetch_add(1, Ordering::Relaxed) };
        let mut decoder = Decoder::new(self.bounds);
        let mut buffer = vec![0; IDLE_BUFFER];
        let mut begun: Option<Instant> = None;
        let mut known: Option<Exchange> = None;
        loop {
            begun = if decoder.in_frame() { begun.or_else(|| Some(Instant::now())) } else { None };
            seat.stir(begun.is_some());
            resize(&mut buffer, begun.is_some());
            let patience = self.patience(&decoder, begun);
            let read = tokio::select! {
                read = wait(reader.read(&mut buffer), patience) => read,
                Some(message) = later.recv() => {
                    if !send(&mut writer, &message).await { break; }
                    continue;
                }
                () = seat.asked_to_leave() => break,
                () = stop.wanted(), if begun.is_none() => break,
            };
            let mut ended = false;
            let mut events = Vec::new();
            match read {
                Some(Ok(n)) if n > 0 => {
                    let mut input = buffer.get(..n).unwrap_or_default();
                    while let Some(event) = decoder.take(&mut input) {
                        events.push(event);
                    }
                }
                // Silence or the end of the stream inside a frame.
                None | Some(_) => {
                    let lone_cr = read.is_none() && decoder.awaits_cr();
                    events.extend(decoder.pause());
                    ended = !lone_cr;
                }
            }
            let mut wanted = true;
            for event in events {
                seat.stir(true);
                wanted = wanted && self.answer(event, arrival, &teller, &mut known, &mut writer).await;
            }
            if ended || !wanted {
                break;
            }
        }
        if let Some(exchange) = known {
            exchange.connected(arrival.connection, None);
        }
        let _ = timeout(WRITE, writer.shutdown()).await;
    }

    /// How long the next bytes may take; `None` between frames.
    fn patience(&self, decoder: &Decoder, begun: Option<Instant>) -> Option<Duration> {
        let begun = begun?;
        if decoder.awaits_cr() {
            return Some(LAST_CR);
        }
        Some(self.quiet.min(FRAME.saturating_sub(begun.elapsed())))
    }

    /// Deals with one event of the line; false when the connection is to be closed.
    async fn answer<W: AsyncWrite + Unpin>(
        &self,
        event: Event,
        arrival: Arrival,
        teller: &mpsc::Sender<Vec<u8>>,
        known: &mut Option<Exchange>,
        writer: &mut W,
    ) -> bool {
        let Ok(rooms) = self.app.rooms() else {
            tracing::warn!(op = "hl7.message", peer = %arrival.peer, outcome = "the vault is not open");
            return false;
        };
        let exchange = &rooms.exchange;
        let payload = match event {
            Event::Frame(payload) => payload,
            Event::Fault(fault) => {
                tracing::warn!(op = "hl7.frame", peer = %arrival.peer, outcome = %fault);
                let (head, goes_on) = match &fault {
                    Fault::TooLong { head, .. } => (head.as_slice(), true),
                    Fault::Unfinished { head } => (head.as_slice(), true),
                    Fault::NoStart | Fault::Junk { .. } | Fault::Endless { .. } => ([].as_slice(), false),
                };
                let told = send(writer, &exchange.refuse(head, &format!("Not taken: {fault}."))).await;
                return told && goes_on;
            }
        };
        if known.is_none() {
            exchange.connected(arrival.connection, Some(teller.clone()));
            *known = Some(exchange.clone());
        }
        let intake = self.live.as_ref().map_or_else(|| exchange.intake().clone(), |live| live.intake());
        for told in exchange.take_by(payload, &Way::mllp(arrival, intake)).await {
            let goes_on = match told.reply {
                Reply::Send(message) => send(writer, &message).await,
                Reply::Silent => true,
                Reply::Close => false,
            };
            if !goes_on {
                return false;
            }
        }
        true
    }
}

/// Waits for a read, with or without a limit; `None` when the limit passed.
async fn wait<F: Future<Output = std::io::Result<usize>>>(
    read: F,
    patience: Option<Duration>,
) -> Option<std::io::Result<usize>> {
    match patience {
        None => Some(read.await),
        Some(patience) => timeout(patience, read).await.ok(),
    }
}

fn resize(buffer: &mut Vec<u8>, in_frame: bool) {
    let wanted = if in_frame { FRAME_BUFFER } else { IDLE_BUFFER };
    if buffer.len() != wanted {
        buffer.resize(wanted, 0);
        buffer.shrink_to_fit();
    }
}

async fn send<W: AsyncWrite + Unpin>(writer: &mut W, message: &[u8]) -> bool {
    let bytes = frame(message);
    let write = async {
        writer.write_all(&bytes).await?;
        writer.flush().await
    };
    matches!(timeout(WRITE, write).await, Ok(Ok(())))
}
