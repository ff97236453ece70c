//! A simulated analyser at real sockets and a pseudo-terminal, into a real vault.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clinicvault_gateway::astm::Settings;
use clinicvault_gateway::astm::frame::{self, ACK, Decoder, ENQ, EOT, Event, NAK, split};
use clinicvault_gateway::fhir::bundle;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::json::{self, Limits, Value};
use jiff::tz::TimeZone;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::serial::{Flow, Parity, Port, Setting};
use super::{Analyser, Lines, News, tcp};
use crate::config::Hl7;
use crate::exchange::row::State;
use crate::exchange::settle::Settlement;
use crate::exchange::view::{InboxMessage, InboxRow, Wanted};
use crate::exchange::{Exchange, Rules};
use crate::records::access::{Role, Who};
use crate::records::testing::{Room, caller, person};
use crate::records::transaction;

/// How long the other end may take; nothing is measured.
const PATIENCE: Duration = Duration::from_secs(30);

struct Lab {
    room: Room,
    exchange: Exchange,
    lines: Lines,
    news: Arc<Mutex<Vec<News>>>,
}

fn meter() -> Analyser {
    Analyser {
        name: "Meter".to_owned(),
        channel: "meter".to_owned(),
        speech: Some(Settings::default()),
        sample: 1,
        query_sample: 2,
        days: 7,
        charset: None,
        codes: Vec::new(),
        queries: true,
        names: false,
    }
}

impl Lab {
    /// A clinic with two patients, and an order for potassium of sample S-1 for the first one.
    async fn open(analyser: Analyser) -> Self {
        let room = Room::empty();
        let rules = Rules::new(&Hl7::default(), TimeZone::get("Asia/Kolkata").unwrap());
        let exchange = Exchange::new(room.records.clone(), rules);
        let news = Arc::new(Mutex::new(Vec::new()));
        let (to, heard) = (exchange.clone(), news.clone());
        let lines = Lines {
            analyser: Arc::new(analyser),
            door: Arc::new(move || Some(to.clone())),
            tell: Arc::new(move |one| heard.lock().unwrap().push(one)),
        };
        let lab = Self { room, exchange, lines, news };
        lab.put(
            r#"{"resourceType":"Patient","id":"uma","identifier":[{"system":"urn:clinicvault:patient-number","value":"NC-000001"}],
                "name":[{"family":"Sathe","given":["Uma"]}],"gender":"female","birthDate":"1968-03-14"}"#,
        )
        .await;
        lab.put(r#"{"resourceType":"Patient","id":"ravi","name":[{"family":"Rao","given":["Ravi"]}]}"#).await;
        lab.order("k", "uma", "S-1", "K").await;
        lab
    }

    async fn put(&self, resource: &str) {
        let resource = json::parse(resource.as_bytes(), &Limits::default()).unwrap();
        let url = format!("{}/{}", resource.str("resourceType").unwrap(), resource.str("id").unwrap());
        let request = json::Object::new().with("method", "PUT").with("url", url);
        let entry = json::Object::new().with("resource", resource).with("request", request);
        let whole = json::Object::new()
            .with("resourceType", "Bundle")
            .with("type", "transaction")
            .with("entry", vec![Value::from(entry)]);
        let bundle = bundle::parse(whole.into(), 10).unwrap();
        let rules = transaction::Rules { check_references: true, representation: false, skip_broken: false };
        self.room.records.transaction(&caller(Who::Operator), bundle, rules).await.unwrap();
    }

    async fn order(&self, id: &str, patient: &str, sample: &str, code: &str) {
        self.put(&format!(
            r#"{{"resourceType":"ServiceRequest","id":"{id}","status":"active","intent":"order","priority":"stat",
                "identifier":[{{"system":"urn:lab","value":"{sample}"}}],"authoredOn":"2026-11-21T09:00:00+05:30",
                "subject":{{"reference":"Patient/{patient}"}},
                "code":{{"coding":[{{"system":"urn:x-astm:Meter","code":"{code}"}}],"text":"{code}"}}}}"#
        ))
        .await;
    }

    /// A listener for the analyser, and the analyser's end of a connection to it.
    async fn connected(&self) -> Meter<TcpStream> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let lines = self.lines.clone();
        #[allow(clippy::disallowed_methods)]
        tokio::spawn(tcp::listen(listener, |_| true, lines, std::future::pending()));
        Meter { stream: TcpStream::connect(address).await.unwrap() }
    }

    fn rows(&self) -> Vec<InboxRow> {
        self.exchange.list(&person(Role::Doctor).who, &Wanted::default()).unwrap().rows
    }

    async fn newest(&self) -> InboxMessage {
        self.exchange.drain().await.unwrap();
        self.exchange.detail(&person(Role::Doctor).who, self.rows()[0].seq).unwrap()
    }

    fn all(&self, kind: &str) -> Vec<Value> {
        use crate::records::search::Asked;
        use clinicvault_gateway::fhir::search::Handling;
        let kind = ResourceType::parse(kind).unwrap();
        let asked = Asked { kind, parameters: &[], handling: Handling::Strict, most_rows: 50 };
        let page = self.room.records.search(&caller(Who::Operator), &asked).unwrap();
        page.rows.iter().map(|row| json::parse(&row.body, &Limits::default()).unwrap()).collect()
    }
}

