//! Signed assertions of programs (RFC 7523, SMART backend services): public keys as JWK sets, and the check of a JWT.
//!
//! Pure. Only RS384 and ES384 are taken, as SMART App Launch 2 names them; the algorithm is that of the registered key
//! which the header names, so that a header cannot talk the box into another one.

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use ring::signature::{
    ECDSA_P384_SHA384_FIXED, RSA_PKCS1_2048_8192_SHA384, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::Value;

/// Longest assertion, bytes.
const LONGEST: usize = 8 * 1024;
/// Most keys of one program.
const MOST_KEYS: usize = 10;
/// Longest life of an assertion in seconds (SMART App Launch 2, backend services).
const LIFE: i64 = 300;
/// How far the program's clock may be ahead, in seconds, for when an assertion was made.
const SKEW: i64 = 60;
/// Longest `jti` or `kid`.
const LONGEST_NAME: usize = 200;

/// Public keys of a program.
#[derive(Debug, Clone)]
pub struct Keys(Vec<Key>);

#[derive(Debug, Clone)]
struct Key {
    kid: String,
    public: Public,
}

#[derive(Debug, Clone)]
enum Public {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// The uncompressed point.
    P384(Vec<u8>),
}

/// What an assertion says, once its signature holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// Its own name; each may be used once.
    pub jti: String,
    /// Worth nothing from then on.
    pub expires: Timestamp,
}

impl Keys {
    /// Reads a JWK set (RFC 7517).
    ///
    /// # Errors
    /// A sentence when it is not one, holds a private key, or a key that cannot be used for RS384 or ES384.
    pub fn read(set: &Value) -> Result<Keys, String> {
        let keys = set.get("keys").and_then(Value::as_array).ok_or("a JWK set has an array \"keys\"")?;
        if keys.is_empty() || keys.len() > MOST_KEYS {
            return Err(format!("a JWK set has one to {MOST_KEYS} keys"));
        }
        let mut read: Vec<Key> = Vec::new();
        for key in keys {
            let key = Key::read(key)?;
            if read.iter().any(|other| other.kid == key.kid) {
                return Err(format!("two keys have the kid \"{}\"", key.kid));
            }
            read.push(key);
        }
        Ok(Keys(read))
    }

    /// Checks an assertion of the program `client` for one of these audiences.
    ///
    /// # Errors
    /// A sentence for the program's developer.
    pub fn verify(
        &self,
        assertion: &str,
        client: &str,
        audiences: &[String],
        now: Timestamp,
    ) -> Result<Claims, &'static str> {
        if assertion.len() > LONGEST {
            return Err("the assertion is too long");
        }
        let (signed, signature) = assertion.rsplit_once('.').ok_or("the assertion is not a JWT")?;
        let (header, payload) = signed.split_once('.').ok_or("the assertion is not a JWT")?;
        let header = part(header)?;
        let key = self.key(&header)?;
        let signature = decoded(signature).ok_or("the signature is not base64url")?;
        key.public.verify(signed.as_bytes(), &signature).map_err(|_| "the signature does not hold")?;
        claims(&part(payload)?, client, audiences, now)
    }

    fn key(&self, header: &Value) -> Result<&Key, &'static str> {
        let text = |name: &str| header.get(name).and_then(Value::as_str);
        if header.get("crit").is_some() {
            return Err("the header has critical members that are not known here");
        }
        if header.get("jku").is_some() {
            return Err("keys are registered here, not fetched; leave out jku");
        }
        let kid = text("kid").ok_or("the header has no kid")?;
        let key = self.0.iter().find(|key| key.kid == kid).ok_or("no registered key has this kid")?;
        if text("alg") != Some(key.public.algorithm()) {
            return Err("alg is not that of the registered key; RS384 and ES384 are taken");
        }
        Ok(key)
    }
}

