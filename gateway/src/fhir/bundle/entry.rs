//! Reading a transaction or batch, entry by entry, before anything is done.

use std::collections::HashMap;

use super::Target;
use super::apart::set_apart;
use crate::fhir::id::{LogicalId, ResourceType};
use crate::fhir::outcome::{Issue, IssueCode, Outcome};
use crate::fhir::validate;
use crate::json::{Object, Value};

/// Most entries of one bundle, unless the caller says otherwise.
pub const MOST_ENTRIES: usize = 10_000;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BundleKind {
    /// All or nothing.
    Transaction,
    /// Each entry for itself.
    Batch,
}

/// `request.method`; the order of the variants is the order of processing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// First.
    Delete,
    /// Second.
    Post,
    /// Third, together with PATCH.
    Put,
    /// Third.
    Patch,
    /// Last, sees what the others wrote.
    Get,
    /// Like GET.
    Head,
}

impl Method {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "DELETE" => Self::Delete,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "PATCH" => Self::Patch,
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            _ => return None,
        })
    }

    /// The name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "DELETE",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Get => "GET",
            Self::Head => "HEAD",
        }
    }
}

/// One entry that can be carried out.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Place in the bundle; the answer stands at the same place.
    pub index: usize,
    /// What to do.
    pub method: Method,
    /// With what.
    pub target: Target,
    /// The address under which other entries refer to it.
    pub full_url: Option<String>,
    /// The body, not checked yet.
    pub resource: Option<Value>,
    /// `ifMatch`
    pub if_match: Option<String>,
    /// `ifNoneMatch`
    pub if_none_match: Option<String>,
    /// `ifModifiedSince`
    pub if_modified_since: Option<String>,
    /// `ifNoneExist`: the query of a conditional create, as sent.
    pub if_none_exist: Option<String>,
}

impl Entry {
    /// `Bundle.entry[n]`
    pub fn expression(&self) -> String {
        format!("Bundle.entry[{}]", self.index)
    }

    /// Type that the entry is about; `None` for `metadata` and the history of everything.
    pub const fn kind(&self) -> Option<ResourceType> {
        match &self.target {
            Target::Type { kind, .. }
            | Target::Instance { kind, .. }
            | Target::Version { kind, .. }
            | Target::History { kind, .. } => Some(*kind),
            Target::Log { kind, .. } => *kind,
            Target::Metadata => None,
        }
    }

    /// The record that a PUT, PATCH or DELETE names outright.
    pub const fn named(&self) -> Option<(ResourceType, &LogicalId)> {
        match (&self.target, self.method) {
            (Target::Instance { kind, id, .. }, Method::Put | Method::Patch | Method::Delete) => {
                Some((*kind, id))
            }
            _ => None,
        }
    }
}

/// A bundle that has been read.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// Transaction or batch.
    pub kind: BundleKind,
    /// Number of entries sent; each gets an answer.
    pub len: usize,
    /// Entries that can be carried out, in the order sent.
    pub entries: Vec<Entry>,
    /// Entries of a batch that cannot, by place. Always empty for a transaction.
    pub refused: Vec<(usize, Outcome)>,
}

impl Bundle {
    /// Entries in the order of processing: DELETE, POST, PUT and PATCH, GET; within each as sent.
    pub fn in_order(&self) -> Vec<&Entry> {
        let mut order: Vec<&Entry> = self.entries.iter().collect();
        order.sort_by_key(|e| match e.method {
            Method::Delete => 0,
            Method::Post => 1,
            Method::Put | Method::Patch => 2,
            Method::Get | Method::Head => 3,
        });
        order
    }
}

