//! What arrives by itself: the live feed of the screens, sockets and lists of subscriptions. As everywhere here two boxes
//! are compared; their listeners are there before anything is written.

use std::time::{Duration, Instant};

use clinicvault_tests::socket::Socket;
use clinicvault_tests::{Clinic, Http, Person};
use serde_json::{Value, json};

use super::callers;
use super::house::{self, Record};
use super::{compare, furnished};

const PATIENCE: Duration = Duration::from_secs(60);

/// Both patients, and every type of which somebody may see less than all.
const TOPICS: [&str; 16] = [
    "observation",
    "task",
    "composition",
    "documentreference",
    "list",
    "questionnaireresponse",
    "medicationrequest",
    "binary",
    "device",
    "group",
    "patient",
    "consent",
    "provenance",
    "condition",
    "diagnosticreport",
    "encounter",
];

fn result(id: &str, category: &str, patient: &str) -> Value {
    let system = "http://terminology.hl7.org/CodeSystem/observation-category";
    json!({"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "late"},
        "category": [{"coding": [{"system": system, "code": category}]}],
        "subject": {"reference": format!("Patient/{patient}")}})
}

fn put(fhir: &mut Http, body: &Value) {
    let path = format!("/fhir/{}/{}", body["resourceType"].as_str().unwrap(), body["id"].as_str().unwrap());
    let answer = fhir.put_fhir(&path, body);
    assert!(matches!(answer.status, 200 | 201), "{path}: {}", answer.text());
}

/// What the feed tells this role from the first change on, up to the last.
fn heard(role: &str, sees: fn(&Record) -> bool, full: bool) -> Vec<Value> {
    let (clinic, _) = furnished(&house::records(), &callers::PATIENTS_ONLY, |record| full || sees(record));
    let person = clinic.staff("someone", &[role]);
    let address = clinic.server().http;
    let origin = format!("http://{address}");
    let headers = [("Cookie", person.cookie()), ("Origin", origin.as_str())];
    let mut socket = Socket::open(address, "/api/events?since=1", &headers).unwrap().unwrap();
    socket.send(&json!({"subscribe": {"patients": ["a", "b"], "topics": TOPICS}}).to_string()).unwrap();
    let mut told = Vec::new();
    let mut next = |until: &str, told: &mut Vec<Value>| loop {
        let mut message = socket.message().unwrap().expect("the feed is open");
        let over = message["id"] == until;
        message["tx"] = json!("TX");
        told.push(message);
        if over {
            return;
        }
    };
    let mut fhir = clinic.fhir();
    // The first is told from the log, what follows as it happens.
    put(&mut fhir, &result("first", "laboratory", "a"));
    next("first", &mut told);
    if full {
        put(&mut fhir, &result("hidden", "vital-signs", "b"));
        put(&mut fhir, &result("nobodys", "vital-signs", "nobody"));
        let task = json!({"resourceType": "Task", "id": "hidden", "status": "requested", "intent": "order",
            "for": {"reference": "Patient/b"}});
        put(&mut fhir, &task);
    }
    put(&mut fhir, &result("last", "laboratory", "b"));
    next("last", &mut told);
    // What comes while the log is read may be told twice, which does no harm.
    told.dedup();
    told
}

#[test]
fn the_live_feed_tells_a_laboratory_nothing_of_vital_signs() {
    let [full, twin] = [true, false].map(|full| heard("lab", callers::LAB.sees, full));
    assert_eq!(full, twin);
    assert!(full.iter().any(|message| message["id"] == "lab-b"), "{full:?}");
}

#[test]
fn the_live_feed_tells_a_nurse_nothing_of_papers_outside_her_care() {
    let sees = |record: &Record| (callers::NURSE.sees)(record);
    let told = |full: bool| {
        let mut told = heard("nurse", sees, full);
        // A nurse sees vital signs; these two are written in one box only.
        told.retain(|message| {
            message["id"] != "nobodys" && message["id"] != "hidden" || message["kind"] == "Task"
        });
        told
    };
    assert_eq!(told(true), told(false));
}

/// Who is told by subscriptions: with these rights, and perhaps with a patient who says no to them.
struct Watcher {
    scope: &'static str,
    refusing: Option<&'static str>,
    /// The last patient that it is told of.
    patient: &'static str,
    sees: fn(&Record) -> bool,
}

impl Watcher {
    /// The last record that each subscription is told of.
    fn last(&self) -> [&'static str; 4] {
        ["Observation/last", "Observation/last", self.patient, "Group/last"]
    }
}

