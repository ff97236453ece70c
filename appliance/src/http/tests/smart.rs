//! Programs of other makers, through the real router: registration, consent, codes, tokens, and what is refused.

use axum::body::Body;
use data_encoding::BASE64URL_NOPAD;
use http::Request;
use http_body_util::BodyExt;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::bench::{Bench, Browser};
use crate::http::extract::Peer;
use crate::http::{front, router};

mod own_consents;
mod validation;

const BOX: &str = "http://localhost:8080";
const BACK: &str = "https://app.example/back";
const VERIFIER: &str = "a-verifier-of-forty-three-characters-or-more-0123";

struct Got {
    status: u16,
    location: String,
    text: String,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_owned()
    }
}

async fn send(bench: &Bench, request: http::request::Builder, body: String) -> Got {
    let mut request = request.header("host", "localhost:8080").body(Body::from(body)).unwrap();
    request.extensions_mut().insert(Peer { address: "127.0.0.1:50001".parse().unwrap(), tls: false });
    let (parts, body) = front::answer(router(bench.app.clone()), request).await.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let location = parts.headers.get("location").map(|value| value.to_str().unwrap().to_owned());
    Got {
        status: parts.status.as_u16(),
        location: location.unwrap_or_default(),
        text: String::from_utf8_lossy(&bytes).into_owned(),
    }
}

fn form(pairs: &[(&str, &str)]) -> String {
    let escape = |text: &str| {
        text.bytes()
            .map(|byte| match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    char::from(byte).to_string()
                }
                other => format!("%{other:02X}"),
            })
            .collect::<String>()
    };
    pairs.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect::<Vec<_>>().join("&")
}

async fn post_form(bench: &Bench, path: &str, pairs: &[(&str, &str)]) -> Got {
    let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
    send(bench, request, form(pairs)).await
}

async fn fhir(bench: &Bench, token: &str, path: &str) -> Got {
    send(bench, Request::get(path).header("authorization", format!("Bearer {token}")), String::new()).await
}

/// A clinic with an owner, a doctor, a program, and two patients with a result each.
struct House {
    bench: Bench,
    owner: Browser,
    doctor: Browser,
}

impl House {
    async fn new() -> House {
        let bench = Bench::clinic().await;
        let (mut owner, _) = bench.owner().await;
        let doctor = bench.staff(&mut owner, "asha", &["doctor"]).await;
        let made =
            owner.post("/api/tokens", json!({"name": "all", "scope": "system/*.cruds", "ttlHours": 1})).await;
        let token = made.body["token"].as_str().unwrap().to_owned();
        for patient in ["a", "b"] {
            for (path, body) in [
                (format!("/fhir/Patient/{patient}"), json!({"resourceType": "Patient", "id": patient})),
                (
                    format!("/fhir/Observation/r{patient}"),
                    json!({"resourceType": "Observation", "id": format!("r{patient}"), "status": "final",
                        "code": {"text": "x"}, "subject": {"reference": format!("Patient/{patient}")}}),
                ),
            ] {
                let request = Request::put(path)
                    .header("authorization", format!("Bearer {token}"))
                    .header("content-type", "application/fhir+json");
                assert_eq!(send(&bench, request, body.to_string()).await.status, 201);
            }
        }
        House { bench, owner, doctor }
    }

