//! The rules of the Consents in force, by patient, with whom they name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clinicvault_gateway::fhir::audit::{ACCOUNT, BOX, CLIENT};
use clinicvault_gateway::fhir::consent::{Party, Rule};
use clinicvault_gateway::fhir::id::{LogicalId, Reference, ResourceType};
use clinicvault_gateway::fhir::search::{TermRange, params};
use clinicvault_gateway::json::{self, Limits, Value};
use clinicvault_vault::{Head, Kind, Snapshot, Vault};
use jiff::tz::TimeZone;

use super::super::audit::patient_of;
use super::super::error::Error;
use super::super::matching::Rows;
use super::super::terms;

/// A name of somebody of the box: system and value.
pub type Name = (String, String);

/// A rule, and whom its parties are.
#[derive(Debug)]
pub struct Kept {
    pub rule: Rule,
    /// The names of each party; none where the box does not know who that is.
    parties: Vec<(Party, Option<Vec<Name>>)>,
}

impl Kept {
    /// Whether a party is somebody with one of these names.
    pub fn is(&self, party: &Party, own: &[Name]) -> Option<bool> {
        let (_, names) = self.parties.iter().find(|(each, _)| each == party)?;
        names.as_ref().map(|names| names.iter().any(|name| own.contains(name)))
    }
}

/// Every rule.
#[derive(Debug, Default)]
pub struct Book {
    /// By id of the Consent.
    rules: BTreeMap<String, Arc<Kept>>,
    by_patient: BTreeMap<String, Vec<Arc<Kept>>>,
}

impl Book {
    /// Reads all Consents.
    pub fn read(vault: &Vault, zone: &TimeZone) -> Result<Self, Error> {
        let snapshot = vault.snapshot()?;
        let mut rules = BTreeMap::new();
        for rid in Rows::scan(
            &snapshot,
            ResourceType::CONSENT,
            &terms::range(&TermRange::all(params::ID)),
            usize::MAX,
        )? {
            if let Some(head) = snapshot.head_of(rid)?.filter(|head| !head.deleted)
                && let Some(kept) = rule(&snapshot, &head.id, zone)?
            {
                rules.insert(head.id, Arc::new(kept));
            }
        }
        Ok(Self::of(rules))
    }

    /// The same with these Consents read anew.
    pub fn renewed(&self, vault: &Vault, zone: &TimeZone, ids: &BTreeSet<String>) -> Result<Self, Error> {
        let snapshot = vault.snapshot()?;
        let mut rules = self.rules.clone();
        for id in ids {
            match rule(&snapshot, id, zone)? {
                Some(kept) => rules.insert(id.clone(), Arc::new(kept)),
                None => rules.remove(id),
            };
        }
        Ok(Self::of(rules))
    }

    fn of(rules: BTreeMap<String, Arc<Kept>>) -> Self {
        let mut by_patient: BTreeMap<String, Vec<Arc<Kept>>> = BTreeMap::new();
        for kept in rules.values() {
            by_patient.entry(kept.rule.patient().as_str().to_owned()).or_default().push(kept.clone());
        }
        Self { rules, by_patient }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Kept> {
        self.rules.values().map(Arc::as_ref)
    }

    /// Those of one patient.
    pub fn of_patient(&self, id: &str) -> impl Iterator<Item = &Kept> {
        self.by_patient.get(id).into_iter().flatten().map(Arc::as_ref)
    }
}

/// The rule of a stored Consent, if it is one that is in force.
fn rule(snapshot: &Snapshot, id: &str, zone: &TimeZone) -> Result<Option<Kept>, Error> {
    let Some((head, json)) = stored(snapshot, ResourceType::CONSENT, id)? else { return Ok(None) };
    // Whose it is was found out when it was written, under whatever address of the box.
    let Some(patient) = patient_of(&head.owner).and_then(LogicalId::parse) else { return Ok(None) };
    let Some(rule) = Rule::read(&json, &patient, &[], zone) else { return Ok(None) };
    let mut parties: Vec<(Party, Option<Vec<Name>>)> = Vec::new();
    for party in rule.parties() {
        if parties.iter().all(|(known, _)| known != party) {
            parties.push((party.clone(), names(snapshot, party)?));
        }
    }
    Ok(Some(Kept { rule, parties }))
}

fn stored(snapshot: &Snapshot, kind: ResourceType, id: &str) -> Result<Option<(Head, Value)>, Error> {
    let Some(head) = snapshot.head(Kind(kind.number()), id)?.filter(|head| !head.deleted) else {
        return Ok(None);
    };
    let json = json::parse(&snapshot.body(&head)?, &Limits::bytes(usize::MAX))
        .map_err(|_| Error::Damaged(format!("{kind} record {}", head.rid.0)))?;
    Ok(Some((head, json)))
}

/// Who a party is to the box: by its identifier, or by those of the record that it refers to.
fn names(snapshot: &Snapshot, party: &Party) -> Result<Option<Vec<Name>>, Error> {
    if let Some(name) = party.identifier.as_ref().filter(|(system, _)| is_own(system)) {
        return Ok(Some(vec![name.clone()]));
    }
    let mut reference = party.reference.as_deref().map(str::to_owned);
    // A role leads to whom it is of.
    for _ in 0..2 {
        let Some(text) = reference.take() else { break };
        let parsed = Reference::parse(&text);
        let Some((kind, id)) = parsed.as_ref().and_then(|reference| reference.local(&[])) else { break };
        let Some((_, json)) = stored(snapshot, kind, id.as_str())? else { break };
        let own = json.items("identifier").iter().filter_map(|identifier| {
            Some((identifier.str("system")?.to_owned(), identifier.str("value")?.to_owned()))
        });
        let own: Vec<Name> = own.filter(|(system, _)| is_own(system)).collect();
        if !own.is_empty() {
            return Ok(Some(own));
        }
        reference = json.get("practitioner").and_then(|who| who.str("reference")).map(str::to_owned);
    }
    Ok(None)
}

fn is_own(system: &str) -> bool {
    [ACCOUNT, CLIENT, BOX].contains(&system)
}
