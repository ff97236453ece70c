//! TLS towards a receiver: whom the box trusts there, and how it shows who it is itself.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::exchange::channels::check::Findings;
use crate::exchange::sources::pins;
use crate::lan::authority::fingerprint;

/// Where Debian and its relatives keep the certificates of authorities.
const SYSTEM: &str = "/etc/ssl/certs/ca-certificates.crt";

/// TLS towards a receiver.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TlsTarget {
    /// SHA-256 of the receiver's certificate, 64 hexadecimal digits; it is trusted whoever signed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Name of a file `NAME.crt` in the folder `tls` of the data with the authority that signs the receiver's certificate;
    /// without it and a fingerprint the authorities of the system are trusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// The name that the receiver's certificate is for, when it is not the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Name of the certificate that the box shows: `NAME.crt` with its key `NAME.key` in the folder `tls` of the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

impl TlsTarget {
    /// Notes what is wrong with it.
    pub fn check(&self, place: &str, findings: &mut Findings) {
        let pin = self.fingerprint.as_deref().is_none_or(|text| pins::plain(text).is_some());
        findings.need(
            pin,
            &format!("{place}.fingerprint"),
            "A fingerprint is the SHA-256 of the certificate: 64 hexadecimal digits (openssl x509 -fingerprint -sha256).",
        );
        for (key, name) in [("authority", &self.authority), ("certificate", &self.certificate)] {
            let plain = name.as_deref().is_none_or(|name| {
                (1..=60).contains(&name.len())
                    && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
            });
            findings.need(
                plain,
                &format!("{place}.{key}"),
                "A name of letters, digits, - and _; its file lies in the folder tls of the data.",
            );
        }
    }

    /// The settings of the client, and the name that the receiver's certificate is for.
    ///
    /// # Errors
    /// When a certificate cannot be read.
    pub fn client(&self, data: &Path, host: &str) -> anyhow::Result<(Arc<ClientConfig>, String)> {
        let folder = data.join("tls");
        let authority = self.authority.as_ref().map(|name| folder.join(format!("{name}.crt")));
        let pin = self.fingerprint.as_deref().and_then(pins::plain);
        let trust = match (pin, &authority) {
            (Some(pin), _) => Trust::Pinned(pin),
            (None, Some(path)) => Trust::Authority(path),
            (None, None) => Trust::System,
        };
        let own = self.certificate.as_ref();
        let own = own.map(|n| (folder.join(format!("{n}.crt")), folder.join(format!("{n}.key"))));
        let own = own.as_ref().map(|(crt, key)| (crt.as_path(), key.as_path()));
        let name = self.name.clone().unwrap_or_else(|| host.to_owned());
        Ok((client(&trust, own)?, name))
    }
}

/// Whom to trust.
#[derive(Debug, Clone)]
pub enum Trust<'a> {
    /// A certificate with this fingerprint (SHA-256, capitals with colons), whoever signed it.
    Pinned(String),
    /// Certificates that an authority of this PEM file signed.
    Authority(&'a Path),
    /// Certificates that an authority of the system signed.
    System,
}

/// Settings of a client; `own` are the PEM files of the certificate and key that it shows when it is asked.
///
/// # Errors
/// When a file cannot be read or used; the sentence names it.
pub fn client(trust: &Trust<'_>, own: Option<(&Path, &Path)>) -> anyhow::Result<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let builder = match trust {
        Trust::Pinned(pin) => {
            let pinned = Pinned { pin: pin.clone(), provider };
            builder.dangerous().with_custom_certificate_verifier(Arc::new(pinned))
        }
        Trust::Authority(path) => builder.with_root_certificates(roots(path)?),
        Trust::System => builder.with_root_certificates(roots(Path::new(SYSTEM))?),
    };
    let config = match own {
        None => builder.with_no_client_auth(),
        Some((crt, key)) => {
            let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(crt)
                .and_then(Iterator::collect)
                .with_context(|| format!("cannot read the certificate {}", crt.display()))?;
            let key = PrivateKeyDer::from_pem_file(key)
                .with_context(|| format!("cannot read the key {}", key.display()))?;
            builder.with_client_auth_cert(chain, key).with_context(|| {
                format!("the certificate {} and its key do not go together", crt.display())
            })?
        }
    };
    Ok(Arc::new(config))
}

fn roots(path: &Path) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let file = CertificateDer::pem_file_iter(path)
        .with_context(|| format!("cannot read the certificates of authorities in {}", path.display()))?;
    roots.add_parsable_certificates(file.filter_map(Result::ok));
    anyhow::ensure!(!roots.is_empty(), "there is no certificate in {}", path.display());
    Ok(roots)
}

/// Trusts one certificate: what counts is the key that both sides' people have compared.
#[derive(Debug)]
struct Pinned {
    pin: String,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if fingerprint(leaf) == self.pin {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