const NARROW: Watcher = Watcher {
    scope: "system/Subscription.cruds system/Observation.rs?category=laboratory system/Patient.rs?_id=a system/Group.rs",
    refusing: None,
    patient: "Patient/a",
    sees: callers::ONE_PATIENT_AND_GROUPS.sees,
};

const REFUSED: Watcher = Watcher {
    scope: "system/*.rs system/Subscription.cruds",
    refusing: Some("b"),
    patient: "Patient/last",
    sees: callers::SHUT_OUT.sees,
};

const CRITERIA: [(&str, &str); 4] = [
    ("Observation", "full-resource"),
    ("Observation?status=final", "id-only"),
    ("Patient?gender=female", "full-resource"),
    ("Group?type=person", "id-only"),
];

fn subscription(id: &str, criteria: &str, content: &str) -> Value {
    let url = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content";
    json!({"resourceType": "Subscription", "id": id, "status": "requested", "reason": "x", "criteria": criteria,
        "channel": {"type": "websocket", "payload": "application/fhir+json",
            "_payload": {"extension": [{"url": url, "valueCode": content}]}}})
}

/// The number of each event in a bundle, with what it names.
fn events(bundle: &Value) -> Vec<(String, String)> {
    let parameters = bundle["entry"][0]["resource"]["parameter"].as_array().cloned().unwrap_or_default();
    let event = |one: &Value| {
        let part = |name: &str| one["part"].as_array()?.iter().find(|part| part["name"] == name).cloned();
        let number = part("event-number")?["valueString"].as_str()?.to_owned();
        let focus =
            part("focus").and_then(|focus| Some(focus["valueReference"]["reference"].as_str()?.to_owned()));
        let focus = focus.unwrap_or_default();
        Some((number, focus.rsplit("/fhir/").next().unwrap_or_default().to_owned()))
    };
    parameters.iter().filter(|one| one["name"] == "notification-event").filter_map(event).collect()
}

/// All that a watcher gets to know, by sockets and by asking; also of another's subscription.
fn known(watcher: &Watcher, full: bool) -> Value {
    let clinic = Clinic::open();
    let mut wide = clinic.fhir();
    let token = clinic.new_token(watcher.scope);
    let mut narrow = clinic.http().bearer(&token);
    if let Some(patient) = watcher.refusing {
        let mut no = house::wish(patient);
        let of = json!({"system": "urn:clinicvault:client", "value": newest_token(&mut clinic.owner(), watcher.scope)});
        let actor = json!([{"role": {"coding": [{"code": "IRCP"}]}, "reference": {"identifier": of}}]);
        no["provision"] = json!({"provision": [{"type": "deny", "actor": actor}]});
        put(&mut wide, &no);
    }
    for (at, (criteria, content)) in CRITERIA.iter().enumerate() {
        put(&mut narrow, &subscription(&format!("own{at}"), criteria, content));
        put(&mut wide, &subscription(&format!("wide{at}"), criteria, content));
    }
    let mut socket = listening(&clinic, &token, "own");
    // Somebody listens to the others, too, or they would wait.
    let _theirs = listening(&clinic, &clinic.token(), "wide");
    for parameter in house::own_parameters() {
        wide.post_fhir("/fhir/SearchParameter", &parameter).expect(201);
    }
    let all = house::records();
    all.iter().filter(|record| full || (watcher.sees)(record)).for_each(|record| record.put(&mut wide));
    if full {
        // Records change their owners' sight as well: what was seen is no more.
        let mut moved = result("moved", "vital-signs", "b");
        put(&mut wide, &moved);
        moved["note"] = json!([{"text": "Zmarkmoved"}]);
        put(&mut wide, &moved);
        wide.delete("/fhir/Observation/moved").expect(204);
    }
    put(&mut wide, &result("last", "laboratory", "a"));
    put(&mut wide, &json!({"resourceType": "Patient", "id": "last", "gender": "female"}));
    put(&mut wide, &json!({"resourceType": "Group", "id": "last", "type": "person", "actual": true}));
    let mut told = heard_by(&mut socket, watcher);
    let mut asked = Vec::new();
    for (at, last) in watcher.last().iter().enumerate() {
        until_counted(&mut wide, at, last);
        for path in
            ["", "/_history", "/$status", "/$events", "/$events?content=full-resource&eventsSinceNumber=2"]
        {
            for whose in ["own", "wide"] {
                let answer = narrow.get(&format!("/fhir/Subscription/{whose}{at}{path}"));
                asked.push(json!([path, whose, compare::plain(&answer)]));
            }
        }
    }
    asked.push(compare::plain(&narrow.get("/fhir/Subscription/$status")));
    asked.push(compare::plain(&narrow.get("/fhir/Subscription?_total=accurate&_sort=_id")));
    compare::settle(&mut told);
    json!({"told": told, "asked": asked})
}

