//! Paying for a consultation: UPI, the payment gateway's three proofs, and what somebody in between may try.

use std::thread;
use std::time::{Duration, Instant};

use clinicvault_tests::{Clinic, Person, Razorpay};
use serde_json::{Value, json};

use crate::consult::{ask, doctor, online, open, price, staff, turn, wait};
use crate::portal::{browser, come_in};

/// A clinic that takes UPI and the gateway, and somebody held for a payment of 500 rupees.
fn till<'a>(clinic: &'a Clinic, owner: &mut Person<'a>) -> (Person<'a>, Person<'a>) {
    let ways = json!({
        "upi": { "vpa": "asha.clinic@okbank", "name": "Asha Clinic" }, "razorpay": Razorpay::keys()
    });
    let shown = owner.put("/api/payments/ways", &ways).expect(200).text();
    assert!(!shown.contains("secret-of-the-simulator"), "{shown}");
    let again = owner.get("/api/payments/ways").expect(200);
    assert!(!again.text().contains("secret-of-the-simulator"));
    assert_eq!(again.json()["razorpay"]["keySecret"], true);
    price(owner, 50_000, "before");
    let mut doctor = doctor(clinic, owner, "meera", &["hi"]);
    online(&mut doctor);
    let desk = staff(clinic, owner, "sanjana", "reception");
    (doctor, desk)
}

fn clinic(gateway: &Razorpay, more: &[(&str, &str)]) -> Clinic {
    let base = format!("\"{}\"", gateway.base());
    let mut settings = vec![("payments.razorpay", base.as_str())];
    settings.extend(more);
    open(&settings)
}

fn held(desk: &mut Person<'_>, name: &str, phone: &str, key: &str) -> (Value, String) {
    let patient = desk.register(name, phone, &format!("{key}-form"));
    let asked = ask(desk, &patient, &format!("{key}-asked"));
    assert_eq!(asked["state"], "PENDING_PAYMENT", "{asked}");
    let payment = asked["payment"]["id"].as_str().unwrap().to_owned();
    (asked["id"].clone(), payment)
}

fn order(desk: &mut Person<'_>, payment: &str) -> String {
    let made = desk.post(&format!("/api/payments/{payment}/order"), &json!({})).expect(200).json();
    assert_eq!(
        (made["paise"].as_u64(), made["keyId"].as_str()),
        (Some(50_000), Some("rzp_test_clinicvault"))
    );
    made["orderId"].as_str().unwrap().to_owned()
}

fn state(desk: &mut Person<'_>, payment: &str) -> String {
    let read = desk.get(&format!("/api/payments/{payment}")).expect(200).json();
    read["state"].as_str().unwrap().to_owned()
}

