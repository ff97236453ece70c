//! Arbitrary texts, and arbitrary expressions over changed resources: every one is answered, in bounded work.

use proptest::prelude::*;

use super::{Context, ErrorKind, Expression, Node, parse};
use crate::json::{self, Limits, Value};

const SEEDS: [&str; 4] = [
    r##"{"resourceType":"Patient","id":"7","birthDate":"1974-12-25","_birthDate":{"id":"b"},"active":true,
     "name":[{"family":"Rao","given":["A",null],"_given":[null,{"extension":[{"url":"u","valueCode":"x"}]}],
     "period":{"start":"2020","end":"2021-02-03T04:05:06+05:30"}}],"contained":[{"resourceType":"Organization","id":"o"}],
     "managingOrganization":{"reference":"#o"}}"##,
    r#"{"resourceType":"Observation","status":"final","valueQuantity":{"value":185.50,"unit":"lbs",
     "system":"http://unitsofmeasure.org","code":"[lb_av]"},"effectiveDateTime":"2024-02-30",
     "component":[{"code":{"text":"x"},"valueInteger":3},{"valueTime":"10:00:00"}]}"#,
    r#"{"resourceType":"Patient","name":"no list","birthDate":[["x"]],"_birthDate":7,"contact":[null,1,{"name":[]}],
     "active":{"a":null},"multipleBirthInteger":1e99}"#,
    r#"{"resourceType":"Nothing","a":[[[1,2],{"b":null}]],"_a":{"extension":[{"url":1}]}}"#,
];

const LEAVES: [&str; 33] = [
    "%resource.name.given",
    "%resource.descendants()",
    "%resource.name.where(family.exists()).given.first()",
    "name",
    "given",
    "name.given",
    "value",
    "birthDate",
    "period.start",
    "$this",
    "$index",
    "$total",
    "%resource",
    "%context",
    "1",
    "-7",
    "2147483648",
    "1.50",
    "0.000000001",
    "'a'",
    "'5 days'",
    "@2020-01",
    "@T10:30",
    "@2024-02-29T10:00:00Z",
    "4 days",
    "5 'mg'",
    "1 'foo'",
    "{}",
    "true",
    "Patient",
    "descendants()",
    "children()",
    "now()",
];

const PLAIN: [&str; 52] = [
    "abs",
    "allFalse",
    "allTrue",
    "anyFalse",
    "anyTrue",
    "ceiling",
    "children",
    "convertsToBoolean",
    "convertsToDate",
    "convertsToDateTime",
    "convertsToDecimal",
    "convertsToInteger",
    "convertsToQuantity",
    "convertsToString",
    "convertsToTime",
    "count",
    "descendants",
    "distinct",
    "empty",
    "exists",
    "exp",
    "first",
    "floor",
    "getReferenceKey",
    "getResourceKey",
    "getValue",
    "hasValue",
    "highBoundary",
    "htmlChecks",
    "isDistinct",
    "join",
    "last",
    "length",
    "ln",
    "lowBoundary",
    "lower",
    "not",
    "precision",
    "resolve",
    "round",
    "single",
    "sort",
    "sqrt",
    "tail",
    "toChars",
    "toDate",
    "toDateTime",
    "toInteger",
    "toQuantity",
    "toString",
    "type",
    "upper",
];

const WITH_ONE: [&str; 36] = [
    "aggregate",
    "all",
    "combine",
    "comparable",
    "contains",
    "decode",
    "encode",
    "endsWith",
    "escape",
    "exclude",
    "exists",
    "extension",
    "indexOf",
    "intersect",
    "join",
    "lastIndexOf",
    "log",
    "lowBoundary",
    "matches",
    "matchesFull",
    "memberOf",
    "power",
    "repeat",
    "repeatAll",
    "round",
    "select",
    "skip",
    "sort",
    "split",
    "startsWith",
    "subsetOf",
    "substring",
    "take",
    "trace",
    "union",
    "where",
];

const OPERATORS: [&str; 22] = [
    "*", "/", "div", "mod", "+", "-", "&", "|", "<=", "<", ">", ">=", "=", "~", "!=", "!~", "in", "contains",
    "and", "or", "xor", "implies",
];

