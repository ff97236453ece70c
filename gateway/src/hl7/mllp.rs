//! MLLP framing as a stream decoder without sockets: `0x0B` payload `0x1C 0x0D` (HL7 v2 Transport, Release 1).
//!
//! Bytes go in as they are read, whatever their cut; frames and errors come out. The decoder keeps at most one frame,
//! bounded by its limit, and keeps nothing of what it refuses but a head long enough to answer it. Waiting (the short
//! pause after a lone `0x1C`, the time limit inside a frame) is the driver's, which then calls [`Decoder::pause`].

/// First byte of a frame.
pub const START: u8 = 0x0B;
/// Last byte but one of a frame.
pub const END: u8 = 0x1C;
/// Last byte of a frame.
pub const CR: u8 = 0x0D;

/// Bytes of an oversized message that are kept, so that its header can still be answered.
const HEAD: usize = 4096;

/// Bounds of a decoder.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Longest payload in bytes; 16 MiB by default.
    pub frame: usize,
    /// Most bytes of blanks and NULs accepted between two frames.
    pub junk: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { frame: 16 * 1024 * 1024, junk: 1024 }
    }
}

/// What the decoder found.
#[derive(Clone, PartialEq, Eq)]
pub enum Event {
    /// A whole payload, without its frame bytes.
    Frame(Vec<u8>),
    /// Something that is no frame.
    Fault(Fault),
}

/// What was wrong on the line.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A byte other than a blank stood where a frame must start. Nothing after it can be trusted: close.
    #[error("the frame does not begin with the start byte 0x0B")]
    NoStart,
    /// More blanks between frames than accepted: close.
    #[error("more than {limit} stray bytes between two frames")]
    Junk {
        /// The limit in bytes.
        limit: usize,
    },
    /// The payload is longer than accepted. Its rest is skipped without being kept; the connection stays usable.
    #[error("the message is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
        /// The beginning of the payload, for the answer.
        head: Vec<u8>,
    },
    /// A payload that was too long already went on for as long again: close.
    #[error("the message has no end within {limit} bytes")]
    Endless {
        /// The limit in bytes.
        limit: usize,
    },
    /// A new frame began, or the peer went silent or away, before the frame ended.
    #[error("the frame was not finished")]
    Unfinished {
        /// The beginning of the payload, for the answer.
        head: Vec<u8>,
    },
}

impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Frame(payload) => write!(f, "Frame({} bytes)", payload.len()),
            Self::Fault(fault) => write!(f, "Fault({fault})"),
        }
    }
}

impl std::fmt::Debug for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fault({self})")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Between,
    Inside,
    /// Inside, and the last byte was `0x1C`.
    Ending,
    /// Inside a frame that is too long; the flag says whether the last byte was `0x1C`.
    Skipping(bool),
    Closed,
}

/// Turns a stream of bytes into frames.
#[derive(Debug)]
pub struct Decoder {
    bounds: Bounds,
    state: State,
    payload: Vec<u8>,
    junk: usize,
    /// Bytes of an oversized frame that were skipped.
    skipped: usize,
    /// Blanks and NULs skipped since the connection opened; shown to the operator.
    pub stray: u64,
}

