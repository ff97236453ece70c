//! TLS of a source: the certificate that it shows, and the certificates that its peers are known by.
//!
//! A peer's certificate is known by its fingerprint, whoever signed it: what counts is the key that the clinic and the
//! peer's people have compared. One that has ended, or has not begun, is refused all the same.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use jiff::Timestamp;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::exchange::channels::check::Findings;
use crate::lan::authority::fingerprint;

/// TLS of a source.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TlsSource {
    /// Name of a certificate that lies in the folder `tls` of the data as `NAME.crt` with its key `NAME.key`, both PEM;
    /// without it the box shows the certificate of the clinic's own authority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// Peers and their certificates. None asks for no certificate; otherwise only these may connect.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub peers: Vec<Pin>,
}

/// A peer's certificate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pin {
    /// Whose it is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// SHA-256 of the certificate, 64 hexadecimal digits, with or without colons.
    pub fingerprint: String,
}

impl TlsSource {
    /// Notes what is wrong with it.
    pub fn check(&self, place: &str, findings: &mut Findings) {
        if let Some(name) = &self.certificate {
            let plain = (1..=60).contains(&name.len())
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
            findings.need(
                plain,
                &format!("{place}.certificate"),
                "The name of a certificate is of letters, digits, - and _; its files lie in the folder tls of the data.",
            );
        }
        check_pins(&self.peers, &format!("{place}.peers"), findings);
    }
}

/// Notes what is wrong with a list of peers.
pub fn check_pins(pins: &[Pin], place: &str, findings: &mut Findings) {
    findings.need(pins.len() <= 100, place, "At most 100 peers.");
    for (n, pin) in pins.iter().enumerate() {
        findings.need(
            plain(&pin.fingerprint).is_some(),
            &format!("{place}[{n}].fingerprint"),
            "A fingerprint is the SHA-256 of the certificate: 64 hexadecimal digits (openssl x509 -fingerprint -sha256).",
        );
    }
}

/// A fingerprint (SHA-256) as the box writes it, in capitals with colons; `None` when it is none.
pub fn plain(text: &str) -> Option<String> {
    let digits: Vec<char> = text.chars().filter(|c| *c != ':').collect();
    let right = digits.len() == 64 && digits.iter().all(char::is_ascii_hexdigit);
    right.then(|| {
        let pairs = digits.chunks(2).map(|pair| pair.iter().collect::<String>().to_ascii_uppercase());
        pairs.collect::<Vec<_>>().join(":")
    })
}

/// When the certificates that peers have shown end, by fingerprint, and what was refused last.
#[derive(Debug, Default)]
pub struct Peers {
    shown: Mutex<BTreeMap<String, Timestamp>>,
    refused: Mutex<Option<String>>,
}

impl Peers {
    /// When a peer's certificate ends, once it was shown since the box started.
    pub fn ends(&self, pin: &Pin) -> Option<Timestamp> {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.get(&plain(&pin.fingerprint)?).copied()
    }

    /// Why a certificate was refused last, taken away.
    pub fn take_refused(&self) -> Option<String> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether whoever shows this certificate is one of the peers at `place` of the document; what was refused is kept.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(
        &self,
        pins: &[Pin],
        shown: Option<&[u8]>,
        now: Timestamp,
        place: &str,
    ) -> Result<(), String> {
        let pins: Vec<String> = pins.iter().filter_map(|pin| plain(&pin.fingerprint)).collect();
        let known = match shown {
            Some(leaf) => self.know(&pins, leaf, now.as_second(), place),
            None => Err("a peer showed no certificate".to_owned()),
        };
        known.inspect_err(|why| self.refuse(why.clone()))
    }

    fn know(&self, pins: &[String], leaf: &[u8], now: i64, place: &str) -> Result<(), String> {
        let own = fingerprint(leaf);
        let Some((begins, ends)) = life(leaf) else {
            return Err("a peer showed a certificate that cannot be read".to_owned());
        };
        if !pins.contains(&own) {
            return Err(format!(
                "a peer showed a certificate that is none of {place}; its fingerprint is {own}"
            ));
        }
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).insert(own.clone(), ends);
        if now < begins.as_second() || now > ends.as_second() {
            return Err(format!(
                "the peer's certificate {own} is good from {begins} to {ends}; the peer needs a new one"
            ));
        }
        Ok(())
    }

    fn refuse(&self, why: String) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }
}

