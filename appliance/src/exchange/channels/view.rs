//! Channels as the owner's screen lists them.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::counts::{Came, Counts};
use super::document::Source;
use super::live::{Live, Running};
use super::queues::{ChannelQueue, waiting};
use super::{DEFAULT, store::Kept};
use crate::app::App;
use crate::exchange::Exchange;
use crate::exchange::sources::pins::{Peers, Pin, TlsSource};
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
    /// Networks that may send; empty where nothing narrows it.
    allow: Vec<String>,
    /// Whether what comes is encrypted on the way.
    tls: bool,
    /// Names of its destinations.
    destinations: Vec<String>,
    /// When a message came last.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_message: Option<Timestamp>,
    counts: ChannelCounts,
    /// The last twenty-four hours of the clinic's clock, oldest first, the current one included; hours in which nothing
    /// came are left out.
    hours: Vec<ChannelHour>,
    /// Milliseconds between coming and being in the record, on average of the last hour or else of the day.
    latency_ms: Option<u64>,
    queue: ChannelQueue,
}

/// What came in one hour.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelHour {
    /// When the hour began.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Taken in.
    received: u64,
    /// Answered with an error.
    refused: u64,
    /// Put before a person.
    held: u64,
    /// Repetitions, answered as before.
    repeated: u64,
    /// Kept without being applied, because the filter says so.
    passed_over: u64,
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

/// Every channel, the listener of the settings first. Blocking.
///
/// # Errors
/// [`Error::Refused`] for somebody who may not look.
pub fn list(app: &App, exchange: &Exchange, who: &Actor) -> Result<Vec<ChannelLine>, Error> {
    let all = exchange.channels().list(who)?;
    let mut queues = waiting(exchange)?;
    let counts = &exchange.intake().counts;
    let day = Day::of(app.now(), &app.zone());
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
        allow: Vec::new(),
        tls: false,
        destinations: Vec::new(),
        last_message: counts.last(),
        counts: counted(counts, app.started()),
        hours: day.hours(counts),
        latency_ms: day.latency(counts),
        queue: queues.remove(DEFAULT).unwrap_or_default(),
    }];
    for live in &all {
        let queue = queues.remove(&live.kept().document.name).unwrap_or_default();
        lines.push(line(live, app.started(), &day, queue));
    }
    Ok(lines)
}

fn line(live: &Live, since: Timestamp, day: &Day, queue: ChannelQueue) -> ChannelLine {
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
    let counts = live.counts();
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
        peers: peers(pins(&document.source), &live.peers()),
        trouble: live.complaint(),
        allow: allowed(&document.source),
        tls: tls(&document.source).is_some(),
        destinations: document.destinations.iter().map(|target| target.name.clone()).collect(),
        last_message: counts.last(),
        counts: counted(counts, since),
        hours: day.hours(counts),
        latency_ms: day.latency(counts),
        queue,
    }
}

fn allowed(source: &Source) -> Vec<String> {
    match source {
        Source::Mllp(mllp) => mllp.allow.iter().map(ToString::to_string).collect(),
        Source::Analyser(_) | Source::Http(_) | Source::Folder(_) | Source::Records(_) => Vec::new(),
    }
}

fn tls(source: &Source) -> Option<&TlsSource> {
    match source {
        Source::Mllp(mllp) => mllp.tls.as_ref(),
        Source::Analyser(_) | Source::Http(_) | Source::Folder(_) | Source::Records(_) => None,
    }
}

/// When certificates of its peers end, as far as they were shown.
pub(super) fn peers_end(live: &Live) -> Vec<Timestamp> {
    let (kept, seen) = (live.kept(), live.peers());
    pins(&kept.document.source).iter().filter_map(|pin| seen.ends(pin)).collect()
}

/// The certificates that its peers are known by.
fn pins(source: &Source) -> &[Pin] {
    match source {
        Source::Mllp(mllp) => mllp.tls.as_ref().map(|tls| tls.peers.as_slice()).unwrap_or_default(),
        Source::Http(http) => &http.peers,
        Source::Analyser(_) | Source::Folder(_) | Source::Records(_) => &[],
    }
}

fn peers(pins: &[Pin], seen: &Peers) -> Vec<ChannelPeer> {
    let peer = |pin: &Pin| ChannelPeer {
        name: pin.name.clone(),
        fingerprint: pin.fingerprint.clone(),
        ends: seen.ends(pin),
    };
    pins.iter().map(peer).collect()
}

fn counted(counts: &Counts, since: Timestamp) -> ChannelCounts {
    let sums = counts.since();
    ChannelCounts {
        since,
        received: sums.of(Came::Received),
        refused: sums.of(Came::Refused),
        repeated: sums.of(Came::Repeated),
        passed_over: sums.of(Came::PassedOver),
    }
}

/// The last twenty-four hours as the clinic's clock cuts them.
struct Day {
    now: Timestamp,
    /// When each began, and when the last ends.
    hours: Vec<Timestamp>,
}

impl Day {
    fn of(now: Timestamp, zone: &TimeZone) -> Self {
        let ahead = i64::from(zone.to_offset(now).seconds());
        let begun = (now.as_second() + ahead).div_euclid(3600) * 3600 - ahead;
        let hours = (-23..=1).filter_map(|back| Timestamp::from_second(begun + back * 3600).ok());
        Self { now, hours: hours.collect() }
    }

    fn hours(&self, counts: &Counts) -> Vec<ChannelHour> {
        let pairs = self.hours.iter().zip(self.hours.iter().skip(1));
        let hour = |(from, to): (&Timestamp, &Timestamp)| {
            let sums = counts.between(*from, *to);
            ChannelHour {
                at: *from,
                received: sums.of(Came::Received),
                refused: sums.of(Came::Refused),
                held: sums.of(Came::Held),
                repeated: sums.of(Came::Repeated),
                passed_over: sums.of(Came::PassedOver),
            }
        };
        let some = |hour: &ChannelHour| {
            hour.received + hour.refused + hour.held + hour.repeated + hour.passed_over > 0
        };
        pairs.map(hour).filter(some).collect()
    }

    fn latency(&self, counts: &Counts) -> Option<u64> {
        let soon = self.now.saturating_add(SignedDuration::from_mins(15)).unwrap_or(self.now);
        let before = |hours| self.now.saturating_sub(SignedDuration::from_hours(hours)).unwrap_or(self.now);
        let over = |hours| counts.between(before(hours), soon).latency();
        over(1).or_else(|| over(24))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_begin_where_the_clinics_clock_begins_them() {
        let now: Timestamp = "2026-11-22T10:10:00Z".parse().unwrap();
        let india = TimeZone::get("Asia/Kolkata").unwrap();
        let day = Day::of(now, &india);
        assert_eq!(day.hours.len(), 25);
        let shown: Vec<String> = day.hours.iter().rev().take(2).map(ToString::to_string).collect();
        assert_eq!(shown, ["2026-11-22T10:30:00Z", "2026-11-22T09:30:00Z"]);
        let counts = Counts::default();
        counts.add(Came::Received, 3, now);
        counts.add(Came::Received, 4, "2026-11-22T09:29:59Z".parse().unwrap());
        counts.add(Came::Held, 1, now);
        let hours: Vec<_> =
            day.hours(&counts).iter().map(|h| (h.at.to_string(), h.received, h.held)).collect();
        let said = |at: &str, received, held| (at.to_owned(), received, held);
        assert_eq!(hours, [said("2026-11-22T08:30:00Z", 4, 0), said("2026-11-22T09:30:00Z", 3, 1)]);
    }
}
