//! Which profiles, tags and security labels are in use, for `$meta` of a type or of everything.

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::patch::UnionOfMetas;
use clinicvault_gateway::json::Value;
use clinicvault_vault::Action;

use super::access::{Op, Purpose};
use super::audit::{self, About};
use super::error::Error;
use super::gather::parsed;
use super::{Caller, Records};

/// Most records that are opened for it.
const MOST: usize = 20_000;

impl Records {
    /// The union of the labels of all records of a type, or of everything, that the caller sees.
    pub fn labels(&self, from: &Caller, kind: Option<ResourceType>) -> Result<Value, Error> {
        let purpose = match kind {
            Some(kind) => self.gate(&from.who, Op::Search, kind)?,
            None => Purpose::Operations,
        };
        let mut gather = self.gather(from, None)?;
        let kinds: Vec<ResourceType> = kind.map_or_else(|| ResourceType::all().collect(), |kind| vec![kind]);
        let mut whole = UnionOfMetas::default();
        let mut opened = 0;
        for kind in kinds {
            if !gather.sees(kind) {
                continue;
            }
            for rid in gather.all(kind)? {
                // Only what is visible counts: how much is hidden must not be told by a refusal.
                let Some(stored) = gather.open(kind, rid)? else { continue };
                opened += 1;
                if opened > MOST {
                    let what = "there are more than 20000 records to look through; ask a type or a record";
                    return Err(Error::TooMuch(what.to_owned()));
                }
                if let Some(meta) = parsed(&stored)?.get("meta") {
                    whole.add(meta);
                }
            }
        }
        let about = About::of_type(kind.unwrap_or(ResourceType::BUNDLE), None);
        self.vault().note(audit::done(&from.who, Action::Search, purpose, about))?;
        Ok(Value::Object(whole.into_meta()))
    }
}
