//! The printed recovery key: 256 random bits as eight groups that a person can copy and check.
//!
//! Each group `XXXX-XXXX` carries 32 bits of the key and an 8-bit checksum bound to the group's place, in the
//! Crockford alphabet; so a mistyped or misplaced group is named. Parsing ignores case, spaces and dashes and reads
//! O as 0 and I or L as 1.

use crate::secret::Key32;
use std::fmt;
use thiserror::Error;
use zeroize::Zeroizing;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Number of printed groups.
pub const RECOVERY_GROUPS: usize = 8;
const CHARS: usize = 8;

/// A recovery key. `Debug` prints a fixed word.
#[derive(Clone)]
pub struct RecoveryKey(Key32);

/// What is wrong with a typed recovery key; group numbers start at 1.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RecoveryKeyError {
    /// Not eight groups of eight letters and digits.
    #[error("a recovery key has 64 letters and digits in 8 groups; {0} were given")]
    Length(usize),
    /// A character that never appears in a recovery key.
    #[error("group {group} has the character '{character}', which is not part of a recovery key")]
    Character {
        /// Which group.
        group: usize,
        /// Which character.
        character: char,
    },
    /// A group whose checksum is wrong: mistyped or in the wrong place.
    #[error("group {0} is mistyped")]
    Group(usize),
}

impl RecoveryKey {
    pub(crate) fn random() -> Result<Self, String> {
        Key32::random().map(Self)
    }

    pub(crate) fn key(&self) -> &Key32 {
        &self.0
    }

    /// The eight groups as printed, each `XXXX-XXXX`.
    #[must_use]
    pub fn groups(&self) -> [String; RECOVERY_GROUPS] {
        let mut chunks = self.0.expose().chunks_exact(4);
        std::array::from_fn(|place| {
            let mut bits = [0u8; 4];
            bits.copy_from_slice(chunks.next().unwrap_or(&[0; 4]));
            let sum = checksum(place, bits);
            let value = u64::from(u32::from_be_bytes(bits)) << 8 | u64::from(sum);
            let text: String = (0..CHARS)
                .map(|i| char::from(ALPHABET[(value >> (5 * (CHARS - 1 - i)) & 31) as usize]))
                .collect();
            format!("{}-{}", &text[..4], &text[4..])
        })
    }

    /// The whole key on one line, groups separated by spaces: for the QR code.
    #[must_use]
    pub fn line(&self) -> Zeroizing<String> {
        Zeroizing::new(self.groups().join(" "))
    }

    /// Reads a typed key.
    ///
    /// # Errors
    /// Says which group is wrong.
    pub fn parse(text: &str) -> Result<Self, RecoveryKeyError> {
        let given = Zeroizing::new(
            text.chars()
                .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '\u{2010}'..='\u{2015}'))
                .collect::<Vec<char>>(),
        );
        if given.len() != RECOVERY_GROUPS * CHARS {
            return Err(RecoveryKeyError::Length(given.len()));
        }
        let mut key = Zeroizing::new([0u8; 32]);
        for (place, (group, out)) in given.chunks_exact(CHARS).zip(key.chunks_exact_mut(4)).enumerate() {
            let mut value = 0u64;
            for &character in group {
                let digit =
                    digit(character).ok_or(RecoveryKeyError::Character { group: place + 1, character })?;
                value = value << 5 | u64::from(digit);
            }
            let bits = ((value >> 8) as u32).to_be_bytes();
            if checksum(place, bits) != value as u8 {
                return Err(RecoveryKeyError::Group(place + 1));
            }
            out.copy_from_slice(&bits);
        }
        Ok(Self(Key32::new(*key)))
    }
}

impl fmt::Debug for RecoveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryKey(hidden)")
    }
}

fn digit(character: char) -> Option<u8> {
    let upper = match character.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    ALPHABET.iter().position(|c| char::from(*c) == upper).and_then(|at| u8::try_from(at).ok())
}

/// CRC-8 (polynomial 0x2F, as AUTOSAR) of the place and the bits: any change within one character is caught.
fn checksum(place: usize, bits: [u8; 4]) -> u8 {
    let start = [0x43, u8::try_from(place).unwrap_or(u8::MAX)];
    start.into_iter().chain(bits).fold(0xFF, |mut crc: u8, byte| {
        crc ^= byte;
        for _ in 0..8 {
            crc = if crc & 0x80 != 0 { crc << 1 ^ 0x2F } else { crc << 1 };
        }
        crc
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_key_is_read_back_however_it_is_typed() {
        for _ in 0..50 {
            let key = RecoveryKey::random().unwrap();
            let line = key.line();
            let sloppy = line.to_lowercase().replace('0', "o").replace('1', "l").replace(' ', "\n");
            for text in [line.as_str(), &sloppy, &line.replace(['-', ' '], "")] {
                assert_eq!(RecoveryKey::parse(text).unwrap().0.expose(), key.0.expose());
            }
        }
    }

    #[test]
    fn a_mistake_names_its_group() {
        let key = RecoveryKey(Key32::new(std::array::from_fn(|i| (i * 37) as u8)));
        let groups = key.groups();
        for wrong in 0..RECOVERY_GROUPS {
            for at in [0, 1, 2, 3, 5, 6, 7, 8] {
                let mut typed = groups.clone();
                let old = typed[wrong].as_bytes()[at];
                let new = if old == b'7' { "8" } else { "7" };
                typed[wrong].replace_range(at..=at, new);
                assert_eq!(
                    RecoveryKey::parse(&typed.join(" ")).unwrap_err(),
                    RecoveryKeyError::Group(wrong + 1)
                );
            }
        }
        let mut swapped = groups.clone();
        swapped.swap(2, 5);
        assert_eq!(RecoveryKey::parse(&swapped.join(" ")).unwrap_err(), RecoveryKeyError::Group(3));
        assert_eq!(RecoveryKey::parse("ABCD").unwrap_err(), RecoveryKeyError::Length(4));
        let odd = groups.join(" ").replacen(groups[1].chars().next().unwrap(), "U", 64);
        assert!(matches!(
            RecoveryKey::parse(&odd).unwrap_err(),
            RecoveryKeyError::Character { character: 'U', .. }
        ));
    }
}
