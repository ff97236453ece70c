//! Binary as bytes: in and out under their own type, within the rights of the record that they belong to.

use clinicvault_tests::{Clinic, Http};
use serde_json::json;

use super::{issue, send};

const PDF: &[u8] = b"%PDF-1.7\n\x00\xff\xfe bytes that are no text";

fn upload(fhir: &mut Http, typed: &str, more: &[(&str, &str)], bytes: &[u8]) -> String {
    let headers: Vec<_> = [("Content-Type", typed)].into_iter().chain(more.iter().copied()).collect();
    let made = fhir.send("POST", "/fhir/Binary", &headers, bytes).expect(201);
    let location = made.header("location").unwrap().to_owned();
    assert_eq!(made.header("etag"), Some("W/\"1\""));
    let path = location.split_once("/fhir/").unwrap().1.split_once("/_history").unwrap().0;
    format!("/fhir/{path}")
}

#[test]
fn bytes_go_in_and_come_out_as_they_were() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let path = upload(&mut fhir, "application/pdf", &[], PDF);
    for accept in ["application/pdf", "application/octet-stream", "image/png, */*;q=0.1"] {
        let raw = fhir.send("GET", &path, &[("Accept", accept)], b"").expect(200);
        assert_eq!(
            (raw.body.as_slice(), raw.header("content-type")),
            (PDF, Some("application/pdf")),
            "{accept}"
        );
        assert_eq!(raw.header("etag"), Some("W/\"1\""));
    }
    // Every form of FHIR is the resource, and so is what a browser asks for.
    for accept in
        ["application/fhir+json", "application/json", "*/*", "text/html,application/xhtml+xml,*/*;q=0.8"]
    {
        let read = fhir.send("GET", &path, &[("Accept", accept)], b"").expect(200).json();
        assert_eq!(
            (&read["resourceType"], &read["contentType"]),
            (&json!("Binary"), &json!("application/pdf"))
        );
    }
    let xml = fhir.send("GET", &path, &[("Accept", "application/fhir+xml")], b"").expect(200).text();
    assert!(xml.contains("<contentType value=\"application/pdf\"/>"), "{xml}");
    issue(
        fhir.send("GET", &path, &[("Accept", "application/fhir+json; fhirVersion=5.0")], b""),
        406,
        "not-supported",
    );
    let old = format!("{path}/_history/1");
    assert_eq!(fhir.send("GET", &old, &[("Accept", "application/pdf")], b"").expect(200).body, PDF);
    let head = fhir.send("HEAD", &path, &[("Accept", "application/pdf")], b"").expect(200);
    assert_eq!(head.header("content-length"), Some(PDF.len().to_string().as_str()));
    let known = [("Accept", "application/pdf"), ("If-None-Match", "W/\"1\"")];
    fhir.send("GET", &path, &known, b"").expect(304);

    let new = fhir
        .send("PUT", &path, &[("Content-Type", "text/plain"), ("If-Match", "W/\"1\"")], b"new")
        .expect(200);
    assert_eq!(new.header("etag"), Some("W/\"2\""));
    let text = fhir.send("GET", &format!("{path}?_format=text/plain"), &[], b"").expect(200);
    assert_eq!((text.text().as_str(), text.header("content-type")), ("new", Some("text/plain")));
    // What was sent as FHIR comes out as bytes too.
    let sent = json!({"resourceType": "Binary", "id": "b", "contentType": "image/png", "data": "AAEC"});
    send(&mut fhir, "PUT", "/fhir/Binary/b", &[], &sent).expect(201);
    assert_eq!(
        fhir.send("GET", "/fhir/Binary/b", &[("Accept", "image/png")], b"").expect(200).body,
        [0, 1, 2]
    );
    let bare = json!({"resourceType": "Binary", "id": "c", "contentType": "image/png"});
    send(&mut fhir, "PUT", "/fhir/Binary/c", &[], &bare).expect(201);
    issue(fhir.send("GET", "/fhir/Binary/c", &[("Accept", "image/png")], b""), 404, "not-found");
}

#[test]
fn what_was_uploaded_can_do_nothing_in_the_name_of_the_box() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    for typed in ["text/html", "image/svg+xml", "application/fhir+json-not", "text/javascript"] {
        let path = upload(&mut fhir, typed, &[], b"<script>alert(1)</script>");
        let raw = fhir.send("GET", &path, &[("Accept", "application/octet-stream")], b"").expect(200);
        assert_eq!(raw.header("content-type"), Some(typed));
        assert_eq!(raw.header("x-content-type-options"), Some("nosniff"));
        assert!(raw.header("content-disposition").unwrap().starts_with("attachment"));
        assert!(raw.header("content-security-policy").unwrap().starts_with("sandbox; default-src 'none'"));
    }
    // A type that no header can carry is not sent as one.
    let odd = json!({"resourceType": "Binary", "id": "odd", "contentType": "nonsense", "data": "AAEC"});
    send(&mut fhir, "PUT", "/fhir/Binary/odd", &[], &odd);
    let raw = fhir.send("GET", "/fhir/Binary/odd", &[("Accept", "image/png")], b"");
    assert!(raw.status != 200 || raw.header("content-type") == Some("application/octet-stream"));
    issue(fhir.send("POST", "/fhir/Binary", &[("Content-Type", "nonsense")], b"x"), 400, "invalid");
    issue(fhir.send("POST", "/fhir/Binary", &[("Content-Type", "image/png")], b""), 400, "invalid");
    issue(fhir.send("POST", "/fhir/Patient", &[("Content-Type", "image/png")], b"x"), 415, "not-supported");
    issue(fhir.send("POST", "/fhir/Binary", &[], b"x"), 415, "not-supported");
}

