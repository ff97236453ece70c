//! The room of a consultation as browsers see it: tickets, presence, chat, coming back, the call's first offer.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use clinicvault_tests::socket::Socket;
use clinicvault_tests::{Clinic, Http, Person};
use serde_json::{Value, json};

use crate::consult::{account, ask, doctor, online, open, staff, turn};
use crate::portal::browser;

/// A clinic in which a consultation waits for its doctor.
struct Scene<'a> {
    owner: Person<'a>,
    meera: Person<'a>,
    desk: Person<'a>,
    sunita: Http,
    cookie: String,
    patient: Value,
    id: String,
}

fn scene<'a>(clinic: &'a Clinic, key: &str) -> Scene<'a> {
    let mut owner = clinic.owner();
    let mut meera = doctor(clinic, &mut owner, "meera", &["hi"]);
    online(&mut meera);
    let mut desk = staff(clinic, &mut owner, "sanjana", "reception");
    let patient = desk.register("Sunita Gaikwad", "7000045518", &format!("room-{key}-form"));
    let (sunita, cookie) = patient_of(clinic, &mut desk, &patient);
    let asked = ask(&mut desk, &patient, &format!("room-{key}-ask"));
    assert_eq!(asked["state"], "WAITING");
    let id = asked["id"].as_str().unwrap().to_owned();
    Scene { owner, meera, desk, sunita, cookie, patient, id }
}

/// The browser of a patient who came in by a link, and its cookie.
fn patient_of(clinic: &Clinic, desk: &mut Person<'_>, patient: &Value) -> (Http, String) {
    let path = format!("/api/patients/{}/join-link", patient["id"].as_str().unwrap());
    let link = desk.post(&path, &json!({})).expect(201).json();
    let year: u16 = patient["birthDate"].as_str().unwrap()[..4].parse().unwrap();
    let mut http = browser(clinic);
    let answer = http.post("/api/join", &json!({ "token": link["token"], "birthYear": year })).expect(204);
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    (http.with("Cookie", &cookie), cookie)
}

impl Scene<'_> {
    fn doctors_ticket(&mut self) -> String {
        let path = format!("/api/consultations/{}/ticket", self.id);
        text(&self.meera.post(&path, &json!({ "device": "desk-1" })).expect(201).json()["ticket"])
    }

    fn patients_ticket(&mut self) -> String {
        // A connection that was idle for long is closed by the box; what changes nothing finds out and opens another.
        self.sunita.get("/api/portal").expect(200);
        let path = format!("/api/portal/consultations/{}/ticket", self.id);
        text(&self.sunita.post(&path, &json!({ "device": "phone-1" })).expect(201).json()["ticket"])
    }

    fn doctor_in(&mut self) -> Guest {
        let ticket = self.doctors_ticket();
        let hello = hello(&self.id, &ticket, "desk-1");
        Guest::come(self.meera.clinic(), self.meera.cookie(), &hello)
    }

    fn patient_in(&mut self) -> Guest {
        self.patient_back(None)
    }

    fn patient_back(&mut self, seen: Option<(&str, u64)>) -> Guest {
        let ticket = self.patients_ticket();
        let mut hello = hello(&self.id, &ticket, "phone-1");
        if let Some((epoch, seen)) = seen {
            (hello["epoch"], hello["seen"]) = (json!(epoch), json!(seen));
        }
        Guest::come(self.meera.clinic(), &self.cookie.clone(), &hello)
    }

    fn start(&mut self) {
        let id = json!(self.id);
        turn(&mut self.desk, &id, "identity", json!({ "how": "known" }), "WAITING");
        turn(&mut self.desk, &id, "consent", json!({ "form": "tick" }), "WAITING");
        turn(&mut self.meera, &id, "start", json!({}), "WAITING");
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn hello(id: &str, ticket: &str, device: &str) -> Value {
    json!({ "type": "hello", "v": 1, "consultation": id, "ticket": ticket, "device": device })
}

fn connect(clinic: &Clinic, cookie: &str) -> Socket {
    let address = clinic.server().http;
    let origin = format!("http://{address}");
    let headers = [("Cookie", cookie), ("Origin", origin.as_str())];
    Socket::open(address, "/api/room", &headers).unwrap().unwrap_or_else(|status| panic!("{status}"))
}

/// How the box answers a first message: with a welcome, or a code.
fn tried(clinic: &Clinic, cookie: &str, hello: &Value) -> Result<Socket, Option<u16>> {
    let mut socket = connect(clinic, cookie);
    socket.send(&hello.to_string()).unwrap();
    match socket.message().unwrap() {
        Some(_) => Ok(socket),
        None => Err(socket.code()),
    }
}

/// Somebody in the room.
struct Guest {
    socket: Socket,
    welcome: Value,
    seen: u64,
}

impl Guest {
    fn come(clinic: &Clinic, cookie: &str, hello: &Value) -> Guest {
        let mut socket = connect(clinic, cookie);
        socket.send(&hello.to_string()).unwrap();
        let welcome = socket.message().unwrap().unwrap_or_else(|| panic!("closed: {:?}", socket.code()));
        assert_eq!(welcome["type"], "welcome", "{welcome}");
        let seen = match welcome["resumed"] == true {
            true => hello["seen"].as_u64().unwrap(),
            false => welcome["n"].as_u64().unwrap(),
        };
        Guest { socket, welcome, seen }
    }

    fn say(&mut self, message: &Value) {
        self.socket.send(&message.to_string()).unwrap();
    }

    /// The next message; the numbers of events have no gap and no repeat.
    fn next(&mut self) -> Option<Value> {
        let message = self.socket.message().unwrap()?;
        if message["type"] == "event" {
            assert_eq!(message["n"], self.seen + 1, "{message}");
            self.seen += 1;
        }
        Some(message)
    }

    /// The next message that is meant.
    #[track_caller]
    fn until(&mut self, meant: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let message = self.next().unwrap_or_else(|| panic!("closed: {:?}", self.socket.code()));
            if meant(&message) {
                return message;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "not said in time");
        }
    }

    #[track_caller]
    fn event(&mut self, kind: &str) -> Value {
        self.until(|message| message["event"]["kind"] == kind)["event"].clone()
    }

    /// Reads until the box closes; the code.
    fn closed(&mut self) -> Option<u16> {
        while self.next().is_some() {}
        self.socket.code()
    }
}

