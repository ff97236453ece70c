//! WebM of our own: what a browser plays, in pieces that are each of use. Pure; the element ids are those of RFC 9559.
//!
//! ```text
//! head     EBML | Segment, size unknown | room for a SeekHead | Info, with room for a Duration | Tracks
//! clusters Timestamp | SimpleBlocks, in the order of their times
//! tail     Cues
//! ```
//! While a recording grows nobody knows its length, and what is kept is never written over. So [`Index`] remembers what a
//! closed file says of itself, and [`Index::close`] gives head and tail once more, as they are served in place of the first.
//! [`mend`] finds the same from the pieces of a recording that was cut short.

use super::ebml::{element, fraction, number, put_id, read, value, void};
use super::vp8::Size;

const EBML: u32 = 0x1A45_DFA3;
const SEGMENT: u32 = 0x1853_8067;
const SEEK_HEAD: u32 = 0x114D_9B74;
const INFO: u32 = 0x1549_A966;
const DURATION: u32 = 0x4489;
const TRACKS: u32 = 0x1654_AE6B;
const CLUSTER: u32 = 0x1F43_B675;
const TIMESTAMP: u32 = 0xE7;
const SIMPLE_BLOCK: u32 = 0xA3;
const CUES: u32 = 0x1C53_BB6B;

/// Bytes of a SeekHead with one entry.
const SEEK: usize = 26;
/// Bytes of a Duration.
const LASTS: usize = 11;
/// Places to jump to that a file has at most; of more, every other one goes.
const MOST_CUES: usize = 2_000;
/// Sound goes on for this long after its last packet came, in milliseconds.
const TAIL: u64 = 20;
/// Who wrote it.
const APP: &[u8] = b"ClinicVault";

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tracks {
    /// Opus.
    pub sound: bool,
    /// VP8, of this size at the beginning.
    pub picture: Option<Size>,
}

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Track {
    /// Number 1.
    Sound,
    /// Number 2.
    Picture,
}

impl Track {
    const fn number(self) -> u8 {
        match self {
            Track::Sound => 1,
            Track::Picture => 2,
        }
    }
}

/// Something to be played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Milliseconds of the file.
    pub at: u64,
    /// Of which track.
    pub track: Track,
    /// Can be decoded without those before.
    pub key: bool,
    /// One Opus packet or one VP8 picture.
    pub data: bytes::Bytes,
}

/// What a file says of itself once it is closed: served in place of its first bytes, and after its last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Closing {
    /// As long as the head that it was begun with.
    pub head: Vec<u8>,
    /// Where to jump to.
    pub tail: Vec<u8>,
    /// Milliseconds.
    pub lasts: u64,
}

/// The head of a file that begins.
pub fn head(tracks: Tracks) -> Vec<u8> {
    let mut out = prefix(None);
    let mut entries = Vec::new();
    if tracks.sound {
        let mut entry = track(Track::Sound, 2, b"A_OPUS");
        // RFC 7845, section 5.1: version, two channels, nothing to skip, 48 kHz, no gain, one stream.
        element(&mut entry, 0x63A2, b"OpusHead\x01\x02\x00\x00\x80\xBB\x00\x00\x00\x00\x00");
        number(&mut entry, 0x56AA, 0);
        number(&mut entry, 0x56BB, 80_000_000);
        let mut sound = Vec::new();
        fraction(&mut sound, 0xB5, 48_000.0);
        number(&mut sound, 0x9F, 2);
        element(&mut entry, 0xE1, &sound);
        element(&mut entries, 0xAE, &entry);
    }
    if let Some((width, height)) = tracks.picture {
        let mut entry = track(Track::Picture, 1, b"V_VP8");
        let mut picture = Vec::new();
        number(&mut picture, 0xB0, u64::from(width));
        number(&mut picture, 0xBA, u64::from(height));
        element(&mut entry, 0xE0, &picture);
        element(&mut entries, 0xAE, &entry);
    }
    element(&mut out, TRACKS, &entries);
    out
}

fn track(track: Track, kind: u64, codec: &[u8]) -> Vec<u8> {
    let mut entry = Vec::new();
    number(&mut entry, 0xD7, u64::from(track.number()));
    number(&mut entry, 0x73C5, u64::from(track.number()));
    number(&mut entry, 0x83, kind);
    number(&mut entry, 0x9C, 0);
    element(&mut entry, 0x86, codec);
    entry
}

/// What stands in the closed head.
struct Known {
    segment: u64,
    cues: Option<u64>,
    lasts: u64,
}

/// What comes before the tracks; as long with `known` as without.
fn prefix(known: Option<&Known>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut ebml = Vec::new();
    for (id, one) in [(0x4286, 1), (0x42F7, 1), (0x42F2, 4), (0x42F3, 8)] {
        number(&mut ebml, id, one);
    }
    element(&mut ebml, 0x4282, b"webm");
    number(&mut ebml, 0x4287, 4);
    number(&mut ebml, 0x4285, 2);
    element(&mut out, EBML, &ebml);
    put_id(&mut out, SEGMENT);
    // Eight bytes; all ones: not known.
    let size = known.map_or((1 << 56) - 1, |known| known.segment);
    out.extend_from_slice(&(size | 1 << 56).to_be_bytes());
    match known.and_then(|known| known.cues) {
        None => void(&mut out, SEEK),
        Some(at) => {
            let mut seek = Vec::new();
            element(&mut seek, 0x53AB, &CUES.to_be_bytes());
            element(&mut seek, 0x53AC, &at.to_be_bytes());
            let mut entry = Vec::new();
            element(&mut entry, 0x4DBB, &seek);
            element(&mut out, SEEK_HEAD, &entry);
        }
    }
    let mut info = Vec::new();
    number(&mut info, 0x2A_D7B1, 1_000_000);
    element(&mut info, 0x4D80, APP);
    element(&mut info, 0x5741, APP);
    match known {
        None => void(&mut info, LASTS),
        #[allow(clippy::cast_precision_loss)]
        Some(known) => fraction(&mut info, DURATION, known.lasts as f64),
    }
    element(&mut out, INFO, &info);
    out
}

