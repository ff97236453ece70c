//! The plug is pulled while several senders send messages, and each sends again what was not answered, and now and then what
//! was: every message that was acknowledged is in the records exactly once, and none of them twice.
//!
//! `make kills` does it a thousand times; `CLINICVAULT_HL7_KILLS` says how often here, `CLINICVAULT_SEED` which chances.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clinicvault_tests::canary::Dice;
use clinicvault_tests::{Clinic, Http, Mllp, sample};
use serde_json::Value;

/// How often in an ordinary run.
const KILLS: u64 = 10;
/// Connections, each with one message under way.
const SENDERS: u64 = 6;
/// One in so many answered messages is sent again, as a sender does whose answer was lost.
const AGAIN: u64 = 7;

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// A registration of a person of its own: two who may be the same would wait for somebody to decide.
fn message(key: &str) -> String {
    let mut dice =
        Dice(key.bytes().fold(11, |sum: u64, b| sum.wrapping_mul(1_000_003).wrapping_add(b.into())));
    let (family, given) = (dice.word(6), dice.word(5));
    let phone = format!("96{:08}", dice.below(100_000_000));
    sample::adt("A04", key, key, &family, &given, &phone)
}

/// Sends until the plug is pulled; answers each message that was sent with whether it was acknowledged.
fn send(
    at: SocketAddr,
    name: &str,
    mut again: Vec<String>,
    stop: &AtomicBool,
    acked: &AtomicU64,
) -> BTreeMap<String, bool> {
    let mut ledger = BTreeMap::new();
    let Ok(mut lab) = Mllp::connect(at) else { return ledger };
    let mut answers: BTreeMap<String, String> = BTreeMap::new();
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let key = again.pop().unwrap_or_else(|| format!("K{name}x{n}"));
        ledger.entry(key.clone()).or_insert(false);
        let Ok(ack) = lab.try_send(message(&key).as_bytes()) else { break };
        assert_eq!((ack.code.as_str(), ack.control_id.as_str()), ("AA", key.as_str()), "{}", ack.text);
        if let Some(before) = answers.insert(key.clone(), ack.text.clone()) {
            assert_eq!(ack.text, before, "a repetition has the same answer");
        } else if n % AGAIN == 0 {
            again.push(key.clone());
        }
        ledger.insert(key, true);
        acked.fetch_add(1, Ordering::Relaxed);
    }
    ledger
}

#[test]
fn every_acknowledged_message_is_there_once_however_often_the_plug_is_pulled() {
    let kills = setting("CLINICVAULT_HL7_KILLS", KILLS);
    let seed = setting("CLINICVAULT_SEED", 20_260_206);
    let (mut dice, began) = (Dice(seed), Instant::now());
    let mut clinic = Clinic::open();
    let mut ledger: BTreeMap<String, bool> = BTreeMap::new();
    let acked = AtomicU64::new(0);
    for round in 0..kills {
        let (stop, before, at) =
            (AtomicBool::new(false), acked.load(Ordering::Relaxed), clinic.server().mllp);
        // What was not answered goes out again over another connection than before.
        let mut again: Vec<Vec<String>> = (0..SENDERS).map(|_| Vec::new()).collect();
        for (n, (key, _)) in ledger.iter().filter(|(_, acked)| !**acked).enumerate() {
            again[(n as u64 + round) as usize % SENDERS as usize].push(key.clone());
        }
        std::thread::scope(|scope| {
            let (stop, acked) = (&stop, &acked);
            let senders: Vec<_> = (0..SENDERS)
                .zip(again)
                .map(|(n, own)| scope.spawn(move || send(at, &format!("{round}x{n}"), own, stop, acked)))
                .collect();
            let waits = Instant::now();
            while acked.load(Ordering::Relaxed) < before + SENDERS
                && waits.elapsed() < Duration::from_secs(20)
            {
                std::thread::sleep(Duration::from_millis(2));
            }
            assert!(acked.load(Ordering::Relaxed) > before, "nothing was acknowledged in round {round}");
            std::thread::sleep(Duration::from_millis(dice.below(200)));
            clinic.kill();
            stop.store(true, Ordering::Relaxed);
            for sender in senders {
                for (key, answered) in sender.join().expect("a sender that only reports") {
                    let known = ledger.entry(key).or_insert(false);
                    *known |= answered;
                }
            }
        });
        clinic.start();
    }
    // Signed in only now: a session does not outlive a long run.
    let cookie = clinic.staff("sunita", &["reception", "doctor"]).cookie().to_owned();
    check(&clinic, &ledger, &cookie);
    clinic.stop();
    clinic.cli_ok(&["verify"]);
    let answered = ledger.values().filter(|acked| **acked).count();
    eprintln!(
        "{kills} kills, seed {seed}: {answered} messages acknowledged, {} s",
        began.elapsed().as_secs()
    );
}

