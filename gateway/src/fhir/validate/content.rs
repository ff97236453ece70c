//! What a resource of certain types asks for as a whole: bundles, attachments, narratives with links, definitions.

use std::collections::HashSet;

use super::coded::short;
use super::{Definitions, MOST_ISSUES, Policy};
use crate::fhir::id::ResourceType;
use crate::fhir::outcome::{Issue, IssueCode};
use crate::fhir::profile::{self, core_type};
use crate::fhir::search::params;
use crate::fhir::terminology::{Content, Membership, canonical, in_system};
use crate::json::Value;

/// Everything of this kind that is wrong with a resource.
pub fn check(definitions: &dyn Definitions, policy: &Policy, value: &Value, place: &str) -> Vec<Issue> {
    let mut found = Found { issues: Vec::new(), place };
    let kind = value.str("resourceType").unwrap_or_default();
    found.links(value);
    if is_definition(kind) {
        found.address(value);
    }
    match kind {
        "Bundle" => found.bundle(value),
        "ValueSet" => found.value_set(definitions, value),
        "CodeSystem" => found.code_system(value),
        "CapabilityStatement" => found.capability(value),
        _ => {}
    }
    found.texts(value, policy, "", 0);
    found.issues
}

/// A profile that cannot be compiled is no profile. One whose base is not known here is not judged.
pub fn profile(definitions: &dyn Definitions, value: &Value, place: &str) -> Option<Issue> {
    let base = value.str("baseDefinition")?;
    let known = core_type(base).is_some() || definitions.profile(base).is_some();
    if value.str("derivation") != Some("constraint") || !known {
        return None;
    }
    let refusal = profile::compile(value, &|url| definitions.profile(url)).err()?;
    let text = format!("the profile cannot be compiled: {refusal}");
    Some(Issue::error(IssueCode::Invalid, text).at(format!("{place}.differential")))
}

/// Types with a canonical address of their own.
fn is_definition(kind: &str) -> bool {
    matches!(
        kind,
        "ActivityDefinition"
            | "CapabilityStatement"
            | "CodeSystem"
            | "ConceptMap"
            | "ImplementationGuide"
            | "Library"
            | "Measure"
            | "OperationDefinition"
            | "PlanDefinition"
            | "Questionnaire"
            | "SearchParameter"
            | "StructureDefinition"
            | "StructureMap"
            | "TerminologyCapabilities"
            | "ValueSet"
    )
}

struct Found<'p> {
    issues: Vec<Issue>,
    place: &'p str,
}