    async fn program(&mut self, kind: &str, scope: &str, jwks: Option<Value>) -> (String, String) {
        let redirects = if kind == "backend" { json!([]) } else { json!([BACK]) };
        let new = json!({"name": "Growth <chart>", "kind": kind, "scope": scope, "redirectUris": redirects, "jwks": jwks});
        let made = self.owner.post("/api/clients", new).await;
        assert_eq!(made.status, 201, "{:?}", made.body);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&made.body["client"]["id"]), text(&made.body["clientSecret"]))
    }

    fn query(client: &str, scope: &str) -> Vec<(&'static str, String)> {
        let challenge = BASE64URL_NOPAD.encode(&Sha256::digest(VERIFIER.as_bytes()));
        vec![
            ("response_type", "code".to_owned()),
            ("client_id", client.to_owned()),
            ("redirect_uri", BACK.to_owned()),
            ("scope", scope.to_owned()),
            ("state", "s 1".to_owned()),
            ("aud", format!("{BOX}/fhir")),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256".to_owned()),
            ("nonce", "n-1".to_owned()),
        ]
    }

    async fn asked(&self, query: &[(&str, String)]) -> Got {
        let pairs: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let request = Request::get(format!("/oauth/authorize?{}", form(&pairs)))
            .header("cookie", format!("__Host-cv={}", self.doctor.cookie));
        send(&self.bench, request, String::new()).await
    }

    async fn answered(&self, page: &Got, pairs: &[(&str, &str)]) -> Got {
        let start = page.text.find("name=\"handle\" value=\"").expect(&page.text) + 21;
        let handle = page.text[start..].split('"').next().unwrap().to_owned();
        let mut all = vec![("handle", handle.as_str())];
        all.extend(pairs);
        let request = Request::post("/oauth/authorize")
            .header("cookie", format!("__Host-cv={}", self.doctor.cookie))
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/x-www-form-urlencoded");
        send(&self.bench, request, form(&all)).await
    }

    /// A code for patient `a`, everything asked for kept.
    async fn code(&self, client: &str, scope: &str) -> String {
        let page = self.asked(&House::query(client, scope)).await;
        assert_eq!(page.status, 200, "{} {}", page.location, page.text);
        let mut pairs = vec![("answer", "yes"), ("patient", "a")];
        pairs.extend(scope.split(' ').filter(|part| part.contains('.')).map(|part| ("keep", part)));
        let done = self.answered(&page, &pairs).await;
        assert_eq!(done.status, 303, "{}", done.text);
        let rest = done.location.strip_prefix(&format!("{BACK}?code=")).expect(&done.location);
        let (code, rest) = rest.split_once('&').unwrap();
        assert_eq!(rest, "state=s%201");
        code.to_owned()
    }

    async fn tokens(&self, client: &str, code: &str) -> Got {
        self.swap(&[
            ("client_id", client),
            ("code", code),
            ("redirect_uri", BACK),
            ("code_verifier", VERIFIER),
        ])
        .await
    }

    async fn swap(&self, pairs: &[(&str, &str)]) -> Got {
        let mut all = vec![("grant_type", "authorization_code")];
        all.extend(pairs);
        post_form(&self.bench, "/oauth/token", &all).await
    }

    async fn refreshed(&self, client: &str, token: &str) -> Got {
        let pairs = [("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", token)];
        post_form(&self.bench, "/oauth/token", &pairs).await
    }
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("{name} in {value}")).to_owned()
}

#[tokio::test]
async fn an_app_gets_what_the_doctor_gave_for_the_patient_chosen_and_no_more() {
    let mut house = House::new().await;
    let scope = "openid launch/patient patient/Patient.rs patient/Observation.rs";
    let (client, _) = house.program("public", scope, None).await;
    let page = house.asked(&House::query(&client, scope)).await;
    assert!(
        page.text.contains("Growth &lt;chart&gt;")
            && page
                .text
                .contains("<b>Read measurements and results</b><small>of the one patient you choose</small>")
            && page.text.contains("<li>patient/Observation.rs</li>"),
        "{}",
        page.text
    );
    // One scope is taken away.
    let done = house
        .answered(&page, &[("answer", "yes"), ("patient", "a"), ("keep", "patient/Observation.rs")])
        .await;
    let code = done.location.split("code=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    assert_eq!(
        house.answered(&page, &[("answer", "yes"), ("patient", "a")]).await.status,
        400,
        "answered once"
    );
    let got = house.tokens(&client, &code).await;
    assert_eq!(got.status, 200, "{}", got.text);
    let given = got.json();
    assert_eq!(given["scope"], "openid launch/patient patient/Observation.rs");
    assert_eq!((&given["patient"], &given["need_patient_banner"]), (&json!("a"), &json!(true)));
    assert_eq!(given["refresh_token"], Value::Null);
    let token = text(&given, "access_token");
    let found = fhir(&house.bench, &token, "/fhir/Observation").await.json();
    assert_eq!((&found["total"], &found["entry"][0]["resource"]["id"]), (&json!(1), &json!("ra")));
    assert_eq!(fhir(&house.bench, &token, "/fhir/Observation/rb").await.status, 404);
    assert_eq!(fhir(&house.bench, &token, "/fhir/Patient/a").await.status, 403);
    assert_eq!(fhir(&house.bench, &token, "/api/users").await.status, 403);
    assert_eq!(fhir(&house.bench, &token, "/api/patients/a/chart").await.status, 403);
    // Who it was, signed by the key that the box publishes.
    let identity = text(&given, "id_token");
    let (signed, signature) = identity.rsplit_once('.').unwrap();
    let claims: Value = serde_json::from_slice(
        &BASE64URL_NOPAD.decode(signed.split('.').nth(1).unwrap().as_bytes()).unwrap(),
    )
    .unwrap();
    assert_eq!(
        (&claims["aud"], &claims["nonce"], &claims["iss"]),
        (&json!(client), &json!("n-1"), &json!(BOX))
    );
    let keys = send(&house.bench, Request::get("/oauth/jwks"), String::new()).await.json();
    let part =
        |name: &str| BASE64URL_NOPAD.decode(keys["keys"][0][name].as_str().unwrap().as_bytes()).unwrap();
    let point = [vec![4], part("x"), part("y")].concat();
    ring::signature::UnparsedPublicKey::new(&ring::signature::ECDSA_P256_SHA256_FIXED, point)
        .verify(signed.as_bytes(), &BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap())
        .unwrap();
    // It ends by itself, and at once when the account does.
    house.bench.pass(601);
    assert_eq!(fhir(&house.bench, &token, "/fhir/Observation").await.status, 401);
}

