//! Little-endian numbers from a file whose every byte may be wrong.

use std::io::Read;

use super::ModelError;

pub fn bytes<const N: usize>(from: &mut impl Read, what: &str) -> Result<[u8; N], ModelError> {
    let mut buffer = [0; N];
    from.read_exact(&mut buffer).map_err(|error| cut(error, what))?;
    Ok(buffer)
}

pub fn u32(from: &mut impl Read, what: &str) -> Result<u32, ModelError> {
    Ok(u32::from_le_bytes(bytes(from, what)?))
}

/// A count or size that must lie in `range`; the format writes it signed, so a negative one is out of range.
pub fn count(
    from: &mut impl Read,
    what: &str,
    range: std::ops::RangeInclusive<u32>,
) -> Result<u32, ModelError> {
    let value = u32(from, what)?;
    if range.contains(&value) {
        return Ok(value);
    }
    Err(ModelError::bad(format!(
        "{what} is {}, but must be {} to {}",
        value.cast_signed(),
        range.start(),
        range.end()
    )))
}

pub fn text(from: &mut impl Read, length: u32, what: &str) -> Result<Vec<u8>, ModelError> {
    let mut buffer = vec![0; length as usize];
    from.read_exact(&mut buffer).map_err(|error| cut(error, what))?;
    Ok(buffer)
}

fn cut(error: std::io::Error, what: &str) -> ModelError {
    if error.kind() == std::io::ErrorKind::UnexpectedEof {
        return ModelError::bad(format!("the file ends inside {what}: it is cut short"));
    }
    ModelError::Io(error)
}
