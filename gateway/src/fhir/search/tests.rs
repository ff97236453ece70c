//! Searches over terms, checked value by value.

use super::*;
use crate::fhir::id::ResourceType;
use crate::fhir::outcome::Outcome;
use crate::fhir::resource::Resource;

fn context() -> Context {
    let zone = TimeZone::get("Asia/Kolkata").unwrap();
    let mut context = Context::new(zone, "2026-01-01T00:00:00Z".parse().unwrap());
    context.bases = vec!["https://box/fhir".to_owned()];
    context
}

fn resource(text: &str) -> Resource {
    Resource::stored(text.as_bytes()).unwrap()
}

pub(super) fn search(kind: ResourceType, query: &str) -> Result<Search, Outcome> {
    query::parse(kind, &query::decode(query)?, Handling::Strict, &context())
}

pub(super) fn check(text: &str, matching: &[&str], missing: &[&str]) {
    let resource = resource(text);
    let mut terms = terms(&resource, &context());
    terms.push(terms::last_updated("2026-01-01T00:00:00.123Z".parse().unwrap()));
    let found = |query: &str| {
        search(resource.kind(), query).unwrap_or_else(|e| panic!("{query}: {e}")).matches(&terms)
    };
    for query in matching {
        assert!(found(query), "{query} must match {text}");
    }
    for query in missing {
        assert!(!found(query), "{query} must not match {text}");
    }
}

#[test]
fn strings() {
    check(
        r#"{"resourceType":"Patient","id":"1","name":[{"text":"Asha Devi Rao","family":"Rão","given":["Asha","Devi"]}],"address":[{"city":"Navi Mumbai"}]}"#,
        &[
            "name=asha",
            "name=ASHA",
            "family=ra",
            "family=rao",
            "given=dev",
            "name:exact=Asha",
            "name:contains=evi",
            "family:exact=R%C3%A3o",
            "name=zz,rao",
            "address-city=navi++mum",
            "address=navi",
            "name=asha&family=rao",
            "name:missing=false",
            "phone:missing=true",
            "_id=1",
            "_id=2,1",
        ],
        &[
            "family=devi",
            "name=sha",
            "name:exact=asha",
            "family:exact=Rao",
            "name:contains=xyz",
            "name=asha&family=x",
            "name:missing=true",
            "phone:missing=false",
            "_id=2",
            "name=a\\,b",
        ],
    );
}

#[test]
fn tokens() {
    check(
        r#"{"resourceType":"Patient","id":"1","active":true,"gender":"female","identifier":[{"system":"http://a","value":"A|1"},{"value":"2"}],"telecom":[{"system":"phone","value":"98765"},{"system":"email","value":"a@b"}],"deceasedDateTime":"2020","meta":{"tag":[{"system":"http://t","code":"x"}]}}"#,
        &[
            "identifier=A\\|1",
            "identifier=http://a|A\\|1",
            "identifier=http://a|",
            "identifier=|2",
            "identifier=2",
            "active=true",
            "gender=female",
            "gender=http://hl7.org/fhir/administrative-gender|female",
            "gender:not=male",
            "phone=98765",
            "telecom=a@b",
            "email=a@b",
            "deceased=true",
            "death-date=2020",
            "identifier:not=3",
            "_tag=http://t|x",
            "language:not=en",
            "gender=male,female",
        ],
        &[
            "identifier=a\\|1",
            "identifier=http://b|A\\|1",
            "identifier=|A\\|1",
            "identifier=http://b|",
            "active=false",
            "gender=male",
            "gender:not=female",
            "gender:not=male,female",
            "phone=a@b",
            "email=98765",
            "deceased=false",
            "identifier:not=2",
            "_tag=y",
        ],
    );
}

#[test]
fn references() {
    check(
        r#"{"resourceType":"Observation","id":"1","subject":{"reference":"Patient/7/_history/2"},"encounter":{"reference":"https://box/fhir/Encounter/3"},"performer":[{"reference":"http://else/Practitioner/4"},{"reference":"urn:uuid:5"},{"identifier":{"system":"http://s","value":"v"}}]}"#,
        &[
            "subject=7",
            "subject=Patient/7",
            "patient=7",
            "patient=Patient/7",
            "subject:Patient=7",
            "encounter=3",
            "encounter=Encounter/3",
            "encounter=https://box/fhir/Encounter/3",
            "subject=https://box/fhir/Patient/7",
            "performer=http://else/Practitioner/4",
            "performer=urn:uuid:5",
            "performer:identifier=http://s|v",
            "performer:identifier=v",
            "subject=Patient/7/_history/9",
        ],
        &[
            "subject=Group/7",
            "subject:Group=7",
            "subject=8",
            "patient=Practitioner/7",
            "performer=4",
            "performer=Practitioner/4",
            "performer:identifier=http://t|v",
            "performer:identifier=|v",
        ],
    );
    check(
        r#"{"resourceType":"Observation","id":"1","subject":{"reference":"Group/7"}}"#,
        &["subject=7", "subject=Group/7", "patient:missing=true"],
        &["patient=7", "subject=Patient/7"],
    );
}

