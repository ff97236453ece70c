use serde_json::{Value, json};

use super::bench::{Bench, OWN_PAGE, OWNER_PASSWORD};

#[tokio::test]
async fn the_owner_enrols_at_the_first_sign_in_and_shows_a_code_later() {
    let bench = Bench::clinic().await;
    let (mut owner, secret) = bench.owner().await;
    assert_eq!(owner.get("/api/session").await.body["user"]["secondFactor"], true);
    let first = owner.cookie.clone();
    let out = owner.post("/api/logout", Value::Null).await;
    assert_eq!(out.status, 204);
    assert_eq!(out.headers["clear-site-data"], "\"cache\", \"cookies\", \"storage\"");
    owner.cookie = first;
    assert_eq!(owner.get("/api/session").await.status, 401, "a session that was signed out is over");

    let mut browser = bench.browser();
    let asked = browser.post("/api/login", json!({"username": " Owner ", "password": OWNER_PASSWORD})).await;
    assert_eq!(asked.body, json!({"next": "totp"}));
    let half = browser.cookie.clone();
    assert_eq!(browser.get("/api/session").await.status, 401, "half signed in is not signed in");
    let used = browser.post("/api/login/totp", json!({"code": bench.code(&secret)})).await;
    assert_eq!(used.status, 401, "the code of the enrolment counts once");
    bench.pass(30);
    let done = browser.post("/api/login/totp", json!({"code": bench.code(&secret)})).await;
    assert_eq!(done.status, 200);
    assert_ne!(browser.cookie, half, "every step has a new token");
    assert_eq!(browser.get("/api/session").await.body["user"]["username"], "owner");
}

#[tokio::test]
async fn a_new_doctor_changes_the_password_and_enrols_and_may_lose_the_phone() {
    let bench = Bench::clinic().await;
    let (mut owner, _) = bench.owner().await;
    let new = json!({"name": "Dr Rao", "username": "rao", "roles": ["doctor"], "password": "first day 9"});
    assert_eq!(owner.post("/api/users", new).await.status, 201);
    let mut browser = bench.browser();
    let asked = browser.post("/api/login", json!({"username": "rao", "password": "first day 9"})).await;
    assert_eq!(asked.body, json!({"next": "password"}));
    for (password, code) in
        [("short", "weakPassword"), ("password1", "weakPassword"), ("first day 9", "samePassword")]
    {
        let refused = browser.post("/api/login/password", json!({"password": password})).await;
        assert_eq!((refused.status.as_u16(), refused.body["error"]["code"].as_str()), (422, Some(code)));
    }
    let asked = browser.post("/api/login/password", json!({"password": "river-7x"})).await;
    assert_eq!(asked.body["next"], "enrol");
    assert!(asked.body["otpauth"].as_str().unwrap().starts_with("otpauth://totp/Asha%20Clinic:rao?secret="));
    assert!(asked.body["qrSvg"].as_str().unwrap().contains("<svg"));
    let secret = asked.body["secret"].as_str().unwrap().to_owned();
    assert_eq!(browser.post("/api/login/enrol", json!({"code": "000000"})).await.status, 401);
    let done = browser.post("/api/login/enrol", json!({"code": bench.code(&secret)})).await;
    let codes = done.body["recoveryCodes"].as_array().unwrap().clone();
    assert_eq!(codes.len(), 10);

    // The phone is lost: a recovery code stands in, once.
    for expected in [200, 401] {
        let mut browser = bench.browser();
        let asked = browser.post("/api/login", json!({"username": "rao", "password": "river-7x"})).await;
        assert_eq!(asked.body, json!({"next": "totp"}));
        let done = browser.post("/api/login/totp", json!({"recoveryCode": codes[0]})).await;
        assert_eq!(done.status, expected);
    }
    // All codes are lost: the owner resets the second factor too.
    let list = owner.get("/api/users").await.body;
    let rao = list["users"].as_array().unwrap().iter().find(|user| user["username"] == "rao").unwrap()["id"]
        .clone();
    let path = format!("/api/users/{}/reset", rao.as_str().unwrap());
    let reset = owner.post(&path, json!({"secondFactor": true})).await;
    let mut browser = bench.browser();
    let asked =
        browser.post("/api/login", json!({"username": "rao", "password": reset.body["password"]})).await;
    assert_eq!(asked.body, json!({"next": "password"}));
}

