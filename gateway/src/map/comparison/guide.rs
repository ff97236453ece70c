//! What the v2-to-FHIR guide says, read from its own tables, and by that which expected values are another converter's
//! own: the rules of decision 0087.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Why an expected value is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Aside {
    /// Neither the message nor a table of the guide holds the value.
    Invented,
    /// Only segments that the guide has no map for hold it.
    NoMap,
    /// Only fields that the guide's maps of their segments give no element hold it: what another converter makes of them
    /// is its own choice.
    NoElement,
    /// A status `unknown`, which the guide gives to no code and no empty field.
    UnknownStatus,
    /// The guide gives another code for the same thing, and ours is the guide's: what a performer of a procedure did
    /// (PR1 map, SNOMED CT), and that a place is a temporary one (PV1-11).
    OtherCode,
    /// A Specimen with nothing in it but the generator's own extension, and the references to it.
    EmptySpecimen,
    /// The visit of a PV1 without a number (PV1-19) in a message that is no visit's: an Encounter would be a new one with every
    /// message, so none is made (decision 0031), and its fields are in the report.
    /// With it goes an EpisodeOfCare that no PV1-54 names.
    UnnamedVisit,
    /// A DiagnosticReport of an order message that says nothing of results (OBR-22, OBR-25): the guide's maps of ORM and OML
    /// make the order of it, and no report.
    OrderIsNoReport,
    /// An Observation of an OBX of a document message: the guide's map of MDM makes the content of the document of it, which is
    /// one attachment here, in base64.
    TextOfDocument,
    /// An identifier without a value, which generators make of an empty field: its type and system name nothing.
    EmptyIdentifier,
    /// What generators give a patient whom the message says nothing of: that the record is in use, and that the birth was a
    /// single one though PID-24 and PID-25 are empty.
    Unsaid,
}

/// Elements for which the guide has other codes than the generators.
const OTHER_CODES: [&str; 2] = [".performer.function.", ".location.extension."];

/// The guide's tables as far as the comparison needs them.
pub(super) struct Guide {
    /// Segments that have a map.
    segments: BTreeSet<String>,
    /// Their fields that some map gives an element.
    fields: BTreeMap<String, BTreeSet<usize>>,
    /// Constants and targets of the code tables, in small letters.
    says: BTreeSet<String>,
}

/// A message as the rules see it.
pub(super) struct Said {
    all: String,
    /// Only the segments that have a map.
    mapped: String,
    /// Only the fields of them that have an element.
    placed: String,
}

impl Guide {
    /// Reads the tables; empty where they are not here.
    pub fn read(root: &Path) -> Self {
        let mut guide = Self { segments: BTreeSet::new(), fields: BTreeMap::new(), says: BTreeSet::new() };
        for folder in ["segments", "datatypes", "codesystems"] {
            for file in std::fs::read_dir(root.join(folder)).unwrap().flatten() {
                let name = file.file_name().to_string_lossy().into_owned();
                let text = std::fs::read_to_string(file.path()).unwrap();
                if folder == "segments" {
                    let segment = name.split("R4_ ").nth(1).and_then(|n| n.get(..3));
                    guide.segments.extend(segment.map(str::to_owned));
                    rows(&text).iter().for_each(|row| guide.field(row));
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

    /// A row of a segment's map: the field in the second cell, the element in the tenth.
    fn field(&mut self, row: &[String]) {
        let (Some(name), Some(element)) = (row.get(1), row.get(9)) else { return };
        let Some((segment, field)) = name.trim().split_once('-') else { return };
        let number = field.split('.').next().and_then(|n| n.parse().ok());
        if let (Some(number), false) = (number, element.trim().is_empty()) {
            self.fields.entry(segment.to_owned()).or_default().insert(number);
        }
    }

    /// A segment with only those fields that have an element; a segment without a map of fields as it is.
    fn placed(&self, line: &str) -> String {
        let line = line.trim_start_matches('\u{feff}');
        let name = line.get(..3).unwrap_or_default();
        let Some(known) = self.fields.get(name) else { return line.to_owned() };
        let shift = usize::from(name == "MSH");
        let fields = line.split('|').enumerate();
        fields.filter(|(n, _)| known.contains(&(n + shift))).map(|(_, f)| f).collect::<Vec<_>>().join("|")
    }

    /// The message, once whole and once without the segments that have no map.
    pub fn message(&self, text: &str) -> Said {
        let kept = |line: &&str| {
            let name = line.trim_start_matches('\u{feff}').get(..3).unwrap_or_default();
            self.segments.contains(name) || name == "RXE"
        };
        let lines: Vec<&str> = text.split(['\r', '\n']).filter(kept).collect();
        let placed: Vec<String> = lines.iter().map(|line| self.placed(line)).collect();
        Said { all: flat(text), mapped: flat(&lines.join("\n")), placed: flat(&placed.join("\n")) }
    }

    /// The rule by which a value is set aside, if any.
    pub fn aside(&self, path: &str, value: &str, said: &Said) -> Option<Aside> {
        if path.ends_with(".status") && value == "unknown" {
            return Some(Aside::UnknownStatus);
        }
        if OTHER_CODES.iter().any(|other| path.contains(other)) {
            return Some(Aside::OtherCode);
        }
        if path.ends_with(".reference")
            || value == "true"
            || value == "false"
            || value.starts_with("local")
            || self.says.contains(&value.to_ascii_lowercase())
        {
            return None;
        }
        match (holds(&said.all, value), holds(&said.mapped, value), holds(&said.placed, value)) {
            (false, ..) => Some(Aside::Invented),
            (true, false, _) => Some(Aside::NoMap),
            (true, true, false) => Some(Aside::NoElement),
            (true, true, true) => None,
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
    // A short code is a word of the message, not a part of one.
    if bare.len() <= 3 && bare.chars().all(char::is_alphanumeric) && !date {
        return text.split(|c: char| !c.is_alphanumeric()).any(|word| word == bare);
    }
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

/// The cells of a CSV file.
fn cells(text: &str) -> Vec<String> {
    rows(text).into_iter().flatten().collect()
}

/// The rows of a CSV file; quotation marks double inside.
fn rows(text: &str) -> Vec<Vec<String>> {
    let mut out = vec![Vec::new()];
    let (mut cell, mut quoted) = (String::new(), false);
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' | '\n' | '\r' if !quoted => {
                let done = std::mem::take(&mut cell);
                out.last_mut().unwrap().push(done);
                if c != ',' {
                    out.push(Vec::new());
                }
            }
            c => cell.push(c),
        }
    }
    out.last_mut().unwrap().push(cell);
    out
}
