//! What an export gives out: the state of one moment, to whom it belongs, in files.

use std::io::Read;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clinicvault_tests::{Clinic, Http, sample};
use serde_json::{Value, json};

use super::super::{issue, send};
use super::{ASYNC, export, issue_at, keyed, kick, kinds, lines, path, searched, small, wait};

#[track_caller]
fn holds(http: &mut Http, manifest: &Value, expected: &[&str]) {
    let given = keyed(lines(http, manifest, "output"));
    assert_eq!(given.keys().map(String::as_str).collect::<Vec<_>>(), expected);
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
