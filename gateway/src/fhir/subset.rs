//! Reduced forms of a resource: `_elements` and `_summary`, marked with the SUBSETTED tag.
//!
//! `resourceType`, `id`, `meta`, mandatory elements and contained resources, which references lead to, always stay, so that
//! what is left is still a legal resource.

use super::definitions::{self, Element, Kind, Type};
use super::id::ResourceType;
use super::search::Summary;
use crate::json::{Object, Value};

/// Only the named elements of the root, and what must be there.
pub fn elements(resource: &Value, names: &[String]) -> Value {
    reduced(resource, |element| names.iter().any(|n| n == element.name), false)
}

/// The form that `_summary` asks for; the resource itself for `false`, and for `count`, which shows none.
pub fn summary(resource: &Value, wanted: Summary) -> Value {
    match wanted {
        Summary::False | Summary::Count => resource.clone(),
        Summary::True => reduced(resource, |element| element.summary, true),
        Summary::Text => reduced(resource, |element| element.name == "text", false),
        Summary::Data => reduced(resource, |element| element.name != "text", false),
    }
}

fn reduced(resource: &Value, keep: impl Fn(&Element) -> bool, deep: bool) -> Value {
    let definition =
        resource.str("resourceType").and_then(ResourceType::parse).and_then(definitions::resource);
    let (Some(definition), Some(object)) = (definition, resource.as_object()) else {
        return resource.clone();
    };
    let mut out = Object::new();
    for (key, value) in object.iter() {
        let place = definition.place(key.trim_start_matches('_'));
        let stays = match place {
            None => key == "resourceType",
            Some((_, element, _)) => {
                element.min > 0 || matches!(element.name, "id" | "meta" | "contained") || keep(element)
            }
        };
        if stays {
            let inner = place.filter(|_| deep && key != "meta").and_then(|(_, _, kind)| inner_type(kind));
            out.insert(key, inner.map_or_else(|| value.clone(), |inner| summarised(value, inner)));
        }
    }
    tag(&mut out);
    Value::Object(out)
}

fn inner_type(kind: Kind) -> Option<&'static Type> {
    match kind {
        Kind::Complex(id) | Kind::Reference(id, _) => definitions::by_id(id),
        Kind::Primitive(..) | Kind::Resource => None,
    }
}

/// Summary elements of an element, at any depth.
fn summarised(value: &Value, definition: &'static Type) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.iter().map(|item| summarised(item, definition)).collect()),
        Value::Object(object) => {
            let members = object.iter().filter_map(|(key, value)| {
                let (_, element, kind) = definition.place(key.trim_start_matches('_'))?;
                // Extensions and ids carry no summary flag of their own but belong to what they stand on.
                let stays = element.summary || element.min > 0 || matches!(element.name, "id" | "extension");
                let inner = inner_type(kind).filter(|_| element.name != "extension");
                stays.then(|| (key, inner.map_or_else(|| value.clone(), |inner| summarised(value, inner))))
            });
            Value::Object(members.collect())
        }
        other => other.clone(),
    }
}

fn tag(object: &mut Object) {
    let tag = Value::from([
        ("system", "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"),
        ("code", "SUBSETTED"),
    ]);
    if !object.contains_key("meta") {
        let behind = object.position("id").or_else(|| object.position("resourceType")).map_or(0, |n| n + 1);
        object.insert_at(behind, "meta", Object::new());
    }
    let Some(meta) = object.get_mut("meta").and_then(Value::as_object_mut) else { return };
    match meta.get_mut("tag").and_then(Value::as_array_mut) {
        Some(tags) => tags.push(tag),
        None => {
            meta.insert("tag", Value::from([tag]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Limits, parse};

    const PATIENT: &str = r#"{"resourceType":"Patient","id":"1","meta":{"versionId":"2"},"text":{"status":"generated","div":"<div>x</div>"},"active":true,"name":[{"family":"Rao","_family":{"id":"f"}}],"photo":[{"title":"x"}],"link":[{"other":{"reference":"Patient/2"},"type":"seealso"}],"maritalStatus":{"text":"m"}}"#;

    fn kept(value: &Value) -> Vec<&str> {
        value.as_object().unwrap().iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn what_is_asked_for_stays_and_the_rest_is_marked_as_left_out() {
        let patient = parse(PATIENT.as_bytes(), &Limits::default()).unwrap();
        let some = elements(&patient, &["name".to_owned()]);
        assert_eq!(kept(&some), ["resourceType", "id", "meta", "name"]);
        assert_eq!(some.pointer("/meta/tag/0/code").and_then(Value::as_str), Some("SUBSETTED"));
        assert_eq!(kept(&summary(&patient, Summary::Text)), ["resourceType", "id", "meta", "text"]);
        assert_eq!(
            kept(&summary(&patient, Summary::Data)),
            ["resourceType", "id", "meta", "active", "name", "photo", "link", "maritalStatus"]
        );
        let short = summary(&patient, Summary::True);
        assert_eq!(kept(&short), ["resourceType", "id", "meta", "active", "name", "link"]);
        assert_eq!(short.get("name"), patient.get("name"));
        assert!(super::super::validate::structure(&short).is_empty());
        assert_eq!(summary(&patient, Summary::False), patient);
    }

    #[test]
    fn mandatory_elements_stay() {
        let text = r#"{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueString":"y"}"#;
        let observation = parse(text.as_bytes(), &Limits::default()).unwrap();
        let some = elements(&observation, &["subject".to_owned()]);
        assert_eq!(kept(&some), ["resourceType", "meta", "status", "code"]);
    }
}
