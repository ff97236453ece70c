//! Registering people, with the duplicate panel beside the form.

use std::thread;

use clinicvault_tests::{Clinic, sample};
use serde_json::{Value, json};

#[test]
fn a_likely_duplicate_stops_the_form_until_somebody_decides() {
    let clinic = Clinic::open();
    let mut desk = clinic.staff("sanjana", &["reception"]);
    let first = desk.register("Sunita Vilas Gaikwad", "7000045518", "dup-form-1");
    let panel = desk
        .post(
            "/api/patients/duplicates",
            &json!({"name": "Suneeta Gaikwad", "birth": {"ageYears": 41}, "sex": "F", "phone": "7000045518"}),
        )
        .expect(200)
        .json();
    assert_eq!(panel["candidates"][0]["grade"], "high");
    assert_eq!(panel["candidates"][0]["patient"]["number"], first["number"]);
    assert!(panel["candidates"][0]["reasons"].as_array().unwrap().contains(&json!("samePhone")));

    let mut form = sample::registration("Suneeta Gaikwad", "7000045518", "dup-form-2");
    let refused = desk.post("/api/patients", &form).expect(409).json();
    assert_eq!(refused["error"]["code"], "duplicate");
    assert_eq!(refused["candidates"][0]["patient"]["id"], first["id"]);
    form["decisions"] = json!([{"patientId": first["id"], "same": false, "reason": "Her sister-in-law"}]);
    let second = desk.post("/api/patients", &form).expect(201).json();
    assert_ne!(second["number"], first["number"]);
}

#[test]
fn a_form_that_was_sent_twice_registers_once() {
    let clinic = Clinic::open();
    let mut desk = clinic.staff("sanjana", &["reception"]);
    let once = desk.register("Tukaram Pawar", "7000041208", "twice-form-1");
    let again = desk.register("Tukaram Pawar", "7000041208", "twice-form-1");
    assert_eq!(once, again);
    let other = sample::registration("Somebody Else", "7000041209", "twice-form-1");
    assert_eq!(desk.post("/api/patients", &other).expect(422).json()["error"]["code"], "keyUsed");
}

#[test]
fn each_field_says_what_it_needs() {
    let clinic = Clinic::open();
    let mut desk = clinic.staff("sanjana", &["reception"]);
    for (change, field, message) in [
        (json!({"name": " "}), "name", "Give the name."),
        (json!({"phone": "700004551"}), "phone", "Phone has 9 digits. It needs 10."),
        (json!({"phone": null}), "phone", "Give the phone, or mark that there is none."),
        (json!({"birth": null}), "birth", "Give the birth date or the age."),
        (json!({"sex": null}), "sex", "Choose female, male or other."),
    ] {
        let mut form = sample::registration("Asha Kale", "7000045519", "field-form-1");
        for (key, value) in change.as_object().unwrap() {
            form[key] = value.clone();
        }
        let refused = desk.post("/api/patients", &form).expect(422).json();
        assert_eq!(
            (refused["error"]["field"].as_str(), refused["error"]["message"].as_str()),
            (Some(field), Some(message))
        );
    }
    let mut nurse_form = sample::registration("Asha Kale", "7000045519", "field-form-2");
    nurse_form["surprise"] = Value::Bool(true);
    desk.post("/api/patients", &nurse_form).expect(400);
}

#[test]
fn a_cashier_may_not_register() {
    let clinic = Clinic::open();
    let mut cashier = clinic.staff("kiran", &["cashier"]);
    cashier
        .post("/api/patients", &sample::registration("Asha Kale", "7000045519", "cash-form-1"))
        .expect(403);
}

#[test]
fn desks_that_register_at_the_same_time_get_numbers_without_gap_or_repeat() {
    let clinic = Clinic::open();
    let cookies: Vec<String> =
        ["anil", "bina"].iter().map(|name| clinic.staff(name, &["reception"]).cookie().to_owned()).collect();
    let words = ["Asha", "Binod", "Chetan", "Durga", "Eknath", "Falguni", "Girish", "Hemant"];
    let mut numbers: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> = cookies
            .iter()
            .enumerate()
            .map(|(desk, cookie)| {
                let mut http = clinic
                    .http()
                    .with("X-ClinicVault", "1")
                    .with("Sec-Fetch-Site", "same-origin")
                    .with("Cookie", cookie);
                scope.spawn(move || {
                    let surname = ["Kulkarni", "Waghmare"][desk];
                    words.map(|word| {
                        let phone =
                            format!("70000{desk}{:04}", word.len() * 37 + usize::from(word.as_bytes()[0]));
                        let form = sample::registration(
                            &format!("{word} {surname}"),
                            &phone,
                            &format!("desk-{desk}-{word}"),
                        );
                        http.post("/api/patients", &form).expect(201).json()["number"]
                            .as_str()
                            .unwrap()
                            .to_owned()
                    })
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    numbers.sort();
    let expected: Vec<String> = (1..=16).map(|n| format!("NC-{n:06}")).collect();
    assert_eq!(numbers, expected);
}
