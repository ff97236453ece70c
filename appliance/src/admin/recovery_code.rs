//! Recovery codes: ten single-use stand-ins for the second factor, shown once at enrolment.
//!
//! A code has 50 random bits, so a keyed hash is enough; guessing is the throttle's business.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// How many are made at once (security-storage.md section 7).
pub const COUNT: usize = 10;
/// Letters and digits without the pairs that look alike (Crockford's base 32).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LETTERS: usize = 10;

/// The kept form of a code.
pub type Kept = [u8; 32];

/// Ten new codes as people read them (`7K2MD-X4Q9T`), with their kept forms.
pub fn fresh(pepper: &[u8; 32]) -> Result<Vec<(Zeroizing<String>, Kept)>, getrandom::Error> {
    (0..COUNT)
        .map(|_| {
            let mut random = Zeroizing::new([0u8; LETTERS]);
            getrandom::fill(random.as_mut_slice())?;
            let mut code = Zeroizing::new(String::with_capacity(LETTERS + 1));
            for (at, byte) in random.iter().enumerate() {
                if at == LETTERS / 2 {
                    code.push('-');
                }
                code.push(char::from(ALPHABET[usize::from(byte & 31)]));
            }
            let kept = keep(pepper, &code);
            Ok((code, kept))
        })
        .collect()
}

/// The position of the kept code that this is; the caller removes it.
pub fn find(pepper: &[u8; 32], given: &str, kept: &[Kept]) -> Option<usize> {
    let given = keep(pepper, given);
    kept.iter().position(|each| bool::from(each.ct_eq(&given)))
}

fn keep(pepper: &[u8; 32], code: &str) -> Kept {
    let plain: Zeroizing<String> = Zeroizing::new(code.chars().filter_map(read).collect());
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(pepper) else { return [0; 32] };
    mac.update(b"recovery code 1\0");
    mac.update(plain.as_bytes());
    mac.finalize().into_bytes().into()
}

/// What was meant by a typed letter; gaps and hyphens mean nothing.
fn read(c: char) -> Option<char> {
    match c.to_ascii_uppercase() {
        ' ' | '-' => None,
        'O' => Some('0'),
        'I' | 'L' => Some('1'),
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_however_it_is_typed() {
        let codes = fresh(&[1; 32]).unwrap();
        let kept: Vec<Kept> = codes.iter().map(|(_, kept)| *kept).collect();
        let code = codes[3].0.as_str();
        assert_eq!(find(&[1; 32], code, &kept), Some(3));
        assert_eq!(find(&[1; 32], &code.to_lowercase().replace('-', " "), &kept), Some(3));
        assert_eq!(find(&[1; 32], &code.replace('0', "o").replace('1', "l"), &kept), Some(3));
        assert_eq!(find(&[2; 32], code, &kept), None);
        assert_eq!(find(&[1; 32], "00000-00000", &kept), None);
        assert_eq!(find(&[1; 32], "", &kept), None);
    }

    #[test]
    fn codes_are_ten_and_different() {
        let codes = fresh(&[1; 32]).unwrap();
        let mut seen: Vec<&str> = codes.iter().map(|(code, _)| code.as_str()).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), COUNT);
        assert!(seen.iter().all(|code| code.len() == 11 && code.as_bytes()[5] == b'-'));
    }
}
