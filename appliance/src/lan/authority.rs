//! The clinic's own certificate authority, and the leaves that it signs.
//!
//! Owns what goes into the certificates: the authority may vouch only for the box's names and for private addresses, so
//! a device that trusts it trusts it for nothing else. Keeping keys belongs to `admin` (the authority's, sealed) and
//! `tls` (the leaf's).

use std::net::{IpAddr, Ipv6Addr};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, SanType, SerialNumber,
    date_time_ymd,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

/// Life of the authority. Installing it is work on every device, so it outlives the box.
const AUTHORITY_DAYS: i64 = 15 * 365;
/// Life of a leaf (security-storage.md section 7).
pub const LEAF_DAYS: i64 = 90;
/// Age at which a leaf is replaced (security-storage.md section 7).
pub const RENEW_DAYS: i64 = 60;
/// The box is reached under this name from itself.
const SELF: &str = "localhost";

/// Private ranges in which a clinic's network lies, and the box itself: RFC 1918, 3927, 4193, 4291, 1122.
const PRIVATE: [(IpAddr, u8); 8] = [
    (v4(10, 0, 0, 0), 8),
    (v4(172, 16, 0, 0), 12),
    (v4(192, 168, 0, 0), 16),
    (v4(169, 254, 0, 0), 16),
    (v4(127, 0, 0, 0), 8),
    (IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), 7),
    (IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)), 10),
    (IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
];

const fn v4(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    IpAddr::V4(std::net::Ipv4Addr::new(a, b, c, d))
}

/// A certificate or key could not be made or read.
#[derive(Debug, Error)]
pub enum CertificateError {
    /// The library refused.
    #[error("the certificate could not be made: {0}")]
    Make(#[from] rcgen::Error),
    /// A kept certificate or key is damaged.
    #[error("a kept certificate or key is damaged: {0}")]
    Damaged(String),
    /// The operating system gave no random bytes.
    #[error("no random bytes: {0}")]
    Random(#[from] getrandom::Error),
}

/// The authority with its key. Kept only inside the vault.
#[derive(Clone, Serialize, Deserialize)]
pub struct Authority {
    /// The certificate, DER: what devices install.
    pub certificate: Vec<u8>,
    /// Names for which it may vouch.
    pub names: Vec<String>,
    key: Zeroizing<Vec<u8>>,
}

/// A certificate of the box with its key, and what it says.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaf {
    /// The certificate, PEM.
    pub certificate: String,
    /// The private key, PEM (PKCS 8).
    pub key: Zeroizing<String>,
    /// When it was made.
    pub issued: Timestamp,
    /// Names and addresses that it vouches for.
    pub names: Vec<String>,
    /// SHA-256 of the authority's certificate, hex; empty for a provisional leaf.
    pub authority: String,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("names", &self.names).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Leaf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Leaf")
            .field("names", &self.names)
            .field("issued", &self.issued)
            .finish_non_exhaustive()
    }
}

impl Authority {
    /// A new authority for these host names (and `localhost`, and private addresses).
    pub fn create(names: &[String], now: Timestamp) -> Result<Authority, CertificateError> {
        let mut all: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        all.push(SELF.to_owned());
        all.sort();
        all.dedup();
        let key = KeyPair::generate()?;
        let mut tag = [0u8; 4];
        getrandom::fill(&mut tag)?;
        let mut params = CertificateParams::default();
        // The clinic's name is not in it: certificates are shown to everybody on the network.
        params.distinguished_name = subject(&format!("ClinicVault {}", data_encoding::HEXLOWER.encode(&tag)));
        set_life(&mut params, now, AUTHORITY_DAYS);
        params.serial_number = Some(serial()?);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let hosts = all.iter().map(|name| GeneralSubtree::DnsName(name.clone()));
        let ranges = PRIVATE.iter().map(|(address, prefix)| {
            GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(*address, *prefix))
        });
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: hosts.chain(ranges).collect(),
            excluded_subtrees: Vec::new(),
        });
        let certificate = params.self_signed(&key)?.der().to_vec();
        Ok(Authority { certificate, names: all, key: Zeroizing::new(key.serialize_der()) })
    }

    /// A new leaf with a new key for those of the names and addresses for which the authority may vouch.
    pub fn issue(
        &self,
        names: &[String],
        addresses: &[IpAddr],
        now: Timestamp,
    ) -> Result<Leaf, CertificateError> {
        let signer = KeyPair::try_from(&PrivatePkcs8KeyDer::from(self.key.to_vec()))
            .map_err(|error| CertificateError::Damaged(error.to_string()))?;
        let issuer = Issuer::from_ca_cert_der(&CertificateDer::from(self.certificate.as_slice()), signer)
            .map_err(|error| CertificateError::Damaged(error.to_string()))?;
        let (params, key, names) = leaf(&self.reach(names), addresses, now)?;
        let certificate = params.signed_by(&key, &issuer)?.pem();
        let key = Zeroizing::new(key.serialize_pem());
        Ok(Leaf { certificate, key, issued: now, names, authority: self.fingerprint() })
    }

    /// Which of the names this authority may vouch for; another name needs another authority.
    pub fn reach(&self, names: &[String]) -> Vec<String> {
        names
            .iter()
            .map(|name| name.to_ascii_lowercase())
            .filter(|name| self.names.iter().any(|own| name == own || name.ends_with(&format!(".{own}"))))
            .collect()
    }

    /// SHA-256 of the certificate, upper case hex in pairs with colons, as devices show it.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.certificate)
    }
}

