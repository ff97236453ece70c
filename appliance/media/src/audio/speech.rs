//! Opus packets in order become samples without holes: short gaps are concealed, longer ones silent, very long ones
//! left out (the next samples' time says so).

use super::order::Ordered;
use super::timeline::{TICKS, Timeline};
use super::{RATE, Sound};
use crate::Error;
use ropus::{Channels, DecodeMode, Decoder};
use std::time::Duration;

/// Ticks of the RTP clock for one sample.
const TICKS_A_SAMPLE: u64 = TICKS / RATE as u64;
/// The longest packet is 120 ms (RFC 6716, section 2.1.4).
const LONGEST: usize = RATE as usize * 120 / 1000;
/// Ticks of one concealed piece: 20 ms, what browsers send.
const PIECE: u64 = TICKS / 50;
/// The longest gap that is concealed: 60 ms. Beyond, concealment is a hum that reads as speech.
const CONCEALED: u64 = 3 * PIECE;
/// The longest gap that is filled with silence: 2 s.
const SILENT: u64 = 2 * TICKS;

/// Turns Opus packets into 16 kHz mono samples.
pub trait Decode: Send {
    /// The samples of a packet. `room` is the most there can be.
    fn decode(&mut self, packet: &[u8], room: usize) -> Result<Vec<i16>, Error>;
    /// Exactly `wanted` samples for a lost packet: from what the packet behind it repeats, if that is known and does,
    /// else as the voice went.
    fn conceal(&mut self, following: Option<&[u8]>, wanted: usize) -> Result<Vec<i16>, Error>;
}

/// The decoder of `ropus`: the reference's fixed-point arithmetic in Rust.
struct Ropus(Decoder);

impl Ropus {
    fn run(&mut self, packet: &[u8], mode: DecodeMode, room: usize) -> Result<Vec<i16>, Error> {
        let mut samples = vec![0i16; room];
        let decoded =
            self.0.decode(packet, &mut samples, mode).map_err(|e| Error::Sound(format!("{e:?}")))?;
        samples.truncate(decoded);
        Ok(samples)
    }
}

impl Decode for Ropus {
    fn decode(&mut self, packet: &[u8], room: usize) -> Result<Vec<i16>, Error> {
        self.run(packet, DecodeMode::Normal, room)
    }

    fn conceal(&mut self, following: Option<&[u8]>, wanted: usize) -> Result<Vec<i16>, Error> {
        match following {
            Some(packet) => self.run(packet, DecodeMode::Fec, wanted),
            None => self.run(&[], DecodeMode::Normal, wanted),
        }
    }
}

/// The decoder of one stream.
pub struct Speech {
    decoder: Box<dyn Decode>,
    line: Timeline,
    /// The time stamp behind the last sample given out.
    next: Option<u64>,
    /// The time behind the last sample given out.
    end: Duration,
}

impl Speech {
    /// A fresh decoder at 16 kHz mono, whatever the browser encodes.
    pub fn new() -> Result<Speech, Error> {
        let decoder = Decoder::new(RATE, Channels::Mono).map_err(|e| Error::Sound(format!("{e:?}")))?;
        Ok(Speech::with(Box::new(Ropus(decoder))))
    }

    /// On another decoder.
    pub fn with(decoder: Box<dyn Decode>) -> Speech {
        Speech { decoder, line: Timeline::default(), next: None, end: Duration::ZERO }
    }

    /// Decodes a packet; what lies between it and the one before comes first. A packet that cannot be decoded leaves a
    /// gap for the next.
    pub fn hear(&mut self, ordered: &Ordered) -> Vec<Sound> {
        let packet = &ordered.heard.packet;
        let ticks = self.line.extend(packet.timestamp);
        self.line.came(ticks, ordered.heard.at);
        let mut sounds = Vec::new();
        match self.next {
            // Two packets for one time: the first stands.
            Some(next) if ticks < next => return sounds,
            Some(next) => sounds.extend(self.fill(next, ticks, &packet.payload)),
            None => {}
        }
        match self.decoder.decode(&packet.payload, LONGEST) {
            Ok(samples) if !samples.is_empty() => {
                let end = ticks + samples.len() as u64 * TICKS_A_SAMPLE;
                sounds.push(self.sound(ticks, samples));
                self.next = Some(end);
            }
            // Where the bad packet began, so that its gap is seen.
            Ok(_) | Err(_) => self.next = Some(ticks),
        }
        sounds
    }

