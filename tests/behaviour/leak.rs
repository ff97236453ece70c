//! 200 invented people pass through every door of the box; afterwards no byte of any file or log shows one of them.

use clinicvault_tests::canary::{self, Canary, Scanner};
use clinicvault_tests::{Clinic, sample};
use serde_json::json;

/// Printed, so that a failure can be looked at again.
const SEED: u64 = 0x5EED_0200;

#[test]
fn no_file_log_or_url_shows_a_patient() {
    let people = canary::plant(200, SEED);
    let scanner = Scanner::new(&canary::secrets(&people));
    let mut clinic = Clinic::create();
    let settings = clinic.scratch().join("talkative.toml");
    std::fs::write(&settings, "[log]\nlevel = \"debug\"\n").expect("a settings file");
    clinic.serve_with(&["--config", settings.to_str().expect("a plain path")]);
    clinic.start();

    let (fhir, rest) = people.split_at(60);
    let (lab, rest) = rest.split_at(50);
    let (desk, rest) = rest.split_at(40);
    let (files, wrong) = rest.split_at(30);
    through_fhir(&clinic, fhir);
    through_hl7(&clinic, lab);
    at_the_desk(&clinic, desk);
    by_import(&clinic, files);
    with_mistakes(&clinic, wrong);

    let (finds, read) = scanner.search(&clinic.data()).expect("a readable data folder");
    assert!(finds.is_empty(), "while running, seed {SEED:#x}: {:?}", &finds[..finds.len().min(5)]);
    assert!(read > 1 << 20, "only {read} bytes of data: nothing was stored");
    clinic.kill();
    clinic.start();
    clinic.stop();
    for folder in [clinic.data(), clinic.logs()] {
        let (finds, _) = scanner.search(&folder).expect("a readable folder");
        assert!(finds.is_empty(), "after the end, seed {SEED:#x}: {:?}", &finds[..finds.len().min(5)]);
    }
    assert!(!clinic.printed().is_empty(), "the box logs something at this level");
}

fn patient(person: &Canary, number: &str) -> serde_json::Value {
    let mut patient = sample::patient(&person.family, &person.given, &person.phone, number);
    patient["contact"] = json!([{ "name": { "text": person.note } }]);
    patient
}

fn through_fhir(clinic: &Clinic, people: &[Canary]) {
    let mut fhir = clinic.fhir();
    for (i, person) in people.iter().enumerate() {
        let made = fhir.post_fhir("/fhir/Patient", &patient(person, &format!("F-{i}"))).expect(201).json();
        let id = made["id"].as_str().expect("an id").to_owned();
        let result = sample::observation(&format!("Patient/{id}"), "98.4", &person.note);
        fhir.post_fhir("/fhir/Observation", &result).expect(201);
        let mut changed = made;
        changed["name"][0]["given"] = json!([person.given, "Second"]);
        fhir.put_fhir(&format!("/fhir/Patient/{id}"), &changed).expect(200);
        fhir.get(&format!("/fhir/Patient?name={}", person.family)).expect(200);
        fhir.get(&format!("/fhir/Patient?phone={}", person.phone)).expect(200);
        if i % 5 == 0 {
            fhir.delete(&format!("/fhir/Patient/{id}"));
        }
    }
}

fn through_hl7(clinic: &Clinic, people: &[Canary]) {
    let mut lab = clinic.mllp();
    for (i, person) in people.iter().enumerate() {
        let number = format!("{}", 70_000 + i);
        lab.send(&sample::adt(
            "A04",
            &format!("LA{i}"),
            &number,
            &person.family,
            &person.given,
            &person.phone,
        ));
        let mut result = sample::oru(&format!("LO{i}"), &number, &person.family, &person.given, "88");
        result.push_str(&format!("NTE|1||{}\r", person.note));
        lab.send(&result);
    }
}

fn at_the_desk(clinic: &Clinic, people: &[Canary]) {
    let mut desk = clinic.staff("sunita", &["reception"]);
    for (i, person) in people.iter().enumerate() {
        let name = format!("{} {}", person.given, person.family);
        desk.register(&name, &person.phone, &format!("7d5a1c62-0a4b-4a44-9f8e-{i:012}"));
        desk.get(&format!("/api/search?q={}", person.family)).expect(200);
        desk.get(&format!("/api/search?q={}", &person.phone[..8])).expect(200);
    }
}

fn by_import(clinic: &Clinic, people: &[Canary]) {
    let lines: Vec<String> =
        people.iter().enumerate().map(|(i, p)| patient(p, &format!("I-{i}")).to_string()).collect();
    // Every fifth line is broken: the report names the line, never what stands on it.
    let broken: Vec<String> = lines
        .iter()
        .enumerate()
        .map(|(i, line)| if i % 5 == 0 { line.replace("\"gender\":", "\"colour\":") } else { line.clone() })
        .collect();
    let file = clinic.scratch().join("people.ndjson");
    std::fs::write(&file, broken.join("\n")).expect("a file to import");
    let output = clinic.cli(&["import", file.to_str().expect("a plain path")]);
    std::fs::write(clinic.logs().join("import"), [output.stdout, output.stderr].concat()).expect("a log");
}

/// What people type wrongly must not end in a log either.
fn with_mistakes(clinic: &Clinic, people: &[Canary]) {
    let mut fhir = clinic.fhir();
    let mut lab = clinic.mllp();
    for person in people {
        let mut wrong = patient(person, "W");
        wrong["gender"] = json!(person.note);
        let answer = fhir.post_fhir("/fhir/Patient", &wrong);
        assert!((400..500).contains(&answer.status), "{}", answer.text());
        fhir.send(
            "POST",
            "/fhir/Patient",
            &[],
            format!("{{\"resourceType\":\"{}\"", person.family).as_bytes(),
        );
        fhir.get(&format!("/fhir/{}/{}", person.family, person.given));
        fhir.get(&format!("/fhir/Patient?{}={}", person.family, person.phone));
        fhir.get(&format!("/fhir/Patient?birthdate={}", person.family));
        clinic.http().get(&format!("/{}/{}", person.family, person.phone));
        let login = json!({ "username": person.family, "password": person.note.clone() });
        clinic
            .http()
            .with("X-ClinicVault", "1")
            .with("Sec-Fetch-Site", "same-origin")
            .post("/api/login", &login);
        let message =
            sample::oru("WRONG", "1", &person.family, &person.given, "abc").replace("OBX|1|NM", "OBX|x|??");
        lab.send(&message);
        let _ = lab.try_send(format!("PID|1||1||{}^{}", person.family, person.given).as_bytes());
    }
}