#[test]
fn dates() {
    check(
        r#"{"resourceType":"Observation","id":"1","effectiveDateTime":"2024-02-29T23:30:00+05:30"}"#,
        &[
            "date=2024-02-29",
            "date=2024-02",
            "date=2024",
            "date=eq2024-02-29T18:00Z",
            "date=ge2024-02-29",
            "date=le2024-02-29",
            "date=gt2024-02-28",
            "date=lt2024-03-01",
            "date=ne2023",
            "date=sa2024-02-28",
            "date=eb2024-03",
            "date=ap2024",
            "date=ge2024-02-01&date=lt2024-03-01",
            "date=2024-02-29T23:30",
            "date=2024-02-29T23:30:00%2B05:30",
        ],
        &[
            "date=2024-03-01",
            "date=gt2024-02-29",
            "date=lt2024-02-29",
            "date=ne2024-02-29",
            "date=sa2024-02-29",
            "date=eb2024-02-29",
            "date=ap1950",
            "date=2024-02-29T23:31",
        ],
    );
    check(
        r#"{"resourceType":"Encounter","id":"1","period":{"start":"2024-01-10","end":"2024-01-20"}}"#,
        &[
            "date=2024-01",
            "date=gt2024-01-15",
            "date=lt2024-01-15",
            "date=ge2024-01-15",
            "date=sa2024-01-09",
            "date=eb2024-01-21",
            "date=ne2024-01-15",
            "date=le2024-01-11",
        ],
        &[
            "date=2024-01-15",
            "date=sa2024-01-10",
            "date=eb2024-01-20",
            "date=gt2024-01-20",
            "date=lt2024-01-10",
        ],
    );
    check(
        r#"{"resourceType":"Encounter","id":"1","period":{"start":"2024-01-10"}}"#,
        &["date=gt2030", "date=ne2024", "date=sa2023"],
        &["date=2024", "date=eb2030", "date=lt2024"],
    );
    check(
        r#"{"resourceType":"Patient","id":"1","birthDate":"1990"}"#,
        &[
            "birthdate=1990",
            "birthdate=ne1990-05",
            "_lastUpdated=2026-01-01",
            "_lastUpdated=gt2025",
            "_lastUpdated=le2026",
            "_lastUpdated=2026-01-01T05:30",
            "_lastUpdated=ap2026-01-01",
        ],
        &[
            "birthdate=1990-05",
            "birthdate=1991",
            "_lastUpdated=gt2026-01-01",
            "_lastUpdated=lt2026",
            "_lastUpdated=ne2026",
        ],
    );
}

#[test]
fn quantities() {
    check(
        r#"{"resourceType":"Observation","id":"1","valueQuantity":{"value":5.40,"unit":"mmol/l","system":"http://unitsofmeasure.org","code":"mmol/L"}}"#,
        &[
            "value-quantity=5.4",
            "value-quantity=5.40",
            "value-quantity=5",
            "value-quantity=gt5.39",
            "value-quantity=ge5.4",
            "value-quantity=le5.400",
            "value-quantity=lt5.41",
            "value-quantity=5.4||mmol/L",
            "value-quantity=5.4||mmol/l",
            "value-quantity=5.4|http://unitsofmeasure.org|mmol/L",
            "value-quantity=ap5",
            "value-quantity=ne6",
            "value-quantity=0.54e1",
        ],
        &[
            "value-quantity=5.41",
            "value-quantity=gt5.4",
            "value-quantity=lt5.4",
            "value-quantity=5.4||mg",
            "value-quantity=5.4|http://x|mmol/L",
            "value-quantity=ne5.4",
            "value-quantity=ap4",
        ],
    );
    check(
        r#"{"resourceType":"Observation","id":"1","valueQuantity":{"value":-2}}"#,
        &["value-quantity=lt-1.9", "value-quantity=-2"],
        &["value-quantity=2", "value-quantity=gt-2"],
    );
}

#[test]
fn uris() {
    check(
        r#"{"resourceType":"ValueSet","id":"1","url":"http://a.b/c/d"}"#,
        &[
            "url=http://a.b/c/d",
            "url:below=http://a.b/c",
            "url:below=http://a.b/c/",
            "url:above=http://a.b/c/d/e",
        ],
        &[
            "url=http://a.b/c",
            "url:below=http://a.b/c/d/e",
            "url:above=http://a.b/c",
            "url:below=http://a.b/c/dd",
        ],
    );
}

