//! How an entry of a mapped transaction meets what is stored: "no change" and "delete" of HL7 v2 carried into FHIR.

use crate::json::{Object, Value};

use super::draft::Meeting;

/// The resource to store for an entry, given what is stored under its id. Members that the message does not state stay
/// as they are, those it deletes go; an answer equal to `stored` means that there is nothing to write.
pub fn meet(stored: Option<&Value>, new: Value, meeting: &Meeting) -> Value {
    let (Some(stored), Meeting::Overlay { deletes, weak }) = (stored, meeting) else { return new };
    let (Value::Object(mut out), Value::Object(new)) = (stored.clone(), new) else { return stored.clone() };
    for key in deletes.iter().filter(|k| !new.contains_key(k)) {
        out.remove(key);
        out.remove(&format!("_{key}"));
    }
    for (key, value) in new {
        if matches!(key.as_str(), "resourceType" | "id" | "meta")
            || (weak.iter().any(|one| one.as_str() == key) && out.contains_key(&key))
        {
            continue;
        }
        if let Some(stem) = choice(&key) {
            let other = |name: &&str| choice(name) == Some(stem) && bare(name) != bare(&key);
            let others: Vec<String> =
                out.iter().map(|(name, _)| name).filter(other).map(str::to_owned).collect();
            others.iter().for_each(|name| drop(out.remove(name)));
        }
        let merged = match (identity_of(&key), out.get(&key)) {
            (Some(same), Some(Value::Array(old))) => union(old, value, same),
            (_, _) => value,
        };
        out.insert(key, merged);
    }
    // The time of birth belongs to the date it was sent with.
    out.into()
}

/// True when what is stored of a result is further on than what has come: an early state of it (registered, partial,
/// preliminary) never takes the place of a final, corrected, cancelled or withdrawn one (OBX-11, OBR-25).
pub fn overtaken(stored: &Value, new: &Value) -> bool {
    let is = |v: &Value, states: &[&str]| v.str("status").is_some_and(|s| states.contains(&s));
    let settled = ["final", "amended", "corrected", "appended", "cancelled", "entered-in-error"];
    matches!(new.str("resourceType"), Some("Observation" | "DiagnosticReport"))
        && is(stored, &settled)
        && is(new, &["registered", "partial", "preliminary"])
}

/// A report that comes again names the results it brings; those that came before stay its results.
pub fn carry_results(stored: &Value, new: &mut Value) {
    if new.str("resourceType") != Some("DiagnosticReport") {
        return;
    }
    let known = |v: &Value| v.str("reference").map(str::to_owned);
    let mut all: Vec<Value> = stored.items("result").to_vec();
    for item in new.items("result") {
        if !all.iter().any(|there| known(there) == known(item)) {
            all.push(item.clone());
        }
    }
    if let (Some(object), false) = (new.as_object_mut(), all.is_empty()) {
        object.insert("result", all);
    }
}

/// Members of which a resource has one, with a type behind the name (FHIR R4, 2.24.1.3, choice of data types).
const CHOICES: [&str; 13] = [
    "abatement",
    "born",
    "deceased",
    "effective",
    "medication",
    "multipleBirth",
    "occurrence",
    "onset",
    "performed",
    "product",
    "quantity",
    "reported",
    "value",
];

/// The name without the type of a member of which there is one only.
fn choice(key: &str) -> Option<&'static str> {
    let typed =
        |stem: &&str| bare(key).strip_prefix(*stem).is_some_and(|t| t.starts_with(char::is_uppercase));
    CHOICES.into_iter().find(typed)
}

/// The name of the member that a name belongs to: what is known of a primitive value besides it has an underscore.
fn bare(key: &str) -> &str {
    key.strip_prefix('_').unwrap_or(key)
}

type Same = fn(&Value, &Value) -> bool;

