//! Several messages in one frame or file: `FHS BHS MSH.. BTS FTS`, each wrapper optional.

use std::ops::Range;

use super::lines;

/// The byte ranges of the messages in `bytes`, in order: each begins at an `MSH` line and ends before the next one or
/// before a batch trailer. A frame with one message and no wrapper gives one range that covers all of it.
/// Empty when there is no `MSH` at all.
pub fn split(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut starts = Vec::new();
    let mut end = bytes.len();
    let mut wrapped = false;
    let mut at = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    while let Some(line) = lines::line(bytes, at) {
        let text = bytes.get(line.start..line.end).unwrap_or_default();
        let name = text.get(..3).unwrap_or_default();
        let bounded = text.get(3).is_none_or(u8::is_ascii_punctuation);
        if name.eq_ignore_ascii_case(b"MSH") && bounded {
            starts.push(line.start);
            end = bytes.len();
        } else if bounded && (name == b"BHS" || name == b"FHS") {
            wrapped = true;
        } else if bounded && (name == b"BTS" || name == b"FTS") && end == bytes.len() {
            wrapped = true;
            end = line.start;
        }
        at = line.next;
    }
    if let ([_], false) = (starts.as_slice(), wrapped) {
        return std::iter::once(0..bytes.len()).collect();
    }
    let ends = starts.iter().skip(1).copied().chain(std::iter::once(end));
    starts.iter().copied().zip(ends).map(|(from, to)| from..to).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_cut_at_their_headers() {
        for (text, expected) in [
            ("\u{feff}MSH|1\rPID|1\r", vec!["\u{feff}MSH|1\rPID|1\r"]),
            ("MSH|1\rPID|1\rMSH|2\rPID|2", vec!["MSH|1\rPID|1\r", "MSH|2\rPID|2"]),
            ("FHS|a\rBHS|b\rMSH|1\rPID|1\rMSH|2\rBTS|2\rFTS|1\r", vec!["MSH|1\rPID|1\r", "MSH|2\r"]),
            ("BHS|b\nMSH|1\nBTS|1\n", vec!["MSH|1\n"]),
            ("PID|1", vec![]),
        ] {
            let found: Vec<&str> = split(text.as_bytes()).into_iter().map(|r| &text[r]).collect();
            assert_eq!(found, expected, "{text:?}");
        }
    }
}