/// Everything is read once, page by page, and counted.
fn check(clinic: &Clinic, ledger: &BTreeMap<String, bool>, cookie: &str) {
    settle(clinic, cookie);
    let mut fhir = clinic.fhir();
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    pages(&mut fhir, "/fhir/Patient?_count=200&_elements=identifier", |patient| {
        for key in patient["identifier"].as_array().into_iter().flatten().filter_map(|i| i["value"].as_str())
        {
            if key.starts_with('K') {
                *found.entry(key.to_owned()).or_default() += 1;
            }
        }
    });
    for (key, acked) in ledger {
        let count = found.get(key).copied().unwrap_or_default();
        assert!(count == 1 || (count == 0 && !acked), "{key}: acknowledged {acked}, found {count}");
    }
    assert!(found.keys().all(|key| ledger.contains_key(key)), "a record of a message that nobody sent");
    // Each message that was taken in is one row and was applied once.
    let rows = rows(clinic, cookie);
    assert_eq!(rows, found.len(), "rows of the inbox, and messages in the records");
    let mut targets = BTreeSet::new();
    let mut origins = 0;
    pages(&mut fhir, "/fhir/Provenance?_count=200", |provenance| {
        let about =
            provenance["target"].as_array().into_iter().flatten().filter_map(|t| t["reference"].as_str());
        targets.extend(about.filter(|t| t.starts_with("Patient/")).map(str::to_owned));
        origins += 1;
    });
    assert_eq!((targets.len(), origins), (found.len(), found.len()), "patients with a source, and sources");
}

/// Waits until the newest rows are applied, which is the order in which they are.
fn settle(clinic: &Clinic, cookie: &str) {
    let mut desk = clinic.http().with("Cookie", cookie);
    let began = Instant::now();
    loop {
        let page = desk.get("/api/inbox?state=all").expect(200).json();
        let rows = page["rows"].as_array().unwrap().clone();
        if rows.iter().all(|row| row["state"] == "applied") {
            return;
        }
        assert!(rows.iter().all(|row| row["state"] == "applied" || row["state"] == "received"), "{page}");
        assert!(began.elapsed() < Duration::from_secs(300), "{page}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn rows(clinic: &Clinic, cookie: &str) -> usize {
    let mut desk = clinic.http().with("Cookie", cookie);
    let (mut count, mut before) = (0, String::new());
    loop {
        let page = desk.get(&format!("/api/inbox?state=all{before}")).expect(200).json();
        for row in page["rows"].as_array().unwrap() {
            assert_eq!(row["state"], "applied", "{row}");
            count += 1;
        }
        match page["next"].as_u64() {
            Some(next) => before = format!("&before={next}"),
            None => return count,
        }
    }
}

fn pages(fhir: &mut Http, first: &str, mut each: impl FnMut(&Value)) {
    let mut next = Some(first.to_owned());
    while let Some(path) = next {
        let page = fhir.get(&path).expect(200).json();
        page["entry"].as_array().into_iter().flatten().for_each(|entry| each(&entry["resource"]));
        let links = page["link"].as_array().into_iter().flatten();
        let url = links.filter(|link| link["relation"] == "next").find_map(|link| link["url"].as_str());
        next = url.and_then(|url| url.find("/fhir/").map(|at| url[at..].to_owned()));
    }
}
