//! Time-based one-time codes (RFC 6238 with SHA-1, six digits, 30 seconds), the kind every authenticator app reads.
//!
//! Owns the arithmetic and the enrolment address. The seed is sealed with the account; the last step used is kept there,
//! so that a code counts once.

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha1::Sha1;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Seconds of one step (RFC 6238 section 4.1).
const STEP: i64 = 30;
/// Steps of clock difference accepted to either side (security-storage.md section 7).
const SKEW: u64 = 1;
/// Bytes of a seed: the length of a SHA-1 value (RFC 4226 section 4, requirement R6).
pub const SEED_BYTES: usize = 20;

/// The step in which a moment lies; 0 before 1970.
pub fn step(now: Timestamp) -> u64 {
    u64::try_from(now.as_second().div_euclid(STEP)).unwrap_or(0)
}

/// The step whose code this is, if it is one near `now` that lies after `used`. Store the answer as the new `used`.
pub fn accept(seed: &[u8], given: &str, now: Timestamp, used: u64) -> Option<u64> {
    let given: String = given.chars().filter(|c| !c.is_whitespace()).collect();
    let now = step(now);
    // Every candidate is computed, whichever fits.
    let mut found = None;
    for candidate in now.saturating_sub(SKEW)..=now.saturating_add(SKEW) {
        let fits: bool = code(seed, candidate).as_bytes().ct_eq(given.as_bytes()).into();
        if fits && candidate > used && found.is_none() {
            found = Some(candidate);
        }
    }
    found
}

/// The seed as people type it into an app.
pub fn written(seed: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(BASE32_NOPAD.encode(seed))
}

/// The address inside the enrolment QR code (the `otpauth` scheme that authenticator apps share).
pub fn address(seed: &[u8], clinic: &str, username: &str) -> Zeroizing<String> {
    let issuer = percent(if clinic.trim().is_empty() { "ClinicVault" } else { clinic });
    Zeroizing::new(format!(
        "otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period={STEP}",
        account = percent(username),
        secret = *written(seed),
    ))
}

pub(crate) fn code(seed: &[u8], step: u64) -> String {
    // HMAC takes a key of any length; a refusal cannot happen and would only make every code wrong.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(seed) else { return String::new() };
    mac.update(&step.to_be_bytes());
    let digest: [u8; 20] = mac.finalize().into_bytes().into();
    let at = usize::from(digest[19] & 0x0f);
    let word = digest.iter().skip(at).take(4).fold(0u32, |word, byte| word << 8 | u32::from(*byte));
    format!("{:06}", (word & 0x7fff_ffff) % 1_000_000)
}

/// Percent-encodes everything but the unreserved characters of RFC 3986.
fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: &[u8] = b"12345678901234567890";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// RFC 6238 appendix B, the SHA-1 rows, last six of the eight digits.
    #[test]
    fn the_codes_are_those_of_the_standard() {
        for (second, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code(SEED, step(at(second))), expected, "{second}");
        }
    }

    #[test]
    fn one_step_of_clock_difference_is_forgiven_and_no_more() {
        let now = at(1_234_567_890);
        let this = step(now);
        for (candidate, expected) in [
            (this - 2, None),
            (this - 1, Some(this - 1)),
            (this, Some(this)),
            (this + 1, Some(this + 1)),
            (this + 2, None),
        ] {
            assert_eq!(accept(SEED, &code(SEED, candidate), now, 0), expected);
        }
    }

    #[test]
    fn a_code_counts_once_and_nothing_before_it_counts_again() {
        let now = at(1_234_567_890);
        let used = accept(SEED, "005924", now, 0).unwrap();
        assert_eq!(accept(SEED, "005924", now, used), None);
        assert_eq!(accept(SEED, &code(SEED, used - 1), now, used), None);
        assert_eq!(accept(SEED, &code(SEED, used + 1), now, used), Some(used + 1));
    }

    #[test]
    fn a_code_may_be_typed_with_a_gap_and_nonsense_is_refused() {
        let now = at(1_234_567_890);
        assert!(accept(SEED, "005 924", now, 0).is_some());
        for given in ["", "5924", "0059240", "abcdef", "००५९२४"] {
            assert_eq!(accept(SEED, given, now, 0), None, "{given}");
        }
    }

    #[test]
    fn the_enrolment_address_names_clinic_and_person() {
        assert_eq!(
            *address(SEED, "Asha Clinic, Ward 4", "dr.rao"),
            "otpauth://totp/Asha%20Clinic%2C%20Ward%204:dr.rao?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=Asha%20Clinic%2C%20Ward%204&algorithm=SHA1&digits=6&period=30"
        );
    }
}
