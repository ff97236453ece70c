//! Posting a notification: one request, one answer, no redirects, within a time.
//!
//! The host is looked up once for each attempt and the connection goes to an address that was checked, so that a name
//! cannot be answered one way for the check and another for the connection.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clinicvault_gateway::fhir::subscription::endpoint::{Allowed, Endpoint};
use http::{Method, Request, StatusCode, header};
use rustls::ClientConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::outgoing::{self, Left};

/// Where Debian and its relatives keep the certificates of authorities.
const SYSTEM: &str = "/etc/ssl/certs/ca-certificates.crt";
/// Addresses of one host that are tried.
const ADDRESSES: usize = 3;

/// Why a notification was not taken, in words for the owner of the subscription; they hold no content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It may be taken another time.
    Transient(String),
    /// It never will.
    Final(String),
}

/// What is sent.
#[derive(Clone)]
pub struct Post {
    pub endpoint: Endpoint,
    pub headers: Vec<(String, String)>,
    /// Media type and text; nothing for an empty one.
    pub body: Option<(&'static str, Bytes)>,
    pub limit: Duration,
}

/// The client.
pub struct Sender {
    tls: Option<Arc<ClientConfig>>,
    authorities: PathBuf,
}

impl Sender {
    /// A client that trusts the authorities of a file; those of the system when it is empty.
    pub fn new(authorities: &Path) -> Self {
        let path = if authorities.as_os_str().is_empty() { Path::new(SYSTEM) } else { authorities };
        let tls = trusting(path);
        if let Err(why) = &tls {
            tracing::warn!(path = %path.display(), why, "no receiver of notifications can be trusted over TLS");
        }
        Self { tls: tls.ok(), authorities: path.to_owned() }
    }

    /// Posts, and answers once the receiver has taken it.
    pub async fn post(&self, allowed: &Allowed, post: Post) -> Result<(), Failure> {
        let limit = post.limit;
        let late = || Failure::Transient(format!("No answer within {} seconds.", limit.as_secs()));
        tokio::time::timeout(limit, self.attempt(allowed, post)).await.unwrap_or_else(|_| Err(late()))
    }

    async fn attempt(&self, allowed: &Allowed, post: Post) -> Result<(), Failure> {
        let stream = connect(allowed, &post.endpoint).await?;
        if !post.endpoint.secure {
            return exchange(stream, &post).await;
        }
        let Some(tls) = &self.tls else {
            let path = self.authorities.display();
            return Err(Failure::Transient(format!(
                "There are no certificates in {path} (subscriptions.ca_file)."
            )));
        };
        let name = ServerName::try_from(post.endpoint.host.clone())
            .map_err(|_| Failure::Final("The host is no name that a certificate could be for.".to_owned()))?;
        let stream = TlsConnector::from(tls.clone()).connect(name, stream).await;
        let stream = stream.map_err(|error| Failure::Transient(format!("TLS: {error}.")))?;
        exchange(stream, &post).await
    }
}

fn trusting(path: &Path) -> Result<Arc<ClientConfig>, String> {
    let mut roots = rustls::RootCertStore::empty();
    let file = CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())?;
    roots.add_parsable_certificates(file.filter_map(Result::ok));
    if roots.is_empty() {
        return Err("it holds no certificate".to_owned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config =
        builder.map_err(|error| error.to_string())?.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// A connection to one of the host's addresses that may be reached.
async fn connect(allowed: &Allowed, endpoint: &Endpoint) -> Result<TcpStream, Failure> {
    let found: Vec<SocketAddr> = match endpoint.host.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, endpoint.port)],
        Err(_) => match tokio::net::lookup_host((endpoint.host.as_str(), endpoint.port)).await {
            Ok(found) => found.collect(),
            Err(_) => return Err(Failure::Transient("The host cannot be found.".to_owned())),
        },
    };
    let reachable: Vec<SocketAddr> = found
        .into_iter()
        .filter(|address| allowed.may_reach(endpoint, address.ip()))
        .take(ADDRESSES)
        .collect();
    if reachable.is_empty() {
        let why =
            "The host leads to an address that a name may not lead to (subscriptions.private_addresses).";
        return Err(Failure::Transient(why.to_owned()));
    }
    let mut why = String::new();
    for address in reachable {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => why = error.kind().to_string(),
        }
    }
    Err(Failure::Transient(format!("No connection: {why}.")))
}

/// The request and its answer over an open connection.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(stream: S, post: &Post) -> Result<(), Failure> {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(&post.endpoint.target)
        .header(header::HOST, post.endpoint.authority());
    for (name, value) in &post.headers {
        request = request.header(name, value);
    }
    let mut bytes = Bytes::new();
    if let Some((kind, body)) = &post.body {
        request = request.header(header::CONTENT_TYPE, *kind);
        bytes = body.clone();
    }
    let request = request.body(bytes).map_err(|_| Failure::Final("A header cannot be sent.".to_owned()))?;
    let answer = outgoing::exchange(stream, request, 0, &Left::default()).await;
    judge(answer.map_err(Failure::Transient)?.status)
}

fn judge(status: StatusCode) -> Result<(), Failure> {
    match status {
        status if status.is_success() => Ok(()),
        StatusCode::GONE => Err(Failure::Final("The receiver answered 410: it is gone.".to_owned())),
        status if status.is_redirection() => {
            let code = status.as_u16();
            Err(Failure::Transient(format!("The receiver answered {code}; redirects are not followed.")))
        }
        status => Err(Failure::Transient(format!("The receiver answered {}.", status.as_u16()))),
    }
}
