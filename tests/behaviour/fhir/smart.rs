//! Programs of other makers against the running box: SMART App Launch 2 and backend services, as a client drives them.

use std::time::Duration;

use clinicvault_tests::smart::{self, App, Signer, VERIFIER};
use clinicvault_tests::{Answer, Clinic, Http, Person, sample};
use serde_json::{Value, json};

use super::{issue, send};

/// Two patients with a laboratory result and a vital sign each: `la`, `va`, `lb`, `vb`.
fn records(clinic: &Clinic) {
    let mut fhir = clinic.fhir();
    for id in ["a", "b"] {
        let mut patient = sample::patient("Rao", "Asha", "9822000001", id);
        patient["id"] = json!(id);
        send(&mut fhir, "PUT", &format!("/fhir/Patient/{id}"), &[], &patient).expect(201);
        for (letter, category) in [("l", "laboratory"), ("v", "vital-signs")] {
            let mut result = sample::observation(&format!("Patient/{id}"), "98.4", "n");
            result["id"] = json!(format!("{letter}{id}"));
            let system = "http://terminology.hl7.org/CodeSystem/observation-category";
            result["category"] = json!([{"coding": [{"system": system, "code": category}]}]);
            send(&mut fhir, "PUT", &format!("/fhir/Observation/{letter}{id}"), &[], &result).expect(201);
        }
    }
}

/// An app that may ask for this, and a doctor at a browser.
fn app<'a>(clinic: &'a Clinic, scope: &str) -> (App, Person<'a>) {
    let mut owner = clinic.owner();
    owner.add_staff("asha", &["doctor"]);
    let doctor = Person::sign_in(clinic, "asha", &Person::temporary_password("asha"));
    (App::register(&mut owner, scope), doctor)
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("{name} in {value}")).to_owned()
}

#[track_caller]
fn refused(answer: Answer, status: u16, error: &str) {
    let told = answer.expect(status).json();
    assert_eq!(told["error"], error, "{told}");
}

fn found(http: &mut Http, query: &str) -> Vec<String> {
    let bundle = http.get(&format!("/fhir/{query}")).expect(200).json();
    let entries = bundle["entry"].as_array().into_iter().flatten();
    let ids: Vec<String> = entries.map(|entry| text(&entry["resource"], "id")).collect();
    assert_eq!(bundle["total"], ids.len(), "{bundle}");
    ids
}

#[test]
fn an_app_is_launched_with_pkce_and_its_tokens_outlive_a_restart_but_not_their_revocation() {
    let mut clinic = Clinic::open();
    records(&clinic);
    let scope = "openid launch/patient offline_access patient/Observation.rs";
    let known = clinic.http().get("/fhir/.well-known/smart-configuration").expect(200).json();
    assert_eq!(known["code_challenge_methods_supported"], json!(["S256"]));
    let (app, spoiled, code) = {
        let (app, mut doctor) = app(&clinic, scope);
        let spoiled = app.code(&mut doctor, Some("a"));
        let code = app.code(&mut doctor, Some("a"));
        (app, spoiled, code)
    };
    let mut http = clinic.http();
    // Whoever caught the code has not the verifier, and a wrong one spoils the code.
    refused(app.swap(&mut http, &spoiled, &VERIFIER.replace("forty", "fifty")), 400, "invalid_grant");
    refused(app.swap(&mut http, &spoiled, VERIFIER), 400, "invalid_grant");
    let given = app.swap(&mut http, &code, VERIFIER).expect(200).json();
    assert_eq!((&given["patient"], &given["scope"]), (&json!("a"), &json!(scope)));
    let token = text(&given, "access_token");

    // What is outside is nowhere: not read, not counted, not chained to, in no history.
    let mut narrow = clinic.http().bearer(&token);
    narrow.get("/fhir/Observation/la").expect(200);
    let hidden = issue(narrow.get("/fhir/Observation/lb"), 404, "not-found")["issue"].to_string();
    let none = issue(narrow.get("/fhir/Observation/none"), 404, "not-found")["issue"].to_string();
    assert_eq!(hidden.replace("lb", "none"), none);
    assert_eq!(narrow.get("/fhir/Observation?_summary=count").expect(200).json()["total"], 2);
    assert!(found(&mut narrow, "Observation?patient=b").is_empty());
    narrow.get("/fhir/Observation/lb/_history").expect(404);
    narrow.get("/fhir/Patient/a").expect(403);

    clinic.stop();
    clinic.start();
    let mut narrow = clinic.http().bearer(&token);
    narrow.get("/fhir/Observation/la").expect(200);
    // A refresh token is good once; shown again, it was stolen, and all that came of it ends.
    let mut http = clinic.http();
    let next = app.refresh(&mut http, &text(&given, "refresh_token")).expect(200).json();
    assert_eq!((&next["patient"], &next["scope"]), (&json!("a"), &json!(scope)));
    let mut renewed = clinic.http().bearer(&text(&next, "access_token"));
    assert_eq!(found(&mut renewed, "Observation?_sort=_id"), ["la", "va"]);
    refused(app.refresh(&mut http, &text(&given, "refresh_token")), 400, "invalid_grant");
    narrow.get("/fhir/Observation/la").expect(401);
    renewed.get("/fhir/Observation/la").expect(401);
    refused(app.refresh(&mut http, &text(&next, "refresh_token")), 400, "invalid_grant");
}

