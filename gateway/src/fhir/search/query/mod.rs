//! Query string -> [`Search`]: criteria as index ranges, sorting, paging wishes.
//!
//! Nothing is dropped in silence: an unknown parameter is an error under strict handling and a warning under lenient,
//! where the self link leaves it out; an unknown modifier or an unreadable value is always an error.

mod chain;
mod filter;
mod include;
mod node;
mod value;

use super::params;
use super::{Context, TermRange, words};
use crate::fhir::id::ResourceType;
use crate::fhir::outcome::{Issue, IssueCode, Outcome, Severity};

pub use include::{Include, references};
pub use node::{Long, Node, Part, Referred, Refers};
pub use value::HIERARCHY_LEVELS;

/// Most parameters in one query.
const MOST_PARAMETERS: usize = 64;

/// What to do about parameters that are not known (`Prefer: handling=`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handling {
    /// They are an error.
    Strict,
    /// They are left out, with a warning.
    Lenient,
}

/// A search that has been understood.
#[derive(Debug, Clone)]
pub struct Search {
    /// Type that is searched.
    pub kind: ResourceType,
    /// All must hold; each is decided by the record's own terms.
    pub criteria: Vec<Criterion>,
    /// These must hold besides: chains, `_has`, `_list`, `_filter`.
    pub further: Vec<Node>,
    /// What comes along with the records that match.
    pub includes: Vec<Include>,
    /// Keys in order; the store breaks ties by record.
    pub sort: Vec<SortKey>,
    /// `_count`, as asked; 0 means only the total.
    pub count: Option<u32>,
    /// `_total`
    pub total: Total,
    /// `_summary`
    pub summary: Summary,
    /// `_elements`: names of members at the root.
    pub elements: Vec<String>,
    /// What was applied, decoded, in the order asked: for the self link.
    pub applied: Vec<(String, String)>,
    /// What was left out.
    pub warnings: Vec<Issue>,
    /// The state of the own parameters that it was read by, if it asks for any.
    pub own: Option<u64>,
}

/// One condition: a record fulfils it when one of its terms lies in one of the ranges (or none, when negated).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Criterion {
    /// Number of the parameter.
    pub param: u16,
    /// Its name, with modifier, as it was asked.
    pub name: String,
    /// Ranges of which one must hold a term. None at all: nothing matches.
    pub alternatives: Vec<TermRange>,
    /// The condition holds for records with no term in the ranges (`:not`, `:missing=true`).
    pub negate: bool,
}

/// One sort key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortKey {
    /// Number of the parameter.
    pub param: u16,
    /// Largest first.
    pub descending: bool,
    /// The values whose order is the order asked for; records without any come last.
    pub range: TermRange,
}

/// `_total`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Total {
    /// Nothing was asked: sent when cheap.
    #[default]
    Unspecified,
    /// `none`
    None,
    /// `estimate`
    Estimate,
    /// `accurate`
    Accurate,
}

/// `_summary`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Summary {
    /// Everything.
    #[default]
    False,
    /// Summary elements only.
    True,
    /// Narrative, id, meta and mandatory elements.
    Text,
    /// Everything but the narrative.
    Data,
    /// The total only.
    Count,
}

impl Search {
    /// Whether there is any condition at all.
    pub const fn is_conditional(&self) -> bool {
        !self.criteria.is_empty() || !self.further.is_empty()
    }

    /// Everything that must hold, as one condition.
    pub fn condition(&self) -> Node {
        let own = self.criteria.iter().cloned().map(Node::Is);
        Node::All(own.chain(self.further.iter().cloned()).collect())
    }

    /// What it asks for that may not be known of every record: own parameters, composites and words, each with the type
    /// whose records they are asked of.
    pub fn unsure(&self, context: &Context) -> Vec<(ResourceType, u16)> {
        let mut out = Vec::new();
        self.condition().numbers(self.kind, &mut out);
        out.extend(self.sort.iter().map(|key| (self.kind, key.param)));
        for include in &self.includes {
            let source = include.source.unwrap_or(self.kind);
            out.extend(include.stored(source, context).into_iter().map(|asked| (source, asked.number)));
        }
        let words = |number| matches!(number, params::NARRATIVE_WORDS | params::CONTENT_WORDS);
        let composite = |(kind, number): &(ResourceType, u16)| {
            params::of(*kind)
                .any(|param| param.number == *number && param.kind == params::ParamType::Composite)
        };
        out.retain(|asked| super::own::is_own(asked.1) || words(asked.1) || composite(asked));
        out
    }

    /// Whether a record with these terms fulfils every criterion; what is in `further` is not asked. For checks of
    /// single records and for tests; a store walks ranges instead.
    pub fn matches(&self, terms: &[super::Term]) -> bool {
        self.criteria.iter().all(|c| c.matches(terms))
    }
}

