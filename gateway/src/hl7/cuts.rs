//! Where the fields of a message begin: found once, so that a field far back in its segment costs what the first costs.

use super::message::Message;

/// The field separators of all segments, one segment's behind the other's; 4 bytes each.
#[derive(Debug, Clone)]
pub(super) struct Cuts {
    at: Vec<u32>,
    /// For each segment where its own end in `at`.
    ends: Vec<u32>,
}

impl Cuts {
    pub fn of(message: &Message) -> Self {
        let separator = message.delimiters().field;
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let mut cuts = Self { at: Vec::new(), ends: Vec::with_capacity(message.len()) };
        for segment in message.segments() {
            let start = segment.range().start;
            cuts.at.extend(memchr::memchr_iter(separator, segment.raw()).map(|n| narrow(start + n)));
            cuts.ends.push(narrow(cuts.at.len()));
        }
        cuts
    }

    /// The separators of the segment at a position, as places in the message.
    pub fn of_segment(&self, index: usize) -> &[u32] {
        let end = |n: usize| self.ends.get(n).map_or(0, |end| *end as usize);
        let start = index.checked_sub(1).map_or(0, end);
        self.at.get(start..end(index)).unwrap_or_default()
    }

    /// Bytes of heap memory.
    pub fn heap_bytes(&self) -> usize {
        (self.at.capacity() + self.ends.capacity()) * size_of::<u32>()
    }
}
