//! A clinic is created, served, stopped, and found again.

use clinicvault_tests::{Clinic, sample};

#[test]
fn a_record_written_before_a_restart_is_there_after_it() {
    let mut clinic = Clinic::open();
    let made =
        clinic.fhir().post_fhir("/fhir/Patient", &sample::patient("Kulkarni", "Asha", "9822011111", "K-1"));
    let id = made.expect(201).json()["id"].as_str().expect("an id").to_owned();
    clinic.stop();
    clinic.start();
    let read = clinic.fhir().get(&format!("/fhir/Patient/{id}")).expect(200).json();
    assert_eq!(read["name"][0]["family"], "Kulkarni");
}

#[test]
fn a_record_acknowledged_before_the_plug_is_pulled_is_there_after_it() {
    let mut clinic = Clinic::open();
    let made =
        clinic.fhir().post_fhir("/fhir/Patient", &sample::patient("Deshmukh", "Ravi", "9822022222", "K-2"));
    let id = made.expect(201).json()["id"].as_str().expect("an id").to_owned();
    clinic.kill();
    clinic.start();
    clinic.fhir().get(&format!("/fhir/Patient/{id}")).expect(200);
}

#[test]
fn the_same_application_answers_over_https_with_the_clinics_own_authority() {
    let clinic = Clinic::open();
    let mut https = clinic.https().bearer(&clinic.token());
    https.get("/fhir/Patient?_count=1").expect(200);
}

#[test]
fn a_second_box_on_the_same_folder_is_refused_and_the_first_goes_on() {
    let clinic = Clinic::open();
    let second =
        clinic.cli(&["serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--mllp", "127.0.0.1:0"]);
    assert!(!second.status.success());
    assert!(!second.stderr.is_empty(), "says why");
    clinic.http().get("/health").expect(200);
}

#[test]
fn an_mllp_message_is_acknowledged() {
    let clinic = Clinic::open();
    let ack = clinic.mllp().send(&sample::oru("LIFE-1", "88120", "Kulkarni", "Asha", "131"));
    assert_eq!((ack.code.as_str(), ack.control_id.as_str()), ("AA", "LIFE-1"));
}

#[test]
fn a_member_of_staff_signs_in_with_two_factors() {
    let clinic = Clinic::open();
    let session = clinic.staff("meera", &["doctor"]).get("/api/session").expect(200).json();
    assert_eq!(session["user"]["username"], "meera");
}
