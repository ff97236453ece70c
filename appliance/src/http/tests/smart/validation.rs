//! How far the writes of one program are checked.

use super::*;

/// Against obs-3, an invariant that the structure does not imply: a usual range without an end or a text.
fn contradictory() -> String {
    json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "valueString": "y",
        "referenceRange": [{"appliesTo": [{"text": "adults"}]}], "subject": {"reference": "Patient/a"}})
    .to_string()
}

async fn sent(house: &House, client: &str) -> u16 {
    let scope = "user/Observation.cruds";
    let code = house.code(client, scope).await;
    let token = text(&house.tokens(client, &code).await.json(), "access_token");
    let request = Request::post("/fhir/Observation")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/fhir+json");
    send(&house.bench, request, contradictory()).await.status
}

#[tokio::test]
async fn a_program_is_checked_as_far_as_it_is_registered_for() {
    let mut house = House::new().await;
    let (one, _) = house.program("public", "user/Observation.cruds", None).await;
    let (other, _) = house.program("public", "user/Observation.cruds", None).await;
    assert_eq!(sent(&house, &one).await, 422, "as everybody");
    let path = format!("/api/clients/{one}");
    let changed = house.owner.patch(&path, json!({"validation": "structure"})).await;
    assert_eq!((changed.status, &changed.body["validation"]), (http::StatusCode::OK, &json!("structure")));
    assert_eq!(sent(&house, &one).await, 201);
    assert_eq!(sent(&house, &other).await, 422, "another program");
    let renamed = house.owner.patch(&path, json!({"name": "Chart"})).await;
    assert_eq!(renamed.body["validation"], "structure", "what is left out stays");
    assert_eq!(house.owner.patch(&path, json!({"validation": "box"})).await.body["validation"], "box");
    assert_eq!(sent(&house, &one).await, 422);
    assert_eq!(house.owner.patch(&path, json!({"validation": "everything"})).await.status, 400);
}
