//! Small views over small resources: what they show and what is refused.

use super::rows::Around;
use super::{Format, View, Writer};
use crate::fhir::outcome::Outcome;
use crate::fhirpath::NoHost;
use crate::json::{self, Limits, Value};

pub fn around<'a>() -> Around<'a> {
    static UTC: jiff::tz::TimeZone = jiff::tz::TimeZone::UTC;
    Around { now: jiff::Timestamp::UNIX_EPOCH, zone: &UTC, host: &NoHost }
}

pub fn tree(text: &str) -> Value {
    json::parse(text.as_bytes(), &Limits::default()).unwrap()
}

const PATIENT: &str = r#"{"resourceType":"Patient","id":"7","active":true,"birthDate":"1974-12-25",
    "name":[{"use":"official","family":"Rao, Jr","given":["A","B"]},{"family":"says \"hi\""}],
    "multipleBirthInteger":2,"_gender":{"extension":[{"url":"u","valueCode":"x"}]}}"#;

fn table(view: &str, resource: &str, format: Format) -> Result<String, String> {
    let view = View::read(&tree(view)).map_err(|outcome| outcome.to_string())?;
    let (resource, mut out) = (tree(resource), Vec::new());
    let mut writer = Writer::new(&view, format);
    writer.open(&mut out);
    view.rows(&resource, &around(), &mut |row| writer.row(row, &mut out)).map_err(|e| e.to_string())?;
    writer.close(&mut out);
    Ok(String::from_utf8(out).unwrap())
}

