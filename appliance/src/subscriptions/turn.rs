//! One step of one subscription: decided, prepared, sent, and what came of it kept.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::subscription::life::{Event, Line, State, Step};
use clinicvault_gateway::fhir::subscription::notice::{self, Notice, Reason};
use clinicvault_gateway::fhir::subscription::wish::{Channel, Content, Wish, not_allowed};
use clinicvault_gateway::fhir::xml;
use clinicvault_gateway::json::Value;
use clinicvault_vault::{Action, Leaf};

use super::sender::{Failure, Post};
use super::{Subscriptions, shown, uuid};
use crate::records::access::{Actor, Purpose};
use crate::records::audit::{self, About};
use crate::records::error::Error;
use crate::records::watch::{Opened, Row};

/// Units of the log without anything found after which the place is kept on disk.
const FAR: u64 = 1_000;

/// What a step needs before it is sent.
struct Prepared {
    row: Row,
    parcel: Parcel,
    /// What it is when it was taken.
    taken: Event,
    /// Lines for the audit log.
    leaves: Vec<Leaf>,
}

enum Parcel {
    Post(Post),
    Socket(String),
    /// Nothing has to leave the box.
    Nothing,
}

/// The content of a notification.
struct Letter<'a> {
    reason: Reason,
    events: &'a [notice::Event],
    total: u64,
}

impl Subscriptions {
    /// The state and counters as far as is known, looks in memory included.
    pub(super) fn line(&self, row: &Row) -> Line {
        let line = row.line();
        Line { scanned: line.scanned.max(self.sockets().scanned(row)), ..line }
    }

    /// What is to be done of a subscription now; a step that nobody listens to is rest.
    pub(super) fn step(&self, row: &Row) -> Step {
        let step = self.line(row).next(&row.asked(), self.records().last_tx(), self.records().now());
        let told = matches!(step, Step::Send(..) | Step::Beat);
        if told && row.by_socket() && self.sockets().count(&row.id) == 0 { Step::Rest(row.end) } else { step }
    }

    /// Does one step.
    pub(super) async fn turn(self, row: Row) -> Result<(), Error> {
        let own = self.clone();
        let prepared = aside(move || own.prepare(row)).await?;
        let Some(prepared) = prepared else { return Ok(()) };
        let Prepared { row, parcel, taken, leaves } = prepared;
        let event = match parcel {
            Parcel::Nothing => taken,
            Parcel::Socket(text) => match self.sockets().tell(&row.id, &text).await {
                true => taken,
                // Nobody listens any more: it waits for the next who does.
                false => return Ok(()),
            },
            Parcel::Post(post) => match self.0.sender.post(&self.0.allowed, post).await {
                Ok(()) => taken,
                Err(Failure::Transient(why)) => Event::Failed(why),
                Err(Failure::Final(why)) => Event::Hopeless(why),
            },
        };
        if let Event::Failed(why) | Event::Hopeless(why) = &event {
            tracing::info!(op = "subscription", id = row.id, why, "a notification was not taken");
        }
        aside(move || self.keep(row, event, Vec::new(), leaves)).await
    }