fn wait_paid(desk: &mut Person<'_>, payment: &str, wanted: &str) {
    let began = Instant::now();
    while state(desk, payment) != wanted {
        assert!(began.elapsed() < Duration::from_secs(30), "not {wanted}: {}", state(desk, payment));
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_upi_claim_waits_for_somebody_who_looks() {
    let gateway = Razorpay::start();
    let clinic = clinic(&gateway, &[]);
    let mut owner = clinic.owner();
    let (_doctor, mut desk) = till(&clinic, &mut owner);
    let (id, payment) = held(&mut desk, "Sunita Gaikwad", "7000045518", "pay-upi-1");
    let drawn = desk.get(&format!("/api/payments/{payment}/upi.svg")).expect(200);
    assert!(drawn.text().contains("<svg") && drawn.header("content-type") == Some("image/svg+xml"));
    let link = drawn.header("x-upi-link").unwrap();
    assert!(
        link.starts_with(
            "upi://pay?pa=asha.clinic@okbank&pn=Asha%20Clinic&am=500.00&cu=INR&tn=Consultation&tr="
        ),
        "{link}"
    );
    assert!(!link.contains("Sunita"));
    assert_eq!(state(&mut desk, &payment), "PENDING");
    let claim = format!("/api/payments/{payment}/claim");
    desk.post(&claim, &json!({ "reference": "12345" })).expect(409);
    let claimed = desk.post(&claim, &json!({ "reference": "123456789012" })).expect(200).json();
    assert_eq!(claimed["state"], "CLAIMED");
    assert_eq!(wait(&mut desk, &id, "PENDING_PAYMENT")["payment"]["state"], "CLAIMED");
    let confirm = format!("/api/payments/{payment}/confirm");
    desk.post(&confirm, &json!({ "method": "upi", "paise": 5_000 })).expect(409);
    desk.post(&confirm, &json!({ "method": "razorpay", "paise": 50_000 })).expect(409);
    let paid = desk.post(&confirm, &json!({ "method": "upi", "paise": 50_000 })).expect(200).json();
    assert_eq!((paid["state"].as_str(), paid["reference"].as_str()), (Some("PAID"), Some("123456789012")));
    wait(&mut desk, &id, "WAITING");
}

#[test]
fn the_browsers_proof_counts_only_when_the_gateway_signed_it() {
    let gateway = Razorpay::start();
    let clinic = clinic(&gateway, &[("payments.poll_seconds", "600"), ("payments.poll_most_seconds", "600")]);
    let mut owner = clinic.owner();
    let (_doctor, mut desk) = till(&clinic, &mut owner);
    let (id, payment) = held(&mut desk, "Sunita Gaikwad", "7000045518", "pay-callback-1");
    let made = order(&mut desk, &payment);
    assert_eq!(order(&mut desk, &payment), made, "one order");
    let failed = gateway.fail(&made);
    let proof = gateway.pay(&made);
    let callback = format!("/api/payments/{payment}/callback");
    let body = |payment: &str, signature: &str| json!({ "orderId": made, "paymentId": payment, "signature": signature });
    for (paid, signature) in [
        (proof.payment.as_str(), failed.signature.as_str()),
        (proof.payment.as_str(), ""),
        ("pay_99999999", proof.signature.as_str()),
        (proof.payment.as_str(), &proof.signature[..60]),
    ] {
        desk.post(&callback, &body(paid, signature)).expect(409);
        assert_eq!(state(&mut desk, &payment), "PENDING");
    }
    // A true signature over a payment that failed is no payment.
    let claimed = desk.post(&callback, &body(&failed.payment, &failed.signature)).expect(200).json();
    assert_eq!(claimed["state"], "PENDING");
    let done = desk.post(&callback, &body(&proof.payment, &proof.signature)).expect(200).json();
    assert_eq!(
        (done["state"].as_str(), done["reference"].as_str()),
        (Some("PAID"), Some(proof.payment.as_str()))
    );
    wait(&mut desk, &id, "WAITING");
    assert_eq!(gateway.refused(), 0);

    // Money that goes back: only the owner, and never more than came.
    let refund = format!("/api/payments/{payment}/refund");
    desk.post(&refund, &json!({ "paise": 100, "reason": "x" })).expect(403);
    let part = owner.post(&refund, &json!({ "paise": 20_000, "reason": "shorter" })).expect(200).json();
    assert_eq!((part["state"].as_str(), part["refunded"].as_u64()), (Some("PARTLY_REFUNDED"), Some(20_000)));
    owner.post(&refund, &json!({ "paise": 40_000, "reason": "more" })).expect(409);
    assert_eq!(gateway.refunded(&proof.payment), 20_000);
    let all = owner.post(&refund, &json!({ "paise": 30_000, "reason": "the rest" })).expect(200).json();
    assert_eq!(all["state"], "REFUNDED");
}

#[test]
fn the_gateways_page_sends_the_patient_back_and_only_its_signature_counts() {
    let gateway = Razorpay::start();
    let clinic = clinic(&gateway, &[("payments.poll_seconds", "600"), ("payments.poll_most_seconds", "600")]);
    let mut owner = clinic.owner();
    let (_doctor, mut desk) = till(&clinic, &mut owner);
    let patient = desk.register("Sunita Gaikwad", "7000045518", "pay-page-form");
    let asked = ask(&mut desk, &patient, "pay-page-asked");
    let payment = asked["payment"]["id"].as_str().unwrap().to_owned();
    let link = format!("/api/patients/{}/join-link", patient["id"].as_str().unwrap());
    let link = desk.post(&link, &json!({})).expect(201).json();
    let year = patient["birthDate"].as_str().unwrap()[..4].parse().unwrap();
    let (mut sunita, status) = come_in(browser(&clinic), &link, year);
    assert_eq!(status, 204);

    // A page without script, whose form may lead to the gateway and nowhere else.
    let way = format!("/api/portal/payments/{payment}/checkout");
    clinic.http().get(&way).expect(401);
    desk.get(&way).expect(403);
    let page = sunita.get(&way).expect(200);
    let policy = page.header("content-security-policy").unwrap().to_owned();
    assert!(
        policy.contains(&format!("form-action {};", gateway.base())) && policy.contains("default-src 'none'")
    );
    let page = page.text();
    let made = order(&mut desk, &payment);
    assert!(page.contains(&format!("action=\"{}/v1/checkout/embedded\"", gateway.base())), "{page}");
    assert!(page.contains(&format!("value=\"{made}\"")) && page.contains("value=\"50000\""), "{page}");
    assert!(!page.contains("secret-of-the-simulator") && !page.contains("<script"));
    let back = format!("/hooks/razorpay/{payment}/back");
    assert!(page.contains(&back));

    // It comes from another site: no session, no header of our own page.
    let form = |order: &str, payment: &str, signature: &str| {
        format!("razorpay_order_id={order}&razorpay_payment_id={payment}&razorpay_signature={signature}")
    };
    let kind = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "cross-site")];
    let proof = gateway.pay(&made);
    for lie in [
        form(&made, &proof.payment, &"0".repeat(64)),
        form("order_of_another", &proof.payment, &proof.signature),
        "error%5Bcode%5D=BAD_REQUEST_ERROR".to_owned(),
    ] {
        let answer = clinic.http().send("POST", &back, &kind, lie.as_bytes()).expect(303);
        assert_eq!(answer.header("location"), Some("/portal"));
        assert_eq!(state(&mut desk, &payment), "PENDING", "{lie}");
    }
    clinic
        .http()
        .send("POST", "/hooks/razorpay/nothing/back", &kind, form("a", "b", "c").as_bytes())
        .expect(404);
    let flood = vec![b'x'; 9 << 10];
    clinic.http().send("POST", &back, &kind, &flood).expect(413);
    let true_one = form(&made, &proof.payment, &proof.signature);
    clinic.http().send("POST", &back, &kind, true_one.as_bytes()).expect(303);
    assert_eq!(state(&mut desk, &payment), "PAID");
    clinic.http().send("POST", &back, &kind, true_one.as_bytes()).expect(303);
    assert_eq!(state(&mut desk, &payment), "PAID", "a second time changes nothing");
    wait(&mut desk, &asked["id"], "WAITING");
    sunita.get(&way).expect(409);
}

