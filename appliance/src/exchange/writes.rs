//! What a message writes: its records met with what is stored, those left out that change nothing.

use clinicvault_gateway::fhir::bundle::Answer;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::json::{self, Limits, Object, Value};
use clinicvault_gateway::map::report::Warning;
use clinicvault_gateway::map::{Meeting, merge};
use clinicvault_vault::{Kind, Snapshot};
use jiff::Timestamp;

use super::Exchange;
use super::apply::Opened;
use super::lines::Received;
use super::row::Written;
use crate::records::error::Error;

/// What a message writes.
pub(super) struct Writes {
    pub entries: Vec<Value>,
    /// For each entry: the entry of the mapped bundle that it came from.
    pub origins: Vec<Option<usize>>,
    /// Results of which a later state is stored already.
    pub overtaken: Vec<Warning>,
    /// When what is stored of the patient was written, where this message changes it.
    pub patient_since: Option<Timestamp>,
}

impl Exchange {
    /// The entries to write: each merged with what is stored, those that change nothing left out.
    pub(super) fn entries(
        &self,
        snapshot: &Snapshot,
        opened: &Opened,
        patient: &str,
        keep_patient: bool,
    ) -> Result<Writes, Error> {
        let (mut entries, mut origins, mut overtaken) = (Vec::new(), Vec::new(), Vec::new());
        let mut patient_since = None;
        let all = opened.mapped.bundle.items("entry");
        for (index, (entry, meeting)) in all.iter().zip(&opened.mapped.meetings).enumerate() {
            if opened.sense.skip.contains(&index) {
                continue;
            }
            let Some(resource) = entry.get("resource") else { continue };
            let (kind, id) = (resource.str("resourceType").unwrap_or(""), resource.str("id").unwrap_or(""));
            if kind == "Patient" && id == patient && !keep_patient {
                continue;
            }
            let Some(number) = ResourceType::parse(kind) else { continue };
            let head = snapshot.head(Kind(number.number()), id)?.filter(|h| !h.deleted);
            if kind == "Provenance" && head.is_some() {
                // It is made once (0124); a message that comes again changes nothing of it.
                continue;
            }
            let there = match &head {
                Some(head) if *meeting != Meeting::Replace || is_result(kind) => {
                    let body = snapshot.body(head)?;
                    let stored = json::parse(&body, &Limits::bytes(usize::MAX));
                    Some((
                        stored.map_err(|_| Error::Damaged(format!("{kind} record {}", head.rid.0)))?,
                        head.version,
                    ))
                }
                Some(_) | None => None,
            };
            let mut request = Object::new().with("method", "PUT").with("url", format!("{kind}/{id}"));
            let merged = match &there {
                None => resource.clone(),
                Some((stored, _)) if merge::overtaken(stored, resource) => {
                    overtaken.push(said_late(opened, index));
                    continue;
                }
                Some((stored, version)) => {
                    let mut merged = merge::meet(Some(stored), resource.clone(), meeting);
                    merge::carry_results(stored, &mut merged);
                    if merged == *stored {
                        continue;
                    }
                    // Someone may change the record between this look and the writer; then this is done again.
                    request.insert("ifMatch", format!("W/\"{version}\""));
                    if kind == "Patient" && id == patient {
                        patient_since = head.as_ref().map(|head| head.time);
                    }
                    merged
                }
            };
            entries.push(Object::new().with("resource", merged).with("request", request).into());
            origins.push(Some(index));
        }
        Ok(Writes { entries, origins, overtaken, patient_since })
    }
}

/// The versions that the answers name, with the entries of the map that they came from.
pub(super) fn stored(answers: &[Answer], origins: &[Option<usize>]) -> Vec<Written> {
    let read = |(answer, origin): (&Answer, &Option<usize>)| {
        // Type/id/_history/version
        let location = answer.location.as_deref()?;
        let mut parts = location.rsplit('/');
        let (version, _, id, kind) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        Some(Written {
            kind: kind.to_owned(),
            id: id.to_owned(),
            version: version.parse().ok()?,
            entry: *origin,
        })
    };
    answers.iter().zip(origins).filter_map(read).collect()
}

/// Results have a state that only moves forward.
fn is_result(kind: &str) -> bool {
    matches!(kind, "Observation" | "DiagnosticReport")
}

/// Says of an entry that what is stored is further on.
fn said_late(opened: &Opened, entry: usize) -> Warning {
    let from = opened.mapped.links.iter().find(|l| l.entry == entry);
    let path = from.and_then(|l| match &opened.message {
        Received::Hl7(message) => {
            message.segment(l.segment).map(|s| format!("{}[{}]", s.name(), s.occurrence()))
        }
        Received::Records(_) | Received::Printout(_) | Received::Fhir(_) => None,
    });
    let path = path.unwrap_or_default();
    let text = "A settled result is stored already; this earlier state of it did not take its place.";
    Warning { path, code: "overtaken", text: text.to_owned() }
}
