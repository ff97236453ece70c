//! Search parameters of the clinic's own where they decide who sees what and who is told what: in scopes of programs and in
//! criteria of subscriptions.

use clinicvault_tests::{Clinic, Http, Receiver};
use serde_json::{Value, json};

use super::{issue, send};

const FLAG: &str = "http://e.example/flag";

fn definition(condition: &str) -> Value {
    let expression = format!("Patient{condition}.extension.where(url='{FLAG}').value");
    json!({"resourceType": "SearchParameter", "id": "flag", "url": "http://c.example/sp/flag", "name": "Flag",
        "status": "active", "description": "Of this clinic", "code": "flag", "base": ["Patient"], "type": "token",
        "expression": expression})
}

#[track_caller]
fn store(fhir: &mut Http, body: &Value) {
    let path = format!("/fhir/{}/{}", body["resourceType"].as_str().unwrap(), body["id"].as_str().unwrap());
    let answer = send(fhir, "PUT", &path, &[], body);
    assert!(matches!(answer.status, 200 | 201), "{}", answer.json());
}

fn patient(id: &str, flag: &str, active: bool) -> Value {
    json!({"resourceType": "Patient", "id": id, "active": active, "extension": [{"url": FLAG, "valueCode": flag}]})
}

/// What a program sees of the patients, once it may be answered; meanwhile it is told so.
#[track_caller]
fn sees(program: &mut Http, expected: &[&str]) {
    for _ in 0..3_000 {
        let answer = program.get("/fhir/Patient?_sort=_id&_total=accurate");
        if answer.status == 503 {
            assert!(answer.header("retry-after").is_some());
            issue(answer, 503, "transient");
            std::thread::sleep(std::time::Duration::from_millis(20));
            continue;
        }
        let bundle = answer.expect(200).json();
        let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
        let ids: Vec<_> = entries.iter().map(|entry| entry["resource"]["id"].as_str().unwrap()).collect();
        assert_eq!((ids.as_slice(), bundle["total"].as_u64()), (expected, Some(expected.len() as u64)));
        return;
    }
    panic!("never answered");
}

/// What the command says when a token with this scope is asked for, and whether it was made.
fn token(clinic: &Clinic, scope: &str) -> (bool, String) {
    let output = clinic.cli(&["token", "--scope", scope, "--ttl", "24h"]);
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (output.status.success(), said)
}

#[track_caller]
fn refused(clinic: &Clinic, scope: &str, why: &str) {
    let (made, said) = token(clinic, scope);
    assert!(!made && said.contains(why), "{scope}: {said}");
}

