use std::collections::BTreeSet;

use super::super::tests::ask_within;
use super::super::{Cause, Limits};
use super::named;
use crate::json::Value;

/// As large as the box's own limits.
const LIMITS: Limits = Limits { depth: 24, fields: 100_000, resources: 10, answer: 16 << 20 };

/// What tools ask when they connect.
const ALL: &str = "query IntrospectionQuery { __schema { queryType { name } mutationType { name } subscriptionType { name }
    types { ...FullType } directives { name description locations args { ...InputValue } } } }
    fragment FullType on __Type { kind name description
      fields(includeDeprecated: true) { name description args { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason }
      inputFields { ...InputValue } interfaces { ...TypeRef }
      enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason } possibleTypes { ...TypeRef } }
    fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue }
    fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name
      ofType { kind name ofType { kind name ofType { kind name } } } } } } } }";

fn told(query: &str, root: Option<usize>) -> Value {
    ask_within(query, root, "{}", &LIMITS).unwrap_or_else(|error| panic!("{query}: {error:?}"))
}

/// Names of types that a description refers to, innermost first.
fn named_within<'v>(value: &'v Value, out: &mut BTreeSet<&'v str>) {
    match (value.str("kind"), value.str("name"), value.get("ofType")) {
        (Some("LIST" | "NON_NULL"), None, Some(inner)) => named_within(inner, out),
        (Some(_), Some(name), _) => drop(out.insert(name)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_whole_schema_is_told_and_names_only_what_it_has() {
    let answer = told(ALL, None);
    let schema = answer.get("__schema").unwrap();
    let types = schema.items("types");
    let names: BTreeSet<&str> = types.iter().map(|t| t.str("name").unwrap()).collect();
    assert_eq!(names.len(), types.len(), "each name once");
    assert!(
        names.contains("PatientContact")
            && names.contains("ListConnection")
            && !names.contains("Patient.contact")
    );
    let mut asked = BTreeSet::new();
    let is_name = |name: &str| {
        !name.starts_with("__")
            && name.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic())
            && name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric())
    };
    for one in types {
        let name = one.str("name").unwrap();
        assert!(is_name(name), "{name}");
        let list = |key: &str| one.get(key).and_then(Value::as_array).unwrap_or_default();
        let fields = list("fields");
        let own: BTreeSet<&str> = fields.iter().map(|f| f.str("name").unwrap()).collect();
        assert_eq!(own.len(), fields.len(), "{name}");
        assert_eq!(one.str("kind") == Some("SCALAR"), fields.is_empty(), "{name}");
        for field in fields {
            assert!(is_name(field.str("name").unwrap()), "{name}: {field}");
            named_within(field.get("type").unwrap(), &mut asked);
            let arguments = field.items("args");
            let own: BTreeSet<&str> = arguments.iter().map(|a| a.str("name").unwrap()).collect();
            assert_eq!(own.len(), arguments.len(), "{name}: {field}");
            for argument in arguments {
                assert!(is_name(argument.str("name").unwrap()), "{argument}");
                named_within(argument.get("type").unwrap(), &mut asked);
            }
        }
        // What an interface has, each of its types has.
        if list("interfaces").iter().any(|i| i.str("name") == Some("Resource")) {
            assert!(["id", "meta", "language"].iter().all(|field| own.contains(field)), "{name}");
        }
    }
    let missing: Vec<_> = asked.iter().filter(|name| !names.contains(*name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(schema.pointer("/queryType/name").and_then(Value::as_str), Some("Query"));
    assert_eq!(schema.get("mutationType"), Some(&Value::Null));
    assert_eq!(named::all().count(), types.len());
}

#[test]
fn single_types_are_told() {
    let answer = told(
        r#"{ __type(name: "Observation") { __typename kind interfaces { name } fields { name type { kind name ofType { name } } args { name } } }
            none: __type(name: "Nothing") { name } __typename }"#,
        None,
    );
    assert_eq!(answer.get("none"), Some(&Value::Null));
    let fields = answer.get("__type").unwrap().items("fields");
    let field =
        |name: &str| fields.iter().find(|f| f.str("name") == Some(name)).unwrap_or_else(|| panic!("{name}"));
    assert_eq!(field("valueQuantity").pointer("/type/name").and_then(Value::as_str), Some("Quantity"));
    assert_eq!(field("_status").pointer("/type/name").and_then(Value::as_str), Some("Element"));
    assert_eq!(
        field("component").pointer("/type/ofType/name").and_then(Value::as_str),
        Some("ObservationComponent")
    );
    let arguments: Vec<_> = field("category").items("args").iter().filter_map(|a| a.str("name")).collect();
    assert_eq!(arguments, ["fhirpath", "_offset", "_count", "id", "text"]);
    let patient = told("{ id __schema { queryType { name } } }", Some(0));
    assert_eq!(patient.pointer("/__schema/queryType/name").and_then(Value::as_str), Some("Patient"));
    let names = told(
        "{ managingOrganization { __typename } ... on Patient { name { __typename } } contained { ... on Resource { __typename } } }",
        Some(0),
    );
    assert_eq!(
        names.to_string(),
        r#"{"managingOrganization":{"__typename":"Reference"},"name":[{"__typename":"HumanName"},{"__typename":"HumanName"}],"contained":[{"__typename":"Organization"}]}"#
    );
}

#[test]
fn what_is_listed_is_answered() {
    let answer = told(r#"{ __type(name: "Query") { fields { name args { name } } } }"#, None);
    let fields = answer.get("__type").unwrap().items("fields");
    let list = fields.iter().find(|f| f.str("name") == Some("ConditionList")).unwrap();
    let arguments: Vec<_> = list.items("args").iter().filter_map(|a| a.str("name")).collect();
    assert!(arguments.contains(&"clinical_status") && arguments.contains(&"_lastUpdated"), "{arguments:?}");
    told("{ ConditionList(clinical_status: [\"active\"], fhirpath: \"true\", _count: 2) { id } }", None);
}

#[test]
fn introspection_is_bounded() {
    let refused = |query: &str, limits: &Limits| ask_within(query, None, "{}", limits).unwrap_err();
    let small = Limits { answer: 100_000, ..LIMITS };
    assert_eq!(refused(ALL, &small).cause, Cause::Limit("answer"));
    let many: String =
        (0..500).map(|n| format!("a{n}: __schema {{ types {{ fields {{ name }} }} }} ")).collect();
    assert_eq!(refused(&format!("{{ {many} }}"), &LIMITS).cause, Cause::Limit("answer"));
    let wide: String = (0..8_000).map(|n| format!("a{n}:name ")).collect();
    let wide = format!("{{ __schema {{ types {{ fields {{ {wide} }} }} }} }}");
    assert_eq!(refused(&wide, &LIMITS).cause, Cause::Limit("answer"));
    for (query, part) in [
        ("{ __schema { nothing } }", "no field"),
        ("{ __schema }", "braces"),
        ("{ __schema { types { name { x } } } }", "has no fields"),
        ("{ __type { name } }", "argument"),
        ("{ __schema { types @flatten { name } } }", "@flatten"),
        ("{ __schema { types(x: 1) { name } } }", "no argument"),
    ] {
        let error = refused(query, &LIMITS);
        assert!(error.cause == Cause::Query && error.message.contains(part), "{query}: {error:?}");
    }
    let inner = ask_within("{ contained { __schema { description } } }", Some(0), "{}", &LIMITS).unwrap_err();
    assert!(inner.message.contains("root"), "{inner:?}");
}
