//! Bad input: a precise error, bounded memory, nothing half stored, and everyone else served as before.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use clinicvault_tests::http::read_answer;
use clinicvault_tests::{Answer, Clinic, Http, sample};
use serde_json::{Value, json};

/// The most that any of these attacks may add to the box's memory, in KiB: a few bodies of the largest size allowed.
const MEMORY_SLACK_KIB: u64 = 96 * 1024;

/// Short waits, so that the tests of slow peers are not slow themselves.
const IMPATIENT: &str = "[limits]\nheader_seconds = 2\nbody_seconds = 3\n[hl7]\nidle_seconds = 2\n";

fn impatient() -> Clinic {
    configured(IMPATIENT)
}

fn configured(settings: &str) -> Clinic {
    let mut clinic = Clinic::create();
    let file = clinic.scratch().join("settings.toml");
    std::fs::write(&file, settings).expect("a settings file");
    clinic.serve_with(&["--config", file.to_str().expect("a plain path")]);
    clinic.start();
    clinic
}

fn post(fhir: &mut Http, path: &str, body: &[u8]) -> Answer {
    fhir.send("POST", path, &[("Content-Type", "application/fhir+json")], body)
}

/// The diagnostics of an OperationOutcome; fails when the answer is not one.
fn diagnostics(answer: &Answer) -> String {
    let outcome = answer.json();
    assert_eq!(outcome["resourceType"], "OperationOutcome", "{outcome}");
    let issues = outcome["issue"].as_array().expect("issues");
    assert!(!issues.is_empty());
    issues.iter().filter_map(|i| i["diagnostics"].as_str()).collect::<Vec<_>>().join("; ")
}

fn count(clinic: &Clinic, kind: &str) -> u64 {
    let bundle = clinic.fhir().get(&format!("/fhir/{kind}?_summary=count")).expect(200).json();
    bundle["total"].as_u64().expect("a total")
}

/// Everyone else: a fresh client is answered, within a second.
fn others_are_served(clinic: &Clinic) {
    let began = Instant::now();
    clinic.http().get("/health").expect(200);
    let made =
        clinic.fhir().post_fhir("/fhir/Patient", &sample::patient("Sathe", "Uma", "9822044444", "other"));
    made.expect(201);
    assert!(began.elapsed() < Duration::from_secs(5), "took {:?}", began.elapsed());
}

fn raw(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the box listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time above zero");
    stream
}

/// Waits until the peer closes, reading and dropping what still comes; fails when it keeps the connection.
fn closed_within(mut stream: TcpStream, limit: Duration) -> Vec<u8> {
    let began = Instant::now();
    stream.set_read_timeout(Some(limit)).expect("a time above zero");
    let mut got = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return got,
            Ok(n) => got.extend_from_slice(&chunk[..n]),
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => return got,
            Err(e) => panic!("still open after {:?}: {e}", began.elapsed()),
        }
    }
}

