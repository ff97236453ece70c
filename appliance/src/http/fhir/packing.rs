//! gzip of bodies, both ways (RFC 9110 section 8.4.1.3). What is unpacked is capped, whatever the packed size says.

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use http::{HeaderMap, StatusCode, header};

use crate::http::error::HttpError;

/// Smaller bodies are sent as they are: packing them saves less than a network packet.
const LEAST: usize = 1400;

/// Whether a request's body is packed; 415 for another coding than gzip.
pub fn is_gzip(headers: &HeaderMap) -> Result<bool, HttpError> {
    let Some(coding) = headers.get(header::CONTENT_ENCODING) else { return Ok(false) };
    match coding.to_str().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(false),
        "gzip" | "x-gzip" => Ok(true),
        _ => Err(HttpError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupportedEncoding",
            "not-supported",
            "The box takes bodies packed with gzip, or not packed.",
        )),
    }
}

/// Unpacks a body of at most `most` bytes; 413 when it grows beyond, 400 when it is not gzip.
pub async fn unpack(packed: Bytes, most: usize) -> Result<Bytes, HttpError> {
    let work = tokio::task::spawn_blocking(move || unpacked(&packed, most));
    work.await.map_err(|_| HttpError::internal())?
}

fn unpacked(packed: &[u8], most: usize) -> Result<Bytes, HttpError> {
    let mut out = Vec::new();
    // One byte more than is allowed tells a body that is too long from one that fits exactly.
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(packed)
        .take(limit)
        .read_to_end(&mut out)
        .map_err(|_| HttpError::bad_request("The body is not gzip as its Content-Encoding says."))?;
    if out.len() > most {
        let message = format!("Unpacked, the body is larger than {most} bytes (limits.body_mib).");
        return Err(HttpError::new(StatusCode::PAYLOAD_TOO_LARGE, "tooLarge", "too-long", message));
    }
    Ok(out.into())
}

/// The packed form of an answer, when that is worth it.
pub fn packed(plain: &[u8]) -> Option<Vec<u8>> {
    if plain.len() < LEAST {
        return None;
    }
    // Level 1: clinical JSON shrinks to a tenth already, at a fraction of the time.
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::fast());
    encoder.write_all(plain).ok()?;
    encoder.finish().ok().filter(|packed| packed.len() < plain.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_unpacks_within_its_limit() {
        let plain = b"{\"resourceType\":\"Patient\"}".repeat(1000);
        let small = packed(&plain).unwrap();
        assert!(small.len() * 10 < plain.len());
        assert_eq!(unpacked(&small, plain.len()).unwrap(), plain);
        assert_eq!(unpacked(&small, plain.len() - 1).unwrap_err().status, 413);
        assert_eq!(unpacked(&small[..small.len() / 2], plain.len()).unwrap_err().status, 400);
        assert_eq!(unpacked(b"{}", 100).unwrap_err().status, 400);
        assert_eq!(packed(b"{}"), None);
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        for _ in 0..64 {
            encoder.write_all(&vec![b' '; 1 << 20]).unwrap();
        }
        let bomb = encoder.finish().unwrap();
        assert_eq!(unpacked(&bomb, 1 << 20).unwrap_err().status, 413);
    }
}
