//! Concept maps: from the codes of one system to those of another, and back.

use super::{Source, TermError, canonical};
use crate::json::Value;

/// A concept map.
#[derive(Debug, Clone, Default)]
pub struct ConceptMap {
    /// Canonical address without version; empty for one that came with the question.
    pub url: String,
    /// Business version.
    pub version: Option<String>,
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

#[derive(Debug, Clone, Default)]
struct Target {
    from_display: Option<String>,
    code: Option<String>,
    display: Option<String>,
    equivalence: String,
    comment: Option<String>,
    depends_on: Vec<Other>,
    products: Vec<Other>,
}

/// Another element that a translation depends on, or that comes out of it: element, system, value.
type Other = (String, String, String);

/// What happens to a code without a pair.
#[derive(Debug, Clone)]
enum Unmapped {
    Same,
    Fixed(String, Option<String>),
    Other(String),
}

/// What is asked of a map.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// System of the code; empty: any.
    pub system: &'a str,
    /// The code.
    pub code: &'a str,
    /// Only translations into this system.
    pub target: Option<&'a str>,
    /// From the target back to the source.
    pub reverse: bool,
    /// What is known of other elements.
    pub dependencies: &'a [Dependency],
}

/// What another element says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dependency {
    /// The element.
    pub element: String,
    /// Its codes: system and code.
    pub codings: Vec<(String, String)>,
    /// Its text.
    pub text: Option<String>,
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
    /// What else comes out of it: element, system, code.
    pub products: Vec<Other>,
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
            equivalence: equivalence.to_owned(),
            ..Target::default()
        };
        self.pairs.push((from.to_owned(), target));
    }

    /// Systems that it leads from and to.
    fn ends(&self, reverse: bool) -> (&str, &str) {
        if reverse { (&self.target, &self.source) } else { (&self.source, &self.target) }
    }
}

impl ConceptMap {
    /// Reads a ConceptMap resource.
    ///
    /// # Errors
    /// Never at present; a map that says nothing translates nothing.
    pub fn from_json(json: &Value) -> Result<Self, TermError> {
        let either = |a, b| text(json, a).or_else(|| text(json, b));
        Ok(Self {
            url: text(json, "url").unwrap_or_default(),
            version: text(json, "version"),
            source: either("sourceUri", "sourceCanonical"),
            target: either("targetUri", "targetCanonical"),
            groups: json.items("group").iter().map(group).collect(),
        })
    }

    /// Whether a group leads from a system (empty: any) to another, as far as the question names them.
    pub fn has_group(&self, system: &str, target: Option<&str>, reverse: bool) -> bool {
        self.groups.iter().any(|group| {
            let (from, to) = group.ends(reverse);
            (system.is_empty() || from == system) && target.is_none_or(|asked| to == asked)
        })
    }
}

fn text(json: &Value, key: &str) -> Option<String> {
    json.str(key).map(str::to_owned)
}

fn group(json: &Value) -> Group {
    let mut pairs = Vec::new();
    for element in json.items("element") {
        let Some(from) = element.str("code") else { continue };
        for target in element.items("target") {
            let target = Target {
                from_display: text(element, "display"),
                code: text(target, "code"),
                display: text(target, "display"),
                equivalence: text(target, "equivalence").unwrap_or_else(|| "equivalent".to_owned()),
                comment: text(target, "comment"),
                depends_on: others(target, "dependsOn"),
                products: others(target, "product"),
            };
            pairs.push((from.to_owned(), target));
        }
    }
    Group {
        source: text(json, "source").unwrap_or_default(),
        target: text(json, "target").unwrap_or_default(),
        pairs,
        unmapped: json.get("unmapped").and_then(unmapped),
    }
}

fn others(json: &Value, key: &str) -> Vec<Other> {
    let one = |item: &Value| {
        let system = item.str("system").unwrap_or_default();
        Some((item.str("property")?.to_owned(), system.to_owned(), item.str("value")?.to_owned()))
    };
    json.items(key).iter().filter_map(one).collect()
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

/// The translations of a code by a map, the best first; none when the map says nothing about it.
///
/// A pair that depends on other elements counts only when the question says what it depends on. Backwards, a pair says
/// the opposite (`wider` becomes `narrower`), and what happens to codes without a pair does not apply.
///
/// # Errors
/// When the map leads on to another that is not here.
pub fn translate(
    source: &dyn Source,
    map: &ConceptMap,
    asked: &Question<'_>,
) -> Result<Vec<Match>, TermError> {
    let mut found = Vec::new();
    follow(source, map, asked, 0, &mut found)?;
    found.sort_by_key(|m: &Match| rank(&m.equivalence));
    Ok(found)
}

fn follow(
    source: &dyn Source,
    map: &ConceptMap,
    asked: &Question<'_>,
    depth: usize,
    found: &mut Vec<Match>,
) -> Result<(), TermError> {
    for group in &map.groups {
        let (from, to) = group.ends(asked.reverse);
        let other_system = !asked.system.is_empty() && from != asked.system;
        if other_system || asked.target.is_some_and(|t| !to.is_empty() && to != t) {
            continue;
        }
        let of = |equivalence: &str, code: Option<String>, display: Option<String>| Match {
            equivalence: equivalence.to_owned(),
            system: to.to_owned(),
            code,
            display,
            comment: None,
            products: Vec::new(),
            map: map.url.clone(),
        };
        if asked.reverse {
            let back = group.pairs.iter().filter(|(_, to)| to.code.as_deref() == Some(asked.code));
            for (code, to) in back.filter(|(_, to)| to.fits(asked)) {
                let comment = to.comment.clone();
                let own = of(opposite(&to.equivalence), Some(code.clone()), to.from_display.clone());
                found.push(Match { comment, ..own });
            }
            continue;
        }
        let before = found.len();
        let pairs = group.pairs.iter().filter(|(from, _)| from == asked.code);
        for (_, to) in pairs.filter(|(_, to)| to.fits(asked)) {
            let (comment, products) = (to.comment.clone(), to.products.clone());
            found.push(Match {
                comment,
                products,
                ..of(&to.equivalence, to.code.clone(), to.display.clone())
            });
        }
        match &group.unmapped {
            Some(_) if found.len() > before => {}
            Some(Unmapped::Same) => found.push(of("equal", Some(asked.code.to_owned()), None)),
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

impl Target {
    /// Whether everything that it depends on is as the question says.
    fn fits(&self, asked: &Question<'_>) -> bool {
        self.depends_on.iter().all(|(element, system, value)| {
            asked.dependencies.iter().filter(|given| given.element == *element).any(|given| {
                given.text.as_deref() == Some(value)
                    || given
                        .codings
                        .iter()
                        .any(|(own, code)| code == value && (system.is_empty() || own == system))
            })
        })
    }
}

/// What an equivalence says when source and target change places.
fn opposite(equivalence: &str) -> &str {
    match equivalence {
        "wider" => "narrower",
        "narrower" => "wider",
        "subsumes" => "specializes",
        "specializes" => "subsumes",
        other => other,
    }
}

fn rank(equivalence: &str) -> usize {
    ["equal", "equivalent", "wider", "subsumes", "narrower", "specializes", "relatedto", "inexact"]
        .iter()
        .position(|known| *known == equivalence)
        .unwrap_or(8)
}
