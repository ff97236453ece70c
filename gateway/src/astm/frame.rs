//! The frame as a stream decoder without sockets: `STX` number text `ETX`|`ETB` checksum `CR LF` (LIS1-A, 6.3).
//!
//! Bytes go in as they are read, whatever their cut. Text comes out only of a frame whose checksum holds; everything
//! else is a [`Fault`] at the place where the frame would have ended, because only there may it be answered. A control
//! character inside the text spoils the frame but does not begin another one: a damaged byte must never make the rest of
//! a frame look like a frame of its own.

/// Asks to transmit.
pub const ENQ: u8 = 0x05;
/// Ends a session; never answered.
pub const EOT: u8 = 0x04;
/// Good.
pub const ACK: u8 = 0x06;
/// Not good, or busy.
pub const NAK: u8 = 0x15;
/// First byte of a frame.
pub const STX: u8 = 0x02;
/// Ends the text of the last frame of a record or message.
pub const ETX: u8 = 0x03;
/// Ends the text of a frame that another one continues.
pub const ETB: u8 = 0x17;
/// Ends a record; with LF it ends a frame.
pub const CR: u8 = 0x0D;
/// Last byte of a frame.
pub const LF: u8 = 0x0A;

/// Longest text of one frame that LIS1-A allows, in bytes. (E1381 allowed 240.)
pub const MOST_TEXT: usize = 64_000;

/// A frame whose checksum holds.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its number, 0 to 7.
    pub number: u8,
    /// What it carries.
    pub text: Vec<u8>,
    /// It ended with ETX: no other frame continues its text.
    pub last: bool,
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Frame({}, {} bytes, last {})", self.number, self.text.len(), self.last)
    }
}

/// What was found on the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The peer asks to transmit.
    Enq,
    /// The peer ends its session. An unfinished frame before it is forgotten.
    Eot,
    /// The peer agrees.
    Ack,
    /// The peer does not agree.
    Nak,
    /// A good frame.
    Frame(Frame),
    /// Something that is no good frame, at its end: the moment to answer it.
    Bad(Fault),
    /// Bytes outside a frame that were passed over because a frame began after them. Not to be answered: the peer is
    /// sending.
    Noise,
    /// A frame that carries no checksum at all, as some printers' ports send; everything between STX and ETX.
    Unchecked(Vec<u8>),
}

/// Why a frame is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The sum over the frame is another one than the two digits say, or they are no upper-case hexadecimal digits.
    #[error("the checksum does not hold")]
    Checksum,
    /// The byte after STX is no digit from 0 to 7.
    #[error("the frame has no number from 0 to 7")]
    NotNumbered,
    /// Another number than the next one.
    #[error("the frame has number {found} where {wanted} is next")]
    Number {
        /// The number in the frame.
        found: u8,
        /// The number that is next.
        wanted: u8,
    },
    /// A control character that no text may hold.
    #[error("a control character stands inside the frame")]
    Control,
    /// Longer than accepted; its rest was read away.
    #[error("the frame is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// A line of bytes that begins with no STX.
    #[error("bytes outside a frame")]
    Noise,
    /// The line fell silent inside a frame, or the capture ends there.
    #[error("the frame was not finished")]
    Unfinished,
    /// No checksum at all.
    #[error("the frame carries no checksum")]
    NoChecksum,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Between,
    /// Bytes outside a frame, up to the end of their line.
    Noise,
    /// Inside, before or after the number.
    Inside,
    /// After ETX or ETB: no digit of the checksum yet, or the first one.
    Sum(Option<u8>),
    /// Only the line end is missing.
    Trailer,
    /// The CR of it was there.
    TrailerLf,
}

/// Turns a stream of bytes into events.
#[derive(Debug, Clone)]
pub struct Decoder {
    limit: usize,
    state: State,
    /// Number and text of the open frame.
    text: Vec<u8>,
    sum: u8,
    last: bool,
    fault: Option<Fault>,
    /// Blank bytes outside frames since the line was opened; shown to the operator.
    pub stray: u64,
}

impl Decoder {
    /// A decoder for frames of at most `limit` bytes of text. Allocates nothing until a frame begins.
    pub fn new(limit: usize) -> Self {
        Self { limit, state: State::Between, text: Vec::new(), sum: 0, last: false, fault: None, stray: 0 }
    }

    /// Takes bytes from `input` up to and including the first event, advancing `input`; `None` when all were taken.
    pub fn take(&mut self, input: &mut &[u8]) -> Option<Event> {
        while let Some((byte, rest)) = input.split_first() {
            // A frame that lacks its LF ends where something else begins; that byte is looked at again.
            if self.state == State::TrailerLf && *byte != LF {
                return Some(self.end());
            }
            *input = rest;
            if let Some(event) = self.byte(*byte) {
                return Some(event);
            }
        }
        None
    }

    /// True while a frame has begun and not ended.
    pub fn in_frame(&self) -> bool {
        self.state != State::Between
    }

    /// True when only the last LF is missing: the line waits briefly, then calls [`Self::pause`].
    pub fn awaits_lf(&self) -> bool {
        self.state == State::TrailerLf
    }

    /// The line fell silent or ended. A frame that lacks only (part of) its line end is whole.
    pub fn pause(&mut self) -> Option<Event> {
        match self.state {
            State::Between => None,
            State::Trailer | State::TrailerLf => Some(self.end()),
            State::Noise | State::Inside | State::Sum(_) => {
                self.forget();
                Some(Event::Bad(Fault::Unfinished))
            }
        }
    }

