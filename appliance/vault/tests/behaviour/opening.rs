//! Who may open a vault, and what everyone else is told.

use crate::common::*;
use clinicvault_vault::*;
use std::fs;
use std::path::Path;

fn open(dir: &Path, unlock: &Unlock) -> Result<Vault, OpenError> {
    Vault::open(dir, unlock, options(&ManualClock::new()))
}

const PHRASE: &str = "correct horse battery staple";

fn cheap() -> PassphraseCost {
    PassphraseCost::Explicit { memory_kib: 8192, passes: 1 }
}

#[test]
fn every_slot_opens_and_a_wrong_key_is_told_apart_from_damage() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let keyfile = dir.path().join("keyfile");
    assert!(!is_initialised(&data));
    let mut new = new_vault(options(&ManualClock::new()), Suite::Xaes256Gcm);
    new.unlock.push(UnlockSlot::Passphrase { text: PHRASE.to_owned().into(), cost: cheap() });
    new.unlock.push(UnlockSlot::KeyFile(keyfile.clone()));
    let (vault, recovery) = Vault::create(&data, new).unwrap();
    let pepper = vault.key_for("pepper");
    put(&vault, "p1", "body", &[]);
    vault.close().unwrap();
    assert!(is_initialised(&data));
    let kinds = [SlotKind::Recovery, SlotKind::Credential, SlotKind::Passphrase, SlotKind::KeyFile];
    assert_eq!(slot_kinds(&data).unwrap(), kinds);
    let typed = RecoveryKey::parse(&recovery.line()).unwrap();
    let good =
        [Unlock::RecoveryKey(typed), unlock(), Unlock::passphrase(PHRASE), Unlock::KeyFile(keyfile.clone())];
    for unlock in &good {
        let vault = open(&data, unlock).unwrap();
        assert_eq!(vault.key_for("pepper").expose(), pepper.expose());
        assert_ne!(vault.key_for("other").expose(), pepper.expose());
        assert_eq!(vault.snapshot().unwrap().count(KIND).unwrap(), 1);
        assert!(vault.alarms().is_empty());
        vault.close().unwrap();
    }
    let other = RecoveryKey::parse(
        &Vault::create(&dir.path().join("other"), new_vault(options(&ManualClock::new()), Suite::Xaes256Gcm))
            .unwrap()
            .1
            .line(),
    )
    .unwrap();
    for wrong in [
        Unlock::passphrase("correct horse battery stable"),
        Unlock::credential("another credential of some length"),
        Unlock::RecoveryKey(other),
    ] {
        assert!(matches!(open(&data, &wrong), Err(OpenError::WrongKey(_))));
    }
    assert!(matches!(open(&data, &Unlock::KeyFile(dir.path().join("none"))), Err(OpenError::BadKey(_))));
    fs::write(&keyfile, "not a key file").unwrap();
    assert!(matches!(open(&data, &good[3]), Err(OpenError::Io { .. })));
    assert!(matches!(open(&dir.path().join("other"), &good[2]), Err(OpenError::NoSuchSlot(_))));
}

#[test]
fn weak_secrets_and_a_second_creation_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let create = |slot: UnlockSlot| {
        let mut new = new_vault(options(&ManualClock::new()), Suite::XChaCha20Poly1305);
        new.unlock = vec![slot];
        Vault::create(&dir.path().join("data"), new).map(|_| ())
    };
    let phrase = |text: &str, cost| UnlockSlot::Passphrase { text: text.to_owned().into(), cost };
    assert!(matches!(create(phrase("too short", cheap())), Err(CreateError::WeakPassphrase)));
    let cost = PassphraseCost::Explicit { memory_kib: 1024, passes: 1 };
    assert!(matches!(create(phrase(PHRASE, cost)), Err(CreateError::BadCost(_))));
    assert!(matches!(create(UnlockSlot::Credential(vec![1; 15].into())), Err(CreateError::WeakCredential)));
    assert!(!is_initialised(&dir.path().join("data")));
    create(phrase(PHRASE, cheap())).unwrap();
    assert!(matches!(create(phrase(PHRASE, cheap())), Err(CreateError::Exists(_))));
}

#[test]
fn a_calibrated_passphrase_costs_what_the_sheet_asks() {
    let dir = tempfile::tempdir().unwrap();
    let mut new = new_vault(options(&ManualClock::new()), Suite::XChaCha20Poly1305);
    new.unlock =
        vec![UnlockSlot::Passphrase { text: PHRASE.to_owned().into(), cost: PassphraseCost::default() }];
    Vault::create(dir.path(), new).unwrap().0.close().unwrap();
    let started = std::time::Instant::now();
    open(dir.path(), &Unlock::passphrase(PHRASE)).unwrap();
    println!("a calibrated unlock took {:?}", started.elapsed());
    // The slot's parameters stand in clear after its type: 256 MiB, at least 3 passes, the same floor.
    let slots = fs::read(dir.path().join("slots")).unwrap();
    let mib256 = (256u32 << 10).to_le_bytes();
    let at = slots.windows(4).position(|window| window == mib256).unwrap();
    let number = |at: usize| u32::from_le_bytes(slots[at..at + 4].try_into().unwrap());
    assert!(number(at + 4) >= 3);
    assert_eq!(number(at + 8), 256 << 10);
}

