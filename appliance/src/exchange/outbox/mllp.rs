//! A receiver of MLLP: its part of the document, and how to get there.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::destination::{self, Acknowledgement};
use super::line::Dial;
use super::tls::TlsTarget;
use crate::exchange::channels::check::Findings;

/// A receiver of MLLP.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MllpTarget {
    /// Host name or address.
    pub host: String,
    /// Port.
    #[schema(minimum = 1)]
    pub port: u16,
    /// TLS; without it messages travel in clear text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsTarget>,
    /// MSH-5 of messages that the box makes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub application: String,
    /// MSH-6 of messages that the box makes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub facility: String,
    /// How the receiver shall acknowledge.
    #[serde(default)]
    pub acknowledge: Acknowledgement,
    /// Seconds to wait for an answer; then the line is cut and the same bytes are sent again.
    #[serde(default = "destination::timeout_seconds")]
    #[schema(minimum = 1, maximum = 300)]
    pub timeout_seconds: u64,
    /// Connections; on each one message is under way, those of one patient never on two.
    #[serde(default = "destination::connections")]
    #[schema(minimum = 1, maximum = 16)]
    pub connections: usize,
}

impl MllpTarget {
    /// Notes what is wrong with it.
    pub(super) fn check(&self, place: &str, findings: &mut Findings) {
        let host = (1..=253).contains(&self.host.len())
            && self.host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b':' | b'_'));
        findings.need(host, &format!("{place}.host"), "Write a host name or an address.");
        findings.need(self.port > 0, &format!("{place}.port"), "A port is from 1 to 65535.");
        destination::check_pace(self.timeout_seconds, self.connections, place, findings);
        destination::check_names(&self.application, &self.facility, place, findings);
        if let Some(tls) = &self.tls {
            tls.check(&format!("{place}.tls"), findings);
        }
    }

    /// How to get there.
    ///
    /// # Errors
    /// When a certificate cannot be read.
    pub fn dial(&self, data: &Path) -> anyhow::Result<Dial> {
        let tls = self.tls.as_ref().map(|tls| tls.client(data, &self.host)).transpose()?;
        let patience = Duration::from_secs(self.timeout_seconds.min(20));
        Ok(Dial { host: self.host.clone(), port: self.port, tls, patience })
    }
}
