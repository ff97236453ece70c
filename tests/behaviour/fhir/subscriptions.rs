//! Subscriptions: other systems are told of changes, each of what its owner may see, and nothing is lost on the way.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use clinicvault_tests::receiver::{Arrived, Mood};
use clinicvault_tests::socket::Socket;
use clinicvault_tests::{Clinic, Http, Receiver, sample};
use rustls_pki_types::PrivatePkcs8KeyDer;
use serde_json::{Value, json};

use super::issue;

const IG: &str = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition";
const TOPIC: &str = "https://clinicvault.local/fhir/SubscriptionTopic";

/// A clinic that allows these addresses, and gives up after `attempts`.
fn clinic(endpoints: &[String], attempts: u32, more: &str) -> Clinic {
    let mut clinic = Clinic::create();
    let listed: Vec<String> = endpoints.iter().map(|endpoint| format!("{endpoint:?}")).collect();
    let text = format!(
        "[subscriptions]\nendpoints = [{}]\nattempts = {attempts}\nretry_seconds = 1\nretry_most_seconds = 1\n\
         timeout_seconds = 3\n{more}",
        listed.join(", ")
    );
    let file = clinic.scratch().join("settings.toml");
    std::fs::write(&file, text).unwrap();
    clinic.serve_with(&["--config", file.to_str().unwrap()]);
    clinic.start();
    clinic
}

fn base(receiver: &Receiver) -> String {
    format!("http://{}/", receiver.address)
}

/// A rest-hook with a query as its criteria, in R4's own form.
fn hook(criteria: &str, endpoint: &str) -> Value {
    json!({
        "resourceType": "Subscription", "status": "requested", "reason": "tests", "criteria": criteria,
        "channel": {"type": "rest-hook", "endpoint": endpoint, "payload": "application/fhir+json"}
    })
}

/// The same in the form of the Backport guide.
fn backport(criteria: &str, endpoint: &str, content: &str) -> Value {
    let mut subscription = hook(criteria, endpoint);
    subscription["channel"]["_payload"] =
        json!({"extension": [{"url": format!("{IG}/backport-payload-content"), "valueCode": content}]});
    subscription
}

fn id_of(made: &Value) -> String {
    made["id"].as_str().expect("an id").to_owned()
}

#[track_caller]
fn create(fhir: &mut Http, body: &Value) -> String {
    let kind = body["resourceType"].as_str().unwrap();
    id_of(&fhir.post_fhir(&format!("/fhir/{kind}"), body).expect(201).json())
}

/// Waits until a Subscription has this status, and answers it.
#[track_caller]
fn status(fhir: &mut Http, id: &str, wanted: &str) -> Value {
    let began = Instant::now();
    loop {
        let found = fhir.get(&format!("/fhir/Subscription/{id}")).expect(200).json();
        if found["status"] == wanted {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "never {wanted}: {found}");
        std::thread::sleep(Duration::from_millis(30));
    }
}

fn patient(fhir: &mut Http, family: &str) -> String {
    create(fhir, &sample::patient(family, "Asha", "9800000001", family))
}

fn observe(fhir: &mut Http, patient: &str, value: &str) -> String {
    create(fhir, &sample::observation(&format!("Patient/{patient}"), value, "x"))
}

/// What a notification bundle says: its type, total, and its events as number and focus.
fn notice(body: &Value) -> (String, u64, Vec<(u64, Option<String>)>) {
    assert_eq!((&body["resourceType"], &body["type"]), (&json!("Bundle"), &json!("history")), "{body}");
    let status = &body["entry"][0]["resource"];
    let parameters = status["parameter"].as_array().expect("the status as Parameters");
    let find = |name: &str| parameters.iter().find(|one| one["name"] == name);
    let events = parameters.iter().filter(|one| one["name"] == "notification-event").map(|event| {
        let part = |name: &str| event["part"].as_array().unwrap().iter().find(|one| one["name"] == name);
        let number = part("event-number").unwrap()["valueString"].as_str().unwrap().parse().unwrap();
        let focus =
            part("focus").map(|focus| focus["valueReference"]["reference"].as_str().unwrap().to_owned());
        (number, focus)
    });
    (
        find("type").unwrap()["valueCode"].as_str().unwrap().to_owned(),
        find("events-since-subscription-start").unwrap()["valueString"].as_str().unwrap().parse().unwrap(),
        events.collect(),
    )
}

