//! The payment gateway Razorpay as a clinic's box meets it: orders, payments and refunds over HTTP with Basic
//! authentication, and messages that it signs truly. It also repeats, reorders and lies where a test wants it to: that is
//! what somebody in between could do.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};

use crate::{Answer, Http};

/// Public half of the clinic's key.
pub const KEY_ID: &str = "rzp_test_clinicvault";
/// Secret half: Basic authentication and the browser's proof.
pub const KEY_SECRET: &str = "key-secret-of-the-simulator";
/// Secret of the webhook.
pub const HOOK_SECRET: &str = "hook-secret-of-the-simulator";

/// A payment as the gateway knows it.
#[derive(Debug, Clone)]
struct Payment {
    order: String,
    paise: u64,
    currency: String,
    status: &'static str,
    refunded: u64,
}

#[derive(Default)]
struct Books {
    orders: BTreeMap<String, (u64, String)>,
    payments: BTreeMap<String, Payment>,
    asked: Vec<String>,
    refused: usize,
}

struct Shared {
    books: Mutex<Books>,
    /// Answers 503 while it is down.
    down: AtomicBool,
    over: AtomicBool,
}

/// The gateway. Dropping it closes its port.
pub struct Razorpay {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

/// What the gateway's page hands to the browser after a payment.
#[derive(Debug, Clone)]
pub struct Proof {
    /// The order.
    pub order: String,
    /// The payment.
    pub payment: String,
    /// Over both.
    pub signature: String,
}

/// A message to the box.
#[derive(Debug, Clone)]
pub struct Message {
    /// The id by which repeats are known.
    pub event: String,
    /// The very bytes.
    pub body: String,
    /// Of the bytes.
    pub signature: String,
}

impl Razorpay {
    /// An empty gateway.
    pub fn start() -> Razorpay {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let shared = Arc::new(Shared {
            books: Mutex::default(),
            down: AtomicBool::new(false),
            over: AtomicBool::new(false),
        });
        let own = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if own.over.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(stream), own) = (stream, Arc::clone(&own)) else { continue };
                std::thread::spawn(move || {
                    let _ = stream.set_read_timeout(Some(Duration::from_secs(20)));
                    // A box that goes away is no failure of the test.
                    let _ = serve(stream, &own);
                });
            }
        });
        Razorpay { address, shared }
    }

    /// Its address, as the setting `payments.razorpay` wants it.
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What the owner enters on the screen of payments.
    pub fn keys() -> Value {
        json!({ "keyId": KEY_ID, "keySecret": KEY_SECRET, "webhookSecret": HOOK_SECRET })
    }

    /// Whether it answers 503 from now on.
    pub fn be_down(&self, down: bool) {
        self.shared.down.store(down, Ordering::SeqCst);
    }

    /// Somebody pays an order; the money is captured at once.
    pub fn pay(&self, order: &str) -> Proof {
        self.attempt(order, "captured")
    }

    /// Somebody tries to pay an order and fails.
    pub fn fail(&self, order: &str) -> Proof {
        self.attempt(order, "failed")
    }

    fn attempt(&self, order: &str, status: &'static str) -> Proof {
        let mut books = self.shared.books.lock().unwrap();
        let (paise, currency) = books.orders.get(order).expect("an order of this gateway").clone();
        let id = format!("pay_{:08}", books.payments.len() + 1);
        let payment = Payment { order: order.to_owned(), paise, currency, status, refunded: 0 };
        books.payments.insert(id.clone(), payment);
        let signature = sign(KEY_SECRET, format!("{order}|{id}").as_bytes());
        Proof { order: order.to_owned(), payment: id, signature }
    }

    /// The message about a payment, truly signed.
    pub fn message(&self, proof: &Proof, event: &str) -> Message {
        self.message_that(proof, event, |_| {})
    }

    /// The same with something changed before it is signed: what the gateway itself would never send.
    pub fn message_that(&self, proof: &Proof, event: &str, change: impl FnOnce(&mut Value)) -> Message {
        let payment = self.shared.books.lock().unwrap().payments[&proof.payment].clone();
        let name = if payment.status == "failed" { "payment.failed" } else { "payment.captured" };
        let mut json = json!({
            "entity": "event", "account_id": "acc_1", "event": name, "contains": ["payment"],
            "payload": { "payment": { "entity": told(&proof.payment, &payment) } },
            "created_at": 1_795_000_000
        });
        change(&mut json["payload"]["payment"]["entity"]);
        let body = json.to_string();
        let signature = sign(HOOK_SECRET, body.as_bytes());
        Message { event: event.to_owned(), body, signature }
    }

    /// Paise that went back of a payment.
    pub fn refunded(&self, payment: &str) -> u64 {
        self.shared.books.lock().unwrap().payments[payment].refunded
    }

    /// Request lines so far.
    pub fn asked(&self) -> Vec<String> {
        self.shared.books.lock().unwrap().asked.clone()
    }

    /// Requests without the right key.
    pub fn refused(&self) -> usize {
        self.shared.books.lock().unwrap().refused
    }
}

