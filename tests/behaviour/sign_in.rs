//! Signing in as people see it, over the real binary.

use clinicvault_tests::clinic::{OWNER, OWNER_PASSWORD};
use clinicvault_tests::{Clinic, Person};
use serde_json::json;

#[test]
fn a_new_doctor_signs_in_with_an_own_password_and_an_authenticator() {
    let clinic = Clinic::open();
    let mut doctor = clinic.staff("rao", &["doctor"]);
    let session = doctor.get("/api/session").expect(200).json();
    assert_eq!(session["user"]["username"], "rao");
    assert_eq!(session["user"]["secondFactor"], true);
    assert_eq!(session["can"]["results"], "F");
    assert_eq!(session["can"]["settings"], "-");
    // The temporary password is worth nothing any more.
    let mut again = clinic.http().with("X-ClinicVault", "1").with("Sec-Fetch-Site", "same-origin");
    let old = json!({ "username": "rao", "password": Person::temporary_password("rao") });
    again.post("/api/login", &old).expect(401);
}

#[test]
fn the_session_cookie_is_bound_to_this_box_and_hidden_from_scripts() {
    let clinic = Clinic::open();
    let mut http = clinic.http().with("X-ClinicVault", "1").with("Sec-Fetch-Site", "same-origin");
    let answer =
        http.post("/api/login", &json!({ "username": OWNER, "password": OWNER_PASSWORD })).expect(200);
    let cookie = answer.header("set-cookie").expect("a cookie");
    let (secret, rest) = cookie.split_once(';').expect("attributes");
    assert!(secret.starts_with("__Host-cv=") && secret.len() == "__Host-cv=".len() + 43, "{cookie}");
    assert_eq!(rest, " Path=/; Secure; HttpOnly; SameSite=Strict");
}

#[test]
fn a_restart_signs_nobody_out_and_signing_out_lasts() {
    let mut clinic = Clinic::open();
    let cookie = {
        let mut owner = clinic.owner();
        owner.get("/api/session").expect(200);
        owner.cookie().to_owned()
    };
    clinic.stop();
    clinic.start();
    let mut http = clinic
        .http()
        .with("Cookie", &cookie)
        .with("X-ClinicVault", "1")
        .with("Sec-Fetch-Site", "same-origin");
    http.get("/api/session").expect(200);
    let out = http.post("/api/logout", &json!({})).expect(204);
    assert_eq!(out.header("clear-site-data"), Some("\"cache\", \"cookies\", \"storage\""));
    http.get("/api/session").expect(401);
    clinic.kill();
    clinic.start();
    clinic.http().with("Cookie", &cookie).get("/api/session").expect(401);
}

#[test]
fn guessing_a_password_is_slowed_down_for_that_name_only() {
    let clinic = Clinic::open();
    let mut http = clinic.http().with("X-ClinicVault", "1").with("Sec-Fetch-Site", "same-origin");
    // Waits double, so however slow this machine is, they soon outlast an attempt.
    let slowed = (0..16)
        .map(|_| http.post("/api/login", &json!({ "username": "nobody", "password": "guess" })))
        .inspect(|answer| assert!(answer.status == 401 || answer.status == 429, "{}", answer.text()))
        .position(|answer| answer.status == 429 && answer.header("retry-after").is_some());
    assert!(slowed.is_some_and(|tries| tries >= 5), "slowed down after {slowed:?} tries");
    http.post("/api/login", &json!({ "username": OWNER, "password": OWNER_PASSWORD })).expect(200);
}

#[test]
fn an_account_disabled_at_the_command_line_is_out_within_a_second() {
    let clinic = Clinic::open();
    let mut reception = clinic.staff("asha", &["reception"]);
    reception.get("/api/session").expect(200);
    clinic.cli_ok(&["user", "disable", "asha"]);
    let began = std::time::Instant::now();
    while reception.get("/api/session").status != 401 {
        assert!(began.elapsed().as_millis() < 1000, "still in after a second");
    }
    let listed = clinic.cli_ok(&["user", "list"]);
    assert!(listed.lines().any(|line| line.starts_with("asha") && line.ends_with("disabled")), "{listed}");
}

#[test]
fn a_token_is_made_while_the_box_runs_and_while_it_does_not() {
    let mut clinic = Clinic::create();
    let before = clinic.new_token("system/Patient.rs");
    clinic.start();
    let running = clinic.new_token("system/Patient.rs");
    for token in [before, running] {
        let mut machine = clinic.http().bearer(&token);
        machine.get("/fhir/Patient").expect(200);
        machine.get("/fhir/Observation").expect(403);
        machine.get("/api/users").expect(403);
    }
    clinic.http().bearer("cv_not-a-token").get("/fhir/Patient").expect(401);
}

#[test]
fn a_device_that_trusts_the_clinic_trusts_the_box_and_no_stranger() {
    let clinic = Clinic::open();
    clinic.https().get("/health").expect(200);
    let other = Clinic::create();
    let mut stranger = clinicvault_tests::Http::tls(clinic.server().https, &other.cli_ok(&["ca"]));
    assert!(stranger.try_send("GET", "/health", &[], b"").is_err());
}

#[test]
fn before_it_is_set_up_the_box_answers_setup_and_nothing_else() {
    let mut clinic = Clinic::empty();
    clinic.start();
    let mut http = clinic.http();
    assert_eq!(http.get("/api/status").expect(200).json()["state"], "setup");
    http.get("/fhir/Patient").expect(503);
    http.get("/api/users").expect(503);
    let printed = String::from_utf8_lossy(&clinic.printed()).into_owned();
    assert!(printed.contains("setup code"), "{printed}");
}