/// Bytes before the content of the Segment: places in the file are counted from there.
fn before_segment() -> usize {
    let whole = prefix(None);
    let place = whole.windows(4).position(|four| four == SEGMENT.to_be_bytes());
    place.unwrap_or_default() + 4 + 8
}

/// A cluster of frames, which follow each other in time by less than half a minute.
pub fn cluster(frames: &[Frame]) -> Vec<u8> {
    let from = frames.first().map_or(0, |frame| frame.at);
    let mut content = Vec::new();
    number(&mut content, TIMESTAMP, from);
    for frame in frames {
        let after = i16::try_from(frame.at.saturating_sub(from)).unwrap_or(i16::MAX);
        let mut block = Vec::with_capacity(4 + frame.data.len());
        block.push(0x80 | frame.track.number());
        block.extend_from_slice(&after.to_be_bytes());
        block.push(if frame.key { 0x80 } else { 0 });
        block.extend_from_slice(&frame.data);
        element(&mut content, SIMPLE_BLOCK, &block);
    }
    let mut out = Vec::new();
    element(&mut out, CLUSTER, &content);
    out
}

/// What an index needs of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    from: u64,
    until: u64,
    /// Time of the first whole picture.
    whole: Option<u64>,
}

/// Reads a cluster that was written here.
fn extent(cluster: &[u8]) -> Option<Extent> {
    let (id, mut rest, after) = read(cluster)?;
    if id != CLUSTER || !after.is_empty() {
        return None;
    }
    let mut extent: Option<Extent> = None;
    while !rest.is_empty() {
        let (id, content, next) = read(rest)?;
        rest = next;
        match (id, &mut extent) {
            (TIMESTAMP, None) => {
                let from = value(content)?;
                extent = Some(Extent { from, until: from, whole: None });
            }
            (SIMPLE_BLOCK, Some(known)) => {
                let (track, high, low, flags) =
                    (*content.first()?, *content.get(1)?, *content.get(2)?, *content.get(3)?);
                let at = known.from + u64::from(u16::from_be_bytes([high, low]));
                known.until = known.until.max(at);
                if track == 0x80 | Track::Picture.number() && flags & 0x80 != 0 {
                    known.whole.get_or_insert(at);
                }
            }
            _ => return None,
        }
    }
    extent
}

/// Where what stands in a file, learned as it grows.
#[derive(Clone, Debug)]
pub struct Index {
    head: Vec<u8>,
    pictures: bool,
    /// Bytes of the Segment so far.
    length: u64,
    until: u64,
    /// Times and places to jump to.
    cues: Vec<(u64, u64)>,
}

impl Index {
    /// Of a file that begins like this.
    pub fn new(head: Vec<u8>) -> Index {
        let length = head.len().saturating_sub(before_segment()) as u64;
        let pictures = head.windows(5).any(|five| five == b"V_VP8");
        Index { head, pictures, length, until: 0, cues: Vec::new() }
    }

    /// A cluster follows; false when it is none.
    pub fn push(&mut self, cluster: &[u8]) -> bool {
        let Some(extent) = extent(cluster) else { return false };
        let cue = if self.pictures { extent.whole } else { Some(extent.from) };
        if let Some(at) = cue {
            self.cues.push((at, self.length));
            if self.cues.len() > MOST_CUES {
                let mut number = 0;
                self.cues.retain(|_| {
                    number += 1;
                    number % 2 == 1
                });
            }
        }
        self.until = self.until.max(extent.until);
        self.length += cluster.len() as u64;
        true
    }

    /// Bytes so far.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The file is over.
    pub fn close(self) -> Closing {
        let lasts = self.until + TAIL;
        let mut points = Vec::new();
        let track = if self.pictures { Track::Picture } else { Track::Sound };
        for (at, place) in &self.cues {
            let mut position = Vec::new();
            number(&mut position, 0xF7, u64::from(track.number()));
            number(&mut position, 0xF1, *place);
            let mut point = Vec::new();
            number(&mut point, 0xB3, *at);
            element(&mut point, 0xB7, &position);
            element(&mut points, 0xBB, &point);
        }
        let mut tail = Vec::new();
        if !points.is_empty() {
            element(&mut tail, CUES, &points);
        }
        let cues = (!tail.is_empty()).then_some(self.length);
        let mut closed = prefix(Some(&Known { segment: self.length + tail.len() as u64, cues, lasts }));
        closed.extend_from_slice(self.head.get(closed.len()..).unwrap_or_default());
        Closing { head: closed, tail, lasts }
    }
}

/// What a recording that was cut short would have said of itself: from its pieces, the head first. None when there is not even
/// one cluster, or when something is none.
pub fn mend(mut pieces: impl Iterator<Item = Vec<u8>>) -> Option<Closing> {
    let mut index = Index::new(pieces.next()?);
    let mut some = false;
    for piece in pieces {
        if !index.push(&piece) {
            return None;
        }
        some = true;
    }
    some.then(|| index.close())
}

#[cfg(test)]
pub(super) mod tests;
