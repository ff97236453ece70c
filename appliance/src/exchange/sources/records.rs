//! What changed in the box's own records as a source of messages: a channel says which, and each change leaves as messages
//! to its destinations.
//!
//! The changes are read from the vault's log. How far it was read and the messages that came of it are one commit, so that
//! nothing is lost and nothing is made twice across a restart. What a patient's consent withholds from programs does not
//! leave (decision 0164).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clinicvault_gateway::emit::{self, Envelope, Kind as Message, Refusal, Set};
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::json::{self, Value};
use clinicvault_vault::{Action, Change, Kind, MAX_BODY, Snapshot, Tx};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::telling;
use super::vicinity::vicinity;
use crate::app::App;
use crate::collections::OUTBOX_CURSORS;
use crate::exchange::Exchange;
use crate::exchange::channels::check::Findings;
use crate::exchange::channels::document::Channel;
use crate::exchange::channels::live::Live;
use crate::exchange::outbox::destination::Target;
use crate::exchange::outbox::row::{Facts, Form};
use crate::exchange::outbox::{Parcel, control_id, enqueue, enqueue_unfit};
use crate::records::Caller;
use crate::records::access::{Actor, Op, Purpose, Scopes, Who};
use crate::records::audit::{self, About, patient_of};
use crate::records::error::Error;
use crate::records::sight::Sight;
use crate::supervisor::Stop;

/// A look without being woken.
const LOOK: Duration = Duration::from_secs(2);
/// Changes read at once.
const PAGE: usize = 100;
/// Records that one message is made of.
const MOST: usize = 500;
/// How far references are followed from what a message is about.
const DEEP: usize = 3;

/// Changes of the box's own records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordsSource {
    /// The messages that are made, such as `ADT^A08` and `ORU^R01`; none for a channel that only carries alerts.
    #[schema(max_items = 20)]
    pub messages: Vec<String>,
    /// Whether `ORM^O01` tells of medicines that are ordered, too; without it of all other orders alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub medicines: bool,
    /// MSH-3.
    #[serde(default = "application")]
    pub application: String,
    /// MSH-4.
    #[serde(default = "facility")]
    pub facility: String,
}

fn application() -> String {
    "CLINICVAULT".to_owned()
}

fn facility() -> String {
    "BOX".to_owned()
}

impl RecordsSource {
    /// Notes what is wrong with it.
    pub fn check(&self, findings: &mut Findings) {
        findings.need(self.messages.len() <= 20, "source.messages", "At most 20 messages.");
        for (n, name) in self.messages.iter().enumerate() {
            let all: Vec<String> = Message::ALL.iter().map(Message::to_string).collect();
            let why = format!("A message is one of {}.", all.join(", "));
            findings.need(Message::parse(name).is_some(), &format!("source.messages[{n}]"), why);
        }
        for (name, text) in [("application", &self.application), ("facility", &self.facility)] {
            let right = (1..=180).contains(&text.len()) && !text.chars().any(char::is_control);
            findings.need(right, &format!("source.{name}"), "One line of 1 to 180 bytes.");
        }
    }
}

