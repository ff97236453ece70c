use proptest::prelude::*;

use super::json_patch::same;
use super::{Budget, JsonPatch, Patch, PatchError, PathPatch};
use crate::fhir::xml;
use crate::json::{Limits, Value, parse};

fn json(text: &str) -> Value {
    parse(text.as_bytes(), &Limits::default()).unwrap()
}

fn plenty() -> Budget {
    Budget::new(u64::MAX)
}

fn patched(tree: &str, patch: &str) -> Result<Value, PatchError> {
    JsonPatch::read(&json(patch))?.apply(&json(tree), &plenty())
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
            error
        else {
            panic!("{error:?}")
        };
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
            .and_then(|patch| patch.apply(case.get("doc").unwrap(), &plenty()));
        match case.get("expected") {
            Some(expected) => assert!(done.as_ref().is_ok_and(|d| same(d, expected)), "{name}: {done:?}"),
            None if case.get("error").is_some() => assert!(done.is_err(), "{name}: {done:?}"),
            None => assert!(done.is_ok(), "{name}: {done:?}"),
        }
    }
}

/// The inside of an element in the text of the official cases.
fn between<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(inside, _)| inside.trim())
}

/// White space and the spelling of quotes in narratives differ between the official input and output; the words do not.
fn squeezed(value: &Value) -> Value {
    match value {
        Value::String(text) => {
            Value::from(text.split_whitespace().collect::<Vec<_>>().join(" ").replace("&quot;", "\""))
        }
        Value::Array(items) => Value::Array(items.iter().map(squeezed).collect()),
        Value::Object(object) => Value::Object(object.iter().map(|(k, v)| (k, squeezed(v))).collect()),
        other => other.clone(),
    }
}

/// The first place where two trees differ.
fn differs(a: &Value, b: &Value) -> Option<String> {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) if a.len() == b.len() => a.iter().find_map(|(key, a)| {
            let inner = b.get(key).map_or(Some("missing".to_owned()), |b| differs(a, b));
            inner.map(|inner| format!("{key}.{inner}"))
        }),
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => a
            .iter()
            .zip(b)
            .enumerate()
            .find_map(|(n, (a, b))| differs(a, b).map(|inner| format!("{n}.{inner}"))),
        (a, b) => (!same(a, b)).then(|| format!(" {a} | {b}")),
    }
}

