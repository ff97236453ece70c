//! Which records must be safe before an answer leaves, and the parts of a message that are stored together.
//!
//! LIS2-A2 (5.3 and 6.1) orders records by level: H and L 0; P, Q and S 1; O 2; R 3; C and M belong to what they follow.
//! A sender may forget what stands before a record of a lower level as soon as that record is acknowledged, and after a
//! broken line it goes on from there. So each such record closes a [`Part`], and the frame that brings it is answered
//! only after the part is stored. A part is a message of its own: it begins with the header, and with the patient whose
//! orders it holds.

use super::frame::{CR, LF};

/// How a part ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With the L record of its message.
    Terminated,
    /// The message goes on with another order or patient.
    Continued,
    /// The session, or the next message, came before its end. The sender counts none of it as stored.
    Cut,
}

/// Records that are stored together, each ended by CR: at most one patient, and the header before it.
#[derive(Clone, PartialEq, Eq)]
pub struct Part {
    /// The records.
    pub bytes: Vec<u8>,
    /// How it ended.
    pub ending: Ending,
}

impl Part {
    /// False when the sender left its header out.
    pub fn has_header(&self) -> bool {
        first_letter(&self.bytes).is_some_and(|letter| letter.eq_ignore_ascii_case(&b'H'))
    }
}

impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Part({} bytes, {:?})", self.bytes.len(), self.ending)
    }
}

/// A part would become longer than accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the records of one patient are longer than {limit} bytes")]
pub struct TooMuch {
    /// The limit in bytes.
    pub limit: usize,
}

/// The records of an open message as they come in.
#[derive(Clone, Default)]
pub struct Assembly {
    header: Vec<u8>,
    patient: Vec<u8>,
    /// The open part: header, patient, records.
    body: Vec<u8>,
    /// The beginning of a record that the next frame continues.
    partial: Vec<u8>,
    level: u8,
    /// The open part holds something that no earlier part held.
    fresh: bool,
    /// The open part holds a patient's own records (P, O or R).
    patient_open: bool,
}

impl std::fmt::Debug for Assembly {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Assembly({} bytes, level {})", self.body.len() + self.partial.len(), self.level)
    }
}

/// What a record does to the open part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// It belongs to it.
    Stay(u8),
    /// It closes it and begins the next one.
    Close(u8),
    /// It is the last of it.
    Last,
    /// It begins another message.
    Header,
}

fn step(level: u8, patient_open: bool, kind: u8) -> Step {
    match kind.to_ascii_uppercase() {
        b'H' => Step::Header,
        b'L' => Step::Last,
        b'P' if patient_open => Step::Close(1),
        b'P' => Step::Stay(1),
        b'Q' | b'S' if level > 1 => Step::Close(1),
        b'Q' | b'S' => Step::Stay(1),
        b'O' if level > 2 => Step::Close(2),
        b'O' => Step::Stay(2),
        b'R' => Step::Stay(3),
        _ => Step::Stay(level),
    }
}

impl Assembly {
    /// True when taking this text would close a part: then it is to be stored before the answer.
    pub fn closes(&self, text: &[u8], last: bool) -> bool {
        let (mut level, mut open, mut fresh) = (self.level, self.patient_open, self.fresh);
        for (kind, _) in self.records(text, last) {
            match step(level, open, kind) {
                Step::Header if fresh => return true,
                Step::Header => (level, open) = (0, false),
                Step::Close(_) | Step::Last => return true,
                Step::Stay(next) => {
                    level = next;
                    open |= opens(kind);
                    fresh = true;
                }
            }
        }
        false
    }

