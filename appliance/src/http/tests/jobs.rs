//! Long work that grows old.

use std::sync::Arc;
use std::time::Duration;

use clinicvault_gateway::json::Limits;
use serde_json::{Value, json};

use super::bench::{Answer, Bench, Browser, OWNER_PASSWORD};
use crate::app::App;
use crate::collections::BLOCKS;
use crate::http::fhir::later::Within;
use crate::http::router;
use crate::jobs::worker;
use crate::records::Caller;
use crate::records::access::Actor;
use crate::records::write::Draft;
use crate::supervisor::{OnError, Task};

/// Most bytes of a block of a job's file (`docs/decisions/0140-what-a-job-makes-lies-in-the-vault.md`).
const BLOCK: usize = 128 * 1024;

fn blocks(bench: &Bench) -> usize {
    let rooms = bench.app.rooms().unwrap();
    rooms.records.vault().snapshot().unwrap().doc_scan(BLOCKS, &[], 10).unwrap().len()
}

/// The box with its jobs at work.
fn working(bench: &Bench) -> App {
    let app = bench.app.clone();
    let carrier = Arc::new(Within::new(app.clone(), router(app.clone())));
    let own = app.clone();
    app.supervisor()
        .run(Task::JobWorker, OnError::Restart, move |stop| worker::run(own.clone(), carrier.clone(), stop));
    app
}

/// Asks for something that is answered later and waits for it; where it is, and the answer.
async fn done(owner: &mut Browser, target: &str) -> (String, Answer) {
    let taken = owner.send("GET", target, None, &[("prefer", "respond-async, handling=lenient")]).await;
    assert_eq!(taken.status, 202, "{:?}", taken.body);
    let place = taken.headers["content-location"].to_str().unwrap();
    let place = format!("/fhir{}", place.split_once("/fhir").unwrap().1);
    loop {
        let answer = owner.get(&place).await;
        if answer.status != 202 {
            assert_eq!(answer.status, 200, "{:?}", answer.body);
            return (place, answer);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_answer_that_was_kept_is_read_block_by_block() {
    let bench = Bench::clinic().await;
    let app = working(&bench);
    let (mut owner, _) = bench.owner().await;
    let (records, from) = (app.rooms().unwrap().records.clone(), Caller::of(Actor::operator("test")));
    for n in 0..8 {
        // Nothing that repeats, so that packing makes little of it.
        let text: String = (0u64..9_000).map(|at| format!("{:x}", (at + n * 9_001).pow(3))).collect();
        let patient = json!({"resourceType": "Patient", "text": {"status": "generated",
            "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{text}</div>")}});
        let draft = Draft::read(patient.to_string().as_bytes(), &Limits::default()).unwrap();
        records.create(&from, draft, None).await.unwrap();
    }
    let (_, answer) = done(&mut owner, "/fhir/Patient").await;
    assert_eq!(answer.body["entry"][0]["resource"]["total"], 8, "{:?}", answer.frames);
    let whole: usize = answer.frames.iter().sum();
    assert!(whole > 4 * BLOCK, "{whole} bytes");
    assert!(answer.frames.iter().all(|frame| *frame <= BLOCK), "{:?}", answer.frames);
    app.supervisor().stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_job_has_made_is_deleted_when_it_expires() {
    let bench = Bench::clinic().await;
    let app = working(&bench);
    let (mut owner, secret) = bench.owner().await;
    let (place, answer) = done(&mut owner, "/fhir/$export?frobnicate=1").await;
    assert!(answer.headers.contains_key("expires"));
    let manifest = answer.body;
    let file = manifest["error"][0]["url"].as_str().unwrap();
    let file = format!("/fhir{}", file.split_once("/fhir").unwrap().1);
    assert_eq!(owner.get(&file).await.status, 200);
    assert_eq!(owner.get("/api/jobs").await.body["jobs"].as_array().map(Vec::len), Some(1));
    assert!(blocks(&bench) > 0);

    // A day later, to the second, nobody finds it any more; soon after it is gone.
    bench.pass(24 * 3600);
    let mut owner = bench.browser();
    let credentials = json!({"username": "owner", "password": OWNER_PASSWORD});
    owner.post("/api/login", credentials).await;
    let signed_in = owner.post("/api/login/totp", json!({"code": bench.code(&secret)})).await;
    assert_eq!(signed_in.status, 200, "{:?}", signed_in.body);
    for target in [&place, &file] {
        assert_eq!(owner.get(target).await.status, 404);
    }
    assert_eq!(owner.get("/api/jobs").await.body["jobs"], Value::Array(Vec::new()));
    while blocks(&bench) > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    app.supervisor().stop().await;
}
