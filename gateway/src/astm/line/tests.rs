use proptest::prelude::*;

use super::super::frame::{self, ACK, ENQ, EOT, NAK, split};
use super::super::part::Ending;
use super::*;

const S: fn(u64) -> Duration = Duration::from_secs;

fn line(settings: Settings) -> Line {
    Line::new(settings)
}

fn host() -> Line {
    line(Settings::default())
}

fn frames(records: &[&str]) -> Vec<Vec<u8>> {
    split(records.iter().map(|r| r.as_bytes()), 240).iter().map(frame::write).collect()
}

/// What an effect is, in a word a test can read.
fn words(effects: &[Effect]) -> Vec<String> {
    effects
        .iter()
        .map(|effect| match effect {
            Effect::Send(bytes) => match bytes.as_slice() {
                [ACK] => "ACK".to_owned(),
                [NAK] => "NAK".to_owned(),
                [ENQ] => "ENQ".to_owned(),
                [EOT] => "EOT".to_owned(),
                frame => format!("frame {}", char::from(frame[1])),
            },
            Effect::Store(parts) => format!("store {}", parts.len()),
            Effect::Keep(part) => {
                assert_eq!(part.ending, Ending::Cut);
                "keep".to_owned()
            }
            Effect::Sent => "sent".to_owned(),
            Effect::Unsent(why) => format!("unsent: {why}"),
            Effect::Note(note) => format!("note: {note}"),
        })
        .collect()
}

const RESULT: [&str; 5] = ["H|\\^&", "P|1", "O|1|S-1", "R|1|^^^K|5.9", "L|1|N"];

#[test]
fn the_last_frame_is_answered_after_the_commit_and_the_others_at_once() {
    let mut line = host();
    assert_eq!(words(&line.read(&[ENQ], S(0))), ["ACK"]);
    let frames = frames(&RESULT);
    for frame in &frames[..4] {
        assert_eq!(words(&line.read(frame, S(1))), ["ACK"]);
    }
    let held = line.read(&frames[4], S(2));
    assert_eq!(words(&held), ["store 1"]);
    assert_eq!(line.deadline(), None);
    assert_eq!(words(&line.stored(S(3))), ["ACK"]);
    // The answer was lost: the repetition is answered and not stored again.
    assert_eq!(words(&line.read(&frames[4], S(4))), ["ACK"]);
    assert_eq!(words(&line.read(&[EOT], S(5))), [""; 0]);
    assert!(line.is_quiet());
}

#[test]
fn what_cannot_be_stored_is_refused_and_taken_when_it_comes_again() {
    let mut line = host();
    line.read(&[ENQ], S(0));
    let frames = frames(&RESULT);
    for frame in &frames[..4] {
        line.read(frame, S(1));
    }
    assert_eq!(words(&line.read(&frames[4], S(1))), ["store 1"]);
    assert_eq!(words(&line.not_stored(S(2))), ["NAK"]);
    let again = line.read(&frames[4], S(3));
    let [Effect::Store(parts)] = again.as_slice() else { panic!("{again:?}") };
    assert_eq!(parts[0].bytes, b"H|\\^&\rP|1\rO|1|S-1\rR|1|^^^K|5.9\rL|1|N\r");
    assert_eq!(words(&line.stored(S(4))), ["ACK"]);
}

#[test]
fn a_sender_that_gave_up_waiting_gets_no_late_answer() {
    for (meanwhile, expected) in [
        (&[EOT][..], &[""; 0][..]),
        (&[EOT, ENQ], &["ACK"]),
        (&[0x0D], &["ACK"]),
        (&[ENQ], &["note: the session began anew before it ended"]),
    ] {
        let mut line = host();
        line.read(&[ENQ], S(0));
        for frame in frames(&RESULT) {
            line.read(&frame, S(1));
        }
        assert_eq!(words(&line.read(meanwhile, S(17))), [""; 0]);
        assert_eq!(words(&line.stored(S(18))), expected, "{meanwhile:?}");
    }
    let mut line = line(Settings { backlog: 10, ..Settings::default() });
    line.read(&[ENQ], S(0));
    for frame in frames(&RESULT) {
        line.read(&frame, S(1));
    }
    assert_eq!(words(&line.read(&[b'x'; 11], S(2))), ["note: the peer did not wait for its answer"]);
    assert_eq!(words(&line.stored(S(3))), [""; 0]);
}

