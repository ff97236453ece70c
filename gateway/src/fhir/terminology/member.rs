//! Whether a code is in a value set or a system: yes, no, or nobody here can tell.

use std::cell::Cell;

use super::code_system::{CodeSystem, Content};
use super::value_set::{Include, ValueSet};
use super::{MOST_DEPTH, Source, canonical, grammar};

/// Whether a code belongs to a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    /// It does.
    In,
    /// It does not.
    Out,
    /// The content of this system or value set is not here.
    Unknown(String),
}

impl Membership {
    fn of(belongs: bool) -> Self {
        if belongs { Self::In } else { Self::Out }
    }

    /// In when any is, otherwise unknown when any is.
    fn or(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::In => Self::In,
            Self::Out => other(),
            Self::Unknown(what) => match other() {
                Self::In => Self::In,
                Self::Out | Self::Unknown(_) => Self::Unknown(what),
            },
        }
    }

    /// Out when any is, otherwise unknown when any is.
    fn and(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Out => Self::Out,
            Self::In => other(),
            Self::Unknown(what) => match other() {
                Self::Out => Self::Out,
                Self::In | Self::Unknown(_) => Self::Unknown(what),
            },
        }
    }
}

/// Whether a value set holds a code. Without a system (a `code` element) the system of each part is taken to be meant.
pub fn member(source: &dyn Source, set: &ValueSet, system: Option<&str>, code: &str) -> Membership {
    set_holds(source, set, system, code, &Walk { depth: 0, left: &Cell::new(MOST_PARTS) })
}

/// Parts of value sets that one question looks at; what takes in more answers "unknown".
const MOST_PARTS: u32 = 20_000;

/// How deep a question is, and how many parts it may still look at.
struct Walk<'w> {
    depth: usize,
    left: &'w Cell<u32>,
}

fn set_holds(
    source: &dyn Source,
    set: &ValueSet,
    system: Option<&str>,
    code: &str,
    walk: &Walk<'_>,
) -> Membership {
    if walk.depth > MOST_DEPTH {
        return Membership::Unknown(set.url.clone());
    }
    let by_list = |list: &[(String, String, Option<String>)]| {
        Membership::of(list.iter().any(|(s, c, _)| c == code && system.is_none_or(|own| own == s)))
    };
    match (&set.expansion, composed(source, set, system, code, walk)) {
        (Some(list), None | Some(Membership::Unknown(_))) => by_list(list),
        (_, Some(found)) => found,
        (None, None) => Membership::Out,
    }
}

/// What the compose says; `None` when there is none.
fn composed(
    source: &dyn Source,
    set: &ValueSet,
    system: Option<&str>,
    code: &str,
    walk: &Walk<'_>,
) -> Option<Membership> {
    if set.include.is_empty() {
        return None;
    }
    let any = |parts: &[Include]| {
        parts
            .iter()
            .fold(Membership::Out, |sofar, part| sofar.or(|| part_holds(source, part, system, code, walk)))
    };
    Some(match any(&set.include) {
        Membership::Out => Membership::Out,
        found => match any(&set.exclude) {
            Membership::In => Membership::Out,
            Membership::Out if set.inactive == Some(false) && is_inactive(source, set, system, code) => {
                Membership::Out
            }
            Membership::Out => found,
            unknown @ Membership::Unknown(_) => unknown,
        },
    })
}

/// Whether a code is marked as no longer to be used, in its system or in that of a part.
fn is_inactive(source: &dyn Source, set: &ValueSet, system: Option<&str>, code: &str) -> bool {
    let systems = set.include.iter().filter_map(|part| part.system.as_deref());
    let mut asked = systems.filter(|own| system.is_none_or(|system| system == *own)).chain(system);
    asked.any(|system| {
        let known = source.code_system(system, None);
        known.as_ref().and_then(|known| known.find(code)).is_some_and(|concept| concept.inactive)
    })
}

fn part_holds(
    source: &dyn Source,
    part: &Include,
    system: Option<&str>,
    code: &str,
    walk: &Walk<'_>,
) -> Membership {
    let Some(left) = walk.left.get().checked_sub(1) else {
        return Membership::Unknown("a value set of too many parts".to_owned());
    };
    walk.left.set(left);
    let mut sofar = match (&part.system, system) {
        (Some(own), Some(asked)) if own != asked => return Membership::Out,
        (Some(own), _) => own_codes(source, part, own, code),
        (None, _) => Membership::In,
    };
    for url in &part.value_sets {
        sofar = sofar.and(|| {
            let (name, version) = canonical(url);
            match source.value_set(name, version) {
                Some(set) => {
                    let inner = Walk { depth: walk.depth + 1, left: walk.left };
                    set_holds(source, &set, system, code, &inner)
                }
                None => Membership::Unknown(url.clone()),
            }
        });
    }
    sofar
}

fn own_codes(source: &dyn Source, part: &Include, system: &str, code: &str) -> Membership {
    if !part.concepts.is_empty() {
        return Membership::of(part.concepts.iter().any(|own| own.code == code));
    }
    let Some(known) = source.code_system(system, part.version.as_deref()) else {
        return match grammar::check(system, code) {
            Some(fits) if part.filters.is_empty() => Membership::of(fits),
            Some(false) => Membership::Out,
            Some(true) | None => by_code_alone(part, system, code),
        };
    };
    let Some(concept) = known.find(code) else { return absent(&known, code) };
    for filter in &part.filters {
        match filter.holds(&known, &concept) {
            Ok(true) => {}
            Ok(false) => return Membership::Out,
            Err(_) => return Membership::Unknown(system.to_owned()),
        }
    }
    Membership::In
}

/// Filters on the code itself can be decided without the content of the system, when they fail.
fn by_code_alone(part: &Include, system: &str, code: &str) -> Membership {
    let shell = CodeSystem::new(system, None, Content::NotPresent);
    let concept = super::Concept { code: code.to_owned(), ..super::Concept::default() };
    let fails = part.filters.iter().any(|f| {
        f.property == "code"
            && matches!(f.operator, super::Operator::Regex | super::Operator::In | super::Operator::Equal)
            && f.holds(&shell, &concept) == Ok(false)
    });
    if fails { Membership::Out } else { Membership::Unknown(system.to_owned()) }
}

fn absent(system: &CodeSystem, code: &str) -> Membership {
    match system.content {
        Content::Complete => Membership::Out,
        // A part of a system that is a grammar: what is not listed may still be one of its codes.
        Content::Partial | Content::NotPresent => grammar::check(&system.url, code)
            .map_or_else(|| Membership::Unknown(system.url.clone()), Membership::of),
        Content::Supplement => Membership::Unknown(system.url.clone()),
    }
}

/// Whether a system has a code, by its content or its grammar.
pub fn in_system(source: &dyn Source, system: &str, version: Option<&str>, code: &str) -> Membership {
    match source.code_system(system, version) {
        Some(known) if known.find(code).is_some() => Membership::In,
        Some(known) => absent(&known, code),
        None => grammar::check(system, code)
            .map_or_else(|| Membership::Unknown(system.to_owned()), Membership::of),
    }
}
