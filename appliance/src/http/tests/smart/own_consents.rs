//! A person sees and ends what they granted to programs.

use serde_json::{Value, json};

use super::{House, fhir, text};

#[tokio::test]
async fn a_person_sees_what_they_granted_and_ends_it_at_once() {
    let mut house = House::new().await;
    let scope = "launch/patient offline_access patient/Observation.rs";
    let (client, _) = house.program("public", scope, None).await;
    assert_eq!(house.doctor.get("/api/me/consents").await.body["consents"], json!([]));
    let code = house.code(&client, scope).await;
    let given = house.tokens(&client, &code).await.json();
    // A second program without a refresh token.
    let brief = "launch/patient patient/Patient.rs";
    let (other, _) = house.program("public", brief, None).await;
    let code = house.code(&other, brief).await;
    let short = house.tokens(&other, &code).await.json();

    let listed = house.doctor.get("/api/me/consents").await.body["consents"].clone();
    let of = |client: &str| -> Value {
        listed.as_array().unwrap().iter().find(|row| row["clientId"] == client).cloned().unwrap_or_default()
    };
    assert_eq!(listed.as_array().unwrap().len(), 2, "{listed}");
    let lasting = of(&client);
    assert_eq!(
        (&lasting["clientName"], &lasting["patient"], &lasting["renews"], &lasting["endsWithSession"]),
        (&json!("Growth <chart>"), &json!("a"), &json!(true), &json!(false))
    );
    assert_eq!(lasting["scope"], "launch/patient offline_access patient/Observation.rs");
    assert_eq!(of(&other)["renews"], json!(false));
    assert!(!listed.to_string().contains(&text(&given, "access_token")));

    // Nobody else sees it or ends it.
    let id = text(&lasting, "id");
    assert_eq!(house.owner.get("/api/me/consents").await.body["consents"], json!([]));
    assert_eq!(house.owner.delete(&format!("/api/me/consents/{id}")).await.status, 404);

    let token = text(&given, "access_token");
    assert_eq!(fhir(&house.bench, &token, "/fhir/Observation/ra").await.status, 200);
    assert_eq!(house.doctor.delete(&format!("/api/me/consents/{id}")).await.status, 204);
    assert_eq!(fhir(&house.bench, &token, "/fhir/Observation/ra").await.status, 401);
    let again = house.refreshed(&client, &text(&given, "refresh_token")).await;
    assert_eq!(again.error(), "invalid_grant");
    assert_eq!(house.doctor.delete(&format!("/api/me/consents/{id}")).await.status, 404);

    let token = text(&short, "access_token");
    assert_eq!(fhir(&house.bench, &token, "/fhir/Patient/a").await.status, 200);
    let id = text(&of(&other), "id");
    assert_eq!(house.doctor.delete(&format!("/api/me/consents/{id}")).await.status, 204);
    assert_eq!(fhir(&house.bench, &token, "/fhir/Patient/a").await.status, 401);
    assert_eq!(house.doctor.get("/api/me/consents").await.body["consents"], json!([]));
}
