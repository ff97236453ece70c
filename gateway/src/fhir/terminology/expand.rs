//! The codes of a value set, listed: filtered by text and cut into pages.

use std::collections::HashSet;

use super::code_system::{CodeSystem, Concept, Content};
use super::core::need_system;
use super::member::{Membership, member};
use super::value_set::{Include, ValueSet};
use super::{MOST_DEPTH, Source, TermError, canonical};
use crate::json::{Object, Value};

/// Most codes that are gathered for one answer.
pub const MOST_CODES: usize = 50_000;

/// Value sets that one answer gathers, those within others counted each time.
const MOST_SETS: usize = 1_000;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    /// Words that display or code must have, each as the beginning of a word; case is not looked at.
    pub filter: Option<&'a str>,
    /// How many to skip.
    pub offset: usize,
    /// How many at most; none: all.
    pub count: Option<usize>,
    /// Leave out codes that are no longer to be used.
    pub active_only: bool,
    /// Most codes on all pages together.
    pub most: usize,
}

impl Default for Asked<'_> {
    fn default() -> Self {
        Self { filter: None, offset: 0, count: None, active_only: false, most: MOST_CODES }
    }
}

/// One code of an expansion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its system.
    pub system: String,
    /// The code.
    pub code: String,
    /// Its display.
    pub display: Option<String>,
    /// Only for grouping.
    pub is_abstract: bool,
    /// No longer to be used.
    pub inactive: bool,
}

/// A page of a value set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expansion {
    /// Number of codes on all pages.
    pub total: usize,
    /// How many were skipped.
    pub offset: usize,
    /// Systems that answered, with the version that did.
    pub used: Vec<(String, Option<String>)>,
    /// The codes of this page.
    pub entries: Vec<Entry>,
}

impl Expansion {
    /// `ValueSet.expansion`; `identifier` and `timestamp` are the caller's.
    pub fn to_json(&self, identifier: &str, timestamp: &str) -> Value {
        let parameter = |(system, version): &(String, Option<String>)| {
            let version = version.as_ref().map(|v| format!("|{v}")).unwrap_or_default();
            Value::from([
                ("name", "used-codesystem".into()),
                ("valueUri", Value::from(format!("{system}{version}"))),
            ])
        };
        let used: Vec<Value> = self.used.iter().map(parameter).collect();
        let contains: Vec<Value> = self.entries.iter().map(Entry::to_json).collect();
        let object = Object::new()
            .with("identifier", identifier)
            .with("timestamp", timestamp)
            .with("total", self.total)
            .with("offset", self.offset)
            .with_some("parameter", (!used.is_empty()).then_some(used))
            .with_some("contains", (!contains.is_empty()).then_some(contains));
        Value::Object(object)
    }
}

impl Entry {
    fn to_json(&self) -> Value {
        let object = Object::new()
            .with("system", self.system.as_str())
            .with_some("abstract", self.is_abstract.then_some(true))
            .with_some("inactive", self.inactive.then_some(true))
            .with("code", self.code.as_str())
            .with_some("display", self.display.as_deref());
        Value::Object(object)
    }
}

/// The codes of a value set, in the order of its definition, each once.
///
/// # Errors
/// When a system or value set is not here, cannot be listed, or the codes are more than asked for at most.
pub fn expand(source: &dyn Source, set: &ValueSet, asked: &Asked<'_>) -> Result<Expansion, TermError> {
    let mut gather = Gather {
        source,
        seen: HashSet::new(),
        entries: Vec::new(),
        used: Vec::new(),
        open: Vec::new(),
        visited: 0,
        most: asked.most,
    };
    gather.set(set)?;
    let words: Vec<String> =
        asked.filter.unwrap_or_default().split_whitespace().map(str::to_lowercase).collect();
    let mut entries = gather.entries;
    entries.retain(|e| !(asked.active_only && e.inactive) && fits(e, &words));
    let total = entries.len();
    let page = entries.into_iter().skip(asked.offset).take(asked.count.unwrap_or(usize::MAX)).collect();
    Ok(Expansion { total, offset: asked.offset, used: gather.used, entries: page })
}

/// Whether every word begins a word of display or code.
fn fits(entry: &Entry, words: &[String]) -> bool {
    let text = format!("{} {}", entry.display.as_deref().unwrap_or_default(), entry.code).to_lowercase();
    words.iter().all(|word| {
        text.match_indices(word.as_str()).any(|(at, _)| {
            text.get(..at).and_then(|before| before.chars().next_back()).is_none_or(|c| !c.is_alphanumeric())
        })
    })
}

struct Gather<'a> {
    source: &'a dyn Source,
    seen: HashSet<(String, String)>,
    entries: Vec<Entry>,
    used: Vec<(String, Option<String>)>,
    /// Value sets that are being gathered, to notice a ring.
    open: Vec<String>,
    /// Value sets that were gathered.
    visited: usize,
    /// Most codes.
    most: usize,
}