impl Criterion {
    /// Whether a record with these terms fulfils the condition.
    pub fn matches(&self, terms: &[super::Term]) -> bool {
        terms.iter().any(|term| self.alternatives.iter().any(|range| range.contains(term))) != self.negate
    }
}

/// Reads a query. `query` holds decoded names and values in the order asked.
///
/// # Errors
/// An [`Outcome`] with every parameter that cannot be served.
pub fn parse(
    kind: ResourceType,
    query: &[(String, String)],
    handling: Handling,
    context: &Context,
) -> Result<Search, Outcome> {
    parse_within(kind, query, handling, &context.of_one_query())
}

/// The same for one of several types of a query: what it may ask of the index is counted in `context` for all of them
/// (see [`Context::of_one_query`]).
///
/// # Errors
/// As [`parse`].
pub fn parse_within(
    kind: ResourceType,
    query: &[(String, String)],
    handling: Handling,
    context: &Context,
) -> Result<Search, Outcome> {
    let mut search = Search {
        kind,
        criteria: Vec::new(),
        further: Vec::new(),
        includes: Vec::new(),
        sort: Vec::new(),
        count: None,
        total: Total::default(),
        summary: Summary::default(),
        elements: Vec::new(),
        applied: Vec::new(),
        warnings: Vec::new(),
        own: None,
    };
    if query.len() > MOST_PARAMETERS {
        let text = format!("A search may have at most {MOST_PARAMETERS} parameters.");
        return Err(Outcome::error(IssueCode::TooCostly, text));
    }
    let mut issues = Vec::new();
    for (name, value) in query {
        match read(&mut search, name, value, context) {
            Ok(Read::Applied) => search.applied.push((name.clone(), value.clone())),
            Ok(Read::Aside) => {}
            Ok(Read::Unknown) if handling == Handling::Lenient => {
                search.warnings.push(Issue { severity: Severity::Warning, ..unknown(kind, name) });
            }
            Ok(Read::Unknown) => issues.push(unknown(kind, name)),
            Err(issue) => issues.push(issue),
        }
    }
    if !issues.is_empty() {
        return Err(Outcome::of(issues));
    }
    let asks = search.unsure(context).iter().any(|(_, number)| super::own::is_own(*number));
    search.own = asks.then(|| context.own.epoch());
    Ok(search)
}

/// Longest value of a parameter that shapes the answer, bytes.
const LONGEST_CONTROL: usize = 4096;
/// Most keys of `_sort`.
const MOST_SORT_KEYS: usize = 16;
/// Most names of `_elements`.
const MOST_ELEMENTS: usize = 200;

enum Read {
    Applied,
    /// Known, but not part of the search: form of the answer.
    Aside,
    Unknown,
}

fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

fn unknown(kind: ResourceType, name: &str) -> Issue {
    let text = format!("{kind} has no search parameter \"{}\" here.", shown(name));
    Issue::error(IssueCode::NotSupported, text)
}

fn unsupported(what: &str) -> Issue {
    Issue::error(IssueCode::NotSupported, format!("\"{}\" is not supported by this server.", shown(what)))
}

fn bad_value(name: &str, value: &str, why: &str) -> Issue {
    let text = format!(
        "The value \"{}\" of search parameter \"{}\" cannot be used: {why}.",
        shown(value),
        shown(name)
    );
    Issue::error(IssueCode::Value, text)
}

fn read(search: &mut Search, name: &str, value: &str, context: &Context) -> Result<Read, Issue> {
    let (base, modifier) = match name.split_once(':') {
        Some((base, modifier)) => (base, Some(modifier)),
        None => (name, None),
    };
    if matches!(name, "_format" | "_pretty" | "fhirVersion") {
        return Ok(Read::Aside);
    }
    match base {
        "_include" | "_revinclude" => {
            search.includes.push(Include::read(search.kind, name, modifier, value, context)?);
            return Ok(Read::Applied);
        }
        "_count" | "_sort" | "_total" | "_summary" | "_elements" if modifier.is_some() => {
            return Err(unsupported(name));
        }
        "_count" | "_sort" | "_total" | "_summary" | "_elements" => {
            control(search, base, value, context)?;
            return Ok(Read::Applied);
        }
        "_list" if modifier.is_none() => {
            search.further.push(listed(value, context)?);
            return Ok(Read::Applied);
        }
        "_filter" if modifier.is_none() => {
            search.further.push(filter::read(search.kind, value, context)?);
            return Ok(Read::Applied);
        }
        "_type" if modifier.is_none() => {
            if value.split(',').all(|name| name == search.kind.as_str()) {
                return Ok(Read::Applied);
            }
            let why = "several types are searched at the base, where the address names none";
            return Err(bad_value(name, value, why));
        }
        // Contained resources are not found by themselves; that is what `false` says.
        "_contained" if modifier.is_none() && value == "false" => return Ok(Read::Applied),
        _ if base != "_has" && is_control(base) && !(words::is_asked(base) && modifier.is_none()) => {
            return Err(unsupported(name));
        }
        _ => {}
    }
    let mut reading = chain::Reading::new(name, value, context);
    match reading.node(search.kind, name, 0) {
        Ok(Node::Is(criterion)) => search.criteria.push(criterion),
        Ok(node) => search.further.push(node),
        Err(chain::Miss::Unknown) => return Ok(Read::Unknown),
        Err(chain::Miss::Wrong(issue)) => return Err(issue),
    }
    Ok(Read::Applied)
}

