//! A code system in memory: its concepts, found by code, and who stands above whom.

use std::collections::{HashMap, HashSet};

use super::{MOST_DEPTH, TermError};
use crate::json::{Number, Value};

/// How much of a code system is here (value set codesystem-content-mode).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Every code.
    Complete,
    /// Some codes; one that is not here may exist.
    Partial,
    /// No codes.
    NotPresent,
    /// Additions to another system; not usable as the system of a coding.
    Supplement,
}

/// A code system.
#[derive(Debug, Clone)]
pub struct CodeSystem {
    /// Canonical address without version.
    pub url: String,
    /// Business version.
    pub version: Option<String>,
    /// Name for a program or a person.
    pub name: Option<String>,
    /// How much of it is here.
    pub content: Content,
    /// Whether `A` and `a` are two codes.
    pub case_sensitive: bool,
    /// Address of the value set of all its codes.
    pub value_set: Option<String>,
    /// Address of the system that a supplement adds to.
    pub supplements: Option<String>,
    concepts: Vec<Concept>,
    by_code: HashMap<String, u32>,
}

/// One concept.
#[derive(Debug, Clone, Default)]
pub struct Concept {
    /// The code.
    pub code: String,
    /// What it means, shortly.
    pub display: Option<String>,
    /// What it means, in full.
    pub definition: Option<String>,
    /// Only for grouping: not to be chosen.
    pub is_abstract: bool,
    /// No longer to be used.
    pub inactive: bool,
    /// Other texts, by language.
    pub designations: Vec<(Option<String>, String)>,
    /// Properties but those that say who stands above whom.
    pub properties: Vec<(String, Property)>,
    pub(super) parents: Vec<u32>,
    pub(super) children: Vec<u32>,
}

/// Value of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Property {
    /// Code within the same system.
    Code(String),
    /// Text, or a date.
    Text(String),
    /// Yes or no.
    Flag(bool),
    /// A number, as written.
    Number(Number),
    /// A concept of a system.
    Coding {
        /// Its system.
        system: String,
        /// Its code.
        code: String,
    },
}

impl Property {
    /// The value as filters compare it.
    pub fn text(&self) -> String {
        match self {
            Self::Code(text) | Self::Text(text) => text.clone(),
            Self::Flag(flag) => flag.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Coding { system, code } => format!("{system}|{code}"),
        }
    }
}

impl CodeSystem {
    /// A system without concepts.
    pub fn new(url: impl Into<String>, version: Option<String>, content: Content) -> Self {
        Self {
            url: url.into(),
            version,
            name: None,
            content,
            case_sensitive: true,
            value_set: None,
            supplements: None,
            concepts: Vec::new(),
            by_code: HashMap::new(),
        }
    }

    /// Reads a CodeSystem resource.
    ///
    /// # Errors
    /// When it has no address, the same code twice, or deeper levels than we follow.
    pub fn from_json(json: &Value) -> Result<Self, TermError> {
        let text = |key| json.str(key).map(str::to_owned);
        let url = text("url").ok_or_else(|| TermError::Malformed("the code system has no url".to_owned()))?;
        let content = match json.str("content") {
            _ if json.get("supplements").is_some() => Content::Supplement,
            Some("complete") | None => Content::Complete,
            Some("supplement") => Content::Supplement,
            Some("not-present") => Content::NotPresent,
            Some(_) => Content::Partial,
        };
        let mut system = Self::new(url, text("version"), content);
        system.name = text("title").or_else(|| text("name"));
        system.case_sensitive = json.get("caseSensitive").and_then(Value::as_bool).unwrap_or(true);
        system.value_set = text("valueSet");
        system.supplements = text("supplements");
        let mut above = Vec::new();
        system.read(json.items("concept"), None, 0, &mut above)?;
        for (lower, upper) in above {
            if let Some(upper) = system.number(&upper) {
                system.link(upper, lower);
            }
        }
        for (upper, lower) in system.below_by_property() {
            system.link(upper, lower);
        }
        Ok(system)
    }

    fn read(
        &mut self,
        concepts: &[Value],
        parent: Option<u32>,
        depth: usize,
        above: &mut Vec<(u32, String)>,
    ) -> Result<(), TermError> {
        if depth > MOST_DEPTH * 2 {
            return Err(TermError::Malformed("the concepts stand in too many levels".to_owned()));
        }
        for json in concepts {
            let (concept, parents) = concept(json)?;
            let code = concept.code.clone();
            let at = self
                .add(concept, parent)
                .ok_or_else(|| TermError::Malformed(format!("the code \"{code}\" stands twice")))?;
            above.extend(parents.into_iter().map(|p| (at, p)));
            self.read(json.items("concept"), Some(at), depth + 1, above)?;
        }
        Ok(())
    }

    /// Pairs said by a `child` property of the upper concept.
    fn below_by_property(&self) -> Vec<(u32, u32)> {
        let mut pairs = Vec::new();
        for (at, concept) in (0u32..).zip(&self.concepts) {
            for (name, value) in &concept.properties {
                if let (true, Property::Code(code)) = (name == "child", value)
                    && let Some(lower) = self.number(code)
                {
                    pairs.push((at, lower));
                }
            }
        }
        pairs
    }

