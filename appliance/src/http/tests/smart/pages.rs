//! The pages on which a person answers a program.

use http::Request;
use serde_json::json;

use super::{House, send, text};

#[tokio::test]
async fn a_patient_is_looked_for_on_the_page_and_what_was_taken_away_stays_away() {
    let mut house = House::new().await;
    let new = json!({"name": "Lakshmi Pawar", "sex": "F", "birth": {"date": "1968-03-14"}, "noPhone": true, "key": "form-one-0001"});
    let made = house.doctor.post("/api/patients", new).await;
    assert_eq!(made.status, 201, "{:?}", made.body);
    let id = text(&made.body, "id");
    let scope = "patient/Patient.rs patient/Observation.rs";
    let (client, _) = house.program("public", scope, None).await;
    let page = house.asked(&House::query(&client, scope)).await;
    let keep = ("keep", "patient/Observation.rs");
    let found = house.answered(&page, &[("answer", "find"), ("find", "laksh"), keep]).await;
    assert_eq!(found.status, 200, "{}", found.text);
    assert!(found.text.contains(&format!("name=\"patient\" value=\"{id}\" required")), "{}", found.text);
    assert!(found.text.contains("Lakshmi Pawar") && found.text.contains(" y, F, NC-"), "{}", found.text);
    assert!(found.text.contains("value=\"patient/Observation.rs\" checked"));
    assert!(!found.text.contains("value=\"patient/Patient.rs\" checked"));
    let nobody = house.answered(&page, &[("answer", "find"), ("find", "<zzz>"), keep]).await;
    assert!(
        nobody.text.contains("Nobody was found") && nobody.text.contains("&lt;zzz&gt;"),
        "{}",
        nobody.text
    );
    // Without a patient it is asked again, and the answer still counts once.
    let again = house.answered(&page, &[("answer", "yes"), keep]).await;
    assert!(again.status == 400 && again.text.contains("role=\"alert\""), "{}", again.text);
    let done = house.answered(&again, &[("answer", "yes"), ("patient", &id), keep]).await;
    assert_eq!(done.status, 303, "{}", done.text);
    assert_eq!(house.answered(&page, &[("answer", "find"), ("find", "laksh")]).await.status, 400, "answered");
}

#[tokio::test]
async fn the_pages_speak_the_language_of_the_person() {
    let mut house = House::new().await;
    let (client, _) = house.program("public", "user/Encounter.rs", None).await;
    let door = Request::get(format!("/oauth/authorize?client_id={client}"))
        .header("accept-language", "hi-IN,en;q=0.5");
    let door = send(&house.bench, door, String::new()).await;
    assert!(door.text.contains("<html lang=\"hi\"") && door.text.contains("आगे बढ़ें"), "{}", door.text);
    let wish = json!({"language": "hi", "theme": "dark"});
    assert!(house.doctor.patch("/api/me", wish).await.status.is_success());
    let page = house.asked(&House::query(&client, "user/Encounter.rs")).await;
    assert!(
        page.text.contains("<html lang=\"hi\" data-theme=\"dark\"") && page.text.contains("विज़िट पढ़ना"),
        "{}",
        page.text
    );
    let style = send(&house.bench, Request::get("/oauth/page.css"), String::new()).await;
    assert!(style.status == 200 && style.text.contains("--surface") && style.text.contains(".answers"));
}
