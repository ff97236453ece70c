//! Makes the pieces of a recording from one sender's packets: pure, with the times of the call as arguments.
//!
//! Packets are put in order and given times of the call; pictures are joined. What is there is written in the order of its
//! times about twice a second. A file says at its beginning what it holds, so somebody who switches the camera on or off
//! begins another one: a *part*.

use super::vp8::{Joiner, Size};
use super::webm::{Closing, Frame, Index, Track, Tracks, cluster, head};
use crate::audio::order::Order;
use crate::audio::timeline::{TICKS, Timeline};
use crate::engine::Kind;
use crate::forward::Copied;
use bytes::Bytes;
use std::time::Duration;

/// How often what is there is written: with [`LATE`], what a power cut may cost.
pub const EVERY: Duration = Duration::from_millis(500);
/// How long a late packet is waited for: long enough for a browser to send it again.
const HOLD: Duration = Duration::from_millis(400);
/// What is this old has all come that will come.
const LATE: Duration = Duration::from_millis(500);
/// Packets behind a gap, of sound and of pictures.
const MOST_SOUND: usize = 64;
const MOST_PICTURE: usize = 1024;
/// How long a part waits for what else there may be before it says what it holds.
const GATHERS: Duration = Duration::from_millis(1500);
/// Without a packet of a picture for so long, the camera is off.
const OFF: Duration = Duration::from_secs(3);
/// A time this far from that of its arrival is a sender who began anew.
const ASTRAY: Duration = Duration::from_secs(3);
/// A whole picture is asked for this often, so that a player has somewhere to jump to.
const WHOLE: Duration = Duration::from_secs(10);
/// And this often while there is none.
const AGAIN: Duration = Duration::from_secs(1);
/// Content of one cluster: less than a chunk of a blob.
const MOST_CLUSTER: usize = 384 * 1024;
/// Milliseconds of one cluster; its blocks count them in 16 bits.
const LONGEST_CLUSTER: u64 = 10_000;
/// Bytes that wait to be written.
const MOST_WAITING: usize = 16 << 20;
/// Longest Opus packet (RFC 6716: 120 ms of frames of 1275 bytes, and some).
const MOST_OPUS: usize = 8 * 1024;
/// Bytes of a part.
const MOST_PART: u64 = 1 << 30;
/// Parts of one stay: whoever plays with the camera's switch for longer is recorded without pictures.
const MOST_PARTS: u32 = 200;
/// Parts that may begin at once.
const MOST_TURNS: usize = 16;

/// What becomes of a recording, in order: each part begins, grows and ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A part begins.
    Begin {
        /// Its time 0, since the call began.
        at: Duration,
        /// It has pictures.
        pictures: bool,
        /// The first bytes of its file.
        head: Vec<u8>,
    },
    /// More bytes of it: less than 1 MiB, and of use as soon as they are kept.
    Cluster(Vec<u8>),
    /// The part is over.
    End {
        /// What its file says of itself.
        closing: Closing,
        /// Packets that never came.
        lost: u64,
    },
}

#[derive(Debug)]
struct Part {
    began: Duration,
    tracks: Tracks,
    index: Index,
    /// Milliseconds of the part's last frame.
    last: u64,
}

/// The times of one stream.
#[derive(Debug)]
struct Times {
    rate: u64,
    line: Timeline,
}

impl Times {
    fn new(rate: u64) -> Times {
        Times { rate, line: Timeline::at_rate(rate) }
    }

    fn of(&mut self, timestamp: u32, came: Duration) -> Duration {
        let mut at = self.take(timestamp, came);
        if at.abs_diff(came) > ASTRAY {
            self.line = Timeline::at_rate(self.rate);
            at = self.take(timestamp, came);
        }
        at
    }

    fn take(&mut self, timestamp: u32, came: Duration) -> Duration {
        let ticks = self.line.extend(timestamp);
        self.line.came(ticks, came);
        self.line.at(ticks)
    }
}

/// A frame with its time in the call.
#[derive(Debug)]
struct Shot {
    at: Duration,
    track: Track,
    whole: Option<Size>,
    data: Bytes,
}

