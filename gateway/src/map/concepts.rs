//! The concept maps of `concepts.txt`, read once. A clinic lays its own over them: `clinic`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::json::{Object, Value};

/// Where a code leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Concept<'t> {
    pub system: &'t str,
    pub code: &'t str,
    /// Empty when there is none.
    pub display: &'t str,
}

impl Concept<'_> {
    /// As a Coding.
    pub fn coding(self) -> Value {
        let display = (!self.display.is_empty()).then_some(self.display);
        Object::new().with("system", self.system).with("code", self.code).with_some("display", display).into()
    }
}

#[derive(Debug, Default)]
struct Tables {
    all: BTreeMap<&'static str, BTreeMap<String, Concept<'static>>>,
    /// The same in the order of the file: table, code of the sender, where it leads.
    listed: Vec<(&'static str, &'static str, Concept<'static>)>,
    /// The system that each table leads to.
    systems: BTreeMap<&'static str, &'static str>,
    /// Lines that could not be read; a test keeps this empty.
    faults: Vec<&'static str>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| Tables::read(include_str!("concepts.txt")));

impl Tables {
    fn read(text: &'static str) -> Self {
        let mut tables = Self::default();
        let mut open: Option<(&'static str, &'static str)> = None;
        for line in text.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
            let (codes, display) = line.split_once('|').map_or((line, ""), |(c, d)| (c, d.trim()));
            let words: Vec<&'static str> = codes.split_whitespace().collect();
            match (words.as_slice(), open) {
                (["table", name, system], _) => {
                    tables.all.entry(name).or_default();
                    tables.systems.insert(name, system);
                    open = Some((name, system));
                }
                ([sent, code], Some((name, system))) => {
                    let sent = sent.strip_prefix('*').filter(|s| !s.is_empty()).unwrap_or(sent);
                    let concept = Concept { system, code, display };
                    tables.all.entry(name).or_default().insert(sent.to_ascii_lowercase(), concept);
                    tables.listed.push((name, sent, concept));
                }
                _ => tables.faults.push(line),
            }
        }
        tables
    }
}

/// The system that a table leads to, if there is one of that name.
pub(super) fn system_of(table: &str) -> Option<&'static str> {
    TABLES.systems.get(table).copied()
}

/// The names of all tables.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TABLES.systems.keys().copied()
}

/// Where a code of a table leads by our own entries, without regard to case; the clinic's are asked before, see
/// [`super::clinic::Maps::find`].
pub(crate) fn find(table: &str, code: &str) -> Option<Concept<'static>> {
    TABLES.all.get(table)?.get(&code.trim().to_ascii_lowercase()).copied()
}

/// The codes of a table that lead to a FHIR code, in the order of the file: the standard's first.
pub(crate) fn back(table: &str, code: &str) -> impl Iterator<Item = &'static str> {
    TABLES
        .listed
        .iter()
        .filter(move |(name, _, concept)| *name == table && concept.code == code)
        .map(|(_, sent, _)| *sent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_file_is_read() {
        assert_eq!(TABLES.faults, Vec::<&str>::new());
        assert_eq!(find("sex", " f ").map(|c| c.code), Some("female"));
        assert_eq!(find("encounter-class", "I").map(|c| c.display), Some("inpatient encounter"));
        assert_eq!(find("interpretation", "<").map(|c| c.code), Some("<"));
        assert_eq!(find("sex", "?"), None);
    }
}
