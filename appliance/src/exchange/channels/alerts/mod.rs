//! Alerts about channels: looked for once a minute, kept while they last, told when they begin and end: in the log, to the
//! pages that are open, and to the destination of the settings (0176).

mod rules;
mod telling;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clinicvault_vault::Action;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::rules::{About, Alerts};
use self::rules::{Seen, judge};
use self::telling::News;
use super::DEFAULT;
use super::counts::{Came, Counts};
use super::live::{Live, Running};
use super::queues::{ChannelQueue, waiting};
use super::view::peers_end;
use crate::app::App;
use crate::collections::{CHANNEL_ALERTS, SETTINGS};
use crate::exchange::Exchange;
use crate::exchange::outbox;
use crate::records::access::{Actor, Area, Op, Purpose, Subject, decide};
use crate::records::audit;
use crate::records::changes::ALERTS_CHANGED;
use crate::records::error::Error;
use crate::records::feed::What;
use crate::records::names::Names;
use crate::records::unit::Work;
use crate::supervisor::Stop;

/// Most alerts that are kept: every kind for every channel.
const MOST: usize = 1_100;

/// What lasts now, and where it is told.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelAlertList {
    /// By channel.
    pub alerts: Vec<ChannelAlert>,
    /// The destination of the settings (`alerts.destination`) to which they are sent; absent where none is named.
    pub destination: Option<String>,
    /// Why nothing can be sent there.
    pub trouble: Option<String>,
}

/// Something about a channel that is worth a look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelAlert {
    /// The channel's name.
    pub channel: String,
    /// What is wrong.
    pub about: About,
    /// When it was seen first.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// How bad it was when it was seen first: minutes, percent, or days that are left.
    pub number: i64,
    /// Who has seen it, and when; absent until somebody has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<AlertSeen>,
}

/// Somebody sees to an alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlertSeen {
    /// The name of the person.
    pub by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

impl ChannelAlert {
    fn key(&self) -> Vec<u8> {
        format!("{}/{}", self.channel, self.about.as_str()).into_bytes()
    }
}

impl Exchange {
    /// What lasts now, by channel; `destination` is the setting. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`] for somebody who may not look.
    pub fn alerts(&self, who: &Actor, destination: &str) -> Result<ChannelAlertList, Error> {
        decide(who, Op::Search, &Subject::area_only(Area::Settings)).check()?;
        Ok(ChannelAlertList {
            alerts: self.open_alerts()?,
            destination: (!destination.is_empty()).then(|| destination.to_owned()),
            trouble: self.alert_desk(destination).err(),
        })
    }

    /// Keeps that somebody has seen an alert; whoever was first stays. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`] for somebody who may not change settings, [`Error::NotFound`] for one that is over.
    pub fn acknowledge_alert(&self, who: &Actor, channel: &str, about: &str) -> Result<ChannelAlert, Error> {
        decide(who, Op::Update, &Subject::area_only(Area::Settings)).check()?;
        let key = format!("{channel}/{about}");
        let by = Names::new(&self.records().vault().snapshot()?).of(&who.id);
        let (alert, _) = self.records().unit_blocking(Arc::new(who.clone()), move |work| {
            let gone = || Error::NotFound(format!("alert {key}"));
            let kept = work.unit().doc_get(CHANNEL_ALERTS, key.as_bytes())?.ok_or_else(gone)?;
            let mut alert: ChannelAlert = serde_json::from_slice(&kept).map_err(|_| gone())?;
            if alert.seen.is_some() {
                return Ok(alert);
            }
            alert.seen = Some(AlertSeen { by, at: work.now() });
            let bytes = serde_json::to_vec(&alert).map_err(|e| Error::Fault(e.to_string()))?;
            let tx = work.unit().tx().0;
            work.unit().doc_put(CHANNEL_ALERTS, key.as_bytes(), &bytes)?;
            work.unit().doc_put(SETTINGS, ALERTS_CHANGED, &tx.to_be_bytes())?;
            tell(work, &alert, "is seen to")?;
            work.announce(What::Alerts);
            Ok(alert)
        })?;
        Ok(alert)
    }