#[test]
fn messages_of_the_gateway_are_taken_once_and_lies_never() {
    let gateway = Razorpay::start();
    let clinic = clinic(&gateway, &[("payments.poll_seconds", "600"), ("payments.poll_most_seconds", "600")]);
    let mut owner = clinic.owner();
    let (mut doctor, mut desk) = till(&clinic, &mut owner);
    let (id, payment) = held(&mut desk, "Sunita Gaikwad", "7000045518", "pay-hook-1");
    let made = order(&mut desk, &payment);
    let tried = gateway.fail(&made);
    let proof = gateway.pay(&made);
    let mut http = clinic.http();
    let good = gateway.message(&proof, "evt_1");

    // Forged, changed on the way, without its parts.
    good.clone().forged().deliver(&mut http).expect(401);
    let mut changed = good.clone();
    changed.body = changed.body.replace("50000", "50001");
    changed.deliver(&mut http).expect(401);
    http.post("/hooks/razorpay", &json!({})).expect(400);
    assert_eq!(state(&mut desk, &payment), "PENDING");

    // Truly signed and still not what is stored: another amount, currency, order.
    for (event, key, value) in [
        ("evt_2", "amount", json!(1)),
        ("evt_3", "currency", json!("USD")),
        ("evt_4", "order_id", json!("order_77777777")),
        ("evt_5", "status", json!("authorized")),
    ] {
        gateway
            .message_that(&proof, event, |entity| entity[key] = value.clone())
            .deliver(&mut http)
            .expect(200);
        assert_eq!(state(&mut desk, &payment), "PENDING", "{event}");
    }

    good.deliver(&mut http).expect(200);
    assert_eq!(state(&mut desk, &payment), "PAID");
    let waiting = wait(&mut desk, &id, "WAITING");
    // Repeated, again under another event, and the failure of before that comes late: nothing moves.
    for message in
        [good.clone(), good.clone(), gateway.message(&proof, "evt_6"), gateway.message(&tried, "evt_7")]
    {
        message.deliver(&mut http).expect(200);
    }
    let after = desk.get(&format!("/api/payments/{payment}")).expect(200).json();
    assert_eq!((after["state"].as_str(), after["credit"].as_u64()), (Some("PAID"), Some(0)));
    assert_eq!(wait(&mut desk, &id, "WAITING")["revision"], waiting["revision"]);

    // A failure that comes first ends it and frees the doctor; the success behind it is a credit for a person.
    turn(&mut desk, &id, "cancel", json!({ "reason": "asked", "refund": "full" }), "WAITING");
    let wanted = desk.get("/api/payments").expect(200).json();
    assert_eq!(wanted["payments"][0]["refundWanted"], 50_000);
    let (second, other) = held(&mut desk, "Tukaram Pawar", "7000041208", "pay-hook-2");
    let made = order(&mut desk, &other);
    let (failed, late) = (gateway.fail(&made), gateway.pay(&made));
    gateway.message(&failed, "evt_8").deliver(&mut http).expect(200);
    assert_eq!(wait(&mut desk, &second, "CANCELLED")["payment"]["state"], "FAILED");
    let beat = doctor.post("/api/presence/me/beat", &json!({})).expect(200).json();
    assert_eq!(beat["state"], "ONLINE");
    gateway.message(&late, "evt_9").deliver(&mut http).expect(200);
    gateway.message(&late, "evt_9").deliver(&mut http).expect(200);
    let credit = desk.get(&format!("/api/payments/{other}")).expect(200).json();
    assert_eq!((credit["state"].as_str(), credit["credit"].as_u64()), (Some("FAILED"), Some(50_000)));
    let settle = format!("/api/payments/{other}/credit");
    desk.post(&settle, &json!({ "how": "returned in cash" })).expect(403);
    let settled = owner.post(&settle, &json!({ "how": "returned in cash" })).expect(200).json();
    assert_eq!(settled["credit"], 0);
    owner.post(&settle, &json!({ "how": "again" })).expect(409);
}

