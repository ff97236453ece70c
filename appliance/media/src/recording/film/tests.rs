use super::super::vp8::tests::{coded, packets};
use super::super::webm::tests::look;
use super::*;
use crate::engine::Packet;
use crate::forward::Heard;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A sender: 50 packets of sound a second, 15 pictures.
#[derive(Default)]
struct Sender {
    sound: u16,
    picture: u16,
    pictures: u32,
    /// What was sent, by content.
    sent: BTreeMap<Vec<u8>, u64>,
}

impl Sender {
    fn sound(&mut self, at: u64) -> Copied {
        let mut payload = vec![0x78; 40];
        payload.extend_from_slice(&at.to_le_bytes());
        self.sent.insert(payload.clone(), at);
        self.sound = self.sound.wrapping_add(1);
        let timestamp = u32::MAX.wrapping_sub(9_600).wrapping_add((at * 48) as u32);
        let packet = Packet { sequence: self.sound, timestamp, marker: false, payload: payload.into() };
        Copied { kind: Kind::Audio, heard: Heard { packet, at: ms(at) } }
    }

    fn picture(&mut self, at: u64, whole: bool) -> Vec<Copied> {
        self.pictures += 1;
        let data = coded(self.pictures, whole, if whole { 9_000 } else { 2_000 });
        self.sent.insert(data.clone(), at);
        let timestamp = (at as u32).wrapping_mul(90).wrapping_sub(50_000);
        let all = packets(&data, timestamp, &mut self.picture, 1_100);
        all.into_iter()
            .map(|packet| Copied { kind: Kind::Video, heard: Heard { packet, at: ms(at) } })
            .collect()
    }
}

/// Parts as files, with the time at which each begins.
#[derive(Default)]
struct Shelf {
    done: Vec<(Duration, bool, Vec<u8>)>,
    open: Option<(Duration, bool, Vec<u8>, Vec<u8>)>,
    lost: u64,
}

impl Shelf {
    fn take(&mut self, pieces: Vec<Piece>) {
        for piece in pieces {
            match piece {
                Piece::Begin { at, pictures, head } => {
                    assert!(self.open.replace((at, pictures, head, Vec::new())).is_none(), "one at a time");
                }
                Piece::Cluster(bytes) => {
                    assert!(bytes.len() < 1 << 20);
                    let (_, _, head, body) = self.open.as_mut().expect("a part");
                    body.extend(bytes);
                    look(&[head.clone(), body.clone()].concat());
                }
                Piece::End { closing, lost } => {
                    let (at, pictures, head, body) = self.open.take().expect("a part");
                    assert_eq!(closing.head.len(), head.len());
                    self.done.push((at, pictures, [closing.head, body, closing.tail].concat()));
                    self.lost += lost;
                }
            }
        }
    }
}

/// Plays for so many milliseconds; `camera` says when pictures are sent, whole ones when they are asked for.
fn play(until: u64, camera: impl Fn(u64) -> bool) -> (Sender, Shelf) {
    let (mut sender, mut film, mut shelf) = (Sender::default(), Film::new(), Shelf::default());
    let mut whole = true;
    for at in (5_000..5_000 + until).step_by(5) {
        if at % 20 == 0 {
            film.push(sender.sound(at));
        }
        if at % 65 == 0 && camera(at - 5_000) {
            for packet in sender.picture(at, std::mem::take(&mut whole)) {
                film.push(packet);
            }
        }
        whole |= film.wants_whole(ms(at));
        if at % 500 == 0 {
            shelf.take(film.cut(ms(at), false));
        }
    }
    shelf.take(film.cut(ms(5_000 + until), true));
    (sender, shelf)
}

#[test]
fn sound_and_pictures_are_all_there_at_their_times() {
    let (sender, shelf) = play(12_000, |_| true);
    assert_eq!((shelf.done.len(), shelf.lost), (1, 0));
    let (began, pictures, file) = &shelf.done[0];
    let found = look(file);
    assert!(*pictures && found.size == Some((320, 240)));
    assert_eq!(found.frames.iter().filter(|frame| frame.0 == 1).count(), 600);
    assert_eq!(found.frames.iter().filter(|frame| frame.0 == 2).count(), sender.pictures as usize);
    for (_, at, _, data) in &found.frames {
        let sent = sender.sent[data];
        let heard = began.as_millis() as u64 + at;
        assert!(heard.abs_diff(sent) <= 2, "sent at {sent}, stands at {heard}");
    }
    let whole = found.frames.iter().filter(|frame| frame.0 == 2 && frame.2).count();
    assert!(whole >= 2, "a place to jump to every ten seconds: {whole}");
    assert!((found.lasts.unwrap() - 12_000.0).abs() < 100.0);
}

