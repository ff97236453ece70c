//! Each rule with what breaks it.

use super::*;
use crate::json::{Limits, parse};

/// Places of the problems, in the order found.
fn places(text: &str) -> Vec<String> {
    let value = parse(text.as_bytes(), &Limits::default()).unwrap();
    structure(&value).into_iter().flat_map(|issue| issue.expression).collect()
}

fn check(members: &str, expected: &[&str]) {
    assert_eq!(places(&format!(r#"{{"resourceType":"Patient",{members}}}"#)), expected, "{members}");
}

#[test]
fn good_resources_pass() {
    for good in [
        r#""id":"a-1.B""#,
        r#""birthDate":"2024-02-29""#,
        r#""_birthDate":{"extension":[{"url":"http://x/absent","valueCode":"unknown"}]}"#,
        r#""birthDate":"1990","_birthDate":{"id":"b"}"#,
        r#""name":[{"given":["A",null,"B"],"_given":[null,{"id":"x"},null]}]"#,
        r#""name":[{"_given":[null,{"extension":[{"url":"x","valueString":"y"}]}]}]"#,
        r#""deceasedBoolean":false,"_deceasedBoolean":{"id":"d"}"#,
        r##""contained":[{"resourceType":"Organization","id":"o","name":"x"}],"managingOrganization":{"reference":"#o"}"##,
        r#""extension":[{"url":"a","extension":[{"url":"b","valueDecimal":1.10}]}]"#,
        r#""multipleBirthInteger":2,"active":true"#,
        r#""text":{"status":"generated","div":"<div>x</div>"}"#,
        r#""photo":[{"data":"QUJD RA==","size":0}]"#,
        r#""generalPractitioner":[{"reference":"urn:uuid:1"},{"display":"x"},{"reference":"https://a.b/Practitioner/1"}]"#,
    ] {
        check(good, &[]);
    }
}

#[test]
fn every_problem_is_listed_with_its_place() {
    check(r#""nam":[]"#, &["Patient.nam"]);
    check(r#""name":{}"#, &["Patient.name"]);
    check(r#""name":[]"#, &["Patient.name"]);
    check(r#""name":[{}]"#, &["Patient.name[0]"]);
    check(r#""name":[[{"text":"x"}]]"#, &["Patient.name[0]"]);
    check(r#""name":[null]"#, &["Patient.name[0]"]);
    check(r#""name":["x"]"#, &["Patient.name[0]"]);
    check(r#""name":[{"family":["x"]}]"#, &["Patient.name[0].family"]);
    check(
        r#""name":[{"family":1,"given":"x","foo":1}],"gender":"f""#,
        &["Patient.name[0].family", "Patient.name[0].given", "Patient.name[0].foo", "Patient.gender"],
    );
    check(r#""name":null"#, &["Patient.name"]);
    check(r#""active":"true""#, &["Patient.active"]);
    check(r#""birthDate":"2023-02-29""#, &["Patient.birthDate"]);
    check(r#""deceasedBoolean":true,"deceasedDateTime":"2020""#, &["Patient.deceased"]);
    check(r#""deceasedBoolean":true,"_deceasedDateTime":{"id":"x"}"#, &["Patient.deceased"]);
    check(r#""deceasedString":"x""#, &["Patient.deceasedString"]);
    check(r#""communication":[{"preferred":true}]"#, &["Patient.communication[0].language"]);
    check(r#""link":[{"type":"x"}]"#, &["Patient.link[0].type", "Patient.link[0].other"]);
    check(r#""id":"a_b""#, &["Patient.id"]);
    check(r#""id":"""#, &["Patient.id"]);
    check(r#""multipleBirthInteger":1.0"#, &["Patient.multipleBirth"]);
    check(r#""multipleBirthInteger":99999999999"#, &["Patient.multipleBirth"]);
    check(r#""photo":[{"size":-1}]"#, &["Patient.photo[0].size"]);
    check(r#""photo":[{"data":"abc"}]"#, &["Patient.photo[0].data"]);
    check(r#""telecom":[{"rank":0}]"#, &["Patient.telecom[0].rank"]);
    check(r#""fhir_comments":["x"]"#, &["Patient.fhir_comments"]);
    check(r#""implicitRules":"a b""#, &["Patient.implicitRules"]);
    check(r#""language":" en""#, &["Patient.language"]);
    check(r#""text":{"status":"generated","div":"<div><script/></div>"}"#, &["Patient.text.div"]);
    check("\"name\":[{\"text\":\"a\\u0000b\"}]", &["Patient.name[0].text"]);
}

#[test]
fn extensions_on_primitives() {
    check(r#""_name":[{"id":"x"}]"#, &["Patient._name"]);
    check(r#""_nonsense":{"id":"x"}"#, &["Patient._nonsense"]);
    check(r#""_birthDate":"x""#, &["Patient.birthDate"]);
    check(r#""_birthDate":{}"#, &["Patient.birthDate"]);
    check(r#""_birthDate":[{"id":"x"}]"#, &["Patient.birthDate"]);
    check(r#""_birthDate":{"value":"x"}"#, &["Patient.birthDate.value"]);
    check(
        r#""name":[{"given":["A",null],"_given":[null,null]}]"#,
        &["Patient.name[0].given[1]", "Patient.name[0].given", "Patient.name[0].given[1]"],
    );
    check(r#""name":[{"given":["A"],"_given":[null,{"id":"x"}]}]"#, &["Patient.name[0].given"]);
    check(r#""extension":[{"url":"a"}]"#, &["Patient.extension[0]"]);
    check(
        r#""extension":[{"url":"a","valueString":"x","extension":[{"url":"b","valueCode":"y"}]}]"#,
        &["Patient.extension[0]"],
    );
    check(r#""extension":[{"valueString":"x"}]"#, &["Patient.extension[0].url"]);
    check(r#""extension":[{"url":"a","valueString":"x","valueCode":"y"}]"#, &["Patient.extension[0].value"]);
    check(r#""extension":[{"url":"a","valueFoo":"x"}]"#, &["Patient.extension[0].valueFoo"]);
}

#[test]
fn contained_resources_and_references() {
    check(r##""managingOrganization":{"reference":"#o"}"##, &["Patient.managingOrganization.reference"]);
    check(
        r#""managingOrganization":{"reference":"Practitioner/1"}"#,
        &["Patient.managingOrganization.reference"],
    );
    check(
        r#""managingOrganization":{"reference":"Organisation/1"}"#,
        &["Patient.managingOrganization.reference"],
    );
    check(r#""managingOrganization":{}"#, &["Patient.managingOrganization"]);
    check(r#""contained":[{"resourceType":"Organization","name":"x"}]"#, &["Patient.contained[0].id"]);
    check(r#""contained":[{"id":"x"}]"#, &["Patient.contained[0]"]);
    check(
        r#""contained":[{"resourceType":"Organization","id":"x","contained":[{"resourceType":"Location","id":"y"}],"nme":"z"}]"#,
        &["Patient.contained[0].contained[0]", "Patient.contained[0].nme"],
    );
    check(
        r#""contained":[{"resourceType":"Organization","id":"x","meta":{"versionId":"1"}}]"#,
        &["Patient.contained[0]"],
    );
    assert_eq!(
        places(
            r##"{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o"}],"managingOrganization":{"reference":"#o"}}},{"resource":{"resourceType":"Patient","managingOrganization":{"reference":"#o"}}}]}"##
        ),
        ["Bundle.entry[1].resource.managingOrganization.reference"]
    );
}

#[test]
fn content_references_lead_back() {
    assert_eq!(
        places(
            r#"{"resourceType":"Questionnaire","status":"draft","item":[{"linkId":"1","type":"group","item":[{"linkId":"2","type":"string","item":[{"type":"x"}]}]}]}"#
        ),
        ["Questionnaire.item[0].item[0].item[0].type", "Questionnaire.item[0].item[0].item[0].linkId"]
    );
    assert_eq!(
        places(
            r#"{"resourceType":"Observation","status":"final","code":{"text":"x"},"component":[{"code":{"text":"y"},"referenceRange":[{"low":{"value":"1"}}]}]}"#
        ),
        ["Observation.component[0].referenceRange[0].low.value"]
    );
}

#[test]
fn invariants_that_are_broken_in_practice() {
    check(r#""name":[{"period":{"start":"2024","end":"2023"}}]"#, &["Patient.name[0].period"]);
    check(r#""name":[{"period":{"start":"2024-05","end":"2024"}}]"#, &[]);
    check(r#""contact":[{"gender":"male"}]"#, &["Patient.contact[0]"]);
    let observation = |more: &str| {
        places(&format!(
            r#"{{"resourceType":"Observation","status":"final","code":{{"coding":[{{"code":"a"}}]}},"valueString":"x"{more}}}"#
        ))
    };
    assert!(observation("").is_empty());
    assert_eq!(observation(r#","dataAbsentReason":{"text":"x"}"#), ["Observation"]);
    assert_eq!(observation(r#","component":[{"code":{"coding":[{"code":"a"}]}}]"#), ["Observation"]);
}

#[test]
fn the_list_of_problems_ends() {
    let members: Vec<String> = (0..500).map(|n| format!("\"x{n}\":1")).collect();
    let value = parse(
        format!(r#"{{"resourceType":"Patient",{}}}"#, members.join(",")).as_bytes(),
        &Limits::default(),
    );
    let issues = structure(&value.unwrap());
    assert_eq!(issues.len(), MOST_ISSUES + 1);
    assert!(issues[MOST_ISSUES].diagnostics.contains("more problems"));
}

#[test]
fn elements_can_be_checked_alone() {
    let value = parse(br#"{"family":1}"#, &Limits::default()).unwrap();
    assert_eq!(element("HumanName", &value, "x.y")[0].expression, ["x.y.family"]);
}

#[test]
fn types_with_patterns_of_their_own() {
    let check = |kind: &str, value: &str, good: bool| {
        let text = format!(r#"{{"url":"x","value{kind}":{value}}}"#);
        let issues = element("Extension", &parse(text.as_bytes(), &Limits::default()).unwrap(), "e");
        assert_eq!(issues.is_empty(), good, "{text}: {issues:?}");
    };
    for (kind, good, bad) in [
        ("Oid", r#""urn:oid:1.2.0.34""#, r#""urn:oid:1.02""#),
        ("Oid", r#""urn:oid:2.16""#, r#""urn:oid:3.1""#),
        (
            "Uuid",
            r#""urn:uuid:c757873d-ec9a-4326-a141-556f43239520""#,
            r#""urn:uuid:C757873D-ec9a-4326-a141-556f43239520""#,
        ),
        ("Code", r#""a b""#, r#""a  b""#),
        ("Time", r#""23:59:59""#, r#""24:00:00""#),
        ("Instant", r#""2024-02-29T10:00:00.1Z""#, r#""2024-02-29""#),
        ("DateTime", r#""2024-02-29T10:00:60+14:00""#, r#""2024-02-29T10:00:00""#),
        ("Decimal", "1.00e-3", r#""1.0""#),
        ("Integer", "-2147483648", "2147483648"),
        ("PositiveInt", "1", "0"),
        ("UnsignedInt", "0", "-1"),
        ("Boolean", "true", "1"),
        ("Base64Binary", r#""AAA=""#, r#""A===""#),
        ("Markdown", r##""# a\n\tb""##, r#""""#),
        ("Url", r#""http://x""#, r#""http://x y""#),
        ("Date", r#""2024""#, r#""2024-2""#),
    ] {
        check(kind, good, true);
        check(kind, bad, false);
    }
}
