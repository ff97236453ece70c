//! Subscriptions: changes are told to those who asked to be told (fhir-server reference, section 8).
//!
//! What is kept of one lies in the records room (`records::watch`), where its Subscription is written; its life and its
//! notifications are the gateway's pure code. Here is what drives them: `worker` goes round the subscriptions, `turn`
//! does one step of one, `sender` posts, `sockets` knows which subscribers have a socket open. Every step is decided
//! with the rights that the owner has then.

mod sender;
pub mod sockets;
mod turn;
pub mod worker;

use std::sync::Arc;

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::subscription::endpoint::Allowed;
use clinicvault_gateway::fhir::subscription::life::{Event, Rules, State};
use clinicvault_gateway::fhir::subscription::notice::{self, Notice, Reason};
use clinicvault_gateway::fhir::subscription::wish::{Content, Wish};
use clinicvault_gateway::json::Value;
use clinicvault_vault::Action;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use crate::admin::people::People;
use crate::config;
use crate::records::Records;
use crate::records::access::{Actor, Op, Purpose, Refusal};
use crate::records::audit::{self, About};
use crate::records::error::Error;
use crate::records::watch::{Change, Gate, Opened, Row};
use sender::Sender;
use sockets::Sockets;

/// The subscriptions of an open vault. A clone is another handle to the same room.
#[derive(Clone)]
pub struct Subscriptions(Arc<Inner>);

struct Inner {
    records: Records,
    people: People,
    settings: config::Subscriptions,
    allowed: Allowed,
    sender: Sender,
    sockets: Sockets,
    wake: Notify,
}

/// What the records room checks of a Subscription.
pub fn gate(settings: &config::Subscriptions) -> Gate {
    Gate {
        allowed: allowed(settings),
        per_owner: settings.per_owner,
        most: settings.most,
        batch: settings.batch,
    }
}

/// The list of addresses; it was read when the settings were.
fn allowed(settings: &config::Subscriptions) -> Allowed {
    Allowed::new(&settings.endpoints, settings.private_addresses).unwrap_or_else(|why| {
        tracing::error!(why, "subscriptions.endpoints cannot be read; nothing is sent");
        Allowed::default()
    })
}

/// What somebody who looks after the box may want of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Stop for now.
    Pause,
    /// Go on from where it was.
    Resume,
    /// Try again at once.
    Retry,
}

/// A subscription as the owner's screen shows it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// As kept.
    pub row: Row,
    /// Units of the log that were not looked at yet.
    pub behind: u64,
    /// Sockets that listen to it.
    pub sockets: usize,
}

impl Subscriptions {
    /// The room on top of `records`.
    pub fn new(records: Records, people: People, settings: &config::Subscriptions) -> Self {
        Self(Arc::new(Inner {
            records,
            people,
            allowed: allowed(settings),
            sender: Sender::new(&settings.ca_file),
            settings: settings.clone(),
            sockets: Sockets::default(),
            wake: Notify::new(),
        }))
    }

    fn records(&self) -> &Records {
        &self.0.records
    }

    /// Sockets of subscribers.
    pub fn sockets(&self) -> &Sockets {
        &self.0.sockets
    }

    /// Looks at everything again soon.
    pub fn nudge(&self) {
        self.0.wake.notify_one();
    }

    fn rules(&self) -> Rules {
        let seconds = |seconds: u64| SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
        Rules {
            attempts: self.0.settings.attempts,
            retry: seconds(self.0.settings.retry_seconds),
            longest: seconds(self.0.settings.retry_most_seconds),
        }
    }

    /// The owner of a subscription with the rights it has now.
    fn owner(&self, row: &Row) -> Option<Actor> {
        self.0.people.standing(&row.owner, &format!("subscription {}", row.id))
    }

    /// Every subscription, by id. Blocking.
    pub fn list(&self) -> Result<Vec<Listed>, Error> {
        let head = self.records().last_tx();
        let rows = self.records().watches()?.into_iter().filter(|row| !row.gone);
        let listed = rows.map(|row| {
            let line = row.line();
            let idle = matches!(line.state, State::Off | State::Error);
            let scanned = line.scanned.max(self.0.sockets.scanned(&row));
            let behind = if idle && !line.paused && line.state == State::Off {
                0
            } else {
                head.saturating_sub(scanned)
            };
            Listed { behind, sockets: self.0.sockets.count(&row.id), row }
        });
        Ok(listed.collect())
    }

    /// Pauses, resumes or tries again. Blocking.
    pub fn want(&self, who: &Actor, id: &str, wanted: Wanted) -> Result<Row, Error> {
        let row = self.records().watch(id)?.ok_or_else(|| Error::missing(ResourceType::SUBSCRIPTION, id))?;
        let about = About { object: Some((ResourceType::SUBSCRIPTION, &row.id, 0)), patient: None };
        let leaf = audit::done(who, Action::Configure, Purpose::Operations, about);
        let event = match wanted {
            Wanted::Pause => Event::Pause,
            Wanted::Resume => Event::Resume,
            Wanted::Retry => Event::Retry,
        };
        let row = self.told(Arc::new(who.clone()), row, event, Vec::new(), vec![leaf])?;
        self.nudge();
        Ok(row)
    }

    /// Keeps what came of a step.
    fn told(
        &self,
        who: Arc<Actor>,
        seen: Row,
        event: Event,
        found: Vec<crate::records::watch::Happened>,
        leaves: Vec<clinicvault_vault::Leaf>,
    ) -> Result<Row, Error> {
        let (rules, now, roll) = (self.rules(), self.records().now(), roll()?);
        let change = Change { seen, found, keep: self.0.settings.keep_events, leaves };
        self.records()
            .change_watch(who, change, move |row| row.line().apply(event, &row.asked(), &rules, now, roll))
    }

