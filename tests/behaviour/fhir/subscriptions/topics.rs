//! Topics and their notification bundles (R5 Backport).

use clinicvault_tests::Receiver;
use serde_json::{Value, json};

use super::super::issue;
use super::{IG, TOPIC, backport, base, clinic, create, events, notice, patient, status};

#[test]
fn a_topic_sends_a_handshake_events_with_numbers_and_signs_of_life() {
    let receiver = Receiver::plain();
    let clinic = clinic(&[base(&receiver)], 3, "");
    let mut fhir = clinic.fhir();
    let (one, other) = (patient(&mut fhir, "Kale"), patient(&mut fhir, "Pawar"));
    let mut wanted = backport(&format!("{TOPIC}/encounter-start"), &base(&receiver), "id-only");
    wanted["_criteria"] = json!({"extension": [{"url": format!("{IG}/backport-filter-criteria"),
        "valueString": format!("Encounter?patient=Patient/{one}")}]});
    wanted["channel"]["extension"] =
        json!([{"url": format!("{IG}/backport-heartbeat-period"), "valueUnsignedInt": 1}]);
    let id = create(&mut fhir, &wanted);
    status(&mut fhir, &id, "active");
    let (kind, total, none) = notice(&receiver.wait(1)[0].json());
    assert_eq!((kind.as_str(), total, none.len()), ("handshake", 0, 0));
    let visit = |patient: &str, state: &str| {
        json!({"resourceType": "Encounter", "status": state, "class": {"code": "AMB"},
            "subject": {"reference": format!("Patient/{patient}")}})
    };
    create(&mut fhir, &visit(&other, "in-progress"));
    let planned = create(&mut fhir, &visit(&one, "planned"));
    let mut begun = visit(&one, "in-progress");
    begun["id"] = json!(planned);
    fhir.put_fhir(&format!("/fhir/Encounter/{planned}"), &begun).expect(200);
    let arrived = receiver.wait_for("the visit", |all| !events(all).is_empty());
    let told = events(&arrived);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].0 == 1 && told[0].1.as_deref().unwrap().ends_with(&format!("/Encounter/{planned}")));
    assert!(!arrived.iter().any(|one| one.body.contains("\"Encounter\",\"id\"")), "only ids are told");
    receiver.wait_for("a sign of life", |all| all.iter().any(|one| notice(&one.json()).0 == "heartbeat"));
    // How it is, and the events again.
    let bundle = fhir.get(&format!("/fhir/Subscription/{id}/$status")).expect(200).json();
    assert_eq!((&bundle["type"], &bundle["total"]), (&json!("searchset"), &json!(1)));
    let text = bundle.to_string();
    assert!(text.contains("query-status") && text.contains("\"valueString\":\"1\""), "{text}");
    let again = fhir.get(&format!("/fhir/Subscription/{id}/$events?eventsSinceNumber=1")).expect(200).json();
    let (kind, total, listed) = notice(&again);
    assert_eq!((kind.as_str(), total, listed.len()), ("query-event", 1, 1));
    let more = fhir.get(&format!("/fhir/Subscription/{id}/$events?content=full-resource")).expect(200).text();
    assert!(!more.contains("\"class\""), "no more is told than the subscription tells");
    let all = fhir.get("/fhir/Subscription/$status?status=error").expect(200).json();
    assert_eq!(all["total"], 0);
    let statement = fhir.get("/fhir/metadata").expect(200).text();
    for said in ["encounter-start", "_notifications", "backport-subscription-events"] {
        assert!(statement.contains(said), "{said}");
    }
}

#[test]
fn a_topic_of_the_clinics_own_is_a_basic() {
    let receiver = Receiver::plain();
    let clinic = clinic(&[base(&receiver)], 3, "");
    let mut fhir = clinic.fhir();
    let of = |release: &str, name: &str| {
        format!("http://hl7.org/fhir/{release}/StructureDefinition/extension-SubscriptionTopic.{name}")
    };
    let topic = |trigger: Value| {
        json!({"resourceType": "Basic",
            "code": {"coding": [{"system": "http://hl7.org/fhir/fhir-types", "code": "SubscriptionTopic"}]},
            "extension": [
                {"url": of("5.0", "url"), "valueUri": "https://clinic.example/topic/gone"},
                {"url": of("4.3", "resourceTrigger"), "extension": [
                    {"url": "resource", "valueUri": "http://hl7.org/fhir/StructureDefinition/Patient"},
                    {"url": "supportedInteraction", "valueCode": "delete"}, trigger]}]})
    };
    let path = json!({"url": "fhirPathCriteria", "valueString": "true"});
    issue(fhir.post_fhir("/fhir/Basic", &topic(path)), 422, "not-supported");
    create(&mut fhir, &topic(json!({"url": "description", "valueMarkdown": "Somebody has left."})));
    let id =
        create(&mut fhir, &backport("https://clinic.example/topic/gone", &base(&receiver), "full-resource"));
    status(&mut fhir, &id, "active");
    let who = patient(&mut fhir, "Kale");
    fhir.delete(&format!("/fhir/Patient/{who}")).expect(204);
    let arrived = receiver.wait_for("the delete", |all| !events(all).is_empty());
    assert_eq!(events(&arrived).len(), 1);
    let entry = &arrived.last().unwrap().json()["entry"][1];
    assert_eq!((&entry["request"]["method"], entry.get("resource")), (&json!("DELETE"), None));
}
