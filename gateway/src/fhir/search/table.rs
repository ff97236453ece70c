//! `tables/search.txt`, read once: the parameters of each type and the tree of places that a resource is walked by.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::params::{self, Asked, Component, Datatype, Filter, Param, ParamType, Path, Step};
use super::tree::Node;
use crate::fhir::id::ResourceType;

/// Parameters of a type, those of every type last.
pub(super) fn of(kind: ResourceType) -> impl Iterator<Item = &'static Param> {
    TABLE.of.get(&kind).map(|own| own.params.as_slice()).unwrap_or_default().iter().chain(&TABLE.every.params)
}

/// Parameters with values of their own, and the tree of their places: those of the type, and those of every type.
pub(super) fn places(kind: ResourceType) -> impl Iterator<Item = &'static Places> {
    TABLE.of.get(&kind).into_iter().chain([&TABLE.every])
}

/// Parameters and the tree of their places.
pub(super) struct Places {
    pub(super) params: Vec<Param>,
    pub(super) tree: Node,
}

impl Places {
    fn new(params: Vec<Param>) -> Self {
        let tree = Node::of(&params);
        Self { params, tree }
    }
}

struct Table {
    of: HashMap<ResourceType, Places>,
    every: Places,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| read(include_str!("../tables/search.txt")));

type Names = HashMap<u16, (&'static str, ParamType)>;

fn read(text: &'static str) -> Table {
    let mut names: Names = HashMap::new();
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
    let of = of.into_iter().map(|(kind, params)| (kind, Places::new(leaning(params)))).collect();
    Table { of, every: Places::new(every()) }
}

/// Parameters that ask others take from them what a query needs to know.
fn leaning(mut params: Vec<Param>) -> Vec<Param> {
    let known: HashMap<u16, (Vec<ResourceType>, Vec<Component>)> =
        params.iter().map(|p| (p.number, (p.targets.clone(), p.components.clone()))).collect();
    for param in &mut params {
        let Some(first) = param.asks.first().copied() else { continue };
        if let Some((targets, components)) = known.get(&first.number) {
            param.targets = first.only.map_or_else(|| targets.clone(), |only| vec![only]);
            param.components.clone_from(components);
        }
        if param.asks.len() == 1 {
            param.number = first.number;
        }
    }
    let targets = |code: &str| known_targets(&params, code);
    let found: Vec<Vec<Vec<ResourceType>>> =
        params.iter().map(|p| p.components.iter().map(|c| targets(&c.code)).collect()).collect();
    for (param, found) in params.iter_mut().zip(found) {
        for (component, targets) in param.components.iter_mut().zip(found) {
            component.targets = targets;
        }
    }
    params
}

fn known_targets(params: &[Param], code: &str) -> Vec<ResourceType> {
    params.iter().find(|p| p.code == code).map(|p| p.targets.clone()).unwrap_or_default()
}

fn number_row(row: &'static str) -> Option<(u16, (&'static str, ParamType))> {
    let mut words = row.split(' ');
    let number = words.next()?.parse().ok()?;
    Some((number, (words.next()?, ParamType::parse(words.next()?)?)))
}

fn param_row(line: &'static str, names: &Names) -> Option<Param> {
    let (number, rest) = line.split_once(' ')?;
    let number = number.parse().ok()?;
    let (code, kind) = *names.get(&number)?;
    let mut param = Param {
        number,
        code: code.into(),
        kind,
        paths: Vec::new(),
        asks: Vec::new(),
        root: Vec::new(),
        components: Vec::new(),
        targets: Vec::new(),
    };
    if let Some(composite) = rest.strip_prefix('?') {
        let mut parts = composite.split('!');
        let root = parts.next()?;
        param.root = if root == "." { Vec::new() } else { steps(root) };
        param.components = parts_of(composite, names)?;
    } else if rest.starts_with('=') {
        param.asks = rest.split(' ').map(asked).collect::<Option<_>>()?;
    } else {
        param.paths = rest.split(' ').map(path).collect::<Option<_>>()?;
        param.targets = targets(&param.paths);
    }
    Some(param)
}

