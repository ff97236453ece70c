//! What one query may ask of the index in all, whatever its parameters, values and types; and the codes that were looked
//! up for it, so that a value set that is named again is not listed again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::token::Codes;
use crate::fhir::terminology::{self, MOST_CODES, Source, TermError};

/// Most ranges of one query (or `limits.search_values`, where that is more).
const MOST_RANGES: usize = 10_000;
/// Most codes of all value sets and hierarchies of one query: as many as one of them may have.
pub(super) const MOST_EXPANDED: usize = MOST_CODES;
/// What a value set counts at least: looking for its codes is work, however few they are.
const LEAST_OF_A_SET: usize = 100;

/// What is left of it; copies spend the same.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    /// Ranges that the query may ask for in all.
    pub(super) most_ranges: usize,
    left: Arc<Mutex<Left>>,
}

#[derive(Debug)]
struct Left {
    ranges: usize,
    codes: usize,
    known: HashMap<Asked, Result<Arc<Codes>, TermError>>,
}

/// Codes that a modifier asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Asked {
    /// Those of a value set, by its address.
    Members(String),
    /// A code of a system and those above it.
    Above(String, String),
    /// A code of a system and those below it.
    Below(String, String),
}

impl Budget {
    /// That of a query whose parameters may have so many values.
    pub(super) fn new(most_values: usize) -> Self {
        let most_ranges = MOST_RANGES.max(most_values);
        let left = Left { ranges: most_ranges, codes: MOST_EXPANDED, known: HashMap::new() };
        Self { most_ranges, left: Arc::new(Mutex::new(left)) }
    }

    /// Whether so many ranges more are within bounds.
    pub(super) fn spend_ranges(&self, count: usize) -> bool {
        let mut left = self.left();
        let enough = count <= left.ranges;
        left.ranges = left.ranges.saturating_sub(count);
        enough
    }

    /// The codes asked for; `None` when they would be too many for the query.
    pub(super) fn codes(&self, asked: Asked, source: &dyn Source) -> Option<Result<Arc<Codes>, TermError>> {
        let known = self.left().known.get(&asked).cloned();
        if known.is_some() {
            return known;
        }
        if self.left().codes == 0 {
            return None;
        }
        let found = asked.look_up(source).map(Arc::new);
        let mut left = self.left();
        let cost = match &found {
            Ok(codes) => codes.len().max(asked.least()),
            Err(TermError::TooCostly { .. }) => MOST_EXPANDED,
            Err(_) => asked.least(),
        };
        let enough = cost <= left.codes || found.is_err();
        left.codes = left.codes.saturating_sub(cost);
        enough.then(|| left.known.entry(asked).or_insert(found).clone())
    }

    fn left(&self) -> MutexGuard<'_, Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asked {
    fn look_up(&self, source: &dyn Source) -> Result<Codes, TermError> {
        let (system, codes) = match self {
            Self::Members(url) => {
                let codes = terminology::members(source, url, MOST_CODES)?;
                return Ok(Codes::of(codes.iter().map(|c| (c.system.as_str(), c.code.as_str()))));
            }
            Self::Above(system, code) => (system, terminology::above(source, system, code, MOST_CODES)?),
            Self::Below(system, code) => (system, terminology::below(source, system, code, MOST_CODES)?),
        };
        Ok(Codes::of(codes.iter().map(|code| (system.as_str(), code.as_str()))))
    }

    const fn least(&self) -> usize {
        match self {
            Self::Members(_) => LEAST_OF_A_SET,
            Self::Above(..) | Self::Below(..) => 1,
        }
    }
}
