//! What is told is what the owner may see at that moment: scopes, consents, roles, and all of it taken back.

use clinicvault_tests::receiver::{Arrived, Mood};
use clinicvault_tests::smart::{self, App, VERIFIER};
use clinicvault_tests::socket::Socket;
use clinicvault_tests::{Clinic, Http, Person, Receiver, sample};
use serde_json::{Value, json};

use super::{IG, backport, base, clinic, create, events, hook, notice, observe, patient, status};

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

const CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/observation-category";

/// Writes a result of a patient, with a word of its own.
fn result(fhir: &mut Http, patient: &str, word: &str, category: &str) -> String {
    let mut body = sample::observation(&format!("Patient/{patient}"), "98.4", word);
    body["category"] = json!([{"coding": [{"system": CATEGORY, "code": category}]}]);
    create(fhir, &body)
}

/// The number under which a record was told.
fn number_of(arrived: &[Arrived], id: &str) -> Option<u64> {
    let told = events(arrived);
    told.iter().find(|(_, focus)| focus.as_deref().is_some_and(|focus| focus.ends_with(id))).map(|(n, _)| *n)
}

fn tells_of(id: String) -> impl Fn(&[Arrived]) -> bool {
    move |all| number_of(all, &id).is_some()
}

/// The total that a subscription tells its owner.
fn counted(http: &mut Http, id: &str) -> u64 {
    let bundle = http.get(&format!("/fhir/Subscription/{id}/$status")).expect(200).json();
    let parameters = bundle["entry"][0]["resource"]["parameter"].as_array().unwrap().clone();
    let total = parameters.iter().find(|one| one["name"] == "events-since-subscription-start").unwrap();
    total["valueString"].as_str().unwrap().parse().unwrap()
}

/// A patient's wish that this program sees nothing of theirs.
fn no(patient: &str, client: &str) -> Value {
    let code = |system: &str, code: &str| json!({"coding": [{"system": system, "code": code}]});
    let actor = json!([{"role": {"coding": [{"code": "IRCP"}]},
        "reference": {"identifier": {"system": "urn:clinicvault:client", "value": client}}}]);
    json!({"resourceType": "Consent", "id": "wish", "status": "active",
        "scope": code("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
        "category": [code("http://loinc.org", "59284-0")], "patient": {"reference": format!("Patient/{patient}")},
        "policyRule": code("http://terminology.hl7.org/CodeSystem/v3-ActCode", "OPTIN"),
        "provision": {"provision": [{"type": "deny", "actor": actor}]}})
}

#[test]
fn a_consent_counts_from_its_commit_on_also_for_what_waits_to_be_sent() {
    let receiver = Receiver::plain();
    let clinic = clinic(&[base(&receiver)], 1_000, "");
    let mut wide = clinic.fhir();
    let (a, b) = (patient(&mut wide, "Kale"), patient(&mut wide, "Pawar"));
    let scope = "system/Subscription.cruds system/Observation.rs system/Patient.rs";
    let mut narrow = clinic.http().bearer(&clinic.new_token(scope));
    let tokens = clinic.owner().get("/api/tokens").expect(200).json();
    let token = tokens["tokens"].as_array().unwrap().iter().find(|token| token["scope"] == scope).unwrap();
    let client = token["id"].as_str().unwrap().to_owned();
    let id = create(&mut narrow, &backport("Observation", &base(&receiver), "full-resource"));
    status(&mut narrow, &id, "active");
    let seen = result(&mut wide, &b, "before", "laboratory");
    receiver.wait_for("the first", tells_of(seen));

    // It was found and waits for a receiver that fails; what is tried after the consent no longer holds it.
    receiver.be(Mood::Cut);
    let waits = result(&mut wide, &a, "Waitingword", "laboratory");
    receiver.wait_for("an attempt", |all| all.iter().any(|one| one.body.contains("Waitingword")));
    send_consent(&mut wide, &no(&a, &client));
    let tried = receiver.arrived().len();
    receiver.be(Mood::Status(200));
    let hidden = result(&mut wide, &a, "Hiddenword", "laboratory");
    let open = result(&mut wide, &b, "Openword", "laboratory");
    let arrived = receiver.wait_for("what may be told", tells_of(open.clone()));
    // An attempt may have been on its way while the consent was committed; it is the last that holds the word.
    let late = arrived[tried..].iter().skip(1).any(|one| one.body.contains("Waitingword"));
    assert!(!late && !arrived.iter().any(|one| one.body.contains("Hiddenword")), "{arrived:#?}");
    assert_eq!(number_of(&arrived, &hidden), None);
    // Three were found while they might be seen; the hidden one has no number.
    assert_eq!((number_of(&arrived, &open), counted(&mut narrow, &id)), (Some(3), 3));
    let again = narrow.get(&format!("/fhir/Subscription/{id}/$events")).expect(200).text();
    assert!(again.contains(&open) && !again.contains(&waits) && !again.contains(&hidden), "{again}");

    // The consent is withdrawn: what comes then is told again, what was hidden stays untold.
    let mut over = no(&a, &client);
    over["status"] = json!("inactive");
    send_consent(&mut wide, &over);
    let later = result(&mut wide, &a, "Laterword", "laboratory");
    let arrived = receiver.wait_for("what comes later", tells_of(later.clone()));
    assert_eq!(number_of(&arrived, &later), Some(4));
    assert!(!arrived.iter().any(|one| one.body.contains("Hiddenword")));
}

fn send_consent(fhir: &mut Http, wish: &Value) {
    let answer = fhir.put_fhir("/fhir/Consent/wish", wish);
    assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
}

/// An app of somebody who treats and looks after the box; what it was given.
fn app<'a>(clinic: &'a Clinic, scope: &str, patient: Option<&str>) -> (App, Person<'a>, Value) {
    let mut owner = clinic.owner();
    owner.add_staff("asha", &["doctor", "owner"]);
    let mut asha = Person::sign_in(clinic, "asha", &Person::temporary_password("asha"));
    let app = App::register(&mut owner, scope);
    let code = app.code(&mut asha, patient);
    let given = app.swap(&mut clinic.http(), &code, VERIFIER).expect(200).json();
    (app, asha, given)
}

