//! The certificate that the box shows, and its replacement while connections go on.
//!
//! Owns the rustls configuration, the leaf on disk (`tls/leaf.json`, 0600) and the authority's certificate beside it
//! (`tls/ca.crt`). The leaf's key lies readable for the box's own user so that a sealed box can still be unlocked over
//! HTTPS; `docs/decisions/0050-the-leaf-key-lies-on-disk.md` weighs that. The authority's key never comes here.

use std::fs;
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

use super::addresses;
use super::authority::{self, Authority, CertificateError, Leaf};
use super::clients::Asked;
use crate::app::App;
use crate::supervisor::Stop;

/// How often the certificate is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// The box's certificate could not be prepared.
#[derive(Debug, Error)]
pub enum TlsError {
    /// Making or reading a certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The folder `tls` in the data folder.
    #[error("cannot use {path}: {source}")]
    Folder {
        /// What was touched.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The library refused the certificate or the settings.
    #[error("TLS cannot be set up: {0}")]
    Library(#[from] rustls::Error),
}

/// TLS of the box. A clone is another handle to the same certificate.
#[derive(Clone)]
pub struct Tls(Arc<Inner>);

struct Inner {
    folder: PathBuf,
    shown: Arc<Shown>,
    names: Vec<String>,
    https: Arc<ServerConfig>,
    asking: Arc<ServerConfig>,
    mllp: Arc<ServerConfig>,
    state: RwLock<State>,
}

struct State {
    leaf: Leaf,
    /// The authority's certificate, DER, once there is one.
    authority: Option<Vec<u8>>,
}

impl Tls {
    /// Prepares TLS from what `folder` holds. Without a usable leaf a provisional one is made, in memory only.
    pub fn start(
        folder: &Path,
        names: &[String],
        addresses: &[IpAddr],
        now: Timestamp,
    ) -> Result<Tls, TlsError> {
        let authority = match fs::read_to_string(folder.join("ca.crt")) {
            Ok(text) => Some(authority::from_pem(&text)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(TlsError::Folder { path: folder.join("ca.crt"), source }),
        };
        let leaf = match kept_leaf(folder) {
            Some(leaf) => leaf,
            None => Leaf::provisional(names, addresses, now)?,
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let shown = Arc::new(Shown(RwLock::new(certified(&leaf, &provider)?)));
        Ok(Tls(Arc::new(Inner {
            folder: folder.to_owned(),
            https: Arc::new(config(&provider, shown.clone(), &[b"h2", b"http/1.1"], false)?),
            asking: Arc::new(config(&provider, shown.clone(), &[b"h2", b"http/1.1"], true)?),
            mllp: Arc::new(config(&provider, shown.clone(), &[], false)?),
            shown,
            names: names.to_vec(),
            state: RwLock::new(State { leaf, authority }),
        })))
    }

    /// Settings for HTTPS: TLS 1.3, or 1.2 with AEAD suites, which are the only ones the library knows.
    pub fn https(&self) -> Arc<ServerConfig> {
        self.0.https.clone()
    }

    /// The same, and clients are asked for a certificate that they may show or not.
    pub fn https_asking(&self) -> Arc<ServerConfig> {
        self.0.asking.clone()
    }

    /// Settings for MLLP over TLS.
    pub fn mllp(&self) -> Arc<ServerConfig> {
        self.0.mllp.clone()
    }

    /// The certificate that is shown now, for listeners with settings of their own.
    pub fn shown(&self) -> Arc<dyn ResolvesServerCert> {
        self.0.shown.clone()
    }

    /// The box's own certificate that is shown now, DER.
    ///
    /// # Errors
    /// When what is kept is no certificate.
    pub fn certificate(&self) -> Result<Vec<u8>, CertificateError> {
        let state = self.0.state.read().unwrap_or_else(PoisonError::into_inner);
        authority::from_pem(&state.leaf.certificate)
    }

    /// The authority's certificate, DER, once the box has been set up.
    pub fn authority(&self) -> Option<Vec<u8>> {
        self.0.state.read().unwrap_or_else(PoisonError::into_inner).authority.clone()
    }

    /// The authority's fingerprint as devices show it.
    pub fn fingerprint(&self) -> Option<String> {
        self.authority().map(|der| authority::fingerprint(&der))
    }

    /// Host names of the box, the first being the one to use.
    pub fn names(&self) -> &[String] {
        &self.0.names
    }

    /// Makes sure that the leaf is young, by this authority, and for the box's present names and addresses; a new one
    /// is shown from the next connection on. Answers whether it was replaced.
    pub fn keep_fresh(
        &self,
        authority: &Authority,
        addresses: &[IpAddr],
        now: Timestamp,
    ) -> Result<bool, TlsError> {
        let names = authority.reach(&self.0.names);
        let fingerprint = authority.fingerprint();
        let known = {
            let state = self.0.state.read().unwrap_or_else(PoisonError::into_inner);
            !state.leaf.is_stale(&names, addresses, &fingerprint, now)
                && state.authority.as_deref() == Some(authority.certificate.as_slice())
        };
        if known {
            return Ok(false);
        }
        let leaf = authority.issue(&names, addresses, now)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let certified = certified(&leaf, &provider)?;
        self.keep(&leaf, authority)?;
        *self.0.shown.0.write().unwrap_or_else(PoisonError::into_inner) = certified;
        *self.0.state.write().unwrap_or_else(PoisonError::into_inner) =
            State { leaf, authority: Some(authority.certificate.clone()) };
        Ok(true)
    }

    fn keep(&self, leaf: &Leaf, authority: &Authority) -> Result<(), TlsError> {
        let folder = &self.0.folder;
        let said = |path: &Path| {
            let path = path.to_owned();
            move |source| TlsError::Folder { path, source }
        };
        fs::create_dir_all(folder).map_err(said(folder))?;
        let text = serde_json::to_vec(leaf).map_err(|e| said(folder)(io::Error::other(e)))?;
        replace(folder, "leaf.json", &text, 0o600).map_err(said(&folder.join("leaf.json")))?;
        let certificate = authority::pem(&authority.certificate);
        replace(folder, "ca.crt", certificate.as_bytes(), 0o644).map_err(said(&folder.join("ca.crt")))
    }
}

/// Looks every minute whether the certificate is young and for the box's present addresses, until told to stop: a box
/// that the router gave another address is reachable again within the minute.
pub async fn keep_renewed(app: App, mut stop: Stop) -> anyhow::Result<()> {
    loop {
        tokio::select! {
            () = stop.wanted() => return Ok(()),
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let Ok(rooms) = app.rooms() else { continue };
        let own = app.clone();
        let look = tokio::task::spawn_blocking(move || {
            own.tls().keep_fresh(&rooms.people.authority(), &addresses::local(), own.now())
        });
        if look.await?? {
            tracing::info!("the box shows a new certificate");
        }
    }
}

/// Writes a file as a whole: a temporary name, synced, renamed, the folder synced.
fn replace(folder: &Path, name: &str, content: &[u8], mode: u32) -> io::Result<()> {
    let temporary = folder.join(format!("{name}.new"));
    let _ = fs::remove_file(&temporary);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, folder.join(name))?;
    fs::File::open(folder)?.sync_all()
}

/// A damaged or missing leaf is no reason not to start: a new one is made as soon as the vault is open.
fn kept_leaf(folder: &Path) -> Option<Leaf> {
    let text = fs::read(folder.join("leaf.json")).ok()?;
    serde_json::from_slice(&text)
        .inspect_err(|_| tracing::warn!("tls/leaf.json is damaged; it will be made anew"))
        .ok()
}

fn config(
    provider: &Arc<CryptoProvider>,
    shown: Arc<Shown>,
    protocols: &[&[u8]],
    asks: bool,
) -> Result<ServerConfig, rustls::Error> {
    let builder =
        ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(&[&TLS13, &TLS12])?;
    let builder = match asks {
        true => builder.with_client_cert_verifier(Arc::new(Asked(provider.clone()))),
        false => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(shown);
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Ok(config)
}

fn certified(leaf: &Leaf, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, TlsError> {
    let damaged = |error: rustls_pki_types::pem::Error| CertificateError::Damaged(error.to_string());
    let chain = CertificateDer::from_pem_slice(leaf.certificate.as_bytes()).map_err(damaged)?;
    let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).map_err(damaged)?;
    Ok(Arc::new(CertifiedKey::from_der(vec![chain], key, provider)?))
}

/// The certificate that is shown now.
struct Shown(RwLock<Arc<CertifiedKey>>);

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shown")
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}
