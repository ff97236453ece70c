//! A parsed message: one compact table of segments over the untouched bytes; fields are cut when asked for.
//!
//! HL7 v2 keeps three things apart that other formats mix: a field that is **absent** or **empty** (no change) and a
//! field that holds `""` (delete the value). [`Presence`] carries that to the map.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::OnceLock;

use super::charset::Charset;
use super::cuts::Cuts;
use super::delimiters::Delimiters;
use super::escape;
use super::header::Header;

/// Where one segment lies; 16 bytes, one per segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub start: u32,
    pub end: u32,
    /// Upper-case name, padded with zeros; four bytes because damaged names are kept too.
    pub name: [u8; 4],
    pub name_len: u8,
}

/// What the parser accepted although the standard forbids it; counted, shown on the message screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tolerated {
    /// A byte order mark stood before the header.
    pub byte_order_mark: bool,
    /// Segments ended by LF or CRLF instead of CR.
    pub line_feeds: u32,
    /// Blank lines between segments.
    pub blank_lines: u32,
    /// Lines with blanks before the segment name.
    pub indented: u32,
    /// Segment names in lower case.
    pub lower_case: u32,
    /// Lines joined to the segment before them, because they are no segments.
    pub joined_lines: u32,
    /// Segments with a name that is not three characters long.
    pub odd_names: u32,
    /// The bytes were rewritten as UTF-8, because their character set cannot be split byte by byte.
    pub transcoded: bool,
    /// The character set was guessed.
    pub charset_guessed: bool,
}

/// One HL7 v2 message.
#[derive(Clone)]
pub struct Message {
    pub(super) bytes: Vec<u8>,
    pub(super) header: Header,
    pub(super) charset: Charset,
    pub(super) segments: Vec<Span>,
    pub(super) tolerated: Tolerated,
    /// Where its fields begin, found when one is first asked for.
    pub(super) cuts: OnceLock<Cuts>,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({} bytes, {} segments)", self.bytes.len(), self.segments.len())
    }
}

impl Message {
    /// The bytes that all spans point into: as received, or as UTF-8 when [`Tolerated::transcoded`] is set.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The delimiters in force.
    pub fn delimiters(&self) -> &Delimiters {
        self.header.delimiters()
    }

    /// The character set in force.
    pub fn charset(&self) -> Charset {
        self.charset
    }

    /// What was accepted against the standard.
    pub fn tolerated(&self) -> &Tolerated {
        &self.tolerated
    }

    /// Bytes of heap memory that this message holds, its own bytes included.
    pub fn heap_bytes(&self) -> usize {
        let cuts = self.cuts.get().map_or(0, Cuts::heap_bytes);
        self.bytes.capacity()
            + self.segments.capacity() * size_of::<Span>()
            + self.header.field(1).len()
            + cuts
    }

    /// Number of segments.
    pub fn len(&self) -> usize {
        self.segments.len()
    }

    /// False: a parsed message has at least its header.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// All segments in order.
    pub fn segments(&self) -> impl Iterator<Item = Segment<'_>> + Clone {
        (0..self.segments.len()).filter_map(move |i| self.segment(i))
    }

    /// The segment at a position counted from 0.
    pub fn segment(&self, index: usize) -> Option<Segment<'_>> {
        let span = *self.segments.get(index)?;
        Some(Segment { message: self, span, index })
    }

    /// All segments of a name, in order.
    pub fn all<'m>(&'m self, name: &'m str) -> impl Iterator<Item = Segment<'m>> + Clone {
        self.segments().filter(move |s| s.is(name))
    }

    /// The first segment of a name.
    pub fn first<'m>(&'m self, name: &'m str) -> Option<Segment<'m>> {
        self.all(name).next()
    }

    /// The byte ranges that belong to no segment: line ends, blanks, a byte order mark and nothing else.
    /// Together with the segments they cover every byte of the message exactly once.
    pub fn gaps(&self) -> Vec<Range<usize>> {
        let mut gaps = Vec::new();
        let mut at = 0;
        for span in &self.segments {
            let start = span.start as usize;
            if start > at {
                gaps.push(at..start);
            }
            at = span.end as usize;
        }
        if at < self.bytes.len() {
            gaps.push(at..self.bytes.len());
        }
        gaps
    }
}