fn newest_token(owner: &mut Person<'_>, scope: &str) -> String {
    let tokens = owner.get("/api/tokens").expect(200).json();
    let tokens = tokens["tokens"].as_array().expect("a list").clone();
    let token = tokens.iter().rev().find(|token| token["scope"] == scope).expect("the token");
    token["id"].as_str().expect("an id").to_owned()
}

/// A socket that is bound to these, once they are active, and to none of the others.
fn listening(clinic: &Clinic, token: &str, whose: &str) -> Socket {
    let authorization = format!("Bearer {token}");
    let headers = [("Authorization", authorization.as_str())];
    let mut socket = Socket::open(clinic.server().http, "/fhir/_notifications", &headers).unwrap().unwrap();
    let mut http = clinic.fhir();
    for at in 0..CRITERIA.len() {
        let path = format!("/fhir/Subscription/{whose}{at}");
        let began = Instant::now();
        while http.get(&path).expect(200).json()["status"] != "active" {
            assert!(began.elapsed() < PATIENCE, "{path} never becomes active");
            std::thread::sleep(Duration::from_millis(20));
        }
        let other = if whose == "own" { "wide" } else { "own" };
        socket.send(&format!("bind {other}{at}")).unwrap();
        assert!(socket.text().unwrap().unwrap().starts_with("error"), "another's subscription was bound");
        socket.send(&format!("bind {whose}{at}")).unwrap();
        assert_eq!(socket.text().unwrap().unwrap(), format!("bound {whose}{at}"));
        socket.message().unwrap().expect("a handshake");
    }
    socket
}

/// What one subscription was told: numbers and focus of its events, and the records with them.
type Told = (Vec<(String, String)>, Vec<Value>);

/// What each subscription was told, until each has been told of its last.
fn heard_by(socket: &mut Socket, watcher: &Watcher) -> Value {
    let mut told: Vec<Told> = vec![Default::default(); CRITERIA.len()];
    let began = Instant::now();
    let over = |told: &[Told]| {
        told.iter()
            .zip(watcher.last())
            .all(|((events, _), last)| events.iter().any(|(_, focus)| focus == last))
    };
    while !over(&told) {
        assert!(began.elapsed() < PATIENCE, "not everything was told: {told:?}");
        let bundle = socket.message().unwrap().expect("an open socket");
        let of = bundle["entry"][0]["resource"]["parameter"][0]["valueReference"]["reference"].to_string();
        let at: usize = of.trim_matches('"').rsplit("own").next().unwrap().parse().unwrap();
        told[at].0.extend(events(&bundle));
        let records = bundle["entry"].as_array().unwrap().iter().skip(1);
        told[at].1.extend(records.filter_map(|entry| entry.get("resource")).cloned());
    }
    json!(told)
}

/// Waits until both subscriptions of one kind have found their last.
fn until_counted(wide: &mut Http, at: usize, last: &str) {
    for whose in ["own", "wide"] {
        let began = Instant::now();
        loop {
            let all = wide.get(&format!("/fhir/Subscription/{whose}{at}/$events")).expect(200).json();
            let found = events(&all);
            if found.iter().any(|(_, focus)| focus == last) {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "{whose}{at} never finds {last}: {found:?}");
            std::thread::sleep(Duration::from_millis(30));
        }
    }
}

fn compared(watcher: &Watcher) {
    let (full, twin) = std::thread::scope(|scope| {
        let twin = scope.spawn(|| known(watcher, false));
        (known(watcher, true), twin.join().expect("a twin"))
    });
    for (one, other) in full["asked"].as_array().unwrap().iter().zip(twin["asked"].as_array().unwrap()) {
        assert_eq!(one, other);
    }
    assert_eq!(full["told"], twin["told"]);
    let text = full.to_string();
    for record in house::records().iter().filter(|record| !(watcher.sees)(record)) {
        assert!(!text.contains(&format!("{}<", record.word())), "{}", record.name());
    }
}

#[test]
fn a_subscription_tells_and_counts_only_what_its_owners_scopes_reach() {
    compared(&NARROW);
}

#[test]
fn a_subscription_tells_and_counts_nothing_of_a_patient_who_says_no() {
    compared(&REFUSED);
}