/// Reads the log until told to stop.
///
/// # Errors
/// When the vault stops.
pub async fn run(source: RecordsSource, app: App, live: Arc<Live>, mut stop: Stop) -> anyhow::Result<()> {
    let mut feed = app.rooms().ok().map(|rooms| rooms.records.feed().listen());
    while !stop.is_wanted() {
        let rooms = app.rooms().ok();
        let more = match rooms.map(|rooms| rooms.exchange.clone()) {
            Some(exchange) => {
                let (source, document) = (source.clone(), live.kept().document.clone());
                let more = tokio::task::spawn_blocking(move || exchange.look(&source, &document)).await??;
                // Whatever changes from here on leaves.
                live.running(None, None);
                more
            }
            None => false,
        };
        if more {
            continue;
        }
        let heard = async {
            match &mut feed {
                // Lagging behind is no harm: the log has it all.
                Some(feed) => drop(feed.recv().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.wanted() => break,
            () = heard => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
    Ok(())
}

impl Exchange {
    /// Reads some of the log and commits the messages that come of it with the place that was reached; answers whether
    /// there is more. The first look of a channel begins at now. Blocking.
    fn look(&self, source: &RecordsSource, channel: &Channel) -> Result<bool, Error> {
        let snapshot = self.records().vault().snapshot()?;
        let name = channel.name.clone();
        let kept = snapshot.doc_get(OUTBOX_CURSORS, name.as_bytes())?;
        let kept = kept.map(|bytes| cursor(&bytes)).transpose()?;
        let who = Arc::new(sender(&name)?);
        let head = snapshot.tx().0;
        let (reached, parcels) = match kept {
            None => (head, Vec::new()),
            Some(from) if from >= head => return Ok(false),
            Some(start) => {
                let log = snapshot.log(Tx(start), PAGE)?;
                let reached = log.last().map_or(head, |change| change.tx.0);
                let sight = self.records().sight(&who)?;
                let from = Caller { who: Arc::clone(&who), base: None };
                let maker = Maker {
                    exchange: self,
                    snapshot: &snapshot,
                    from: &from,
                    sight: &sight,
                    source,
                    channel,
                };
                let (mut parcels, whole) = (Vec::new(), log.len() < PAGE);
                for change in &log {
                    parcels.extend(maker.messages(change)?);
                }
                // What changes nothing here need not be kept each time; it is read again after a restart.
                if parcels.is_empty() && whole && reached.saturating_sub(start) < PAGE as u64 {
                    return Ok(false);
                }
                (reached, parcels)
            }
        };
        drop(snapshot);
        let any = !parcels.is_empty();
        self.records().unit_blocking(who, move |work| {
            let now = work.unit().doc_get(OUTBOX_CURSORS, name.as_bytes())?;
            if now.map(|bytes| cursor(&bytes)).transpose()? != kept {
                return Err(Error::precondition("The channel has read on in the meantime."));
            }
            for Made { parcel, unfit } in parcels {
                match unfit {
                    None => enqueue(work, parcel)?,
                    Some(why) => enqueue_unfit(work, parcel.facts, why)?,
                };
            }
            work.unit().doc_put(OUTBOX_CURSORS, name.as_bytes(), &reached.to_be_bytes())?;
            let mut line = audit::done(work.who(), Action::Execute, Purpose::Operations, About::default());
            line.reason = Some(format!("channel {name} read on to {reached}"));
            work.audit(line)
        })?;
        if any {
            self.outbox().nudge();
        }
        Ok(kept.is_some() && reached < head)
    }
}

fn cursor(bytes: &[u8]) -> Result<u64, Error> {
    let bytes = bytes.try_into().map_err(|_| Error::Damaged("the place of a channel".to_owned()))?;
    Ok(u64::from_be_bytes(bytes))
}

/// In whose name a channel reads: a program that may read everything, so that consents hold for it as for programs.
fn sender(channel: &str) -> Result<Actor, Error> {
    let scopes = Scopes::parse("system/*.rs").map_err(|error| Error::Fault(error.to_string()))?;
    let name = format!("channel {channel}");
    let who = Who::Machine { scopes };
    Ok(Actor { id: name.clone(), name, who, session: None, source: "outbox".to_owned() })
}

/// A message that was made, or why it cannot be sent.
struct Made {
    parcel: Parcel,
    unfit: Option<String>,
}

/// Makes the messages of changes.
struct Maker<'a> {
    exchange: &'a Exchange,
    snapshot: &'a Snapshot,
    from: &'a Caller,
    sight: &'a Sight,
    source: &'a RecordsSource,
    channel: &'a Channel,
}

impl Maker<'_> {
    /// The messages that one change causes, one for each kind that is wanted and each destination.
    fn messages(&self, change: &Change) -> Result<Vec<Made>, Error> {
        let Some(kind) = ResourceType::from_number(change.kind.0).filter(|_| !change.deleted) else {
            return Ok(Vec::new());
        };
        let Some(now) = self.version(change, change.version)? else { return Ok(Vec::new()) };
        let before = match change.version {
            0 | 1 => None,
            version => self.version(change, version - 1)?,
        };
        let told = kind.as_str() != "MedicationRequest" || self.source.medicines;
        let wanted = |message: &Message| told && self.source.messages.contains(&message.to_string());
        let caused: Vec<Message> = emit::caused(before.as_ref(), &now).into_iter().filter(wanted).collect();
        if caused.is_empty() || !self.shown(kind, &change.id)? {
            return Ok(Vec::new());
        }
        let around = self.around(&now)?;
        // As FHIR it is told with what it refers to alone; who wants the rest asks for it.
        let beside = match self.channel.destinations.iter().any(|target| target.to.form() == Form::Er7) {
            true => self.beside(&caused, &now)?,
            false => BTreeMap::new(),
        };
        let own = format!("{kind}/{}", change.id);
        let new = |reference: &String| *reference != own && !around.contains_key(reference);
        let beside = beside.iter().filter(|(reference, _)| new(reference));
        let set = Set::new(std::iter::once(&now).chain(around.values()).chain(beside.map(|(_, one)| one)));
        let patient = patient_of(&change.owner).map(str::to_owned);
        let mut parcels = Vec::new();
        let cause = format!("{kind}/{}/_history/{}", change.id, change.version);
        let parcel = |target: &Target, what: String, form: Form, message: Vec<u8>| {
            let facts = Facts {
                destination: format!("{}/{}", self.channel.name, target.name),
                lane: patient.clone().unwrap_or_else(|| cause.clone()),
                control_id: self.control_id(&what, target, change),
                kind: what,
                form,
                patient: patient.clone(),
                cause: cause.clone(),
                ..Facts::default()
            };
            Made { parcel: Parcel { facts, message, unfit: None }, unfit: None }
        };
        for target in &self.channel.destinations {
            let form = target.to.form();
            match form {
                Form::Er7 => {
                    for message in &caused {
                        match self.message(*message, &now, &set, target, change) {
                            Ok(bytes) => parcels.push(parcel(target, message.to_string(), form, bytes)),
                            Err(why @ Refusal::TooLong(_)) => {
                                let made = parcel(target, message.to_string(), form, Vec::new());
                                parcels.push(Made { unfit: Some(why.to_string()), ..made });
                            }
                            // Its patient is deleted or withheld: there is nothing to tell of.
                            Err(why) => {
                                tracing::info!(op = "outbox.make", message = %message, %why, "no message");
                            }
                        }
                    }
                }
                // As FHIR a change is one message, however many it causes in HL7 v2.
                Form::Record => parcels.push(parcel(target, kind.to_string(), form, now.to_vec())),
                Form::Bundle => {
                    let bundle = telling::transaction(&now, &around);
                    parcels.push(parcel(target, kind.to_string(), form, bundle.to_vec()));
                }
                Form::Notice => {
                    let told = telling::Told {
                        channel: &self.channel.name,
                        number: change.tx.0,
                        at: self.exchange.records().now(),
                        created: before.is_none(),
                        kind,
                        id: &change.id,
                    };
                    let bundle = told.notification(now.clone());
                    parcels.push(parcel(target, kind.to_string(), form, bundle.to_vec()));
                }
            }
        }
        // One that is longer than the outbox keeps stays as a row that says so.
        for made in &mut parcels {
            let bytes = made.parcel.message.len();
            if bytes > MAX_BODY {
                made.parcel.message = Vec::new();
                made.unfit = Some(format!("it has {bytes} bytes, and the outbox keeps {MAX_BODY} at most"));
            }
        }
        Ok(parcels)
    }

    fn control_id(&self, what: &str, target: &Target, change: &Change) -> String {
        let (tx, version) = (change.tx.0.to_string(), change.version.to_string());
        let clinic = self.exchange.records().vault().clinic_id();
        control_id(&[clinic, &self.channel.name, &target.name, what, &tx, &change.id, &version])
    }

    fn message(
        &self,
        message: Message,
        root: &Value,
        set: &Set<'_>,
        target: &Target,
        change: &Change,
    ) -> Result<Vec<u8>, Refusal> {
        let now = self.exchange.records().now();
        let control_id = self.control_id(&message.to_string(), target, change);
        let envelope = Envelope {
            sender: (&self.source.application, &self.source.facility),
            receiver: target.to.receiver(),
            control_id: &control_id,
            now,
            offset: self.exchange.rules().map.zone.to_offset(now),
            training: false,
            acknowledge: target.to.acknowledge().wish(),
        };
        emit::message(message, root, set, &envelope, &self.exchange.rules().map.authorities)
    }

    fn version(&self, change: &Change, version: u64) -> Result<Option<Value>, Error> {
        let head = self.snapshot.version(change.rid, version)?.filter(|head| !head.deleted);
        head.map(|head| parsed(&self.snapshot.body(&head)?)).transpose()
    }

    /// Whether the newest version of a record may leave the box.
    fn shown(&self, kind: ResourceType, id: &str) -> Result<bool, Error> {
        match self.snapshot.head(Kind(kind.number()), id)? {
            Some(head) if !head.deleted => self.sight.look(Op::Read, kind).shows(self.snapshot, &head),
            Some(_) | None => Ok(false),
        }
    }

    /// What stands around a record without being referred to by it, with what that refers to.
    fn beside(&self, caused: &[Message], root: &Value) -> Result<BTreeMap<String, Value>, Error> {
        let mut found = vicinity(self.exchange.records(), self.from, caused, root)?;
        let further: Vec<_> = found.values().map(|record| self.around(record)).collect::<Result<_, _>>()?;
        found.extend(further.into_iter().flatten());
        Ok(found)
    }

    /// What a record refers to, and what that refers to, as far as it may leave the box.
    fn around(&self, root: &Value) -> Result<BTreeMap<String, Value>, Error> {
        let mut found: BTreeMap<String, Value> = BTreeMap::new();
        let mut next = emit::references(root);
        for _ in 0..DEEP {
            let mut further = Vec::new();
            for reference in std::mem::take(&mut next) {
                let Some((kind, id)) = reference.split_once('/') else { continue };
                if found.contains_key(&reference) || found.len() >= MOST {
                    continue;
                }
                let Some(kind) = ResourceType::parse(kind) else { continue };
                let head = self.snapshot.head(Kind(kind.number()), id)?.filter(|head| !head.deleted);
                let Some(head) = head else { continue };
                if !self.sight.look(Op::Read, kind).shows(self.snapshot, &head)? {
                    continue;
                }
                let record = parsed(&self.snapshot.body(&head)?)?;
                further.extend(emit::references(&record));
                found.insert(reference, record);
            }
            next = further;
        }
        Ok(found)
    }
}

pub(super) fn parsed(body: &[u8]) -> Result<Value, Error> {
    json::parse(body, &json::Limits::bytes(usize::MAX)).map_err(|_| Error::Damaged("a record".to_owned()))
}
