//! Values of search parameters -> index ranges: escapes, alternatives, prefixes, modifiers.

use super::super::date::{self, Prefix};
use super::super::decimal::Decimal;
use super::super::params::{Param, ParamType};
use super::super::{Context, TermRange, quantity, reference, text, token, uri};
use super::{Criterion, bad_value, shown};
use crate::fhir::datetime::Moment;
use crate::fhir::id::{LogicalId, ResourceType};
use crate::fhir::outcome::{Issue, IssueCode};

/// Most alternatives (separated by commas) of one parameter.
const MOST_VALUES: usize = 500;
/// Longest value of one parameter, bytes.
const MOST_BYTES: usize = 16 * 1024;

/// The condition that a parameter with its modifier and value states.
pub(super) fn criterion(
    param: &Param,
    name: &str,
    modifier: Option<&str>,
    value: &str,
    context: &Context,
) -> Result<Criterion, Issue> {
    let made =
        |alternatives, negate| Criterion { param: param.number, name: name.to_owned(), alternatives, negate };
    if modifier == Some("missing") {
        let missing = match value {
            "true" => true,
            "false" => false,
            _ => return Err(bad_value(name, value, "true or false is needed")),
        };
        return Ok(made(vec![TermRange::all(param.number)], missing));
    }
    if value.len() > MOST_BYTES {
        let text =
            format!("The value of search parameter \"{}\" is longer than {MOST_BYTES} bytes.", shown(name));
        return Err(Issue::error(IssueCode::TooLong, text));
    }
    let values = split(value, ',');
    if values.len() > MOST_VALUES {
        let text = format!("Search parameter \"{}\" has more than {MOST_VALUES} alternatives.", shown(name));
        return Err(Issue::error(IssueCode::TooCostly, text));
    }
    let mut alternatives = Vec::with_capacity(values.len());
    for one in values {
        alternatives.extend(ranges(param, name, modifier, one, context)?);
    }
    Ok(made(alternatives, modifier == Some("not")))
}

/// Ranges of one alternative, still escaped.
fn ranges(
    param: &Param,
    name: &str,
    modifier: Option<&str>,
    value: &str,
    context: &Context,
) -> Result<Vec<TermRange>, Issue> {
    let bad = |why| bad_value(name, value, why);
    let number = param.number;
    let plain = unescape(value).ok_or_else(|| bad("a backslash must stand before , $ | or \\"))?;
    if plain.is_empty() {
        return Err(bad("it is empty"));
    }
    let one = |range: Option<TermRange>, why| range.map(|r| vec![r]).ok_or_else(|| bad(why));
    let wrong_modifier = |modifier: &str| {
        let text =
            format!("The modifier \":{}\" cannot be used with \"{}\" here.", shown(modifier), param.code);
        Err(Issue::error(IssueCode::NotSupported, text))
    };
    match (param.kind, modifier) {
        (ParamType::String, None) => one(text::starting(number, &plain), "nothing to search for"),
        (ParamType::String, Some("exact")) => one(text::exact(number, &plain), "nothing to search for"),
        (ParamType::String, Some("contains")) => {
            one(text::containing(number, &plain), "nothing to search for")
        }
        (ParamType::Token, None | Some("not")) => {
            let (system, code) = system_and_code(value).ok_or_else(|| bad("more than one unescaped |"))?;
            one(token::range(number, system.as_deref(), &code), "nothing to search for")
        }
        (ParamType::Id, None | Some("not")) => {
            let id = LogicalId::parse(&plain).ok_or_else(|| bad("it is not a logical id"))?;
            Ok(vec![uri::exact(number, id.as_str())])
        }
        (ParamType::Uri, None) => Ok(vec![uri::exact(number, &plain)]),
        (ParamType::Uri, Some("below")) => Ok(uri::below(number, &plain)),
        (ParamType::Uri, Some("above")) => Ok(uri::above(number, &plain)),
        (ParamType::Date, None) => {
            let (prefix, moment) = moment(&plain).ok_or_else(|| bad(DATE_NEEDED))?;
            Ok(date::ranges(number, prefix, &moment, context))
        }
        (ParamType::Instant, None) => {
            let (prefix, moment) = moment(&plain).ok_or_else(|| bad(DATE_NEEDED))?;
            Ok(date::point_ranges(number, prefix, &moment, context))
        }
        (ParamType::Number, None) => {
            let (prefix, rest) = Prefix::split(&plain);
            let decimal = Decimal::parse(rest).ok_or_else(|| bad("it is not a number"))?;
            Ok(quantity::ranges(number, prefix, decimal, None))
        }
        (ParamType::Quantity, None) => quantity_ranges(number, value)
            .ok_or_else(|| bad("a number is needed, then nothing, |system|code or ||code")),
        (ParamType::Reference, None) => {
            reference::ranges(number, &plain, &param.targets(), context).ok_or_else(|| bad(REFERENCE_NEEDED))
        }
        (ParamType::Reference, Some("identifier")) => {
            let (system, code) = system_and_code(value).ok_or_else(|| bad("more than one unescaped |"))?;
            if code.is_empty() {
                return Err(bad("the identifier's value is missing"));
            }
            Ok(vec![reference::identified(number, system.as_deref(), &code)])
        }
        (ParamType::Reference, Some(other)) => {
            let Some(kind) = ResourceType::parse(other) else { return wrong_modifier(other) };
            let targets = param.targets();
            if !targets.is_empty() && !targets.contains(&kind) {
                return wrong_modifier(other);
            }
            reference::ranges(number, &plain, &[kind], context).ok_or_else(|| bad(REFERENCE_NEEDED))
        }
        (_, Some(other)) => wrong_modifier(other),
    }
}

const DATE_NEEDED: &str = "a date such as ge2024-01-31 is needed; a plus sign in a zone is sent as %2B";
const REFERENCE_NEEDED: &str = "an id, Type/id or an absolute address is needed";

fn moment(text: &str) -> Option<(Prefix, Moment)> {
    let (prefix, rest) = Prefix::split(text);
    Some((prefix, Moment::lenient(rest)?))
}

fn quantity_ranges(param: u16, value: &str) -> Option<Vec<TermRange>> {
    let parts: Vec<String> = split(value, '|').into_iter().map(unescape).collect::<Option<_>>()?;
    let (prefix, number) = Prefix::split(parts.first()?);
    let number = Decimal::parse(number)?;
    match parts.as_slice() {
        [_] => Some(quantity::ranges(param, prefix, number, None)),
        [_, system, code] if !code.is_empty() => {
            Some(quantity::ranges(param, prefix, number, Some((system, code))))
        }
        _ => None,
    }
}

/// `code` or `system|code`; `None` when there are more parts.
fn system_and_code(value: &str) -> Option<(Option<String>, String)> {
    match split(value, '|').as_slice() {
        [code] => Some((None, unescape(code)?)),
        [system, code] => Some((Some(unescape(system)?), unescape(code)?)),
        _ => None,
    }
}

/// Parts between separators that no backslash stands before; parts stay escaped.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == separator {
            parts.push(text.get(start..at).unwrap_or_default());
            start = at + c.len_utf8();
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

/// Takes backslashes away; `None` when one stands before something else than `,`, `$`, `|` or itself.
fn unescape(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' { chars.next().filter(|c| matches!(c, ',' | '$' | '|' | '\\'))? } else { c });
    }
    Some(out)
}
