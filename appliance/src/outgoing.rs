//! One HTTP request of the box to another system over a connection that is open: no redirects, a bounded answer. Who may
//! be reached, over which TLS and for how long is the matter of whoever asks.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Body, Frame, SizeHint};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// Largest head of an answer, bytes.
const HEAD: usize = 16 * 1024;
/// How the box names itself.
const AGENT: &str = concat!("ClinicVault/", env!("CARGO_PKG_VERSION"));

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its header fields.
    pub headers: HeaderMap,
    /// Its body; empty when it is longer than was asked for.
    pub body: Bytes,
}

/// Whether the body of a request has been handed to the connection: from then on nobody knows, without an answer,
/// whether it was taken.
#[derive(Debug, Clone, Default)]
pub struct Left(Arc<AtomicBool>);

impl Left {
    /// Whether it has.
    pub fn has(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A body that notes when it is handed over.
struct Watched {
    inner: Full<Bytes>,
    left: Left,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        if let Poll::Ready(Some(_)) = &polled {
            self.left.0.store(true, Ordering::Release);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    /// Exact, so that the length is told and the body is not sent in chunks.
    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Sends a request and reads its answer, with at most `most` bytes of its body; 0 reads none.
///
/// # Errors
/// A sentence that says what stood in the way; `left` says whether the receiver may have the request all the same.
pub async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    request: Request<Bytes>,
    most: usize,
    left: &Left,
) -> Result<Answer, String> {
    let broken = |error: hyper::Error| format!("The connection failed: {error}.");
    let (mut head, body) = request.into_parts();
    head.headers.insert(header::USER_AGENT, HeaderValue::from_static(AGENT));
    head.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    let body = Watched { inner: Full::new(body), left: left.clone() };
    let builder = http1::Builder::new().max_buf_size(HEAD).handshake(TokioIo::new(stream)).await;
    let (mut send, connection) = builder.map_err(broken)?;
    let answer = send.send_request(Request::from_parts(head, body));
    let (mut answer, mut connection) = (pin!(answer), pin!(connection.fuse()));
    let answered = tokio::select! {
        biased;
        answered = &mut answer => answered,
        // The connection may end with the very bytes that hold the answer.
        _ = &mut connection => answer.await,
    };
    let (head, body) = answered.map_err(broken)?.into_parts();
    let mut whole = Bytes::new();
    if most > 0 {
        let mut reading = pin!(Limited::new(body, most).collect());
        let read = tokio::select! {
            biased;
            read = &mut reading => read,
            _ = &mut connection => reading.await,
        };
        whole = match read {
            Ok(read) => read.to_bytes(),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => Bytes::new(),
            Err(error) => return Err(format!("The answer broke off: {error}.")),
        };
    }
    Ok(Answer { status: head.status, headers: head.headers, body: whole })
}
