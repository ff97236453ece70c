//! A patient comes in by a link of the clinic and sees only the own affairs.

use clinicvault_tests::{Clinic, Http};
use serde_json::{Value, json};

use crate::consult::{doctor, online, open, price, staff};

/// A browser of a patient: no session yet.
pub fn browser(clinic: &Clinic) -> Http {
    clinic.http().with("X-ClinicVault", "1").with("Sec-Fetch-Site", "same-origin")
}

pub fn come_in(http: Http, link: &Value, year: u16) -> (Http, u16) {
    let mut http = http;
    let answer = http.post("/api/join", &json!({ "token": link["token"], "birthYear": year }));
    let cookie = answer.header("set-cookie").map(|value| value.split(';').next().unwrap().to_owned());
    let http = match cookie {
        Some(cookie) => http.with("Cookie", &cookie),
        None => http,
    };
    (http, answer.status)
}

#[test]
fn a_patient_comes_in_once_asks_pays_and_sees_nobody_else() {
    let clinic = open(&[]);
    let mut owner = clinic.owner();
    price(&mut owner, 50_000, "before");
    let upi = json!({ "upi": { "vpa": "asha.clinic@okbank", "name": "Asha Clinic" }, "razorpay": null });
    owner.put("/api/payments/ways", &upi).expect(200);
    let mut meera = doctor(&clinic, &mut owner, "meera", &["hi"]);
    online(&mut meera);
    let mut desk = staff(&clinic, &mut owner, "sanjana", "reception");
    let one = desk.register("Sunita Gaikwad", "7000045518", "portal-form-1");
    let two = desk.register("Tukaram Pawar", "7000041208", "portal-form-2");
    let year: u16 = one["birthDate"].as_str().unwrap()[..4].parse().unwrap();
    let path = |patient: &Value| format!("/api/patients/{}/join-link", patient["id"].as_str().unwrap());
    let mut cashier = staff(&clinic, &mut owner, "cash", "cashier");
    cashier.post(&path(&one), &json!({})).expect(403);
    let link = desk.post(&path(&one), &json!({})).expect(201).json();

    // The wrong year, a made-up link, a link with a letter changed.
    assert_eq!(come_in(browser(&clinic), &link, year - 1).1, 401);
    assert_eq!(come_in(browser(&clinic), &json!({ "token": "AAAA" }), year).1, 401);
    let mut bent = link["token"].as_str().unwrap().to_owned();
    bent.replace_range(3..4, if &bent[3..4] == "A" { "B" } else { "A" });
    assert_eq!(come_in(browser(&clinic), &json!({ "token": bent }), year).1, 401);
    let (mut sunita, status) = come_in(browser(&clinic), &link, year);
    assert_eq!(status, 204);
    assert_eq!(come_in(browser(&clinic), &link, year).1, 401, "a link is used once");

    let home = sunita.get("/api/portal").expect(200).json();
    assert_eq!(home["patient"]["id"], one["id"]);
    assert_eq!(home["offers"][0], json!({ "specialty": "general", "mode": "video", "paise": 50_000 }));
    assert_eq!(home["languages"], json!(["hi"]));

    // Nothing of the clinic's own opens, and no other patient's.
    for closed in [
        "/api/session",
        "/api/search?q=a",
        "/api/consultations",
        "/api/presence",
        "/fhir/Patient",
        "/api/payments",
    ] {
        assert_eq!(sunita.get(closed).status, 403, "{closed}");
    }
    sunita.get(&format!("/fhir/Patient/{}", one["id"].as_str().unwrap())).expect(403);
    let wish = |patient: Option<&Value>, key: &str| {
        let mut wish = json!({
            "complaint": "Khansi", "specialty": "general", "language": "hi", "urgency": "routine",
            "mode": "video", "key": key
        });
        if let Some(patient) = patient {
            wish["patientId"] = patient["id"].clone();
        }
        wish
    };
    sunita.post("/api/portal/consultations", &wish(Some(&two), "portal-other-1")).expect(403);
    let asked = sunita.post("/api/portal/consultations", &wish(None, "portal-own-1")).expect(201).json();
    let payable = |of: &Value| (of["payment"]["upi"].clone(), of["payment"]["gateway"].clone());
    assert_eq!(payable(&asked), (json!(true), json!(false)), "UPI is set up, the gateway is not");
    assert_eq!(
        (asked["state"].as_str(), asked["consent"].as_str()),
        (Some("PENDING_PAYMENT"), Some("implied"))
    );
    assert_eq!(asked["doctor"]["name"], "Staff meera");
    assert!(asked.get("patient").is_none());
    let id = asked["id"].as_str().unwrap();
    let payment = asked["payment"]["id"].as_str().unwrap();
    assert!(
        sunita.get(&format!("/api/portal/payments/{payment}/upi.svg")).expect(200).text().contains("<svg")
    );
    let claim = json!({ "reference": "123456789012" });
    let claimed = sunita.post(&format!("/api/portal/payments/{payment}/claim"), &claim).expect(200).json();
    assert_eq!(claimed["state"], "CLAIMED");
    let cash = json!({ "method": "upi", "paise": 50_000 });
    sunita.post(&format!("/api/payments/{payment}/confirm"), &cash).expect(403);
    sunita.post(&format!("/api/consultations/{id}/start"), &json!({ "expected": "WAITING" })).expect(403);

    // Another patient finds neither.
    let link = desk.post(&path(&two), &json!({})).expect(201).json();
    let year: u16 = two["birthDate"].as_str().unwrap()[..4].parse().unwrap();
    let (mut tukaram, _) = come_in(browser(&clinic), &link, year);
    assert_eq!(tukaram.get("/api/portal/consultations").expect(200).json()["consultations"], json!([]));
    tukaram.get(&format!("/api/portal/consultations/{id}")).expect(404);
    tukaram.get(&format!("/api/portal/payments/{payment}/upi.svg")).expect(404);
    tukaram.post(&format!("/api/portal/payments/{payment}/claim"), &claim).expect(404);
    let cancel = json!({ "expected": "PENDING_PAYMENT", "reason": "x", "refund": "full" });
    tukaram.post(&format!("/api/portal/consultations/{id}/cancel"), &cancel).expect(404);

    desk.post(&format!("/api/payments/{payment}/confirm"), &cash).expect(200);
    let here = sunita
        .post(&format!("/api/portal/consultations/{id}/arrived"), &json!({ "expected": "WAITING" }))
        .expect(200)
        .json();
    assert_eq!(here["arrived"], true);
    let cancel = json!({ "expected": "WAITING", "reason": "better now", "refund": "none" });
    let gone = sunita.post(&format!("/api/portal/consultations/{id}/cancel"), &cancel).expect(200).json();
    assert_eq!(
        (gone["state"].as_str(), gone["payment"]["refundWanted"].as_u64()),
        (Some("CANCELLED"), Some(50_000))
    );
    sunita.post("/api/portal/leave", &json!({})).expect(204);
    sunita.get("/api/portal").expect(401);
}

#[test]
fn guessing_the_year_ends_the_link() {
    let clinic = Clinic::open();
    let mut desk = clinic.staff("sanjana", &["reception"]);
    let one = desk.register("Sunita Gaikwad", "7000045518", "portal-guess-1");
    let path = format!("/api/patients/{}/join-link", one["id"].as_str().unwrap());
    let link = desk.post(&path, &json!({})).expect(201).json();
    let year: u16 = one["birthDate"].as_str().unwrap()[..4].parse().unwrap();
    for n in 1..=5 {
        assert_eq!(come_in(browser(&clinic), &link, year + n).1, 401, "{n}");
    }
    let last = come_in(browser(&clinic), &link, year).1;
    assert!(last == 401 || last == 429, "five wrong years, and the right one opens: {last}");
    std::thread::sleep(std::time::Duration::from_millis(1_200));
    assert_eq!(come_in(browser(&clinic), &link, year).1, 401);
}