/// A token once its scope can be answered for.
#[track_caller]
fn granted(clinic: &Clinic, scope: &str) -> Http {
    for _ in 0..3_000 {
        let (made, said) = token(clinic, scope);
        if made {
            let token = said.lines().rev().find(|line| line.starts_with("cv_")).expect("a token").to_owned();
            return clinic.http().bearer(token.trim());
        }
        assert!(said.contains("being indexed"), "{said}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("{scope} is never granted");
}

#[test]
fn a_scope_may_be_restricted_by_an_own_parameter_and_never_reaches_further() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    for (id, flag, active) in [("a", "red", false), ("b", "blue", true), ("c", "red", true)] {
        store(&mut fhir, &patient(id, flag, active));
    }
    refused(&clinic, "system/Patient.rs?flag=red", "flag");
    store(&mut fhir, &definition(""));
    let mut narrow = granted(&clinic, "system/Patient.rs?flag=red");
    sees(&mut narrow, &["a", "c"]);
    issue(narrow.get("/fhir/Patient/b"), 404, "not-found");
    narrow.get("/fhir/Patient/a").expect(200);
    issue(narrow.get("/fhir/Patient/b/_history"), 404, "not-found");
    // What lets through a record that the parameter knows nothing of restricts nothing, nor does what the program itself may change.
    refused(&clinic, "system/Patient.rs?flag:not=red", "modifier");
    refused(&clinic, "system/Patient.rs?flag:missing=true", "must have");
    refused(&clinic, "system/Patient.rs?flag=red system/SearchParameter.u", "SearchParameter");
    // Written behind it, a record is within the scope or not from its commit.
    store(&mut fhir, &patient("d", "red", true));
    store(&mut fhir, &patient("a", "blue", false));
    sees(&mut narrow, &["c", "d"]);
    narrow.get("/fhir/Patient/a/_history/1").expect(200);
    issue(narrow.get("/fhir/Patient/a/_history/2"), 404, "not-found");

    // Another meaning of the same code: nobody is answered by half of it.
    store(&mut fhir, &patient("e", "red", false));
    store(&mut fhir, &definition(".where(active)"));
    sees(&mut narrow, &["c", "d"]);
    // Without the parameter there is nothing that the scope reaches.
    fhir.send("DELETE", "/fhir/SearchParameter/flag", &[], b"").expect(204);
    issue(narrow.get("/fhir/Patient"), 403, "forbidden");
    issue(narrow.get("/fhir/Patient/c"), 403, "forbidden");
}

#[test]
fn a_scope_may_be_restricted_by_a_value_set_of_the_clinic() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let set = |code: &str| {
        json!({"resourceType": "ValueSet", "id": "shared", "url": "http://c.example/vs/shared", "status": "active",
            "compose": {"include": [{"system": "http://c.example/codes", "concept": [{"code": code}]}]}})
    };
    let observation = |id: &str, code: &str| {
        json!({"resourceType": "Observation", "id": id, "status": "final",
            "code": {"coding": [{"system": "http://c.example/codes", "code": code}]}})
    };
    store(&mut fhir, &observation("x", "weight"));
    store(&mut fhir, &observation("y", "mood"));
    let scope = "system/Observation.rs?code:in=http://c.example/vs/shared";
    refused(&clinic, scope, "vs/shared");
    store(&mut fhir, &set("weight"));
    refused(&clinic, &format!("{scope} system/ValueSet.cu"), "ValueSet");
    let mut narrow = granted(&clinic, scope);
    let ids = |http: &mut Http| {
        let bundle = http.get("/fhir/Observation?_sort=_id").expect(200).json();
        let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
        entries.iter().map(|e| e["resource"]["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&mut narrow), ["x"]);
    issue(narrow.get("/fhir/Observation/y"), 404, "not-found");
    let mut without = granted(&clinic, "system/Observation.rs?code:not-in=http://c.example/vs/shared");
    assert_eq!(ids(&mut without), ["y"]);
    // The set as it is stored now decides.
    store(&mut fhir, &set("mood"));
    assert_eq!((ids(&mut narrow), ids(&mut without)), (vec!["y".to_owned()], vec!["x".to_owned()]));
    fhir.send("DELETE", "/fhir/ValueSet/shared", &[], b"").expect(204);
    issue(narrow.get("/fhir/Observation"), 403, "forbidden");
    issue(without.get("/fhir/Observation"), 403, "forbidden");
}

#[test]
fn a_subscription_may_ask_by_an_own_parameter_and_waits_while_it_is_indexed() {
    let receiver = Receiver::plain();
    let mut clinic = Clinic::create();
    let endpoint = format!("http://{}/", receiver.address);
    let settings = clinic.scratch().join("settings.toml");
    std::fs::write(&settings, format!("[subscriptions]\nendpoints = [{endpoint:?}]\n")).unwrap();
    clinic.serve_with(&["--config", settings.to_str().unwrap()]);
    clinic.start();
    let mut fhir = clinic.fhir();
    let wanted = json!({
        "resourceType": "Subscription", "status": "requested", "reason": "tests", "criteria": "Patient?flag=red",
        "channel": {"type": "rest-hook", "endpoint": endpoint, "payload": "application/fhir+json"}
    });
    issue(fhir.post_fhir("/fhir/Subscription", &wanted), 422, "not-supported");
    store(&mut fhir, &patient("early", "red", true));
    store(&mut fhir, &definition(""));
    let made = (0..3_000).find_map(|_| {
        let answer = fhir.post_fhir("/fhir/Subscription", &wanted);
        if answer.status == 201 {
            return Some(answer.json()["id"].as_str().unwrap().to_owned());
        }
        issue(answer, 503, "transient");
        std::thread::sleep(std::time::Duration::from_millis(20));
        None
    });
    let path = format!("/fhir/Subscription/{}", made.expect("a subscription in the end"));
    while fhir.get(&path).expect(200).json()["status"] != "active" {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    // The first is the check that somebody is there.
    let told = |count: usize| -> Vec<String> {
        let arrived = receiver.wait(count + 1);
        arrived.iter().skip(1).map(|one| one.json()["id"].as_str().unwrap().to_owned()).collect()
    };
    store(&mut fhir, &patient("blue", "blue", true));
    store(&mut fhir, &patient("red", "red", true));
    assert_eq!(told(1), ["red"]);
    // An update of what was blue before: the version before is judged anew, too.
    store(&mut fhir, &patient("blue", "red", true));
    assert_eq!(told(2), ["red", "blue"]);
    // Another meaning: what is written behind it is held against that, none lost while records are indexed by it.
    store(&mut fhir, &definition(".where(active)"));
    store(&mut fhir, &patient("idle", "red", false));
    store(&mut fhir, &patient("busy", "red", true));
    assert_eq!(told(3), ["red", "blue", "busy"]);
    assert_eq!(fhir.get(&path).expect(200).json()["status"], "active");
}
