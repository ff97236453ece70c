//! The clinic's own maps of HL7 v2: what its peers' codes mean and where the fields of their Z-segments go.
//!
//! One document, `hl7.maps`, kept with all its versions as channels are (0155, 0082). A change is one unit of work with
//! its audit line and holds from the next message on.

use std::sync::{Arc, PoisonError, RwLock};

use clinicvault_gateway::fhir::outcome::{Issue, IssueCode, Outcome};
use clinicvault_gateway::map::clinic::{MapFault, Maps};
use clinicvault_vault::{Action, Leaf};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::channels::diff;
use crate::collections::{HL7_MAP_VERSIONS, HL7_MAPS};
use crate::records::Records;
use crate::records::access::{Actor, Area, Op, Purpose, Subject, decide};
use crate::records::audit::{self, About};
use crate::records::change::Expected;
use crate::records::error::Error;
use crate::records::names::Names;

/// The document's name, in audit lines and messages.
pub const NAME: &str = "hl7.maps";
/// Its key in the vault.
const KEY: &[u8] = NAME.as_bytes();
/// Most versions that a list shows, the newest.
const MOST_VERSIONS: usize = 1_000;
/// Most places of a change that its audit line names.
const MOST_PLACES: usize = 20;

/// A version of the document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// Its number, from 1 on.
    pub version: u64,
    /// When it was written.
    pub at: Timestamp,
    /// The account that wrote it.
    pub by: String,
    /// The places that differ from the version before.
    pub changed: Vec<String>,
    /// The document.
    pub document: Value,
}

/// The maps that hold. A clone is another handle to the same ones.
#[derive(Clone)]
pub struct OwnMaps(Arc<Inner>);

struct Inner {
    records: Records,
    held: RwLock<Held>,
}

#[derive(Default, Clone)]
struct Held {
    kept: Option<Arc<Kept>>,
    maps: Maps,
}

impl OwnMaps {
    /// None yet; [`Self::load`] brings those of the vault.
    pub fn new(records: Records) -> Self {
        Self(Arc::new(Inner { records, held: RwLock::default() }))
    }

    /// Reads the document of the vault. Blocking.
    ///
    /// # Errors
    /// When it is damaged or the vault stopped.
    pub fn load(&self) -> Result<(), Error> {
        let snapshot = self.0.records.vault().snapshot()?;
        if let Some(bytes) = snapshot.doc_get(HL7_MAPS, KEY)? {
            let kept = read(&bytes)?;
            let maps = Maps::read(kept.document.to_string().as_bytes()).unwrap_or_else(|faults| {
                // Written by a program with other rules: messages are read without it until it is written anew.
                let faults: Vec<String> =
                    faults.iter().map(|f| format!("{}: {}", f.place, f.reason)).collect();
                tracing::error!(
                    op = "hl7.maps",
                    version = kept.version,
                    ?faults,
                    "the maps cannot be used any more"
                );
                Maps::default()
            });
            self.hold(kept, maps);
        }
        Ok(())
    }

    /// What messages are mapped by now.
    pub fn now(&self) -> Maps {
        self.held().maps.clone()
    }

    /// The document that holds, for somebody who may look; none when the clinic has written none.
    ///
    /// # Errors
    /// [`Error::Refused`].
    pub fn read(&self, who: &Actor) -> Result<Option<Arc<Kept>>, Error> {
        decide(who, Op::Read, &Subject::area_only(Area::Settings)).check()?;
        Ok(self.held().kept.clone())
    }

    /// The versions with the names of those who wrote them, newest first.
    ///
    /// # Errors
    /// [`Error::Refused`], and when the vault stopped.
    pub fn versions(&self, who: &Actor) -> Result<Vec<(Kept, String)>, Error> {
        decide(who, Op::Search, &Subject::area_only(Area::Settings)).check()?;
        let snapshot = self.0.records.vault().snapshot()?;
        let all = snapshot.doc_scan(HL7_MAP_VERSIONS, &[], MOST_VERSIONS)?;
        let mut names = Names::new(&snapshot);
        all.iter().map(|(_, bytes)| read(bytes).map(|kept| (kept.clone(), names.of(&kept.by)))).collect()
    }

    /// One version.
    ///
    /// # Errors
    /// [`Error::NotFound`], and as [`Self::versions`].
    pub fn version(&self, who: &Actor, version: u64) -> Result<Kept, Error> {
        decide(who, Op::Read, &Subject::area_only(Area::Settings)).check()?;
        let bytes = self.0.records.vault().snapshot()?.doc_get(HL7_MAP_VERSIONS, &key(version))?;
        read(&bytes.ok_or_else(|| Error::NotFound(format!("version {version} of {NAME}")))?)
    }

