//! The published JSON Schema of a channel's document, made from the types that read it.

use serde_json::{Map, Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use super::document::Channel;

/// The dialect it is written in.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
/// Where references between schemas point to while they are part of the interface's description.
const THERE: &str = "#/components/schemas/";

/// The schema: one object with a definition for each type.
pub fn document() -> Value {
    let mut all: Vec<(String, RefOr<Schema>)> = Vec::new();
    Channel::schemas(&mut all);
    all.push((Channel::name().into_owned(), Channel::schema()));
    let mut definitions = Map::new();
    for (name, schema) in all {
        let mut schema = serde_json::to_value(schema).unwrap_or(Value::Null);
        point_here(&mut schema);
        definitions.insert(name, schema);
    }
    join_tags(&mut definitions);
    json!({
        "$schema": DIALECT,
        "title": "ClinicVault channel",
        "$ref": format!("#/$defs/{}", Channel::name()),
        "$defs": definitions,
    })
}

/// Variants told apart by a tag are described as all of a type and its tag. A type that takes no other members refuses
/// the tag there, so that nothing would fit: each becomes one object with the tag among its members.
pub fn join_tags(definitions: &mut Map<String, Value>) {
    let types = definitions.clone();
    for schema in definitions.values_mut() {
        for variant in schema.get_mut("oneOf").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(joined) = joined(variant, &types) {
                *variant = joined;
            }
        }
    }
}

fn joined(variant: &Value, types: &Map<String, Value>) -> Option<Value> {
    let [named, tag] = variant.get("allOf")?.as_array()?.as_slice() else { return None };
    let name = named.get("$ref")?.as_str()?.rsplit('/').next()?;
    let mut joined = types.get(name)?.as_object()?.clone();
    joined.get("additionalProperties").filter(|open| **open == Value::Bool(false))?;
    let members = tag.get("properties")?.as_object()?.clone();
    joined.entry("properties").or_insert_with(|| json!({})).as_object_mut()?.extend(members);
    let required = tag.get("required")?.as_array()?.clone();
    joined.entry("required").or_insert_with(|| json!([])).as_array_mut()?.extend(required);
    Some(Value::Object(joined))
}

fn point_here(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(target)) = map.get_mut("$ref")
                && let Some(name) = target.strip_prefix(THERE)
            {
                *target = format!("#/$defs/{name}");
            }
            map.values_mut().for_each(point_here);
        }
        Value::Array(items) => items.iter_mut().for_each(point_here),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => {
                if let Some(target) = map.get("$ref").and_then(Value::as_str) {
                    found.insert(target.to_owned());
                }
                map.values().for_each(|v| references(v, found));
            }
            Value::Array(items) => items.iter().for_each(|v| references(v, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn every_reference_leads_to_a_definition() {
        let schema = document();
        let mut found = BTreeSet::new();
        references(&schema, &mut found);
        assert!(found.len() > 3, "{schema}");
        for target in found {
            let name = target.strip_prefix("#/$defs/").expect(&target);
            assert!(schema["$defs"][name].is_object(), "{target}");
        }
        let channel = &schema["$defs"]["Channel"];
        assert_eq!(channel["additionalProperties"], false);
        assert!(channel["required"].as_array().unwrap().iter().any(|r| r == "source"));
        for source in schema["$defs"]["Source"]["oneOf"].as_array().unwrap() {
            assert!(source["properties"]["kind"].is_object() && source.get("allOf").is_none(), "{source}");
            assert!(source["required"].as_array().unwrap().iter().any(|r| r == "kind"), "{source}");
        }
        let kinds = schema["$defs"]["Source"].to_string();
        for kind in super::super::document::Source::KINDS {
            assert!(kinds.contains(&format!("\"{kind}\"")), "{kind} in {kinds}");
        }
    }
}
