//! The character set of a message (MSH-18, table 0211) and turning its bytes into text.
//!
//! A wrong guess must stay repairable, so the bytes are kept and only the reading of them happens here.
//! Sets whose second byte may look like a delimiter (Big-5, GB 18030, the ISO 2022 family) cannot be split as
//! bytes; [`Charset::splits_as_bytes`] says so and the parser rewrites such a message as UTF-8 first.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

use super::error::{ErrorCode, Place, Problem};

/// How the bytes of one message are read as text.
#[derive(Debug, Clone, Copy)]
pub struct Charset {
    encoding: &'static Encoding,
    /// True when the message did not say and its bytes decided, or when its bytes contradict what it said.
    pub guessed: bool,
}

/// What MSH-18 asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Declared {
    Nothing,
    Known(&'static Encoding),
    Unknown,
    Wide,
}

impl Charset {
    /// UTF-8, stated and certain.
    pub const UTF8: Self = Self { encoding: UTF_8, guessed: false };

    /// Chooses the character set from the first repetition of MSH-18 and the bytes themselves.
    /// `assigned` is the channel's own setting, which wins over MSH-18 because some senders state a wrong one.
    ///
    /// # Errors
    /// AR 207 for UTF-16 and UTF-32, which MLLP cannot carry.
    pub fn choose(
        declared: &[u8],
        bytes: &[u8],
        assigned: Option<&'static Encoding>,
    ) -> Result<Self, Problem> {
        if let Some(encoding) = assigned {
            return Ok(Self { encoding, guessed: false });
        }
        match lookup(declared) {
            Declared::Wide => Err(wide_refused()),
            Declared::Known(encoding) if encoding == UTF_8 => match std::str::from_utf8(bytes) {
                Ok(_) => Ok(Self::UTF8),
                Err(_) => Ok(Self { encoding: WINDOWS_1252, guessed: true }),
            },
            Declared::Known(encoding) => Ok(Self { encoding, guessed: false }),
            Declared::Nothing => Ok(Self::guess(bytes)),
            Declared::Unknown => Ok(Self { guessed: true, ..Self::guess(bytes) }),
        }
    }

    fn guess(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self { encoding: UTF_8, guessed: !text.is_ascii() },
            Err(_) => Self { encoding: WINDOWS_1252, guessed: true },
        }
    }

    /// The encoding's name as the web platform writes it, for the message screen.
    pub fn name(&self) -> &'static str {
        self.encoding.name()
    }

    /// True when no byte of a multi-byte character can be mistaken for a delimiter.
    pub fn splits_as_bytes(&self) -> bool {
        self.encoding == UTF_8 || self.encoding.is_single_byte()
    }

    /// The set of a message after its bytes were rewritten as UTF-8.
    pub(super) fn rewritten(self) -> Self {
        Self { encoding: UTF_8, guessed: self.guessed }
    }

    /// Reads bytes as text; malformed sequences become U+FFFD.
    pub fn decode<'b>(&self, bytes: &'b [u8]) -> Cow<'b, str> {
        if bytes.is_ascii()
            && self.encoding.is_ascii_compatible()
            && let Ok(text) = std::str::from_utf8(bytes)
        {
            return Cow::Borrowed(text);
        }
        self.encoding.decode_without_bom_handling(bytes).0
    }

    /// Reads bytes as text, or `None` when they are not valid in this set.
    pub fn decode_exactly<'b>(&self, bytes: &'b [u8]) -> Option<Cow<'b, str>> {
        self.encoding.decode_without_bom_handling_and_without_replacement(bytes)
    }

    /// Writes text in this set; `None` when a character does not exist in it.
    pub fn encode<'t>(&self, text: &'t str) -> Option<Cow<'t, [u8]>> {
        let (bytes, _, lost) = self.encoding.encode(text);
        (!lost).then_some(bytes)
    }
}

/// True when the bytes begin like UTF-16 or UTF-32 text of a header.
pub(super) fn looks_wide(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xFF, 0xFE])
        || bytes.starts_with(&[0xFE, 0xFF])
        || bytes.starts_with(b"M\0S\0H")
        || bytes.starts_with(b"\0M\0S\0H")
        || bytes.starts_with(b"M\0\0\0S")
        || bytes.starts_with(b"\0\0\0M")
}

