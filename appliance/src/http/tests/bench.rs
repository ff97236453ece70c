//! A clinic on a temporary folder with a clock that the test moves, and a browser that keeps its cookie.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::admin::setup::{NewClinic, UnlockBy};
use crate::admin::totp;
use crate::app::{App, Slot};
use crate::clock::ManualClock;
use crate::config::Config;
use crate::http::extract::Peer;
use crate::http::{front, router};

pub const OWNER_PASSWORD: &str = "Peacock-register-77 margin";

pub struct Bench {
    pub app: App,
    pub clock: Arc<ManualClock>,
    pub recovery: String,
    _folder: tempfile::TempDir,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: http::HeaderMap,
    pub body: Value,
    /// Lengths of the parts in which the body came.
    pub frames: Vec<usize>,
}

#[derive(Clone)]
pub struct Browser {
    app: App,
    pub cookie: String,
    peer: SocketAddr,
}

impl Bench {
    /// An empty folder.
    pub fn empty() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.storage.data = folder.path().join("data");
        // The floor keeps the tests quick; the real cost is measured elsewhere.
        (config.sessions.password_memory_mib, config.sessions.password_passes) = (19, 2);
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_795_000_000).unwrap()));
        let app = App::new(config, clock.clone(), Slot::Setup).unwrap();
        Bench { app, clock, recovery: String::new(), _folder: folder }
    }

    /// A clinic with an owner, as `clinicvault init` makes it.
    pub async fn clinic() -> Bench {
        let mut bench = Bench::empty();
        let new = NewClinic {
            name: "Asha Clinic".into(),
            place: "Wai".into(),
            phone: String::new(),
            registration: String::new(),
            language: "en".into(),
            owner_name: "Meera Kulkarni".into(),
            owner_username: "owner".into(),
            owner_password: Zeroizing::new(OWNER_PASSWORD.into()),
            also_doctor: false,
            unlock: UnlockBy::KeyFile,
            recovery_confirmed: true,
        };
        let (_, _, recovery) = bench.app.set_up(new).await.unwrap();
        bench.recovery = recovery.line().to_string();
        bench
    }

    pub fn browser(&self) -> Browser {
        self.browser_at("127.0.0.1:50000")
    }

    pub fn browser_at(&self, peer: &str) -> Browser {
        Browser { app: self.app.clone(), cookie: String::new(), peer: peer.parse().unwrap() }
    }

    pub fn pass(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    /// The code that an authenticator with this seed shows now.
    pub fn code(&self, secret: &str) -> String {
        let seed = data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
        totp::code(&seed, totp::step(self.app.now()))
    }

    /// The owner, enrolled and signed in, and the seed of the authenticator.
    pub async fn owner(&self) -> (Browser, String) {
        let mut browser = self.browser();
        let asked =
            browser.post("/api/login", json!({"username": "owner", "password": OWNER_PASSWORD})).await;
        assert_eq!(asked.body["next"], "enrol", "{:?}", asked.body);
        let secret = asked.body["secret"].as_str().unwrap().to_owned();
        let done = browser.post("/api/login/enrol", json!({"code": self.code(&secret)})).await;
        assert_eq!(done.status, 200, "{:?}", done.body);
        (browser, secret)
    }

    /// Adds a member of staff and signs in through every step.
    pub async fn staff(&self, owner: &mut Browser, username: &str, roles: &[&str]) -> Browser {
        let new =
            json!({"name": username, "username": username, "roles": roles, "password": "first day 9 ledger"});
        let added = owner.post("/api/users", new).await;
        assert_eq!(added.status, 201, "{:?}", added.body);
        let mut browser = self.browser_at(&format!("10.0.{}.{}:9", username.len(), username.as_bytes()[0]));
        let credentials = json!({"username": username, "password": "first day 9 ledger"});
        let mut answer = browser.post("/api/login", credentials).await;
        assert_eq!(answer.body["next"], "password");
        answer = browser.post("/api/login/password", json!({"password": "writes in a ledger 1"})).await;
        if answer.body["next"] == "enrol" {
            let secret = answer.body["secret"].as_str().unwrap().to_owned();
            answer = browser.post("/api/login/enrol", json!({"code": self.code(&secret)})).await;
        }
        assert!(answer.body["session"].is_object(), "{:?}", answer.body);
        browser
    }
}

impl Browser {
    pub async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, None, &[]).await
    }

    pub async fn post(&mut self, path: &str, body: Value) -> Answer {
        self.send("POST", path, Some(body), &OWN_PAGE).await
    }

    pub async fn patch(&mut self, path: &str, body: Value) -> Answer {
        self.send("PATCH", path, Some(body), &OWN_PAGE).await
    }

    pub async fn delete(&mut self, path: &str) -> Answer {
        self.send("DELETE", path, None, &OWN_PAGE).await
    }

    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost:8080");
        if !self.cookie.is_empty() {
            request = request.header("cookie", format!("__Host-cv={}", self.cookie));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let mut request = request.body(body).unwrap();
        request.extensions_mut().insert(Peer { address: self.peer, tls: false });
        let response = front::answer(router(self.app.clone()), request).await;
        let (parts, body) = response.into_parts();
        for value in parts.headers.get_all(header::SET_COOKIE) {
            let value = value.to_str().unwrap();
            let secret = value.strip_prefix("__Host-cv=").unwrap().split(';').next().unwrap();
            self.cookie = secret.to_owned();
        }
        let (mut body, mut bytes, mut frames) = (body, Vec::new(), Vec::new());
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame.unwrap().into_data() {
                frames.push(data.len());
                bytes.extend_from_slice(&data);
            }
        }
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status: parts.status, headers: parts.headers, body, frames }
    }
}

/// What our own page sends.
pub const OWN_PAGE: [(&str, &str); 2] = [("x-clinicvault", "1"), ("sec-fetch-site", "same-origin")];
