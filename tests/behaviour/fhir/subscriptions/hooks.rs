//! Rest-hooks of R4: criteria, headers, what is refused, TLS, an end.

use std::time::Duration;

use clinicvault_tests::{Http, Receiver};
use rustls_pki_types::PrivatePkcs8KeyDer;
use serde_json::{Value, json};

use super::super::issue;
use super::{backport, base, clinic, create, hook, id_of, observe, patient, status};

#[test]
fn a_rest_hook_gets_what_meets_its_criteria_with_its_headers_and_the_secret_stays_inside() {
    let receiver = Receiver::plain();
    let clinic = clinic(&[base(&receiver)], 3, "");
    let mut fhir = clinic.fhir();
    let mut wanted = hook("Observation?status=final", &format!("{}hook?k=1", base(&receiver)));
    wanted["channel"]["header"] = json!(["Authorization: Bearer hidden-word"]);
    let id = create(&mut fhir, &wanted);
    let shown = status(&mut fhir, &id, "active");
    assert_eq!(shown["channel"]["header"], json!(["Authorization: ***"]));
    // The check that the endpoint is there has no body.
    let check = &receiver.wait(1)[0];
    assert_eq!((check.line.as_str(), check.body.as_str()), ("POST /hook?k=1", ""));
    let who = patient(&mut fhir, "Kale");
    let result = observe(&mut fhir, &who, "164");
    let arrived = receiver.wait(2);
    assert_eq!(arrived[1].header("authorization"), Some("Bearer hidden-word"));
    assert_eq!(arrived[1].header("content-type"), Some("application/fhir+json"));
    assert_eq!(
        (&arrived[1].json()["id"], &arrived[1].json()["resourceType"]),
        (&json!(result), &json!("Observation"))
    );
    assert!(!arrived.iter().any(|one| one.body.contains("Kale")), "a Patient meets no criteria");
    // The value of the header is in no version and no answer.
    for path in [format!("/fhir/Subscription/{id}/_history"), "/fhir/Subscription".to_owned()] {
        let text = fhir.get(&path).expect(200).text();
        assert!(!text.contains("hidden-word") && text.contains("***"), "{text}");
    }
    // Sent again as it was read, with status requested, it keeps its secret; at another address it does not.
    let mut again = fhir.get(&format!("/fhir/Subscription/{id}")).expect(200).json();
    again["status"] = json!("requested");
    fhir.put_fhir(&format!("/fhir/Subscription/{id}"), &again).expect(200);
    status(&mut fhir, &id, "active");
    observe(&mut fhir, &who, "165");
    let arrived = receiver.wait_for("the next result", |all| all.iter().any(|one| one.body.contains("165")));
    assert_eq!(arrived.last().unwrap().header("authorization"), Some("Bearer hidden-word"));
    again["channel"]["endpoint"] = json!(format!("{}elsewhere", base(&receiver)));
    let refused = issue(fhir.put_fhir(&format!("/fhir/Subscription/{id}"), &again), 422, "required");
    assert_eq!(refused["issue"][0]["expression"][0], "Subscription.channel.header");
    // Neither does the log, nor what lies on the disk beside the vault.
    assert!(!String::from_utf8_lossy(&clinic.printed()).contains("hidden-word"));
    fhir.delete(&format!("/fhir/Subscription/{id}")).expect(204);
    let before = receiver.arrived().len();
    observe(&mut fhir, &who, "166");
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(receiver.arrived().len(), before, "a deleted subscription is told nothing");
}

