//! A line recorded in a file: frames with or without the session around them, or bare records.
//!
//! What is read from a file cannot be asked for again, so one frame that does not hold refuses the whole file. Frame
//! numbers out of turn are counted and taken, because analysers that number only some frames exist; each frame is still
//! covered by its checksum, and bytes between frames are refused.

use super::frame::{ACK, Decoder, ENQ, EOT, Event, Fault, Frame, MOST_TEXT, NAK, STX};
use super::part::{Assembly, Ending, Part, TooMuch};

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Capture {
    /// Records, in the parts in which a line would store them.
    Records(Records),
    /// One frame without a checksum and without records, as a printer's port sends it: text for a person. No value in
    /// it is verified by anything, so none becomes a result.
    Printout(Vec<u8>),
}

/// The records of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Records {
    /// In order.
    pub parts: Vec<Part>,
    /// False for bare records: no checksum vouches for them.
    pub checked: bool,
    /// Frames whose number was not the next one.
    pub out_of_turn: usize,
}

/// Why a file is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CaptureFault {
    /// A frame does not hold.
    #[error("frame {frame}: {fault}")]
    Frame {
        /// Which frame, counted from 1.
        frame: usize,
        /// What is wrong with it.
        fault: Fault,
    },
    /// The records of one patient are longer than accepted.
    #[error(transparent)]
    TooMuch(#[from] TooMuch),
    /// Neither frames nor records.
    #[error("no analyser's records: neither a frame nor a header record begins it")]
    Nothing,
    /// A message has no end.
    #[error("a message ends before its L record")]
    Unfinished,
    /// A message has no beginning.
    #[error("a message does not begin with a header record")]
    NoHeader,
}

/// True when the bytes begin like a line or like a header record: `ENQ`, `STX`, or `H` with two different delimiters.
pub fn looks_like(bytes: &[u8]) -> bool {
    let start = blanks(bytes);
    match start {
        [ENQ | EOT | STX, ..] => true,
        [b'H', field, repeat, ..] => {
            field.is_ascii_punctuation() && repeat.is_ascii_punctuation() && field != repeat
        }
        _ => false,
    }
}

fn blanks(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let skip = bytes.iter().take_while(|b| matches!(**b, 0 | b'\r' | b'\n' | b' ' | ACK | NAK)).count();
    bytes.get(skip..).unwrap_or_default()
}

/// Reads a file. A part is at most `limit` bytes.
///
/// # Errors
/// [`CaptureFault`] names the frame.
pub fn read(bytes: &[u8], limit: usize) -> Result<Capture, CaptureFault> {
    let start = blanks(bytes);
    match start.first() {
        Some(&(ENQ | EOT | STX)) => framed(start, limit),
        Some(b'H') if looks_like(start) => bare(start, limit),
        Some(_) | None => Err(CaptureFault::Nothing),
    }
}

fn bare(bytes: &[u8], limit: usize) -> Result<Capture, CaptureFault> {
    let mut assembly = Assembly::default();
    let text: Vec<u8> = bytes.iter().map(|b| if *b == b'\n' { b'\r' } else { *b }).collect();
    let mut parts = assembly.take(&text, true, limit)?;
    parts.extend(assembly.cut());
    finished(parts, false, 0)
}

fn framed(mut bytes: &[u8], limit: usize) -> Result<Capture, CaptureFault> {
    let mut decoder = Decoder::new(MOST_TEXT);
    let mut events = std::iter::from_fn(|| decoder.take(&mut bytes)).collect::<Vec<_>>();
    events.extend(decoder.pause());
    let unchecked = |event: &Event| match event {
        Event::Unchecked(text) => Some(text.clone()),
        _ => None,
    };
    let mut printed = events.iter().filter_map(unchecked);
    if let (Some(text), None) = (printed.next(), printed.next())
        && events.iter().all(|e| matches!(e, Event::Unchecked(_) | Event::Enq | Event::Eot | Event::Ack))
        && text.get(1) != Some(&b'H')
    {
        return Ok(Capture::Printout(text));
    }
    let (mut assembly, mut parts) = (Assembly::default(), Vec::new());
    let (mut last, mut wanted, mut out_of_turn): (Option<Frame>, u8, usize) = (None, 1, 0);
    let mut count = 0;
    for event in events {
        match event {
            Event::Frame(frame) => {
                count += 1;
                if last.as_ref() == Some(&frame) {
                    continue;
                }
                out_of_turn += usize::from(frame.number != wanted);
                parts.extend(assembly.take(&frame.text, frame.last, limit)?);
                wanted = (frame.number + 1) % 8;
                last = Some(frame);
            }
            Event::Enq | Event::Eot if assembly.is_open() => return Err(CaptureFault::Unfinished),
            Event::Enq | Event::Eot => (last, wanted) = (None, 1),
            Event::Ack | Event::Nak => {}
            Event::Bad(fault) => return Err(CaptureFault::Frame { frame: count + 1, fault }),
            Event::Noise => return Err(CaptureFault::Frame { frame: count + 1, fault: Fault::Noise }),
            Event::Unchecked(_) => {
                return Err(CaptureFault::Frame { frame: count + 1, fault: Fault::NoChecksum });
            }
        }
    }
    parts.extend(assembly.cut());
    finished(parts, true, out_of_turn)
}

fn finished(parts: Vec<Part>, checked: bool, out_of_turn: usize) -> Result<Capture, CaptureFault> {
    if parts.iter().any(|part| part.ending == Ending::Cut) {
        return Err(CaptureFault::Unfinished);
    }
    if parts.iter().any(|part| !part.has_header()) {
        return Err(CaptureFault::NoHeader);
    }
    if parts.is_empty() {
        return Err(CaptureFault::Nothing);
    }
    Ok(Capture::Records(Records { parts, checked, out_of_turn }))
}

#[cfg(test)]
mod tests;
