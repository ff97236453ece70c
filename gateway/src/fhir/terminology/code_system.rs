//! A code system: its concepts, found by code, and who stands above whom; in memory or in a packed file.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::concept::{Concept, Property};
use super::packed::Packed;
use super::{MOST_DEPTH, TermError};
use crate::json::Value;

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
    /// What its properties mean, by their codes.
    pub described: Vec<(String, String)>,
    store: Store,
}

/// Where the concepts are.
#[derive(Debug, Clone)]
enum Store {
    /// In memory.
    Listed { concepts: Vec<Concept>, by_code: HashMap<String, u32> },
    /// In a packed file.
    Packed(Arc<Packed>),
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
            described: Vec::new(),
            store: Store::Listed { concepts: Vec::new(), by_code: HashMap::new() },
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
        let described = json.items("property").iter();
        system.described = described
            .filter_map(|p| Some((p.str("code")?.to_owned(), p.str("description")?.to_owned())))
            .collect();
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
            let (concept, parents) = Concept::from_json(json)?;
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
        for (at, concept) in (0u32..).zip(self.concepts()) {
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

    /// Adds a concept; `None` when its code is there already, or when the system is packed.
    pub(super) fn add(&mut self, concept: Concept, parent: Option<u32>) -> Option<u32> {
        let Store::Listed { concepts, by_code } = &mut self.store else { return None };
        let at = u32::try_from(concepts.len()).ok()?;
        let key = if self.case_sensitive { concept.code.clone() } else { concept.code.to_lowercase() };
        if by_code.contains_key(&key) {
            return None;
        }
        by_code.insert(key, at);
        concepts.push(concept);
        if let Some(parent) = parent {
            self.link(parent, at);
        }
        Some(at)
    }

    fn link(&mut self, upper: u32, lower: u32) {
        let known = self.at(lower).is_some_and(|c| c.parents.contains(&upper));
        let Store::Listed { concepts, .. } = &mut self.store else { return };
        if known || upper == lower {
            return;
        }
        if let Some(concept) = concepts.get_mut(lower as usize) {
            concept.parents.push(upper);
        }
        if let Some(concept) = concepts.get_mut(upper as usize) {
            concept.children.push(lower);
        }
    }

    /// A system whose concepts lie in a packed file.
    pub(super) fn packed(head: Self, packed: Packed) -> Self {
        Self { store: Store::Packed(Arc::new(packed)), ..head }
    }

    pub(super) fn number(&self, code: &str) -> Option<u32> {
        let lower;
        let key = if self.case_sensitive {
            code
        } else {
            lower = code.to_lowercase();
            &lower
        };
        match &self.store {
            Store::Listed { by_code, .. } => by_code.get(key).copied(),
            Store::Packed(packed) => packed.number(key, self.case_sensitive),
        }
    }

    pub(super) fn at(&self, number: u32) -> Option<Cow<'_, Concept>> {
        match &self.store {
            Store::Listed { concepts, .. } => concepts.get(number as usize).map(Cow::Borrowed),
            Store::Packed(packed) => packed.concept(number).map(Cow::Owned),
        }
    }

    /// The concept of a code.
    pub fn find(&self, code: &str) -> Option<Cow<'_, Concept>> {
        self.at(self.number(code)?)
    }

    /// How many concepts are here.
    pub fn len(&self) -> u32 {
        match &self.store {
            Store::Listed { concepts, .. } => u32::try_from(concepts.len()).unwrap_or(u32::MAX),
            Store::Packed(packed) => packed.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All concepts: in the order of the definition, or by code where they are packed.
    pub fn concepts(&self) -> impl Iterator<Item = Cow<'_, Concept>> {
        (0..self.len()).map_while(|number| self.at(number))
    }

    /// Codes right above a concept.
    pub fn parents(&self, concept: &Concept) -> Vec<String> {
        concept.parents.iter().filter_map(|p| Some(self.at(*p)?.code.clone())).collect()
    }

    /// Codes right below a concept.
    pub fn children(&self, concept: &Concept) -> Vec<String> {
        concept.children.iter().filter_map(|p| Some(self.at(*p)?.code.clone())).collect()
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
            let concept = self.at(at);
            let parents = concept.iter().flat_map(|c| &c.parents);
            open.extend(parents.filter(|parent| seen.insert(**parent)));
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
            let near = concept.iter().flat_map(|c| if down { &c.children } else { &c.parents });
            out.extend(near.filter(|other| seen.insert(**other)));
            if out.len() > most {
                return None;
            }
        }
        (out.len() <= most).then_some(out)
    }
}
