//! How speech lies in a blob: chunks of about a second, each with its place in time.
//!
//! Chunk: u64 LE milliseconds since the call began | samples, i16 LE, mono, 16 kHz. A chunk says where it stands, so that lost
//! sound is a gap and never moves what follows.

use std::io;

use clinicvault_scribe::speech::{RATE, Samples, millis};
use clinicvault_vault::{BlobError, BlobReader};
use zeroize::Zeroizing;

/// Samples of a chunk: what a power cut may cost.
pub const CHUNK: usize = RATE;
/// Longest silence that is made up between two chunks at once, in samples.
const STILL: u64 = 10 * RATE as u64;
/// A gap up to this many milliseconds is the network's, and none.
const SLACK: u64 = 40;

/// Samples that fill up to a chunk.
#[derive(Debug, Default)]
pub struct Filling {
    /// Milliseconds of the call at which `samples` begin.
    at: u64,
    samples: Vec<f32>,
}

impl Filling {
    /// Takes samples that were spoken at `at` ms; gives the chunks that are full by that, or ended by a gap.
    pub fn push(&mut self, at: u64, samples: &[f32]) -> Vec<Zeroizing<Vec<u8>>> {
        let mut full = Vec::new();
        let expected = self.at + millis(self.samples.len());
        if !self.samples.is_empty() && at.abs_diff(expected) > SLACK {
            full.extend(self.take());
        }
        let mut rest = samples;
        let mut at = at;
        while !rest.is_empty() {
            if self.samples.is_empty() {
                self.at = at;
            }
            let (now, later) = rest.split_at(rest.len().min(CHUNK - self.samples.len()));
            self.samples.extend_from_slice(now);
            at += millis(now.len());
            rest = later;
            if self.samples.len() == CHUNK {
                full.extend(self.take());
            }
        }
        full
    }

    /// What is there, as a chunk.
    pub fn take(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        if self.samples.is_empty() {
            return None;
        }
        let mut chunk = Zeroizing::new(Vec::with_capacity(8 + 2 * self.samples.len()));
        chunk.extend_from_slice(&self.at.to_le_bytes());
        // The range of f32 is wider: what is beyond -1 to 1 is cut.
        let narrow = |sample: &f32| (sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)) as i16;
        self.samples.iter().for_each(|sample| chunk.extend_from_slice(&narrow(sample).to_le_bytes()));
        self.samples.fill(0.0);
        self.samples.clear();
        Some(chunk)
    }
}

/// A chunk again: its place and its samples.
fn read(chunk: &[u8]) -> Option<(u64, Vec<f32>)> {
    let (at, samples) = chunk.split_first_chunk::<8>()?;
    let wide =
        |two: &[u8]| two.try_into().ok().map(|two| f32::from(i16::from_le_bytes(two)) / f32::from(i16::MAX));
    Some((u64::from_le_bytes(*at), samples.chunks(2).map(wide).collect::<Option<_>>()?))
}

/// Speech from its first sample on, with silence where nothing is kept.
pub struct Speech<R> {
    from: R,
    /// Milliseconds of the call at which it begins, and samples given so far.
    began: Option<u64>,
    given: u64,
    /// A chunk that comes after silence.
    next: Option<(u64, Vec<f32>)>,
}

/// Where chunks come from.
pub trait Chunks {
    /// The next one.
    fn chunk(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, BlobError>;
}

impl Chunks for BlobReader {
    fn chunk(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, BlobError> {
        BlobReader::chunk(self)
    }
}

impl<R: Chunks> Speech<R> {
    /// Reads from the first chunk on.
    pub fn new(from: R) -> Self {
        Self { from, began: None, given: 0, next: None }
    }

    /// Milliseconds of the call at which it begins; none when nothing is kept.
    ///
    /// # Errors
    /// When the first chunk cannot be read.
    pub fn begins(&mut self) -> io::Result<Option<u64>> {
        self.fetch()?;
        Ok(self.began.or(self.next.as_ref().map(|(at, _)| *at)))
    }

    fn fetch(&mut self) -> io::Result<()> {
        if self.next.is_none() {
            let damaged = || io::Error::new(io::ErrorKind::InvalidData, "kept speech is damaged");
            let Some(chunk) = self.from.chunk().map_err(io::Error::other)? else { return Ok(()) };
            self.next = Some(read(&chunk).ok_or_else(damaged)?);
        }
        Ok(())
    }

    fn step(&mut self) -> io::Result<Option<Samples>> {
        self.fetch()?;
        let Some((at, samples)) = self.next.take() else { return Ok(None) };
        let began = *self.began.get_or_insert(at);
        let due = at.saturating_sub(began) * RATE as u64 / 1000;
        let missing = due.saturating_sub(self.given);
        if missing > SLACK * RATE as u64 / 1000 {
            let still = missing.min(STILL);
            self.given += still;
            self.next = Some((at, samples));
            return Ok(Some(Samples::new(vec![0.0; usize::try_from(still).unwrap_or(0)])));
        }
        self.given += samples.len() as u64;
        Ok(Some(Samples::new(samples)))
    }
}

impl<R: Chunks> Iterator for Speech<R> {
    type Item = io::Result<Samples>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Shelf(std::vec::IntoIter<Zeroizing<Vec<u8>>>);

    impl Chunks for Shelf {
        fn chunk(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, BlobError> {
            Ok(self.0.next())
        }
    }

    proptest! {
        #[test]
        fn what_was_spoken_stands_where_it_was_spoken(
            parts in prop::collection::vec((0u64..3_000, 1usize..3_000), 1..40), first in 0u64..10_000,
        ) {
            // Each part is a tone of its own, after a pause.
            let (mut filling, mut chunks, mut said) = (Filling::default(), Vec::new(), Vec::new());
            let mut at = first;
            for (number, (pause, length)) in parts.into_iter().enumerate() {
                at += if pause < 1_000 { 0 } else { pause };
                let tone = (number % 40 + 1) as f32 / 50.0;
                chunks.extend(filling.push(at, &vec![tone; length]));
                said.push((at, length, tone));
                at += millis(length);
            }
            chunks.extend(filling.take());
            prop_assert!(chunks.iter().all(|chunk| chunk.len() <= 8 + 2 * CHUNK));
            let heard: Vec<f32> =
                Speech::new(Shelf(chunks.into_iter())).flat_map(|part| part.unwrap().to_vec()).collect();
            let total: usize = said.iter().map(|(_, length, _)| length).sum();
            prop_assert_eq!(heard.iter().filter(|sample| **sample > 0.001).count(), total, "nothing is lost or doubled");
            let began = said[0].0;
            for (at, length, tone) in said {
                let from = usize::try_from((at - began) * 16).unwrap();
                let middle = from + length / 2;
                // Up to the slack for each pause that was none, by the rounding to milliseconds.
                let near = &heard[middle.saturating_sub(length / 2 + 800).min(heard.len())..(middle + 800).min(heard.len())];
                prop_assert!(near.iter().any(|sample| (sample - tone).abs() < 0.001));
            }
        }
    }

    #[test]
    fn half_a_chunk_is_refused() {
        let mut filling = Filling::default();
        filling.push(0, &[0.5; 10]);
        let mut chunk = filling.take().unwrap();
        chunk.pop();
        let mut speech = Speech::new(Shelf(vec![chunk].into_iter()));
        assert!(speech.next().unwrap().is_err());
        assert!(filling.take().is_none());
    }
}
