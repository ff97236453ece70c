//! PDF: pages, and nothing that acts, hides another file or is locked (ISO 32000-1).
//!
//! A reader of PDF may begin anywhere: the table at the end says where objects lie, and it may point into a comment, a string or a
//! stream. So names are looked for in all bytes, whatever they stand in, with their `#xx` undone. Two of three letters would turn up
//! in compressed pictures by chance; they are looked for where no stream lies. What a name could still hide in are streams of
//! packed objects (section 7.5.7): each is unpacked within bounds, and a PDF whose packed objects cannot be looked into is refused.

use std::io::Read;

use flate2::read::ZlibDecoder;
use memchr::{memchr_iter, memmem};

use super::{Kind, Unfit, foreign};

/// Bytes of one packed stream, unpacked.
const MOST_OF_ONE: usize = 16 << 20;
/// Bytes of all.
const MOST_OF_ALL: usize = 96 << 20;
/// Streams of one file.
const MOST_STREAMS: usize = 50_000;
/// How far in front of a stream its dictionary is looked at.
const WINDOW: usize = 64 << 10;
/// Longest name that means anything here.
const LONGEST: usize = 24;

/// What acts, opens or carries something (sections 7.11.4, 12.6.4, 12.7, 13).
const ACTIVE: [&str; 17] = [
    "JavaScript",
    "Launch",
    "EmbeddedFile",
    "EmbeddedFiles",
    "FileAttachment",
    "RichMedia",
    "RichMediaContent",
    "RichMediaExecute",
    "XFA",
    "SubmitForm",
    "ImportData",
    "GoToR",
    "GoToE",
    "Rendition",
    "Movie",
    "Sound",
    "OnInstantiate",
];
/// The same, too short to be looked for in compressed bytes.
const SHORT: [&str; 2] = ["JS", "AA"];
/// How packed objects could be written so that unpacking alone does not show them.
const ODD: [&[u8]; 9] = [
    b"ASCIIHexDecode",
    b"AHx",
    b"ASCII85Decode",
    b"A85",
    b"LZWDecode",
    b"LZW",
    b"RunLengthDecode",
    b"Crypt",
    b"Predictor",
];

/// Walks a file that begins as a PDF.
pub(super) fn walk(file: &[u8]) -> Result<(), Unfit> {
    let damaged = Unfit::Damaged(Kind::Pdf);
    if !matches!(file, [_, _, _, _, _, b'1'..=b'2', b'.', b'0'..=b'9', ..]) {
        return Err(damaged);
    }
    if !file.trim_ascii_end().ends_with(b"%%EOF") {
        let ended = memmem::rfind(file, b"%%EOF").is_some();
        return Err(if ended { Unfit::Trailing(Kind::Pdf) } else { damaged });
    }
    if memmem::rfind(file, b"startxref").is_none() {
        return Err(damaged);
    }
    for (part, packed_away) in parts(file) {
        inspect(part, !packed_away)?;
        if !packed_away && foreign::has_markup(part) {
            return Err(Unfit::Hidden(Kind::Pdf));
        }
    }
    // Packed objects are found by a table that is a stream itself.
    if names(file).any(|(name, _)| name.is(b"XRef")) { unpack(file) } else { Ok(()) }
}

/// The file in pieces: what streams carry, and what stands between.
fn parts(file: &[u8]) -> Vec<(&[u8], bool)> {
    let (mut parts, mut from) = (Vec::new(), 0);
    for at in streams(file) {
        let begin = at + b"stream".len();
        let opens = matches!(file.get(begin), Some(b'\r' | b'\n'));
        if at < from || !opens {
            continue;
        }
        let rest = file.get(begin..).unwrap_or_default();
        let end = memmem::find(rest, b"endstream").map_or(file.len(), |length| begin + length);
        parts.push((file.get(from..begin).unwrap_or_default(), false));
        parts.push((file.get(begin..end).unwrap_or_default(), true));
        from = end;
    }
    parts.push((file.get(from..).unwrap_or_default(), false));
    parts
}

/// Where the word stands that opens a stream.
fn streams(file: &[u8]) -> impl Iterator<Item = usize> {
    let opens = move |at: &usize| !file.get(..*at).unwrap_or_default().ends_with(b"end");
    memmem::find_iter(file, b"stream").filter(opens)
}

/// Refuses what acts, in bytes that are looked at as they are.
fn inspect(part: &[u8], short: bool) -> Result<(), Unfit> {
    for (name, behind) in names(part) {
        if name.is(b"Encrypt") {
            return Err(Unfit::Locked);
        }
        // A place to open at is an array; everything else is an action, or may be.
        if name.is(b"OpenAction") && !behind.trim_ascii_start().starts_with(b"[") {
            return Err(Unfit::Active("OpenAction"));
        }
        let listed = |list: &'static [&'static str]| list.iter().find(|each| name.is(each.as_bytes()));
        // Before a text, a dictionary or a reference; in an address of the web it is a folder.
        let keyed = short && matches!(behind.trim_ascii_start(), [b'(' | b'<' | b'%' | b'0'..=b'9', ..]);
        if let Some(what) = listed(&ACTIVE).or_else(|| listed(&SHORT).filter(|_| keyed)) {
            return Err(Unfit::Active(what));
        }
    }
    Ok(())
}