fn chat(key: &str, text: &str) -> Value {
    json!({ "type": "chat", "key": key, "text": text })
}

#[test]
fn a_ticket_counts_once_and_for_nothing_else() {
    let clinic = open(&[]);
    let mut scene = scene(&clinic, "ticket");
    let id = scene.id.clone();
    let own = scene.meera.cookie().to_owned();
    let path = format!("/api/consultations/{id}/ticket");
    let device = json!({ "device": "desk-1" });
    // Who takes no part gets none.
    scene.desk.post(&path, &device).expect(403);
    scene.sunita.post(&path, &device).expect(403);
    let mut imran = doctor(&clinic, &mut scene.owner, "imran", &["ta"]);
    imran.post(&path, &device).expect(403);
    let two = scene.desk.register("Tukaram Pawar", "7000041208", "room-ticket-two");
    let (mut tukaram, _) = patient_of(&clinic, &mut scene.desk, &two);
    tukaram.post(&format!("/api/portal/consultations/{id}/ticket"), &device).expect(404);
    tukaram.get(&format!("/api/portal/consultations/{id}/chat")).expect(404);
    scene.meera.post(&path, &json!({ "device": "a b" })).expect(422);

    // Made up, for another consultation, from another device, with another session, used: all answered alike.
    let made_up = "A".repeat(43);
    assert_eq!(tried(&clinic, &own, &hello(&id, &made_up, "desk-1")).err(), Some(Some(4401)));
    for (consultation, device) in [("another", "desk-1"), (id.as_str(), "desk-2")] {
        let ticket = scene.doctors_ticket();
        assert_eq!(tried(&clinic, &own, &hello(consultation, &ticket, device)).err(), Some(Some(4401)));
        assert_eq!(
            tried(&clinic, &own, &hello(&id, &ticket, "desk-1")).err(),
            Some(Some(4401)),
            "shown is gone"
        );
    }
    let ticket = scene.doctors_ticket();
    assert_eq!(tried(&clinic, &scene.cookie, &hello(&id, &ticket, "desk-1")).err(), Some(Some(4401)));
    let ticket = scene.doctors_ticket();
    assert!(tried(&clinic, &own, &hello(&id, &ticket, "desk-1")).is_ok());
    assert_eq!(tried(&clinic, &own, &hello(&id, &ticket, "desk-1")).err(), Some(Some(4401)));
    // Another version, nonsense, nothing.
    let ticket = scene.doctors_ticket();
    let mut newer = hello(&id, &ticket, "desk-1");
    newer["v"] = json!(2);
    assert_eq!(tried(&clinic, &own, &newer).err(), Some(Some(4400)));
    assert_eq!(tried(&clinic, &own, &json!([1])).err(), Some(Some(4400)));

    // Another site's page, no session.
    let address = clinic.server().http;
    let foreign = [("Cookie", own.as_str()), ("Origin", "https://evil.example")];
    let refused =
        |headers: &[(&str, &str)]| Socket::open(address, "/api/room", headers).unwrap().err().unwrap();
    assert!(refused(&foreign).contains("403"));
    let origin = format!("http://{address}");
    assert!(refused(&[("Origin", origin.as_str())]).contains("401"));
    assert!(refused(&[("Origin", origin.as_str()), ("Cookie", "__Host-cv=AAAA")]).contains("401"));

    // A session that ends takes its socket along.
    let mut doctor = scene.doctor_in();
    scene.meera.post("/api/logout", &json!({})).expect(204);
    assert_eq!(doctor.closed(), Some(4401));
}