/// Lists that grow instead of being replaced, and what makes two of their items the same.
fn identity_of(key: &str) -> Option<Same> {
    match key {
        "identifier" => Some(|a, b| a.str("value") == b.str("value") && a.str("system") == b.str("system")),
        "telecom" => Some(|a, b| digits(a) == digits(b) && a.str("system") == b.str("system")),
        "name" | "address" => Some(|a, b| a.str("use") == b.str("use")),
        "extension" => Some(|a, b| a.str("url") == b.str("url")),
        "note" => Some(|a, b| a.str("text") == b.str("text")),
        "link" => Some(|a, b| {
            let other = |v: &Value| v.get("other").and_then(|o| o.str("reference")).map(str::to_owned);
            other(a) == other(b)
        }),
        _ => None,
    }
}

fn digits(telecom: &Value) -> String {
    let value = telecom.str("value").unwrap_or("");
    let digits: String = value.chars().filter(char::is_ascii_digit).collect();
    if digits.is_empty() { value.to_lowercase() } else { digits }
}

/// The stored items, those of the message in place of the same ones, and its others behind them.
fn union(old: &[Value], new: Value, same: Same) -> Value {
    let Value::Array(new) = new else { return new };
    let mut out = old.to_vec();
    for item in new {
        match out.iter_mut().find(|o| same(o, &item)) {
            Some(place) => *place = richer(place, item),
            None => out.push(item),
        }
    }
    out.into()
}

/// The new item, with the members that only the old one has.
fn richer(old: &Value, new: Value) -> Value {
    match (old, new) {
        (Value::Object(old), Value::Object(new))
            if old.get("use") == new.get("use") && !old.contains_key("family") =>
        {
            let mut out: Object = old.clone();
            for (key, value) in new {
                out.insert(key, value);
            }
            out.into()
        }
        (_, new) => new,
    }
}

/// Replaces every reference to one record by a reference to another, and the entry's own id and request with it.
pub fn retarget(bundle: &mut Value, kind: &str, from: &str, to: &str) {
    if from == to {
        return;
    }
    let (old, new) = (format!("{kind}/{from}"), format!("{kind}/{to}"));
    let Some(entries) = bundle.get_mut("entry").and_then(Value::as_array_mut) else { return };
    for entry in entries {
        let own = entry.get("request").and_then(|r| r.str("url")) == Some(old.as_str());
        if own {
            if let Some(request) = entry.get_mut("request").and_then(Value::as_object_mut) {
                request.insert("url", new.as_str());
            }
            if let Some(resource) = entry.get_mut("resource").and_then(Value::as_object_mut) {
                resource.insert("id", to);
            }
        }
        if let Some(resource) = entry.get_mut("resource") {
            rewrite(resource, &old, &new);
        }
    }
}

