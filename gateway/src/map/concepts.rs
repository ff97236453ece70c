//! The concept maps of `concepts.txt`, read once. They are data so that a clinic can lay its own over them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Where a code leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Concept {
    pub system: &'static str,
    pub code: &'static str,
    /// Empty when there is none.
    pub display: &'static str,
}

#[derive(Debug, Default)]
struct Tables {
    all: BTreeMap<&'static str, BTreeMap<String, Concept>>,
    /// The same in the order of the file: table, code of the sender, where it leads.
    listed: Vec<(&'static str, &'static str, Concept)>,
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

/// True when there is a table of that name.
#[cfg(test)]
pub(super) fn known(table: &str) -> bool {
    TABLES.all.contains_key(table)
}

/// Where a code of a table leads, without regard to case.
pub(crate) fn find(table: &str, code: &str) -> Option<Concept> {
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
