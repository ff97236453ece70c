use proptest::prelude::*;

use super::json_patch::same;
use super::{JsonPatch, PatchError};
use crate::json::{Limits, Value, parse};

fn json(text: &str) -> Value {
    parse(text.as_bytes(), &Limits::default()).unwrap()
}

fn patched(tree: &str, patch: &str) -> Result<Value, PatchError> {
    JsonPatch::read(&json(patch))?.apply(&json(tree))
}

#[test]
fn operations_do_what_the_rfc_says() {
    let check = |tree: &str, patch: &str, expected: &str| {
        assert_eq!(patched(tree, patch).map(|v| v.to_string()), Ok(expected.to_owned()), "{patch}");
    };
    let tree = r#"{"a":[1,2],"b":{"c":"x","~/":3}}"#;
    check(tree, r#"[{"op":"add","path":"/a/1","value":9}]"#, r#"{"a":[1,9,2],"b":{"c":"x","~/":3}}"#);
    check(tree, r#"[{"op":"add","path":"/a/-","value":9}]"#, r#"{"a":[1,2,9],"b":{"c":"x","~/":3}}"#);
    check(tree, r#"[{"op":"add","path":"/b/c","value":9}]"#, r#"{"a":[1,2],"b":{"c":9,"~/":3}}"#);
    check(tree, r#"[{"op":"remove","path":"/b/~0~1"}]"#, r#"{"a":[1,2],"b":{"c":"x"}}"#);
    check(tree, r#"[{"op":"replace","path":"/a/0","value":null}]"#, r#"{"a":[null,2],"b":{"c":"x","~/":3}}"#);
    check(tree, r#"[{"op":"move","from":"/a/0","path":"/b/d"}]"#, r#"{"a":[2],"b":{"c":"x","~/":3,"d":1}}"#);
    check(tree, r#"[{"op":"copy","from":"/a","path":"/b/c"}]"#, r#"{"a":[1,2],"b":{"c":[1,2],"~/":3}}"#);
    check(tree, r#"[{"op":"test","path":"/b","value":{"~/":3.0,"c":"x"}}]"#, tree);
    check(tree, r#"[{"op":"test","path":"/a/1","value":0.2e1}]"#, tree);
    check(tree, r#"[{"op":"add","path":"","value":1}]"#, "1");
}

#[test]
fn refusals_say_which_operation_and_why() {
    let tree = r#"{"a":[1],"b":{"c":{}}}"#;
    let check = |patch: &str, kind: fn(&PatchError) -> bool, place: &str, why: &str| {
        let error = patched(tree, patch).expect_err(patch);
        assert!(kind(&error), "{patch}: {error:?}");
        let (PatchError::Malformed(outcome) | PatchError::Misfit(outcome) | PatchError::TestFailed(outcome)) =
            error;
        assert_eq!(outcome.issues[0].expression, [place], "{patch}");
        assert!(outcome.issues[0].diagnostics.contains(why), "{patch}: {outcome}");
    };
    let malformed: fn(&PatchError) -> bool = |e| matches!(e, PatchError::Malformed(_));
    let misfit: fn(&PatchError) -> bool = |e| matches!(e, PatchError::Misfit(_));
    let failed: fn(&PatchError) -> bool = |e| matches!(e, PatchError::TestFailed(_));
    check("{}", malformed, "patch", "array");
    check("[]", malformed, "patch", "at least one");
    check("[1]", malformed, "patch[0]", "object");
    check(
        r#"[{"op":"test","path":"/a","value":[1]},{"op":"put","path":"/a"}]"#,
        malformed,
        "patch[1]",
        "\"put\"",
    );
    check(r#"[{"op":"add","path":"/a"}]"#, malformed, "patch[0]", "value");
    check(r#"[{"op":"remove","path":"a"}]"#, malformed, "patch[0]", "Pointer");
    check(r#"[{"op":"remove","path":"/a~2"}]"#, malformed, "patch[0]", "Pointer");
    check(r#"[{"op":"move","from":"/b","path":"/b/c"}]"#, malformed, "patch[0]", "into itself");
    check(r#"[{"op":"remove","path":"/x"}]"#, misfit, "patch[0]", "nothing");
    check(r#"[{"op":"remove","path":""}]"#, misfit, "patch[0]", "nothing");
    check(r#"[{"op":"replace","path":"/a/1","value":1}]"#, misfit, "patch[0]", "nothing");
    check(r#"[{"op":"add","path":"/a/2","value":1}]"#, misfit, "patch[0]", "parent");
    check(r#"[{"op":"add","path":"/a/01","value":1}]"#, misfit, "patch[0]", "parent");
    check(r#"[{"op":"add","path":"/x/y","value":1}]"#, misfit, "patch[0]", "parent");
    check(r#"[{"op":"test","path":"/a/0","value":"1"}]"#, failed, "patch[0]", "another");
    check(r#"[{"op":"test","path":"/x","value":null}]"#, failed, "patch[0]", "nothing");
    let many = format!("[{}]", vec![r#"{"op":"remove","path":"/a"}"#; 1001].join(","));
    check(&many, malformed, "patch", "1000");
    let doubling = format!("[{}]", vec![r#"{"op":"copy","from":"/a","path":"/a/-"}"#; 60].join(","));
    let error = patched(tree, &doubling).unwrap_err();
    assert!(misfit(&error), "{error:?}");
}

#[test]
fn official_cases_come_out_as_they_say() {
    let file = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/data/fhir/patch/json-patch-tests.json");
    let Ok(text) = std::fs::read(file) else {
        println!("skipped: the official cases are not there");
        return;
    };
    let cases = parse(&text, &Limits::default()).unwrap();
    for case in cases.as_array().unwrap() {
        let name = case.str("comment").unwrap();
        let done = JsonPatch::read(case.get("patch").unwrap())
            .and_then(|patch| patch.apply(case.get("doc").unwrap()));
        match case.get("expected") {
            Some(expected) => assert!(done.as_ref().is_ok_and(|d| same(d, expected)), "{name}: {done:?}"),
            None if case.get("error").is_some() => assert!(done.is_err(), "{name}: {done:?}"),
            None => assert!(done.is_ok(), "{name}: {done:?}"),
        }
    }
}

proptest! {
    #[test]
    fn any_operations_are_answered(
        operations in prop::collection::vec(
            (
                prop::sample::select(&["add", "remove", "replace", "move", "copy", "test"][..]),
                "(/(a|b|c|0|1|-)){0,4}",
                "(/(a|b|c|0|1|-)){0,4}",
            ),
            1..12,
        )
    ) {
        let patch: Vec<Value> = operations
            .iter()
            .map(|(op, path, from)| {
                let value = json(r#"{"a":[{"b":1}]}"#);
                let members = [("op", Value::from(*op)), ("path", Value::from(path)), ("from", Value::from(from)), ("value", value)];
                Value::from(members)
            })
            .collect();
        let tree = json(r#"{"a":[1,{"b":[]}],"b":{"c":[0,1]}}"#);
        if let Ok(patch) = JsonPatch::read(&Value::Array(patch))
            && let Ok(done) = patch.apply(&tree)
        {
            let limits = Limits { max_bytes: usize::MAX, max_depth: Limits::MOST_DEPTH };
            prop_assert_eq!(parse(&done.to_vec(), &limits).unwrap(), done);
        }
    }
}
