use super::*;
use crate::json::{Limits, parse};

fn body(text: &str) -> Result<Parameters, Outcome> {
    Parameters::of_resource(parse(text.as_bytes(), &Limits::default()).unwrap())
}

fn query(pairs: &[(&str, &str)]) -> Parameters {
    let pairs: Vec<_> = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Parameters::of_query(&pairs)
}

#[test]
fn a_query_and_a_body_say_the_same() {
    let by_query = query(&[("start", "2020"), ("_count", "5"), ("x", "true"), ("t", "a"), ("t", "b")]);
    let by_body = body(
        r#"{"resourceType":"Parameters","parameter":[{"name":"start","valueDate":"2020"},
            {"name":"_count","valueInteger":5},{"name":"x","valueBoolean":true},
            {"name":"t","valueCode":"a"},{"name":"t","valueString":"b"}]}"#,
    )
    .unwrap();
    for mut given in [by_query, by_body] {
        assert_eq!(given.moment("start").unwrap(), Moment::date_time("2020"));
        assert_eq!(given.integer("_count").unwrap(), Some(5));
        assert_eq!(given.flag("x").unwrap(), Some(true));
        assert_eq!(given.texts("t").unwrap(), ["a", "b"]);
        assert_eq!(given.text("absent").unwrap(), None);
        given.finish().unwrap();
    }
}

#[test]
fn parts_resources_and_complex_values_are_taken() {
    let mut given = body(
        r#"{"resourceType":"Parameters","parameter":[
            {"name":"resource","resource":{"resourceType":"Nonsense"}},
            {"name":"coding","valueCoding":{"system":"s:x","code":"c"}},
            {"name":"p","part":[{"name":"a","valueInstant":"2020-01-01T00:00:00Z"}]}]}"#,
    )
    .unwrap();
    assert_eq!(given.resource("resource").unwrap().unwrap().str("resourceType"), Some("Nonsense"));
    assert_eq!(given.complex("coding", "Coding").unwrap().unwrap().str("code"), Some("c"));
    let mut parts = given.take("p").unwrap().unwrap().parts().unwrap();
    assert!(parts.instant("a").unwrap().is_some());
    parts.finish().unwrap();
    given.finish().unwrap();
}

#[test]
fn what_is_not_known_or_not_right_is_refused_with_its_place() {
    let place = |outcome: Outcome| outcome.issues[0].expression.clone();
    assert_eq!(place(query(&[("nme", "x")]).finish().unwrap_err()), ["nme"]);
    assert!(query(&[("a", "1"), ("a", "2")]).text("a").is_err());
    assert!(query(&[("a", "1.5")]).integer("a").is_err());
    assert!(query(&[("a", "2020-01-01T00:00:00")]).instant("a").is_err());
    assert!(query(&[("a", "x")]).resource("a").is_err());
    let check = |parameter: &str, expected: &str| {
        let text = format!(r#"{{"resourceType":"Parameters","parameter":[{parameter}]}}"#);
        assert_eq!(place(body(&text).unwrap_err())[0], expected, "{parameter}");
    };
    check(r#"{"valueString":"x"}"#, "Parameters.parameter[0].name");
    check(r#"{"name":"a"}"#, "Parameters.parameter[0]");
    check(r#"{"name":"a","valueString":"x","resource":{}}"#, "Parameters.parameter[0]");
    check(r#"{"name":"a","valueDate":"x"}"#, "Parameters.parameter[0].value");
    check(r#"{"name":"a","part":[{"name":"b","value":1}]}"#, "Parameters.parameter[0].part[0].value");
    check("1", "Parameters.parameter[0]");
    assert!(body(r#"{"resourceType":"Parameters","parameter":[]}"#).is_err());
    assert!(body(r#"{"resourceType":"Patient"}"#).is_err());
    let many = vec![r#"{"name":"a","valueInteger":1}"#; MOST + 1].join(",");
    assert!(body(&format!(r#"{{"resourceType":"Parameters","parameter":[{many}]}}"#)).is_err());
}

#[test]
fn an_answer_is_a_good_resource() {
    let inner = Answer::new().value("code", "valueCode", "x");
    let answer = Answer::new()
        .value("return", "valueBoolean", true)
        .parts("match", inner)
        .parts("none", Answer::new())
        .to_json();
    assert!(validate::structure(&answer).is_empty());
    assert_eq!(answer.items("parameter").len(), 2);
    assert!(validate::structure(&Answer::new().to_json()).is_empty());
}
