//! Segments under construction: fields set by number, written in order.

use crate::hl7::encode::{Builder, Content};

/// One segment of a message that is being made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    name: &'static str,
    fields: Vec<Content>,
}

impl Segment {
    pub fn new(name: &'static str) -> Self {
        Self { name, fields: Vec::new() }
    }

    /// The same with its set id, counted from 1.
    pub fn numbered(name: &'static str, at: usize) -> Self {
        Self::new(name).with(1, (at + 1).to_string().as_str())
    }

    /// Sets a field, counted from 1 (from 3 in MSH). Nothing is written over with nothing.
    pub fn set(&mut self, number: usize, content: impl Into<Content>) -> &mut Self {
        let content = content.into();
        let skipped = if self.name == "MSH" { 3 } else { 1 };
        if let (Some(at), false) = (number.checked_sub(skipped), content == Content::Empty) {
            if self.fields.len() <= at {
                self.fields.resize(at + 1, Content::Empty);
            }
            if let Some(place) = self.fields.get_mut(at) {
                *place = content;
            }
        }
        self
    }

    /// Whether a field has been set.
    pub fn has(&self, number: usize) -> bool {
        let at = number.checked_sub(if self.name == "MSH" { 3 } else { 1 });
        at.and_then(|at| self.fields.get(at)).is_some_and(|field| *field != Content::Empty)
    }

    pub fn with(mut self, number: usize, content: impl Into<Content>) -> Self {
        self.set(number, content);
        self
    }

    pub fn write(&self, out: &mut Builder) {
        out.segment(self.name, &self.fields);
    }

    pub fn is(&self, name: &str) -> bool {
        self.name == name
    }

    /// Whether any field but the set id says something.
    pub fn says_something(&self) -> bool {
        self.fields.iter().skip(1).any(|field| *field != Content::Empty)
    }
}

/// Text, or nothing.
pub(super) fn text(text: Option<&str>) -> Content {
    text.map_or(Content::Empty, Content::from)
}

/// Components; nothing when none says anything.
pub(super) fn parts(parts: Vec<Content>) -> Content {
    if parts.iter().all(|part| *part == Content::Empty) { Content::Empty } else { Content::Parts(parts) }
}

/// Repetitions, those without content left out.
pub(super) fn repeats(items: impl IntoIterator<Item = Content>) -> Content {
    let mut items: Vec<Content> = items.into_iter().filter(|item| *item != Content::Empty).collect();
    match items.len() {
        0 => Content::Empty,
        1 => items.remove(0),
        _ => Content::Repeats(items),
    }
}
