//! Opens everything and checks everything against everything: for `clinicvault verify` and the weekly scrub.
//!
//! Every version of every record is opened; the audit log is walked leaf by leaf, its chain, tree and checkpoints
//! checked; the newest line that names a record must carry the hash of what the table holds; the term tables must
//! hold exactly the terms of the newest versions.

use crate::as_of;
use crate::audit::offline::Walk;
use crate::audit::{AuditFault, Checkpoint};
use crate::error::{Fault, ReadError};
use crate::index;
use crate::model::{Kind, Rid};
use crate::pending;
use crate::snapshot::Snapshot;
use crate::tables::{ALL, Get, ReadTables, T, Visit, last_number, name};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

/// Faults listed in a report, at most; further ones are only counted.
const LISTED: usize = 100;

/// What [`crate::Vault::verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Live records by kind.
    pub records: BTreeMap<Kind, u64>,
    /// Versions opened, deletes included.
    pub versions: u64,
    /// Audit lines.
    pub audit_lines: u64,
    /// Signed checkpoints that fit.
    pub checkpoints: u64,
    /// Faults found.
    pub faults: u64,
    /// The first of them in words; no ids, no content.
    pub listed: Vec<String>,
}

impl VerifyReport {
    /// Whether everything fits.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.faults == 0
    }

    fn fault(&mut self, text: String) {
        self.faults += 1;
        if self.listed.len() < LISTED {
            self.listed.push(text);
        }
    }
}

type Newest = HashMap<u64, (u64, [u8; 32])>;

pub(crate) fn run(snapshot: &Snapshot, progress: &mut dyn FnMut(f64)) -> Result<VerifyReport, ReadError> {
    let mut report = VerifyReport::default();
    progress(0.0);
    let newest = audit(snapshot, &mut report, progress)?;
    records(snapshot, &newest, &mut report, progress)?;
    waiting(snapshot, &mut report)?;
    for (kind, stored) in snapshot.counts()? {
        let found = report.records.get(&kind).copied().unwrap_or(0);
        if found != stored {
            report.fault(format!("kind {}: {found} records are there, {stored} are counted", kind.0));
        }
    }
    progress(1.0);
    Ok(report)
}

#[cfg(test)]
mod tests;

/// The rows that wait in memory must be those that the database would give back after a crash.
fn waiting(snapshot: &Snapshot, report: &mut VerifyReport) -> Result<(), ReadError> {
    let tables = snapshot.tables();
    let logged = pending::log::load(tables)?;
    let all = (Bound::Unbounded, Bound::Unbounded);
    let same = ALL.into_iter().all(|table| {
        tables.pending().cursor(None, table, all, false).eq(logged.cursor(None, table, all, false))
    });
    if !same {
        report.fault("the rows that wait to be spread are not those of their log".into());
    }
    Ok(())
}

/// Walks the log; answers for each record the newest version it names, with its hash.
fn audit(
    snapshot: &Snapshot,
    report: &mut VerifyReport,
    progress: &mut dyn FnMut(f64),
) -> Result<Newest, ReadError> {
    let tables = snapshot.tables();
    let state = snapshot.state();
    let key = snapshot.shared().audit.verifying_key();
    let mut signed = checkpoints(tables)?.into_iter().peekable();
    let mut walk = Walk::default();
    let mut newest = Newest::new();
    let size = state.frontier.size();
    let mut broken = None::<AuditFault>;
    for_each(tables, T::Leaves, &mut |_, bytes| {
        match walk.push(bytes) {
            Ok(entry) => {
                for written in entry.writes {
                    newest.insert(written.rid, (written.version, written.hash));
                }
            }
            Err(fault) => {
                broken = Some(fault);
                return Ok(false);
            }
        }
        while let Some((_, note)) = signed.next_if(|(at, _)| *at == walk.size()) {
            match Checkpoint::verify(&note, &key) {
                Ok(point) if point.size == walk.size() && point.root == walk.root() => {
                    report.checkpoints += 1
                }
                Ok(_) | Err(_) => report.fault(AuditFault::Checkpoint(walk.size()).to_string()),
            }
        }
        if walk.size() % 4096 == 0 {
            progress(0.5 * walk.size() as f64 / size.max(1) as f64);
        }
        Ok(true)
    })?;
    report.audit_lines = walk.size();
    if let Some(fault) = broken {
        report.fault(fault.to_string());
    } else if walk.frontier() != &state.frontier || walk.last() != state.last_leaf {
        report.fault(format!("the audit log has {} lines, {size} are expected", walk.size()));
    }
    for (at, _) in signed {
        report.fault(AuditFault::Backwards { found: walk.size(), signed: at }.to_string());
    }
    Ok(newest)
}

