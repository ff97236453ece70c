//! Modifiers: which type takes which, and what those of tokens and references ask for.

use super::super::super::params::{Param, ParamType};
use super::super::super::{TermRange, reference as references, token as tokens};
use super::split::{split, system_and_code, unescape};
use super::{One, REFERENCE_NEEDED, bad_value, shown};
use crate::fhir::id::ResourceType;
use crate::fhir::outcome::{Issue, IssueCode};
use crate::fhir::terminology::{self, MOST_CODES, TermError};

/// A modifier that goes with the type of its parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Modifier {
    None,
    Missing,
    Exact,
    Contains,
    Text,
    Not,
    In,
    NotIn,
    Above,
    Below,
    OfType,
    Identifier,
    Typed(ResourceType),
}

impl Modifier {
    /// Reads a modifier; an error when the parameter does not take it.
    pub(super) fn read(param: &Param, name: &str, text: Option<&str>) -> Result<Self, Issue> {
        let Some(text) = text else { return Ok(Self::None) };
        let found = match (param.kind, text) {
            (_, "missing") => Some(Self::Missing),
            (ParamType::String, "exact") => Some(Self::Exact),
            (ParamType::String, "contains") => Some(Self::Contains),
            (ParamType::String | ParamType::Token, "text") => Some(Self::Text),
            (ParamType::Token | ParamType::Id, "not") => Some(Self::Not),
            (ParamType::Token, "in") => Some(Self::In),
            (ParamType::Token, "not-in") => Some(Self::NotIn),
            (ParamType::Token, "of-type") => Some(Self::OfType),
            (ParamType::Token | ParamType::Uri | ParamType::Reference, "above") => Some(Self::Above),
            (ParamType::Token | ParamType::Uri | ParamType::Reference, "below") => Some(Self::Below),
            (ParamType::Reference, "identifier") => Some(Self::Identifier),
            (ParamType::Reference, other) => ResourceType::parse(other)
                .filter(|kind| param.targets.is_empty() || param.targets.contains(kind))
                .map(Self::Typed),
            _ => None,
        };
        found.ok_or_else(|| {
            let text = format!(
                "The modifier \":{}\" cannot be used with \"{}\" here.",
                shown(text),
                name.split(':').next().unwrap_or(param.code)
            );
            Issue::error(IssueCode::NotSupported, text)
        })
    }

    /// Whether what is found is what does not match.
    pub(super) const fn negates(self) -> bool {
        matches!(self, Self::Not | Self::NotIn)
    }
}

/// Ranges of a token.
pub(super) fn token(
    one: &One<'_>,
    modifier: Modifier,
    value: &str,
    plain: &str,
) -> Result<Vec<TermRange>, Issue> {
    let bad = |why: &str| bad_value(one.name, value, why);
    let number = one.number;
    match modifier {
        Modifier::Text => tokens::texts(number, plain).ok_or_else(|| bad("nothing to search for")),
        Modifier::In | Modifier::NotIn => {
            let source = &*one.context.terminology.0;
            let codes = terminology::members(source, plain, MOST_CODES).map_err(|why| no_codes(one, &why))?;
            Ok(tokens::one_of(number, codes.iter().map(|c| (c.system.as_str(), c.code.as_str()))))
        }
        Modifier::Above | Modifier::Below => {
            let (system, code) = system_and_code(value).ok_or_else(|| bad("more than one unescaped |"))?;
            let Some(system) = system.filter(|system| !system.is_empty() && !code.is_empty()) else {
                return Err(bad("system|code is needed"));
            };
            let source = &*one.context.terminology.0;
            let related = if modifier == Modifier::Above { terminology::above } else { terminology::below };
            let codes = related(source, &system, &code, MOST_CODES).map_err(|why| no_codes(one, &why))?;
            Ok(tokens::one_of(number, codes.iter().map(|code| (system.as_str(), code.as_str()))))
        }
        Modifier::OfType => {
            let parts: Option<Vec<String>> = split(value, '|').into_iter().map(unescape).collect();
            match parts.as_deref() {
                Some([system, code, value]) if !code.is_empty() && !value.is_empty() => {
                    Ok(vec![tokens::of_type(number, system, code, value)])
                }
                _ => Err(bad("system|code|value is needed: the type of the identifier and its value")),
            }
        }
        _ => {
            let (system, code) = system_and_code(value).ok_or_else(|| bad("more than one unescaped |"))?;
            let range = tokens::range(number, system.as_deref(), &code);
            let mut out = vec![range.ok_or_else(|| bad("nothing to search for"))?];
            if let Some(system) = system.filter(|system| has_case(&code) && any_case(one, system)) {
                out.push(tokens::any_case(number, &system, &code));
            }
            Ok(out)
        }
    }
}

/// Whether a code has letters that could be written otherwise.
fn has_case(code: &str) -> bool {
    code.chars().any(|c| c.is_lowercase() || c.is_uppercase())
}

/// Whether a code system is known not to tell upper from lower case.
fn any_case(one: &One<'_>, system: &str) -> bool {
    one.context.terminology.0.code_system(system, None).is_some_and(|system| !system.case_sensitive)
}

fn no_codes(one: &One<'_>, why: &TermError) -> Issue {
    let text = format!("Search parameter \"{}\": {why}.", shown(one.name));
    let code = match why {
        TermError::TooCostly { .. } => IssueCode::TooCostly,
        _ => IssueCode::NotFound,
    };
    Issue::error(code, text)
}

/// Ranges of a reference.
pub(super) fn reference(
    one: &One<'_>,
    modifier: Modifier,
    value: &str,
    plain: &str,
) -> Result<Vec<TermRange>, Issue> {
    let bad = |why: &str| bad_value(one.name, value, why);
    let found = |kinds: &[ResourceType]| {
        references::ranges(one.number, plain, kinds, one.context).ok_or_else(|| bad(REFERENCE_NEEDED))
    };
    match modifier {
        Modifier::Identifier => {
            let (system, code) = system_and_code(value).ok_or_else(|| bad("more than one unescaped |"))?;
            if code.is_empty() {
                return Err(bad("the identifier's value is missing"));
            }
            Ok(vec![references::identified(one.number, system.as_deref(), &code)])
        }
        Modifier::Typed(kind) => found(&[kind]),
        Modifier::Above | Modifier::Below => {
            if !crate::fhir::id::has_scheme(plain) {
                return Err(bad("only canonical addresses have an order of above and below here"));
            }
            Ok(references::canonical_hierarchy(one.number, plain, modifier == Modifier::Below))
        }
        _ => found(one.targets),
    }
}