#[test]
fn bad_frames_are_refused_and_good_ones_taken_once() {
    let good = frames(&["H|\\^&", "P|1", "P|2"]);
    let mut bad = good[0].clone();
    bad[3] ^= 1;
    let same_number = &split([&b"H|\\^&|other"[..]], 240).iter().map(frame::write).next().unwrap();
    let checksum = "note: the checksum does not hold";
    for (bytes, expected) in [
        (&bad, &[checksum, "NAK"][..]),
        (&good[1], &["note: the frame has number 2 where 1 is next", "NAK"]),
        (&b"noise\r\n".to_vec(), &["note: bytes outside a frame", "NAK"]),
        (&b"\x02text\x03\r\n".to_vec(), &["note: the frame carries no checksum", "NAK"]),
    ] {
        let mut line = host();
        line.read(&[ENQ], S(0));
        assert_eq!(words(&line.read(bytes, S(1))), expected);
        assert_eq!(words(&line.read(&good[0], S(2))), ["ACK"]);
        assert_eq!(words(&line.read(&good[0], S(3))), ["ACK"]);
        assert_eq!(
            words(&line.read(same_number, S(3))),
            ["note: the frame has number 1 where 2 is next", "NAK"]
        );
        assert_eq!(words(&line.read(&good[1], S(4))), ["ACK"]);
    }
    let mut loose = line(Settings { numbers: Numbers::Loose, ..Settings::default() });
    loose.read(&[ENQ], S(0));
    assert_eq!(words(&loose.read(&good[1], S(1))), ["note: the frame has number 2 where 1 is next", "ACK"]);
}

#[test]
fn sessions_begin_and_end_as_the_standard_says() {
    let good = frames(&["H|\\^&", "P|1"]);
    let mut line = host();
    assert_eq!(words(&line.read(&good[0], S(0))), ["note: a frame came outside a session"]);
    line.set_busy(true);
    assert_eq!(words(&line.read(&[ENQ], S(0))), ["NAK"]);
    line.set_busy(false);
    // Our answer was lost: asked again.
    assert_eq!(words(&line.read(&[ENQ], S(1))), ["ACK"]);
    assert_eq!(words(&line.read(&[ENQ], S(2))), ["ACK"]);
    line.read(&good[0], S(3));
    line.read(&good[1], S(3));
    assert_eq!(words(&line.read(&[ENQ], S(4))), ["note: the session began anew before it ended", "keep"]);
    assert_eq!(words(&line.read(&[EOT, ENQ], S(5))), ["ACK"]);
    line.read(&good[0], S(6));
    line.read(&good[1], S(6));
    assert_eq!(line.deadline(), Some(S(36)));
    assert_eq!(words(&line.tick(S(35))), [""; 0]);
    assert_eq!(words(&line.tick(S(36))), ["note: the line fell silent in a session", "keep"]);
    assert!(line.is_quiet());
    line.read(&[ENQ], S(40));
    line.read(&good[0], S(40));
    line.read(&good[1], S(40));
    assert_eq!(words(&line.close()), ["keep"]);
}

#[test]
fn a_frame_without_its_lf_is_answered_after_a_short_silence() {
    let mut line = host();
    line.read(&[ENQ], S(0));
    let frame = &frames(&["H|\\^&"])[0];
    assert_eq!(words(&line.read(frame.strip_suffix(b"\n").unwrap(), S(1))), [""; 0]);
    let soon = S(1) + Duration::from_millis(200);
    assert_eq!(line.deadline(), Some(soon));
    assert_eq!(words(&line.tick(soon)), ["ACK"]);
    assert_eq!(words(&line.read(b"\n", S(2))), [""; 0]);
}

#[test]
fn an_unannounced_session_is_one_where_the_channel_says_so() {
    let mut line = line(Settings { unannounced: true, ..Settings::default() });
    let all = frames(&RESULT);
    for frame in &all[..4] {
        assert_eq!(words(&line.read(frame, S(0))), ["ACK"]);
    }
    assert_eq!(words(&line.read(&all[4], S(0))), ["store 1"]);
    assert_eq!(words(&line.stored(S(0))), ["ACK"]);
    assert!(line.is_quiet());
    assert_eq!(words(&line.read(&all[0], S(1))), ["ACK"]);
}

#[test]
fn a_message_is_sent_frame_by_frame() {
    let mut line = host();
    let records: Vec<Vec<u8>> = vec![b"H|\\^&".to_vec(), b"L|1|I".to_vec()];
    assert_eq!(words(&line.send(&records, S(0)).unwrap()), ["ENQ"]);
    assert!(line.send(&records, S(0)).is_err());
    assert_eq!(words(&line.read(&[ACK], S(1))), ["frame 1"]);
    assert_eq!(words(&line.read(&[NAK], S(2))), ["frame 1"]);
    assert_eq!(words(&line.read(&[b'?', ACK], S(3))), ["frame 2"]);
    assert_eq!(words(&line.read(&[ACK], S(4))), ["EOT", "sent"]);
    assert!(line.is_quiet());
}

