//! The header segment alone, read without parsing the rest.
//!
//! An acknowledgement must be possible for a message whose body is unreadable, so the header is found by itself and
//! kept as the bytes it came as: every echoed value goes back byte for byte.

use super::delimiters::Delimiters;
use super::error::{ErrorCode, Place, Problem};
use super::{charset, lines};

/// Longest header line that is read.
const MAX_HEADER: usize = 64 * 1024;

/// The MSH segment of a message as received.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    delimiters: Delimiters,
    line: Vec<u8>,
}

impl std::fmt::Debug for Header {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Header({} bytes)", self.line.len())
    }
}

impl Header {
    /// Finds the header at the start of a message: a byte order mark, blanks and blank lines before it are skipped.
    ///
    /// # Errors
    /// AR when the bytes do not begin with `MSH`, when they are UTF-16 or UTF-32 (207), or when the delimiters
    /// cannot be used (199).
    pub fn find(bytes: &[u8]) -> Result<Self, Problem> {
        let start = start(bytes)?;
        let rest = bytes.get(start..).unwrap_or_default();
        let delimiters = Delimiters::read(rest).map_err(|p| p.at(start))?;
        let len = memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
        if len > MAX_HEADER {
            return Err(Problem::reject(
                ErrorCode::TooLong,
                Some(Place::segment("MSH", 1)),
                format!("The header is longer than {MAX_HEADER} bytes."),
            ));
        }
        Ok(Self { delimiters, line: rest.get(..len).unwrap_or_default().to_vec() })
    }

    /// The delimiters the message declares.
    pub fn delimiters(&self) -> &Delimiters {
        &self.delimiters
    }

    /// The raw bytes of a field, empty when absent. Field 1 is the separator itself, field 2 the encoding characters.
    pub fn field(&self, number: usize) -> &[u8] {
        match number {
            0 => &[],
            1 => self.line.get(3..4).unwrap_or_default(),
            n => self.line.split(|b| *b == self.delimiters.field).nth(n - 1).unwrap_or_default(),
        }
    }

    /// The raw bytes of a component of the first repetition of a field, counted from 1.
    pub fn component(&self, field: usize, component: usize) -> &[u8] {
        let whole = self.field(field);
        let first = match self.delimiters.repetition {
            Some(r) => whole.split(|b| *b == r).next().unwrap_or_default(),
            None => whole,
        };
        match self.delimiters.component {
            Some(c) => first.split(|b| *b == c).nth(component.saturating_sub(1)).unwrap_or_default(),
            None if component == 1 => first,
            None => &[],
        }
    }

    /// The message type, MSH-9.1, such as `ORU`.
    pub fn message_type(&self) -> String {
        upper(self.component(9, 1))
    }

    /// The trigger event, MSH-9.2, such as `R01`.
    pub fn trigger(&self) -> String {
        upper(self.component(9, 2))
    }

    /// The message control id, MSH-10, byte for byte.
    pub fn control_id(&self) -> &[u8] {
        self.field(10)
    }

    /// The version, MSH-12.1, as major and minor number; `None` when it does not read as one.
    /// `2.3.1` is (2, 31): the third number counts as hundredths.
    pub fn version(&self) -> Option<(u8, u8)> {
        let text = std::str::from_utf8(self.component(12, 1).trim_ascii()).ok()?;
        let mut parts = text.split('.');
        let major = parts.next()?.parse().ok()?;
        let minor: u8 = parts.next().map_or(Some(0), |p| p.parse().ok())?;
        let patch: u8 = parts.next().map_or(Some(0), |p| p.parse().ok())?;
        Some((major, minor.checked_mul(10)?.checked_add(patch)?))
    }

    /// True for version 2.`minor` (for example 5 for 2.5) and later; an unreadable version counts as old.
    pub fn at_least(&self, minor: u8) -> bool {
        self.version().is_some_and(|(major, m)| major > 2 || (major == 2 && m >= minor * 10))
    }
}

/// The offset of `MSH` at the start of a message.
pub(super) fn start(bytes: &[u8]) -> Result<usize, Problem> {
    let none = |reason: &str| Problem::reject(ErrorCode::Other, Some(Place::segment("MSH", 1)), reason);
    if charset::looks_wide(bytes) {
        return Err(charset::wide_refused());
    }
    let mut at = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    while let Some(line) = lines::line(bytes, at) {
        let text = bytes.get(line.start..line.end).unwrap_or_default();
        if text.is_empty() {
            at = line.next;
            continue;
        }
        return match text.get(..3) {
            Some(name) if name.eq_ignore_ascii_case(b"MSH") => Ok(line.start),
            _ => Err(none("The message does not begin with an MSH segment.").at(line.start)),
        };
    }
    Err(none("The message is empty."))
}

fn upper(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.trim_ascii()).to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_found_behind_what_peers_put_before_it() {
        for before in ["", "\u{feff}", "\r\n\n  ", "\u{feff} \r"] {
            let text = format!("{before}MSH|^~\\&|A^1|B|C|D|2026||ORU^R01|77|P|2.5.1\rPID|1");
            let header = Header::find(text.as_bytes()).unwrap();
            assert_eq!(header.field(3), b"A^1");
            assert_eq!(header.component(3, 2), b"1");
            assert_eq!((header.message_type().as_str(), header.trigger().as_str()), ("ORU", "R01"));
            assert_eq!(header.control_id(), b"77");
            assert_eq!(header.version(), Some((2, 51)));
            assert_eq!((header.field(1), header.field(2)), (b"|".as_slice(), b"^~\\&".as_slice()));
            assert!(header.at_least(5) && !header.at_least(6));
        }
    }

    #[test]
    fn five_encoding_characters_do_not_shift_the_header() {
        let header = Header::find(b"MSH|^~\\&#|A|B|C|D|2026||ADT^A01^ADT_A01|9|P|2.8").unwrap();
        assert_eq!(header.message_type(), "ADT");
        assert_eq!(header.control_id(), b"9");
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for bytes in [b"".as_slice(), b"\r\n", b"PID|1", b"GET / HTTP/1.1", b"MS", b"\xff\xfeM\0S\0H\0"] {
            assert_eq!(Header::find(bytes).unwrap_err().verdict, crate::hl7::Verdict::Reject);
        }
    }
}
