//! Destinations beside MLLP: requests, files, FHIR servers. Each is told what changed in the box's own records.

use std::time::{Duration, Instant};

use clinicvault_tests::mllp::Identity;
use clinicvault_tests::receiver::{Mood, Receiver};
use clinicvault_tests::{Clinic, Person, Sink};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};

use crate::outbox::{patient, rows, staff};
use crate::outbox_forwarding::{create, line, running};

const WITHIN: Duration = Duration::from_secs(30);

fn parts(who: &Identity) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    (
        CertificateDer::from_pem_slice(who.certificate().as_bytes()).unwrap(),
        PrivateKeyDer::from_pem_slice(who.key().as_bytes()).unwrap(),
    )
}

/// A receiver of MLLP over TLS with this certificate.
pub fn tls_sink(who: &Identity) -> Sink {
    let (certificate, key) = parts(who);
    Sink::tls(certificate, key)
}

/// A channel that tells these destinations of patients.
fn telling(name: &str, targets: &[(&str, Value)]) -> Value {
    let targets: Vec<Value> = targets.iter().map(|(name, to)| json!({"name": name, "to": to})).collect();
    json!({"name": name, "source": {"kind": "records", "messages": ["ADT^A04", "ADT^A08"]}, "destinations": targets})
}

/// The outcomes of the attempts of a row so far.
fn outcomes(doctor: &mut Person<'_>, row: &Value) -> Vec<String> {
    let one = doctor.get(&format!("/api/outbox/{}", row["seq"])).expect(200).json();
    one["attempts"].as_array().unwrap().iter().map(|a| a["outcome"].as_str().unwrap().to_owned()).collect()
}

