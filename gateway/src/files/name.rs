//! The name of a file as it is shown and saved.

use unicode_normalization::UnicodeNormalization;

use super::Kind;

/// Most bytes of a name, its ending included.
pub const MOST_NAME: usize = 120;

/// A name without folders, control and direction marks or letters that file systems do not take, with the ending that belongs
/// to the content.
#[must_use]
pub fn clean(given: &str, kind: Kind) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain = last.chars().filter(|c| !is_hidden(*c)).nfc().map(|c| match c {
        '<' | '>' | ':' | '"' | '|' | '?' | '*' | ';' | '%' => '_',
        c if c.is_whitespace() => ' ',
        c => c,
    });
    let plain: String = plain.collect();
    let words = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let trimmed = words.trim_matches(['.', ' ']);
    let stem = match trimmed.rsplit_once('.') {
        Some((stem, ending)) if is_ending(ending) => stem.trim_end_matches(['.', ' ']),
        _ => trimmed,
    };
    let room = MOST_NAME - kind.ending().len() - 1;
    let end = (0..=stem.len().min(room)).rev().find(|at| stem.is_char_boundary(*at)).unwrap_or(0);
    let stem = stem.get(..end).unwrap_or_default().trim_end_matches(['.', ' ']);
    let stem = match (stem, kind) {
        ("", Kind::Pdf) => "document",
        ("", Kind::Jpeg | Kind::Png | Kind::Webp) => "photo",
        (stem, _) => stem,
    };
    format!("{stem}.{}", kind.ending())
}

fn is_ending(ending: &str) -> bool {
    (1..=5).contains(&ending.len()) && ending.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Control characters, and marks that turn the reading direction or cannot be seen. Joiners stay: Indian scripts need them.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{061C}')
}
