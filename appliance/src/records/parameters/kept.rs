//! What the vault keeps of own search parameters: one document of their state, and one for each with its definition, its
//! number and the transaction since which every record has its terms.

use std::sync::Arc;
use std::sync::atomic::AtomicU8;

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::outcome::{Issue, IssueCode};
use clinicvault_gateway::fhir::search::TermRange;
use clinicvault_gateway::fhir::search::own::{Definition, Own, OwnParam, Part};
use clinicvault_gateway::fhir::search::params::{self, OWN, OWN_END, ParamType};
use clinicvault_gateway::json::{self, Limits, Value};
use clinicvault_vault::{Kind, Snapshot, Unit};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::super::error::Error;
use super::super::terms;
use crate::collections::SEARCH_PARAMETERS;

/// Key of the state.
const STATE: &[u8] = &[0];
/// What keys of definitions begin with; the id of the record follows.
const ENTRY: &[u8] = &[1];
/// Most definitions that are read, far more than there may be.
const MOST_READ: usize = 20_000;
/// Most records of an older program that are looked at.
const MOST_ADOPTED: usize = 1_000;

/// Documents, as a snapshot or the writer sees them.
pub trait Docs {
    fn doc(&self, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, Error>;
    fn docs(&self, prefix: &[u8]) -> Result<Vec<Zeroizing<Vec<u8>>>, Error>;
}

impl Docs for Snapshot {
    fn doc(&self, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        Ok(self.doc_get(SEARCH_PARAMETERS, key)?)
    }

    fn docs(&self, prefix: &[u8]) -> Result<Vec<Zeroizing<Vec<u8>>>, Error> {
        let all = self.doc_scan(SEARCH_PARAMETERS, prefix, MOST_READ)?;
        Ok(all.into_iter().map(|(_, doc)| doc).collect())
    }
}

impl Docs for Unit<'_> {
    fn doc(&self, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        Ok(self.doc_get(SEARCH_PARAMETERS, key)?)
    }

    fn docs(&self, prefix: &[u8]) -> Result<Vec<Zeroizing<Vec<u8>>>, Error> {
        let all = self.doc_scan(SEARCH_PARAMETERS, prefix, MOST_READ)?;
        Ok(all.into_iter().map(|(_, doc)| doc).collect())
    }
}

/// How far records are indexed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Grows with every change that records or searches depend on.
    pub epoch: u64,
    /// The number that the next parameter gets; none is given twice.
    next_number: u16,
    /// Numbers that do not know every record yet, with the first record that has not been looked at.
    filling: Vec<(u16, u64)>,
    /// The first record that may still have terms of a number that is no more.
    clearing: Option<u64>,
}

impl State {
    const fn new() -> Self {
        Self { epoch: 1, next_number: OWN, filling: Vec::new(), clearing: None }
    }

    /// The first record that there is something to do about.
    pub fn begin(&self) -> Option<u64> {
        self.filling.iter().map(|(_, next)| *next).chain(self.clearing).min()
    }

    /// Every record from [`State::begin`] up to, not including, `next` has been looked at.
    pub fn reach(&mut self, next: u64) {
        for (_, at) in &mut self.filling {
            *at = next.max(*at);
        }
        if let Some(at) = &mut self.clearing {
            *at = next.max(*at);
        }
    }

    fn begin_anew(&mut self, number: u16) -> Result<u16, Error> {
        self.filling.retain(|(other, _)| *other != number);
        let fresh = self.next_number;
        if fresh >= OWN_END {
            let text = "every number for own search parameters has been given; none can be added or changed";
            return Err(Error::Broken(Issue::error(IssueCode::BusinessRule, text).into()));
        }
        self.next_number += 1;
        self.filling.push((fresh, 1));
        Ok(fresh)
    }

    fn clear(&mut self, number: u16) {
        self.filling.retain(|(other, _)| *other != number);
        self.clearing = Some(1);
    }
}

/// A parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Id of the SearchParameter.
    id: String,
    number: u16,
    since: Option<u64>,
    url: String,
    code: String,
    #[serde(rename = "type")]
    kind: String,
    bases: Vec<String>,
    expression: String,
    targets: Vec<String>,
    parts: Vec<EntryPart>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct EntryPart {
    code: String,
    #[serde(rename = "type")]
    kind: String,
    targets: Vec<String>,
    expression: String,
}