/// The analyser's end of a line.
struct Meter<S> {
    stream: S,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Meter<S> {
    async fn byte(&mut self) -> u8 {
        let mut one = [0];
        timeout(PATIENCE, self.stream.read_exact(&mut one)).await.expect("an answer in time").unwrap();
        one[0]
    }

    /// Writes and answers what comes back.
    async fn asks(&mut self, bytes: &[u8]) -> u8 {
        self.stream.write_all(bytes).await.unwrap();
        self.byte().await
    }

    /// A whole session; every frame is taken.
    async fn sends(&mut self, records: &[&str]) {
        assert_eq!(self.asks(&[ENQ]).await, ACK);
        for frame in split(records.iter().map(|r| r.as_bytes()), 240) {
            assert_eq!(self.asks(&frame::write(&frame)).await, ACK);
        }
        self.stream.write_all(&[EOT]).await.unwrap();
    }

    /// The records of a session of the host.
    async fn hears(&mut self) -> Vec<String> {
        assert_eq!(self.byte().await, ENQ);
        self.stream.write_all(&[ACK]).await.unwrap();
        let (mut decoder, mut text) = (Decoder::new(64_000), Vec::new());
        loop {
            let byte = [self.byte().await];
            match decoder.take(&mut &byte[..]) {
                Some(Event::Frame(frame)) => {
                    text.extend(frame.text);
                    self.stream.write_all(&[ACK]).await.unwrap();
                }
                Some(Event::Eot) => break,
                Some(other) => panic!("{other:?}"),
                None => {}
            }
        }
        String::from_utf8(text).unwrap().split_terminator('\r').map(str::to_owned).collect()
    }
}

fn result(sample: &str, value: &str, status: &str, sent: &str) -> [String; 5] {
    [
        format!("H|\\^&|||Meter^7|||||||P|LIS2-A2|20261121{sent}"),
        "P|1".to_owned(),
        format!("O|1|{sample}||^^^K|R||20261121090500"),
        format!("R|1|^^^K|{value}|mmol/L|3.5-5.1|H||{status}||||20261121{sent}"),
        "L|1|N".to_owned(),
    ]
}

fn texts(records: &[String; 5]) -> [&str; 5] {
    records.each_ref().map(String::as_str)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_finds_its_order_and_its_patient_by_the_sample() {
    let lab = Lab::open(meter()).await;
    let mut meter = lab.connected().await;
    meter.sends(&texts(&result("S-1", "6.1", "P", "101500"))).await;
    let view = lab.newest().await;
    assert_eq!((view.row.state, view.row.title.key.as_str()), ("applied", "testResult"));
    assert_eq!((view.kind.as_str(), view.answered.as_deref()), ("LIS2-A2", Some("ACK")));
    assert_eq!(view.patient.unwrap().id, "uma");
    let names: Vec<&str> = view.segments.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["H", "P", "O", "R", "L"]);
    let value = &view.segments[3].fields[2];
    assert_eq!((value.number, value.text.as_str(), value.end - value.start), (4, "6.1", 3));
    let observation = |at: usize| lab.all("Observation")[at].clone();
    let text =
        |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap().to_owned();
    assert_eq!(text(&observation(0), "/subject/reference"), "Patient/uma");
    assert_eq!(text(&observation(0), "/basedOn/0/reference"), "ServiceRequest/k");
    assert_eq!(text(&observation(0), "/status"), "preliminary");
    assert_eq!(lab.all("ServiceRequest").len(), 1, "the clinic's order stands in place of the analyser's");
    // Final, then a preliminary one that was late, then a correction.
    for (value, status, sent, expected) in [
        ("5.9", "F", "102000", ("5.9", "final")),
        ("6.1", "P", "102500", ("5.9", "final")),
        ("4.9", "C", "103000", ("4.9", "corrected")),
    ] {
        meter.sends(&texts(&result("S-1", value, status, sent))).await;
        let view = lab.newest().await;
        assert_eq!(view.row.state, "applied");
        assert_eq!(view.warnings.iter().any(|w| w.contains("keeps the final one")), sent == "102500");
        assert_eq!(lab.all("Observation").len(), 1);
        let stored =
            observation(0).pointer("/valueQuantity/value").unwrap().as_number().unwrap().as_str().to_owned();
        assert_eq!((stored.as_str(), text(&observation(0), "/status").as_str()), expected);
    }
    // The same bytes once more leave no second row.
    let before = lab.rows().len();
    meter.sends(&texts(&result("S-1", "4.9", "C", "103000"))).await;
    assert_eq!(lab.rows().len(), before);
    assert!(lab.news.lock().unwrap().contains(&News::Repeated(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_that_nobody_ordered_waits_for_a_person() {
    let lab = Lab::open(meter()).await;
    let mut meter = lab.connected().await;
    meter.sends(&texts(&result("S-9", "6.1", "F", "101500"))).await;
    let view = lab.newest().await;
    assert_eq!((view.row.state, view.held.unwrap().reason.as_str()), ("held", "unknownSample"));
    assert!(lab.all("Observation").is_empty());
    let doctor = person(Role::Doctor).who;
    assert!(lab.exchange.settle(&doctor, view.row.seq, Settlement::New).is_err(), "nobody is named");
    let assign = Settlement::Assign { patient: "ravi".into(), remember: false };
    assert_eq!(lab.exchange.settle(&doctor, view.row.seq, assign).unwrap(), State::Applied);
    let subject =
        lab.all("Observation")[0].pointer("/subject/reference").and_then(Value::as_str).unwrap().to_owned();
    assert_eq!(subject, "Patient/ravi");
    // The number may have begun anew: another final result under it is not that patient's.
    meter.sends(&texts(&result("S-9", "3.0", "F", "181500"))).await;
    assert_eq!(lab.newest().await.row.state, "held");
    // A correction is.
    meter.sends(&texts(&result("S-9", "6.3", "C", "182000"))).await;
    assert_eq!(lab.newest().await.row.state, "applied");
    // A number with the orders of two patients leads to neither.
    lab.order("k2", "ravi", "S-1", "K").await;
    meter.sends(&texts(&result("S-1", "6.1", "F", "190000"))).await;
    let view = lab.newest().await;
    let held = view.held.unwrap();
    assert_eq!((held.reason.as_str(), held.candidates.len()), ("conflict", 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn quality_control_and_cut_messages_reach_no_record() {
    let lab = Lab::open(meter()).await;
    let mut meter = lab.connected().await;
    let control = result("S-1", "4.0", "F", "080000");
    let header = control[0].replace("||P|LIS2", "||Q|LIS2");
    meter.sends(&[&header, &control[1], &control[2], &control[3], &control[4]]).await;
    let view = lab.newest().await;
    assert_eq!((view.row.state, view.row.title.key.as_str()), ("dismissed", "qualityControl"));
    let whole = result("S-1", "6.1", "F", "101500");
    meter.sends(&texts(&whole)[..4]).await;
    let began = std::time::Instant::now();
    while lab.rows().len() < 2 {
        assert!(began.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let view = lab.newest().await;
    assert_eq!(view.row.state, "refused");
    assert!(view.error.unwrap().reason.contains("before its L record"));
    assert!(lab.all("Observation").is_empty());
    // Sent again, it is taken.
    meter.sends(&texts(&whole)).await;
    assert_eq!(lab.newest().await.row.state, "applied");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_analyser_asks_and_is_told_what_is_ordered() {
    let lab = Lab::open(meter()).await;
    lab.order("na", "uma", "S-1", "Na").await;
    let mut meter = lab.connected().await;
    meter.sends(&["H|\\^&|||Meter^7", "Q|1|^S-1||ALL||||||||O", "L|1|N"]).await;
    let answer = meter.hears().await;
    assert!(answer[0].starts_with("H|\\^&|||CLINICVAULT|||||Meter||P|LIS2-A2|"), "{answer:?}");
    assert_eq!(
        answer[1..],
        ["P|1|NC-000001|||||19680314|F", "O|1|S-1||^^^K\\^^^Na|S||||||N||||||||||||||O", "L|1|N"]
    );
    for (question, end) in [("Q|1|^S-7||ALL||||||||O", "L|1|I"), ("Q|1|ALL", "L|1|Q")] {
        meter.sends(&["H|\\^&|||Meter^7", question, "L|1|N"]).await;
        let answer = meter.hears().await;
        assert_eq!((answer.len(), answer[1].as_str()), (2, end), "{question}");
    }
    // What a final report answers is not told again.
    meter.sends(&texts(&result("S-1", "4.1", "F", "101500"))).await;
    assert_eq!(lab.newest().await.row.state, "applied");
    meter.sends(&["H|\\^&|||Meter^7", "Q|1|^S-1||ALL||||||||O", "L|1|N"]).await;
    assert_eq!(meter.hears().await[2], "O|1|S-1||^^^Na|S||||||N||||||||||||||O");
    assert_eq!(lab.rows().len(), 1, "questions leave no row");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_frame_is_refused_and_a_sealed_vault_is_busy() {
    let lab = Lab::open(meter()).await;
    let mut meter = lab.connected().await;
    assert_eq!(meter.asks(&[ENQ]).await, ACK);
    let frame = frame::write(&split([&b"H|\\^&|||Meter"[..]], 240)[0]);
    let mut damaged = frame.clone();
    damaged[4] ^= 1;
    assert_eq!(meter.asks(&damaged).await, NAK);
    assert_eq!(meter.asks(&frame).await, ACK);
    let sealed = Lines { door: Arc::new(|| None), ..lab.lines.clone() };
    let lab = Lab { lines: sealed, ..lab };
    assert_eq!(lab.connected().await.asks(&[ENQ]).await, NAK);
}

/// A pseudo-terminal: the analyser's end, and the path of the box's end.
fn terminal() -> (Port, PathBuf) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let path = ptsname(&master, Vec::new()).unwrap();
    rustix::fs::fcntl_setfl(&master, rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NONBLOCK).unwrap();
    (Port::of(master).unwrap(), PathBuf::from(path.to_str().unwrap()))
}

fn setting() -> Setting {
    Setting { baud: 9_600, data_bits: 8, parity: Parity::None, stop_bits: 1, flow: Flow::None }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_serial_line_is_spoken_as_a_socket_is() {
    let lab = Lab::open(meter()).await;
    let (master, device) = terminal();
    let port = Port::open(&device, &setting()).unwrap();
    let lines = lab.lines.clone();
    let name = device.display().to_string();
    #[allow(clippy::disallowed_methods)]
    tokio::spawn(async move { tcp::speak(port, &lines, super::Peer { wire: "serial", name }).await });
    let mut meter = Meter { stream: master };
    meter.sends(&texts(&result("S-1", "6.1", "F", "101500"))).await;
    let view = lab.newest().await;
    assert_eq!((view.row.state, view.transport), ("applied", "serial"));
    assert!(Port::open(std::path::Path::new("/dev/null"), &setting()).is_err(), "no serial port");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_print_out_waits_for_a_person_and_becomes_a_document() {
    let lab = Lab::open(Analyser { name: "Spotchem".into(), speech: None, ..meter() }).await;
    let mut printer = lab.connected().await;
    printer.stream.write_all(b"\x0226/11/21 13:08 ID# 7\r\nNa 131 mmol/L\x03\n").await.unwrap();
    let began = std::time::Instant::now();
    while lab.rows().is_empty() {
        assert!(began.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let view = lab.newest().await;
    assert_eq!((view.row.state, view.held.unwrap().reason.as_str()), ("held", "printout"));
    assert_eq!(view.answered, None);
    assert_eq!(view.segments[1].fields[0].text, "Na 131 mmol/L");
    let assign = Settlement::Assign { patient: "uma".into(), remember: false };
    let done = lab.exchange.settle(&person(Role::Doctor).who, view.row.seq, assign).unwrap();
    assert_eq!(done, State::Applied);
    assert!(lab.all("Observation").is_empty());
    let document = &lab.all("DocumentReference")[0];
    assert_eq!(document.pointer("/subject/reference").and_then(Value::as_str), Some("Patient/uma"));
}
