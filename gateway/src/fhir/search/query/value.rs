//! One parameter with its modifier and value -> a criterion: escapes, alternatives, prefixes, modifiers.
//!
//! `split` takes values apart, `modifier` knows which modifier does what with which type, `hierarchy` follows what
//! records are part of; here they come together.

mod hierarchy;
mod modifier;
mod split;

use super::super::date::{self, Prefix};
use super::super::decimal::Decimal;
use super::super::fold::fold;
use super::super::index::MOST_TEXT;
use super::super::near::Circle;
use super::super::params::{Asked, Component, Datatype, Param, ParamType};
use super::super::{Check, Context, TermRange, composite, quantity, reference, text, token, uri};
use super::{Criterion, Node, bad_value, shown};
use crate::fhir::datetime::Moment;
use crate::fhir::id::{LogicalId, ResourceType};
use crate::fhir::outcome::{Issue, IssueCode};
use modifier::Modifier;
use split::{split, system_and_code, unescape};

pub use hierarchy::LEVELS as HIERARCHY_LEVELS;

/// Longest value of one parameter, bytes.
const MOST_BYTES: usize = 16 * 1024;

/// The condition that a parameter with its modifier and value states; with links where a hierarchy of records is asked.
pub(super) fn condition(
    param: &Param,
    name: &str,
    modifier: Option<&str>,
    value: &str,
    context: &Context,
) -> Result<Node, Issue> {
    match (param.kind, modifier) {
        (ParamType::Reference, Some(way @ ("above" | "below"))) => {
            hierarchy::condition(param, name, way, value, context)
        }
        _ => criterion(param, name, modifier, value, context).map(Node::Is),
    }
}

/// The condition that a parameter with its modifier and value states on a record's own terms.
pub(super) fn criterion(
    param: &Param,
    name: &str,
    modifier: Option<&str>,
    value: &str,
    context: &Context,
) -> Result<Criterion, Issue> {
    let modifier = Modifier::read(param, name, modifier)?;
    let made =
        |alternatives, negate| Criterion { param: param.number, name: name.to_owned(), alternatives, negate };
    if modifier == Modifier::Missing {
        let missing = match value {
            "true" => true,
            "false" => false,
            _ => return Err(bad_value(name, value, "true or false is needed")),
        };
        if is_deceased(param) {
            // Everybody is dead or not: the parameter is never missing.
            return Ok(made(Vec::new(), !missing));
        }
        return Ok(made(present(param), missing));
    }
    let values = alternatives(name, value, context)?;
    if is_deceased(param) {
        return deceased(param, name, modifier, &values);
    }
    let mut alternatives = Vec::with_capacity(values.len());
    let one = One::of(param, name, context);
    let places = param.stored().len();
    for value in values {
        let ranges = match param.kind {
            ParamType::Composite => one.composite(&param.components, value)?,
            _ => one.ranges(modifier, value)?,
        };
        one.spend(ranges.len() * places)?;
        alternatives.extend(everywhere(param, ranges, modifier));
    }
    Ok(made(alternatives, modifier.negates()))
}

/// The alternatives of a value, still escaped, within the bounds.
fn alternatives<'v>(name: &str, value: &'v str, context: &Context) -> Result<Vec<&'v str>, Issue> {
    if value.len() > MOST_BYTES {
        let text =
            format!("The value of search parameter \"{}\" is longer than {MOST_BYTES} bytes.", shown(name));
        return Err(Issue::error(IssueCode::TooLong, text));
    }
    let values = split(value, ',');
    if values.len() > context.most_values {
        let text = format!(
            "Search parameter \"{}\" has more than {} alternatives (setting limits.search_values).",
            shown(name),
            context.most_values
        );
        return Err(Issue::error(IssueCode::TooCostly, text));
    }
    Ok(values)
}

/// The values to sort by; `None` for what has no order.
pub(super) fn sorted(param: &Param, descending: bool) -> Option<TermRange> {
    let number = param.number;
    let asked = param.stored();
    // The values of several parameters have no common order in the index.
    let [Asked { only, .. }] = asked.as_slice() else { return None };
    Some(match param.kind {
        ParamType::String | ParamType::Uri | ParamType::Id | ParamType::Instant => TermRange::all(number),
        ParamType::Token => token::sorted(number),
        ParamType::Reference => match only {
            Some(kind) => reference::sorted_of(number, *kind),
            None => reference::sorted(number),
        },
        ParamType::Date => date::sorted(number, descending),
        ParamType::Number | ParamType::Quantity => quantity::sorted(number),
        ParamType::Composite | ParamType::Special => return None,
    })
}

