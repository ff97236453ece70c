//! What searches have found out about index ranges, kept in memory for the next one.
//!
//! Two things: that a range had more rows than a glance looks at, which holds for the `Tx` at which it was seen; and the
//! records of a range that was walked to its end to be counted, which are brought up to date from the log of changes
//! when they are asked for again. Both say what the index says, for anybody: what a caller may see is a condition of its
//! own. What is forgotten is only walked once more.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::search::TermRange;
use clinicvault_vault::{Kind, Tx};
use lru::LruCache;

use super::super::error::Error;
use super::super::terms;
use super::bits::Bits;
use super::view::View;

/// Ranges of which it is known that they are broad.
const BROAD: NonZeroUsize = NonZeroUsize::new(1_024).unwrap();
/// Memory for the records of counted ranges, in blocks of half a KiB.
const MOST_BLOCKS: usize = 4_096;
/// Ranges with fewer rows are quickly walked again.
const WORTH: u64 = 256;
/// Rows of a walk that cost about as much as looking at one record that has changed.
const ROWS_A_CHANGE: u64 = 16;

/// A range of the index entries of a type.
type Range = (u16, TermRange);

/// The records of a range as of a `Tx`.
#[derive(Debug, Clone)]
pub struct Counted {
    pub rids: Bits,
    /// Index rows of the walk that found them.
    pub rows: u64,
    at: Tx,
}

impl Counted {
    /// Memory it takes, in blocks; one for itself.
    fn blocks(&self) -> usize {
        self.rids.blocks() + 1
    }
}

/// What is remembered for all searches of the box.
pub struct Memory {
    broad: Mutex<LruCache<Range, (Tx, usize)>>,
    counted: Mutex<Ranges>,
}

impl Default for Memory {
    fn default() -> Self {
        let ranges = Ranges { known: LruCache::unbounded(), blocks: 0 };
        Self { broad: Mutex::new(LruCache::new(BROAD)), counted: Mutex::new(ranges) }
    }
}

/// Counted ranges within [`MOST_BLOCKS`]; those that were asked for longest ago go first.
struct Ranges {
    known: LruCache<Range, Arc<Counted>>,
    /// What all of them take.
    blocks: usize,
}

impl Ranges {
    /// Keeps the newer of what is known of a range.
    fn keep(&mut self, range: Range, counted: &Arc<Counted>) {
        if self.known.peek(&range).is_some_and(|known| known.at >= counted.at) {
            return;
        }
        self.blocks += counted.blocks();
        let before = self.known.put(range, Arc::clone(counted));
        self.blocks -= before.map_or(0, |before| before.blocks());
        while self.blocks > MOST_BLOCKS {
            let Some((_, oldest)) = self.known.pop_lru() else { break };
            self.blocks -= oldest.blocks();
        }
    }
}

impl Memory {
    fn broad(&self) -> MutexGuard<'_, LruCache<Range, (Tx, usize)>> {
        self.broad.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn counted(&self) -> MutexGuard<'_, Ranges> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl View<'_> {
    /// So many rows a range has at least; 0 when nothing is known.
    pub fn known_rows(&self, kind: ResourceType, range: &TermRange) -> usize {
        let known = self.memory.broad().get(&(kind.number(), range.clone())).copied();
        known.filter(|(at, _)| *at == self.at).map_or(0, |(_, rows)| rows)
    }

    /// Remembers that a range has at least so many rows.
    pub fn saw_rows(&self, kind: ResourceType, range: &TermRange, rows: usize) {
        self.memory.broad().put((kind.number(), range.clone()), (self.at, rows));
    }

    /// The records of a range, when they were counted before and what changed since is soon looked at.
    pub fn recall(&self, kind: ResourceType, range: &TermRange) -> Result<Option<Arc<Counted>>, Error> {
        let key = (kind.number(), range.clone());
        let Some(known) = self.memory.counted().known.get(&key).cloned() else { return Ok(None) };
        if known.at == self.at {
            return Ok(Some(known));
        }
        // Own terms are those of now, and a record that was only indexed anew is not in the log.
        let now = self.at == self.snapshot.tx();
        if !now || known.at > self.at || self.snapshot.last_set_terms() > known.at {
            return Ok(None);
        }
        let most = usize::try_from(known.rows / ROWS_A_CHANGE).unwrap_or(usize::MAX);
        let Some(mut changed) = self.snapshot.changed_since(known.at, most)? else { return Ok(None) };
        changed.sort_unstable();
        changed.dedup();
        let mut counted = Counted { at: self.at, ..Counted::clone(&known) };
        let params = [range.param];
        let mut own = self.snapshot.terms_of_each(&params);
        for rid in changed {
            let here = self.snapshot.head_of(rid)?.is_some_and(|head| head.kind == Kind(kind.number()));
            if here && own.of(rid)?.into_iter().any(|term| range.contains(&terms::back(term))) {
                counted.rids.add(rid);
            } else {
                counted.rids.remove(rid);
            }
        }
        counted.rows = counted.rows.max(counted.rids.len());
        let counted = Arc::new(counted);
        self.memory.counted().keep(key, &counted);
        Ok(Some(counted))
    }

    /// Remembers what a walk of a whole range found.
    pub fn remember(&self, kind: ResourceType, range: &TermRange, rids: Bits, rows: u64) -> Arc<Counted> {
        let counted = Arc::new(Counted { rids, rows, at: self.at });
        if rows >= WORTH && self.at == self.snapshot.tx() {
            self.memory.counted().keep((kind.number(), range.clone()), &counted);
        }
        counted
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use clinicvault_gateway::fhir::id::{LogicalId, ResourceType};
    use clinicvault_gateway::fhir::search::{Handling, query};
    use clinicvault_gateway::json::Limits;
    use clinicvault_gateway::{fhir::bundle, json};
    use clinicvault_vault::{Action, Rid};

    use super::super::super::access::{Actor, Purpose, Role};
    use super::super::super::audit::{self, About};
    use super::super::super::testing::{Room, person};
    use super::super::super::transaction::Rules;
    use super::super::super::write::Draft;
    use super::super::super::{Caller, Records};
    use super::super::Asked;

    fn operator() -> Caller {
        Caller::of(Actor::operator("test"))
    }

    fn observation(id: &str, code: &str, category: &str) -> String {
        format!(
            r#"{{"resourceType":"Observation","id":"{id}","status":"final","code":{{"coding":[{{"code":"{code}"}}]}},
            "category":[{{"coding":[{{"code":"{category}"}}]}}]}}"#
        )
    }

