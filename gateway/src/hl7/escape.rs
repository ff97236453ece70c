//! Escape sequences inside fields: decoded once, after splitting, and written on output.
//!
//! `\F\ \S\ \T\ \R\ \E\ \P\` stand for delimiters, `\.br\` and its kin for layout, `\Xhh..\` for bytes in the
//! message's character set. A lone backslash (a Windows path) is a backslash. What is unknown, local (`\Z..\`) or a
//! character-set shift (`\C..\`, `\M..\`) stays as it was written, so nothing is lost.

use std::borrow::Cow;

use super::charset::Charset;
use super::delimiters::Delimiters;

/// Longest run of blank lines or spaces that a layout command may ask for; more is kept as it was written.
const MAX_SKIP: usize = 200;

/// The text of a raw value: escapes resolved, embedded line ends as `\n`.
pub fn decode<'b>(raw: &'b [u8], delimiters: &Delimiters, charset: Charset) -> Cow<'b, str> {
    let escape = match delimiters.escape {
        Some(escape) if memchr::memchr(escape, raw).is_some() => escape,
        Some(_) | None => return line_ends(charset.decode(raw)),
    };
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(open) = memchr::memchr(escape, rest) {
        let (before, from) = rest.split_at(open);
        out.push_str(&charset.decode(before));
        let inner = from.get(1..).unwrap_or_default();
        let taken = memchr::memchr(escape, inner)
            .and_then(|close| inner.get(..close))
            .and_then(|body| sequence(body, delimiters, charset, &mut out).then_some(body.len() + 2));
        match taken {
            Some(len) => rest = from.get(len..).unwrap_or_default(),
            None => {
                out.push(char::from(escape));
                rest = inner;
            }
        }
    }
    out.push_str(&charset.decode(rest));
    Cow::Owned(line_ends(Cow::Owned(out)).into_owned())
}

/// Appends what `\body\` stands for; false when it is not a sequence, so that the backslash is literal.
fn sequence(body: &[u8], delimiters: &Delimiters, charset: Charset, out: &mut String) -> bool {
    let delimiter = match body {
        b"F" => Some(delimiters.field),
        b"S" => delimiters.component,
        b"T" => delimiters.subcomponent,
        b"R" => delimiters.repetition,
        b"E" => delimiters.escape,
        b"P" => delimiters.truncation.or(Some(b'#')),
        _ => None,
    };
    if let Some(delimiter) = delimiter {
        out.push(char::from(delimiter));
        return true;
    }
    match body {
        // Highlighting has no counterpart in plain text; the received bytes keep it.
        b"H" | b"N" => true,
        [b'.', command @ ..] => layout(command, out),
        [b'X' | b'x', digits @ ..] => match hex(digits).as_deref().and_then(|b| charset.decode_exactly(b)) {
            Some(text) => {
                out.push_str(&text);
                true
            }
            None => false,
        },
        [b'C' | b'M', digits @ ..]
            if matches!(digits.len(), 4 | 6) && digits.iter().all(u8::is_ascii_hexdigit) =>
        {
            verbatim(body, delimiters, out)
        }
        [b'Z', local @ ..] if !local.is_empty() && local.iter().all(u8::is_ascii_alphanumeric) => {
            verbatim(body, delimiters, out)
        }
        _ => false,
    }
}

/// Keeps a sequence that is understood as one but has no text.
fn verbatim(body: &[u8], delimiters: &Delimiters, out: &mut String) -> bool {
    let mark = char::from(delimiters.escape.unwrap_or(b'\\'));
    out.push(mark);
    out.extend(body.iter().copied().map(char::from));
    out.push(mark);
    true
}

fn layout(command: &[u8], out: &mut String) -> bool {
    let (name, count) = command.split_at(command.len().min(2));
    let count = count.strip_prefix(b" ").unwrap_or(count);
    let count = count.strip_prefix(b"+").or_else(|| count.strip_prefix(b"-")).unwrap_or(count);
    let count = match count {
        [] => Some(None),
        digits if digits.len() <= 3 && digits.iter().all(u8::is_ascii_digit) => {
            Some(Some(digits.iter().fold(0usize, |n, d| n * 10 + usize::from(d - b'0'))))
        }
        _ => None,
    };
    let Some(count) = count else { return false };
    if count.unwrap_or(0) > MAX_SKIP {
        return false;
    }
    match (name, count) {
        (b"br" | b"ce", None) => out.push('\n'),
        (b"sp", n) => out.extend(std::iter::repeat_n('\n', n.unwrap_or(1).max(1))),
        (b"sk", n) => out.extend(std::iter::repeat_n(' ', n.unwrap_or(1).max(1))),
        (b"fi" | b"nf", None) | (b"in" | b"ti", Some(_)) => {}
        _ => return false,
    }
    true
}

