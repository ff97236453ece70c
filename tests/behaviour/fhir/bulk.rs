//! Bulk Data: exports, imports, and requests that are answered later.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clinicvault_tests::canary::{self, Scanner};
use clinicvault_tests::{Answer, Clinic, Http, sample};
use serde_json::{Value, json};

use super::{issue, send};

const ASYNC: (&str, &str) = ("Prefer", "respond-async");
/// A test never waits longer than this for a job.
const PATIENCE: Duration = Duration::from_secs(120);

/// Records by `Type/id`.
type Records = BTreeMap<String, Value>;

/// The path of an address of the box.
fn path(address: &str) -> String {
    format!("/fhir{}", address.split_once("/fhir").expect("an address of the box").1)
}

/// Kicks something off and answers where its state is.
#[track_caller]
fn kick(http: &mut Http, method: &str, target: &str, body: Option<&Value>) -> String {
    let answer = match body {
        Some(body) => send(http, method, target, &[ASYNC], body),
        None => http.send(method, target, &[ASYNC], b""),
    };
    let answer = answer.expect(202);
    path(answer.header("content-location").expect("a place"))
}

/// Waits until a job is no longer under way.
#[track_caller]
fn wait(http: &mut Http, job: &str) -> Answer {
    let began = Instant::now();
    loop {
        let answer = http.get(job);
        if answer.status != 202 {
            return answer;
        }
        assert!(answer.header("retry-after").is_some() && answer.header("x-progress").is_some());
        assert!(began.elapsed() < PATIENCE, "the job does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The manifest of an export.
#[track_caller]
fn export(http: &mut Http, target: &str) -> Value {
    let job = kick(http, "GET", target, None);
    wait(http, &job).expect(200).json()
}

fn lines(http: &mut Http, manifest: &Value, list: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for file in manifest[list].as_array().expect("a list of files") {
        let answer = http.get(&path(file["url"].as_str().unwrap())).expect(200);
        assert_eq!(answer.header("content-type"), Some("application/fhir+ndjson"));
        let text = answer.text();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(file["count"], lines.len(), "{file}");
        assert!(lines.iter().all(|line| line["resourceType"] == file["type"]), "{file}");
        all.extend(lines);
    }
    all
}

fn keyed(records: impl IntoIterator<Item = Value>) -> Records {
    let mut all = Records::new();
    for record in records {
        let key = format!("{}/{}", record["resourceType"].as_str().unwrap(), record["id"].as_str().unwrap());
        assert!(all.insert(key.clone(), record).is_none(), "{key} is there twice");
    }
    all
}

/// Everything that searches find now.
fn searched(http: &mut Http, kinds: &[String]) -> Records {
    let mut all = Vec::new();
    for kind in kinds {
        let mut next = Some(format!("/fhir/{kind}?_count=500"));
        while let Some(page) = next {
            let bundle = http.get(&page).expect(200).json();
            // A warning stands in an entry of its own.
            let entries = bundle["entry"].as_array().into_iter().flatten();
            let matched = entries.filter(|entry| entry["search"]["mode"] == "match");
            all.extend(matched.map(|entry| entry["resource"].clone()));
            let links = bundle["link"].as_array().unwrap();
            let link = links.iter().find(|link| link["relation"] == "next");
            next = link.map(|link| path(link["url"].as_str().unwrap()));
        }
    }
    keyed(all)
}

/// The types that the box has records of.
fn kinds(clinic: &Clinic, http: &mut Http) -> Vec<String> {
    let statement = clinic.http().get("/fhir/metadata").json();
    let all = statement["rest"][0]["resource"].as_array().unwrap();
    let names = all.iter().map(|kind| kind["type"].as_str().unwrap().to_owned());
    // The audit log is no part of an export, and every look adds to it.
    names
        .filter(|kind| kind != "AuditEvent")
        .filter(|kind| http.get(&format!("/fhir/{kind}?_summary=count")).json()["total"] != 0)
        .collect()
}

fn demo() -> Clinic {
    let mut clinic = Clinic::empty();
    clinic.cli_ok(&["demo", "--today", "2026-11-21"]);
    clinic.start();
    clinic
}

/// Creates, changes and deletes until told to stop.
fn busy(mut http: Http, patients: &[String], stop: &AtomicBool) -> u64 {
    let mut done = 0;
    while !stop.load(Ordering::Relaxed) {
        let number = format!("busy-{done}");
        http.post_fhir("/fhir/Patient", &sample::patient("Busy", "Bee", "9822000009", &number)).expect(201);
        if let Some(patient) = patients.get(done as usize % patients.len()) {
            let mut body = http.get(patient).json();
            if body["resourceType"] == "Patient" {
                body["active"] = json!(done % 2 == 0);
                http.put_fhir(patient, &body);
            }
        }
        if let Some(patient) = patients.get(done as usize) {
            http.delete(patient).expect(204);
        }
        done += 1;
    }
    done
}

#[test]
fn an_export_is_what_searches_saw_when_it_was_asked_for_while_others_write_on_and_the_box_is_killed() {
    let mut clinic = demo();
    let token = clinic.token();
    let mut fhir = clinic.fhir();
    let kinds = kinds(&clinic, &mut fhir);
    let before = searched(&mut fhir, &kinds);
    assert!(before.len() > 1000, "{} records", before.len());
    let job = kick(&mut fhir, "GET", "/fhir/$export", None);
    let patients: Vec<String> =
        before.keys().filter(|key| key.starts_with("Patient/")).map(|key| format!("/fhir/{key}")).collect();
    let stop = AtomicBool::new(false);
    let http = clinic.server().http;
    let done = std::thread::scope(|scope| {
        let worker = scope.spawn(|| busy(Http::plain(http).bearer(&token), &patients[..5], &stop));
        std::thread::sleep(Duration::from_millis(150));
        stop.store(true, Ordering::Relaxed);
        worker.join().expect("a client that only writes")
    });
    assert!(done > 0);
    // Pulled out of its work, and stopped in order: either way it goes on.
    clinic.kill();
    clinic.start();
    clinic.stop();
    clinic.start();
    let mut fhir = clinic.fhir();
    let manifest = wait(&mut fhir, &job).expect(200).json();
    assert_eq!(manifest["requiresAccessToken"], true);
    assert!(manifest["request"].as_str().unwrap().ends_with("/fhir/$export"));
    assert!(manifest["transactionTime"].is_string() && manifest.get("deleted").is_none());
    assert_eq!(manifest["error"], json!([]));
    let given = keyed(lines(&mut fhir, &manifest, "output"));
    assert_eq!(given.len(), before.len());
    for (key, record) in &before {
        assert_eq!(given.get(key), Some(record), "{key}");
    }

    // The next export names what came, and what went, since.
    let since = manifest["transactionTime"].as_str().unwrap();
    let manifest = export(&mut fhir, &format!("/fhir/$export?_since={since}&_type=Patient"));
    let changed = keyed(lines(&mut fhir, &manifest, "output"));
    assert!(changed.values().all(|patient| patient["meta"]["lastUpdated"].as_str().unwrap() >= since));
    let busy = changed.values().filter(|patient| patient["name"][0]["family"] == "Busy").count();
    assert!(busy as u64 >= done, "{busy} of {done}");
    let deleted = lines(&mut fhir, &manifest, "deleted");
    let mut gone: Vec<&str> =
        deleted.iter().map(|bundle| bundle["entry"][0]["request"]["url"].as_str().unwrap()).collect();
    gone.sort_unstable();
    let expected = patients.iter().take(5.min(done as usize)).map(|path| path.trim_start_matches("/fhir/"));
    let mut expected: Vec<&str> = expected.collect();
    expected.sort_unstable();
    assert_eq!(gone, expected);
}

/// Two patients with a result each, a doctor, and a group of the first patient.
fn small(clinic: &Clinic) -> Http {
    let mut fhir = clinic.fhir();
    for id in ["a", "b"] {
        let mut patient = sample::patient("Rao", id, "9822000001", id);
        patient["id"] = json!(id);
        send(&mut fhir, "PUT", &format!("/fhir/Patient/{id}"), &[], &patient).expect(201);
        let mut result = sample::observation(&format!("Patient/{id}"), "88", "fasting");
        result["id"] = json!(format!("o-{id}"));
        send(&mut fhir, "PUT", &format!("/fhir/Observation/o-{id}"), &[], &result).expect(201);
    }
    let vital = json!({"resourceType": "Observation", "id": "v-a", "status": "final", "code": {"text": "pulse"},
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}],
        "subject": {"reference": "Patient/a"}});
    send(&mut fhir, "PUT", "/fhir/Observation/v-a", &[], &vital).expect(201);
    let doctor = json!({"resourceType": "Practitioner", "id": "d"});
    send(&mut fhir, "PUT", "/fhir/Practitioner/d", &[], &doctor).expect(201);
    let group = json!({"resourceType": "Group", "id": "g", "type": "person", "actual": true,
        "member": [{"entity": {"reference": "Patient/a"}}, {"entity": {"reference": "Patient/b"}, "inactive": true}]});
    send(&mut fhir, "PUT", "/fhir/Group/g", &[], &group).expect(201);
    fhir
}

#[track_caller]
fn holds(http: &mut Http, manifest: &Value, expected: &[&str]) {
    let given = keyed(lines(http, manifest, "output"));
    assert_eq!(given.keys().map(String::as_str).collect::<Vec<_>>(), expected);
}

#[test]
fn an_export_holds_what_its_level_and_its_parameters_say() {
    let clinic = Clinic::open();
    let mut fhir = small(&clinic);
    let all = [
        "Group/g",
        "Observation/o-a",
        "Observation/o-b",
        "Observation/v-a",
        "Patient/a",
        "Patient/b",
        "Practitioner/d",
    ];
    for (target, expected) in [
        ("/fhir/$export", &all[..]),
        ("/fhir/$export?_type=Patient,Practitioner", &["Patient/a", "Patient/b", "Practitioner/d"]),
        (
            "/fhir/Patient/$export",
            &["Group/g", "Observation/o-a", "Observation/o-b", "Observation/v-a", "Patient/a", "Patient/b"],
        ),
        ("/fhir/Group/g/$export", &["Group/g", "Observation/o-a", "Observation/v-a", "Patient/a"]),
        ("/fhir/Group/g/$export?_type=Observation", &["Observation/o-a", "Observation/v-a"]),
        (
            "/fhir/$export?_type=Observation,Patient&_typeFilter=Observation%3Fcategory%3Dvital-signs",
            &["Observation/v-a", "Patient/a", "Patient/b"],
        ),
        (
            "/fhir/$export?_type=Observation&_typeFilter=Observation%3Fcategory%3Dvital-signs&_typeFilter=Observation%3Fsubject%3DPatient/b",
            &["Observation/o-b", "Observation/v-a"],
        ),
        ("/fhir/$export?_until=2020-01-01T00:00:00Z", &[]),
        ("/fhir/$export?_since=2020-01-01T00:00:00Z&_type=Patient", &["Patient/a", "Patient/b"]),
    ] {
        let manifest = export(&mut fhir, target);
        holds(&mut fhir, &manifest, expected);
    }
    let named = json!({"resourceType": "Parameters", "parameter": [
        {"name": "patient", "valueReference": {"reference": "Patient/b"}}, {"name": "_outputFormat", "valueString": "application/fhir+ndjson"}]});
    let job = kick(&mut fhir, "POST", "/fhir/Patient/$export", Some(&named));
    let manifest = wait(&mut fhir, &job).expect(200).json();
    holds(&mut fhir, &manifest, &["Group/g", "Observation/o-b", "Patient/b"]);

    let manifest =
        export(&mut fhir, "/fhir/$export?_elements=Patient.gender,status&_type=Patient,Observation");
    for record in lines(&mut fhir, &manifest, "output") {
        assert_eq!(record["meta"]["tag"][0]["code"], "SUBSETTED", "{record}");
        assert!(record.get("name").is_none() && record.get("subject").is_none(), "{record}");
        assert_eq!(record.get("gender").is_some(), record["resourceType"] == "Patient");
    }

    // What cannot be honoured is named, and passed over only by leave.
    for (target, place) in [
        ("/fhir/$export?frobnicate=1", "frobnicate"),
        ("/fhir/$export?includeAssociatedData=LatestProvenanceResources", "includeAssociatedData"),
        ("/fhir/$export?_since=yesterday", "_since"),
        ("/fhir/$export?_type=Pacient", "_type"),
        ("/fhir/$export?_outputFormat=text/csv", "_outputFormat"),
        ("/fhir/$export?_typeFilter=Observation%3Fnonsense%3D1", "_typeFilter"),
        ("/fhir/$export?_typeFilter=Observation%3F_sort%3Ddate", "_typeFilter"),
        ("/fhir/Patient/$export?patient=Patient/a", "patient"),
    ] {
        let refused = issue_at(fhir.send("GET", target, &[ASYNC], b""), 400);
        assert_eq!(refused, place, "{target}");
    }
    let missing = json!({"resourceType": "Parameters", "parameter": [{"name": "patient", "valueReference": {"reference": "Patient/none"}}]});
    assert_eq!(
        issue_at(send(&mut fhir, "POST", "/fhir/Patient/$export", &[ASYNC], &missing), 400),
        "patient"
    );
    fhir.send("GET", "/fhir/Group/none/$export", &[ASYNC], b"").expect(404);
    issue(fhir.get("/fhir/$export"), 400, "invalid");
    let lenient = fhir.send(
        "GET",
        "/fhir/$export?frobnicate=1&_type=Patient",
        &[("Prefer", "respond-async, handling=lenient")],
        b"",
    );
    let job = path(lenient.expect(202).header("content-location").unwrap());
    let manifest = wait(&mut fhir, &job).expect(200).json();
    let warning = &lines(&mut fhir, &manifest, "error")[0];
    assert_eq!(warning["issue"][0]["severity"], "warning");
    assert!(warning["issue"][0]["diagnostics"].as_str().unwrap().contains("frobnicate"));
}

#[track_caller]
fn issue_at(answer: Answer, status: u16) -> String {
    let outcome = answer.expect(status).json();
    outcome["issue"][0]["expression"][0].as_str().unwrap_or_else(|| panic!("{outcome}")).to_owned()
}

#[test]
fn files_come_packed_or_in_parts_and_only_to_who_asked() {
    let clinic = Clinic::open();
    let mut fhir = small(&clinic);
    let manifest = export(&mut fhir, "/fhir/$export?_type=Observation");
    let file = path(manifest["output"][0]["url"].as_str().unwrap());
    let job = file.rsplit_once('/').unwrap().0.to_owned();
    let whole = fhir.get(&file).expect(200);
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    let tag = whole.header("etag").unwrap().to_owned();
    let packed = fhir.send("GET", &file, &[("Accept-Encoding", "gzip")], b"").expect(200);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert_ne!(packed.header("etag"), Some(tag.as_str()));
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(packed.body.as_slice()).read_to_end(&mut plain).unwrap();
    assert_eq!(plain, whole.body);
    let length = whole.body.len();
    let part = fhir.send("GET", &file, &[("Range", "bytes=10-19")], b"").expect(206);
    assert_eq!(part.body, &whole.body[10..20]);
    assert_eq!(part.header("content-range"), Some(format!("bytes 10-19/{length}").as_str()));
    let rest = fhir.send("GET", &file, &[("Range", "bytes=20-"), ("If-Range", &tag)], b"").expect(206);
    assert_eq!(rest.body, &whole.body[20..]);
    fhir.send("GET", &file, &[("Range", "bytes=20-"), ("If-Range", "\"other\"")], b"").expect(200);
    let beyond = fhir.send("GET", &file, &[("Range", "bytes=9999999-")], b"").expect(416);
    assert_eq!(beyond.header("content-range"), Some(format!("bytes */{length}").as_str()));

    // Another client finds nothing, whatever it may do.
    let mut other = clinic.http().bearer(&clinic.new_token("system/*.cruds"));
    for target in [&job, &file] {
        issue(other.get(target), 404, "not-found");
    }
    issue(other.delete(&job), 404, "not-found");
    clinic.http().get(&file).expect(401);
    fhir.get(&format!("{job}/Patient.ndjson")).expect(404);

    fhir.delete(&job).expect(202);
    for target in [&job, &file] {
        issue(fhir.get(target), 404, "not-found");
    }
    issue(fhir.delete(&job), 404, "not-found");
}

#[test]
fn an_export_gives_no_more_than_its_caller_may_have() {
    let clinic = Clinic::open();
    small(&clinic);
    let mut narrow = clinic.http().bearer(&clinic.new_token("system/Patient.rs"));
    let manifest = export(&mut narrow, "/fhir/$export");
    holds(&mut narrow, &manifest, &["Patient/a", "Patient/b"]);
    issue(narrow.send("GET", "/fhir/$export?_type=Observation", &[ASYNC], b""), 403, "forbidden");
    issue(narrow.send("GET", "/fhir/Group/g/$export", &[ASYNC], b""), 403, "forbidden");
    let mut blind = clinic.http().bearer(&clinic.new_token("system/Patient.r"));
    issue(blind.send("GET", "/fhir/$export", &[ASYNC], b""), 403, "forbidden");
    let mut doctor = clinic.staff("imran", &["doctor"]);
    issue(doctor.http.send("GET", "/fhir/$export", &[ASYNC], b""), 403, "forbidden");
    let mut owner = clinic.owner();
    let manifest = export(&mut owner.http, "/fhir/$export?_type=Patient");
    holds(&mut owner.http, &manifest, &["Patient/a", "Patient/b"]);
}

fn settings(clinic: &mut Clinic, text: &str) {
    let file = clinic.scratch().join("settings.toml");
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap().to_owned();
    clinic.serve_with(&["--config", &file]);
}

#[test]
fn a_caller_has_a_bounded_number_of_jobs() {
    let mut clinic = Clinic::create();
    settings(&mut clinic, "[jobs]\nper_caller = 2\nmost = 3\n");
    clinic.start();
    let mut fhir = clinic.fhir();
    let first = kick(&mut fhir, "GET", "/fhir/$export", None);
    kick(&mut fhir, "GET", "/fhir/$export", None);
    let many = fhir.send("GET", "/fhir/$export", &[ASYNC], b"").expect(429);
    assert!(many.header("retry-after").is_some());
    assert!(many.text().contains("jobs.per_caller"), "{}", many.text());
    let mut other = clinic.http().bearer(&clinic.new_token("system/*.cruds"));
    kick(&mut other, "GET", "/fhir/$export", None);
    let many = other.send("GET", "/fhir/$export", &[ASYNC], b"").expect(429);
    assert!(many.text().contains("jobs.most"), "{}", many.text());
    // One that is given up makes room.
    fhir.delete(&first).expect(202);
    kick(&mut fhir, "GET", "/fhir/$export", None);

    let mut owner = clinic.owner();
    let list = owner.get("/api/jobs").expect(200).json();
    let jobs = list["jobs"].as_array().unwrap();
    assert_eq!(jobs.len(), 3, "{list}");
    assert!(
        jobs.iter().all(|job| job["kind"] == "export" && job["request"] == "GET /fhir/$export"),
        "{list}"
    );
    let id = jobs[0]["id"].as_str().unwrap();
    owner.delete(&format!("/api/jobs/{id}")).expect(204);
    owner.delete(&format!("/api/jobs/{id}")).expect(404);
    assert_eq!(owner.get("/api/jobs").json()["jobs"].as_array().unwrap().len(), 2);
}

/// A clinic that reads imports from a folder, which is the second thing.
fn importing() -> (Clinic, PathBuf) {
    let mut clinic = Clinic::create();
    let folder = clinic.scratch().join("incoming");
    std::fs::create_dir(&folder).unwrap();
    settings(&mut clinic, &format!("[jobs]\nimport_folders = [{:?}]\n", folder.to_str().unwrap()));
    clinic.start();
    (clinic, folder)
}

fn manifest(inputs: &[(&str, &str)]) -> Value {
    let inputs: Vec<Value> = inputs.iter().map(|(kind, url)| json!({"type": kind, "url": url})).collect();
    json!({"inputFormat": "application/fhir+ndjson", "inputSource": "https://lab.example", "input": inputs})
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

#[test]
fn any_request_can_be_answered_later() {
    let clinic = Clinic::open();
    let mut fhir = small(&clinic);
    let later = |fhir: &mut Http, method: &str, target: &str, body: Option<&Value>| {
        let job = kick(fhir, method, target, body);
        let bundle = wait(fhir, &job).expect(200).json();
        assert_eq!(
            (bundle["resourceType"].as_str(), bundle["type"].as_str()),
            (Some("Bundle"), Some("batch-response"))
        );
        assert_eq!(bundle["entry"].as_array().unwrap().len(), 1);
        bundle["entry"][0].clone()
    };
    let search = later(&mut fhir, "GET", "/fhir/Observation?subject=Patient/a&_count=1", None);
    assert_eq!(search["response"]["status"], "200");
    assert_eq!(
        (search["resource"]["type"].as_str(), search["resource"]["total"].as_u64()),
        (Some("searchset"), Some(2))
    );
    let next = search["resource"]["link"].as_array().unwrap().iter().find(|link| link["relation"] == "next");
    fhir.get(&path(next.unwrap()["url"].as_str().unwrap())).expect(200);
    let transaction = later(&mut fhir, "POST", "/fhir", Some(&sample::transaction("Later", "later", 3)));
    assert_eq!(transaction["resource"]["type"], "transaction-response");
    assert_eq!(fhir.get("/fhir/Patient?identifier=later&_summary=count").json()["total"], 1);
    let made =
        later(&mut fhir, "POST", "/fhir/Patient", Some(&sample::patient("Rao", "C", "9822000003", "c")));
    assert_eq!(
        (made["response"]["status"].as_str(), made["response"]["etag"].as_str()),
        (Some("201"), Some("W/\"1\""))
    );
    fhir.get(&path(made["response"]["location"].as_str().unwrap())).expect(200);
    let missing = later(&mut fhir, "GET", "/fhir/Patient/none", None);
    assert_eq!(missing["response"]["status"], "404");
    assert_eq!(missing["response"]["outcome"]["issue"][0]["code"], "not-found");
    let gone = later(&mut fhir, "DELETE", "/fhir/Observation/v-a", None);
    assert_eq!(gone["response"]["status"], "204");

    // It runs with the rights of who asked, and only they get the answer.
    let mut narrow = clinic.http().bearer(&clinic.new_token("system/Patient.rs"));
    let job = kick(&mut narrow, "GET", "/fhir/Observation", None);
    issue(fhir.get(&job), 404, "not-found");
    let refused = wait(&mut narrow, &job).expect(200).json();
    assert_eq!(refused["entry"][0]["response"]["status"], "403");
    narrow.delete(&job).expect(202);
    narrow.get(&job).expect(404);
    // Where nobody is signed in the preference is passed over.
    clinic.http().send("GET", "/fhir/metadata", &[ASYNC], b"").expect(200);
}

#[test]
fn nothing_that_a_job_keeps_can_be_read_on_the_disk() {
    let mut clinic = Clinic::open();
    let people = canary::plant(20, 4711);
    let mut fhir = clinic.fhir();
    let mut text = String::new();
    for (n, person) in people.iter().enumerate() {
        let mut patient = sample::patient(&person.family, &person.given, &person.phone, &format!("k{n}"));
        patient["contact"] = json!([{"name": {"text": person.note}}]);
        text.push_str(&format!("{patient}\n"));
    }
    let ndjson = ("Content-Type", "application/fhir+ndjson");
    let upload = fhir.send("POST", "/fhir/_uploads", &[ndjson], text.as_bytes()).expect(201);
    let url = upload.header("location").unwrap().to_owned();
    let job = kick(&mut fhir, "POST", "/fhir/$import", Some(&manifest(&[("Patient", &url)])));
    assert_eq!(wait(&mut fhir, &job).expect(200).json()["stored"], 20);
    let given = export(&mut fhir, "/fhir/Patient/$export");
    let given = lines(&mut fhir, &given, "output");
    assert_eq!(given.iter().filter(|record| record["resourceType"] == "Patient").count(), 20);
    let first = &people[0];
    let job =
        kick(&mut fhir, "GET", &format!("/fhir/Patient?family={}&phone={}", first.family, first.phone), None);
    assert_eq!(wait(&mut fhir, &job).expect(200).json()["entry"][0]["resource"]["total"], 1);
    clinic.stop();
    let scanner = Scanner::new(&canary::secrets(&people));
    assert!(scanner.find(text.as_bytes()).is_some(), "the scanner finds nothing");
    for folder in [clinic.data(), clinic.logs()] {
        let (found, bytes) = scanner.search(&folder).unwrap();
        assert!(bytes > 0 && found.is_empty(), "{} places in {}", found.len(), folder.display());
    }
}
