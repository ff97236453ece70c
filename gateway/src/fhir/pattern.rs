//! Regular expressions that come with definitions: bounded in size, matched in linear time.

use regex::{Regex, RegexBuilder};

/// Largest compiled expression, bytes.
const MOST_SIZE: usize = 1 << 20;

/// An expression that has to fit a whole text; `None` when it cannot be read or grows too large.
pub fn whole(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(MOST_SIZE).build().ok()
}
