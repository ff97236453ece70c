//! A listener for MLLP that belongs to a channel: its part of the document, and how it is served.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use clinicvault_gateway::hl7::mllp::Bounds;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use utoipa::ToSchema;

use super::net::Network;
use super::pins::{TlsSource, server};
use crate::app::App;
use crate::exchange::channels::check::Findings;
use crate::exchange::channels::live::Live;
use crate::exchange::mllp::{self, Entry, Service};
use crate::supervisor::Stop;

/// A listener for MLLP, plain or over TLS.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MllpSource {
    /// Address and port; port 0 takes a free one.
    #[schema(value_type = String)]
    pub address: SocketAddr,
    /// Addresses and networks that may send. Without TLS empty means the box itself, with TLS everybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, max_items = 200)]
    pub allow: Vec<Network>,
    /// TLS; without it messages travel in clear text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsSource>,
    /// Open connections; beyond it the one that has been quiet longest makes room.
    #[serde(default = "connections")]
    #[schema(minimum = 1, maximum = 1000)]
    pub connections: usize,
    /// A sender that stops in the middle of a message is dropped after so many seconds.
    #[serde(default = "idle_seconds")]
    #[schema(minimum = 1, maximum = 600)]
    pub idle_seconds: u64,
}

fn connections() -> usize {
    32
}

fn idle_seconds() -> u64 {
    10
}

impl MllpSource {
    /// Notes what is wrong with it.
    pub fn check(&self, findings: &mut Findings) {
        let open = self.tls.is_some() || !self.allow.is_empty() || self.address.ip().is_loopback();
        findings.need(
            open,
            "source.allow",
            "Plain MLLP carries patient data in clear text: name the addresses that may send, or use TLS.",
        );
        findings.need(self.allow.len() <= 200, "source.allow", "At most 200 addresses and networks.");
        findings.need(
            (1..=1000).contains(&self.connections),
            "source.connections",
            "From 1 to 1000 connections.",
        );
        findings.need((1..=600).contains(&self.idle_seconds), "source.idleSeconds", "From 1 to 600 seconds.");
        if let Some(tls) = &self.tls {
            tls.check("source.tls", findings);
        }
    }

    fn may_send(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        match (self.allow.is_empty(), &self.tls) {
            (true, Some(_)) => true,
            (true, None) => address.is_loopback(),
            (false, _) => self.allow.iter().any(|network| network.holds(address)),
        }
    }
}

/// Listens until told to stop. Connections finish the message they are in.
///
/// # Errors
/// When the address cannot be used or the certificate cannot be read: a sentence for a person, which says what to do.
pub async fn run(source: MllpSource, app: App, live: Arc<Live>, stop: Stop) -> anyhow::Result<()> {
    let tls = match &source.tls {
        Some(tls) => Some(server(tls, &app, live.peers())?),
        None => None,
    };
    let listener = TcpListener::bind(source.address).await.map_err(|error| {
        anyhow::anyhow!(
            "cannot listen on {}: {error}; give the channel another address, or stop what uses this one",
            source.address
        )
    })?;
    live.running(Some(listener.local_addr()?), tls.as_ref().and_then(|tls| tls.expires));
    let gate = {
        let (source, live) = (source.clone(), live.clone());
        move |peer: SocketAddr| {
            if !source.may_send(peer.ip()) {
                live.complain(format!("{} may not send here; source.allow does not name it", peer.ip()));
                return Entry::Closed;
            }
            match &tls {
                Some(tls) => Entry::Tls(tls.config.clone()),
                None => Entry::Plain,
            }
        }
    };
    let service = Service {
        app: app.clone(),
        bounds: Bounds { frame: app.config().hl7.frame_kib * 1024, ..Bounds::default() },
        quiet: Duration::from_secs(source.idle_seconds),
        connections: source.connections,
        live: Some(live),
    };
    mllp::serve_by(service, Arc::new(listener), gate, stop).await
}
