//! What another side's IT needs to connect to a channel, as far as the box knows it: where, by which certificate, which
//! messages become what, and messages to begin with.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use clinicvault_gateway::emit::{Acknowledge, Envelope, Kind};
use clinicvault_gateway::hl7::structure::{Class, Event};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::specimen;
use crate::app::App;
use crate::exchange::Exchange;
use crate::exchange::channels::DEFAULT;
use crate::exchange::channels::document::{Answers, Channel, Rules, Source};
use crate::exchange::channels::live::Running;
use crate::exchange::channels::rework::Filter;
use crate::exchange::sources::pins::{ShownCertificate, TlsSource, shown_certificate};
use crate::lan::{addresses, authority};
use crate::records::access::{Actor, Area, Op, Subject, decide};
use crate::records::error::Error;

/// What another side needs to know.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelSheet {
    /// The channel.
    name: String,
    /// What people call it.
    title: String,
    /// Kind of its source.
    kind: &'static str,
    /// Names of the box on its network, the first to be preferred.
    hosts: Vec<String>,
    /// Addresses of the box where the channel listens on all of them; else the one on which it does.
    addresses: Vec<String>,
    /// Port; absent where the channel does not listen itself.
    port: Option<u16>,
    /// Path of requests, of a channel over HTTP.
    path: Option<String>,
    /// What the channel shows over TLS; absent where messages travel in clear text.
    certificate: Option<SheetCertificate>,
    /// Why the certificate cannot be read.
    trouble: Option<String>,
    /// Versions of the standard, MSH-12.
    versions: Vec<&'static str>,
    /// Every event that the box knows, by structure.
    structures: Vec<SheetStructure>,
    /// Messages to begin with, about nobody and marked as a test, of those that the channel takes.
    samples: Vec<SheetSample>,
}

/// What the channel shows over TLS.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SheetCertificate {
    /// SHA-256, in capitals with colons.
    fingerprint: String,
    /// When it ends; the box's own is renewed before then.
    #[schema(value_type = Option<String>, format = DateTime)]
    ends: Option<Timestamp>,
    /// Whether the box renews it by itself.
    renewed: bool,
    /// It, PEM.
    pem: String,
    /// SHA-256 of the clinic's authority that signed it, which stays the same over renewals.
    authority_fingerprint: Option<String>,
    /// The authority's certificate, PEM.
    authority_pem: Option<String>,
    /// Whether a sender must show a certificate that the clinic knows.
    peers: bool,
}

/// A structure of messages and its events.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SheetStructure {
    /// Table 0354, such as `ADT_A01`.
    structure: &'static str,
    /// Its events.
    events: Vec<SheetEvent>,
}

/// An event of the standard, and what the channel does with it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SheetEvent {
    /// MSH-9, such as `ADT^A01`.
    #[serde(rename = "type")]
    kind: String,
    /// `taken`; `depends` where the filter looks at what a message says; `passedOver`: kept and answered, not applied;
    /// `answered` of a question, or `refused`.
    state: &'static str,
    /// What it is about: `visit`, `person`, `merge`, `result`, `order`, `medication`, `vaccination`, `document`,
    /// `schedule`, `charge`, `referral`, `query` or `other`.
    about: &'static str,
}

/// A message to begin with.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SheetSample {
    /// MSH-9.
    #[serde(rename = "type")]
    kind: String,
    /// Its structure.
    structure: &'static str,
    /// One segment a line.
    text: String,
}

impl Exchange {
    /// The sheet of a channel; `default` is the listener of the settings. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`] for somebody who may not look at channels, [`Error::NotFound`].
    pub fn sheet(&self, who: &Actor, app: &App, name: &str) -> Result<ChannelSheet, Error> {
        decide(who, Op::Read, &Subject::area_only(Area::Settings)).check()?;
        if name == DEFAULT {
            return self.sheet_of(app, None, Some(app.config().listen.mllp));
        }
        let live = self.channels().read(who, name)?;
        let address = match (&live.kept().document.source, live.state()) {
            (Source::Mllp(_), Running::Running { address: Some(address), .. }) => Some(address),
            (Source::Mllp(source), _) => Some(source.address),
            (Source::Http(_), _) => Some(app.config().listen.https),
            (Source::Analyser(_) | Source::Folder(_) | Source::Records(_), _) => None,
        };
        self.sheet_of(app, Some(&live.kept().document), address)
    }