impl Decoder {
    /// A decoder at the start of a connection. Allocates nothing until a frame begins.
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, state: State::Between, payload: Vec::new(), junk: 0, skipped: 0, stray: 0 }
    }

    /// Takes bytes from `input` up to and including the first event, advancing `input`.
    /// Call it again until it returns `None`, which means that all of `input` was taken.
    pub fn take(&mut self, input: &mut &[u8]) -> Option<Event> {
        while !input.is_empty() {
            let event = match self.state {
                State::Between => self.between(input),
                State::Inside => self.inside(input),
                State::Ending => self.ending(input),
                State::Skipping(ended) => self.skip(input, ended),
                State::Closed => {
                    *input = &[];
                    None
                }
            };
            if event.is_some() {
                return event;
            }
        }
        None
    }

    /// True while a frame has begun and not ended: the driver's time limit applies.
    pub fn in_frame(&self) -> bool {
        matches!(self.state, State::Inside | State::Ending | State::Skipping(_))
    }

    /// True when only the closing CR is missing: the driver waits briefly, then calls [`Self::pause`].
    pub fn awaits_cr(&self) -> bool {
        self.state == State::Ending
    }

    /// The peer was silent for the driver's limit, or closed. A frame that lacks only its last CR is accepted;
    /// any other open frame is [`Fault::Unfinished`]; between frames there is nothing to say.
    pub fn pause(&mut self) -> Option<Event> {
        match self.state {
            State::Between | State::Closed => None,
            State::Ending => Some(self.frame()),
            State::Inside => {
                let head = self.head();
                self.state = State::Between;
                Some(Event::Fault(Fault::Unfinished { head }))
            }
            State::Skipping(_) => {
                self.state = State::Between;
                None
            }
        }
    }

    fn between(&mut self, input: &mut &[u8]) -> Option<Event> {
        let first = pop(input)?;
        match first {
            START => self.begin(),
            0 | b' ' | b'\t' | b'\r' | b'\n' => {
                self.junk += 1;
                self.stray += 1;
                if self.junk > self.bounds.junk {
                    self.state = State::Closed;
                    return Some(Event::Fault(Fault::Junk { limit: self.bounds.junk }));
                }
            }
            _ => {
                self.state = State::Closed;
                return Some(Event::Fault(Fault::NoStart));
            }
        }
        None
    }

    fn inside(&mut self, input: &mut &[u8]) -> Option<Event> {
        let stop = memchr::memchr2(START, END, input);
        let (text, rest) = input.split_at(stop.unwrap_or(input.len()));
        let room = self.bounds.frame - self.payload.len();
        if text.len() > room {
            *input = input.get(room..).unwrap_or_default();
            self.payload.extend_from_slice(text.get(..room.min(HEAD)).unwrap_or_default());
            return Some(self.too_long());
        }
        self.payload.extend_from_slice(text);
        *input = rest;
        match pop(input)? {
            END => {
                self.state = State::Ending;
                None
            }
            _ => {
                let head = self.head();
                self.begin();
                Some(Event::Fault(Fault::Unfinished { head }))
            }
        }
    }

    fn ending(&mut self, input: &mut &[u8]) -> Option<Event> {
        match input.first() {
            Some(&CR) => {
                pop(input);
                Some(self.frame())
            }
            Some(&START) => Some(self.frame()),
            Some(_) if self.payload.len() >= self.bounds.frame => Some(self.too_long()),
            Some(_) => {
                // 0x1C without its CR inside a payload: content, however odd. The parser will say where.
                self.payload.push(END);
                self.state = State::Inside;
                None
            }
            None => None,
        }
    }

    fn skip(&mut self, input: &mut &[u8], ended: bool) -> Option<Event> {
        if ended {
            match input.first() {
                Some(&CR) => {
                    pop(input);
                    self.state = State::Between;
                }
                Some(&START) => self.state = State::Between,
                Some(_) | None => self.state = State::Skipping(false),
            }
            return None;
        }
        let before = input.len();
        match memchr::memchr(END, input) {
            Some(at) => {
                *input = input.get(at + 1..).unwrap_or_default();
                self.state = State::Skipping(true);
            }
            None => *input = &[],
        }
        self.skipped += before - input.len();
        // As much again as was accepted is read away, so that the peer gets its answer; then it is not a message.
        if self.skipped <= self.bounds.frame.max(HEAD) {
            return None;
        }
        self.state = State::Closed;
        Some(Event::Fault(Fault::Endless { limit: self.bounds.frame }))
    }

    fn begin(&mut self) {
        self.payload = Vec::new();
        self.junk = 0;
        self.state = State::Inside;
    }

    fn frame(&mut self) -> Event {
        self.state = State::Between;
        Event::Frame(std::mem::take(&mut self.payload))
    }

    fn too_long(&mut self) -> Event {
        let head = self.head();
        self.skipped = 0;
        self.state = State::Skipping(false);
        Event::Fault(Fault::TooLong { limit: self.bounds.frame, head })
    }

    fn head(&mut self) -> Vec<u8> {
        let payload = std::mem::take(&mut self.payload);
        match payload.get(..HEAD) {
            Some(head) => head.to_vec(),
            None => payload,
        }
    }
}

fn pop(input: &mut &[u8]) -> Option<u8> {
    let (first, rest) = input.split_first()?;
    *input = rest;
    Some(*first)
}

