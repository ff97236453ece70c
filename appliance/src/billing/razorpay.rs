//! The gateway Razorpay: its proofs, checked in constant time, and the requests of the box to it.
//!
//! A proof is either a signature of the key secret over order and payment, which the browser brings, or one of the webhook
//! secret over the raw body of a message, or the answer to a question of the box itself (clinic-workflow.md section 10).
//! What a proof means is decided by `payment`, which compares order, amount and currency with what is stored.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use clinicvault_gateway::fhir::subscription::endpoint::Endpoint;
use hmac::{Hmac, KeyInit, Mac};
use http::{Method, Request, StatusCode, header};
use rustls_pki_types::ServerName;
use serde::Deserialize;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::payment::CURRENCY;
use super::ways::Keys;
use crate::exchange::outbox::tls::{Trust, client};
use crate::outgoing::{self, Answer, Left};

/// Longest answer that is read, in bytes.
const LONGEST: usize = 256 * 1024;

/// Hex HMAC-SHA256 of a message.
pub fn sign(secret: &str, message: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&mac(secret, message))
}

fn mac(secret: &str, message: &[u8]) -> [u8; 32] {
    // An HMAC takes keys of any length.
    match Hmac::<Sha256>::new_from_slice(secret.as_bytes()) {
        Ok(mut mac) => {
            mac.update(message);
            mac.finalize().into_bytes().into()
        }
        Err(_) => [0; 32],
    }
}

/// Whether a signature is that of the secret over the message, in the same time however wrong it is.
fn signed(secret: &str, message: &[u8], signature: &str) -> bool {
    let Ok(given) = data_encoding::HEXLOWER_PERMISSIVE.decode(signature.as_bytes()) else { return false };
    !secret.is_empty() && bool::from(mac(secret, message).as_slice().ct_eq(&given))
}

/// Whether the browser's proof holds: the gateway's signature over order and payment.
pub fn callback_holds(keys: &Keys, order: &str, payment: &str, signature: &str) -> bool {
    signed(&keys.secret, format!("{order}|{payment}").as_bytes(), signature)
}

/// Whether a webhook's proof holds: its signature over the body as it came.
pub fn webhook_holds(keys: &Keys, body: &[u8], signature: &str) -> bool {
    signed(&keys.webhook, body, signature)
}

/// A payment as the gateway tells it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Told {
    /// Its id.
    pub id: String,
    /// Its order.
    pub order_id: Option<String>,
    /// Paise.
    pub amount: u64,
    /// Currency.
    pub currency: String,
    /// `created`, `authorized`, `captured`, `refunded` or `failed`.
    pub status: String,
}

/// What a webhook says, as far as it concerns the box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A payment was made.
    Captured(Told),
    /// A payment failed.
    Failed(Told),
    /// Something else.
    Other,
}

/// Reads a webhook whose signature was checked. None when it is no message of the gateway.
pub fn message(body: &[u8]) -> Option<Message> {
    let json: serde_json::Value = serde_json::from_slice(body).ok()?;
    let event = json.get("event")?.as_str()?;
    let told = json.pointer("/payload/payment/entity").cloned();
    let told = told.and_then(|told| serde_json::from_value::<Told>(told).ok());
    Some(match (event, told) {
        ("payment.captured" | "order.paid", Some(told)) if told.status == "captured" => {
            Message::Captured(told)
        }
        ("payment.failed", Some(told)) => Message::Failed(told),
        _ => Message::Other,
    })
}

/// Why the gateway gave no answer that could be used. None of these changes a payment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It may be tried again.
    #[error("the payment gateway cannot be reached: {0}")]
    Transient(String),
    /// It will not be otherwise until somebody changes something.
    #[error("the payment gateway refuses: {0}")]
    Permanent(String),
}

/// How the box asks the gateway.
#[derive(Clone)]
pub struct Client {
    base: Result<Endpoint, &'static str>,
    address: String,
    patience: Duration,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base", &self.base).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Order {
    id: String,
    amount: u64,
    currency: String,
}

#[derive(Deserialize)]
struct List {
    items: Vec<Told>,
}

impl Client {
    /// A client of the gateway at an address, normally `https://api.razorpay.com`.
    pub fn new(base: &str, seconds: u64) -> Self {
        let address = base.trim_end_matches('/').to_owned();
        Self { base: Endpoint::parse(base), address, patience: Duration::from_secs(seconds.max(1)) }
    }

    /// The gateway's own page, to which a browser posts an order (hosted checkout).
    pub fn checkout(&self) -> String {
        format!("{}/v1/checkout/embedded", self.address)
    }

