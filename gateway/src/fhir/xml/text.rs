//! Characters: what XML 1.0 can hold, and how an attribute's value is written so that a reader gets it back.

/// Bytes in which the name of a reference must end: `#x10FFFF` has eight. A name is never looked for any further, so
/// that a narrative of nothing but ampersands costs its length.
const LONGEST_NAME: usize = 16;

/// Whether XML 1.0 can hold a character (production 2, `Char`).
pub const fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Appends a value for an attribute in double quotes. Line ends and tabs become references, because a reader turns
/// them into spaces otherwise. `None` for a character that XML cannot hold.
pub fn attribute(value: &str, out: &mut Vec<u8>) -> Option<()> {
    let mut buffer = [0; 4];
    for c in value.chars() {
        let reference: &[u8] = match c {
            '&' => b"&amp;",
            '<' => b"&lt;",
            '>' => b"&gt;",
            '"' => b"&quot;",
            '\t' => b"&#9;",
            '\n' => b"&#10;",
            '\r' => b"&#13;",
            c if is_char(c) => c.encode_utf8(&mut buffer).as_bytes(),
            _ => return None,
        };
        out.extend_from_slice(reference);
    }
    Some(())
}

/// The first reference in a narrative that is neither a character nor one of the five entities of XML.
pub fn foreign_entity(text: &str) -> Option<&str> {
    text.match_indices('&').find_map(|(at, _)| {
        let rest = text.get(at + 1..)?;
        let end =
            rest.bytes().take(LONGEST_NAME).take_while(|b| b.is_ascii_alphanumeric() || *b == b'#').count();
        let (name, rest) = rest.split_at(end);
        let known = name.starts_with('#') || ["amp", "lt", "gt", "quot", "apos"].contains(&name);
        (!known || !rest.starts_with(';')).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::foreign_entity;

    #[test]
    fn references_are_looked_at_no_further_than_a_name_can_reach() {
        assert_eq!(foreign_entity("<div>a &amp; b &#160; &#x10FFFF;</div>"), None);
        assert_eq!(foreign_entity("<div>&nbsp;</div>"), Some("nbsp"));
        assert_eq!(foreign_entity("<div>&#&#&#</div>"), Some("#"));
        assert_eq!(foreign_entity("<div>&amp b</div>"), Some("amp"));
        let long = format!("&{};", "a".repeat(100));
        assert_eq!(foreign_entity(&long).map(str::len), Some(16));
        // Eight million references without an end are refused at the first.
        assert!(foreign_entity(&"&#".repeat(8 << 20)).is_some());
    }
}
