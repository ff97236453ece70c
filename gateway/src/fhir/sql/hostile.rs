//! Views that nobody wrote: reading and running never panic and always end.

use proptest::prelude::*;

use super::tests::{around, tree};
use super::{Format, View, Writer};
use crate::json::{Number, Object, Value};

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "id",
        "name",
        "$this",
        "name.given",
        "@@",
        "%c",
        "%rowIndex",
        "item",
        "1 | 2",
        "true",
        "",
        "string",
        "Patient",
        "name.where(use = %c)",
        "children()",
        "descendants()",
        "iif(true, name, id)",
        "repeat($this)",
        "integer",
    ])
    .prop_map(str::to_owned)
}

fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "select",
        "column",
        "unionAll",
        "forEach",
        "forEachOrNull",
        "repeat",
        "path",
        "name",
        "type",
        "collection",
        "where",
        "constant",
        "valueString",
        "valueInteger",
        "resource",
        "x",
    ])
    .prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        word().prop_map(Value::String),
        any::<bool>().prop_map(Value::Bool),
        any::<i8>().prop_map(|n| Value::Number(Number::from(i32::from(n)))),
        Just(Value::Null),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((key(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_tree_is_a_view_or_an_outcome(select in value(), filter in value(), constant in value()) {
        let view = Object::new().with("resource", "Patient").with("select", select).with("where", filter)
            .with("constant", constant);
        let resource = tree(r#"{"resourceType":"Patient","id":"7","name":[{"given":["a","b"]},{"use":"old"}]}"#);
        match View::read(&Value::Object(view)) {
            Err(outcome) => prop_assert!(!outcome.issues.is_empty()),
            Ok(view) => {
                let mut out = Vec::new();
                let mut writer = Writer::new(&view, Format::Csv { header: true });
                let _ = view.rows(&resource, &around(), &mut |row| {
                    assert_eq!(row.len(), view.columns.len());
                    writer.row(row, &mut out);
                });
            }
        }
    }

    #[test]
    fn a_field_of_csv_is_read_back(text in "[a,\"\r\n =]{0,12}") {
        let resource = Object::new().with("resourceType", "Patient").with("id", text.as_str());
        let view = View::read(&tree(r#"{"resource":"Patient","select":[{"column":[{"name":"id","path":"id"}]}]}"#)).unwrap();
        let (resource, mut out) = (Value::Object(resource), Vec::new());
        let mut writer = Writer::new(&view, Format::Csv { header: false });
        view.rows(&resource, &around(), &mut |row| writer.row(row, &mut out)).unwrap();
        let line = String::from_utf8(out).unwrap();
        let field = line.strip_suffix("\r\n").unwrap();
        let read = match field.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            Some(quoted) => quoted.replace("\"\"", "\""),
            None => field.to_owned(),
        };
        prop_assert_eq!(read, text);
    }
}
