//! WAV files: any rate, channels and depth that hound reads, at most four hours.

use std::io::Read;

use hound::{SampleFormat, WavReader};
use thiserror::Error;

use super::resample::{RATES, Resampler};
use crate::speech::{RATE, Samples};

/// Longest recording, seconds.
pub const LONGEST: usize = 4 * 3600;
/// Frames that are turned into mono at a time.
const PIECE: usize = 16 * 1024;

/// Why a recording cannot be heard.
#[derive(Debug, Error)]
pub enum WavError {
    /// It is none, or it is damaged.
    #[error(
        "not a WAV file that can be read: {0}; make one with 16 bits, for example with ffmpeg -i FILE out.wav"
    )]
    Bad(#[from] hound::Error),
    /// Rate or channels are none that sound has.
    #[error("{0} Hz with {1} channels cannot be heard; 4 to 384 kHz and 1 to 32 channels can")]
    Form(u32, u16),
    /// It is too long.
    #[error("the recording is longer than {} hours; cut it", LONGEST / 3600)]
    Long,
}

/// Reads a recording as 16 kHz mono; channels are averaged.
///
/// # Errors
/// [`WavError`] says what is wrong with it.
pub fn read(from: impl Read) -> Result<Samples, WavError> {
    let mut file = WavReader::new(from)?;
    let spec = file.spec();
    let form = || WavError::Form(spec.sample_rate, spec.channels);
    if !(1..=32).contains(&spec.channels) || !RATES.contains(&spec.sample_rate) {
        return Err(form());
    }
    if file.duration() as usize / spec.sample_rate as usize > LONGEST {
        return Err(WavError::Long);
    }
    let resampler = Resampler::new(spec.sample_rate).ok_or_else(form)?;
    match spec.sample_format {
        SampleFormat::Float => mono(file.samples::<f32>(), spec.channels, resampler),
        SampleFormat::Int => {
            let full = 1.0 / (1_u64 << (spec.bits_per_sample.max(1) - 1)) as f32;
            let samples = file.samples::<i32>().map(|sample| sample.map(|value| value as f32 * full));
            mono(samples, spec.channels, resampler)
        }
    }
}

fn mono(
    samples: impl Iterator<Item = Result<f32, hound::Error>>,
    channels: u16,
    mut resampler: Resampler,
) -> Result<Samples, WavError> {
    let (mut out, mut piece) = (Vec::new(), Vec::with_capacity(PIECE));
    let (mut sum, mut have) = (0.0, 0);
    for sample in samples {
        let sample = sample?;
        sum += if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 };
        have += 1;
        if have < channels {
            continue;
        }
        piece.push(sum / f32::from(channels));
        (sum, have) = (0.0, 0);
        if piece.len() == PIECE {
            out.extend(resampler.push(&piece));
            piece.clear();
            if out.len() > LONGEST * RATE {
                return Err(WavError::Long);
            }
        }
    }
    out.extend(resampler.push(&piece));
    out.extend(resampler.finish());
    Ok(Samples::new(out))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use hound::{WavSpec, WavWriter};

    use super::*;

    fn file(rate: u32, channels: u16, bits: u16, sample_format: SampleFormat, seconds: u32) -> Vec<u8> {
        let spec = WavSpec { channels, sample_rate: rate, bits_per_sample: bits, sample_format };
        let mut out = Cursor::new(Vec::new());
        let mut writer = WavWriter::new(&mut out, spec).unwrap();
        for at in 0..rate * seconds {
            for channel in 0..channels {
                let value = (at as f32 * 0.05).sin() * if channel == 0 { 0.5 } else { 0.0 };
                match sample_format {
                    SampleFormat::Float => writer.write_sample(value).unwrap(),
                    SampleFormat::Int => {
                        let full = ((1_i64 << (bits - 1)) - 1) as f32;
                        writer.write_sample((value * full) as i32).unwrap();
                    }
                }
            }
        }
        writer.finalize().unwrap();
        out.into_inner()
    }

    #[test]
    fn every_form_becomes_the_same_length() {
        for rate in [8_000, 16_000, 44_100, 48_000] {
            for channels in [1, 2, 6] {
                for (bits, form) in [
                    (8, SampleFormat::Int),
                    (16, SampleFormat::Int),
                    (24, SampleFormat::Int),
                    (32, SampleFormat::Float),
                ] {
                    let samples = read(Cursor::new(file(rate, channels, bits, form, 1))).unwrap();
                    assert!(samples.len().abs_diff(RATE) <= 1, "{rate} {channels} {bits}");
                    let peak = samples.iter().fold(0.0_f32, |most, sample| most.max(sample.abs()));
                    let expected = 0.5 / f32::from(channels);
                    assert!((peak - expected).abs() < 0.03, "{rate} {channels} {bits}: {peak}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_recording_is_refused_with_advice() {
        let error = read(Cursor::new(b"ID3 something")).unwrap_err().to_string();
        assert!(error.contains("ffmpeg"), "{error}");
        let whole = file(8_000, 1, 16, SampleFormat::Int, 1);
        assert!(read(Cursor::new(&whole[..whole.len() / 2])).is_err());
        let mut fast = whole;
        fast[24..28].copy_from_slice(&900_000_u32.to_le_bytes());
        assert!(matches!(read(Cursor::new(fast)), Err(WavError::Form(900_000, 1) | WavError::Bad(_))));
    }
}