impl Gather<'_> {
    fn set(&mut self, set: &ValueSet) -> Result<(), TermError> {
        self.visited += 1;
        if self.visited > MOST_SETS {
            return Err(TermError::TooCostly { most: self.most });
        }
        if self.open.len() > MOST_DEPTH || (!set.url.is_empty() && self.open.contains(&set.url)) {
            return Err(TermError::Circular(set.url.clone()));
        }
        self.open.push(set.url.clone());
        if let Some(list) = &set.expansion {
            for (system, code, display) in list {
                self.push(system, code, display.clone(), None)?;
            }
        }
        let before = self.entries.len();
        for part in &set.include {
            self.part(part)?;
        }
        self.open.pop();
        if !set.exclude.is_empty() {
            let away = ValueSet { include: set.exclude.clone(), ..ValueSet::default() };
            let own = self.entries.split_off(before);
            for entry in own {
                match member(self.source, &away, Some(&entry.system), &entry.code) {
                    Membership::Out => self.entries.push(entry),
                    Membership::In => drop(self.seen.remove(&(entry.system, entry.code))),
                    Membership::Unknown(what) => return Err(TermError::NotListable(what)),
                }
            }
        }
        Ok(())
    }

    fn part(&mut self, part: &Include) -> Result<(), TermError> {
        let Some(system) = part.system.as_deref() else { return self.common(part) };
        let before = self.entries.len();
        if part.concepts.is_empty() {
            self.by_filter(part, system)?;
        } else {
            let known = self.source.code_system(system, part.version.as_deref());
            if let Some(known) = &known {
                self.note(known);
            }
            for (code, display) in &part.concepts {
                let concept = known.as_ref().and_then(|k| k.find(code));
                let display = display.clone().or_else(|| concept.and_then(|c| c.display.clone()));
                self.push(system, code, display, concept)?;
            }
        }
        self.keep_common(before, &part.value_sets)
    }

    /// What several value sets have in common: the first one's codes that the others hold.
    fn common(&mut self, part: &Include) -> Result<(), TermError> {
        let Some((first, rest)) = part.value_sets.split_first() else { return Ok(()) };
        let (name, version) = canonical(first);
        let set = self.source.value_set(name, version);
        let set = set.ok_or_else(|| TermError::UnknownValueSet(first.clone()))?;
        let before = self.entries.len();
        self.set(&set)?;
        self.keep_common(before, rest)
    }

    /// Of what was gathered since `before`, keeps what every one of the value sets holds; a later part may still bring
    /// what is left out here.
    fn keep_common(&mut self, before: usize, sets: &[String]) -> Result<(), TermError> {
        if sets.is_empty() {
            return Ok(());
        }
        let others = Include { value_sets: sets.to_vec(), ..Include::default() };
        let others = ValueSet { include: vec![others], ..ValueSet::default() };
        for entry in self.entries.split_off(before) {
            match member(self.source, &others, Some(&entry.system), &entry.code) {
                Membership::In => self.entries.push(entry),
                Membership::Out => drop(self.seen.remove(&(entry.system, entry.code))),
                Membership::Unknown(what) => return Err(TermError::NotListable(what)),
            }
        }
        Ok(())
    }

    fn by_filter(&mut self, part: &Include, system: &str) -> Result<(), TermError> {
        let known = need_system(self.source, system, part.version.as_deref())?;
        if known.content == Content::NotPresent || known.content == Content::Supplement {
            return Err(TermError::NotListable(system.to_owned()));
        }
        self.note(&known);
        for concept in known.concepts() {
            let mut wanted = true;
            for filter in &part.filters {
                wanted = wanted && filter.holds(&known, concept)?;
            }
            if wanted {
                self.push(system, &concept.code, concept.display.clone(), Some(concept))?;
            }
        }
        Ok(())
    }

    fn note(&mut self, system: &CodeSystem) {
        let row = (system.url.clone(), system.version.clone());
        if !self.used.contains(&row) {
            self.used.push(row);
        }
    }

    fn push(
        &mut self,
        system: &str,
        code: &str,
        display: Option<String>,
        concept: Option<&Concept>,
    ) -> Result<(), TermError> {
        if !self.seen.insert((system.to_owned(), code.to_owned())) {
            return Ok(());
        }
        if self.entries.len() >= self.most {
            return Err(TermError::TooCostly { most: self.most });
        }
        self.entries.push(Entry {
            system: system.to_owned(),
            code: code.to_owned(),
            display,
            is_abstract: concept.is_some_and(|c| c.is_abstract),
            inactive: concept.is_some_and(|c| c.inactive),
        });
        Ok(())
    }
}
