//! References and addresses.

use super::Value;

pub(super) fn reference(modifier: &str, element: &Value, value: &str) -> bool {
    let stored = element.str("reference").map(|text| text.split("/_history").next().unwrap());
    if modifier == "identifier" {
        let identifier = element.get("identifier");
        let (system, wanted) = value.split_once('|').map_or((None, value), |(s, v)| (Some(s), v));
        let own = identifier.and_then(|i| i.str("system")).unwrap_or_default();
        return identifier.and_then(|i| i.str("value")) == Some(wanted) && system.is_none_or(|s| s == own);
    }
    let Some(stored) = stored else { return false };
    if value.contains('/') || value.contains(':') {
        return stored == value.split("/_history").next().unwrap();
    }
    match stored.split_once('/') {
        Some((kind, id)) if !stored.contains(':') => id == value && (modifier.is_empty() || modifier == kind),
        _ => false,
    }
}

pub(super) fn uri(modifier: &str, stored: &str, value: &str) -> bool {
    match modifier {
        "below" => stored == value || stored.starts_with(&format!("{value}/")),
        "above" => stored == value || value.starts_with(&format!("{stored}/")),
        _ => stored == value,
    }
}

// Random resources and questions.