/// Reads a transaction or batch with at most `most_entries` entries.
///
/// # Errors
/// An [`Outcome`] for any other kind of bundle or resource, for a broken envelope, too many entries, and in a
/// transaction for every entry that cannot be carried out.
pub fn parse(bundle: Value, most_entries: usize) -> Result<Bundle, Outcome> {
    let Value::Object(mut bundle) = bundle else {
        return Err(Outcome::error(IssueCode::Structure, "A bundle is a JSON object."));
    };
    let kind = kind_of(&bundle)?;
    let entries = match bundle.remove("entry") {
        None => Vec::new(),
        Some(Value::Array(entries)) if !entries.is_empty() => entries,
        Some(_) => {
            let issue =
                Issue::error(IssueCode::Structure, "Bundle.entry must be an array with at least one entry.");
            return Err(issue.at("Bundle.entry").into());
        }
    };
    let envelope = validate::structure(&Value::Object(bundle));
    if !envelope.is_empty() {
        return Err(Outcome::of(envelope));
    }
    if entries.len() > most_entries {
        let text = format!("The bundle has {} entries; the limit is {most_entries}.", entries.len());
        return Err(Outcome::error(IssueCode::TooCostly, text));
    }
    let mut read = Bundle { kind, len: entries.len(), entries: Vec::new(), refused: Vec::new() };
    for (index, value) in entries.into_iter().enumerate() {
        match entry(index, value) {
            Ok(entry) => read.entries.push(entry),
            Err(issues) => read.refused.push((index, Outcome::of(issues))),
        }
    }
    refuse_repeated(&mut read);
    if kind == BundleKind::Batch {
        set_apart(&mut read);
    }
    if kind == BundleKind::Transaction && !read.refused.is_empty() {
        let mut issues: Vec<Issue> =
            read.refused.into_iter().flat_map(|(_, outcome)| outcome.issues).collect();
        issues.truncate(validate::MOST_ISSUES);
        return Err(Outcome::of(issues));
    }
    Ok(read)
}

fn kind_of(bundle: &Object) -> Result<BundleKind, Outcome> {
    let name = bundle.get("resourceType").and_then(Value::as_str).unwrap_or_default();
    if name != "Bundle" {
        let issue = Issue::error(
            IssueCode::Invalid,
            "The base of the server takes a Bundle of type transaction or batch.",
        );
        return Err(issue.at("resourceType").into());
    }
    match bundle.get("type").and_then(Value::as_str) {
        Some("transaction") => Ok(BundleKind::Transaction),
        Some("batch") => Ok(BundleKind::Batch),
        other => {
            let shown: String = other.unwrap_or("(none)").chars().take(40).collect();
            let text = format!(
                "The base of the server takes bundles of type transaction or batch, not {shown}. To store a bundle, send it to /Bundle."
            );
            Err(Issue::error(IssueCode::Value, text).at("Bundle.type").into())
        }
    }
}

fn entry(index: usize, value: Value) -> Result<Entry, Vec<Issue>> {
    let at = format!("Bundle.entry[{index}]");
    let Value::Object(mut object) = value else {
        return Err(vec![Issue::error(IssueCode::Structure, "An entry is an object.").at(at)]);
    };
    let resource = object.remove("resource");
    if !object.contains_key("request") {
        return Err(vec![
            Issue::error(IssueCode::Required, "The entry has no request.").at(format!("{at}.request")),
        ]);
    }
    let issues = validate::element("Bundle.entry", &Value::Object(object.clone()), &at);
    if !issues.is_empty() {
        return Err(issues);
    }
    let request = object.get("request").unwrap_or(&Value::Null);
    let text = |key: &str| request.str(key).map(str::to_owned);
    let method_text = text("method").unwrap_or_default();
    let Some(method) = Method::parse(&method_text) else {
        return Err(vec![
            Issue::error(IssueCode::Value, "The method is not known.").at(format!("{at}.request.method")),
        ]);
    };
    let url = text("url").unwrap_or_default();
    let target = Target::parse(&url).map_err(|why| {
        let shown: String = url.chars().take(100).collect();
        vec![
            Issue::error(IssueCode::Value, format!("The address \"{shown}\" cannot be used: {why}."))
                .at(format!("{at}.request.url")),
        ]
    })?;
    let entry = Entry {
        index,
        method,
        target,
        full_url: object.get("fullUrl").and_then(Value::as_str).map(str::to_owned),
        resource,
        if_match: text("ifMatch"),
        if_none_match: text("ifNoneMatch"),
        if_modified_since: text("ifModifiedSince"),
        if_none_exist: text("ifNoneExist"),
    };
    match fits(&entry) {
        Ok(()) => Ok(entry),
        Err((code, place, why)) => Err(vec![Issue::error(code, why).at(format!("{at}{place}"))]),
    }
}

