//! The box under a service manager: what it tells it, and what it does when it has been started in vain too often.

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use clinicvault_tests::{Clinic, sample};
use serde_json::json;

/// A service manager's ear (sd_notify(3)).
struct Manager(UnixDatagram);

impl Manager {
    fn over(clinic: &mut Clinic) -> Manager {
        let path = clinic.scratch().join("notify.sock");
        clinic.serve_in("NOTIFY_SOCKET", path.to_str().unwrap());
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Manager(socket)
    }

    /// Waits for a message with this line.
    fn hears(&self, line: &str) {
        let (began, mut bytes) = (Instant::now(), [0; 4096]);
        while began.elapsed() < Duration::from_secs(60) {
            let n = self.0.recv(&mut bytes).unwrap_or_else(|error| panic!("{line}: {error}"));
            if String::from_utf8_lossy(&bytes[..n]).lines().any(|each| each == line) {
                return;
            }
        }
        panic!("never heard {line}");
    }
}

#[test]
fn a_service_manager_hears_that_the_box_is_ready_and_well_and_that_it_ends() {
    let mut clinic = Clinic::create();
    let manager = Manager::over(&mut clinic);
    clinic.serve_in("WATCHDOG_USEC", "3000000");
    clinic.start();
    manager.hears("READY=1");
    for _ in 0..3 {
        manager.hears("WATCHDOG=1");
    }
    assert_eq!(clinic.http().get("/health").expect(200).json()["status"], "alive");
    clinic.stop();
    manager.hears("STOPPING=1");
}

#[test]
fn a_box_that_was_started_in_vain_three_times_says_why_and_waits_for_somebody() {
    let mut clinic = Clinic::open();
    let made =
        clinic.fhir().post_fhir("/fhir/Patient", &sample::patient("Pawar", "Lata", "9822033333", "K-3"));
    let id = made.expect(201).json()["id"].as_str().expect("an id").to_owned();
    clinic.stop();
    let _manager = Manager::over(&mut clinic);
    let (database, aside) = (clinic.data().join("vault.redb"), clinic.data().join("aside"));
    std::fs::rename(&database, &aside).unwrap();
    for _ in 0..3 {
        clinic.try_start().expect_err("there is no database");
    }
    clinic.start();
    let health = clinic.http().get("/health").expect(503).json();
    assert_eq!(health["vault"], "rescue");
    let status = clinic.http().get("/api/status").expect(200).json();
    assert_eq!((&status["state"], &status["rescue"]["times"]), (&json!("rescue"), &json!(3)));
    let why = status["rescue"]["why"].as_str().expect("a reason");
    assert!(why.contains("vault.redb") && why.contains("missing"), "{why}");
    let refused = clinic.http().get("/api/session").expect(503).json();
    assert_eq!(refused["error"]["code"], "rescue", "{refused}");
    let mut own = clinic.http().with("x-clinicvault", "1").with("sec-fetch-site", "same-origin");
    let again = own.post("/api/rescue/retry", &json!({})).expect(503).json();
    assert!(again["error"]["message"].as_str().is_some_and(|text| text.contains("missing")), "{again}");
    std::fs::rename(&aside, &database).unwrap();
    own.post("/api/rescue/retry", &json!({})).expect(204);
    own.post("/api/rescue/retry", &json!({})).expect(409);
    clinic.fhir().get(&format!("/fhir/Patient/{id}")).expect(200);
    // An ordered stop ends the story.
    clinic.stop();
    clinic.start();
    assert_eq!(clinic.http().get("/api/status").expect(200).json()["state"], "ready");
}

#[test]
fn a_box_that_a_person_starts_is_never_held_back() {
    let mut clinic = Clinic::create();
    for _ in 0..4 {
        clinic.start();
        clinic.kill();
    }
    clinic.start();
    assert_eq!(clinic.http().get("/api/status").expect(200).json()["state"], "ready");
}
