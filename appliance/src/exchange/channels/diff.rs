//! What changed between two versions of a document: the places, as a person would name them.

use serde_json::Value;

/// Most places that are listed.
const MOST: usize = 50;

/// The places that differ, such as `source.address` or `rules.kinds`; a list counts as one place.
pub fn places(before: &Value, after: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk("", before, after, &mut found);
    found.truncate(MOST);
    found
}

fn walk(at: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        if before != after {
            found.push(at.to_owned());
        }
        return;
    };
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let deeper = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        walk(&deeper, old.get(name).unwrap_or(&Value::Null), new.get(name).unwrap_or(&Value::Null), found);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_places_that_differ_are_named() {
        let before = json!({"name": "a", "on": true, "source": {"kind": "mllp", "address": "1"}, "rules": {"kinds": ["A"]}});
        let after = json!({"name": "a", "on": false, "source": {"kind": "mllp", "address": "2", "tls": {"x": 1}}, "rules": {"kinds": ["B"]}});
        assert_eq!(places(&before, &after), ["on", "rules.kinds", "source.address", "source.tls"]);
        assert!(places(&before, &before).is_empty());
    }
}
