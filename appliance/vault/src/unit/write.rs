//! What a job may change: records, documents, answers, audit lines. Rows of queues are in `queues`.

use super::{Unit, kind_count};
use crate::as_of;
use crate::audit::{Leaf, Written};
use crate::cipher::{self, Binding};
use crate::datakeys::Holder;
use crate::docs::{self, MAX_DOC_KEY};
use crate::error::{Fault, UnitError};
use crate::index;
use crate::model::{Head, Kind, MAX_BODY, MAX_ID, Owner, Put, Rid, Term, Tx};
use crate::pending::fresh::Born;
use crate::remember::{self, MAX_SCOPE};
use crate::tables::{Get, T, doc_key, id_key, name, pair_key, rid_key, time_key, time_of_key};
use crate::wire::Encoder;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::cmp::Ordering;
use std::ops::Bound;

/// Rows pruned with each group, at most: keeps a group's work bounded.
const PRUNED_PER_GROUP: usize = 256;
/// Longest text of an audit line in bytes.
const MAX_TEXT: usize = 4096;

pub(super) fn limit(what: &'static str, found: usize, limit: usize) -> Result<(), UnitError> {
    if found > limit { Err(UnitError::TooLarge { what, found, limit }) } else { Ok(()) }
}

impl Unit<'_> {
    /// Counts a change that adds data; refused when the disk is nearly full.
    pub(super) fn adding(&mut self) -> Result<(), UnitError> {
        if self.low_disk {
            return Err(UnitError::LowDisk);
        }
        self.changes += 1;
        Ok(())
    }

    pub(super) fn seal(
        &mut self,
        holder: &Holder,
        binding: &Binding<'_>,
        body: &[u8],
    ) -> Result<Vec<u8>, UnitError> {
        let keys = self.keys_for(holder)?;
        let key = keys.newest().ok_or(UnitError::Missing("data key"))?;
        cipher::seal(key, binding, body).map_err(|_| UnitError::Chance)
    }

    /// Writes a record: the next version of it, its terms, and a line in the feed. The stored version is bound to
    /// the unit's first audit line.
    ///
    /// # Errors
    /// [`UnitError::TooLarge`] and [`UnitError::Invalid`] for arguments over a limit, [`UnitError::LowDisk`] when the
    /// disk is nearly full.
    pub fn put(&mut self, put: Put<'_>) -> Result<Head, UnitError> {
        self.put_marked(put, 0)
    }

    /// The same, with the caller's mark on the version ([`Head::mark`]).
    ///
    /// # Errors
    /// As [`Unit::put`]; [`UnitError::TooLarge`] for a mark above 3.
    pub fn put_marked(&mut self, put: Put<'_>, mark: u8) -> Result<Head, UnitError> {
        check_id(put.id)?;
        limit("the mark", usize::from(mark), 3)?;
        if let Owner::Patient(patient) = &put.owner {
            check_id(patient)?;
        }
        limit("the body", put.body.len(), MAX_BODY)?;
        let terms = index::checked(put.terms)?;
        self.adding()?;
        let old = as_of::head(self, put.kind, put.id)?;
        let head = self.next(old.as_ref(), put.kind, put.id, put.owner, false, put.body.len());
        let head = Head { mark, ..head };
        let holder = Holder::record(head.kind, &head.owner);
        let clinic = std::sync::Arc::clone(&self.keys);
        let sealed = self.seal(&holder, &as_of::binding(&clinic.clinic, &head), put.body)?;
        self.store(old.as_ref(), &head, &sealed)?;
        self.reindex(old.is_some(), &head, &terms)?;
        Ok(head)
    }

    /// Deletes a record: a version without a body and without terms. Deleting twice writes nothing and answers the
    /// version that is the delete.
    ///
    /// # Errors
    /// [`UnitError::Missing`] when there never was such a record.
    pub fn remove(&mut self, kind: Kind, id: &str) -> Result<Head, UnitError> {
        let old = as_of::head(self, kind, id)?.ok_or(UnitError::Missing("record"))?;
        if old.deleted {
            return Ok(old);
        }
        self.adding()?;
        let head = self.next(Some(&old), kind, id, old.owner.clone(), true, 0);
        self.store(Some(&old), &head, &[])?;
        self.reindex(true, &head, &[])?;
        Ok(head)
    }

    fn next(
        &mut self,
        old: Option<&Head>,
        kind: Kind,
        id: &str,
        owner: Owner,
        deleted: bool,
        len: usize,
    ) -> Head {
        let rid = old.map_or_else(
            || {
                self.state.rid += 1;
                Rid(self.state.rid)
            },
            |old| old.rid,
        );
        Head {
            rid,
            kind,
            id: id.to_owned(),
            version: old.map_or(1, |old| old.version + 1),
            tx: self.tx(),
            time: self.now(),
            deleted,
            mark: 0,
            owner,
            body_len: u32::try_from(len).unwrap_or(u32::MAX),
        }
    }

    fn store(&mut self, old: Option<&Head>, head: &Head, sealed: &[u8]) -> Result<(), UnitError> {
        let bytes = as_of::encode(head);
        let row = as_of::join(&bytes, sealed);
        if old.is_none() {
            self.insert(T::Ids, &id_key(head.kind, &head.id), &head.rid.0.to_le_bytes())?;
        }
        self.insert(T::Heads, &rid_key(head.rid), &bytes)?;
        self.insert(T::Versions, &pair_key(head.rid.0, head.version), &row)?;
        self.insert(T::Log, &pair_key(head.tx.0, self.changes), &pair_key(head.rid.0, head.version))?;
        let hash = Sha256::digest(&row).into();
        self.writes.push(Written { rid: head.rid.0, version: head.version, hash });
        let was = i64::from(old.is_some_and(|old| !old.deleted));
        let delta = i64::from(!head.deleted) - was;
        if delta != 0 {
            *self.counts.entry(kind_count(head.kind)).or_default() += delta;
        }
        Ok(())
    }

    /// Gives the newest version of a record other terms, which hold from this unit on; answers whether any changed. For
    /// terms that are read off records in a new way: neither a version nor a line in the feed comes of it.
    ///
    /// # Errors
    /// [`UnitError::Missing`] when there is no such record or it is deleted, [`UnitError::TooLarge`] over a limit,
    /// [`UnitError::LowDisk`] when the disk is nearly full.
    pub fn set_terms(&mut self, rid: Rid, terms: &[Term]) -> Result<bool, UnitError> {
        let terms = index::checked(terms)?;
        let head = as_of::head_of(self, rid)?.filter(|head| !head.deleted);
        let mut head = head.ok_or(UnitError::Missing("record"))?;
        if self.get(T::Own, &rid_key(rid))?.is_some_and(|own| own == index::encode_own(&terms)) {
            return Ok(false);
        }
        self.adding()?;
        head.tx = self.tx();
        self.set_terms = Some(head.tx);
        self.reindex(true, &head, &terms)?;
        Ok(true)
    }

    /// Closes terms that are gone, opens new ones, leaves the rest as they are.
    fn reindex(&mut self, existed: bool, head: &Head, terms: &[&Term]) -> Result<(), UnitError> {
        let key = rid_key(head.rid);
        if !existed {
            let born = Born { rid: head.rid, kind: head.kind, tx: head.tx.0 };
            let keys: Vec<_> = terms.iter().map(|term| index::term_key(head.kind, term, head.rid)).collect();
            self.journaled(|tables, journal| tables.bear(born, keys, journal))?;
            return Ok(self.insert(T::Own, &key, &index::encode_own(terms))?);
        }
        let old = self.get(T::Own, &key)?.unwrap_or_default();
        let own = index::encode_own(terms);
        if own == old {
            return Ok(());
        }
        let old = index::decode_own(&old)?;
        let (mut old, mut new) = (old.iter().peekable(), terms.iter().copied().peekable());
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(old), Some(new)) => (*old).cmp(new),
            };
            match order {
                Ordering::Less => {
                    if let Some(gone) = old.next() {
                        self.close_term(head, gone)?;
                    }
                }
                Ordering::Greater => {
                    if let Some(term) = new.next() {
                        self.open_term(head, term)?;
                    }
                }
                Ordering::Equal => {
                    old.next();
                    new.next();
                }
            }
        }
        Ok(self.insert(T::Own, &key, &own)?)
    }

    fn open_term(&mut self, head: &Head, term: &Term) -> Result<(), Fault> {
        let key = index::term_key(head.kind, term, head.rid);
        let row = self.get(T::Terms, &key)?;
        self.insert(T::Terms, &key, &index::open_at(row, head.tx.0))
    }

    fn close_term(&mut self, head: &Head, term: &Term) -> Result<(), Fault> {
        let key = index::term_key(head.kind, term, head.rid);
        let row = self.get(T::Terms, &key)?.ok_or_else(|| Fault::row(name(T::Terms)))?;
        let row = index::close_at(row, head.tx.0);
        if row.is_empty() {
            self.delete(T::Terms, &key)?;
            return Ok(());
        }
        self.insert(T::Terms, &key, &row)?;
        self.state.closed += 1;
        let when = time_key(self.state.now, &self.state.closed.to_be_bytes());
        self.insert(T::Closed, &when, &index::closed_row(head.tx.0, &key))
    }

    /// Writes a document.
    ///
    /// # Errors
    /// [`UnitError::TooLarge`] over a limit, [`UnitError::LowDisk`] when the disk is nearly full.
    pub fn doc_put(&mut self, collection: u16, key: &[u8], bytes: &[u8]) -> Result<(), UnitError> {
        limit("the document's key", key.len(), MAX_DOC_KEY)?;
        limit("the document", bytes.len(), MAX_BODY)?;
        self.adding()?;
        let (keys, tx) = (std::sync::Arc::clone(&self.keys), self.state.tx);
        let binding = docs::binding(&keys.clinic, collection, key, tx);
        let sealed = self.seal(&Holder::documents(collection), &binding, bytes)?;
        let row = [&tx.to_le_bytes(), sealed.as_slice()].concat();
        Ok(self.insert(T::Docs, &doc_key(collection, key), &row)?)
    }

    /// Deletes a document; answers whether there was one. Works on a nearly full disk too.
    ///
    /// # Errors
    /// [`UnitError::Fault`] when the engine fails.
    pub fn doc_delete(&mut self, collection: u16, key: &[u8]) -> Result<bool, UnitError> {
        let found = self.delete(T::Docs, &doc_key(collection, key))?;
        self.changes += u64::from(found);
        Ok(found)
    }

    /// Remembers the answer to a request until a time, so that its repetition gets the same answer.
    ///
    /// # Errors
    /// [`UnitError::TooLarge`] over a limit, [`UnitError::LowDisk`] when the disk is nearly full.
    pub fn remember(&mut self, scope: &[u8], until: Timestamp, answer: &[u8]) -> Result<(), UnitError> {
        limit("the scope", scope.len(), MAX_SCOPE)?;
        limit("the answer", answer.len(), MAX_BODY)?;
        self.adding()?;
        let (keys, tx) = (std::sync::Arc::clone(&self.keys), self.state.tx);
        let sealed = self.seal(&Holder::answers(), &remember::binding(&keys.clinic, scope, tx), answer)?;
        if let Some(old) = self.get(T::Answers, scope)?
            && let Some(old) = remember::until(&old)
        {
            self.delete(T::AnswersDue, &time_key(old, scope))?;
        }
        let mut row = Encoder::with_capacity(16 + sealed.len());
        row.i64(until.as_microsecond()).u64(tx).raw(&sealed);
        self.insert(T::Answers, scope, &row.done())?;
        Ok(self.insert(T::AnswersDue, &time_key(until.as_microsecond(), scope), &[])?)
    }

    /// Adds an audit line. A unit that changes anything needs at least one.
    ///
    /// # Errors
    /// [`UnitError::TooLarge`] when a text is longer than 4 KiB or the detail over the limit of a body.
    pub fn audit(&mut self, leaf: Leaf) -> Result<(), UnitError> {
        check_leaf(&leaf)?;
        self.leaves.push(leaf);
        Ok(())
    }

    /// The number of audit lines this unit has so far.
    #[must_use]
    pub fn audit_lines(&self) -> usize {
        self.leaves.len()
    }

    /// Drops closed terms older than an hour and answers that expired, a bounded number at a time.
    pub(super) fn prune(&mut self, now: i64) -> Result<(), Fault> {
        let keep = i64::try_from(index::KEEP_CLOSED.as_micros()).unwrap_or(i64::MAX);
        for (key, row) in self.older(T::Closed, now.saturating_sub(keep))? {
            let (tx, term) = index::cut_closed(&row).ok_or_else(|| Fault::row(name(T::Closed)))?;
            if let Some(old) = self.get(T::Terms, term)? {
                let kept = index::prune(&old, tx);
                self.engine(|tables| {
                    if kept.is_empty() {
                        tables.remove(T::Terms, term, None).map(drop)
                    } else {
                        tables.insert(T::Terms, term, &kept, None)
                    }
                })?;
            }
            self.state.pruned = self.state.pruned.max(tx);
            self.engine(|tables| tables.remove(T::Closed, &key, None).map(drop))?;
        }
        for (key, _) in self.older(T::AnswersDue, now)? {
            let scope = key.get(8..).unwrap_or_default();
            self.engine(|tables| {
                tables.remove(T::AnswersDue, &key, None)?;
                tables.remove(T::Answers, scope, None).map(drop)
            })?;
        }
        Ok(())
    }

    /// Rows of a table ordered by time that are not younger than `limit`, a bounded number.
    fn older(&self, table: T, limit: i64) -> Result<Vec<crate::tables::Row>, Fault> {
        let mut rows = Vec::new();
        self.visit(table, Bound::Unbounded, Bound::Unbounded, false, &mut |key, value| {
            let old = time_of_key(key).is_some_and(|time| time <= limit);
            if old {
                rows.push((key.to_vec(), value.to_vec()));
            }
            Ok(old && rows.len() < PRUNED_PER_GROUP)
        })?;
        Ok(rows)
    }
}

