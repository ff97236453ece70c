//! Writing bundles: responses, searchsets and histories, with resources spliced in as the bytes they are stored as.

use super::BundleKind;
use crate::fhir::outcome::Outcome;
use crate::json::{self, Object, Value};

/// The answer to one entry.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// Status with its phrase, such as `201 Created`.
    pub status: String,
    /// `Type/id/_history/version` of what was written.
    pub location: Option<String>,
    /// `W/"version"`
    pub etag: Option<String>,
    /// Commit time of that version, as an instant.
    pub last_modified: Option<String>,
    /// What there is to say.
    pub outcome: Option<Outcome>,
    /// The resource as JSON text, for reads and `return=representation`.
    pub resource: Option<Vec<u8>>,
    /// Absolute address of that resource.
    pub full_url: Option<String>,
}

impl Answer {
    /// A refusal of a batch entry.
    pub fn refused(status: impl Into<String>, outcome: Outcome) -> Self {
        Self { status: status.into(), outcome: Some(outcome), ..Self::default() }
    }

    fn to_json(&self) -> Value {
        Value::Object(
            Object::new()
                .with("status", self.status.as_str())
                .with_some("location", self.location.as_deref())
                .with_some("etag", self.etag.as_deref())
                .with_some("lastModified", self.last_modified.as_deref())
                .with_some("outcome", self.outcome.as_ref().map(Outcome::to_json)),
        )
    }
}

/// The response bundle, answers in the order of the entries.
pub fn response(kind: BundleKind, answers: &[Answer]) -> Vec<u8> {
    let kind = match kind {
        BundleKind::Transaction => "transaction-response",
        BundleKind::Batch => "batch-response",
    };
    let mut writer = Writer::new(kind, None);
    for answer in answers {
        let response = answer.to_json();
        writer.entry(&EntryParts {
            full_url: answer.full_url.as_deref(),
            resource: answer.resource.as_deref(),
            response: Some(&response),
            ..EntryParts::default()
        });
    }
    writer.finish()
}

/// The parts of an entry; those that are there are written in the order of the specification.
#[derive(Debug, Clone, Copy, Default)]
pub struct EntryParts<'a> {
    /// `fullUrl`
    pub full_url: Option<&'a str>,
    /// The resource as JSON text.
    pub resource: Option<&'a [u8]>,
    /// `search.mode`: match, include or outcome.
    pub mode: Option<&'a str>,
    /// The whole of `search`, where there is more to say than the mode.
    pub search: Option<&'a Value>,
    /// `request`
    pub request: Option<&'a Value>,
    /// `response`
    pub response: Option<&'a Value>,
}

/// Writes a bundle from front to back without building it as a tree.
#[derive(Debug)]
pub struct Writer {
    out: Vec<u8>,
    links: Vec<Value>,
    entries: usize,
}

impl Writer {
    /// A bundle of a type, with `total` where it is known.
    pub fn new(kind: &str, total: Option<u64>) -> Self {
        let head = Object::new().with("resourceType", "Bundle").with("type", kind).with_some("total", total);
        let mut out = Value::Object(head).to_vec();
        out.pop();
        Self { out, links: Vec::new(), entries: 0 }
    }

    /// Makes room for about so many bytes of entries, so that they are not moved while the bundle grows.
    pub fn reserve(&mut self, bytes: usize) {
        self.out.reserve(bytes);
    }

    /// A link such as `self` or `next`. Links come before the first entry.
    pub fn link(&mut self, relation: &str, url: &str) {
        self.links.push(Value::from([("relation", relation), ("url", url)]));
    }

    /// One entry.
    pub fn entry(&mut self, parts: &EntryParts<'_>) {
        self.begin();
        let mut first = true;
        if let Some(url) = parts.full_url {
            self.key("fullUrl", &mut first);
            Value::from(url).write_to(&mut self.out);
        }
        if let Some(resource) = parts.resource {
            self.key("resource", &mut first);
            self.out.extend_from_slice(resource);
        }
        if let Some(search) = parts.search {
            self.key("search", &mut first);
            search.write_to(&mut self.out);
        } else if let Some(mode) = parts.mode {
            self.key("search", &mut first);
            Value::from([("mode", mode)]).write_to(&mut self.out);
        }
        for (key, value) in [("request", parts.request), ("response", parts.response)] {
            if let Some(value) = value {
                self.key(key, &mut first);
                value.write_to(&mut self.out);
            }
        }
        self.out.push(b'}');
        self.entries += 1;
    }

    fn begin(&mut self) {
        if self.entries > 0 {
            return self.out.extend_from_slice(b",{");
        }
        self.write_links();
        self.out.extend_from_slice(b",\"entry\":[{");
    }

    fn write_links(&mut self) {
        if !self.links.is_empty() {
            self.out.extend_from_slice(b",\"link\":");
            Value::from(std::mem::take(&mut self.links)).write_to(&mut self.out);
        }
    }

    fn key(&mut self, key: &str, first: &mut bool) {
        if !*first {
            self.out.push(b',');
        }
        *first = false;
        json::write_key(key, &mut self.out);
    }

    /// The whole bundle as JSON text.
    pub fn finish(mut self) -> Vec<u8> {
        if self.entries == 0 {
            self.write_links();
        } else {
            self.out.push(b']');
        }
        self.out.push(b'}');
        self.out
    }
}
