//! Trying maps that are only being written: what they would make of messages that are stored, beside what today's make of
//! them. Nothing is stored.

use std::collections::BTreeMap;

use clinicvault_gateway::json::Value;
use clinicvault_gateway::map::clinic::Maps;
use clinicvault_gateway::map::{MapContext, Mapped};
use clinicvault_vault::{Action, Outcome, QueueAsk, QueueItem};
use serde::Serialize;
use utoipa::ToSchema;

use super::inbox::leaf;
use super::maps::outcome;
use super::row;
use super::view::{InboxRow, row_of};
use super::{Exchange, INBOX};
use crate::records::access::{Actor, Area, Op, Subject, decide};
use crate::records::error::Error;

/// Messages that are looked at, the newest.
const LOOKED: usize = 200;
/// Messages that are shown.
const SHOWN: usize = 25;
/// Places that are shown of one message.
const PLACES: usize = 12;
/// Looks into the database for the messages.
const STEPS: usize = 20_000;

/// What maps would change.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MapsTried {
    /// Messages of HL7 v2 that were read both ways, the newest.
    pub looked: u64,
    /// Those of them that would be read otherwise.
    pub changed: u64,
    /// The newest of these, at most 25.
    pub messages: Vec<MapsTriedMessage>,
}

/// A message that would be read otherwise.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MapsTriedMessage {
    /// As on the message screen.
    pub row: InboxRow,
    /// MSH-9.
    #[serde(rename = "type")]
    pub kind: String,
    /// What would be otherwise in its records, at most 12 places.
    pub places: Vec<MapsTriedPlace>,
    /// Places that differ in all.
    pub differs: u64,
}

/// A place in a record.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MapsTriedPlace {
    /// Such as `Patient.gender`.
    pub at: String,
    /// What today's maps make of it.
    pub before: Option<String>,
    /// What these would.
    pub after: Option<String>,
}

impl Exchange {
    /// Tries a document of maps on the newest messages, or on one. Blocking; writes nothing but the line of the audit log
    /// that messages were read.
    ///
    /// # Errors
    /// [`Error::Refused`] for somebody who may not change settings or not read messages, [`Error::Broken`] for a document
    /// that cannot be used, [`Error::NotFound`] for an unknown row.
    pub fn try_maps(&self, who: &Actor, document: &[u8], seq: Option<u64>) -> Result<MapsTried, Error> {
        decide(who, Op::Update, &Subject::area_only(Area::Settings)).check()?;
        decide(who, Op::Read, &Subject::area_only(Area::Inbox)).check()?;
        let maps = Maps::read(document).map_err(|faults| Error::Broken(outcome(&faults)))?;
        let today = self.context();
        let other = MapContext { maps, ..today.clone() };
        let snapshot = self.records().vault().snapshot()?;
        let ask =
            QueueAsk { queue: INBOX, all: Vec::new(), below: None, from: None, limit: LOOKED, steps: STEPS };
        let seqs =
            seq.map_or_else(|| snapshot.queue_find(&ask).map(|found| found.rows), |seq| Ok(vec![seq]))?;
        let mut tried = MapsTried::default();
        for number in seqs {
            let Some(item) = snapshot.queue_get(INBOX, number)? else {
                if seq.is_some() {
                    return Err(Error::NotFound(format!("inbox row {number}")));
                }
                continue;
            };
            let both = (self.mapped_by(&item, &today)?, self.mapped_by(&item, &other)?);
            let (Some(now), Some(then)) = both else {
                continue;
            };
            tried.looked += 1;
            let places = differences(&now.bundle, &then.bundle);
            if places.is_empty() {
                continue;
            }
            tried.changed += 1;
            if tried.messages.len() < SHOWN
                && let Some((facts, _)) = row::decode(&item.row.body)
            {
                let differs = places.len() as u64;
                tried.messages.push(MapsTriedMessage {
                    row: row_of(&item, &facts),
                    kind: facts.kind.clone(),
                    places: places.into_iter().take(PLACES).collect(),
                    differs,
                });
            }
        }
        let mut looked = leaf(who, Action::Search, Outcome::Success, 0, None, None);
        looked.reason = Some(format!("inbox: maps tried on {} messages", tried.looked));
        self.records().vault().note(looked)?;
        Ok(tried)
    }