/// Events in all notifications so far, in the order of their arrival.
fn events(arrived: &[Arrived]) -> Vec<(u64, Option<String>)> {
    let notices = arrived.iter().map(|one| notice(&one.json()));
    notices.filter(|(kind, ..)| kind == "event-notification").flat_map(|(_, _, events)| events).collect()
}

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

#[test]
fn nothing_is_lost_when_the_receiver_fails_and_the_box_is_killed() {
    let receiver = Receiver::plain();
    let mut clinic = clinic(&[base(&receiver)], 100, "batch = 3\n");
    let mut fhir = clinic.fhir();
    let who = patient(&mut fhir, "Kale");
    let id = create(&mut fhir, &backport("Observation", &base(&receiver), "id-only"));
    status(&mut fhir, &id, "active");
    let mut made = Vec::new();
    for (round, mood) in
        [Mood::Status(503), Mood::Cut, Mood::Status(200), Mood::Silent, Mood::Cut].into_iter().enumerate()
    {
        receiver.be(mood);
        for value in 0..3 {
            made.push(observe(&mut fhir, &who, &format!("1{round}{value}")));
        }
        let before = receiver.arrived().len();
        receiver.wait(before + 1);
        clinic.kill();
        clinic.start();
        fhir = clinic.fhir();
    }
    receiver.be(Mood::Status(200));
    let all = |arrived: &[Arrived]| {
        let known: BTreeMap<u64, Option<String>> = events(arrived).into_iter().collect();
        known.len() >= made.len()
    };
    let arrived = receiver.wait_for("every result", all);
    // What arrives twice has its number; dropping doubles leaves each once, in order.
    let mut known: BTreeMap<u64, Option<String>> = BTreeMap::new();
    let mut highest = 0;
    for (number, focus) in events(&arrived) {
        assert!(number <= highest + 1, "a gap before {number}");
        highest = highest.max(number);
        let before = known.insert(number, focus.clone());
        assert!(before.is_none_or(|before| before == focus), "event {number} has changed");
    }
    let told: Vec<String> =
        known.into_values().map(|focus| focus.unwrap().rsplit('/').next().unwrap().to_owned()).collect();
    assert_eq!(told, made);
    // A stop in order loses nothing either.
    clinic.stop();
    clinic.start();
    fhir = clinic.fhir();
    let last = observe(&mut fhir, &who, "9");
    receiver.wait_for("the last result", |all| {
        events(all).last().is_some_and(|(_, focus)| focus.as_deref().unwrap().ends_with(&last))
    });
    status(&mut fhir, &id, "active");
}

