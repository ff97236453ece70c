//! One record, its fields, their repeats and components, as views over the bytes of the message.

use std::ops::Range;

use crate::hl7::escape;

use super::message::Message;

/// A record of a message.
#[derive(Clone, Copy)]
pub struct Record<'m> {
    message: &'m Message,
    index: usize,
    start: usize,
    raw: &'m [u8],
}

impl std::fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Record({}, {} bytes)", self.kind(), self.raw.len())
    }
}

impl<'m> Record<'m> {
    pub(super) fn new(message: &'m Message, index: usize, range: Range<usize>) -> Self {
        Self { message, index, start: range.start, raw: message.bytes().get(range).unwrap_or_default() }
    }

    /// Its letter in upper case: H P O R C Q M S L, or what else a sender makes up.
    pub fn kind(&self) -> char {
        self.raw.first().map_or(' ', |b| char::from(b.to_ascii_uppercase()))
    }

    /// Its position in the message, counted from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Where its bytes begin in the message.
    pub fn start(&self) -> usize {
        self.start
    }

    /// Its bytes without the line end.
    pub fn raw(&self) -> &'m [u8] {
        self.raw
    }

    /// The field with the number that the standard gives it: 1 is the letter, 2 the sequence number.
    pub fn field(&self, number: usize) -> Piece<'m> {
        let separator = self.message.delimiters().field;
        let raw = self.raw.split(|b| *b == separator).nth(number.wrapping_sub(1)).unwrap_or_default();
        Piece { message: self.message, raw }
    }

    /// All fields from the second on, with their numbers.
    pub fn fields(&self) -> impl Iterator<Item = (usize, Piece<'m>)> + use<'m> {
        let message = self.message;
        let separator = message.delimiters().field;
        let fields = self.raw.split(move |b| *b == separator).enumerate().skip(1);
        fields.map(move |(at, raw)| (at + 1, Piece { message, raw }))
    }
}

/// A field, a repeat of it, or a component.
#[derive(Clone, Copy)]
pub struct Piece<'m> {
    message: &'m Message,
    raw: &'m [u8],
}

impl std::fmt::Debug for Piece<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Piece({} bytes)", self.raw.len())
    }
}

impl<'m> Piece<'m> {
    /// The bytes as they came.
    pub fn raw(&self) -> &'m [u8] {
        self.raw
    }

    /// The repeats; a field without the repeat delimiter is one.
    pub fn repeats(&self) -> impl Iterator<Item = Piece<'m>> + use<'m> {
        self.cut(self.message.delimiters().repetition)
    }

    /// The components.
    pub fn components(&self) -> impl Iterator<Item = Piece<'m>> + use<'m> {
        self.cut(self.message.delimiters().component)
    }

    /// The component with a number from 1; an empty one when it is not there.
    pub fn component(&self, number: usize) -> Piece<'m> {
        let empty = Piece { message: self.message, raw: &[] };
        self.components().nth(number.wrapping_sub(1)).unwrap_or(empty)
    }

    /// The text without the blanks that pad it, escapes resolved.
    pub fn text(&self) -> String {
        escape::decode(self.raw, self.message.delimiters(), self.message.charset()).trim().to_owned()
    }

    /// True when there is more in it than blanks and delimiters.
    pub fn has_content(&self) -> bool {
        let d = self.message.delimiters();
        let mark = |b: u8| Some(b) == d.repetition || Some(b) == d.component;
        self.raw.iter().any(|b| !mark(*b) && !matches!(b, b' ' | 0 | b'\t'))
    }

    fn cut(&self, separator: Option<u8>) -> impl Iterator<Item = Piece<'m>> + use<'m> {
        let message = self.message;
        self.raw.split(move |b| Some(*b) == separator).map(move |raw| Piece { message, raw })
    }
}