#[tokio::test]
async fn a_role_that_needs_no_second_factor_may_have_one() {
    let bench = Bench::clinic().await;
    let (mut owner, _) = bench.owner().await;
    let mut desk = bench.staff(&mut owner, "rao", &["reception"]).await;
    assert_eq!(desk.get("/api/session").await.body["user"]["secondFactor"], false);
    let begun = desk.post("/api/me/second-factor", Value::Null).await;
    assert_eq!(begun.status, 200, "{}", begun.body);
    assert!(begun.body["qrSvg"].as_str().unwrap().contains("<svg"));
    let secret = begun.body["secret"].as_str().unwrap().to_owned();
    // The seed in waiting is no way to sign in, and a wrong code changes nothing.
    assert_eq!(desk.post("/api/login/enrol", json!({"code": bench.code(&secret)})).await.status, 401);
    let wrong = desk.post("/api/me/second-factor/confirm", json!({"code": "000000"})).await;
    assert_eq!((wrong.status.as_u16(), wrong.body["error"]["field"].as_str()), (422, Some("code")));
    assert_eq!(desk.get("/api/session").await.body["user"]["secondFactor"], false);
    let done = desk.post("/api/me/second-factor/confirm", json!({"code": bench.code(&secret)})).await;
    assert_eq!(done.body["recoveryCodes"].as_array().unwrap().len(), 10, "{}", done.body);
    assert_eq!(desk.get("/api/session").await.body["user"]["secondFactor"], true);
    assert_eq!(desk.post("/api/me/second-factor", Value::Null).await.status, 422, "there is one already");
    assert!(desk.post("/api/me/second-factor/confirm", json!({"code": "1"})).await.status.is_client_error());
    // Begun long after the last sign-in, it needs the password once more.
    let mut cash = bench.staff(&mut owner, "sen", &["cashier"]).await;
    bench.pass(6 * 60);
    let stale = cash.post("/api/me/second-factor", Value::Null).await;
    assert_eq!((stale.status.as_u16(), stale.body["error"]["code"].as_str()), (403, Some("proveAgain")));
}

#[tokio::test]
async fn whoever_guesses_learns_nothing_and_is_slowed_down() {
    let bench = Bench::clinic().await;
    let (mut owner, _) = bench.owner().await;
    let mut rao = bench.staff(&mut owner, "rao", &["reception"]).await;
    let me = rao.get("/api/session").await.body["user"]["id"].as_str().unwrap().to_owned();
    assert_eq!(owner.patch(&format!("/api/users/{me}"), json!({"disabled": true})).await.status, 200);
    let mut bodies = Vec::new();
    for (username, password) in [("owner", "wrong"), ("nobody", "wrong"), ("rao", "writes in a ledger 1")] {
        let mut browser = bench.browser_at("10.9.9.9:1");
        let answer = browser.post("/api/login", json!({"username": username, "password": password})).await;
        assert_eq!(answer.status, 401);
        assert!(!answer.headers.contains_key("set-cookie"));
        let mut body = answer.body;
        body["error"]["requestId"] = Value::Null;
        bodies.push(body);
    }
    assert_eq!(bodies[0], bodies[1]);
    assert_eq!(bodies[0], bodies[2]);

    for (name, statuses) in
        [("nobody2", [401, 401, 401, 401, 401, 429]), ("owner", [401, 401, 401, 401, 429, 429])]
    {
        for (n, expected) in statuses.into_iter().enumerate() {
            let mut browser = bench.browser_at(&format!("10.8.{}.1:1", n + name.len() * 10));
            let answer = browser.post("/api/login", json!({"username": name, "password": "wrong"})).await;
            assert_eq!(answer.status, expected, "{name} {n}");
        }
    }
    // Waiting helps; nobody is locked out for good.
    bench.pass(3);
    let right = json!({"username": "owner", "password": OWNER_PASSWORD});
    assert_eq!(bench.browser().post("/api/login", right).await.status, 200);
}

#[tokio::test]
async fn one_address_has_twenty_tries_a_minute() {
    let bench = Bench::clinic().await;
    let mut browser = bench.browser_at("10.7.7.7:1");
    for n in 0..21 {
        let answer =
            browser.post("/api/login", json!({"username": format!("n{n}"), "password": "wrong"})).await;
        assert_eq!(answer.status, if n < 20 { 401 } else { 429 }, "{n}");
    }
}