impl Key {
    fn read(key: &Value) -> Result<Key, String> {
        let text = |name: &str| key.get(name).and_then(Value::as_str);
        if ["d", "p", "q", "dp", "dq", "qi", "k"].iter().any(|name| key.get(*name).is_some()) {
            return Err(
                "this is a private key; register the public half only, and make a new pair".to_owned()
            );
        }
        let kid = text("kid").filter(|kid| !kid.is_empty() && kid.len() <= LONGEST_NAME);
        let kid = kid.ok_or("every key has a kid")?.to_owned();
        if text("use").is_some_and(|purpose| purpose != "sig") {
            return Err(format!("the key \"{kid}\" is not for signatures"));
        }
        let bytes = |name: &str| text(name).and_then(decoded);
        let public = match (text("kty"), text("crv")) {
            (Some("RSA"), _) => {
                let (n, e) = bytes("n").zip(bytes("e")).ok_or(format!("the key \"{kid}\" lacks n or e"))?;
                let n: Vec<u8> = n.into_iter().skip_while(|byte| *byte == 0).collect();
                if !(256..=1024).contains(&n.len()) {
                    return Err(format!("the key \"{kid}\" does not have 2048 to 8192 bits"));
                }
                Public::Rsa { n, e }
            }
            (Some("EC"), Some("P-384")) => {
                let (x, y) = bytes("x").zip(bytes("y")).ok_or(format!("the key \"{kid}\" lacks x or y"))?;
                if x.len() != 48 || y.len() != 48 {
                    return Err(format!("the key \"{kid}\" is not a point of P-384"));
                }
                Public::P384([vec![4], x, y].concat())
            }
            _ => return Err(format!("the key \"{kid}\" is neither RSA nor EC on P-384")),
        };
        if text("alg").is_some_and(|algorithm| algorithm != public.algorithm()) {
            return Err(format!("the key \"{kid}\" is for another algorithm than {}", public.algorithm()));
        }
        Ok(Key { kid, public })
    }
}

impl Public {
    fn algorithm(&self) -> &'static str {
        match self {
            Public::Rsa { .. } => "RS384",
            Public::P384(_) => "ES384",
        }
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), ring::error::Unspecified> {
        match self {
            Public::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA384, message, signature)
            }
            Public::P384(point) => {
                UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).verify(message, signature)
            }
        }
    }
}

fn claims(
    payload: &Value,
    client: &str,
    audiences: &[String],
    now: Timestamp,
) -> Result<Claims, &'static str> {
    let text = |name: &str| payload.get(name).and_then(Value::as_str);
    let second =
        |name: &str| payload.get(name).map(|value| value.as_i64().ok_or("a time is not a number of seconds"));
    if text("iss") != Some(client) || text("sub") != Some(client) {
        return Err("iss and sub are both the client id");
    }
    let audience = match payload.get("aud") {
        Some(Value::String(one)) => Some(one.as_str()),
        Some(Value::Array(all)) if all.len() == 1 => all.first().and_then(Value::as_str),
        Some(_) | None => None,
    };
    if !audience.is_some_and(|audience| audiences.iter().any(|each| each == audience)) {
        return Err("aud is the address of the token endpoint, exactly as the configuration states it");
    }
    let seconds = now.as_second();
    let expires = second("exp").transpose()?.ok_or("exp is missing")?;
    if expires <= seconds {
        return Err("the assertion has expired");
    }
    if expires > seconds + LIFE {
        return Err("the assertion lives longer than five minutes");
    }
    for name in ["iat", "nbf"] {
        if second(name).transpose()?.is_some_and(|at| at > seconds + SKEW) {
            return Err("the assertion comes from the future; check the clock");
        }
    }
    let jti = text("jti")
        .filter(|jti| !jti.is_empty() && jti.len() <= LONGEST_NAME)
        .ok_or("jti is missing or too long")?;
    let expires = Timestamp::from_second(expires).map_err(|_| "exp is out of range")?;
    Ok(Claims { jti: jti.to_owned(), expires })
}

