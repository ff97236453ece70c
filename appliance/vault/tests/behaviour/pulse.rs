//! The pulse: durable, no unit of work, and missed where the disk is.

use crate::common::disk::{Disk, Plan};
use crate::common::*;
use clinicvault_vault::*;

#[test]
fn a_pulse_is_a_commit_and_no_unit_of_work() {
    let mut it = fixture();
    let before = (it.vault.last_tx(), it.vault.snapshot().unwrap().audit_size());
    for mark in 1..20 {
        it.vault.pulse(mark).unwrap();
    }
    assert_eq!((it.vault.last_tx(), it.vault.snapshot().unwrap().audit_size()), before);
    put(&it.vault, "one", "{}", &[]);
    it.reopen();
    it.vault.pulse(21).unwrap();
    assert!(it.vault.last_tx() > before.0);
    it.vault.close().unwrap();
    assert!(matches!(it.vault.pulse(22), Err(NoPulse::Unwritten(Refused::Unavailable(Unavailable::Closed)))));
}

#[test]
fn a_disk_that_takes_nothing_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::new(Vec::new());
    let mut options = options(&ManualClock::new());
    options.below = Some(Below::new(disk.clone()));
    let (vault, _) = Vault::create(dir.path(), new_vault(options, Suite::XChaCha20Poly1305)).unwrap();
    vault.pulse(1).unwrap();
    disk.set_plan(Plan::FailFrom(disk.calls()));
    assert!(matches!(vault.pulse(2), Err(NoPulse::Unwritten(_))), "{:?}", vault.health());
    assert!(matches!(vault.health(), Health::Latched(_)));
}