#[test]
fn a_used_code_that_comes_again_ends_what_was_given_for_it() {
    let clinic = Clinic::open();
    records(&clinic);
    let (app, mut doctor) = app(&clinic, "patient/Observation.rs");
    let code = app.code(&mut doctor, Some("a"));
    let mut http = clinic.http();
    let given = app.swap(&mut http, &code, VERIFIER).expect(200).json();
    let mut narrow = clinic.http().bearer(&text(&given, "access_token"));
    narrow.get("/fhir/Observation/la").expect(200);
    refused(app.swap(&mut http, &code, VERIFIER), 400, "invalid_grant");
    narrow.get("/fhir/Observation/la").expect(401);
}

#[test]
fn each_form_of_a_scope_reaches_as_far_as_it_says() {
    let clinic = Clinic::open();
    records(&clinic);
    let mut owner = clinic.owner();
    owner.add_staff("asha", &["doctor"]);
    let mut doctor = Person::sign_in(&clinic, "asha", &Person::temporary_password("asha"));
    for (scope, patient, sees) in [
        ("patient/Observation.rs?category=laboratory", Some("a"), &["la"][..]),
        ("user/Observation.rs?category=laboratory", None, &["la", "lb"]),
        ("patient/Observation.read", Some("b"), &["lb", "vb"]),
        ("launch/patient patient/*.rs", Some("b"), &["lb", "vb"]),
        ("user/*.read", None, &["la", "lb", "va", "vb"]),
    ] {
        let mut narrow = App::register(&mut owner, scope).launch(&mut doctor, patient);
        assert_eq!(found(&mut narrow, "Observation?_sort=_id"), sees, "{scope}");
        for id in ["la", "lb", "va", "vb"] {
            let status = if sees.contains(&id) { 200 } else { 404 };
            narrow.get(&format!("/fhir/Observation/{id}")).expect(status);
        }
        let result = sample::observation("Patient/a", "1", "n");
        send(&mut narrow, "POST", "/fhir/Observation", &[], &result).expect(403);
        narrow.get("/api/users").expect(403);
    }
}

#[test]
fn a_backend_service_gets_a_token_by_its_key_and_an_assertion_counts_once_over_a_restart_too() {
    let mut clinic = Clinic::open();
    records(&clinic);
    let signer = Signer::generate();
    let new = json!({"name": "Registry", "kind": "backend", "scope": "system/Observation.rs", "jwks": signer.jwks()});
    let made = clinic.owner().http.post("/api/clients", &new).expect(201).json();
    let client = text(&made["client"], "id");
    let endpoint = smart::endpoint(&mut clinic.http());
    let now = jiff::Timestamp::now().as_second();
    let header = json!({"alg": "ES384", "kid": "k", "typ": "JWT"});
    let claims = |jti: &str, aud: &str, exp: i64| json!({"iss": client, "sub": client, "aud": aud, "exp": exp, "jti": jti});
    let ask = |clinic: &Clinic, assertion: &str| {
        let pairs = [
            ("grant_type", "client_credentials"),
            ("scope", "system/*.cruds"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion),
        ];
        // Guessing is slowed: whoever is told to wait does.
        loop {
            let answer = smart::post(&mut clinic.http(), "/oauth/token", &pairs);
            let Some(wait) = answer.header("retry-after").filter(|_| answer.status == 429) else {
                break answer;
            };
            std::thread::sleep(Duration::from_secs(wait.parse().unwrap()));
        }
    };
    let first = signer.sign(&header, &claims("1", &endpoint, now + 250));
    let given = ask(&clinic, &first).expect(200).json();
    assert_eq!((&given["scope"], &given["expires_in"]), (&json!("system/Observation.rs"), &json!(300)));
    let mut service = clinic.http().bearer(&text(&given, "access_token"));
    assert_eq!(service.get("/fhir/Observation?_summary=count").expect(200).json()["total"], 4);
    service.get("/fhir/Patient").expect(403);
    refused(ask(&clinic, &first), 401, "invalid_client");
    let foreign = Signer::generate();
    for (by, header, claims) in [
        (&signer, json!({"alg": "none", "kid": "k"}), claims("2", &endpoint, now + 250)),
        (&signer, json!({"alg": "HS384", "kid": "k"}), claims("3", &endpoint, now + 250)),
        (&signer, header.clone(), claims("4", "https://elsewhere.example/oauth/token", now + 250)),
        (&signer, header.clone(), claims("5", &endpoint, now - 400)),
        (&signer, header.clone(), claims("6", &endpoint, now + 86_400)),
        (&foreign, header.clone(), claims("7", &endpoint, now + 250)),
    ] {
        refused(ask(&clinic, &by.sign(&header, &claims)), 401, "invalid_client");
    }
    clinic.stop();
    clinic.start();
    // The box may listen elsewhere now; the name of the assertion is what was used.
    let endpoint = smart::endpoint(&mut clinic.http());
    let again = signer.sign(&header, &claims("1", &endpoint, now + 250));
    refused(ask(&clinic, &again), 401, "invalid_client");
    ask(&clinic, &signer.sign(&header, &claims("8", &endpoint, now + 250))).expect(200);
}
