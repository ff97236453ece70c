//! TLS towards a receiver: whom the box trusts there, and how it shows who it is itself.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

use crate::lan::authority::fingerprint;

/// Where Debian and its relatives keep the certificates of authorities.
const SYSTEM: &str = "/etc/ssl/certs/ca-certificates.crt";

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