#[test]
fn a_dead_endpoint_is_given_up_with_its_reason_and_holds_up_nobody() {
    let (dead, alive) = (Receiver::plain(), Receiver::plain());
    let clinic = clinic(&[base(&dead), base(&alive)], 3, "");
    let mut fhir = clinic.fhir();
    let who = patient(&mut fhir, "Kale");
    let silent = create(&mut fhir, &hook("Observation", &base(&dead)));
    let well = create(&mut fhir, &hook("Observation", &base(&alive)));
    status(&mut fhir, &silent, "active");
    status(&mut fhir, &well, "active");
    dead.be(Mood::Redirect(base(&alive)));
    let first = observe(&mut fhir, &who, "164");
    alive.wait_for("the result", |all| all.iter().any(|one| one.body.contains(&first)));
    let given_up = status(&mut fhir, &silent, "error");
    assert!(given_up["error"].as_str().unwrap().contains("redirects are not followed"), "{given_up}");
    assert_eq!(alive.arrived().len(), 2, "a redirect was followed");
    // A handshake that fails is final.
    dead.be(Mood::Status(500));
    let strict = create(&mut fhir, &backport("Observation", &base(&dead), "empty"));
    let refused = status(&mut fhir, &strict, "error");
    assert!(refused["error"].as_str().unwrap().contains("500"), "{refused}");
    // The owner sees both, and tries again: what waited arrives.
    let mut owner = clinic.owner();
    let listed = owner.get("/api/subscriptions").expect(200).json();
    let line = |listed: &Value, id: &str| {
        listed["subscriptions"].as_array().unwrap().iter().find(|line| line["id"] == id).unwrap().clone()
    };
    let found = line(&listed, &silent);
    assert_eq!(
        (&found["state"], &found["queued"], &found["failures"]),
        (&json!("error"), &json!(1), &json!(3))
    );
    dead.be(Mood::Status(200));
    owner.post(&format!("/api/subscriptions/{silent}/retry"), &json!({})).expect(204);
    status(&mut fhir, &silent, "active");
    dead.wait_for("what waited", |all| all.iter().filter(|one| one.body.contains(&first)).count() > 1);
    // Paused, it is off; resumed, it goes on from where it was.
    owner.post(&format!("/api/subscriptions/{well}/pause"), &json!({})).expect(204);
    status(&mut fhir, &well, "off");
    let second = observe(&mut fhir, &who, "165");
    dead.wait_for("the second result", |all| all.iter().any(|one| one.body.contains(&second)));
    assert!(!alive.arrived().iter().any(|one| one.body.contains(&second)));
    assert_eq!(line(&owner.get("/api/subscriptions").expect(200).json(), &well)["paused"], true);
    owner.post(&format!("/api/subscriptions/{well}/resume"), &json!({})).expect(204);
    alive.wait_for("what came meanwhile", |all| all.iter().any(|one| one.body.contains(&second)));
    owner.post("/api/subscriptions/none/pause", &json!({})).expect(404);
}

