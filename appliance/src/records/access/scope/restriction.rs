//! What a scope is restricted by: search parameters that a record's own terms decide, the standard's or the clinic's own.
//!
//! Reading looks at the words alone, so that a scope that was granted can always be read again. Whether it can be answered
//! for is asked with a [`Context`]: when it is granted, and each time it is used. What cannot be evaluated covers nothing.

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::search::own::{OwnParam, is_own};
use clinicvault_gateway::fhir::search::{Context, Criterion, Handling, params, query};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Most search parameters in one restriction.
const MOST_RESTRICTIONS: usize = 5;
/// Modifiers that a restriction may use: those which a record's own terms decide.
const MODIFIERS: [&str; 5] = ["not", "missing", "exact", IN, NOT_IN];
/// The modifiers that look into a value set.
const IN: &str = "in";
const NOT_IN: &str = "not-in";
/// Modifiers that a restriction may use with a parameter of the clinic's own.
const OWN_MODIFIERS: [&str; 3] = ["missing", "exact", IN];
/// Why a restriction that is read as something else than parameters is refused.
const MORE: &str = "the restriction is more than search parameters of the type";

/// Parameters with their values, as written.
type Pairs = [(String, String)];

/// Reads a restriction of a type. Which own parameters and value sets there are is not asked here.
///
/// # Errors
/// In words.
pub fn read(kind: ResourceType, text: &str) -> Result<Vec<(String, String)>, String> {
    let pairs = query::decode(text).map_err(|_| "the restriction is not a query".to_owned())?;
    if pairs.is_empty() || pairs.len() > MOST_RESTRICTIONS {
        return Err(format!("a restriction has one to {MOST_RESTRICTIONS} search parameters"));
    }
    for (name, _) in &pairs {
        let (base, modifier) =
            name.split_once(':').map_or((name.as_str(), None), |(base, modifier)| (base, Some(modifier)));
        let own = params::find(kind, base).is_none();
        if base == "_lastUpdated" || (own && !is_code(base)) {
            return Err(unknown(kind, base));
        }
        let modifiers: &[&str] = if own { &OWN_MODIFIERS } else { &MODIFIERS };
        if modifier.is_some_and(|modifier| !modifiers.contains(&modifier)) {
            return Err(format!("the modifier of \"{name}\" cannot restrict a scope here"));
        }
    }
    let fixed = |(name, _): &&(String, String)| own_code(kind, name).is_none() && !looks_into_a_set(name);
    let fixed: Vec<_> = pairs.iter().filter(fixed).cloned().collect();
    // The zone and the time matter for what dates mean, not for whether they can be read.
    let context = Context::new(TimeZone::UTC, Timestamp::UNIX_EPOCH);
    parsed(kind, &fixed, &context)?;
    Ok(pairs)
}

/// A restriction as criteria.
///
/// # Errors
/// In words, when it cannot be evaluated: nothing is within it then.
pub fn criteria(kind: ResourceType, pairs: &Pairs, context: &Context) -> Result<Vec<Criterion>, String> {
    for code in own_codes(kind, pairs) {
        if !context.own.of(kind).any(|own| own.param.code == code) {
            return Err(unknown(kind, code));
        }
    }
    let criteria = parsed(kind, pairs, context)?;
    if criteria.iter().any(lets_through) {
        return Err(
            "a parameter of the clinic's own restricts a scope only by a value that a record must have"
                .to_owned(),
        );
    }
    Ok(criteria)
}

fn parsed(kind: ResourceType, pairs: &Pairs, context: &Context) -> Result<Vec<Criterion>, String> {
    match query::parse(kind, pairs, Handling::Strict, context) {
        Ok(search) if search.criteria.len() == pairs.len() => Ok(search.criteria),
        Ok(_) => Err(MORE.to_owned()),
        Err(outcome) => Err(outcome.to_string()),
    }
}

/// Types of definitions whose change changes what a restriction means.
pub fn rests_on(kind: ResourceType, pairs: &Pairs) -> &'static [&'static str] {
    let own = own_codes(kind, pairs).next().is_some();
    let sets = pairs.iter().any(|(name, _)| looks_into_a_set(name));
    match (own, sets) {
        (true, true) => &["SearchParameter", "ValueSet", "CodeSystem"],
        (true, false) => &["SearchParameter"],
        (false, true) => &["ValueSet", "CodeSystem"],
        (false, false) => &[],
    }
}

/// The parameters of the clinic's own that a restriction names, as far as there are.
pub fn own_params<'a>(
    kind: ResourceType,
    pairs: &'a Pairs,
    context: &'a Context,
) -> impl Iterator<Item = &'a OwnParam> {
    own_codes(kind, pairs).filter_map(move |code| context.own.of(kind).find(|own| own.param.code == code))
}

/// Codes that are none of the standard's parameters of the type.
fn own_codes(kind: ResourceType, pairs: &Pairs) -> impl Iterator<Item = &str> {
    pairs.iter().filter_map(move |(name, _)| own_code(kind, name))
}

fn own_code(kind: ResourceType, name: &str) -> Option<&str> {
    let code = name.split_once(':').map_or(name, |(code, _)| code);
    params::find(kind, code).is_none().then_some(code)
}

/// Whether an own parameter can have this code.
fn is_code(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

fn unknown(kind: ResourceType, code: &str) -> String {
    format!("{kind} has no search parameter \"{code}\" that can restrict a scope here")
}

fn looks_into_a_set(name: &str) -> bool {
    matches!(name.split_once(':'), Some((_, IN | NOT_IN)))
}

/// Whether a criterion holds for a record because an own parameter has no value there. A record that the parameter could
/// not be evaluated for, or that was written while its definition was being changed, must not be within a scope for that.
fn lets_through(criterion: &Criterion) -> bool {
    criterion.negate && is_own(criterion.param)
}
