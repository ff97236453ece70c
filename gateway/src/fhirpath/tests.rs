use super::*;
use crate::json::{self, Limits, Value};

fn read(text: &str) -> Value {
    json::parse(text.as_bytes(), &Limits::default()).unwrap()
}

fn patient() -> Value {
    read(
        r##"{"resourceType":"Patient","id":"7","active":true,"birthDate":"1974-12-25",
        "_birthDate":{"extension":[{"url":"http://x/time","valueDateTime":"1974-12-25T14:35:45-05:00"}]},
        "name":[{"use":"official","family":"Rao","given":["Asha","M"]},
          {"use":"usual","given":[null,"Ash"],"_given":[{"extension":[{"url":"http://x/absent","valueCode":"unknown"}]},null]}],
        "telecom":[{"system":"phone","value":"1"},{"system":"email","value":"a@b"}],
        "multipleBirthInteger":2,"deceasedBoolean":false,
        "managingOrganization":{"reference":"#org"},
        "generalPractitioner":[{"reference":"Practitioner/9"},{"reference":"http://x/fhir/Organization/3/_history/2"}],
        "contact":[{"relationship":[{"text":"sister"}]}],
        "contained":[{"resourceType":"Organization","id":"org","name":"Clinic"}]}"##,
    )
}

/// The answer's texts, or the error's kind.
fn answer(resource: &Value, text: &str) -> Result<Vec<String>, ErrorKind> {
    let expression = Expression::parse(text).map_err(|e| e.kind)?;
    let context =
        Context::new(resource).with_now("2026-02-03T04:05:06Z".parse().unwrap(), &jiff::tz::TimeZone::UTC);
    let found = expression.evaluate(&context, Node::resource(resource)).map_err(|e| e.kind)?;
    let text = |i: &Item<'_>| {
        i.to_text().map_or_else(|| String::from_utf8(i.to_json().to_vec()).unwrap(), Into::into)
    };
    Ok(found.iter().map(text).collect())
}

#[test]
fn paths_and_functions() {
    let patient = patient();
    let check = |text: &str, expected: &[&str]| {
        assert_eq!(answer(&patient, text), Ok(expected.iter().map(|t| (*t).to_owned()).collect()), "{text}");
    };
    check("name.given", &["Asha", "M", "null", "Ash"]);
    check("name.given.select(hasValue())", &["true", "true", "false", "true"]);
    check("name.given.extension('http://x/absent').value", &["unknown"]);
    check("Patient.name.where(use = 'usual').given.getValue()", &[]);
    check("Patient.name[1].given[1].getValue()", &["Ash"]);
    check("Resource.id | DomainResource.active", &["7", "true"]);
    check("Encounter.status", &[]);
    check("multipleBirth", &["2"]);
    check("multipleBirth.ofType(integer) + 1", &["3"]);
    check("(deceased as boolean)", &["false"]);
    check("multipleBirthInteger", &[]);
    check("birthDate.extension('http://x/time').value < @1974-12-26", &["true"]);
    check("birthDate.is(date) and birthDate.is(Date).not()", &["true"]);
    check("managingOrganization.resolve().name", &["Clinic"]);
    check("generalPractitioner.where(resolve() is Practitioner).reference", &["Practitioner/9"]);
    check("generalPractitioner.getReferenceKey(Practitioner)", &["9"]);
    check("generalPractitioner.getReferenceKey(Organization)", &[]);
    check("contact.type().name", &["BackboneElement"]);
    check("contact.children().text", &["sister"]);
    check("descendants().where($this is Coding).empty()", &["true"]);
    check("name.select(given.first() & ' ' & family)", &["Asha Rao", " "]);
    check("telecom.where(system = 'phone' or system = 'fax').value", &["1"]);
    check("name.defineVariable('n').select(%n.count())", &["2", "2"]);
    check("today().toString() + 'T' & timeOfDay().toString()", &["2026-02-03T04:05:06.000"]);
    check("(1 | 2 | 3).aggregate($total + $this, 0)", &["6"]);
    check("'a,b'.split(',').join('+')", &["a+b"]);
    check("'x1y22'.replaceMatches('([0-9]+)', '<$1>')", &["x<1>y<22>"]);
    check("0.1 + 0.2 = 0.3", &["true"]);
    check("3 'mg' + 1 'g'", &["1003 'mg'"]);
    check("1 year = 12 months", &["true"]);
    check("@2024-02-29 + 1 year", &["2025-02-28"]);
    check("@2024-01-01T10:00:00Z < @2024-01-03", &["true"]);
    check("@2024-01-01T10:00:00Z < @2024-01-01T12:00:00", &[]);
    check("@2024-01-01T10:00:00Z < @2024-01-03T12:00:00", &["true"]);
    check("name.sort(family).family", &["Rao"]);
    check("`name`.given.count() // how many", &["4"]);
}