impl Found<'_> {
    fn error(&mut self, code: IssueCode, below: &str, text: impl Into<String>) {
        let at = if below.is_empty() { self.place.to_owned() } else { format!("{}.{below}", self.place) };
        self.issues.push(Issue::error(code, text).at(at));
    }

    /// The address of a definition is absolute.
    fn address(&mut self, value: &Value) {
        if let Some(url) = value.str("url")
            && !url.contains(':')
        {
            self.error(IssueCode::Invalid, "url", format!("\"{}\" is not an absolute address", short(url)));
        }
    }

    /// Links within a narrative lead to an id in it, or to a contained resource.
    fn links(&mut self, value: &Value) {
        let Some(div) = value.get("text").and_then(|t| t.str("div")) else { return };
        let mut goals: HashSet<&str> = attributes(div, "id").chain(attributes(div, "name")).collect();
        goals.extend(value.items("contained").iter().filter_map(|c| c.str("id")));
        for link in attributes(div, "href").filter_map(|href| href.strip_prefix('#')) {
            if self.issues.len() >= MOST_ISSUES {
                return;
            }
            if !goals.contains(link) && !link.is_empty() {
                let text = format!("the link to \"#{}\" leads nowhere", short(link));
                self.error(IssueCode::Invalid, "text.div", text);
            }
        }
    }

    fn bundle(&mut self, value: &Value) {
        let entries = value.items("entry");
        let kind = value.str("type").unwrap_or_default();
        let mut relations = HashSet::new();
        for (n, link) in value.items("link").iter().enumerate() {
            let relation = link.str("relation").unwrap_or_default();
            if !relations.insert(relation)
                && matches!(relation, "self" | "first" | "previous" | "prev" | "next" | "last")
            {
                let text = format!("the link \"{}\" may stand only once", short(relation));
                self.error(IssueCode::Invalid, &format!("link[{n}]"), text);
            }
        }
        for (n, entry) in entries.iter().enumerate() {
            let Some(url) = entry.str("fullUrl") else {
                continue;
            };
            if !url.contains(':') {
                let text = format!("\"{}\" is not an absolute address", short(url));
                self.error(IssueCode::Invalid, &format!("entry[{n}].fullUrl"), text);
                continue;
            }
            let Some(resource) = entry.get("resource") else { continue };
            let named = resource.str("resourceType").zip(resource.str("id"));
            if let (Some((kind, id)), true) = (named, url.starts_with("http"))
                && !url.split("/_history/").next().unwrap_or(url).ends_with(&format!("/{id}"))
                && url.contains(&format!("/{kind}/"))
            {
                let text = format!("the full address does not end with the id \"{}\"", short(id));
                self.error(IssueCode::Invalid, &format!("entry[{n}].fullUrl"), text);
            }
        }
        if kind == "document" {
            self.document(entries);
        }
        if matches!(kind, "document" | "message")
            && value.items("entry").iter().any(|e| e.get("fullUrl").is_none())
        {
            self.error(IssueCode::Required, "entry", "each entry needs a fullUrl");
        }
    }

    /// What the composition of a document names must be in the document.
    fn document(&mut self, entries: &[Value]) {
        let Some(first) = entries.first().and_then(|e| e.get("resource")) else { return };
        let full_url = entries.first().and_then(|e| e.str("fullUrl"));
        let urls: HashSet<&str> = entries.iter().filter_map(|e| e.str("fullUrl")).collect();
        let ends: HashSet<&str> = urls.iter().map(|url| last_two(url)).collect();
        let base = full_url.and_then(|u| {
            let id = first.str("id")?;
            u.strip_suffix(&format!("Composition/{id}"))
        });
        let mut wanted = Vec::new();
        for key in ["subject", "encounter", "author"] {
            wanted.extend(
                first.items(key).iter().filter_map(|r| r.str("reference")).map(|r| (key.to_owned(), r)),
            );
        }
        sections(first.items("section"), "section", &mut wanted, 0);
        for (below, reference) in wanted {
            let plain = reference.split("/_history/").next().unwrap_or(reference);
            let absolute = match base {
                Some(base) if !plain.contains(':') => format!("{base}{plain}"),
                _ => plain.to_owned(),
            };
            let here = urls.contains(absolute.as_str()) || (!plain.contains(':') && ends.contains(plain));
            let local = plain.starts_with("urn:") || !plain.contains(':');
            if !here && local && !plain.starts_with('#') {
                let text = format!("\"{}\" is not in the document", short(reference));
                self.error(IssueCode::NotFound, &format!("entry[0].resource.{below}"), text);
            }
        }
    }

    fn value_set(&mut self, definitions: &dyn Definitions, value: &Value) {
        let parts = value.get("compose").map(|c| c.items("include")).unwrap_or_default();
        for (n, part) in parts.iter().enumerate() {
            let Some(system) = part.str("system") else { continue };
            if !system.contains(':') {
                let text = format!("\"{}\" is not an absolute address", short(system));
                self.error(IssueCode::Invalid, &format!("compose.include[{n}].system"), text);
            }
            let known = definitions.code_system(canonical(system).0, part.str("version"));
            for (m, filter) in part.items("filter").iter().enumerate() {
                let at = format!("compose.include[{n}].filter[{m}]");
                let property = filter.str("property").unwrap_or_default();
                let wanted = filter.str("value").unwrap_or_default();
                if property == "notSelectable" && !matches!(wanted, "true" | "false") {
                    self.error(
                        IssueCode::Invalid,
                        &at,
                        format!("notSelectable is true or false, not \"{}\"", short(wanted)),
                    );
                }
                // A property that holds a Coding is compared with `system#code`.
                if let Some((system, code)) =
                    wanted.split_once('#').filter(|(system, _)| system.contains(':'))
                    && in_system(definitions, system, None, code) == Membership::Out
                {
                    let text = format!("the code system {} has no code \"{}\"", short(system), short(code));
                    self.error(IssueCode::Invalid, &at, text);
                }
            }
            let known = known.filter(|k| k.content == Content::Complete);
            for (m, concept) in part.items("concept").iter().enumerate() {
                if let (Some(known), Some(code)) = (&known, concept.str("code"))
                    && known.find(code).is_none()
                {
                    let text = format!("the code system {} has no code \"{}\"", short(system), short(code));
                    self.error(
                        IssueCode::CodeInvalid,
                        &format!("compose.include[{n}].concept[{m}].code"),
                        text,
                    );
                }
            }
        }
    }

    fn code_system(&mut self, value: &Value) {
        let content = value.str("content").unwrap_or_default();
        if value.get("supplements").is_some() && content != "supplement" {
            self.error(
                IssueCode::BusinessRule,
                "content",
                "what supplements another system has the content \"supplement\"",
            );
        }
        let stated = value.get("count").and_then(Value::as_number).and_then(|n| n.as_u64());
        let own = count(value.items("concept"), 0);
        if let Some(stated) = stated.filter(|stated| content == "complete" && *stated != own) {
            self.error(
                IssueCode::Invalid,
                "count",
                format!("{stated} is stated, and there are {own} concepts"),
            );
        }
    }

    /// Search parameters of the standard have the type that the standard gives them.
    fn capability(&mut self, value: &Value) {
        for (r, rest) in value.items("rest").iter().enumerate() {
            for (n, resource) in rest.items("resource").iter().enumerate() {
                let kind = resource.str("type").and_then(ResourceType::parse);
                for (m, param) in resource.items("searchParam").iter().enumerate() {
                    let standard = param
                        .str("definition")
                        .is_some_and(|d| d.starts_with("http://hl7.org/fhir/SearchParameter/"));
                    let (Some(kind), Some(name), Some(stated)) = (kind, param.str("name"), param.str("type"))
                    else {
                        continue;
                    };
                    let known = params::find(kind, name).filter(|_| standard);
                    if let Some(own) = known.map(|p| p.kind.as_str()).filter(|own| *own != stated) {
                        let at = format!("rest[{r}].resource[{n}].searchParam[{m}].type");
                        self.error(
                            IssueCode::Invalid,
                            &at,
                            format!("the standard's parameter is of the type {own}"),
                        );
                    }
                }
            }
        }
    }

    /// Attachments, markup in texts, addresses of examples: wherever they stand.
    fn texts(&mut self, value: &Value, policy: &Policy, below: &str, depth: usize) {
        match value {
            Value::Object(object) if depth < 64 => {
                if let (Some(Value::String(data)), Some(Value::Number(size))) =
                    (object.get("data"), object.get("size"))
                    && let Some(own) = decoded_length(data)
                    && size.as_u64().is_some_and(|stated| stated != own)
                {
                    self.error(
                        IssueCode::Structure,
                        below,
                        format!("{size} bytes are stated, and there are {own}"),
                    );
                }
                for (key, member) in object.iter() {
                    if key == "div" || key == "resource" || key == "contained" {
                        continue;
                    }
                    let at = if below.is_empty() { key.to_owned() } else { format!("{below}.{key}") };
                    match member {
                        Value::Array(items) => items
                            .iter()
                            .enumerate()
                            .for_each(|(n, item)| self.texts(item, policy, &format!("{at}[{n}]"), depth + 1)),
                        other => self.texts(other, policy, &at, depth + 1),
                    }
                }
            }
            Value::String(text) => self.text(text, policy, below),
            _ => {}
        }
    }

    fn text(&mut self, text: &str, policy: &Policy, below: &str) {
        if policy.refuse_markup && has_markup(text) {
            self.error(IssueCode::Invalid, below, "the text holds what looks like markup");
        }
        let last = below.rsplit('.').next().unwrap_or_default();
        if policy.refuse_examples && matches!(last, "url" | "reference") && is_example(text) {
            self.error(IssueCode::Invalid, below, format!("{} is an address for examples", short(text)));
        }
        if let Some(uuid) = text.strip_prefix("urn:uuid:")
            && matches!(last, "valueUri" | "valueUrl" | "valueUuid" | "url" | "fullUrl")
            && !is_uuid(uuid)
        {
            self.error(IssueCode::Invalid, below, format!("{} is not a UUID in lower case", short(text)));
        }
    }
}

