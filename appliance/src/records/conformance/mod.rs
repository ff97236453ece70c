//! Definitions that are stored as records: profiles, value sets, code systems, concept maps, questionnaires, found by
//! their canonical address, in front of large code systems in packed files and of what R4 itself brings along.
//!
//! What was read is kept in memory, bounded, until a record of these types is committed: a definition takes effect with
//! its commit. Owns finding and keeping; what a definition means is the gateway's knowledge, who may write one the
//! policy's.

mod kept;
mod library;
mod shown;

use std::cell::RefCell;
use std::sync::Arc;

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::profile::{Profile, compile, embedded};
use clinicvault_gateway::fhir::search::{TermRange, params, uri};
use clinicvault_gateway::fhir::subscription::topic::{self, Topic};
use clinicvault_gateway::fhir::terminology::{
    CodeSystem, ConceptMap, Content, Core, Source, ValueSet, canonical,
};
use clinicvault_gateway::fhir::validate::Definitions;
use clinicvault_gateway::json::{self, Limits, Value};
use clinicvault_vault::{Dir, Head, Kind, Snapshot, Vault};

use super::error::Error;
use super::sight::Look;
use super::terms;
use kept::{Found, Kept};
pub use library::{ENDING, Library, OnDisk};
pub use shown::Eyes;

/// Most records of one address that are looked at for the version asked for.
const MOST_VERSIONS: usize = 64;
/// Most records of one type that are looked through, where none is named.
const MOST_LISTED: usize = 1_000;
/// Profiles that rest on one another.
const MOST_BASES: usize = 16;

/// Whether a commit of this type changes what is found here.
pub fn concerns(kind: ResourceType) -> bool {
    matches!(
        kind.as_str(),
        "CodeSystem" | "ValueSet" | "ConceptMap" | "StructureDefinition" | "Questionnaire"
    )
}

/// The stored definitions of one vault.
pub struct Conformance {
    vault: Vault,
    kept: Kept,
    library: Option<Library>,
}

impl Conformance {
    /// Those of a vault, with a library of packed code systems behind them.
    pub fn new(vault: Vault, library: Option<Library>) -> Self {
        Self { vault, kept: Kept::default(), library }
    }

    /// Something that was kept may no longer be so. Called after the commit, before its answer.
    pub fn changed(&self) {
        self.kept.forget();
    }

    /// The resource of a type by its address, and how many bytes it has; with a look, out of those that it shows.
    fn resource_at(
        &self,
        kind: &str,
        url: &str,
        version: Option<&str>,
        look: Option<&Look>,
    ) -> Result<Option<(Value, usize)>, Error> {
        let Some((kind, param)) = address_of(kind) else { return Ok(None) };
        let snapshot = self.vault.snapshot()?;
        let range = terms::range(&uri::exact(param, url));
        let mut best: Option<(Rank, Value, usize)> = None;
        for row in snapshot.scan(kind, &range, Dir::Descending, snapshot.tx())?.take(MOST_VERSIONS) {
            let (_, rid) = row?;
            let Some((head, value, size)) = opened(&snapshot, rid)? else { continue };
            if value.str("url") != Some(url) || version.is_some_and(|v| value.str("version") != Some(v)) {
                continue;
            }
            if let Some(look) = look
                && !look.shows(&snapshot, &head)?
            {
                continue;
            }
            let rank = Rank::of(&value, &head);
            if best.as_ref().is_none_or(|(other, ..)| *other < rank) {
                best = Some((rank, value, size));
            }
        }
        Ok(best.map(|(_, value, size)| (value, size)))
    }

    /// What is kept or, when nothing is, read and kept. A definition that cannot be used is none; the log says why.
    fn found(
        &self,
        kind: &'static str,
        url: &str,
        version: Option<&str>,
        read: impl FnOnce(&Value) -> Result<Found, String>,
    ) -> Option<Found> {
        let (state, kept) = self.kept.get(kind, url, version);
        if let Some(kept) = kept {
            return kept;
        }
        let found = match self.resource_at(kind, url, version, None) {
            Err(error) => {
                tracing::warn!(%error, kind, "a stored definition could not be looked for");
                return None;
            }
            Ok(None) => None,
            Ok(Some((value, size))) => match read(&value) {
                Ok(found) => Some((found, size)),
                Err(error) => {
                    tracing::warn!(error, kind, "a stored definition cannot be used");
                    None
                }
            },
        };
        self.kept.put(state, (kind, url, version), found.clone());
        found.map(|(found, _)| found)
    }

    /// A code system that is public: out of a packed file, or of R4.
    fn public_system(&self, url: &str, version: Option<&str>) -> Option<Arc<CodeSystem>> {
        let packed = self.library.as_ref().and_then(|library| library.code_system(url, version));
        packed.or_else(|| Core.code_system(url, version))
    }

