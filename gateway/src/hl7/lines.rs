//! Cutting bytes into lines and saying what each line is.
//!
//! The standard ends segments with CR; peers also send LF and CRLF. A line that does not look like a segment is
//! usually the rest of a text whose sender did not escape a line feed; [`super::parse`] decides what to do with it.

/// What one line of a message looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Nothing but spaces, tabs and NULs.
    Blank,
    /// A three-character name followed by the field separator, or a well-known name alone.
    Segment,
    /// A short name of the wrong length followed by the separator (`ZZ|1`): a damaged segment, not text.
    Odd,
    /// Anything else: the continuation of a text.
    Text,
}

/// Segment names that are believed when they stand alone on a line, without any separator.
const KNOWN: &[&[u8; 3]] = &[
    b"MSH", b"MSA", b"ERR", b"SFT", b"UAC", b"EVN", b"PID", b"PD1", b"PV1", b"PV2", b"NK1", b"AL1", b"IAM",
    b"DG1", b"DRG", b"PR1", b"GT1", b"IN1", b"IN2", b"IN3", b"ACC", b"UB1", b"UB2", b"ORC", b"OBR", b"OBX",
    b"SPM", b"NTE", b"TQ1", b"TQ2", b"CTD", b"CTI", b"FT1", b"ROL", b"PRT", b"PDA", b"DB1", b"MRG", b"ARV",
    b"SAC", b"DSC", b"TXA", b"RXA", b"RXO", b"RXE", b"RXR", b"SCH", b"AIS", b"AIG", b"AIL", b"AIP", b"BHS",
    b"BTS", b"FHS", b"FTS",
];

/// One line: where its text starts (leading blanks skipped), where it ends, and where the next line starts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub start: usize,
    pub end: usize,
    pub next: usize,
}

/// The line that begins at `from`, or `None` at the end of the bytes.
pub(super) fn line(bytes: &[u8], from: usize) -> Option<Line> {
    let rest = bytes.get(from..).filter(|r| !r.is_empty())?;
    let len = memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
    let next = match (rest.get(len), rest.get(len + 1)) {
        (Some(b'\r'), Some(b'\n')) => len + 2,
        (Some(_), _) => len + 1,
        (None, _) => len,
    };
    let text = rest.get(..len).unwrap_or_default();
    let blanks = text.iter().take_while(|b| is_blank(**b)).count();
    Some(Line { start: from + blanks, end: from + len, next: from + next })
}

/// Says what the text of a line (leading blanks removed) is.
pub(super) fn look(text: &[u8], separator: u8) -> Look {
    if text.iter().all(|b| is_blank(*b)) {
        return Look::Blank;
    }
    let name = text.iter().take_while(|b| **b != separator).take(5).count();
    let head = text.get(..name).unwrap_or_default();
    let separated = text.get(name) == Some(&separator);
    if separated && name == 3 {
        return if is_name(head) { Look::Segment } else { Look::Text };
    }
    if separated && (1..=4).contains(&name) && head.iter().all(u8::is_ascii_alphanumeric) {
        return if head.iter().any(u8::is_ascii_uppercase) { Look::Odd } else { Look::Text };
    }
    let bare = text.trim_ascii_end();
    if let Ok(three) = <&[u8; 3]>::try_from(bare) {
        let upper = three.map(|b| b.to_ascii_uppercase());
        if KNOWN.contains(&&upper) || (upper.starts_with(b"Z") && is_name(&upper)) {
            return Look::Segment;
        }
    }
    Look::Text
}

fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | 0)
}

fn is_name(three: &[u8]) -> bool {
    three.first().is_some_and(u8::is_ascii_alphabetic) && three.iter().all(u8::is_ascii_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_look_like_what_they_are() {
        for (text, expected) in [
            ("OBX|1|NM", Look::Segment),
            ("pid|1", Look::Segment),
            ("ZX1|a", Look::Segment),
            ("PV1", Look::Segment),
            ("pv1 ", Look::Segment),
            ("BUT", Look::Text),
            ("and then", Look::Text),
            ("1.5|mmol", Look::Text),
            ("ZZ|1", Look::Odd),
            ("OBXX|1", Look::Odd),
            ("it|was", Look::Text),
            ("  \t", Look::Blank),
            ("", Look::Blank),
            ("|||F", Look::Text),
        ] {
            assert_eq!(look(text.as_bytes(), b'|'), expected, "{text:?}");
        }
    }

    #[test]
    fn every_line_end_is_one_line_end() {
        let bytes = b"A\rB\nC\r\n D";
        let mut at = 0;
        let mut seen = Vec::new();
        while let Some(l) = line(bytes, at) {
            seen.push((l.start, l.end, l.next));
            at = l.next;
        }
        assert_eq!(seen, [(0, 1, 2), (2, 3, 4), (4, 5, 7), (8, 9, 9)]);
    }
}
