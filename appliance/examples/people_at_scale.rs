//! How long the search for people takes in a large clinic: fills a vault with invented patients and asks.
//!
//! `cargo run --release -p clinicvault --example people_at_scale -- 100000` prints one line for each query: hits, median
//! and 95th percentile in microseconds, over 200 rounds. Nothing leaves the temporary folder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::disallowed_methods)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use clinicvault::clinic::make::{identifier, list, obj, text};
use clinicvault::clock::SystemClock;
use clinicvault::demo::file::{entry, transaction};
use clinicvault::demo::rng::Rng;
use clinicvault::records::access::Actor;
use clinicvault::records::transaction::Rules;
use clinicvault::records::{Caller, Records};
use clinicvault_gateway::fhir::bundle;
use clinicvault_gateway::json::Value;
use clinicvault_vault::{NewVault, OpenOptions, Suite, UnlockSlot, Vault};
use jiff::tz::TimeZone;

const GIVEN: &[&str] = &[
    "Lakshmi", "Sunita", "Ramesh", "Santosh", "Asha", "Vaishali", "Mohammed", "Irfan", "Ganpat", "Suman",
    "Rukhsana", "Nilesh", "Pooja", "Aarav", "Anaya", "Kishor", "Deepak", "Lata", "Yusuf", "Meena", "Vitthal",
    "Savita", "Rohit", "Shobha", "Tukaram", "Kamal", "Joseph", "Harpreet", "Murugan", "Devika",
];
const FAMILY: &[&str] = &[
    "Pawar", "Jadhav", "Shinde", "Gaikwad", "Waghmare", "Kadam", "Thorat", "More", "Deshmukh", "Kulkarni",
    "Bhosale", "Ansari", "Shaikh", "Pathan", "Patel", "Iyer", "Gill", "Gore", "Navale", "Bansode", "Kolhe",
    "Wagh", "Nikam", "Khairnar", "Tiwari", "Selvaraj", "Gowda", "Chavan", "Salve", "Lokhande",
];
const VILLAGES: &[&str] =
    &["Sangamner", "Talegaon", "Nimgaon", "Rahata", "Ashvi", "Shrirampur", "Kopargaon", "Akole"];
const QUERIES: &[&str] = &[
    "laksh",
    "laxmi paw",
    "sunita pawar",
    "mohd irfan",
    "s",
    "shinde lata",
    "70000123",
    "4217",
    "NC-000500",
    "लक्ष्मी",
    "zzz",
    "devika 1990",
];

fn main() {
    let many: u64 = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(10_000);
    let folder = tempfile::tempdir().unwrap();
    let new = NewVault {
        clinic_id: "scale".into(),
        suite: Suite::XChaCha20Poly1305,
        unlock: vec![UnlockSlot::KeyFile(folder.path().join("keyfile"))],
        options: OpenOptions::new(Arc::new(jiff::Timestamp::now)),
    };
    let (vault, _) = Vault::create(&folder.path().join("data"), new).unwrap();
    let records = Records::new(vault, Arc::new(SystemClock), TimeZone::UTC);
    let from = Caller { who: Arc::new(Actor::operator("bench")), base: None };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let started = Instant::now();
    let rng = Rng::new(7);
    let mut number = 0;
    while number < many {
        let entries = (0..500.min(many - number)).map(|_| {
            number += 1;
            patient(&rng, number)
        });
        let bundle = bundle::parse(transaction(entries.collect()), bundle::MOST_ENTRIES).unwrap();
        let rules = Rules { check_references: false, representation: false, skip_broken: false };
        runtime.block_on(records.transaction(&from, bundle, rules)).unwrap();
    }
    println!("{many} patients stored in {:.1} s", started.elapsed().as_secs_f64());
    for query in QUERIES {
        let (mut times, mut hits) = (Vec::new(), 0);
        for _ in 0..200 {
            let asked = Instant::now();
            hits = records.find_people(&from, query).unwrap().0.len();
            times.push(asked.elapsed());
        }
        times.sort();
        let micros = |at: usize| times.get(at).map_or(0, Duration::as_micros);
        println!("{query:<16} {hits:>3} hits  p50 {:>7} us  p95 {:>7} us", micros(100), micros(190));
    }
}

fn patient(rng: &Rng, number: u64) -> Value {
    let name =
        format!("{} {} {}", rng.pick(GIVEN).unwrap(), rng.pick(GIVEN).unwrap(), rng.pick(FAMILY).unwrap());
    let phone = format!("+9170000{:05}", rng.between(0, 99_999));
    entry(
        "Patient",
        &rng.uuid(),
        vec![
            ("identifier", list([identifier("urn:clinicvault:patient-number", &format!("NC-{number:06}"))])),
            ("name", list([obj([("text", text(name))])])),
            ("telecom", list([obj([("system", text("phone")), ("value", text(phone))])])),
            ("gender", text("female")),
            ("birthDate", text(format!("{}", rng.between(1930, 2025)))),
            ("address", list([obj([("city", text(*rng.pick(VILLAGES).unwrap()))])])),
        ],
    )
}