    fn sheet_of(
        &self,
        app: &App,
        channel: Option<&Channel>,
        address: Option<SocketAddr>,
    ) -> Result<ChannelSheet, Error> {
        let usual = Rules::default();
        let rules = channel.map_or(&usual, |channel| &channel.rules);
        let filter = channel.and_then(|channel| channel.filter.as_ref());
        let hl7 = channel.is_none_or(|one| {
            !matches!(one.source, Source::Analyser(_) | Source::Records(_)) && !one.takes_fhir()
        });
        let structures = if hl7 { structures(rules, filter) } else { Vec::new() };
        let tls = channel.and_then(|channel| match &channel.source {
            Source::Mllp(mllp) => mllp.tls.clone(),
            Source::Http(http) => Some(TlsSource { certificate: None, peers: http.peers.clone() }),
            Source::Analyser(_) | Source::Folder(_) | Source::Records(_) => None,
        });
        let shown =
            tls.as_ref().map(|tls| shown_certificate(tls, app).map(|shown| certificate(shown, tls, app)));
        let (certificate, trouble) = match shown {
            None => (None, None),
            Some(Ok(certificate)) => (Some(certificate), None),
            Some(Err(error)) => (None, Some(format!("{error:#}"))),
        };
        let addresses = match address.map(|address| address.ip()) {
            None => Vec::new(),
            Some(ip) if ip.is_unspecified() => addresses::local().iter().map(ToString::to_string).collect(),
            Some(ip) => vec![ip.to_string()],
        };
        let path = channel.filter(|channel| matches!(channel.source, Source::Http(_)));
        Ok(ChannelSheet {
            name: channel.map_or(DEFAULT, |channel| &channel.name).to_owned(),
            title: channel.map_or("", |channel| &channel.title).to_owned(),
            kind: channel.map_or("mllp", |channel| channel.source.kind()),
            hosts: app.tls().names().to_vec(),
            addresses,
            port: address.map(|address| address.port()).filter(|port| *port > 0),
            path: path.map(|channel| format!("/hl7/v2/{}", channel.name)),
            certificate,
            trouble,
            versions: if hl7 {
                vec![
                    "2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8",
                    "2.8.1", "2.8.2", "2.9",
                ]
            } else {
                Vec::new()
            },
            samples: self.samples(&structures)?,
            structures,
        })
    }

    /// Messages of the kinds that the box makes and the channel takes.
    fn samples(&self, structures: &[SheetStructure]) -> Result<Vec<SheetSample>, Error> {
        let now = self.records().now();
        let mut samples = Vec::new();
        for structure in structures {
            for event in structure.events.iter().filter(|event| matches!(event.state, "taken" | "depends")) {
                let Some(kind) = Kind::parse(&event.kind) else { continue };
                let envelope = Envelope {
                    sender: ("YOURSYSTEM", "YOURSITE"),
                    receiver: ("CLINICVAULT", "CLINIC"),
                    control_id: &format!("TEST-{}", event.kind.replace('^', "-")),
                    now,
                    offset: self.rules().map.zone.to_offset(now),
                    training: true,
                    acknowledge: Acknowledge::Original,
                };
                let bytes = specimen::message(kind, &envelope, &self.rules().map.authorities)?;
                let text = String::from_utf8_lossy(&bytes).replace('\r', "\n");
                samples.push(SheetSample { kind: event.kind.clone(), structure: structure.structure, text });
            }
        }
        Ok(samples)
    }
}