/// Types that references at some places may point at; none means any.
pub(super) fn targets(paths: &[Path]) -> Vec<ResourceType> {
    if paths.iter().any(|p| p.targets.is_empty()) {
        return Vec::new();
    }
    let mut all: Vec<_> = paths.iter().flat_map(|p| p.targets.iter().copied()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// `root!24/code:CodeableConcept!201/valueQuantity:Quantity+valueRange:Range`
fn parts_of(composite: &'static str, names: &Names) -> Option<Vec<Component>> {
    let mut out = Vec::new();
    for part in composite.split('!').skip(1) {
        let (number, places) = part.split_once('/')?;
        let (code, kind) = *names.get(&number.parse().ok()?)?;
        let paths = places.split('+').map(path).collect::<Option<_>>()?;
        out.push(Component { code: code.into(), kind, targets: Vec::new(), paths });
    }
    Some(out)
}

fn asked(text: &'static str) -> Option<Asked> {
    let text = text.strip_prefix('=')?;
    let (number, only) = match text.split_once('>') {
        Some((number, only)) => (number, Some(ResourceType::parse(only)?)),
        None => (text, None),
    };
    Some(Asked { number: number.parse().ok()?, only })
}

fn path(text: &'static str) -> Option<Path> {
    let (from_resource, text) = match text.strip_prefix('^') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (place, rest) = text.split_once(':')?;
    let (rest, system) = match rest.split_once('@') {
        Some((rest, system)) => (rest, Some(system)),
        None => (rest, None),
    };
    let (datatype, wanted) = rest.split_once('>').unwrap_or((rest, ""));
    let only = wanted.strip_prefix('!').and_then(ResourceType::parse);
    let targets = wanted.trim_start_matches('!').split(',').filter_map(ResourceType::parse).collect();
    Some(Path { steps: steps(place), from_resource, datatype: Datatype::of(datatype), system, targets, only })
}

fn steps(text: &'static str) -> Vec<Step> {
    text.split('.').map(step).collect()
}

fn step(text: &'static str) -> Step {
    let Some((key, mark)) = text.strip_suffix(']').and_then(|t| t.split_once('[')) else {
        return Step { key: text, filter: Filter::All };
    };
    let filter = match (mark.split_once('='), mark.parse()) {
        (Some((member, value)), _) => Filter::With(member, value),
        (None, Ok(at)) => Filter::At(at),
        (None, Err(_)) => Filter::All,
    };
    Step { key, filter }
}

fn every() -> Vec<Param> {
    let param = |number, code: &'static str, kind, place: Option<&'static str>| {
        let paths: Vec<Path> = place.into_iter().filter_map(path).collect();
        Param {
            number,
            code: code.into(),
            kind,
            paths,
            asks: Vec::new(),
            root: Vec::new(),
            components: Vec::new(),
            targets: Vec::new(),
        }
    };
    vec![
        param(params::ID, "_id", ParamType::Id, None),
        param(params::LAST_UPDATED, "_lastUpdated", ParamType::Instant, None),
        param(params::TAG, "_tag", ParamType::Token, Some("meta.tag:Coding")),
        param(params::PROFILE, "_profile", ParamType::Uri, Some("meta.profile:canonical")),
        param(params::SECURITY, "_security", ParamType::Token, Some("meta.security:Coding")),
        param(params::SOURCE, "_source", ParamType::Uri, Some("meta.source:uri")),
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
        assert_eq!(table.of.values().map(|p| p.params.len()).sum::<usize>(), rows.clone().count());
        let all = || table.of.values().flat_map(|p| &p.params);
        let parts: usize = rows.clone().filter(|l| !l.contains('?')).map(|l| l.split(' ').count() - 1).sum();
        assert_eq!(all().map(|p| p.paths.len() + p.asks.len()).sum::<usize>(), parts);
        let composites: usize = rows.filter(|l| l.contains(" ?")).map(|l| l.matches('!').count()).sum();
        let stored = all().filter(|p| p.asks.is_empty());
        assert_eq!(stored.map(|p| p.components.len()).sum::<usize>(), composites);
        for places in table.of.values() {
            let mut codes: Vec<_> = places.params.iter().map(|p| p.code.as_ref()).collect();
            codes.sort_unstable();
            codes.dedup();
            assert_eq!(codes.len(), places.params.len());
        }
    }

    #[test]
    fn all_of_the_standards_parameters_are_there() {
        let total: usize = TABLE.of.values().map(|p| p.params.len()).sum();
        assert_eq!((TABLE.of.len(), total), (133, 1_699));
    }
}
