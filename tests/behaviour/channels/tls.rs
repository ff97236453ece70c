//! MLLP over TLS: the box's certificate or a given one, and peers that are known by their certificates.

use clinicvault_tests::mllp::Identity;
use clinicvault_tests::{Clinic, Http, Mllp, sample};
use serde_json::json;

use super::{address, create, put, wait_until};

#[test]
fn only_the_peer_whose_certificate_is_pinned_gets_in() {
    let clinic = Clinic::open();
    let mut owner = clinic.owner();
    let (known, stranger) = (Identity::make("lab"), Identity::make("lab"));
    let document = json!({"name": "lab", "source": {"kind": "mllp", "address": "127.0.0.1:0",
        "tls": {"peers": [{"name": "City lab", "fingerprint": known.fingerprint()}]}}});
    create(&mut owner, &document);
    let at = address(&mut owner, "lab");
    let ca = clinic.cli_ok(&["ca"]);
    let message = sample::adt("A04", "T-1", "88120", "Sathe", "Uma", "9822012345");
    let mut lab = Mllp::connect_tls(at, &ca, Some(&known)).unwrap();
    assert_eq!(lab.send(&message).code, "AA");
    for wrong in [Some(&stranger), None] {
        let sent = Mllp::connect_tls(at, &ca, wrong).and_then(|mut peer| peer.try_send(message.as_bytes()));
        assert!(sent.is_err(), "{sent:?}");
    }
    let mut plain = Mllp::connect(at).unwrap();
    assert!(plain.try_send(message.as_bytes()).is_err(), "clear text is no way in");
    let sent =
        Mllp::connect_tls(at, &ca, Some(&stranger)).and_then(|mut peer| peer.try_send(message.as_bytes()));
    assert!(sent.is_err());
    let line = wait_until(&mut owner, "lab", |line| {
        line["trouble"].as_str().is_some_and(|why| why.contains(&stranger.fingerprint()))
    });
    assert!(line["peers"][0]["ends"].is_string(), "when the lab's certificate ends is shown: {line}");
    assert_eq!(line["counts"]["received"], 1);
}

#[test]
fn a_certificate_of_the_clinics_own_choice_is_shown() {
    let clinic = Clinic::open();
    let mut owner = clinic.owner();
    let document = json!({"name": "lab", "source": {"kind": "mllp", "address": "127.0.0.1:0", "tls": {"certificate": "hospital"}}});
    create(&mut owner, &document);
    let failed = super::wait_for(&mut owner, "lab", "failed");
    assert!(failed["reason"].as_str().unwrap().contains("hospital.crt"), "{failed}");
    let given = Identity::make("localhost");
    std::fs::write(clinic.data().join("tls/hospital.crt"), given.certificate()).unwrap();
    std::fs::write(clinic.data().join("tls/hospital.key"), given.key()).unwrap();
    let mut again = document.clone();
    again["source"]["idleSeconds"] = json!(11);
    put(&mut owner, &again, Some(1)).expect(200);
    let at = address(&mut owner, "lab");
    let mut lab = Mllp::connect_tls(at, given.certificate(), None).unwrap();
    assert_eq!(lab.send(&sample::adt("A04", "T-1", "88120", "Sathe", "Uma", "9822012345")).code, "AA");
    assert!(super::line(&mut owner, "lab")["certificateEnds"].is_string());
}

#[test]
fn a_program_over_http_shows_its_pinned_certificate_besides_its_token() {
    let clinic = Clinic::open();
    let mut owner = clinic.owner();
    let token = json!({"name": "lab", "scope": "system/Patient.r", "ttlHours": 1});
    let made = owner.post("/api/tokens", &token).expect(201).json();
    let (known, stranger, ended) =
        (Identity::make("lab"), Identity::make("lab"), Identity::ended("lab", 2020));
    let peers = [&known, &ended].map(|one| json!({"name": "City lab", "fingerprint": one.fingerprint()}));
    let source =
        |peers: &[serde_json::Value]| json!({"kind": "http", "tokens": [made["id"]], "peers": peers});
    create(&mut owner, &json!({"name": "lab", "source": source(&peers)}));
    create(&mut owner, &json!({"name": "open", "source": source(&[])}));
    let (at, ca) = (clinic.server().https, clinic.cli_ok(&["ca"]));
    let message = sample::adt("A04", "T-1", "88120", "Sathe", "Uma", "9822012345");
    let typed = [("Content-Type", "application/hl7-v2")];
    let bearer = made["token"].as_str().unwrap();
    let send = |http: Http, to: &str| {
        let answer = http.bearer(bearer).send("POST", &format!("/hl7/v2/{to}"), &typed, message.as_bytes());
        (answer.status, answer.text())
    };
    for wrong in [Some(&stranger), Some(&ended), None] {
        let (status, text) = send(Http::tls_as(at, &ca, wrong), "lab");
        assert_eq!(status, 403, "{text}");
        assert!(text.contains("source.peers"), "{text}");
    }
    assert_eq!(send(clinic.http(), "lab").0, 403, "clear text shows nothing");
    let line = wait_until(&mut owner, "lab", |line| line["trouble"].is_string());
    assert_eq!(line["counts"]["received"], 0, "{line}");
    let (status, text) = send(Http::tls_as(at, &ca, Some(&known)), "lab");
    assert!(status == 200 && text.contains("MSA|AA"), "{status} {text}");
    let line = super::line(&mut owner, "lab");
    assert!(line["peers"][0]["ends"].is_string(), "{line}");
    // The token is needed all the same, and nobody else has to show anything.
    let anybody = Http::tls_as(at, &ca, Some(&known));
    assert_eq!(anybody.bearer("no-such").send("POST", "/hl7/v2/lab", &typed, b"MSH|").status, 401);
    assert_eq!(send(Http::tls_as(at, &ca, Some(&stranger)), "open").0, 200);
    assert_eq!(clinic.https().get("/fhir/metadata").status, 200);
    // A fingerprint that is none is refused when it is written.
    let wrong = json!({"name": "bad", "source": source(&[json!({"fingerprint": "ab"})])});
    let headers = [("Content-Type", "application/json")];
    let told =
        owner.http.send("PUT", "/api/channels/bad", &headers, wrong.to_string().as_bytes()).expect(422);
    assert!(told.text().contains("source.peers[0].fingerprint"), "{}", told.text());
}
