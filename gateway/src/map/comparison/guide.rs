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
    /// Only fields hold it that the guide's maps give other elements: of another resource, or other ones of this.
    OtherElement,
    /// The type, system or period of an identifier whose value is set aside.
    PartOf,
    /// A resource of nothing but numbers, status and subject for something that the message only mentions (PR1-25, DG1-22, ORC-8,
    /// SPM-3): FHIR R4 names it by `Reference.identifier` (references, logical references).
    OnlyNamed,
    /// An organisation without name and number, which R4 does not allow (invariant org-1).
    NoName,
    /// A code of a system that the guide's concept maps lead to, where none of them leads to that code and no one sent it.
    NoCode,
    /// A generator's own URI for a code system that the message does not name, or that has one in R4 (HL7nnnn: v2-nnnn).
    OwnSystem,
    /// `lvl` (level) for a point of care: the guide's PL and NDL maps give that to the floor only (PL.8, NDL.11).
    PointOfCare,
    /// The order of an AIS in an appointment without SCH-26 and SCH-27: the guide's map of SIU_S12 makes one only with those.
    NoOrder,
    /// Who is to be asked about an appointment as further information: the guide's map of SCH makes participants of them.
    Contact,
    /// The use of a number of a cellular phone (XTN.3 CP): the guide's TelecommunicationEquipmentType makes `mobile` of it.
    CellUse,
    /// The value of an extension under another type than the guide's tables give that extension.
    OtherType,
    /// `urn:oid:` of a universal id that is none: its type is not ISO (the guide's map HD[uri]), or its text is no OID
    /// (R4 datatypes, oid).
    NoOid,
    /// A resource that no table of the guide makes.
    NoResource,
    /// What generators give a patient whom the message says nothing of: that the record is in use, and that the birth was a
    /// single one though PID-24 and PID-25 are empty.
    Unsaid,
}

/// Elements for which the guide has other codes than the generators.
const OTHER_CODES: [&str; 2] = [".performer.function.", ".location.extension."];

/// The guide's tables as far as the comparison needs them.
#[derive(Default)]
pub(super) struct Guide {
    /// Segments that have a map.
    segments: BTreeSet<String>,
    /// Their fields that some map gives an element.
    fields: BTreeMap<String, BTreeSet<usize>>,
    /// Constants and targets of the code tables, in small letters.
    says: BTreeSet<String>,
    /// What a field becomes: the segment and its field to resources and elements, `*` for any.
    elements: BTreeMap<(String, usize), BTreeSet<(String, String)>>,
    /// The elements of each resource that the maps of segments, messages and data types name.
    named: BTreeMap<String, BTreeSet<String>>,
    /// The codes that the concept maps lead to, by their system.
    targets: BTreeMap<String, BTreeSet<String>>,
    /// The types of value that the tables give an extension, by its URL.
    extensions: BTreeMap<String, BTreeSet<String>>,
    /// The resources that the tables make.
    kinds: BTreeSet<String>,
}

/// A message as the rules see it.
pub(super) struct Said {
    all: String,
    /// Segment, field and content, in small letters.
    pub fields: Vec<(String, usize, String)>,
    /// Its words.
    pub words: BTreeSet<String>,
    /// Only the segments that have a map.
    mapped: String,
    /// Only the fields of them that have an element.
    placed: String,
}

impl Guide {
    /// Reads the tables; empty where they are not here.
    pub fn read(root: &Path) -> Self {
        let mut guide = Self::default();
        for folder in ["segments", "datatypes", "codesystems", "messages"] {
            for file in std::fs::read_dir(root.join(folder)).unwrap().flatten() {
                let name = file.file_name().to_string_lossy().into_owned();
                let text = std::fs::read_to_string(file.path()).unwrap();
                let target = name.split('[').nth(1).unwrap_or_default();
                let target: String = target.chars().take_while(char::is_ascii_alphanumeric).collect();
                guide.names(&text);
                if folder != "codesystems" {
                    guide.kinds.insert(target.clone());
                    self::rows(&text).iter().for_each(|row| guide.makes(row));
                }
                if folder == "messages" {
                    continue;
                }
                let rows = rows(&text);
                guide.extension_types(&rows);
                if folder == "segments" {
                    let segment = name.split("R4_ ").nth(1).and_then(|n| n.get(..3));
                    guide.segments.extend(segment.map(str::to_owned));
                    for row in &rows {
                        guide.field(row);
                        guide.element(row, &target);
                    }
                }
                if folder == "codesystems" {
                    rows.iter().for_each(|row| guide.target(row));
                } else {
                    let own = guide.named.entry(target).or_default();
                    own.extend(rows.iter().filter_map(|row| lower(first(row.get(9)?))));
                }
                for cell in rows.into_iter().flatten() {
                    let plain = cell.replace('\u{a0}', " ").trim().trim_matches('"').to_ascii_lowercase();
                    if !plain.is_empty() {
                        guide.says.insert(plain);
                    }
                }
            }
        }
        guide
    }