    /// Looks at every channel that is on, keeps what begins and lets go of what is over, all in one commit; none where
    /// nothing changed. What begins and what is over goes to `destination`, `channel/destination`, in the same commit.
    /// Blocking.
    ///
    /// # Errors
    /// When the store fails.
    pub fn look_for_alerts(&self, started: Timestamp, destination: &str) -> Result<(), Error> {
        let now = self.records().now();
        let mut queues = waiting(self)?;
        let mut found: BTreeMap<Vec<u8>, ChannelAlert> = BTreeMap::new();
        let mut note = |channel: &str, alerts: &Alerts, seen: &Seen| {
            for (about, number) in judge(alerts, seen, now) {
                let alert =
                    ChannelAlert { channel: channel.to_owned(), about, since: now, number, seen: None };
                found.insert(alert.key(), alert);
            }
        };
        let mut starting = Vec::new();
        let queue = queues.remove(DEFAULT).unwrap_or_default();
        note(DEFAULT, &Alerts::default(), &counted(&self.intake().counts, &queue, started, now));
        for live in self.channels().there().iter().filter(|live| live.kept().document.on) {
            let kept = live.kept();
            let queue = queues.remove(&kept.document.name).unwrap_or_default();
            let seen = seen(live, &queue, started.max(kept.at), now);
            note(&kept.document.name, &kept.document.alerts, &seen);
            if live.state() == Running::Starting {
                starting.push(kept.document.name.clone());
            }
        }
        let before = self.open_alerts()?;
        // What failed and is tried again has not come back yet, and its certificate is not known.
        let again = |alert: &&ChannelAlert| {
            matches!(alert.about, About::Failed | About::Certificate) && starting.contains(&alert.channel)
        };
        found.extend(before.iter().filter(again).map(|alert| (alert.key(), alert.clone())));
        let over: Vec<ChannelAlert> =
            before.iter().filter(|alert| !found.contains_key(&alert.key())).cloned().collect();
        before.iter().for_each(|alert| drop(found.remove(&alert.key())));
        let begun: Vec<ChannelAlert> = found.into_values().collect();
        if begun.is_empty() && over.is_empty() {
            return Ok(());
        }
        let desk = self.alert_desk(destination).unwrap_or_else(|why| {
            tracing::warn!(op = "channel.alert", destination, why, "alerts are not sent");
            None
        });
        let clinic = self.records().vault().clinic_id().to_owned();
        let sends = desk.is_some();
        self.records().unit_blocking(Arc::new(Actor::operator("alerts")), move |work| {
            let (tx, at) = (work.unit().tx().0, work.now());
            for alert in &begun {
                let bytes = serde_json::to_vec(alert).map_err(|e| Error::Fault(e.to_string()))?;
                work.unit().doc_put(CHANNEL_ALERTS, &alert.key(), &bytes)?;
                tell(work, alert, "begins")?;
            }
            for alert in &over {
                work.unit().doc_delete(CHANNEL_ALERTS, &alert.key())?;
                tell(work, alert, "is over")?;
            }
            let news = begun.iter().map(|alert| (alert, false)).chain(over.iter().map(|alert| (alert, true)));
            for (alert, over) in news {
                if let Some(desk) = &desk {
                    outbox::enqueue(work, desk.parcel(News { alert, over, at }, &clinic, tx))?;
                }
            }
            work.unit().doc_put(SETTINGS, ALERTS_CHANGED, &tx.to_be_bytes())?;
            work.announce(What::Alerts);
            Ok(())
        })?;
        if sends {
            self.outbox().nudge();
        }
        Ok(())
    }

    fn open_alerts(&self) -> Result<Vec<ChannelAlert>, Error> {
        let rows = self.records().vault().snapshot()?.doc_scan(CHANNEL_ALERTS, &[], MOST)?;
        // One of a newer program, of a kind that is not known here, is none.
        Ok(rows.iter().filter_map(|(_, bytes)| serde_json::from_slice(bytes).ok()).collect())
    }
}

fn tell(work: &mut Work<'_, '_>, alert: &ChannelAlert, what: &str) -> Result<(), Error> {
    let mut line = audit::done(work.who(), Action::Alarm, Purpose::Operations, audit::About::default());
    line.reason = Some(format!("{}: {} {what}", alert.channel, alert.about.as_str()));
    work.audit(line)
}

