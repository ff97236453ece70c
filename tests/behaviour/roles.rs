//! Who gets in where, over the real binary: each role at addresses that tell roles apart.

use clinicvault_tests::Clinic;

/// Address, and the roles that get in (anything but 403).
const WALK: [(&str, &[&str]); 8] = [
    ("/api/users", &["owner", "auditor"]),
    ("/api/tokens", &["owner", "auditor"]),
    ("/api/search?q=a", &["owner", "doctor", "nurse", "reception", "dispenser", "lab", "cashier", "auditor"]),
    ("/api/inbox?state=all", &["doctor", "nurse", "lab"]),
    // The reception may write vital signs, so it gets a list from which laboratory results are left out.
    ("/fhir/Observation", &["doctor", "nurse", "reception", "lab"]),
    ("/fhir/DiagnosticReport", &["doctor", "nurse", "lab"]),
    ("/fhir/Patient", &["owner", "doctor", "nurse", "reception", "dispenser", "lab", "cashier", "auditor"]),
    ("/fhir/Condition", &["doctor", "nurse"]),
];

#[test]
fn each_role_gets_in_where_the_matrix_says() {
    let clinic = Clinic::open();
    let roles = ["doctor", "nurse", "reception", "dispenser", "lab", "cashier", "auditor"];
    {
        let mut owner = clinic.owner();
        for role in roles {
            owner.add_staff(&format!("the.{role}"), &[role]);
        }
        check(&mut owner, "owner");
    }
    for role in roles {
        let username = format!("the.{role}");
        let password = clinicvault_tests::Person::temporary_password(&username);
        let mut person = clinicvault_tests::Person::sign_in(&clinic, &username, &password);
        check(&mut person, role);
    }
}

fn check(person: &mut clinicvault_tests::Person<'_>, role: &str) {
    for (path, allowed) in WALK {
        let answer = person.get(path);
        assert_ne!(answer.status, 401, "{role} at {path}");
        assert_eq!(answer.status != 403, allowed.contains(&role), "{role} at {path}: {}", answer.text());
    }
}

#[test]
fn another_sites_page_changes_nothing_with_a_stolen_click() {
    let clinic = Clinic::open();
    let cookie = clinic.owner().cookie().to_owned();
    let body = br#"{"name":"M","username":"mallory","roles":["owner"],"password":"first day 9 ledger"}"#;
    let json = ("Content-Type", "application/json");
    for headers in [
        vec![json],
        vec![json, ("X-ClinicVault", "1"), ("Sec-Fetch-Site", "cross-site")],
        vec![json, ("X-ClinicVault", "1"), ("Origin", "https://evil.example")],
        vec![("Content-Type", "text/plain"), ("X-ClinicVault", "1"), ("Sec-Fetch-Site", "same-origin")],
    ] {
        let mut http = clinic.http().with("Cookie", &cookie);
        let status = http.send("POST", "/api/users", &headers, body).status;
        assert!(status == 403 || status == 415, "{headers:?} got {status}");
    }
    assert!(!clinic.cli_ok(&["user", "list"]).contains("mallory"));
}
