//! Where a channel's messages go: its part of the document, and what its values must be like.

use std::path::Path;
use std::time::Duration;

use clinicvault_gateway::emit::Acknowledge as Wish;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::line::Dial;
use super::tls::{self, Trust};
use crate::exchange::channels::check::Findings;
use crate::exchange::sources::pins;

/// Most destinations of a channel.
const MOST: usize = 20;

/// A destination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Target {
    /// Its name within the channel: small letters, digits and hyphens, at most 40, the first a letter.
    #[schema(pattern = "^[a-z][a-z0-9-]{0,39}$")]
    pub name: String,
    /// Where that is.
    pub to: Destination,
}

/// Where messages go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Destination {
    /// A receiver of MLLP, plain or over TLS.
    Mllp(MllpTarget),
}

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
    pub acknowledge: Acknowledge,
    /// Seconds to wait for an answer; then the line is cut and the same bytes are sent again.
    #[serde(default = "timeout_seconds")]
    #[schema(minimum = 1, maximum = 300)]
    pub timeout_seconds: u64,
    /// Connections; on each one message is under way, those of one patient never on two.
    #[serde(default = "connections")]
    #[schema(minimum = 1, maximum = 16)]
    pub connections: usize,
}

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

/// How a receiver acknowledges (tables 0008 and 0155).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Acknowledge {
    /// Original mode: one answer.
    #[default]
    Original,
    /// Enhanced mode: that it is safely stored is enough.
    Accept,
    /// Enhanced mode: stored, and later what came of it.
    Application,
}

impl Acknowledge {
    /// What MSH-15 and MSH-16 ask for.
    pub const fn wish(self) -> Wish {
        match self {
            Self::Original => Wish::Original,
            Self::Accept => Wish::Accept,
            Self::Application => Wish::Application,
        }
    }
}

fn timeout_seconds() -> u64 {
    30
}

fn connections() -> usize {
    1
}

/// Notes what is wrong with the destinations of a channel.
pub fn check(targets: &[Target], findings: &mut Findings) {
    findings.need(targets.len() <= MOST, "destinations", "At most 20 destinations.");
    for (n, target) in targets.iter().enumerate() {
        let place = format!("destinations[{n}]");
        findings.need(
            crate::exchange::channels::check::is_name(&target.name),
            &format!("{place}.name"),
            "A name is of small letters, digits and hyphens, the first a letter, at most 40.",
        );
        let twice = targets.iter().take(n).any(|other| other.name == target.name);
        findings.need(!twice, &format!("{place}.name"), "Another destination of this channel has this name.");
        match &target.to {
            Destination::Mllp(mllp) => mllp.check(&format!("{place}.to"), findings),
        }
    }
}

impl MllpTarget {
    fn check(&self, place: &str, findings: &mut Findings) {
        let host = (1..=253).contains(&self.host.len())
            && self.host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b':' | b'_'));
        findings.need(host, &format!("{place}.host"), "Write a host name or an address.");
        findings.need(self.port > 0, &format!("{place}.port"), "A port is from 1 to 65535.");
        let seconds = (1..=300).contains(&self.timeout_seconds);
        findings.need(seconds, &format!("{place}.timeoutSeconds"), "From 1 to 300 seconds.");
        let lines = (1..=16).contains(&self.connections);
        findings.need(lines, &format!("{place}.connections"), "From 1 to 16 connections.");
        for (name, text) in [("application", &self.application), ("facility", &self.facility)] {
            let right = text.len() <= 180 && !text.chars().any(char::is_control);
            findings.need(right, &format!("{place}.{name}"), "One line of at most 180 bytes.");
        }
        let Some(tls) = &self.tls else { return };
        let pin = tls.fingerprint.as_deref().is_none_or(|text| pins::plain(text).is_some());
        findings.need(
            pin,
            &format!("{place}.tls.fingerprint"),
            "A fingerprint is the SHA-256 of the certificate: 64 hexadecimal digits (openssl x509 -fingerprint -sha256).",
        );
        for (key, name) in [("authority", &tls.authority), ("certificate", &tls.certificate)] {
            let plain = name.as_deref().is_none_or(|name| {
                (1..=60).contains(&name.len())
                    && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
            });
            findings.need(
                plain,
                &format!("{place}.tls.{key}"),
                "A name of letters, digits, - and _; its file lies in the folder tls of the data.",
            );
        }
    }

    /// How to get there.
    ///
    /// # Errors
    /// When a certificate cannot be read.
    pub fn dial(&self, data: &Path) -> anyhow::Result<Dial> {
        let folder = data.join("tls");
        let tls = match &self.tls {
            None => None,
            Some(tls) => {
                let authority = tls.authority.as_ref().map(|name| folder.join(format!("{name}.crt")));
                let pin = tls.fingerprint.as_deref().and_then(pins::plain);
                let trust = match (pin, &authority) {
                    (Some(pin), _) => Trust::Pinned(pin),
                    (None, Some(path)) => Trust::Authority(path),
                    (None, None) => Trust::System,
                };
                let own = tls.certificate.as_ref();
                let own = own.map(|n| (folder.join(format!("{n}.crt")), folder.join(format!("{n}.key"))));
                let own = own.as_ref().map(|(crt, key)| (crt.as_path(), key.as_path()));
                let name = tls.name.clone().unwrap_or_else(|| self.host.clone());
                Some((tls::client(&trust, own)?, name))
            }
        };
        let patience = Duration::from_secs(self.timeout_seconds.min(20));
        Ok(Dial { host: self.host.clone(), port: self.port, tls, patience })
    }
}
