//! VP8 pictures from RTP packets (RFC 7741): the payload descriptor is taken off and the parts of a picture are joined. After a
//! loss nothing is given until the next whole picture, because everything between would be decoded from something that is not
//! there.

use crate::audio::order::Ordered;

/// Longest picture, in bytes: many times what a camera of a call gives.
const MOST: usize = 512 * 1024;
/// What a whole picture has behind its tag (RFC 6386, section 9.1).
const START: [u8; 3] = [0x9D, 0x01, 0x2A];

/// Width and height in pixels.
pub type Size = (u16, u16);

/// One picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// RTP time stamp, 90 kHz.
    pub timestamp: u32,
    /// Its size, if it is a whole one; else it builds on the one before.
    pub whole: Option<Size>,
    /// VP8.
    pub data: Vec<u8>,
}

/// Joins the packets of one sender.
#[derive(Debug, Default)]
pub struct Joiner {
    /// The number that the next packet has if nothing is lost.
    next: Option<u64>,
    /// The picture at hand: its time stamp and what there is of it.
    open: Option<(u32, Vec<u8>)>,
    /// Pictures count from the next whole one on.
    running: bool,
}

impl Joiner {
    /// Takes the next packet, by growing number; gives the picture that it ends.
    pub fn push(&mut self, packet: &Ordered) -> Option<Picture> {
        let due = self.next.replace(packet.sequence + 1);
        if due.is_some_and(|due| due != packet.sequence) {
            self.lose();
        }
        let packet = &packet.heard.packet;
        if packet.payload.is_empty() {
            return None; // padding: it has a number and nothing else
        }
        let Some((first, part)) = strip(&packet.payload) else {
            self.lose();
            return None;
        };
        match &mut self.open {
            None if first => self.open = Some((packet.timestamp, part.to_vec())),
            // The rest of a picture whose beginning is lost.
            None => return None,
            Some((timestamp, data)) if !first && *timestamp == packet.timestamp => {
                data.extend_from_slice(part);
            }
            // The one before never ended.
            Some(_) => {
                self.lose();
                if first {
                    self.open = Some((packet.timestamp, part.to_vec()));
                }
            }
        }
        if self.open.as_ref().is_some_and(|(_, data)| data.len() > MOST) {
            self.lose();
        }
        if !packet.marker {
            return None;
        }
        let (timestamp, data) = self.open.take()?;
        let whole = size(&data);
        self.running = self.running || whole.is_some();
        self.running.then_some(Picture { timestamp, whole, data })
    }

    /// Gives nothing until the next whole picture.
    pub fn lose(&mut self) {
        self.open = None;
        self.running = false;
    }

    /// Whether it waits for a whole picture.
    pub fn waits(&self) -> bool {
        !self.running
    }
}

/// Takes the payload descriptor off (section 4.2): whether the packet begins a picture, and the rest.
fn strip(payload: &[u8]) -> Option<(bool, &[u8])> {
    let (head, mut rest) = payload.split_first()?;
    let first = head & 0x10 != 0 && head & 0x07 == 0;
    if head & 0x80 != 0 {
        let (more, after) = rest.split_first()?;
        rest = after;
        if more & 0x80 != 0 {
            let long = usize::from(rest.first()? & 0x80 != 0);
            rest = rest.get(1 + long..)?;
        }
        // TL0PICIDX, and one byte that TID and KEYIDX share.
        rest = rest.get(usize::from(more & 0x40 != 0)..)?;
        rest = rest.get(usize::from(more & 0x30 != 0)..)?;
    }
    (!rest.is_empty()).then_some((first, rest))
}

