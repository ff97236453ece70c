//! Finding whom a message may be about: by its identifiers, by what the clinic remembers of a sender's numbers, and
//! by name, birth and telephone. What the findings mean is decided in `gateway::map::matching`.

use std::collections::BTreeMap;

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::search::Handling;
use clinicvault_gateway::json::{self, Limits, Value};
use clinicvault_gateway::map::matching::{Known, same_name};
use clinicvault_gateway::map::{PatientIdentifier, PatientIdentity};
use clinicvault_vault::{Kind, Snapshot};

use super::Exchange;
use crate::clinic::identity::{Identity, NUMBER_SYSTEM, names_of};
use crate::collections::REMEMBERED;
use crate::records::Caller;
use crate::records::error::Error;
use crate::records::search::Asked;

/// Rows looked at for one question about names, births or telephones.
const MOST: usize = 40;

/// A patient who may be meant, with what a screen shows.
#[derive(Clone)]
pub struct Found {
    /// For the decision.
    pub known: Known,
    /// For the screen.
    pub identity: Identity,
    /// The record that replaced it.
    pub merged_into: Option<String>,
}

impl Exchange {
    /// Everyone whom the message's identifiers or demographics lead to.
    pub(super) fn find(&self, from: &Caller, identity: &PatientIdentity) -> Result<Vec<Found>, Error> {
        let mut found: BTreeMap<String, Found> = BTreeMap::new();
        let snapshot = self.records().vault().snapshot()?;
        for identifier in &identity.identifiers {
            let token = format!("{}|{}", identifier.system, identifier.value);
            for one in self.ask(from, "identifier", &escape(&token))? {
                found.entry(one.known.id.clone()).or_insert(one).known.by_identifier = true;
            }
            if let Some(id) = remembered(&snapshot, identifier)?
                && let Some(one) = patient(&snapshot, &id)?
            {
                found.entry(id).or_insert(one).known.by_identifier = true;
            }
            if is_clinic_number(&identifier.value) && identifier.system != NUMBER_SYSTEM {
                // A lab that returns the clinic's own number puts it under its own authority. The number alone is
                // not enough then: it must be the same person by name.
                let token = format!("{NUMBER_SYSTEM}|{}", identifier.value);
                for mut one in self.ask(from, "identifier", &escape(&token))? {
                    one.known.by_identifier = one.known.names.iter().any(|n| same_name(&identity.name(), n));
                    let there = found.entry(one.known.id.clone()).or_insert_with(|| one.clone());
                    there.known.by_identifier |= one.known.by_identifier;
                }
            }
        }
        survivors(&snapshot, &mut found)?;
        if found.values().any(|f| f.known.by_identifier) {
            return Ok(found.into_values().collect());
        }
        for (parameter, value) in questions(identity) {
            for one in self.ask(from, parameter, &escape(&value))? {
                found.entry(one.known.id.clone()).or_insert(one);
            }
        }
        Ok(found.into_values().collect())
    }

    fn ask(&self, from: &Caller, parameter: &str, value: &str) -> Result<Vec<Found>, Error> {
        let parameters = [(parameter.to_owned(), value.to_owned()), ("_count".to_owned(), MOST.to_string())];
        let asked = Asked {
            kind: ResourceType::PATIENT,
            parameters: &parameters,
            handling: Handling::Strict,
            most_rows: MOST,
        };
        let page = self.records().search(from, &asked)?;
        Ok(page.rows.iter().filter_map(|row| read(&row.head.id, &row.body)).collect())
    }
}

/// A record that was merged into another leads to the one that stays (decision 0086).
fn survivors(snapshot: &Snapshot, found: &mut BTreeMap<String, Found>) -> Result<(), Error> {
    for _ in 0..MOST_MERGES {
        let moved = found.values().find_map(|f| f.merged_into.clone().map(|to| (f.known.id.clone(), to)));
        let Some((from, to)) = moved else { return Ok(()) };
        let Some(old) = found.remove(&from) else { return Ok(()) };
        if let Some(one) = patient(snapshot, &to)? {
            found.entry(to).or_insert(one).known.by_identifier |= old.known.by_identifier;
        }
    }
    Ok(())
}