/// Waits until a row of a state is as wanted.
#[track_caller]
fn wait_row(doctor: &mut Person<'_>, state: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let page = doctor.get(&format!("/api/outbox?state={state}")).expect(200).json();
        if let Some(row) = page["rows"].as_array().unwrap().iter().find(|row| wanted(row)) {
            return row.clone();
        }
        assert!(began.elapsed() < WITHIN, "{state}: {page}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn secret(owner: &mut Person<'_>, method: &str, name: &str, body: &Value) -> u16 {
    let path = format!("/api/destinations/{name}/secret");
    owner
        .http
        .send(method, &path, &[("Content-Type", "application/json")], body.to_string().as_bytes())
        .status
}

#[test]
fn a_receiver_of_requests_is_believed_by_its_acknowledgement_and_else_by_its_status() {
    let clinic = Clinic::open();
    let his = Receiver::plain();
    let mut owner = clinic.owner();
    let to = json!({"kind": "http", "url": format!("http://{}/hl7?from=box", his.address), "facility": "CITYHOSP", "timeoutSeconds": 1});
    create(&mut owner, &telling("to-his", &[("his", to)]));
    running(&mut owner, "to-his");
    let mut doctor = staff(&clinic, &mut owner, "meera", "doctor");

    patient(&clinic, "p1", "Sathe");
    let first = his.wait(1)[0].clone();
    assert_eq!(first.line, "POST /hl7?from=box");
    assert_eq!(first.header("content-type"), Some("application/hl7-v2"));
    assert!(first.body.contains("|ADT^A04^ADT_A01|") && first.body.contains("Sathe^Uma"), "{}", first.body);
    let sent = rows(&mut doctor, "sent", 1);
    assert_eq!(outcomes(&mut doctor, &sent[0]), ["taken"]);

    his.be(Mood::Ack("AE"));
    patient(&clinic, "p2", "Rao");
    let failed = rows(&mut doctor, "failed", 1);
    assert_eq!(
        (&failed[0]["last"]["code"], &failed[0]["last"]["outcome"]),
        (&json!("AE"), &json!("refused"))
    );
    his.be(Mood::Status(404));
    patient(&clinic, "p3", "Kale");
    let failed = rows(&mut doctor, "failed", 2);
    assert_eq!(failed[0]["last"]["text"], "HTTP 404");

    // It is away for a moment and says for how long.
    his.be(Mood::Told(503, "Retry-After", "2".to_owned()));
    patient(&clinic, "p4", "Joshi");
    wait_row(&mut doctor, "waiting", |row| row["last"]["outcome"] == "rejected");
    his.be(Mood::Silent);
    wait_row(&mut doctor, "waiting", |row| row["last"]["outcome"] == "noAnswer");
    his.be(Mood::Ack("AA"));
    let sent = rows(&mut doctor, "sent", 2);
    let all = outcomes(&mut doctor, &sent[0]);
    assert!(
        all[0] == "rejected" && all.contains(&"noAnswer".to_owned()) && all[all.len() - 1] == "taken",
        "{all:?}"
    );
    let tries: Vec<String> =
        his.arrived().into_iter().filter(|a| a.body.contains("Joshi")).map(|a| a.body).collect();
    assert!(tries.len() >= 3 && tries.iter().all(|body| *body == tries[0]), "the same bytes each time");
}

#[test]
fn a_secret_goes_to_its_own_address_over_tls_and_nobody_reads_it() {
    let clinic = Clinic::open();
    let (known, stranger) = (Identity::make("his"), Identity::make("his"));
    let at = |who: &Identity| {
        let (certificate, key) = parts(who);
        Receiver::tls(certificate, key)
    };
    let (his, other) = (at(&known), at(&known));
    let mut owner = clinic.owner();
    let to = |receiver: &Receiver, pin: &Identity| {
        json!({"kind": "http", "url": format!("https://{}/in", receiver.address), "tls": {"fingerprint": pin.fingerprint()},
            "auth": {"scheme": "basic", "user": "box"}, "timeoutSeconds": 5})
    };
    create(&mut owner, &telling("to-his", &[("his", to(&his, &known)), ("false", to(&his, &stranger))]));
    running(&mut owner, "to-his");
    let mut doctor = staff(&clinic, &mut owner, "meera", "doctor");
    patient(&clinic, "p1", "Sathe");
    wait_row(&mut doctor, "waiting", |row| {
        row["destination"] == "to-his/his"
            && row["last"]["text"].as_str().is_some_and(|t| t.contains("secret"))
    });
    assert!(his.arrived().is_empty(), "nothing leaves without it");
    assert_eq!(secret(&mut doctor, "PUT", "to-his/his", &json!({"secret": "x"})), 403);
    assert_eq!(secret(&mut owner, "PUT", "to-his/none", &json!({"secret": "x"})), 404);
    assert_eq!(secret(&mut owner, "PUT", "to-his/his", &json!({"secret": "line\nline"})), 422);
    for name in ["to-his/his", "to-his/false"] {
        assert_eq!(secret(&mut owner, "PUT", name, &json!({"secret": "vEry-Rare-77"})), 204);
    }
    let got = his.wait(1);
    // base64 of box:vEry-Rare-77
    assert_eq!(got[0].header("authorization"), Some("Basic Ym94OnZFcnktUmFyZS03Nw=="));
    rows(&mut doctor, "sent", 1);
    let stuck = rows(&mut doctor, "waiting", 1);
    assert_eq!(stuck[0]["destination"], "to-his/false", "a stranger gets neither message nor secret");
    for path in ["/api/channels/to-his", "/api/channels/to-his/versions/1", "/api/channels", "/api/outbox"] {
        let asker = if path == "/api/outbox" { &mut doctor } else { &mut owner };
        assert!(!asker.get(path).expect(200).text().contains("vEry-Rare"), "{path}");
    }
    assert!(matches!(secret(&mut owner, "GET", "to-his/his", &json!({})), 404 | 405));
    // The address changes: the secret does not go along.
    let mut moved = telling("to-his", &[("his", to(&other, &known))]);
    moved["on"] = json!(true);
    let headers = [("Content-Type", "application/json"), ("If-Match", "W/\"1\"")];
    owner.http.send("PUT", "/api/channels/to-his", &headers, moved.to_string().as_bytes()).expect(200);
    patient(&clinic, "p2", "Rao");
    wait_row(&mut doctor, "waiting", |row| {
        row["destination"] == "to-his/his"
            && row["last"]["text"].as_str().is_some_and(|t| t.contains("secret"))
    });
    assert!(other.arrived().is_empty());
    // In clear text a secret is not sent at all.
    let open = json!({"kind": "http", "url": "http://his.example/in", "auth": {"scheme": "bearer"}});
    let headers = [("Content-Type", "application/json")];
    let body = telling("open", &[("his", open)]).to_string();
    let refused = owner.http.send("PUT", "/api/channels/open", &headers, body.as_bytes());
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("destinations[0].to.auth"), "{}", refused.text());
}

