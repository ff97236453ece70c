//! A test message that the box sends to itself through the door of a channel. The door answers as it would answer anybody,
//! and stores nothing: the message carries a control id that the box has just made and that nobody else knows.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clinicvault_gateway::hl7::ack::{self, Answer};
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::answer::TestAnswer;
use super::target::test_line;
use crate::app::App;
use crate::exchange::Exchange;
use crate::exchange::channels::document::Source;
use crate::exchange::channels::live::Running;
use crate::exchange::inbox::{Reply, Told};
use crate::exchange::intake::Intake;
use crate::exchange::outbox::line::{Dial, Lost};
use crate::exchange::outbox::probe::{ProbeStep, ProbeTime, Steps};
use crate::exchange::outbox::tls::{Trust, client};
use crate::exchange::reading::Read;
use crate::exchange::row::Fault;
use crate::exchange::sources::pins::shown_certificate;
use crate::exchange::trying::Tried;
use crate::records::access::{Actor, Area, Op, Subject, decide};
use crate::records::error::Error;

/// Longest time for the door.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came of a test message to a channel.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DoorTest {
    /// The channel's own door.
    door: Door,
    /// The message, one segment a line.
    sent: String,
    /// What the channel does with it, step by step, and what would be written.
    tried: Tried,
}

/// How the door answered.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Door {
    /// `answered`, `failed`, or `none` where the channel has no door that the box could knock at.
    outcome: &'static str,
    /// Where it was knocked at.
    address: Option<String>,
    /// At which step it failed.
    failed_at: Option<ProbeStep>,
    /// Why it failed, or was not tried.
    why: Option<String>,
    /// The steps with their times.
    steps: Vec<ProbeTime>,
    /// What came back.
    answer: Option<TestAnswer>,
}

/// The control ids of test messages that are under way.
#[derive(Debug, Default)]
pub(in crate::exchange) struct Rehearsals(Mutex<HashSet<String>>);

impl Rehearsals {
    fn begin(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned());
    }

    fn end(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// Whether a message is one of them.
    pub fn has(&self, id: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(id)
    }
}

impl Exchange {
    /// Sends a test message through the door of a channel and answers what the door said and what would be written. Nothing
    /// is stored. `production` gives it the processing id `P`, for a channel that takes no other.
    ///
    /// # Errors
    /// [`Error::Refused`] for a role that may not change settings, [`Error::NotFound`], [`Error::Broken`] for a message that
    /// is not made, [`Error::Precondition`] for a channel that takes no messages of HL7 v2 from outside.
    pub async fn test_source(
        &self,
        who: &Actor,
        app: &App,
        channel: &str,
        named: Option<&str>,
        production: bool,
    ) -> Result<DoorTest, Error> {
        decide(who, Op::Update, &Subject::area_only(Area::Settings)).check()?;
        let live = self.channels().read(who, channel)?;
        let document = live.kept().document.clone();
        let others = matches!(document.source, Source::Analyser(_) | Source::Records(_));
        if others || document.takes_fhir() {
            let why = "This channel takes no messages of HL7 v2 from outside; there is no door to try.";
            return Err(Error::precondition(why));
        }
        let kind = super::kind(named)?;
        let (id, bytes) = self.specimen(kind, ("CLINICVAULT", "CLINIC"), !production, Default::default())?;
        let steps = Steps::default();
        self.0.rehearsals.begin(&id);
        let door = match (&document.source, live.state()) {
            (Source::Mllp(source), Running::Running { address: Some(address), .. }) => {
                let name = app.tls().names().first().cloned().unwrap_or_default();
                let tls = source.tls.as_ref().map(|tls| own_client(tls, app, &name)).transpose();
                self.knock(address, tls, &id, &bytes, &steps).await
            }
            (Source::Mllp(_), state) => unreached(&state),
            (Source::Http(_) | Source::Folder(_), Running::Failed(why)) => no_door(why),
            (Source::Http(_), _) => {
                no_door("A request needs a token of its sender; the box has none to show.".to_owned())
            }
            (Source::Folder(_), _) => no_door(
                "A file that is laid into the folder is moved and answered as one of a sender.".to_owned(),
            ),
            (Source::Analyser(_) | Source::Records(_), _) => no_door(String::new()),
        };
        self.0.rehearsals.end(&id);
        let said = format!("test message {id} through channel {channel}: {}", door.outcome);
        let line = test_line(who, said);
        let sent = String::from_utf8_lossy(&bytes).replace('\r', "\n");
        let (exchange, who) = (self.clone(), Arc::new(who.clone()));
        let tried = tokio::task::spawn_blocking(move || {
            exchange.records().unit_blocking(who, move |work| work.audit(line))?;
            Ok::<_, Error>(exchange.tried(&Intake::of(&document, Arc::default()), bytes))
        });
        let tried = tried.await.map_err(|_| Error::Fault("a step of a test failed".to_owned()))??;
        Ok(DoorTest { door, sent, tried })
    }

