use serde_json::json;

use super::bench::Bench;

#[tokio::test]
async fn a_disabled_account_is_out_at_once() {
    let bench = Bench::clinic().await;
    let (mut owner, _) = bench.owner().await;
    let mut nurse = bench.staff(&mut owner, "nina", &["nurse"]).await;
    let id = nurse.get("/api/session").await.body["user"]["id"].as_str().unwrap().to_owned();
    let hash = crate::admin::secret::hash(&nurse.cookie);
    let people = bench.app.rooms().unwrap();
    let waiting = tokio::spawn(async move { people.people.until_ended(hash).await });
    assert_eq!(owner.patch(&format!("/api/users/{id}"), json!({"disabled": true})).await.status, 200);
    assert_eq!(nurse.get("/api/session").await.status, 401);
    tokio::time::timeout(std::time::Duration::from_secs(1), waiting).await.expect("within a second").unwrap();
    let list = owner.get("/api/users").await.body;
    let nina = list["users"].as_array().unwrap().iter().find(|user| user["username"] == "nina").unwrap();
    assert_eq!(nina["disabled"], true);
}

#[tokio::test]
async fn new_roles_need_a_new_sign_in() {
    let bench = Bench::clinic().await;
    let (mut owner, _) = bench.owner().await;
    let mut asha = bench.staff(&mut owner, "asha", &["reception"]).await;
    let id = asha.get("/api/session").await.body["user"]["id"].as_str().unwrap().to_owned();
    let renamed = owner.patch(&format!("/api/users/{id}"), json!({"name": "Asha Patil"})).await;
    assert_eq!(renamed.body["name"], "Asha Patil");
    assert_eq!(asha.get("/api/session").await.status, 200, "a new name changes nothing else");
    let change = json!({"roles": ["reception", "cashier"]});
    assert_eq!(owner.patch(&format!("/api/users/{id}"), change).await.status, 200);
    assert_eq!(asha.get("/api/session").await.status, 401);
}

#[tokio::test]
async fn the_last_owner_stays() {
    let bench = Bench::clinic().await;
    let (mut owner, _) = bench.owner().await;
    let id = owner.get("/api/session").await.body["user"]["id"].as_str().unwrap().to_owned();
    for change in [json!({"disabled": true}), json!({"roles": ["doctor"]})] {
        let answer = owner.patch(&format!("/api/users/{id}"), change).await;
        assert_eq!((answer.status.as_u16(), answer.body["error"]["code"].as_str()), (409, Some("lastOwner")));
    }
}

#[tokio::test]
async fn accounts_are_checked() {
    let bench = Bench::clinic().await;
    let (mut owner, _) = bench.owner().await;
    for (username, roles, password, status, field) in [
        ("owner", vec!["doctor"], "first day 9", 409, "username"),
        ("admin", vec!["doctor"], "first day 9", 422, "username"),
        ("rao", vec![], "first day 9", 422, "roles"),
        ("rao", vec!["king"], "first day 9", 422, "roles"),
        ("rao", vec!["doctor"], "short", 422, "password"),
    ] {
        let new = json!({"name": "N", "username": username, "roles": roles, "password": password});
        let answer = owner.post("/api/users", new).await;
        assert_eq!(
            (answer.status.as_u16(), answer.body["error"]["field"].as_str()),
            (status, Some(field)),
            "{username}"
        );
    }
}

#[tokio::test]
async fn dangerous_changes_need_a_fresh_proof() {
    let bench = Bench::clinic().await;
    let (mut owner, _) = bench.owner().await;
    bench.pass(6 * 60);
    let new = || json!({"name": "Rao", "username": "rao", "roles": ["doctor"], "password": "first day 9"});
    let refused = owner.post("/api/users", new()).await;
    assert_eq!((refused.status.as_u16(), refused.body["error"]["code"].as_str()), (403, Some("proveAgain")));
    assert_eq!(owner.get("/api/users").await.status, 200, "looking is not dangerous");
    assert_eq!(owner.post("/api/session/prove", json!({"password": "no"})).await.status, 422);
    let right = json!({"password": super::bench::OWNER_PASSWORD});
    assert_eq!(owner.post("/api/session/prove", right).await.status, 204);
    assert_eq!(owner.post("/api/users", new()).await.status, 201);
}

#[tokio::test]
async fn a_machine_reaches_what_its_scope_names_until_it_is_taken_back() {
    let bench = Bench::clinic().await;
    let (mut owner, _) = bench.owner().await;
    let wrong = json!({"name": "lab", "scope": "user/*.r", "ttlHours": 24});
    assert_eq!(owner.post("/api/tokens", wrong).await.body["error"]["field"], "scope");
    let made =
        owner.post("/api/tokens", json!({"name": "lab", "scope": "system/Patient.rs", "ttlHours": 2})).await;
    assert_eq!(made.status, 201);
    let bearer = format!("Bearer {}", made.body["token"].as_str().unwrap());
    let with = [("authorization", bearer.as_str())];
    let mut machine = bench.browser();
    assert_eq!(machine.send("GET", "/fhir/Patient", None, &with).await.status, 200);
    assert_eq!(machine.send("GET", "/fhir/Observation", None, &with).await.status, 403);
    for path in ["/api/users", "/api/tokens", "/api/session", "/api/me/sessions"] {
        assert_eq!(machine.send("GET", path, None, &with).await.status, 403, "{path}");
    }
    let list = owner.get("/api/tokens").await.body;
    assert_eq!(list["tokens"][0]["scope"], "system/Patient.rs");
    assert!(list["tokens"][0]["lastUsed"].is_string() && !list.to_string().contains(&bearer[7..]));
    let id = made.body["id"].as_str().unwrap();
    assert_eq!(owner.delete(&format!("/api/tokens/{id}")).await.status, 204);
    assert_eq!(machine.send("GET", "/fhir/Patient", None, &with).await.status, 401);

    let made = owner.post("/api/tokens", json!({"name": "lab", "scope": "system/*.r", "ttlHours": 1})).await;
    let bearer = format!("Bearer {}", made.body["token"].as_str().unwrap());
    bench.pass(3601);
    assert_eq!(machine.send("GET", "/fhir/Patient/x", None, &[("authorization", &bearer)]).await.status, 401);
    bench.app.rooms().unwrap().people.sweep().await.unwrap();
    assert!(bench.app.rooms().unwrap().people.tokens().is_empty());
}

#[tokio::test]
async fn choices_for_the_screen_are_kept() {
    let bench = Bench::clinic().await;
    let (mut owner, _) = bench.owner().await;
    let changed = owner.patch("/api/me", json!({"language": "hi", "theme": "dark"})).await;
    assert_eq!(changed.body["user"]["language"], "hi");
    owner.patch("/api/me", json!({"density": "compact"})).await;
    let user = owner.get("/api/session").await.body["user"].clone();
    assert_eq!(
        (&user["language"], &user["theme"], &user["density"]),
        (&json!("hi"), &json!("dark"), &json!("compact"))
    );
    assert_eq!(owner.patch("/api/me", json!({"language": "<script>"})).await.status, 422);
}
