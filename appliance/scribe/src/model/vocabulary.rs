//! The list of tokens as raw bytes.
//!
//! The packages write byte-level tokens as text: every byte has a visible character of its own. One token a line, in the order of
//! the ids.

use super::ModelError;

/// Tokens that a file lists; what follows (languages, times) is counted, not listed.
pub const LISTED: usize = 50257;

/// Reads `vocabulary.txt`.
///
/// # Errors
/// When it has too few lines or a character that stands for no byte.
pub fn read(text: &str) -> Result<Vec<Vec<u8>>, ModelError> {
    let tokens: Vec<Vec<u8>> = text.split('\n').take(LISTED).map(token).collect::<Result<_, _>>()?;
    if tokens.len() < LISTED {
        return Err(ModelError::bad(format!("the vocabulary has {} lines, not {LISTED}", tokens.len())));
    }
    Ok(tokens)
}

fn token(line: &str) -> Result<Vec<u8>, ModelError> {
    if line.starts_with("<|") && line.ends_with("|>") {
        return Ok(line.as_bytes().to_vec());
    }
    line.chars()
        .map(|sign| {
            byte(sign).ok_or_else(|| ModelError::bad(format!("{sign:?} in the vocabulary is no byte")))
        })
        .collect()
}

/// The byte that a character stands for: printable ones stand for themselves, the others follow from U+0100 on.
fn byte(sign: char) -> Option<u8> {
    let code = u32::from(sign);
    match code {
        0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => u8::try_from(code).ok(),
        0x100..=0x120 => u8::try_from(code - 0x100).ok(),
        0x121..=0x142 => u8::try_from(code - 0x121 + 0x7f).ok(),
        0x143 => Some(0xad),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_one_character() {
        let mut seen: Vec<u8> = (0..0x200).filter_map(char::from_u32).filter_map(byte).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..=255).collect::<Vec<u8>>());
        assert_eq!(token("Ġname").unwrap(), b" name");
        assert_eq!(token("Ċ").unwrap(), b"\n");
        assert_eq!(token("<|endoftext|>").unwrap(), b"<|endoftext|>");
        assert!(token("लक").is_err());
    }

    #[test]
    fn a_short_list_is_refused() {
        assert!(read("a\nb\n").is_err());
    }
}