/// Ranges that hold a value of a parameter whenever there is one.
fn present(param: &Param) -> Vec<TermRange> {
    let all = |asked: Asked| match asked.only {
        Some(kind) => TermRange::all(asked.number).checked(Check::RefersTo(kind)),
        None => TermRange::all(asked.number),
    };
    param.stored().into_iter().map(all).collect()
}

/// The ranges for every number that the values are stored under.
fn everywhere(param: &Param, ranges: Vec<TermRange>, modifier: Modifier) -> Vec<TermRange> {
    let mut out = Vec::with_capacity(ranges.len() * param.asks.len().max(1));
    for asked in param.stored() {
        for range in &ranges {
            let range = TermRange { param: asked.number, ..range.clone() };
            out.push(match asked.only {
                Some(kind) if modifier != Modifier::Identifier => range.checked(Check::RefersTo(kind)),
                _ => range,
            });
        }
    }
    out
}

fn is_deceased(param: &Param) -> bool {
    param.paths.iter().any(|path| path.datatype == Datatype::Deceased)
}

/// `deceased` is true where it is said; whoever is not said to be dead is not (expression of the standard).
fn deceased(param: &Param, name: &str, modifier: Modifier, values: &[&str]) -> Result<Criterion, Issue> {
    let mut asked = [false, false];
    for value in values {
        match *value {
            "true" | "|true" => asked[1] = true,
            "false" | "|false" => asked[0] = true,
            other => return Err(bad_value(name, other, "true or false is needed")),
        }
    }
    if modifier.negates() {
        asked = asked.map(|asked| !asked);
    }
    let dead: Vec<TermRange> = token::range(param.number, None, "true").into_iter().collect();
    let (alternatives, negate) = match asked {
        [true, true] => (Vec::new(), true),
        [true, false] => (dead, true),
        [false, true] => (dead, false),
        [false, false] => (Vec::new(), false),
    };
    Ok(Criterion { param: param.number, name: name.to_owned(), alternatives, negate })
}

/// A parameter or a component, for one alternative of its value.
struct One<'a> {
    kind: ParamType,
    code: &'a str,
    number: u16,
    targets: &'a [ResourceType],
    name: &'a str,
    context: &'a Context,
}

impl<'a> One<'a> {
    fn of(param: &'a Param, name: &'a str, context: &'a Context) -> Self {
        let (code, targets) = (param.code.as_ref(), param.targets.as_slice());
        Self { kind: param.kind, code, number: param.number, targets, name, context }
    }

    /// Counts ranges against what the whole query may ask.
    fn spend(&self, ranges: usize) -> Result<(), Issue> {
        if self.context.budget.spend_ranges(ranges) {
            return Ok(());
        }
        let text = format!(
            "With \"{}\" the search asks for more than {} ranges of the index in all; send fewer values, or \
             name the type of each reference (Type/id).",
            shown(self.name),
            self.context.budget.most_ranges
        );
        Err(Issue::error(IssueCode::TooCostly, text))
    }

