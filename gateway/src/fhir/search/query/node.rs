//! Conditions that are more than a list of criteria: and, or, not, and links from record to record.

use std::collections::BTreeSet;

use super::Criterion;
use crate::fhir::id::ResourceType;
use crate::fhir::search::own::is_own;
use crate::fhir::search::params::Asked;
use crate::fhir::search::{Term, TermRange, text};
use crate::json::Value;

/// A condition on a record of one type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// All hold; an empty list holds always.
    All(Vec<Node>),
    /// At least one holds; an empty list never does.
    Any(Vec<Node>),
    /// It does not hold.
    Not(Box<Node>),
    /// One of the record's own terms decides.
    Is(Criterion),
    /// The record refers to another for which a condition holds (a chained parameter).
    Refers(Refers),
    /// Another record refers to this one, and a condition holds for that other (`_has`).
    Referred(Referred),
    /// A text of which the index keeps only the beginning decides: the record itself has to be looked at.
    Long(Long),
}

/// What is asked of texts that are longer than what the index keeps of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Long {
    /// Number of the parameter.
    pub param: u16,
    /// Ranges of the values that were cut.
    pub ranges: Vec<TermRange>,
    /// What the whole text must have.
    pub part: Part,
}

/// A part of a text, folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// It ends with this.
    Ends(String),
    /// It has this in it.
    Contains(String),
}

impl Long {
    /// Whether a record with these terms has such a text at all.
    pub fn concerns(&self, own: &[Term]) -> bool {
        own.iter().any(|term| self.is_cut(term))
    }

    /// Whether one of the long texts of a record has the part. `json` is the whole record, `own` are its terms.
    pub fn holds(&self, own: &[Term], json: &Value) -> bool {
        let cut: Vec<&[u8]> =
            own.iter().filter(|term| self.is_cut(term)).map(|term| term.value.as_slice()).collect();
        text::any_whole(&cut, json, &|whole| match &self.part {
            Part::Ends(part) => whole.ends_with(part.as_str()),
            Part::Contains(part) => whole.contains(part.as_str()),
        })
    }

    fn is_cut(&self, term: &Term) -> bool {
        self.ranges.iter().any(|range| range.contains(term))
    }
}

/// A link from the record to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refers {
    /// Where the values of the reference parameter are stored.
    pub stored: Vec<Asked>,
    /// Its name, as asked.
    pub name: String,
    /// Types the other may have, each with what must hold for it.
    pub targets: Vec<(ResourceType, Node)>,
}

/// A link to the record from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referred {
    /// Type of the other.
    pub from: ResourceType,
    /// Where the values of the other's reference parameter are stored.
    pub stored: Vec<Asked>,
    /// Its name, as asked.
    pub name: String,
    /// What must hold for the other.
    pub of: Box<Node>,
}

impl Node {
    /// All of some criteria.
    pub fn all(criteria: impl IntoIterator<Item = Criterion>) -> Self {
        Self::All(criteria.into_iter().map(Self::Is).collect())
    }

    /// Whether a record's own terms decide alone: no link and no long text in it.
    pub fn is_local(&self) -> bool {
        match self {
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().all(Self::is_local),
            Self::Not(node) => node.is_local(),
            Self::Is(_) => true,
            Self::Refers(_) | Self::Referred(_) | Self::Long(_) => false,
        }
    }

    /// Whether a record with these terms fulfils the condition; `None` when more than they would have to be looked at.
    pub fn holds(&self, own: &[Term]) -> Option<bool> {
        match self {
            Self::All(nodes) => nodes.iter().try_fold(true, |all, node| Some(node.holds(own)? && all)),
            Self::Any(nodes) => nodes.iter().try_fold(false, |any, node| Some(node.holds(own)? || any)),
            Self::Not(node) => Some(!node.holds(own)?),
            Self::Is(criterion) => Some(criterion.matches(own)),
            Self::Refers(_) | Self::Referred(_) => None,
            Self::Long(long) => {
                if long.concerns(own) {
                    None
                } else {
                    Some(false)
                }
            }
        }
    }

    /// Whether it asks for a parameter of the clinic's own, of a record of `kind` or of one that is linked to it.
    pub fn asks_own(&self, kind: ResourceType) -> bool {
        let mut numbers = Vec::new();
        self.numbers(kind, &mut numbers);
        numbers.iter().any(|(_, number)| is_own(*number))
    }

    /// The numbers of the parameters that it is about, each with the type whose records it is asked of.
    pub(super) fn numbers(&self, kind: ResourceType, out: &mut Vec<(ResourceType, u16)>) {
        match self {
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().for_each(|node| node.numbers(kind, out)),
            Self::Not(node) => node.numbers(kind, out),
            Self::Is(criterion) => out.push((kind, criterion.param)),
            Self::Long(long) => out.push((kind, long.param)),
            Self::Refers(link) => {
                out.extend(link.stored.iter().map(|asked| (kind, asked.number)));
                link.targets.iter().for_each(|(target, node)| node.numbers(*target, out));
            }
            Self::Referred(link) => {
                out.extend(link.stored.iter().map(|asked| (link.from, asked.number)));
                link.of.numbers(link.from, out);
            }
        }
    }

    /// The types of the records at the other ends of its links.
    pub fn linked(&self, out: &mut BTreeSet<ResourceType>) {
        match self {
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().for_each(|node| node.linked(out)),
            Self::Not(node) => node.linked(out),
            Self::Is(_) | Self::Long(_) => {}
            Self::Refers(link) => {
                for (target, node) in &link.targets {
                    out.insert(*target);
                    node.linked(out);
                }
            }
            Self::Referred(link) => {
                out.insert(link.from);
                link.of.linked(out);
            }
        }
    }

    /// How many links a record is away from the farthest one that is looked at.
    pub fn depth(&self) -> usize {
        match self {
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().map(Self::depth).max().unwrap_or(0),
            Self::Not(node) => node.depth(),
            Self::Is(_) | Self::Long(_) => 0,
            Self::Refers(link) => 1 + link.targets.iter().map(|(_, node)| node.depth()).max().unwrap_or(0),
            Self::Referred(link) => 1 + link.of.depth(),
        }
    }
}