/// `Type/id` at the end of an address.
fn last_two(url: &str) -> &str {
    url.rmatch_indices('/').nth(1).and_then(|(at, _)| url.get(at + 1..)).unwrap_or(url)
}

fn is_uuid(text: &str) -> bool {
    let text = text.split('#').next().unwrap_or(text);
    text.len() == 36
        && text.bytes().enumerate().all(|(n, b)| match n {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_digit() || (b'a'..=b'f').contains(&b),
        })
}

/// `<` and a letter or a slash, with a `>` behind.
fn has_markup(text: &str) -> bool {
    text.match_indices('<').any(|(at, _)| {
        let rest = text.get(at + 1..).unwrap_or_default();
        let word = rest.strip_prefix('/').unwrap_or(rest);
        word.starts_with(|c: char| c.is_ascii_alphabetic()) && rest.contains('>')
    })
}

/// Hosts that RFC 2606 sets aside for examples.
fn is_example(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let host = rest.split(['/', ':', '?']).next().unwrap_or(rest);
    ["example.org", "example.com", "example.net"]
        .iter()
        .any(|e| host == *e || host.ends_with(&format!(".{e}")))
}

fn count(concepts: &[Value], depth: usize) -> u64 {
    if depth > 40 {
        return 0;
    }
    concepts.iter().map(|c| 1 + count(c.items("concept"), depth + 1)).sum()
}

