//! Regular expressions in FHIRPath: bounded in size, and weighed, so that matching is charged by text and pattern.

use regex::{Error, Regex, RegexBuilder};

/// Sizes of a compiled pattern in bytes, each with what matching a text with it costs, in steps for eight bytes of the
/// text. The last is the largest pattern there may be.
const WEIGHTS: [(usize, usize); 4] = [(4 << 10, 1), (64 << 10, 16), (512 << 10, 128), (4 << 20, 1024)];

/// A pattern that has been compiled.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    /// The pattern. It matches in time linear in the text, times its own size at worst.
    pub regex: Regex,
    weight: usize,
}

impl Pattern {
    /// Case matters and a dot matches a line break, unless the flags say otherwise. `None` for what is malformed, looks
    /// around, or grows too large.
    pub fn compile(pattern: &str, flags: &str, full: bool) -> Option<Self> {
        let anchored = if full { format!("^(?:{pattern})$") } else { pattern.to_owned() };
        for (size, weight) in WEIGHTS {
            let made = RegexBuilder::new(&anchored)
                .dot_matches_new_line(true)
                .case_insensitive(flags.contains('i'))
                .multi_line(flags.contains('m'))
                .size_limit(size)
                .nest_limit(64)
                .build();
            match made {
                Ok(regex) => return Some(Self { regex, weight }),
                Err(Error::CompiledTooBig(_)) => {}
                Err(_) => return None,
            }
        }
        None
    }

    /// Steps that making it is worth beyond reading its text.
    pub const fn making(&self) -> usize {
        self.weight * 20
    }

    /// Steps that matching a text of so many bytes is worth.
    pub const fn matching(&self, length: usize) -> usize {
        length.saturating_mul(self.weight) / 8
    }
}