/// One sender's recording.
#[derive(Debug)]
pub struct Film {
    orders: [Order; 2],
    times: [Times; 2],
    joiner: Joiner,
    /// Packets given out so far, by kind: the number of the last one.
    given: [Option<u64>; 2],
    waiting: Vec<Shot>,
    bytes: usize,
    part: Option<Part>,
    parts: u32,
    lost: u64,
    /// When the last packet of a picture came, and when a whole one was asked for.
    seen: Option<Duration>,
    asked: Option<Duration>,
    /// Nothing before this is written any more.
    written: Duration,
}

impl Default for Film {
    fn default() -> Film {
        Film::new()
    }
}

impl Film {
    /// Nothing has come yet.
    pub fn new() -> Film {
        Film {
            orders: [Order::waiting(HOLD, MOST_SOUND), Order::waiting(HOLD, MOST_PICTURE)],
            times: [Times::new(TICKS), Times::new(90_000)],
            joiner: Joiner::default(),
            given: [None, None],
            waiting: Vec::new(),
            bytes: 0,
            part: None,
            parts: 0,
            lost: 0,
            seen: None,
            asked: None,
            written: Duration::ZERO,
        }
    }

    /// A packet came.
    pub fn push(&mut self, copied: Copied) {
        let now = copied.heard.at;
        let which = usize::from(copied.kind == Kind::Video);
        if copied.kind == Kind::Video && !copied.heard.packet.payload.is_empty() {
            self.seen = Some(now);
        }
        if let Some(order) = self.orders.get_mut(which) {
            order.push(copied.heard, now);
        }
        self.drain(now);
    }

    /// Whether a whole picture is to be asked for now; it counts as asked.
    pub fn wants_whole(&mut self, now: Duration) -> bool {
        let flows = self.seen.is_some_and(|seen| seen + OFF > now);
        let pause = if self.joiner.waits() { AGAIN } else { WHOLE };
        let due = flows && self.asked.is_none_or(|asked| asked + pause <= now);
        if due {
            self.asked = Some(now);
        }
        due
    }

    /// What is to be written now; at the end, all of it.
    pub fn cut(&mut self, now: Duration, end: bool) -> Vec<Piece> {
        // At the end nothing is waited for any more.
        self.drain(if end { now + HOLD } else { now });
        self.waiting.sort_by_key(|shot| (shot.at, shot.track));
        let until = if end { Duration::MAX } else { now.saturating_sub(LATE) };
        let mut out = Vec::new();
        for _ in 0..MOST_TURNS {
            let Some(part) = &self.part else {
                if !self.begin(now, end, &mut out) {
                    break;
                }
                continue;
            };
            // What this part does not hold begins the next one.
            let holds = |track: Track| match track {
                Track::Sound => part.tracks.sound,
                Track::Picture => part.tracks.picture.is_some(),
            };
            let foreign = self.waiting.iter().position(|shot| !holds(shot.track));
            let off = part.tracks.picture.is_some() && self.seen.is_none_or(|seen| seen + OFF <= now);
            let full = part.index.length() > MOST_PART;
            let due = self.waiting.iter().take_while(|shot| shot.at <= until).count();
            let count = foreign.map_or(due, |foreign| foreign.min(due));
            self.write(count, &mut out);
            let over = foreign.is_some_and(|foreign| foreign < due) || off || full;
            if !over {
                break;
            }
            self.finish(&mut out);
            if off || full {
                // The next one begins with a picture that stands for itself.
                self.joiner.lose();
                self.asked = None;
            }
        }
        if end {
            self.finish(&mut out);
        }
        out
    }

    /// Takes out of the queues what is in order.
    fn drain(&mut self, now: Duration) {
        while let Some(next) = self.orders[0].pop(now) {
            self.count(0, next.sequence);
            let packet = next.heard.packet;
            if packet.payload.is_empty() || packet.payload.len() > MOST_OPUS {
                continue;
            }
            let at = self.times[0].of(packet.timestamp, next.heard.at);
            self.keep(Shot { at, track: Track::Sound, whole: None, data: packet.payload });
        }
        while let Some(next) = self.orders[1].pop(now) {
            self.count(1, next.sequence);
            let at = self.times[1].of(next.heard.packet.timestamp, next.heard.at);
            if let Some(picture) = self.joiner.push(&next) {
                let data = Bytes::from(picture.data);
                self.keep(Shot { at, track: Track::Picture, whole: picture.whole, data });
            }
        }
    }

