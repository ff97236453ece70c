//! The rooms that are open: found by consultation, made when somebody comes, run under one named task.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::calls::{CARRIES, Calls};
use super::driver::{COMMANDS, Command, Driver};
use super::gauge::{Gauge, OpenRoom};
use super::kept::{Agreement, Kept};
use super::outbox::Outbox;
use super::state::{Begin, Link, Room};
use super::ticket::{Ticket, Tickets};
use crate::admin::secret::{self, Hash};
use crate::app::App;
use crate::config;
use crate::consult::Consult;
use crate::consult::kept::Docs;
use crate::records::error::Error;
use crate::supervisor::Stop;

/// Rooms that wait to be run.
const STARTING: usize = 64;
/// How often it is looked whether the vault is still open.
const LOOKS: Duration = Duration::from_millis(500);
/// How long a stop waits for rooms; the supervisor waits as long.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where an open room is reached.
struct Door {
    /// Tells it from an earlier room of the same consultation.
    number: u64,
    commands: mpsc::Sender<Command>,
    gauge: Arc<Gauge>,
}

/// The rooms of the box.
pub struct Rooms {
    /// By consultation.
    open: Mutex<HashMap<String, Door>>,
    tickets: Mutex<Tickets>,
    links: AtomicU64,
    starting: Mutex<Option<mpsc::Sender<Driver>>>,
    calls: Option<Calls>,
}

/// The place of one socket in a room.
pub struct Place {
    link: Link,
    commands: mpsc::Sender<Command>,
    /// What is sent to it.
    pub outbox: Arc<Outbox>,
}

impl Place {
    /// Hands on what came over the socket. False when the room is gone.
    pub async fn said(&self, said: Option<super::protocol::FromClient>) -> bool {
        self.commands.send(Command::Said { link: self.link, said }).await.is_ok()
    }

    /// The socket is gone.
    pub async fn leave(self) {
        let _ = self.commands.send(Command::Gone { link: self.link }).await;
    }
}

impl Rooms {
    /// None yet. Without calls when their settings cannot work.
    pub fn new(settings: &config::Calls) -> Rooms {
        let calls = match Calls::new(settings) {
            Ok(calls) => Some(calls).filter(|_| CARRIES),
            Err(reason) => {
                tracing::error!(
                    op = "calls",
                    reason,
                    "the settings of calls cannot work: there are no calls"
                );
                None
            }
        };
        Rooms {
            open: Mutex::default(),
            tickets: Mutex::default(),
            links: AtomicU64::new(1),
            starting: Mutex::default(),
            calls,
        }
    }

    /// How calls are carried, if they are.
    pub(super) fn calls(&self) -> Option<&Calls> {
        self.calls.as_ref()
    }

    pub(super) fn keep_ticket(&self, hash: Hash, ticket: Ticket, now: Timestamp) -> bool {
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner).keep(hash, ticket, now)
    }

    /// Tells a room, if there is one, of a message that was written down outside of it. Whoever is not told finds it in the list.
    pub(in crate::consult) fn tell(&self, id: &str, message: &super::protocol::ChatMessage) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(door) = open.get(id)
            && door.commands.try_send(Command::Wrote(Box::new(message.clone()))).is_err()
        {
            tracing::warn!(op = "room", resource = %id, "a room was not told of a message");
        }
    }

    /// The rooms that are open, by consultation.
    pub fn gauges(&self) -> Vec<OpenRoom> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let all: BTreeMap<&String, OpenRoom> =
            open.iter().map(|(id, door)| (id, door.gauge.read())).collect();
        all.into_values().filter(|room| room.people > 0).collect()
    }

    /// Takes a room out, if it is still the one of this number.
    pub(super) fn forget(&self, id: &str, number: u64) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.get(id).is_some_and(|door| door.number == number) {
            open.remove(id);
        }
    }

    /// Everything that is to be run from now on; whoever ran it before has ended.
    fn attend(&self) -> mpsc::Receiver<Driver> {
        let (sender, receiver) = mpsc::channel(STARTING);
        *self.starting.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        self.open.lock().unwrap_or_else(PoisonError::into_inner).clear();
        receiver
    }
}