    /// The resources that the elements of a row, and the maps that it leads to, name; the ninth to the fifteenth cell.
    fn makes(&mut self, row: &[String]) {
        for cell in row.iter().take(15).skip(9) {
            let words = cell.split(|c: char| !c.is_alphanumeric());
            let named = words.filter(|w| w.starts_with(|c: char| c.is_ascii_uppercase()));
            self.kinds.extend(named.map(str::to_owned));
        }
    }

    /// Whether some table makes a resource of that kind.
    pub fn has(&self, kind: &str) -> bool {
        self.kinds.contains(kind)
    }

    /// `extension[n].url` with a constant beside `extension[n].valueX`.
    fn extension_types(&mut self, rows: &[Vec<String>]) {
        let cell = |row: &Vec<String>, n: usize| row.get(n).map(|c| c.trim().to_owned()).unwrap_or_default();
        for row in rows {
            let Some(holder) = cell(row, 9).strip_suffix(".url").map(str::to_owned) else { continue };
            let url = cell(row, 16).trim_matches('"').to_owned();
            let field = cell(row, 1);
            let values = rows.iter().filter(|r| cell(r, 1) == field);
            let types = values.filter_map(|r| {
                let rest = cell(r, 9).strip_prefix(&format!("{holder}."))?.to_owned();
                let name = rest.split(['.', '(', '[']).next().unwrap_or_default().to_owned();
                name.starts_with("value").then_some(name)
            });
            let types: Vec<String> = types.collect();
            if url.starts_with("http") && !types.is_empty() {
                self.extensions.entry(url).or_default().extend(types);
            }
        }
    }

    /// Whether the tables give an extension values of other types only.
    pub fn of_other_type(&self, url: &str, member: &str) -> bool {
        self.extensions.get(url).is_some_and(|types| !types.contains(member))
    }

    /// `Resource.element` wherever a table writes it.
    fn names(&mut self, text: &str) {
        let words: Vec<&str> = text.split(|c: char| !(c.is_alphanumeric() || ".[]".contains(c))).collect();
        for path in words {
            let steps: Vec<&str> = path.split('.').collect();
            for pair in steps.windows(2) {
                let (kind, element) = (pair[0].split('[').next().unwrap_or_default(), first(pair[1]));
                if kind.starts_with(|c: char| c.is_ascii_uppercase())
                    && let Some(element) = lower(element)
                {
                    self.named.entry(kind.to_owned()).or_default().insert(element);
                }
            }
        }
    }

    /// What the field of a row becomes: the element of the map's resource, and whatever resources the row names.
    fn element(&mut self, row: &[String], target: &str) {
        let (Some(name), Some(element)) = (row.get(1), row.get(9)) else { return };
        let element = element.trim();
        let Some((segment, field)) = name.trim().split_once('-') else { return };
        let Some(field) = field.split('.').next().and_then(|n| n.parse().ok()) else { return };
        if element.is_empty() {
            return;
        }
        let any = |kind: &str| (kind.to_owned(), "*".to_owned());
        let mut found = BTreeSet::new();
        let own = if element.starts_with('$') { "*" } else { first(element) };
        found.insert((target.to_owned(), own.to_owned()));
        let kinds = element.split(|c: char| !c.is_alphanumeric());
        found.extend(kinds.filter(|k| k.starts_with(|c: char| c.is_ascii_uppercase())).map(any));
        let data = row.get(14).map(String::as_str).unwrap_or_default();
        let named = data.split('[').skip(1).filter_map(|k| k.split([']', '-']).next());
        found.extend(named.map(any));
        let made: &[&str] = match row.get(3).map(|t| t.trim()).unwrap_or_default() {
            "XCN" => &["Practitioner", "PractitionerRole", "Organization"],
            "NDL" => &["Practitioner", "PractitionerRole", "Location", "Organization"],
            "XON" | "CX" | "EI" | "EIP" | "HD" => &["Organization"],
            "PL" => &["Location", "Organization"],
            "DLD" => &["Location"],
            _ => &[],
        };
        found.extend(made.iter().map(|kind| any(kind)));
        self.elements.entry((segment.to_owned(), field)).or_default().extend(found);
    }

    /// A row of a concept map: the code in the seventh cell, its system in the tenth.
    fn target(&mut self, row: &[String]) {
        let (Some(code), Some(system)) = (row.get(6), row.get(9)) else { return };
        let (code, system) = (code.trim(), system.replace('\u{a0}', ""));
        // A row without a code of HL7 v2 leads from nothing.
        let from = row.first().is_some_and(|from| !from.trim().is_empty());
        if from && !code.is_empty() && system.trim().starts_with("http") {
            self.targets.entry(system.trim().to_owned()).or_default().insert(code.to_owned());
        }
    }

