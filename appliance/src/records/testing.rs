//! A records room on a fresh vault in a temporary folder, with the demo clinic in it. For tests only.

use std::sync::Arc;

use clinicvault_gateway::fhir::bundle;
use clinicvault_gateway::fhir::id::LogicalId;
use clinicvault_gateway::json::{self, Limits, Value};
use clinicvault_vault::{NewVault, OpenOptions, Suite, UnlockSlot, Vault};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::access::{Actor, Role, Who};
use super::transaction::Rules;
use super::write::Draft;
use super::{Caller, Records};
use crate::clinic::identity::{number_of, number_text};
use crate::clock::{Clock, ManualClock};
use crate::demo;

/// A room that goes away with its folder.
pub struct Room {
    /// The room.
    pub records: Records,
    _folder: tempfile::TempDir,
}

impl Room {
    /// An empty room.
    pub fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let start: Timestamp = "2026-11-21T11:46:00+05:30".parse().unwrap();
        let clock = Arc::new(ManualClock::new(start));
        let ticking = Arc::clone(&clock);
        let new = NewVault {
            clinic_id: "test-clinic".into(),
            suite: Suite::XChaCha20Poly1305,
            unlock: vec![UnlockSlot::KeyFile(folder.path().join("keyfile"))],
            options: OpenOptions::new(Arc::new(move || ticking.now())),
        };
        let (vault, _) = Vault::create(&folder.path().join("data"), new).unwrap();
        let zone = TimeZone::get("Asia/Kolkata").unwrap();
        Self { records: Records::new(vault, clock, zone), _folder: folder }
    }

    /// A room with these people of the demo clinic, carried in through transactions. The whole cast takes a while.
    pub async fn with(numbers: &[u64]) -> Self {
        let room = Self::empty();
        let demo = demo::generate(demo::SEED, jiff::civil::datetime(2026, 11, 21, 11, 46, 0, 0));
        let from = caller(Who::Operator);
        let wanted: Vec<String> = numbers.iter().map(|number| number_text(*number)).collect();
        let (house, files) = demo.transactions.split_first().unwrap();
        let asked_for = |file: &&Value| {
            let patient = file.items("entry").first().and_then(|entry| entry.get("resource"));
            patient.and_then(number_of).is_some_and(|number| wanted.iter().any(|each| each == number))
        };
        for transaction in std::iter::once(house).chain(files.iter().filter(asked_for)) {
            let bundle = bundle::parse(transaction.clone(), bundle::MOST_ENTRIES).unwrap();
            let rules = Rules { check_references: true, representation: false, skip_broken: false };
            room.records.transaction(&from, bundle, rules).await.unwrap();
        }
        room
    }
}

/// A caller of one kind.
pub fn caller(who: Who) -> Caller {
    let actor = Actor { id: "p-test".into(), name: "Test".into(), who, session: None, source: "test".into() };
    Caller { who: Arc::new(actor), base: None }
}

/// A signed-in person with one role.
pub fn person(role: Role) -> Caller {
    caller(Who::Person { roles: vec![role] })
}

/// Who runs the box, for tests that need no role.
pub fn operator() -> Caller {
    Caller::of(Actor::operator("test"))
}

/// JSON of a test.
pub fn read(text: &str) -> Value {
    json::parse(text.as_bytes(), &Limits::default()).unwrap()
}

/// Stores a record under its id.
pub async fn put(records: &Records, id: &str, text: &str) {
    let draft = Draft::of(read(text)).unwrap();
    records.update(&operator(), &LogicalId::parse(id).unwrap(), draft, None).await.unwrap();
}
