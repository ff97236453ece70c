//! References in the values that a patch brings into a transaction.
//!
//! Only those values are read and rewritten, never what is stored: a `fullUrl` of the bundle says nothing about a
//! reference that stood before it came. A value is looked at where it belongs, in an otherwise empty resource, so that
//! its type is known. (Parameters are a resource of their own and are rewritten as one before they are read, but for a text
//! that an operation writes as a `reference`: in Parameters it is a string like any other.)

use super::Patch;
use super::json_patch::Brought;
use crate::fhir::bundle::{ConditionalReference, Links, conditional_references};
use crate::fhir::id::ResourceType;
use crate::fhir::outcome::Issue;
use crate::json::{Object, Value};

impl Patch {
    /// Every `Type?query` reference that the patch writes into a resource of this type.
    pub fn conditional_references(&mut self, kind: ResourceType) -> Vec<ConditionalReference> {
        let mut found = Vec::new();
        let patch = match self {
            Self::Json(patch) => patch,
            Self::Path(patch) => {
                patch.references(|text, place| {
                    as_subject(text, |resource| {
                        let each = conditional_references(resource).into_iter();
                        let place = format!("{kind}.{place}");
                        found.extend(
                            each.map(|one| ConditionalReference { expression: place.clone(), ..one }),
                        );
                    });
                });
                return found;
            }
            Self::Meta(_) => return found,
        };
        patch.brought(|brought| {
            let place = format!("{kind}.{}.value", brought.place);
            at_its_place(kind, brought, |resource| {
                let each = conditional_references(resource).into_iter();
                found.extend(each.map(|one| ConditionalReference { expression: place.clone(), ..one }));
            });
        });
        found
    }

    /// Rewrites the references that the patch brings, as [`Links::rewrite`] does for a resource that stands under
    /// `full_url`, and answers the same problems.
    pub fn rewrite(&mut self, kind: ResourceType, links: &Links, full_url: Option<&str>) -> Vec<Issue> {
        let mut broken = Vec::new();
        let patch = match self {
            Self::Json(patch) => patch,
            Self::Path(patch) => {
                patch.references(|text, place| {
                    as_subject(text, |resource| {
                        let issues = links.rewrite(resource, full_url).into_iter();
                        let place = format!("{kind}.{place}");
                        broken.extend(issues.map(|issue| Issue { expression: vec![place.clone()], ..issue }));
                    });
                });
                return broken;
            }
            Self::Meta(_) => return broken,
        };
        patch.brought(|brought| {
            let place = format!("{kind}.{}.value", brought.place);
            // What is compared is compared with what is stored, where a relative reference is one of this server.
            let full_url = full_url.filter(|_| brought.written);
            at_its_place(kind, brought, |resource| {
                let issues = links.rewrite(resource, full_url);
                broken.extend(
                    issues.into_iter().map(|issue| Issue { expression: vec![place.clone()], ..issue }),
                );
            });
        });
        broken
    }
}

/// Shows a text as the reference of a Basic's subject, and takes it back.
fn as_subject(text: &mut String, see: impl FnOnce(&mut Value)) {
    let subject = Value::from([("reference", std::mem::take(text))]);
    let mut basic = Value::Object(Object::new().with("resourceType", "Basic").with("subject", subject));
    see(&mut basic);
    if let Some(reference) = basic.get("subject").and_then(|subject| subject.str("reference")) {
        reference.clone_into(text);
    }
}

/// Shows a value where it belongs in a resource of a type, and takes it back.
fn at_its_place(kind: ResourceType, brought: Brought<'_>, see: impl FnOnce(&mut Value)) {
    let Brought { path, value, .. } = brought;
    let (kind, steps) = typed(kind.as_str(), path.steps(), value);
    let mut whole = std::mem::take(value);
    for step in steps.iter().rev() {
        whole = if is_item(step) {
            Value::Array(vec![whole])
        } else {
            let mut object = Object::new();
            object.insert(step.as_str(), whole);
            Value::Object(object)
        };
    }
    if let (Value::Object(object), Some(first)) = (&mut whole, steps.first())
        && first != "resourceType"
    {
        object.insert("resourceType", Value::String(kind));
    }
    see(&mut whole);
    for step in &steps {
        let inner = match &mut whole {
            Value::Array(items) => items.first_mut(),
            other => other.get_mut(step),
        };
        whole = inner.map(std::mem::take).unwrap_or_default();
    }
    *value = whole;
}

/// The resource type and the steps in it. Of what a contained resource is, the path tells nothing: there a value that
/// looks like a reference is taken for one, as the subject of a Basic.
fn typed(kind: &str, steps: &[String], value: &Value) -> (String, Vec<String>) {
    let inside = steps.iter().rposition(|step| step == "contained").and_then(|at| steps.get(at + 2..));
    let Some(inside) = inside.filter(|inside| !inside.is_empty()) else {
        return (kind.to_owned(), steps.to_vec());
    };
    let last = inside.iter().rfind(|step| !is_item(step)).map(String::as_str);
    let as_subject: &[&str] = match (last, value) {
        (Some("reference"), Value::String(_)) => &["subject", "reference"],
        _ if value.str("reference").is_some() => &["subject"],
        _ => return (kind.to_owned(), steps.to_vec()),
    };
    ("Basic".to_owned(), as_subject.iter().map(|step| (*step).to_owned()).collect())
}

fn is_item(step: &str) -> bool {
    step == "-" || step.bytes().all(|b| b.is_ascii_digit())
}
