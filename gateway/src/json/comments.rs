//! Comments, which JSON has not and files made by hand sometimes have.

/// Writes spaces over `// …` and `/* … */` outside of strings, so that places in messages stay right.
pub fn blank_comments(text: &mut [u8]) {
    let mut at = 0;
    let mut inside = false;
    while let Some(byte) = text.get(at).copied() {
        let next = text.get(at + 1).copied();
        match (inside, byte, next) {
            (true, b'\\', _) => at += 1,
            (_, b'"', _) => inside = !inside,
            (false, b'/', Some(b'/')) => at = blank(text, at, |b, _| b == b'\n'),
            (false, b'/', Some(b'*')) => at = blank(text, at, |b, before| b == b'/' && before == b'*'),
            _ => {}
        }
        at += 1;
    }
}

/// Blanks from `start` up to the byte that ends the comment; line ends stay. Answers the last place.
fn blank(text: &mut [u8], start: usize, ends: impl Fn(u8, u8) -> bool) -> usize {
    let mut before = 0;
    for (at, byte) in text.iter_mut().enumerate().skip(start) {
        let own = *byte;
        if !matches!(own, b'\n' | b'\r') {
            *byte = b' ';
        }
        if at > start + 2 && ends(own, before) || own == b'\n' && ends(own, before) {
            return at;
        }
        before = own;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_become_spaces_and_strings_stay() {
        for (text, expected) in [
            ("{\"a\": 1 // x\n}", "{\"a\": 1     \n}"),
            ("/* a\nb */{}", "    \n    {}"),
            ("{\"a\":\"http://x /* y */ \\\" // z\"}", "{\"a\":\"http://x /* y */ \\\" // z\"}"),
            ("{}//", "{}  "),
            ("{}/*/ */", "{}      "),
            ("{}/* open", "{}       "),
        ] {
            let mut bytes = text.as_bytes().to_vec();
            blank_comments(&mut bytes);
            assert_eq!(String::from_utf8(bytes).unwrap(), expected, "{text}");
        }
    }
}
