//! Alerts that leave the box: each one that begins or is over goes to the destination of the settings, through the same
//! durable queue as messages, as a FHIR Communication. It says which channel and what, and nothing of any patient.

use std::collections::BTreeMap;

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::json::{Object, Value};
use clinicvault_gateway::map::ids;
use jiff::Timestamp;

use super::{About, ChannelAlert};
use crate::exchange::Exchange;
use crate::exchange::outbox::destination::{Destination, Target};
use crate::exchange::outbox::row::{Facts, Form};
use crate::exchange::outbox::{Parcel, control_id};
use crate::exchange::sources::telling;

/// Where alerts are sent.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    /// `channel/destination`.
    name: String,
    to: Destination,
}

/// An alert that begins or is over.
#[derive(Debug, Clone, Copy)]
pub(super) struct News<'a> {
    pub alert: &'a ChannelAlert,
    pub over: bool,
    pub at: Timestamp,
}

impl Exchange {
    /// The destination of the settings, `channel/destination`; none where it is empty.
    ///
    /// # Errors
    /// A sentence that says why nothing can be sent there.
    pub(super) fn alert_desk(&self, named: &str) -> Result<Option<Desk>, String> {
        let Some((channel, target)) = named.split_once('/') else { return Ok(None) };
        let live = self.channels().find(channel).filter(|live| live.kept().is_there());
        let targets = live.map(|live| live.kept().document.destinations.clone()).unwrap_or_default();
        let found: Option<Target> = targets.into_iter().find(|one| one.name == target);
        let to = found.ok_or(format!("there is no destination {named}"))?.to;
        if to.form() == Form::Er7 {
            return Err(format!("{named} takes messages of HL7 v2; name a destination that takes FHIR"));
        }
        Ok(Some(Desk { name: named.to_owned(), to }))
    }
}

impl Desk {
    /// What is sent there; `tx` is the unit that sends it.
    pub fn parcel(&self, news: News<'_>, clinic: &str, tx: u64) -> Parcel {
        let record = communication(news, clinic);
        let id = record.str("id").unwrap_or_default().to_owned();
        let form = self.to.form();
        let message = match form {
            Form::Bundle => telling::transaction(&record, &BTreeMap::new()).to_vec(),
            Form::Notice => {
                let told = telling::Told {
                    channel: &news.alert.channel,
                    number: tx,
                    at: news.at,
                    created: !news.over,
                    kind: ResourceType::COMMUNICATION,
                    id: &id,
                };
                told.notification(record).to_vec()
            }
            Form::Record | Form::Er7 => record.to_vec(),
        };
        let state = if news.over { "over" } else { "begins" };
        Parcel {
            facts: Facts {
                destination: self.name.clone(),
                lane: format!("alert:{id}"),
                kind: "Communication".to_owned(),
                form,
                control_id: control_id(&["alert", &self.name, &id, state]),
                cause: format!("Communication/{id}"),
                ..Facts::default()
            },
            message,
            unfit: None,
        }
    }
}

/// The alert as FHIR: the same record when it begins (`in-progress`) and when it is over (`completed`).
fn communication(news: News<'_>, clinic: &str) -> Value {
    let News { alert, over, at } = news;
    let since = alert.since.as_microsecond().to_string();
    let id = ids::stable("Communication", &[clinic, &alert.channel, alert.about.as_str(), &since]);
    let code = Object::new()
        .with("system", "urn:x-clinicvault:channel-alert")
        .with("code", alert.about.as_str())
        .with("display", title(alert.about));
    let concept = |coding: Object| Object::new().with("coding", Value::from(vec![Value::Object(coding)]));
    let category = Object::new()
        .with("system", "http://terminology.hl7.org/CodeSystem/communication-category")
        .with("code", "alert")
        .with("display", "Alert");
    let payload = |text: String| Value::Object(Object::new().with("contentString", text));
    Value::Object(
        Object::new()
            .with("resourceType", "Communication")
            .with("id", id)
            .with("status", if over { "completed" } else { "in-progress" })
            .with("category", Value::from(vec![Value::Object(concept(category))]))
            .with("priority", "urgent")
            .with("topic", concept(code))
            .with("sent", at.to_string())
            .with("payload", Value::from(vec![payload(sentence(alert, over))])),
    )
}

const fn title(about: About) -> &'static str {
    match about {
        About::Silent => "No message for too long",
        About::Errors => "Too many messages refused or held",
        About::Waiting => "Messages wait for too long",
        About::Certificate => "A certificate ends soon or has ended",
        About::Failed => "The source cannot run",
    }
}

/// One sentence for a person.
fn sentence(alert: &ChannelAlert, over: bool) -> String {
    let n = alert.number;
    let what = match alert.about {
        About::Silent => format!("no message for {n} minutes"),
        About::Errors => format!("{n} of 100 messages of the last hour were refused or held"),
        About::Waiting => format!("the oldest message has waited for {n} minutes"),
        About::Certificate if n < 0 => "a certificate has ended".to_owned(),
        About::Certificate => format!("a certificate ends in {n} days"),
        About::Failed => "its source cannot run".to_owned(),
    };
    if over {
        format!("Channel {}: over: {what}.", alert.channel)
    } else {
        format!("Channel {}: {what}.", alert.channel)
    }
}