impl Leaf {
    /// A self-signed leaf for a box that has no authority yet. Browsers warn about it, rightly.
    pub fn provisional(
        names: &[String],
        addresses: &[IpAddr],
        now: Timestamp,
    ) -> Result<Leaf, CertificateError> {
        let (params, key, names) = leaf(names, addresses, now)?;
        let certificate = params.self_signed(&key)?.pem();
        let key = Zeroizing::new(key.serialize_pem());
        Ok(Leaf { certificate, key, issued: now, names, authority: String::new() })
    }

    /// Whether it should be replaced: old, made in the future, by another authority, or for other names.
    pub fn is_stale(&self, names: &[String], addresses: &[IpAddr], authority: &str, now: Timestamp) -> bool {
        let age = now.duration_since(self.issued);
        let day = SignedDuration::from_hours(24);
        age > day * i32::try_from(RENEW_DAYS).unwrap_or(60)
            || age < -day
            || self.authority != authority
            || self.names != vouched(names, addresses)
    }
}

/// SHA-256 of DER bytes as devices show it.
pub fn fingerprint(der: &[u8]) -> String {
    let hex: Vec<String> = Sha256::digest(der).iter().map(|byte| format!("{byte:02X}")).collect();
    hex.join(":")
}

/// The PEM form of a certificate.
pub fn pem(der: &[u8]) -> String {
    let body = data_encoding::BASE64.encode(der);
    let lines: Vec<&str> =
        body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap_or_default()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// The DER form of the first certificate of a PEM text.
pub fn from_pem(text: &str) -> Result<Vec<u8>, CertificateError> {
    CertificateDer::from_pem_slice(text.as_bytes())
        .map(|der| der.to_vec())
        .map_err(|error| CertificateError::Damaged(error.to_string()))
}

/// Whether an address lies in a private range or on the box itself.
pub fn is_private(address: IpAddr) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(v4) => (u128::from(u32::from(v4)) << 96, true),
        IpAddr::V6(v6) => (u128::from(v6), false),
    };
    let (value, is_v4) = bits(address);
    PRIVATE.iter().any(|(base, prefix)| {
        let (base, base_is_v4) = bits(*base);
        is_v4 == base_is_v4 && (value ^ base) >> (128 - u32::from(*prefix)) == 0
    })
}

/// What a leaf says: the names, `localhost`, and the private ones of the addresses, sorted.
fn vouched(names: &[String], addresses: &[IpAddr]) -> Vec<String> {
    let hosts = names.iter().map(|name| name.to_ascii_lowercase()).chain([SELF.to_owned()]);
    let own = [v4(127, 0, 0, 1), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let numbers = addresses.iter().copied().chain(own).filter(|each| is_private(*each));
    let mut all: Vec<String> = hosts.chain(numbers.map(|each| each.to_string())).collect();
    all.sort();
    all.dedup();
    all
}

fn leaf(
    names: &[String],
    addresses: &[IpAddr],
    now: Timestamp,
) -> Result<(CertificateParams, KeyPair, Vec<String>), CertificateError> {
    let all = vouched(names, addresses);
    let mut params = CertificateParams::default();
    params.subject_alt_names = all
        .iter()
        .map(|name| match name.parse::<IpAddr>() {
            Ok(address) => Ok(SanType::IpAddress(address)),
            Err(_) => Ok(SanType::DnsName(name.as_str().try_into()?)),
        })
        .collect::<Result<_, rcgen::Error>>()?;
    params.distinguished_name = subject(names.first().map_or(SELF, String::as_str));
    set_life(&mut params, now, LEAF_DAYS);
    params.serial_number = Some(serial()?);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok((params, KeyPair::generate()?, all))
}

fn subject(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    subject
}

/// Positive, random, and never twice under one authority (RFC 5280 section 4.1.2.2).
fn serial() -> Result<SerialNumber, CertificateError> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes)?;
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

/// From yesterday (devices' clocks differ) until so many days from now. Days are all the precision that `rcgen` takes
/// without a second calendar crate.
fn set_life(params: &mut CertificateParams, now: Timestamp, days: i64) {
    let today = now.to_zoned(TimeZone::UTC).date();
    let shifted = |days: i64| {
        let date = today.checked_add(jiff::Span::new().days(days)).unwrap_or(Date::MAX);
        (i32::from(date.year()), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    let (year, month, day) = shifted(-1);
    params.not_before = date_time_ymd(year, month, day);
    let (year, month, day) = shifted(days);
    params.not_after = date_time_ymd(year, month, day);
}

#[cfg(test)]
#[path = "authority_tests.rs"]
mod tests;