/// Texts that are expressions, nested a few levels.
fn expressions() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(&LEAVES[..]).prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 3, |inner| {
        let pick = |list: &'static [&'static str]| prop::sample::select(list);
        prop_oneof![
            (inner.clone(), pick(&OPERATORS), inner.clone()).prop_map(|(a, o, b)| format!("({a}) {o} ({b})")),
            (inner.clone(), pick(&PLAIN)).prop_map(|(a, f)| format!("({a}).{f}()")),
            (inner.clone(), pick(&WITH_ONE), inner.clone()).prop_map(|(a, f, b)| format!("({a}).{f}({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a})[{b}]")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("iif({a}, {b}, {c})")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("({a}).replaceMatches({b}, {c})")),
            (inner.clone(), pick(&["Quantity", "string", "Integer", "Patient", "System.Any"]))
                .prop_map(|(a, t)| format!("(({a}) is {t}) | ({a}).ofType({t})")),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| format!("({a}).defineVariable('v', {b}).select(%v)")),
            inner.prop_map(|a| format!("-({a})")),
        ]
    })
}

fn answered(text: &str) {
    let Ok(expression) = Expression::parse(text) else { return };
    for kind in ["Patient", "Observation", "HumanName"] {
        let _ = expression.check(kind);
    }
    for seed in SEEDS {
        let resource: Value = json::parse(seed.as_bytes(), &Limits::default()).unwrap();
        let context = Context::new(&resource)
            .with_now(jiff::Timestamp::UNIX_EPOCH, &jiff::tz::TimeZone::UTC)
            .with_most_steps(5000);
        match expression.evaluate(&context, Node::resource(&resource)) {
            Ok(items) => assert!(items.len() <= 50_000, "{text}"),
            Err(error) => {
                assert!(error.kind != ErrorKind::Syntax && error.position <= text.len(), "{text}: {error}")
            }
        }
        let _ = expression.test(&context.strict().for_search(), Node::resource(&resource));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_text_is_answered(text in any::<String>(), near in "[a-z0-9'`%$@()\\[\\]{}.,|&<>=~!+*/ \\\\:TZ-]{0,60}") {
        answered(&text);
        answered(&near);
    }

    #[test]
    fn any_expression_is_answered(text in expressions()) {
        prop_assert!(!matches!(Expression::parse(&text), Err(e) if e.kind == ErrorKind::Syntax), "{}", text);
        answered(&text);
    }

    #[test]
    fn what_is_kept_answers_as_if_it_were_not(text in expressions(), over in expressions()) {
        for text in [format!("({over}).select({text})"), format!("({over}).where(({text}) in %resource.descendants())"),
            format!("({over}).select(%resource.name.given contains ({text}))"), text.clone()]
        {
            let (Ok(kept), Ok(tree)) = (Expression::parse(&text), parse::read(&text)) else { continue };
            let plain = Expression { text: text.as_str().into(), tree };
            for seed in SEEDS {
                let resource: Value = json::parse(seed.as_bytes(), &Limits::default()).unwrap();
                let answer = |expression: &Expression| {
                    let context = Context::new(&resource)
                        .with_now(jiff::Timestamp::UNIX_EPOCH, &jiff::tz::TimeZone::UTC)
                        .with_most_steps(50_000);
                    let found = expression.evaluate(&context, Node::resource(&resource));
                    found.map(|items| items.iter().map(|i| i.to_json().to_vec()).collect::<Vec<_>>())
                };
                match (answer(&kept), answer(&plain)) {
                    (Err(one), Err(other)) => prop_assert_eq!(one.kind, other.kind, "{}", text),
                    (Err(one), Ok(_)) | (Ok(_), Err(one)) => prop_assert_eq!(one.kind, ErrorKind::Limit, "{}", text),
                    (one, other) => prop_assert_eq!(one, other, "{}", text),
                }
            }
        }
    }

    #[test]
    fn broken_expressions_are_answered(text in expressions(), at in 0usize..200, junk in "[ -~]{0,3}") {
        let at = at.min(text.len());
        answered(&format!("{}{junk}{}", &text[..at], &text[(at + 1).min(text.len())..]));
    }
}

#[test]
fn invariants_of_the_standard_can_be_read() {
    let rules = include_str!("../fhir/tables/rules.txt");
    let mut count = 0;
    for row in rules.lines().filter(|l| l.starts_with('!')) {
        let columns: Vec<&str> = row.split('\t').collect();
        let expression = Expression::parse(columns[3]).unwrap_or_else(|e| panic!("{}: {e}", columns[1]));
        assert_eq!(expression.as_str(), columns[3]);
        count += 1;
    }
    assert!(count > 150, "{count}");
}