/// Bytes behind base64.
fn decoded_length(data: &str) -> Option<u64> {
    let characters = data.bytes().filter(|b| !b.is_ascii_whitespace());
    let (all, padding) = characters.fold((0u64, 0u64), |(all, pad), b| (all + 1, pad + u64::from(b == b'=')));
    (all % 4 == 0 && padding <= 2).then(|| (all / 4 * 3).saturating_sub(padding))
}

fn sections<'a>(list: &'a [Value], place: &str, out: &mut Vec<(String, &'a str)>, depth: usize) {
    for (n, section) in list.iter().enumerate() {
        for (m, entry) in section.items("entry").iter().enumerate() {
            if let Some(reference) = entry.str("reference") {
                out.push((format!("{place}[{n}].entry[{m}]"), reference));
            }
        }
        if depth < 20 {
            sections(section.items("section"), &format!("{place}[{n}].section"), out, depth + 1);
        }
    }
}

/// Values of an attribute in markup that has been found well-formed.
fn attributes<'m>(markup: &'m str, name: &'m str) -> impl Iterator<Item = &'m str> {
    markup.match_indices(name).filter_map(move |(at, _)| {
        let before = markup.get(..at)?.chars().next_back()?;
        let rest = markup.get(at + name.len()..)?.trim_start().strip_prefix('=')?.trim_start();
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let inner = rest.get(1..)?;
        before.is_whitespace().then(|| inner.split(quote).next()).flatten()
    })
}
