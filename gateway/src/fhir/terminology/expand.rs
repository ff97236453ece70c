//! The codes of a value set, listed: filtered by text and cut into pages.

use std::borrow::Cow;
use std::collections::HashSet;

use super::code_system::{CodeSystem, Content};
use super::concept::{Concept, Designation};
use super::core::need_system;
use super::member::{Membership, member};
use super::value_set::{Include, ValueSet};
use super::{MOST_DEPTH, Source, TermError, canonical};

/// Most codes that are gathered for one answer, where nobody says otherwise.
pub const MOST_CODES: usize = 50_000;

/// Value sets that one answer gathers, those within others counted each time.
const MOST_SETS: usize = 1_000;
/// Concepts that one answer looks at.
const MOST_LOOKS: usize = 5_000_000;

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
    /// Leave out codes that are only for grouping.
    pub selectable_only: bool,
    /// Systems whose codes are left out.
    pub without: &'a [String],
    /// List the other texts too.
    pub designations: bool,
    /// The language of displays, where there is a text in it.
    pub language: Option<&'a str>,
    /// Most codes on all pages together.
    pub most: usize,
}

impl Default for Asked<'_> {
    fn default() -> Self {
        Self {
            filter: None,
            offset: 0,
            count: None,
            active_only: false,
            selectable_only: false,
            without: &[],
            designations: false,
            language: None,
            most: MOST_CODES,
        }
    }
}

/// One code of an expansion.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
    /// Other texts, when they were asked for.
    pub designations: Vec<Designation>,
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

/// The codes of a value set, in the order of its definition, each once.
///
/// # Errors
/// When a system or value set is not here, cannot be listed, or the codes are more than asked for at most.
pub fn expand(source: &dyn Source, set: &ValueSet, asked: &Asked<'_>) -> Result<Expansion, TermError> {
    let mut gather = Gather {
        source,
        asked,
        words: asked.filter.unwrap_or_default().split_whitespace().map(str::to_lowercase).collect(),
        seen: HashSet::new(),
        entries: Vec::new(),
        used: Vec::new(),
        open: Vec::new(),
        visited: 0,
        looks: 0,
    };
    gather.set(set)?;
    let entries = gather.entries;
    let total = entries.len();
    let page = entries.into_iter().skip(asked.offset).take(asked.count.unwrap_or(usize::MAX)).collect();
    Ok(Expansion { total, offset: asked.offset, used: gather.used, entries: page })
}

/// Whether every word begins a word of one of the texts.
fn fits(entry: &Entry, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let texts = entry.display.iter().chain(entry.designations.iter().map(|d| &d.value));
    let text = texts.chain([&entry.code]).map(|t| t.to_lowercase()).collect::<Vec<_>>().join(" ");
    words.iter().all(|word| {
        text.match_indices(word.as_str()).any(|(at, _)| {
            text.get(..at).and_then(|before| before.chars().next_back()).is_none_or(|c| !c.is_alphanumeric())
        })
    })
}

struct Gather<'a> {
    source: &'a dyn Source,
    asked: &'a Asked<'a>,
    words: Vec<String>,
    seen: HashSet<(String, String)>,
    entries: Vec<Entry>,
    used: Vec<(String, Option<String>)>,
    /// Value sets that are being gathered, to notice a ring.
    open: Vec<String>,
    /// Value sets that were gathered.
    visited: usize,
    /// Concepts that were looked at.
    looks: usize,
}