fn part(text: &str) -> Result<Value, &'static str> {
    let bytes = decoded(text).ok_or("a part of the assertion is not base64url")?;
    serde_json::from_slice(&bytes).map_err(|_| "a part of the assertion is not JSON")
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    BASE64URL_NOPAD.decode(text.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_795_000_000;
    const AUD: &str = "https://box:8443/oauth/token";

    struct Signer(EcdsaKeyPair);

    impl Signer {
        fn new() -> Signer {
            let random = SystemRandom::new();
            let pair = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &random).unwrap();
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, pair.as_ref(), &random);
            Signer(pair.unwrap())
        }

        fn jwk(&self) -> Value {
            let point = self.0.public_key().as_ref();
            let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
            json!({"kty": "EC", "crv": "P-384", "kid": "one", "x": text(&point[1..49]), "y": text(&point[49..])})
        }

        fn sign(&self, header: &Value, payload: &Value) -> String {
            let encode = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
            let signed = format!("{}.{}", encode(header), encode(payload));
            let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
            format!("{signed}.{}", BASE64URL_NOPAD.encode(signature.as_ref()))
        }
    }

    fn good() -> (Value, Value) {
        (
            json!({"alg": "ES384", "kid": "one", "typ": "JWT"}),
            json!({"iss": "c-1", "sub": "c-1", "aud": AUD, "exp": NOW + 300, "jti": "a"}),
        )
    }

    fn verify(keys: &Keys, assertion: &str) -> Result<Claims, &'static str> {
        keys.verify(assertion, "c-1", &[AUD.to_owned()], Timestamp::from_second(NOW).unwrap())
    }

    #[test]
    fn only_an_assertion_that_fits_in_every_part_is_taken() {
        let signer = Signer::new();
        let keys = Keys::read(&json!({"keys": [signer.jwk()]})).unwrap();
        let (header, payload) = good();
        assert_eq!(verify(&keys, &signer.sign(&header, &payload)).unwrap().jti, "a");
        let with = |value: &Value, name: &str, new: Value| {
            let mut value = value.clone();
            value[name] = new;
            value
        };
        for (name, new) in [
            ("alg", json!("none")),
            ("alg", json!("HS384")),
            ("alg", json!("RS384")),
            ("kid", json!("two")),
            ("kid", json!(null)),
            ("crit", json!(["x"])),
            ("jku", json!("https://evil.example/keys")),
        ] {
            assert!(
                verify(&keys, &signer.sign(&with(&header, name, new.clone()), &payload)).is_err(),
                "{name} {new}"
            );
        }
        for (name, new) in [
            ("iss", json!("c-2")),
            ("sub", json!("c-2")),
            ("aud", json!("https://box:8443/oauth/token/")),
            ("aud", json!([AUD, "https://else.example"])),
            ("aud", json!(null)),
            ("exp", json!(NOW)),
            ("exp", json!(NOW + 301)),
            ("exp", json!("soon")),
            ("exp", json!(null)),
            ("iat", json!(NOW + 61)),
            ("nbf", json!(NOW + 61)),
            ("jti", json!("")),
            ("jti", json!(null)),
            ("jti", json!("x".repeat(201))),
        ] {
            assert!(
                verify(&keys, &signer.sign(&header, &with(&payload, name, new.clone()))).is_err(),
                "{name} {new}"
            );
        }
        let other = Signer::new();
        assert!(verify(&keys, &other.sign(&header, &payload)).is_err(), "another key");
        let whole = signer.sign(&header, &payload);
        for broken in ["", ".", "..", "a.b.c", &whole[..whole.len() - 2], whole.rsplit_once('.').unwrap().0] {
            assert!(verify(&keys, broken).is_err(), "{broken}");
        }
        // The signature of `none`: the parts without one.
        let none = signer.sign(&with(&header, "alg", json!("none")), &payload);
        let none = format!("{}.", none.rsplit_once('.').unwrap().0);
        assert!(verify(&keys, &none).is_err());
    }

    /// The public half of a key that was made for this test and thrown away.
    const RSA_N: &str = "k5XrNbt-lxBCkTcJZTwzKgw8Cnha_KqDjUh3Etkesyg8KnaNc2KyPG_E_xPCg876wotE7o4syODmGjWI_ieRfjoMB4Llun08efFdd7UU57wVx_hexgqTb67ZFrQpoFNoO00XCtR4UTwmH2p4kNgM98IB5wsM3MxOQ7yPlJ1a2Y-fX-eMGzk6Gfjv495Sei8T-Qma3CaNFdF0fRBquPOli0at3cbXajoy6Fbq_knNWrOcoqyJyiQZPby41xV67OatHnxaW853O7fqTnNX5KUd_pcowOCE09hCYEkLV4_soJWUpOXAnXpIoX63xUyyDdUdz2isLHWwkfutH6bGRGW35Q";
    const RS384: &str = "eyJhbGciOiJSUzM4NCIsImtpZCI6InIiLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJjLTEiLCJzdWIiOiJjLTEiLCJhdWQiOiJodHRwczovL2JveDo4NDQzL29hdXRoL3Rva2VuIiwiZXhwIjoxNzk1MDAwMzAwLCJqdGkiOiJyMSJ9.WpFQWXgnxvBqT269FI-XkwceJXAPs_IxCDmjqxk5qtK87jojwaI65UUQLTFWfR6d-VwhfVHMUtsK2hHQiEF9fnprUQUd0cIdR8runqITg5bi2SLFuimrdMq62N0tJyLEeR8CjjtZtBuvJtlIlM699A2tYM47-u_quIUbm8drsoEaXPfVYJqiWHsfunabCBow4T1r-Ioucb9f8cBa4qubuFGUYSltEAuRy_5yTMkqo61jiyvHLbGaUpofYBRRrY9TrazWuofr9sy2mF_zlBPjogeJ76qwLFZ59-LcMoRkQozDIIDPdax9bVWz8s5uEn-y5TJZxSx_u7yTUnmZosLSRQ";
    /// The same claims, "signed" with the public key as if it were a shared secret.
    const CONFUSED: &str = "eyJhbGciOiJIUzM4NCIsImtpZCI6InIiLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJjLTEiLCJzdWIiOiJjLTEiLCJhdWQiOiJodHRwczovL2JveDo4NDQzL29hdXRoL3Rva2VuIiwiZXhwIjoxNzk1MDAwMzAwLCJqdGkiOiJyMSJ9.kgPBRpGSU28nELsa_Jbag85Y2JsJzCg27b2p_LB5JBhlUa_AmN75ymvW4y2LTypU";

    #[test]
    fn rs384_is_taken_and_a_public_key_is_never_a_shared_secret() {
        let set = json!({"keys": [{"kty": "RSA", "kid": "r", "n": RSA_N, "e": "AQAB"}]});
        let keys = Keys::read(&set).unwrap();
        assert_eq!(verify(&keys, RS384).unwrap().jti, "r1");
        assert!(verify(&keys, CONFUSED).is_err());
        assert!(keys.verify(RS384, "c-2", &[AUD.to_owned()], Timestamp::from_second(NOW).unwrap()).is_err());
    }

    #[test]
    fn only_public_keys_for_the_two_algorithms_are_registered() {
        let jwk = Signer::new().jwk();
        let with = |name: &str, new: Value| {
            let mut key = jwk.clone();
            key[name] = new;
            Keys::read(&json!({"keys": [key]}))
        };
        assert!(with("alg", json!("ES384")).is_ok() && with("use", json!("sig")).is_ok());
        for (name, new) in [
            ("d", json!("AAAA")),
            ("kid", json!(null)),
            ("use", json!("enc")),
            ("alg", json!("ES256")),
            ("crv", json!("P-256")),
            ("kty", json!("oct")),
            ("x", json!("AAAA")),
        ] {
            assert!(with(name, new.clone()).is_err(), "{name} {new}");
        }
        assert!(Keys::read(&json!({"keys": []})).is_err() && Keys::read(&json!([])).is_err());
        assert!(Keys::read(&json!({"keys": [jwk, jwk]})).is_err(), "one kid twice");
        let rsa = |bytes: usize| {
            let n = BASE64URL_NOPAD.encode(&vec![0xc1; bytes]);
            Keys::read(&json!({"keys": [{"kty": "RSA", "kid": "r", "n": n, "e": "AQAB"}]}))
        };
        assert!(rsa(256).is_ok() && rsa(512).is_ok() && rsa(128).is_err() && rsa(2048).is_err());
    }
}