/// The refusal for UTF-16 and UTF-32.
pub(super) fn wide_refused() -> Problem {
    Problem::reject(
        ErrorCode::Internal,
        Some(Place::field("MSH", 1, 18)),
        "UTF-16 and UTF-32 cannot be carried in MLLP, because their bytes may equal the frame characters; send UTF-8.",
    )
}

/// The encoding for a name of table 0211 or a common spelling of it; `None` when unknown.
pub fn by_name(name: &str) -> Option<&'static Encoding> {
    match lookup(name.as_bytes()) {
        Declared::Known(encoding) => Some(encoding),
        Declared::Nothing | Declared::Unknown | Declared::Wide => None,
    }
}

fn lookup(name: &[u8]) -> Declared {
    let name = String::from_utf8_lossy(name.trim_ascii()).to_ascii_uppercase();
    let label = match name.as_str() {
        "" | "ASCII" | "US-ASCII" | "ISO IR6" | "\"\"" => return Declared::Nothing,
        "UNICODE" | "UNICODE UTF-8" | "UTF-8" | "UTF8" | "UNICODE UTF8" => return Declared::Known(UTF_8),
        "UNICODE UTF-16" | "UTF-16" | "UTF16" | "UNICODE UTF-32" | "UTF-32" | "UTF32" | "UCS-2"
        | "UTF-16LE" | "UTF-16BE" => return Declared::Wide,
        "ISO IR14" | "ISO IR87" | "ISO IR159" => "iso-2022-jp",
        "GB 18030-2000" | "GB18030" | "GB 18030" => "gb18030",
        "KS X 1001" => "euc-kr",
        "CNS 11643-1992" | "BIG-5" | "BIG5" => "big5",
        other => {
            let part =
                other.strip_prefix("ISO").map_or(other, |r| r.trim_start_matches([' ', '-', '_', '/']));
            if let Some(n) = part.strip_prefix("8859/").or_else(|| part.strip_prefix("8859-")) {
                return Encoding::for_label(format!("iso-8859-{n}").as_bytes())
                    .map_or(Declared::Unknown, Declared::Known);
            }
            other
        }
    };
    Encoding::for_label(label.as_bytes()).map_or(Declared::Unknown, Declared::Known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_0211_and_its_spellings_are_understood() {
        for (declared, bytes, name, guessed) in [
            ("", b"abc".as_slice(), "UTF-8", false),
            ("", "\u{928}".as_bytes(), "UTF-8", true),
            ("ASCII", b"caf\xe9", "windows-1252", true),
            ("UNICODE UTF-8", "\u{928}".as_bytes(), "UTF-8", false),
            ("UTF8", b"caf\xe9", "windows-1252", true),
            ("8859/1", b"caf\xe9", "windows-1252", false),
            ("ISO-8859-2", b"x", "ISO-8859-2", false),
            ("8859/15", b"x", "ISO-8859-15", false),
            ("BIG-5", b"x", "Big5", false),
            ("KLINGON", b"x", "UTF-8", true),
        ] {
            let set = Charset::choose(declared.as_bytes(), bytes, None).unwrap();
            assert_eq!((set.name(), set.guessed), (name, guessed), "{declared}");
        }
    }

    #[test]
    fn utf_16_is_refused_with_an_explanation() {
        let problem = Charset::choose(b"UNICODE UTF-16", b"x", None).unwrap_err();
        assert_eq!(problem.code, ErrorCode::Internal);
        assert!(problem.reason.contains("UTF-8"));
        assert!(looks_wide(b"\xff\xfeM\0"));
        assert!(!looks_wide(b"MSH|^~"));
    }

    #[test]
    fn a_channel_setting_wins_over_the_message() {
        let set = Charset::choose(b"UTF-8", b"\xe0", by_name("8859/5")).unwrap();
        assert_eq!(set.decode(b"\xe0"), "\u{440}");
    }
}
