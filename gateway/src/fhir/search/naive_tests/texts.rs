//! Texts and codes, as the standard says that they are compared.

use super::Value;

pub(super) fn simple(text: &str) -> String {
    let plain: String = text.to_lowercase().replace('é', "e").replace('ã', "a");
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(super) fn string(modifier: &str, element: &Value, value: &str) -> bool {
    let mut texts: Vec<&str> = element.as_str().into_iter().collect();
    texts.extend(["text", "family"].iter().filter_map(|key| element.str(key)));
    texts.extend(element.items("given").iter().filter_map(Value::as_str));
    texts.iter().any(|text| match modifier {
        "exact" => *text == value,
        "contains" => simple(text).contains(&simple(value)),
        _ => simple(text).starts_with(&simple(value)),
    })
}

/// System, code and display.
pub(super) type Said = (Option<String>, Option<String>, Option<String>);

pub(super) fn codings(element: &Value) -> Vec<Said> {
    let of = |e: &Value| {
        let text = |key| e.str(key).map(str::to_owned);
        (text("system"), text("code").or_else(|| text("value")), text("display"))
    };
    match element {
        Value::String(code) => vec![(implied(code).map(str::to_owned), Some(code.clone()), None)],
        Value::Bool(flag) => vec![(None, Some(flag.to_string()), None)],
        _ if element.get("coding").is_some() => element.items("coding").iter().map(of).collect(),
        _ if element.get("code").is_some() || element.get("value").is_some() => vec![of(element)],
        _ => Vec::new(),
    }
}

pub(super) fn implied(code: &str) -> Option<&'static str> {
    matches!(code, "male" | "female" | "other").then_some("http://hl7.org/fhir/administrative-gender")
}

pub(super) fn token(modifier: &str, element: &Value, value: &str) -> bool {
    let codings = codings(element);
    let parts: Vec<&str> = value.split('|').collect();
    match modifier {
        "text" => {
            let own = [element.str("text"), element.get("type").and_then(|t| t.str("text"))];
            let kinds = element.get("type").map(|t| t.items("coding")).unwrap_or_default();
            let displays =
                codings.iter().map(|c| c.2.as_deref()).chain(kinds.iter().map(|c| c.str("display")));
            let texts = own.into_iter().chain(displays).flatten().map(simple);
            let words = |text: String| {
                let starts = text.char_indices().filter(|(at, _)| {
                    *at == 0 || !text[..*at].chars().next_back().is_some_and(char::is_alphanumeric)
                });
                starts.map(|(at, _)| text[at..].to_owned()).collect::<Vec<_>>()
            };
            texts.flat_map(words).any(|text| text.starts_with(&simple(value)))
        }
        "of-type" => {
            let kinds = element.get("type").map(|t| t.items("coding")).unwrap_or_default();
            element.str("value") == Some(parts[2])
                && kinds.iter().any(|c| c.str("system") == Some(parts[0]) && c.str("code") == Some(parts[1]))
        }
        "in" | "not-in" => codings.iter().any(|(system, code, _)| {
            system.as_deref() == Some("http://hl7.org/fhir/administrative-gender")
                && matches!(code.as_deref(), Some("male" | "female" | "other" | "unknown"))
        }),
        _ => codings.iter().any(|(system, code, _)| {
            let (system, code) = (system.as_deref(), code.as_deref());
            match *parts.as_slice() {
                [wanted] => code == Some(wanted),
                ["", wanted] => system.is_none() && code == Some(wanted),
                [wanted, ""] => system == Some(wanted),
                [asked, wanted] => system == Some(asked) && code == Some(wanted),
                _ => false,
            }
        }),
    }
}