#[test]
fn only_what_its_owner_may_see_is_told_and_nothing_once_the_right_is_gone() {
    let receiver = Receiver::plain();
    let mut clinic = clinic(&[base(&receiver)], 3, "");
    let mut all = clinic.fhir();
    let (one, other) = (patient(&mut all, "Kale"), patient(&mut all, "Pawar"));
    let scope = "system/Subscription.cruds system/Observation.rs?category=vital-signs";
    let mut narrow = clinic.http().bearer(&clinic.new_token(scope));
    let id = create(&mut narrow, &backport("Observation", &base(&receiver), "full-resource"));
    // What its scope does not reach at all is refused for good.
    let blind = create(&mut narrow, &hook("Patient", &base(&receiver)));
    status(&mut narrow, &id, "active");
    observe(&mut all, &one, "164");
    let mut vital = sample::observation(&format!("Patient/{other}"), "37.5", "warm");
    vital["category"] = json!([{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category",
        "code": "vital-signs"}]}]);
    let seen = create(&mut all, &vital);
    let arrived = receiver.wait_for("the vital sign", |all| all.iter().any(|one| one.body.contains(&seen)));
    for one in &arrived {
        assert!(!one.body.contains("164") && !one.body.contains("Kale"), "{}", one.body);
    }
    let told = arrived.iter().filter(|one| one.body.contains("event-notification"));
    let told: Vec<_> = told.flat_map(|one| notice(&one.json()).2).collect();
    assert_eq!(told.len(), 1, "numbers tell nothing of what is hidden");
    let refused = status(&mut narrow, &blind, "error");
    assert!(refused["error"].as_str().unwrap().contains("may not see"), "{refused}");
    let again = narrow.get(&format!("/fhir/Subscription/{id}/$events")).expect(200).text();
    assert!(again.contains(&seen) && !again.contains("164"));
    // The token is taken back while the box is at work: the next result is not told.
    let mut owner = clinic.owner();
    let tokens = owner.get("/api/tokens").expect(200).json();
    let token = tokens["tokens"]
        .as_array()
        .unwrap()
        .iter()
        .find(|token| token["scope"].as_str().unwrap().contains("vital"));
    let token = token.unwrap()["id"].as_str().unwrap().to_owned();
    owner.delete(&format!("/api/tokens/{token}")).expect(204);
    let hidden = create(&mut all, &vital);
    let ended = status(&mut all, &id, "error");
    assert!(ended["error"].as_str().unwrap().contains("may no longer"), "{ended}");
    assert!(!receiver.arrived().iter().any(|one| one.body.contains(&hidden)));
    // And it stays so.
    clinic.stop();
    clinic.start();
    status(&mut clinic.fhir(), &id, "error");
    assert!(!receiver.arrived().iter().any(|one| one.body.contains(&hidden)));
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
fn a_socket_is_told_once_it_is_bound_and_what_waited_comes_first() {
    let clinic = clinic(&[], 3, "");
    let mut fhir = clinic.fhir();
    let token = format!("Bearer {}", clinic.token());
    let by_socket = |content: Option<&str>| {
        let mut wanted = json!({"resourceType": "Subscription", "status": "requested", "reason": "tests",
            "criteria": "Patient", "channel": {"type": "websocket"}});
        if let Some(content) = content {
            wanted["channel"]["payload"] = json!("application/fhir+json");
            wanted["channel"]["_payload"] = json!({"extension": [{"url": format!("{IG}/backport-payload-content"), "valueCode": content}]});
        }
        wanted
    };
    let (plain, bundles) =
        (create(&mut fhir, &by_socket(None)), create(&mut fhir, &by_socket(Some("id-only"))));
    status(&mut fhir, &plain, "active");
    status(&mut fhir, &bundles, "active");
    let first = patient(&mut fhir, "Kale");
    let open = |headers: &[(&str, &str)]| {
        Socket::open(clinic.server().http, "/fhir/_notifications", headers).unwrap().unwrap()
    };
    let mut socket = open(&[("Authorization", &token)]);
    socket.send(&format!("bind {plain}")).unwrap();
    assert_eq!(socket.text().unwrap().unwrap(), format!("bound {plain}"));
    assert_eq!(socket.text().unwrap().unwrap(), format!("ping {plain}"));
    patient(&mut fhir, "Pawar");
    assert_eq!(socket.text().unwrap().unwrap(), format!("ping {plain}"));
    // Nobody else may bind it, and nobody at all without saying who they are.
    let stranger = format!("Bearer {}", clinic.new_token("system/*.cruds"));
    let mut other = open(&[("Authorization", &stranger)]);
    other.send(&format!("bind {plain}")).unwrap();
    assert!(other.text().unwrap().unwrap().starts_with("error"));
    let mut nobody = open(&[]);
    nobody.send(&format!("bind {plain}")).unwrap();
    assert!(nobody.text().unwrap().unwrap().starts_with("error"));
    nobody.send("bind-with-token guess").unwrap();
    assert!(nobody.text().unwrap().unwrap().starts_with("error"));
    clinic
        .http()
        .bearer(&stranger[7..])
        .get(&format!("/fhir/Subscription/{plain}/$get-ws-binding-token"))
        .expect(404);
    // With a token of the Backport guide nothing else is needed.
    let given = fhir.get(&format!("/fhir/Subscription/{bundles}/$get-ws-binding-token")).expect(200).json();
    let part = |name: &str, kind: &str| {
        let found = given["parameter"].as_array().unwrap().iter().find(|one| one["name"] == name);
        found.unwrap()[kind].as_str().unwrap().to_owned()
    };
    assert!(part("websocket-url", "valueUrl").starts_with("ws://"));
    nobody.send(&format!("bind-with-token {}", part("token", "valueString"))).unwrap();
    assert_eq!(notice(&nobody.message().unwrap().unwrap()).0, "handshake");
    let mut heard = Vec::new();
    while heard.len() < 2 {
        heard.extend(notice(&nobody.message().unwrap().unwrap()).2);
    }
    assert!(heard[0].0 == 1 && heard[0].1.as_deref().unwrap().ends_with(&first), "{heard:?}");
    assert_eq!(heard[1].0, 2);
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
