//! Bounds on request bodies: how large, how slow.
//!
//! Head size, head time and connection counts are the server loop's (`server`).

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body_util::BodyExt;

use super::error::HttpError;

/// Reads a whole body of at most `max` bytes within `patience`.
///
/// Refuses with 413 naming the limit, with 408 when the peer is too slow, and with 400 when it stops in the middle.
pub async fn read_body(body: Body, max: usize, patience: Duration) -> Result<Bytes, HttpError> {
    if axum::body::HttpBody::size_hint(&body).lower() > max as u64 {
        return Err(too_large(max));
    }
    let whole = async {
        let mut body = body;
        let mut first: Option<Bytes> = None;
        let mut more = BytesMut::new();
        let mut length = 0usize;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| {
                HttpError::new(
                    StatusCode::BAD_REQUEST,
                    "truncated",
                    "incomplete",
                    "The connection ended before the body did.",
                )
            })?;
            let Ok(data) = frame.into_data() else { continue };
            length = length.saturating_add(data.len());
            if length > max {
                return Err(too_large(max));
            }
            // Most bodies are one frame and are never copied.
            match first.take() {
                None if more.is_empty() => first = Some(data),
                None => more.extend_from_slice(&data),
                Some(start) => {
                    more.extend_from_slice(&start);
                    more.extend_from_slice(&data);
                }
            }
        }
        Ok(first.unwrap_or_else(|| more.freeze()))
    };
    tokio::time::timeout(patience, whole).await.unwrap_or_else(|_| {
        Err(HttpError::new(
            StatusCode::REQUEST_TIMEOUT,
            "tooSlow",
            "timeout",
            format!("The body did not arrive within {} s (limits.body_seconds).", patience.as_secs()),
        ))
    })
}

fn too_large(max: usize) -> HttpError {
    HttpError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "tooLarge",
        "too-long",
        format!("The body is larger than {max} bytes (limits.body_mib)."),
    )
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn joins_frames_and_stops_at_the_limit() {
        let frames = || {
            let parts = [Ok::<_, std::io::Error>("ab"), Ok("cd"), Ok("e")];
            Body::from_stream(stream::iter(parts))
        };
        let second = Duration::from_secs(1);
        assert_eq!(read_body(frames(), 5, second).await.unwrap(), "abcde");
        assert_eq!(read_body(frames(), 4, second).await.unwrap_err().status, 413);
    }

    #[tokio::test]
    async fn a_body_that_never_ends_is_a_timeout() {
        let body = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(read_body(body, 5, Duration::from_millis(20)).await.unwrap_err().status, 408);
    }
}