fn client_of(clinic: &Clinic, given: &Value) -> Http {
    clinic.http().bearer(given["access_token"].as_str().expect("a token"))
}

#[test]
fn a_program_is_told_of_its_patient_until_the_program_the_consent_or_the_role_is_taken_away() {
    let scope =
        "launch/patient offline_access user/Subscription.cruds patient/Observation.rs?category=laboratory";
    for end in ["the program", "its consents", "the role"] {
        let receiver = Receiver::plain();
        let clinic = clinic(&[base(&receiver)], 3, "");
        let mut wide = clinic.fhir();
        let (a, b) = (patient(&mut wide, "Kale"), patient(&mut wide, "Pawar"));
        let (app, _asha, given) = app(&clinic, scope, Some(&a));
        let mut program = client_of(&clinic, &given);
        let id = create(&mut program, &backport("Observation", &base(&receiver), "full-resource"));
        status(&mut program, &id, "active");
        result(&mut wide, &b, "Ofanother", "laboratory");
        result(&mut wide, &a, "Vitalword", "vital-signs");
        let first = result(&mut wide, &a, "Firstword", "laboratory");
        let arrived = receiver.wait_for("the result of the patient", tells_of(first.clone()));
        assert_eq!((number_of(&arrived, &first), counted(&mut program, &id)), (Some(1), 1), "{end}");

        let mut owner = clinic.owner();
        match end {
            "the program" => {
                let off = json!({"enabled": false});
                owner.http.patch(&format!("/api/clients/{}", app.client), &off).expect(200);
            }
            "its consents" => {
                owner.delete(&format!("/api/clients/{}/grants", app.client));
            }
            _ => {
                let users = owner.get("/api/users").expect(200).json();
                let all = users["users"].as_array().or(users.as_array()).expect("a list").clone();
                let asha = all.iter().find(|user| user["username"] == "asha").expect("asha");
                let path = format!("/api/users/{}", asha["id"].as_str().unwrap());
                owner.http.patch(&path, &json!({"roles": ["owner"]})).expect(200);
            }
        }
        let last = result(&mut wide, &a, "Lastword", "laboratory");
        let ended = status(&mut wide, &id, "error");
        assert!(ended["error"].as_str().is_some_and(|why| why.contains("may no")), "{end}: {ended}");
        let arrived = receiver.arrived();
        assert_eq!(number_of(&arrived, &last), None, "{end}");
        for word in ["Ofanother", "Vitalword", "Lastword"] {
            assert!(!arrived.iter().any(|one| one.body.contains(word)), "{end}: {word}");
        }
    }
}

#[test]
fn a_token_of_the_same_program_that_covers_less_is_told_no_more_than_it_covers() {
    let clinic = clinic(&[], 3, "");
    let mut wide = clinic.fhir();
    let a = patient(&mut wide, "Kale");
    let scope = "offline_access user/Subscription.cruds user/Observation.rs";
    let (app, _asha, given) = app(&clinic, scope, None);
    let mut program = client_of(&clinic, &given);
    let url = format!("{IG}/backport-payload-content");
    let wanted = json!({"resourceType": "Subscription", "status": "requested", "reason": "tests",
        "criteria": "Observation", "channel": {"type": "websocket", "payload": "application/fhir+json",
            "_payload": {"extension": [{"url": url, "valueCode": "full-resource"}]}}});
    let id = create(&mut program, &wanted);
    status(&mut program, &id, "active");
    result(&mut wide, &a, "Secretword", "laboratory");
    let pairs = [
        ("grant_type", "refresh_token"),
        ("client_id", app.client.as_str()),
        ("refresh_token", given["refresh_token"].as_str().expect("a refresh token")),
        ("scope", "user/Subscription.cruds user/Observation.rs?category=vital-signs"),
    ];
    let less = smart::post(&mut clinic.http(), "/oauth/token", &pairs).expect(200).json();
    let mut narrow = client_of(&clinic, &less);
    assert_eq!(narrow.get("/fhir/Observation?_summary=count").expect(200).json()["total"], 0);
    let open = |token: &Value| {
        let token = format!("Bearer {}", token["access_token"].as_str().unwrap());
        let headers = [("Authorization", token.as_str())];
        Socket::open(clinic.server().http, "/fhir/_notifications", &headers).unwrap().unwrap()
    };
    // It reads the subscription, and binds it neither by itself nor by a token; no number is told.
    let mut socket = open(&less);
    socket.send(&format!("bind {id}")).unwrap();
    assert!(socket.text().unwrap().unwrap().starts_with("error"));
    narrow.get(&format!("/fhir/Subscription/{id}/$get-ws-binding-token")).expect(404);
    let told = narrow.get(&format!("/fhir/Subscription/{id}/$status")).expect(200).text();
    assert!(!told.contains("events-since-subscription-start"), "{told}");
    narrow.get(&format!("/fhir/Subscription/{id}/$events")).expect(403);
    // The token with all of it does.
    let mut socket = open(&given);
    socket.send(&format!("bind {id}")).unwrap();
    assert_eq!(socket.text().unwrap().unwrap(), format!("bound {id}"));
    let heard = (0..3).map(|_| socket.text().unwrap().unwrap()).find(|text| text.contains("Secretword"));
    assert!(heard.is_some());
}