    /// The records that this text completes: first letter, range in `text`.
    fn records<'t>(&self, text: &'t [u8], last: bool) -> impl Iterator<Item = (u8, &'t [u8])> + use<'t> {
        let carried = first_letter(&self.partial);
        let mut pieces = text.split(|b| *b == CR).peekable();
        let mut first = true;
        std::iter::from_fn(move || {
            loop {
                let piece = pieces.next()?;
                // What follows the last CR is a record only when nothing continues it.
                if pieces.peek().is_none() && !last {
                    return None;
                }
                let letter = if std::mem::take(&mut first) { carried } else { None };
                match letter.or_else(|| first_letter(piece)) {
                    Some(letter) => return Some((letter, piece)),
                    None if pieces.peek().is_none() => return None,
                    None => {}
                }
            }
        })
    }

    /// Takes the text of a good frame; answers the parts that it closes. A part is at most `limit` bytes.
    ///
    /// # Errors
    /// [`TooMuch`]; nothing was taken then.
    pub fn take(&mut self, text: &[u8], last: bool, limit: usize) -> Result<Vec<Part>, TooMuch> {
        if self.body.len() + self.partial.len() + text.len() > limit {
            return Err(TooMuch { limit });
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(end) = memchr::memchr(CR, rest) {
            let (piece, after) = rest.split_at(end);
            self.partial.extend_from_slice(piece);
            rest = after.get(1..).unwrap_or_default();
            self.record(&mut parts);
        }
        self.partial.extend_from_slice(rest);
        if last {
            self.record(&mut parts);
        }
        Ok(parts)
    }

    /// True when a message has begun and not ended.
    pub fn is_open(&self) -> bool {
        !self.body.is_empty() || !self.partial.is_empty()
    }

    /// What is open when the session ends before its message.
    pub fn cut(&mut self) -> Option<Part> {
        let mut whole = std::mem::take(self);
        if !whole.partial.is_empty() {
            let partial = std::mem::take(&mut whole.partial);
            whole.body.extend_from_slice(&partial);
            whole.fresh = true;
        }
        whole.fresh.then_some(Part { bytes: whole.body, ending: Ending::Cut })
    }

    fn record(&mut self, parts: &mut Vec<Part>) {
        let mut record = std::mem::take(&mut self.partial);
        let blanks = record.iter().take_while(|b| matches!(**b, LF | 0)).count();
        record.drain(..blanks);
        let Some(kind) = first_letter(&record) else { return };
        record.push(CR);
        match step(self.level, self.patient_open, kind) {
            Step::Header => {
                parts.extend(self.cut());
                self.header.clone_from(&record);
                self.body = record;
                return;
            }
            Step::Last => {
                let fresh = self.fresh;
                self.body.extend_from_slice(&record);
                let bytes = std::mem::take(&mut self.body);
                *self = Self::default();
                // A message of H and L alone says only that the line works.
                if fresh {
                    parts.push(Part { bytes, ending: Ending::Terminated });
                }
                return;
            }
            Step::Close(level) => {
                if level == 1 {
                    self.patient.clear();
                    self.patient_open = false;
                }
                let mut next = self.header.clone();
                next.extend_from_slice(&self.patient);
                let bytes = std::mem::replace(&mut self.body, next);
                parts.push(Part { bytes, ending: Ending::Continued });
                self.level = level;
            }
            Step::Stay(level) => self.level = level,
        }
        if kind.eq_ignore_ascii_case(&b'P') {
            self.patient.clone_from(&record);
        }
        self.patient_open |= opens(kind);
        self.fresh = true;
        self.body.extend_from_slice(&record);
    }
}

/// A patient's own records.
fn opens(kind: u8) -> bool {
    matches!(kind.to_ascii_uppercase(), b'P' | b'O' | b'R')
}

fn first_letter(record: &[u8]) -> Option<u8> {
    record.iter().copied().find(|b| !matches!(*b, LF | 0 | b' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(frames: &[(&str, bool)]) -> Vec<(String, Ending)> {
        let mut assembly = Assembly::default();
        let mut all = Vec::new();
        for (text, last) in frames {
            let closes = assembly.closes(text.as_bytes(), *last);
            let found = assembly.take(text.as_bytes(), *last, 10_000).unwrap();
            assert!(closes || found.is_empty(), "{text}");
            all.extend(found);
        }
        all.extend(assembly.cut());
        all.into_iter().map(|p| (String::from_utf8(p.bytes).unwrap().replace('\r', " "), p.ending)).collect()
    }

    #[test]
    fn a_part_ends_where_the_sender_may_forget() {
        use Ending::{Continued, Cut, Terminated};
        for (frames, expected) in [
            (&[("H\rP1\rO1\rR1\rR2\rL\r", true)][..], &[("H P1 O1 R1 R2 L ", Terminated)][..]),
            (
                &[
                    ("H\r", true),
                    ("P1\r", true),
                    ("O1\r", true),
                    ("R1\rC\r", true),
                    ("O2\rR2\r", true),
                    ("L\r", true),
                ],
                &[("H P1 O1 R1 C ", Continued), ("H P1 O2 R2 L ", Terminated)],
            ),
            (
                &[("H\rP1\rO1\rR1\rP2\rO2\rR2\rL\r", true)],
                &[("H P1 O1 R1 ", Continued), ("H P2 O2 R2 L ", Terminated)],
            ),
            (&[("H\rP1\rO1\rO2\rL\r", true)], &[("H P1 O1 O2 L ", Terminated)]),
            (&[("H\rQ1\rL\r", true)], &[("H Q1 L ", Terminated)]),
            (&[("H\rL\r", true)], &[]),
            (&[("H\rP1\rO1\rR", false), ("1\rR2", true)], &[("H P1 O1 R1 R2 ", Cut)]),
            (
                &[("H\rP1\rO1\rR1\r", true), ("H\rQ1\rL\r", true)],
                &[("H P1 O1 R1 ", Cut), ("H Q1 L ", Terminated)],
            ),
            (&[("H\r\nP1\r\nO1\r\nR1\r\nL\r\n", true)], &[("H P1 O1 R1 L ", Terminated)]),
            (&[("H\rP1\rO1\rR1", false), ("L\r", false)], &[("H P1 O1 R1L ", Cut)]),
            (&[("R1\rL\r", true)], &[("R1 L ", Terminated)]),
        ] {
            let expected: Vec<_> = expected.iter().map(|(t, e)| ((*t).to_owned(), *e)).collect();
            assert_eq!(parts(frames), expected, "{frames:?}");
        }
    }

    #[test]
    fn a_part_has_a_bound() {
        let mut assembly = Assembly::default();
        assert!(assembly.take(b"H\rP\rO\r", true, 10).is_ok());
        assert_eq!(assembly.take(b"R|1|5.9\r", true, 10), Err(TooMuch { limit: 10 }));
    }

    proptest::proptest! {
        #[test]
        fn closing_is_foreseen(texts in proptest::collection::vec(("[HPORCQMSLhx\r\n]{0,8}", proptest::bool::ANY), 1..8)) {
            let mut assembly = Assembly::default();
            for (text, last) in texts {
                let closes = assembly.closes(text.as_bytes(), last);
                let found = assembly.take(text.as_bytes(), last, 10_000).unwrap();
                proptest::prop_assert!(closes || found.is_empty());
            }
        }
    }
}
