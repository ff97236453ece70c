//! Notifications over a socket that the subscriber opens.

use std::time::Duration;

use clinicvault_tests::socket::Socket;
use serde_json::json;

use super::{IG, clinic, create, notice, patient, status};

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
fn a_socket_ends_with_the_token_that_it_was_opened_with() {
    let clinic = clinic(&[], 3, "");
    let mut owner = clinic.owner();
    let wish = json!({"name": "listener", "scope": "system/*.cruds", "ttlHours": 1});
    let made = owner.post("/api/tokens", &wish).expect(201).json();
    let token = made["token"].as_str().unwrap();
    let mut own = clinic.http().bearer(token);
    let wish = json!({"resourceType": "Subscription", "status": "requested", "reason": "tests", "criteria": "Patient",
        "channel": {"type": "websocket"}});
    let id = create(&mut own, &wish);
    status(&mut own, &id, "active");
    let bearer = format!("Bearer {token}");
    let open = |headers: &[(&str, &str)]| {
        Socket::open(clinic.server().http, "/fhir/_notifications", headers).unwrap().unwrap()
    };
    let mut socket = open(&[("Authorization", &bearer)]);
    socket.send(&format!("bind {id}")).unwrap();
    assert_eq!(socket.text().unwrap().unwrap(), format!("bound {id}"));
    patient(&mut clinic.fhir(), "Pawar");
    assert_eq!(socket.text().unwrap().unwrap(), format!("ping {id}"));
    owner.delete(&format!("/api/tokens/{}", made["id"].as_str().unwrap())).expect(204);
    // What happens from now on is not told to it any more, not even that something did.
    patient(&mut clinic.fhir(), "Kale");
    socket.patience(Duration::from_secs(10));
    assert!(matches!(socket.text(), Ok(None)), "the socket goes on after its token was taken back");
    assert!(
        Socket::open(clinic.server().http, "/fhir/_notifications", &[("Authorization", &bearer)])
            .unwrap()
            .is_err()
    );
    // One that rests on no token stays open.
    let mut nobody = open(&[]);
    nobody.send("bind x").unwrap();
    assert!(nobody.text().unwrap().unwrap().starts_with("error"));
}
