//! What R4 itself defines, read from `tables/terminology.txt`: an index at first use, each definition when it is asked for.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, OnceLock};

use super::code_system::{CodeSystem, Content};
use super::concept::Concept;
use super::concept_map::{ConceptMap, Group};
use super::filter::{Filter, Operator};
use super::value_set::{Include, Listed, ValueSet};
use super::{Source, TermError, canonical};

/// The embedded definitions. A version that is asked for is not looked at: there is one of each.
#[derive(Debug, Clone, Copy, Default)]
pub struct Core;

impl Source for Core {
    fn code_system(&self, url: &str, _version: Option<&str>) -> Option<Arc<CodeSystem>> {
        let slot = TABLE.systems.get(canonical(url).0)?;
        Some(Arc::clone(slot.read.get_or_init(|| Arc::new(code_system(slot.text)))))
    }

    fn value_set(&self, url: &str, _version: Option<&str>) -> Option<Arc<ValueSet>> {
        let slot = TABLE.sets.get(canonical(url).0)?;
        Some(Arc::clone(slot.read.get_or_init(|| Arc::new(value_set(slot.text)))))
    }

    fn concept_map(&self, url: &str, _version: Option<&str>) -> Option<Arc<ConceptMap>> {
        let slot = TABLE.maps.get(canonical(url).0)?;
        Some(Arc::clone(slot.read.get_or_init(|| Arc::new(concept_map(slot.text)))))
    }

    fn concept_maps(&self) -> Vec<Arc<ConceptMap>> {
        let mut urls: Vec<&str> = TABLE.maps.keys().copied().collect();
        urls.sort_unstable();
        urls.into_iter().filter_map(|url| self.concept_map(url, None)).collect()
    }
}

impl Core {
    /// Addresses of the embedded code systems.
    pub fn code_systems() -> impl Iterator<Item = &'static str> {
        TABLE.systems.keys().copied()
    }

    /// Addresses of the embedded value sets.
    pub fn value_sets() -> impl Iterator<Item = &'static str> {
        TABLE.sets.keys().copied()
    }

    /// Addresses of the embedded concept maps.
    pub fn concept_maps() -> impl Iterator<Item = &'static str> {
        TABLE.maps.keys().copied()
    }
}

/// The text of one definition, and what was read from it.
struct Slot<T> {
    text: &'static str,
    read: OnceLock<Arc<T>>,
}

impl<T> Slot<T> {
    const fn of(text: &'static str) -> Self {
        Self { text, read: OnceLock::new() }
    }
}

struct Table {
    systems: HashMap<&'static str, Slot<CodeSystem>>,
    sets: HashMap<&'static str, Slot<ValueSet>>,
    maps: HashMap<&'static str, Slot<ConceptMap>>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| index(include_str!("../tables/terminology.txt")));

/// Cuts the file at its `=` lines.
fn index(text: &'static str) -> Table {
    let mut table = Table { systems: HashMap::new(), sets: HashMap::new(), maps: HashMap::new() };
    for block in text.split("\n=").skip(1) {
        let mut head = block.lines().next().unwrap_or_default().split('\t');
        let (Some(kind), Some(url)) = (head.next(), head.next()) else { continue };
        match kind {
            "C" => drop(table.systems.insert(url, Slot::of(block))),
            "V" => drop(table.sets.insert(url, Slot::of(block))),
            _ => drop(table.maps.insert(url, Slot::of(block))),
        }
    }
    table
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn unescaped(code: &str) -> &str {
    code.strip_prefix('\\').unwrap_or(code)
}

/// `C url version content [i]`, then a concept a line.
fn code_system(block: &'static str) -> CodeSystem {
    let mut lines = block.lines();
    let mut head = lines.next().unwrap_or_default().split('\t').skip(1);
    let (url, version) = (head.next().unwrap_or_default(), head.next().unwrap_or_default());
    let content = match head.next() {
        Some("complete") => Content::Complete,
        Some("not-present") => Content::NotPresent,
        _ => Content::Partial,
    };
    let mut system = CodeSystem::new(url, some(version), content);
    system.case_sensitive = head.next() != Some("i");
    let mut above: Vec<u32> = Vec::new();
    for line in lines.filter(|l| !l.is_empty()) {
        let (marked, display) = line.split_once('\t').map_or((line, None), |(c, d)| (c, Some(d)));
        let rest = marked.trim_start_matches('-');
        above.truncate(marked.len() - rest.len());
        let (rest, is_abstract) = rest.strip_prefix('!').map_or((rest, false), |r| (r, true));
        let (rest, inactive) = rest.strip_prefix('~').map_or((rest, false), |r| (r, true));
        let code = unescaped(rest).to_owned();
        let display = Some(display.map_or_else(|| code.clone(), str::to_owned));
        let concept = Concept { code, display, is_abstract, inactive, ..Concept::default() };
        if let Some(at) = system.add(concept, above.last().copied()) {
            above.push(at);
        }
    }
    system
}

/// `V url version`, then parts with their codes.
fn value_set(block: &'static str) -> ValueSet {
    let mut lines = block.lines();
    let mut head = lines.next().unwrap_or_default().split('\t').skip(1);
    let mut set = ValueSet {
        url: head.next().unwrap_or_default().to_owned(),
        version: head.next().and_then(some),
        ..ValueSet::default()
    };
    let mut leaving_out = false;
    for line in lines.filter(|l| !l.is_empty()) {
        let mut columns = line.split('\t');
        match columns.next().unwrap_or_default() {
            mark @ ("+" | "-") => {
                leaving_out = mark == "-";
                let system = columns.next().map(str::to_owned);
                let columns: Vec<&str> = columns.collect();
                let filters = columns.chunks(4).filter_map(filter).collect();
                let part = Include { system, filters, ..Include::default() };
                if leaving_out { set.exclude.push(part) } else { set.include.push(part) }
            }
            "&" => set
                .include
                .push(Include { value_sets: columns.map(str::to_owned).collect(), ..Include::default() }),
            code => {
                let list = if leaving_out { &mut set.exclude } else { &mut set.include };
                if let Some(part) = list.last_mut() {
                    let display = columns.next().map(str::to_owned);
                    part.concepts.push(Listed {
                        code: unescaped(code).to_owned(),
                        display,
                        ..Listed::default()
                    });
                }
            }
        }
    }
    set
}

/// `| property op value`
fn filter(columns: &[&str]) -> Option<Filter> {
    let [_, property, op, value] = columns else { return None };
    Some(Filter {
        property: (*property).to_owned(),
        operator: Operator::parse(op)?,
        value: (*value).to_owned(),
    })
}

/// `M url source target`, then groups with their pairs.
fn concept_map(block: &'static str) -> ConceptMap {
    let mut lines = block.lines();
    let mut head = lines.next().unwrap_or_default().split('\t').skip(1).map(str::to_owned);
    let url = head.next().unwrap_or_default();
    let mut map = ConceptMap { url, source: head.next(), target: head.next(), ..ConceptMap::default() };
    for line in lines {
        let columns: Vec<&str> = line.split('\t').collect();
        match (columns.as_slice(), map.groups.last_mut()) {
            ([">", source, target], _) => map.groups.push(Group::of(source, target)),
            ([from, to, equivalence], Some(group)) => group.add(unescaped(from), to, equivalence),
            _ => {}
        }
    }
    map
}

/// The definition, or the error that says it is missing.
pub(super) fn need_system(
    source: &dyn Source,
    url: &str,
    version: Option<&str>,
) -> Result<Arc<CodeSystem>, TermError> {
    source.code_system(url, version).ok_or_else(|| TermError::UnknownSystem(url.to_owned()))
}
