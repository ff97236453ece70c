//! The table of search parameters: numbers, types, and where their values stand.
//!
//! Read once from `tables/search.txt`, which `gateway/definitions` writes from the published definitions. Numbers stand in
//! stored keys: append only, never renumber.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::fhir::id::ResourceType;

/// `_id`
pub const ID: u16 = 1;
/// `_lastUpdated`
pub const LAST_UPDATED: u16 = 2;
/// `_tag`
pub const TAG: u16 = 3;
/// `_profile`
pub const PROFILE: u16 = 4;
/// `_security`
pub const SECURITY: u16 = 5;
/// Not a parameter of queries: the records of one patient, newest first.
pub const TIMELINE: u16 = 60_000;
/// Not parameters of queries: the clinic's own search for people takes the numbers from here.
pub const PEOPLE: u16 = 60_100;

/// Search parameter type (value set search-param-type).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamType {
    /// Text, folded.
    String,
    /// Code with system.
    Token,
    /// Another record.
    Reference,
    /// Time span.
    Date,
    /// Number.
    Number,
    /// Number with unit.
    Quantity,
    /// URI.
    Uri,
    /// Logical id, `_id` only.
    Id,
    /// Time point, `_lastUpdated` only.
    Instant,
}

impl ParamType {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "string" => Self::String,
            "token" => Self::Token,
            "reference" => Self::Reference,
            "date" => Self::Date,
            "number" => Self::Number,
            "quantity" => Self::Quantity,
            "uri" => Self::Uri,
            _ => return None,
        })
    }

    /// The code that a CapabilityStatement shows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Token | Self::Id => "token",
            Self::Reference => "reference",
            Self::Date | Self::Instant => "date",
            Self::Number => "number",
            Self::Quantity => "quantity",
            Self::Uri => "uri",
        }
    }
}

/// Data types whose shape matters for encoding; every other is read by its JSON type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Datatype {
    /// CodeableConcept
    CodeableConcept,
    /// Coding
    Coding,
    /// Identifier
    Identifier,
    /// ContactPoint
    ContactPoint,
    /// Period
    Period,
    /// Timing
    Timing,
    /// `Patient.deceased[x]`, asked as yes or no
    Deceased,
    /// Any other
    Other,
}

/// One place where values of a parameter stand.
#[derive(Debug)]
pub struct Path {
    /// Members from the resource inwards; a step may ask for a member of an exact value.
    pub steps: Vec<Step>,
    /// Type of what stands there.
    pub datatype: Datatype,
    /// System of a bound code.
    pub system: Option<&'static str>,
    /// Types that a reference may point at; none means any.
    pub targets: Vec<ResourceType>,
}

/// One step of a path.
#[derive(Debug)]
pub struct Step {
    /// Name of the JSON member.
    pub key: &'static str,
    /// Only items whose member has this value.
    pub only: Option<(&'static str, &'static str)>,
}

/// A search parameter of one resource type.
#[derive(Debug)]
pub struct Param {
    /// Number in stored keys.
    pub number: u16,
    /// Name in queries.
    pub code: &'static str,
    /// Its type.
    pub kind: ParamType,
    /// Where its values stand.
    pub paths: Vec<Path>,
}

impl Param {
    /// Types that its references may point at; none means any.
    pub fn targets(&self) -> Vec<ResourceType> {
        if self.paths.iter().any(|p| p.targets.is_empty()) {
            return Vec::new();
        }
        let mut all: Vec<_> = self.paths.iter().flat_map(|p| p.targets.iter().copied()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Parameters of a resource type, those of every type last.
pub fn of(kind: ResourceType) -> impl Iterator<Item = &'static Param> {
    TABLE.of.get(&kind).map(Vec::as_slice).unwrap_or_default().iter().chain(&TABLE.every)
}

/// The parameter of a resource type with this name.
pub fn find(kind: ResourceType, code: &str) -> Option<&'static Param> {
    of(kind).find(|p| p.code == code)
}

struct Table {
    of: HashMap<ResourceType, Vec<Param>>,
    every: Vec<Param>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| read(include_str!("../tables/search.txt")));

fn read(text: &'static str) -> Table {
    let mut names: HashMap<u16, (&'static str, ParamType)> = HashMap::new();
    let mut of: HashMap<ResourceType, Vec<Param>> = HashMap::new();
    let mut kind = None;
    for line in text.lines() {
        if line.starts_with("# ") {
            continue;
        }
        if let Some(row) = line.strip_prefix('#') {
            names.extend(number_row(row));
        } else if let Some(name) = line.strip_prefix('=') {
            kind = ResourceType::parse(name);
        } else if let (Some(kind), Some(param)) = (kind, param_row(line, &names)) {
            of.entry(kind).or_default().push(param);
        }
    }
    Table { of, every: every() }
}

fn number_row(row: &'static str) -> Option<(u16, (&'static str, ParamType))> {
    let mut words = row.split(' ');
    let number = words.next()?.parse().ok()?;
    Some((number, (words.next()?, ParamType::parse(words.next()?)?)))
}

fn param_row(line: &'static str, names: &HashMap<u16, (&'static str, ParamType)>) -> Option<Param> {
    let (number, places) = line.split_once(' ')?;
    let number = number.parse().ok()?;
    let (code, kind) = *names.get(&number)?;
    Some(Param { number, code, kind, paths: places.split(' ').filter_map(path).collect() })
}