/// A payload in its frame.
pub fn frame(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 3);
    out.push(START);
    out.extend_from_slice(payload);
    out.extend_from_slice(&[END, CR]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(decoder: &mut Decoder, mut input: &[u8]) -> Vec<Event> {
        std::iter::from_fn(|| decoder.take(&mut input)).collect()
    }

    fn small() -> Decoder {
        Decoder::new(Bounds { frame: 20, junk: 4 })
    }

    #[test]
    fn frames_are_found_whatever_the_cut() {
        let stream = b"\x0bone\x1c\x0d\x00\r\n\x0btwo\x1c\x0bthree\x1c\x0d";
        let expected: Vec<_> = ["one", "two", "three"].map(|s| Event::Frame(s.into())).into();
        assert_eq!(all(&mut small(), stream), expected);
        let mut decoder = small();
        let mut found = Vec::new();
        for byte in stream {
            found.extend(all(&mut decoder, &[*byte]));
        }
        assert_eq!(found, expected);
        assert_eq!(decoder.stray, 3);
    }

    #[test]
    fn a_missing_last_cr_is_accepted_after_a_pause() {
        let mut d = small();
        assert!(all(&mut d, b"\x0bone\x1c").is_empty());
        assert!(d.awaits_cr());
        assert_eq!(d.pause(), Some(Event::Frame(b"one".to_vec())));
        assert_eq!(all(&mut d, b"\x0d\x0btwo\x1c\x0d"), [Event::Frame(b"two".to_vec())]);
    }

    #[test]
    fn an_end_byte_inside_the_payload_is_content() {
        assert_eq!(all(&mut small(), b"\x0ba\x1cb\x1c\x0d"), [Event::Frame(b"a\x1cb".to_vec())]);
    }

    #[test]
    fn faults_are_told_and_bounded() {
        assert_eq!(all(&mut small(), b"GET / HTTP/1.1\r\n\r\n\x0bx\x1c\x0d"), [Event::Fault(Fault::NoStart)]);
        assert_eq!(all(&mut small(), b"\0\0\0\0\0\0"), [Event::Fault(Fault::Junk { limit: 4 })]);
        let mut d = small();
        let events = all(&mut d, b"\x0bMSH\x0bnext\x1c\x0d");
        assert_eq!(
            events,
            [Event::Fault(Fault::Unfinished { head: b"MSH".to_vec() }), Event::Frame(b"next".to_vec())]
        );
        assert!(all(&mut d, b"\x0bhalf").is_empty());
        assert!(d.in_frame());
        assert_eq!(d.pause(), Some(Event::Fault(Fault::Unfinished { head: b"half".to_vec() })));
        assert_eq!(d.pause(), None);
    }

    #[test]
    fn an_oversized_frame_is_skipped_and_the_next_one_read() {
        let mut stream = b"\x0b".to_vec();
        stream.extend([b'x'; 500]);
        stream.extend(b"\x1c\x0d\x0bok\x1c\x0d");
        for cut in [1, 7, 600] {
            let mut d = small();
            let events: Vec<_> = stream.chunks(cut).flat_map(|c| all(&mut d, c)).collect();
            let head = vec![b'x'; 20];
            assert_eq!(
                events,
                [Event::Fault(Fault::TooLong { limit: 20, head }), Event::Frame(b"ok".to_vec())],
                "cut {cut}"
            );
        }
        let mut endless = small();
        assert!(all(&mut endless, b"\x0b").is_empty());
        let flood: Vec<_> =
            std::iter::repeat_n([b'x'; 100], 60).flat_map(|c| all(&mut endless, &c)).collect();
        assert_eq!(flood.last(), Some(&Event::Fault(Fault::Endless { limit: 20 })));
        assert_eq!(flood.len(), 2);
        let exact = frame(&[b'x'; 20]);
        assert_eq!(all(&mut small(), &exact), [Event::Frame(vec![b'x'; 20])]);
    }

    proptest! {
        #[test]
        fn any_stream_gives_the_same_events_however_it_is_cut(
            stream in proptest::collection::vec(prop_oneof![Just(START), Just(END), Just(CR), Just(b'a'), any::<u8>()], 0..200),
            cut in 1usize..20,
        ) {
            let whole = all(&mut small(), &stream);
            let mut d = small();
            let parts: Vec<_> = stream.chunks(cut).flat_map(|c| all(&mut d, c)).collect();
            prop_assert_eq!(whole, parts);
        }
    }
}
