//! The clinic's own medicines and lists of telemedicine: in force at once, named in what is signed, never able to change it.

use clinicvault_tests::Person;
use serde_json::{Value, json};

use crate::consult::{open, staff, turn};
use crate::papers::{begun, doctor, lines, path};

const OWN: &str = "/api/formulary/own";
const LISTS: &str = "/api/telemedicine-lists";

fn tonic() -> Value {
    json!({ "name": "tulsi tonic", "abbreviations": ["tulsi"], "class": "cough", "forms": ["syp"], "unit": "ml", "common": true })
}

fn read(who: &mut Person<'_>, line: &str) -> Result<Value, Value> {
    let answer = who.post("/api/prescriptions/parse", &json!({ "line": line }));
    if answer.status == 200 { Ok(answer.json()) } else { Err(answer.expect(422).json()) }
}

#[test]
fn an_own_medicine_is_known_at_once_and_never_changes_what_was_signed() {
    let mut clinic = open(&[]);
    let signed = {
        let mut owner = clinic.owner();
        let mut meera = doctor(&clinic, &mut owner, "meera");
        let mut desk = staff(&clinic, &mut owner, "sanjana", "reception");
        let none = meera.get(OWN).expect(200).json();
        assert_eq!((none["revision"].as_u64(), &none["own"]), (Some(0), &Value::Null), "{none}");
        assert!(read(&mut meera, "tulsi 5ml bd 3d").is_err());

        // What is wrong is said, a change of somebody else's is not lost, and only the owner makes one.
        let change = |revision: u64, medicines: Value| json!({ "revision": revision, "own": { "medicines": medicines } });
        let mut bad = tonic();
        bad["forms"] = json!(["brick"]);
        let refused = owner.put(OWN, &change(0, json!([bad]))).expect(422).json();
        assert!(refused["error"]["message"].as_str().unwrap().contains("tulsi tonic"), "{refused}");
        meera.put(OWN, &change(0, json!([tonic()]))).expect(403);
        let kept = owner.put(OWN, &change(0, json!([tonic()]))).expect(200).json();
        assert_eq!(
            (kept["revision"].as_u64(), kept["version"].as_str().unwrap().starts_with("clinic 1 over")),
            (Some(1), true)
        );
        owner.put(OWN, &change(0, json!([]))).expect(409);
        assert_eq!(read(&mut meera, "tulsi 5ml bd 3d").unwrap()["generic"], "TULSI TONIC");
        let known = meera.get("/api/formulary").expect(200).json();
        assert_eq!(known["medicines"][0]["name"], "tulsi tonic", "the clinic's own first");

        // Signed with it, then it is gone: the paper, its order and its end stay what they were.
        let patient = desk.register("Sunita Gaikwad", "7000045518", "medicines-1");
        let live = begun(&mut desk, &mut meera, &patient, "medicines-ask");
        let mut kept = lines(0, &["tulsi 5ml bd 3d"]);
        kept["prescription"]["classified"] =
            json!([{ "medicine": "TULSI TONIC", "list": "O", "reason": "a tonic" }]);
        meera.put(&path(&live, "prescription"), &kept).expect(200);
        let password = Person::own_password("meera");
        let signed = meera
            .post(&path(&live, "sign"), &json!({ "prescription": 1, "password": password }))
            .expect(200)
            .json();
        let paper = signed["signed"][0]["id"].as_str().unwrap().to_owned();
        turn(&mut meera, &live["id"], "complete", json!({}), "ACTIVE");
        let order = clinic.fhir().get(&format!("/fhir/MedicationRequest/{paper}-1")).expect(200).json();
        let document = clinic.fhir().get(&format!("/fhir/DocumentReference/{paper}")).expect(200).json();
        let bytes = document["content"][0]["attachment"]["data"].as_str().unwrap();
        let sheet: Value =
            serde_json::from_slice(&data_encoding::BASE64.decode(bytes.as_bytes()).unwrap()).unwrap();
        assert!(sheet["checkedWith"].as_str().unwrap().starts_with("formulary clinic 1 over"), "{sheet}");
        owner.put(OWN, &json!({ "revision": 1, "own": null })).expect(200);
        assert!(read(&mut meera, "tulsi 5ml bd 3d").is_err());
        let printed = meera.get(&path(&live, &format!("documents/{paper}/pdf")));
        assert!(matches!(printed.status, 200 | 503), "{}", printed.text());
        let cancel = json!({ "version": 2, "reason": "no need", "password": password });
        meera.post(&path(&live, "prescription/cancel"), &cancel).expect(200);
        let ended = clinic.fhir().get(&format!("/fhir/MedicationRequest/{paper}-1")).expect(200).json();
        assert_eq!(
            (ended["status"].as_str(), &ended["dosageInstruction"]),
            (Some("cancelled"), &order["dosageInstruction"])
        );
        owner.put(OWN, &json!({ "revision": 2, "own": { "medicines": [tonic()] } })).expect(200);
        paper
    };

    // A power cut later it is still known.
    clinic.kill();
    clinic.start();
    let mut meera = Person::still_there(&clinic, "meera").expect("her session");
    assert!(read(&mut meera, "tulsi 5ml bd 3d").is_ok(), "{signed}");
    assert_eq!(meera.get(OWN).expect(200).json()["revision"], 3);
}

#[test]
fn newer_lists_of_telemedicine_decide() {
    let clinic = open(&[]);
    let mut owner = clinic.owner();
    let mut meera = doctor(&clinic, &mut owner, "meera");
    let mut desk = staff(&clinic, &mut owner, "sanjana", "reception");
    let patient = desk.register("Tukaram Pawar", "7000041208", "lists-key-1");
    let live = begun(&mut desk, &mut meera, &patient, "lists-key-ask");
    let kept = |version: u64, meera: &mut Person<'_>| {
        meera.put(&path(&live, "prescription"), &lines(version, &["para 500 tds 3d"])).expect(200).json()
    };
    assert_eq!(kept(0, &mut meera)["hindrance"], Value::Null);

    let box_own = owner.get(LISTS).expect(200).json();
    assert_eq!((box_own["now"]["version"].as_str(), &box_own["own"]), (Some("2020-03-25"), &Value::Null));
    let pack = json!({ "version": "2026-12", "citations": [{ "key": "g", "text": "Gazette of 1 December 2026" }],
        "entries": [{ "name": "paracetamol", "list": "prohibited", "cite": "g" }] });
    let mut unnamed = pack.clone();
    unnamed["entries"][0]["cite"] = json!("h");
    owner.put(LISTS, &json!({ "revision": 0, "own": unnamed })).expect(422);
    meera.put(LISTS, &json!({ "revision": 0, "own": pack })).expect(403);
    let now = owner.put(LISTS, &json!({ "revision": 0, "own": pack })).expect(200).json();
    assert_eq!(now["now"]["version"], "2026-12");
    let stopped = kept(1, &mut meera);
    assert!(stopped["hindrance"].as_str().unwrap().contains("Gazette"), "{stopped}");
    owner.put(LISTS, &json!({ "revision": 1, "own": null })).expect(200);
    assert_eq!(kept(2, &mut meera)["hindrance"], Value::Null);
}