#[test]
fn a_message_that_is_not_taken_is_given_up_as_the_standard_says() {
    let records: Vec<Vec<u8>> = vec![b"H|\\^&".to_vec()];
    // Refused seven times: the first attempt and six more.
    let mut line = host();
    line.send(&records, S(0)).unwrap();
    assert_eq!(words(&line.read(&[ACK], S(1))), ["frame 1"]);
    for _ in 0..6 {
        assert_eq!(words(&line.read(&[NAK], S(2))), ["frame 1"]);
    }
    assert_eq!(words(&line.read(&[NAK], S(2))), ["EOT", "unsent: the analyser refuses a frame"]);
    // No answer to a frame.
    let mut line = host();
    line.send(&records, S(0)).unwrap();
    line.read(&[ACK], S(1));
    assert_eq!(line.deadline(), Some(S(16)));
    assert_eq!(words(&line.tick(S(16))), ["EOT", "unsent: the analyser does not answer"]);
    // Busy: asked again after ten seconds, six times in all.
    let mut line = host();
    line.send(&records, S(0)).unwrap();
    let mut now = 0;
    for _ in 0..5 {
        assert_eq!(words(&line.read(&[NAK], S(now))), [""; 0]);
        now += 10;
        assert_eq!(line.deadline(), Some(S(now)));
        assert_eq!(words(&line.tick(S(now))), ["ENQ"]);
    }
    assert_eq!(words(&line.read(&[NAK], S(now))), ["unsent: the analyser is busy"]);
    // Nobody there.
    let mut line = host();
    line.send(&records, S(0)).unwrap();
    assert_eq!(words(&line.tick(S(15))), ["EOT"]);
    assert_eq!(words(&line.tick(S(25))), ["ENQ"]);
}

#[test]
fn the_analyser_goes_first_when_both_ask() {
    let records: Vec<Vec<u8>> = vec![b"H|\\^&".to_vec()];
    let mut host = host();
    let mut analyser = line(Settings { role: Role::Instrument, ..Settings::default() });
    host.send(&records, S(0)).unwrap();
    analyser.send(&records, S(0)).unwrap();
    let note = "note: both ends asked to transmit at once";
    assert_eq!(words(&host.read(&[ENQ], S(0))), [note]);
    assert_eq!(words(&analyser.read(&[ENQ], S(0))), [note]);
    assert_eq!(analyser.deadline(), Some(S(1)));
    assert_eq!(host.deadline(), Some(S(20)));
    assert_eq!(words(&analyser.tick(S(1))), ["ENQ"]);
    assert_eq!(words(&host.read(&[ENQ], S(1))), ["ACK"]);
    assert_eq!(words(&host.read(&[EOT], S(19))), [""; 0]);
    assert_eq!(words(&host.tick(S(20))), ["ENQ"]);
}

/// What a wire does to one byte.
#[derive(Debug, Clone, Copy)]
enum Damage {
    Flip(u8),
    Lose,
    Double,
}

/// One direction of a wire: damages the bytes at some places, counted from its beginning.
struct Wire<'d> {
    damage: &'d [(usize, Damage)],
    count: usize,
}

impl Wire<'_> {
    fn carry(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for byte in bytes {
            let damage = self.damage.iter().find(|(at, _)| *at == self.count).map(|(_, damage)| *damage);
            self.count += 1;
            match damage {
                None => out.push(*byte),
                Some(Damage::Flip(change)) => out.push(byte ^ change),
                Some(Damage::Lose) => {}
                Some(Damage::Double) => out.extend([*byte, *byte]),
            }
        }
        out
    }
}