    /// Adds a concept; `None` when its code is there already.
    pub(super) fn add(&mut self, concept: Concept, parent: Option<u32>) -> Option<u32> {
        let at = u32::try_from(self.concepts.len()).ok()?;
        let key = if self.case_sensitive { concept.code.clone() } else { concept.code.to_lowercase() };
        if self.by_code.contains_key(&key) {
            return None;
        }
        self.by_code.insert(key, at);
        self.concepts.push(concept);
        if let Some(parent) = parent {
            self.link(parent, at);
        }
        Some(at)
    }

    fn link(&mut self, upper: u32, lower: u32) {
        let known = self.at(lower).is_some_and(|c| c.parents.contains(&upper));
        if known || upper == lower {
            return;
        }
        if let Some(concept) = self.concepts.get_mut(lower as usize) {
            concept.parents.push(upper);
        }
        if let Some(concept) = self.concepts.get_mut(upper as usize) {
            concept.children.push(lower);
        }
    }

    pub(super) fn number(&self, code: &str) -> Option<u32> {
        match self.by_code.get(code) {
            Some(at) => Some(*at),
            None if self.case_sensitive => None,
            None => self.by_code.get(&code.to_lowercase()).copied(),
        }
    }

    pub(super) fn at(&self, number: u32) -> Option<&Concept> {
        self.concepts.get(number as usize)
    }

    /// The concept of a code.
    pub fn find(&self, code: &str) -> Option<&Concept> {
        self.at(self.number(code)?)
    }

    /// All concepts, in the order of the definition.
    pub fn concepts(&self) -> &[Concept] {
        &self.concepts
    }

    /// Codes right above a concept.
    pub fn parents<'a>(&'a self, concept: &'a Concept) -> impl Iterator<Item = &'a str> {
        concept.parents.iter().filter_map(|p| Some(self.at(*p)?.code.as_str()))
    }

    /// Codes right below a concept.
    pub fn children<'a>(&'a self, concept: &'a Concept) -> impl Iterator<Item = &'a str> {
        concept.children.iter().filter_map(|p| Some(self.at(*p)?.code.as_str()))
    }

    /// Whether `lower` is `upper` or stands below it. Each concept is looked at once, so a ring in the data ends.
    pub fn is_a(&self, lower: &str, upper: &str) -> bool {
        let (Some(from), Some(goal)) = (self.number(lower), self.number(upper)) else { return false };
        let mut seen = HashSet::from([from]);
        let mut open = vec![from];
        while let Some(at) = open.pop() {
            if at == goal {
                return true;
            }
            let parents = self.at(at).map(|c| c.parents.as_slice()).unwrap_or_default();
            open.extend(parents.iter().filter(|parent| seen.insert(**parent)));
        }
        false
    }

    /// A concept and all below (or above) it, each once, the nearest first; `None` when there are more than `most`.
    pub(super) fn closure(&self, from: u32, down: bool, most: usize) -> Option<Vec<u32>> {
        let mut seen = HashSet::from([from]);
        let mut out = vec![from];
        let mut next = 0;
        while let Some(at) = out.get(next).copied() {
            next += 1;
            let concept = self.at(at);
            let near = concept.map(|c| if down { &c.children } else { &c.parents });
            out.extend(near.into_iter().flatten().filter(|other| seen.insert(**other)));
            if out.len() > most {
                return None;
            }
        }
        (out.len() <= most).then_some(out)
    }
}

/// A concept and the codes that a `parent` or `subsumedBy` property puts above it.
fn concept(json: &Value) -> Result<(Concept, Vec<String>), TermError> {
    let code = json.str("code").ok_or_else(|| TermError::Malformed("a concept without a code".to_owned()))?;
    let mut concept = Concept {
        code: code.to_owned(),
        display: json.str("display").map(str::to_owned),
        definition: json.str("definition").map(str::to_owned),
        ..Concept::default()
    };
    let mut parents = Vec::new();
    for designation in json.items("designation") {
        if let Some(value) = designation.str("value") {
            concept.designations.push((designation.str("language").map(str::to_owned), value.to_owned()));
        }
    }
    for item in json.items("property") {
        let Some((name, value)) = item.str("code").zip(property(item)) else { continue };
        match (name, &value) {
            ("parent" | "subsumedBy", Property::Code(code)) => parents.push(code.clone()),
            ("inactive", Property::Flag(flag)) => concept.inactive |= flag,
            ("status", Property::Code(code)) => {
                concept.inactive |= matches!(code.as_str(), "retired" | "deprecated" | "inactive");
            }
            ("notSelectable" | "abstract", Property::Flag(flag)) => concept.is_abstract |= flag,
            _ => {}
        }
        concept.properties.push((name.to_owned(), value));
    }
    Ok((concept, parents))
}

fn property(item: &Value) -> Option<Property> {
    let (key, value) = item.as_object()?.iter().find(|(key, _)| key.starts_with("value"))?;
    Some(match (key, value) {
        ("valueCode", Value::String(code)) => Property::Code(code.clone()),
        ("valueCoding", coding) => Property::Coding {
            system: coding.str("system").unwrap_or_default().to_owned(),
            code: coding.str("code").unwrap_or_default().to_owned(),
        },
        (_, Value::String(text)) => Property::Text(text.clone()),
        (_, Value::Bool(flag)) => Property::Flag(*flag),
        (_, Value::Number(number)) => Property::Number(number.clone()),
        (_, Value::Null | Value::Array(_) | Value::Object(_)) => return None,
    })
}