    /// Ranges of one alternative, still escaped.
    fn ranges(&self, modifier: Modifier, value: &str) -> Result<Vec<TermRange>, Issue> {
        let bad = |why: &str| bad_value(self.name, value, why);
        let number = self.number;
        let plain = unescape(value).ok_or_else(|| bad("a backslash must stand before , $ | or \\"))?;
        if plain.is_empty() {
            return Err(bad("it is empty"));
        }
        match self.kind {
            ParamType::String => {
                if let Some(why) = too_long(&plain).filter(|_| modifier != Modifier::Exact) {
                    return Err(bad(&why));
                }
                self.string(modifier, &plain).ok_or_else(|| bad("nothing to search for"))
            }
            ParamType::Token => modifier::token(self, modifier, value, &plain),
            ParamType::Id => {
                let id = LogicalId::parse(&plain).ok_or_else(|| bad("it is not a logical id"))?;
                Ok(vec![uri::exact(number, id.as_str())])
            }
            ParamType::Uri => match modifier {
                Modifier::Below => uri::below(number, &plain).map_err(|why| bad(&why)),
                Modifier::Above => uri::above(number, &plain).map_err(|why| bad(&why)),
                _ => Ok(vec![uri::exact(number, &plain)]),
            },
            ParamType::Date => {
                let (prefix, moment) = moment(&plain).ok_or_else(|| bad(DATE_NEEDED))?;
                Ok(date::ranges(number, prefix, &moment, self.context))
            }
            ParamType::Instant => {
                let (prefix, moment) = moment(&plain).ok_or_else(|| bad(DATE_NEEDED))?;
                Ok(date::point_ranges(number, prefix, &moment, self.context))
            }
            ParamType::Number => {
                let (prefix, rest) = Prefix::split(&plain);
                let decimal = Decimal::parse(rest).ok_or_else(|| bad("it is not a number"))?;
                Ok(quantity::ranges(number, prefix, decimal, None))
            }
            ParamType::Quantity => quantity_ranges(number, value)
                .ok_or_else(|| bad("a number is needed, then nothing, |system|code or ||code")),
            ParamType::Reference => modifier::reference(self, modifier, value, &plain),
            ParamType::Special => near(number, value).ok_or_else(|| bad(PLACE_NEEDED)),
            ParamType::Composite => Err(bad("a composite is not a part of a composite")),
        }
    }

    fn string(&self, modifier: Modifier, plain: &str) -> Option<Vec<TermRange>> {
        let number = self.number;
        let range = match modifier {
            Modifier::Exact => text::exact(number, plain),
            Modifier::Contains => text::containing(number, plain),
            Modifier::Text => text::with_word(number, plain),
            _ if self.code == "phonetic" => text::sounding(number, plain),
            _ => text::starting(number, plain),
        };
        range.map(|range| vec![range])
    }

    /// The range of `a$b`.
    fn composite(&self, components: &[Component], value: &str) -> Result<Vec<TermRange>, Issue> {
        let values = split(value, '$');
        if values.len() != components.len() {
            let names: Vec<&str> = components.iter().map(|c| c.code.as_ref()).collect();
            let why = format!("{} values separated by $ are needed: {}", names.len(), names.join("$"));
            return Err(bad_value(self.name, value, &why));
        }
        let mut parts = Vec::with_capacity(values.len());
        for (component, value) in components.iter().zip(&values) {
            let (kind, code, targets) =
                (component.kind, component.code.as_ref(), component.targets.as_slice());
            let ranges = One { kind, code, targets, ..*self }.ranges(Modifier::None, value)?;
            self.spend(ranges.len())?;
            parts.push(ranges);
        }
        let code = values.first().and_then(|value| system_and_code(value)).map(|(_, code)| code);
        Ok(vec![composite::range(self.number, code.as_deref(), parts)])
    }
}

/// What is wrong with a text of which more is asked than is kept of any.
fn too_long(text: &str) -> Option<String> {
    let why = || {
        format!(
            "it is longer than {MOST_TEXT} bytes, more than is kept of a text for searching; send less of it"
        )
    };
    (fold(text).len() > MOST_TEXT).then(why)
}

const DATE_NEEDED: &str = "a date such as ge2024-01-31 is needed; a plus sign in a zone is sent as %2B";
const REFERENCE_NEEDED: &str = "an id, Type/id or an absolute address is needed";
const PLACE_NEEDED: &str =
    "latitude|longitude|distance|unit is needed, in degrees and a unit of length (km when none is named)";

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

/// Kilometres around a place when a query names no distance.
const NEARBY: &str = "10";

fn near(param: u16, value: &str) -> Option<Vec<TermRange>> {
    let parts: Vec<&str> = split(value, '|');
    let number = |text: &str| crate::decimal::Decimal::parse(text);
    let (latitude, longitude, distance, unit) = match *parts.as_slice() {
        [latitude, longitude] => (latitude, longitude, NEARBY, "km"),
        [latitude, longitude, distance] | [latitude, longitude, distance, ""] => {
            (latitude, longitude, distance, "km")
        }
        [latitude, longitude, distance, unit] => (latitude, longitude, distance, unit),
        _ => return None,
    };
    let metres = crate::ucum::convert(number(distance)?, unit, "m")?.as_f64()?;
    let circle = Circle::new(number(latitude)?.as_f64()?, number(longitude)?.as_f64()?, metres)?;
    Some(vec![circle.range(param)])
}
