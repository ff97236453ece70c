//! A FHIR server that is told what changed: its part of the document.

use std::path::Path;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::destination;
use super::http::Auth;
use super::row::Form;
use super::tls::TlsTarget;
use super::web::{self, Web};
use crate::exchange::channels::check::Findings;

/// A FHIR server, or a receiver of notifications. The status of its answer decides as for `http`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FhirHookTarget {
    /// The base of the server for `put`, the endpoint for `notification`.
    #[schema(max_length = 2000)]
    pub url: String,
    /// What is sent of a change.
    #[serde(default)]
    pub deliver: Deliver,
    /// Whom to trust over `https`; without it, the authorities of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsTarget>,
    /// How the box says who it is. Its secret is set by `PUT /api/destinations/{channel}/{name}/secret` and never shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// Seconds for the whole of a request; then it is sent again.
    #[serde(default = "destination::timeout_seconds")]
    #[schema(minimum = 1, maximum = 300)]
    pub timeout_seconds: u64,
    /// Requests at a time, those of one patient one after another.
    #[serde(default = "destination::connections")]
    #[schema(minimum = 1, maximum = 16)]
    pub connections: usize,
}

/// What is sent of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Deliver {
    /// `POST` of a notification bundle after the R5 Backport guide, with the record in it.
    #[default]
    Notification,
    /// `PUT` of the record to its type and id below the base.
    Put,
}

impl Deliver {
    /// The form of a message in the outbox.
    pub const fn form(self) -> Form {
        match self {
            Self::Notification => Form::Notice,
            Self::Put => Form::Record,
        }
    }
}

impl FhirHookTarget {
    /// Notes what is wrong with it.
    pub(super) fn check(&self, place: &str, findings: &mut Findings) {
        web::check(&self.url, self.tls.as_ref(), self.auth.as_ref(), place, findings);
        let base = self.deliver == Deliver::Notification || !self.url.contains('?');
        findings.need(base, &format!("{place}.url"), "The base of a server has no query.");
        destination::check_pace(self.timeout_seconds, self.connections, place, findings);
    }

    /// How to get there.
    ///
    /// # Errors
    /// When a certificate cannot be read.
    pub fn web(&self, data: &Path) -> anyhow::Result<Web> {
        Web::new(&self.url, self.tls.as_ref(), self.auth.as_ref(), self.timeout_seconds, data)
    }
}