#[test]
fn slots_are_added_replaced_and_removed() {
    let mut f = fixture();
    f.vault.set_slot(&UnlockSlot::Passphrase { text: PHRASE.to_owned().into(), cost: cheap() }).unwrap();
    let recovery = f.vault.new_recovery_key().unwrap();
    assert!(matches!(f.vault.remove_slot(SlotKind::Recovery), Err(SlotError::LastSlot)));
    f.vault.remove_slot(SlotKind::Credential).unwrap();
    f.vault.close().unwrap();
    assert!(matches!(open(&f.data(), &unlock()), Err(OpenError::NoSuchSlot(_))));
    open(&f.data(), &Unlock::passphrase(PHRASE)).unwrap().close().unwrap();
    f.vault = open(&f.data(), &Unlock::RecoveryKey(recovery.clone())).unwrap();
    f.vault.new_recovery_key().unwrap();
    f.vault.close().unwrap();
    assert!(matches!(open(&f.data(), &Unlock::RecoveryKey(recovery)), Err(OpenError::WrongKey(_))));
}

#[test]
fn any_change_of_the_slot_file_is_noticed() {
    let f = fixture();
    f.vault.close().unwrap();
    let path = f.data().join("slots");
    let good = fs::read(&path).unwrap();
    for at in 0..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 4;
        fs::write(&path, &changed).unwrap();
        let error = open(&f.data(), &unlock()).map(|_| ()).unwrap_err();
        let last = good.len() - 32;
        match error {
            OpenError::DamagedSlots(_) => assert!(at < last, "byte {at}"),
            OpenError::TamperedSlots(_) => assert!(at >= last, "byte {at}"),
            other => panic!("byte {at}: {other}"),
        }
    }
    for cut in [0, 1, 39, 40, good.len() - 1] {
        fs::write(&path, &good[..cut]).unwrap();
        assert!(matches!(open(&f.data(), &unlock()), Err(OpenError::DamagedSlots(_))));
    }
    fs::write(&path, &good).unwrap();
    open(&f.data(), &unlock()).unwrap();
}

#[test]
fn a_swapped_slot_file_is_refused() {
    let (f, g) = (fixture(), fixture());
    put(&f.vault, "p1", "body", &[]);
    f.vault.close().unwrap();
    g.vault.close().unwrap();
    fs::copy(g.data().join("slots"), f.data().join("slots")).unwrap();
    let error = open(&f.data(), &unlock()).map(|_| ()).unwrap_err();
    assert!(matches!(error, OpenError::Damaged(_) | OpenError::Mismatch(_)), "{error}");
}

#[test]
fn a_second_opener_is_turned_away_and_harms_nobody() {
    let f = fixture();
    put(&f.vault, "p1", "body", &[]);
    let second = open(&f.data(), &unlock());
    assert!(matches!(second, Err(OpenError::AlreadyOpen(_))), "{:?}", second.map(|_| ()));
    put(&f.vault, "p2", "body", &[]);
    f.vault.close().unwrap();
    assert_eq!(open(&f.data(), &unlock()).unwrap().snapshot().unwrap().count(KIND).unwrap(), 2);
}

#[test]
fn folders_without_a_vault_and_files_that_are_gone_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(open(dir.path(), &unlock()), Err(OpenError::NotAVault(_))));
    assert!(matches!(slot_kinds(dir.path()), Err(OpenError::NotAVault(_))));
    let f = fixture();
    f.vault.close().unwrap();
    let path = f.data().join("vault.redb");
    let good = fs::read(&path).unwrap();
    fs::write(&path, b"").unwrap();
    assert!(matches!(open(&f.data(), &unlock()), Err(OpenError::Damaged(_))));
    fs::write(&path, b"something else entirely").unwrap();
    let error = open(&f.data(), &unlock()).map(|_| ()).unwrap_err();
    assert!(matches!(error, OpenError::Damaged(_)), "{error}");
    fs::remove_file(&path).unwrap();
    assert!(matches!(open(&f.data(), &unlock()), Err(OpenError::Damaged(_))));
    fs::write(&path, &good).unwrap();
    open(&f.data(), &unlock()).unwrap();
}

#[test]
fn a_fast_start_needs_the_marker_of_a_clean_shutdown() {
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::new();
    let fast = |told: &std::sync::Arc<std::sync::atomic::AtomicUsize>| {
        let mut options = options(&clock);
        options.start = StartMode::Fast;
        let told = std::sync::Arc::clone(told);
        options.progress = Some(std::sync::Arc::new(move |_| {
            told.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }));
        options
    };
    let told = std::sync::Arc::default();
    let (vault, _) = Vault::create(dir.path(), new_vault(fast(&told), Suite::XChaCha20Poly1305)).unwrap();
    put(&vault, "p1", "body", &[]);
    assert!(!dir.path().join("clean").exists());
    vault.close().unwrap();
    assert!(dir.path().join("clean").exists());
    for marker in [true, false] {
        if !marker {
            fs::remove_file(dir.path().join("clean")).unwrap();
        }
        let vault = Vault::open(dir.path(), &unlock(), fast(&told)).unwrap();
        assert!(!dir.path().join("clean").exists());
        assert_eq!(vault.snapshot().unwrap().count(KIND).unwrap(), 1);
        vault.close().unwrap();
    }
}
