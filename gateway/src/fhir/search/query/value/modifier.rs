//! Modifiers: which type takes which, and what those of tokens and references ask for.

use super::super::super::budget::{Asked, MOST_EXPANDED};
use super::super::super::params::{Param, ParamType};
use super::super::super::{TermRange, reference as references, token as tokens};
use super::split::{split, system_and_code, unescape};
use super::{One, REFERENCE_NEEDED, bad_value, is_deceased, shown, too_long};
use crate::fhir::id::ResourceType;
use crate::fhir::outcome::{Issue, IssueCode};
use crate::fhir::terminology::TermError;

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
        // Whether somebody is dead has no code, text or system to ask for.
        let found = found
            .filter(|found| !is_deceased(param) || matches!(found, Self::None | Self::Not | Self::Missing));
        found.ok_or_else(|| {
            let text = format!(
                "The modifier \":{}\" cannot be used with \"{}\" here.",
                shown(text),
                name.split(':').next().unwrap_or(&param.code)
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
        Modifier::Text => match too_long(plain) {
            Some(why) => Err(bad(&why)),
            None => tokens::texts(number, plain).ok_or_else(|| bad("nothing to search for")),
        },
        Modifier::In | Modifier::NotIn => one_of(one, Asked::Members(plain.to_owned())),
        Modifier::Above | Modifier::Below => {
            let (system, code) = system_and_code(value).ok_or_else(|| bad("more than one unescaped |"))?;
            let Some(system) = system.filter(|system| !system.is_empty() && !code.is_empty()) else {
                return Err(bad("system|code is needed"));
            };
            let asked = if modifier == Modifier::Above { Asked::Above } else { Asked::Below };
            one_of(one, asked(system, code))
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

/// Ranges of the codes of a value set or hierarchy.
fn one_of(one: &One<'_>, asked: Asked) -> Result<Vec<TermRange>, Issue> {
    let found = one.context.budget.codes(asked, &*one.context.terminology.0).ok_or_else(|| {
        let text = format!(
            "With \"{}\" the value sets and hierarchies of the search have more than {MOST_EXPANDED} codes in all; ask \
             for fewer of them in one search.",
            shown(one.name)
        );
        Issue::error(IssueCode::TooCostly, text)
    })?;
    found.map(|codes| codes.ranges(one.number)).map_err(|why| no_codes(one, &why))
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
                return Err(bad("a canonical address is needed, or a record that can be part of another"));
            }
            references::canonical_hierarchy(one.number, plain, modifier == Modifier::Below)
                .map_err(|why| bad(&why))
        }
        _ => found(one.targets),
    }
}