#[tokio::test]
async fn a_code_is_good_once_for_its_program_address_and_verifier_within_a_minute() {
    let mut house = House::new().await;
    let scope = "patient/Observation.rs";
    let (client, _) = house.program("public", scope, None).await;
    let (other, _) = house.program("public", scope, None).await;
    for (who, redirect, verifier) in [
        (&other, BACK, VERIFIER),
        (&client, "https://app.example/else", VERIFIER),
        (&client, BACK, "another-verifier-of-forty-three-characters-or-more"),
        (&client, BACK, ""),
    ] {
        let code = house.code(&client, scope).await;
        let wrong = [
            ("client_id", who.as_str()),
            ("code", &code),
            ("redirect_uri", redirect),
            ("code_verifier", verifier),
        ];
        let got = house.swap(&wrong).await;
        assert_eq!(got.status, 400, "{}", got.text);
        if !verifier.is_empty() {
            assert_eq!(got.error(), "invalid_grant");
            assert_eq!(house.tokens(&client, &code).await.error(), "invalid_grant", "it was shown once");
        }
    }
    let code = house.code(&client, scope).await;
    house.bench.pass(61);
    assert_eq!(house.tokens(&client, &code).await.error(), "invalid_grant", "too old");
    let code = house.code(&client, scope).await;
    assert_eq!(house.tokens(&client, &code).await.status, 200);
    assert_eq!(house.tokens(&client, &code).await.error(), "invalid_grant", "used");
    assert_eq!(house.tokens("c-none", "x").await.error(), "invalid_client");
}

#[tokio::test]
async fn a_request_that_is_not_whole_gives_nothing_and_leads_nowhere_else() {
    let mut house = House::new().await;
    let scope = "patient/Observation.rs";
    let (client, _) = house.program("public", scope, None).await;
    let good = House::query(&client, scope);
    let with = |name: &str, value: &str| {
        let mut query = good.clone();
        query.iter_mut().filter(|(other, _)| *other == name).for_each(|(_, old)| *old = value.to_owned());
        query
    };
    // As long as it is not certain who asks, nobody is sent anywhere.
    for (name, value) in [
        ("client_id", "c-none"),
        ("redirect_uri", "https://app.example/back/"),
        ("redirect_uri", "https://evil.example/"),
    ] {
        let got = house.asked(&with(name, value)).await;
        assert_eq!((got.status, got.location.as_str()), (400, ""), "{name}");
    }
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge", "short", "invalid_request"),
        ("state", "", "invalid_request"),
        ("aud", "https://evil.example/fhir", "invalid_request"),
        ("scope", "patient/Observation.rs?colour=red", "invalid_scope"),
        ("scope", "user/*.cruds", "invalid_scope"),
        ("scope", "", "invalid_scope"),
    ] {
        let got = house.asked(&with(name, value)).await;
        assert!(
            got.location.starts_with(&format!("{BACK}?error={error}&")),
            "{name} {value}: {}",
            got.location
        );
    }
    // Nobody signed in, an answer from another page, another session, no patient, one who is not there, a no.
    let request = Request::get(format!("/oauth/authorize?client_id={client}"));
    let got = send(&house.bench, request, String::new()).await;
    assert!(got.status == 200 && !got.text.contains("handle"));
    let page = house.asked(&good).await;
    let mut stranger =
        Request::post("/oauth/authorize").header("content-type", "application/x-www-form-urlencoded");
    stranger = stranger
        .header("cookie", format!("__Host-cv={}", house.doctor.cookie))
        .header("sec-fetch-site", "cross-site");
    assert_eq!(send(&house.bench, stranger, form(&[("answer", "yes")])).await.status, 403);
    let keep = ("keep", "patient/Observation.rs");
    assert_eq!(house.answered(&page, &[("answer", "yes"), keep]).await.status, 400);
    assert_eq!(house.answered(&page, &[("answer", "yes"), ("patient", "none"), keep]).await.status, 400);
    let no = house.answered(&page, &[("answer", "no")]).await;
    assert!(no.location.starts_with(&format!("{BACK}?error=access_denied&")), "{}", no.location);
}

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