/// Whether a name means something else than a value in a record.
fn is_control(name: &str) -> bool {
    matches!(
        name,
        "_include"
            | "_revinclude"
            | "_has"
            | "_filter"
            | "_text"
            | "_content"
            | "_list"
            | "_query"
            | "_type"
            | "_contained"
            | "_containedType"
            | "_count"
            | "_sort"
            | "_total"
            | "_summary"
            | "_elements"
            | "_format"
            | "_pretty"
    )
}

/// `_list`: the records that are items of a List. The lists that a server would make up (`$current-…`) are not served.
fn listed(value: &str, context: &Context) -> Result<Node, Issue> {
    if value.starts_with('$') {
        return Err(unsupported(&format!("_list={value}")));
    }
    let Some(list) = ResourceType::parse("List") else { return Err(unsupported("_list")) };
    let (Some(item), Some(id)) = (params::find(list, "item"), params::find(list, "_id")) else {
        return Err(unsupported("_list"));
    };
    let named = value::criterion(id, "_list", None, value, context)?;
    let of = Box::new(Node::Is(named));
    Ok(Node::Referred(Referred { from: list, stored: item.stored(), name: "_list".to_owned(), of }))
}

fn control(search: &mut Search, name: &str, value: &str, context: &Context) -> Result<(), Issue> {
    let bad = |why| bad_value(name, value, why);
    if value.len() > LONGEST_CONTROL {
        return Err(bad("it is longer than 4096 bytes"));
    }
    match name {
        "_count" => {
            let count = value.bytes().all(|b| b.is_ascii_digit()).then(|| value.parse().ok()).flatten();
            search.count = Some(count.ok_or_else(|| bad("a whole number is needed"))?);
        }
        "_total" => {
            search.total = match value {
                "none" => Total::None,
                "estimate" => Total::Estimate,
                "accurate" => Total::Accurate,
                _ => return Err(bad("none, estimate or accurate is needed")),
            };
        }
        "_summary" => {
            search.summary = match value {
                "false" => Summary::False,
                "true" => Summary::True,
                "text" => Summary::Text,
                "data" => Summary::Data,
                "count" => Summary::Count,
                _ => return Err(bad("true, text, data, count or false is needed")),
            };
        }
        "_elements" => {
            for element in value.split(',') {
                let name = element.rsplit('.').next().unwrap_or(element);
                if name.is_empty()
                    || !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'[' | b']'))
                {
                    return Err(bad("names of elements are needed"));
                }
                if search.elements.len() == MOST_ELEMENTS {
                    return Err(bad("at most 200 elements can be named"));
                }
                search.elements.push(name.to_owned());
            }
        }
        _ => {
            for key in value.split(',') {
                if search.sort.len() == MOST_SORT_KEYS {
                    return Err(bad("a search is sorted by at most 16 keys"));
                }
                let key = sort_key(search.kind, key, context)?;
                search.sort.push(key.ok_or_else(|| bad("there is no such parameter to sort by"))?);
            }
        }
    }
    Ok(())
}

fn sort_key(kind: ResourceType, key: &str, context: &Context) -> Result<Option<SortKey>, Issue> {
    let (descending, code) = match key.strip_prefix('-') {
        Some(code) => (true, code),
        None => (false, key),
    };
    let Some(param) = context.param(kind, code)? else { return Ok(None) };
    let range = value::sorted(param, descending);
    Ok(range.map(|range| SortKey { param: param.number, descending, range }))
}

/// Decodes `a=1&b=2` as it stands behind the question mark or in a form body: `+` is a space.
///
/// # Errors
/// An [`Outcome`] when an escape is broken or the bytes are not UTF-8.
pub fn decode(text: &str) -> Result<Vec<(String, String)>, Outcome> {
    let decoded = |part: &str| {
        crate::fhir::bundle::percent_decode(part, true).ok_or_else(|| {
            Outcome::error(
                IssueCode::Invalid,
                format!("\"{}\" is not a legal part of a query string.", shown(part)),
            )
        })
    };
    text.split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Ok((decoded(name)?, decoded(value)?))
        })
        .collect()
}
