//! What the box and its worker say to each other over the worker's standard input and output.
//!
//! A frame is its length (u32, little endian, of what follows), a byte for its kind, and a body. Everything is bounded on both
//! sides: whoever reads does not trust whoever writes. The worker greets with the version; another one is not spoken with.

use std::io::{self, Read, Write};
use std::time::Duration;

use crate::engine::{Care, Heard};
use crate::speech::{RATE, Samples, Segment, Word};

/// Version of all that is here.
pub const VERSION: u16 = 1;
/// Longest frame: 31 s of samples and a little.
pub const MOST: u32 = 2 * 1024 * 1024;
/// Longest piece of sound.
pub const MOST_SAMPLES: usize = 31 * RATE;
const MOST_SEGMENTS: u32 = 1024;
const MOST_WORDS: u32 = 4096;
const MOST_TEXT: u32 = 4096;

/// What the box wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// Load a model for [`Order::Hear`] in a place, 0 or 1.
    Load {
        /// Which of the two places; what is there goes.
        place: u8,
        /// File.
        path: String,
    },
    /// Load the voice detector.
    LoadVoice {
        /// File.
        path: String,
    },
    /// Hear.
    Hear {
        /// Comes back with the answer.
        id: u64,
        /// Which model.
        place: u8,
        /// How.
        care: Care,
        /// Two letters.
        language: String,
        /// Words that may come.
        prompt: String,
        /// When to give up.
        limit: Duration,
        /// What to hear.
        samples: Samples,
    },
    /// Where is speech?
    Voice {
        /// Comes back with the answer.
        id: u64,
        /// What to hear.
        samples: Samples,
    },
}

/// What the worker says.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// First of all.
    Hello {
        /// [`VERSION`] of the worker.
        version: u16,
        /// How it was built, such as `avx2`.
        variant: String,
    },
    /// The model is there.
    Loaded,
    /// It is still at it. At most one a second.
    Working,
    /// What was heard.
    Heard {
        /// Of the order.
        id: u64,
        /// The words.
        heard: Heard,
    },
    /// How likely each frame holds speech.
    Voice {
        /// Of the order.
        id: u64,
        /// One for each frame of 32 ms.
        frames: Vec<f32>,
    },
    /// It could not be done; the worker goes on.
    Refused {
        /// Why, without a word of what was said.
        why: String,
    },
}

/// Writes an order.
///
/// # Errors
/// When the pipe is closed, or the order is longer than a frame.
pub fn send_order(to: &mut impl Write, order: &Order) -> io::Result<()> {
    let mut out = Out::default();
    match order {
        Order::Load { place, path } => {
            out.u8(1);
            out.u8(*place);
            out.text(path);
        }
        Order::LoadVoice { path } => {
            out.u8(2);
            out.text(path);
        }
        Order::Hear { id, place, care, language, prompt, limit, samples } => {
            out.u8(3);
            out.u64(*id);
            out.u8(*place);
            let (kind, beam) = match care {
                Care::Partial => (0, 1),
                Care::Committed => (1, 1),
                Care::Final { beam } => (2, *beam),
            };
            out.u8(kind);
            out.u8(beam);
            out.text(language);
            out.text(prompt);
            out.u64(limit.as_millis().try_into().unwrap_or(u64::MAX));
            out.floats(samples);
        }
        Order::Voice { id, samples } => {
            out.u8(4);
            out.u64(*id);
            out.floats(samples);
        }
    }
    out.send(to)
}

/// Reads an order; `None` once the box has closed the pipe between two.
///
/// # Errors
/// When the pipe ends inside a frame, or the frame is not one.
pub fn read_order(from: &mut impl Read) -> io::Result<Option<Order>> {
    let Some(frame) = frame(from)? else { return Ok(None) };
    let mut at = In(&frame);
    let order = match at.u8()? {
        1 => Order::Load { place: at.u8()?, path: at.text()? },
        2 => Order::LoadVoice { path: at.text()? },
        3 => {
            let (id, place) = (at.u64()?, at.u8()?);
            let care = match (at.u8()?, at.u8()?) {
                (0, _) => Care::Partial,
                (1, _) => Care::Committed,
                (2, beam @ 1..=8) => Care::Final { beam },
                _ => return Err(bad("an unknown way to listen")),
            };
            Order::Hear {
                id,
                place,
                care,
                language: at.text()?,
                prompt: at.text()?,
                limit: Duration::from_millis(at.u64()?),
                samples: Samples::new(at.floats()?),
            }
        }
        4 => Order::Voice { id: at.u64()?, samples: Samples::new(at.floats()?) },
        _ => return Err(bad("an unknown order")),
    };
    at.end()?;
    Ok(Some(order))
}