    /// What belongs between two packets.
    fn fill(&mut self, from: u64, to: u64, following: &[u8]) -> Option<Sound> {
        let missing = to - from;
        let samples = match missing {
            0 => return None,
            gap if gap <= CONCEALED => self.conceal(gap, following),
            gap if gap <= SILENT => vec![0; count(gap)],
            _ => return None,
        };
        Some(self.sound(from, samples))
    }

    /// Goes on as the voice went, and takes the last piece from what the next packet repeats of it, if it does.
    fn conceal(&mut self, gap: u64, following: &[u8]) -> Vec<i16> {
        let mut samples = Vec::with_capacity(count(gap));
        let mut left = gap;
        while left > 0 {
            let piece = left.min(PIECE);
            let wanted = count(piece);
            let behind = (left == PIECE).then_some(following);
            // Of a decoder only multiples of 2.5 ms can be asked; browsers leave no others.
            let fits = wanted.is_multiple_of(RATE as usize / 400);
            let concealed = if fits { self.decoder.conceal(behind, wanted).ok() } else { None };
            samples.extend(concealed.unwrap_or_default());
            samples.resize(count(gap - left) + wanted, 0);
            left -= piece;
        }
        samples
    }

    fn sound(&mut self, ticks: u64, samples: Vec<i16>) -> Sound {
        // Time does not run back when the anchor moves.
        let at = self.line.at(ticks).max(self.end);
        let lasts = Duration::from_nanos(samples.len() as u64 * 1_000_000_000 / u64::from(RATE));
        // The anchor may move by the jitter it learns of; what follows may overlap by that much.
        self.end = at + lasts - lasts.min(Duration::from_millis(5));
        Sound { at, samples }
    }
}