    /// Whether the guide's concept maps lead to a system, and none of them to this code.
    pub fn never(&self, system: &str, code: &str) -> bool {
        self.targets.get(system).is_some_and(|codes| !codes.contains(code))
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
        let all = flat(text);
        let words = all.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_owned);
        let mut fields = Vec::new();
        for line in text.split(['\r', '\n']) {
            let mut parts = line.trim_start_matches('\u{feff}').split('|');
            let name = parts.next().unwrap_or_default().to_owned();
            let from = if name == "MSH" { 2 } else { 1 };
            let said = (from..).zip(parts).filter(|(_, part)| !part.trim().is_empty());
            fields.extend(said.map(|(n, part)| (name.clone(), n, flat(part))));
        }
        Said {
            words: words.collect(),
            fields,
            all,
            mapped: flat(&lines.join("\n")),
            placed: flat(&placed.join("\n")),
        }
    }

    /// The rule by which a value is set aside, if any.
    pub fn aside(&self, kind: &str, path: &str, value: &str, said: &Said) -> Option<Aside> {
        if path.ends_with(".status") && value == "unknown" {
            return Some(Aside::UnknownStatus);
        }
        if OTHER_CODES.iter().any(|other| path.contains(other)) {
            return Some(Aside::OtherCode);
        }
        let element = path.split('.').nth(1).unwrap_or_default();
        if path.ends_with(".reference") {
            let named = self.named.get(kind).is_some_and(|named| named.contains(element));
            return (!named && !ABOUT.contains(&element)).then_some(Aside::NoElement);
        }
        if value == "true"
            || value == "false"
            || value.starts_with("local")
            || self.says.contains(&value.to_ascii_lowercase())
        {
            return None;
        }
        // A value that stands in one piece is looked for in one piece.
        let held = if whole(&said.all, value) { whole } else { holds };
        match (held(&said.all, value), held(&said.mapped, value), held(&said.placed, value)) {
            (false, ..) => Some(Aside::Invented),
            (true, false, _) => Some(Aside::NoMap),
            (true, true, false) => Some(Aside::NoElement),
            (true, true, true) => {
                (!self.leads(kind, element, value, said, held)).then_some(Aside::OtherElement)
            }
        }
    }

    /// Whether some field that holds a value may become an element of a resource. What the message maps make of
    /// PRT and ROL depends on the segment before them, so these may become anything, as RXE, which has no map of its own.
    fn leads(&self, kind: &str, element: &str, value: &str, said: &Said, held: Held) -> bool {
        let element = element.trim_start_matches('_');
        let mut all = said.fields.iter().filter(|(_, _, text)| held(text, value)).peekable();
        all.peek().is_none()
            || all.any(|(segment, field, _)| {
                let result = (segment.as_str(), *field, kind) == ("OBX", 5, "Observation");
                let becomes = self.elements.get(&(segment.clone(), *field));
                let fits = |(k, e): &(String, String)| {
                    k == kind && (e == "*" || element.starts_with(e.as_str()) || element == "extension")
                };
                result
                    || matches!(segment.as_str(), "RXE" | "PRT" | "ROL")
                    || becomes.is_some_and(|all| all.iter().any(fits))
            })
    }
}

type Held = fn(&str, &str) -> bool;

/// Whom and what visit a record is about: members that most resources need in R4.
const ABOUT: [&str; 6] = ["subject", "patient", "beneficiary", "encounter", "context", "individual"];

/// The first step of a path, without what follows it.
fn first(path: &str) -> &str {
    path.trim().split(['.', '[', '(', ' ', '=']).next().unwrap_or_default()
}

/// A name that begins with a small letter.
fn lower(name: &str) -> Option<String> {
    name.starts_with(|c: char| c.is_ascii_lowercase()).then(|| name.to_owned())
}

/// The same as [`holds`], but only in one piece.
fn whole(text: &str, value: &str) -> bool {
    found(text, value).0
}

/// True when a message holds a value: as it is, as a time of HL7 v2, as a URI around what was sent, or word by word.
fn holds(text: &str, value: &str) -> bool {
    let (whole, words) = found(text, value);
    whole || words
}

/// Whether a text holds a value in one piece, and word by word.
fn found(text: &str, value: &str) -> (bool, bool) {
    if let Some((_, local)) = value.split_once(" @") {
        // Another offset moves the hour and the day; the minutes and the month stay.
        let digits: String = local.chars().filter(char::is_ascii_digit).collect();
        return (text.contains(digits.get(..6).unwrap_or(&digits)), false);
    }
    let date = value.len() <= 10 && value.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let bare = if date { value.replace('-', "") } else { flat(value) };
    let stem = ["urn:oid:", "urn:uuid:"].iter().find_map(|p| bare.strip_prefix(p));
    let bare = stem.unwrap_or(&bare);
    // A short code is a word of the message, not a part of one.
    if bare.len() <= 3 && bare.chars().all(char::is_alphanumeric) && !date {
        return (text.split(|c: char| !c.is_alphanumeric()).any(|word| word == bare), false);
    }
    let mut words = bare.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty());
    (text.contains(bare), words.all(|word| text.contains(word)))
}

/// Small letters, escapes undone, blanks single.
fn flat(text: &str) -> String {
    let text = text.replace("\\T\\", "&").replace("\\S\\", "^").replace("\\.br\\", " ");
    text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
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
