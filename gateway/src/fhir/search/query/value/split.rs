//! Separators and backslashes in values of search parameters.

/// `code` or `system|code`; `None` when there are more parts.
pub(super) fn system_and_code(value: &str) -> Option<(Option<String>, String)> {
    match split(value, '|').as_slice() {
        [code] => Some((None, unescape(code)?)),
        [system, code] => Some((Some(unescape(system)?), unescape(code)?)),
        _ => None,
    }
}

/// Parts between separators that no backslash stands before; parts stay escaped.
pub(super) fn split(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == separator {
            parts.push(text.get(start..at).unwrap_or_default());
            start = at + c.len_utf8();
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

/// Takes backslashes away; `None` when one stands before something else than `,`, `$`, `|` or itself.
pub(super) fn unescape(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' { chars.next().filter(|c| matches!(c, ',' | '$' | '|' | '\\'))? } else { c });
    }
    Some(out)
}