impl Gather<'_> {
    const fn too_costly(&self) -> TermError {
        TermError::TooCostly { most: self.asked.most }
    }

    fn set(&mut self, set: &ValueSet) -> Result<(), TermError> {
        self.visited += 1;
        if self.visited > MOST_SETS {
            return Err(self.too_costly());
        }
        if self.open.len() > MOST_DEPTH || (!set.url.is_empty() && self.open.contains(&set.url)) {
            return Err(TermError::Circular(set.url.clone()));
        }
        let depth = self.open.len();
        self.open.push(set.url.clone());
        let before = self.entries.len();
        let done = self.composed(set, before);
        match (&set.expansion, done) {
            (Some(list), outcome) if set.include.is_empty() || is_missing(&outcome) => {
                for entry in self.entries.split_off(before) {
                    self.seen.remove(&(entry.system, entry.code));
                }
                for (system, code, display) in list {
                    self.push(system, code, display.clone(), &[], None)?;
                }
            }
            (_, outcome) => outcome?,
        }
        self.open.truncate(depth);
        Ok(())
    }

    /// What the compose takes in and does not leave out.
    fn composed(&mut self, set: &ValueSet, before: usize) -> Result<(), TermError> {
        for part in &set.include {
            self.part(part)?;
        }
        let drop_inactive = set.inactive == Some(false);
        if set.exclude.is_empty() && !drop_inactive {
            return Ok(());
        }
        let away = ValueSet { include: set.exclude.clone(), ..ValueSet::default() };
        for entry in self.entries.split_off(before) {
            let leaves = if drop_inactive && entry.inactive {
                Membership::In
            } else {
                member(self.source, &away, Some(&entry.system), &entry.code)
            };
            match leaves {
                Membership::Out => self.entries.push(entry),
                Membership::In => drop(self.seen.remove(&(entry.system, entry.code))),
                Membership::Unknown(what) => return Err(TermError::NotListable(what)),
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
            for listed in &part.concepts {
                let concept = known.as_ref().and_then(|k| k.find(&listed.code));
                self.push(
                    system,
                    &listed.code,
                    listed.display.clone(),
                    &listed.designations,
                    concept.as_deref(),
                )?;
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
        let ready = part.filters.iter().map(|f| f.ready()).collect::<Result<Vec<_>, _>>()?;
        let mut one = |concept: Cow<'_, Concept>| {
            self.looks += 1;
            if self.looks > MOST_LOOKS {
                return Err(self.too_costly());
            }
            if ready.iter().all(|filter| filter.holds(&known, &concept)) {
                self.push(system, &concept.code, None, &[], Some(&concept))?;
            }
            Ok(())
        };
        // Below a code there are fewer than everywhere.
        let Some(root) = part.filters.iter().find_map(|filter| filter.root()) else {
            return known.concepts().try_for_each(one);
        };
        let Some(root) = known.number(root) else { return Ok(()) };
        let mut numbers =
            known.closure(root, true, MOST_LOOKS).ok_or(TermError::TooCostly { most: MOST_LOOKS })?;
        numbers.sort_unstable();
        numbers.into_iter().filter_map(|number| known.at(number)).try_for_each(&mut one)
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
        own: &[Designation],
        concept: Option<&Concept>,
    ) -> Result<(), TermError> {
        let asked = self.asked;
        let (is_abstract, inactive) = concept.map_or((false, false), |c| (c.is_abstract, c.inactive));
        let unwanted = asked.active_only && inactive
            || asked.selectable_only && is_abstract
            || asked.without.iter().any(|other| other == system);
        let key = (system.to_owned(), code.to_owned());
        if unwanted || self.seen.contains(&key) {
            return Ok(());
        }
        let mut designations = own.to_vec();
        designations.extend(concept.map(|c| c.designations.clone()).unwrap_or_default());
        let spoken = asked.language.and_then(|wanted| {
            let exact =
                |d: &&Designation| d.language.as_deref().is_some_and(|l| l.eq_ignore_ascii_case(wanted));
            designations.iter().find(exact).or_else(|| designations.iter().find(|d| d.speaks(wanted)))
        });
        let spoken = spoken.map(|d| d.value.clone());
        let display = spoken.or(display).or_else(|| concept.and_then(|c| c.display.clone()));
        let mut entry = Entry {
            system: key.0.clone(),
            code: key.1.clone(),
            display,
            is_abstract,
            inactive,
            designations,
        };
        if !fits(&entry, &self.words) {
            return Ok(());
        }
        if self.entries.len() >= asked.most {
            return Err(self.too_costly());
        }
        if !asked.designations {
            entry.designations = Vec::new();
        }
        self.seen.insert(key);
        self.entries.push(entry);
        Ok(())
    }
}

/// Whether something that a compose names is not here.
fn is_missing(outcome: &Result<(), TermError>) -> bool {
    matches!(
        outcome,
        Err(TermError::UnknownSystem(_) | TermError::UnknownValueSet(_) | TermError::NotListable(_))
    )
}
