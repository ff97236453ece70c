//! Finding rows of a queue by what was said of them, newest first.
//!
//! A row may carry terms: the number of a field and a value. Under each term the numbers of its rows lie in order, so a
//! list is walked from its newest row down, and several lists are met by leaping: each in turn is asked for its next
//! row at or below the one that the others have come to. A walk is charged for every look into the database and ends
//! when it has had its share; it then says where to go on.

use crate::error::Fault;
use crate::model::{QueueAsk, QueueFound, QueueRange, QueueTerm};
use crate::tables::{Get, T, after, last_number, name, queue_state_key, queue_term_prefix};
use std::collections::VecDeque;
use std::ops::Bound;

/// Most values of a field that a span looks at.
const SPAN: usize = 5_000;
/// Most rows read at one look.
const AHEAD: usize = 64;

/// Rows that are in every range.
pub(crate) fn find(from: &impl Get, ask: &QueueAsk) -> Result<QueueFound, Fault> {
    let mut found = QueueFound::default();
    let Some(top) = ask.below.unwrap_or(u64::MAX).checked_sub(1) else { return Ok(found) };
    let mut lists: Vec<_> = ask.all.iter().map(|range| Union::of(ask.queue, range)).collect();
    if lists.is_empty() {
        lists.push(Union(vec![List::new(T::Queue, vec![ask.queue])]));
    }
    let (mut at, mut agreed, mut turn) = (top, 0, 0);
    let mut steps = ask.steps;
    while at >= ask.from.unwrap_or(0) {
        // However small its share, a walk comes down by a row at least.
        if steps == 0 && at < top {
            found.next = Some(at.saturating_add(1));
            return Ok(found);
        }
        let Some(list) = lists.get_mut(turn) else { break };
        let Some(next) = list.at_most(from, at, &mut steps)? else { break };
        agreed = if next == at && agreed > 0 { agreed + 1 } else { 1 };
        at = next;
        turn = (turn + 1) % lists.len();
        if agreed < lists.len() || at < ask.from.unwrap_or(0) {
            continue;
        }
        if found.rows.len() == ask.limit {
            found.next = Some(at.saturating_add(1));
            return Ok(found);
        }
        found.rows.push(at);
        agreed = 0;
        let Some(below) = at.checked_sub(1) else { break };
        at = below;
    }
    Ok(found)
}

/// The lowest and the highest number among rows whose value of a field lies between two, both included.
pub(crate) fn span(
    from: &impl Get,
    queue: u8,
    low: &QueueTerm,
    high: &[u8],
) -> Result<Option<(u64, u64)>, Fault> {
    let mut span = None::<(u64, u64)>;
    for value in values(from, queue, low, |value| value <= high, SPAN)? {
        let prefix = queue_term_prefix(queue, low.field, &value);
        for backwards in [false, true] {
            let rows = from.prefixed(T::QueueTerm, &prefix, backwards, 1)?;
            if let Some(seq) = rows.first().and_then(|(key, _)| last_number(key)) {
                span = Some(span.map_or((seq, seq), |(low, high)| (low.min(seq), high.max(seq))));
            }
        }
    }
    Ok(span)
}

/// Values of `low`'s field from its value on, in order, as long as they are `within`, at most `most`.
pub(crate) fn values(
    from: &impl Get,
    queue: u8,
    low: &QueueTerm,
    within: impl Fn(&[u8]) -> bool,
    most: usize,
) -> Result<Vec<Vec<u8>>, Fault> {
    let head = [queue, low.field];
    let mut edge = [&head, low.value.as_slice()].concat();
    let end = after(&head);
    let mut found: Vec<Vec<u8>> = Vec::new();
    while found.len() < most {
        let mut next = None;
        let high_edge = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        from.visit(T::QueueTerm, Bound::Included(&edge), high_edge, false, &mut |key, _| {
            // The value ends before its zero and the eight bytes of the number.
            let value =
                key.get(2..key.len().saturating_sub(9)).ok_or_else(|| Fault::row(name(T::QueueTerm)))?;
            next = Some(value.to_vec());
            Ok(false)
        })?;
        let Some(value) = next.filter(|value| within(value)) else { break };
        edge = [&head, value.as_slice(), &[1]].concat();
        found.push(value);
    }
    Ok(found)
}

/// Rows that are in any of some lists.
struct Union(Vec<List>);

impl Union {
    fn of(queue: u8, range: &QueueRange) -> Self {
        let term =
            |term: &QueueTerm| List::new(T::QueueTerm, queue_term_prefix(queue, term.field, &term.value));
        Self(match range {
            QueueRange::State(state) => {
                let key = queue_state_key(queue, *state, 0);
                vec![List::new(T::QueueState, key.get(..2).unwrap_or_default().to_vec())]
            }
            QueueRange::Any(terms) => terms.iter().map(term).collect(),
        })
    }

    fn at_most(&mut self, from: &impl Get, at: u64, steps: &mut usize) -> Result<Option<u64>, Fault> {
        let mut best = None;
        for list in &mut self.0 {
            best = best.max(list.at_most(from, at, steps)?);
        }
        Ok(best)
    }
}

/// The rows of one term or state, from the newest down.
struct List {
    table: T,
    prefix: Vec<u8>,
    /// What was read and not yet passed, falling.
    read: VecDeque<u64>,
    /// The last one read; nothing between it and what was read before is unknown.
    lowest: Option<u64>,
    /// Nothing lies below what was read.
    ended: bool,
    ahead: usize,
}

impl List {
    fn new(table: T, prefix: Vec<u8>) -> Self {
        Self { table, prefix, read: VecDeque::new(), lowest: None, ended: false, ahead: 1 }
    }

    /// The highest number at or below `at`; `at` never rises from one call to the next.
    fn at_most(&mut self, from: &impl Get, at: u64, steps: &mut usize) -> Result<Option<u64>, Fault> {
        while self.read.front().is_some_and(|first| *first > at) {
            self.read.pop_front();
        }
        if let Some(first) = self.read.front() {
            return Ok(Some(*first));
        }
        if self.ended {
            return Ok(None);
        }
        // Who goes on where the last look ended is likely to do so again.
        let goes_on = self.lowest.is_some_and(|lowest| at.saturating_add(1) >= lowest);
        self.ahead = if goes_on { (self.ahead * 2).min(AHEAD) } else { 1 };
        let low = [self.prefix.as_slice(), &[0; 8]].concat();
        let high = [self.prefix.as_slice(), &at.to_be_bytes()].concat();
        let (read, table, ahead) = (&mut self.read, self.table, self.ahead);
        from.visit(table, Bound::Included(&low), Bound::Included(&high), true, &mut |key, _| {
            read.push_back(last_number(key).ok_or_else(|| Fault::row(name(table)))?);
            Ok(read.len() < ahead)
        })?;
        *steps = steps.saturating_sub(1);
        self.ended = self.read.len() < ahead;
        self.lowest = self.read.back().copied().or(self.lowest);
        Ok(self.read.front().copied())
    }
}
