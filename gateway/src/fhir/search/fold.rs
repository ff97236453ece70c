//! Folding of text for the standard's string search: case, marks and spaces do not matter.

use unicode_normalization::UnicodeNormalization;

/// NFKD, Latin marks removed, lower case, runs of white space as one space. Vowel signs of Indic scripts are letters,
/// not marks, and stay.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return collapsed(text.chars().map(|c| c.to_ascii_lowercase()), text.len());
    }
    let lower = text.nfkd().filter(|c| !is_mark(*c)).flat_map(char::to_lowercase);
    // Lower-casing can bring a mark along (U+0130).
    collapsed(lower.filter(|c| !is_mark(*c)), text.len())
}

fn collapsed(chars: impl Iterator<Item = char>, capacity: usize) -> String {
    let mut out = String::with_capacity(capacity);
    let mut gap = false;
    for c in chars {
        if c.is_whitespace() || c.is_control() {
            gap = !out.is_empty();
        } else {
            if gap {
                out.push(' ');
            }
            gap = false;
            out.push(c);
        }
    }
    out
}

/// Combining marks of Latin, Greek and Cyrillic, and invisible joiners.
pub(crate) fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
        | '\u{fe20}'..='\u{fe2f}' | '\u{200b}'..='\u{200d}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn case_marks_and_spaces_do_not_matter() {
        for (text, expected) in [
            ("  Peter   James ", "peter james"),
            ("Éléonore", "eleonore"),
            ("ÅNGSTRÖM", "angstrom"),
            ("ﬁne", "fine"),
            ("İstanbul", "istanbul"),
            ("रमेश  कुमार", "रमेश कुमार"),
            ("a\u{200d}b\tc", "ab c"),
            ("", ""),
        ] {
            assert_eq!(fold(text), expected, "{text}");
            assert_eq!(fold(&fold(text)), fold(text), "folding twice changes nothing: {text}");
        }
    }
}