fn checkpoints(tables: &ReadTables) -> Result<Vec<(u64, String)>, Fault> {
    let mut notes = Vec::new();
    for_each(tables, T::Checkpoints, &mut |key, note| {
        let size = last_number(key).ok_or_else(|| Fault::row(name(T::Checkpoints)))?;
        notes.push((size, String::from_utf8_lossy(note).into_owned()));
        Ok(true)
    })?;
    Ok(notes)
}

fn for_each(tables: &ReadTables, table: T, visit: Visit<'_>) -> Result<(), Fault> {
    tables.visit(table, Bound::Unbounded, Bound::Unbounded, false, visit)
}

/// Opens every version and checks heads, ids and hashes.
fn records(
    snapshot: &Snapshot,
    newest: &Newest,
    report: &mut VerifyReport,
    progress: &mut dyn FnMut(f64),
) -> Result<(), ReadError> {
    let tables = snapshot.tables();
    let last = snapshot.state().rid.max(1);
    let mut terms = 0;
    for rid in 1..=snapshot.state().rid {
        if rid % 1024 == 0 {
            progress(0.5 + 0.5 * rid as f64 / last as f64);
        }
        match record(snapshot, tables, Rid(rid), newest.get(&rid), report) {
            Ok(found) => terms += found,
            Err(ReadError::Fault(Fault::Damaged(text))) => report.fault(format!("record {rid}: {text}")),
            Err(error) => return Err(error),
        }
    }
    let mut open = 0;
    for_each(tables, T::Terms, &mut |_, row| {
        open += u64::from(index::is_open(row));
        Ok(true)
    })?;
    if open != terms {
        report.fault(format!("{open} search terms are open, the records have {terms}"));
    }
    Ok(())
}

/// Checks one record; answers how many terms it has.
fn record(
    snapshot: &Snapshot,
    tables: &ReadTables,
    rid: Rid,
    logged: Option<&(u64, [u8; 32])>,
    report: &mut VerifyReport,
) -> Result<u64, ReadError> {
    let Some(head) = as_of::head_of(tables, rid)? else {
        report.fault(format!("record {} is missing", rid.0));
        return Ok(0);
    };
    let mut expected = head.version;
    for version in as_of::versions(tables, rid, None, usize::MAX)? {
        report.versions += 1;
        if version.version != expected || (version.version == head.version && version != head) {
            report.fault(format!("record {} version {expected} is missing or changed", rid.0));
        }
        expected = version.version.saturating_sub(1);
        if let Err(error) = as_of::body(tables, &snapshot.shared().keys, &version) {
            match error {
                ReadError::Damaged { .. } => report.fault(error.to_string()),
                other => return Err(other),
            }
        }
    }
    if expected != 0 {
        report.fault(format!("record {} has no version {expected}", rid.0));
    }
    if as_of::rid_of(tables, head.kind, &head.id)? != Some(rid) {
        report.fault(format!("record {} is not found by its id", rid.0));
    }
    let key = crate::tables::pair_key(rid.0, head.version);
    let hash: Option<[u8; 32]> = tables.with(T::Versions, &key, |row| Sha256::digest(row).into())?;
    if logged.is_none_or(|(version, logged)| *version != head.version || Some(*logged) != hash) {
        report.fault(format!("record {} is not the version that the audit log names", rid.0));
    }
    if !head.deleted {
        *report.records.entry(head.kind).or_default() += 1;
    }
    let own = index::decode_own(&tables.get(T::Own, &crate::tables::rid_key(rid))?.unwrap_or_default())?;
    for term in &own {
        let key = index::term_key(head.kind, term, rid);
        if tables.with(T::Terms, &key, index::is_open)? != Some(true) {
            report.fault(format!("record {} is not found by one of its terms", rid.0));
        }
    }
    Ok(own.len() as u64)
}
