//! URI parameters: the exact text. Value: text, 0x00. A canonical with a version is there without it, too.

use super::index::{self, TermRange};

/// The value of a URI.
pub fn encode(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 1);
    index::push_exact(text, &mut out);
    out
}

/// Values of an element: a URI or a canonical.
pub fn values(element: &crate::json::Value, out: &mut Vec<Vec<u8>>) {
    let Some(text) = element.as_str() else { return };
    out.push(encode(text));
    if let Some((bare, _)) = text.split_once('|') {
        out.push(encode(bare));
    }
}

/// Exactly this URI.
pub fn exact(param: u16, text: &str) -> TermRange {
    TermRange::prefix(param, encode(text))
}

/// This URI and everything below it, on a path border.
pub fn below(param: u16, text: &str) -> Vec<TermRange> {
    let mut folder = text.trim_end_matches('/').as_bytes().to_vec();
    folder.push(b'/');
    vec![exact(param, text), TermRange::prefix(param, folder)]
}

/// This URI and everything it is below of.
pub fn above(param: u16, text: &str) -> Vec<TermRange> {
    let start = text.find("://").map_or(0, |n| n + 3);
    let parents = text.char_indices().filter(|(n, c)| *c == '/' && *n > start);
    let mut out: Vec<TermRange> =
        parents.filter_map(|(n, _)| text.get(..n)).map(|parent| exact(param, parent)).collect();
    out.push(exact(param, text));
    out
}
