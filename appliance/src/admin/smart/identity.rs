//! Id tokens (OpenID Connect Core): who consented, signed by a key that lies in the vault.

use std::sync::Arc;

use clinicvault_vault::{Action, Outcome};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::admin::error::AdminError;
use crate::admin::people::People;
use crate::admin::store::{Change, Collection, leaf};
use crate::records::access::Actor;

/// Name of the key among the settings.
const KEY: &[u8] = b"id token key";

/// The key as kept: PKCS #8.
#[derive(Serialize, Deserialize)]
struct Kept(Zeroizing<Vec<u8>>);

impl People {
    /// The public half, as a JWK set; made when it is first asked for.
    ///
    /// # Errors
    /// Storage and chance.
    pub async fn identity_keys(&self) -> Result<Value, AdminError> {
        let _turn = self.turn().await;
        let pair = self.identity_pair().await?;
        let point = pair.public_key().as_ref();
        let (x, y) = point.get(1..).unwrap_or_default().split_at_checked(32).unwrap_or_default();
        let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        Ok(json!({"keys": [{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid(&pair),
            "x": text(x), "y": text(y)}]}))
    }

    /// An id token about an account for a program. The caller has the turn.
    pub(super) async fn id_token(
        &self,
        issuer: &str,
        account: &str,
        client: &str,
        nonce: Option<&str>,
        seconds: i64,
    ) -> Result<String, AdminError> {
        let pair = self.identity_pair().await?;
        let now = self.now().as_second();
        let header = json!({"alg": "ES256", "typ": "JWT", "kid": kid(&pair)});
        let mut claims =
            json!({"iss": issuer, "sub": account, "aud": client, "iat": now, "exp": now + seconds});
        if let (Some(nonce), Some(claims)) = (nonce, claims.as_object_mut()) {
            claims.insert("nonce".to_owned(), json!(nonce));
        }
        let text = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let signed = format!("{}.{}", text(&header), text(&claims));
        let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).map_err(|_| AdminError::Random)?;
        Ok(format!("{signed}.{}", BASE64URL_NOPAD.encode(signature.as_ref())))
    }

    async fn identity_pair(&self) -> Result<EcdsaKeyPair, AdminError> {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let kept = match self.store().get::<Kept>(Collection::Settings, KEY)? {
            Some(kept) => kept,
            None => {
                let made =
                    EcdsaKeyPair::generate_pkcs8(algorithm, &random).map_err(|_| AdminError::Random)?;
                let kept = Kept(Zeroizing::new(made.as_ref().to_vec()));
                let who = Actor::operator("id tokens");
                let line = leaf(&who, Action::TokenChange, Outcome::Success, Some("make key".to_owned()));
                let change = Change::put(Collection::Settings, KEY, &kept)?;
                self.store().commit(Arc::new(who), line, vec![change]).await?;
                kept
            }
        };
        EcdsaKeyPair::from_pkcs8(algorithm, &kept.0, &random)
            .map_err(|_| AdminError::Damaged("the key of id tokens"))
    }
}

fn kid(pair: &EcdsaKeyPair) -> String {
    let digest: [u8; 32] = Sha256::digest(pair.public_key().as_ref()).into();
    HEXLOWER.encode(&digest).chars().take(16).collect()
}
