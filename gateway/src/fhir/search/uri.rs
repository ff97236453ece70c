//! URI parameters: the exact text. Value: text, 0x00. A canonical with a version is there without it, too.

use super::index::{self, MOST_TEXT, TermRange};

/// Most folders in a URI whose parents are asked for.
const MOST_FOLDERS: usize = 64;
/// Longest such URI, bytes.
const LONGEST: usize = 2_048;

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
///
/// # Errors
/// In words, when it is longer than what is kept of a URI as it is.
pub fn below(param: u16, text: &str) -> Result<Vec<TermRange>, String> {
    let mut folder = text.trim_end_matches('/').as_bytes().to_vec();
    folder.push(b'/');
    if folder.len() > MOST_TEXT {
        return Err(format!("with :below it may have at most {MOST_TEXT} bytes, the last slash among them"));
    }
    Ok(vec![exact(param, text), TermRange::prefix(param, folder)])
}

/// This URI and everything it is below of.
///
/// # Errors
/// In words, when it is too long or has too many folders.
pub fn above(param: u16, text: &str) -> Result<Vec<TermRange>, String> {
    if text.len() > LONGEST {
        return Err(format!("with :above it may have at most {LONGEST} bytes"));
    }
    let start = text.find("://").map_or(0, |n| n + 3);
    let parents = text.char_indices().filter(|(n, c)| *c == '/' && *n > start);
    let mut out: Vec<TermRange> = parents
        .take(MOST_FOLDERS + 1)
        .filter_map(|(n, _)| text.get(..n))
        .map(|parent| exact(param, parent))
        .collect();
    if out.len() > MOST_FOLDERS {
        return Err(format!("with :above it may have at most {MOST_FOLDERS} folders"));
    }
    out.push(exact(param, text));
    Ok(out)
}
