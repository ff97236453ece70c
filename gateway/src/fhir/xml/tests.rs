use std::path::PathBuf;

use proptest::prelude::*;

use super::{Reason, Style, read, write};
use crate::fhir::outcome::Outcome;
use crate::fhir::validate;
use crate::json::{Limits, Object, Value, parse};

fn json(text: &str) -> Value {
    parse(text.as_bytes(), &Limits::default()).unwrap()
}

fn xml(text: &str) -> Value {
    read(text.as_bytes(), &Limits::default()).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// The same content with keys in one order, and narratives as XML must have them.
fn settled(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.iter().map(settled).collect()),
        Value::Object(object) => {
            let mut members: Vec<(&str, Value)> = object.iter().map(|(k, v)| (k, settled(v))).collect();
            members.sort_by(|a, b| a.0.cmp(b.0));
            if let Some((_, Value::String(div))) = members.iter_mut().find(|(key, _)| *key == "div") {
                *div = div.trim().replace("&nbsp;", "&#160;");
                if !div.split('>').next().unwrap().contains("xmlns") {
                    *div = div.replacen("<div", "<div xmlns=\"http://www.w3.org/1999/xhtml\"", 1);
                }
            }
            Value::Object(members.into_iter().collect::<Object>())
        }
        other => other.clone(),
    }
}

#[track_caller]
fn there_and_back(value: &Value, name: &str) {
    for style in [Style::Compact, Style::Pretty] {
        let text = write(value, style).unwrap_or_else(|e| panic!("{name}: {e:?}"));
        let limits = Limits::bytes(64 << 20);
        let back = read(&text, &limits).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(settled(&back) == settled(value), "{name} changed:\n{value}\n{back}");
        assert!(validate::structure(&back).is_empty(), "{name}");
        assert_eq!(write(&back, style).unwrap(), text, "{name}: a second writing changes nothing");
    }
}

const PATIENT_JSON: &str = r##"{"resourceType":"Patient","birthDate":"1990-01-01","id":"p","_birthDate":{"id":"b","extension":[{"valueDecimal":1.00,"url":"http://x.y/z"}]},"name":[{"given":["A & \"B\"",null,"C\tD\nE"],"_given":[null,{"extension":[{"url":"http://x.y/n","valueBoolean":true}]},null],"id":"n"}],"contained":[{"resourceType":"Organization","id":"o","name":"<x>"}],"managingOrganization":{"reference":"#o"},"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">a<br/>&#160;<p title='b>c'>d</p></div>"},"multipleBirthInteger":2,"active":true}"##;
const PATIENT_XML: &str = r##"<?xml version="1.0" encoding="UTF-8"?><Patient xmlns="http://hl7.org/fhir"><id value="p"/><text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">a<br/>&#160;<p title='b>c'>d</p></div></text><contained><Organization><id value="o"/><name value="&lt;x&gt;"/></Organization></contained><active value="true"/><name id="n"><given value="A &amp; &quot;B&quot;"/><given><extension url="http://x.y/n"><valueBoolean value="true"/></extension></given><given value="C&#9;D&#10;E"/></name><birthDate id="b" value="1990-01-01"><extension url="http://x.y/z"><valueDecimal value="1.00"/></extension></birthDate><multipleBirthInteger value="2"/><managingOrganization><reference value="#o"/></managingOrganization></Patient>"##;

