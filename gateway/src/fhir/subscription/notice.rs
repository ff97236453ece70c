//! What is sent: the notification bundle of the R5 Backport guide for R4 (type `history`, its status as Parameters), and
//! the answer of `$status`.

use jiff::Timestamp;

use super::BACKPORT;
use super::watch::Interaction;
use super::wish::Content;
use crate::fhir::datetime;
use crate::fhir::id::ResourceType;
use crate::fhir::parameters::Answer;
use crate::json::{Object, Value};

/// Why a notification is sent (code system subscription-notification-type).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The endpoint is tried.
    Handshake,
    /// A sign of life.
    Heartbeat,
    /// Something happened.
    Event,
    /// Somebody asked how the subscription is.
    QueryStatus,
    /// Somebody asked for events again.
    QueryEvent,
}

impl Reason {
    /// The code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::Heartbeat => "heartbeat",
            Self::Event => "event-notification",
            Self::QueryStatus => "query-status",
            Self::QueryEvent => "query-event",
        }
    }
}

/// One event, with as much of its record as is to be told.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its number within the subscription, from 1.
    pub number: u64,
    /// When it happened.
    pub at: Timestamp,
    /// The record.
    pub kind: ResourceType,
    /// Its id.
    pub id: String,
    /// What was done to it.
    pub interaction: Interaction,
    /// The version that was written; none of a delete, or when the record itself is not to be told.
    pub resource: Option<Value>,
}

/// Everything about a notification but its events.
#[derive(Debug, Clone, Copy)]
pub struct Notice<'a> {
    /// Address of the server, as the subscriber knows it; empty for none.
    pub base: &'a str,
    /// Id of the Subscription.
    pub subscription: &'a str,
    /// Its topic.
    pub topic: Option<&'a str>,
    /// Its state (value set subscription-status).
    pub status: &'a str,
    /// Why it is sent.
    pub reason: Reason,
    /// Events since the subscription began, those of this notification included; none where the reader may not know.
    pub total: Option<u64>,
    /// What went wrong last.
    pub error: Option<&'a str>,
    /// When it is written.
    pub at: Timestamp,
}

impl Notice<'_> {
    fn address(&self, rest: &str) -> String {
        if self.base.is_empty() { rest.to_owned() } else { format!("{}/{rest}", self.base) }
    }

    /// The status as Parameters (profile backport-subscription-status-r4), with its events.
    pub fn status(&self, events: &[Event], content: Content) -> Value {
        let subscription = self.address(&format!("Subscription/{}", self.subscription));
        let mut answer = Answer::new().value("subscription", "valueReference", reference(subscription));
        if let Some(topic) = self.topic {
            answer = answer.value("topic", "valueCanonical", topic);
        }
        answer =
            answer.value("status", "valueCode", self.status).value("type", "valueCode", self.reason.as_str());
        if let Some(total) = self.total {
            answer = answer.value("events-since-subscription-start", "valueString", total.to_string());
        }
        for event in events {
            let mut parts = Answer::new()
                .value("event-number", "valueString", event.number.to_string())
                .value("timestamp", "valueInstant", datetime::instant(event.at));
            if content != Content::Empty {
                let focus = self.address(&format!("{}/{}", event.kind, event.id));
                parts = parts.value("focus", "valueReference", reference(focus));
            }
            answer = answer.parts("notification-event", parts);
        }
        if let Some(error) = self.error {
            answer = answer.value("error", "valueCodeableConcept", Value::from([("text", error)]));
        }
        let mut json = answer.to_json();
        let profile = format!("{BACKPORT}/StructureDefinition/backport-subscription-status-r4");
        if let Some(object) = json.as_object_mut() {
            let meta = Object::new().with("profile", Value::from([Value::from(profile)]));
            object.insert_at(1, "meta", meta);
        }
        json
    }

    /// The bundle. `uuid` names the status within it.
    pub fn bundle(&self, events: &[Event], content: Content, uuid: &str) -> Value {
        let asked = self.address(&format!("Subscription/{}/$status", self.subscription));
        let status = Object::new()
            .with("fullUrl", format!("urn:uuid:{uuid}"))
            .with("resource", self.status(events, content))
            .with("request", Value::from([("method", "GET"), ("url", asked.as_str())]))
            .with("response", Value::from([("status", "200")]));
        let mut entries = vec![Value::Object(status)];
        if content != Content::Empty {
            entries.extend(events.iter().map(|event| self.entry(event, content)));
        }
        let profile = format!("{BACKPORT}/StructureDefinition/backport-subscription-notification-r4");
        let meta = Object::new().with("profile", Value::from([Value::from(profile)]));
        Value::Object(
            Object::new()
                .with("resourceType", "Bundle")
                .with("meta", meta)
                .with("type", "history")
                .with("timestamp", datetime::instant(self.at))
                .with("entry", entries),
        )
    }

    fn entry(&self, event: &Event, content: Content) -> Value {
        let local = format!("{}/{}", event.kind, event.id);
        let (method, url, status) = match event.interaction {
            Interaction::Create => ("POST", event.kind.as_str(), "201"),
            Interaction::Update => ("PUT", local.as_str(), "200"),
            Interaction::Delete => ("DELETE", local.as_str(), "204"),
        };
        let resource = event.resource.clone().filter(|_| content == Content::FullResource);
        Value::Object(
            Object::new()
                .with("fullUrl", self.address(&local))
                .with_some("resource", resource)
                .with("request", Value::from([("method", method), ("url", url)]))
                .with("response", Value::from([("status", status)])),
        )
    }
}

fn reference(to: String) -> Value {
    Value::from([("reference", to)])
}