    /// Forgets an open frame.
    pub fn forget(&mut self) {
        self.text = Vec::new();
        self.fault = None;
        self.state = State::Between;
    }

    fn byte(&mut self, byte: u8) -> Option<Event> {
        match self.state {
            State::Between => self.between(byte),
            State::Noise => self.noise(byte),
            State::Inside => self.inside(byte),
            State::Sum(first) => self.checksum(first, byte),
            State::Trailer => self.trailer(byte),
            State::TrailerLf => Some(self.end()),
        }
    }

    fn between(&mut self, byte: u8) -> Option<Event> {
        match byte {
            STX => self.begin(),
            ENQ => return Some(Event::Enq),
            EOT => return Some(Event::Eot),
            ACK => return Some(Event::Ack),
            NAK => return Some(Event::Nak),
            0 | CR | LF => self.stray = self.stray.saturating_add(1),
            _ => self.state = State::Noise,
        }
        None
    }

    fn noise(&mut self, byte: u8) -> Option<Event> {
        match byte {
            LF => {
                self.forget();
                Some(Event::Bad(Fault::Noise))
            }
            EOT | ENQ => {
                self.forget();
                Some(if byte == EOT { Event::Eot } else { Event::Enq })
            }
            STX => {
                self.begin();
                Some(Event::Noise)
            }
            _ => None,
        }
    }

    fn inside(&mut self, byte: u8) -> Option<Event> {
        match byte {
            ETX | ETB => {
                self.sum = self.sum.wrapping_add(byte);
                self.last = byte == ETX;
                self.state = State::Sum(None);
            }
            EOT => {
                self.forget();
                return Some(Event::Eot);
            }
            0x01 | STX | ENQ | ACK | 0x10 | NAK | 0x16 => self.spoil(Fault::Control),
            _ => {
                self.sum = self.sum.wrapping_add(byte);
                // One more than the text: the number.
                if self.text.len() > self.limit {
                    self.spoil(Fault::TooLong { limit: self.limit });
                } else if self.fault.is_none() {
                    self.text.push(byte);
                }
            }
        }
        None
    }

    fn checksum(&mut self, first: Option<u8>, byte: u8) -> Option<Event> {
        match (first, byte) {
            (None, CR | LF) => {
                let text = std::mem::take(&mut self.text);
                let fault = self.fault.take();
                self.forget();
                return Some(fault.map_or(Event::Unchecked(text), Event::Bad));
            }
            (None, digit) => self.state = State::Sum(Some(digit)),
            (Some(high), low) => {
                let stated = hex(high).zip(hex(low)).map(|(h, l)| h << 4 | l);
                if stated != Some(self.sum) {
                    self.spoil(Fault::Checksum);
                }
                self.state = State::Trailer;
            }
        }
        None
    }

    fn trailer(&mut self, byte: u8) -> Option<Event> {
        match byte {
            CR => {
                self.state = State::TrailerLf;
                None
            }
            LF => Some(self.end()),
            _ => {
                // Neither the end of the line nor anything that may stand here: the line is not in step.
                self.forget();
                self.state = State::Noise;
                None
            }
        }
    }

    fn begin(&mut self) {
        self.forget();
        self.sum = 0;
        self.state = State::Inside;
    }

    fn spoil(&mut self, fault: Fault) {
        self.fault = self.fault.or(Some(fault));
        self.text = Vec::new();
    }

    fn end(&mut self) -> Event {
        let text = std::mem::take(&mut self.text);
        let fault = self.fault.take();
        let last = self.last;
        self.forget();
        if let Some(fault) = fault {
            return Event::Bad(fault);
        }
        match text.split_first() {
            Some((digit @ b'0'..=b'7', text)) => {
                Event::Frame(Frame { number: digit - b'0', text: text.to_vec(), last })
            }
            Some(_) | None => Event::Bad(Fault::NotNumbered),
        }
    }
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// The sum of all bytes modulo 256, as two upper-case hexadecimal digits (LIS1-A, 6.3.3).
pub fn checksum(bytes: &[u8]) -> [u8; 2] {
    let sum = bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    let digit = |n: u8| if n < 10 { b'0' + n } else { b'A' + n - 10 };
    [digit(sum >> 4), digit(sum & 0x0F)]
}

/// A frame on the wire.
pub fn write(frame: &Frame) -> Vec<u8> {
    let mut out = Vec::with_capacity(frame.text.len() + 7);
    out.push(STX);
    out.push(b'0' + frame.number % 8);
    out.extend_from_slice(&frame.text);
    out.push(if frame.last { ETX } else { ETB });
    let sum = checksum(out.get(1..).unwrap_or_default());
    out.extend_from_slice(&sum);
    out.extend_from_slice(&[CR, LF]);
    out
}

/// The frames of a message, given as its records without their CR: a frame a record, a long one continued over several
/// of at most `most` bytes of text, numbered 1 to 7, 0, 1 and so on.
pub fn split<'r>(records: impl IntoIterator<Item = &'r [u8]>, most: usize) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut number = 0;
    for record in records {
        let mut text = record.to_vec();
        text.push(CR);
        let pieces = text.chunks(most.max(1));
        let count = pieces.len();
        for (at, piece) in pieces.enumerate() {
            number = (number + 1) % 8;
            frames.push(Frame { number, text: piece.to_vec(), last: at + 1 == count });
        }
    }
    frames
}

#[cfg(test)]
mod tests;
