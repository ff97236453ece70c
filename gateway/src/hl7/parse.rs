//! Bytes to [`Message`]: finds the segments, checks the limits, decides about lines that are no segments.
//!
//! Every byte of the input ends up in a segment or in a gap of blanks and line ends; nothing is skipped. What the
//! standard forbids but peers do is accepted in [`Mode::Tolerant`] and counted in [`super::message::Tolerated`].

use std::sync::OnceLock;

use encoding_rs::Encoding;

use super::charset::Charset;
use super::error::{ErrorCode, Place, Problem};
use super::header::{self, Header};
use super::lines::{self, Look};
use super::message::{Message, Span, Tolerated};

/// How much is accepted from one peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Accept what real peers send as long as no content is lost.
    #[default]
    Tolerant,
    /// Accept only what the standard allows; for conformance work with a sender.
    Strict,
}

/// Upper bounds for one message. Values beyond them are refused, never cut.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the whole message; MLLP's default frame limit.
    pub bytes: usize,
    /// Segments.
    pub segments: usize,
    /// Fields of one segment; the longest of the standard has fewer than 100.
    pub fields: usize,
    /// Fields of all segments together.
    pub total_fields: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 16 * 1024 * 1024, segments: 100_000, fields: 2_000, total_fields: 2_000_000 }
    }
}

/// Parses one message.
///
/// `assigned` is the channel's own character set, which wins over MSH-18.
///
/// # Errors
/// A [`Problem`] with table 0357's code, the place and the byte offset: AR for an unreadable header, a wide character
/// set or a broken limit; AE 100 for a line that is no segment in strict mode.
pub fn parse(
    bytes: Vec<u8>,
    limits: &Limits,
    mode: Mode,
    assigned: Option<&'static Encoding>,
) -> Result<Message, Problem> {
    if bytes.len() > limits.bytes || u32::try_from(bytes.len()).is_err() {
        return Err(too_much("bytes", limits.bytes));
    }
    let header = Header::find(&bytes)?;
    let mut tolerated = Tolerated::default();
    let charset = Charset::choose(declared_charset(&header), &bytes, assigned)?;
    tolerated.charset_guessed = charset.guessed;
    let (bytes, charset) = if charset.splits_as_bytes() {
        (bytes, charset)
    } else {
        tolerated.transcoded = true;
        (charset.decode(&bytes).into_owned().into_bytes(), charset.rewritten())
    };
    let segments = segments(&bytes, &header, limits, mode, &mut tolerated)?;
    Ok(Message { bytes, header, charset, segments, tolerated, cuts: OnceLock::new() })
}

/// [`parse`] with the default limits and no assigned character set.
///
/// # Errors
/// As [`parse`].
pub fn read(bytes: &[u8], mode: Mode) -> Result<Message, Problem> {
    parse(bytes.to_vec(), &Limits::default(), mode, None)
}

fn segments(
    bytes: &[u8],
    header: &Header,
    limits: &Limits,
    mode: Mode,
    tolerated: &mut Tolerated,
) -> Result<Vec<Span>, Problem> {
    let separator = header.delimiters().field;
    tolerated.byte_order_mark = bytes.starts_with(b"\xef\xbb\xbf");
    let mut found: Vec<Span> = Vec::with_capacity(bytes.len() / 96 + 2);
    let mut total = 0;
    let first = header::start(bytes)?;
    let mut at = first;
    while let Some(line) = lines::line(bytes, at) {
        let text = bytes.get(line.start..line.end).unwrap_or_default();
        if bytes.get(line.end) == Some(&b'\n') || line.next > line.end + 1 {
            tolerated.line_feeds += 1;
        }
        match lines::look(text, separator) {
            Look::Blank => tolerated.blank_lines += 1,
            look @ (Look::Segment | Look::Odd) => {
                strict(look == Look::Segment, mode, &found, line.start)?;
                if found.len() >= limits.segments {
                    return Err(too_much("segments", limits.segments).at(line.start));
                }
                tolerated.indented += u32::from(line.start > at && !found.is_empty());
                tolerated.odd_names += u32::from(look == Look::Odd);
                let span = span(text, separator, line.start, line.end, tolerated);
                if span.name == *b"MSH\0" && !found.is_empty() {
                    return Err(second_header(line.start));
                }
                found.push(span);
            }
            Look::Text => {
                strict(false, mode, &found, line.start)?;
                tolerated.joined_lines += 1;
                if let Some(last) = found.last_mut() {
                    last.end = u32::try_from(line.end).unwrap_or(u32::MAX);
                }
            }
        }
        let fields = memchr::memchr_iter(separator, text).count();
        total += fields;
        if fields > limits.fields {
            return Err(too_much("fields in one segment", limits.fields).at(line.start));
        }
        if total > limits.total_fields {
            return Err(too_much("fields", limits.total_fields).at(line.start));
        }
        at = line.next;
    }
    found.shrink_to_fit();
    Ok(found)
}

fn span(text: &[u8], separator: u8, start: usize, end: usize, tolerated: &mut Tolerated) -> Span {
    let mut name = [0; 4];
    let mut name_len = 0;
    for (slot, b) in name.iter_mut().zip(text.iter().take_while(|b| **b != separator && **b != b' ')) {
        *slot = b.to_ascii_uppercase();
        name_len += 1;
    }
    let written = text.get(..usize::from(name_len)).unwrap_or_default();
    tolerated.lower_case += u32::from(written.iter().any(u8::is_ascii_lowercase));
    let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Span { start: narrow(start), end: narrow(end), name, name_len }
}

/// MSH-18's first repetition.
fn declared_charset(header: &Header) -> &[u8] {
    header.component(18, 1)
}

fn strict(well_formed: bool, mode: Mode, found: &[Span], offset: usize) -> Result<(), Problem> {
    if well_formed || mode == Mode::Tolerant {
        return Ok(());
    }
    let place = found.last().map(|last| {
        let name: String =
            last.name.iter().take(usize::from(last.name_len)).copied().map(char::from).collect();
        let occurrence = found.iter().filter(|s| s.name == last.name).count();
        Place::segment(&name, u32::try_from(occurrence).unwrap_or(u32::MAX))
    });
    Err(Problem::error(
        ErrorCode::SegmentSequence,
        place,
        "The line after this segment is no segment; a line feed inside a text must be sent as \\.br\\.",
    )
    .at(offset))
}

fn second_header(offset: usize) -> Problem {
    Problem::error(
        ErrorCode::SegmentSequence,
        Some(Place::segment("MSH", 2)),
        "A second message begins inside this one; send one message a frame, or wrap them as a batch.",
    )
    .at(offset)
}

fn too_much(what: &str, limit: usize) -> Problem {
    Problem::reject(
        ErrorCode::Internal,
        None,
        format!("The message has more than {limit} {what}, the limit here."),
    )
}

#[cfg(test)]
mod tests;
