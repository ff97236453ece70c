//! How long tokens live, how they are renewed, and how programs prove themselves for them.

use data_encoding::BASE64URL_NOPAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use super::{BACK, BOX, House, VERIFIER, fhir, post_form, text};

#[tokio::test]
async fn a_refresh_token_is_used_once_and_using_it_again_ends_everything() {
    let mut house = House::new().await;
    let scope = "offline_access patient/Observation.rs";
    let (client, _) = house.program("public", scope, None).await;
    let code = house.code(&client, scope).await;
    let first = house.tokens(&client, &code).await.json();
    // A program without a secret need not name itself again.
    let token = text(&first, "refresh_token");
    let pairs = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
    let second = post_form(&house.bench, "/oauth/token", &pairs).await.json();
    let access = text(&second, "access_token");
    assert_eq!(
        (fhir(&house.bench, &access, "/fhir/Observation").await.status, &second["patient"]),
        (200, &json!("a"))
    );
    let (other, _) = house.program("public", scope, None).await;
    let stolen = house.refreshed(&other, &text(&second, "refresh_token")).await;
    assert_eq!(stolen.error(), "invalid_grant", "another program's");
    assert_eq!(house.refreshed(&client, &text(&first, "refresh_token")).await.error(), "invalid_grant");
    assert_eq!(fhir(&house.bench, &access, "/fhir/Observation").await.status, 401);
    assert_eq!(house.refreshed(&client, &text(&second, "refresh_token")).await.error(), "invalid_grant");
    // Taken back by the program, and by the owner.
    let code = house.code(&client, scope).await;
    let given = house.tokens(&client, &code).await.json();
    let refresh = text(&given, "refresh_token");
    let revoke = [("client_id", client.as_str()), ("token", refresh.as_str())];
    assert_eq!(post_form(&house.bench, "/oauth/revoke", &revoke).await.status, 200);
    assert_eq!(fhir(&house.bench, &text(&given, "access_token"), "/fhir/Observation").await.status, 401);
    let code = house.code(&client, scope).await;
    let given = house.tokens(&client, &code).await.json();
    let off = house.owner.patch(&format!("/api/clients/{client}"), json!({"enabled": false})).await;
    assert_eq!(off.status, 200, "{:?}", off.body);
    assert_eq!(fhir(&house.bench, &text(&given, "access_token"), "/fhir/Observation").await.status, 401);
    assert_eq!(house.refreshed(&client, &text(&given, "refresh_token")).await.error(), "invalid_client");
}

#[tokio::test]
async fn a_reset_of_an_account_ends_what_programs_were_given() {
    let mut house = House::new().await;
    let scope = "offline_access patient/Observation.rs";
    let (client, _) = house.program("public", scope, None).await;
    let code = house.code(&client, scope).await;
    let given = house.tokens(&client, &code).await.json();
    assert_eq!(fhir(&house.bench, &text(&given, "access_token"), "/fhir/Observation").await.status, 200);
    let unused = house.code(&client, scope).await;
    let users = house.owner.get("/api/users").await.body["users"].clone();
    let asha = users.as_array().unwrap().iter().find(|user| user["username"] == "asha").unwrap().clone();
    let path = format!("/api/users/{}/reset", asha["id"].as_str().unwrap());
    assert_eq!(house.owner.post(&path, json!({"secondFactor": false})).await.status, 200);
    assert_eq!(fhir(&house.bench, &text(&given, "access_token"), "/fhir/Observation").await.status, 401);
    assert_eq!(house.refreshed(&client, &text(&given, "refresh_token")).await.error(), "invalid_grant");
    assert_eq!(house.tokens(&client, &unused).await.error(), "invalid_grant");
}

