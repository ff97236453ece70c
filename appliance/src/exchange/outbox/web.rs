//! One request to a destination, and what its answer means.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clinicvault_gateway::fhir::subscription::endpoint::Endpoint;
use clinicvault_gateway::hl7::reply::{self, Reply};
use http::{HeaderMap, Method, Request, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::http::{Auth, Scheme};
use super::line::{Lost, connect};
use super::probe::{ProbeStep, Steps};
use super::row::Form;
use super::tls::TlsTarget;
use crate::exchange::channels::check::Findings;
use crate::outgoing::{self, Answer, Left};

/// Longest body of an answer that is read, bytes.
const LONGEST_ANSWER: usize = 256 * 1024;
/// Longest pause that a receiver may ask for.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(1);

/// How to get to a receiver of requests.
#[derive(Clone)]
pub struct Web {
    endpoint: Endpoint,
    tls: Option<(Arc<ClientConfig>, String)>,
    /// How the box says who it is.
    pub auth: Option<Auth>,
    patience: Duration,
}

/// What a receiver made of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Its acknowledgement.
    Acknowledged(Reply),
    /// It has the message.
    Taken(String),
    /// It does not want it.
    Refused(String),
    /// It may take it another time, not before the moment it names.
    Later {
        /// What it said.
        why: String,
        /// The moment.
        after: Option<Timestamp>,
        /// Whether that is about the receiver rather than the message.
        all: bool,
    },
    /// It answered about another message.
    Other(String),
}

/// Notes what is wrong with an address and how the box says who it is there.
pub(super) fn check(
    url: &str,
    tls: Option<&TlsTarget>,
    auth: Option<&Auth>,
    place: &str,
    findings: &mut Findings,
) {
    let endpoint = Endpoint::parse(url);
    if let Err(why) = &endpoint {
        findings.wrong(format!("{place}.url"), format!("This is no address to send to: {why}."));
    }
    let secure = endpoint.as_ref().is_ok_and(|endpoint| endpoint.secure);
    if let Some(tls) = tls {
        tls.check(&format!("{place}.tls"), findings);
        findings.need(
            secure || endpoint.is_err(),
            &format!("{place}.tls"),
            "TLS needs an address that begins with https://.",
        );
    }
    let Some(auth) = auth else { return };
    let here = endpoint.as_ref().is_ok_and(|endpoint| {
        endpoint.host == "localhost" || endpoint.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    });
    findings.need(
        secure || here || endpoint.is_err(),
        &format!("{place}.auth"),
        "A secret is sent over https:// only, or to this machine itself.",
    );
    let plain = auth.user.len() <= 200 && !auth.user.chars().any(|c| c.is_control() || c == ':');
    let named = match auth.scheme {
        Scheme::Basic => !auth.user.is_empty(),
        Scheme::Bearer => auth.user.is_empty(),
    };
    findings.need(
        plain && named,
        &format!("{place}.auth.user"),
        "basic has a user of at most 200 bytes without a colon; bearer has none.",
    );
}

impl Web {
    /// The way to an address.
    ///
    /// # Errors
    /// When the address or a certificate cannot be read.
    pub fn new(
        url: &str,
        tls: Option<&TlsTarget>,
        auth: Option<&Auth>,
        seconds: u64,
        data: &Path,
    ) -> anyhow::Result<Self> {
        let endpoint =
            Endpoint::parse(url).map_err(|why| anyhow::anyhow!("the address cannot be used: {why}"))?;
        let tls = if endpoint.secure {
            let usual = TlsTarget::default();
            let (config, name) = tls.unwrap_or(&usual).client(data, &endpoint.host)?;
            let mut config = ClientConfig::clone(&config);
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            Some((Arc::new(config), name))
        } else {
            None
        };
        Ok(Self { endpoint, tls, auth: auth.cloned(), patience: Duration::from_secs(seconds) })
    }

    /// Scheme, host and port: a secret is good for these only.
    pub fn origin(&self) -> String {
        origin(&self.endpoint)
    }

