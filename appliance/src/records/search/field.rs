//! Where a search looks: one type, the whole box, or a compartment; and what was asked there, type by type.

use clinicvault_gateway::fhir::compartment;
use clinicvault_gateway::fhir::id::{LogicalId, ResourceType};
use clinicvault_gateway::fhir::outcome::{Issue, IssueCode, Severity};
use clinicvault_gateway::fhir::search::{Context, Handling, Search, query};

use super::super::error::Error;

/// Where a search looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// One type.
    Type(ResourceType),
    /// Every type, or those of `_type`.
    Whole,
    /// The compartment of a record: one type of it, or every type that it has.
    Compartment { of: ResourceType, id: LogicalId, kind: Option<ResourceType> },
}

impl Field {
    /// A compartment; 404 when records of this type have none, or none with members of that type.
    pub fn compartment(of: ResourceType, id: LogicalId, kind: Option<ResourceType>) -> Result<Self, Error> {
        let member = kind.is_none_or(|kind| compartment::codes(of, kind).is_some());
        if compartment::is_compartment(of) && member {
            return Ok(Self::Compartment { of, id, kind });
        }
        let what = kind.map_or_else(|| "*".to_owned(), |kind| kind.to_string());
        Err(Error::NotFound(format!("a compartment {of}/[id]/{what}")))
    }

    /// The address below the base, as the cursor remembers it: `Patient`, nothing, `Patient/7/Observation`,
    /// `Patient/7/*`.
    pub fn path(&self) -> String {
        match self {
            Self::Type(kind) => kind.to_string(),
            Self::Whole => String::new(),
            Self::Compartment { of, id, kind: Some(kind) } => format!("{of}/{id}/{kind}"),
            Self::Compartment { of, id, kind: None } => format!("{of}/{id}/*"),
        }
    }

    /// The one type that is searched, if it is one.
    pub const fn only(&self) -> Option<ResourceType> {
        match self {
            Self::Type(kind) | Self::Compartment { kind: Some(kind), .. } => Some(*kind),
            Self::Whole | Self::Compartment { kind: None, .. } => None,
        }
    }

    /// The types that are searched when `_type` names none.
    fn every(&self) -> Vec<ResourceType> {
        match self {
            Self::Type(kind) | Self::Compartment { kind: Some(kind), .. } => vec![*kind],
            Self::Whole => ResourceType::all().collect(),
            Self::Compartment { of, .. } => compartment::members(*of).collect(),
        }
    }
}

/// What was asked, understood for each type.
#[derive(Debug)]
pub struct Understood {
    /// One search a type, each with the same control parameters.
    pub searches: Vec<Search>,
    /// Whether the types were named.
    pub named: bool,
    /// What was applied, for the self link.
    pub applied: Vec<(String, String)>,
    /// What was left out.
    pub warnings: Vec<Issue>,
}

/// Reads a query for every type of a field.
///
/// Across types only parameters that all of them have can be used: another one is unknown, as in a single type.
pub fn understand(
    field: &Field,
    parameters: &[(String, String)],
    handling: Handling,
    context: &Context,
) -> Result<Understood, Error> {
    if field.only().is_some() {
        let kind = field.every().first().copied();
        let kind = kind.ok_or_else(|| Error::Fault("a search without a type".to_owned()))?;
        let mut search = query::parse(kind, parameters, handling, context).map_err(Error::of_query)?;
        keep_within(field, &mut search);
        let (applied, warnings) = (search.applied.clone(), search.warnings.clone());
        return Ok(Understood { searches: vec![search], named: true, applied, warnings });
    }
    let (types, rest): (Vec<_>, Vec<_>) = parameters.iter().cloned().partition(|(name, _)| name == "_type");
    let kinds = match types.as_slice() {
        [] => field.every(),
        lists => named(field, lists)?,
    };
    if !types.is_empty() && kinds.contains(&ResourceType::AUDIT_EVENT) {
        let text = "AuditEvents are searched for by themselves, at AuditEvent.";
        return Err(Error::Unreadable(Issue::error(IssueCode::NotSupported, text).at("_type").into()));
    }
    let mut used = rest;
    let mut warnings: Vec<Issue> = Vec::new();
    loop {
        let mut searches = Vec::with_capacity(kinds.len());
        let mut dropped = false;
        // One bound for all types.
        let context = &context.of_one_query();
        for kind in &kinds {
            let mut search = query::parse_within(*kind, &used, handling, context).map_err(Error::of_query)?;
            if !search.warnings.is_empty() {
                // Left out for one type it is left out for all; otherwise the self link would not be true.
                used.retain(|pair| search.applied.contains(pair) || is_aside(&pair.0));
                warnings.append(&mut search.warnings);
                dropped = true;
                break;
            }
            keep_within(field, &mut search);
            searches.push(search);
        }
        if dropped {
            continue;
        }
        let same_order = searches.windows(2).all(|pair| matches!(pair, [a, b] if a.sort == b.sort));
        if !same_order {
            let text = "Several types can only be sorted by what all of them have in the same form, such as \
                        _lastUpdated or _id.";
            return Err(Error::Unreadable(Issue::error(IssueCode::Value, text).into()));
        }
        let applied = types
            .iter()
            .cloned()
            .chain(searches.first().map(|search| search.applied.clone()).into_iter().flatten());
        let applied = applied.collect();
        return Ok(Understood { searches, named: !types.is_empty(), applied, warnings });
    }
}

fn is_aside(name: &str) -> bool {
    matches!(name, "_format" | "_pretty" | "fhirVersion")
}

/// The types that `_type` names; all lists must name a type.
fn named(field: &Field, lists: &[(String, String)]) -> Result<Vec<ResourceType>, Error> {
    let mut kinds: Option<Vec<ResourceType>> = None;
    for (_, list) in lists {
        let mut these = Vec::new();
        for name in list.split(',') {
            let kind = ResourceType::parse(name).filter(|kind| field.every().contains(kind));
            these.push(kind.ok_or_else(|| {
                let shown: String = name.chars().take(64).collect();
                let text = format!("\"{shown}\" in _type is not a resource type that can be searched here.");
                Error::Unreadable(Issue::error(IssueCode::Value, text).into())
            })?);
        }
        these.sort_unstable();
        these.dedup();
        kinds = Some(match kinds {
            Some(before) => before.into_iter().filter(|kind| these.contains(kind)).collect(),
            None => these,
        });
    }
    Ok(kinds.unwrap_or_default())
}

fn keep_within(field: &Field, search: &mut Search) {
    if let Field::Compartment { of, id, .. } = field
        && let Some(criterion) = compartment::membership(*of, id, search.kind)
    {
        search.criteria.push(criterion);
    }
}

/// A warning that a page ended before it was full.
pub fn early() -> Issue {
    let text = "This page ends early: finding more rows looks at many index entries (limits.search_rows). The next \
                link goes on.";
    Issue { severity: Severity::Warning, ..Issue::error(IssueCode::TooCostly, text) }
}
