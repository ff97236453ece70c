//! A connection that ends in peace: the box stops sending, then reads on for a while and drops what comes.
//!
//! A request can be refused while its body is still on the way (no token, too large). A socket that is closed with
//! unread bytes makes the peer's system drop the answer that it has not read yet, and a TLS peer finds its writing end
//! broken: either way the refusal is never seen (RFC 9112 section 9.6).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// How long the box reads on.
const LONGEST: Duration = Duration::from_secs(5);
/// How much it drops, bytes.
const MOST: usize = 64 << 20;

/// The stream, with another way to shut down.
pub struct Lingering<S> {
    stream: S,
    /// Whether the last request was refused and had a body: only then may some of it be on the way.
    refused: Arc<AtomicBool>,
    longest: Duration,
    /// After our end was closed: when to stop reading, and how much has come.
    closed: Option<(Pin<Box<Sleep>>, usize)>,
}

impl<S> Lingering<S> {
    /// Wraps a stream; `refused` is set by whoever answers the requests.
    pub fn new(stream: S, refused: Arc<AtomicBool>) -> Self {
        Self { stream, refused, longest: LONGEST, closed: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lingering<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, into)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.closed.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
        }
        if !this.refused.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        let longest = this.longest;
        let (late, dropped) = this.closed.get_or_insert_with(|| (Box::pin(tokio::time::sleep(longest)), 0));
        let mut space = [0; 16 * 1024];
        while *dropped < MOST && late.as_mut().poll(cx).is_pending() {
            let mut into = ReadBuf::new(&mut space);
            match ready!(Pin::new(&mut this.stream).poll_read(cx, &mut into)) {
                Ok(()) if !into.filled().is_empty() => *dropped += into.filled().len(),
                Ok(()) | Err(_) => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn refused(stream: tokio::io::DuplexStream) -> Lingering<tokio::io::DuplexStream> {
        Lingering::new(stream, Arc::new(AtomicBool::new(true)))
    }

    #[tokio::test]
    async fn what_the_peer_still_sends_is_read_until_it_ends() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let mut ours = refused(ours);
        let sending = async {
            theirs.write_all(&[7; 100_000]).await.unwrap();
            let mut answer = Vec::new();
            theirs.read_to_end(&mut answer).await.unwrap();
            drop(theirs);
            answer
        };
        let refusing = async {
            ours.write_all(b"no").await.unwrap();
            ours.shutdown().await.unwrap();
        };
        assert_eq!(tokio::join!(sending, refusing).0, b"no");
    }

    #[tokio::test]
    async fn a_peer_that_never_ends_is_left() {
        let (ours, _theirs) = tokio::io::duplex(64);
        let mut ours = refused(ours);
        ours.longest = Duration::from_millis(5);
        ours.shutdown().await.unwrap();
    }

    #[tokio::test]
    async fn nobody_waits_when_nothing_was_refused() {
        let (ours, _theirs) = tokio::io::duplex(64);
        Lingering::new(ours, Arc::default()).shutdown().await.unwrap();
    }
}
