//! Long work whose taker has lost their rights meanwhile: it ends, and what it has made is gone for everybody.

use std::time::{Duration, Instant};

use clinicvault_tests::smart::App;
use clinicvault_tests::{Clinic, Http, Person, sample};
use serde_json::{Value, json};

const ASYNC: (&str, &str) = ("Prefer", "respond-async");

/// Kicks something off and waits until it is done; answers the job's path.
fn done(http: &mut Http, target: &str) -> String {
    let taken = http.send("GET", target, &[ASYNC], b"").expect(202);
    let job = taken.header("content-location").expect("a place");
    let job = format!("/fhir{}", job.split_once("/fhir").expect("an address of the box").1);
    let began = Instant::now();
    while http.get(&job).status == 202 {
        assert!(began.elapsed() < Duration::from_secs(60), "the job does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
    job
}

fn jobs(owner: &mut Person<'_>) -> Vec<Value> {
    owner.get("/api/jobs").expect(200).json()["jobs"].as_array().expect("a list").clone()
}

#[test]
fn what_a_job_made_ends_with_the_rights_it_was_taken_with() {
    let clinic = Clinic::open();
    clinic.fhir().post_fhir("/fhir/Patient", &sample::patient("Rao", "Asha", "9822000001", "1")).expect(201);
    let mut owner = clinic.owner();

    // A token that is taken back.
    let mut machine = clinic.http().bearer(&clinic.new_token("system/*.rs"));
    let job = done(&mut machine, "/fhir/$export?_type=Patient");
    machine.get(&job).expect(200);
    let lines = jobs(&mut owner);
    assert_eq!(lines.len(), 1, "{lines:?}");
    let token = lines[0]["owner"]["id"].as_str().unwrap().to_owned();
    owner.delete(&format!("/api/tokens/{token}")).expect(204);
    assert!(jobs(&mut owner).is_empty());
    machine.get(&job).expect(401);

    // An account with other roles, and one that is switched off.
    let made = owner.add_staff("asha", &["doctor"]);
    let account = made["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
    let mut doctor = Person::sign_in(&clinic, "asha", &Person::temporary_password("asha"));
    let job = done(&mut doctor.http, "/fhir/Patient");
    doctor.http.get(&job).expect(200);
    assert_eq!(jobs(&mut owner).len(), 1);
    let path = format!("/api/users/{account}");
    owner.http.patch(&path, &json!({"roles": ["nurse"]})).expect(200);
    assert!(jobs(&mut owner).is_empty());
    let mut nurse = Person::sign_in(&clinic, "asha", &Person::own_password("asha"));
    nurse.http.get(&job).expect(404);
    done(&mut nurse.http, "/fhir/Patient");
    assert_eq!(jobs(&mut owner).len(), 1);
    owner.http.patch(&path, &json!({"disabled": true})).expect(200);
    assert!(jobs(&mut owner).is_empty());
}

#[test]
fn what_a_program_asked_for_ends_when_the_program_is_switched_off() {
    let clinic = Clinic::open();
    clinic.fhir().post_fhir("/fhir/Patient", &sample::patient("Rao", "Asha", "9822000001", "1")).expect(201);
    let mut owner = clinic.owner();
    owner.add_staff("asha", &["doctor"]);
    let mut doctor = Person::sign_in(&clinic, "asha", &Person::temporary_password("asha"));
    let app = App::register(&mut owner, "user/Patient.rs");
    let mut program = app.launch(&mut doctor, None);
    let job = done(&mut program, "/fhir/Patient");
    let answer = program.get(&job).expect(200);
    assert_eq!(answer.json()["entry"][0]["resource"]["total"], 1, "{}", answer.text());
    let length = answer.header("content-length").map(str::to_owned);
    assert_eq!(length, Some(answer.body.len().to_string()));
    assert_eq!(jobs(&mut owner).len(), 1);
    owner.http.patch(&format!("/api/clients/{}", app.client), &json!({"enabled": false})).expect(200);
    assert!(jobs(&mut owner).is_empty());
}
