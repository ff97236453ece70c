//! AL1, DG1 and IN1 to AllergyIntolerance, Condition and Coverage.

use crate::hl7::Segment;
use crate::json::{Object, Value};

use super::book::Book;
use super::codes;
use super::draft::{Draft, Drafts};
use super::ids;
use super::people;
use super::types::{self, Scope};

/// The system and code (or the text) that tell one coded thing from another.
pub(super) fn key_of(concept: &Value) -> String {
    let coding = concept.items("coding").first();
    match coding.and_then(|c| c.str("code")) {
        Some(code) => format!("{}|{code}", coding.and_then(|c| c.str("system")).unwrap_or("")),
        None => concept.str("text").unwrap_or("").to_owned(),
    }
}

pub(super) fn status(system: &str, code: &str) -> Value {
    let display = match code {
        "active" => Some("Active"),
        _ => None,
    };
    let coding = Object::new()
        .with("system", format!("http://terminology.hl7.org/CodeSystem/{system}"))
        .with("code", code)
        .with_some("display", display);
    Object::new().with("coding", vec![Value::from(coding)]).into()
}

/// One AL1.
pub(super) fn allergy<'a>(book: &'a Book<'a>, patient: &Draft, al1: Segment<'a>) -> Option<Draft> {
    let f = |n| book.field(al1, n);
    book.structural(al1, &[1]);
    let code = types::cwe(f(3))?;
    let mut draft = Draft::partial(
        "AllergyIntolerance",
        ids::stable("AllergyIntolerance", &[&patient.id, &key_of(&code)]),
    );
    draft.assume("clinicalStatus", status("allergyintolerance-clinical", "active"));
    if let Some(sent) = f(2).c(1).peek() {
        match codes::allergy_category(book.maps, &sent) {
            Some(category) => {
                [1, 2, 3].into_iter().for_each(|n| f(2).c(n).mark());
                draft.push("category", Some(category), f(2));
            }
            None => f(2).c(1).unknown_code(&sent),
        }
    }
    draft.set("code", Some(code), f(3));
    draft.put("patient", patient.reference());
    let onset = f(6).date_time();
    let sent = f(4).c(1).peek();
    let severity = sent.as_deref().and_then(|s| codes::allergy_severity(book.maps, s));
    match (&sent, severity) {
        (Some(_), Some(severity)) => {
            [1, 2, 3].into_iter().for_each(|n| f(4).c(n).mark());
            draft.set("criticality", Some(if severity == "severe" { "high" } else { "low" }), f(4));
        }
        (Some(sent), None) => f(4).c(1).unknown_code(sent),
        (None, _) => {}
    }
    let shown: Vec<Value> =
        f(5).reps().into_iter().filter_map(|s| s.c(1).take()).map(|t| types::text_concept(&t)).collect();
    if !shown.is_empty() {
        let reaction = Object::new()
            .with("manifestation", shown)
            .with_some("onset", onset)
            .with_some("severity", severity);
        draft.push("reaction", Some(reaction), f(5));
    } else {
        draft.set("onsetDateTime", onset, f(6));
    }
    Some(draft)
}