type Misfit = (IssueCode, &'static str, String);

/// Whether method, address and body go together.
fn fits(entry: &Entry) -> Result<(), Misfit> {
    let name = entry.method.as_str();
    let address = |why: &str| Err((IssueCode::Value, ".request.url", format!("{name} {why}.")));
    match (entry.method, &entry.target) {
        (Method::Post, Target::Type { query, .. }) if query.is_empty() => {}
        (Method::Post, _) => return address("needs the address of a resource type"),
        (Method::Put | Method::Patch | Method::Delete, Target::Instance { query, .. })
            if query.is_empty() => {}
        (Method::Put | Method::Patch | Method::Delete, Target::Type { query, .. }) if !query.is_empty() => {}
        (Method::Put | Method::Patch | Method::Delete, _) => return address("needs Type/id or Type?query"),
        (Method::Get | Method::Head, _) => {}
    }
    // A write can only ask that there is no record yet, and only a PUT can be meant.
    match (entry.method, entry.if_none_match.as_deref(), &entry.if_match) {
        (_, None, _) | (Method::Get | Method::Head, ..) | (Method::Put, Some("*"), None) => {}
        _ => {
            let why = "ifNoneMatch belongs to a GET, or is * with a PUT that has no ifMatch.".to_owned();
            return Err((IssueCode::Value, ".request.ifNoneMatch", why));
        }
    }
    if entry.if_none_exist.is_some() && entry.method != Method::Post {
        return Err((IssueCode::Value, ".request.ifNoneExist", format!("{name} takes no ifNoneExist.")));
    }
    match (entry.method, &entry.resource) {
        (Method::Post | Method::Put | Method::Patch, None) => {
            Err((IssueCode::Required, ".resource", format!("{name} needs a resource.")))
        }
        (Method::Get | Method::Head | Method::Delete, Some(_)) => {
            Err((IssueCode::Invalid, ".resource", format!("{name} takes no resource.")))
        }
        (Method::Post | Method::Put, Some(resource)) => body_fits(entry, resource),
        (Method::Patch, Some(_)) | (Method::Get | Method::Head | Method::Delete, None) => Ok(()),
    }
}

fn body_fits(entry: &Entry, resource: &Value) -> Result<(), Misfit> {
    let named = resource.str("resourceType").unwrap_or_default();
    let kind = entry.kind().map(ResourceType::as_str).unwrap_or_default();
    if named != kind {
        let shown: String = named.chars().take(64).collect();
        let why = format!("The resource is a \"{shown}\" but the address is of type {kind}.");
        return Err((IssueCode::Invalid, ".resource", why));
    }
    if let Some((_, id)) = entry.named()
        && resource.str("id") != Some(id.as_str())
    {
        let why = format!("The resource must carry the id of its address, {id}.");
        return Err((IssueCode::Invalid, ".resource.id", why));
    }
    Ok(())
}

/// Two entries may not change the same record, nor stand under the same `fullUrl`.
fn refuse_repeated(bundle: &mut Bundle) {
    let mut targets: HashMap<String, usize> = HashMap::new();
    let mut urls: HashMap<String, usize> = HashMap::new();
    let mut refused = Vec::new();
    for entry in &bundle.entries {
        let target = match (&entry.target, entry.method) {
            (_, Method::Get | Method::Head | Method::Post) => None,
            (Target::Instance { kind, id, .. }, _) => Some(format!("{kind}/{id}")),
            (Target::Type { kind, query }, _) => Some(format!("{kind}?{query:?}")),
            _ => None,
        };
        if let Some(first) = target.and_then(|t| targets.insert(t, entry.index)) {
            refused.push((entry.index, same_target(entry.index, first)));
        } else if let Some(first) = entry.full_url.clone().and_then(|u| urls.insert(u, entry.index)) {
            let text = format!("The fullUrl is also that of entry {first}.");
            let issue =
                Issue::error(IssueCode::Duplicate, text).at(format!("{}.fullUrl", entry.expression()));
            refused.push((entry.index, issue.into()));
        }
    }
    bundle.entries.retain(|e| !refused.iter().any(|(index, _)| *index == e.index));
    bundle.refused.extend(refused);
    bundle.refused.sort_by_key(|(index, _)| *index);
}

/// The refusal of a second change to one record; also for records that conditional interactions turned out to mean.
pub fn same_target(index: usize, first: usize) -> Outcome {
    let text = format!("Entry {index} changes the same record as entry {first}.");
    Issue::error(IssueCode::Duplicate, text).at(format!("Bundle.entry[{index}]")).into()
}