#[test]
fn files_are_whole_named_by_their_message_and_lie_where_the_settings_allow() {
    let mut clinic = Clinic::create();
    let settings = clinic.scratch().join("settings.toml");
    let out = clinic.scratch().join("out");
    std::fs::create_dir(&out).unwrap();
    std::fs::write(&settings, format!("[hl7]\nfolders = [{out:?}]\n")).unwrap();
    clinic.serve_with(&["--config", settings.to_str().unwrap()]);
    clinic.start();
    let mut owner = clinic.owner();
    create(
        &mut owner,
        &telling(
            "files",
            &[
                ("v2", json!({"kind": "folder", "path": out})),
                ("fhir", json!({"kind": "folder", "path": out, "format": "fhir", "ending": ".fhir.json"})),
                ("outside", json!({"kind": "folder", "path": clinic.scratch()})),
            ],
        ),
    );
    running(&mut owner, "files");
    let mut doctor = staff(&clinic, &mut owner, "meera", "doctor");
    patient(&clinic, "p1", "Sathe");
    let sent = rows(&mut doctor, "sent", 2);
    let stuck = wait_row(&mut doctor, "waiting", |row| {
        row["last"]["text"].as_str().is_some_and(|text| text.contains("hl7.folders"))
    });
    assert_eq!(stuck["destination"], "files/outside");
    let mut names: Vec<String> = std::fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names.len(), 2, "{names:?}");
    for row in &sent {
        let id = row["controlId"].as_str().unwrap();
        let ending = if row["destination"] == "files/v2" { ".hl7" } else { ".fhir.json" };
        let content = std::fs::read(out.join(format!("{id}{ending}"))).unwrap();
        if ending == ".hl7" {
            let text = String::from_utf8(content).unwrap();
            assert!(text.starts_with("MSH|") && text.contains(id) && text.ends_with('\r'), "{text}");
        } else {
            let bundle: Value = serde_json::from_slice(&content).unwrap();
            assert_eq!((&bundle["type"], &row["type"]), (&json!("transaction"), &json!("Patient")));
        }
    }
}

#[test]
fn a_fhir_server_gets_the_record_or_a_notification_of_it() {
    let clinic = Clinic::open();
    let (server, hook, batch) = (Receiver::plain(), Receiver::plain(), Receiver::plain());
    let mut owner = clinic.owner();
    create(
        &mut owner,
        &telling(
            "peers",
            &[
                (
                    "put",
                    json!({"kind": "fhirHook", "url": format!("http://{}/fhir/", server.address), "deliver": "put"}),
                ),
                ("hook", json!({"kind": "fhirHook", "url": format!("http://{}/hook", hook.address)})),
                (
                    "batch",
                    json!({"kind": "http", "url": format!("http://{}/fhir", batch.address), "format": "fhir"}),
                ),
            ],
        ),
    );
    running(&mut owner, "peers");
    let mut doctor = staff(&clinic, &mut owner, "meera", "doctor");
    server.be(Mood::Status(422));
    patient(&clinic, "p1", "Sathe");
    let put = server.wait(1)[0].clone();
    assert_eq!(put.line, "PUT /fhir/Patient/p1");
    assert_eq!(put.header("content-type"), Some("application/fhir+json"));
    assert_eq!(put.json()["name"][0]["family"], "Sathe");
    let told = hook.wait(1)[0].clone();
    assert_eq!(told.line, "POST /hook");
    let bundle = told.json();
    assert_eq!((&bundle["resourceType"], &bundle["type"]), (&json!("Bundle"), &json!("history")));
    assert_eq!(bundle["entry"][0]["resource"]["resourceType"], "Parameters");
    assert_eq!(bundle["entry"][1]["resource"]["name"][0]["family"], "Sathe");
    let whole = batch.wait(1)[0].json();
    assert_eq!(
        (&whole["type"], &whole["entry"][0]["request"]["url"]),
        (&json!("transaction"), &json!("Patient/p1"))
    );
    rows(&mut doctor, "sent", 2);
    let failed = rows(&mut doctor, "failed", 1);
    let edit = doctor.post(&format!("/api/outbox/{}/edit", failed[0]["seq"]), &json!({"text": "{}"}));
    assert_eq!(edit.status, 422, "a record is changed, not its copy");
    server.be(Mood::Status(201));
    doctor.post(&format!("/api/outbox/{}/resend", failed[0]["seq"]), &json!({})).expect(200);
    rows(&mut doctor, "sent", 3);
    let wrong = json!({"name": "wrong", "source": {"kind": "mllp", "address": "127.0.0.1:0"},
        "destinations": [{"name": "a", "to": {"kind": "fhirHook", "url": "https://x.example/"}}]});
    let headers = [("Content-Type", "application/json")];
    let refused = owner.http.send("PUT", "/api/channels/wrong", &headers, wrong.to_string().as_bytes());
    assert!(
        refused.status == 422 && refused.text().contains("destinations[0].to.kind"),
        "{}",
        refused.text()
    );
    assert!(line(&mut owner, "wrong").is_null());
}
