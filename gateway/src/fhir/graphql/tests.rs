//! Queries over a small store: what they answer and what is refused.

use std::rc::Rc;

use super::{Cause, Document, GraphError, Limits, Page, Root, Source, Trouble, answer};
use crate::fhir::id::ResourceType;
use crate::json::{self, Object, Value};

/// A store of a few resources. Observations may not be seen.
pub struct Shelf {
    pub resources: Vec<Rc<Value>>,
    pub asked: Vec<String>,
}

pub const LIMITS: Limits = Limits { depth: 12, fields: 500, resources: 20, answer: 10_000 };

impl Source for Shelf {
    fn read(&mut self, kind: ResourceType, id: &str) -> Result<Option<Rc<Value>>, Trouble> {
        self.asked.push(format!("{kind}/{id}"));
        if kind == ResourceType::OBSERVATION {
            return Err(Trouble::Forbidden("not for you".into()));
        }
        let is = |r: &&Rc<Value>| r.str("resourceType") == Some(kind.as_str()) && r.str("id") == Some(id);
        Ok(self.resources.iter().find(is).cloned())
    }

    fn search(
        &mut self,
        kind: ResourceType,
        parameters: &[(String, String)],
        cursor: Option<&str>,
    ) -> Result<Page, Trouble> {
        let asked: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.asked.push(format!("{kind}?{}", asked.join("&")));
        if parameters.iter().any(|(name, _)| name == "nonsense") {
            return Err(Trouble::Unusable("no such parameter".into()));
        }
        let of = |r: &&Rc<Value>| r.str("resourceType") == Some(kind.as_str());
        let rows: Vec<_> = self.resources.iter().filter(of).cloned().collect();
        let more = parameters.iter().any(|(name, value)| name == "name" && value == "many");
        Ok(Page {
            total: Some(rows.len() as u64),
            rows,
            size: 50,
            next: (more || cursor == Some("c1")).then(|| "c2".to_owned()),
        })
    }

    fn is_own_base(&self, base: &str) -> bool {
        base == "https://box/fhir"
    }
}

pub fn tree(text: &str) -> Value {
    json::parse(text.as_bytes(), &json::Limits::default()).unwrap()
}

pub fn shelf() -> Shelf {
    let resources = [
        r##"{"resourceType":"Patient","id":"7","active":true,"birthDate":"1974-12-25","_birthDate":{"id":"b"},
            "name":[{"use":"official","family":"Rao","given":["A","B"]},{"use":"usual","given":["C"]}],
            "contained":[{"resourceType":"Organization","id":"o","name":"Clinic"}],
            "managingOrganization":{"reference":"#o"},"generalPractitioner":[{"reference":"Practitioner/none"}],
            "multipleBirthInteger":2}"##,
        r#"{"resourceType":"Condition","id":"c","subject":{"reference":"https://box/fhir/Patient/7"},
            "encounter":{"reference":"https://other/fhir/Encounter/1"},"evidence":[{"detail":[{"reference":"Observation/9"}]}]}"#,
        r#"{"resourceType":"Observation","id":"9"}"#,
    ];
    Shelf { resources: resources.iter().map(|text| Rc::new(tree(text))).collect(), asked: Vec::new() }
}

/// Answers a query about the whole store, or about one resource by its place on the shelf.
pub fn ask(query: &str, root: Option<usize>, variables: &str) -> Result<String, GraphError> {
    ask_within(query, root, variables, &LIMITS).map(|data| data.to_string())
}

pub fn ask_within(
    query: &str,
    root: Option<usize>,
    variables: &str,
    limits: &Limits,
) -> Result<Value, GraphError> {
    let mut shelf = shelf();
    let root = root.map_or(Root::System, |n| Root::Resource(Rc::clone(&shelf.resources[n])));
    let document = Document::parse(query)?;
    let variables: Object = tree(variables).as_object().unwrap().clone();
    let data = answer(&document, document.operation(None)?, &variables, &root, limits, &mut shelf)?;
    Ok(Value::Object(data))
}