    /// A message of HL7 v2 as maps read it; none for all others, and for what cannot be read.
    fn mapped_by(&self, item: &QueueItem, context: &MapContext) -> Result<Option<Mapped>, Error> {
        let Some((facts, _)) = row::decode(&item.row.body) else { return Ok(None) };
        if facts.fhir || facts.line.is_some() {
            return Ok(None);
        }
        Ok(self.open_by(item, context)?.map(|opened| opened.mapped))
    }
}

/// What two readings of a message say at the places where they differ, in the order of their places.
fn differences(now: &Value, then: &Value) -> Vec<MapsTriedPlace> {
    let (now, then) = (leaves(now), leaves(then));
    let mut all: BTreeMap<&String, (Option<&String>, Option<&String>)> = BTreeMap::new();
    now.iter().for_each(|(at, text)| all.entry(at).or_default().0 = Some(text));
    then.iter().for_each(|(at, text)| all.entry(at).or_default().1 = Some(text));
    let place = |(at, (before, after)): (&String, (Option<&String>, Option<&String>))| {
        let at = at.split_once(' ').map_or(at.as_str(), |(_, at)| at).to_owned();
        MapsTriedPlace { at, before: before.cloned(), after: after.cloned() }
    };
    all.into_iter().filter(|(_, (before, after))| before != after).map(place).collect()
}

/// Every value of a transaction, by the id of its record and its place in it.
fn leaves(bundle: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for resource in bundle.items("entry").iter().filter_map(|entry| entry.get("resource")) {
        let kind = resource.str("resourceType").unwrap_or_default();
        if kind != "Provenance" {
            let own = format!("{} {kind}", resource.str("id").unwrap_or_default());
            gather(resource, own, &mut found);
        }
    }
    found
}

fn gather(value: &Value, at: String, found: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(object) => {
            for (name, member) in object.iter().filter(|(name, _)| !matches!(*name, "resourceType" | "id")) {
                gather(member, format!("{at}.{name}"), found);
            }
        }
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                gather(item, if items.len() > 1 { format!("{at}[{n}]") } else { at.clone() }, found);
            }
        }
        Value::String(text) => drop(found.insert(at, text.clone())),
        Value::Number(number) => drop(found.insert(at, number.as_str().to_owned())),
        Value::Bool(truth) => drop(found.insert(at, truth.to_string())),
        Value::Null => {}
    }
}

#[cfg(test)]
mod tests {
    use clinicvault_gateway::json::{Limits, parse};

    use super::*;

    #[test]
    fn only_places_that_differ_are_told() {
        let bundle = |gender: &str, more: &str| {
            let text = format!(
                r#"{{"entry":[{{"resource":{{"resourceType":"Patient","id":"p","gender":"{gender}","name":[{{"family":"A"}},{{"family":"B"}}]}}}}{more}]}}"#
            );
            parse(text.as_bytes(), &Limits::default()).unwrap()
        };
        let (now, same) = (bundle("male", ""), bundle("male", ""));
        assert!(differences(&now, &same).is_empty());
        let more = r#",{"resource":{"resourceType":"Observation","id":"o","valueInteger":3}}"#;
        let told = differences(&now, &bundle("female", more));
        let told: Vec<_> =
            told.iter().map(|one| (one.at.as_str(), one.before.as_deref(), one.after.as_deref())).collect();
        assert_eq!(
            told,
            [("Observation.valueInteger", None, Some("3")), ("Patient.gender", Some("male"), Some("female"))]
        );
    }
}