/// One segment of a message.
#[derive(Clone, Copy)]
pub struct Segment<'m> {
    message: &'m Message,
    span: Span,
    index: usize,
}

impl<'m> Segment<'m> {
    /// The name in upper case.
    pub fn name(&self) -> String {
        self.name_bytes().iter().copied().map(char::from).collect()
    }

    fn name_bytes(&self) -> &[u8] {
        self.span.name.get(..usize::from(self.span.name_len)).unwrap_or_default()
    }

    /// True when this is a segment of that name (upper case).
    pub fn is(&self, name: &str) -> bool {
        self.name_bytes() == name.as_bytes()
    }

    /// Position in the message, counted from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Which segment of its name this is, counted from 1.
    pub fn occurrence(&self) -> u32 {
        let before = self.message.segments.iter().take(self.index + 1);
        u32::try_from(before.filter(|s| s.name == self.span.name).count()).unwrap_or(u32::MAX)
    }

    /// The message it belongs to.
    pub fn message(&self) -> &'m Message {
        self.message
    }

    /// Where it lies in [`Message::bytes`].
    pub fn range(&self) -> Range<usize> {
        self.span.start as usize..self.span.end as usize
    }

    /// Its bytes.
    pub fn raw(&self) -> &'m [u8] {
        self.message.bytes.get(self.range()).unwrap_or_default()
    }

    /// True for MSH, BHS and FHS, whose first field is the separator itself.
    fn is_header(&self) -> bool {
        matches!(&self.span.name, b"MSH\0" | b"BHS\0" | b"FHS\0")
    }

    /// The field with that number, counted from 1; an absent part when the segment ends before it.
    pub fn field(&self, number: usize) -> Part<'m> {
        let raw = self.raw();
        let start = self.span.start;
        if self.is_header() && number == 1 {
            return self.part(
                start + 3,
                start + 3 + u32::from(raw.len() > 3),
                Level::Literal,
                raw.len() <= 3,
            );
        }
        let nth = if self.is_header() { number.saturating_sub(1) } else { number };
        let level = if self.is_header() && number == 2 { Level::Literal } else { Level::Field };
        if nth == 0 {
            return self.part(start, start, level, true);
        }
        let cuts = self.message.cuts.get_or_init(|| Cuts::of(self.message)).of_segment(self.index);
        let Some(before) = cuts.get(nth - 1) else {
            return self.part(self.span.end, self.span.end, level, true);
        };
        self.part(before + 1, cuts.get(nth).copied().unwrap_or(self.span.end), level, false)
    }

    /// All fields in order, numbered from 1.
    pub fn fields(&self) -> impl Iterator<Item = (usize, Part<'m>)> + use<'m> {
        let this = *self;
        let raw = this.raw();
        let separator = this.message.delimiters().field;
        let header = this.is_header();
        let base = this.span.start;
        let ends = memchr::memchr_iter(separator, raw).skip(1).map(Some).chain(std::iter::once(None));
        let mut from = memchr::memchr(separator, raw);
        let own = (header && from.is_some()).then(|| (1, this.field(1)));
        let rest = ends.map_while(move |end| {
            let start = from?;
            from = end;
            let end = end.map_or(this.span.end, |e| base + narrow(e));
            Some((base + narrow(start) + 1, end))
        });
        own.into_iter().chain(rest.enumerate().map(move |(i, (start, end))| {
            let number = i + if header { 2 } else { 1 };
            let level = if header && number == 2 { Level::Literal } else { Level::Field };
            (number, this.part(start, end, level, false))
        }))
    }

    fn part(&self, start: u32, end: u32, level: Level, absent: bool) -> Part<'m> {
        Part { message: self.message, start, end, level, absent }
    }
}

