//! In which form content travels: JSON, XML, NDJSON, packed or laid out, and what is refused.

use std::io::{Read, Write};

use clinicvault_tests::Clinic;
use serde_json::json;

use super::{JSON, issue, send};

const XML: (&str, &str) = ("Content-Type", "application/fhir+xml");
const PATIENT: &str = r#"<?xml version="1.0" encoding="UTF-8"?><Patient xmlns="http://hl7.org/fhir"><id value="p"/><name><family value="Rao &amp; Sons"/></name><birthDate value="1990-01-01"/></Patient>"#;

#[test]
fn a_record_comes_as_xml_and_goes_in_every_form() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    fhir.send("PUT", "/fhir/Patient/p", &[XML], PATIENT.as_bytes()).expect(201);
    let read = fhir.get("/fhir/Patient/p").expect(200).json();
    assert_eq!(read["name"], json!([{"family": "Rao & Sons"}]));

    let xml = fhir.send("GET", "/fhir/Patient/p", &[("Accept", "application/fhir+xml")], b"").expect(200);
    assert_eq!(xml.header("content-type"), Some("application/fhir+xml; charset=utf-8"));
    assert_eq!(xml.header("etag"), Some("W/\"1\""));
    assert_eq!(xml.header("vary"), Some("accept, accept-encoding"));
    let text = xml.text();
    assert!(text.starts_with("<?xml") && text.contains("<family value=\"Rao &amp; Sons\"/>"), "{text}");
    let head = fhir.send("HEAD", "/fhir/Patient/p?_format=xml", &[], b"").expect(200);
    assert_eq!(head.header("content-length"), Some(text.len().to_string().as_str()));
    let same = fhir.send("PUT", "/fhir/Patient/p", &[XML], text.as_bytes()).expect(200);
    assert_eq!(same.header("etag"), Some("W/\"1\""), "what was read and sent back changes nothing");

    // The parameter wins over the header.
    let json = fhir.send("GET", "/fhir/Patient/p?_format=json", &[("Accept", "application/fhir+xml")], b"");
    assert_eq!(json.expect(200).json()["id"], "p");
    let lines = fhir.get("/fhir/Patient/p?_format=ndjson").expect(200);
    assert_eq!(lines.header("content-type"), Some("application/fhir+ndjson; charset=utf-8"));
    assert_eq!(lines.text().matches('\n').count(), 1);
    let line = ("Content-Type", "application/fhir+ndjson");
    fhir.send("PUT", "/fhir/Patient/p", &[line], lines.text().as_bytes()).expect(200);
    let two = format!("{0}{0}", lines.text());
    issue(fhir.send("PUT", "/fhir/Patient/p", &[line], two.as_bytes()), 400, "structure");

    let found = fhir.get("/fhir/Patient?_format=xml&_pretty=true").expect(200).text();
    assert!(found.contains("\n    <resource>\n      <Patient>\n"), "{found}");
    let bundle = r#"<Bundle xmlns="http://hl7.org/fhir"><type value="batch"/><entry><request><method value="GET"/><url value="Patient/p"/></request></entry></Bundle>"#;
    let done =
        fhir.send("POST", "/fhir", &[XML, ("Accept", "application/fhir+xml")], bundle.as_bytes()).expect(200);
    assert!(done.text().contains("<status value=\"200 OK\"/>"), "{}", done.text());
    let statement = clinic.http().get("/fhir/metadata?_format=xml").expect(200).text();
    assert!(statement.contains("<CapabilityStatement xmlns"), "{statement}");
}

#[test]
fn a_refusal_has_the_form_that_was_asked_for() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let missing = fhir.get("/fhir/Patient/nobody?_format=xml").expect(404);
    assert_eq!(missing.header("content-type"), Some("application/fhir+xml; charset=utf-8"));
    assert!(missing.text().contains("<code value=\"not-found\"/>"), "{}", missing.text());
    assert!(
        clinic.http().get("/fhir/Patient?_format=xml").expect(401).text().contains("<code value=\"login\"/>")
    );
    issue(fhir.get("/fhir/Patient?_format=turtle"), 406, "not-supported");
    issue(fhir.send("GET", "/fhir/Patient", &[("Accept", "image/png")], b""), 406, "not-supported");
    let five = ("Accept", "application/fhir+json; fhirVersion=5.0");
    issue(fhir.send("GET", "/fhir/Patient", &[five], b""), 406, "not-supported");
    fhir.send("GET", "/fhir/Patient", &[("Accept", "application/fhir+json; fhirVersion=4.0")], b"")
        .expect(200);
    let browser = ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
    fhir.send("GET", "/fhir/Patient", &[browser], b"").expect(200).json();

    for wrong in
        ["text/plain", "application/fhir+json; fhirVersion=5.0", "application/fhir+json; charset=latin1"]
    {
        let answer = fhir.send("POST", "/fhir/Patient", &[("Content-Type", wrong)], b"{}");
        issue(answer, 415, "not-supported");
    }
    issue(fhir.send("POST", "/fhir/Patient", &[], b"{}"), 415, "not-supported");
    let broken = issue(
        fhir.send(
            "POST",
            "/fhir/Patient",
            &[XML],
            b"<Patient xmlns=\"http://hl7.org/fhir\"><active value=\"maybe\"/></Patient>",
        ),
        400,
        "structure",
    );
    assert_eq!(broken["issue"][0]["expression"][0], "Patient.active");
    let doctype = format!(
        "<!DOCTYPE Patient [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>{}",
        PATIENT.replace("<?xml version=\"1.0\" encoding=\"UTF-8\"?>", "")
    );
    issue(fhir.send("PUT", "/fhir/Patient/p", &[XML], doctype.as_bytes()), 400, "structure");
}

#[test]
fn bodies_are_packed_both_ways_within_the_limit() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let long =
        json!({"resourceType": "Patient", "id": "long", "name": [{"text": "Asha ".repeat(2000).trim()}]});
    let pack = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let gzip = ("Content-Encoding", "gzip");
    fhir.send("PUT", "/fhir/Patient/long", &[JSON, gzip], &pack(long.to_string().as_bytes())).expect(201);
    let packed = fhir.send("GET", "/fhir/Patient/long", &[("Accept-Encoding", "gzip")], b"").expect(200);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(&packed.body[..]).read_to_string(&mut text).unwrap();
    assert!(packed.body.len() * 5 < text.len());
    assert_eq!(text, fhir.get("/fhir/Patient/long").expect(200).text());

    issue(fhir.send("PUT", "/fhir/Patient/long", &[JSON, gzip], b"{}"), 400, "invalid");
    issue(
        fhir.send("PUT", "/fhir/Patient/long", &[JSON, ("Content-Encoding", "br")], b"{}"),
        415,
        "not-supported",
    );
    let bomb = pack(&vec![b' '; 17 << 20]);
    let refused = issue(fhir.send("PUT", "/fhir/Patient/long", &[JSON, gzip], &bomb), 413, "too-long");
    assert!(refused["issue"][0]["diagnostics"].as_str().unwrap().contains("limits.body_mib"));
    let long = json!({"resourceType": "Patient", "id": "long", "extension": nested(40)});
    let refused = issue(send(&mut fhir, "PUT", "/fhir/Patient/long", &[], &long), 400, "too-long");
    assert!(refused["issue"][0]["diagnostics"].as_str().unwrap().contains("limits.json_depth"), "{refused}");
}

fn nested(levels: usize) -> serde_json::Value {
    (0..levels).fold(
        json!([{"url": "http://x.y", "valueString": "z"}]),
        |inner, _| json!([{"url": "http://x.y", "extension": inner}]),
    )
}
