//! Reads files back with a reader of its own, which knows the standard and nothing of the writer.

use super::*;
use proptest::prelude::*;

/// What a player finds in a file.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) lasts: Option<f64>,
    pub(crate) size: Option<(u64, u64)>,
    pub(crate) codecs: Vec<String>,
    /// Track, time, key, data; and the place of the cluster.
    pub(crate) frames: Vec<(u8, u64, bool, Vec<u8>)>,
    clusters: Vec<u64>,
    cues: Vec<(u64, u64)>,
    seek: Option<u64>,
    known_size: bool,
}

fn vint(bytes: &[u8], at: &mut usize, keep: bool) -> u64 {
    let length = bytes[*at].leading_zeros() as usize + 1;
    let mut value = u64::from(bytes[*at]);
    if !keep {
        value &= (1 << (8 - length)) - 1;
    }
    for byte in &bytes[*at + 1..*at + length] {
        value = value << 8 | u64::from(*byte);
    }
    *at += length;
    value
}

fn whole(content: &[u8]) -> u64 {
    content.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// Walks through a file; panics where it is not as the standard wants it.
pub(crate) fn look(file: &[u8]) -> Found {
    let mut found = Found::default();
    let mut at = 0;
    assert_eq!(vint(file, &mut at, true), 0x1A45_DFA3);
    let size = vint(file, &mut at, false) as usize;
    assert!(file[at..at + size].windows(4).any(|four| four == b"webm"));
    at += size;
    assert_eq!(vint(file, &mut at, true), 0x1853_8067);
    let size = vint(file, &mut at, false);
    let start = at;
    found.known_size = size != (1 << 56) - 1;
    if found.known_size {
        assert_eq!(size as usize, file.len() - start, "the Segment is as long as it says");
    }
    walk(file, start, at, file.len(), &mut found);
    found
}

fn walk(file: &[u8], start: usize, mut at: usize, end: usize, found: &mut Found) {
    let (mut cluster, mut cue) = (0, 0);
    while at < end {
        let place = (at - start) as u64;
        let id = vint(file, &mut at, true);
        let size = vint(file, &mut at, false) as usize;
        let content = &file[at..at + size];
        match id {
            0x1549_A966 | 0x1654_AE6B | 0xAE | 0xE0 | 0x1C53_BB6B | 0x114D_9B74 | 0x4DBB | 0xBB => {
                walk(file, start, at, at + size, found)
            }
            0x1F43_B675 => {
                found.clusters.push(place);
                walk(file, start, at, at + size, found);
            }
            0x4489 => found.lasts = Some(f64::from_be_bytes(content.try_into().unwrap())),
            0xB0 => found.size = Some((whole(content), 0)),
            0xBA => found.size = found.size.map(|(width, _)| (width, whole(content))),
            0x86 => found.codecs.push(String::from_utf8(content.to_vec()).unwrap()),
            0x63A2 => assert!(content.starts_with(b"OpusHead\x01\x02") && content.len() == 19),
            0xE7 => cluster = whole(content),
            0xA3 => {
                let after = i16::from_be_bytes([content[1], content[2]]);
                let time = cluster + u64::try_from(after).unwrap();
                found.frames.push((content[0] & 0x7F, time, content[3] & 0x80 != 0, content[4..].to_vec()));
            }
            0xB3 => cue = whole(content),
            0xB7 => {
                let place = content.windows(1).position(|one| one[0] == 0xF1).unwrap();
                let mut inner = at + place + 1;
                let length = vint(file, &mut inner, false) as usize;
                found.cues.push((cue, whole(&file[inner..inner + length])));
            }
            0x53AC => found.seek = Some(whole(content)),
            _ => {}
        }
        at += size;
    }
}

fn frames(list: &[(u64, bool, usize)]) -> Vec<Frame> {
    let mut at = 0;
    let frame = |(n, (step, picture, length)): (usize, &(u64, bool, usize))| {
        at += step;
        let track = if *picture { Track::Picture } else { Track::Sound };
        Frame { at, track, key: !picture || n % 7 == 0, data: vec![n as u8; *length].into() }
    };
    list.iter().enumerate().map(frame).collect()
}

#[test]
fn a_file_says_what_is_in_it_while_it_grows_and_when_it_is_closed() {
    let tracks = Tracks { sound: true, picture: Some((640, 480)) };
    let open = head(tracks);
    let all = frames(&[(0, true, 900), (5, false, 60), (20, false, 60), (20, true, 300), (20, false, 61)]);
    let body = cluster(&all);
    let growing = look(&[open.clone(), body.clone()].concat());
    assert_eq!((growing.lasts, growing.known_size), (None, false));
    assert_eq!(growing.codecs, ["A_OPUS", "V_VP8"]);
    assert_eq!(growing.size, Some((640, 480)));
    assert_eq!(growing.frames.len(), 5);

    let mut index = Index::new(open.clone());
    assert!(index.push(&body) && index.push(&body));
    let closing = index.close();
    assert_eq!(closing.head.len(), open.len());
    let closed = look(&[closing.head, body.clone(), body.clone(), closing.tail].concat());
    assert_eq!((closed.lasts, closed.known_size), (Some(85.0), true));
    assert_eq!(closed.cues.iter().map(|cue| cue.1).collect::<Vec<_>>(), closed.clusters);
    assert!(closed.seek.is_some());
    assert_eq!(look(&head(Tracks { sound: true, picture: None })).codecs, ["A_OPUS"]);
}

#[test]
fn what_is_no_cluster_is_not_indexed() {
    let open = head(Tracks { sound: true, picture: None });
    let good = cluster(&frames(&[(0, false, 10)]));
    let check = |piece: &[u8]| assert!(!Index::new(open.clone()).push(piece), "{piece:?}");
    check(&[]);
    check(&open);
    check(&good[..good.len() - 1]);
    check(&[good.clone(), vec![0]].concat());
    assert!(mend([open.clone()].into_iter()).is_none(), "no cluster yet");
    assert!(mend([open.clone(), vec![1, 2]].into_iter()).is_none());
    assert!(mend([open, good].into_iter()).is_some());
}

#[test]
fn a_long_file_has_a_bounded_index() {
    let mut index = Index::new(head(Tracks { sound: true, picture: None }));
    for n in 0..10_000u64 {
        let frame = Frame { at: n * 500, track: Track::Sound, key: true, data: vec![0; 40].into() };
        assert!(index.push(&cluster(&[frame])));
    }
    assert!(index.cues.len() <= MOST_CUES && index.cues.len() > MOST_CUES / 4);
    assert_eq!(index.close().lasts, 9_999 * 500 + TAIL);
}

proptest! {
    #[test]
    fn what_was_written_is_found_again(
        list in prop::collection::vec((0u64..200, any::<bool>(), 0usize..3000), 1..120), parts in 1usize..10,
    ) {
        let all = frames(&list);
        let open = head(Tracks { sound: true, picture: Some((320, 240)) });
        let mut index = Index::new(open.clone());
        let clusters: Vec<Vec<u8>> = all.chunks(all.len().div_ceil(parts)).map(cluster).collect();
        for one in &clusters {
            prop_assert!(index.push(one));
        }
        let closing = index.close();
        let mended = mend([open].into_iter().chain(clusters.clone())).unwrap();
        prop_assert_eq!(&closing, &mended, "cut short or not, it says the same");
        let found = look(&[closing.head, clusters.concat(), closing.tail].concat());
        prop_assert_eq!(found.frames.len(), all.len());
        for (got, frame) in found.frames.iter().zip(&all) {
            prop_assert_eq!(got, &(frame.track.number(), frame.at, frame.key, frame.data.to_vec()));
        }
        for (at, place) in &found.cues {
            prop_assert!(found.clusters.contains(place));
            prop_assert!(found.frames.iter().any(|f| f.0 == 2 && f.1 == *at && f.2), "a jump to a whole picture");
        }
        prop_assert_eq!(found.lasts, Some((all.last().unwrap().at + TAIL) as f64));
    }
}