#[test]
fn each_form_gives_the_other() {
    let patient = json(PATIENT_JSON);
    assert_eq!(String::from_utf8(write(&patient, Style::Compact).unwrap()).unwrap(), PATIENT_XML);
    assert_eq!(settled(&xml(PATIENT_XML)), settled(&patient));
    there_and_back(&patient, "patient");
    let pretty =
        write(&json(r#"{"resourceType":"Patient","name":[{"family":"R"}]}"#), Style::Pretty).unwrap();
    let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Patient xmlns=\"http://hl7.org/fhir\">\n  <name>\n    <family value=\"R\"/>\n  </name>\n</Patient>\n";
    assert_eq!(String::from_utf8(pretty).unwrap(), expected);
}

#[test]
fn entries_and_answers_wrap_their_resources() {
    let bundle = r#"{"resourceType":"Bundle","type":"batch-response","entry":[{"resource":{"resourceType":"Patient","active":false},"response":{"status":"200","outcome":{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"invalid"}]}}}]}"#;
    there_and_back(&json(bundle), "bundle");
    let text = String::from_utf8(write(&json(bundle), Style::Compact).unwrap()).unwrap();
    assert!(text.contains("<resource><Patient><active value=\"false\"/></Patient></resource>"), "{text}");
    assert!(text.contains("<outcome><OperationOutcome><issue>"), "{text}");
}

#[test]
fn other_ways_to_write_the_same_are_understood() {
    let plain =
        xml(r#"<Patient xmlns="http://hl7.org/fhir"><active value="true"/><gender value="male"/></Patient>"#);
    for same in [
        "\u{feff}<?xml version='1.0' encoding='utf-8'?>\n<!-- a -->\n<f:Patient xmlns:f='http://hl7.org/fhir'>\n <f:active value='true'></f:active><?x y?><!-- b -->\n<f:gender value='m&#x61;le'/></f:Patient>\n<!-- c -->",
        r#"<Patient xmlns="http://hl7.org/fhir" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b"><active value="true" /><gender value="male"/></Patient>"#,
    ] {
        assert_eq!(xml(same), plain);
    }
    let folded =
        xml("<Patient xmlns='http://hl7.org/fhir'><name><text value='a\r\n\tb&#13;'/></name></Patient>");
    assert_eq!(folded.pointer("/name/0/text").and_then(Value::as_str), Some("a  b\r"));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let inside = |text: &str| format!("<Patient xmlns=\"http://hl7.org/fhir\">\n{text}\n</Patient>");
    let check = |text: &str, path: &str, why: &str| {
        let error = read(text.as_bytes(), &Limits::default()).expect_err(text);
        assert!(error.to_string().contains(why), "{text}: {error}");
        assert_eq!(error.path, path, "{text}: {error}");
        assert!(error.offset <= text.len());
    };
    check("", "", "ends in the middle");
    check("<Patient xmlns=\"http://hl7.org/fhir\">", "Patient", "ends in the middle");
    check("<Patient/>", "", "namespace");
    check("<Patients xmlns=\"http://hl7.org/fhir\"/>", "", "not a resource type");
    check("{\"resourceType\":\"Patient\"}", "", "between elements");
    check("<!DOCTYPE x [<!ENTITY a \"b\">]><Patient xmlns=\"http://hl7.org/fhir\"/>", "", "document types");
    check(
        "<?xml version=\"1.0\" encoding=\"latin-1\"?><Patient xmlns=\"http://hl7.org/fhir\"/>",
        "",
        "UTF-8",
    );
    check("<Patient xmlns=\"http://hl7.org/fhir\"/><Patient/>", "", "follows");
    check("<Patient xmlns=\"http://hl7.org/fhir\" id=\"1\"/>", "Patient", "no attribute \"id\"");
    check(&inside("<active value=\"yes\"/>"), "Patient.active", "true or false");
    check(&inside("<multipleBirthInteger value=\"two\"/>"), "Patient.multipleBirthInteger", "number");
    check(
        &inside("<name><given value=\"a\"/><given/></name>"),
        "Patient.name[0].given[1]",
        "value or an extension",
    );
    check(&inside("<colour value=\"red\"/>"), "Patient.colour", "no element");
    check(&inside("<active value=\"true\"/><active value=\"true\"/>"), "Patient.active", "only once");
    check(
        &inside("<multipleBirthBoolean value=\"true\"/><multipleBirthInteger value=\"2\"/>"),
        "Patient.multipleBirthInteger",
        "only one of",
    );
    check(&inside("<active value=\"true\" values=\"true\"/>"), "Patient.active", "no attribute");
    check(&inside("<active value=\"true\" value=\"true\"/>"), "Patient.active", "not well-formed");
    check(&inside("<active value=\"&foo;\"/>"), "Patient.active", "not well-formed");
    check(&inside("<gender value=\"&#1;\"/>"), "Patient.gender", "not well-formed");
    check(&inside("<active>true</active>"), "Patient.active", "value attributes");
    check(&inside("<active value=\"true\"></gender>"), "Patient.active", "not well-formed");
    check(&inside("<contained/>"), "Patient.contained[0]", "no resource");
    check(&inside("<contained><Patient/><Patient/></contained>"), "Patient.contained[0]", "more than one");
    check(&inside("<text><status value=\"empty\"/><div>a</div></text>"), "Patient.text.div", "narrative");
    let div = "<div xmlns=\"http://www.w3.org/1999/xhtml\">&nbsp;</div>";
    check(&inside(&format!("<text><status value=\"empty\"/>{div}</text>")), "Patient.text.div", "entities");
    let many: String = (0..40).map(|n| format!(" xmlns:a{n}=\"x\"")).collect();
    check(&inside(&format!("<active{many}/>")), "Patient.active", "attributes");
    let error = read(inside("<active value=\"x\"/>").as_bytes(), &Limits::default()).unwrap_err();
    assert_eq!((error.line, error.column), (2, 1));
    let outcome = Outcome::from(error);
    assert_eq!(outcome.issues[0].expression, ["Patient.active"]);
}

#[test]
fn size_and_depth_are_bounded() {
    let deep = |n: usize| {
        let (open, close) = ("<extension url=\"a\">".repeat(n), "</extension>".repeat(n));
        format!("<Patient xmlns=\"http://hl7.org/fhir\">{open}{close}</Patient>")
    };
    let error = read(deep(40).as_bytes(), &Limits::default()).unwrap_err();
    assert_eq!(error.reason, Reason::TooDeep { limit: 64 });
    assert!(read(deep(31).as_bytes(), &Limits::default()).is_ok());
    let all = Limits { max_bytes: usize::MAX, max_depth: usize::MAX };
    let error = read(deep(100_000).as_bytes(), &all).unwrap_err();
    assert_eq!(error.reason, Reason::TooDeep { limit: Limits::MOST_DEPTH });
    let div = format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{}", "<p>".repeat(100_000));
    let text = format!("<Patient xmlns=\"http://hl7.org/fhir\"><text>{div}</text></Patient>");
    assert!(matches!(read(text.as_bytes(), &all).unwrap_err().reason, Reason::TooDeep { .. }));
    let error = read(PATIENT_XML.as_bytes(), &Limits::bytes(100)).unwrap_err();
    assert_eq!(error.reason, Reason::TooLong { limit: 100 });
}

#[test]
fn what_xml_cannot_hold_is_said() {
    for bad in [
        r#"{"resourceType":"Patient","name":[{"text":"a\u0001b"}]}"#,
        r#"{"resourceType":"Patient","colour":"red"}"#,
        r#"{"resourceType":"Patient","text":{"status":"empty","div":"<div>a</p></div>"}}"#,
        r#"{"resourceType":"Patient","active":{"a":1}}"#,
    ] {
        let outcome = write(&json(bad), Style::Compact).unwrap_err();
        assert!(outcome.issues[0].diagnostics.contains("XML"), "{bad}");
    }
}

fn files(folder: &str) -> Vec<PathBuf> {
    let shared = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/fhir").join(folder);
    let Ok(entries) = std::fs::read_dir(&shared) else {
        println!("skipped: {folder} is not there");
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    files.sort();
    files
}

#[test]
fn the_standards_own_examples_go_there_and_back() {
    let mut kept = 0;
    for file in files("r4-examples") {
        let value = parse(&std::fs::read(&file).unwrap(), &Limits::default()).unwrap();
        // A few examples break rules of R4 (see `validate/official.rs`).
        if validate::structure(&value).is_empty() {
            there_and_back(&value, &file.to_string_lossy());
            kept += 1;
        }
    }
    println!("{kept} examples");
}

#[test]
fn synthea_bundles_go_there_and_back() {
    // The large ones say nothing that the small ones do not.
    let small = |file: &PathBuf| file.metadata().is_ok_and(|m| m.len() < 600_000);
    for file in files("synthea").into_iter().filter(small) {
        let value = parse(&std::fs::read(&file).unwrap(), &Limits::default()).unwrap();
        there_and_back(&value, &file.to_string_lossy());
    }
}

#[test]
fn official_xml_is_read_and_written_back() {
    for file in files("fhirpath").into_iter().filter(|f| f.extension().is_some_and(|e| e == "xml")) {
        let text = std::fs::read(&file).unwrap();
        if file.ends_with("tests-fhir-r4.xml") {
            continue;
        }
        let value = read(&text, &Limits::default()).unwrap_or_else(|e| panic!("{file:?}: {e}"));
        let again = read(&write(&value, Style::Pretty).unwrap(), &Limits::default()).unwrap();
        assert_eq!(settled(&again), settled(&value), "{file:?}");
    }
}

/// Any tree that the structure check accepts, grown from good ones by putting strange texts into their strings.
fn any_resource() -> impl Strategy<Value = Value> {
    let seeds = prop::sample::select(vec![
        PATIENT_JSON,
        r#"{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.20e-3,"unit":"g"},"note":[{"text":"y"}],"component":[{"code":{"text":"c"},"valueString":"s"}]}"#,
        r#"{"resourceType":"Parameters","parameter":[{"name":"x","part":[{"name":"y","valueString":"z"}]},{"name":"r","resource":{"resourceType":"Basic","code":{"text":"q"}}}]}"#,
    ]);
    (seeds, prop::collection::vec((0usize..40, any::<String>()), 0..6)).prop_map(|(seed, texts)| {
        let mut value = json(seed);
        for (mut at, text) in texts {
            retext(&mut value, &mut at, &text);
        }
        value
    })
}

fn retext(value: &mut Value, at: &mut usize, text: &str) -> bool {
    match value {
        Value::String(old) => {
            if *at == 0 {
                *old = text.to_owned();
                return true;
            }
            *at -= 1;
            false
        }
        Value::Array(items) => items.iter_mut().any(|item| retext(item, at, text)),
        Value::Object(object) => {
            object.iter_mut().filter(|(key, _)| *key != "resourceType").any(|(_, v)| retext(v, at, text))
        }
        _ => false,
    }
}

proptest! {
    #[test]
    fn what_passes_the_check_goes_there_and_back(value in any_resource()) {
        if validate::structure(&value).is_empty()
            && let Ok(text) = write(&value, Style::Compact)
        {
            let back = read(&text, &Limits::default()).unwrap();
            prop_assert_eq!(settled(&back), settled(&value));
        }
    }

    #[test]
    fn any_text_is_answered(text in any::<String>(), cut in any::<prop::sample::Index>()) {
        let _ = read(text.as_bytes(), &Limits::default());
        let cut = cut.index(PATIENT_XML.len());
        if let Some(part) = PATIENT_XML.get(..cut) {
            prop_assert!(read(part.as_bytes(), &Limits::default()).is_err());
            if let Ok(value) = read(format!("{part}{text}{}", &PATIENT_XML[cut..]).as_bytes(), &Limits::default())
                && validate::structure(&value).is_empty()
                && let Ok(text) = write(&value, Style::Compact)
            {
                prop_assert_eq!(settled(&read(&text, &Limits::default()).unwrap()), settled(&value));
            }
        }
    }
}
