//! The tokenizer against what peers really send, and against mutated messages.

use super::*;
use proptest::prelude::*;

const HEAD: &str = "MSH|^~\\&|LAB|CITY|BOX|CLINIC|20261121113802+0530||ORU^R01^ORU_R01|1|P|2.5.1";

fn tolerant(body: &str) -> Message {
    read(format!("{HEAD}\r{body}").as_bytes(), Mode::Tolerant).unwrap()
}

fn names(m: &Message) -> Vec<String> {
    m.segments().map(|s| s.name()).collect()
}

#[test]
fn all_line_ends_give_the_same_segments() {
    for end in ["\r", "\n", "\r\n"] {
        let text = [HEAD, "PID|1", "OBX|1|NM", "OBX|2|NM"].join(end);
        let m = read(text.as_bytes(), Mode::Strict).unwrap();
        assert_eq!(names(&m), ["MSH", "PID", "OBX", "OBX"]);
        let m = read(format!("{text}{end}").as_bytes(), Mode::Strict).unwrap();
        assert_eq!(m.first("OBX").unwrap().field(2).text(), "NM");
    }
}

#[test]
fn oddities_are_accepted_and_counted() {
    let m = tolerant("pid|1\r\r  PV1\rZX|9\rOBX|1|TX|||first\nsecond line|||F\r\u{0}\r");
    assert_eq!(names(&m), ["MSH", "PID", "PV1", "ZX", "OBX"]);
    let t = m.tolerated();
    assert_eq!((t.lower_case, t.indented, t.odd_names, t.joined_lines), (1, 1, 1, 1));
    assert_eq!(t.blank_lines, 2);
    let obx = m.first("OBX").unwrap();
    assert_eq!(obx.field(5).text(), "first\nsecond line");
    assert_eq!(obx.field(8).text(), "F");
    assert_eq!(obx.occurrence(), 1);
}

#[test]
fn a_wrapped_line_is_an_error_in_strict_mode() {
    let text = format!("{HEAD}\rOBX|1\rOBX|2|TX|||first\nsecond\rOBX|3");
    let problem = read(text.as_bytes(), Mode::Strict).unwrap_err();
    assert_eq!((problem.code, problem.place), (ErrorCode::SegmentSequence, Some(Place::segment("OBX", 2))));
    assert_eq!(problem.offset, Some(text.find("second").unwrap()));
}

#[test]
fn limits_are_refusals_that_name_the_limit() {
    let limits = Limits { bytes: 4000, segments: 5, fields: 20, total_fields: 50 };
    for (body, word) in [
        ("x".repeat(4000), "4000 bytes"),
        ("OBX|1\r".repeat(5), "5 segments"),
        (format!("OBX{}", "|".repeat(21)), "20 fields in one segment"),
        (format!("OBX{}\r", "|".repeat(19)).repeat(3), "50 fields"),
    ] {
        let text = format!("{HEAD}\r{body}");
        let problem = parse(text.into_bytes(), &limits, Mode::Tolerant, None).unwrap_err();
        assert!(problem.reason.contains(word), "{}", problem.reason);
        assert_eq!(problem.verdict, crate::hl7::Verdict::Reject);
    }
}

#[test]
fn a_second_header_is_never_taken_for_content() {
    let text = format!("{HEAD}\rPID|1\r{HEAD}\rPID|2");
    let problem = read(text.as_bytes(), Mode::Tolerant).unwrap_err();
    assert_eq!(problem.place, Some(Place::segment("MSH", 2)));
}

#[test]
fn a_set_whose_bytes_look_like_delimiters_is_rewritten_first() {
    // U+8A31 in Big5 is B3 5C: the second byte is a backslash.
    let (big5, _, lost) = encoding_rs::BIG5.encode("許功蓋^\u{6625}");
    assert!(!lost);
    let mut bytes = b"MSH|^~\\&|A|B|C|D|1||ADT^A08|1|P|2.5||||||BIG-5\rPID|1||||".to_vec();
    bytes.extend_from_slice(&big5);
    let m = read(&bytes, Mode::Tolerant).unwrap();
    assert!(m.tolerated().transcoded);
    assert_eq!(m.first("PID").unwrap().field(5).component(1).text(), "許功蓋");
    assert_eq!(m.first("PID").unwrap().field(5).component(2).text(), "\u{6625}");
}

/// Every byte is in exactly one segment or gap, and gaps hold nothing but blanks, line ends and a byte order mark.
fn accounted(m: &Message) -> Result<(), TestCaseError> {
    let mut covered = 0;
    let mut at = 0;
    for s in m.segments() {
        let range = s.range();
        prop_assert!(range.start >= at && range.end >= range.start);
        at = range.end;
        covered += range.len();
        let mut inside = 0;
        for (n, field) in s.fields() {
            prop_assert_eq!(field.range(), s.field(n).range());
            prop_assert!(field.range().start >= range.start && field.range().end <= range.end);
            inside += field.range().len();
            let _ = field.text();
            let repeats: usize = field.repeats().map(|r| r.range().len() + 1).sum();
            prop_assert!(repeats == 0 || repeats == field.range().len() + 1);
            for r in field.repeats() {
                let components: usize = r.components().map(|c| c.range().len() + 1).sum();
                prop_assert_eq!(components, r.range().len() + 1);
            }
        }
        prop_assert!(inside <= range.len());
    }
    for gap in m.gaps() {
        covered += gap.len();
        let bytes = m.bytes().get(gap).unwrap();
        let rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        prop_assert!(rest.iter().all(|b| matches!(b, b'\r' | b'\n' | b' ' | b'\t' | 0)), "dropped {bytes:?}");
    }
    prop_assert_eq!(covered, m.bytes().len());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn mutated_messages_never_panic_and_account_for_every_byte(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), 0u8..4, any::<u8>()), 0..30)
    ) {
        let mut bytes = format!(
            "{HEAD}\rPID|1||88120^^^CITY^PI~9||THORAT^G R||1955|M\rPV1||O\rORC|RE\rOBR|1|A|B|C\r\
             OBX|1|NM|2823-3^Potassium^LN||6.3|mmol/L|3.5-5.1|HH|||F\rNTE|1||a \\F\\ b\nwrapped\rZZZ|1\r"
        ).into_bytes();
        for (index, kind, byte) in edits {
            let at = index.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => { bytes.remove(at); }
                2 => bytes.insert(at, byte),
                _ => bytes.insert(at, b"|^~\\&\r\n\" "[usize::from(byte) % 9]),
            }
            if bytes.is_empty() { bytes.push(b'M'); }
        }
        match read(&bytes, Mode::Tolerant) {
            Ok(m) => accounted(&m)?,
            Err(problem) => prop_assert!(!problem.reason.is_empty()),
        }
        let _ = read(&bytes, Mode::Strict);
        let _ = Header::find(&bytes);
    }

    #[test]
    fn any_bytes_after_a_header_are_kept(tail in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut bytes = format!("{HEAD}\r").into_bytes();
        bytes.extend_from_slice(&tail);
        if let Ok(m) = read(&bytes, Mode::Tolerant) {
            accounted(&m)?;
        }
    }
}