    /// Keeps what came of a step. A subscription that was written anew or deleted meanwhile has nothing to be told.
    fn keep(
        &self,
        row: Row,
        event: Event,
        found: Vec<crate::records::watch::Happened>,
        leaves: Vec<Leaf>,
    ) -> Result<(), Error> {
        match self.told(Arc::new(Actor::operator("subscriptions")), row, event, found, leaves) {
            Ok(_) | Err(Error::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn prepare(&self, row: Row) -> Result<Option<Prepared>, Error> {
        let step = self.step(&row);
        let plain = |row: Row, taken: Event| {
            Ok(Some(Prepared { row, parcel: Parcel::Nothing, taken, leaves: Vec::new() }))
        };
        match step {
            Step::Rest(_) => return Ok(None),
            Step::End => return plain(row, Event::Ended),
            Step::Check | Step::Scan | Step::Send(..) | Step::Beat => {}
        }
        let (who, wish) = match self.still_stands(&row) {
            Ok(stands) => stands,
            Err(Ok(why)) => return plain(row, Event::Hopeless(why)),
            Err(Err(error)) => return Err(error),
        };
        match step {
            Step::Scan => self.scan(row, &who, &wish),
            Step::Check if row.by_socket() => plain(row, Event::Checked),
            Step::Check => {
                let letter = Letter { reason: Reason::Handshake, events: &[], total: row.line().numbered };
                let body = if wish.backport { Some(self.written(&row, &wish, &letter)?) } else { None };
                let leaf = self.sent(&who, &row);
                self.pack(row, wish, body, Event::Checked, vec![leaf])
            }
            Step::Beat => {
                let letter = Letter { reason: Reason::Heartbeat, events: &[], total: row.line().numbered };
                let body = self.written(&row, &wish, &letter)?;
                let leaf = self.sent(&who, &row);
                self.pack(row, wish, Some(body), Event::Beaten, vec![leaf])
            }
            Step::Send(from, to) => self.send(row, &who, wish, (from, to)),
            Step::Rest(_) | Step::End => Ok(None),
        }
    }

    /// The owner as it stands now, and what the subscription asks; or why it cannot go on.
    fn still_stands(&self, row: &Row) -> Result<(Actor, Wish), Result<String, Error>> {
        let who = self.owner(row).ok_or_else(|| {
            Ok("The account, token or program that asked for this subscription may no longer do so."
                .to_owned())
        })?;
        let json = match self.records().watch_record(&row.id) {
            Ok(json) => json,
            Err(error) => return Err(Err(error)),
        };
        let wish = Wish::read(&json).map_err(|outcome| Ok(outcome.to_string()))?;
        if let Channel::RestHook { endpoint, .. } = &wish.channel
            && !self.0.allowed.covers(endpoint)
        {
            return Err(Ok(not_allowed().diagnostics));
        }
        Ok((who, wish))
    }

    /// Looks through the log. What is found is kept with its numbers before any of it is told.
    fn scan(&self, row: Row, who: &Actor, wish: &Wish) -> Result<Option<Prepared>, Error> {
        let watch = match self.records().compiled(who, &wish.criteria, &row.base) {
            Ok(watch) => watch,
            Err(Error::Broken(outcome)) => {
                self.keep(row, Event::Hopeless(outcome.to_string()), Vec::new(), Vec::new())?;
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let sight = self.records().sight(who)?;
        let refused = |kind: ResourceType| {
            use crate::records::access::Op;
            [Op::Read, Op::Search].iter().any(|op| !sight.look(*op, kind).gate().allowed())
        };
        if watch.kinds().all(refused) {
            let why = "The one who asked for this subscription may not see any of what it is about.";
            self.keep(row, Event::Hopeless(why.to_owned()), Vec::new(), Vec::new())?;
            return Ok(None);
        }
        let line = self.line(&row);
        let looked = self.records().look_through(who, &watch, line.scanned)?;
        let events = looked.found.len() as u64;
        if events == 0 && looked.scanned.saturating_sub(row.line().scanned) < FAR {
            self.sockets().looked(&row, looked.scanned);
            return Ok(None);
        }
        let event = Event::Found { scanned: looked.scanned, events };
        self.keep(row, event, looked.found, Vec::new())?;
        Ok(None)
    }

    fn send(
        &self,
        row: Row,
        who: &Actor,
        wish: Wish,
        (from, to): (u64, u64),
    ) -> Result<Option<Prepared>, Error> {
        let (upto, opened) =
            self.records().open_events(who, &row, (from, to), wish.content == Content::FullResource)?;
        let taken = Event::Taken(upto);
        if opened.is_empty() {
            // Nothing of it may be told any more; its numbers are passed over.
            return Ok(Some(Prepared { row, parcel: Parcel::Nothing, taken, leaves: Vec::new() }));
        }
        let leaves: Vec<Leaf> = match wish.content {
            Content::Empty => vec![self.sent(who, &row)],
            Content::IdOnly | Content::FullResource => {
                opened.iter().map(|opened| opened.leaf.clone()).collect()
            }
        };
        // What leaves the box is in the log before it does, whether or not it is taken.
        for leaf in &leaves {
            self.records().vault().note(leaf.clone())?;
        }
        let body = if wish.backport {
            let events = shown(opened);
            let letter = Letter { reason: Reason::Event, events: &events, total: upto };
            Some(self.written(&row, &wish, &letter)?)
        } else {
            plain(opened, &wish)?
        };
        let leaf = self.sent(who, &row);
        self.pack(row, wish, body, taken, vec![leaf])
    }

    /// The line that something was sent to the endpoint.
    fn sent(&self, who: &Actor, row: &Row) -> Leaf {
        let about = About { object: Some((ResourceType::SUBSCRIPTION, &row.id, 0)), patient: None };
        audit::done(who, Action::Execute, Purpose::Operations, about)
    }

    fn pack(
        &self,
        row: Row,
        wish: Wish,
        body: Option<Value>,
        taken: Event,
        leaves: Vec<Leaf>,
    ) -> Result<Option<Prepared>, Error> {
        let parcel = match wish.channel {
            Channel::WebSocket => Parcel::Socket(match (&body, wish.backport) {
                (Some(body), true) => text(body, wish.xml)?,
                (_, _) => format!("ping {}", row.id),
            }),
            Channel::RestHook { endpoint, .. } => {
                let most = self.0.settings.timeout_seconds;
                let seconds = wish.timeout.map_or(most, |wanted| most.min(u64::from(wanted)));
                let kind = if wish.xml { "application/fhir+xml" } else { "application/fhir+json" };
                let body = body
                    .map(|body| Ok::<_, Error>((kind, Bytes::from(text(&body, wish.xml)?))))
                    .transpose()?;
                let headers = row.headers.clone();
                Parcel::Post(Post { endpoint, headers, body, limit: Duration::from_secs(seconds) })
            }
        };
        Ok(Some(Prepared { row, parcel, taken, leaves }))
    }

    /// A notification bundle.
    fn written(&self, row: &Row, wish: &Wish, letter: &Letter<'_>) -> Result<Value, Error> {
        let line = row.line();
        let status = if line.state == State::Requested { "requested" } else { "active" };
        let notice = Notice {
            base: &row.base,
            subscription: &row.id,
            topic: wish.criteria.topic(),
            status,
            reason: letter.reason,
            total: Some(letter.total),
            error: None,
            at: self.records().now(),
        };
        Ok(notice.bundle(letter.events, wish.content, &uuid()?))
    }

    /// What a socket hears when it is bound: a handshake of the Backport guide; nothing for R4's own form. Blocking.
    pub fn greeting(&self, id: &str) -> Result<Option<String>, Error> {
        let Some(row) = self.records().watch(id)? else { return Ok(None) };
        let wish = Wish::read(&self.records().watch_record(&row.id)?).map_err(Error::Broken)?;
        if !wish.backport {
            return Ok(None);
        }
        let letter = Letter { reason: Reason::Handshake, events: &[], total: row.line().numbered };
        Ok(Some(text(&self.written(&row, &wish, &letter)?, wish.xml)?))
    }
}

/// R4's own form: the record itself, or nothing.
fn plain(opened: Vec<Opened>, wish: &Wish) -> Result<Option<Value>, Error> {
    match wish.content {
        Content::Empty | Content::IdOnly => Ok(None),
        Content::FullResource => Ok(opened.into_iter().next().and_then(|opened| opened.resource)),
    }
}

fn text(value: &Value, as_xml: bool) -> Result<String, Error> {
    let bytes = if as_xml {
        xml::write(value, xml::Style::Compact)
            .map_err(|error| Error::Fault(format!("a notification cannot be written: {error}")))?
    } else {
        value.to_vec()
    };
    String::from_utf8(bytes).map_err(|_| Error::Fault("a notification is not text".to_owned()))
}

async fn aside<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(job).await;
    done.map_err(|_| Error::Fault("a step of a subscription failed".to_owned()))?
}
