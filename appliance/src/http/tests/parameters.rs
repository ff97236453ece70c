//! How far own search parameters are, as the owner's screen asks it.

use serde_json::{Value, json};

use super::bench::{Bench, OWN_PAGE};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_owner_reads_how_far_own_search_parameters_are() {
    let bench = Bench::clinic().await;
    let (mut owner, _) = bench.owner().await;
    let records = bench.app.rooms().unwrap().records.clone();
    let settle = |rounds: usize| {
        let records = records.clone();
        tokio::task::spawn_blocking(move || (0..rounds).for_each(|_| assert!(records.renew_some().is_ok())))
    };
    settle(10).await.unwrap();
    let before = owner.get("/api/search-parameters").await;
    assert_eq!(before.status, 200);
    assert_eq!(before.body["parameters"], json!([]));
    assert_eq!(
        (&before.body["index"]["state"], &before.body["index"]["words"]),
        (&json!("ready"), &json!("narrative"))
    );

    let definition = json!({"resourceType": "SearchParameter", "id": "mood", "url": "http://c.example/mood", "name": "Mood",
        "status": "active", "description": "d", "code": "mood", "base": ["Patient", "Person"], "type": "token",
        "expression": "extension.where(url='http://m').value"});
    let stored = owner.send("PUT", "/fhir/SearchParameter/mood", Some(definition), &OWN_PAGE).await;
    assert_eq!(stored.status, 201, "{:?}", stored.body);
    let line = |body: &Value| body["parameters"][0].clone();
    let waiting = line(&owner.get("/api/search-parameters").await.body);
    assert_eq!((&waiting["id"], &waiting["code"]), (&json!("mood"), &json!("mood")));
    assert_eq!((&waiting["types"], &waiting["state"]), (&json!(["Patient", "Person"]), &json!("indexing")));
    assert_eq!(waiting["done"], json!(0));
    assert!(waiting["of"].as_u64() > Some(0));
    settle(10).await.unwrap();
    let ready = line(&owner.get("/api/search-parameters").await.body);
    assert_eq!((&ready["state"], &ready["done"]), (&json!("ready"), &ready["of"]));
}