    async fn knock(
        &self,
        address: SocketAddr,
        tls: anyhow::Result<Option<OwnClient>>,
        id: &str,
        bytes: &[u8],
        steps: &Steps,
    ) -> Door {
        steps.begin(ProbeStep::Prepare);
        let host = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        let done = async {
            let tls = tls.map_err(|error| format!("{error:#}"))?;
            let dial = Dial { host: host.to_string(), port: address.port(), tls, patience: PATIENCE };
            let mut line = dial.open_told(steps).await?;
            steps.begin(ProbeStep::Answer);
            let answer = line.exchange(bytes, id.as_bytes(), PATIENCE, |_| {}).await;
            answer.map(|(_, bytes)| TestAnswer::read(&bytes)).map_err(|lost| match lost {
                Lost::NotSent(why) | Lost::NoAnswer(why) => why,
            })
        };
        let late = |_| Err(format!("no answer within {} s", PATIENCE.as_secs()));
        let done = timeout(PATIENCE, done).await.unwrap_or_else(late);
        let address = Some(SocketAddr::new(host, address.port()).to_string());
        match done {
            Ok(answer) => Door {
                outcome: "answered",
                address,
                failed_at: None,
                why: None,
                steps: steps.times(),
                answer: Some(answer),
            },
            Err(why) => Door {
                outcome: "failed",
                address,
                failed_at: steps.last(),
                why: Some(why),
                steps: steps.times(),
                answer: None,
            },
        }
    }

    /// The answer to a test message that came through a door: as the channel answers, and nothing is stored.
    pub(in crate::exchange) fn rehearsed(&self, read: &Read) -> Told {
        let now = self.records().now();
        let first = read.problems.first();
        let code = read.wish.at_once(first).or_else(|| first.and_then(|p| read.wish.later(Some(p))));
        let control_id = self.control_id(now);
        let offset = self.rules().map.zone.to_offset(now);
        let answer = code.map_or(Vec::new(), |code| {
            let answer = Answer { code, problems: &read.problems, control_id: &control_id, now, offset };
            ack::build(read.header.as_ref(), &answer)
        });
        Told {
            reply: Reply::of(answer),
            seq: None,
            kind: read.facts.kind.clone(),
            control_id: read.facts.control_id.clone(),
            repeated: false,
            problem: first.map(Fault::from),
        }
    }
}

type OwnClient = (Arc<rustls::ClientConfig>, String);

/// A client that trusts exactly the certificate that the channel shows.
fn own_client(
    tls: &crate::exchange::sources::pins::TlsSource,
    app: &App,
    name: &str,
) -> anyhow::Result<OwnClient> {
    anyhow::ensure!(
        tls.peers.is_empty(),
        "the channel lets in the certificates of its peers only, and the box has none of them"
    );
    let shown = shown_certificate(tls, app)?;
    Ok((client(&Trust::Pinned(shown.fingerprint), None)?, name.to_owned()))
}

fn unreached(state: &Running) -> Door {
    no_door(match state {
        Running::Paused => "The channel is paused.".to_owned(),
        Running::Failed(why) => why.clone(),
        Running::Starting | Running::Running { .. } => "The channel is about to start.".to_owned(),
    })
}

fn no_door(why: String) -> Door {
    Door { outcome: "none", address: None, failed_at: None, why: Some(why), steps: Vec::new(), answer: None }
}