    /// Writes a document; it holds from the next message on. One that is there is changed with the version that is
    /// expected; a change that changes nothing makes no version. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Broken`] for a document that cannot be used, [`Error::Precondition`].
    pub fn change(&self, who: &Actor, expected: Option<Expected>, document: &[u8]) -> Result<Kept, Error> {
        decide(who, Op::Update, &Subject::area_only(Area::Settings)).check()?;
        let maps = Maps::read(document).map_err(|faults| Error::Broken(outcome(&faults)))?;
        let document: Value = serde_json::from_slice(document).map_err(|e| {
            Error::Broken(Outcome::error(IssueCode::Structure, format!("No acceptable JSON: {e}")))
        })?;
        let done = self.0.records.unit_blocking(Arc::new(who.clone()), move |work| {
            let before = work.unit().doc_get(HL7_MAPS, KEY)?.map(|bytes| read(&bytes)).transpose()?;
            check_expected(before.as_ref(), expected)?;
            if let Some(same) = before.clone().filter(|kept| kept.document == document) {
                return Ok(same);
            }
            let empty = json!({});
            let kept = Kept {
                version: before.as_ref().map_or(1, |kept| kept.version + 1),
                at: work.now(),
                by: work.who().id.clone(),
                changed: diff::places(before.as_ref().map_or(&empty, |kept| &kept.document), &document),
                document,
            };
            let bytes = serde_json::to_vec(&kept).map_err(|e| Error::Fault(e.to_string()))?;
            work.unit().doc_put(HL7_MAPS, KEY, &bytes)?;
            work.unit().doc_put(HL7_MAP_VERSIONS, &key(kept.version), &bytes)?;
            let line = leaf(work.who(), &kept);
            work.audit(line)?;
            Ok(kept)
        });
        let (kept, _) = done?;
        self.hold(kept.clone(), maps);
        Ok(kept)
    }

    fn held(&self) -> Held {
        self.0.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Two changes may end in another order than they were committed in.
    fn hold(&self, kept: Kept, maps: Maps) {
        let mut held = self.0.held.write().unwrap_or_else(PoisonError::into_inner);
        if held.kept.as_ref().is_none_or(|there| there.version < kept.version) {
            *held = Held { kept: Some(Arc::new(kept)), maps };
        }
    }
}

/// What is wrong with a document, each thing with its place.
pub fn outcome(faults: &[MapFault]) -> Outcome {
    let issue = |fault: &MapFault| {
        let issue = Issue::error(IssueCode::Value, fault.reason.as_str());
        if fault.place.is_empty() { issue } else { issue.at(fault.place.as_str()) }
    };
    Outcome::of(faults.iter().map(issue).collect())
}

fn check_expected(there: Option<&Kept>, expected: Option<Expected>) -> Result<(), Error> {
    match (there, expected) {
        (Some(kept), Some(Expected::Version(version))) if version != kept.version => {
            Err(Error::precondition(format!(
                "The maps have been changed: they are at W/\"{}\" now.",
                kept.version
            )))
        }
        (Some(kept), None) => Err(Error::precondition(format!(
            "There are maps already: send If-Match: W/\"{}\" to change them.",
            kept.version
        ))),
        (Some(_), Some(Expected::Nothing)) => Err(Error::precondition("There are maps already.")),
        (None, Some(Expected::Version(_) | Expected::Any)) => {
            Err(Error::precondition("There are no maps to change yet."))
        }
        (Some(_) | None, _) => Ok(()),
    }
}

fn leaf(who: &Actor, kept: &Kept) -> Leaf {
    let shown: Vec<&str> = kept.changed.iter().take(MOST_PLACES).map(String::as_str).collect();
    let more = if kept.changed.len() > MOST_PLACES { ", ..." } else { "" };
    let reason = format!("{NAME} changed as {}: {}{more}", kept.version, shown.join(", "));
    let mut line = audit::done(who, Action::Configure, Purpose::Operations, About::default());
    line.reason = Some(reason);
    line
}

fn read(bytes: &[u8]) -> Result<Kept, Error> {
    serde_json::from_slice(bytes).map_err(|_| Error::Damaged(NAME.to_owned()))
}

/// Versions count down in keys: the newest is read first.
fn key(version: u64) -> Vec<u8> {
    (u64::MAX - version).to_be_bytes().to_vec()
}
