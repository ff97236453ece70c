//! Characters: what XML 1.0 can hold, and how an attribute's value is written so that a reader gets it back.

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
        let name = rest.split_once(';').map_or(rest, |(name, _)| name);
        let known = name.starts_with('#') || ["amp", "lt", "gt", "quot", "apos"].contains(&name);
        (!known).then_some(name)
    })
}