#[tokio::test]
async fn a_patient_is_looked_for_on_the_page_and_what_was_taken_away_stays_away() {
    let mut house = House::new().await;
    let new = json!({"name": "Lakshmi Pawar", "sex": "F", "birth": {"date": "1968-03-14"}, "noPhone": true, "key": "form-one-0001"});
    let made = house.doctor.post("/api/patients", new).await;
    assert_eq!(made.status, 201, "{:?}", made.body);
    let id = text(&made.body, "id");
    let scope = "patient/Patient.rs patient/Observation.rs";
    let (client, _) = house.program("public", scope, None).await;
    let page = house.asked(&House::query(&client, scope)).await;
    let keep = ("keep", "patient/Observation.rs");
    let found = house.answered(&page, &[("answer", "find"), ("find", "laksh"), keep]).await;
    assert_eq!(found.status, 200, "{}", found.text);
    assert!(found.text.contains(&format!("name=\"patient\" value=\"{id}\" required")), "{}", found.text);
    assert!(found.text.contains("Lakshmi Pawar") && found.text.contains(" y, F, NC-"), "{}", found.text);
    assert!(found.text.contains("value=\"patient/Observation.rs\" checked"));
    assert!(!found.text.contains("value=\"patient/Patient.rs\" checked"));
    let nobody = house.answered(&page, &[("answer", "find"), ("find", "<zzz>"), keep]).await;
    assert!(
        nobody.text.contains("Nobody was found") && nobody.text.contains("&lt;zzz&gt;"),
        "{}",
        nobody.text
    );
    // Without a patient it is asked again, and the answer still counts once.
    let again = house.answered(&page, &[("answer", "yes"), keep]).await;
    assert!(again.status == 400 && again.text.contains("role=\"alert\""), "{}", again.text);
    let done = house.answered(&again, &[("answer", "yes"), ("patient", &id), keep]).await;
    assert_eq!(done.status, 303, "{}", done.text);
    assert_eq!(house.answered(&page, &[("answer", "find"), ("find", "laksh")]).await.status, 400, "answered");
}

#[tokio::test]
async fn the_pages_speak_the_language_of_the_person() {
    let mut house = House::new().await;
    let (client, _) = house.program("public", "user/Encounter.rs", None).await;
    let door = Request::get(format!("/oauth/authorize?client_id={client}"))
        .header("accept-language", "hi-IN,en;q=0.5");
    let door = send(&house.bench, door, String::new()).await;
    assert!(door.text.contains("<html lang=\"hi\"") && door.text.contains("आगे बढ़ें"), "{}", door.text);
    let wish = json!({"language": "hi", "theme": "dark"});
    assert!(house.doctor.patch("/api/me", wish).await.status.is_success());
    let page = house.asked(&House::query(&client, "user/Encounter.rs")).await;
    assert!(
        page.text.contains("<html lang=\"hi\" data-theme=\"dark\"") && page.text.contains("विज़िट पढ़ना"),
        "{}",
        page.text
    );
    let style = send(&house.bench, Request::get("/oauth/page.css"), String::new()).await;
    assert!(style.status == 200 && style.text.contains("--surface") && style.text.contains(".answers"));
}