/// What a listener shows.
pub struct Shown {
    /// For each handshake.
    pub config: Arc<ServerConfig>,
    /// When the given certificate ends; the box's own is renewed by itself.
    pub expires: Option<Timestamp>,
}

/// The settings of a listener with this TLS.
///
/// # Errors
/// When a given certificate cannot be read or used; the sentence names its file.
pub fn server(tls: &TlsSource, app: &App, peers: Arc<Peers>) -> anyhow::Result<Shown> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(&[&TLS13, &TLS12])?;
    let builder = if tls.peers.is_empty() {
        builder.with_no_client_auth()
    } else {
        let pins = tls.peers.iter().filter_map(|pin| plain(&pin.fingerprint)).collect();
        builder.with_client_cert_verifier(Arc::new(Pinned { pins, provider, peers }))
    };
    match &tls.certificate {
        None => Ok(Shown { config: Arc::new(builder.with_cert_resolver(app.tls().shown())), expires: None }),
        Some(name) => {
            let (chain, key) = given(&app.data().join("tls"), name)?;
            let expires = chain.first().and_then(|leaf| life(leaf)).map(|(_, ends)| ends);
            let config = builder.with_single_cert(chain, key).with_context(|| {
                format!("the certificate tls/{name}.crt and its key tls/{name}.key do not go together")
            })?;
            Ok(Shown { config: Arc::new(config), expires })
        }
    }
}

fn given(
    folder: &Path,
    name: &str,
) -> anyhow::Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let (crt, key) = (folder.join(format!("{name}.crt")), folder.join(format!("{name}.key")));
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&crt)
        .and_then(Iterator::collect)
        .with_context(|| format!("cannot read the certificate {}; put it there as PEM", crt.display()))?;
    anyhow::ensure!(!chain.is_empty(), "there is no certificate in {}", crt.display());
    let key = PrivateKeyDer::from_pem_file(&key)
        .with_context(|| format!("cannot read the key {}; put it there as PEM", key.display()))?;
    Ok((chain, key))
}

/// A certificate that a listener shows.
#[derive(Debug, Clone)]
pub struct ShownCertificate {
    /// DER.
    pub der: Vec<u8>,
    /// SHA-256, in capitals with colons.
    pub fingerprint: String,
    /// When it ends.
    pub ends: Option<Timestamp>,
}

/// The certificate that a listener with this TLS shows now.
///
/// # Errors
/// When a given certificate cannot be read; the sentence names its file.
pub fn shown_certificate(tls: &TlsSource, app: &App) -> anyhow::Result<ShownCertificate> {
    let der = match &tls.certificate {
        None => app.tls().certificate()?,
        Some(name) => {
            let (chain, _) = given(&app.data().join("tls"), name)?;
            chain.first().map(|leaf| leaf.to_vec()).unwrap_or_default()
        }
    };
    Ok(ShownCertificate { fingerprint: fingerprint(&der), ends: life(&der).map(|(_, ends)| ends), der })
}

/// From when until when a certificate is good.
fn life(der: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    let life = certificate.validity();
    let at = |seconds| Timestamp::from_second(seconds).ok();
    Some((at(life.not_before.timestamp())?, at(life.not_after.timestamp())?))
}

/// Lets in whoever has one of the certificates.
#[derive(Debug)]
struct Pinned {
    pins: Vec<String>,
    provider: Arc<CryptoProvider>,
    peers: Arc<Peers>,
}

impl ClientCertVerifier for Pinned {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        self.peers.know(&self.pins, leaf, now, "source.tls.peers").map_err(|why| {
            self.peers.refuse(why);
            rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)
        })?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_read_as_tools_write_them() {
        let hex = "ab".repeat(32);
        let colons = plain(&hex).unwrap();
        assert_eq!(colons.len(), 95);
        assert!(colons.starts_with("AB:AB:"));
        assert_eq!(plain(&colons), Some(colons.clone()));
        for wrong in ["", "ab", &"g".repeat(64), &"ab".repeat(33)] {
            assert_eq!(plain(wrong), None, "{wrong}");
        }
    }
}