#[test]
fn refusals() {
    let patient = patient();
    let check = |text: &str, expected: ErrorKind| assert_eq!(answer(&patient, text), Err(expected), "{text}");
    for text in [
        "",
        "name.",
        "1 +",
        "(1",
        "'open",
        "name given",
        "/* open",
        "@20",
        "$that",
        "%",
        "a..b",
        "name[",
        "{1}",
    ] {
        check(text, ErrorKind::Syntax);
    }
    for text in ["name.foo()", "name.first(1)", "%nothing", "active is Nothing", "name.as(FHIR.nothing)"] {
        check(text, ErrorKind::Semantic);
    }
    for text in
        ["name.single()", "'a' - 1", "(1 | 2) and true", "active.lower()", "1 < 'a'", "'a'.matches('(')"]
    {
        check(text, ErrorKind::Execution);
    }
    check(&"(".repeat(500), ErrorKind::Limit);
    check(&"-".repeat(500), ErrorKind::Limit);
    check(&"1".repeat(70_000), ErrorKind::Limit);
    check("repeat($this.toString() & 'a')", ErrorKind::Limit);
    check("'aaaaaaaaaaaaaaaa'.repeat($this & $this)", ErrorKind::Limit);
    check("(1|2|3|4|5|6|7|8|9).repeatAll($this)", ErrorKind::Limit);
}

#[test]
fn the_place_of_an_error_is_told() {
    let error = Expression::parse("name.given and foo(1)").unwrap_err();
    assert_eq!((error.position, error.to_string().as_str()), (15, "at 15: there is no function \"foo\""));
}

#[test]
fn deep_expressions_fit_the_stack() {
    let deep = format!("{}1{}", "iif(true, ".repeat(90), ")".repeat(90));
    let patient = patient();
    assert_eq!(answer(&patient, &deep), Ok(vec!["1".to_owned()]));
    let signs = format!("{}1", "- ".repeat(90));
    assert_eq!(answer(&patient, &signs), Ok(vec!["1".to_owned()]));
    let long = vec!["1"; 5000].join(" + ");
    assert_eq!(answer(&patient, &long), Ok(vec!["5000".to_owned()]));
}

#[test]
fn search_parameters_may_ask_for_a_type_of_several() {
    let patient = patient();
    let expression = Expression::parse("(Patient.name as HumanName).family").unwrap();
    let strict = expression.evaluate(&Context::new(&patient), Node::resource(&patient));
    assert_eq!(strict.unwrap_err().kind, ErrorKind::Execution);
    let found = expression.evaluate(&Context::new(&patient).for_search(), Node::resource(&patient)).unwrap();
    assert_eq!(found.len(), 1);
}

/// Whether an expression ends within so many steps.
fn ends_within(resource: &Value, text: &str, steps: u64) -> bool {
    let expression = Expression::parse(text).unwrap();
    match expression.evaluate(&Context::new(resource).with_most_steps(steps), Node::resource(resource)) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.kind, ErrorKind::Limit, "{text}: {error}");
            false
        }
    }
}

#[test]
fn copies_and_patterns_are_charged_by_their_size() {
    let names = r#"{"given":["a","b","c","d","e","f","g","h"]},"#.repeat(500);
    let long = "x".repeat(80_000);
    let resource = read(&format!(
        r#"{{"resourceType":"Patient","name":[{names}{{"text":"{long}","_text":{{"extension":[{}{{"url":"u"}}]}}}}]}}"#,
        r#"{"url":"u"},"#.repeat(999)
    ));
    let check = |text: &str, least: u64, most: u64| {
        assert!(!ends_within(&resource, text, least), "{text} in {least}");
        assert!(ends_within(&resource, text, most), "{text} in {most}");
    };
    // 4000 items, copied 501 times.
    check("defineVariable('all', name.given).name.select(%all.count()).count()", 2_000_000, 4_000_000);
    check("name.aggregate($total.count(), name.given).count()", 4_000, 40_000);
    // A text made on the way is copied with its item.
    check("(name.text & 'y').select($this.length() + $this.length())", 30_000, 90_000);
    check("name.text.matches('x+y')", 10_000, 40_000);
    check("name.text.matches('(x{0,40}){0,40}y')", 1_000_000, 200_000_000);
    check("name.text.replaceMatches('(x{0,40}){0,40}y', '')", 2_000_000, 400_000_000);
    check(
        "defineVariable('t', name.text).name.select(%t.extension('u').count()).count()",
        500_000,
        2_000_000,
    );
}