impl Entry {
    fn of(id: &str, number: u16, since: Option<u64>, definition: &Definition) -> Self {
        let names = |kinds: &[ResourceType]| kinds.iter().map(ToString::to_string).collect();
        let part = |part: &Part| EntryPart {
            code: part.code.clone(),
            kind: part.kind.as_str().to_owned(),
            targets: names(&part.targets),
            expression: part.expression.clone(),
        };
        Self {
            id: id.to_owned(),
            number,
            since,
            url: definition.url.clone(),
            code: definition.code.clone(),
            kind: definition.kind.as_str().to_owned(),
            bases: definition.bases.clone(),
            expression: definition.expression.clone(),
            targets: names(&definition.targets),
            parts: definition.parts.iter().map(part).collect(),
        }
    }

    fn definition(&self) -> Result<Definition, Error> {
        let kind = |name: &str| {
            ParamType::parse(name).ok_or_else(|| Error::Damaged(format!("the search parameter {}", self.id)))
        };
        let kinds = |names: &[String]| names.iter().filter_map(|name| ResourceType::parse(name)).collect();
        let mut parts = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            parts.push(Part {
                code: part.code.clone(),
                kind: kind(&part.kind)?,
                targets: kinds(&part.targets),
                expression: part.expression.clone(),
            });
        }
        Ok(Definition {
            url: self.url.clone(),
            code: self.code.clone(),
            kind: kind(&self.kind)?,
            bases: self.bases.clone(),
            expression: self.expression.clone(),
            targets: kinds(&self.targets),
            parts,
        })
    }
}

/// How far records are indexed by one parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Id of the SearchParameter.
    pub id: String,
    /// Its name in queries.
    pub code: String,
    /// Types that have it.
    pub kinds: Vec<ResourceType>,
    /// Records that were looked at, deleted ones included.
    pub done: u64,
    /// Records there are.
    pub of: u64,
    /// Whether it can be asked.
    pub ready: bool,
}

/// Everything that is kept, and what of it has changed.
pub struct All {
    /// None: nothing was ever kept.
    pub state: Option<State>,
    entries: Vec<Entry>,
    changed: Vec<String>,
    gone: Vec<String>,
}

/// Which state the writer sees.
pub fn epoch(docs: &impl Docs) -> Result<u64, Error> {
    Ok(state(docs)?.map_or(0, |state| state.epoch))
}

fn state(docs: &impl Docs) -> Result<Option<State>, Error> {
    docs.doc(STATE)?.map(|bytes| read(&bytes)).transpose()
}

fn read<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|_| Error::Damaged("the clinic's own search parameters".to_owned()))
}

/// The type of the definitions, as the vault counts.
pub fn kind() -> Result<Kind, Error> {
    let kind = ResourceType::parse("SearchParameter");
    kind.map(|kind| Kind(kind.number())).ok_or_else(|| Error::Fault("a type of R4 is missing".to_owned()))
}

impl All {
    /// Reads what is kept.
    pub fn read(docs: &impl Docs) -> Result<Self, Error> {
        let entries = docs.docs(ENTRY)?.iter().map(|bytes| read(bytes)).collect::<Result<_, _>>()?;
        Ok(Self { state: state(docs)?, entries, changed: Vec::new(), gone: Vec::new() })
    }

    /// Writes what has changed.
    pub fn save(&self, unit: &mut Unit<'_>) -> Result<(), Error> {
        let bytes = |error: serde_json::Error| Error::Fault(error.to_string());
        for id in &self.gone {
            unit.doc_delete(SEARCH_PARAMETERS, &key(id))?;
        }
        for entry in self.entries.iter().filter(|entry| self.changed.contains(&entry.id)) {
            unit.doc_put(SEARCH_PARAMETERS, &key(&entry.id), &serde_json::to_vec(entry).map_err(bytes)?)?;
        }
        if let Some(state) = &self.state {
            unit.doc_put(SEARCH_PARAMETERS, STATE, &serde_json::to_vec(state).map_err(bytes)?)?;
        }
        Ok(())
    }

    /// Which state it is.
    pub fn epoch(&self) -> u64 {
        self.state.as_ref().map_or(0, |state| state.epoch)
    }

