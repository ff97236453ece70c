//! The plug is pulled in the middle of large transactions: afterwards all of each is there or nothing of it, and what was
//! acknowledged is there.
//!
//! `make kills` does it two hundred times; `CLINICVAULT_BUNDLE_KILLS` says how often here, `CLINICVAULT_SEED` which chances.

use std::time::{Duration, Instant};

use clinicvault_tests::canary::Dice;
use clinicvault_tests::{Clinic, Http, sample};
use serde_json::Value;

/// How often in an ordinary run.
const KILLS: u64 = 20;
/// Results in each transaction.
const RESULTS: usize = 250;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn bundle(n: u64) -> String {
    sample::transaction("Whole", &key(n), RESULTS).to_string()
}

fn key(n: u64) -> String {
    format!("W-{n}")
}

/// Sends a transaction; whether it was acknowledged. A connection that breaks is an answer, too.
fn sent(http: &mut Http, body: &str) -> bool {
    let json = [("Content-Type", "application/fhir+json")];
    match http.try_send("POST", "/fhir", &json, body.as_bytes()) {
        Ok(answer) => {
            assert_eq!(answer.status, 200, "{}", answer.text());
            true
        }
        Err(_) => false,
    }
}

/// Whether a transaction is there; in part is a failure.
fn stands(fhir: &mut Http, n: u64) -> bool {
    let found = fhir.get(&format!("/fhir/Patient?identifier={}", key(n))).expect(200).json();
    let patients = found["entry"].as_array().map_or(0, Vec::len);
    let counted = |fhir: &mut Http, query: &str| -> Value {
        fhir.get(&format!("/fhir/{query}")).expect(200).json()["total"].clone()
    };
    let results = counted(fhir, &format!("Observation?patient.identifier={}&_summary=count", key(n)));
    if patients == 0 {
        assert_eq!(results, 0, "results of {} without their patient", key(n));
        return false;
    }
    let id = found["entry"][0]["resource"]["id"].as_str().expect("an id");
    let mine = counted(fhir, &format!("Observation?subject=Patient/{id}&_summary=count"));
    assert_eq!((patients, &results, &mine), (1, &RESULTS.into(), &RESULTS.into()), "{} in part", key(n));
    true
}

#[test]
fn a_large_transaction_is_there_whole_or_not_at_all_when_the_plug_is_pulled() {
    let (kills, seed) = (number("CLINICVAULT_BUNDLE_KILLS", KILLS), number("CLINICVAULT_SEED", 20_261_122));
    eprintln!("{kills} kills, seed {seed}");
    let mut dice = Dice(seed);
    let began = Instant::now();
    let mut clinic = Clinic::open();
    let token = clinic.token();
    let mut fhir = clinic.fhir();
    // How long one takes here says when to pull: anywhere from its first byte to a little after its answer.
    let first = Instant::now();
    assert!(sent(&mut fhir, &bundle(0)));
    let took = u64::try_from(first.elapsed().as_micros()).expect("less than an age");
    assert!(stands(&mut fhir, 0));
    let (mut whole, mut acknowledged) = (1, 1);
    for n in 1..=kills {
        let body = bundle(n);
        let mut http = Http::plain(clinic.server().http).bearer(&token);
        let acked = std::thread::scope(|scope| {
            let client = scope.spawn(move || sent(&mut http, &body));
            std::thread::sleep(Duration::from_micros(dice.below(took + took / 4)));
            clinic.kill();
            client.join().expect("a client that only reports")
        });
        clinic.start();
        let stands = stands(&mut clinic.fhir(), n);
        assert!(stands || !acked, "{} was acknowledged and is not there (seed {seed})", key(n));
        whole += u64::from(stands);
        acknowledged += u64::from(acked);
    }
    // Nothing that stood before has gone meanwhile.
    let total = clinic.fhir().get("/fhir/Observation?_summary=count").expect(200).json()["total"].clone();
    assert_eq!(total, whole * RESULTS as u64, "seed {seed}");
    clinic.stop();
    clinic.cli_ok(&["verify"]);
    eprintln!(
        "{kills} kills in {:.1} s: {whole} of {} transactions stand whole, {acknowledged} were acknowledged",
        began.elapsed().as_secs_f64(),
        kills + 1
    );
}
