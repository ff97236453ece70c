//! The stored body of a row of a queue of messages: version 1 | length of the facts u32 | facts as JSON | bytes that the row
//! carries itself, in rows from before there were loads.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The body with these facts and bytes.
pub fn encode<F: Serialize>(facts: &F, inside: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    let facts = serde_json::to_vec(facts)?;
    let length = u32::try_from(facts.len()).unwrap_or(u32::MAX);
    let mut out = Vec::with_capacity(5 + facts.len() + inside.len());
    out.push(1);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&facts);
    out.extend_from_slice(inside);
    Ok(out)
}

/// The facts and the bytes of a body; `None` when it is of no known form.
pub fn decode<F: DeserializeOwned>(body: &[u8]) -> Option<(F, &[u8])> {
    let rest = body.strip_prefix(&[1])?;
    let (length, rest) = rest.split_at_checked(4)?;
    let length = u32::from_be_bytes(length.try_into().ok()?) as usize;
    let (facts, inside) = rest.split_at_checked(length)?;
    Some((serde_json::from_slice(facts).ok()?, inside))
}
