//! A message of records: its bytes, its delimiters, and where each record lies (LIS2-A2, 5 and 6).
//!
//! A record, a field or a component is cut when asked for. Every byte is in a record or in a line end between two.

use std::ops::Range;

use encoding_rs::Encoding;

use crate::hl7::Delimiters;
use crate::hl7::charset::Charset;

use super::record::Record;

/// Bounds of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest message in bytes.
    pub bytes: usize,
    /// Most records.
    pub records: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 4 * 1024 * 1024, records: 50_000 }
    }
}

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The first record is no H.
    #[error("the message does not begin with a header record")]
    NoHeader,
    /// H-2 cannot be used: fewer than two delimiters, letters or digits, one character in two roles.
    #[error("the delimiters that the header record declares cannot be used")]
    Delimiters,
    /// Longer than accepted.
    #[error("the message is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// More records than accepted.
    #[error("the message has more than {limit} records")]
    TooMany {
        /// The limit.
        limit: usize,
    },
}

/// The character set of a name such as `windows-1252`, when its letters and delimiters are those of ASCII.
pub fn encoding(name: &str) -> Option<&'static Encoding> {
    Encoding::for_label(name.as_bytes()).filter(|encoding| encoding.is_ascii_compatible())
}

/// A message: at least a header record.
#[derive(Clone)]
pub struct Message {
    bytes: Vec<u8>,
    records: Vec<Range<usize>>,
    delimiters: Delimiters,
    charset: Charset,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({} bytes, {} records)", self.bytes.len(), self.records.len())
    }
}

impl Message {
    /// Reads a message. `assigned` is the character set of the channel; without one the bytes decide.
    ///
    /// # Errors
    /// [`Refusal`] says which rule of the header or which bound stands against it.
    pub fn parse(
        bytes: Vec<u8>,
        limits: &Limits,
        assigned: Option<&'static Encoding>,
    ) -> Result<Self, Refusal> {
        if bytes.len() > limits.bytes {
            return Err(Refusal::TooLong { limit: limits.bytes });
        }
        let mut records = Vec::new();
        let mut start = 0;
        let ends = bytes.iter().enumerate().filter(|(_, b)| matches!(b, b'\r' | b'\n')).map(|(at, _)| at);
        for end in ends.chain(std::iter::once(bytes.len())) {
            let line = bytes.get(start..end).unwrap_or_default();
            let blank = line.iter().take_while(|b| matches!(b, 0 | b' ')).count();
            if blank < line.len() {
                if records.len() == limits.records {
                    return Err(Refusal::TooMany { limit: limits.records });
                }
                records.push(start + blank..end);
            }
            start = end + 1;
        }
        let header = records.first().and_then(|range| bytes.get(range.clone())).unwrap_or_default();
        if !header.first().is_some_and(|b| b.eq_ignore_ascii_case(&b'H')) {
            return Err(Refusal::NoHeader);
        }
        let delimiters = delimiters(header).ok_or(Refusal::Delimiters)?;
        // Analysers declare no character set; the bytes decide unless the channel says.
        let charset = Charset::choose(b"", &bytes, assigned).unwrap_or(Charset::UTF8);
        Ok(Self { bytes, records, delimiters, charset })
    }

    /// The bytes as they came.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What separates fields (`field`), repeats, components; what escapes. There are no sub-components.
    pub fn delimiters(&self) -> &Delimiters {
        &self.delimiters
    }

    /// How its bytes are read as text.
    pub fn charset(&self) -> Charset {
        self.charset
    }

    /// The records in order.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.records.iter().enumerate().map(|(index, range)| Record::new(self, index, range.clone()))
    }

    /// The header record.
    pub fn header(&self) -> Record<'_> {
        Record::new(self, 0, self.records.first().cloned().unwrap_or_default())
    }
}

/// H-1 ends at the field delimiter; repeat, component and escape delimiter follow up to the next one. A doubled
/// delimiter counts once: simulators write the escaped form `\\^&`.
fn delimiters(header: &[u8]) -> Option<Delimiters> {
    let usable = |b: &u8| b.is_ascii_punctuation();
    let field = *header.get(1).filter(|b| usable(b))?;
    let mut declared: Vec<u8> =
        header.get(2..)?.iter().copied().take_while(|b| *b != field && *b != b'\r').collect();
    declared.dedup();
    let mut all = declared.clone();
    all.push(field);
    all.sort_unstable();
    all.dedup();
    if !(2..=3).contains(&declared.len()) || all.len() != declared.len() + 1 || !declared.iter().all(usable) {
        return None;
    }
    Some(Delimiters {
        field,
        repetition: declared.first().copied(),
        component: declared.get(1).copied(),
        escape: declared.get(2).copied(),
        subcomponent: None,
        truncation: None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Message, Refusal> {
        Message::parse(text.as_bytes().to_vec(), &Limits::default(), None)
    }

    #[test]
    fn delimiters_are_those_of_the_header() {
        for (header, expected) in [
            ("H|\\^&|||a", Some("|\\^&")),
            ("H|@^\\|id", Some("|@^\\")),
            ("H|\\\\^&|||mini", Some("|\\^&")),
            ("H!~*%!", Some("!~*%")),
            ("H|\\^|", Some("|\\^")),
            ("H|\\|", None),
            ("H|\\^\\|", None),
            ("H|ab&|", None),
            ("HEADER", None),
            ("H", None),
            ("H|\\^&$|", None),
        ] {
            let found = parse(header).ok().map(|m| {
                let d = *m.delimiters();
                let all = [Some(d.field), d.repetition, d.component, d.escape];
                all.into_iter().flatten().map(char::from).collect::<String>()
            });
            assert_eq!(found.as_deref(), expected, "{header}");
        }
        assert_eq!(parse("P|1").unwrap_err(), Refusal::NoHeader);
        assert_eq!(parse("").unwrap_err(), Refusal::NoHeader);
        let few = Limits { bytes: 20, records: 2 };
        let read = |t: &str| Message::parse(t.into(), &few, None).unwrap_err();
        assert_eq!(read("H|\\^&\rP\rO\r"), Refusal::TooMany { limit: 2 });
        assert_eq!(read("H|\\^&|||||||||||||||||||"), Refusal::TooLong { limit: 20 });
    }

    #[test]
    fn fields_repeats_and_components_are_cut() {
        let m = parse("H|\\^&|||Meter^7\r\n O|1| S-1 ^x||^^^K\\^^^Na||&F&&S&&R&&E&&X41&\rL|1\r").unwrap();
        let kinds: Vec<char> = m.records().map(|r| r.kind()).collect();
        assert_eq!(kinds, ['H', 'O', 'L']);
        let o = m.records().nth(1).unwrap();
        assert_eq!(m.header().field(5).component(2).text(), "7");
        assert_eq!(o.field(3).component(1).text(), "S-1");
        let tests: Vec<String> = o.field(5).repeats().map(|r| r.component(4).text()).collect();
        assert_eq!(tests, ["K", "Na"]);
        assert_eq!(o.field(7).text(), "|^\\&A");
        assert_eq!(o.field(40).text(), "");
        assert!(!o.field(4).has_content());
    }

    proptest! {
        #[test]
        fn any_bytes_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), header in any::<bool>()) {
            let mut all = if header { b"H|\\^&|".to_vec() } else { Vec::new() };
            all.extend(bytes);
            if let Ok(message) = Message::parse(all, &Limits::default(), None) {
                for record in message.records() {
                    for (_, field) in record.fields() {
                        for repeat in field.repeats() {
                            repeat.components().for_each(|c| drop(c.text()));
                        }
                    }
                }
            }
        }
    }
}