impl Message {
    /// Brings it to a box.
    pub fn deliver(&self, http: &mut Http) -> Answer {
        let headers = [
            ("Content-Type", "application/json"),
            ("X-Razorpay-Signature", self.signature.as_str()),
            ("X-Razorpay-Event-Id", self.event.as_str()),
        ];
        http.send("POST", "/hooks/razorpay", &headers, self.body.as_bytes())
    }

    /// The same with a signature of somebody who does not know the secret.
    pub fn forged(mut self) -> Message {
        self.signature = sign("a guess", self.body.as_bytes());
        self
    }
}

impl Drop for Razorpay {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

/// Hex HMAC-SHA256.
pub fn sign(secret: &str, message: &[u8]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("any key length");
    mac.update(message);
    data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes())
}

fn told(id: &str, payment: &Payment) -> Value {
    json!({
        "id": id, "entity": "payment", "amount": payment.paise, "currency": payment.currency,
        "status": payment.status, "order_id": payment.order, "captured": payment.status == "captured",
        "amount_refunded": payment.refunded
    })
}

fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut wire = BufReader::new(stream);
    let mut first = String::new();
    wire.read_line(&mut first)?;
    let (mut length, mut authorization) = (0, String::new());
    loop {
        let mut line = String::new();
        wire.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "authorization" => authorization = value.trim().to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    wire.read_exact(&mut body)?;
    let expected = data_encoding::BASE64.encode(format!("{KEY_ID}:{KEY_SECRET}").as_bytes());
    let (status, answer) = if authorization != format!("Basic {expected}") {
        shared.books.lock().unwrap().refused += 1;
        (401, json!({ "error": { "code": "BAD_REQUEST_ERROR" } }))
    } else if shared.down.load(Ordering::SeqCst) {
        (503, json!({ "error": { "code": "SERVER_ERROR" } }))
    } else {
        let mut words = first.split_whitespace();
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let sent = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let mut books = shared.books.lock().unwrap();
        books.asked.push(format!("{method} {path}"));
        answer(&mut books, method, path, &sent)
    };
    let text = answer.to_string();
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        text.len()
    );
    let stream = wire.get_mut();
    stream.write_all(head.as_bytes())?;
    stream.write_all(text.as_bytes())?;
    stream.flush()
}

fn answer(books: &mut Books, method: &str, path: &str, sent: &Value) -> (u16, Value) {
    let bad = |why: &str| (400, json!({ "error": { "code": "BAD_REQUEST_ERROR", "description": why } }));
    let parts: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
    match (method, parts.as_slice()) {
        ("POST", ["orders"]) => {
            let (Some(paise), Some(currency)) = (sent["amount"].as_u64(), sent["currency"].as_str()) else {
                return bad("amount and currency");
            };
            if paise < 100 || sent["receipt"].as_str().is_some_and(|receipt| receipt.len() > 40) {
                return bad("amount at least 100, receipt at most 40");
            }
            let id = format!("order_{:08}", books.orders.len() + 1);
            books.orders.insert(id.clone(), (paise, currency.to_owned()));
            (
                200,
                json!({ "id": id, "entity": "order", "amount": paise, "currency": currency, "status": "created" }),
            )
        }
        ("GET", ["orders", order, "payments"]) => {
            let of = books.payments.iter().filter(|(_, payment)| payment.order == *order);
            let items: Vec<Value> = of.map(|(id, payment)| told(id, payment)).collect();
            (200, json!({ "entity": "collection", "count": items.len(), "items": items }))
        }
        ("GET", ["payments", id]) => match books.payments.get(*id) {
            Some(payment) => (200, told(id, payment)),
            None => bad("no such payment"),
        },
        ("POST", ["payments", id, "refund"]) => {
            let Some(payment) = books.payments.get_mut(*id) else { return bad("no such payment") };
            let paise = sent["amount"].as_u64().unwrap_or(payment.paise);
            if payment.status != "captured" || payment.refunded + paise > payment.paise {
                return bad("more than was captured");
            }
            payment.refunded += paise;
            (200, json!({ "id": "rfnd_1", "entity": "refund", "amount": paise, "payment_id": id }))
        }
        _ => (404, json!({ "error": { "code": "NOT_FOUND" } })),
    }
}
