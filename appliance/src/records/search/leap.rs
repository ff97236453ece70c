//! Candidates against a broad index range: by leaping from one to the next where the range lies in the order of records.
//!
//! All entries of one value, such as one code, lie in the order of record numbers. Entries are small and many lie on a
//! page, so a few steps there tell what the own terms of each candidate, each on another page, would.

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::search::{Criterion, TermRange};
use clinicvault_vault::{Dir, Rid};

use super::super::error::Error;
use super::view::View;

/// Entries that are passed one by one before the next candidate is looked for.
const STEPS: usize = 8;

/// What the entries of a range have for values.
pub enum Values {
    /// There are no entries.
    None,
    /// All have this one.
    One(Vec<u8>),
    /// At least two.
    Many,
}

impl View<'_> {
    /// Whether the entries of a range have one value, found by looking at its two ends.
    pub fn values(&self, kind: ResourceType, range: &TermRange) -> Result<Values, Error> {
        let Some(first) = self.scan(kind, range, Dir::Ascending, None)?.next() else {
            return Ok(Values::None);
        };
        let last = self.scan(kind, range, Dir::Descending, None)?.next().transpose()?;
        let (value, _) = first?;
        Ok(if last.is_some_and(|(last, _)| last == value) { Values::One(value) } else { Values::Many })
    }

    /// Which of some records, in the order of their numbers, fulfil a criterion; none when that cannot be found by
    /// leaping.
    pub fn leap(
        &self,
        kind: ResourceType,
        criterion: &Criterion,
        candidates: &[Rid],
    ) -> Result<Option<Vec<Rid>>, Error> {
        let ([range], false) = (criterion.alternatives.as_slice(), criterion.negate) else { return Ok(None) };
        let value = match self.values(kind, range)? {
            Values::None => return Ok(Some(Vec::new())),
            Values::One(value) => value,
            Values::Many => return Ok(None),
        };
        let mut found = Vec::new();
        let mut left = candidates.iter().copied().peekable();
        while let Some(next) = left.peek() {
            let before = Rid(next.0.saturating_sub(1));
            let mut steps = 0;
            for row in self.scan(kind, range, Dir::Ascending, Some((&value, before)))? {
                let (_, here) = row?;
                while left.next_if(|next| *next < here).is_some() {}
                if left.next_if_eq(&here).is_some() {
                    found.push(here);
                    steps = 0;
                } else {
                    steps += 1;
                }
                if steps == STEPS || left.peek().is_none() {
                    break;
                }
            }
            if steps < STEPS {
                // The end of the candidates or of the range.
                break;
            }
        }
        Ok(Some(found))
    }
}