    fn count(&mut self, which: usize, sequence: u64) {
        if let Some(given) = self.given.get_mut(which) {
            let missing = given.map_or(0, |given| sequence.saturating_sub(given + 1));
            // A sender who begins anew leaves no gap.
            self.lost += if missing < 3_000 { missing } else { 0 };
            *given = Some(sequence);
        }
    }

    fn keep(&mut self, shot: Shot) {
        let shown = self.part.as_ref().is_some_and(|part| part.tracks.picture.is_some());
        if shot.track == Track::Picture && self.parts >= MOST_PARTS && !shown {
            return;
        }
        if self.bytes + shot.data.len() > MOST_WAITING {
            self.lost += 1;
            if shot.track == Track::Picture {
                self.joiner.lose();
            }
            return;
        }
        // What could only stand before something that is written stands beside it.
        let at = shot.at.max(self.written);
        self.bytes += shot.data.len();
        self.waiting.push(Shot { at, ..shot });
    }

    /// Begins a part, once it is known what there is. A picture that builds on another cannot begin one.
    fn begin(&mut self, now: Duration, end: bool, out: &mut Vec<Piece>) -> bool {
        let whole = self.waiting.iter().find(|shot| shot.whole.is_some()).map(|shot| shot.at);
        let before = self.bytes;
        let stands = |shot: &Shot| shot.track == Track::Sound || whole.is_some_and(|whole| shot.at >= whole);
        self.waiting.retain(stands);
        self.bytes = self.waiting.iter().map(|shot| shot.data.len()).sum();
        if self.bytes < before && whole.is_none() {
            // Its pictures went: the next one has to stand for itself.
            self.joiner.lose();
        }
        let Some(first) = self.waiting.first().map(|shot| shot.at) else { return false };
        let sound = self.waiting.iter().any(|shot| shot.track == Track::Sound);
        let both = sound && whole.is_some();
        if !both && !end && first + GATHERS > now {
            return false;
        }
        let tracks = Tracks { sound, picture: self.waiting.iter().find_map(|shot| shot.whole) };
        let head = head(tracks);
        out.push(Piece::Begin { at: first, pictures: tracks.picture.is_some(), head: head.clone() });
        self.part = Some(Part { began: first, tracks, index: Index::new(head), last: 0 });
        self.parts += 1;
        true
    }

    /// Writes the first so many of what waits.
    fn write(&mut self, count: usize, out: &mut Vec<Piece>) {
        let Some(part) = &mut self.part else { return };
        let mut frames: Vec<Frame> = Vec::new();
        let mut size = 0;
        let mut clusters = Vec::new();
        for shot in self.waiting.drain(..count) {
            self.bytes -= shot.data.len();
            self.written = self.written.max(shot.at);
            let at = u64::try_from(shot.at.saturating_sub(part.began).as_millis()).unwrap_or(u64::MAX);
            let at = at.max(part.last);
            part.last = at;
            let from = frames.first().map_or(at, |first| first.at);
            if !frames.is_empty() && (size + shot.data.len() > MOST_CLUSTER || at - from > LONGEST_CLUSTER) {
                clusters.push(cluster(&frames));
                frames.clear();
                size = 0;
            }
            size += shot.data.len();
            let key = shot.track == Track::Sound || shot.whole.is_some();
            frames.push(Frame { at, track: shot.track, key, data: shot.data });
        }
        if !frames.is_empty() {
            clusters.push(cluster(&frames));
        }
        for cluster in clusters {
            part.index.push(&cluster);
            out.push(Piece::Cluster(cluster));
        }
    }

    fn finish(&mut self, out: &mut Vec<Piece>) {
        if let Some(part) = self.part.take() {
            let lost = std::mem::take(&mut self.lost);
            out.push(Piece::End { closing: part.index.close(), lost });
        }
    }
}

#[cfg(test)]
mod tests;
