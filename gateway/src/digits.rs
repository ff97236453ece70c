//! Dates and times as text, cut from the front: numbers of fixed width, fractions, zones.
//!
//! Shared by what FHIR stores and what FHIRPath computes with, so that both take the same texts for times.

use std::ops::RangeInclusive;

/// What is left of a text.
pub(crate) struct Digits<'a>(&'a [u8]);

impl<'a> Digits<'a> {
    pub fn new(text: &'a str) -> Self {
        Self(text.as_bytes())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Passes a byte if it is the next one.
    pub fn take(&mut self, byte: u8) -> bool {
        match self.0.split_first() {
            Some((first, rest)) if *first == byte => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    /// A number of exactly so many digits, at most four.
    pub fn number(&mut self, digits: usize) -> Option<u16> {
        let (text, rest) = self.0.split_at_checked(digits)?;
        let value =
            text.iter().try_fold(0u16, |n, b| b.is_ascii_digit().then(|| n * 10 + u16::from(b - b'0')))?;
        self.0 = rest;
        Some(value)
    }

    /// A number of two digits within a range.
    pub fn two(&mut self, range: RangeInclusive<u8>) -> Option<u8> {
        u8::try_from(self.number(2)?).ok().filter(|n| range.contains(n))
    }

    /// Digits behind a point, of which `places`, at most nine, count: their value in that many places, and how many
    /// were given.
    pub fn fraction(&mut self, places: u8) -> Option<(u32, u8)> {
        let digits = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
        let (text, rest) = self.0.split_at_checked(digits).filter(|_| digits > 0)?;
        let value = (0..usize::from(places))
            .fold(0u32, |n, at| n * 10 + text.get(at).map_or(0, |b| u32::from(b - b'0')));
        self.0 = rest;
        Some((value, u8::try_from(digits).map_or(places, |digits| digits.min(places))))
    }

    /// A zone in minutes, up to 14 hours either way. `Some(None)` when there is none, `None` when there is a bad one.
    pub fn zone(&mut self) -> Option<Option<i16>> {
        if self.take(b'Z') {
            return Some(Some(0));
        }
        let sign = match self.0.first() {
            None => return Some(None),
            Some(b'+') => 1,
            Some(b'-') => -1,
            Some(_) => return None,
        };
        self.0 = self.0.get(1..)?;
        let hours = self.two(0..=14)?;
        let minutes = self.take(b':').then(|| self.two(0..=59)).flatten()?;
        (hours < 14 || minutes == 0).then(|| Some(sign * (i16::from(hours) * 60 + i16::from(minutes))))
    }
}
