//! Writing messages: values in, bytes out, every delimiter inside a value escaped.
//!
//! Used for what the box sends. A message that is passed on is passed on as its bytes, never re-written.

use super::delimiters::Delimiters;
use super::escape;

/// Builds one message, segment by segment.
#[derive(Debug, Clone)]
pub struct Builder {
    delimiters: Delimiters,
    out: String,
}

/// The content of a field: text (escaped on writing), or nested lists of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Nothing: no change.
    Empty,
    /// `""`: delete the value.
    Delete,
    /// A value.
    Text(String),
    /// Components of the field, or sub-components inside a component.
    Parts(Vec<Content>),
    /// Repetitions of the field.
    Repeats(Vec<Content>),
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        if text.is_empty() { Self::Empty } else { Self::Text(text.to_owned()) }
    }
}

impl<const N: usize> From<[&str; N]> for Content {
    fn from(parts: [&str; N]) -> Self {
        Self::Parts(parts.into_iter().map(Self::from).collect())
    }
}

impl Builder {
    /// A message that declares these delimiters.
    pub fn new(delimiters: Delimiters) -> Self {
        Self { delimiters, out: String::new() }
    }

    /// Adds a segment with its fields from 1 on; for MSH, BHS and FHS from 3 on. Trailing empty fields are left out.
    pub fn segment(&mut self, name: &str, fields: &[Content]) -> &mut Self {
        self.out.push_str(name);
        if matches!(name, "MSH" | "BHS" | "FHS") {
            self.out.push(char::from(self.delimiters.field));
            self.out.extend(self.delimiters.declared().into_iter().map(char::from));
        }
        let last = fields.iter().rposition(|f| *f != Content::Empty).map_or(0, |n| n + 1);
        for field in fields.iter().take(last) {
            self.out.push(char::from(self.delimiters.field));
            self.write(field, 0);
        }
        self.out.push('\r');
        self
    }

    fn write(&mut self, content: &Content, depth: u8) {
        let (items, by, deeper) = match content {
            Content::Empty => return,
            Content::Delete => return self.out.push_str("\"\""),
            Content::Text(text) => return self.out.push_str(&escape::encode(text, &self.delimiters)),
            Content::Repeats(items) => (items, self.delimiters.repetition, depth),
            Content::Parts(items) if depth == 0 => (items, self.delimiters.component, 1),
            Content::Parts(items) => (items, self.delimiters.subcomponent, 2),
        };
        let last = items.iter().rposition(|c| *c != Content::Empty).map_or(0, |n| n + 1);
        for (i, item) in items.iter().take(if by.is_some() { last } else { last.min(1) }).enumerate() {
            if let (Some(by), true) = (by, i > 0) {
                self.out.push(char::from(by));
            }
            self.write(item, deeper);
        }
    }

    /// The bytes, UTF-8, each segment ended by CR.
    pub fn finish(self) -> Vec<u8> {
        self.out.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hl7::parse::{Mode, read};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_reads_back(a in "[ -~ऀ-ॐ]{0,20}", b in "[ -~]{1,20}", c in "[ -~]{1,9}") {
            let mut builder = Builder::new(Delimiters::default());
            builder.segment("MSH", &["BOX".into(), "CLINIC".into()]);
            let nested = Content::Repeats(vec![
                Content::Parts(vec![Content::from(a.as_str()), Content::from([b.as_str(), c.as_str()])]),
                Content::from(b.as_str()),
            ]);
            builder.segment("PID", &[Content::Empty, nested, Content::Delete]);
            let bytes = builder.finish();
            let m = read(&bytes, Mode::Strict).unwrap();
            let pid = m.first("PID").unwrap();
            // A value that is two quotation marks means deletion in HL7 v2; no escape exists for it.
            prop_assume!(a != "\"\"" && b != "\"\"" && c != "\"\"");
            let field = pid.field(2);
            prop_assert_eq!(field.component(1).text(), a.as_str());
            prop_assert_eq!(field.component(2).sub(1).text(), b.as_str());
            prop_assert_eq!(field.component(2).sub(2).text(), c.as_str());
            prop_assert_eq!(field.repeat(2).text(), b.as_str());
            prop_assert_eq!(pid.field(3).presence(), crate::hl7::Presence::Delete);
        }
    }
}