/// The size of a whole picture; none for one that builds on another.
fn size(data: &[u8]) -> Option<Size> {
    let tag = *data.first()?;
    if tag & 1 != 0 || data.get(3..6)? != START {
        return None;
    }
    let side = |at: usize| Some(u16::from_le_bytes([*data.get(at)?, *data.get(at + 1)?]) & 0x3FFF);
    let (width, height) = (side(6)?, side(8)?);
    (width > 0 && height > 0).then_some((width, height))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::engine::Packet;
    use crate::forward::Heard;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::time::Duration;

    /// A picture as an encoder gives it: `n` says which, so that no two are alike.
    pub(crate) fn coded(n: u32, whole: bool, length: usize) -> Vec<u8> {
        let mut data =
            if whole { vec![0x10, 0, 0, 0x9D, 0x01, 0x2A, 0x40, 0x01, 0xF0, 0x00] } else { vec![0x11, 0, 0] };
        data.extend_from_slice(&n.to_le_bytes());
        data.resize(data.len().max(length), n as u8);
        data
    }

    /// Its packets, each with a descriptor of another shape.
    pub(crate) fn packets(data: &[u8], timestamp: u32, sequence: &mut u16, most: usize) -> Vec<Packet> {
        let parts: Vec<&[u8]> = data.chunks(most.max(1)).collect();
        let last = parts.len() - 1;
        let packet = |(i, part): (usize, &&[u8])| {
            let s = if i == 0 { 0x10 } else { 0 };
            let mut payload = match timestamp % 4 {
                0 => vec![s],
                1 => vec![s | 0x80, 0x80, 0x05],
                2 => vec![s | 0x80, 0x80, 0x80, 0x05],
                _ => vec![s | 0x80, 0xF0, 0x85, 0x05, 0x01, 0x20],
            };
            payload.extend_from_slice(part);
            let packet =
                Packet { sequence: *sequence, timestamp, marker: i == last, payload: payload.into() };
            *sequence = sequence.wrapping_add(1);
            packet
        };
        parts.iter().enumerate().map(packet).collect()
    }

    fn ordered(sequence: u64, packet: Packet) -> Ordered {
        Ordered { sequence, heard: Heard { packet, at: Duration::ZERO } }
    }

    #[test]
    fn descriptors_of_every_shape_are_taken_off() {
        let check = |payload: &[u8], expected: Option<(bool, &[u8])>| assert_eq!(strip(payload), expected);
        check(&[0x10, 1, 2], Some((true, &[1, 2])));
        check(&[0x00, 1], Some((false, &[1])));
        check(&[0x11, 1], Some((false, &[1]))); // begins a partition that is not the first
        check(&[0x90, 0x80, 0x7F, 1], Some((true, &[1])));
        check(&[0x90, 0x80, 0xFF, 0xFF, 1], Some((true, &[1])));
        check(&[0x90, 0x40, 9, 1], Some((true, &[1])));
        check(&[0x90, 0x20, 9, 1], Some((true, &[1])));
        check(&[0x90, 0x10, 9, 1], Some((true, &[1])));
        check(&[0x90, 0xF0, 0xFF, 0xFF, 9, 9, 1], Some((true, &[1])));
        for short in
            [&[][..], &[0x10], &[0x90], &[0x90, 0x80], &[0x90, 0x80, 0x80, 1], &[0x90, 0xF0, 1, 2, 3]]
        {
            check(short, None);
        }
    }

    #[test]
    fn nothing_is_given_between_a_loss_and_the_next_whole_picture() {
        let mut joiner = Joiner::default();
        let mut number = 0;
        let mut play = |joiner: &mut Joiner, n: u32, whole: bool, lose: Option<usize>| {
            let mut sequence = number as u16;
            let all = packets(&coded(n, whole, 3000), n, &mut sequence, 1000);
            let mut got = None;
            for (i, packet) in all.into_iter().enumerate() {
                if Some(i) != lose {
                    got = joiner.push(&ordered(number, packet)).or(got);
                }
                number += 1;
            }
            got.map(|picture| (picture.whole, picture.data == coded(n, whole, 3000)))
        };
        assert_eq!(play(&mut joiner, 0, false, None), None, "before the first whole one");
        assert_eq!(play(&mut joiner, 1, true, None), Some((Some((320, 240)), true)));
        assert_eq!(play(&mut joiner, 2, false, None), Some((None, true)));
        assert_eq!(play(&mut joiner, 3, false, Some(1)), None);
        assert!(joiner.waits());
        assert_eq!(play(&mut joiner, 4, false, None), None);
        assert_eq!(play(&mut joiner, 5, true, Some(0)), None);
        assert_eq!(play(&mut joiner, 6, true, None), Some((Some((320, 240)), true)));
        assert!(!joiner.waits());
    }

    proptest! {
        #[test]
        fn no_picture_is_torn_and_each_has_what_it_builds_on(
            pictures in prop::collection::vec((prop::bool::weighted(0.2), 1usize..6000, 200usize..1200), 1..40),
            lost in prop::collection::btree_set(0usize..120, 0..12),
            padded in prop::collection::btree_set(0usize..40, 0..5),
        ) {
            let mut joiner = Joiner::default();
            let (mut sequence, mut number, mut whole_numbers) = (65_500u16, 0u64, BTreeSet::new());
            let mut given = Vec::new();
            for (n, (whole, length, most)) in pictures.iter().enumerate() {
                let data = coded(n as u32, *whole, *length);
                let mut all = packets(&data, n as u32, &mut sequence, *most);
                if padded.contains(&n) {
                    all.push(Packet { sequence, timestamp: n as u32, marker: false, payload: bytes::Bytes::new() });
                    sequence = sequence.wrapping_add(1);
                }
                let mut complete = true;
                for packet in all {
                    if lost.contains(&(number as usize)) {
                        complete &= packet.payload.is_empty();
                    } else if let Some(picture) = joiner.push(&ordered(number, packet)) {
                        prop_assert_eq!(&picture.data, &data, "torn");
                        given.push(n);
                    }
                    number += 1;
                }
                if complete { whole_numbers.insert(n); }
            }
            for (at, n) in given.iter().enumerate() {
                prop_assert!(whole_numbers.contains(n));
                let follows = at > 0 && given[at - 1] + 1 == *n;
                prop_assert!(pictures[*n].0 || follows, "picture {} builds on one that is not there", n);
            }
        }

        #[test]
        fn anything_is_taken(payloads in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..30), any::<bool>(), 0u64..3), 0..60)) {
            let mut joiner = Joiner::default();
            let mut number = 0;
            for (payload, marker, step) in payloads {
                number += step;
                let packet = Packet { sequence: 0, timestamp: 0, marker, payload: payload.into() };
                let _ = joiner.push(&ordered(number, packet));
                number += 1;
            }
        }
    }
}
