use proptest::prelude::*;

use super::*;

fn all(decoder: &mut Decoder, mut input: &[u8]) -> Vec<Event> {
    std::iter::from_fn(|| decoder.take(&mut input)).collect()
}

fn read(bytes: &[u8]) -> Vec<Event> {
    let mut decoder = Decoder::new(MOST_TEXT);
    let mut found = all(&mut decoder, bytes);
    found.extend(decoder.pause());
    found
}

fn frame(number: u8, text: &str, last: bool) -> Frame {
    Frame { number, text: text.as_bytes().to_vec(), last }
}

#[test]
fn a_frame_reads_as_it_was_written_whatever_ends_its_line() {
    let one = frame(1, "H|\\^&\r", true);
    let wire = write(&one);
    assert_eq!(wire, b"\x021H|\\^&\r\x03E5\r\n");
    let bare = wire.strip_suffix(b"\r\n").unwrap();
    for end in [&b"\r\n"[..], b"\r", b"\n", b""] {
        let mut bytes = bare.to_vec();
        bytes.extend_from_slice(end);
        assert_eq!(read(&bytes), [Event::Frame(one.clone())], "{end:?}");
    }
}

#[test]
fn what_is_no_good_frame_says_why() {
    for (bytes, expected) in [
        (&b"\x021H|\r\x0300\r\n"[..], Fault::Checksum),
        (b"\x021H|\\^&\r\x03e5\r\n", Fault::Checksum),
        (b"\x021H\x02|\\^&\r\x03E5\r\n", Fault::Control),
        (b"\x021H\x05|\\^&\r\x03E5\r\n", Fault::Control),
        (b"\x02A\x0344\r\n", Fault::NotNumbered),
        (b"\x028\x033B\r\n", Fault::NotNumbered),
        (b"\x02\x0303\r\n", Fault::NotNumbered),
        (b"GET / HTTP/1.1\r\n", Fault::Noise),
        (b"\x021H|\\^&", Fault::Unfinished),
        (b"\x021H|\\^&\r\x03E", Fault::Unfinished),
        (b"\x021H|\\^&\r\x03E5X\r\n", Fault::Noise),
    ] {
        assert_eq!(read(bytes), [Event::Bad(expected)], "{bytes:?}");
    }
    assert_eq!(read(b"\x02Na 131\x03\n"), [Event::Unchecked(b"Na 131".to_vec())]);
    assert_eq!(read(b"\x021H|\x04\x05"), [Event::Eot, Event::Enq]);
    assert_eq!(read(b"\0\r\n\x06\x15"), [Event::Ack, Event::Nak]);
}

#[test]
fn a_frame_that_is_too_long_is_read_away_and_the_next_one_read() {
    let mut bytes = write(&Frame { number: 1, text: vec![b'x'; 21], last: true });
    bytes.extend(write(&Frame { number: 2, text: vec![b'y'; 20], last: true }));
    for cut in [1, 5, 1_000] {
        let mut decoder = Decoder::new(20);
        let found: Vec<Event> = bytes.chunks(cut).flat_map(|piece| all(&mut decoder, piece)).collect();
        assert_eq!(found.first(), Some(&Event::Bad(Fault::TooLong { limit: 20 })), "cut {cut}");
        assert!(matches!(found.get(1), Some(Event::Frame(f)) if f.text.len() == 20), "cut {cut}");
        assert!(decoder.text.capacity() == 0);
    }
}

#[test]
fn records_are_split_and_numbered_round() {
    let long = "x".repeat(25);
    let frames = split([&b"H|"[..], long.as_bytes(), b"L|1"], 10);
    let shape: Vec<_> = frames.iter().map(|f| (f.number, f.text.len(), f.last)).collect();
    assert_eq!(shape, [(1, 3, true), (2, 10, false), (3, 10, false), (4, 6, true), (5, 4, true)]);
    let many: Vec<&[u8]> = vec![b"C"; 10];
    let numbers: Vec<u8> = split(many, 240).iter().map(|f| f.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 0, 1, 2]);
}

proptest! {
    #[test]
    fn any_cut_gives_the_same_events(
        bytes in proptest::collection::vec(
            prop_oneof![any::<u8>(), Just(STX), Just(ETX), Just(CR), Just(LF), Just(EOT), Just(b'1')], 0..120),
        cut in 1usize..9,
    ) {
        let mut decoder = Decoder::new(30);
        let mut found: Vec<Event> = bytes.chunks(cut).flat_map(|piece| all(&mut decoder, piece)).collect();
        found.extend(decoder.pause());
        let mut whole = Decoder::new(30);
        let mut expected = all(&mut whole, &bytes);
        expected.extend(whole.pause());
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn one_changed_byte_never_gives_other_text(
        number in 0u8..8, text in "[ -~\r]{0,60}", last in any::<bool>(), at in any::<prop::sample::Index>(), to in any::<u8>(),
    ) {
        let good = frame(number, &text, last);
        let mut bytes = write(&good);
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != to);
        bytes[at] = to;
        // A change in the line end leaves the frame as it was; anywhere else there is no frame.
        for event in read(&bytes) {
            if let Event::Frame(found) = event {
                prop_assert!(at + 2 >= bytes.len());
                prop_assert_eq!(found, good.clone());
            }
        }
    }
}
