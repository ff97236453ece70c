//! What the v2-to-FHIR guide says, read from its own tables, and by that which expected values are another converter's
//! own: the rules of decision 0087.

use std::collections::BTreeSet;
use std::path::Path;

/// Why an expected value is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Aside {
    /// Neither the message nor a table of the guide holds the value.
    Invented,
    /// Only segments that the guide has no map for hold it.
    NoMap,
    /// A status `unknown`, which the guide gives to no code and no empty field.
    UnknownStatus,
}

/// The guide's tables as far as the comparison needs them.
pub(super) struct Guide {
    /// Segments that have a map.
    segments: BTreeSet<String>,
    /// Constants and targets of the code tables, in small letters.
    says: BTreeSet<String>,
}

/// A message as the rules see it.
pub(super) struct Said {
    all: String,
    /// Only the segments that have a map.
    mapped: String,
}

impl Guide {
    /// Reads the tables; empty where they are not here.
    pub fn read(root: &Path) -> Self {
        let mut guide = Self { segments: BTreeSet::new(), says: BTreeSet::new() };
        for folder in ["segments", "datatypes", "codesystems"] {
            for file in std::fs::read_dir(root.join(folder)).unwrap().flatten() {
                let name = file.file_name().to_string_lossy().into_owned();
                let text = std::fs::read_to_string(file.path()).unwrap();
                if folder == "segments" {
                    let segment = name.split("R4_ ").nth(1).and_then(|n| n.get(..3));
                    guide.segments.extend(segment.map(str::to_owned));
                }
                for cell in cells(&text) {
                    let plain = cell.replace('\u{a0}', " ").trim().trim_matches('"').to_ascii_lowercase();
                    if !plain.is_empty() {
                        guide.says.insert(plain);
                    }
                }
            }
        }
        guide
    }

    /// The message, once whole and once without the segments that have no map.
    pub fn message(&self, text: &str) -> Said {
        let kept = |line: &&str| {
            let name = line.trim_start_matches('\u{feff}').get(..3).unwrap_or_default();
            self.segments.contains(name) || name == "RXE"
        };
        let lines = text.split(['\r', '\n']);
        Said { all: flat(text), mapped: flat(&lines.filter(kept).collect::<Vec<_>>().join("\n")) }
    }

    /// The rule by which a value is set aside, if any.
    pub fn aside(&self, path: &str, value: &str, said: &Said) -> Option<Aside> {
        if path.ends_with(".status") && value == "unknown" {
            return Some(Aside::UnknownStatus);
        }
        if path.ends_with(".reference")
            || value == "true"
            || value == "false"
            || value.starts_with("local")
            || self.says.contains(&value.to_ascii_lowercase())
        {
            return None;
        }
        match (holds(&said.all, value), holds(&said.mapped, value)) {
            (false, _) => Some(Aside::Invented),
            (true, false) => Some(Aside::NoMap),
            (true, true) => None,
        }
    }
}

/// True when a message holds a value: as it is, as a time of HL7 v2, as a URI around what was sent, or word by word.
fn holds(text: &str, value: &str) -> bool {
    if let Some((_, local)) = value.split_once(" @") {
        // Another offset moves the hour and the day; the minutes and the month stay.
        let digits: String = local.chars().filter(char::is_ascii_digit).collect();
        return text.contains(digits.get(..6).unwrap_or(&digits));
    }
    let date = value.len() <= 10 && value.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let bare = if date { value.replace('-', "") } else { flat(value) };
    let stem = ["urn:oid:", "urn:uuid:"].iter().find_map(|p| bare.strip_prefix(p));
    let bare = stem.unwrap_or(&bare);
    text.contains(bare)
        || bare
            .split(|c: char| !c.is_alphanumeric())
            .filter(|w| !w.is_empty())
            .all(|word| text.contains(word))
}

/// Small letters, escapes undone, blanks single.
fn flat(text: &str) -> String {
    let text = text.replace("\\T\\", "&").replace("\\S\\", "^").replace("\\.br\\", " ");
    text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The cells of a CSV file; quotation marks double inside.
fn cells(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let (mut cell, mut quoted) = (String::new(), false);
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' | '\n' | '\r' if !quoted => out.push(std::mem::take(&mut cell)),
            c => cell.push(c),
        }
    }
    out.push(cell);
    out
}
