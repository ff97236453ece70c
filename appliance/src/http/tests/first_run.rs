use serde_json::{Value, json};

use super::bench::Bench;

fn setup(code: &str, password: &str) -> Value {
    json!({
        "code": code,
        "language": "hi",
        "clinic": {"name": "Asha Clinic", "place": "Wai", "phone": "02167 123456", "registration": "MH/1"},
        "owner": {"name": "Meera Kulkarni", "username": "meera", "password": password, "alsoDoctor": true},
        "unlock": {"kind": "keyfile"}
    })
}

#[tokio::test]
async fn a_clinic_is_set_up_in_the_browser() {
    let bench = Bench::empty();
    let mut browser = bench.browser();
    assert_eq!(browser.get("/api/status").await.body["state"], "setup");
    assert_eq!(browser.get("/api/session").await.body["error"]["code"], "setup");
    let wrong = browser.post("/api/setup", setup("AAAA-AAAA", "a river in spate")).await;
    assert_eq!((wrong.status.as_u16(), wrong.body["error"]["code"].as_str()), (403, Some("wrongSetupCode")));
    let code = bench.app.gate().setup_code().unwrap().to_string();
    let weak = browser.post("/api/setup", setup(&code, "password1")).await;
    assert_eq!((weak.status.as_u16(), weak.body["error"]["field"].as_str()), (422, Some("password")));
    assert_eq!(browser.get("/api/status").await.body["state"], "setup", "nothing is left of a refused setup");

    let made = browser.post("/api/setup", setup(&code, "a river in spate")).await;
    assert_eq!(made.status, 201, "{:?}", made.body);
    let groups = made.body["recovery"]["groups"].as_array().unwrap().clone();
    assert_eq!(groups.len(), 8);
    assert!(made.body["recovery"]["qrSvg"].as_str().unwrap().contains("<svg"));
    let status = browser.get("/api/status").await.body;
    assert_eq!(
        (status["state"].as_str(), status["clinic"]["name"].as_str()),
        (Some("recovery"), Some("Asha Clinic"))
    );
    assert_eq!(status["fingerprint"].as_str(), made.body["fingerprint"].as_str());
    assert_eq!(status["fingerprint"].as_str().unwrap().len(), 95);

    let session = browser.get("/api/session").await.body;
    assert_eq!(session["user"]["roles"], json!(["owner", "doctor"]));
    assert_eq!(session["user"]["language"], "hi");
    assert_eq!(session["can"]["settings"], "F");
    assert_eq!(session["can"]["results"], "F");

    let again = browser.get("/api/setup/recovery").await;
    assert_eq!(again.body["recovery"]["groups"], made.body["recovery"]["groups"]);
    let asked: Vec<usize> =
        made.body["confirm"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
    let wrong =
        json!({"groups": {asked[0].to_string(): groups[asked[0] - 1], asked[1].to_string(): "AAAA-AAAA"}});
    assert_eq!(browser.post("/api/setup/confirm", wrong).await.status, 422);
    let right = json!({"groups": {
        asked[0].to_string(): groups[asked[0] - 1].as_str().unwrap().to_lowercase().replace('-', " "),
        asked[1].to_string(): groups[asked[1] - 1],
    }});
    assert_eq!(browser.post("/api/setup/confirm", right).await.status, 204);
    assert_eq!(browser.get("/api/status").await.body["state"], "ready");
    assert_eq!(browser.get("/api/setup/recovery").await.status, 404);
    assert_eq!(browser.post("/api/setup", setup(&code, "a river in spate")).await.status, 409);
}

#[tokio::test]
async fn the_recovery_sheet_is_for_the_session_that_set_the_box_up() {
    let bench = Bench::empty();
    let mut browser = bench.browser();
    let code = bench.app.gate().setup_code().unwrap().to_string();
    assert_eq!(browser.post("/api/setup", setup(&code, "a river in spate")).await.status, 201);
    assert_eq!(bench.browser().get("/api/setup/recovery").await.status, 401);
    let mut doctor = bench.staff(&mut browser, "rao", &["doctor"]).await;
    assert_eq!(doctor.get("/api/setup/recovery").await.status, 403);
    let mut other = bench.staff(&mut browser, "second.owner", &["owner"]).await;
    assert_eq!(other.get("/api/setup/recovery").await.status, 404);
}

#[tokio::test]
async fn setup_codes_cannot_be_guessed_at_speed() {
    let bench = Bench::empty();
    let mut browser = bench.browser_at("192.168.1.9:5");
    for _ in 0..5 {
        assert_eq!(browser.post("/api/setup", setup("AAAA-AAAA", "x")).await.status, 403);
    }
    let answer = browser.post("/api/setup", setup("AAAA-AAAA", "x")).await;
    assert_eq!(answer.status, 429);
    assert!(answer.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn a_sealed_box_answers_only_what_unlocks_it() {
    let bench = Bench::clinic().await;
    let (mut owner, _) = bench.owner().await;
    let rooms = bench.app.rooms().unwrap();
    rooms.people.close().await.unwrap();
    bench.app.seal();
    rooms.records.vault().close().unwrap();
    drop(rooms);
    let mut browser = bench.browser();
    assert_eq!(browser.get("/api/status").await.body["state"], "sealed");
    assert_eq!(browser.get("/api/status").await.body["clinic"], Value::Null);
    assert!(browser.get("/api/status").await.body["fingerprint"].is_string());
    for path in ["/api/session", "/api/users", "/fhir/Patient"] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, 503, "{path}");
    }
    assert_eq!(browser.get("/ca.crt").await.status, 200);
    let wrong = browser.post("/api/unlock", json!({"recoveryKey": "AAAA"})).await;
    assert_eq!((wrong.status.as_u16(), wrong.body["error"]["field"].as_str()), (422, Some("recoveryKey")));
    let right = browser.post("/api/unlock", json!({"recoveryKey": bench.recovery})).await;
    assert_eq!(right.status, 204, "{:?}", right.body);
    assert_eq!(browser.get("/api/status").await.body["state"], "ready");
    assert_eq!(owner.get("/api/session").await.status, 200, "a restart in between does not sign people out");
    assert_eq!(browser.post("/api/unlock", json!({"recoveryKey": bench.recovery})).await.status, 409);
}
