//! A receiver of HTTP requests: its part of the document. One request holds one message.

use std::path::Path;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::destination::{self, Acknowledgement, Format};
use super::tls::TlsTarget;
use super::web::{self, Web};
use crate::exchange::channels::check::Findings;

/// A receiver of `POST` with `application/hl7-v2` or `application/fhir+json`.
///
/// An HL7 acknowledgement in the answer decides, when it names the message in MSA-2. Otherwise the status does: 2xx is
/// taken; 408, 425, 429 and 5xx are tried again, not before `Retry-After` says so; all others wait for a person. Redirects
/// are not followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpTarget {
    /// The address, `http` or `https`.
    #[schema(max_length = 2000)]
    pub url: String,
    /// In which form messages go there.
    #[serde(default)]
    pub format: Format,
    /// Whom to trust over `https`; without it, the authorities of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsTarget>,
    /// How the box says who it is. Its secret is set by `PUT /api/destinations/{channel}/{name}/secret` and never shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// MSH-5 of messages that the box makes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub application: String,
    /// MSH-6 of messages that the box makes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub facility: String,
    /// How the receiver shall acknowledge.
    #[serde(default)]
    pub acknowledge: Acknowledgement,
    /// Seconds for the whole of a request; then it is sent again.
    #[serde(default = "destination::timeout_seconds")]
    #[schema(minimum = 1, maximum = 300)]
    pub timeout_seconds: u64,
    /// Requests at a time, those of one patient one after another.
    #[serde(default = "destination::connections")]
    #[schema(minimum = 1, maximum = 16)]
    pub connections: usize,
}

/// How the box says who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Auth {
    /// The scheme of the `Authorization` header.
    pub scheme: Scheme,
    /// The user of `basic`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(max_length = 200)]
    pub user: String,
}

/// A scheme of the `Authorization` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Scheme {
    /// The secret is a token.
    Bearer,
    /// The secret is a password.
    Basic,
}

impl HttpTarget {
    /// Notes what is wrong with it.
    pub(super) fn check(&self, place: &str, findings: &mut Findings) {
        web::check(&self.url, self.tls.as_ref(), self.auth.as_ref(), place, findings);
        destination::check_pace(self.timeout_seconds, self.connections, place, findings);
        destination::check_names(&self.application, &self.facility, place, findings);
    }

    /// How to get there.
    ///
    /// # Errors
    /// When a certificate cannot be read.
    pub fn web(&self, data: &Path) -> anyhow::Result<Web> {
        Web::new(&self.url, self.tls.as_ref(), self.auth.as_ref(), self.timeout_seconds, data)
    }
}