fn hex(digits: &[u8]) -> Option<Vec<u8>> {
    if digits.is_empty() || !digits.len().is_multiple_of(2) {
        return None;
    }
    let nibble = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    digits.chunks(2).map(|pair| Some(nibble(*pair.first()?)? << 4 | nibble(*pair.get(1)?)?)).collect()
}

fn line_ends(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")) } else { text }
}

/// Writes text for use inside a field: delimiters and line ends become escape sequences.
/// Without an escape character in `delimiters`, the text is written as it is with line ends as spaces.
pub fn encode(text: &str, delimiters: &Delimiters) -> String {
    let Some(escape) = delimiters.escape.map(char::from) else {
        return text.replace(['\r', '\n'], " ");
    };
    let mut out = String::with_capacity(text.len() + 8);
    for c in line_ends(Cow::Borrowed(text)).chars() {
        let is = |d: Option<u8>| d.is_some_and(|d| char::from(d) == c);
        let code = if c == '\n' {
            Some(".br")
        } else if is(Some(delimiters.field)) {
            Some("F")
        } else if is(delimiters.component) {
            Some("S")
        } else if is(delimiters.repetition) {
            Some("R")
        } else if is(delimiters.escape) {
            Some("E")
        } else if is(delimiters.subcomponent) {
            Some("T")
        } else if is(delimiters.truncation) {
            Some("P")
        } else {
            None
        };
        match code {
            Some(code) => {
                out.push(escape);
                out.push_str(code);
                out.push(escape);
            }
            None if (c as u32) < 0x20 => out.push_str(&format!("{escape}X{:02X}{escape}", c as u32)),
            None => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(raw: &str) -> String {
        decode(raw.as_bytes(), &Delimiters::default(), Charset::UTF8).into_owned()
    }

    #[test]
    fn sequences_stand_for_what_the_standard_says() {
        for (raw, expected) in [
            (r"a\F\b\S\c\T\d\R\e\E\f", r"a|b^c&d~e\f"),
            (r"trunc\P\ated", "trunc#ated"),
            (r"one\.br\two", "one\ntwo"),
            (r"one\.sp2\two\.sk3\three", "one\n\ntwo   three"),
            (r"\.in+4\deep\.ti-2\\.fi\x\.nf\y\.ce\z", "deepxy\nz"),
            (r"\X0D0a\", "\n"),
            (r"\X41\\X6d\", "Am"),
            ("\\XE0A4A8\\", "\u{928}"),
            (r"\H\bold\N\", "bold"),
            (r"C:\temp\file", r"C:\temp\file"),
            (r"C:\temp\F\x", r"C:\temp|x"),
            (r"lone \ stays", r"lone \ stays"),
            (r"end\", r"end\"),
            (r"\Zab1\\F\", r"\Zab1\|"),
            (r"\C2842\ \M284212\", r"\C2842\ \M284212\"),
            (r"\X4\ \XZZ\ \X\", r"\X4\ \XZZ\ \X\"),
            (r"\XFF\", r"\XFF\"),
            (r"\.sp999999\", r"\.sp999999\"),
            ("नमस्ते \\T\\ श्री", "नमस्ते & श्री"),
            ("a\r\nb\nc\rd", "a\nb\nc\nd"),
        ] {
            assert_eq!(text(raw), expected, "{raw:?}");
        }
    }

    #[test]
    fn hex_is_read_in_the_character_set_of_the_message() {
        let latin = Charset::choose(b"8859/1", b"", None).unwrap();
        assert_eq!(decode(br"caf\XE9\ \XE9\", &Delimiters::default(), latin), "café é");
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_itself(original in "[ -~\u{900}-\u{950}\n]{0,40}") {
            let d = Delimiters { truncation: Some(b'#'), ..Delimiters::default() };
            let written = encode(&original, &d);
            prop_assert!(!written.contains(['|', '^', '~', '&', '\n', '\r']));
            prop_assert_eq!(decode(written.as_bytes(), &d, Charset::UTF8), original);
        }

        #[test]
        fn any_bytes_decode_without_a_panic(raw in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = decode(&raw, &Delimiters::default(), Charset::UTF8);
        }
    }
}
