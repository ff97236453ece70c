//! Trying connections by hand: test messages to destinations and through the doors of channels, and the sheet for the other
//! side.

use clinicvault_tests::receiver::{Mood, Receiver};
use clinicvault_tests::sink::Act;
use clinicvault_tests::{Clinic, Sink};
use serde_json::{Value, json};

use super::{address, create, line, listener, wait_for};
use crate::outbox::staff;

fn steps(test: &Value) -> Vec<&str> {
    test["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect()
}

#[test]
fn a_test_message_to_a_destination_tells_what_came_back_or_where_it_failed() {
    let mut clinic = Clinic::create();
    let folder = clinic.scratch().join("out");
    std::fs::create_dir(&folder).unwrap();
    let settings = clinic.scratch().join("settings.toml");
    std::fs::write(&settings, format!("[hl7]\nfolders = [{:?}]\n", clinic.scratch())).unwrap();
    clinic.serve_with(&["--config", settings.to_str().unwrap()]);
    clinic.start();
    let mut owner = clinic.owner();
    let (his, hook) = (Sink::plain(), Receiver::plain());
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mllp =
        |host: &str, port: u16| json!({"kind": "mllp", "host": host, "port": port, "facility": "CITYHOSP"});
    let targets = json!([
        {"name": "his", "to": mllp("127.0.0.1", his.address.port())},
        {"name": "away", "to": mllp("127.0.0.1", nobody.port())},
        {"name": "nowhere", "to": mllp("no-such-host.invalid", 2575)},
        {"name": "plain", "to": {"kind": "mllp", "host": "127.0.0.1", "port": hook.address.port(),
            "tls": {"fingerprint": "00".repeat(32)}}},
        {"name": "hook", "to": {"kind": "fhirHook", "url": format!("http://{}/hook", hook.address)}},
        {"name": "put", "to": {"kind": "fhirHook", "url": format!("http://{}/fhir", hook.address), "deliver": "put"}},
        {"name": "files", "to": {"kind": "folder", "path": folder}},
    ]);
    create(
        &mut owner,
        &json!({"name": "out", "on": false, "source": {"kind": "records", "messages": ["ADT^A08"]}, "destinations": targets}),
    );
    let mut test = |name: &str, body: Value| owner.post(&format!("/api/destinations/out/{name}/test"), &body);

    let taken = test("his", json!({})).expect(200).json();
    assert_eq!((&taken["outcome"], &taken["answer"]["code"]), (&json!("taken"), &json!("AA")), "{taken}");
    assert_eq!(steps(&taken), ["prepare", "name", "connect", "answer"]);
    let got = his.wait(1)[0].clone();
    assert!(got.text.contains("|ADT^A08^ADT_A01|") && got.text.contains("Test^Invented"), "{}", got.text);
    assert_eq!((got.text.split('|').nth(10), &taken["controlId"]), (Some("T"), &json!(got.control_id)));
    assert!(got.text.contains("|CITYHOSP|"));
    his.will(&[Act::Answer("AE")]);
    let refused = test("his", json!({"type": "ORU^R01"})).expect(200).json();
    assert_eq!((&refused["outcome"], &refused["answer"]["code"]), (&json!("refused"), &json!("AE")));
    assert!(his.wait(2)[1].text.contains("|ORU^R01^ORU_R01|"));
    test("his", json!({"type": "ORU^R99"})).expect(422);

    let away = test("away", json!({})).expect(200).json();
    assert_eq!(
        (&away["outcome"], &away["failedAt"], &away["answer"]),
        (&json!("failed"), &json!("connect"), &Value::Null)
    );
    let nowhere = test("nowhere", json!({})).expect(200).json();
    assert_eq!((&nowhere["outcome"], &nowhere["failedAt"]), (&json!("failed"), &json!("name")), "{nowhere}");
    let plain = test("plain", json!({})).expect(200).json();
    assert_eq!((&plain["outcome"], &plain["failedAt"]), (&json!("failed"), &json!("tls")), "{plain}");

    let before = hook.arrived().len();
    let noticed = test("hook", json!({})).expect(200).json();
    assert_eq!(
        (&noticed["outcome"], &noticed["answer"]["status"]),
        (&json!("taken"), &json!(200)),
        "{noticed}"
    );
    let arrived = hook.wait(before + 1).pop().unwrap();
    assert!(arrived.line == "POST /hook" && arrived.body.contains("handshake"), "{arrived:?}");
    hook.be(Mood::Status(422));
    let refused = test("put", json!({})).expect(200).json();
    assert_eq!((&refused["outcome"], &refused["answer"]["status"]), (&json!("refused"), &json!(422)));
    let arrived = hook.wait(before + 2).pop().unwrap();
    assert!(
        arrived.line == "PUT /fhir/Patient/clinicvault-test" && arrived.body.contains("HTEST"),
        "{arrived:?}"
    );
    test("put", json!({"type": "ADT^A08"})).expect(422);

    let laid = test("files", json!({})).expect(200).json();
    let file = folder.join(laid["file"].as_str().unwrap());
    assert!(std::fs::read_to_string(file).unwrap().contains("Test^Invented"));
    test("missing", json!({})).expect(404);
    assert_eq!(owner.get("/api/outbox").expect(403).status, 403, "an owner sees no messages");
    let mut doctor = staff(&clinic, &mut owner, "meera", "doctor");
    doctor.post("/api/destinations/out/his/test", &json!({})).expect(403);
    assert_eq!(doctor.get("/api/outbox").expect(200).json()["rows"], json!([]), "nothing lies in the queue");
    let log = clinic.fhir().get("/fhir/AuditEvent?_count=500").expect(200).text();
    assert!(log.contains("to destination out/his: taken") && log.contains("to destination out/away: failed"));
}

#[test]
fn a_channel_answers_the_boxs_own_test_message_and_stores_nothing() {
    let clinic = Clinic::open();
    let mut owner = clinic.owner();
    create(&mut owner, &listener("adt", json!({"kinds": ["ADT"]})));
    create(&mut owner, &listener("live", json!({"processing": ["P"]})));
    let tls = json!({"name": "safe", "source": {"kind": "mllp", "address": "127.0.0.1:0", "tls": {}}});
    create(&mut owner, &tls);
    for name in ["adt", "live", "safe"] {
        address(&mut owner, name);
    }
    let mut test = |name: &str, body: Value| owner.post(&format!("/api/channels/{name}/test"), &body);
    let taken = test("adt", json!({})).expect(200).json();
    let door = &taken["door"];
    assert_eq!((&door["outcome"], &door["answer"]["code"]), (&json!("answered"), &json!("AA")), "{taken}");
    assert_eq!(steps(door), ["prepare", "name", "connect", "answer"]);
    assert!(taken["tried"]["fhir"].as_str().unwrap().contains("\"Invented\""), "what would be written");
    let refused = test("adt", json!({"type": "ORU^R01"})).expect(200).json();
    assert_eq!(
        (&refused["door"]["answer"]["code"], &refused["tried"]["refused"][0]["code"]),
        (&json!("AR"), &json!("200"))
    );
    assert_eq!(refused["door"]["answer"]["problems"][0]["code"], "200", "{refused}");
    let training = test("live", json!({})).expect(200).json();
    assert_eq!(training["door"]["answer"]["code"], "AR", "{training}");
    let production = test("live", json!({"production": true})).expect(200).json();
    assert_eq!(production["door"]["answer"]["code"], "AA", "{production}");
    let safe = test("safe", json!({})).expect(200).json();
    assert_eq!(
        (&safe["door"]["outcome"], steps(&safe["door"])),
        (&json!("answered"), vec!["prepare", "name", "connect", "tls", "answer"]),
        "{safe}"
    );
    test("missing", json!({})).expect(404);
    // Nothing is stored or counted.
    assert_eq!(line(&mut owner, "adt")["counts"]["received"], 0);
    assert_eq!(clinic.fhir().get("/fhir/Patient?_summary=count").expect(200).json()["total"], 0);
    let mut doctor = staff(&clinic, &mut owner, "meera", "doctor");
    assert_eq!(doctor.get("/api/inbox").expect(200).json()["rows"], json!([]));
    doctor.post("/api/channels/adt/test", &json!({})).expect(403);
    // A paused channel has no door.
    owner.post("/api/channels/adt/pause", &json!({})).expect(200);
    wait_for(&mut owner, "adt", "paused");
    let paused = owner.post("/api/channels/adt/test", &json!({})).expect(200).json();
    assert_eq!((&paused["door"]["outcome"], &paused["tried"]["passes"]), (&json!("none"), &json!(true)));
}

#[test]
fn the_sheet_says_what_the_other_side_needs() {
    let clinic = Clinic::open();
    let mut owner = clinic.owner();
    let document = json!({"name": "lab", "title": "City lab", "source": {"kind": "mllp", "address": "127.0.0.1:0", "tls": {}},
        "rules": {"kinds": ["ORU", "ADT^A08"], "answers": []}, "filter": {"kinds": ["ORU"]}});
    create(&mut owner, &document);
    let at = address(&mut owner, "lab");
    let sheet = owner.get("/api/channels/lab/sheet").expect(200).json();
    assert_eq!((&sheet["port"], &sheet["addresses"]), (&json!(at.port()), &json!(["127.0.0.1"])));
    assert!(!sheet["hosts"].as_array().unwrap().is_empty());
    let certificate = &sheet["certificate"];
    assert!(
        certificate["fingerprint"].as_str().unwrap().len() == 95 && certificate["ends"].is_string(),
        "{sheet}"
    );
    assert_eq!(certificate["authorityPem"].as_str().unwrap().trim(), clinic.cli_ok(&["ca"]).trim());
    let events: Vec<Value> = sheet["structures"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|one| one["events"].as_array().unwrap().clone())
        .collect();
    let state = |kind: &str| events.iter().find(|one| one["type"] == kind).unwrap()["state"].clone();
    let found = ["ORU^R01", "ADT^A08", "ADT^A04", "QBP^Q22"].map(state);
    assert_eq!(found, [json!("taken"), json!("passedOver"), json!("refused"), json!("refused")]);
    let samples = sheet["samples"].as_array().unwrap();
    assert!(samples.len() == 1 && samples[0]["type"] == "ORU^R01", "{samples:?}");
    // What it shows is what it takes.
    let mut tried = |name: &str| {
        let text = samples[0]["text"].clone();
        owner.post(&format!("/api/channels/{name}/try"), &json!({"message": text})).expect(200).json()
    };
    assert_eq!(tried("lab")["refused"], json!([]));
    let usual = owner.get("/api/channels/default/sheet").expect(200).json();
    assert!(usual["samples"].as_array().unwrap().len() >= 15 && usual["certificate"].is_null(), "{usual}");
}