#[test]
fn what_is_written_reaches_everybody_once_also_after_a_cut() {
    let clinic = open(&[]);
    let mut scene = scene(&clinic, "chat");
    let id = scene.id.clone();
    let mut patient = scene.patient_in();
    assert_eq!(patient.welcome["resumed"], false);
    assert_eq!(patient.welcome["consultation"]["doctor"]["name"], "Staff meera");
    let mut doctor = scene.doctor_in();
    assert_eq!(doctor.welcome["people"].as_array().unwrap().len(), 2, "{}", doctor.welcome);
    let came = patient.until(|m| m["event"]["person"]["part"] == "doctor");
    assert_eq!(came["event"]["person"]["here"], true);

    doctor.say(&chat("doctor-key-1", "Namaste. <b>Kya</b> takleef hai?"));
    let heard = patient.event("chat")["message"].clone();
    assert_eq!(
        (heard["no"].as_u64(), heard["text"].as_str()),
        (Some(1), Some("Namaste. <b>Kya</b> takleef hai?"))
    );
    assert_eq!((heard["name"].as_str(), heard["part"].as_str()), (Some("Staff meera"), Some("doctor")));
    assert_eq!(doctor.event("chat")["message"], heard, "who wrote it sees it when it is written down");
    // Sent again, as after a cut before the answer: written once. Another text under the key is refused.
    doctor.say(&chat("doctor-key-1", "Namaste. <b>Kya</b> takleef hai?"));
    doctor.say(&chat("doctor-key-1", "Something else"));
    let refused = doctor.until(|m| m["type"] == "refused");
    assert_eq!((refused["of"].as_str(), refused["key"].as_str()), (Some("chat"), Some("doctor-key-1")));
    for unfit in [chat("short", "a"), chat("doctor-key-2", "  "), chat("doctor-key-2", "a\u{0}b")] {
        doctor.say(&unfit);
        assert_eq!(doctor.until(|m| m["type"] == "refused")["code"], "unfit");
    }

    // The patient's line is cut; meanwhile the doctor writes.
    let (epoch, seen) = (text(&patient.welcome["epoch"]), patient.seen);
    drop(patient);
    let gone =
        doctor.until(|m| m["event"]["person"]["part"] == "patient" && m["event"]["person"]["here"] == false);
    assert_eq!(gone["event"]["person"]["name"], "Sunita Gaikwad");
    for n in 3..8 {
        doctor.say(&chat(&format!("doctor-key-{n}"), &format!("message {n}")));
    }
    doctor.until(|m| m["event"]["message"]["text"] == "message 7");
    let mut patient = scene.patient_back(Some((&epoch, seen)));
    assert_eq!(patient.welcome["resumed"], true);
    let mut missed = Vec::new();
    while missed.len() < 5 {
        missed.push(text(&patient.event("chat")["message"]["text"]));
    }
    assert_eq!(missed, (3..8).map(|n| format!("message {n}")).collect::<Vec<_>>());
    // Another room's number, or none: everything is told anew, and what was written is in the record.
    let mut stranger = scene.patient_back(Some(("room-of-before", 3)));
    assert_eq!((&stranger.welcome["resumed"], &stranger.welcome["chat"]), (&json!(false), &json!(6)));
    assert_eq!(patient.closed(), Some(4409), "who comes again replaces himself");
    stranger.say(&chat("patient-key-1", "Khansi"));
    stranger.event("chat");

    let path = format!("/api/portal/consultations/{id}/chat");
    let all = scene.sunita.get(&path).expect(200).json();
    let texts: Vec<&str> =
        all["messages"].as_array().unwrap().iter().map(|m| m["text"].as_str().unwrap()).collect();
    assert_eq!(texts.len(), 7);
    assert_eq!(
        (texts[0], texts[6], &all["more"]),
        ("Namaste. <b>Kya</b> takleef hai?", "Khansi", &json!(false))
    );
    let last = scene.meera.get(&format!("/api/consultations/{id}/chat?after=6")).expect(200).json();
    let last = &last["messages"][0];
    assert_eq!((last["no"].as_u64(), last["key"].as_str()), (Some(7), Some("patient-key-1")));
    assert_eq!((last["part"].as_str(), &last["by"]), (Some("patient"), &scene.patient["id"]));
    scene.desk.get(&format!("/api/consultations/{id}/chat")).expect(403);

    // In FHIR, for whoever may read it and nobody to write.
    let mut fhir = clinic.fhir();
    let found =
        fhir.get(&format!("/fhir/Communication?encounter=Encounter/{id}&_count=50")).expect(200).json();
    assert_eq!(found["total"].as_u64().unwrap_or(found["entry"].as_array().unwrap().len() as u64), 7);
    let one = fhir.get(&format!("/fhir/Communication/{id}.1")).expect(200).json();
    assert_eq!(one["sender"]["display"], "Staff meera");
    let mut bent = one.clone();
    bent["payload"][0]["contentString"] = json!("Something else");
    fhir.put_fhir(&format!("/fhir/Communication/{id}.1"), &bent).expect(405);
    let mut made_up = one.clone();
    made_up["id"] = json!(format!("{id}.99"));
    fhir.put_fhir(&format!("/fhir/Communication/{id}.99"), &made_up).expect(405);
}

