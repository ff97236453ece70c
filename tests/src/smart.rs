//! Programs of other makers at the box: SMART App Launch 2 with PKCE, and backend services that prove themselves by a key.

use data_encoding::BASE64URL_NOPAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use crate::{Answer, Http, Person};

/// Where an app is sent back to; nobody listens there.
pub const BACK: &str = "http://127.0.0.1:4999/back";
/// The secret that an app proves its code with (RFC 7636).
pub const VERIFIER: &str = "a-verifier-of-forty-three-characters-or-more-0123";

/// Posts a form.
#[track_caller]
pub fn post(http: &mut Http, path: &str, pairs: &[(&str, &str)]) -> Answer {
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    http.send("POST", path, &[form], query(pairs).as_bytes())
}

/// Names and values as a query or a form.
pub fn query(pairs: &[(&str, &str)]) -> String {
    let pair = |(name, value): &(&str, &str)| format!("{name}={}", escaped(value));
    pairs.iter().map(pair).collect::<Vec<_>>().join("&")
}

/// A value as it stands in an address.
pub fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// An app without a secret of its own, registered by the owner.
pub struct App {
    /// Its id.
    pub client: String,
    scope: String,
}

impl App {
    /// As the owner: registers an app that may ask for this.
    pub fn register(owner: &mut Person<'_>, scope: &str) -> App {
        let new = json!({"name": "Growth chart", "kind": "public", "scope": scope, "redirectUris": [BACK]});
        let made = owner.post("/api/clients", &new).expect(201).json();
        App { client: made["client"]["id"].as_str().expect("an id").to_owned(), scope: scope.to_owned() }
    }

    /// Sends a person to the box to ask for everything that it may ask for.
    pub fn ask(&self, person: &mut Person<'_>) -> Answer {
        let endpoint = endpoint(&mut person.clinic().http());
        let base = endpoint.strip_suffix("/oauth/token").expect("the token endpoint");
        let digest = ring::digest::digest(&ring::digest::SHA256, VERIFIER.as_bytes());
        let query = query(&[
            ("response_type", "code"),
            ("client_id", &self.client),
            ("redirect_uri", BACK),
            ("scope", &self.scope),
            ("state", "s"),
            ("aud", &format!("{base}/fhir")),
            ("code_challenge", &BASE64URL_NOPAD.encode(digest.as_ref())),
            ("code_challenge_method", "S256"),
        ]);
        person.http.get(&format!("/oauth/authorize?{query}"))
    }

    /// A code that a person gives it for a patient, with all that it asked for.
    pub fn code(&self, person: &mut Person<'_>, patient: Option<&str>) -> String {
        let page = self.ask(person).expect(200).text();
        let handle = page.split("name=\"handle\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        let mut said = vec![("handle", handle.expect("a question")), ("answer", "yes")];
        said.extend(patient.map(|patient| ("patient", patient)));
        let kept = page.split("name=\"keep\" value=\"").skip(1).filter_map(|rest| rest.split('"').next());
        let kept: Vec<String> = kept.map(|scope| scope.replace("&amp;", "&")).collect();
        said.extend(kept.iter().map(|scope| ("keep", scope.as_str())));
        let back = post(&mut person.http, "/oauth/authorize", &said).expect(303);
        let back = back.header("location").expect("an address");
        let code = back.strip_prefix(&format!("{BACK}?code=")).and_then(|rest| rest.split('&').next());
        code.unwrap_or_else(|| panic!("{back}")).to_owned()
    }

    /// Asks for tokens by a code.
    pub fn swap(&self, http: &mut Http, code: &str, verifier: &str) -> Answer {
        let pairs = [
            ("grant_type", "authorization_code"),
            ("client_id", &self.client),
            ("code", code),
            ("redirect_uri", BACK),
            ("code_verifier", verifier),
        ];
        post(http, "/oauth/token", &pairs)
    }

    /// Asks for new tokens by a refresh token.
    pub fn refresh(&self, http: &mut Http, token: &str) -> Answer {
        let pairs =
            [("grant_type", "refresh_token"), ("client_id", self.client.as_str()), ("refresh_token", token)];
        post(http, "/oauth/token", &pairs)
    }

    /// The whole way: a client of `/fhir` that acts for this person.
    pub fn launch(&self, person: &mut Person<'_>, patient: Option<&str>) -> Http {
        let code = self.code(person, patient);
        let mut http = person.clinic().http();
        let given = self.swap(&mut http, &code, VERIFIER).expect(200).json();
        http.bearer(given["access_token"].as_str().expect("a token"))
    }
}

/// The token endpoint that the box names.
pub fn endpoint(http: &mut Http) -> String {
    let known = http.get("/fhir/.well-known/smart-configuration").expect(200).json();
    known["token_endpoint"].as_str().expect("an address").to_owned()
}

/// A program's own key (ES384).
pub struct Signer(EcdsaKeyPair);

impl Signer {
    /// A new key.
    pub fn generate() -> Signer {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P384_SHA384_FIXED_SIGNING);
        let made = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
        Signer(EcdsaKeyPair::from_pkcs8(algorithm, made.as_ref(), &random).expect("the same key"))
    }

    /// The public half, as a JSON Web Key Set (RFC 7517); its `kid` is `k`.
    pub fn jwks(&self) -> Value {
        let point = self.0.public_key().as_ref();
        let (x, y) = (BASE64URL_NOPAD.encode(&point[1..49]), BASE64URL_NOPAD.encode(&point[49..]));
        json!({"keys": [{"kty": "EC", "crv": "P-384", "kid": "k", "x": x, "y": y}]})
    }

    /// A signed token (RFC 7515, compact).
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let text = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let signed = format!("{}.{}", text(header), text(claims));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", BASE64URL_NOPAD.encode(signature.as_ref()))
    }
}