#[test]
fn a_query_is_answered_in_its_own_order() {
    let check = |query: &str, expected: &str| {
        assert_eq!(ask(query, Some(0), "{}").unwrap(), expected, "{query}");
    };
    check("{ resourceType id, active }", r#"{"resourceType":"Patient","id":"7","active":true}"#);
    check("{ born: birthDate _birthDate { id } }", r#"{"born":"1974-12-25","_birthDate":{"id":"b"}}"#);
    check("{ multipleBirthInteger multipleBirthBoolean }", r#"{"multipleBirthInteger":2}"#);
    check(
        "{ name(use: official) { given } x: name(_offset: 1, _count: 1) { use } }",
        r#"{"name":[{"given":["A","B"]}],"x":[{"use":"usual"}]}"#,
    );
    check("{ name(use: [\"usual\", \"old\"]) { use } }", r#"{"name":[{"use":"usual"}]}"#);
    check("{ name(fhirpath: \"family.exists()\") { family } }", r#"{"name":[{"family":"Rao"}]}"#);
    check("{ name @first { given @first } }", r#"{"name":[{"given":["A"]}]}"#);
    check("{ name @flatten { given } }", r#"{"given":["A","B","C"]}"#);
    check(
        "{ name @flatten @slice(path: \"use\") { given } }",
        r#"{"given.official":["A","B"],"given.usual":["C"]}"#,
    );
    check(
        "{ name { use } name { family } }",
        r#"{"name":[{"use":"official","family":"Rao"},{"use":"usual"}]}"#,
    );
    check("{ ...p } fragment p on Patient { id ...q } fragment q on Group { name }", r#"{"id":"7"}"#);
    check("{ ... on DomainResource { id } ... @include(if: false) { active } }", r#"{"id":"7"}"#);
    check(
        "{ managingOrganization { resource { ... on Organization { name } } } }",
        r#"{"managingOrganization":{"resource":{"name":"Clinic"}}}"#,
    );
    check("{ managingOrganization { resource(type: Patient) { id } } }", r#"{"managingOrganization":{}}"#);
    check("{ generalPractitioner { resource(optional: true) { id } } }", r#"{"generalPractitioner":[{}]}"#);
    check("{ contained { __typename id } }", r#"{"contained":[{"__typename":"Organization","id":"o"}]}"#);
    check(
        "{ ConditionList(_reference: patient, clinical_status: [\"a\", \"b,c\"]) { id subject { resource { id } } } }",
        r#"{"ConditionList":[{"id":"c","subject":{"resource":{"id":"7"}}}]}"#,
    );
}

#[test]
fn variables_are_checked_and_used() {
    let query = "query q($on: Boolean! = true, $use: String, $n: [Int]) { name(use: $use) @include(if: $on) { use } }";
    let check = |variables: &str, expected: &str| {
        let got = ask(query, Some(0), variables).unwrap_or_else(|error| error.message);
        assert!(got.contains(expected), "{variables}: {got}");
    };
    check("{}", r#"[{"use":"official"},{"use":"usual"}]"#);
    check(r#"{"use":"usual","n":[1,2]}"#, r#"{"name":[{"use":"usual"}]}"#);
    check(r#"{"on":false}"#, "{}");
    check(r#"{"on":"yes"}"#, "is no Boolean");
    check(r#"{"on":null}"#, "needs a value");
    check(r#"{"n":["a"]}"#, "is no Int");
    check(r#"{"other":1}"#, "declares no variable $other");
}

#[test]
fn searches_become_parameters_of_the_store() {
    let check = |query: &str, root: Option<usize>, asked: &str| {
        let mut shelf = shelf();
        let root = root.map_or(Root::System, |n| Root::Resource(Rc::clone(&shelf.resources[n])));
        let document = Document::parse(query).unwrap();
        let operation = document.operation(None).unwrap();
        answer(&document, operation, &Object::new(), &root, &LIMITS, &mut shelf).unwrap();
        assert_eq!(shelf.asked.join(" "), asked, "{query}");
    };
    check(
        "{ PatientList(name: \"a,b\", _lastUpdated: \"gt2020\") { id } }",
        None,
        "Patient?name=a\\,b&_lastUpdated=gt2020",
    );
    check("{ PatientList(_filter: \"a eq b,c\") { id } }", None, "Patient?_filter=a eq b,c");
    check(
        "{ ConditionList(_reference: subject, _count: 2) { id } }",
        Some(0),
        "Condition?subject=Patient/7&_count=2",
    );
    check("{ a: Patient(id: 7) { id } b: Patient(_id: \"7\") { active } }", None, "Patient/7");
    check("{ PatientConnection(cursor: \"c1\") { next } }", None, "Patient?");
    let connection = "{ PatientConnection(active: true) { count offset pagesize edges { mode score resource { id } } next first } }";
    assert_eq!(
        ask(connection, None, "{}").unwrap(),
        r#"{"PatientConnection":{"count":1,"offset":0,"pagesize":50,"edges":[{"mode":"match","resource":{"id":"7"}}]}}"#
    );
    assert_eq!(
        ask("{ GroupList { id } __typename }", None, "{}").unwrap(),
        r#"{"GroupList":[],"__typename":"Query"}"#
    );
}

#[test]
fn what_cannot_be_answered_is_told_with_place_and_path() {
    let check = |query: &str, root: Option<usize>, cause: Cause, text: &str, path: &str| {
        let error = ask(query, root, "{}").unwrap_err();
        assert_eq!(error.cause, cause, "{query}: {error:?}");
        assert!(error.message.contains(text), "{query}: {error:?}");
        let steps: Vec<String> = error.path.iter().map(ToString::to_string).collect();
        assert_eq!(steps.join("/").replace('"', ""), path, "{query}");
    };
    use Cause::{Forbidden, NotFound, NotSupported, Query, Values};
    check("{ name { something } }", Some(0), Query, "HumanName has no field", "name/0/something");
    check("{ deceased }", Some(0), Query, "Patient has no field", "deceased");
    check("{ active { x } }", Some(0), Query, "has no fields", "active");
    check("{ name }", Some(0), Query, "say which", "name");
    check("{ active(x: 1) }", Some(0), Query, "no arguments", "active");
    check("{ name(period: 1) { use } }", Some(0), Query, "to choose by", "name");
    check("{ name(fhirpath: \"@@\") { use } }", Some(0), Query, "fhirpath", "name");
    check("{ name @flatten { use @singleton } }", Some(0), Values, "several", "name/1/use");
    check("{ name @upper { use } }", Some(0), Query, "@upper", "");
    check("{ id id: active }", Some(0), Query, "different things", "");
    check("{ ...a } fragment a on Patient { ...a }", Some(0), Query, "leads to itself", "");
    check("{ ... on Patent { id } }", Some(0), Query, "no type", "");
    check(
        "{ generalPractitioner { resource { id } } }",
        Some(0),
        NotFound,
        "optional",
        "generalPractitioner/0/resource",
    );
    check("{ encounter { resource { id } } }", Some(1), NotFound, "optional", "encounter/resource");
    // What may not be seen is told in the words of what is not there.
    check(
        "{ evidence { detail { resource { id } } } }",
        Some(1),
        NotFound,
        "cannot be resolved",
        "evidence/0/detail/0/resource",
    );
    check("{ Observation(id: 9) { id } }", None, Forbidden, "not for you", "Observation");
    check("{ Patient(id: 8) { id } }", None, NotFound, "no Patient", "Patient");
    check("{ Patient { id } }", None, Query, "needs the argument", "Patient");
    check("{ PatientList(nonsense: 1) { id } }", None, Query, "no such parameter", "PatientList");
    check("{ PatientList(name: many) { id } }", None, Values, "PatientConnection", "PatientList");
    check("{ PatientList(_include: x) { id } }", None, Query, "no meaning", "PatientList");
    check("{ PatientList(_reference: x) { id } }", None, Query, "below a resource", "PatientList");
    check("{ ConditionList { id } }", Some(0), Query, "_reference", "ConditionList");
    check(
        "{ ConditionList(_reference: patient, id: 1) { id } }",
        Some(0),
        Query,
        "no \"id\"",
        "ConditionList",
    );
    check("mutation { PatientDelete(id: 7) { id } }", None, NotSupported, "for reading", "");
    let error = ask("{\n  name {\n    nope } }", Some(0), "{}").unwrap_err();
    assert_eq!(error.location, Some((3, 5)));
}

#[test]
fn an_answer_is_bounded() {
    let check = |query: &str, name: &str| {
        let error = ask(query, Some(0), "{}").unwrap_err();
        assert_eq!(
            error.cause,
            Cause::Limit(match name {
                "depth" => "depth",
                "fields" => "fields",
                _ => "resources",
            }),
            "{error:?}"
        );
    };
    let deep = "{ ConditionList(_reference: subject) { subject { resource ".repeat(8)
        + "{ id }"
        + &" } } }".repeat(8);
    check(&deep, "depth");
    let wide: String = (0..600).map(|n| format!("a{n}: id ")).collect();
    check(&format!("{{ {wide} }}"), "fields");
    let many: String =
        (0..30).map(|n| format!("a{n}: ConditionList(_reference: subject) {{ id }} ")).collect();
    check(&format!("{{ {many} }}"), "resources");
    let nested = format!("{}{}", "{ a ".repeat(100), "}".repeat(100));
    assert_eq!(Document::parse(&nested).unwrap_err().cause, Cause::Limit("nesting"));
    let long = format!("{{ {} }}", "a ".repeat(60_000));
    assert_eq!(Document::parse(&long).unwrap_err().cause, Cause::Limit("words"));
}

#[test]
fn texts_are_read_as_the_language_has_them() {
    let check = |written: &str, expected: &str| {
        let query = format!("query($x: String = {written}) {{ name(use: $x) {{ use }} }}");
        let document = Document::parse(&query).unwrap_or_else(|e| panic!("{written}: {e:?}"));
        let default = document.operation(None).unwrap().variables[0].default.clone();
        assert_eq!(default, Some(super::document::Given::Text(expected.to_owned())), "{written}");
    };
    check(r#""a\n\u00e9\"\\\/""#, "a\né\"\\/");
    check(r#""\ud83d\ude00""#, "😀");
    check(r#""""#, "");
    check("\"\"\"\n    one\n      two \\\"\"\" \"x\"\n  \"\"\"", "one\n  two \"\"\" \"x\"");
    for wrong in [r#""a"#, "\"a\nb\"", r#""\q""#, r#""\ud83d""#, r#""\u12""#, "\"\"\"a", "01", "1.", "%"] {
        let query = format!("query($x: String = {wrong}) {{ id }}");
        assert!(Document::parse(&query).is_err(), "{wrong}");
    }
}