#[test]
fn what_cannot_be_served_is_refused_and_named() {
    for (query, part) in [
        ("nonsense=1", "nonsense"),
        ("name:in=1", ":in"),
        ("name:not=1", ":not"),
        ("gender:in=x", "not known"),
        ("birthdate=yesterday", "birthdate"),
        ("birthdate=2023-02-29", "birthdate"),
        ("birthdate:exact=2023", ":exact"),
        ("name=", "empty"),
        ("name=a,,b", "empty"),
        ("name=a\\b", "backslash"),
        ("identifier=a|b|c", "unescaped"),
        ("identifier=|", "nothing"),
        ("name.family=x", "not a reference"),
        ("general-practitioner.colour=x", "colour"),
        ("general-practitioner:Patient.name=x", "Patient"),
        ("organization.partof.partof.partof.partof.partof.name=x", "limits.chain_depth"),
        ("_has:Observation:code:code=x", "not a reference"),
        ("_has:Observation:patient=x", "_has:Type:reference:parameter"),
        ("_include=Patient:name", "name"),
        ("_include=Observation:subject", ":iterate"),
        ("_revinclude=Encounter:location", "Patient"),
        ("_filter=name", "operator"),
        ("_filter=name eq", "value"),
        ("_filter=name eq \"x", "string"),
        ("_sort=nonsense", "_sort"),
        ("_sort=", "_sort"),
        ("_count=-1", "_count"),
        ("_count=ten", "_count"),
        ("_total=all", "_total"),
        ("_summary=no", "_summary"),
        ("_id=a_b", "_id"),
        ("name:missing=yes", "missing"),
        ("link:Nonsense=1", "Nonsense"),
        ("link:Observation=1", "Observation"),
        ("_elements=a,,b", "_elements"),
    ] {
        let outcome = search(ResourceType::PATIENT, query).map(|_| ()).unwrap_err();
        assert!(outcome.to_string().contains(part), "{query}: {outcome}");
    }
    let many = (0..65).map(|n| format!("name=a{n}")).collect::<Vec<_>>().join("&");
    assert!(search(ResourceType::PATIENT, &many).is_err());
    let values = (0..501).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    assert!(search(ResourceType::PATIENT, &format!("_id={values}")).is_err());
    for bad in ["%", "%f", "%zz", "%ff", "a=%00"] {
        assert!(query::decode(bad).is_err(), "{bad}");
    }
}

#[test]
fn lenient_handling_drops_and_says_so() {
    let query = query::decode("nonsense=1&name=a&_sort=-birthdate,name&_count=5&_format=json").unwrap();
    let search = query::parse(ResourceType::PATIENT, &query, Handling::Lenient, &context()).unwrap();
    let applied: Vec<_> = search.applied.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(applied, ["name", "_sort", "_count"]);
    assert_eq!((search.warnings.len(), search.sort.len(), search.count), (1, 2, Some(5)));
    assert!(search.sort[0].descending && !search.sort[1].descending);
    let bad = query::decode("name:nonsense=1").unwrap();
    assert!(query::parse(ResourceType::PATIENT, &bad, Handling::Lenient, &context()).is_err());
}

#[test]
fn terms_are_prefix_free() {
    let resource = resource(
        r#"{"resourceType":"Observation","id":"a","status":"final","code":{"coding":[{"system":"s","code":"a"},{"code":"ab"}]},"subject":{"reference":"Patient/1"},"performer":[{"reference":"Practitioner/1"},{"reference":"Practitioner/12"}],"effectiveDateTime":"2020","valueQuantity":{"value":12}}"#,
    );
    let all = terms(&resource, &context());
    for a in &all {
        for b in &all {
            assert!(a == b || a.param != b.param || !b.value.starts_with(&a.value), "{a:?} {b:?}");
        }
    }
}

#[test]
fn a_patients_timeline_runs_from_new_to_old() {
    let at = |date: &str| {
        let text = format!(
            r#"{{"resourceType":"Observation","id":"1","subject":{{"reference":"Patient/7"}}{date}}}"#
        );
        let terms = terms(&resource(&text), &context());
        terms.into_iter().find(|t| t.param == params::TIMELINE).unwrap()
    };
    let new = at(r#","effectiveDateTime":"2024-05-01""#);
    let old = at(r#","effectivePeriod":{"start":"2023"}"#);
    let never = at("");
    assert!(new.value < old.value && old.value < never.value);
    let range = patient_timeline(&crate::fhir::id::LogicalId::parse("7").unwrap());
    assert!([new, old, never].iter().all(|t| range.contains(t)));
}
