//! Reading, rewriting and writing of bundles.

use super::*;
use crate::fhir::id::{LogicalId, ResourceType};
use crate::fhir::outcome::Outcome;
use crate::json::{self, Limits, Value};

fn value(text: &str) -> Value {
    json::parse(text.as_bytes(), &Limits::default()).unwrap()
}

fn bundle(kind: &str, entries: &str) -> Result<Bundle, Outcome> {
    parse(value(&format!(r#"{{"resourceType":"Bundle","type":"{kind}","entry":[{entries}]}}"#)), 5)
}

fn request(method: &str, url: &str, resource: &str) -> String {
    let resource = if resource.is_empty() { String::new() } else { format!(r#""resource":{resource},"#) };
    format!(r#"{{{resource}"request":{{"method":"{method}","url":"{url}"}}}}"#)
}

fn id(text: &str) -> LogicalId {
    LogicalId::parse(text).unwrap()
}

#[test]
fn only_transactions_and_batches_are_taken() {
    for kind in ["collection", "searchset", "document", "nonsense"] {
        let outcome = bundle(kind, &request("GET", "Patient", "")).unwrap_err();
        assert_eq!(outcome.issues[0].expression, ["Bundle.type"], "{kind}");
    }
    assert!(parse(value(r#"{"resourceType":"Patient"}"#), 5).is_err());
    assert!(parse(value(r#"{"resourceType":"Bundle","type":"batch","entry":[]}"#), 5).is_err());
    assert_eq!(parse(value(r#"{"resourceType":"Bundle","type":"batch"}"#), 5).unwrap().len, 0);
    let six = vec![request("GET", "Patient", ""); 6].join(",");
    assert!(bundle("batch", &six).unwrap_err().to_string().contains("the limit is 5"));
}

#[test]
fn entries_are_processed_in_the_order_of_their_methods() {
    let entries = [
        request("GET", "Patient?name=a%20b", ""),
        request("PUT", "Patient/1", r#"{"resourceType":"Patient","id":"1"}"#),
        request("POST", "Patient", r#"{"resourceType":"Patient"}"#),
        request("DELETE", "Patient/2", ""),
        request("POST", "/Observation", r#"{"resourceType":"Observation"}"#),
    ];
    let bundle = bundle("transaction", &entries.join(",")).unwrap();
    let order: Vec<_> = bundle.in_order().iter().map(|e| e.index).collect();
    assert_eq!(order, [3, 2, 4, 1, 0]);
    let Target::Type { query, .. } = &bundle.entries[0].target else { panic!() };
    assert_eq!(query.as_slice(), [("name".to_owned(), "a b".to_owned())]);
}

#[test]
fn what_does_not_fit_is_refused_at_its_place() {
    let patient = r#"{"resourceType":"Patient","id":"1"}"#;
    for (entry, place) in [
        (request("POST", "Patient/1", patient), "Bundle.entry[0].request.url"),
        (request("PUT", "Patient", patient), "Bundle.entry[0].request.url"),
        (request("PUT", "Patient/2", patient), "Bundle.entry[0].resource.id"),
        (request("POST", "Observation", patient), "Bundle.entry[0].resource"),
        (request("POST", "Patient", ""), "Bundle.entry[0].resource"),
        (request("GET", "Patient/1", patient), "Bundle.entry[0].resource"),
        (request("GET", "Patients/1", ""), "Bundle.entry[0].request.url"),
        (request("GET", "http://other/Patient/1", ""), "Bundle.entry[0].request.url"),
        (request("GET", "Patient/a%2Fb", ""), "Bundle.entry[0].request.url"),
        (request("GET", "Patient/%zz", ""), "Bundle.entry[0].request.url"),
        (request("DELETE", "Patient", ""), "Bundle.entry[0].request.url"),
        (r#"{"resource":{"resourceType":"Patient"}}"#.to_owned(), "Bundle.entry[0].request"),
        ("17".to_owned(), "Bundle.entry[0]"),
    ] {
        let outcome = bundle("transaction", &entry).unwrap_err();
        assert_eq!(outcome.issues[0].expression, [place], "{entry}");
        let batch = bundle("batch", &format!("{entry},{}", request("GET", "Patient/1", ""))).unwrap();
        assert_eq!((batch.entries.len(), batch.refused[0].0), (1, 0), "{entry}");
    }
}

#[test]
fn two_changes_of_one_record_are_refused() {
    let put = request("PUT", "Patient/1", r#"{"resourceType":"Patient","id":"1"}"#);
    let both = format!("{put},{}", request("DELETE", "Patient/1", ""));
    assert_eq!(bundle("transaction", &both).unwrap_err().issues[0].code.as_str(), "duplicate");
    assert_eq!(bundle("batch", &both).unwrap().refused[0].0, 1);
    let post = r#"{"fullUrl":"urn:uuid:1","resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}}"#;
    assert!(bundle("transaction", &format!("{post},{post}")).is_err());
}

fn rewritten(resource: &str, full_url: Option<&str>) -> (String, Vec<String>) {
    let mut links = Links::new(&["https://box/fhir/".to_owned()]);
    links.add("urn:uuid:p", ResourceType::PATIENT, &id("7"));
    links.add("https://lab.example/fhir/Patient/1", ResourceType::PATIENT, &id("8"));
    links.add("Patient?identifier=a|b", ResourceType::PATIENT, &id("9"));
    let mut resource = value(resource);
    let broken = links.rewrite(&mut resource, full_url);
    (resource.to_string(), broken.into_iter().flat_map(|i| i.expression).collect())
}

fn check(resource: &str, full_url: Option<&str>, expected: &str) {
    let (resource, broken) = rewritten(resource, full_url);
    assert_eq!(resource, expected);
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn references_are_rewritten_at_any_depth() {
    check(
        r##"{"resourceType":"Observation","contained":[{"resourceType":"Specimen","id":"s","subject":{"reference":"urn:uuid:p"}}],"extension":[{"url":"urn:uuid:p","valueReference":{"reference":"urn:uuid:p","display":"urn:uuid:p"}},{"url":"x","valueUri":"urn:uuid:p"}],"identifier":[{"system":"urn:ietf:rfc:3986","value":"urn:uuid:p"}],"_status":{"extension":[{"url":"y","valueCanonical":"urn:uuid:p"}]},"subject":{"reference":"Patient?identifier=a|b"},"specimen":{"reference":"#s"}}"##,
        None,
        r##"{"resourceType":"Observation","contained":[{"resourceType":"Specimen","id":"s","subject":{"reference":"Patient/7"}}],"extension":[{"url":"urn:uuid:p","valueReference":{"reference":"Patient/7","display":"urn:uuid:p"}},{"url":"x","valueUri":"Patient/7"}],"identifier":[{"system":"urn:ietf:rfc:3986","value":"urn:uuid:p"}],"_status":{"extension":[{"url":"y","valueCanonical":"Patient/7"}]},"subject":{"reference":"Patient/9"},"specimen":{"reference":"#s"}}"##,
    );
    check(
        r#"{"resourceType":"Patient","text":{"status":"generated","div":"<div><a title='x' href=\"urn:uuid:p\">a</a><img src='urn:uuid:q'/> href=\"urn:uuid:p\"</div>"}}"#,
        None,
        r#"{"resourceType":"Patient","text":{"status":"generated","div":"<div><a title='x' href=\"Patient/7\">a</a><img src='urn:uuid:q'/> href=\"Patient/7\"</div>"}}"#,
    );
}

#[test]
fn relative_references_follow_the_base_of_their_entry() {
    let text = |reference: &str| {
        format!(r#"{{"resourceType":"Observation","subject":{{"reference":"{reference}"}}}}"#)
    };
    let foreign = Some("https://lab.example/fhir/Observation/5");
    let own = Some("https://box/fhir/Observation/5");
    for (reference, full_url, expected) in [
        ("Patient/1", foreign, "Patient/8"),
        ("Patient/1/_history/2", foreign, "Patient/8"),
        ("Patient/2", foreign, "https://lab.example/fhir/Patient/2"),
        ("Patient/1", own, "Patient/1"),
        ("Patient/1", Some("urn:uuid:o"), "Patient/1"),
        ("Patient/1", None, "Patient/1"),
        ("https://lab.example/fhir/Patient/1", None, "Patient/8"),
        ("https://lab.example/fhir/Patient/2", foreign, "https://lab.example/fhir/Patient/2"),
        ("#x", foreign, "#x"),
    ] {
        check(&text(reference), full_url, &text(expected));
    }
}

#[test]
fn a_reference_to_no_entry_is_named() {
    let (_, broken) = rewritten(
        r#"{"resourceType":"Observation","performer":[{"reference":"urn:uuid:p"},{"reference":"urn:uuid:nobody"}]}"#,
        None,
    );
    assert_eq!(broken, ["Observation.performer[1]"]);
}

#[test]
fn conditional_references_are_listed() {
    let found = conditional_references(&value(
        r#"{"resourceType":"Observation","subject":{"reference":"Patient?identifier=a|b"},"encounter":{"reference":"Encounter/1"}}"#,
    ));
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].expression.as_str(), found[0].query.as_str()),
        ("Observation.subject", "identifier=a|b")
    );
}

#[test]
fn answers_become_a_bundle_with_resources_as_stored() {
    let answers = [
        Answer { status: "201 Created".into(), etag: Some("W/\"1\"".into()), ..Answer::default() },
        Answer { status: "200 OK".into(), resource: Some(br#"{"a":1.50}"#.to_vec()), ..Answer::default() },
    ];
    let text = String::from_utf8(response(BundleKind::Batch, &answers)).unwrap();
    assert_eq!(
        text,
        r#"{"resourceType":"Bundle","type":"batch-response","entry":[{"response":{"status":"201 Created","etag":"W/\"1\""}},{"resource":{"a":1.50},"response":{"status":"200 OK"}}]}"#
    );
    let mut empty = Writer::new("searchset", Some(0));
    empty.link("self", "http://x/?a=\"b\"");
    let text = String::from_utf8(empty.finish()).unwrap();
    assert_eq!(
        text,
        r#"{"resourceType":"Bundle","type":"searchset","total":0,"link":[{"relation":"self","url":"http://x/?a=\"b\""}]}"#
    );
}

#[test]
fn entries_of_a_batch_do_not_refer_to_one_another() {
    let url = "urn:uuid:5f0a1c62-0a4b-4a44-9f8e-000000000001";
    let patient = format!(
        r#"{{"fullUrl":"{url}","resource":{{"resourceType":"Patient"}},"request":{{"method":"POST","url":"Patient"}}}}"#
    );
    let about = |subject: &str| {
        let body = format!(r#"{{"resourceType":"Observation","subject":{{"reference":"{subject}"}}}}"#);
        request("POST", "Observation", &body)
    };
    let entries =
        [about(url), patient, about("Patient/1"), about("urn:uuid:5f0a1c62-0a4b-4a44-9f8e-000000000002")];
    let read = bundle("batch", &entries.join(",")).unwrap();
    assert_eq!(read.entries.iter().map(|entry| entry.index).collect::<Vec<_>>(), [1, 2, 3]);
    let [(0, outcome)] = read.refused.as_slice() else { panic!("{:?}", read.refused) };
    assert_eq!(outcome.issues[0].expression, ["Bundle.entry[0].resource.subject"]);
    assert!(outcome.issues[0].diagnostics.contains("transaction"));
    assert_eq!(bundle("transaction", &entries.join(",")).unwrap().entries.len(), 4);
}