fn rewrite(value: &mut Value, old: &str, new: &str) {
    match value {
        Value::Object(object) => {
            for (key, member) in object.iter_mut() {
                match member {
                    Value::String(text) if key == "reference" && text == old => *text = new.to_owned(),
                    other => rewrite(other, old, new),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|v| rewrite(v, old, new)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Limits, parse};

    fn json(text: &str) -> Value {
        parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    #[test]
    fn a_choice_of_another_type_takes_the_place_of_the_stored_one() {
        let stored = r#"{"resourceType":"ServiceRequest","id":"x","occurrenceDateTime":"2026","_occurrenceDateTime":{"id":"a"},"quantityQuantity":{"value":1}}"#;
        let new =
            r#"{"resourceType":"ServiceRequest","id":"x","occurrenceTiming":{"code":{"text":"daily"}}}"#;
        let meeting = Meeting::Overlay { deletes: vec![], weak: vec![] };
        let merged = r#"{"resourceType":"ServiceRequest","id":"x","quantityQuantity":{"value":1},"occurrenceTiming":{"code":{"text":"daily"}}}"#;
        assert_eq!(meet(Some(&json(stored)), json(new), &meeting), json(merged));
        assert_eq!((choice("quantity"), choice("value"), choice("valuation")), (None, None, None));
    }

    #[test]
    fn what_is_not_stated_stays_and_what_is_deleted_goes() {
        let stored = json(
            r#"{"resourceType":"Patient","id":"x","meta":{"versionId":"3"},"identifier":[{"system":"clinic","value":"NC-1"}],
               "name":[{"use":"official","text":"Old"}],"telecom":[{"system":"phone","value":"98220 11223","rank":1}],
               "birthDate":"1955","maritalStatus":{"text":"m"},"deceasedBoolean":false,"status":"kept"}"#,
        );
        let new = json(
            r#"{"resourceType":"Patient","id":"y","identifier":[{"system":"lab","value":"88120"}],
               "name":[{"use":"official","text":"New"}],"telecom":[{"system":"phone","value":"9822011223"}],
               "deceasedDateTime":"2026","status":"weak"}"#,
        );
        let meeting = Meeting::Overlay { deletes: vec!["maritalStatus".into()], weak: vec!["status".into()] };
        let merged = meet(Some(&stored), new.clone(), &meeting);
        assert_eq!(
            merged,
            json(
                r#"{"resourceType":"Patient","id":"x","meta":{"versionId":"3"},
                "identifier":[{"system":"clinic","value":"NC-1"},{"system":"lab","value":"88120"}],
                "name":[{"use":"official","text":"New"}],"telecom":[{"system":"phone","value":"9822011223","rank":1}],
                "birthDate":"1955","status":"kept","deceasedDateTime":"2026"}"#
            )
        );
        assert_eq!(meet(Some(&merged), new.clone(), &meeting), merged, "a replay changes nothing");
        assert_eq!(meet(None, new.clone(), &meeting), new);
        assert_eq!(meet(Some(&stored), new.clone(), &Meeting::Replace), new);
    }

    #[test]
    fn an_early_state_never_takes_the_place_of_a_settled_one() {
        let state = |kind: &str, s: &str| {
            json(&format!(
                r#"{{"resourceType":"{kind}","status":"{s}","result":[{{"reference":"Observation/{s}"}}]}}"#
            ))
        };
        for (stored, new, expected) in [
            ("final", "preliminary", true),
            ("corrected", "registered", true),
            ("cancelled", "partial", true),
            ("entered-in-error", "preliminary", true),
            ("final", "corrected", false),
            ("final", "cancelled", false),
            ("final", "final", false),
            ("preliminary", "final", false),
            ("preliminary", "preliminary", false),
        ] {
            for kind in ["Observation", "DiagnosticReport"] {
                assert_eq!(overtaken(&state(kind, stored), &state(kind, new)), expected, "{stored} {new}");
            }
        }
        assert!(!overtaken(&state("Encounter", "final"), &state("Encounter", "preliminary")));
        let mut again = state("DiagnosticReport", "corrected");
        carry_results(&state("DiagnosticReport", "final"), &mut again);
        let named: Vec<_> = again.items("result").iter().filter_map(|r| r.str("reference")).collect();
        assert_eq!(named, ["Observation/final", "Observation/corrected"]);
    }

    #[test]
    fn references_follow_the_patient() {
        let mut bundle = json(
            r#"{"entry":[{"resource":{"id":"a","link":[{"other":{"reference":"Patient/a"}}]},"request":{"url":"Patient/a"}},
               {"resource":{"id":"o","subject":{"reference":"Patient/a"},"note":"Patient/a"},"request":{"url":"Observation/o"}}]}"#,
        );
        retarget(&mut bundle, "Patient", "a", "b");
        let text = String::from_utf8(bundle.to_vec()).unwrap();
        assert_eq!(text.matches("Patient/b").count(), 3);
        assert_eq!(text.matches("Patient/a").count(), 1);
        assert_eq!(bundle.pointer("/entry/0/resource/id").and_then(Value::as_str), Some("b"));
    }
}
