//! `clinicvault fhir convert`.

use std::process::Output;

use clinicvault_tests::binary::clinicvault;

fn convert(name: &str, content: &str, more: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    std::fs::write(&file, content).unwrap();
    clinicvault().args(["fhir", "convert"]).arg(&file).args(more).output().unwrap()
}

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_file_is_written_in_another_form() {
    let json = r#"{"resourceType":"Patient","id":"p","active":true}"#;
    let xml = printed(&convert("p.json", json, &[]));
    assert!(xml.starts_with("<?xml") && xml.contains("\n  <active value=\"true\"/>\n"), "{xml}");
    assert_eq!(printed(&convert("p.xml", &xml, &["--to", "ndjson"])), format!("{json}\n"));
    assert!(printed(&convert("p.xml", &xml, &[])).contains("\n  \"active\": true\n"));
    let lines = format!("{json}\n{json}\n");
    assert_eq!(printed(&convert("p.ndjson", &lines, &["--to", "ndjson"])), lines);

    let several = convert("p.ndjson", &lines, &["--to", "xml"]);
    assert_eq!(several.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&several.stderr).contains("the file holds 2"));
    let broken =
        convert("p.xml", "<Patient xmlns=\"http://hl7.org/fhir\"><active value=\"x\"/></Patient>", &[]);
    assert!(String::from_utf8_lossy(&broken.stderr).contains("Patient.active"));
    let odd = convert("p.json", r#"{"resourceType":"Patient","gender":"x"}"#, &["--to", "json"]);
    assert!(odd.status.success() && String::from_utf8_lossy(&odd.stderr).contains("Patient.gender"));
}
