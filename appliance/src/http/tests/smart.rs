//! Programs of other makers, through the real router: registration, consent, codes, tokens, and what is refused.

use axum::body::Body;
use data_encoding::BASE64URL_NOPAD;
use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::bench::{Bench, Browser};
use crate::http::extract::Peer;
use crate::http::{front, router};

mod codes;
mod lives;
mod own_consents;
mod pages;
mod register;
mod standing;
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