fn certificate(shown: ShownCertificate, tls: &TlsSource, app: &App) -> SheetCertificate {
    let own = tls.certificate.is_none();
    let ca = app.tls().authority().filter(|_| own);
    SheetCertificate {
        ends: shown.ends,
        renewed: own,
        pem: authority::pem(&shown.der),
        fingerprint: shown.fingerprint,
        authority_fingerprint: ca.as_deref().map(authority::fingerprint),
        authority_pem: ca.as_deref().map(authority::pem),
        peers: !tls.peers.is_empty(),
    }
}

fn structures(rules: &Rules, filter: Option<&Filter>) -> Vec<SheetStructure> {
    let mut all: BTreeMap<&'static str, Vec<SheetEvent>> = BTreeMap::new();
    for event in Event::all() {
        let kind = format!("{}^{}", event.kind(), event.trigger());
        let state = state(event, &kind, rules, filter);
        all.entry(event.structure()).or_default().push(SheetEvent {
            kind,
            state,
            about: about(event.class()),
        });
    }
    all.into_iter().map(|(structure, events)| SheetStructure { structure, events }).collect()
}

/// What the channel does with an event, as far as its document says it of all messages of the kind.
fn state(event: Event, kind: &str, rules: &Rules, filter: Option<&Filter>) -> &'static str {
    let names =
        |list: &[String]| list.is_empty() || list.iter().any(|one| one == kind || one == event.kind());
    if !names(&rules.kinds) {
        return "refused";
    }
    if event.class() == Class::Query {
        let wants = match event.trigger() {
            "Q11" => Answers::Orders,
            _ => Answers::Patients,
        };
        return if rules.answers.contains(&wants) { "answered" } else { "refused" };
    }
    match filter {
        Some(filter) if !names(&filter.kinds) => "passedOver",
        Some(filter) if !filter.senders.is_empty() || !filter.when.is_empty() || filter.rule.is_some() => {
            "depends"
        }
        Some(_) | None => "taken",
    }
}

const fn about(class: Class) -> &'static str {
    match class {
        Class::Visit | Class::Swap | Class::Move => "visit",
        Class::Person | Class::Renumber => "person",
        Class::Merge | Class::Link | Class::Account => "merge",
        Class::Result => "result",
        Class::Order | Class::Reply => "order",
        Class::Medication => "medication",
        Class::Vaccination => "vaccination",
        Class::Document => "document",
        Class::Schedule => "schedule",
        Class::Charge => "charge",
        Class::Referral => "referral",
        Class::Query => "query",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state_of(kind: &str, rules: &Rules, filter: Option<&Filter>) -> &'static str {
        let all = structures(rules, filter);
        let event = all.iter().flat_map(|one| &one.events).find(|event| event.kind == kind);
        event.map_or("unknown", |event| event.state)
    }

    #[test]
    fn every_event_says_what_the_channel_does_with_it() {
        let all = Rules::default();
        assert_eq!((state_of("ADT^A01", &all, None), state_of("QBP^Q22", &all, None)), ("taken", "refused"));
        let answers = Rules { answers: vec![Answers::Patients], ..Rules::default() };
        assert_eq!(
            (state_of("QBP^Q22", &answers, None), state_of("QBP^Q11", &answers, None)),
            ("answered", "refused")
        );
        let results = Rules { kinds: vec!["ORU".to_owned(), "ADT^A08".to_owned()], ..Rules::default() };
        let found = ["ORU^R01", "ADT^A08", "ADT^A04"].map(|kind| state_of(kind, &results, None));
        assert_eq!(found, ["taken", "taken", "refused"]);
        let filter = Filter { kinds: vec!["ORU".to_owned()], ..Filter::default() };
        let found = ["ORU^R01", "ADT^A08"].map(|kind| state_of(kind, &all, Some(&filter)));
        assert_eq!(found, ["taken", "passedOver"]);
        let filter = Filter { senders: vec!["LIS|LAB".to_owned()], ..Filter::default() };
        assert_eq!(state_of("ORU^R01", &all, Some(&filter)), "depends");
    }
}