/// Looks into streams of packed objects, and into whatever could be read as one.
fn unpack(file: &[u8]) -> Result<(), Unfit> {
    let (mut left, mut before) = (MOST_OF_ALL, 0);
    for (count, at) in streams(file).enumerate() {
        if count == MOST_STREAMS {
            return Err(Unfit::Closed);
        }
        let window = file.get(before.max(at.saturating_sub(WINDOW))..at).unwrap_or_default();
        before = at;
        let said = Said::of(window);
        if said.packed() && said.odd {
            return Err(Unfit::Closed);
        }
        // Readers skip to the next line, whatever stands behind the word.
        let rest = file.get(at + b"stream".len()..).unwrap_or_default();
        let line = memchr::memchr2(b'\r', b'\n', rest).unwrap_or(0);
        let skip =
            if rest.get(line..).unwrap_or_default().starts_with(b"\r\n") { line + 2 } else { line + 1 };
        let rest = rest.get(skip..).unwrap_or_default();
        if !is_deflated(rest) {
            // What is not packed was looked at with the rest of the file, but for the short names.
            let plain = memmem::find(rest, b"endstream").and_then(|end| rest.get(..end)).unwrap_or(rest);
            if said.packed() && begins_as_numbers(plain) {
                inspect(plain, true)?;
            } else if said.objects {
                return Err(Unfit::Closed);
            }
            continue;
        }
        let mut head = Vec::new();
        // An error leaves what came before it.
        let _ = ZlibDecoder::new(rest).take(256).read_to_end(&mut head);
        if !begins_as_numbers(&head) {
            if said.objects {
                return Err(Unfit::Closed);
            }
            continue;
        }
        let most = MOST_OF_ONE.min(left);
        let mut content = Vec::new();
        let _ = ZlibDecoder::new(rest).take(most as u64 + 1).read_to_end(&mut content);
        left = left.checked_sub(content.len()).ok_or(Unfit::Closed)?;
        if content.len() > most {
            return Err(Unfit::Closed);
        }
        inspect(&content, said.packed())?;
    }
    Ok(())
}

/// What the dictionary in front of a stream says.
#[derive(Default)]
struct Said {
    objects: bool,
    first: bool,
    count: bool,
    odd: bool,
}

impl Said {
    fn of(window: &[u8]) -> Said {
        let mut said = Said::default();
        for (name, _) in names(window) {
            said.objects |= name.is(b"ObjStm");
            said.first |= name.is(b"First");
            said.count |= name.is(b"N");
            said.odd |= ODD.iter().any(|odd| name.is(odd));
        }
        said
    }

    /// Whether a reader might take its content for packed objects.
    fn packed(&self) -> bool {
        self.objects || self.first && self.count
    }
}

/// The head that readers ask of compressed bytes (RFC 1950 section 2.2).
fn is_deflated(bytes: &[u8]) -> bool {
    matches!(bytes, [method, flags, ..] if method & 0x0F == 8 && u16::from_be_bytes([*method, *flags]) % 31 == 0)
}

/// Packed objects begin with pairs of numbers; a comment may stand before them.
fn begins_as_numbers(bytes: &[u8]) -> bool {
    let first = bytes.iter().find(|byte| !is_space(**byte));
    first.is_some_and(|byte| byte.is_ascii_digit() || matches!(byte, b'%' | b'+' | b'-'))
}

/// A name without its slash, its escapes undone.
struct Name {
    letters: [u8; LONGEST],
    length: usize,
}

impl Name {
    fn is(&self, other: &[u8]) -> bool {
        self.letters.get(..self.length) == Some(other)
    }
}

/// Every name, wherever it stands, and what follows it. Longer ones than any that is looked for are left out.
fn names(bytes: &[u8]) -> impl Iterator<Item = (Name, &[u8])> {
    memchr_iter(b'/', bytes).filter_map(move |at| {
        let mut rest = bytes.get(at + 1..)?;
        let mut name = Name { letters: [0; LONGEST], length: 0 };
        while let [first, behind @ ..] = rest {
            if is_space(*first) || b"()<>[]{}/%".contains(first) {
                break;
            }
            let (letter, behind) = match behind {
                [high, low, behind @ ..] if *first == b'#' => match hex(*high).zip(hex(*low)) {
                    Some((high, low)) => (high << 4 | low, behind),
                    None => (*first, rest.get(1..)?),
                },
                behind => (*first, behind),
            };
            *name.letters.get_mut(name.length)? = letter;
            name.length += 1;
            rest = behind;
        }
        Some((name, rest))
    })
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// White space of PDF (section 7.2.2).
fn is_space(byte: u8) -> bool {
    matches!(byte, 0 | b'\t' | b'\n' | 0x0C | b'\r' | b' ')
}
