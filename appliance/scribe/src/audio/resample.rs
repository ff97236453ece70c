//! From any sample rate to 16 kHz, a piece at a time: a low-pass filter evaluated where each new sample falls.
//!
//! The state between two pieces is kept, so that pieces of any length give what the whole would give.

use std::f64::consts::PI;

use crate::speech::RATE;

/// Zero crossings of the filter on each side.
const REACH: usize = 16;
/// Rates that are taken, Hz.
pub const RATES: std::ops::RangeInclusive<u32> = 4_000..=384_000;

/// A stream of one rate that becomes 16 kHz.
#[derive(Debug, Clone)]
pub struct Resampler {
    /// Samples of the input for each of the output, in lowest terms.
    step: u64,
    per: u64,
    /// Filter for each of the `per` places between two input samples.
    phases: Vec<Vec<f32>>,
    half: usize,
    /// Input from `first` on, as far as it is still needed.
    held: Vec<f32>,
    first: u64,
    taken: u64,
    given: u64,
}

impl Resampler {
    /// For input of this rate; `None` when it is outside [`RATES`].
    pub fn new(rate: u32) -> Option<Self> {
        if !RATES.contains(&rate) {
            return None;
        }
        let common = gcd(u64::from(rate), RATE as u64);
        let (step, per) = (u64::from(rate) / common, RATE as u64 / common);
        // The lower of the two rates bounds what may pass.
        let pass = (RATE as f64 / f64::from(rate)).min(1.0) * 0.95;
        let half = (REACH as f64 / pass).ceil() as usize;
        let phases = (0..per).map(|phase| filter(phase as f64 / per as f64, pass, half)).collect();
        Some(Self { step, per, phases, half, held: vec![0.0; half], first: 0, taken: 0, given: 0 })
    }

    /// Takes the next samples and gives what can be said by now.
    pub fn push(&mut self, input: &[f32]) -> Vec<f32> {
        if self.step == self.per {
            return input.to_vec();
        }
        self.held.extend_from_slice(input);
        self.taken += input.len() as u64;
        self.ready(self.taken)
    }

    /// What is still to come, as if silence followed.
    pub fn finish(mut self) -> Vec<f32> {
        if self.step == self.per {
            return Vec::new();
        }
        self.held.resize(self.held.len() + 2 * self.half, 0.0);
        let whole = (self.taken * self.per).div_ceil(self.step);
        let mut rest = self.ready(self.taken + 2 * self.half as u64);
        let given_before = self.given - rest.len() as u64;
        rest.truncate(usize::try_from(whole.saturating_sub(given_before)).unwrap_or(0));
        rest
    }

    fn ready(&mut self, taken: u64) -> Vec<f32> {
        let mut out = Vec::new();
        loop {
            let place = self.given * self.step;
            let (whole, phase) = (place / self.per, place % self.per);
            if whole + self.half as u64 >= taken {
                break;
            }
            // `held` begins `half` samples before the input sample `first`.
            let start = (whole - self.first) as usize + 1;
            let window = self.held.get(start..start + 2 * self.half).unwrap_or(&[]);
            let filter = &self.phases[phase as usize];
            out.push(window.iter().zip(filter).map(|(sample, weight)| sample * weight).sum());
            self.given += 1;
        }
        let needed = (self.given * self.step / self.per).min(taken);
        let gone = (needed.saturating_sub(self.first) as usize).min(self.held.len());
        self.held.drain(..gone);
        self.first += gone as u64;
        out
    }
}

/// Weights of the `2 * half` input samples around a place `phase` after the `half`-th: a windowed sinc of sum 1.
fn filter(phase: f64, pass: f64, half: usize) -> Vec<f32> {
    let weights: Vec<f64> = (0..2 * half)
        .map(|at| {
            let distance = at as f64 + 1.0 - half as f64 - phase;
            let x = PI * distance * pass;
            let sinc = if x.abs() < 1e-9 { 1.0 } else { x.sin() / x };
            let window = 0.5 + 0.5 * (PI * distance / half as f64).cos();
            if distance.abs() >= half as f64 { 0.0 } else { sinc * window }
        })
        .collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| (weight / sum) as f32).collect()
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tone(rate: u32, hertz: f64, count: usize) -> Vec<f32> {
        (0..count).map(|at| (2.0 * PI * hertz * at as f64 / f64::from(rate)).sin() as f32).collect()
    }

    fn through(rate: u32, input: &[f32]) -> Vec<f32> {
        let mut resampler = Resampler::new(rate).unwrap();
        let mut out = resampler.push(input);
        out.extend(resampler.finish());
        out
    }

    #[test]
    fn a_tone_stays_what_it_is_and_one_too_high_goes() {
        for rate in [8_000, 11_025, 22_050, 44_100, 48_000, 96_000] {
            let out = through(rate, &tone(rate, 1000.0, rate as usize));
            assert!(out.len().abs_diff(RATE) <= 1, "{rate}: {}", out.len());
            let expected = tone(RATE as u32, 1000.0, RATE);
            let worst = out[200..out.len() - 200]
                .iter()
                .zip(&expected[200..])
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f32::max);
            assert!(worst < 0.02, "{rate}: {worst}");
        }
        let out = through(48_000, &tone(48_000, 12_000.0, 48_000));
        assert!(out[500..15_000].iter().all(|sample| sample.abs() < 0.01));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn pieces_give_what_the_whole_gives(
            rate in prop_oneof![Just(8_000_u32), Just(11_025), Just(44_100), Just(48_000), Just(16_000)],
            cuts in proptest::collection::vec(1_usize..900, 1..12),
        ) {
            let whole = tone(rate, 440.0, cuts.iter().sum());
            let mut resampler = Resampler::new(rate).unwrap();
            let mut out = Vec::new();
            let mut at = 0;
            for cut in cuts {
                out.extend(resampler.push(&whole[at..at + cut]));
                at += cut;
            }
            out.extend(resampler.finish());
            prop_assert_eq!(out, through(rate, &whole));
        }
    }

    #[test]
    fn a_rate_that_nobody_has_is_refused() {
        assert!(Resampler::new(0).is_none() && Resampler::new(1_000_000).is_none());
    }
}
