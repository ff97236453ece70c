//! The plug is pulled fifty times while everyone works. What was acknowledged is there exactly once, what was not
//! is there whole or not at all, and what a client sends again is not doubled.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clinicvault_tests::canary::Dice;
use clinicvault_tests::{Clinic, Http, Mllp, sample};
use serde_json::{Value, json};

/// How often, unless `CLINICVAULT_KILLS` says otherwise (security-storage reference, section 9).
const KILLS: u64 = 50;
/// Observations in each transaction.
const RESULTS: usize = 3;

/// What one client knows about what it asked for: the key it can be found by, and whether the box said yes.
#[derive(Debug, Default)]
struct Ledger {
    /// Single creates.
    created: BTreeMap<String, bool>,
    /// Transactions of one patient and [`RESULTS`] observations.
    bundles: BTreeMap<String, bool>,
    /// HL7 registrations; those without an answer are sent again.
    messages: BTreeMap<String, bool>,
    /// Registrations at the desk by idempotency key; those without an answer are sent again.
    desk: BTreeMap<String, bool>,
    /// Versions of the one record that is updated all the time: version and the name it was given.
    versions: BTreeMap<u64, String>,
}

/// What every client of a round needs.
struct Round<'a> {
    number: u64,
    http: SocketAddr,
    mllp: SocketAddr,
    token: &'a str,
    cookie: &'a str,
    target: &'a str,
    stop: &'a AtomicBool,
    acked: &'a AtomicU64,
}

