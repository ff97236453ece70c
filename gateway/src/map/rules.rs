//! The rules of `rules.txt`, read once: which field of a segment becomes which element of a resource.
//!
//! A clinic's own rules for its peers' Z-segments have the same form; see decision 0085.

use std::sync::LazyLock;

/// All rules in force.
pub(crate) static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::read(include_str!("rules.txt")));

/// The blocks of a rule file.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    pub blocks: Vec<Block>,
    /// Lines that could not be read; a test keeps this empty.
    pub faults: Vec<String>,
}

/// What becomes of one segment.
#[derive(Debug)]
pub(crate) struct Block {
    /// The segment's name; with a suffix for blocks that only code asks for.
    pub name: &'static str,
    pub kind: &'static str,
    /// Fields that tell one resource from another, beside the patient.
    pub keys: Vec<u16>,
    /// Fields that do so when none of those has content.
    pub else_keys: Vec<u16>,
    /// A field without which there is nothing to say.
    pub needs: Vec<u16>,
    pub rules: Vec<Rule>,
}

/// One line.
#[derive(Debug)]
pub(crate) struct Rule {
    /// Field, component, sub-component; a field of 0 reads nothing.
    pub source: (u16, u16, u16),
    pub path: Vec<Step>,
    pub how: How,
    pub when: Option<When>,
}

/// A step into a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    pub name: &'static str,
    pub list: List,
}

/// How a step treats a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    /// No list.
    No,
    /// Appends an item for every value.
    Append,
    /// The item of this label, one for each repetition of the source.
    Item(&'static str),
}

