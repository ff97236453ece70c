//! What an open socket rests on ends with its token, in whichever way that ends.

use std::time::Duration;

use serde_json::json;
use tokio::task::JoinHandle;

use super::{House, text};
use crate::admin::secret;

impl House {
    /// Waits for the end of a token as a socket does.
    fn wait(&self, token: &str) -> JoinHandle<()> {
        let (people, hash) = (self.bench.app.rooms().unwrap().people.clone(), secret::hash(token));
        assert!(people.bearer_holds(&hash));
        tokio::spawn(async move { people.until_bearer_ended(hash).await })
    }

    async fn token(&mut self, name: &str, hours: i64) -> (String, String) {
        let wish = json!({"name": name, "scope": "system/*.rs", "ttlHours": hours});
        let made = self.owner.post("/api/tokens", wish).await;
        assert_eq!(made.status, 201, "{:?}", made.body);
        (text(&made.body, "token"), text(&made.body, "id"))
    }
}

async fn ended(waiting: JoinHandle<()>) {
    tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("the token has ended").unwrap();
}

#[tokio::test]
async fn a_socket_ends_with_a_machines_token_when_it_is_taken_back_or_expires() {
    let mut house = House::new().await;
    let ((short, _), (long, id)) = (house.token("short", 1).await, house.token("long", 9).await);
    let (first, second) = (house.wait(&short), house.wait(&long));
    assert_eq!(house.owner.delete(&format!("/api/tokens/{id}")).await.status, 204);
    ended(second).await;
    assert!(!first.is_finished());
    house.bench.pass(3_600);
    ended(first).await;
}

#[tokio::test]
async fn a_socket_of_a_program_ends_with_the_consent_the_account_or_the_hour() {
    let mut house = House::new().await;
    let scope = "launch/patient patient/Observation.rs";
    let (client, _) = house.program("public", scope, None).await;
    let mut given = Vec::new();
    for _ in 0..2 {
        let code = house.code(&client, scope).await;
        given.push(text(&house.tokens(&client, &code).await.json(), "access_token"));
    }
    let (first, second) = (house.wait(&given[0]), house.wait(&given[1]));
    let listed = house.doctor.get("/api/me/consents").await.body["consents"].clone();
    let id = text(&listed[0], "id");
    assert_eq!(house.doctor.delete(&format!("/api/me/consents/{id}")).await.status, 204);
    tokio::task::yield_now().await;
    let people = house.bench.app.rooms().unwrap().people.clone();
    let holds = |token: &str| people.bearer_holds(&secret::hash(token));
    assert!(!given.iter().all(|token| holds(token)), "one of them was ended");
    house.bench.pass(3_600);
    assert!(!given.iter().any(|token| holds(token)));
    ended(first).await;
    ended(second).await;
}

#[tokio::test]
async fn a_socket_of_a_program_ends_when_the_account_is_disabled() {
    let mut house = House::new().await;
    let scope = "launch/patient patient/Observation.rs";
    let (client, _) = house.program("public", scope, None).await;
    let code = house.code(&client, scope).await;
    let token = text(&house.tokens(&client, &code).await.json(), "access_token");
    let waiting = house.wait(&token);
    let id = text(&house.doctor.get("/api/session").await.body["user"], "id");
    assert_eq!(house.owner.patch(&format!("/api/users/{id}"), json!({"disabled": true})).await.status, 200);
    ended(waiting).await;
}