fn path(text: &'static str) -> Option<Path> {
    let (steps, rest) = text.split_once(':')?;
    let (rest, system) = match rest.split_once('@') {
        Some((rest, system)) => (rest, Some(system)),
        None => (rest, None),
    };
    let (datatype, targets) = rest.split_once('>').unwrap_or((rest, ""));
    let targets = targets.split(',').filter_map(ResourceType::parse).collect();
    let steps = steps.split('.').map(step).collect();
    Some(Path { steps, datatype: datatype_of(datatype), system, targets })
}

fn step(text: &'static str) -> Step {
    match text.strip_suffix(']').and_then(|t| t.split_once('[')) {
        Some((key, only)) => Step { key, only: only.split_once('=') },
        None => Step { key: text, only: None },
    }
}

fn datatype_of(name: &str) -> Datatype {
    match name {
        "CodeableConcept" => Datatype::CodeableConcept,
        "Coding" => Datatype::Coding,
        "Identifier" => Datatype::Identifier,
        "ContactPoint" => Datatype::ContactPoint,
        "Period" => Datatype::Period,
        "Timing" => Datatype::Timing,
        "deceased" => Datatype::Deceased,
        _ => Datatype::Other,
    }
}

fn every() -> Vec<Param> {
    let param = |number, code, kind, place: Option<&'static str>| Param {
        number,
        code,
        kind,
        paths: place.into_iter().filter_map(path).collect(),
    };
    vec![
        param(ID, "_id", ParamType::Id, None),
        param(LAST_UPDATED, "_lastUpdated", ParamType::Instant, None),
        param(TAG, "_tag", ParamType::Token, Some("meta.tag:Coding")),
        param(PROFILE, "_profile", ParamType::Uri, Some("meta.profile:canonical")),
        param(SECURITY, "_security", ParamType::Token, Some("meta.security:Coding")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read() {
        let text = include_str!("../tables/search.txt");
        let rows = text.lines().filter(|l| l.starts_with(|c: char| c.is_ascii_digit()));
        let table = read(text);
        assert_eq!(table.of.values().map(Vec::len).sum::<usize>(), rows.clone().count());
        let places: usize = rows.map(|l| l.split(' ').count() - 1).sum();
        assert_eq!(table.of.values().flatten().map(|p| p.paths.len()).sum::<usize>(), places);
        for params in table.of.values() {
            let mut codes: Vec<_> = params.iter().map(|p| p.code).collect();
            codes.sort_unstable();
            codes.dedup();
            assert_eq!(codes.len(), params.len());
        }
    }

    #[test]
    fn numbers_in_stored_keys_stay() {
        for (kind, code, number) in [
            (ResourceType::PATIENT, "identifier", 10),
            (ResourceType::OBSERVATION, "patient", 11),
            (ResourceType::OBSERVATION, "subject", 12),
            (ResourceType::ENCOUNTER, "date", 18),
            (ResourceType::PATIENT, "birthdate", 221),
            (ResourceType::PATIENT, "_id", 1),
        ] {
            assert_eq!(find(kind, code).map(|p| p.number), Some(number), "{kind}.{code}");
        }
        assert_eq!(find(ResourceType::OBSERVATION, "patient").unwrap().targets(), [ResourceType::PATIENT]);
        assert!(find(ResourceType::PATIENT, "nonsense").is_none());
    }
}