/// What is seen of a channel by its counts and its queue. `since` is before when silence does not count.
fn counted(counts: &Counts, queue: &ChannelQueue, since: Timestamp, now: Timestamp) -> Seen {
    // Places are quarters of an hour: the current one and the three before it.
    let hour = counts.between(now - SignedDuration::from_mins(45), now + SignedDuration::from_mins(15));
    let refused = hour.of(Came::Refused);
    Seen {
        quiet_since: Some(counts.last().map_or(since, |last| last.max(since))),
        came: hour.of(Came::Received) + hour.of(Came::PassedOver) + refused,
        wrong: refused + hour.of(Came::Held),
        oldest: queue.oldest,
        ends: None,
        failed: None,
    }
}

/// The same of a channel with a document: its certificates and its source besides.
fn seen(live: &Live, queue: &ChannelQueue, since: Timestamp, now: Timestamp) -> Seen {
    let seen = counted(live.counts(), queue, since, now);
    let (own, failed) = match live.state() {
        Running::Running { expires, .. } => (expires, None),
        Running::Failed(why) => (None, Some(why)),
        Running::Starting | Running::Paused => (None, None),
    };
    Seen { ends: own.into_iter().chain(peers_end(live)).min(), failed, ..seen }
}

/// Looks every `alerts.look_seconds` until told to stop.
///
/// # Errors
/// When the vault stops; the supervisor starts the task again.
pub async fn keep(app: App, mut stop: Stop) -> anyhow::Result<()> {
    let every = Duration::from_secs(app.config().alerts.look_seconds);
    loop {
        tokio::select! {
            () = stop.wanted() => return Ok(()),
            () = tokio::time::sleep(every) => {}
        }
        if let Some(exchange) = app.rooms().ok().map(|rooms| rooms.exchange.clone()) {
            let (started, destination) = (app.started(), app.config().alerts.destination.clone());
            let look = move || exchange.look_for_alerts(started, &destination);
            match tokio::task::spawn_blocking(look).await? {
                // It is looked again in a minute.
                Ok(()) | Err(Error::NoRoom | Error::Busy) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::tests::{Lab, adt};
    use crate::records::access::Role;
    use crate::records::testing::person;

    #[tokio::test(flavor = "multi_thread")]
    async fn an_alert_lasts_until_it_is_over_and_both_are_in_the_log() {
        let lab = Lab::open();
        let owner = person(Role::Owner);
        for n in 0..8 {
            lab.send(&adt("A04", &format!("G-{n}"), "9822011223")).await;
        }
        for n in 0..4 {
            lab.send(&adt("A04", &format!("B-{n}"), "1").replace("PID|1||88120^^^CITYPATH^PI|", "PID|1|||"))
                .await;
        }
        lab.apply().await;
        let started = lab.room.records.now();
        let told = || lab.exchange.alerts(&owner.who, "").unwrap().alerts;
        lab.exchange.look_for_alerts(started, "").unwrap();
        let first = told();
        assert_eq!((first.len(), first[0].channel.as_str(), first[0].about), (1, DEFAULT, About::Errors));
        lab.exchange.look_for_alerts(started, "").unwrap();
        assert_eq!(told(), first, "it is the same one");
        let seen = lab.exchange.acknowledge_alert(&owner.who, DEFAULT, "errors").unwrap().seen.unwrap();
        lab.exchange.look_for_alerts(started, "").unwrap();
        assert_eq!(told()[0].seen, Some(seen.clone()), "it stays seen while it lasts");
        let again = lab.exchange.acknowledge_alert(&owner.who, DEFAULT, "errors").unwrap();
        assert_eq!(again.seen, Some(seen), "who was first stays");
        assert!(lab.exchange.acknowledge_alert(&person(Role::Nurse).who, DEFAULT, "errors").is_err());
        for n in 0..40 {
            lab.send(&adt("A08", &format!("H-{n}"), &format!("98220{n}"))).await;
        }
        lab.apply().await;
        lab.exchange.look_for_alerts(started, "").unwrap();
        assert!(told().is_empty());
        let leaves = lab.room.records.vault().snapshot().unwrap().audit(0, 900).unwrap();
        let said: Vec<_> = leaves
            .iter()
            .filter(|e| e.leaf.action == Action::Alarm)
            .filter_map(|e| e.leaf.reason.clone())
            .collect();
        assert_eq!(said, ["default: errors begins", "default: errors is seen to", "default: errors is over"]);
        assert!(matches!(
            lab.exchange.acknowledge_alert(&owner.who, DEFAULT, "errors"),
            Err(Error::NotFound(_))
        ));
        assert!(lab.exchange.alerts(&person(Role::Nurse).who, "").is_err());
    }
}
