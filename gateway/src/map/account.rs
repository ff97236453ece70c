//! The account of a message is complete: whatever stands in it is in a resource or in the report, and nothing panics.

use proptest::prelude::*;

use super::*;
use crate::hl7::parse::{Mode, read};

/// Events with the segments of a message, in order.
const SHAPES: &[(&str, &[&str])] = &[
    (
        "ADT^A01",
        &[
            "EVN", "PID", "PD1", "NK1", "PV1", "PV2", "OBX", "AL1", "IAM", "DG1", "PR1", "ROL", "GT1", "IN1",
            "IN2", "ACC",
        ],
    ),
    ("ADT^A40", &["EVN", "PID", "MRG"]),
    ("ADT^A24", &["EVN", "PID", "PV1", "PID", "PV1"]),
    ("ADT^A41", &["EVN", "PID", "MRG"]),
    ("ADT^A45", &["EVN", "PID", "MRG", "PV1"]),
    ("ADT^A47", &["EVN", "PID", "MRG"]),
    ("REF^I12", &["RF1", "PRD", "PRD", "PID", "DG1", "OBR", "OBX", "PV1"]),
    ("ADT^A17", &["EVN", "PID", "PV1", "PID", "PV1"]),
    ("ORU^R01", &["PID", "PV1", "ORC", "OBR", "NTE", "TQ1", "OBX", "NTE", "SPM", "OBX", "ZAB"]),
    ("OUL^R22", &["PID", "SPM", "OBX", "SAC", "OBR", "ORC", "OBX"]),
    ("OML^O21", &["PID", "ORC", "OBR", "OBX", "SPM"]),
    ("SIU^S12", &["SCH", "PID", "PV1", "RGS", "AIS", "AIG", "AIL", "AIP"]),
    ("MDM^T02", &["EVN", "PID", "PV1", "TXA", "OBX"]),
    ("VXU^V04", &["PID", "ORC", "RXA", "RXR", "OBX"]),
    ("RDE^O11", &["PID", "ORC", "TQ1", "RXO", "RXE", "RXR", "RXC"]),
    ("RDS^O13", &["PID", "ORC", "RXD", "RXR"]),
    ("DFT^P03", &["EVN", "PID", "PV1", "FT1", "PR1"]),
];

/// One field: nothing, or tokens with delimiters between them, each with a number of its own.
fn field() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "",
        "",
        "",
        "",
        "#",
        "#",
        "#^#^#",
        "#&#^#",
        "^^#^#&#&#",
        "#~#^#",
        "#^#^^^^^^^#^^^^#",
        "\"\"",
    ])
}

fn message() -> impl Strategy<Value = (String, usize)> {
    let shape = prop::sample::select((0..SHAPES.len()).collect::<Vec<_>>());
    let fields = prop::collection::vec(prop::collection::vec((field(), any::<u8>()), 0..55), 16);
    // How many of 256 fields are kept: a sparse message meets rules that want their neighbours.
    let kept = prop::sample::select(vec![24u8, 96, 255]);
    (shape, fields, kept).prop_map(|(at, fields, kept)| {
        let (event, names) = SHAPES[at];
        let mut text = format!("MSH|^~\\&|APP|FAC|BOX|CLINIC|20260101080000+0530||{event}|77|P|2.5.1");
        let mut number = 0;
        for (name, fields) in names.iter().zip(&fields) {
            text.push('\r');
            text.push_str(name);
            for (n, (field, chance)) in (1..).zip(fields) {
                text.push('|');
                if (*name, n) == ("OBX", 2) {
                    text.push_str("ST");
                    continue;
                }
                // Two patients of one message are two.
                let field = match (*name, n) {
                    ("PID", 3) => "#",
                    _ if *chance > kept => "",
                    _ => *field,
                };
                for c in field.chars() {
                    if c == '#' {
                        number += 1;
                        text.push_str(&format!("Q{number}Z"));
                    } else {
                        text.push(c);
                    }
                }
            }
        }
        (text, number)
    })
}