    /// How a subscription is, as Parameters, for one who may read it (R5 Backport, `$status`). Who may not see all that it
    /// counts is not told how many events there were. Blocking.
    pub fn status(&self, who: &Actor, row: &Row, base: &str) -> Result<Value, Error> {
        let wish = Wish::read(&self.records().watch_record(&row.id)?).map_err(Error::Broken)?;
        let line = row.line();
        let total = self.may_count(who, row, &wish)?.then_some(line.numbered);
        let notice = Notice {
            base,
            subscription: &row.id,
            topic: wish.criteria.topic(),
            status: line.state.as_str(),
            reason: Reason::QueryStatus,
            total,
            error: line.error.as_deref(),
            at: self.records().now(),
        };
        Ok(notice.status(&[], wish.content))
    }

    /// Events again, for its owner and for whoever sees every record that it could be about (R5 Backport, `$events`).
    /// Never more is told than the subscription itself tells, and nothing that may not be seen today. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`] for anybody else: the numbers of events tell of those that are hidden.
    pub fn events(
        &self,
        who: &Actor,
        row: &Row,
        (from, to): (Option<u64>, Option<u64>),
        content: Option<Content>,
        base: &str,
    ) -> Result<Value, Error> {
        let wish = Wish::read(&self.records().watch_record(&row.id)?).map_err(Error::Broken)?;
        if !self.may_count(who, row, &wish)? {
            return Err(Error::Refused(Refusal::NotTheirs));
        }
        let line = row.line();
        let content =
            content.filter(|wanted| breadth(*wanted) <= breadth(wish.content)).unwrap_or(wish.content);
        let from = from.unwrap_or(1).max(row.oldest);
        let to = to.unwrap_or(u64::MAX).min(line.numbered).min(from.saturating_add(MOST_EVENTS - 1));
        let (_, opened) =
            self.records().open_events(who, row, (from, to), content == Content::FullResource)?;
        for opened in &opened {
            self.records().vault().note(opened.leaf.clone())?;
        }
        let notice = Notice {
            base,
            subscription: &row.id,
            topic: wish.criteria.topic(),
            status: line.state.as_str(),
            reason: Reason::QueryEvent,
            total: Some(line.numbered),
            error: line.error.as_deref(),
            at: self.records().now(),
        };
        Ok(notice.bundle(&shown(opened), content, &uuid()?))
    }

    /// The rows whose records a caller may read. Blocking.
    pub fn readable(&self, who: &Actor) -> Result<Vec<Row>, Error> {
        let sight = self.records().sight(who)?;
        let look = sight.look(Op::Read, ResourceType::SUBSCRIPTION);
        let snapshot = self.records().vault().snapshot()?;
        let kind = clinicvault_vault::Kind(ResourceType::SUBSCRIPTION.number());
        let mut rows = Vec::new();
        for row in self.records().watches()?.into_iter().filter(|row| !row.gone) {
            let head = snapshot.head(kind, &row.id)?.filter(|head| !head.deleted);
            if let Some(head) = head
                && look.shows(&snapshot, &head)?
            {
                rows.push(row);
            }
        }
        Ok(rows)
    }

    /// When a socket may be bound to a subscription by its owner: it is told over sockets and is not off.
    pub fn may_bind(&self, who: &Actor, id: &str) -> Result<Option<Row>, Error> {
        let row = self.records().watch(id)?;
        Ok(row.filter(|row| row.by_socket() && row.owner.is_wholly(who)))
    }

    /// Whether a caller who may read a subscription may also know how many events it had and which: its owner, and
    /// whoever sees every record that it could be about. Numbers count for the owner's eyes. Blocking.
    fn may_count(&self, who: &Actor, row: &Row, wish: &Wish) -> Result<bool, Error> {
        if row.owner.is_wholly(who) {
            return Ok(true);
        }
        let watch = match self.records().compiled(who, &wish.criteria, &row.base) {
            Ok(watch) => watch,
            Err(Error::Broken(_)) => return Ok(false),
            Err(error) => return Err(error),
        };
        let sight = self.records().sight(who)?;
        let whole = |kind, op| sight.look(op, kind).sees_all();
        Ok(watch.kinds().all(|kind| whole(kind, Op::Read) && whole(kind, Op::Search)))
    }
}

/// Most events that `$events` answers at once.
const MOST_EVENTS: u64 = 100;

fn breadth(content: Content) -> u8 {
    match content {
        Content::Empty => 0,
        Content::IdOnly => 1,
        Content::FullResource => 2,
    }
}

/// Events as a notification tells them.
fn shown(opened: Vec<Opened>) -> Vec<notice::Event> {
    let one = |opened: Opened| {
        Some(notice::Event {
            number: opened.number,
            at: opened.event.at,
            kind: ResourceType::from_number(opened.event.kind)?,
            interaction: opened.event.interaction(),
            id: opened.event.id,
            resource: opened.resource,
        })
    };
    opened.into_iter().filter_map(one).collect()
}

fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut random = [0u8; N];
    getrandom::fill(&mut random).map_err(|error| Error::Fault(format!("no random numbers: {error}")))?;
    Ok(random)
}

fn roll() -> Result<u32, Error> {
    Ok(u32::from_be_bytes(random()?))
}

/// A random UUID (RFC 9562, version 4).
fn uuid() -> Result<String, Error> {
    let mut random = random::<16>()?;
    let [_, _, _, _, _, _, version, _, variant, ..] = &mut random;
    *version = (*version & 0x0f) | 0x40;
    *variant = (*variant & 0x3f) | 0x80;
    let hex = data_encoding::HEXLOWER.encode(&random);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    Ok(format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)))
}

/// The moment after so many seconds.
fn after(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}
