//! Channels as the owner's screen lists them.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::document::Source;
use super::live::{Counts, Live, Running};
use super::{DEFAULT, store::Kept};
use crate::app::App;
use crate::exchange::Exchange;
use crate::exchange::sources::pins::{Peers, TlsSource};
use crate::records::access::Actor;
use crate::records::error::Error;

/// A channel and how it is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelLine {
    name: String,
    title: String,
    /// Kind of its source.
    kind: &'static str,
    /// The listener of the settings: it has no document and is changed in the settings.
    built_in: bool,
    /// Of its document; absent for the listener of the settings.
    version: Option<u64>,
    /// `starting`, `running`, `paused` or `failed`.
    state: &'static str,
    /// Why it failed, and what to do.
    reason: Option<String>,
    /// Where it listens.
    address: Option<String>,
    /// When the certificate ends that somebody put beside the box; the box's own renews itself.
    #[schema(value_type = Option<String>, format = DateTime)]
    certificate_ends: Option<Timestamp>,
    /// Peers that are known by their certificates.
    peers: Vec<ChannelPeer>,
    /// What went wrong last without ending it, such as a peer that was turned away.
    trouble: Option<String>,
    /// When a message came last, since the box started.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_message: Option<Timestamp>,
    counts: ChannelCounts,
}

/// A peer that is known by its certificate.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChannelPeer {
    name: String,
    fingerprint: String,
    /// When its certificate ends, once the peer has shown it since the box started.
    #[schema(value_type = Option<String>, format = DateTime)]
    ends: Option<Timestamp>,
}

/// What has come since the box started.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelCounts {
    /// When counting began.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// Taken in.
    received: u64,
    /// Answered with an error.
    refused: u64,
    /// Repetitions, answered as before.
    repeated: u64,
    /// Kept without being applied, because the filter says so.
    passed_over: u64,
}

/// Every channel, the listener of the settings first.
///
/// # Errors
/// [`Error::Refused`] for somebody who may not look.
pub fn list(app: &App, exchange: &Exchange, who: &Actor) -> Result<Vec<ChannelLine>, Error> {
    let all = exchange.channels().list(who)?;
    let counts = &exchange.intake().counts;
    let mut lines = vec![ChannelLine {
        name: DEFAULT.to_owned(),
        title: String::new(),
        kind: "mllp",
        built_in: true,
        version: None,
        state: "running",
        reason: None,
        address: Some(app.config().listen.mllp.to_string()),
        certificate_ends: None,
        peers: Vec::new(),
        trouble: None,
        last_message: counts.last(),
        counts: counted(counts, app.started()),
    }];
    lines.extend(all.iter().map(|live| line(live, app.started())));
    Ok(lines)
}

fn line(live: &Live, since: Timestamp) -> ChannelLine {
    let kept = live.kept();
    let Kept { version, document, .. } = &*kept;
    // A channel that was paused runs until its source has ended.
    let state = match live.state() {
        Running::Paused if document.on => Running::Starting,
        state => state,
    };
    let (word, reason, address, ends) = match state {
        Running::Starting => ("starting", None, None, None),
        Running::Paused => ("paused", None, None, None),
        Running::Failed(why) => ("failed", Some(why), None, None),
        Running::Running { address, expires } => ("running", None, address.map(|a| a.to_string()), expires),
    };
    ChannelLine {
        name: document.name.clone(),
        title: document.title.clone(),
        kind: document.source.kind(),
        built_in: false,
        version: Some(*version),
        state: word,
        reason,
        address,
        certificate_ends: ends,
        peers: tls(&document.source).map(|tls| peers(tls, &live.peers())).unwrap_or_default(),
        trouble: live.complaint(),
        last_message: live.counts().last(),
        counts: counted(live.counts(), since),
    }
}

fn tls(source: &Source) -> Option<&TlsSource> {
    match source {
        Source::Mllp(mllp) => mllp.tls.as_ref(),
        Source::Analyser(_) | Source::Http(_) | Source::Folder(_) | Source::Records(_) => None,
    }
}

fn peers(tls: &TlsSource, seen: &Peers) -> Vec<ChannelPeer> {
    let peer = |pin: &crate::exchange::sources::pins::Pin| ChannelPeer {
        name: pin.name.clone(),
        fingerprint: pin.fingerprint.clone(),
        ends: seen.ends(pin),
    };
    tls.peers.iter().map(peer).collect()
}

fn counted(counts: &Counts, since: Timestamp) -> ChannelCounts {
    use std::sync::atomic::Ordering::Relaxed;
    ChannelCounts {
        since,
        received: counts.received.load(Relaxed),
        refused: counts.refused.load(Relaxed),
        repeated: counts.repeated.load(Relaxed),
        passed_over: counts.passed_over.load(Relaxed),
    }
}
