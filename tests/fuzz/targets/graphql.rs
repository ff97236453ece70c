//! Any text as a GraphQL query about a resource and a store of one: read or refused, and answered the same way again.
#![no_main]

use std::rc::Rc;

use clinicvault_gateway::fhir::graphql::{Document, Limits, Page, Root, Source, Trouble, answer};
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::json::{self, Object, Value};

const PATIENT: &str = r##"{"resourceType":"Patient","id":"7","birthDate":"1974-12-25","_birthDate":{"id":"b"},
    "name":[{"family":"Rao","given":["A",null],"use":"old"},{"use":"usual"}],"managingOrganization":{"reference":"#o"},
    "contained":[{"resourceType":"Organization","id":"o"}],"link":[{"other":{"reference":"Patient/7"}}]}"##;

struct One(Rc<Value>);

impl Source for One {
    fn read(&mut self, kind: ResourceType, _: &str) -> Result<Option<Rc<Value>>, Trouble> {
        Ok((kind == ResourceType::PATIENT).then(|| Rc::clone(&self.0)))
    }

    fn search(&mut self, _: ResourceType, _: &[(String, String)], _: Option<&str>) -> Result<Page, Trouble> {
        Ok(Page { total: Some(1), rows: vec![Rc::clone(&self.0)], size: 50, next: None })
    }

    fn is_own_base(&self, _: &str) -> bool {
        false
    }
}

libfuzzer_sys::fuzz_target!(|input: (bool, &str)| {
    let Ok(document) = Document::parse(input.1) else { return };
    let Ok(operation) = document.operation(None) else { return };
    let patient = Rc::new(json::parse(PATIENT.as_bytes(), &json::Limits::default()).expect("the patient is JSON"));
    let root = if input.0 { Root::System } else { Root::Resource(Rc::clone(&patient)) };
    let limits = Limits { depth: 24, fields: 2_000, resources: 100, answer: 100_000 };
    let mut source = One(patient);
    let first = answer(&document, operation, &Object::new(), &root, &limits, &mut source);
    assert_eq!(first, answer(&document, operation, &Object::new(), &root, &limits, &mut source));
    if let Ok(data) = first {
        let text = Value::Object(data).to_vec();
        json::parse(&text, &json::Limits::default()).expect("an answer is JSON");
    }
});