/// Fields that only hold a message together: they are used, and nothing of them is stored.
fn structural(name: &str, field: usize) -> bool {
    match name {
        "MSH" => true,
        "EVN" | "RXA" | "NTE" | "RGS" => field <= 2,
        "ORC" => field == 1,
        "PD1" | "PV2" | "MRG" | "SCH" | "RXO" | "RXE" | "RXR" | "ACC" | "ZAB" | "SAC" => false,
        _ => field == 1,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_value_is_in_a_record_or_in_the_report((text, tokens) in message()) {
        let m = read(text.as_bytes(), Mode::Tolerant).unwrap();
        let event = Event::of(&m.header().message_type(), &m.header().trigger()).unwrap();
        let zone = TimeZone::fixed(jiff::tz::offset(5));
        let mapped = to_transaction(&m, event, &MapContext { zone, authorities: Vec::new(), maps: Maps::default() });
        let stored = String::from_utf8(mapped.bundle.to_vec()).unwrap();
        let report: Vec<&str> =
            mapped.report.unmapped.iter().chain(&mapped.report.unknown_codes).map(|u| u.value.as_str()).collect();
        let report = report.join("\n");
        prop_assert!(tokens < 10_000);
        for segment in m.segments() {
            for (n, part) in segment.fields().filter(|(n, _)| !structural(&segment.name(), *n)) {
                if event.kind() == "MDM" && segment.is("OBX") && n == 5 {
                    // The text of a document is in its attachment, as base64.
                    continue;
                }
                let raw = String::from_utf8_lossy(part.raw()).into_owned();
                for token in raw.split(|c: char| !c.is_alphanumeric()).filter(|t| t.starts_with('Q')) {
                    prop_assert!(
                        stored.contains(token) || report.contains(token),
                        "{}-{n} {raw}: {token} is neither stored nor reported", segment.name(),
                    );
                }
            }
        }
        for link in &mapped.links {
            let resource = mapped.bundle.items("entry")[link.entry].get("resource").unwrap();
            prop_assert!(resource.pointer(&link.pointer).is_some(), "{link:?}");
        }
    }

    /// Bytes changed anywhere: a message that still reads is mapped without a panic.
    #[test]
    fn a_damaged_message_never_panics((text, _) in message(), at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = with;
        if let Ok(m) = read(&bytes, Mode::Tolerant) {
            let event = Event::of(&m.header().message_type(), &m.header().trigger());
            let event = event.or_else(|| Event::of("ORU", "R01")).unwrap();
            let zone = TimeZone::fixed(jiff::tz::offset(5));
            let mapped = to_transaction(&m, event, &MapContext { zone, authorities: Vec::new(), maps: Maps::default() });
            prop_assert_eq!(mapped.bundle.items("entry").len(), mapped.meetings.len());
        }
    }
}

/// Every published message keeps all its bytes: segments and gaps together are the message (hl7v2 reference, section 4).
#[test]
fn published_messages_lose_no_byte() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/hl7v2/dev");
    if !root.is_dir() {
        println!("skipped: the shared sample messages are not here");
        return;
    }
    let mut read_whole = 0;
    for file in super::tests::messages(&root) {
        let bytes = std::fs::read(&file).unwrap();
        for range in crate::hl7::batch::split(&bytes) {
            let Ok(m) = read(&bytes[range], Mode::Tolerant) else { continue };
            // Written again from its fields, with CR for every line end.
            let mut again = Vec::new();
            for segment in m.segments() {
                let by = m.delimiters().field;
                again.extend_from_slice(
                    &segment.raw()
                        [..segment.raw().iter().position(|b| *b == by).unwrap_or(segment.raw().len())],
                );
                for (n, part) in segment.fields() {
                    if !(segment.is("MSH") && n == 1) {
                        again.push(by);
                    }
                    again.extend_from_slice(if segment.is("MSH") && n == 1 { b"" } else { part.raw() });
                }
                again.push(b'\r');
            }
            let plain = |bytes: &[u8]| -> Vec<u8> {
                bytes
                    .iter()
                    .copied()
                    .filter(|b| !b.is_ascii_whitespace() && !matches!(b, 0xEF | 0xBB | 0xBF))
                    .collect()
            };
            assert_eq!(plain(&again), plain(m.bytes()), "{}", file.display());
            read_whole += 1;
        }
    }
    println!("{read_whole} messages were read and written again without a difference");
    assert!(read_whole > 200, "{read_whole}");
}
