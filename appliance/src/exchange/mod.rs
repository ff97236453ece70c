//! Messages from outside: the HL7 v2 listener, analysers at their lines, and the inbox.
//!
//! `channels` are the documents that say where messages come from and how they are taken, `sources` what runs by them;
//! `mllp` owns the sockets and drives the gateway's decoder; `inbox` commits a message and only then answers; `worker`
//! turns committed messages into records, in order per patient; `lookup` finds whom a message may be about; `settle`
//! carries out what a person decides about a held one; `terms` are what a message is found by; `outbox` holds and sends
//! what leaves the box; `pace` says who goes first; `maps` are the clinic's own codes and Z-segments; `fhir_message` takes
//! FHIR messages in; `queries` answers what others ask of our records; `replay` takes held and refused messages up again,
//! `rehearsal` tries connections; `view` says what a screen shows; `lines` speaks with analysers. What a message means is
//! the gateway's knowledge, how records are stored is the records room's.

pub mod applied;
pub mod apply;
mod body;
pub mod channels;
mod describe;
pub mod fhir_message;
mod fhir_reading;
pub mod inbox;
pub mod intake;
mod kept;
pub mod lines;
pub mod lookup;
pub mod maps;
pub mod maps_trial;
pub mod mllp;
mod onward;
pub mod outbox;
mod pace;
mod queries;
mod reading;
pub mod rehearsal;
pub mod replay;
mod retention;
pub mod row;
pub mod seats;
pub mod settle;
pub mod sources;
pub mod terms;
mod told;
pub mod trying;
pub mod upload;
pub mod view;
pub mod worker;
mod writes;

#[cfg(test)]
mod browse_tests;
#[cfg(test)]
mod retention_tests;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use clinicvault_gateway::hl7;
use clinicvault_gateway::map::MapContext;
use clinicvault_gateway::map::clinic::Maps;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::{Notify, mpsc};

use self::channels::Channels;
use self::intake::Intake;
use self::maps::OwnMaps;
use self::outbox::Outbox;
use self::pace::Pace;
use self::rehearsal::Rehearsals;
use crate::clinic::identity::{ABHA_SYSTEM, NUMBER_SYSTEM};
use crate::config::Hl7;
use crate::records::Records;

/// The queue of received messages.
pub const INBOX: u8 = 1;

/// The partition of messages about two patients: they are applied alone, in their turn.
const FENCE: &str = "fence";

/// The exchange room of an open vault. A clone is another handle to the same room.
#[derive(Clone)]
pub struct Exchange(Arc<Inner>);

struct Inner {
    records: Records,
    rules: Rules,
    channels: Channels,
    outbox: Outbox,
    maps: OwnMaps,
    /// The rules of the listener of the settings.
    intake: Arc<Intake>,
    wake: Notify,
    /// Wakes whoever carries replays on.
    replays: Arc<Notify>,
    /// Test messages that are under way through doors of the box.
    rehearsals: Rehearsals,
    pace: Pace,
    /// When this room was opened: tells its connections from those of a process before.
    opened: i64,
    /// Connections that can still be told something, by number.
    live: Mutex<HashMap<u64, mpsc::Sender<Vec<u8>>>>,
    /// Makes control ids of our own messages unique within the process.
    sent: AtomicU64,
}

/// How messages are taken in.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Bounds of one message.
    pub limits: hl7::Limits,
    /// Senders (`MSH-3|MSH-4`) that are held to the standard.
    pub strict_senders: Vec<String>,
    /// What the map needs to know, without the clinic's own maps; see [`Exchange::context`].
    pub map: MapContext,
    /// For how many days the listener of the settings keeps messages; `None` for ever.
    pub keep_days: Option<u32>,
}

impl Rules {
    /// The rules that the settings ask for; `zone` is the clinic's.
    pub fn new(settings: &Hl7, zone: TimeZone) -> Self {
        let limits = hl7::Limits { bytes: settings.frame_kib * 1024, ..hl7::Limits::default() };
        let authorities = [("NC", NUMBER_SYSTEM), ("CLINICVAULT", NUMBER_SYSTEM), ("ABHA", ABHA_SYSTEM)];
        let authorities = authorities.map(|(name, uri)| (name.to_owned(), uri.to_owned())).into();
        Self {
            limits,
            strict_senders: settings.strict_senders.clone(),
            map: MapContext { zone, authorities, maps: Maps::default() },
            keep_days: Some(settings.keep_days).filter(|days| *days > 0),
        }
    }
}

impl Exchange {
    /// The room on top of `records`.
    pub fn new(records: Records, rules: Rules) -> Self {
        let opened = records.now().as_microsecond();
        Self(Arc::new(Inner {
            opened,
            channels: Channels::new(records.clone()),
            outbox: Outbox::new(records.clone()),
            maps: OwnMaps::new(records.clone()),
            intake: Arc::new(Intake::default_listener(rules.keep_days)),
            records,
            rules,
            wake: Notify::new(),
            replays: Arc::default(),
            rehearsals: Rehearsals::default(),
            pace: Pace::default(),
            live: Mutex::default(),
            sent: AtomicU64::new(0),
        }))
    }

    /// The channels.
    pub fn channels(&self) -> &Channels {
        &self.0.channels
    }

    /// The messages that leave the box.
    pub fn outbox(&self) -> &Outbox {
        &self.0.outbox
    }

    /// The clinic's own codes and rules for Z-segments.
    pub fn own_maps(&self) -> &OwnMaps {
        &self.0.maps
    }

    /// What the next message is mapped by.
    fn context(&self) -> MapContext {
        MapContext { maps: self.0.maps.now(), ..self.0.rules.map.clone() }
    }

    /// The rules of the listener of the settings.
    pub fn intake(&self) -> &Arc<Intake> {
        &self.0.intake
    }

    /// The rules by which a message that came through a channel is read; those of the settings when it is not known.
    fn rules_of(&self, channel: &str) -> Arc<Intake> {
        self.0.channels.find(channel).map_or_else(|| self.0.intake.clone(), |live| live.intake())
    }

    fn records(&self) -> &Records {
        &self.0.records
    }

    fn rules(&self) -> &Rules {
        &self.0.rules
    }

    /// A message control id of our own: the time and a number, never used twice.
    fn control_id(&self, now: Timestamp) -> String {
        let n = self.0.sent.fetch_add(1, Ordering::Relaxed);
        format!("CV{:X}{:X}", now.as_microsecond(), n % 4096)
    }

    fn live(&self) -> std::sync::MutexGuard<'_, HashMap<u64, mpsc::Sender<Vec<u8>>>> {
        self.0.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a connection for messages that are ready later; `None` takes it out again.
    fn connected(&self, connection: u64, teller: Option<mpsc::Sender<Vec<u8>>>) {
        match teller {
            Some(teller) => self.live().insert(connection, teller),
            None => self.live().remove(&connection),
        };
    }

    /// Sends an application acknowledgement if its connection is still there; says whether it could be handed over.
    fn tell(&self, (opened, connection): (i64, u64), message: Vec<u8>) -> bool {
        if opened != self.0.opened {
            return false;
        }
        let teller = self.live().get(&connection).cloned();
        teller.is_some_and(|t| t.try_send(message).is_ok())
    }

    /// Wakes the worker: there is a row to apply.
    fn nudge(&self) {
        self.0.wake.notify_one();
    }
}
