//! A printer's port as a stream decoder: text without a checksum, ended by ETX, a form feed, EOT or silence.
//!
//! Such a port hears nothing, so nothing is answered, and nothing can be asked for again. Every byte of text comes out;
//! what it is worth, a person says.

use super::frame::{ENQ, EOT, ETX, STX};

/// Ends a page.
const FORM_FEED: u8 = 0x0C;

/// Turns a stream of bytes into print-outs.
#[derive(Debug, Clone)]
pub struct Printer {
    limit: usize,
    text: Vec<u8>,
}

impl Printer {
    /// A decoder that answers a text of `limit` bytes as soon as it has so many; what follows is another one.
    pub fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), text: Vec::new() }
    }

    /// Takes bytes from `input` up to and including the end of the first text, advancing `input`; `None` when all were
    /// taken.
    pub fn take(&mut self, input: &mut &[u8]) -> Option<Vec<u8>> {
        while let Some((byte, rest)) = input.split_first() {
            *input = rest;
            let ended = match *byte {
                STX | ETX | EOT | ENQ | FORM_FEED => self.pause(),
                // Blanks between two texts.
                0 | b'\r' | b'\n' | b' ' if self.text.is_empty() => None,
                byte => {
                    self.text.push(byte);
                    if self.text.len() >= self.limit { self.pause() } else { None }
                }
            };
            if ended.is_some() {
                return ended;
            }
        }
        None
    }

    /// True while a text has begun and not ended.
    pub fn is_open(&self) -> bool {
        !self.text.is_empty()
    }

    /// The line fell silent or ended.
    pub fn pause(&mut self) -> Option<Vec<u8>> {
        (!self.text.is_empty()).then(|| std::mem::take(&mut self.text))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(bytes: &[u8], cut: usize, limit: usize) -> Vec<Vec<u8>> {
        let mut printer = Printer::new(limit);
        let mut found = Vec::new();
        for mut piece in bytes.chunks(cut) {
            while let Some(text) = printer.take(&mut piece) {
                found.push(text);
            }
        }
        found.extend(printer.pause());
        found
    }

    #[test]
    fn texts_end_at_marks_and_at_silence() {
        for (bytes, expected) in [
            (&b"\x02Na 131\x03\n\x02K 4.1\x03\n"[..], &[&b"Na 131"[..], b"K 4.1"][..]),
            (b"Na 131\r\nK 4.1\r\n", &[b"Na 131\r\nK 4.1\r\n"]),
            (b"page 1\x0c\r\npage 2", &[b"page 1", b"page 2"]),
            (b"\x00\r\n  ", &[]),
            (b"123456789", &[b"12345678", b"9"]),
        ] {
            assert_eq!(all(bytes, 3, 8.max(if bytes.len() > 9 { 99 } else { 8 })), expected, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_letter_is_lost_whatever_the_cut(bytes in "[ -~\r\n\x02\x03\x0c]{0,60}", cut in 1usize..9, limit in 1usize..20) {
            let found = all(bytes.as_bytes(), cut, limit);
            prop_assert_eq!(&found, &all(bytes.as_bytes(), usize::MAX, limit));
            let letters = |text: &[u8]| text.iter().copied().filter(u8::is_ascii_graphic).collect::<Vec<_>>();
            prop_assert_eq!(letters(&found.concat()), letters(bytes.as_bytes()));
            prop_assert!(found.iter().all(|text| text.len() <= limit));
        }
    }
}