/// What a place in a message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// The segment or field ends before this place: no change.
    Absent,
    /// Present without content: no change.
    Empty,
    /// Two quotation marks: the value is to be deleted.
    Delete,
    /// There is a value.
    Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Field,
    Repeat,
    Component,
    Sub,
    /// MSH-1 and MSH-2: never split, never decoded.
    Literal,
}

/// A field, repetition, component or sub-component: a span of the message and its level.
///
/// Asking a field for a component means the first repetition's, as the standard's rule for older readers says.
#[derive(Clone, Copy)]
pub struct Part<'m> {
    message: &'m Message,
    start: u32,
    end: u32,
    level: Level,
    absent: bool,
}

impl<'m> Part<'m> {
    /// The bytes as received, escapes included.
    pub fn raw(&self) -> &'m [u8] {
        self.message.bytes.get(self.range()).unwrap_or_default()
    }

    /// Where it lies in [`Message::bytes`].
    pub fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Absent, empty, to be deleted, or a value.
    pub fn presence(&self) -> Presence {
        match self.raw() {
            _ if self.absent => Presence::Absent,
            [] => Presence::Empty,
            b"\"\"" => Presence::Delete,
            _ => Presence::Value,
        }
    }

    /// True when there is anything other than delimiters and blanks, `""` included.
    pub fn has_content(&self) -> bool {
        let d = self.message.delimiters();
        self.raw().iter().any(|b| {
            !matches!(b, b' ' | b'\t' | b'\r' | b'\n')
                && Some(*b) != d.component
                && Some(*b) != d.repetition
                && Some(*b) != d.subcomponent
        })
    }

    /// The text with escapes resolved; empty when absent, empty or deleted.
    pub fn text(&self) -> Cow<'m, str> {
        match self.presence() {
            Presence::Absent | Presence::Empty | Presence::Delete => Cow::Borrowed(""),
            Presence::Value if self.level == Level::Literal => self.message.charset.decode(self.raw()),
            Presence::Value => escape::decode(self.raw(), self.message.delimiters(), self.message.charset),
        }
    }

    /// The repetitions of a field; a field without content has none.
    pub fn repeats(&self) -> impl Iterator<Item = Part<'m>> + use<'m> {
        let any = !self.absent && self.start < self.end;
        let by = if self.level == Level::Field { self.message.delimiters().repetition } else { None };
        self.split(by, if self.level == Level::Field { Level::Repeat } else { self.level }).take(if any {
            usize::MAX
        } else {
            0
        })
    }

    /// The repetition with that number, counted from 1.
    pub fn repeat(&self, number: usize) -> Part<'m> {
        self.repeats().nth(number.saturating_sub(1)).unwrap_or(self.missing(Level::Repeat))
    }

    /// The components of the (first) repetition.
    pub fn components(&self) -> impl Iterator<Item = Part<'m>> + use<'m> {
        let whole = if self.level == Level::Field { self.repeat(1) } else { *self };
        let by = if whole.level == Level::Repeat { whole.message.delimiters().component } else { None };
        whole.split(by, whole.level.max(Level::Component)).take(if whole.absent { 0 } else { usize::MAX })
    }

    /// The component with that number, counted from 1.
    pub fn component(&self, number: usize) -> Part<'m> {
        if self.start == self.end && (self.absent || number > 1) {
            // Most places that a map asks for are not there.
            return self.missing(Level::Component);
        }
        self.components().nth(number.saturating_sub(1)).unwrap_or(self.missing(Level::Component))
    }

    /// The sub-components of the (first) component.
    pub fn subs(&self) -> impl Iterator<Item = Part<'m>> + use<'m> {
        let whole = if self.level < Level::Component { self.component(1) } else { *self };
        let by = if whole.level == Level::Component { whole.message.delimiters().subcomponent } else { None };
        whole.split(by, whole.level.max(Level::Sub)).take(if whole.absent { 0 } else { usize::MAX })
    }

    /// The sub-component with that number, counted from 1.
    pub fn sub(&self, number: usize) -> Part<'m> {
        self.subs().nth(number.saturating_sub(1)).unwrap_or(self.missing(Level::Sub))
    }

    fn split(&self, by: Option<u8>, level: Level) -> impl Iterator<Item = Part<'m>> + use<'m> {
        let this = *self;
        let mut at = Some(this.start);
        std::iter::from_fn(move || {
            let start = at?;
            let rest = this.message.bytes.get(start as usize..this.end as usize).unwrap_or_default();
            let end = by.and_then(|by| memchr::memchr(by, rest)).map(|n| start + narrow(n));
            at = end.map(|e| e + 1);
            Some(Part { start, end: end.unwrap_or(this.end), level, ..this })
        })
    }

    fn missing(&self, level: Level) -> Part<'m> {
        Part { start: self.end, end: self.end, level, absent: true, ..*self }
    }
}