#[test]
fn the_room_follows_the_consultation_to_its_end() {
    let clinic = open(&[]);
    let mut scene = scene(&clinic, "course");
    let id = scene.id.clone();
    let mut patient = scene.patient_in();
    let mut doctor = scene.doctor_in();
    // Who is in the room is there.
    patient.until(|m| m["event"]["kind"] == "standing");
    let view = scene.sunita.get(&format!("/api/portal/consultations/{id}")).expect(200).json();
    assert_eq!(view["arrived"], true);
    scene.start();
    patient.until(|m| m["event"]["consultation"]["state"] == "ACTIVE");
    // Both are there and only write.
    assert_eq!(patient.event("mode")["mode"], "chat");
    doctor.say(&json!({ "type": "phone", "on": true }));
    patient.until(|m| m["event"]["mode"] == "phone");
    patient.say(&json!({ "type": "phone", "on": false }));
    assert_eq!(patient.until(|m| m["type"] == "refused")["code"], "notTheirs");

    // A doctor who is asked to take it over comes in; who has handed it over goes.
    let mut imran = crate::consult::doctor(&clinic, &mut scene.owner, "imran", &["ta"]);
    online(&mut imran);
    let to = account(&mut scene.owner, "imran");
    turn(&mut scene.meera, &json!(id), "transfer", json!({ "to": to, "reason": "skin" }), "ACTIVE");
    assert_eq!(
        patient.until(|m| m["event"]["consultation"]["transfer"]["to"] == to.as_str())["type"],
        "event"
    );
    let path = format!("/api/consultations/{id}/ticket");
    let ticket = text(&imran.post(&path, &json!({ "device": "desk-3" })).expect(201).json()["ticket"]);
    let mut second = Guest::come(&clinic, imran.cookie(), &hello(&id, &ticket, "desk-3"));
    turn(&mut imran, &json!(id), "transfer/accept", json!({}), "ACTIVE");
    assert_eq!(doctor.closed(), Some(4403));
    patient.until(|m| m["event"]["consultation"]["doctor"]["name"] == "Staff imran");

    turn(&mut imran, &json!(id), "complete", json!({}), "ACTIVE");
    patient.until(|m| m["event"]["consultation"]["state"] == "COMPLETED");
    assert_eq!(patient.closed(), Some(4410));
    assert_eq!(second.closed(), Some(4410));
    imran.post(&path, &json!({ "device": "desk-3" })).expect(409);
    // The ways they were in touch stand in the record, and have ended with it.
    let began = Instant::now();
    loop {
        let seen = imran.get(&format!("/api/consultations/{id}/segments")).expect(200).json();
        let segments = seen["segments"].as_array().unwrap();
        let modes: Vec<&str> = segments.iter().map(|s| s["mode"].as_str().unwrap()).collect();
        if modes == ["chat", "phone"] && segments.iter().all(|s| s["until"].is_string()) {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{seen}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_call_is_offered_and_speech_is_agreed_to_by_each() {
    let clinic = open(&[]);
    let mut scene = scene(&clinic, "call");
    let id = scene.id.clone();
    let (mut patient, mut doctor) = (scene.patient_in(), scene.doctor_in());
    scene.start();
    assert_eq!(doctor.welcome["calls"], true);
    doctor.say(&json!({ "type": "signal", "signal": { "type": "restart" } }));
    assert_eq!(doctor.until(|m| m["type"] == "refused")["code"], "notInCall");
    for one in [&mut doctor, &mut patient] {
        one.say(&json!({ "type": "call", "join": true, "video": true }));
        let called = one.until(|m| m["type"] == "call");
        let welcome = one.until(|m| m["signal"]["type"] == "welcome");
        let offer = one.until(|m| m["signal"]["type"] == "offer");
        assert!(offer["signal"]["sdp"].as_str().unwrap().contains("m=audio"), "{offer}");
        assert_eq!((&called["peer"], &called["fresh"]), (&welcome["signal"]["you"], &json!(true)));
    }
    let seated =
        doctor.until(|m| m["event"]["person"]["part"] == "patient" && m["event"]["person"]["peer"].is_u64());
    assert_eq!(seated["event"]["person"]["up"], false);
    // Whoever looks after the box sees that two are in a call.
    let live = scene.owner.get("/api/live").expect(200).json();
    let both = json!({ "consultation": id, "people": 2, "inCall": 2, "heard": false, "recorded": false });
    assert_eq!(live["rooms"], json!([both]));
    assert!(live["machine"]["ownSeconds"].as_f64().unwrap() > 0.0, "{live}");
    scene.meera.get("/api/live").expect(403);
    // What the call refuses is said to whoever sent it, and the call goes on.
    doctor.say(&json!({ "type": "signal", "signal": { "type": "answer", "n": 77, "sdp": "v=0" } }));
    assert_eq!(doctor.until(|m| m["type"] == "refused")["of"], "signal");
    doctor.say(&json!({ "type": "signal", "signal": { "type": "fly" } }));
    assert_eq!(doctor.until(|m| m["type"] == "refused")["of"], "signal");

    // Each agrees for himself, and it stands in the record.
    let doctor_id = text(&doctor.welcome["you"]);
    doctor.say(&json!({ "type": "agree", "on": true }));
    let still = doctor.until(|m| {
        m["event"]["kind"] == "consent" && m["event"]["consent"]["missing"] == json!([scene.patient["id"]])
    });
    assert_eq!(still["event"]["consent"]["open"], false);
    patient.say(&json!({ "type": "agree", "on": true }));
    patient.until(|m| m["event"]["consent"]["missing"] == json!([]));
    patient.say(&json!({ "type": "agree", "on": false }));
    patient.until(|m| m["event"]["consent"]["missing"] == json!([scene.patient["id"]]));
    let mut fhir = clinic.fhir();
    let began = Instant::now();
    let taken_back = loop {
        let consent = fhir.get(&format!("/fhir/Consent/{id}.2")).expect(200).json();
        if consent["status"] == "inactive" || began.elapsed() > Duration::from_secs(10) {
            break consent;
        }
    };
    assert_eq!(taken_back["status"], "inactive");
    assert!(taken_back["provision"]["period"]["end"].is_string());
    let own = fhir.get(&format!("/fhir/Consent/{id}.1")).expect(200).json();
    assert_eq!(
        (&own["status"], &own["performer"][0]["identifier"]["value"]),
        (&json!("active"), &json!(doctor_id))
    );
    assert_eq!(own["category"][0]["coding"][0]["code"], "transcription");

    // The same browser comes back and goes on; whoever leaves gives the seat up.
    drop(patient);
    doctor.until(|m| m["event"]["person"]["here"] == false);
    let mut patient = scene.patient_in();
    patient.say(&json!({ "type": "call", "join": true, "video": true }));
    assert_eq!(patient.until(|m| m["type"] == "call")["fresh"], false);
    patient.until(|m| m["signal"]["type"] == "offer");
    patient.say(&json!({ "type": "leave" }));
    let left = doctor.event("left");
    assert_eq!((&left["id"], left["why"].as_str()), (&scene.patient["id"], Some("left")));
}

/// Blobs in the data folder of a clinic.
fn blobs(clinic: &Clinic) -> usize {
    std::fs::read_dir(clinic.data().join("blobs")).map_or(0, Iterator::count)
}

#[test]
fn a_clinic_that_does_not_record_refuses_to() {
    let clinic = open(&[]);
    let mut scene = scene(&clinic, "norecord");
    let mut doctor = scene.doctor_in();
    scene.start();
    assert_eq!(doctor.welcome["records"], false);
    for said in [json!({ "type": "record", "on": true }), json!({ "type": "agreeRecording", "on": true })] {
        doctor.say(&said);
        assert_eq!(doctor.until(|m| m["type"] == "refused")["code"], "notAllowed");
    }
}

#[test]
fn a_recording_waits_for_everybody_and_ends_with_the_first_who_takes_it_back() {
    let clinic = open(&[("calls.recording", "true")]);
    let mut scene = scene(&clinic, "record");
    let id = scene.id.clone();
    let (mut patient, mut doctor) = (scene.patient_in(), scene.doctor_in());
    scene.start();
    assert_eq!(doctor.welcome["records"], true);
    for one in [&mut doctor, &mut patient] {
        one.say(&json!({ "type": "call", "join": true, "video": true }));
        one.until(|m| m["type"] == "call");
    }
    patient.say(&json!({ "type": "record", "on": true }));
    assert_eq!(patient.until(|m| m["type"] == "refused")["code"], "notTheirs");
    doctor.say(&json!({ "type": "record", "on": true }));
    let waits = doctor.until(|m| m["event"]["recording"]["missing"] == json!([scene.patient["id"]]));
    assert_eq!(waits["event"]["recording"]["open"], false);
    // Agreeing to captions is nothing here.
    patient.say(&json!({ "type": "agree", "on": true }));
    patient.until(|m| m["event"]["person"]["agrees"] == true);
    patient.say(&json!({ "type": "agreeRecording", "on": true }));
    for one in [&mut doctor, &mut patient] {
        one.until(|m| m["event"]["recording"]["open"] == true);
    }
    patient.say(&json!({ "type": "agreeRecording", "on": false }));
    for one in [&mut doctor, &mut patient] {
        let ended = one.until(|m| m["event"]["recording"]["open"] == false);
        assert_eq!(ended["event"]["recording"]["asked"], false);
    }
    assert_eq!(blobs(&clinic), 0, "nobody said or showed anything");

    // Three consents: the patient's to captions, and one of each to the recording, the patient's taken back.
    let mut fhir = clinic.fhir();
    let began = Instant::now();
    let consents = loop {
        let found =
            fhir.get(&format!("/fhir/Consent?patient={}", text(&scene.patient["id"]))).expect(200).json();
        let mut all: Vec<(String, String)> = found["entry"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| &entry["resource"])
            .map(|one| {
                (
                    one["category"][0]["coding"][0]["code"].as_str().unwrap_or_default().to_owned(),
                    text(&one["status"]),
                )
            })
            .filter(|(code, _)| code == "recording" || code == "transcription")
            .collect();
        all.sort();
        if all.iter().any(|(_, status)| status == "inactive") || began.elapsed() > Duration::from_secs(10) {
            break all;
        }
    };
    let expected = [("recording", "active"), ("recording", "inactive"), ("transcription", "active")];
    assert_eq!(consents, expected.map(|(code, status)| (code.to_owned(), status.to_owned())));

    // Who sees what there is: nothing, in this call without media.
    let path = format!("/api/consultations/{id}/recordings");
    assert_eq!(scene.meera.get(&path).expect(200).json(), json!({ "recordings": [] }));
    assert_eq!(scene.owner.get(&path).expect(200).json(), json!({ "recordings": [] }));
    scene.desk.get(&path).expect(403);
    scene.sunita.get(&path).expect(403);
    let own = format!("/api/portal/consultations/{id}/recordings");
    assert_eq!(scene.sunita.get(&own).expect(200).json(), json!({ "recordings": [] }));
    let mut imran = crate::consult::doctor(&clinic, &mut scene.owner, "imran", &["ta"]);
    imran.get(&path).expect(403);
    imran.get(&format!("{path}/any")).expect(403);
    scene.owner.get(&format!("{path}/any")).expect(403);
    scene.meera.get(&format!("{path}/any")).expect(404);
    let two = scene.desk.register("Tukaram Pawar", "7000041208", "room-record-two");
    let (mut tukaram, _) = patient_of(&clinic, &mut scene.desk, &two);
    tukaram.get(&own).expect(404);
}

#[test]
fn who_floods_is_put_off_and_who_does_not_read_is_told_to_resume() {
    let clinic = open(&[]);
    let mut scene = scene(&clinic, "flood");
    let id = scene.id.clone();
    let mut doctor = scene.doctor_in();
    let candidate =
        json!({ "type": "signal", "signal": { "type": "candidate", "candidate": { "candidate": "x" } } });
    for _ in 0..400 {
        if doctor.socket.send(&candidate.to_string()).is_err() {
            break;
        }
    }
    assert_eq!(doctor.closed(), Some(4429));
    for wrong in [chat("doctor-key-1", &"x".repeat(20_000)), json!({ "type": "dance" })] {
        let mut doctor = scene.doctor_in();
        doctor.say(&wrong);
        assert_eq!(doctor.closed(), Some(4400), "{wrong:.40}");
    }
    let mut large = scene.doctor_in();
    let _ = large.socket.send(&"x".repeat(300_000));
    let refused = loop {
        match large.socket.message() {
            Ok(Some(_)) => {}
            Ok(None) => break large.socket.code() == Some(4400),
            Err(_) => break true,
        }
    };
    assert!(refused);

    // The patient stops reading; the doctor writes on until the box has enough of it.
    let patient = scene.patient_in();
    small_window(patient.socket.stream());
    let mut doctor = scene.doctor_in();
    let long = "क".repeat(3_900);
    // Whoever flooded gets his say back with time, not by coming in anew.
    std::thread::sleep(Duration::from_secs(6));
    let began = Instant::now();
    let mut sent = 0;
    'writing: for round in 0.. {
        for n in 0..30 {
            doctor.say(&chat(&format!("doctor-{round}-{n}"), &long));
            sent += 1;
        }
        for _ in 0..30 {
            let heard = doctor.until(|m| {
                m["event"]["kind"] == "chat"
                    || (m["event"]["person"]["part"] == "patient" && m["event"]["person"]["here"] == false)
            });
            if heard["event"]["kind"] == "person" {
                break 'writing;
            }
        }
        assert!(began.elapsed() < Duration::from_secs(90), "{sent} messages and the box still waits");
        std::thread::sleep(Duration::from_millis(500));
    }
    let (epoch, seen) = (text(&patient.welcome["epoch"]), patient.seen);
    drop(patient);
    // So much is beyond what the room keeps: it says so, and the record has it all.
    let mut patient = scene.patient_back(Some((&epoch, seen)));
    assert_eq!(patient.welcome["resumed"], false);
    let told = patient.welcome["chat"].as_u64().unwrap();
    assert!(told > 50, "{told}");
    let mut after = 0;
    loop {
        let page = scene
            .sunita
            .get(&format!("/api/portal/consultations/{id}/chat?after={after}"))
            .expect(200)
            .json();
        for message in page["messages"].as_array().unwrap() {
            after += 1;
            assert_eq!(message["no"], after);
        }
        if page["more"] == false {
            break;
        }
    }
    assert!(after >= told, "{after} {told}");
    doctor.say(&chat("doctor-key-end", "done"));
    patient.until(|m| m["event"]["message"]["text"] == "done");
}

/// So that the kernel takes little on behalf of whoever does not read.
fn small_window(stream: &TcpStream) {
    rustix::net::sockopt::set_socket_recv_buffer_size(stream, 4096).unwrap();
}