#[tokio::test]
async fn a_confidential_program_proves_itself_and_is_told_what_its_tokens_are_worth() {
    let mut house = House::new().await;
    let scope = "user/Observation.rs";
    let (client, secret) = house.program("confidential", scope, None).await;
    let code = house.code(&client, scope).await;
    assert_eq!(house.tokens(&client, &code).await.error(), "invalid_client", "without its secret");
    let pairs = [
        ("client_id", client.as_str()),
        ("client_secret", &secret),
        ("code", &code),
        ("redirect_uri", BACK),
        ("code_verifier", VERIFIER),
    ];
    let given = house.swap(&pairs).await;
    assert_eq!(given.status, 200, "{}", given.text);
    let token = text(&given.json(), "access_token");
    let look = |pairs: Vec<(&'static str, String)>| {
        let bench = &house.bench;
        async move {
            let pairs: Vec<(&str, &str)> =
                pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
            post_form(bench, "/oauth/introspect", &pairs).await
        }
    };
    let own =
        vec![("client_id", client.clone()), ("client_secret", secret.clone()), ("token", token.clone())];
    let told = look(own.clone()).await.json();
    assert_eq!(
        (&told["active"], &told["scope"], &told["client_id"]),
        (&json!(true), &json!(scope), &json!(client))
    );
    let none = look(vec![own[0].clone(), own[1].clone(), ("token", "cva_none".to_owned())]).await.json();
    assert_eq!(none, json!({"active": false}));
    let guessed = look(vec![own[0].clone(), ("client_secret", "x".to_owned()), own[2].clone()]).await;
    assert_eq!((guessed.status, guessed.error().as_str()), (401, "invalid_client"));
    for _ in 0..4 {
        look(vec![own[0].clone(), ("client_secret", "x".to_owned()), own[2].clone()]).await;
    }
    assert_eq!(look(own).await.status, 429, "guessing is slowed");
}

struct Signer(EcdsaKeyPair);

impl Signer {
    fn new() -> Signer {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P384_SHA384_FIXED_SIGNING);
        let made = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Signer(EcdsaKeyPair::from_pkcs8(algorithm, made.as_ref(), &random).unwrap())
    }

    fn jwks(&self) -> Value {
        let point = self.0.public_key().as_ref();
        let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        json!({"keys": [{"kty": "EC", "crv": "P-384", "kid": "k", "x": text(&point[1..49]), "y": text(&point[49..])}]})
    }

    fn sign(&self, claims: &Value) -> String {
        let text = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let signed = format!("{}.{}", text(&json!({"alg": "ES384", "kid": "k", "typ": "JWT"})), text(claims));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", BASE64URL_NOPAD.encode(signature.as_ref()))
    }
}

#[tokio::test]
async fn a_program_of_its_own_gets_a_token_by_its_key_capped_by_what_the_owner_granted() {
    let mut house = House::new().await;
    let signer = Signer::new();
    let (client, _) = house.program("backend", "system/Observation.rs", Some(signer.jwks())).await;
    let ask = |claims: Value, scope: &'static str| {
        let (bench, assertion) = (&house.bench, signer.sign(&claims));
        async move {
            let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
            let pairs = [
                ("grant_type", "client_credentials"),
                ("scope", scope),
                ("client_assertion_type", kind),
                ("client_assertion", &assertion),
            ];
            post_form(bench, "/oauth/token", &pairs).await
        }
    };
    let now = house.bench.app.now().as_second();
    let claims = |jti: &str, aud: &str| json!({"iss": client, "sub": client, "aud": aud, "exp": now + 200, "jti": jti});
    let endpoint = format!("{BOX}/oauth/token");
    let given = ask(claims("1", &endpoint), "system/*.cruds").await;
    assert_eq!(given.status, 200, "{}", given.text);
    assert_eq!(
        (&given.json()["scope"], &given.json()["expires_in"]),
        (&json!("system/Observation.rs"), &json!(300))
    );
    let token = text(&given.json(), "access_token");
    assert_eq!(fhir(&house.bench, &token, "/fhir/Observation").await.json()["total"], 2);
    assert_eq!(fhir(&house.bench, &token, "/fhir/Patient").await.status, 403);
    for (claims, scope, error) in [
        (claims("1", &endpoint), "system/*.cruds", "invalid_client"),
        (claims("2", "https://evil.example/oauth/token"), "system/*.cruds", "invalid_client"),
        (claims("3", &endpoint), "system/Patient.rs", "invalid_scope"),
        (claims("4", &endpoint), "user/*.cruds", "invalid_scope"),
    ] {
        let got = ask(claims, scope).await;
        assert_eq!(got.error(), error, "{}", got.text);
    }
    house.bench.pass(301);
    assert_eq!(fhir(&house.bench, &token, "/fhir/Observation").await.status, 401);
}
