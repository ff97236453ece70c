//! A disk on which nothing more can be written: no message is acknowledged that is not stored, and none is lost.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use clinicvault_tests::canary::Dice;
use clinicvault_tests::{Clinic, Mllp, sample};

/// Messages that are tried while files may not grow; long before the last of them there is no room.
const MOST: u64 = 400;
/// Refusals that are enough.
const ENOUGH: usize = 5;

fn longest_file(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|p| if p.is_dir() { longest_file(&p) } else { p.metadata().unwrap().len() })
        .max()
        .unwrap_or(0)
}

/// The n-th message: a person of their own, and a note that needs room.
fn message(n: u64) -> String {
    let mut dice = Dice(n ^ 0xD15C);
    let (family, given, phone) = (dice.word(5), dice.word(5), format!("97{:08}", dice.below(100_000_000)));
    let note: String = (0..6_000).map(|_| dice.word(8)).collect();
    sample::adt("A04", &key(n), &key(n), &family, &given, &phone) + &format!("ZNO|1|{note}\r")
}

fn key(n: u64) -> String {
    format!("FULL{n}")
}

#[test]
fn a_full_disk_never_acknowledges_and_loses_nothing() {
    let mut clinic = Clinic::open();
    let mut acknowledged = BTreeSet::new();
    let mut refused = BTreeSet::new();
    assert_eq!(clinic.mllp().send(&message(0)).code, "AA");
    acknowledged.insert(0);
    clinic.server().limit_files(Some(longest_file(&clinic.data())));
    for n in 1..MOST {
        // The box may close the line instead of answering; it may not answer and keep it.
        let answer =
            Mllp::connect(clinic.server().mllp).and_then(|mut lab| lab.try_send(message(n).as_bytes()));
        match answer {
            Ok(ack) if ack.code == "AA" => {
                assert!(refused.is_empty() && acknowledged.insert(n), "{}", ack.text)
            }
            Ok(ack) => {
                assert!(ack.code == "AR" && ack.control_id == key(n), "{}", ack.text);
                refused.insert(n);
            }
            Err(_) => drop(refused.insert(n)),
        }
        if refused.len() == ENOUGH {
            break;
        }
    }
    assert_eq!(refused.len(), ENOUGH, "the files never became too long");
    let mut asking = sample::adt("A04", "FULLCA", "FULLCA", "Kale", "Uma", "9822000001");
    asking = asking.replacen("|P|2.5.1", "|P|2.5.1|||AL|NE", 1);
    let answer = Mllp::connect(clinic.server().mllp).and_then(|mut lab| lab.try_send(asking.as_bytes()));
    assert!(answer.as_ref().map_or(true, |ack| ack.code == "CR"), "{answer:?}");

    // Room again: what was acknowledged is there, and what was not is taken when it comes again.
    clinic.kill();
    clinic.start();
    let mut lab = clinic.mllp();
    for n in &refused {
        assert_eq!(lab.send(&message(*n)).code, "AA");
    }
    let mut fhir = clinic.fhir();
    let began = Instant::now();
    for n in acknowledged.iter().chain(&refused) {
        loop {
            let found =
                fhir.get(&format!("/fhir/Patient?identifier={}&_summary=count", key(*n))).expect(200).json();
            if found["total"] == 1 {
                break;
            }
            assert_eq!(found["total"], 0, "{}", key(*n));
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "{} was acknowledged and is not there",
                key(*n)
            );
            std::thread::sleep(Duration::from_millis(30));
        }
    }
    clinic.stop();
    clinic.cli_ok(&["verify"]);
}

#[test]
fn a_disk_that_takes_no_byte_more_never_acknowledges() {
    let mut clinic = Clinic::open();
    assert_eq!(clinic.mllp().send(&message(0)).code, "AA");
    // As on a file system that was put to read-only after an error: no write succeeds, wherever it goes.
    clinic.server().limit_files(Some(0));
    for n in 1..=3 {
        let asked = if n == 2 { message(n).replacen("|P|2.5.1", "|P|2.5.1|||AL|NE", 1) } else { message(n) };
        let answer = Mllp::connect(clinic.server().mllp).and_then(|mut lab| lab.try_send(asked.as_bytes()));
        let refused = answer.as_ref().map_or(true, |ack| matches!(ack.code.as_str(), "AR" | "CR"));
        assert!(refused, "{answer:?}");
    }
    clinic.kill();
    clinic.start();
    let mut lab = clinic.mllp();
    assert_eq!([0, 1].map(|n| lab.send(&message(n)).code), ["AA", "AA"]);
    clinic.stop();
    clinic.cli_ok(&["verify"]);
}