/// Offsets fit in 32 bits: the parser refuses larger messages.
fn narrow(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hl7::parse::{Mode, read};

    fn message(text: &str) -> Message {
        read(text.as_bytes(), Mode::Tolerant).unwrap()
    }

    #[test]
    fn fields_repeats_components_and_subs_are_counted_from_one() {
        let m = message("MSH|^~\\&|A|B|C|D|1||ORU^R01|1|P|2.5\rPID|1||10^^^H&1.2&ISO^MR~20^^^S|\rPV1");
        let pid = m.first("PID").unwrap();
        assert_eq!(pid.field(3).component(1).text(), "10");
        assert_eq!(pid.field(3).component(4).sub(2).text(), "1.2");
        assert_eq!(pid.field(3).repeat(2).component(1).text(), "20");
        assert_eq!(pid.field(3).repeats().count(), 2);
        assert_eq!(pid.field(3).repeat(2).component(4).sub(1).text(), "S");
        assert_eq!(pid.field(3).component(1).sub(2).presence(), Presence::Absent);
        let numbers: Vec<usize> = pid.fields().map(|(n, _)| n).collect();
        assert_eq!(numbers, [1, 2, 3, 4]);
        assert_eq!(m.first("PV1").unwrap().fields().count(), 0);
    }

    #[test]
    fn the_header_counts_its_separator_as_a_field() {
        let m = message("MSH|^~\\&#|A|B|C|D|1||ORU^R01|1|P|2.8\rPID|1");
        let msh = m.first("MSH").unwrap();
        assert_eq!((msh.field(1).text(), msh.field(2).text()), ("|".into(), "^~\\&#".into()));
        assert_eq!(msh.field(9).component(2).text(), "R01");
        let fields: Vec<_> = msh.fields().map(|(n, p)| (n, p.text().into_owned())).collect();
        assert_eq!(fields.get(..3).unwrap(), [(1, "|".into()), (2, "^~\\&#".into()), (3, "A".into())]);
        for (n, part) in msh.fields() {
            assert_eq!(part.range(), msh.field(n).range(), "field {n}");
        }
    }

    #[test]
    fn absent_empty_and_deleted_are_three_things() {
        let m = message("MSH|^~\\&|A|B|C|D|1||ADT^A08|1|P|2.5\rPID|1||\"\"|x^^\"\"");
        let pid = m.first("PID").unwrap();
        assert_eq!(pid.field(2).presence(), Presence::Empty);
        assert_eq!(pid.field(3).presence(), Presence::Delete);
        assert_eq!(pid.field(4).component(3).presence(), Presence::Delete);
        assert_eq!(pid.field(4).component(2).presence(), Presence::Empty);
        assert_eq!(pid.field(4).component(4).presence(), Presence::Absent);
        assert_eq!(pid.field(5).presence(), Presence::Absent);
        assert_eq!(pid.field(3).text(), "");
    }

    #[test]
    fn undefined_delimiters_split_nothing() {
        let m = message("MSH|^|A|B|C|D|1||ORU^R01|1|P|2.5\rPID|1||a~b&c\\F\\");
        assert_eq!(m.first("PID").unwrap().field(3).text(), "a~b&c\\F\\");
    }
}