    /// Sends one message. `about` is its record, `Patient/p1`, for what is put there.
    ///
    /// # Errors
    /// [`Lost`].
    pub async fn send(
        &self,
        form: Form,
        about: &str,
        message: Vec<u8>,
        secret: Option<&str>,
    ) -> Result<Answer, Lost> {
        self.send_told(form, about, message, secret, &Steps::default()).await
    }

    /// [`Self::send`], noting how far it gets.
    ///
    /// # Errors
    /// [`Lost`].
    pub async fn send_told(
        &self,
        form: Form,
        about: &str,
        message: Vec<u8>,
        secret: Option<&str>,
        steps: &Steps,
    ) -> Result<Answer, Lost> {
        let request = self.request(form, about, message, secret).map_err(Lost::NotSent)?;
        let left = Left::default();
        let lost = |why: String| if left.has() { Lost::NoAnswer(why) } else { Lost::NotSent(why) };
        match timeout(self.patience, self.attempt(request, &left, steps)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(why)) => Err(lost(why)),
            Err(_) => Err(lost(format!("no answer within {} s", self.patience.as_secs()))),
        }
    }

    fn request(
        &self,
        form: Form,
        about: &str,
        message: Vec<u8>,
        secret: Option<&str>,
    ) -> Result<Request<Bytes>, String> {
        let (method, target) = match form {
            Form::Er7 | Form::Bundle | Form::Notice => (Method::POST, self.endpoint.target.clone()),
            Form::Record => (Method::PUT, format!("{}/{about}", self.endpoint.target.trim_end_matches('/'))),
        };
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .header(header::HOST, self.endpoint.authority())
            .header(header::CONTENT_TYPE, form.media_type());
        if let Some(auth) = &self.auth {
            let secret =
                secret.ok_or("there is no secret for this address; set it for the destination".to_owned())?;
            request = request.header(header::AUTHORIZATION, authorization(auth, secret));
        }
        request.body(Bytes::from(message)).map_err(|_| "the request cannot be written".to_owned())
    }

    async fn attempt(&self, request: Request<Bytes>, left: &Left, steps: &Steps) -> Result<Answer, String> {
        let stream = connect(&self.endpoint.host, self.endpoint.port, steps).await?;
        let _ = stream.set_nodelay(true);
        match &self.tls {
            None => {
                steps.begin(ProbeStep::Answer);
                outgoing::exchange(stream, request, LONGEST_ANSWER, left).await
            }
            Some((config, name)) => {
                steps.begin(ProbeStep::Tls);
                let name = ServerName::try_from(name.clone())
                    .map_err(|_| "the receiver's name is none that a certificate could be for".to_owned())?;
                let stream = TlsConnector::from(config.clone()).connect(name, stream).await;
                let stream = stream.map_err(|error| format!("TLS: {error}"))?;
                steps.begin(ProbeStep::Answer);
                outgoing::exchange(stream, request, LONGEST_ANSWER, left).await
            }
        }
    }
}

/// Scheme, host and port of an address.
pub fn origin(endpoint: &Endpoint) -> String {
    let scheme = if endpoint.secure { "https" } else { "http" };
    format!("{scheme}://{}", endpoint.authority())
}

fn authorization(auth: &Auth, secret: &str) -> String {
    match auth.scheme {
        Scheme::Bearer => format!("Bearer {secret}"),
        Scheme::Basic => {
            format!("Basic {}", data_encoding::BASE64.encode(format!("{}:{secret}", auth.user).as_bytes()))
        }
    }
}

