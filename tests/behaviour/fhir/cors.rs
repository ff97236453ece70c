//! Pages of other makers in a browser: what they are told when they ask from another origin.

use clinicvault_tests::Clinic;
use serde_json::json;

const APP: &str = "https://app.example";

fn with_origin(list: &str) -> Clinic {
    let mut clinic = Clinic::create();
    let settings = clinic.scratch().join("settings.toml");
    std::fs::write(&settings, format!("[listen]\norigins = [{list}]\n")).unwrap();
    clinic.serve_with(&["--config", settings.to_str().unwrap()]);
    clinic.start();
    clinic
}

#[test]
fn no_page_of_another_origin_reads_anything_by_default() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let answer = fhir.send("GET", "/fhir/Patient", &[("Origin", APP)], b"").expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), None);
    assert!(answer.headers.iter().any(|(name, value)| name == "vary" && value == "origin"));
    let asks = [("Origin", APP), ("Access-Control-Request-Method", "GET")];
    let refused = clinic.http().send("OPTIONS", "/fhir/Patient", &asks, b"").expect(403);
    assert_eq!(refused.header("access-control-allow-origin"), None);
    let allow = clinic.http().send("OPTIONS", "/fhir/Patient/1", &[], b"").expect(204);
    assert!(allow.header("allow").unwrap().contains("PATCH"));
}

#[test]
fn a_listed_origin_may_ask_with_a_token_and_never_with_cookies() {
    let clinic = with_origin("\"https://app.example\"");
    let asks = [
        ("Origin", APP),
        ("Access-Control-Request-Method", "PUT"),
        ("Access-Control-Request-Headers", "authorization, content-type, if-match, x-evil"),
    ];
    let mut nobody = clinic.http();
    let told = nobody.send("OPTIONS", "/fhir/Patient/1", &asks, b"").expect(204);
    assert_eq!(told.header("access-control-allow-origin"), Some(APP));
    assert_eq!(told.header("access-control-allow-headers"), Some("authorization, content-type, if-match"));
    assert!(told.header("access-control-allow-methods").unwrap().contains("PUT"));
    assert!(told.header("access-control-max-age").is_some());
    assert_eq!(told.header("access-control-allow-credentials"), None);

    let mut fhir = clinic.fhir();
    for (method, path, status) in
        [("GET", "/fhir/metadata", 200), ("GET", "/fhir/Patient", 200), ("GET", "/fhir/Patient/none", 404)]
    {
        let answer = fhir.send(method, path, &[("Origin", APP)], b"").expect(status);
        assert_eq!(answer.header("access-control-allow-origin"), Some(APP), "{path}");
        let exposed = answer.header("access-control-expose-headers").unwrap();
        for name in ["ETag", "Location", "Content-Location", "Last-Modified", "X-Request-Id"] {
            assert!(exposed.contains(name), "{name}");
        }
    }
    let denied = nobody.send("GET", "/fhir/Patient", &[("Origin", APP)], b"").expect(401);
    assert_eq!(denied.header("access-control-allow-origin"), Some(APP), "a page is told why it was refused");
    for path in ["/.well-known/smart-configuration", "/fhir/.well-known/smart-configuration", "/oauth/jwks"] {
        let answer = nobody.send("GET", path, &[("Origin", APP)], b"").expect(200);
        assert_eq!(answer.header("access-control-allow-origin"), Some(APP), "{path}");
    }
    let token = [("Origin", APP), ("Content-Type", "application/x-www-form-urlencoded")];
    let refused = nobody.send("POST", "/oauth/token", &token, b"grant_type=x");
    assert_eq!(refused.header("access-control-allow-origin"), Some(APP));
    // Another origin, our own addresses, and the page where a person decides, stay closed.
    for origin in ["https://app.example:8443", "http://app.example", "https://evil.example", "null"] {
        let answer = fhir.send("GET", "/fhir/Patient", &[("Origin", origin)], b"").expect(200);
        assert_eq!(answer.header("access-control-allow-origin"), None, "{origin}");
    }
    for path in ["/api/session", "/oauth/authorize", "/health"] {
        let answer = nobody.send("GET", path, &[("Origin", APP)], b"");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
    }
}

#[test]
fn a_registered_program_may_ask_from_where_it_sends_people_back_to() {
    let clinic = Clinic::open();
    let mut owner = clinic.owner();
    let program = json!({"name": "Growth chart", "kind": "public", "scope": "patient/*.rs launch/patient",
        "redirectUris": ["https://app.example/back"]});
    let made = owner.post("/api/clients", &program).expect(201).json();
    let asks = [("Origin", APP), ("Access-Control-Request-Method", "POST")];
    let mut nobody = clinic.http();
    nobody.send("OPTIONS", "/oauth/token", &asks, b"").expect(204);
    owner
        .http
        .patch(
            &format!("/api/clients/{}", made["client"]["id"].as_str().unwrap()),
            &json!({"enabled": false}),
        )
        .expect(200);
    nobody.send("OPTIONS", "/oauth/token", &asks, b"").expect(403);
}

#[test]
fn a_setting_that_is_no_origin_is_refused() {
    for list in ["\"*\"", "\"app.example\"", "\"https://app.example/path\"", "\"null\""] {
        let mut clinic = Clinic::create();
        let settings = clinic.scratch().join("settings.toml");
        std::fs::write(&settings, format!("[listen]\norigins = [{list}]\n")).unwrap();
        clinic.serve_with(&["--config", settings.to_str().unwrap()]);
        let why = clinic.try_start().unwrap_err();
        assert!(why.contains("listen.origins"), "{why}");
    }
}
