//! Carries the requests of a store's client: one connection each, to the one host that was set, with bounded answers.
//!
//! The client brings no HTTP of its own; so the box's TLS, its addresses and its limits hold here too.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use clinicvault_gateway::fhir::subscription::endpoint::Endpoint;
use clinicvault_vault::backup::MAX_FILE;
use http::{HeaderValue, Request, Response, header};
use http_body_util::BodyExt as _;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use thiserror::Error;
use tokio_rustls::TlsConnector;

use super::reach::{self, NoWay};
use crate::outgoing::{self, Left};

/// Longest answer: a file, or a page of a listing.
const LONGEST_ANSWER: usize = MAX_FILE + 64 * 1024;

/// Why a request got no answer.
#[derive(Debug, Clone, Error)]
#[error("{text}")]
pub struct Trouble {
    /// Trying again does not help.
    pub lasting: bool,
    /// A sentence.
    pub text: String,
}

/// The way to a store.
#[derive(Debug, Clone)]
pub struct Wire {
    endpoint: Arc<Endpoint>,
    tls: Option<Arc<ClientConfig>>,
}

impl Wire {
    /// The way to `endpoint`; `tls` for one that begins with https.
    pub fn new(endpoint: Endpoint, tls: Option<Arc<ClientConfig>>) -> Self {
        let tls = tls.map(|tls| {
            let mut tls = ClientConfig::clone(&tls);
            tls.alpn_protocols = vec![b"http/1.1".to_vec()];
            Arc::new(tls)
        });
        Self { endpoint: Arc::new(endpoint), tls }
    }

    async fn carry(&self, request: HttpRequest) -> Result<Response<Bytes>, Trouble> {
        let later = |text: String| Trouble { lasting: false, text };
        let never = |text: String| Trouble { lasting: true, text };
        let host = self.endpoint.host.as_str();
        let (mut head, body) = request.into_parts();
        if head.uri.host().map(|asked| asked.trim_matches(['[', ']'])) != Some(host) {
            return Err(never("The store's client asked for another host.".to_owned()));
        }
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
        head.uri = target.parse().map_err(|_| never("A name cannot be written as an address.".to_owned()))?;
        let authority = HeaderValue::try_from(self.endpoint.authority());
        head.headers
            .insert(header::HOST, authority.map_err(|_| never("The address cannot be used.".to_owned()))?);
        let body = body.collect().await.map_err(|error| later(error.to_string()))?.to_bytes();
        let request = Request::from_parts(head, body);
        let stream = reach::connect(host, self.endpoint.port, self.tls.is_some()).await;
        let stream = stream.map_err(|why| match why {
            NoWay::Later(text) => later(text),
            NoWay::Never(text) => never(text),
        })?;
        let left = Left::default();
        let answered = match &self.tls {
            None => outgoing::exchange(stream, request, LONGEST_ANSWER, &left).await,
            Some(tls) => {
                let name = ServerName::try_from(host.to_owned());
                let name =
                    name.map_err(|_| never(format!("{host} is no name that a certificate could be for.")))?;
                let stream = TlsConnector::from(tls.clone()).connect(name, stream).await.map_err(|error| {
                    never(format!(
                        "The certificate of {host} is not one the box trusts ({error}). Compare its fingerprint and set it."
                    ))
                })?;
                outgoing::exchange(stream, request, LONGEST_ANSWER, &left).await
            }
        };
        let answer = answered.map_err(later)?;
        let mut response = Response::new(answer.body);
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        Ok(response)
    }
}

#[async_trait]
impl HttpService for Wire {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let answer = self.carry(request).await.map_err(|trouble| {
            let kind = if trouble.lasting { HttpErrorKind::Decode } else { HttpErrorKind::Interrupted };
            HttpError::new(kind, trouble)
        })?;
        Ok(answer.map(Into::into))
    }
}

impl HttpConnector for Wire {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}
