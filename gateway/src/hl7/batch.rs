//! Several messages in one frame or file: `FHS BHS MSH.. BTS FTS`, each wrapper optional.

pub mod file;

use std::ops::Range;

use self::file::File;

/// The byte ranges of the messages in `bytes`, in order: each begins at an `MSH` line and ends before the next one or
/// before the next line of a wrapper. A frame with one message and no wrapper gives one range that covers all of it.
/// Empty when there is no `MSH` at all.
pub fn split(bytes: &[u8]) -> Vec<Range<usize>> {
    let file = File::read(bytes);
    if let ([_], false) = (file.messages.as_slice(), file.has_wrappers()) {
        return std::iter::once(0..bytes.len()).collect();
    }
    file.messages
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
            ("BHS|a\rMSH|1\rBTS|1\rBHS|b\rMSH|2\rBTS|1\r", vec!["MSH|1\r", "MSH|2\r"]),
            ("PID|1", vec![]),
        ] {
            let found: Vec<&str> = split(text.as_bytes()).into_iter().map(|r| &text[r]).collect();
            assert_eq!(found, expected, "{text:?}");
        }
    }
}
