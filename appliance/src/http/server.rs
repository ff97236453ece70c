//! Socket loops: accept, cap, time the request head, serve, stop.
//!
//! Which router answers is decided per request for plain HTTP: the whole application only if the peer is on the box
//! itself and says so in `Host`; everybody else gets the install page.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::connections::{Connections, Ticket};
use super::extract::{ClientCertificate, Peer};
use super::front;
use super::linger::Lingering;
use crate::supervisor::Stop;

/// Largest request head in bytes; hyper answers 431 beyond it.
const HEAD_BYTES: usize = 64 * 1024;
/// Connections that were told to end get this long to finish what they are doing.
const GRACE: Duration = Duration::from_secs(2);
/// A TLS handshake has to be done in this time.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// What a loop needs besides its socket.
#[derive(Clone)]
pub struct Service {
    /// The whole application.
    pub whole: Router,
    /// What a plain-HTTP peer from elsewhere gets.
    pub install: Router,
    /// Open connections of all loops.
    pub connections: Connections,
    /// Time a peer has to send its request head.
    pub header_time: Duration,
}

/// Who is at the other end of a connection.
#[derive(Clone)]
struct Caller {
    peer: Peer,
    shown: Option<ClientCertificate>,
}

/// Serves HTTPS until told to stop. `tls` is asked for every connection, so a renewed certificate is used at once.
pub async fn https(
    listener: Arc<TcpListener>,
    tls: impl Fn() -> Arc<rustls::ServerConfig>,
    service: Service,
    stop: Stop,
) -> anyhow::Result<()> {
    accept(&listener, stop, &service.clone(), |stream, peer, ticket, stop| {
        let acceptor = TlsAcceptor::from(tls());
        let service = service.clone();
        async move {
            let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await else {
                return;
            };
            let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
            let shown = shown.map(|leaf| ClientCertificate(Arc::from(leaf.as_ref())));
            let peer = Caller { peer: Peer { address: peer, tls: true }, shown };
            if h2 {
                serve_h2(stream, peer, service, ticket, stop).await;
            } else {
                serve_h1(stream, peer, service, ticket, stop).await;
            }
        }
    })
    .await
}

/// Serves plain HTTP until told to stop.
pub async fn http(listener: Arc<TcpListener>, service: Service, stop: Stop) -> anyhow::Result<()> {
    accept(&listener, stop, &service.clone(), |stream, peer, ticket, stop| {
        let peer = Caller { peer: Peer { address: peer, tls: false }, shown: None };
        serve_h1(stream, peer, service.clone(), ticket, stop)
    })
    .await
}

async fn accept<F, R>(
    listener: &TcpListener,
    mut stop: Stop,
    service: &Service,
    serve: F,
) -> anyhow::Result<()>
where
    F: Fn(TcpStream, SocketAddr, Ticket, Stop) -> R,
    R: Future<Output = ()> + Send + 'static,
{
    let mut open = tokio::task::JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.wanted() => break,
            Some(_) = open.join_next() => continue,
        };
        match accepted {
            Ok((stream, peer)) => {
                let _ = stream.set_nodelay(true);
                let ticket = service.connections.admit();
                open.spawn(serve(stream, peer, ticket, stop.clone()));
            }
            Err(error) => {
                // Out of descriptors, or the peer is already gone: neither may end the loop, nor make it spin.
                tracing::warn!(%error, "accept");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    let all = async { while open.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(GRACE, all).await;
    Ok(())
}

async fn serve_h1<S>(stream: S, peer: Caller, service: Service, ticket: Ticket, mut stop: Stop)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(service.header_time).max_buf_size(HEAD_BYTES);
    let ticket = Arc::new(ticket);
    let refused = Arc::new(AtomicBool::new(false));
    let stream = Lingering::new(stream, refused.clone());
    let answer = {
        let ticket = ticket.clone();
        service_fn(move |request: http::Request<Incoming>| {
            let has_body = !request.body().is_end_stream();
            let (answer, refused) =
                (respond(request, peer.clone(), service.clone(), ticket.clone()), refused.clone());
            async move {
                let answer = answer.await?;
                refused.store(has_body && !answer.status().is_success(), Ordering::Relaxed);
                Ok::<_, std::convert::Infallible>(answer)
            }
        })
    };
    let connection = builder.serve_connection(TokioIo::new(stream), answer).with_upgrades();
    tokio::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = ticket.evicted() => return,
        () = stop.wanted() => connection.as_mut().graceful_shutdown(),
    }
    let _ = tokio::time::timeout(GRACE, connection).await;
}

async fn serve_h2<S>(stream: S, peer: Caller, service: Service, ticket: Ticket, mut stop: Stop)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(Duration::from_secs(20)))
        .max_concurrent_streams(64)
        .max_header_list_size(HEAD_BYTES as u32);
    let ticket = Arc::new(ticket);
    let answer = {
        let ticket = ticket.clone();
        service_fn(move |request| respond(request, peer.clone(), service.clone(), ticket.clone()))
    };
    let connection = builder.serve_connection(TokioIo::new(stream), answer);
    tokio::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = ticket.evicted() => return,
        () = stop.wanted() => connection.as_mut().graceful_shutdown(),
    }
    let _ = tokio::time::timeout(GRACE, connection).await;
}

async fn respond(
    request: http::Request<Incoming>,
    Caller { peer, shown }: Caller,
    service: Service,
    ticket: Arc<Ticket>,
) -> Result<axum::response::Response, std::convert::Infallible> {
    let _busy = ticket.busy();
    let mut request = request.map(Body::new);
    let router = if peer.tls || on_the_box(&request, peer.address) { service.whole } else { service.install };
    request.extensions_mut().insert(peer);
    if let Some(shown) = shown {
        request.extensions_mut().insert(shown);
    }
    Ok(front::answer(router, request).await)
}

/// Plain HTTP carries the application only between the box and itself. The `Host` check keeps a page of some other
/// site, whose name was pointed at 127.0.0.1, from reaching it (DNS rebinding).
fn on_the_box<B>(request: &http::Request<B>, peer: SocketAddr) -> bool {
    if !peer.ip().to_canonical().is_loopback() {
        return false;
    }
    let host = match request.headers().get(http::header::HOST) {
        Some(host) => host.to_str().unwrap_or_default(),
        None => return false,
    };
    if request.uri().authority().is_some_and(|authority| authority.as_str() != host) {
        return false;
    }
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    name.eq_ignore_ascii_case("localhost") || name == "127.0.0.1" || name == "[::1]"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_box_itself_gets_the_application_over_plain_http() {
        let cases = [
            ("127.0.0.1:5000", "localhost:8080", true),
            ("127.0.0.1:5000", "LOCALHOST", true),
            ("127.0.0.1:5000", "127.0.0.1:8080", true),
            ("[::1]:5000", "[::1]:8080", true),
            ("[::1]:5000", "[::1]", true),
            ("[::ffff:127.0.0.1]:5000", "localhost", true),
            ("127.0.0.1:5000", "evil.example:8080", false),
            ("127.0.0.1:5000", "localhost.evil.example", false),
            ("127.0.0.1:5000", "", false),
            ("192.168.1.5:5000", "localhost", false),
        ];
        for (peer, host, expected) in cases {
            let request = http::Request::get("/").header("host", host).body(()).unwrap();
            assert_eq!(on_the_box(&request, peer.parse().unwrap()), expected, "{peer} {host}");
        }
        let absolute =
            http::Request::get("http://evil.example/").header("host", "localhost").body(()).unwrap();
        assert!(!on_the_box(&absolute, "127.0.0.1:1".parse().unwrap()));
    }
}
