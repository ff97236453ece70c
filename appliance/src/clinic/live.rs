//! What a live view may hear.
//!
//! Owns the choice, for one listener, of which committed changes become messages: only those it asked for, and only
//! those its role may know. A message names what changed and never what it says. Sockets and polling are left to
//! `http::events` and `http::changes`.

use std::collections::BTreeSet;

use clinicvault_gateway::fhir::id::ResourceType;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::records::access::{Actor, Area, Op, Subject, decide};
use crate::records::feed::{Event, What};

/// One change, as a live view hears it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The transaction; the next request resumes after it.
    pub tx: u64,
    /// FHIR type, `inbox` or `alerts`.
    pub kind: String,
    /// Logical id, or the number of the inbox row; empty for `alerts`.
    pub id: String,
    /// The patient whose record it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patient: Option<String>,
}

/// What a listener asks for; a later one replaces it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Interest {
    /// Patients whose record is on screen.
    pub patients: BTreeSet<String>,
    /// `inbox`, `alerts`, or the lower-case name of a FHIR type such as `patient`.
    pub topics: BTreeSet<String>,
}

/// A listener shows one chart, or a list of patients; more than this is a mistake.
const MOST_PATIENTS: usize = 200;
/// There are fewer topics than this to choose from.
const MOST_TOPICS: usize = 20;

impl Interest {
    /// Whether the request is of a size that a screen could need.
    #[must_use]
    pub fn is_reasonable(&self) -> bool {
        self.patients.len() <= MOST_PATIENTS && self.topics.len() <= MOST_TOPICS
    }

    fn covers(&self, kind: &str, patient: Option<&str>) -> bool {
        patient.is_some_and(|patient| self.patients.contains(patient))
            || self.topics.contains(kind.to_lowercase().as_str())
    }
}

/// The message for this listener, if the change concerns it and its role may know of it.
#[must_use]
pub fn message(event: &Event, who: &Actor, interest: &Interest) -> Option<Change> {
    let change = known(event, who)?;
    interest.covers(&change.kind, change.patient.as_deref()).then_some(change)
}

/// The change as this actor may know it, whatever it asked for.
#[must_use]
pub fn known(event: &Event, who: &Actor) -> Option<Change> {
    match &event.what {
        What::Record { kind, id, patient, .. } => {
            let kind = ResourceType::from_number(*kind)?;
            may_hear(who, &Subject::of_type(kind.as_str(), false)).then(|| Change {
                tx: event.tx,
                kind: kind.as_str().to_owned(),
                id: id.to_string(),
                patient: patient.as_deref().map(str::to_owned),
            })
        }
        What::Inbox { seq, .. } => may_hear(who, &Subject::area_only(Area::Inbox)).then(|| Change {
            tx: event.tx,
            kind: "inbox".to_owned(),
            id: seq.to_string(),
            patient: None,
        }),
        What::Alerts => may_hear(who, &Subject::area_only(Area::Settings)).then(|| Change {
            tx: event.tx,
            kind: "alerts".to_owned(),
            id: String::new(),
            patient: None,
        }),
    }
}

/// An Observation counts as a result here, because a change does not say whether it was a vital sign: who may not see
/// results hears nothing of either. Who sees one half only, or only patients in their care, is told after a look at the
/// record ([`crate::records::Records::hears`]).
fn may_hear(who: &Actor, subject: &Subject) -> bool {
    decide(who, Op::Read, &subject.clone().in_care(true)).allowed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::access::{Role, Who};

    fn person(role: Role) -> Actor {
        Actor {
            id: "u".into(),
            name: "U".into(),
            who: Who::Person { roles: vec![role] },
            session: None,
            source: "test".into(),
        }
    }

    fn record(kind: ResourceType, patient: Option<&str>) -> Event {
        let what = What::Record {
            kind: kind.number(),
            id: "r1".into(),
            version: 1,
            deleted: false,
            patient: patient.map(Into::into),
        };
        Event { tx: 9, what }
    }

    #[test]
    fn a_role_hears_only_what_it_may_know() {
        let result = record(ResourceType::OBSERVATION, Some("p"));
        let inbox = Event { tx: 10, what: What::Inbox { seq: 4, state: 1 } };
        let patient = record(ResourceType::PATIENT, Some("p"));
        let alerts = Event { tx: 11, what: What::Alerts };
        for (role, hears_result, hears_inbox, hears_patient, hears_alerts) in [
            (Role::Doctor, true, true, true, false),
            (Role::Lab, true, true, true, false),
            (Role::Nurse, true, true, true, false),
            (Role::Reception, false, false, true, false),
            (Role::Owner, false, false, true, true),
            (Role::Cashier, false, false, true, false),
        ] {
            let who = person(role);
            let found = [&result, &inbox, &patient, &alerts].map(|event| known(event, &who).is_some());
            assert_eq!(found, [hears_result, hears_inbox, hears_patient, hears_alerts], "{role:?}");
        }
    }

    #[test]
    fn only_what_was_asked_for_is_sent() {
        let who = person(Role::Doctor);
        let of = |patients: &[&str], topics: &[&str]| Interest {
            patients: patients.iter().map(|p| (*p).to_owned()).collect(),
            topics: topics.iter().map(|t| (*t).to_owned()).collect(),
        };
        let event = record(ResourceType::OBSERVATION, Some("p"));
        assert!(message(&event, &who, &of(&[], &[])).is_none());
        assert!(message(&event, &who, &of(&["q"], &["inbox"])).is_none());
        let sent = message(&event, &who, &of(&["p"], &[])).unwrap();
        assert_eq!(
            serde_json::to_string(&sent).unwrap(),
            r#"{"tx":9,"kind":"Observation","id":"r1","patient":"p"}"#
        );
        assert!(message(&record(ResourceType::PATIENT, Some("z")), &who, &of(&[], &["patient"])).is_some());
        assert!(message(&record(ResourceType::ORGANIZATION, None), &who, &of(&["p"], &["inbox"])).is_none());
    }
}
