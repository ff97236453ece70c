//! Giving much out: every live record from one snapshot for the command line, and for `$export` a selection as of one
//! `Tx`, step by step.
//!
//! `selection` decides what belongs to an export and who may have it, `filtering` answers its searches, `pass` walks the
//! records.

mod filtering;
mod pass;
mod selection;

pub use filtering::Filtering;
pub use pass::{Budget, Out, Reached};
pub use selection::{Selection, Wanted, Whom};

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::search::{TermRange, params};
use clinicvault_vault::{Action, Dir, Kind, Tx};

use super::access::{Op, Purpose};
use super::audit::{self, About};
use super::error::Error;
use super::{Caller, Records, terms};

/// What was given out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// Records by type, in the order of the types' names.
    pub counts: Vec<(ResourceType, u64)>,
    /// The state that was exported.
    pub tx: Tx,
}

/// Takes one record: its type and its text.
pub type Sink<'a> = dyn FnMut(ResourceType, &[u8]) -> Result<(), Error> + 'a;

impl Records {
    /// Shows every live record to `sink`, type by type. Blocking. The line in the audit log is written before the
    /// first record is shown.
    pub fn export(&self, from: &Caller, sink: &mut Sink<'_>) -> Result<Given, Error> {
        let snapshot = self.vault().long_snapshot()?;
        let mut given = Given { tx: snapshot.tx(), ..Given::default() };
        for kind in snapshot.counts()?.into_keys().filter_map(|kind| ResourceType::from_number(kind.0)) {
            self.gate(&from.who, Op::Export, kind)?;
            let leaf =
                audit::done(&from.who, Action::Export, Purpose::Operations, About::of_type(kind, None));
            self.vault().note(leaf)?;
            let all = terms::range(&TermRange::all(params::ID));
            let mut count = 0;
            for row in snapshot.scan(Kind(kind.number()), &all, Dir::Ascending, given.tx)? {
                let (_, rid) = row?;
                let Some(head) = snapshot.head_of(rid)?.filter(|head| !head.deleted) else { continue };
                sink(kind, &snapshot.body(&head)?)?;
                count += 1;
            }
            given.counts.push((kind, count));
        }
        given.counts.sort_by_key(|(kind, _)| kind.as_str());
        Ok(given)
    }
}