#[test]
fn what_is_not_served_is_refused_with_its_place_and_the_name_of_the_setting() {
    let receiver = Receiver::plain();
    let clinic = clinic(&[format!("{}only/here", base(&receiver))], 3, "per_owner = 2\n");
    let mut fhir = clinic.fhir();
    let here = format!("{}only/here", base(&receiver));
    let check = |fhir: &mut Http, body: &Value, code: &str, place: &str| -> String {
        let outcome = issue(fhir.post_fhir("/fhir/Subscription", body), 422, code);
        assert_eq!(outcome["issue"][0]["expression"][0], place, "{outcome}");
        outcome["issue"][0]["diagnostics"].as_str().unwrap().to_owned()
    };
    let endpoint = "Subscription.channel.endpoint";
    for address in ["https://elsewhere.example/", &format!("{}only", base(&receiver)), &format!("{here}x")] {
        let text = check(&mut fhir, &hook("Patient", address), "business-rule", endpoint);
        assert!(text.contains("subscriptions.endpoints"), "{text}");
    }
    check(&mut fhir, &hook("Patient", &format!("{here}/../../x")), "value", endpoint);
    let criteria = "Subscription.criteria";
    check(&mut fhir, &hook("Patient?nonsense=1", &here), "not-supported", criteria);
    check(&mut fhir, &hook("Observation?subject:Patient.name=x", &here), "not-supported", criteria);
    check(&mut fhir, &hook("AuditEvent", &here), "not-supported", criteria);
    check(&mut fhir, &hook("Patient?_has:Observation:patient:code=1", &here), "not-supported", criteria);
    check(&mut fhir, &backport("https://x.example/none", &here, "empty"), "not-found", criteria);
    let mut active = hook("Patient", &here);
    active["status"] = json!("active");
    check(&mut fhir, &active, "business-rule", "Subscription.status");
    let mut over = hook("Patient", &here);
    over["end"] = json!("2020-01-01T00:00:00Z");
    check(&mut fhir, &over, "business-rule", "Subscription.end");
    // Inside a transaction too.
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        {"resource": hook("Patient", "https://elsewhere.example/"), "request": {"method": "POST", "url": "Subscription"}}]});
    let text = fhir.post_fhir("/fhir", &bundle).expect(422).text();
    assert!(text.contains("subscriptions.endpoints"), "{text}");
    assert_eq!(fhir.get("/fhir/Subscription?_summary=count").expect(200).json()["total"], 0);
    create(&mut fhir, &hook("Patient", &here));
    create(&mut fhir, &hook("Patient?gender=female", &here));
    let outcome = issue(fhir.post_fhir("/fhir/Subscription", &hook("Observation", &here)), 422, "too-costly");
    assert!(outcome.to_string().contains("subscriptions.per_owner"), "{outcome}");
}

#[test]
fn over_tls_only_a_trusted_receiver_is_told() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let key = || PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into();
    let trusted = Receiver::tls(made.cert.der().clone(), key());
    let foreign =
        rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let stranger = Receiver::tls(
        foreign.cert.der().clone(),
        PrivatePkcs8KeyDer::from(foreign.signing_key.serialize_der()).into(),
    );
    let pem = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(pem.path(), made.cert.pem()).unwrap();
    let of = |receiver: &Receiver| format!("https://localhost:{}/", receiver.address.port());
    let trust = format!("ca_file = {:?}\n", pem.path().display().to_string());
    let clinic = clinic(&[of(&trusted), of(&stranger)], 1, &trust);
    let mut fhir = clinic.fhir();
    let good = create(&mut fhir, &hook("Patient", &of(&trusted)));
    let bad = create(&mut fhir, &hook("Patient", &of(&stranger)));
    status(&mut fhir, &good, "active");
    let refused = status(&mut fhir, &bad, "error");
    assert!(refused["error"].as_str().unwrap().contains("TLS"), "{refused}");
    let who = patient(&mut fhir, "Kale");
    trusted.wait_for("the patient", |all| all.iter().any(|one| one.body.contains(&who)));
    assert!(stranger.arrived().is_empty());
}

#[test]
fn a_subscription_ends_when_it_said_it_would() {
    let receiver = Receiver::plain();
    let clinic = clinic(&[base(&receiver)], 3, "");
    let mut fhir = clinic.fhir();
    let mut wanted = hook("Patient", &base(&receiver));
    let end = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_secs(2)).unwrap();
    wanted["end"] = json!(end.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let answer = fhir.post_fhir("/fhir/Subscription", &wanted);
    let id = id_of(&answer.expect(201).json());
    status(&mut fhir, &id, "off");
    patient(&mut fhir, "Kale");
    std::thread::sleep(Duration::from_millis(400));
    assert!(!receiver.arrived().iter().any(|one| one.body.contains("Kale")));
}
