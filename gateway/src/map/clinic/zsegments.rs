//! The clinic's rules for Z-segments, carried out once everything else of a message has become a resource.

use super::{Form, Kind, Maps, Rule, Target};
use crate::hl7::Segment;
use crate::json::{Object, Value};
use crate::map::book::{Book, Spot};
use crate::map::codes;
use crate::map::draft::{Draft, Drafts};
use crate::map::ids;
use crate::map::types::{self, Identified, Scope};
use crate::map::value;

/// More repetitions of one field than this go into the report only.
const MOST_REPEATS: usize = 50;

/// Adds what the rules say of each Z-segment to the resources of the message.
pub(in crate::map) fn apply<'a>(book: &'a Book<'a>, scope: &Scope<'_>, drafts: &mut Drafts, maps: &Maps) {
    // Observations last: a rule for results is about those that the message itself sends.
    let alone = |rule: &&Rule| matches!(rule.form, Form::Observation { .. });
    let (own, added): (Vec<&Rule>, Vec<&Rule>) = maps.0.rules.iter().partition(alone);
    for rules in [added, own] {
        for segment in book.message.segments().filter(|s| s.name().starts_with('Z')) {
            for rule in rules.iter().filter(|rule| segment.is(&rule.segment)) {
                one(book, scope, drafts, segment, rule);
            }
        }
    }
}

fn one<'a>(book: &'a Book<'a>, scope: &Scope<'_>, drafts: &mut Drafts, segment: Segment<'a>, rule: &Rule) {
    let (field, component, sub) = rule.source;
    let deeper = |spot: Spot<'a>| match (component, sub) {
        (0, _) => spot,
        (c, 0) => spot.c(c),
        (c, s) => spot.c(c).s(s),
    };
    let spots = book.field(segment, field).reps().into_iter().take(MOST_REPEATS).map(deeper);
    for spot in spots.filter(Spot::has_content) {
        match &rule.form {
            Form::Extension { resource, url, kind } => {
                let Some(draft) = target(book, drafts, resource, spot) else { continue };
                let Some((member, value)) = typed(*kind, spot) else { continue };
                let extension = Object::new().with("url", url.as_str()).with(format!("value{member}"), value);
                draft.push("extension", Some(extension), spot);
            }
            Form::Identifier { resource, system } => {
                let Some(draft) = target(book, drafts, resource, spot) else { continue };
                let Some(number) = spot.c1().take() else { continue };
                let json = Identified::plain(system.clone(), number, None).json();
                if !draft
                    .body
                    .get("identifier")
                    .is_some_and(|all| all.as_array().is_some_and(|a| a.contains(&json)))
                {
                    draft.push("identifier", Some(json), spot);
                }
            }
            Form::Observation { code, kind, unit } => {
                let Some(draft) = observed(book, scope, drafts, spot, code, *kind, unit.as_deref()) else {
                    continue;
                };
                drafts.add(draft);
            }
        }
    }
}

/// The resource of that type that the segment stands behind: the last one that something before it went into; the only
/// one of its type wherever that comes from.
fn target<'d>(book: &Book<'_>, drafts: &'d mut Drafts, kind: &str, spot: Spot<'_>) -> Option<&'d mut Draft> {
    let here = spot.segment.index();
    // A merged number is no patient that a message is about.
    let counts = |at: usize| at <= here && !book.segment(at).is_some_and(|s| s.is("MRG"));
    let last = |draft: &Draft| draft.links.iter().map(|(at, ..)| *at).filter(|at| counts(*at)).max();
    let of_kind = || drafts.0.iter().enumerate().filter(|(_, d)| d.kind == kind);
    let before = of_kind().filter_map(|(n, d)| Some((last(d)?, std::cmp::Reverse(n)))).max();
    let only = || of_kind().map(|(n, _)| n).next().filter(|_| of_kind().count() == 1);
    let Some(at) = before.map(|(_, n)| n.0).or_else(only) else {
        let text = format!(
            "The clinic's rule for this field adds it to a {kind}, and the message has none before it."
        );
        spot.warn("noTarget", &text);
        return None;
    };
    drafts.0.get_mut(at)
}

