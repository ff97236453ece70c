//! The members of a `Parameters` resource, one by one, with their places.

use super::{Given, MOST, Parameter};
use crate::fhir::outcome::{Issue, IssueCode};
use crate::fhir::validate;
use crate::json::{Object, Value};

/// Reads a list of parameters into `out`, at most `room` of them with all their parts; what is wrong goes to `issues`.
pub(super) fn list(
    list: Option<Value>,
    at: &str,
    room: &mut usize,
    out: &mut Vec<Parameter>,
    issues: &mut Vec<Issue>,
) {
    let items = match list {
        None => return,
        Some(Value::Array(items)) if !items.is_empty() => items,
        Some(_) => {
            let text = "The parameters must be an array with at least one member.";
            return issues.push(Issue::error(IssueCode::Structure, text).at(at));
        }
    };
    for (index, item) in items.into_iter().enumerate() {
        if *room == 0 || issues.len() >= validate::MOST_ISSUES {
            if *room == 0 {
                let text = format!("An operation takes at most {MOST} parameters.");
                issues.push(Issue::error(IssueCode::TooCostly, text).at(at));
            }
            return;
        }
        *room -= 1;
        let place = format!("{at}[{index}]");
        match one(item, &place, room, issues) {
            Ok(parameter) => out.push(parameter),
            Err(mut found) => issues.append(&mut found),
        }
    }
}

fn one(item: Value, place: &str, room: &mut usize, issues: &mut Vec<Issue>) -> Result<Parameter, Vec<Issue>> {
    let Value::Object(mut object) = item else {
        return Err(vec![Issue::error(IssueCode::Structure, "A parameter is an object.").at(place)]);
    };
    let (resource, part) = (object.remove("resource"), object.remove("part"));
    let element = Value::Object(object);
    let broken = validate::element("Parameters.parameter", &element, place);
    if !broken.is_empty() {
        return Err(broken);
    }
    let name = element.str("name").unwrap_or_default().to_owned();
    let value = element.as_object().into_iter().flat_map(Object::iter).find(|(k, _)| k.starts_with("value"));
    let given = match (value, resource, part) {
        (Some((key, value)), None, None) => Given::Value(key.to_owned(), value.clone()),
        (None, Some(resource), None) => Given::Resource(resource),
        (None, None, Some(part)) => {
            let mut parts = Vec::new();
            self::list(Some(part), &format!("{place}.part"), room, &mut parts, issues);
            Given::Parts(parts)
        }
        _ => {
            let text = "A parameter has exactly one of value[x], resource and part (inv-1).";
            return Err(vec![Issue::error(IssueCode::Invariant, text).at(place)]);
        }
    };
    Ok(Parameter { name, given, place: place.to_owned() })
}