impl Round<'_> {
    fn fhir(&self) -> Http {
        Http::plain(self.http).bearer(self.token)
    }

    fn going(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    fn count(&self) {
        self.acked.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn what_was_acknowledged_survives_fifty_pulled_plugs_exactly_once() {
    let kills = std::env::var("CLINICVAULT_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(KILLS);
    let seed = std::env::var("CLINICVAULT_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(20_260_203);
    eprintln!("{kills} kills, seed {seed}");
    let mut dice = Dice(seed);
    let mut clinic = Clinic::open();
    let token = clinic.token();
    let cookie = clinic.staff("sunita", &["reception", "doctor"]).cookie().to_owned();
    let made =
        clinic.fhir().post_fhir("/fhir/Patient", &sample::patient("Target", "v1", "9800000001", "TARGET"));
    let target = format!("/fhir/Patient/{}", made.expect(201).json()["id"].as_str().expect("an id"));

    let mut ledger = Ledger::default();
    let acked = AtomicU64::new(0);
    for number in 0..kills {
        let stop = AtomicBool::new(false);
        let before = acked.load(Ordering::Relaxed);
        let round = Round {
            number,
            http: clinic.server().http,
            mllp: clinic.server().mllp,
            token: &token,
            cookie: &cookie,
            target: &target,
            stop: &stop,
            acked: &acked,
        };
        let resend = unanswered(&ledger.messages);
        let again = unanswered(&ledger.desk);
        std::thread::scope(|scope| {
            let clients = [
                scope.spawn(|| create(&round, 0)),
                scope.spawn(|| create(&round, 1)),
                scope.spawn(|| transact(&round)),
                scope.spawn(|| update(&round)),
                scope.spawn(|| message(&round, 0, resend)),
                scope.spawn(|| message(&round, 1, Vec::new())),
                scope.spawn(|| register(&round, again)),
            ];
            // Under load, and at no particular point of it.
            let began = Instant::now();
            while acked.load(Ordering::Relaxed) < before + 8 && began.elapsed() < Duration::from_secs(20) {
                std::thread::sleep(Duration::from_millis(5));
            }
            assert!(acked.load(Ordering::Relaxed) > before, "nothing was acknowledged in round {number}");
            std::thread::sleep(Duration::from_millis(dice.below(300)));
            clinic.kill();
            stop.store(true, Ordering::Relaxed);
            for client in clients {
                let part = client.join().expect("a client that only reports");
                ledger.created.extend(part.created);
                ledger.bundles.extend(part.bundles);
                ledger.messages.extend(part.messages);
                ledger.desk.extend(part.desk);
                for (version, name) in part.versions {
                    let earlier = ledger.versions.insert(version, name);
                    assert_eq!(earlier, None, "version {version} was acknowledged twice: the first was lost");
                }
            }
        });
        clinic.start();
        check_newest(&clinic, &ledger, number);
    }
    check_all(&clinic, &ledger, &target, &cookie);
    clinic.stop();
    clinic.cli_ok(&["verify"]);
    eprintln!(
        "{} acknowledged: {} creates, {} transactions, {} messages, {} at the desk, {} updates",
        acked.load(Ordering::Relaxed),
        ledger.created.values().filter(|a| **a).count(),
        ledger.bundles.values().filter(|a| **a).count(),
        ledger.messages.values().filter(|a| **a).count(),
        ledger.desk.values().filter(|a| **a).count(),
        ledger.versions.len()
    );
}

fn unanswered(ledger: &BTreeMap<String, bool>) -> Vec<String> {
    ledger.iter().filter(|(_, acked)| !**acked).map(|(key, _)| key.clone()).collect()
}

/// One request after another until the plug is pulled. `ask` sends the n-th and says whether it was acknowledged;
/// an error of the connection ends the client, since the box is gone.
fn until_killed(round: &Round, mut ask: impl FnMut(u64) -> std::io::Result<bool>) {
    for n in 0.. {
        if !round.going() {
            return;
        }
        match ask(n) {
            Ok(true) => round.count(),
            Ok(false) => {}
            Err(_) => return,
        }
    }
}

fn post(http: &mut Http, path: &str, body: &Value) -> std::io::Result<clinicvault_tests::Answer> {
    http.try_send("POST", path, &[("Content-Type", "application/fhir+json")], body.to_string().as_bytes())
}

fn create(round: &Round, client: u64) -> Ledger {
    let mut ledger = Ledger::default();
    let mut fhir = round.fhir();
    until_killed(round, |n| {
        let number = format!("C-{}-{client}-{n}", round.number);
        ledger.created.insert(number.clone(), false);
        let answer =
            post(&mut fhir, "/fhir/Patient", &sample::patient("Single", "Create", "9800000002", &number))?;
        assert_eq!(answer.status, 201, "{}", answer.text());
        ledger.created.insert(number, true);
        Ok(true)
    });
    ledger
}

fn transact(round: &Round) -> Ledger {
    let mut ledger = Ledger::default();
    let mut fhir = round.fhir();
    until_killed(round, |n| {
        let number = format!("B-{}-{n}", round.number);
        ledger.bundles.insert(number.clone(), false);
        let answer = post(&mut fhir, "/fhir", &sample::transaction("Bundle", &number, RESULTS))?;
        assert_eq!(answer.status, 200, "{}", answer.text());
        ledger.bundles.insert(number, true);
        Ok(true)
    });
    ledger
}

/// Every update is conditional on the version read before, so an acknowledged one cannot have been lost unseen.
fn update(round: &Round) -> Ledger {
    let mut ledger = Ledger::default();
    let mut fhir = round.fhir();
    until_killed(round, |n| {
        let current = fhir.try_send("GET", round.target, &[], b"")?;
        assert_eq!(current.status, 200, "{}", current.text());
        let etag = current.header("etag").expect("an ETag").to_owned();
        let name = format!("round {} update {n}", round.number);
        let mut changed = current.json();
        changed["name"][0]["given"] = json!([name]);
        let headers = [("Content-Type", "application/fhir+json"), ("If-Match", etag.as_str())];
        let answer = fhir.try_send("PUT", round.target, &headers, changed.to_string().as_bytes())?;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let version = answer.header("etag").expect("an ETag").trim_matches(['W', '/', '"']).to_owned();
        ledger.versions.insert(version.parse().expect("a version is a number"), name);
        Ok(true)
    });
    ledger
}

fn message(round: &Round, client: u64, resend: Vec<String>) -> Ledger {
    let mut ledger = Ledger::default();
    let Ok(mut lab) = Mllp::connect(round.mllp) else { return ledger };
    let mut resend = resend.into_iter();
    until_killed(round, |n| {
        let number = resend.next().unwrap_or_else(|| format!("M{}x{client}x{n}", round.number));
        ledger.messages.insert(number.clone(), false);
        // Each a person of their own: two who may be the same would wait for somebody to decide.
        let (name, phone) = (name_of(&number), phone_of(&number));
        let (given, family) = name.split_once(' ').expect("two words");
        let ack = lab.try_send(sample::adt("A04", &number, &number, family, given, &phone).as_bytes())?;
        assert_eq!((ack.code.as_str(), ack.control_id.as_str()), ("AA", number.as_str()), "{}", ack.text);
        ledger.messages.insert(number, true);
        Ok(true)
    });
    ledger
}

fn register(round: &Round, again: Vec<String>) -> Ledger {
    let mut ledger = Ledger::default();
    let mut desk = Http::plain(round.http)
        .with("X-ClinicVault", "1")
        .with("Sec-Fetch-Site", "same-origin")
        .with("Cookie", round.cookie);
    let mut again = again.into_iter();
    until_killed(round, |n| {
        let key =
            again.next().unwrap_or_else(|| format!("7d5a1c62-0a4b-4a44-9f8e-{:06}{:06}", round.number, n));
        ledger.desk.insert(key.clone(), false);
        let form = sample::registration(&name_of(&key), &phone_of(&key), &key);
        let body = form.to_string();
        let answer =
            desk.try_send("POST", "/api/patients", &[("Content-Type", "application/json")], body.as_bytes())?;
        assert_eq!(answer.status, 201, "{}", answer.text());
        ledger.desk.insert(key, true);
        Ok(true)
    });
    ledger
}

/// A name of letters only, its own for each key, that sounds like no other key's.
fn name_of(key: &str) -> String {
    let mut dice = dice_of(key);
    format!("{} {}", dice.word(5), dice.word(5))
}

fn phone_of(key: &str) -> String {
    format!("97{:08}", dice_of(key).below(100_000_000))
}

fn dice_of(key: &str) -> Dice {
    Dice(key.bytes().fold(7, |sum: u64, b| sum.wrapping_mul(1_000_003).wrapping_add(u64::from(b))))
}

fn found(fhir: &mut Http, query: &str) -> (u64, Value) {
    let bundle = fhir.get(&format!("/fhir/{query}")).expect(200).json();
    let entries = bundle["entry"].as_array().map_or(0, Vec::len) as u64;
    (entries, bundle)
}

/// The end of the last round, right after the restart: cheap, so that a loss is noticed where it happened.
fn check_newest(clinic: &Clinic, ledger: &Ledger, number: u64) {
    let mut fhir = clinic.fhir();
    let prefix = format!("C-{number}-");
    for (key, acked) in ledger.created.iter().filter(|(key, _)| key.starts_with(&prefix)) {
        let (count, _) = found(&mut fhir, &format!("Patient?identifier={key}"));
        assert!(
            count == 1 || (count == 0 && !acked),
            "round {number}: {key} acknowledged {acked}, found {count}"
        );
    }
}

fn check_all(clinic: &Clinic, ledger: &Ledger, target: &str, cookie: &str) {
    let mut fhir = clinic.fhir();
    for (key, acked) in &ledger.created {
        let (count, _) = found(&mut fhir, &format!("Patient?identifier={key}"));
        assert!(count == 1 || (count == 0 && !acked), "{key}: acknowledged {acked}, found {count}");
    }
    for (key, acked) in &ledger.bundles {
        let (count, bundle) = found(&mut fhir, &format!("Patient?identifier={key}"));
        assert!(count == 1 || (count == 0 && !acked), "{key}: acknowledged {acked}, found {count}");
        if count == 1 {
            let id = bundle["entry"][0]["resource"]["id"].as_str().expect("an id");
            let (results, _) = found(&mut fhir, &format!("Observation?subject=Patient/{id}"));
            assert_eq!(results, RESULTS as u64, "{key} is there in part");
        }
    }
    check_messages(clinic, ledger, cookie);
    for (key, acked) in &ledger.desk {
        let name = name_of(key);
        let family = name.split(' ').nth(1).expect("two words");
        let (count, _) = found(&mut fhir, &format!("Patient?name={family}"));
        assert!(count == 1 || (count == 0 && !acked), "{key} ({name}): acknowledged {acked}, found {count}");
    }
    for (version, name) in &ledger.versions {
        let read = fhir.get(&format!("{target}/_history/{version}")).expect(200).json();
        assert_eq!(read["name"][0]["given"][0], name.as_str(), "version {version}");
    }
}

/// An acknowledged message is applied after its acknowledgement, also after a restart in between.
fn check_messages(clinic: &Clinic, ledger: &Ledger, cookie: &str) {
    let mut fhir = clinic.fhir();
    let began = Instant::now();
    for (key, acked) in &ledger.messages {
        loop {
            let (count, _) = found(&mut fhir, &format!("Patient?identifier={key}"));
            if count == 1 || (count == 0 && !acked) {
                break;
            }
            assert!(count == 0, "{key} was stored {count} times");
            if began.elapsed() > Duration::from_secs(60) {
                panic!(
                    "{key} was acknowledged and is not there; the inbox says {}",
                    inbox_row(clinic, key, cookie)
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// What the inbox says of a message, for the report of a failure.
fn inbox_row(clinic: &Clinic, key: &str, cookie: &str) -> Value {
    let mut desk = clinic.http().with("Cookie", cookie);
    let mut before = String::new();
    loop {
        let page = desk.get(&format!("/api/inbox?state=all{before}")).json();
        let rows = page["rows"].as_array().cloned().unwrap_or_default();
        let Some(last) = rows.last() else { return json!("nothing") };
        for row in &rows {
            let one = desk.get(&format!("/api/inbox/{}", row["seq"])).json();
            if one["controlId"] == key {
                return json!({ "row": row, "held": one["held"], "error": one["error"], "warnings": one["warnings"] });
            }
        }
        before = format!("&before={}", last["seq"]);
    }
}