impl Consult {
    /// Takes a ticket that was shown by a browser with this session, and brings its owner into the room. None when the ticket is
    /// not for exactly this. Blocking.
    ///
    /// # Errors
    /// What reading answers; [`Error::Busy`] when rooms are not run now.
    pub fn come_into_room(
        &self,
        shown: (&str, &Hash),
        consultation: &str,
        device: &str,
        seen: Option<(String, u64)>,
    ) -> Result<Option<Place>, Error> {
        let hash = secret::hash(shown.0);
        let taken = {
            let mut tickets = self.rooms().tickets.lock().unwrap_or_else(PoisonError::into_inner);
            tickets.take(&hash, shown.1, consultation, device, self.records().now())
        };
        let Some(ticket) = taken else { return Ok(None) };
        let guest = self.guest(&ticket.who, consultation, device)?;
        let (link, outbox) =
            (self.rooms().links.fetch_add(1, Ordering::Relaxed), Arc::new(Outbox::default()));
        for _ in 0..3 {
            let commands = self.door_of(consultation)?;
            let by = Box::new((guest.clone(), ticket.who.clone()));
            let enter = Command::Enter { link, by, seen: seen.clone(), outbox: outbox.clone() };
            match commands.try_send(enter) {
                Ok(()) => return Ok(Some(Place { link, commands, outbox })),
                Err(mpsc::error::TrySendError::Full(_)) => return Err(Error::Busy),
                // It ended meanwhile; the next look makes another.
                Err(mpsc::error::TrySendError::Closed(_)) => {}
            }
        }
        Err(Error::Busy)
    }

    /// The room of a consultation, made if there is none.
    fn door_of(&self, id: &str) -> Result<mpsc::Sender<Command>, Error> {
        let mut open = self.rooms().open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(door) = open.get(id).filter(|door| !door.commands.is_closed()) {
            return Ok(door.commands.clone());
        }
        let snapshot = self.records().vault().snapshot()?;
        let row = snapshot.row(id)?;
        let kept = Kept::of(&snapshot, id)?;
        let epoch =
            secret::short_id("room").map_err(|error| Error::Fault(format!("no random numbers: {error}")))?;
        let on = |agreed: BTreeMap<String, Agreement>| {
            agreed.into_iter().filter(|(_, each)| each.on).map(|(id, _)| id).collect()
        };
        let begin = Begin {
            epoch,
            standing: self.standing(&snapshot, &row)?,
            chats: kept.chats,
            agreed: on(kept.agreed),
            met: !kept.segments.is_empty(),
            calls: self.rooms().calls.is_some(),
            ears: self.ears().is_some(),
            records: self.recordings().are_allowed() && self.rooms().calls.is_some(),
            agreed_recording: on(kept.agreed_recording),
        };
        let about = (row.patient, row.course.ask.language);
        let (sender, commands) = mpsc::channel(COMMANDS);
        let number = self.rooms().links.fetch_add(1, Ordering::Relaxed);
        let gauge = Arc::new(Gauge::default());
        let place = (id.to_owned(), number, gauge.clone());
        let driver = Driver::new(self.clone(), place, Room::new(begin), about, commands);
        let starting = self.rooms().starting.lock().unwrap_or_else(PoisonError::into_inner).clone();
        starting.and_then(|starting| starting.try_send(driver).ok()).ok_or(Error::Busy)?;
        open.insert(id.to_owned(), Door { number, commands: sender.clone(), gauge });
        Ok(sender)
    }
}

/// Runs the rooms until told to stop, whenever the vault is open.
///
/// # Errors
/// Never; the supervisor wants one.
pub async fn keep(app: App, mut stop: Stop) -> anyhow::Result<()> {
    while !stop.is_wanted() {
        if let Ok(rooms) = app.rooms() {
            let starting = rooms.consult.rooms().attend();
            let consult = rooms.consult.clone();
            drop(rooms);
            // Nobody is recorded yet: what has not ended was cut short.
            if let Err(error) = tokio::task::spawn_blocking(move || consult.mend_recordings()).await? {
                tracing::error!(op = "recording", %error, "recordings that were cut short are not mended yet");
            }
            run(&app, starting, &mut stop).await;
        }
        tokio::select! {
            () = stop.wanted() => break,
            () = tokio::time::sleep(LOOKS) => {}
        }
    }
    Ok(())
}

async fn run(app: &App, mut starting: mpsc::Receiver<Driver>, stop: &mut Stop) {
    let (end, ending) = watch::channel(false);
    let mut running = JoinSet::new();
    while app.rooms().is_ok() {
        tokio::select! {
            driver = starting.recv() => match driver {
                Some(driver) => { running.spawn(driver.run(ending.clone())); }
                None => break,
            },
            Some(ended) = running.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(op = "room", %error, "a room ended early");
                }
            }
            () = stop.wanted() => break,
            () = tokio::time::sleep(LOOKS) => {}
        }
    }
    end.send_replace(true);
    let over = async { while running.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(PATIENCE, over).await;
}