/// One DG1.
pub(super) fn condition<'a>(
    book: &'a Book<'a>,
    scope: &Scope<'_>,
    drafts: &mut Drafts,
    patient: &Draft,
    encounter: Option<&Value>,
    dg1: Segment<'a>,
) -> Option<Draft> {
    let f = |n| book.field(dg1, n);
    book.structural(dg1, &[1]);
    let original = f(3).c(9).peek().is_some();
    let described = if original { None } else { f(4).c(1).take() };
    let code = match (types::cwe(f(3)), described) {
        (Some(mut code), described) => {
            if let (Some(object), Some(text)) = (code.as_object_mut(), described) {
                object.insert("text", text);
            }
            code
        }
        (None, Some(text)) => types::text_concept(&text),
        (None, None) => return None,
    };
    let mut draft = Draft::partial("Condition", ids::stable("Condition", &[&patient.id, &key_of(&code)]));
    draft.assume("clinicalStatus", status("condition-clinical", "active"));
    if let Some(kind) = f(6).c(1).take() {
        let certainty = match kind.as_str() {
            "F" | "FINAL" => Some("confirmed"),
            "W" | "A" | "WORKING" | "ADMITTING" => Some("provisional"),
            _ => None,
        };
        match certainty {
            Some(c) => {
                draft.set("verificationStatus", Some(status("condition-ver-status", c)), f(6));
            }
            None => f(6).unknown_code(&kind),
        }
    }
    if f(21).c(1).peek().as_deref() == Some("D") {
        // The sender takes the diagnosis back (table 0206).
        f(21).c(1).mark();
        draft.set("verificationStatus", Some(status("condition-ver-status", "entered-in-error")), f(21));
        draft.body.remove("clinicalStatus");
        draft.weak.retain(|k| k != "clinicalStatus");
        draft.deletes.push("clinicalStatus".to_owned());
    }
    draft.append("category", status("condition-category", "encounter-diagnosis"));
    draft.set("code", Some(code), f(3));
    draft.put("subject", patient.reference());
    if let Some(encounter) = encounter {
        draft.put("encounter", encounter.clone());
    }
    draft.set("onsetDateTime", f(5).date_time(), f(5));
    draft.set("recordedDate", f(19).date_time(), f(19));
    draft.set(
        "asserter",
        f(16).reps().into_iter().find_map(|s| people::practitioner(scope, drafts, s)),
        f(16),
    );
    Some(draft)
}

/// One IN1.
pub(super) fn coverage<'a>(
    book: &'a Book<'a>,
    scope: &Scope<'_>,
    drafts: &mut Drafts,
    patient: &Draft,
    in1: Segment<'a>,
) -> Option<Draft> {
    let f = |n| book.field(in1, n);
    book.structural(in1, &[1]);
    if !f(3).c(1).has_content() && !f(4).c(1).has_content() {
        return None;
    }
    let plan = types::cwe(f(2));
    let number = types::cx(scope, f(3));
    let payer = people::organization_of(scope, drafts, f(4).c(1).take(), number, f(3))?;
    let policy = f(36).c(1).take();
    let member = f(49).c(1).take();
    let parts = [
        patient.id.clone(),
        payer.str("reference").unwrap_or("").to_owned(),
        policy.clone().or_else(|| member.clone()).or_else(|| plan.as_ref().map(key_of)).unwrap_or_default(),
    ];
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let mut draft = Draft::partial("Coverage", ids::stable("Coverage", &parts));
    draft.assume("status", "active");
    if let Some(policy) = &policy {
        let identifier = Object::new().with("system", scope.sender_system()).with("value", policy.as_str());
        draft.push("identifier", Some(identifier), f(36));
    }
    draft.set("type", super::apply::mapped(f(15), "plan-type"), f(15));
    let subscriber = member.or(policy);
    draft.set("subscriberId", subscriber, if f(49).has_content() { f(49) } else { f(36) });
    draft.put("beneficiary", patient.reference());
    draft.set("relationship", super::apply::mapped(f(17), "subscriber-relationship"), f(17));
    draft.set("period", types::period(f(12), f(13)), f(12));
    draft.push("payor", Some(payer), f(4));
    let class = |kind: &str, value: String, name: Option<String>| {
        Object::new()
            .with("type", status("coverage-class", kind))
            .with("value", value)
            .with_some("name", name)
    };
    if let Some(plan) = &plan {
        let value = plan.items("coding").first().and_then(|c| c.str("code")).or_else(|| plan.str("text"));
        if let Some(value) = value {
            draft.push(
                "class",
                Some(class("plan", value.to_owned(), plan.str("text").map(str::to_owned))),
                f(2),
            );
        }
    }
    if let Some(plan) = plan.filter(|_| (3..=13).any(|n| f(2).c(n).has_content())) {
        // The class has room for a code and a name only.
        let extension = Object::new().with("url", "urn:x-hl7v2:IN1-2").with("valueCodeableConcept", plan);
        draft.append("extension", extension);
    }
    if let Some(group) = f(8).c(1).take() {
        draft.push("class", Some(class("group", group, f(9).c(1).take())), f(8));
    }
    Some(draft)
}
