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

#[test]
fn analysers_that_speak_hl7_are_read_by_their_dialects() {
    // Version 2.3.1 without groups, numbers as codes; and the LAW profile with specimen and container before the order.
    let plain = "MSH|^~\\&|Maker|BS-200|||20261121103000||ORU^R01|1|P|2.3.1||||0||ASCII|||\r\
         PID|1||88120||SATHE^UMA||19680314|F\r\
         OBR|1|12345|10|Maker^BS-200|N||20261121101500||||||||serum||||||||||F\r\
         OBX|1|NM|2|ALT|98.2|U/L|0-40|H|||F||98.2|20261121102900\r\
         OBX|2|NM|5|GLU|5.1|mmol/L|3.9-6.1|N|||F||5.1|20261121102930\r";
    let law = "MSH|^~\\&|AutoAnalyzer|Lab|LIS|Lab|20261121103000+0530||OUL^R22^OUL_R22|1002|P|2.5.1|||NE|AL||UNICODE UTF-8|||LAB-29^IHE\r\
         PID|1||88120^^^CITYPATH^MR||SATHE^UMA||19680314|F\r\
         SPM|1|S-1&CITYPATH||SER^Serum^HL70487|||||||P^Patient^HL70369\r\
         SAC|||S-1\r\
         OBR|1|ORD-1^CITYPATH||2823-3^Potassium^LN|||20261121101500+0530\r\
         ORC|SC|ORD-1^CITYPATH|||CM\r\
         OBX|1|NM|2823-3^Potassium^LN|1|5.9|mmol/L^mmol/L^UCUM|3.5-5.1|H|||F|||20261121102900+0530||asha||Meter^Maker^7|20261121102900+0530\r";
    for (message, results) in [
        (plain, &[("2", "98.2", "U/L", "H"), ("5", "5.1", "mmol/L", "N")][..]),
        (law, &[("2823-3", "5.9", "mmol/L", "H")]),
    ] {
        let bundle: serde_json::Value =
            serde_json::from_str(&printed(&run("convert", message.as_bytes()))).unwrap();
        let all = |kind: &str| -> Vec<serde_json::Value> {
            let resources = bundle["entry"].as_array().unwrap().iter().map(|entry| entry["resource"].clone());
            resources.filter(|resource| resource["resourceType"] == kind).collect()
        };
        let found: Vec<_> = all("Observation")
            .iter()
            .map(|o| {
                let quantity = &o["valueQuantity"];
                let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
                assert_eq!((&o["status"], o["subject"].is_object()), (&"final".into(), true));
                let flag = text(&o["interpretation"][0]["coding"][0]["code"]);
                let code = text(&o["code"]["coding"][0]["code"]);
                (code, quantity["value"].to_string(), text(&quantity["code"]), flag)
            })
            .collect();
        let expected: Vec<_> = results
            .iter()
            .map(|(c, v, u, f)| ((*c).to_owned(), (*v).to_owned(), (*u).to_owned(), (*f).to_owned()))
            .collect();
        assert_eq!(found, expected);
        assert_eq!((all("Specimen").len(), all("DiagnosticReport").len()), (1, 1));
    }
}
