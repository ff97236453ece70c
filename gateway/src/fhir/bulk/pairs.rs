//! A Parameters resource as names and values, so that GET and POST of one operation mean the same.

use crate::fhir::outcome::{Issue, IssueCode, Outcome};
use crate::json::Value;

/// Most parameters of one request.
const MOST: usize = 1_000;

/// The parameters in their order: a primitive by its text, a Reference by its `reference`.
///
/// # Errors
/// An [`Outcome`] that names each parameter which is neither.
pub fn pairs(parameters: &Value) -> Result<Vec<(String, String)>, Outcome> {
    if parameters.str("resourceType") != Some("Parameters") {
        let issue = Issue::error(IssueCode::Structure, "The body must be a Parameters resource.");
        return Err(issue.at("Parameters").into());
    }
    let items = parameters.items("parameter");
    if items.len() > MOST {
        let text = format!("One request takes at most {MOST} parameters.");
        return Err(Issue::error(IssueCode::TooLong, text).at("Parameters.parameter").into());
    }
    let (mut pairs, mut issues) = (Vec::with_capacity(items.len()), Vec::new());
    for (index, item) in items.iter().enumerate() {
        match (item.str("name"), text(item)) {
            (Some(name), Some(value)) => pairs.push((name.to_owned(), value)),
            _ => {
                let text = "A parameter here has a name and a primitive value or a valueReference.";
                let place = format!("Parameters.parameter[{index}]");
                issues.push(Issue::error(IssueCode::Invalid, text).at(place));
            }
        }
    }
    if issues.is_empty() { Ok(pairs) } else { Err(Outcome::of(issues)) }
}

fn text(parameter: &Value) -> Option<String> {
    let mut members = parameter.as_object()?.iter();
    let (_, value) = members.find(|(key, _)| key.starts_with("value"))?;
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.as_str().to_owned()),
        Value::Object(_) => value.str("reference").map(str::to_owned),
        Value::Null | Value::Array(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Limits, parse};

    #[test]
    fn primitives_and_references_become_text() {
        let text = br#"{"resourceType":"Parameters","parameter":[{"name":"_since","valueInstant":"2026-01-01T00:00:00Z"},
            {"name":"patient","valueReference":{"reference":"Patient/1"}},{"name":"n","valueInteger":3},{"name":"b","valueBoolean":true}]}"#;
        let pairs = pairs(&parse(text, &Limits::default()).unwrap()).unwrap();
        let shown: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(shown, ["_since=2026-01-01T00:00:00Z", "patient=Patient/1", "n=3", "b=true"]);
    }

    #[test]
    fn what_has_no_text_is_named_with_its_place() {
        let text = br#"{"resourceType":"Parameters","parameter":[{"name":"a","valueCode":"x"},{"name":"b","resource":{}},{"valueCode":"y"}]}"#;
        let outcome = pairs(&parse(text, &Limits::default()).unwrap()).unwrap_err();
        let places: Vec<_> = outcome.issues.iter().flat_map(|issue| &issue.expression).collect();
        assert_eq!(places, ["Parameters.parameter[1]", "Parameters.parameter[2]"]);
        let other = parse(br#"{"resourceType":"Patient"}"#, &Limits::default()).unwrap();
        assert!(pairs(&other).is_err());
    }
}
