use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{ServerName, UnixTime};

use super::*;
use crate::lan::tls::Tls;

fn at(days: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + days * 86_400).unwrap()
}

fn names() -> Vec<String> {
    vec!["clinicvault.local".to_owned()]
}

fn lan() -> Vec<IpAddr> {
    vec![v4(192, 168, 1, 20)]
}

/// What a device that installed `authority` says to `leaf` shown by `host`.
fn device_accepts(authority: &[u8], leaf: &Leaf, host: &str, now: Timestamp) -> bool {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from(authority.to_vec())).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .unwrap();
    let certificate = CertificateDer::from(from_pem(&leaf.certificate).unwrap());
    let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(now.as_second().unsigned_abs()));
    let host = ServerName::try_from(host.to_owned()).unwrap();
    verifier.verify_server_cert(&certificate, &[], &host, &[], time).is_ok()
}

#[test]
fn a_device_that_trusts_the_clinic_accepts_the_box_under_its_names_and_addresses() {
    let authority = Authority::create(&names(), at(0)).unwrap();
    let leaf = authority.issue(&names(), &lan(), at(0)).unwrap();
    let check = |host: &str, day: i64, expected: bool| {
        assert_eq!(
            device_accepts(&authority.certificate, &leaf, host, at(day)),
            expected,
            "{host} day {day}"
        );
    };
    check("clinicvault.local", 0, true);
    check("localhost", 0, true);
    check("127.0.0.1", 0, true);
    check("192.168.1.20", 0, true);
    check("192.168.1.21", 0, false);
    check("other.local", 0, false);
    check("clinicvault.local", 89, true);
    check("clinicvault.local", 91, false);
    let stranger = Authority::create(&names(), at(0)).unwrap();
    assert!(!device_accepts(&stranger.certificate, &leaf, "clinicvault.local", at(0)));
}

#[test]
fn the_authority_cannot_vouch_for_anybody_else() {
    let authority = Authority::create(&names(), at(0)).unwrap();
    // As if its key had been stolen: a leaf for a bank, and one for a public address, signed with the real key.
    let thief = Authority { names: vec!["bank.example".to_owned()], ..authority.clone() };
    let leaf = thief.issue(&["bank.example".to_owned()], &lan(), at(0)).unwrap();
    assert!(leaf.names.contains(&"bank.example".to_owned()));
    assert!(!device_accepts(&authority.certificate, &leaf, "bank.example", at(0)));
}

#[test]
fn names_outside_the_authority_and_public_addresses_are_left_out() {
    let authority = Authority::create(&names(), at(0)).unwrap();
    let wanted =
        vec!["ClinicVault.local".to_owned(), "a.clinicvault.local".to_owned(), "else.example".to_owned()];
    assert_eq!(authority.reach(&wanted), ["clinicvault.local", "a.clinicvault.local"]);
    let leaf = authority.issue(&wanted, &[v4(8, 8, 8, 8), v4(10, 1, 2, 3)], at(0)).unwrap();
    assert_eq!(
        leaf.names,
        ["10.1.2.3", "127.0.0.1", "::1", "a.clinicvault.local", "clinicvault.local", "localhost"]
    );
}

#[test]
fn private_ranges_end_where_they_end() {
    for (address, expected) in [
        ("10.0.0.0", true),
        ("11.0.0.0", false),
        ("172.15.255.255", false),
        ("172.16.0.0", true),
        ("172.31.255.255", true),
        ("172.32.0.0", false),
        ("192.168.0.1", true),
        ("127.9.9.9", true),
        ("8.8.8.8", false),
        ("::1", true),
        ("::2", false),
        ("fd12::1", true),
        ("fe80::1", true),
        ("2001:db8::1", false),
    ] {
        assert_eq!(is_private(address.parse().unwrap()), expected, "{address}");
    }
}

#[test]
fn a_leaf_is_replaced_when_old_or_when_the_box_has_moved() {
    let authority = Authority::create(&names(), at(0)).unwrap();
    let leaf = authority.issue(&names(), &lan(), at(0)).unwrap();
    let print = authority.fingerprint();
    let stale =
        |addresses: &[IpAddr], print: &str, day: i64| leaf.is_stale(&names(), addresses, print, at(day));
    assert!(!stale(&lan(), &print, 0));
    assert!(!stale(&lan(), &print, 60));
    assert!(stale(&lan(), &print, 61));
    assert!(stale(&lan(), &print, -2));
    assert!(stale(&[v4(192, 168, 1, 21)], &print, 0));
    assert!(stale(&lan(), "another", 0));
    assert!(!stale(&[v4(8, 8, 8, 8), v4(192, 168, 1, 20)], &print, 0));
}

#[test]
fn the_box_shows_a_provisional_certificate_until_it_has_an_authority_and_keeps_the_real_one() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("tls");
    let tls = Tls::start(&folder, &names(), &lan(), at(0)).unwrap();
    assert_eq!(tls.fingerprint(), None);
    assert!(!folder.exists());
    let authority = Authority::create(&names(), at(0)).unwrap();
    assert!(tls.keep_fresh(&authority, &lan(), at(0)).unwrap());
    assert!(!tls.keep_fresh(&authority, &lan(), at(1)).unwrap());
    let first = fs_text(&folder, "leaf.json");
    let again = Tls::start(&folder, &names(), &lan(), at(2)).unwrap();
    assert_eq!(again.fingerprint(), Some(authority.fingerprint()));
    assert!(!again.keep_fresh(&authority, &lan(), at(2)).unwrap());
    assert!(again.keep_fresh(&authority, &lan(), at(61)).unwrap());
    assert_ne!(fs_text(&folder, "leaf.json"), first);
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(folder.join("leaf.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(from_pem(&fs_text(&folder, "ca.crt")).unwrap(), authority.certificate);
}

#[test]
fn a_damaged_leaf_does_not_keep_the_box_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("leaf.json"), "{").unwrap();
    assert!(Tls::start(folder.path(), &names(), &lan(), at(0)).is_ok());
}

fn fs_text(folder: &std::path::Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}