/// What an answer means for the message with this control id.
pub fn judge(answer: &Answer, form: Form, control_id: &[u8], now: Timestamp) -> Verdict {
    if form == Form::Er7
        && let Some(body) = hl7(&answer.body)
    {
        return match reply::read(body) {
            Some(reply) if reply.about == control_id => Verdict::Acknowledged(reply),
            Some(_) => Verdict::Other("the answer is about another message".to_owned()),
            None => Verdict::Other("the answer names no message (MSA-2)".to_owned()),
        };
    }
    let status = answer.status;
    let why = format!("HTTP {}", status.as_u16());
    if status.is_success() {
        Verdict::Taken(why)
    } else if status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429) {
        let after = retry_after(&answer.headers, now);
        let all = after.is_some()
            || matches!(
                status,
                StatusCode::TOO_MANY_REQUESTS
                    | StatusCode::BAD_GATEWAY
                    | StatusCode::SERVICE_UNAVAILABLE
                    | StatusCode::GATEWAY_TIMEOUT
            );
        Verdict::Later { why, after, all }
    } else if status.is_redirection() {
        Verdict::Refused(format!("{why}: redirects are not followed"))
    } else {
        Verdict::Refused(why)
    }
}

/// The HL7 message in a body, which some receivers send with the frame of MLLP.
fn hl7(body: &[u8]) -> Option<&[u8]> {
    let body = body.trim_ascii();
    let body = body.strip_prefix(&[0x0b]).unwrap_or(body);
    let body = body.strip_suffix(&[0x1c]).unwrap_or(body);
    body.starts_with(b"MSH").then_some(body)
}

/// When a receiver wants to be asked again: seconds or a date (RFC 9110, section 10.2.3), within an hour.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Timestamp> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let most = now.checked_add(LONGEST_PAUSE).unwrap_or(Timestamp::MAX);
    let after = match text.parse::<u32>() {
        Ok(seconds) => now.checked_add(SignedDuration::from_secs(i64::from(seconds))).ok()?,
        Err(_) => jiff::fmt::rfc2822::parse(text).ok()?.timestamp(),
    };
    Some(after.min(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Answer {
        let headers = headers.iter().map(|(name, value)| {
            (header::HeaderName::from_static(name), header::HeaderValue::from_str(value).unwrap())
        });
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: headers.collect(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    #[test]
    fn an_acknowledgement_decides_and_else_the_status() {
        let now = Timestamp::from_second(784_111_000).unwrap();
        let ack = |code: &str, about: &str| format!("MSH|^~\\&|A|B|C|D|1||ACK|9|P|2.5\rMSA|{code}|{about}\r");
        let judged = |status, body: &str| judge(&answer(status, &[], body), Form::Er7, b"C1", now);
        assert!(matches!(judged(200, &ack("AE", "C1")), Verdict::Acknowledged(r) if r.code.as_str() == "AE"));
        assert!(matches!(judged(500, &ack("AA", "C1")), Verdict::Acknowledged(r) if r.code.as_str() == "AA"));
        let framed = format!("\u{b}{}\u{1c}\r", ack("AA", "C1"));
        assert!(matches!(judged(200, &framed), Verdict::Acknowledged(_)));
        assert!(matches!(judged(200, &ack("AA", "C2")), Verdict::Other(_)));
        assert!(matches!(judged(200, &ack("AA", "")), Verdict::Other(_)));
        for (status, outcome) in [(200, 't'), (202, 't'), (301, 'r'), (400, 'r'), (404, 'r'), (422, 'r')] {
            let found = match judged(status, "ok") {
                Verdict::Taken(_) => 't',
                Verdict::Refused(_) => 'r',
                Verdict::Acknowledged(_) | Verdict::Later { .. } | Verdict::Other(_) => '?',
            };
            assert_eq!(found, outcome, "{status}");
        }
        for (status, whole) in [(408, false), (425, false), (429, true), (500, false), (503, true)] {
            assert!(
                matches!(judged(status, ""), Verdict::Later { all, after: None, .. } if all == whole),
                "{status}"
            );
        }
        for (text, seconds) in [
            ("7", Some(7)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(777)),
            ("999999", Some(3_600)),
            ("soon", None),
        ] {
            let Verdict::Later { after, .. } =
                judge(&answer(503, &[("retry-after", text)], ""), Form::Bundle, b"C1", now)
            else {
                panic!("{text}")
            };
            assert_eq!(after.map(|at| at.as_second() - now.as_second()), seconds, "{text}");
        }
    }
}