#[tokio::test]
async fn another_site_cannot_change_anything() {
    let bench = Bench::clinic().await;
    let (mut owner, _) = bench.owner().await;
    let new =
        || Some(json!({"name": "X", "username": "mallory", "roles": ["owner"], "password": "first day 9"}));
    for headers in [
        &[][..],
        &[("x-clinicvault", "1")],
        &[("sec-fetch-site", "same-origin")],
        &[("x-clinicvault", "1"), ("sec-fetch-site", "cross-site")],
        &[("x-clinicvault", "1"), ("origin", "https://evil.example")],
    ] {
        let answer = owner.send("POST", "/api/users", new(), headers).await;
        assert_eq!(
            (answer.status.as_u16(), answer.body["error"]["code"].as_str()),
            (403, Some("crossSite")),
            "{headers:?}"
        );
    }
    assert_eq!(owner.send("POST", "/api/users", new(), &OWN_PAGE).await.status, 201);
    let form = [("x-clinicvault", "1"), ("sec-fetch-site", "same-origin"), ("content-type", "text/plain")];
    assert_eq!(owner.send("POST", "/api/users", None, &form).await.status, 415);
}

#[tokio::test]
async fn a_quiet_session_ends_and_polling_does_not_keep_it_alive() {
    let bench = Bench::clinic().await;
    let (mut owner, _) = bench.owner().await;
    let mut nurse = bench.staff(&mut owner, "nina", &["nurse"]).await;
    for _ in 0..3 {
        bench.pass(14 * 60);
        assert_eq!(nurse.get("/api/me/sessions").await.status, 200);
    }
    assert_eq!(owner.get("/api/users").await.status, 401, "an owner's session ends after ten quiet minutes");
    bench.pass(8 * 60);
    assert_eq!(nurse.get("/api/session").await.status, 200);
    bench.pass(8 * 60);
    assert_eq!(nurse.get("/api/session").await.status, 401);
}

#[tokio::test]
async fn three_sessions_at_once_for_staff_and_one_for_an_owner() {
    let bench = Bench::clinic().await;
    let (mut owner, secret) = bench.owner().await;
    let mut first = bench.staff(&mut owner, "asha", &["reception"]).await;
    let mut more = Vec::new();
    for _ in 0..3 {
        bench.pass(10);
        let mut browser = bench.browser();
        let right = json!({"username": "asha", "password": "writes in a ledger 1"});
        assert_eq!(browser.post("/api/login", right).await.status, 200);
        more.push(browser);
    }
    assert_eq!(first.get("/api/session").await.status, 401);
    let list = more[2].get("/api/me/sessions").await.body;
    assert_eq!(list["sessions"].as_array().unwrap().len(), 3);
    assert_eq!(list["sessions"][0]["current"], true);
    let other = list["sessions"][1]["id"].as_str().unwrap().to_owned();
    assert_eq!(more[2].delete(&format!("/api/me/sessions/{other}")).await.status, 204);
    assert_eq!(more[1].get("/api/session").await.status, 401);

    let mut again = bench.browser();
    again.post("/api/login", json!({"username": "owner", "password": OWNER_PASSWORD})).await;
    assert_eq!(again.post("/api/login/totp", json!({"code": bench.code(&secret)})).await.status, 200);
    assert_eq!(owner.get("/api/session").await.status, 401);
}

#[tokio::test]
async fn changing_the_own_password_ends_every_other_session() {
    let bench = Bench::clinic().await;
    let (mut owner, _) = bench.owner().await;
    let mut asha = bench.staff(&mut owner, "asha", &["reception"]).await;
    let mut elsewhere = asha.clone();
    let wrong = json!({"current": "no", "password": "another river in spate"});
    let refused = asha.post("/api/me/password", wrong).await;
    assert_eq!((refused.status.as_u16(), refused.body["error"]["field"].as_str()), (422, Some("current")));
    let short = json!({"current": "writes in a ledger 1", "password": "river-7x"});
    assert_eq!(
        asha.post("/api/me/password", short).await.status,
        422,
        "without a second factor, fifteen letters"
    );
    let right = json!({"current": "writes in a ledger 1", "password": "another river in spate"});
    assert_eq!(asha.post("/api/me/password", right).await.status, 204);
    assert_eq!(asha.get("/api/session").await.status, 200);
    assert_eq!(elsewhere.get("/api/session").await.status, 401);
}