    /// The parameters, ready for queries and records. One that a later program cannot read any more is left out.
    pub fn own(&self, percent: Arc<AtomicU8>) -> Own {
        let mut params = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            let made = entry.definition().and_then(|definition| {
                OwnParam::new(definition, entry.number, entry.since)
                    .map_err(|issue| Error::Broken(issue.into()))
            });
            match made {
                Ok(own) => params.push(own),
                Err(error) => tracing::error!(%error, id = entry.id, "a search parameter cannot be used"),
            }
        }
        Own::new(self.epoch(), params, percent)
    }

    /// How far each is, of the records up to number `last`.
    pub fn standing(&self, last: u64) -> Result<Vec<Standing>, Error> {
        let filling = self.state.as_ref().map(|state| state.filling.as_slice()).unwrap_or_default();
        let one = |entry: &Entry| {
            let next = filling.iter().find(|(number, _)| *number == entry.number).map(|(_, next)| *next);
            let done = next.map_or(last, |next| next.saturating_sub(1).min(last));
            let (id, code) = (entry.id.clone(), entry.code.clone());
            let ready = entry.since.is_some();
            Ok(Standing { id, code, kinds: entry.definition()?.kinds(), done, of: last, ready })
        };
        self.entries.iter().map(one).collect()
    }

    /// What a SearchParameter of this id says from now on; none: it is no more. Answers whether anything changes.
    pub fn set(&mut self, id: &str, json: Option<&Value>, most: usize) -> Result<bool, Error> {
        let definition = match json {
            Some(json) => Definition::read(json, &self.own(Arc::default())).map_err(Error::Broken)?,
            None => None,
        };
        let mut state = self.state.clone().unwrap_or(State::new());
        let place = self.entries.iter().position(|entry| entry.id == id);
        let Some(definition) = definition else {
            let Some(place) = place else { return Ok(false) };
            let entry = self.entries.remove(place);
            state.clear(entry.number);
            self.gone.push(entry.id);
            return Ok(self.next(state));
        };
        self.refuse_clash(id, &definition)?;
        let standing = place.and_then(|place| self.entries.get(place)).cloned();
        let entry = match standing {
            Some(standing) if standing.definition()?.indexes_like(&definition) => {
                Entry::of(id, standing.number, standing.since, &definition)
            }
            Some(standing) => {
                state.clear(standing.number);
                Entry::of(id, state.begin_anew(standing.number)?, None, &definition)
            }
            None if self.entries.len() >= most => {
                let text = format!(
                    "the box has {most} search parameters of its own, as many as it may (fhir.search_parameters); \
                     delete or retire one that is not needed"
                );
                return Err(Error::Broken(Issue::error(IssueCode::TooCostly, text).into()));
            }
            None => Entry::of(id, state.begin_anew(0)?, None, &definition),
        };
        match place.and_then(|place| self.entries.get_mut(place)) {
            Some(slot) if *slot == entry => return Ok(false),
            Some(slot) => *slot = entry,
            None => self.entries.push(entry),
        }
        self.changed.push(id.to_owned());
        Ok(self.next(state))
    }

    fn next(&mut self, mut state: State) -> bool {
        state.epoch += 1;
        self.state = Some(state);
        true
    }

    fn refuse_clash(&self, id: &str, definition: &Definition) -> Result<(), Error> {
        let kinds = definition.kinds();
        for other in self.entries.iter().filter(|other| other.id != id && other.code == definition.code) {
            let taken = other.definition()?.kinds().into_iter().find(|kind| kinds.contains(kind));
            if let Some(kind) = taken {
                let text = format!(
                    "{kind} has a search parameter \"{}\" by SearchParameter/{}; choose another code, or retire that one",
                    other.code, other.id
                );
                let issue = Issue::error(IssueCode::Duplicate, text).at("SearchParameter.code");
                return Err(Error::Broken(issue.into()));
            }
        }
        Ok(())
    }

    /// Takes in the definitions that an older program kept without effect. One that cannot be used stays so.
    pub fn adopt(&mut self, unit: &Unit<'_>, most: usize) -> Result<(), Error> {
        let all = terms::range(&TermRange::all(params::ID));
        self.state = Some(State::new());
        for rid in unit.scan(kind()?, &all, MOST_ADOPTED)? {
            let Some(head) = unit.head_of(rid)?.filter(|head| !head.deleted) else { continue };
            let Ok(json) = json::parse(&unit.body(&head)?, &Limits::bytes(usize::MAX)) else { continue };
            if let Err(error) = self.set(&head.id, Some(&json), most) {
                tracing::warn!(%error, id = head.id, "a stored search parameter stays without effect");
            }
        }
        Ok(())
    }

    /// Every record has been looked at, as of transaction `tx`.
    pub fn finish(&mut self, tx: u64) {
        let Some(mut state) = self.state.clone() else { return };
        let filled = std::mem::take(&mut state.filling);
        state.clearing = None;
        for entry in &mut self.entries {
            if filled.iter().any(|(number, _)| *number == entry.number) {
                entry.since = Some(tx);
                self.changed.push(entry.id.clone());
            }
        }
        self.next(state);
    }
}

fn key(id: &str) -> Vec<u8> {
    [ENTRY, id.as_bytes()].concat()
}
