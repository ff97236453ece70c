//! MLLP over TLS: the box's certificate or a given one, and peers that are known by their certificates.

use clinicvault_tests::mllp::Identity;
use clinicvault_tests::{Clinic, Mllp, sample};
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