/// How a value is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// This text (or `true` and `false`) when the source has content.
    Always(&'static str),
    /// The same, as an assumption that gives way to what is stored.
    Assume(&'static str),
    /// A reference that the message around it provides.
    Refer(&'static str),
    Cwe(Option<&'static str>),
    /// With the table of codes that name no system.
    Coding(Option<&'static str>),
    Code(&'static str),
    Text,
    Lines,
    Date,
    DateTime,
    Instant,
    /// A date without a time of day; anything more precise is left to another line.
    Day,
    Bool,
    Int,
    Decimal,
    Cx,
    Ei(Option<&'static str>),
    Xpn,
    Xad,
    Xtn(Option<&'static str>),
    Practitioner,
    Organization,
    OrganizationNamed,
    Device,
    DeviceNamed,
    Location,
    LocationNamed,
    /// An address as the place that it is of.
    LocationAddress,
    Period,
    Money,
    Quantity,
    Unit,
    Annotation,
    Concept,
}

/// A condition on another field of the segment.
#[derive(Debug, Clone)]
pub(crate) struct When {
    pub source: (u16, u16, u16),
    pub negated: bool,
    /// Values of which it must be one; empty for "any".
    pub values: Vec<&'static str>,
}

impl Rules {
    fn read(text: &'static str) -> Self {
        let mut all = Self::default();
        for line in text.lines() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let done = match line.strip_prefix('@') {
                Some(head) => Block::read(head).map(|b| all.blocks.push(b)),
                None => Rule::read(line)
                    .and_then(|rule| all.blocks.last_mut().map(|block| block.rules.push(rule))),
            };
            if done.is_none() {
                all.faults.push(line.to_owned());
            }
        }
        all
    }

    /// The block of that name.
    pub fn block(&self, name: &str) -> Option<&Block> {
        self.blocks.iter().find(|b| b.name == name)
    }
}

fn numbers(text: &str) -> Option<Vec<u16>> {
    text.split(',').map(|n| n.parse().ok()).collect()
}

impl Block {
    fn read(head: &'static str) -> Option<Self> {
        let mut words = head.split_whitespace();
        let (name, kind) = (words.next()?, words.next()?);
        let (mut keys, mut else_keys, mut needs) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(word) = words.next() {
            match word {
                "key" => keys = numbers(words.next()?)?,
                "else" => else_keys = numbers(words.next()?)?,
                "needs" => needs = numbers(words.next()?)?,
                _ => return None,
            }
        }
        Some(Self { name, kind, keys, else_keys, needs, rules: Vec::new() })
    }
}

impl Rule {
    fn read(line: &'static str) -> Option<Self> {
        let (body, when) = match line.split_once(" if ") {
            Some((body, when)) => (body, Some(When::read(when.trim())?)),
            None => (line, None),
        };
        let (place, rest) = body.trim().split_once(char::is_whitespace)?;
        let source = source(place)?;
        let rest = rest.trim();
        let (path, how) = rest.split_once(char::is_whitespace)?;
        let path = path.split('.').map(Step::read).collect::<Option<Vec<_>>>()?;
        Some(Self { source, path, how: How::read(how.trim())?, when })
    }
}

fn source(text: &str) -> Option<(u16, u16, u16)> {
    if text == "-" {
        return Some((0, 0, 0));
    }
    let mut parts = text.split('.').map(str::parse::<u16>);
    let field = parts.next()?.ok()?;
    let deeper = [parts.next(), parts.next()].map(|p| p.map_or(Some(0), Result::ok));
    let [Some(component), Some(sub)] = deeper else { return None };
    Some((field, component, sub))
}

impl Step {
    fn read(text: &'static str) -> Option<Self> {
        let Some((name, label)) = text.split_once('[') else {
            return Some(Self { name: text, list: List::No });
        };
        let label = label.strip_suffix(']')?;
        Some(Self { name, list: if label.is_empty() { List::Append } else { List::Item(label) } })
    }
}

impl How {
    fn read(text: &'static str) -> Option<Self> {
        if let Some(text) = text.strip_prefix('=') {
            return Some(Self::Always(text));
        }
        if let Some(text) = text.strip_prefix('~') {
            return Some(Self::Assume(text));
        }
        if let Some(name) = text.strip_prefix('@') {
            return Some(Self::Refer(name));
        }
        let (name, table) = match text.split_once(' ') {
            Some((name, table)) => (name, Some(table.trim())),
            None => (text, None),
        };
        Some(match (name, table) {
            ("cwe", table) => Self::Cwe(table),
            ("coding", table) => Self::Coding(table),
            ("code", Some(table)) => Self::Code(table),
            ("ei", kind) => Self::Ei(kind),
            ("xtn", used) => Self::Xtn(used),
            ("text", None) => Self::Text,
            ("lines", None) => Self::Lines,
            ("date", None) => Self::Date,
            ("dateTime", None) => Self::DateTime,
            ("instant", None) => Self::Instant,
            ("day", None) => Self::Day,
            ("bool", None) => Self::Bool,
            ("int", None) => Self::Int,
            ("decimal", None) => Self::Decimal,
            ("cx", None) => Self::Cx,
            ("xpn", None) => Self::Xpn,
            ("xad", None) => Self::Xad,
            ("practitioner", None) => Self::Practitioner,
            ("organization", None) => Self::Organization,
            ("organizationNamed", None) => Self::OrganizationNamed,
            ("device", None) => Self::Device,
            ("deviceNamed", None) => Self::DeviceNamed,
            ("location", None) => Self::Location,
            ("locationNamed", None) => Self::LocationNamed,
            ("address", None) => Self::LocationAddress,
            ("period", None) => Self::Period,
            ("money", None) => Self::Money,
            ("quantity", None) => Self::Quantity,
            ("unit", None) => Self::Unit,
            ("annotation", None) => Self::Annotation,
            ("concept", None) => Self::Concept,
            _ => return None,
        })
    }
}

impl When {
    fn read(text: &'static str) -> Option<Self> {
        let (negated, text) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (place, values) = match text.split_once('=') {
            Some((place, values)) => (place, values.split(',').collect()),
            None => (text, Vec::new()),
        };
        Some(Self { source: source(place)?, negated, values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::id::ResourceType;

    #[test]
    fn every_line_of_the_file_is_read() {
        assert_eq!(RULES.faults, Vec::<String>::new());
        for block in &RULES.blocks {
            assert!(ResourceType::parse(block.kind).is_some(), "{}", block.name);
            assert!(!block.rules.is_empty(), "{}", block.name);
            for rule in &block.rules {
                if let How::Cwe(Some(table)) | How::Code(table) = rule.how {
                    let known = table.starts_with("v2-") || crate::map::concepts::system_of(table).is_some();
                    assert!(known, "{} names the table {table}", block.name);
                }
            }
        }
        assert_eq!(RULES.block("PV2+").map(|b| b.kind), Some("Encounter"));
    }
}