fn count(ticks: u64) -> usize {
    usize::try_from(ticks / TICKS_A_SAMPLE).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::order::Order;
    use crate::engine::Packet;
    use crate::forward::Heard;
    use proptest::prelude::*;
    use ropus::{Application, Bitrate, Encoder};

    /// Something like a voice: a gliding tone with overtones that swells four times a second.
    fn voice(seconds: f64) -> Vec<i16> {
        let rate = f64::from(RATE);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let many = (seconds * rate) as u32;
        let mut phase = 0.0f64;
        (0..many)
            .map(|i| {
                let t = f64::from(i) / rate;
                phase += std::f64::consts::TAU * (140.0 + 40.0 * (t * 2.0).sin()) / rate;
                let tone: f64 = (1..6).map(|k| (phase * f64::from(k)).sin() / f64::from(k)).sum();
                #[allow(clippy::cast_possible_truncation)]
                let sample = (tone * 5000.0 * (0.6 + 0.4 * (t * 25.0).sin())) as i16;
                sample
            })
            .collect()
    }

    /// Speech of a person, where the shared recordings are at hand.
    fn recording() -> Option<Vec<i16>> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/speech/dev/jfk.wav");
        let bytes = std::fs::read(path).ok()?;
        let data = bytes.windows(4).position(|w| w == b"data")? + 8;
        Some(bytes[data..].as_chunks::<2>().0.iter().map(|b| i16::from_le_bytes(*b)).collect())
    }

    /// As a browser sends it: 20 ms packets, 48 kHz time stamps, the first near the wrap of both counters.
    fn packets(samples: &[i16]) -> Vec<Heard> {
        let mut encoder = Encoder::builder(RATE, Channels::Mono, Application::Voip).build().unwrap();
        encoder.set_bitrate(Bitrate::try_bits(40_000).unwrap()).unwrap();
        let frames = samples.as_chunks::<320>().0;
        let encode = |(i, frame): (usize, &[i16; 320])| {
            let mut out = [0u8; 1500];
            let length = encoder.encode(frame, &mut out).unwrap();
            let i = u32::try_from(i).unwrap();
            #[allow(clippy::cast_possible_truncation)]
            let packet = Packet {
                sequence: (65_530 + i) as u16,
                timestamp: (u32::MAX - 5000).wrapping_add(i * 960),
                marker: false,
                payload: bytes::Bytes::copy_from_slice(&out[..length]),
            };
            Heard { packet, at: Duration::from_millis(3000 + 20 * u64::from(i)) }
        };
        frames.iter().enumerate().map(encode).collect()
    }

    /// Through order and decoder, in the order given.
    fn hear(packets: Vec<Heard>) -> Vec<Sound> {
        let (mut order, mut speech) = (Order::default(), Speech::new().unwrap());
        let mut sounds = Vec::new();
        let mut now = Duration::ZERO;
        for heard in packets {
            now = now.max(heard.at);
            order.push(heard, now);
            while let Some(next) = order.pop(now) {
                sounds.extend(speech.hear(&next));
            }
        }
        now += Duration::from_secs(1);
        while let Some(next) = order.pop(now) {
            sounds.extend(speech.hear(&next));
        }
        sounds
    }

    fn joined(sounds: &[Sound]) -> Vec<i16> {
        sounds.iter().flat_map(|s| s.samples.iter().copied()).collect()
    }

    /// How alike two signals are at the best shift up to 20 ms, -1 to 1.
    fn alike(a: &[i16], b: &[i16]) -> f64 {
        let at = |lag: usize| {
            let pairs = || a.iter().zip(&b[lag..]).map(|(x, y)| (f64::from(*x), f64::from(*y)));
            let dot: f64 = pairs().map(|(x, y)| x * y).sum();
            let (xx, yy) = pairs().fold((0.0, 0.0), |(xx, yy), (x, y)| (xx + x * x, yy + y * y));
            dot / (xx * yy).sqrt().max(1.0)
        };
        (0..320).map(at).fold(-1.0, f64::max)
    }

    fn check_alike(name: &str, clip: &[i16], at_least: f64) {
        let mut all = packets(clip);
        // Neighbours change places here and there.
        for i in (10..all.len() - 2).step_by(37) {
            all.swap(i, i + 1);
        }
        let sounds = hear(all);
        let samples = joined(&sounds);
        assert_eq!(samples.len(), clip.len() / 320 * 320, "{name}: nothing more or less");
        // The decoder alone, fed in order, is the measure of what the tap adds: nothing.
        let mut decoder = Decoder::new(RATE, Channels::Mono).unwrap();
        let mut plain = Vec::new();
        for heard in packets(clip) {
            let mut out = [0i16; 320];
            decoder.decode(&heard.packet.payload, &mut out, DecodeMode::Normal).unwrap();
            plain.extend(out);
        }
        assert!(samples == plain, "{name}: not what the decoder gives");
        let alike = alike(clip, &samples);
        println!("{name}: {alike:.3}");
        assert!(alike >= at_least, "{name}: {alike}");
        assert_eq!(sounds[0].at, Duration::from_secs(3), "{name}: the time of the call");
    }

    #[test]
    fn what_was_said_is_what_is_heard() {
        // The codec itself costs an artificial tone more likeness than it costs a voice.
        check_alike("a tone", &voice(4.0), 0.75);
        if let Some(clip) = recording() {
            check_alike("a recording", &clip, 0.85);
        }
    }

    #[test]
    fn short_gaps_are_concealed_long_ones_silent_and_very_long_ones_left_out() {
        let clip = voice(4.0);
        let without = |lost: std::ops::Range<usize>| {
            let mut all = packets(&clip);
            all.drain(lost);
            hear(all)
        };
        let loud = |samples: &[i16]| samples.iter().map(|s| i32::from(s.unsigned_abs())).max().unwrap_or(0);
        let gap = |sounds: &[Sound], pieces: usize| joined(sounds)[50 * 320..(50 + pieces) * 320].to_vec();
        let two = without(50..52);
        assert_eq!(joined(&two).len(), clip.len());
        assert!(loud(&gap(&two, 2)) > 500, "the voice goes on over 40 ms");
        let five = without(50..55);
        assert_eq!(joined(&five).len(), clip.len());
        assert_eq!(loud(&gap(&five, 5)), 0, "100 ms are silent");
        let many = without(50..180);
        assert_eq!(joined(&many).len(), clip.len() - 130 * 320, "2.6 s are left out");
        let last = many.last().unwrap();
        assert_eq!(last.at, Duration::from_millis(3000 + 199 * 20), "and the times say so");
    }

    proptest! {
        #[test]
        fn whatever_comes_is_bounded_and_time_does_not_run_back(
            packets in prop::collection::vec(
                (any::<u16>(), any::<u32>(), 0u64..200, prop::collection::vec(any::<u8>(), 0..60)),
                1..40,
            ),
        ) {
            let mut at = Duration::ZERO;
            let mut heard = Vec::new();
            for (jump, stamp, later, payload) in packets {
                at += Duration::from_millis(later);
                // Mostly a stream, at times a leap.
                let (sequence, timestamp) = if jump % 5 == 0 { (jump, stamp) } else {
                    let i = u16::try_from(heard.len()).unwrap();
                    (i, u32::from(i) * 960)
                };
                let packet = Packet { sequence, timestamp, marker: false, payload: payload.into() };
                heard.push(Heard { packet, at });
            }
            let mut before = Duration::ZERO;
            for sound in hear(heard) {
                prop_assert!(sound.samples.len() <= RATE as usize * 2);
                prop_assert!(sound.at >= before);
                before = sound.at;
            }
        }
    }
}
