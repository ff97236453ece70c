//! The register of programs: what the owner registers, sees and ends.

use serde_json::{Value, json};

use super::{BACK, House, VERIFIER, fhir, post_form, text};

#[tokio::test]
async fn programs_are_registered_by_the_owner_with_a_fresh_proof() {
    let mut house = House::new().await;
    let new = json!({"name": "x", "kind": "public", "scope": "patient/*.rs", "redirectUris": [BACK]});
    assert_eq!(house.doctor.post("/api/clients", new.clone()).await.status, 403);
    for (field, value) in [
        ("scope", json!("patient/Observation.rs?colour=red")),
        ("redirectUris", json!(["http://app.example/"])),
        ("redirectUris", json!([])),
        ("jwks", json!({"keys": []})),
        ("name", json!("")),
    ] {
        let mut wrong = new.clone();
        wrong[field] = value;
        let answer = house.owner.post("/api/clients", wrong).await;
        assert_eq!(
            (answer.status.as_u16(), answer.body["error"]["field"].as_str()),
            (422, Some(field)),
            "{:?}",
            answer.body
        );
    }
    let made = house.owner.post("/api/clients", new.clone()).await;
    let id = made.body["client"]["id"].as_str().unwrap().to_owned();
    let list = house.owner.get("/api/clients").await.body;
    assert_eq!(list["clients"][0]["id"], json!(id));
    assert_eq!(house.owner.delete(&format!("/api/clients/{id}")).await.status, 204);
    assert_eq!(house.owner.delete(&format!("/api/clients/{id}")).await.status, 404);
    house.bench.pass(301);
    let late = house.owner.post("/api/clients", new).await;
    assert_eq!((late.status.as_u16(), late.body["error"]["code"].as_str()), (403, Some("proveAgain")));
}

#[tokio::test]
async fn the_owner_sees_what_a_program_holds_and_ends_it_or_gives_it_a_new_secret() {
    let mut house = House::new().await;
    let scope = "offline_access patient/Observation.rs";
    let (client, secret) = house.program("confidential", scope, None).await;
    let line = house.owner.get("/api/clients").await.body["clients"][0].clone();
    assert_eq!((&line["grants"], &line["lastUsed"]), (&json!(0), &Value::Null));
    let code = house.code(&client, scope).await;
    let pairs = [
        ("client_id", client.as_str()),
        ("client_secret", &secret),
        ("code", &code),
        ("redirect_uri", BACK),
        ("code_verifier", VERIFIER),
    ];
    let given = house.swap(&pairs).await.json();
    let token = text(&given, "access_token");
    assert_eq!(fhir(&house.bench, &token, "/fhir/Observation").await.status, 200);
    let line = house.owner.get("/api/clients").await.body["clients"][0].clone();
    assert_eq!(line["grants"], 1);
    assert!(line["lastUsed"].is_string(), "{line}");
    let grants = format!("/api/clients/{client}/grants");
    let held = house.owner.get(&grants).await.body;
    let expected = json!([{"person": "asha", "scope": scope, "onePatient": true, "lasts": "offline",
        "expires": held["grants"][0]["expires"]}]);
    assert_eq!(held["grants"], expected);
    assert_eq!(house.doctor.get(&grants).await.status, 403);

    // A new secret: the old one is nobody, what people gave stays.
    let path = format!("/api/clients/{client}/secret");
    assert_eq!(house.doctor.post(&path, json!({})).await.status, 403);
    let made = house.owner.post(&path, json!({})).await;
    assert_eq!(made.status, 200, "{:?}", made.body);
    let fresh = text(&made.body, "clientSecret");
    let refresh = text(&given, "refresh_token");
    let with = |secret: &str| {
        let pairs = [
            ("grant_type", "refresh_token".to_owned()),
            ("client_id", client.clone()),
            ("client_secret", secret.to_owned()),
            ("refresh_token", refresh.clone()),
        ];
        let bench = &house.bench;
        async move {
            let pairs: Vec<(&str, &str)> =
                pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
            post_form(bench, "/oauth/token", &pairs).await
        }
    };
    assert_eq!(with(&secret).await.error(), "invalid_client");
    let again = with(&fresh).await;
    assert_eq!(again.status, 200, "{}", again.text);
    let token = text(&again.json(), "access_token");
    assert_eq!(house.owner.delete(&grants).await.status, 204);
    assert_eq!(fhir(&house.bench, &token, "/fhir/Observation").await.status, 401);
    assert_eq!(house.owner.get(&grants).await.body["grants"], json!([]));
    let (public, _) = house.program("public", scope, None).await;
    let none = house.owner.post(&format!("/api/clients/{public}/secret"), json!({})).await;
    assert_eq!((none.status.as_u16(), none.body["error"]["field"].as_str()), (422, Some("secret")));
    house.bench.pass(301);
    let late = house.owner.post(&path, json!({})).await;
    assert_eq!((late.status.as_u16(), late.body["error"]["code"].as_str()), (403, Some("proveAgain")));
}
