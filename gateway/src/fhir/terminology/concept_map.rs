//! Concept maps: from the codes of one system to those of another.

use super::{Source, TermError, canonical};
use crate::json::Value;

/// A concept map.
#[derive(Debug, Clone, Default)]
pub struct ConceptMap {
    /// Canonical address without version.
    pub url: String,
    /// Value set that the codes come from.
    pub source: Option<String>,
    /// Value set that they are turned into.
    pub target: Option<String>,
    /// Groups, one a pair of systems.
    pub groups: Vec<Group>,
}

/// Pairs between two systems.
#[derive(Debug, Clone, Default)]
pub struct Group {
    source: String,
    target: String,
    pairs: Vec<(String, Target)>,
    unmapped: Option<Unmapped>,
}

#[derive(Debug, Clone)]
struct Target {
    code: Option<String>,
    display: Option<String>,
    equivalence: String,
    comment: Option<String>,
}

/// What happens to a code without a pair.
#[derive(Debug, Clone)]
enum Unmapped {
    Same,
    Fixed(String, Option<String>),
    Other(String),
}

/// One translation of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// How near it is (value set concept-map-equivalence).
    pub equivalence: String,
    /// System of the target.
    pub system: String,
    /// Code of the target; none for `unmatched`.
    pub code: Option<String>,
    /// Its display, when the map says it.
    pub display: Option<String>,
    /// What the author of the map says about it.
    pub comment: Option<String>,
    /// The map it comes from.
    pub map: String,
}

impl Match {
    /// Whether it is a translation: neither `unmatched` nor `disjoint`.
    pub fn counts(&self) -> bool {
        !matches!(self.equivalence.as_str(), "unmatched" | "disjoint")
    }
}

impl Group {
    /// A group without pairs.
    pub(super) fn of(source: &str, target: &str) -> Self {
        Self { source: source.to_owned(), target: target.to_owned(), ..Self::default() }
    }

    /// One more pair.
    pub(super) fn add(&mut self, from: &str, to: &str, equivalence: &str) {
        let target = Target {
            code: (!to.is_empty()).then(|| to.to_owned()),
            display: None,
            equivalence: equivalence.to_owned(),
            comment: None,
        };
        self.pairs.push((from.to_owned(), target));
    }
}

impl ConceptMap {
    /// Reads a ConceptMap resource.
    ///
    /// # Errors
    /// When it has no address.
    pub fn from_json(json: &Value) -> Result<Self, TermError> {
        let text = |value: &Value, key| value.str(key).map(str::to_owned);
        let url = text(json, "url");
        let url = url.ok_or_else(|| TermError::Malformed("the concept map has no url".to_owned()))?;
        let mut groups = Vec::new();
        for group in json.items("group") {
            let mut pairs = Vec::new();
            for element in group.items("element") {
                let Some(from) = element.str("code") else { continue };
                for target in element.items("target") {
                    let target = Target {
                        code: text(target, "code"),
                        display: text(target, "display"),
                        equivalence: text(target, "equivalence").unwrap_or_else(|| "equivalent".to_owned()),
                        comment: text(target, "comment"),
                    };
                    pairs.push((from.to_owned(), target));
                }
            }
            groups.push(Group {
                source: text(group, "source").unwrap_or_default(),
                target: text(group, "target").unwrap_or_default(),
                pairs,
                unmapped: group.get("unmapped").and_then(unmapped),
            });
        }
        let either = |a, b| text(json, a).or_else(|| text(json, b));
        Ok(Self {
            url,
            source: either("sourceUri", "sourceCanonical"),
            target: either("targetUri", "targetCanonical"),
            groups,
        })
    }

    /// Whether the map goes from one value set or system to another, as far as the question names them.
    pub fn leads(&self, from_system: &str, target: Option<&str>) -> bool {
        let from = self.groups.iter().any(|g| g.source == from_system);
        from && target.is_none_or(|asked| {
            self.target.as_deref().is_some_and(|own| canonical(own).0 == canonical(asked).0)
                || self.groups.iter().any(|g| g.target == asked)
        })
    }
}

fn unmapped(json: &Value) -> Option<Unmapped> {
    match json.str("mode")? {
        "provided" => Some(Unmapped::Same),
        "fixed" => {
            Some(Unmapped::Fixed(json.str("code")?.to_owned(), json.str("display").map(str::to_owned)))
        }
        "other-map" => Some(Unmapped::Other(json.str("url")?.to_owned())),
        _ => None,
    }
}

/// Maps that are followed one after the other through `unmapped`.
const MOST_MAPS: usize = 8;

/// The translations of a code by a map, the best first; none when the map says nothing about it. `target` keeps only
/// those into that system.
///
/// # Errors
/// When the map leads on to another that is not here.
pub fn translate(
    source: &dyn Source,
    map: &ConceptMap,
    system: &str,
    code: &str,
    target: Option<&str>,
) -> Result<Vec<Match>, TermError> {
    let mut found = Vec::new();
    follow(source, map, (system, code, target), 0, &mut found)?;
    found.sort_by_key(|m: &Match| rank(&m.equivalence));
    Ok(found)
}

fn follow(
    source: &dyn Source,
    map: &ConceptMap,
    asked: (&str, &str, Option<&str>),
    depth: usize,
    found: &mut Vec<Match>,
) -> Result<(), TermError> {
    let (system, code, target) = asked;
    let groups = map.groups.iter().filter(|g| system.is_empty() || g.source == system);
    for group in groups.filter(|g| target.is_none_or(|t| g.target.is_empty() || g.target == t)) {
        let of = |equivalence: &str, code: Option<String>, display: Option<String>| Match {
            equivalence: equivalence.to_owned(),
            system: group.target.clone(),
            code,
            display,
            comment: None,
            map: map.url.clone(),
        };
        let before = found.len();
        for (_, to) in group.pairs.iter().filter(|(from, _)| from == code) {
            let comment = to.comment.clone();
            found.push(Match { comment, ..of(&to.equivalence, to.code.clone(), to.display.clone()) });
        }
        match &group.unmapped {
            Some(_) if found.len() > before => {}
            Some(Unmapped::Same) => found.push(of("equal", Some(code.to_owned()), None)),
            Some(Unmapped::Fixed(code, display)) => {
                found.push(of("equivalent", Some(code.clone()), display.clone()));
            }
            Some(Unmapped::Other(url)) => {
                let (name, version) = canonical(url);
                let next = source.concept_map(name, version).filter(|_| depth < MOST_MAPS);
                let next = next.ok_or_else(|| TermError::UnknownMap(url.clone()))?;
                follow(source, &next, asked, depth + 1, found)?;
            }
            None => {}
        }
    }
    Ok(())
}

fn rank(equivalence: &str) -> usize {
    ["equal", "equivalent", "wider", "subsumes", "narrower", "specializes", "relatedto", "inexact"]
        .iter()
        .position(|known| *known == equivalence)
        .unwrap_or(8)
}