    /// Makes an order over paise; `receipt` is the box's own name of it, at most 40 characters.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn order(&self, keys: &Keys, paise: u64, receipt: &str) -> Result<String, Failure> {
        let body = serde_json::json!({
            "amount": paise, "currency": CURRENCY, "receipt": receipt, "payment_capture": 1,
        });
        let answer = self.ask(keys, Method::POST, "/v1/orders", body.to_string()).await?;
        let order: Order = read(&answer)?;
        // What is not the order that was asked for is not shown to anybody.
        if order.amount != paise || order.currency != CURRENCY || !is_id(&order.id) {
            return Err(Failure::Permanent("it answered with another order".to_owned()));
        }
        Ok(order.id)
    }

    /// Payments of an order.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn payments(&self, keys: &Keys, order: &str) -> Result<Vec<Told>, Failure> {
        let path = format!("/v1/orders/{}/payments", checked(order)?);
        let list: List = read(&self.ask(keys, Method::GET, &path, String::new()).await?)?;
        Ok(list.items)
    }

    /// One payment.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn payment(&self, keys: &Keys, id: &str) -> Result<Told, Failure> {
        read(&self.ask(keys, Method::GET, &format!("/v1/payments/{}", checked(id)?), String::new()).await?)
    }

    /// Sends paise of a payment back.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn refund(&self, keys: &Keys, id: &str, paise: u64) -> Result<(), Failure> {
        let path = format!("/v1/payments/{}/refund", checked(id)?);
        let body = serde_json::json!({ "amount": paise }).to_string();
        self.ask(keys, Method::POST, &path, body).await.map(|_| ())
    }

    async fn ask(&self, keys: &Keys, method: Method, path: &str, body: String) -> Result<Answer, Failure> {
        let base = self.base.as_ref().map_err(|why| Failure::Permanent(format!("its address: {why}")))?;
        let secret = format!("{}:{}", keys.id, *keys.secret);
        let basic = format!("Basic {}", data_encoding::BASE64.encode(secret.as_bytes()));
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", base.target.trim_end_matches('/')))
            .header(header::HOST, base.authority())
            .header(header::AUTHORIZATION, basic)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Bytes::from(body))
            .map_err(|_| Failure::Permanent("the request cannot be written".to_owned()))?;
        let answer = match timeout(self.patience, send(base, request)).await {
            Ok(answer) => answer.map_err(Failure::Transient)?,
            Err(_) => return Err(Failure::Transient("no answer in time".to_owned())),
        };
        match answer.status {
            status if status.is_success() => Ok(answer),
            StatusCode::TOO_MANY_REQUESTS => Err(Failure::Transient("it is asked too often".to_owned())),
            status if status.is_server_error() => {
                Err(Failure::Transient(format!("HTTP {}", status.as_u16())))
            }
            status => Err(Failure::Permanent(format!("HTTP {}", status.as_u16()))),
        }
    }
}

async fn send(base: &Endpoint, request: Request<Bytes>) -> Result<Answer, String> {
    let stream = TcpStream::connect((base.host.as_str(), base.port)).await;
    let stream = stream.map_err(|error| error.kind().to_string())?;
    if !base.secure {
        return outgoing::exchange(stream, request, LONGEST, &Left::default()).await;
    }
    let config = client(&Trust::System, None).map_err(|error| error.to_string())?;
    let name = ServerName::try_from(base.host.clone()).map_err(|_| "its name".to_owned())?;
    let stream = TlsConnector::from(config).connect(name, stream).await;
    let stream = stream.map_err(|error| format!("TLS: {error}"))?;
    outgoing::exchange(stream, request, LONGEST, &Left::default()).await
}

fn read<T: serde::de::DeserializeOwned>(answer: &Answer) -> Result<T, Failure> {
    serde_json::from_slice(&answer.body)
        .map_err(|_| Failure::Permanent("its answer cannot be read".to_owned()))
}

/// Ids of the gateway: letters, digits and underscores.
pub fn is_id(text: &str) -> bool {
    (1..=60).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn checked(id: &str) -> Result<&str, Failure> {
    if is_id(id) { Ok(id) } else { Err(Failure::Permanent("an id that is none".to_owned())) }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn keys() -> Keys {
        let secret = |text: &str| Zeroizing::new(text.to_owned());
        Keys { id: "rzp_test_1".to_owned(), secret: secret("key-secret"), webhook: secret("hook-secret") }
    }

    #[test]
    fn the_hash_is_that_of_rfc_4231() {
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(sign("Jefe", b"what do ya want for nothing?"), expected);
    }

    #[test]
    fn only_the_true_signature_of_the_very_bytes_holds() {
        let keys = keys();
        let good = sign("key-secret", b"order_1|pay_1");
        assert!(callback_holds(&keys, "order_1", "pay_1", &good));
        assert!(callback_holds(&keys, "order_1", "pay_1", &good.to_uppercase()));
        for (order, payment, signature) in [
            ("order_2", "pay_1", good.as_str()),
            ("order_1", "pay_2", good.as_str()),
            ("order_1", "pay_1", &good[..62]),
            ("order_1", "pay_1", ""),
            ("order_1", "pay_1", "zz"),
            ("order_1", "pay_1", sign("hook-secret", b"order_1|pay_1").as_str()),
        ] {
            assert!(!callback_holds(&keys, order, payment, signature), "{order} {payment} {signature}");
        }
        let body = br#"{"event":"payment.captured"}"#;
        let hook = sign("hook-secret", body);
        assert!(webhook_holds(&keys, body, &hook));
        assert!(!webhook_holds(&keys, br#"{"event": "payment.captured"}"#, &hook));
        let empty = Keys { webhook: Zeroizing::default(), ..keys };
        assert!(!webhook_holds(&empty, body, &sign("", body)), "no secret, no proof");
    }

    #[test]
    fn a_message_is_read_as_far_as_it_concerns_the_box() {
        let text = |event: &str, status: &str| {
            format!(
                r#"{{"event":"{event}","payload":{{"payment":{{"entity":{{"id":"pay_1","order_id":"order_1","amount":50000,"currency":"INR","status":"{status}"}}}}}}}}"#
            )
        };
        assert!(matches!(
            message(text("payment.captured", "captured").as_bytes()),
            Some(Message::Captured(_))
        ));
        assert!(matches!(message(text("order.paid", "captured").as_bytes()), Some(Message::Captured(_))));
        assert!(matches!(message(text("payment.failed", "failed").as_bytes()), Some(Message::Failed(_))));
        assert_eq!(message(text("payment.captured", "authorized").as_bytes()), Some(Message::Other));
        assert_eq!(message(br#"{"event":"payment.captured"}"#), Some(Message::Other));
        assert_eq!(message(b"{}"), None);
        assert_eq!(message(b"\xff"), None);
    }
}