fn columns(columns: &str) -> String {
    format!(r#"{{"resource":"Patient","select":[{{"column":[{columns}]}}]}}"#)
}

#[test]
fn a_table_is_written_in_three_forms() {
    let view = r#"{"resource":"Patient","select":[{"column":[{"name":"id","path":"getResourceKey()"}]},
        {"forEach":"name","column":[{"name":"family","path":"family"},{"name":"given","path":"given","collection":true},
        {"name":"n","path":"%rowIndex"},{"name":"use","path":"use"}]}]}"#;
    let check = |format: Format, expected: &str| {
        assert_eq!(table(view, PATIENT, format).unwrap(), expected);
    };
    let (first, second) = (
        r#"{"id":"7","family":"Rao, Jr","given":["A","B"],"n":0,"use":"official"}"#,
        r#"{"id":"7","family":"says \"hi\"","given":[],"n":1,"use":null}"#,
    );
    check(Format::Ndjson, &format!("{first}\n{second}\n"));
    check(Format::Json, &format!("[{first},{second}]"));
    check(
        Format::Csv { header: true },
        "id,family,given,n,use\r\n7,\"Rao, Jr\",\"[\"\"A\"\",\"\"B\"\"]\",0,official\r\n\
         7,\"says \"\"hi\"\"\",[],1,\r\n",
    );
    assert_eq!(table(view, r#"{"resourceType":"Group"}"#, Format::Csv { header: false }).unwrap(), "");
    assert_eq!(table(view, r#"{"resourceType":"Group"}"#, Format::Json).unwrap(), "[]");
}

#[test]
fn a_value_fits_the_type_of_its_column_or_is_told_with_its_path() {
    let check = |path: &str, kind: &str, expected: &str| {
        let column = format!(r#"{{"name":"c","path":"{path}","type":"{kind}"}}"#);
        let got = table(&columns(&column), PATIENT, Format::Ndjson).unwrap_or_else(|error| error);
        assert!(got.contains(expected), "{path} as {kind}: {got}");
    };
    for (path, kind, value) in [
        ("birthDate", "date", r#"{"c":"1974-12-25"}"#),
        ("birthDate", "string", r#"{"c":"1974-12-25"}"#),
        ("birthDate", "dateTime", r#"{"c":"1974-12-25"}"#),
        ("active", "boolean", r#"{"c":true}"#),
        ("active", "http://hl7.org/fhirpath/System.Boolean", r#"{"c":true}"#),
        ("multipleBirth.ofType(integer)", "integer64", r#"{"c":2}"#),
        ("1.50", "decimal", r#"{"c":1.50}"#),
        ("name.first()", "HumanName", r#"{"c":{"use":"official""#),
        ("gender", "code", r#"{"c":null}"#),
        ("'2020-02-30'", "date", "column \"c\" is of type date"),
        ("active", "string", "column \"c\" is of type string, and the value is of type boolean"),
        ("birthDate", "integer", "ViewDefinition.select[0].column[0].path: column \"c\""),
        ("name.first()", "Coding", "the value is of type HumanName"),
        ("name.family", "string", "2 values, and without \"collection\": true"),
        ("id", "strung", "not a type of FHIR R4"),
        ("id", "Patient.contact", "not a type of FHIR R4"),
    ] {
        check(path, kind, value);
    }
}

#[test]
fn what_is_wrong_with_a_view_is_told_with_its_place() {
    let check = |view: &str, place: &str, text: &str| {
        let outcome: Outcome = View::read(&tree(view)).unwrap_err();
        let found = outcome.issues.iter().any(|issue| {
            issue.expression.first().is_some_and(|p| p == place) && issue.diagnostics.contains(text)
        });
        assert!(found, "{view}: {}", outcome.to_json());
    };
    let column = |column: &str| columns(column);
    check("{}", "ViewDefinition.resource", "needed");
    check(r#"{"resource":"Patent","select":[{}]}"#, "ViewDefinition.resource", "not a resource type");
    check(r#"{"resource":"Patient"}"#, "ViewDefinition.select", "needs a select");
    check(r#"{"resource":"Patient","select":{}}"#, "ViewDefinition.select", "list");
    check(r#"{"resource":"Patient","select":[1]}"#, "ViewDefinition.select[0]", "object");
    check(r#"{"resource":"Patient","selekt":[{}],"select":[{}]}"#, "ViewDefinition", "selekt");
    check(
        r#"{"resourceType":"Patient"}"#,
        "ViewDefinition",
        "resourceType".trim_start_matches("resourceType"),
    );
    check(
        r#"{"resource":"Patient","fhirVersion":["5.0.0"],"select":[{}]}"#,
        "ViewDefinition.fhirVersion",
        "4.0",
    );
    check(r#"{"resource":"Patient","name":"a b","select":[{}]}"#, "ViewDefinition.name", "letters");
    check(&column(r#"{"name":"a","path":"@@"}"#), "ViewDefinition.select[0].column[0].path", "not FHIRPath");
    check(
        &column(r#"{"name":"a","path":"%b"}"#),
        "ViewDefinition.select[0].column[0].path",
        "no constant %b",
    );
    check(&column(r#"{"name":"a"}"#), "ViewDefinition.select[0].column[0].path", "needed");
    check(&column(r#"{"name":"1a","path":"id"}"#), "ViewDefinition.select[0].column[0].name", "letter");
    check(
        &column(r#"{"name":"a","path":"id"},{"name":"a","path":"id"}"#),
        "ViewDefinition.select[0].column[1].name",
        "already",
    );
    check(
        r#"{"resource":"Patient","select":[{"forEach":"name","repeat":["a"]}]}"#,
        "ViewDefinition.select[0]",
        "one of",
    );
    check(
        r#"{"resource":"Patient","constant":[{"name":"a"}],"select":[{}]}"#,
        "ViewDefinition.constant[0].value",
        "value",
    );
    check(
        r#"{"resource":"Patient","constant":[{"name":"a","valueDate":"x"}],"select":[{}]}"#,
        "ViewDefinition.constant[0].valueDate",
        "date",
    );
    check(
        r#"{"resource":"Patient","select":[{"unionAll":[{"column":[{"name":"a","path":"id","type":"id"}]},
            {"column":[{"name":"a","path":"active","type":"boolean"}]}]}]}"#,
        "ViewDefinition.select[0].unionAll[1]",
        "same columns",
    );
}

#[test]
fn a_filter_is_a_condition() {
    let check = |path: &str, expected: Result<&str, &str>| {
        let view = format!(
            r#"{{"resource":"Patient","where":[{{"path":"{path}"}}],"select":[{{"column":[{{"name":"id","path":"id"}}]}}]}}"#
        );
        let got = table(&view, PATIENT, Format::Csv { header: false });
        match expected {
            Ok(expected) => assert_eq!(got.as_deref(), Ok(expected), "{path}"),
            Err(text) => assert!(got.unwrap_err().contains(text), "{path}"),
        }
    };
    check("active", Ok("7\r\n"));
    check("active.not()", Ok(""));
    check("deceased.ofType(boolean)", Ok(""));
    check(
        "id",
        Err("ViewDefinition.where[0].path: a filter is true, false or empty, not a value of type id"),
    );
    check("name.exists() | active.not()", Err("2 values"));
}

#[test]
fn the_key_of_a_reference_is_that_of_its_target_or_nothing() {
    let check = |reference: &str, path: &str, expected: &str| {
        let view = format!(
            r#"{{"resource":"Observation","select":[{{"column":[{{"name":"k","path":"{path}"}}]}}]}}"#
        );
        let resource = format!(
            r#"{{"resourceType":"Observation","subject":{{"reference":"{reference}"}},"component":[{{"id":"c"}}]}}"#
        );
        assert_eq!(table(&view, &resource, Format::Ndjson).unwrap(), format!("{{\"k\":{expected}}}\n"));
    };
    check("Patient/7", "subject.getReferenceKey()", "\"7\"");
    check("Patient/7/_history/2", "subject.getReferenceKey(Patient)", "\"7\"");
    check("Patient/7", "subject.getReferenceKey(Group)", "null");
    for other in [
        "https://other/fhir/Patient/7",
        "#p",
        "urn:uuid:9d5e1c14-54ad-4d9d-a1a1-3c6b6c0e0f0f",
        "Patient/",
        "7",
    ] {
        check(other, "subject.getReferenceKey()", "null");
    }
    check("Patient/7", "component.getResourceKey()", "null");
}

#[test]
fn what_a_view_costs_is_bounded() {
    let check = |view: &str, text: &str| {
        let error = table(view, PATIENT, Format::Ndjson).unwrap_err();
        assert!(error.contains(text) && error.contains("limit"), "{error}");
    };
    check(r#"{"resource":"Patient","select":[{"repeat":["$this"]}]}"#, "more than 100 times");
    check(r#"{"resource":"Patient","select":[{"repeat":["$this | %resource.name"]}]}"#, "limit");
    let wide = r#"{"forEach":"(1|2|3|4|5|6|7|8|9|10)"}"#;
    let many = [wide; 9].join(",");
    let view =
        format!(r#"{{"resource":"Patient","select":[{many},{{"column":[{{"name":"a","path":"id"}}]}}]}}"#);
    let error = table(&view, PATIENT, Format::Ndjson);
    assert!(error.is_err(), "a join of a thousand million rows");
    let deep = format!("{}{}", r#"{"select":["#.repeat(20), r#"{}"#) + &"]}".repeat(20);
    let view = format!(r#"{{"resource":"Patient","select":[{deep}]}}"#);
    let outcome = View::read(&tree(&view)).unwrap_err();
    assert!(outcome.to_string().contains("16 deep"), "{outcome}");
}
