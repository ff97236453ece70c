//! Lines over TCP: analysers that connect to the box, and terminal servers to which the box connects.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{Lines, News, Peer, printer, talk};
use crate::exchange::mllp::keep_alive;
use crate::exchange::seats::Seats;

/// Open connections of one analyser: the one that is in use, and what a restart of its end left behind.
const SEATS: usize = 4;
/// A connection has to be made in this time.
const CONNECT: Duration = Duration::from_secs(10);
/// First pause before a line is opened again; it doubles.
pub(super) const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest such pause.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Takes connections until `stop`. `may` says who may connect.
pub async fn listen(
    listener: TcpListener,
    may: impl Fn(IpAddr) -> bool + Send,
    lines: Lines,
    stop: impl Future<Output = ()> + Send,
) {
    let seats = Seats::new(SEATS);
    let mut open = JoinSet::new();
    (lines.tell)(News::Open(listener.local_addr().ok()));
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = open.join_next() => continue,
            () = &mut stop => break,
        };
        let (stream, peer): (TcpStream, SocketAddr) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, or the peer is already gone: neither may end the loop, nor make it spin.
                tracing::warn!(%error, "accept");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        if !may(peer.ip().to_canonical()) {
            lines.trouble(format!(
                "{} may not connect here; its address is not among those allowed.",
                peer.ip()
            ));
            continue;
        }
        let Some(seat) = seats.sit() else { continue };
        keep_alive(&stream);
        let lines = lines.clone();
        open.spawn(async move {
            let peer = Peer { wire: "tcp", name: peer.to_string() };
            tokio::select! {
                () = speak(stream, &lines, peer) => {}
                () = seat.asked_to_leave() => {}
            }
        });
    }
    open.shutdown().await;
}

/// Keeps a connection to `address` (`host:port`) until `stop`.
pub async fn connect(address: &str, lines: Lines, stop: impl Future<Output = ()> + Send) {
    let keep = async {
        let mut pause = FIRST_PAUSE;
        loop {
            match timeout(CONNECT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    pause = FIRST_PAUSE;
                    keep_alive(&stream);
                    (lines.tell)(News::Open(None));
                    speak(stream, &lines, Peer { wire: "tcp", name: address.to_owned() }).await;
                    lines.trouble(format!("The connection to {address} ended; it is made again."));
                }
                Ok(Err(error)) => {
                    lines.trouble(format!("Cannot connect to {address}: {error}. It is tried again."))
                }
                Err(_) => lines.trouble(format!("{address} does not answer. It is tried again.")),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    };
    tokio::select! {
        () = keep => {}
        () = stop => {}
    }
}

/// Speaks over an open line as the analyser does.
pub(super) async fn speak<S: AsyncRead + AsyncWrite + Unpin + Send>(stream: S, lines: &Lines, peer: Peer) {
    let analyser = Arc::clone(&lines.analyser);
    match analyser.speech {
        Some(settings) => talk::talk(stream, settings, lines, peer).await,
        None => printer::read(stream, lines, peer).await,
    }
}