/// Two lines joined by such a wire. Answers what the host stored and whether the analyser believes that everything was
/// taken.
fn joined(records: &[Vec<u8>], there: &[(usize, Damage)], back: &[(usize, Damage)]) -> (Vec<Vec<u8>>, bool) {
    let mut host = host();
    let mut analyser = line(Settings { role: Role::Instrument, send: 40, ..Settings::default() });
    let (mut there, mut back) = (Wire { damage: there, count: 0 }, Wire { damage: back, count: 0 });
    let (mut now, mut sent) = (S(0), None);
    let mut stored = Vec::new();
    let mut to_host: Vec<Effect> = analyser.send(records, now).unwrap();
    for _ in 0..10_000 {
        let mut to_analyser = Vec::new();
        for effect in std::mem::take(&mut to_host) {
            match effect {
                Effect::Send(bytes) => {
                    let mut effects = host.read(&there.carry(&bytes), now);
                    while let Some(at) = effects.iter().position(|e| matches!(e, Effect::Store(_))) {
                        if let Effect::Store(parts) = effects.remove(at) {
                            stored.extend(parts.into_iter().map(|p| p.bytes));
                        }
                        effects.extend(host.stored(now));
                    }
                    to_analyser.extend(effects);
                }
                Effect::Sent => sent = Some(true),
                Effect::Unsent(_) => sent = Some(false),
                Effect::Store(_) | Effect::Keep(_) | Effect::Note(_) => {}
            }
        }
        for effect in to_analyser {
            if let Effect::Send(bytes) = effect {
                to_host.extend(analyser.read(&back.carry(&bytes), now));
            }
        }
        if let (Some(sent), true) = (sent, to_host.is_empty()) {
            return (stored, sent);
        }
        if to_host.is_empty() {
            now = [host.deadline(), analyser.deadline()].into_iter().flatten().min().unwrap();
            let answers = host.tick(now);
            for effect in answers {
                if let Effect::Send(bytes) = effect {
                    to_host.extend(analyser.read(&back.carry(&bytes), now));
                }
            }
            to_host.extend(analyser.tick(now));
        }
    }
    panic!("the conversation does not end");
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![(1u8..).prop_map(Damage::Flip), Just(Damage::Lose), Just(Damage::Double)]
}

proptest! {
    /// Whatever happens to the bytes on the way: what the host stored is a beginning of what was sent, each part once, and
    /// all of it when the analyser thinks so. Of the answers, one is not damaged: NAK into ACK, which the standard has no
    /// means to notice.
    #[test]
    fn damage_on_the_wire_costs_time_and_never_a_result(
        values in proptest::collection::vec("[0-9a-z]{1,50}", 1..6),
        there in proptest::collection::vec((0usize..600, damage()), 0..4),
        back in proptest::collection::vec((0usize..12, damage()), 0..3),
    ) {
        let mut records = vec![b"H|\\^&".to_vec(), b"P|1".to_vec()];
        for (n, value) in values.iter().enumerate() {
            records.push(format!("O|{n}").into_bytes());
            records.push(format!("R|1|^^^K|{value}").into_bytes());
        }
        records.push(b"L|1|N".to_vec());
        let expected: Vec<Vec<u8>> = values.iter().enumerate().map(|(n, value)| {
            let end = if n + 1 == values.len() { "L|1|N\r" } else { "" };
            format!("H|\\^&\rP|1\rO|{n}\rR|1|^^^K|{value}\r{end}").into_bytes()
        }).collect();
        // What one changed byte does is certain; several could outwit the sum, and then only in theory.
        let there: Vec<_> = there.into_iter().enumerate().map(|(n, (at, one))| (at + n * 700, one)).collect();
        let harmless = |one: &Damage| !matches!(one, Damage::Flip(change) if *change == ACK ^ NAK);
        let back: Vec<_> = back.into_iter().filter(|(_, one)| harmless(one)).collect();
        let (stored, sent) = joined(&records, &there, &back);
        prop_assert!(stored.len() <= expected.len());
        prop_assert_eq!(&stored[..], &expected[..stored.len()]);
        if sent {
            prop_assert_eq!(stored.len(), expected.len());
        }
    }

    #[test]
    fn any_cut_of_the_bytes_stores_the_same(
        bytes in proptest::collection::vec(
            prop_oneof![any::<u8>(), Just(ENQ), Just(EOT), Just(frame::STX), Just(b'\r'), Just(b'\n')], 0..40),
        cut in 1usize..7,
        unannounced in any::<bool>(),
    ) {
        let mut stream = vec![ENQ];
        frames(&RESULT).iter().for_each(|f| stream.extend(f));
        stream.extend(bytes);
        frames(&RESULT).iter().for_each(|f| stream.extend(f));
        let run = |cut: usize| {
            let mut line = line(Settings { unannounced, numbers: Numbers::Loose, ..Settings::default() });
            let mut kept = Vec::new();
            for piece in stream.chunks(cut) {
                let mut effects = line.read(piece, S(0));
                while !effects.is_empty() {
                    let mut next = Vec::new();
                    for effect in effects {
                        match effect {
                            Effect::Store(parts) => {
                                kept.extend(parts);
                                next.extend(line.stored(S(0)));
                            }
                            Effect::Keep(part) => kept.push(part),
                            _ => {}
                        }
                    }
                    effects = next;
                }
            }
            line.close().into_iter().for_each(|e| if let Effect::Keep(part) = e { kept.push(part) });
            kept
        };
        prop_assert_eq!(run(cut), run(usize::MAX));
    }
}