/// Steps from old numbers to the one that stays; more than this is a circle.
const MOST_MERGES: usize = 16;

/// Names by their whole words, then telephones; a birth alone would bring half the village.
fn questions(identity: &PatientIdentity) -> Vec<(&'static str, String)> {
    let mut all: Vec<(&'static str, String)> = Vec::new();
    let words = identity.family.iter().chain(&identity.given).filter(|w| w.chars().count() > 2);
    all.extend(words.map(|w| ("name", w.clone())));
    all.extend(identity.phones.iter().filter(|p| p.len() >= 6).map(|p| ("phone", p.clone())));
    all
}

/// `,`, `|`, `$` and the backslash mean something in a search value.
pub(super) fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut first_bar = true;
    for c in value.chars() {
        // The first bar of a token separates its system.
        let bar = c == '|' && std::mem::replace(&mut first_bar, false) && value.contains(':');
        if matches!(c, ',' | '$' | '\\') || (c == '|' && !bar) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

pub(super) fn is_clinic_number(value: &str) -> bool {
    value.strip_prefix("NC-").is_some_and(|d| d.len() >= 6 && d.bytes().all(|b| b.is_ascii_digit()))
}

/// The key under which the clinic remembers whose number this is.
pub(super) fn memory_key(identifier: &PatientIdentifier) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let mut digest = Sha256::new();
    digest.update((identifier.system.len() as u64).to_be_bytes());
    digest.update(identifier.system.as_bytes());
    digest.update(identifier.value.as_bytes());
    digest.finalize().to_vec()
}

fn remembered(snapshot: &Snapshot, identifier: &PatientIdentifier) -> Result<Option<String>, Error> {
    let bytes = snapshot.doc_get(REMEMBERED, &memory_key(identifier))?;
    Ok(bytes.and_then(|b| String::from_utf8(b.to_vec()).ok()))
}

/// A patient by id, unless deleted.
pub(super) fn patient(snapshot: &Snapshot, id: &str) -> Result<Option<Found>, Error> {
    let head = snapshot.head(Kind(ResourceType::PATIENT.number()), id)?;
    let Some(head) = head.filter(|h| !h.deleted) else { return Ok(None) };
    Ok(read(id, &snapshot.body(&head)?))
}

fn read(id: &str, body: &[u8]) -> Option<Found> {
    let json = json::parse(body, &Limits::bytes(usize::MAX)).ok()?;
    let identity = Identity::of(&json);
    let telecom = json.items("telecom").iter().filter_map(|t| t.str("value")).map(str::to_owned).collect();
    let places = json.items("address").iter().filter_map(|a| a.str("city")).map(str::to_owned).collect();
    let known = Known {
        id: id.to_owned(),
        names: names_of(&json),
        birth: json.str("birthDate").map(str::to_owned),
        sex: json.get("gender").and_then(Value::as_str).map(str::to_owned),
        phones: telecom,
        places,
        by_identifier: false,
    };
    let replaced = json.items("link").iter().find(|l| l.str("type") == Some("replaced-by"));
    let merged_into = replaced.and_then(|l| l.get("other")?.str("reference")?.strip_prefix("Patient/"));
    let merged_into = merged_into.filter(|to| *to != id).map(str::to_owned);
    Some(Found { known, identity, merged_into })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn search_values_keep_their_meaning() {
        assert_eq!(escape("urn:x|88,1|2"), "urn:x|88\\,1\\|2");
        assert_eq!(escape("a|b"), "a\\|b");
        assert!(is_clinic_number("NC-001904") && !is_clinic_number("NC-19") && !is_clinic_number("88120"));
    }
}
