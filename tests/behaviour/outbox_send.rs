//! Messages sent from the command line, in clear text and over TLS.

use clinicvault_tests::mllp::Identity;
use clinicvault_tests::sink::Act;
use clinicvault_tests::{Clinic, Sink, sample};
use serde_json::json;

#[test]
fn a_file_is_sent_and_a_listener_prints_it() {
    let clinic = Clinic::create();
    let his = Sink::plain();
    his.will(&[Act::Answer("AA"), Act::Answer("AE"), Act::Answer("AA")]);
    let message = |id: &str| format!("MSH|^~\\&|A|B|C|D|20261122||ADT^A04|{id}|P|2.5.1\rPID|1||7||DOE\r");
    let file = clinic.scratch().join("two.hl7");
    std::fs::write(&file, format!("{}{}", message("S1"), message("S2"))).unwrap();
    let run = |to: &str| {
        let mut command = clinicvault_tests::binary::clinicvault();
        command.args(["hl7", "send", file.to_str().unwrap(), "--to", to]).output().unwrap()
    };
    let sent = run(&his.address.to_string());
    let printed = String::from_utf8_lossy(&sent.stdout).into_owned();
    assert_eq!(sent.status.code(), Some(1), "{printed}");
    assert!(
        printed.contains("S1: AA") && printed.contains("S2: AE") && printed.contains("MSA|AE|S2"),
        "{printed}"
    );
    assert_eq!(run("nowhere").status.code(), Some(2));

    let mut listener = clinicvault_tests::binary::clinicvault();
    let mut listener = listener
        .args(["hl7", "listen", "--port", "0", "--count", "2"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut printed = std::io::BufReader::new(listener.stdout.take().unwrap());
    let mut first = String::new();
    std::io::BufRead::read_line(&mut printed, &mut first).unwrap();
    let to = first.trim().rsplit(' ').next().unwrap().to_owned();
    let sent = run(&to);
    assert_eq!(sent.status.code(), Some(0), "{}", String::from_utf8_lossy(&sent.stdout));
    assert!(listener.wait().unwrap().success());
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut printed, &mut rest).unwrap();
    assert!(rest.contains("message 2 from") && rest.contains("  PID|1||7||DOE"), "{rest}");
}

#[test]
fn over_tls_a_file_goes_to_whom_it_may_trust_and_shows_who_sends_it() {
    let clinic = Clinic::open();
    let mut owner = clinic.owner();
    let (known, stranger) = (Identity::make("lab"), Identity::make("lab"));
    let document = json!({"name": "lab", "source": {"kind": "mllp", "address": "127.0.0.1:0",
        "tls": {"peers": [{"name": "City lab", "fingerprint": known.fingerprint()}]}}});
    crate::outbox_forwarding::create(&mut owner, &document);
    let to = crate::outbox_forwarding::address(&mut owner, "lab").to_string();
    let write = |name: &str, text: &str| {
        let path = clinic.scratch().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let file = write("one.hl7", &sample::adt("A04", "T-1", "88120", "Sathe", "Uma", "9822012345"));
    let ca = write("ca.pem", &clinic.cli_ok(&["ca"]));
    let (cert, key) = (write("lab.crt", known.certificate()), write("lab.key", known.key()));
    let (other, other_key) = (write("other.crt", stranger.certificate()), write("other.key", stranger.key()));
    let send = |more: &[&str]| {
        let mut command = clinicvault_tests::binary::clinicvault();
        command.args(["hl7", "send", &file, "--to", &to, "--timeout", "10"]).args(more).output().unwrap()
    };
    let printed = |out: &std::process::Output| {
        format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
    };
    let done = send(&["--ca", &ca, "--name", "localhost", "--cert", &cert, "--key", &key]);
    assert!(done.status.code() == Some(0) && printed(&done).contains("T-1: AA"), "{}", printed(&done));
    for refused in [
        &["--ca", &ca, "--name", "localhost"][..],
        &["--ca", &ca, "--name", "localhost", "--cert", &other, "--key", &other_key],
        &["--ca", &cert, "--name", "localhost", "--cert", &cert, "--key", &key],
        &["--ca", &ca, "--name", "elsewhere.example", "--cert", &cert, "--key", &key],
    ] {
        let out = send(refused);
        assert_eq!(out.status.code(), Some(1), "{refused:?} {}", printed(&out));
        assert!(!printed(&out).contains("T-1: AA"), "{}", printed(&out));
    }
    assert_eq!(send(&["--cert", &cert]).status.code(), Some(2), "a certificate needs its key");

    let sink = crate::outbox_destinations::tls_sink(&known);
    let pinned = |pin: &str| {
        let mut command = clinicvault_tests::binary::clinicvault();
        command
            .args(["hl7", "send", &file, "--to", &sink.address.to_string(), "--pin", pin])
            .output()
            .unwrap()
    };
    let done = pinned(&known.fingerprint());
    assert_eq!(done.status.code(), Some(0), "{}", printed(&done));
    let out = pinned(&stranger.fingerprint());
    assert!(out.status.code() == Some(1) && printed(&out).contains("TLS"), "{}", printed(&out));
    assert_eq!(pinned("nonsense").status.code(), Some(2));
    assert_eq!(sink.got().len(), 1);
}