#[test]
fn bytes_are_bounded_by_a_setting() {
    let mut clinic = Clinic::create();
    let settings = clinic.scratch().join("settings.toml");
    std::fs::write(&settings, "[limits]\nbinary_mib = 1\n").unwrap();
    clinic.serve_with(&["--config", settings.to_str().unwrap()]);
    clinic.start();
    let mut fhir = clinic.fhir();
    upload(&mut fhir, "image/png", &[], &vec![7; 1 << 20]);
    let outcome = issue(
        fhir.send("POST", "/fhir/Binary", &[("Content-Type", "image/png")], &vec![7; (1 << 20) + 1]),
        413,
        "too-long",
    );
    assert!(outcome["issue"][0]["diagnostics"].as_str().unwrap().contains("limits.binary_mib"));
}

#[test]
fn who_may_not_read_the_record_does_not_see_the_bytes_that_belong_to_it() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    for id in ["mine", "theirs"] {
        let patient = json!({"resourceType": "Patient", "id": id, "active": true});
        send(&mut fhir, "PUT", &format!("/fhir/Patient/{id}"), &[], &patient).expect(201);
    }
    let context = |id: &'static str| [("X-Security-Context", id)];
    let mine = upload(&mut fhir, "text/plain", &context("Patient/mine"), b"mine");
    let theirs = upload(&mut fhir, "text/plain", &context("Patient/theirs"), b"theirs");
    let gone = upload(&mut fhir, "text/plain", &context("Patient/nobody"), b"gone");
    let open = upload(&mut fhir, "text/plain", &[], b"open");
    let raw = fhir.send("GET", &mine, &[("Accept", "text/plain")], b"").expect(200);
    assert_eq!(raw.header("x-security-context"), Some("Patient/mine"));
    assert_eq!(fhir.get(&mine).json()["securityContext"]["reference"], "Patient/mine");

    let token = clinic.new_token("system/Binary.cruds system/Patient.rs?_id=mine");
    let mut narrow = clinic.http().bearer(&token);
    for (path, status) in [(&mine, 200), (&open, 200), (&theirs, 404), (&gone, 404)] {
        for accept in ["text/plain", "application/fhir+json"] {
            narrow.send("GET", path, &[("Accept", accept)], b"").expect(status);
        }
        narrow.get(&format!("{path}/_history/1")).expect(status);
        narrow.get(&format!("{path}/_history")).expect(status);
    }
    // Nothing of it is found, counted, told by a history, an include or a change.
    let id = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    let found = narrow.get("/fhir/Binary?_total=accurate&_sort=_id").expect(200).json();
    assert_eq!(found["total"], 2, "{found}");
    assert_eq!(narrow.get("/fhir/Binary?_summary=count").json()["total"], 2);
    assert_eq!(narrow.get(&format!("/fhir/Binary?_id={}", id(&theirs))).json()["entry"], json!(null));
    assert_eq!(narrow.get("/fhir/Binary/_history").json()["entry"].as_array().unwrap().len(), 2);
    let batch = json!({"resourceType": "Bundle", "type": "batch",
        "entry": [{"request": {"method": "GET", "url": format!("Binary/{}", id(&theirs))}}]});
    let done = send(&mut narrow, "POST", "/fhir", &[], &batch).expect(200).json();
    assert_eq!(done["entry"][0]["response"]["status"], "404 Not Found");
    narrow.send("PUT", &theirs, &[("Content-Type", "text/plain")], b"x").expect(404);
    narrow.delete(&theirs).expect(204);
    fhir.get(&theirs).expect(200);
    // A caller without any right to the type of the context.
    let mut none = clinic.http().bearer(&clinic.new_token("system/Binary.rs"));
    none.get(&mine).expect(404);
    none.get(&open).expect(200);
    assert_eq!(none.get("/fhir/Binary?_summary=count").json()["total"], 1);
    // The rights change with the record.
    fhir.delete("/fhir/Patient/mine").expect(204);
    narrow.get(&mine).expect(404);
    fhir.get(&mine).expect(200);
}

#[test]
fn a_context_is_the_name_of_one_record() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    for text in ["Patient?name=x", "#a", "urn:uuid:x", "nonsense"] {
        let headers = [("Content-Type", "text/plain"), ("X-Security-Context", text)];
        issue(fhir.send("POST", "/fhir/Binary", &headers, b"x"), 400, "invalid");
    }
    let body = json!({"resourceType": "Binary", "contentType": "image/png"});
    issue(
        send(&mut fhir, "POST", "/fhir/Binary", &[("X-Security-Context", "Patient/1")], &body),
        400,
        "invalid",
    );
}