fn check_id(id: &str) -> Result<(), UnitError> {
    if id.is_empty() {
        return Err(UnitError::Invalid("an id must not be empty"));
    }
    limit("the id", id.len(), MAX_ID)
}

/// Refuses audit lines whose texts are out of proportion.
fn check_leaf(leaf: &Leaf) -> Result<(), UnitError> {
    for text in [&leaf.actor, &leaf.role, &leaf.source, &leaf.purpose] {
        limit("a text of the audit line", text.len(), MAX_TEXT)?;
    }
    limit("the reason of the audit line", leaf.reason.as_ref().map_or(0, String::len), MAX_TEXT)?;
    limit("the owner of the audit line", leaf.owner.as_ref().map_or(0, String::len), MAX_ID)?;
    if let Some((_, id, _)) = &leaf.object {
        limit("the object of the audit line", id.len(), MAX_TEXT)?;
    }
    limit("the detail of the audit line", leaf.detail.as_ref().map_or(0, Vec::len), MAX_BODY)
}

/// Cuts what [`check_leaf`] would refuse.
pub(crate) fn clip(leaf: &mut Leaf) {
    let cut = |text: &mut String, limit: usize| {
        if let Some(end) = (0..=limit.min(text.len())).rev().find(|at| text.is_char_boundary(*at)) {
            text.truncate(end);
        }
    };
    for text in [&mut leaf.actor, &mut leaf.role, &mut leaf.source, &mut leaf.purpose] {
        cut(text, MAX_TEXT);
    }
    leaf.reason.iter_mut().for_each(|text| cut(text, MAX_TEXT));
    leaf.owner.iter_mut().for_each(|text| cut(text, MAX_ID));
    leaf.object.iter_mut().for_each(|(_, id, _)| cut(id, MAX_TEXT));
    leaf.detail.iter_mut().for_each(|detail| detail.truncate(MAX_BODY));
}

/// The feed's key carries the Tx; kept here so that both sides read the same layout.
pub(crate) fn cut_log(key: &[u8], row: &[u8]) -> Option<(Tx, Rid, u64)> {
    let (tx, _) = key.split_first_chunk::<8>()?;
    let (rid, version) = row.split_first_chunk::<8>()?;
    Some((
        Tx(u64::from_be_bytes(*tx)),
        Rid(u64::from_be_bytes(*rid)),
        u64::from_be_bytes(version.try_into().ok()?),
    ))
}