/// Writes an answer.
///
/// # Errors
/// When the pipe is closed, or the answer is longer than a frame.
pub fn send_answer(to: &mut impl Write, answer: &Answer) -> io::Result<()> {
    let mut out = Out::default();
    match answer {
        Answer::Hello { version, variant } => {
            out.u8(129);
            out.0.extend_from_slice(&version.to_le_bytes());
            out.text(variant);
        }
        Answer::Loaded => out.u8(130),
        Answer::Working => out.u8(131),
        Answer::Heard { id, heard } => {
            out.u8(132);
            out.u64(*id);
            out.u64(heard.cpu.as_micros().try_into().unwrap_or(u64::MAX));
            out.u32(heard.segments.len());
            for segment in &heard.segments {
                out.u64(segment.start);
                out.u64(segment.end);
                out.u32(segment.words.len());
                for word in &segment.words {
                    out.text(&word.text);
                    out.0.extend_from_slice(&word.probability.to_le_bytes());
                }
            }
        }
        Answer::Voice { id, frames } => {
            out.u8(133);
            out.u64(*id);
            out.floats(frames);
        }
        Answer::Refused { why } => {
            out.u8(134);
            out.text(why);
        }
    }
    out.send(to)
}

/// Reads an answer; `None` once the worker has closed the pipe between two.
///
/// # Errors
/// When the pipe ends inside a frame, or the frame is not one: probabilities lie between 0 and 1, a segment does not end before it
/// starts.
pub fn read_answer(from: &mut impl Read) -> io::Result<Option<Answer>> {
    let Some(frame) = frame(from)? else { return Ok(None) };
    let mut at = In(&frame);
    let answer = match at.u8()? {
        129 => Answer::Hello { version: u16::from_le_bytes(at.bytes()?), variant: at.text()? },
        130 => Answer::Loaded,
        131 => Answer::Working,
        132 => {
            let (id, cpu) = (at.u64()?, Duration::from_micros(at.u64()?));
            let segments = (0..at.count(MOST_SEGMENTS)?).map(|_| at.segment()).collect::<io::Result<_>>()?;
            Answer::Heard { id, heard: Heard { segments, cpu } }
        }
        133 => Answer::Voice { id: at.u64()?, frames: at.floats()? },
        134 => Answer::Refused { why: at.text()? },
        _ => return Err(bad("an unknown answer")),
    };
    at.end()?;
    let shares = match &answer {
        Answer::Voice { frames, .. } => frames.as_slice(),
        _ => &[],
    };
    if shares.iter().any(|share| !(0.0..=1.0).contains(share)) {
        return Err(bad("a probability that is none"));
    }
    Ok(Some(answer))
}

fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn frame(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    let mut have = 0;
    while have < length.len() {
        match from.read(&mut length[have..]) {
            Ok(0) if have == 0 => return Ok(None),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => have += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let length = u32::from_le_bytes(length);
    if length == 0 || length > MOST {
        return Err(bad("a frame of a length that none has"));
    }
    let mut body = vec![0; length as usize];
    from.read_exact(&mut body)?;
    Ok(Some(body))
}

#[derive(Default)]
struct Out(Vec<u8>);

impl Out {
    fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    fn u32(&mut self, value: usize) {
        self.0.extend_from_slice(&u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// Cut at a letter where it is longer than the other side takes.
    fn text(&mut self, text: &str) {
        let mut end = text.len().min(MOST_TEXT as usize);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let text = &text[..end];
        self.u32(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    fn floats(&mut self, values: &[f32]) {
        self.u32(values.len());
        values.iter().for_each(|value| self.0.extend_from_slice(&value.to_le_bytes()));
    }

    fn send(self, to: &mut impl Write) -> io::Result<()> {
        let length = u32::try_from(self.0.len()).ok().filter(|length| *length <= MOST);
        let length = length.ok_or_else(|| bad("a frame longer than any may be"))?;
        to.write_all(&length.to_le_bytes())?;
        to.write_all(&self.0)?;
        to.flush()
    }
}

struct In<'a>(&'a [u8]);

impl In<'_> {
    fn take(&mut self, count: usize) -> io::Result<&[u8]> {
        let (taken, rest) =
            self.0.split_at_checked(count).ok_or_else(|| bad("a frame shorter than it says"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    fn u8(&mut self) -> io::Result<u8> {
        Ok(self.take(1)?[0])
    }

    fn u64(&mut self) -> io::Result<u64> {
        Ok(u64::from_le_bytes(self.bytes()?))
    }

    fn count(&mut self, most: u32) -> io::Result<usize> {
        let count = u32::from_le_bytes(self.bytes()?);
        if count > most { Err(bad("more of something than there may be")) } else { Ok(count as usize) }
    }

    fn text(&mut self) -> io::Result<String> {
        let length = self.count(MOST_TEXT)?;
        String::from_utf8(self.take(length)?.to_vec()).map_err(|_| bad("a text that is none"))
    }

    fn floats(&mut self) -> io::Result<Vec<f32>> {
        let count = self.count(MOST_SAMPLES as u32)?;
        let values: Vec<f32> =
            self.take(count * 4)?.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect();
        if values.iter().any(|value| !value.is_finite()) {
            return Err(bad("a number that is none"));
        }
        Ok(values)
    }

    fn segment(&mut self) -> io::Result<Segment> {
        let (start, end) = (self.u64()?, self.u64()?);
        if end < start {
            return Err(bad("a segment that ends before it starts"));
        }
        let words = (0..self.count(MOST_WORDS)?).map(|_| self.word()).collect::<io::Result<_>>()?;
        Ok(Segment { start, end, words })
    }

    fn word(&mut self) -> io::Result<Word> {
        let text = self.text()?;
        let probability = f32::from_le_bytes(self.bytes()?);
        if !(0.0..=1.0).contains(&probability) {
            return Err(bad("a probability that is none"));
        }
        Ok(Word { text, probability })
    }

    fn end(&self) -> io::Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(bad("a frame longer than it says")) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words() -> impl Strategy<Value = Vec<Word>> {
        let word = ("\\PC{0,12}", 0.0_f32..=1.0).prop_map(|(text, probability)| Word { text, probability });
        proptest::collection::vec(word, 0..8)
    }

    fn answers() -> impl Strategy<Value = Answer> {
        let segment = (0_u64..9999, 0_u64..9999, words()).prop_map(|(start, length, words)| Segment {
            start,
            end: start + length,
            words,
        });
        prop_oneof![
            (any::<u16>(), "[a-z0-9]{1,9}").prop_map(|(version, variant)| Answer::Hello { version, variant }),
            Just(Answer::Loaded),
            Just(Answer::Working),
            "\\PC{0,40}".prop_map(|why| Answer::Refused { why }),
            (any::<u64>(), proptest::collection::vec(0.0_f32..=1.0, 0..50))
                .prop_map(|(id, frames)| Answer::Voice { id, frames }),
            (any::<u64>(), 0_u64..1 << 40, proptest::collection::vec(segment, 0..6)).prop_map(
                |(id, micros, segments)| Answer::Heard {
                    id,
                    heard: Heard { segments, cpu: Duration::from_micros(micros) },
                }
            ),
        ]
    }

    fn orders() -> impl Strategy<Value = Order> {
        let samples = || proptest::collection::vec(-1.0_f32..1.0, 0..500).prop_map(Samples::new);
        let care = prop_oneof![
            Just(Care::Partial),
            Just(Care::Committed),
            (1_u8..=8).prop_map(|beam| Care::Final { beam })
        ];
        prop_oneof![
            (0_u8..2, "\\PC{0,30}").prop_map(|(place, path)| Order::Load { place, path }),
            "\\PC{0,30}".prop_map(|path| Order::LoadVoice { path }),
            (any::<u64>(), samples()).prop_map(|(id, samples)| Order::Voice { id, samples }),
            (any::<u64>(), 0_u8..2, care, "[a-z]{2}", "\\PC{0,60}", 0_u64..1 << 40, samples()).prop_map(
                |(id, place, care, language, prompt, limit, samples)| Order::Hear {
                    id,
                    place,
                    care,
                    language,
                    prompt,
                    limit: Duration::from_millis(limit),
                    samples,
                }
            ),
        ]
    }

    proptest! {
        #[test]
        fn what_is_sent_arrives(order in orders(), answer in answers()) {
            let mut pipe = Vec::new();
            send_order(&mut pipe, &order).unwrap();
            prop_assert_eq!(read_order(&mut pipe.as_slice()).unwrap(), Some(order));
            for end in 1..pipe.len() {
                prop_assert!(read_order(&mut &pipe[..end]).is_err());
            }
            let mut pipe = Vec::new();
            send_answer(&mut pipe, &answer).unwrap();
            prop_assert_eq!(read_answer(&mut pipe.as_slice()).unwrap(), Some(answer));
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut framed = (bytes.len() as u32).to_le_bytes().to_vec();
            framed.extend_from_slice(&bytes);
            let _ = read_answer(&mut framed.as_slice());
            let _ = read_order(&mut framed.as_slice());
            let _ = read_answer(&mut bytes.as_slice());
        }
    }

    #[test]
    fn an_empty_pipe_is_an_end_and_a_giant_frame_is_refused() {
        assert_eq!(read_order(&mut [].as_slice()).unwrap(), None);
        assert!(read_order(&mut u32::MAX.to_le_bytes().as_slice()).is_err());
    }
}
