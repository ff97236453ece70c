//! From a request to a code, and what a code is worth.

use data_encoding::BASE64URL_NOPAD;
use http::Request;
use serde_json::{Value, json};

use super::{BACK, BOX, House, VERIFIER, fhir, form, send, text};

#[tokio::test]
async fn an_app_gets_what_the_doctor_gave_for_the_patient_chosen_and_no_more() {
    let mut house = House::new().await;
    let scope = "openid launch/patient patient/Patient.rs patient/Observation.rs";
    let (client, _) = house.program("public", scope, None).await;
    let page = house.asked(&House::query(&client, scope)).await;
    assert!(
        page.text.contains("Growth &lt;chart&gt;")
            && page
                .text
                .contains("<b>Read measurements and results</b><small>of the one patient you choose</small>")
            && page.text.contains("<li>patient/Observation.rs</li>"),
        "{}",
        page.text
    );
    // One scope is taken away.
    let done = house
        .answered(&page, &[("answer", "yes"), ("patient", "a"), ("keep", "patient/Observation.rs")])
        .await;
    let code = done.location.split("code=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    assert_eq!(
        house.answered(&page, &[("answer", "yes"), ("patient", "a")]).await.status,
        400,
        "answered once"
    );
    let got = house.tokens(&client, &code).await;
    assert_eq!(got.status, 200, "{}", got.text);
    let given = got.json();
    assert_eq!(given["scope"], "openid launch/patient patient/Observation.rs");
    assert_eq!((&given["patient"], &given["need_patient_banner"]), (&json!("a"), &json!(true)));
    assert_eq!(given["refresh_token"], Value::Null);
    let token = text(&given, "access_token");
    let found = fhir(&house.bench, &token, "/fhir/Observation").await.json();
    assert_eq!((&found["total"], &found["entry"][0]["resource"]["id"]), (&json!(1), &json!("ra")));
    assert_eq!(fhir(&house.bench, &token, "/fhir/Observation/rb").await.status, 404);
    assert_eq!(fhir(&house.bench, &token, "/fhir/Patient/a").await.status, 403);
    assert_eq!(fhir(&house.bench, &token, "/api/users").await.status, 403);
    assert_eq!(fhir(&house.bench, &token, "/api/patients/a/chart").await.status, 403);
    // Who it was, signed by the key that the box publishes.
    let identity = text(&given, "id_token");
    let (signed, signature) = identity.rsplit_once('.').unwrap();
    let claims: Value = serde_json::from_slice(
        &BASE64URL_NOPAD.decode(signed.split('.').nth(1).unwrap().as_bytes()).unwrap(),
    )
    .unwrap();
    assert_eq!(
        (&claims["aud"], &claims["nonce"], &claims["iss"]),
        (&json!(client), &json!("n-1"), &json!(BOX))
    );
    let keys = send(&house.bench, Request::get("/oauth/jwks"), String::new()).await.json();
    let part =
        |name: &str| BASE64URL_NOPAD.decode(keys["keys"][0][name].as_str().unwrap().as_bytes()).unwrap();
    let point = [vec![4], part("x"), part("y")].concat();
    ring::signature::UnparsedPublicKey::new(&ring::signature::ECDSA_P256_SHA256_FIXED, point)
        .verify(signed.as_bytes(), &BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap())
        .unwrap();
    // It ends by itself, and at once when the account does.
    house.bench.pass(601);
    assert_eq!(fhir(&house.bench, &token, "/fhir/Observation").await.status, 401);
}

#[tokio::test]
async fn a_code_is_good_once_for_its_program_address_and_verifier_within_a_minute() {
    let mut house = House::new().await;
    let scope = "patient/Observation.rs";
    let (client, _) = house.program("public", scope, None).await;
    let (other, _) = house.program("public", scope, None).await;
    for (who, redirect, verifier) in [
        (&other, BACK, VERIFIER),
        (&client, "https://app.example/else", VERIFIER),
        (&client, BACK, "another-verifier-of-forty-three-characters-or-more"),
        (&client, BACK, ""),
    ] {
        let code = house.code(&client, scope).await;
        let wrong = [
            ("client_id", who.as_str()),
            ("code", &code),
            ("redirect_uri", redirect),
            ("code_verifier", verifier),
        ];
        let got = house.swap(&wrong).await;
        assert_eq!(got.status, 400, "{}", got.text);
        if !verifier.is_empty() {
            assert_eq!(got.error(), "invalid_grant");
            assert_eq!(house.tokens(&client, &code).await.error(), "invalid_grant", "it was shown once");
        }
    }
    let code = house.code(&client, scope).await;
    house.bench.pass(61);
    assert_eq!(house.tokens(&client, &code).await.error(), "invalid_grant", "too old");
    let code = house.code(&client, scope).await;
    assert_eq!(house.tokens(&client, &code).await.status, 200);
    assert_eq!(house.tokens(&client, &code).await.error(), "invalid_grant", "used");
    assert_eq!(house.tokens("c-none", "x").await.error(), "invalid_client");
}

#[tokio::test]
async fn a_request_that_is_not_whole_gives_nothing_and_leads_nowhere_else() {
    let mut house = House::new().await;
    let scope = "patient/Observation.rs";
    let (client, _) = house.program("public", scope, None).await;
    let good = House::query(&client, scope);
    let with = |name: &str, value: &str| {
        let mut query = good.clone();
        query.iter_mut().filter(|(other, _)| *other == name).for_each(|(_, old)| *old = value.to_owned());
        query
    };
    // As long as it is not certain who asks, nobody is sent anywhere.
    for (name, value) in [
        ("client_id", "c-none"),
        ("redirect_uri", "https://app.example/back/"),
        ("redirect_uri", "https://evil.example/"),
    ] {
        let got = house.asked(&with(name, value)).await;
        assert_eq!((got.status, got.location.as_str()), (400, ""), "{name}");
    }
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge", "short", "invalid_request"),
        ("state", "", "invalid_request"),
        ("aud", "https://evil.example/fhir", "invalid_request"),
        ("scope", "patient/Observation.rs?colour=red", "invalid_scope"),
        ("scope", "user/*.cruds", "invalid_scope"),
        ("scope", "", "invalid_scope"),
    ] {
        let got = house.asked(&with(name, value)).await;
        assert!(
            got.location.starts_with(&format!("{BACK}?error={error}&")),
            "{name} {value}: {}",
            got.location
        );
    }
    // Nobody signed in, an answer from another page, another session, no patient, one who is not there, a no.
    let request = Request::get(format!("/oauth/authorize?client_id={client}"));
    let got = send(&house.bench, request, String::new()).await;
    assert!(got.status == 200 && !got.text.contains("handle"));
    let page = house.asked(&good).await;
    let mut stranger =
        Request::post("/oauth/authorize").header("content-type", "application/x-www-form-urlencoded");
    stranger = stranger
        .header("cookie", format!("__Host-cv={}", house.doctor.cookie))
        .header("sec-fetch-site", "cross-site");
    assert_eq!(send(&house.bench, stranger, form(&[("answer", "yes")])).await.status, 403);
    let keep = ("keep", "patient/Observation.rs");
    assert_eq!(house.answered(&page, &[("answer", "yes"), keep]).await.status, 400);
    assert_eq!(house.answered(&page, &[("answer", "yes"), ("patient", "none"), keep]).await.status, 400);
    let no = house.answered(&page, &[("answer", "no")]).await;
    assert!(no.location.starts_with(&format!("{BACK}?error=access_denied&")), "{}", no.location);
}