#[test]
fn entities_are_looked_for_no_further_than_a_name_can_reach() {
    let resource = read(&format!(
        r#"{{"resourceType":"Patient","name":[{{"text":"{}&lt;&#65;&{};"}}]}}"#,
        "&".repeat(500_000),
        "a".repeat(40)
    ));
    let found = answer(&resource, "name.text.unescape('html')").unwrap();
    assert_eq!(found, [format!("{}<A&{};", "&".repeat(500_000), "a".repeat(40))]);
}

#[test]
fn what_a_reference_leads_to_costs_by_what_is_looked_at() {
    let bundle = |entry: &dyn Fn(usize) -> String| {
        let entries: Vec<String> = (0..2_000).map(entry).collect();
        read(&format!(r#"{{"resourceType":"Bundle","entry":[{}]}}"#, entries.join(",")))
    };
    let resource = |n: usize| {
        format!(
            r#"{{"resourceType":"Group","id":"{n}","managingEntity":{{"reference":"Group/{}"}}}}"#,
            1_999 - n
        )
    };
    let honest = bundle(&|n| format!(r#"{{"fullUrl":"http://h/Group/{n}","resource":{}}}"#, resource(n)));
    let all = "entry.resource.managingEntity.resolve().id.count()";
    assert_eq!(answer(&honest, all).unwrap(), ["2000"]);
    assert!(ends_within(&honest, all, 40_000) && !ends_within(&honest, all, 4_000));
    // Addresses that end alike are all looked at, which is charged.
    let alike = bundle(&|n| format!(r#"{{"fullUrl":"http://h/{n}/x","resource":{}}}"#, resource(n)));
    assert!(!ends_within(&alike, "entry.select('http://h/none/x'.resolve()).count()", 3_000_000));
}

/// Steps of an expression over a Questionnaire of so many items.
fn steps(text: &str, items: usize) -> u64 {
    let items: Vec<String> = (0..items)
        .map(|n| format!(r#"{{"linkId":"q{n}","type":"date","initial":[{{"valueDate":"2{n:03}-01-01"}}]}}"#))
        .collect();
    let form = read(&format!(r#"{{"resourceType":"Questionnaire","item":[{}]}}"#, items.join(",")));
    let expression = Expression::parse(text).unwrap();
    let context = Context::new(&form).with_most_steps(100_000_000);
    let found = expression.test(&context, Node::resource(&form)).unwrap();
    assert_eq!(found, Some(true), "{text}");
    context.spent()
}

#[test]
fn what_is_asked_for_every_item_is_found_once() {
    for text in [
        "item.all(%resource.item.linkId contains linkId)",
        "item.all(linkId in %context.item.linkId)",
        "item.all(linkId.startsWith(%resource.item.first().linkId.substring(0, 1)))",
        "item.select(linkId & type).isDistinct()",
        "item.initial.value.isDistinct()",
        "item.initial.value.all($this in %resource.item.initial.value)",
        "item.where(%resource.item.where(type = 'date').linkId contains linkId).count() > 10",
    ] {
        let (small, large) = (steps(text, 100), steps(text, 800));
        assert!(large < small * 10, "{text}: {small} and {large}");
    }
}

#[test]
fn values_of_another_item_are_not_kept() {
    let patient = patient();
    let check = |text: &str, expected: &[&str]| {
        assert_eq!(answer(&patient, text), Ok(expected.iter().map(|t| (*t).to_owned()).collect()), "{text}");
    };
    check("name.select(%resource.name[$index].use)", &["official", "usual"]);
    check(
        "name.where(%resource.name.where(use = 'usual').given contains given.last().getValue()).use",
        &["usual"],
    );
    check("name.use.select($this & %resource.id.replace('7', $this))", &["officialofficial", "usualusual"]);
    check("name.use.aggregate($total & (%resource.id & $this), '')", &["7official7usual"]);
}