#[test]
fn a_body_that_is_not_json_is_refused_with_the_place_of_the_fault() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let table: [(&str, &[u8]); 6] = [
        ("cut short", br#"{"resourceType":"Patient","name":[{"family":"Cut"#),
        ("not UTF-8", b"{\"resourceType\":\"Patient\",\"name\":[{\"family\":\"\xff\xfe\"}]}"),
        ("a key twice", br#"{"resourceType":"Patient","gender":"male","gender":"female"}"#),
        ("half a surrogate", br#"{"resourceType":"Patient","name":[{"family":"\ud800"}]}"#),
        ("more after the end", br#"{"resourceType":"Patient"} {"resourceType":"Patient"}"#),
        ("nothing", b""),
    ];
    for (what, body) in table {
        let answer = post(&mut fhir, "/fhir/Patient", body);
        assert_eq!(answer.status, 400, "{what}: {}", answer.text());
        assert!(!diagnostics(&answer).is_empty(), "{what} is explained");
    }
    assert_eq!(count(&clinic, "Patient"), 0);
    others_are_served(&clinic);
}

#[test]
fn a_body_nested_a_million_deep_is_refused_and_the_box_stays_up() {
    let clinic = Clinic::open();
    let before = clinic.server().peak_memory_kib();
    for (open, close) in [("[", "]"), ("{\"extension\":[", "]}")] {
        let depth = 1_000_000;
        let body =
            format!("{{\"resourceType\":\"Patient\",\"x\":{}{}}}", open.repeat(depth), close.repeat(depth));
        let answer = post(&mut clinic.fhir(), "/fhir/Patient", body.as_bytes());
        assert!([400, 413].contains(&answer.status), "{}", answer.text());
    }
    assert!(clinic.server().peak_memory_kib() < before + MEMORY_SLACK_KIB);
    others_are_served(&clinic);
}

#[test]
fn a_body_beyond_the_limit_is_refused_before_it_is_read_whole() {
    let clinic = Clinic::open();
    let before = clinic.server().peak_memory_kib();
    // Said beforehand: refused on the header alone.
    let mut stream = raw(clinic.server().http);
    let head = format!(
        "POST /fhir/Patient HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/fhir+json\r\nContent-Length: 8000000000\r\n\r\n",
        clinic.token()
    );
    stream.write_all(head.as_bytes()).expect("written");
    let answer = read_answer(&mut std::io::BufReader::new(stream), "POST").expect("an answer");
    assert_eq!(answer.status, 413, "{}", answer.text());
    diagnostics(&answer);

    // Not said: chunk after chunk until the box has had enough.
    let mut stream = raw(clinic.server().http);
    let head = head.replace("Content-Length: 8000000000", "Transfer-Encoding: chunked");
    stream.write_all(head.as_bytes()).expect("written");
    let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat();
    let sent = (0..4_000).take_while(|_| stream.write_all(&chunk).is_ok()).count();
    assert!(sent < 4_000, "250 MiB went in");
    assert!(clinic.server().peak_memory_kib() < before + MEMORY_SLACK_KIB);
    others_are_served(&clinic);
}

#[test]
fn a_client_that_is_still_sending_hears_why_it_is_refused() {
    let clinic = Clinic::open();
    let body = vec![b' '; 8 << 20];
    let json = [("Content-Type", "application/fhir+json")];
    clinic.https().send("POST", "/fhir/Patient", &json, &body).expect(401);
    clinic.https().bearer(&clinic.token()).send("POST", "/fhir/Nothing", &json, &body).expect(404);
    let large = vec![b' '; 48 << 20];
    clinic.https().bearer(&clinic.token()).send("POST", "/fhir/Patient", &json, &large).expect(413);
    clinic.http().send("POST", "/fhir/Patient", &json, &body).expect(401);
}

#[test]
fn a_peer_that_dribbles_its_request_is_let_go() {
    let clinic = impatient();
    let mut slow: Vec<TcpStream> = (0..50).map(|_| raw(clinic.server().http)).collect();
    for stream in &mut slow {
        stream.write_all(b"GET /health HT").expect("written");
    }
    let mut body = raw(clinic.server().http);
    let head = format!(
        "POST /fhir/Patient HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/fhir+json\r\nContent-Length: 1000\r\n\r\n{{\"resourceType\":",
        clinic.token()
    );
    body.write_all(head.as_bytes()).expect("written");
    others_are_served(&clinic);
    for stream in slow {
        closed_within(stream, Duration::from_secs(10));
    }
    let answer = closed_within(body, Duration::from_secs(10));
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert_eq!(count(&clinic, "Patient"), 1, "only the other client's record is there");
}

#[test]
fn a_request_cut_in_the_middle_stores_nothing() {
    let clinic = Clinic::open();
    let body = sample::transaction("Cutter", "T-1", 20).to_string();
    for part in [1, 10, 50, 90, 99] {
        let mut stream = raw(clinic.server().http);
        let head = format!(
            "POST /fhir HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/fhir+json\r\nContent-Length: {}\r\n\r\n",
            clinic.token(),
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("written");
        stream.write_all(&body.as_bytes()[..body.len() * part / 100]).expect("written");
    }
    others_are_served(&clinic);
    assert_eq!((count(&clinic, "Patient"), count(&clinic, "Observation")), (1, 0));
}

#[test]
fn a_bundle_broken_in_the_middle_names_the_entry_and_stores_nothing() {
    let clinic = Clinic::open();
    let whole = sample::transaction("Middle", "T-2", 20);
    let nowhere = json!("urn:uuid:00000000-dead-4000-8000-000000000000");
    type Break = fn(&mut Value, Value);
    let table: [(&str, Break); 3] = [
        ("a reference to no entry", |entry, nowhere| entry["resource"]["subject"]["reference"] = nowhere),
        ("a wrong type", |entry, _| entry["resource"]["status"] = json!(7)),
        ("an unknown element", |entry, _| entry["resource"]["colour"] = json!("blue")),
    ];
    for (what, break_it) in table {
        let mut bundle = whole.clone();
        break_it(&mut bundle["entry"][11], nowhere.clone());
        let answer = clinic.fhir().post_fhir("/fhir", &bundle);
        assert!((400..500).contains(&answer.status), "{what}: {}", answer.text());
        let outcome = answer.json();
        assert_eq!(outcome["resourceType"], "OperationOutcome", "{what}");
        assert!(outcome.to_string().contains("entry[11]"), "{what} is located: {outcome}");
        assert_eq!((count(&clinic, "Patient"), count(&clinic, "Observation")), (0, 0), "{what}");
    }
    clinic.fhir().post_fhir("/fhir", &whole).expect(200);
    assert_eq!((count(&clinic, "Patient"), count(&clinic, "Observation")), (1, 20));
}

#[test]
fn a_frame_without_an_end_is_refused_at_the_limit_and_costs_bounded_memory() {
    // So patient that only the limit can bring the answer.
    let clinic = configured("[hl7]\nframe_kib = 1024\nidle_seconds = 120\n");
    let before = clinic.server().peak_memory_kib();
    let mut endless = clinic.mllp();
    endless.write(b"\x0bMSH|^~\\&|LIS|LAB|||20260203||ORU^R01|ENDLESS|P|2.5.1\r").expect("written");
    let piece = [b'A'; 0x10000];
    for _ in 0..17 {
        endless.write(&piece).expect("a piece more than the limit goes in");
    }
    endless.patience(Duration::from_secs(60));
    let answer = endless.read_ack().expect("an answer before the end");
    assert_eq!((answer.code.as_str(), answer.control_id.as_str()), ("AR", "ENDLESS"), "{}", answer.text);
    // It may be listened to for longer, but nothing of it is kept.
    let _ = (0..4_000).take_while(|_| endless.write(&piece).is_ok()).count();
    assert!(clinic.server().peak_memory_kib() < before + MEMORY_SLACK_KIB);
    others_are_served(&clinic);
    assert_eq!(clinic.mllp().send(&sample::oru("AFTER", "88120", "Sathe", "Uma", "99")).code, "AA");
}

#[test]
fn a_lab_that_stops_in_the_middle_of_a_frame_is_let_go_and_others_are_heard() {
    let clinic = impatient();
    let mut stuck = raw(clinic.server().mllp);
    stuck.write_all(b"\x0bMSH|^~\\&|LIS|LAB|||2026").expect("written");
    let mut idle = clinic.mllp();
    assert_eq!(clinic.mllp().send(&sample::oru("BESIDE", "88120", "Sathe", "Uma", "99")).code, "AA");
    closed_within(stuck, Duration::from_secs(15));
    // Between frames a lab may be silent for as long as it likes.
    assert_eq!(idle.send(&sample::oru("LATER", "88120", "Sathe", "Uma", "98")).code, "AA");
}

#[test]
fn a_message_that_cannot_be_read_is_answered_and_the_connection_goes_on() {
    let clinic = Clinic::open();
    let mut lab = clinic.mllp();
    let table: [(&str, &[u8], &[&str]); 4] = [
        ("no header", b"PID|1||88120", &["AR"]),
        ("binary", &[0xff, 0xfe, 0x00, 0x41, 0x80], &["AR"]),
        ("an unknown type", b"MSH|^~\\&|LIS|LAB|||20260203||ZZZ^Z99|H-1|P|2.5.1\r", &["AR"]),
        ("no patient", b"MSH|^~\\&|LIS|LAB|||20260203||ORU^R01|H-2|P|2.5.1\rOBX|1|NM|1||2\r", &["AE", "AR"]),
    ];
    for (what, message, codes) in table {
        let ack = lab.try_send(message).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert!(codes.contains(&ack.code.as_str()), "{what}: {}", ack.text);
        assert!(ack.text.contains("\rERR|"), "{what} is explained: {}", ack.text);
    }
    assert_eq!(lab.send(&sample::oru("GOOD", "88120", "Sathe", "Uma", "97")).code, "AA");
}

#[test]
fn no_path_leads_out_of_the_web_ui_or_into_the_data_folder() {
    let clinic = Clinic::open();
    let key_slots = std::fs::read(clinic.data().join("slots")).expect("a slot file");
    let paths = [
        "/../slots",
        "/../../../../etc/passwd",
        "/assets/../../slots",
        "/assets/..%2f..%2fslots",
        "/%2e%2e/%2e%2e/slots",
        "/assets/%252e%252e/slots",
        "/assets/..\\..\\slots",
        "//etc/passwd",
        "/assets//etc/passwd",
        "/assets/%00slots",
        "/fhir/Patient/../../slots",
        "/fhir/Patient/..%2f..%2fslots",
        "/fhir/..%2fPatient/1",
    ];
    for path in paths {
        let answer = clinic.fhir().send("GET", path, &[], b"");
        let body = answer.body.as_slice();
        assert!(!body.windows(5).any(|w| w == b"root:"), "{path} shows a file of the system");
        assert!(
            !body.windows(16).any(|w| key_slots.windows(16).any(|k| k == w)),
            "{path} shows the key slots"
        );
        assert!(answer.status < 500, "{path}: {}", answer.status);
    }
    others_are_served(&clinic);
}

#[test]
fn ten_thousand_idle_connections_cost_bounded_memory_and_nobody_notices() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised).expect("may open more files");
    assert!(
        limit.maximum.is_none_or(|m| m > 11_000),
        "this machine allows only {:?} open files",
        limit.maximum
    );

    let clinic = Clinic::open();
    let before = clinic.server().memory_kib();
    let addresses = [clinic.server().http, clinic.server().https, clinic.server().mllp];
    let mut idle = Vec::with_capacity(10_000);
    let began = Instant::now();
    for i in 0..10_000 {
        // One that the box does not take any more is as idle as one that it holds.
        idle.extend(TcpStream::connect_timeout(&addresses[i % 3], Duration::from_millis(200)));
        assert!(began.elapsed() < Duration::from_secs(120), "{} connections in two minutes", idle.len());
    }
    let patience = Instant::now();
    others_are_served(&clinic);
    let lab = clinic.mllp().send(&sample::oru("CROWD", "88120", "Sathe", "Uma", "96"));
    assert_eq!(lab.code, "AA");
    assert!(patience.elapsed() < Duration::from_secs(10), "waited {:?}", patience.elapsed());
    let grown = clinic.server().memory_kib().saturating_sub(before);
    assert!(grown < 200 * 1024, "{} KiB more for {} connections", grown, idle.len());
    drop(idle);
    others_are_served(&clinic);
}