#[test]
fn a_camera_that_is_switched_begins_another_part() {
    let (_, shelf) = play(20_000, |at| (4_000..10_000).contains(&at));
    let kinds: Vec<bool> = shelf.done.iter().map(|part| part.1).collect();
    assert_eq!(kinds, [false, true, false]);
    let sound: usize =
        shelf.done.iter().map(|part| look(&part.2).frames.iter().filter(|frame| frame.0 == 1).count()).sum();
    assert_eq!(sound, 1000, "not one packet of sound is missing between the parts");
    assert!(shelf.done.windows(2).all(|pair| pair[0].0 < pair[1].0));
}

#[test]
fn a_picture_of_somebody_without_a_microphone_is_recorded() {
    let (mut sender, mut film, mut shelf) = (Sender::default(), Film::new(), Shelf::default());
    for at in (0..4_000u64).step_by(50) {
        for packet in sender.picture(at, at == 0) {
            film.push(packet);
        }
        shelf.take(film.cut(ms(at), false));
    }
    shelf.take(film.cut(ms(4_000), true));
    assert_eq!(look(&shelf.done[0].2).codecs, ["V_VP8"]);
    assert_eq!(look(&shelf.done[0].2).frames.len(), 80);
}

#[test]
fn nobody_is_no_file() {
    let mut film = Film::new();
    assert!(film.cut(ms(9_000), false).is_empty() && film.cut(ms(9_500), true).is_empty());
    assert!(!film.wants_whole(ms(9_000)), "nothing is asked of a camera that is off");
}

#[test]
fn a_sender_who_begins_anew_goes_on() {
    let (mut sender, mut film, mut shelf) = (Sender::default(), Film::new(), Shelf::default());
    for at in (0..6_000u64).step_by(20) {
        let mut copied = sender.sound(at);
        if at >= 3_000 {
            // Another clock, hours away.
            copied.heard.packet.timestamp = copied.heard.packet.timestamp.wrapping_add(900_000_000);
        }
        film.push(copied);
        shelf.take(film.cut(ms(at), false));
    }
    shelf.take(film.cut(ms(6_000), true));
    let found = look(&shelf.done[0].2);
    assert_eq!(found.frames.len(), 300);
    assert!(found.lasts.unwrap() < 6_200.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn whatever_is_lost_or_late_files_are_whole_and_in_order(
        lost in prop::collection::btree_set(0usize..900, 0..60),
        late in prop::collection::btree_map(0usize..900, 1u64..900, 0..60),
        twice in prop::collection::btree_set(0usize..900, 0..20),
        camera in prop::collection::vec(any::<bool>(), 8),
        keys in prop::collection::btree_set(0u64..90, 0..10),
    ) {
        let (mut sender, mut film, mut shelf) = (Sender::default(), Film::new(), Shelf::default());
        let mut arrivals: Vec<(u64, usize, Copied)> = Vec::new();
        let mut number = 0;
        for at in (0..8_000u64).step_by(20) {
            let mut all = vec![sender.sound(at)];
            if at % 80 == 0 && camera[(at / 1000) as usize] {
                all.extend(sender.picture(at, keys.contains(&(at / 80))));
            }
            for copied in all {
                number += 1;
                if lost.contains(&number) {
                    continue;
                }
                let came = at + late.get(&number).copied().unwrap_or_default();
                if twice.contains(&number) {
                    arrivals.push((came + 30, number, copied.clone()));
                }
                arrivals.push((came, number, copied));
            }
        }
        arrivals.sort_by_key(|arrival| (arrival.0, arrival.1));
        let mut cut = 500;
        for (came, _, mut copied) in arrivals {
            while cut <= came {
                shelf.take(film.cut(ms(cut), false));
                cut += 500;
            }
            copied.heard.at = ms(came);
            film.push(copied);
            prop_assert!(film.bytes <= MOST_WAITING);
        }
        shelf.take(film.cut(ms(9_500), true));
        prop_assert!(shelf.open.is_none());
        let mut end = Duration::ZERO;
        for (began, pictures, file) in &shelf.done {
            let found = look(file);
            prop_assert!(*began + ms(1) >= end, "parts follow each other");
            prop_assert_eq!(*pictures, found.codecs.contains(&"V_VP8".to_owned()));
            prop_assert!(found.frames.windows(2).all(|pair| pair[0].1 <= pair[1].1), "times only grow");
            let first = found.frames.iter().find(|frame| frame.0 == 2);
            prop_assert!(first.is_none_or(|frame| frame.2), "pictures begin with a whole one");
            for (_, _, _, data) in &found.frames {
                prop_assert!(sender.sent.contains_key(data), "torn or made up");
            }
            end = *began + ms(found.frames.last().map_or(0, |frame| frame.1));
        }
    }
}
