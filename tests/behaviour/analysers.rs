//! `clinicvault hl7`: files of messages and of analysers' lines without a box.

use std::process::Output;

use clinicvault_tests::binary::clinicvault;

const RECORDS: [&str; 5] = [
    "H|\\^&|||Meter^SN7",
    "P|1|88120|||PAWAR^LAKSHMI||19680314|F",
    "O|1|S-1||^^^K",
    "R|1|^^^K|5.9|mmol/l|3.5-5.1|H||F||||20261122093000",
    "L|1|N",
];

/// The records as a line carries them: one frame a record, each with its checksum.
fn line() -> Vec<u8> {
    let mut bytes = vec![0x05];
    for (at, record) in RECORDS.iter().enumerate() {
        let text = format!("{}{record}\r\x03", (at + 1) % 8);
        let sum = text.bytes().fold(0u8, |sum, b| sum.wrapping_add(b));
        bytes.push(0x02);
        bytes.extend(text.bytes());
        bytes.extend(format!("{sum:02X}\r\n").bytes());
    }
    bytes.push(0x04);
    bytes
}

fn run(what: &str, content: &[u8]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, content).unwrap();
    clinicvault().args(["hl7", what]).arg(&file).output().unwrap()
}

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_recorded_line_becomes_a_transaction_a_report_and_words() {
    let bundle: serde_json::Value = serde_json::from_str(&printed(&run("convert", &line()))).unwrap();
    assert_eq!(bundle["type"], "transaction");
    let entries = bundle["entry"].as_array().unwrap();
    let observation =
        entries.iter().map(|e| &e["resource"]).find(|r| r["resourceType"] == "Observation").unwrap();
    assert_eq!(observation["valueQuantity"]["code"], "mmol/L");
    assert_eq!(observation["effectiveDateTime"], "2026-11-22T09:30:00+05:30");
    assert_eq!(printed(&run("convert", &line())), printed(&run("convert", &line())));
    let report: serde_json::Value = serde_json::from_str(&printed(&run("report", &line()))).unwrap();
    assert_eq!(report["unmapped"], serde_json::json!([]));
    assert_eq!(report["unknownCodes"][0]["path"], "O-5");
    let words = printed(&run("explain", &line()));
    assert!(words.contains("K: 5.9 mmol/l, flag H, range 3.5-5.1"), "{words}");
}

#[test]
fn one_changed_byte_is_refused_with_its_frame() {
    let mut bytes = line();
    let at = bytes.windows(3).position(|w| w == b"5.9").unwrap();
    bytes[at] = b'6';
    for what in ["convert", "report", "explain"] {
        let refused = run(what, &bytes);
        assert_eq!(refused.status.code(), Some(1));
        assert!(refused.stdout.is_empty());
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(said.contains("frame 4: the checksum does not hold"), "{said}");
    }
    let print = run("convert", b"\x02Na 131 mmol/L\x03\n");
    assert_eq!(print.status.code(), Some(1));
    assert!(printed(&run("explain", b"\x02Na 131 mmol/L\x03\n")).contains("Na 131 mmol/L"));
}

#[test]
fn hl7_messages_of_a_batch_are_converted_each() {
    let one = |id: &str| {
        format!(
            "MSH|^~\\&|LAB|CITY|CV|BOX|20261122||ORU^R01^ORU_R01|{id}|P|2.5.1\rPID|1||7^^^CITY^MR||DOE^J\r\
             OBR|1||F{id}|K^Potassium^L|||20261122\rOBX|1|NM|2823-3^Potassium^LN||5.9|mmol/L|||||F\r"
        )
    };
    let batch = format!("BHS|^~\\&\r{}{}BTS|2\r", one("1"), one("2"));
    let words = printed(&run("explain", batch.as_bytes()));
    assert_eq!(words.matches("ORU^R01 from CITY").count(), 2, "{words}");
    let refused = run("convert", b"neither of them");
    assert_eq!(refused.status.code(), Some(1));
    let zone = clinicvault().args(["hl7", "convert", "--zone", "Nowhere", "x"]).output().unwrap();
    assert_eq!(zone.status.code(), Some(2));
}