    /// All live records of a type, as far as they are read; with a look, those that it shows.
    fn all<T>(
        &self,
        kind: &str,
        look: Option<&Look>,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Vec<T>, Error> {
        let Some(kind) = ResourceType::parse(kind) else { return Ok(Vec::new()) };
        let snapshot = self.vault.snapshot()?;
        let range = terms::range(&TermRange::all(params::ID));
        let mut out = Vec::new();
        for row in
            snapshot.scan(Kind(kind.number()), &range, Dir::Ascending, snapshot.tx())?.take(MOST_LISTED)
        {
            let (_, rid) = row?;
            let Some((head, value, _)) = opened(&snapshot, rid)? else { continue };
            if let Some(look) = look
                && !look.shows(&snapshot, &head)?
            {
                continue;
            }
            out.extend(read(&value));
        }
        Ok(out)
    }

    /// Every stored topic of subscriptions that is in use and understood.
    pub fn topics(&self) -> Vec<Topic> {
        let read = |value: &Value| {
            (topic::is_topic(value) && topic::is_in_use(value)).then(|| Topic::of_basic(value).ok()).flatten()
        };
        self.all("Basic", None, read).unwrap_or_else(|error| {
            tracing::warn!(%error, "stored topics could not be listed");
            Vec::new()
        })
    }

    fn profile_within(&self, url: &str, open: &RefCell<Vec<String>>) -> Option<Arc<Profile>> {
        let (name, version) = canonical(url);
        if open.borrow().len() >= MOST_BASES || open.borrow().iter().any(|other| other == name) {
            return None;
        }
        let found = self.found("StructureDefinition", name, version, |value| {
            open.borrow_mut().push(name.to_owned());
            let compiled = compile(value, &|base| self.profile_within(base, open));
            open.borrow_mut().pop();
            Ok(Found::Profile(Arc::new(compiled.map_err(|error| error.to_string())?)))
        });
        match found {
            Some(Found::Profile(profile)) => Some(profile),
            _ => embedded(url),
        }
    }
}

fn opened(snapshot: &Snapshot, rid: clinicvault_vault::Rid) -> Result<Option<(Head, Value, usize)>, Error> {
    let Some(head) = snapshot.head_of(rid)?.filter(|head| !head.deleted) else { return Ok(None) };
    let body = snapshot.body(&head)?;
    let value = json::parse(&body, &Limits::bytes(usize::MAX))
        .map_err(|_| Error::Damaged(format!("record {}", head.rid.0)))?;
    Ok(Some((head, value, body.len())))
}

/// The type's number and that of its parameter `url`.
fn address_of(kind: &str) -> Option<(Kind, u16)> {
    let kind = ResourceType::parse(kind)?;
    Some((Kind(kind.number()), params::find(kind, "url")?.number))
}

/// Which of several records of one address is meant where no version is named: one that is not retired, the highest
/// version, the newest commit.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    in_use: bool,
    version: Vec<(u64, String)>,
    tx: u64,
}

impl Rank {
    fn of(value: &Value, head: &Head) -> Self {
        let parts = value.str("version").unwrap_or_default().split(['.', '-', '+', '_']);
        let version = parts.map(|part| (part.parse().unwrap_or_default(), part.to_owned())).collect();
        Self { in_use: value.str("status") != Some("retired"), version, tx: head.tx.0 }
    }
}

impl Source for Conformance {
    fn code_system(&self, url: &str, version: Option<&str>) -> Option<Arc<CodeSystem>> {
        let found = self.found("CodeSystem", url, version, |value| {
            Ok(Found::System(Arc::new(CodeSystem::from_json(value).map_err(|e| e.to_string())?)))
        });
        match found {
            Some(Found::System(system)) => Some(system),
            _ => self.public_system(url, version),
        }
    }

    fn value_set(&self, url: &str, version: Option<&str>) -> Option<Arc<ValueSet>> {
        let found = self.found("ValueSet", url, version, |value| {
            Ok(Found::Set(Arc::new(ValueSet::from_json(value).map_err(|e| e.to_string())?)))
        });
        match found {
            Some(Found::Set(set)) => Some(set),
            _ => Core.value_set(url, version),
        }
    }

    fn concept_map(&self, url: &str, version: Option<&str>) -> Option<Arc<ConceptMap>> {
        let found = self.found("ConceptMap", url, version, |value| {
            Ok(Found::Map(Arc::new(ConceptMap::from_json(value).map_err(|e| e.to_string())?)))
        });
        match found {
            Some(Found::Map(map)) => Some(map),
            _ => Core.concept_map(url, version),
        }
    }

    fn concept_maps(&self) -> Vec<Arc<ConceptMap>> {
        self.maps(None)
    }

    fn supplements(&self, url: &str) -> Vec<Arc<CodeSystem>> {
        self.supplements_of(url, None)
    }
}

impl Conformance {
    fn maps(&self, look: Option<&Look>) -> Vec<Arc<ConceptMap>> {
        let stored = self.all("ConceptMap", look, |value| ConceptMap::from_json(value).ok().map(Arc::new));
        let mut maps = stored.unwrap_or_else(|error| {
            tracing::warn!(%error, "stored concept maps could not be listed");
            Vec::new()
        });
        maps.extend(Core.concept_maps());
        maps
    }

    fn supplements_of(&self, url: &str, look: Option<&Look>) -> Vec<Arc<CodeSystem>> {
        let own = |value: &Value| {
            value.str("supplements").is_some_and(|base| canonical(base).0 == url)
                && value.str("status") != Some("retired")
        };
        let stored = self.all("CodeSystem", look, |value| {
            own(value).then(|| CodeSystem::from_json(value).ok().map(Arc::new)).flatten()
        });
        let supplements = stored.unwrap_or_else(|error| {
            tracing::warn!(%error, "stored supplements could not be listed");
            Vec::new()
        });
        supplements.into_iter().filter(|system| system.content == Content::Supplement).collect()
    }
}

impl Definitions for Conformance {
    fn profile(&self, url: &str) -> Option<Arc<Profile>> {
        self.profile_within(url, &RefCell::default())
    }

    fn questionnaire(&self, url: &str) -> Option<Arc<Value>> {
        let (name, version) = canonical(url);
        let found =
            self.found("Questionnaire", name, version, |value| Ok(Found::Form(Arc::new(value.clone()))));
        match found {
            Some(Found::Form(form)) => Some(form),
            _ => None,
        }
    }
}
