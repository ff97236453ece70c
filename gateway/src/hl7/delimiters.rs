//! MSH-1 and MSH-2: which characters separate what, in this one message.
//!
//! MSH-2 has four characters up to version 2.6 and five from 2.7, may have fewer, and real senders use other
//! characters than `^~\&`. A missing character is undefined, never assumed: a value is then not split on it.

use super::error::{ErrorCode, Place, Problem};

/// The delimiters that one message declares for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delimiters {
    /// MSH-1.
    pub field: u8,
    /// First character of MSH-2.
    pub component: Option<u8>,
    /// Second character of MSH-2.
    pub repetition: Option<u8>,
    /// Third character of MSH-2.
    pub escape: Option<u8>,
    /// Fourth character of MSH-2.
    pub subcomponent: Option<u8>,
    /// Fifth character of MSH-2 (2.7 and later).
    pub truncation: Option<u8>,
}

impl Default for Delimiters {
    /// The characters that the standard recommends: `|^~\&`.
    fn default() -> Self {
        Self {
            field: b'|',
            component: Some(b'^'),
            repetition: Some(b'~'),
            escape: Some(b'\\'),
            subcomponent: Some(b'&'),
            truncation: None,
        }
    }
}

impl Delimiters {
    /// Reads the delimiters from the bytes that start with a header segment's name (`MSH`, `BHS` or `FHS`).
    ///
    /// # Errors
    /// AR 199 when the separator or MSH-2 cannot be used: absent, letters or digits, control or non-ASCII
    /// characters, one character in two roles, more than five characters.
    pub fn read(header: &[u8]) -> Result<Self, Problem> {
        let refuse = |field, reason: &str| {
            Problem::reject(ErrorCode::Other, Some(Place::field("MSH", 1, field)), reason)
        };
        let field = *header.get(3).ok_or_else(|| refuse(1, "The header ends before its field separator."))?;
        if !usable(field) {
            return Err(refuse(
                1,
                "The field separator must be one printable ASCII character, no letter, no digit.",
            ));
        }
        let rest = header.get(4..).unwrap_or_default();
        let end = rest.iter().position(|b| matches!(*b, b'\r' | b'\n') || *b == field).unwrap_or(rest.len());
        let declared = rest.get(..end).unwrap_or_default();
        if declared.is_empty() {
            return Err(refuse(2, "The encoding characters are missing."));
        }
        if !declared.is_ascii() {
            return Err(refuse(
                2,
                "The encoding characters hold a non-ASCII character; send four or five ASCII characters such as ^~\\&.",
            ));
        }
        if declared.len() > 5 {
            return Err(refuse(2, "More than five encoding characters."));
        }
        for (i, b) in declared.iter().enumerate() {
            if !usable(*b) {
                return Err(refuse(
                    2,
                    "An encoding character must be printable ASCII, no letter, no digit, no space.",
                ));
            }
            if declared.iter().skip(i + 1).any(|other| other == b) {
                return Err(refuse(2, "One encoding character is used in two roles."));
            }
        }
        let at = |i: usize| declared.get(i).copied();
        Ok(Self {
            field,
            component: at(0),
            repetition: at(1),
            escape: at(2),
            subcomponent: at(3),
            truncation: at(4),
        })
    }

    /// MSH-2 as this set of delimiters writes it; stops at the first undefined character.
    pub fn declared(&self) -> Vec<u8> {
        [self.component, self.repetition, self.escape, self.subcomponent, self.truncation]
            .into_iter()
            .map_while(|c| c)
            .collect()
    }

    /// The same delimiters without the truncation character, for peers of version 2.6 and older.
    pub fn without_truncation(mut self) -> Self {
        self.truncation = None;
        self
    }
}

fn usable(b: u8) -> bool {
    b.is_ascii_graphic() && !b.is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(s: &str) -> Result<Delimiters, Problem> {
        Delimiters::read(s.as_bytes())
    }

    #[test]
    fn every_legal_length_is_read() {
        assert_eq!(read("MSH|^~\\&|A").unwrap(), Delimiters::default());
        assert_eq!(read("MSH|^~\\&#|A").unwrap().truncation, Some(b'#'));
        let short = read("MSH|~|A").unwrap();
        assert_eq!((short.component, short.repetition, short.escape), (Some(b'~'), None, None));
        let odd = read("MSH$%*!@$A").unwrap();
        assert_eq!((odd.field, odd.component, odd.subcomponent), (b'$', Some(b'%'), Some(b'@')));
        assert_eq!(read("MSH|^~\\&").unwrap().declared(), b"^~\\&");
    }

    #[test]
    fn unusable_delimiters_are_refused_with_a_place() {
        for (text, field) in [
            ("MSH", 1),
            ("MSHA^~\\&A", 1),
            ("MSH||A", 2),
            ("MSH|^\u{2dc}\\&|A", 2),
            ("MSH|^~\\&#!|A", 2),
            ("MSH|^^\\&|A", 2),
            ("MSH|^a\\&|A", 2),
            ("MSH\u{e9}^~", 1),
        ] {
            let problem = read(text).unwrap_err();
            assert_eq!(problem.code, ErrorCode::Other, "{text}");
            assert_eq!(problem.verdict, crate::hl7::Verdict::Reject, "{text}");
            assert_eq!(problem.place.unwrap().field, field, "{text}");
        }
    }
}