/// The value in the type that the rule states, with the end of its member's name; what is no such value stays unread.
fn typed(kind: Kind, spot: Spot<'_>) -> Option<(&'static str, Value)> {
    let plain = spot.c1();
    let text = plain.peek();
    let found = match kind {
        Kind::String => text.map(|t| ("String", t.into())),
        Kind::Code => text.map(|t| ("Code", types::code_text(&t).into())),
        Kind::Integer => text.and_then(|t| t.parse::<i32>().ok()).map(|n| ("Integer", i64::from(n).into())),
        Kind::Decimal => text.and_then(|t| value::json_number(&t)).map(|n| ("Decimal", Value::Number(n))),
        Kind::Boolean => text.and_then(|t| codes::yes_no(&t)).map(|yes| ("Boolean", yes.into())),
        // Marks what it reads itself, and warns.
        Kind::DateTime => return spot.date_time().map(|when| ("DateTime", when.into())),
    };
    match &found {
        Some(_) => {
            plain.take();
        }
        None => {
            let text = format!(
                "The clinic's rule for this field wants a {} here; the value was left out.",
                kind.name()
            );
            plain.warn("badValue", &text);
        }
    }
    found
}

/// An Observation of a Z-field: of a patient, a visit and a code there is one, which the next message changes.
fn observed<'a>(
    book: &'a Book<'a>,
    scope: &Scope<'_>,
    drafts: &mut Drafts,
    spot: Spot<'a>,
    code: &Target,
    kind: Kind,
    unit: Option<&str>,
) -> Option<Draft> {
    let subject = target(book, drafts, "Patient", spot)?.reference();
    let visit = drafts.0.iter().find(|d| d.kind == "Encounter" && d.body.get("subject") == Some(&subject));
    let encounter = visit.map(Draft::reference);
    let (member, value) = match kind {
        // A coded value with its text and system, through the clinic's codes.
        Kind::Code if spot.comp == 0 => ("CodeableConcept", types::cwe(spot)?),
        Kind::Code => ("CodeableConcept", types::text_concept(&spot.c1().take()?)),
        Kind::Decimal => {
            let (_, number) = typed(kind, spot)?;
            let unit = unit.map(|u| (u.to_owned(), "http://unitsofmeasure.org", u.to_owned()));
            let quantity = Object::new().with("value", number);
            let quantity = match unit {
                Some((shown, system, code)) => {
                    quantity.with("unit", shown).with("system", system).with("code", code)
                }
                None => quantity,
            };
            ("Quantity", quantity.into())
        }
        Kind::String | Kind::DateTime | Kind::Integer | Kind::Boolean => typed(kind, spot)?,
    };
    let name = |v: &Value| v.str("reference").unwrap_or_default().to_owned();
    let about = encounter.as_ref().map(name).unwrap_or_default();
    // Twins of one message stay two.
    let nth = format!("{} {}", spot.segment.occurrence(), spot.rep.max(1));
    let parts = [&scope.sender_system(), &name(&subject), &about, "z", &code.system, &code.code, &nth];
    let mut draft = Draft::new("Observation", ids::stable("Observation", &parts.map(|p| p as &str)));
    draft.put("status", "final");
    let display = (!code.display.is_empty()).then_some(code.display.as_str());
    let coding = Object::new()
        .with("system", code.system.as_str())
        .with("code", code.code.as_str())
        .with_some("display", display);
    draft.put("code", Object::new().with("coding", vec![Value::from(coding)]).with_some("text", display));
    draft.put("subject", subject);
    if let Some(encounter) = encounter {
        draft.put("encounter", encounter);
    }
    draft.set(&format!("value{member}"), Some(value), spot);
    Some(draft)
}
