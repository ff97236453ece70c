//! What is told of a change as FHIR: the record with what it refers to as a transaction, or a notification.

use std::collections::BTreeMap;

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::subscription::notice::{Event, Notice, Reason};
use clinicvault_gateway::fhir::subscription::watch::Interaction;
use clinicvault_gateway::fhir::subscription::wish::Content;
use clinicvault_gateway::json::{Object, Value};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// A transaction that writes a record and what it refers to at another server, each under its own id.
pub fn transaction(root: &Value, around: &BTreeMap<String, Value>) -> Value {
    let entry = |record: &Value| {
        let (kind, id) =
            (record.str("resourceType").unwrap_or_default(), record.str("id").unwrap_or_default());
        let url = format!("{kind}/{id}");
        Value::Object(
            Object::new()
                .with("resource", record.clone())
                .with("request", Value::from([("method", "PUT"), ("url", url.as_str())])),
        )
    };
    let own =
        format!("{}/{}", root.str("resourceType").unwrap_or_default(), root.str("id").unwrap_or_default());
    // What is referred to stands first, for servers that look at entries in their order.
    let others = around.iter().filter(|(reference, _)| **reference != own).map(|(_, record)| entry(record));
    let entries: Vec<Value> = others.chain(std::iter::once(entry(root))).collect();
    Value::Object(
        Object::new().with("resourceType", "Bundle").with("type", "transaction").with("entry", entries),
    )
}

/// A change that is told.
pub struct Told<'a> {
    /// The channel that tells of it.
    pub channel: &'a str,
    /// The number of the unit that wrote it: numbers grow, and leave some out.
    pub number: u64,
    /// Now.
    pub at: Timestamp,
    /// Whether the record is new.
    pub created: bool,
    /// Its type.
    pub kind: ResourceType,
    /// Its id.
    pub id: &'a str,
}

impl Told<'_> {
    /// A notification after the R5 Backport guide with the record in it. The channel stands in the place of a Subscription.
    pub fn notification(&self, record: Value) -> Value {
        let interaction = if self.created { Interaction::Create } else { Interaction::Update };
        let event = Event {
            number: self.number,
            at: self.at,
            kind: self.kind,
            id: self.id.to_owned(),
            interaction,
            resource: Some(record),
        };
        let notice = Notice {
            base: "",
            subscription: self.channel,
            topic: None,
            status: "active",
            reason: Reason::Event,
            total: None,
            error: None,
            at: self.at,
        };
        notice.bundle(&[event], Content::FullResource, &self.uuid())
    }

    /// A name of the notification's status: the same whenever the change is told anew (RFC 9562, version 8).
    fn uuid(&self) -> String {
        let mut digest = Sha256::new();
        for part in [self.channel, &self.number.to_string(), self.kind.as_str(), self.id] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part.as_bytes());
        }
        let hex = data_encoding::HEXLOWER.encode(&digest.finalize());
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        format!("{}-{}-8{}-a{}-{}", part(0, 8), part(8, 12), part(12, 15), part(15, 18), part(18, 30))
    }
}
