//! Long work that grows old.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::bench::{Bench, OWNER_PASSWORD};
use crate::collections::BLOCKS;
use crate::http::fhir::later::Within;
use crate::http::router;
use crate::jobs::worker;
use crate::supervisor::{OnError, Task};

fn blocks(bench: &Bench) -> usize {
    let rooms = bench.app.rooms().unwrap();
    rooms.records.vault().snapshot().unwrap().doc_scan(BLOCKS, &[], 10).unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_job_has_made_is_deleted_when_it_expires() {
    let bench = Bench::clinic().await;
    let app = bench.app.clone();
    let carrier = Arc::new(Within::new(app.clone(), router(app.clone())));
    let own = app.clone();
    app.supervisor()
        .run(Task::JobWorker, OnError::Restart, move |stop| worker::run(own.clone(), carrier.clone(), stop));
    let (mut owner, secret) = bench.owner().await;
    let taken = owner
        .send("GET", "/fhir/$export?frobnicate=1", None, &[("prefer", "respond-async, handling=lenient")])
        .await;
    assert_eq!(taken.status, 202, "{:?}", taken.body);
    let place = taken.headers["content-location"].to_str().unwrap();
    let place = format!("/fhir{}", place.split_once("/fhir").unwrap().1);
    let manifest = loop {
        let answer = owner.get(&place).await;
        if answer.status != 202 {
            assert_eq!(answer.status, 200, "{:?}", answer.body);
            assert!(answer.headers.contains_key("expires"));
            break answer.body;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
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
