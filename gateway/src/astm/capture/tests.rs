use std::path::Path;

use super::super::frame::{self, split};
use super::*;

const LIMIT: usize = 1 << 20;

fn session(records: &[&str]) -> Vec<u8> {
    let frames = split(records.iter().map(|r| r.as_bytes()), 20);
    let mut bytes = vec![ENQ];
    frames.iter().for_each(|f| bytes.extend(frame::write(f)));
    bytes.push(EOT);
    bytes
}

const RESULT: [&str; 5] =
    ["H|\\^&|||Meter", "P|1||88120", "O|1|S-1||^^^K", "R|1|^^^K|5.9|mmol/L||H||F", "L|1|N"];

fn records(capture: &Capture) -> Vec<String> {
    match capture {
        Capture::Records(r) => {
            r.parts.iter().map(|p| String::from_utf8_lossy(&p.bytes).replace('\r', "\n")).collect()
        }
        Capture::Printout(_) => panic!("no records"),
    }
}

#[test]
fn a_session_reads_with_and_without_its_ends() {
    let whole = session(&RESULT);
    let bare = &whole[1..whole.len() - 1];
    let expected = format!("{}\n", RESULT.join("\n"));
    for bytes in [&whole[..], bare] {
        let found = read(bytes, LIMIT).unwrap();
        assert_eq!(records(&found), [expected.as_str()]);
        assert!(matches!(found, Capture::Records(Records { checked: true, out_of_turn: 0, .. })));
    }
    let plain = RESULT.join("\r\n");
    let found = read(plain.as_bytes(), LIMIT).unwrap();
    assert_eq!(records(&found), [expected.as_str()]);
    assert!(matches!(found, Capture::Records(Records { checked: false, .. })));
}

#[test]
fn what_is_none_is_refused() {
    for (bytes, expected) in [
        (&b""[..], CaptureFault::Nothing),
        (b"MSH|^~\\&|", CaptureFault::Nothing),
        (b"\x05\x04", CaptureFault::Nothing),
        (b"H|\\^&\rP|1\r", CaptureFault::Unfinished),
        (b"P|1\rL|1\r", CaptureFault::Nothing),
        (b"\x021P|\r\x030D\r\n\x022L\r\x038E\r\n", CaptureFault::NoHeader),
        (b"\x021H|\\^&\r\x03E4\r\n", CaptureFault::Frame { frame: 1, fault: Fault::Checksum }),
        (b"\x021H|\\^&\r\x03\r\n", CaptureFault::Frame { frame: 1, fault: Fault::NoChecksum }),
    ] {
        assert_eq!(read(bytes, LIMIT).unwrap_err(), expected, "{bytes:?}");
    }
    assert_eq!(read(b"\x02Na 131\x03\n", LIMIT).unwrap(), Capture::Printout(b"Na 131".to_vec()));
    assert!(matches!(read(&session(&RESULT), 30), Err(CaptureFault::TooMuch(_))));
}

/// Every byte of a capture in turn, changed in each of its bits and to the bytes that mean something on a line: either
/// the file is refused, or it says what it said before (a changed line end).
fn never_says_anything_else(name: &str, bytes: &[u8], stride: usize) {
    let good = read(bytes, LIMIT).unwrap();
    let mut refused = 0;
    for at in (0..bytes.len()).step_by(stride) {
        let marks = [0, b'\r', b'\n', 0x02, 0x03, 0x04, 0x05, 0x06, 0x15, 0x17, b'0', b'|'];
        for to in (0..8).map(|bit| bytes[at] ^ (1 << bit)).chain(marks).filter(|b| *b != bytes[at]) {
            let mut changed = bytes.to_vec();
            changed[at] = to;
            match read(&changed, LIMIT) {
                Err(_) => refused += 1,
                Ok(Capture::Records(found)) => {
                    let Capture::Records(was) = &good else { panic!("{name}: byte {at} to {to:#x}") };
                    assert_eq!(found.parts, was.parts, "{name}: byte {at} to {to:#x}");
                }
                Ok(Capture::Printout(_)) => {
                    assert!(matches!(good, Capture::Printout(_)), "{name}: byte {at} to {to:#x}");
                }
            }
        }
    }
    assert!(refused > bytes.len() / stride, "{name}: {refused}");
}

#[test]
fn one_changed_byte_never_says_anything_else() {
    never_says_anything_else("session", &session(&RESULT), 1);
    never_says_anything_else("bare frames", &session(&RESULT)[1..session(&RESULT).len() - 1], 1);
}

/// The captures of real analysers, where they are at hand. What each holds was counted by hand.
#[test]
fn captures_of_real_analysers_read_and_no_changed_byte_goes_through() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/hl7v2/dev/astm");
    if !folder.is_dir() {
        return;
    }
    for (file, results, out_of_turn, stride) in [
        ("abbott_afinion2.txt", 1, 0, 1),
        ("cobas_c311.txt", 7, 0, 1),
        ("genexpert.txt", 84, 0, 37),
        ("mini_vidas_mock.txt", 1, 0, 1),
        ("sysmex_xn550.txt", 41, 0, 37),
        ("yumizen_h500.txt", 21, 4, 997),
    ] {
        let bytes = std::fs::read(folder.join(file)).unwrap();
        let Capture::Records(found) = read(&bytes, LIMIT).unwrap() else { panic!("{file}") };
        let found_results = found.parts.iter().flat_map(|p| p.bytes.split(|b| *b == b'\r'));
        assert_eq!(found_results.filter(|r| r.starts_with(b"R")).count(), results, "{file}");
        assert_eq!(found.out_of_turn, out_of_turn, "{file}");
        assert!(found.checked);
        never_says_anything_else(file, &bytes, stride);
    }
    let print = std::fs::read(folder.join("spotchem_el.txt")).unwrap();
    assert!(matches!(read(&print, LIMIT).unwrap(), Capture::Printout(text) if text.len() == 118));
}
