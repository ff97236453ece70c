//! The concept maps of `concepts.txt`, read once. They are data so that a clinic can lay its own over them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Where a code leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Concept {
    pub system: &'static str,
    pub code: &'static str,
    /// Empty when there is none.
    pub display: &'static str,
}

#[derive(Debug, Default)]
struct Tables {
    all: BTreeMap<&'static str, BTreeMap<String, Concept>>,
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
pub(super) fn find(table: &str, code: &str) -> Option<Concept> {
    TABLES.all.get(table)?.get(&code.trim().to_ascii_lowercase()).copied()
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
