//! What an import takes in: each line once, from where the settings say.

use std::path::PathBuf;
use std::time::Duration;

use clinicvault_tests::{Clinic, sample};
use serde_json::json;

use super::super::{issue, send};
use super::{ASYNC, issue_at, kick, lines, manifest, path, searched, settings, wait};

/// A clinic that reads imports from a folder, which is the second thing.
fn importing() -> (Clinic, PathBuf) {
    let mut clinic = Clinic::create();
    let folder = clinic.scratch().join("incoming");
    std::fs::create_dir(&folder).unwrap();
    settings(&mut clinic, &format!("[jobs]\nimport_folders = [{:?}]\n", folder.to_str().unwrap()));
    clinic.start();
    (clinic, folder)
}

#[test]
fn an_import_that_is_killed_goes_on_and_takes_every_line_once() {
    const LINES: usize = 2_500;
    let (mut clinic, folder) = importing();
    let mut text = String::new();
    for n in 0..LINES {
        let mut patient = sample::patient("Rao", "Asha", "9822000001", &format!("n{n}"));
        match n % 500 {
            // Without an id, and broken.
            1 => {}
            2 => patient["gender"] = json!("nonsense"),
            _ => patient["id"] = json!(format!("p{n}")),
        }
        text.push_str(&patient.to_string());
        text.push('\n');
    }
    text.push_str("{\"resourceType\":\"Observation\"}\nnot json\n");
    std::fs::write(folder.join("people.ndjson"), &text).unwrap();
    let job =
        kick(&mut clinic.fhir(), "POST", "/fhir/$import", Some(&manifest(&[("Patient", "people.ndjson")])));
    let mut kills = 0;
    let done = loop {
        let answer = clinic.fhir().get(&job);
        if answer.status != 202 {
            break answer.expect(200).json();
        }
        let begun = answer.header("x-progress").is_some_and(|text| text != "waiting" && text != "0 %");
        if begun && kills < 3 {
            clinic.kill();
            clinic.start();
            kills += 1;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    assert!(kills > 0, "it was over before it could be killed");
    let good = (LINES - LINES / 500) as u64;
    assert_eq!((done["stored"].as_u64(), done["unchanged"].as_u64()), (Some(good), Some(0)), "{done}");
    assert_eq!(done["output"], json!([{"type": "Patient", "inputUrl": "people.ndjson", "count": good}]));
    let mut fhir = clinic.fhir();
    let errors = lines(&mut fhir, &done, "error");
    let told: Vec<&str> =
        errors.iter().map(|error| error["issue"][0]["diagnostics"].as_str().unwrap()).collect();
    assert_eq!(told.len(), LINES / 500 + 2, "{told:?}");
    assert!(told[0].starts_with("Line 3 of the 1. input was left out:"), "{}", told[0]);
    assert!(told[told.len() - 2].starts_with(&format!("Line {} ", LINES + 1)), "{told:?}");
    let stored = searched(&mut fhir, &["Patient".to_owned()]);
    assert_eq!(stored.len() as u64, good);
    assert!(stored.values().all(|patient| patient["meta"]["versionId"] == "1"), "a line was taken twice");

    // The same again changes nothing, the lines without an id included.
    let again = kick(&mut fhir, "POST", "/fhir/$import", Some(&manifest(&[("Patient", "people.ndjson")])));
    let done = wait(&mut fhir, &again).expect(200).json();
    assert_eq!((done["stored"].as_u64(), done["unchanged"].as_u64()), (Some(0), Some(good)), "{done}");
}

#[test]
fn an_import_takes_uploads_and_what_lies_in_its_folders_and_nothing_else() {
    let (clinic, folder) = importing();
    let mut fhir = clinic.fhir();
    std::fs::write(clinic.scratch().join("secret.ndjson"), "{}").unwrap();
    std::os::unix::fs::symlink(clinic.scratch().join("secret.ndjson"), folder.join("link.ndjson")).unwrap();
    for url in [
        "../secret.ndjson",
        "/etc/passwd",
        "file:///etc/passwd",
        "link.ndjson",
        "none.ndjson",
        "https://lab.example/a.ndjson",
    ] {
        let refused = send(&mut fhir, "POST", "/fhir/$import", &[ASYNC], &manifest(&[("Patient", url)]));
        assert_eq!(issue_at(refused, 400), "input[0].url", "{url}");
    }
    let text = sample::patient("Rao", "Asha", "9822000001", "1").to_string();
    let ndjson = ("Content-Type", "application/fhir+ndjson");
    let upload = fhir.send("POST", "/fhir/_uploads", &[ndjson], text.as_bytes()).expect(201);
    let url = upload.header("location").unwrap().to_owned();
    fhir.get(&path(&url)).expect(404);
    let parameters = json!({"resourceType": "Parameters", "parameter": [
        {"name": "inputFormat", "valueCode": "application/fhir+ndjson"}, {"name": "inputSource", "valueUri": "https://lab.example"},
        {"name": "input", "part": [{"name": "type", "valueCode": "Patient"}, {"name": "url", "valueUri": url}]}]});
    // Another client's upload is not there.
    let mut other = clinic.http().bearer(&clinic.new_token("system/*.cruds"));
    assert_eq!(
        issue_at(send(&mut other, "POST", "/fhir/$import", &[ASYNC], &parameters), 400),
        "input[0].url"
    );
    let job = kick(&mut fhir, "POST", "/fhir/$import", Some(&parameters));
    let done = wait(&mut fhir, &job).expect(200).json();
    assert_eq!(done["stored"], 1, "{done}");
    assert_eq!(fhir.get("/fhir/Patient?_summary=count").json()["total"], 1);

    let mut reader = clinic.http().bearer(&clinic.new_token("system/*.rs"));
    issue(
        send(&mut reader, "POST", "/fhir/$import", &[ASYNC], &manifest(&[("Patient", "a")])),
        403,
        "forbidden",
    );
    issue(reader.send("POST", "/fhir/_uploads", &[ndjson], text.as_bytes()), 403, "forbidden");
    issue(send(&mut fhir, "POST", "/fhir/$import", &[], &manifest(&[("Patient", "a")])), 400, "invalid");
    let mut replace = manifest(&[("Patient", "a")]);
    replace["mode"] = json!("replace");
    assert_eq!(issue_at(send(&mut fhir, "POST", "/fhir/$import", &[ASYNC], &replace), 400), "mode");
}