    fn count(records: &Records, from: &Caller) -> u64 {
        let parameters = query::decode("code=a&_summary=count").unwrap();
        let kind = ResourceType::OBSERVATION;
        let asked = Asked { kind, parameters: &parameters, handling: Handling::Strict, most_rows: 10 };
        records.search(from, &asked).unwrap().total.unwrap()
    }

    async fn put(records: &Records, id: &str, text: &str) {
        let draft = Draft::read(text.as_bytes(), &Limits::default()).unwrap();
        records.update(&operator(), &LogicalId::parse(id).unwrap(), draft, None).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_count_that_is_remembered_follows_every_change_and_shows_nobody_more_than_is_seen() {
        let room = Room::empty();
        let records = room.records.clone();
        let entries: Vec<String> = (0..300)
            .map(|n| {
                let category = if n % 3 == 0 { "laboratory" } else { "vital-signs" };
                let body = observation(&format!("o{n}"), "a", category);
                format!(r#"{{"resource":{body},"request":{{"method":"PUT","url":"Observation/o{n}"}}}}"#)
            })
            .collect();
        let text =
            format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{}]}}"#, entries.join(","));
        let bundle = json::parse(text.as_bytes(), &Limits::default()).unwrap();
        let bundle = bundle::parse(bundle, bundle::MOST_ENTRIES).unwrap();
        let rules = Rules { check_references: true, representation: false, skip_broken: false };
        records.transaction(&operator(), bundle, rules).await.unwrap();
        let lab = person(Role::Lab);
        let expect = |all: u64, seen: u64| {
            // Once from a walk or from what is remembered, once from what is remembered.
            for _ in 0..2 {
                assert_eq!((count(&records, &operator()), count(&records, &lab)), (all, seen));
            }
        };
        expect(300, 100);
        assert!(!records.searched().counted().known.is_empty());
        put(&records, "o0", &observation("o0", "b", "laboratory")).await;
        expect(299, 99);
        put(&records, "o1", &observation("o1", "a", "laboratory")).await;
        expect(299, 100);
        put(&records, "new", &observation("new", "a", "laboratory")).await;
        expect(300, 101);
        // A record of another type whose number is as good as any.
        put(&records, "x", r#"{"resourceType":"Basic","id":"x","code":{"coding":[{"code":"a"}]}}"#).await;
        expect(300, 101);
        let gone = LogicalId::parse("o3").unwrap();
        records.delete(&operator(), ResourceType::OBSERVATION, &gone, None).await.unwrap();
        expect(299, 100);
        put(&records, "o3", &observation("o3", "a", "laboratory")).await;
        expect(300, 101);
        // More changes than are worth to be looked at one by one.
        for n in 10..40 {
            put(&records, &format!("o{n}"), &observation(&format!("o{n}"), "b", "laboratory")).await;
        }
        expect(270, 91);
        let indexed = records.clone();
        let anew = tokio::task::spawn_blocking(move || {
            indexed.unit_blocking(Arc::new(Actor::operator("test")), |work| {
                work.unit().set_terms(Rid(3), &[])?;
                let who = work.who().clone();
                work.audit(audit::done(&who, Action::Execute, Purpose::Operations, About::default()))
            })
        });
        anew.await.unwrap().unwrap();
        expect(269, 91);
    }
}
