//! The walk through the real router: every address of the table by every role, by nobody, and by a machine.

use serde_json::json;

use super::bench::{Bench, Browser, OWN_PAGE};
use crate::http::routes::{Need, TABLE};
use crate::records::access::{Actor, Role, Subject, Who, decide};

#[tokio::test]
async fn every_route_is_open_to_exactly_the_roles_of_the_matrix() {
    let bench = Bench::clinic().await;
    let (mut owner, _) = bench.owner().await;
    let mut staff: Vec<(Role, Browser)> = Vec::new();
    for role in Role::ALL {
        let username = format!("the.{}", role.as_str());
        staff.push((role, bench.staff(&mut owner, &username, &[role.as_str()]).await));
    }
    let made =
        owner.post("/api/tokens", json!({"name": "all", "scope": "system/*.cruds", "ttlHours": 1})).await;
    let bearer = format!("Bearer {}", made.body["token"].as_str().unwrap());
    let mut asked = 0;
    for row in TABLE {
        let path = row
            .path
            .replace("{id}", "none")
            .replace("{name}", "none")
            .replace("{version}", "1")
            .replace("{seq}", "0")
            .replace("{code}", "none");
        if row.need == Need::Nothing || ends_the_session(row.path) {
            continue;
        }
        let mut nobody = bench.browser();
        let answer = nobody.send(row.method.as_str(), &path, None, &OWN_PAGE).await;
        if answer.status == 404 {
            // A later room's address; it is walked once it is there.
            continue;
        }
        asked += 1;
        assert_eq!(answer.status, 401, "nobody at {} {path}", row.method);
        let machine = [("authorization", bearer.as_str())];
        let answer = nobody.send(row.method.as_str(), &path, None, &machine).await;
        assert_eq!(answer.status, 403, "a machine at {} {path}", row.method);
        for (role, browser) in &mut staff {
            let answer = browser.send(row.method.as_str(), &path, None, &OWN_PAGE).await;
            let refused = answer.status == 403;
            assert_eq!(
                refused,
                !admits(row.need, *role),
                "{role:?} at {} {path}: {:?}",
                row.method,
                answer.body
            );
            assert_ne!(answer.status, 401, "{role:?} at {} {path}", row.method);
        }
    }
    assert!(asked >= 15, "only {asked} addresses were there to be walked");
}

/// Walked with effect elsewhere; here they would end the walk.
fn ends_the_session(path: &str) -> bool {
    path == "/api/logout"
}

fn admits(need: Need, role: Role) -> bool {
    let who = Who::Person { roles: vec![role] };
    let actor = Actor { id: "p".into(), name: "P".into(), who, session: None, source: "test".into() };
    match need {
        Need::Nothing | Need::Person | Need::Fhir => true,
        Need::May(op, area) => decide(&actor, op, &Subject::area_only(area)).allowed(),
    }
}

#[tokio::test]
async fn a_refusal_leaves_its_line_in_the_audit_trail() {
    let bench = Bench::clinic().await;
    let (mut owner, _) = bench.owner().await;
    let mut nurse = bench.staff(&mut owner, "nina", &["nurse"]).await;
    let id = nurse.get("/api/session").await.body["user"]["id"].as_str().unwrap().to_owned();
    assert_eq!(nurse.get("/api/users").await.status, 403);
    let vault = bench.app.rooms().unwrap().records.vault().clone();
    // The line is written with the next commit; a change makes sure there is one.
    owner.patch("/api/me", json!({"theme": "dark"})).await;
    let snapshot = vault.snapshot().unwrap();
    let lines = snapshot.audit(0, 10_000).unwrap();
    let denied: Vec<_> = lines
        .iter()
        .filter(|line| line.leaf.action == clinicvault_vault::Action::Denied && line.leaf.actor == id)
        .collect();
    assert_eq!(denied.len(), 1);
    assert_eq!(denied[0].leaf.reason.as_deref(), Some("GET /api/users: noGrant"));
}
