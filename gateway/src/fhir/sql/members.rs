//! Which members a ViewDefinition and its parts may have, and reading them. What is not known is an error with its
//! place: a misspelled filter that is ignored would show what it should have hidden.

use crate::fhir::outcome::{Issue, IssueCode};
use crate::json::{Object, Value};

/// Members of every element.
const EVERYWHERE: [&str; 2] = ["id", "extension"];

/// Members of a ViewDefinition that say nothing about its rows.
pub const ROOT: [&str; 39] = [
    "resourceType",
    "meta",
    "implicitRules",
    "language",
    "text",
    "contained",
    "url",
    "identifier",
    "version",
    "versionAlgorithmString",
    "versionAlgorithmCoding",
    "name",
    "title",
    "status",
    "experimental",
    "date",
    "publisher",
    "contact",
    "description",
    "useContext",
    "jurisdiction",
    "purpose",
    "copyright",
    "copyrightLabel",
    "approvalDate",
    "lastReviewDate",
    "effectivePeriod",
    "topic",
    "author",
    "editor",
    "reviewer",
    "endorser",
    "relatedArtifact",
    "resource",
    "profile",
    "fhirVersion",
    "constant",
    "select",
    "where",
];
/// Members of `select` and of what stands in `unionAll`.
pub const SELECT: [&str; 6] = ["column", "select", "forEach", "forEachOrNull", "repeat", "unionAll"];
/// Members of `column`.
pub const COLUMN: [&str; 6] = ["path", "name", "description", "collection", "type", "tag"];
/// Members of `where`.
pub const WHERE: [&str; 2] = ["path", "description"];

/// Collects what is wrong while a view is read.
#[derive(Default)]
pub struct Wrong(pub Vec<Issue>);

impl Wrong {
    /// Adds an issue.
    pub fn add(&mut self, code: IssueCode, place: &str, text: impl Into<String>) {
        self.0.push(Issue::error(code, text).at(place));
    }

    /// The object at a place; an error when it is none or has members that it may not have.
    pub fn object<'a>(&mut self, value: &'a Value, place: &str, known: &[&str]) -> Option<&'a Object> {
        let Value::Object(object) = value else {
            self.add(IssueCode::Structure, place, "An object is needed here.");
            return None;
        };
        for (key, _) in object.iter() {
            let plain = key.strip_prefix('_').unwrap_or(key);
            if !known.contains(&plain) && !EVERYWHERE.contains(&plain) {
                let shown: String = key.chars().take(80).collect();
                let text = format!("\"{shown}\" is not known here, and nothing is ignored in a view.");
                self.add(IssueCode::Structure, place, text);
            }
        }
        Some(object)
    }

    /// A text member; an error when it is there and no text.
    pub fn text<'a>(&mut self, object: &'a Object, key: &str, place: &str) -> Option<&'a str> {
        match object.get(key)? {
            Value::String(text) => Some(text),
            _ => {
                self.add(IssueCode::Structure, &format!("{place}.{key}"), "A text is needed here.");
                None
            }
        }
    }

    /// A text member that must be there.
    pub fn needed<'a>(&mut self, object: &'a Object, key: &str, place: &str) -> Option<&'a str> {
        if !object.contains_key(key) {
            self.add(IssueCode::Required, &format!("{place}.{key}"), format!("\"{key}\" is needed."));
        }
        self.text(object, key, place)
    }

    /// The items of a list member; an error when it is there and no list.
    pub fn list<'a>(&mut self, object: &'a Object, key: &str, place: &str) -> &'a [Value] {
        match object.get(key) {
            None => &[],
            Some(Value::Array(items)) => items,
            Some(_) => {
                self.add(IssueCode::Structure, &format!("{place}.{key}"), "A list is needed here.");
                &[]
            }
        }
    }

    /// A name for a table, a column or a constant: the standard's `sql-name`.
    pub fn name(&mut self, name: &str, place: &str) {
        let starts = name.starts_with(|c: char| c.is_ascii_alphabetic());
        if !starts || name.len() > 255 || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            let text = "A name is letters, digits and underscores, begins with a letter and has at most 255.";
            self.add(IssueCode::Value, place, text);
        }
    }
}