#[test]
fn official_fhirpath_cases_come_out_as_they_say() {
    let file = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/data/fhir/patch/fhir-patch-tests.xml");
    let Ok(text) = std::fs::read_to_string(file) else {
        println!("skipped: the official cases are not there");
        return;
    };
    let read =
        |text: &str| xml::read(text.as_bytes(), &Limits::default()).unwrap_or_else(|e| panic!("{e}: {text}"));
    let mut wrong = Vec::new();
    let mut count = 0;
    for case in text.split("<case ").skip(1) {
        let name = case.split('"').nth(1).unwrap_or_default();
        let (input, diff) = (read(between(case, "input").unwrap()), read(between(case, "diff").unwrap()));
        let done = PathPatch::read(&diff).and_then(|patch| patch.apply(&input, &plenty()));
        match (between(case, "output"), done) {
            (Some(output), Ok(done)) => {
                let place = differs(&squeezed(&done), &squeezed(&read(output)));
                wrong.extend(place.map(|place| format!("{name}: {place}")));
            }
            (None, Err(_)) => {}
            (_, done) => wrong.push(format!("{name}: {done:?}")),
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{} of {count}: {wrong:#?}", wrong.len());
}

/// A patch of one operation.
fn operation(parts: &str) -> Result<Patch, PatchError> {
    let text =
        format!(r#"{{"resourceType":"Parameters","parameter":[{{"name":"operation","part":[{parts}]}}]}}"#);
    Patch::of_parameters(&json(&text))
}

#[test]
fn places_named_by_fhirpath_keep_types_lists_and_extensions_in_step() {
    let tree = r#"{"resourceType":"Patient","id":"p","name":[{"given":["a","b"],"_given":[null,{"id":"x"}]}],"deceasedBoolean":false,"_birthDate":{"id":"y"}}"#;
    let check = |kind: &str, path: &str, more: &str, expected: &str| {
        let parts = format!(
            r#"{{"name":"type","valueCode":"{kind}"}},{{"name":"path","valueString":"{path}"}}{more}"#
        );
        let done = operation(&parts).unwrap().apply(&json(tree));
        assert_eq!(done.map(|v| v.to_string()), Ok(expected.to_owned()), "{kind} {path}");
    };
    let with = |name: &str, deceased: &str, birth: &str| {
        format!(r#"{{"resourceType":"Patient","id":"p","name":[{name}],{deceased}{birth}}}"#)
    };
    let (name, dead, birth) = (
        r#"{"given":["a","b"],"_given":[null,{"id":"x"}]}"#,
        r#""deceasedBoolean":false"#,
        r#","_birthDate":{"id":"y"}"#,
    );
    check(
        "delete",
        "Patient.name.given[0]",
        "",
        &with(r#"{"given":["b"],"_given":[{"id":"x"}]}"#, dead, birth),
    );
    check(
        "move",
        "Patient.name.given",
        r#",{"name":"source","valueInteger":1},{"name":"destination","valueInteger":0}"#,
        &with(r#"{"given":["b","a"],"_given":[{"id":"x"},null]}"#, dead, birth),
    );
    check(
        "insert",
        "Patient.name.given",
        r#",{"name":"index","valueInteger":1},{"name":"value","valueString":"c"}"#,
        &with(r#"{"given":["a","c","b"],"_given":[null,null,{"id":"x"}]}"#, dead, birth),
    );
    check(
        "replace",
        "Patient.deceased",
        r#",{"name":"value","valueDateTime":"2020"}"#,
        &with(name, r#""deceasedDateTime":"2020""#, birth),
    );
    check(
        "replace",
        "Patient.name.given[1]",
        r#",{"name":"value","valueString":"c"}"#,
        &with(r#"{"given":["a","c"]}"#, dead, birth),
    );
    check("delete", "Patient.birthDate", "", &with(name, dead, ""));
    check("delete", "Patient.photo", "", &with(name, dead, birth));
    check(
        "add",
        "Patient.name[0]",
        r#",{"name":"name","valueString":"given"},{"name":"value","valueString":"c"}"#,
        &with(r#"{"given":["a","b","c"],"_given":[null,{"id":"x"},null]}"#, dead, birth),
    );
    check("delete", "Patient.name", "", &format!(r#"{{"resourceType":"Patient","id":"p",{dead}{birth}}}"#));
}

#[test]
fn a_fhirpath_patch_that_does_not_fit_says_why() {
    let tree =
        json(r#"{"resourceType":"Patient","id":"p","name":[{"family":"a"},{"family":"b"}],"active":true}"#);
    let check = |parts: &str, malformed: bool, why: &str| {
        let error = operation(parts).and_then(|patch| patch.apply(&tree)).expect_err(parts);
        assert_eq!(matches!(error, PatchError::Malformed(_)), malformed, "{parts}: {error:?}");
        let (PatchError::Malformed(outcome) | PatchError::Misfit(outcome) | PatchError::TestFailed(outcome)) =
            error
        else {
            panic!("{error:?}")
        };
        assert!(outcome.issues[0].diagnostics.contains(why), "{parts}: {outcome}");
    };
    let of = |kind: &str, path: &str, more: &str| {
        format!(r#"{{"name":"type","valueCode":"{kind}"}},{{"name":"path","valueString":"{path}"}}{more}"#)
    };
    let yes = r#",{"name":"value","valueBoolean":true}"#;
    check(r#"{"name":"path","valueString":"Patient"}"#, true, "\"type\"");
    check(&of("put", "Patient", ""), true, "\"put\"");
    check(&of("delete", "Patient.", ""), true, "path");
    check(&of("replace", "Patient.active", ""), true, "value");
    check(&of("move", "Patient.name", ""), true, "source");
    check(&of("replace", "Patient.birthDate", yes), false, "nothing");
    check(&of("replace", "Patient.name.family", yes), false, "several");
    check(&of("delete", "Patient.name", ""), false, "several");
    check(&of("delete", "1 + 1", ""), false, "no element");
    check(&of("delete", "Patient", ""), false, "itself");
    check(&of("replace", "Patient", yes), false, "itself");
    check(
        &of("add", "Patient", &format!(r#",{{"name":"name","valueString":"active"}}{yes}"#)),
        false,
        "already",
    );
    check(
        &of("add", "Patient", &format!(r#",{{"name":"name","valueString":"colour"}}{yes}"#)),
        false,
        "no element",
    );
    check(
        &of("insert", "Patient.active", &format!(r#",{{"name":"index","valueInteger":0}}{yes}"#)),
        false,
        "no list",
    );
    check(
        &of(
            "insert",
            "Patient.name",
            r#",{"name":"index","valueInteger":3},{"name":"value","valueHumanName":{"text":"x"}}"#,
        ),
        false,
        "end of the list",
    );
    check(&of("replace", "Patient.id", r#",{"name":"value","valueId":"q"}"#), false, "cannot change id");
}

#[test]
fn a_patch_is_bounded_by_what_it_makes_the_server_walk() {
    let members = |order: &mut dyn Iterator<Item = usize>| {
        let members: Vec<String> = order.map(|n| format!(r#""m{n}":{n}"#)).collect();
        format!("{{{}}}", members.join(","))
    };
    let (up, down) = (members(&mut (0..20_000)), members(&mut (0..20_000).rev()));
    let apply = |patch: &str| JsonPatch::read(&json(patch)).unwrap().apply(&json(r#"{"a":{}}"#), &plenty());
    let same = format!(
        r#"[{{"op":"add","path":"/a/w","value":{up}}},{{"op":"test","path":"/a/w","value":{down}}}]"#
    );
    assert!(apply(&same).is_ok(), "the order of members does not matter, and costs no more");
    let moves = r#",{"op":"move","from":"/a/w","path":"/a/v"},{"op":"move","from":"/a/v","path":"/a/w"}"#;
    let restless = format!(r#"[{{"op":"add","path":"/a/w","value":{up}}}{}]"#, moves.repeat(100));
    let error = apply(&restless).unwrap_err();
    assert!(matches!(&error, PatchError::Misfit(outcome) if outcome.to_string().contains("smaller parts")));
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
            && let Ok(done) = patch.apply(&tree, &plenty())
        {
            let limits = Limits { max_bytes: usize::MAX, max_depth: Limits::MOST_DEPTH };
            prop_assert_eq!(parse(&done.to_vec(), &limits).unwrap(), done);
        }
    }
}

#[test]
fn patches_that_share_a_budget_use_it_up() {
    let tree = json(r#"{"resourceType":"Patient","active":true}"#);
    let by_pointer =
        Patch::read_json(br#"[{"op":"test","path":"/active","value":true}]"#, &Limits::default()).unwrap();
    let operation = r#"{"resourceType":"Parameters","parameter":[{"name":"operation","part":[
        {"name":"type","valueCode":"replace"},{"name":"path","valueString":"Patient.active"},
        {"name":"value","valueBoolean":false}]}]}"#;
    let by_path = Patch::of_parameters(&json(operation)).unwrap();
    for patch in [by_pointer, by_path] {
        let budget = Budget::new(100);
        let done = (0..100).take_while(|_| patch.apply_within(&tree, &budget).is_ok()).count();
        assert!((1..100).contains(&done), "{done}");
        assert_eq!(patch.apply_within(&tree, &budget), Err(PatchError::TooCostly(100)));
        assert!(patch.apply(&tree).is_ok());
    }
}