#[test]
fn without_messages_the_box_asks_and_money_after_the_hold_is_a_credit() {
    let gateway = Razorpay::start();
    let more = [
        ("payments.poll_seconds", "1"),
        ("payments.poll_most_seconds", "2"),
        ("consultations.hold_seconds", "8"),
    ];
    let clinic = clinic(&gateway, &more);
    let mut owner = clinic.owner();
    let (_doctor, mut desk) = till(&clinic, &mut owner);
    let (id, payment) = held(&mut desk, "Sunita Gaikwad", "7000045518", "pay-poll-1");
    let made = order(&mut desk, &payment);
    gateway.be_down(true);
    gateway.pay(&made);
    thread::sleep(Duration::from_millis(1_500));
    assert_eq!(state(&mut desk, &payment), "PENDING");
    gateway.be_down(false);
    wait_paid(&mut desk, &payment, "PAID");
    wait(&mut desk, &id, "WAITING");
    turn(&mut desk, &id, "cancel", json!({ "reason": "asked", "refund": "none" }), "WAITING");

    let (second, other) = held(&mut desk, "Tukaram Pawar", "7000041208", "pay-poll-2");
    let made = order(&mut desk, &other);
    assert_eq!(wait(&mut desk, &second, "CANCELLED")["payment"]["state"], "EXPIRED");
    gateway.pay(&made);
    let began = Instant::now();
    loop {
        let read = desk.get(&format!("/api/payments/{other}")).expect(200).json();
        assert_eq!(read["state"], "EXPIRED");
        if read["credit"] == 50_000 {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "the late money is not seen: {read}");
        thread::sleep(Duration::from_millis(200));
    }
    assert!(gateway.asked().iter().filter(|line| line.starts_with("GET")).count() >= 3);
}
