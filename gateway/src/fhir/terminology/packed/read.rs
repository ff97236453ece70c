//! Reading a packed file.

use std::cmp::Ordering;

use super::super::TermError;
use super::super::code_system::{CodeSystem, Content};
use super::super::concept::Concept;
use super::{MAGIC, MOST_HEAD, MOST_RECORD, Slab, record};
use crate::json::{Limits, Value, parse};

/// The concepts of a packed file.
#[derive(Debug)]
pub struct Packed {
    slab: Box<dyn Slab>,
    count: u32,
    /// Where the list of starts begins.
    starts: u64,
    /// Where the records end.
    end: u64,
}

/// Opens a packed file as a code system.
///
/// # Errors
/// [`TermError::Malformed`] when it is not one, or not whole.
pub fn open(slab: Box<dyn Slab>) -> Result<CodeSystem, TermError> {
    let wrong = |why: &str| TermError::Malformed(format!("not a packed code system: {why}"));
    let mut first = [0u8; 12];
    if !slab.read(0, &mut first) || first.get(..8) != Some(MAGIC.as_slice()) {
        return Err(wrong("it begins otherwise"));
    }
    let length = first.last_chunk::<4>().map_or(0, |n| u32::from_le_bytes(*n)) as usize;
    if length > MOST_HEAD {
        return Err(wrong("its head is too long"));
    }
    let mut head = vec![0u8; length];
    if !slab.read(12, &mut head) {
        return Err(wrong("its head is cut short"));
    }
    let head = parse(&head, &Limits::default()).map_err(|_| wrong("its head cannot be read"))?;
    let whole = |key| head.get(key).and_then(Value::as_number).and_then(|n| n.as_u64());
    let (Some(count), Some(size)) = (whole("count").and_then(|n| u32::try_from(n).ok()), whole("size"))
    else {
        return Err(wrong("its head says no size"));
    };
    if size != slab.size() {
        return Err(wrong("it is not whole"));
    }
    let mut system = CodeSystem::from_json(&head)?;
    if system.content == Content::Supplement {
        return Err(wrong("it is a supplement"));
    }
    system.case_sensitive = head.get("caseSensitive").and_then(Value::as_bool).unwrap_or(true);
    Ok(CodeSystem::packed(system, Packed { slab, count, starts: 12 + length as u64, end: size }))
}

impl Packed {
    /// How many concepts there are.
    pub const fn len(&self) -> u32 {
        self.count
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// A concept by its number. `None` when there is none, or it cannot be read.
    pub fn concept(&self, number: u32) -> Option<Concept> {
        let (start, end) = self.span(number)?;
        let length = usize::try_from(end.checked_sub(start)?).ok().filter(|n| *n <= MOST_RECORD)?;
        let mut bytes = vec![0u8; length];
        self.slab.read(start, &mut bytes).then_some(())?;
        record::read(&bytes)
    }

    /// The number of a code; without case the code comes in lower case.
    pub fn number(&self, key: &str, case_sensitive: bool) -> Option<u32> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            let own = self.code(middle)?;
            let own = if case_sensitive { own } else { own.to_lowercase() };
            match own.as_bytes().cmp(key.as_bytes()) {
                Ordering::Equal => return Some(middle),
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
            }
        }
        None
    }

    fn code(&self, number: u32) -> Option<String> {
        let (start, end) = self.span(number)?;
        let length = usize::try_from(end.checked_sub(start)?).ok().filter(|n| *n <= MOST_RECORD)?;
        for most in [48, length] {
            let mut bytes = vec![0u8; length.min(most)];
            self.slab.read(start, &mut bytes).then_some(())?;
            if let Some(code) = record::code(&bytes) {
                return String::from_utf8(code.to_vec()).ok();
            }
        }
        None
    }

    /// Where a record begins and ends.
    fn span(&self, number: u32) -> Option<(u64, u64)> {
        if number >= self.count {
            return None;
        }
        let at = self.starts + u64::from(number) * 8;
        let last = number + 1 == self.count;
        let mut bytes = [0u8; 16];
        let read = if last { bytes.get_mut(..8)? } else { bytes.as_mut_slice() };
        self.slab.read(at, read).then_some(())?;
        let start = u64::from_le_bytes(*bytes.first_chunk()?);
        let end = if last { self.end } else { u64::from_le_bytes(*bytes.last_chunk()?) };
        Some((start, end))
    }
}
