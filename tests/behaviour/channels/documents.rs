//! What an owner can do with documents: write, change, look at older versions, restore, delete; and who may not.

use clinicvault_tests::{Clinic, Person};
use serde_json::json;

use super::{create, line, listener, put, wait_for};

#[test]
fn every_version_of_a_channel_stays_readable_and_can_hold_again() {
    let clinic = Clinic::open();
    let mut owner = clinic.owner();
    let first = listener("lab", json!({"kinds": ["ORU"]}));
    create(&mut owner, &first);
    assert_eq!(put(&mut owner, &first, None).status, 412, "a change says which version it changes");
    let second = listener("lab", json!({"kinds": ["ADT"], "replayDays": 30}));
    assert_eq!(put(&mut owner, &second, Some(7)).status, 412);
    let answer = put(&mut owner, &second, Some(1)).expect(200);
    assert_eq!(answer.header("etag"), Some("W/\"2\""));
    assert_eq!(
        put(&mut owner, &second, Some(2)).expect(200).header("etag"),
        Some("W/\"2\""),
        "nothing changed"
    );
    owner.post("/api/channels/lab/pause", &json!({})).expect(200);
    let old = owner.get("/api/channels/lab/versions/1").expect(200).json();
    assert_eq!(old["rules"]["kinds"], json!(["ORU"]));
    owner.post("/api/channels/lab/versions/1/restore", &json!({})).expect(200);
    assert_eq!(owner.get("/api/channels/lab").expect(200).json()["rules"]["kinds"], json!(["ORU"]));
    let versions = owner.get("/api/channels/lab/versions").expect(200).json();
    let told: Vec<_> = versions["versions"].as_array().unwrap().iter().map(|v| v["done"].clone()).collect();
    assert_eq!(told, ["restored", "paused", "changed", "created"]);
    assert_eq!(versions["versions"][2]["changed"], json!(["rules.kinds", "rules.replayDays"]));
    let name = owner.get("/api/session").expect(200).json()["user"]["name"].clone();
    assert_eq!(versions["versions"][0]["by"], name);
    owner.delete("/api/channels/lab").expect(204);
    owner.get("/api/channels/lab").expect(404);
    assert!(line(&mut owner, "lab").is_null());
    assert_eq!(owner.get("/api/channels/lab/versions/2").expect(200).json(), second_as_kept(&second));
    owner.post("/api/channels/lab/versions/2/restore", &json!({})).expect(200);
    wait_for(&mut owner, "lab", "running");
}

/// The document with what it leaves to defaults.
fn second_as_kept(document: &serde_json::Value) -> serde_json::Value {
    let mut kept = document.clone();
    kept["on"] = json!(true);
    kept["source"]["connections"] = json!(32);
    kept["source"]["idleSeconds"] = json!(10);
    kept["rules"] = json!({"kinds": ["ADT"], "replayDays": 30, "reuse": "keep", "acknowledge": "commit", "strict": false});
    kept
}

#[test]
fn a_document_that_cannot_be_used_is_refused_with_its_places() {
    let clinic = Clinic::open();
    let mut owner = clinic.owner();
    let open = json!({"name": "lab", "source": {"kind": "mllp", "address": "0.0.0.0:0"},
        "rules": {"charset": "KLINGON", "kinds": ["oru"]}});
    let answer = put(&mut owner, &open, None).expect(422).json();
    let places: Vec<_> = answer["issues"].as_array().unwrap().iter().map(|i| i["place"].clone()).collect();
    assert_eq!(places, ["source.allow", "rules.charset", "rules.kinds[0]"]);
    let unknown = json!({"name": "lab", "source": {"kind": "mllp", "address": "127.0.0.1:0", "prot": 1}});
    assert_eq!(put(&mut owner, &unknown, None).expect(422).json()["error"]["field"], "source.prot");
    let other = json!({"name": "default", "source": {"kind": "mllp", "address": "127.0.0.1:0"}});
    assert_eq!(put(&mut owner, &other, None).status, 422);
    let path = "/api/channels/lab";
    let mine = listener("clinic", json!({}));
    let typed = [("Content-Type", "application/json")];
    assert_eq!(owner.http.send("PUT", path, &typed, mine.to_string().as_bytes()).status, 422, "another name");
    let toml = "name = \"lab\"\n[source]\nkind = \"mllp\"\naddress = \"127.0.0.1:0\"\n";
    let answer = owner.http.send("PUT", path, &[("Content-Type", "application/toml")], toml.as_bytes());
    assert_eq!(answer.expect(201).json()["source"]["address"], "127.0.0.1:0");
    let schema = owner.get("/api/channels/schema").expect(200).json();
    assert_eq!(schema["$defs"]["Channel"]["additionalProperties"], false);
}

#[test]
fn only_an_owner_changes_channels_and_every_change_is_recorded() {
    let clinic = Clinic::open();
    let document = listener("lab", json!({}));
    let mut owner = clinic.owner();
    owner.add_staff("meera", &["doctor"]);
    owner.add_staff("asha", &["auditor"]);
    let mut doctor = Person::sign_in(&clinic, "meera", &Person::temporary_password("meera"));
    let mut auditor = Person::sign_in(&clinic, "asha", &Person::temporary_password("asha"));
    assert_eq!(put(&mut doctor, &document, None).status, 403);
    doctor.get("/api/channels").expect(403);
    let mut machine = clinic.http().bearer(&clinic.token());
    assert_eq!(machine.get("/api/channels").status, 403);
    create(&mut owner, &document);
    assert_eq!(doctor.post("/api/channels/lab/pause", &json!({})).status, 403);
    auditor.get("/api/channels/lab").expect(200);
    assert_eq!(put(&mut auditor, &document, Some(1)).status, 403);
    let lines = auditor.http.get("/fhir/AuditEvent?_count=200").expect(200).text();
    assert!(lines.contains("channel lab created as 1"), "{lines}");
}

#[test]
fn a_channel_can_be_written_from_the_command_line() {
    let clinic = Clinic::open();
    let file = clinic.scratch().join("lab.toml");
    let toml = "name = \"lab\"\n[source]\nkind = \"mllp\"\naddress = \"127.0.0.1:0\"\n";
    std::fs::write(&file, format!("{toml}port = 1\n")).unwrap();
    let path = file.to_str().unwrap();
    let wrong = clinicvault_tests::binary::clinicvault().args(["channel", "check", path]).output().unwrap();
    assert!(!wrong.status.success());
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("source.port"), "{wrong:?}");
    std::fs::write(&file, toml).unwrap();
    assert!(clinic.cli_ok(&["channel", "put", path]).contains("channel lab is at version 1"));
    let mut owner = clinic.owner();
    wait_for(&mut owner, "lab", "running");
    let again = clinic.cli(&["channel", "put", path, "--expect", "7"]);
    assert!(!again.status.success());
}
