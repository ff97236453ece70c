//! CapabilityStatement: what the server says that it does, from the very tables that it works by.
//!
//! The interactions come from the caller, who serves them; the search parameters from the table that searches use.

mod terminology;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;

use super::compartment;
use super::datetime;
use super::id::ResourceType;
use super::search::HIERARCHY_LEVELS;
use super::search::own::{Own, OwnParam};
use super::search::params;
use super::search::query::references;
use super::search::words::Words;
use super::subscription::{BACKPORT, topic};
use crate::json::{Object, Value};

pub use terminology::terminology;

/// What is served of one type.
#[derive(Debug, Clone)]
pub struct TypeServed {
    /// The type.
    pub kind: ResourceType,
    /// Codes of type-restful-interaction: `read`, `vread`, `update`, `delete`, `history-instance`, `create`, `search-type` …
    pub interactions: Vec<&'static str>,
    /// PUT may create.
    pub update_create: bool,
    /// If-None-Exist.
    pub conditional_create: bool,
    /// PUT with a query.
    pub conditional_update: bool,
    /// DELETE with a query, for a single match.
    pub conditional_delete: bool,
    /// Operations on the type or its records.
    pub operations: Vec<Offered>,
}

/// An operation that is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offered {
    /// Without the dollar sign.
    pub name: &'static str,
    /// Canonical address of its OperationDefinition.
    pub definition: &'static str,
}

/// What the whole server says of itself.
#[derive(Debug, Clone)]
pub struct Served<'a> {
    /// Version of the software.
    pub version: &'a str,
    /// Base address, when it is known.
    pub base: Option<&'a str>,
    /// Where subscribers open their sockets.
    pub websocket: Option<String>,
    /// When the software was started or its settings changed last.
    pub date: Timestamp,
    /// Name of the clinic's zone, in which dates without zone are read.
    pub zone: &'a str,
    /// Types in the order in which they are to be listed.
    pub types: Vec<TypeServed>,
    /// Codes of system-restful-interaction: `transaction`, `batch` …
    pub system: Vec<&'static str>,
    /// Where FHIR messages are taken.
    pub messages: Option<String>,
    /// Operations on the whole server.
    pub operations: Vec<Offered>,
    /// How a client proves who it is, in words.
    pub security: &'a str,
    /// The clinic's own search parameters.
    pub own: Arc<Own>,
    /// Which words of records are indexed.
    pub words: Words,
}

/// Forms in which every interaction is served.
const FORMATS: [&str; 6] =
    ["application/fhir+json", "json", "application/fhir+xml", "xml", "application/fhir+ndjson", "ndjson"];

/// Forms of a patch: JSON Patch, and FHIRPath Patch as Parameters.
const PATCH_FORMATS: [&str; 3] = [super::patch::JSON_PATCH, "application/fhir+json", "application/fhir+xml"];

/// The CapabilityStatement.
pub fn statement(served: &Served<'_>) -> Value {
    let codes = |list: &[&str]| list.iter().map(|c| Value::from([("code", *c)])).collect::<Vec<Value>>();
    let websocket = served.websocket.as_deref().map(|url| {
        let address = "http://hl7.org/fhir/StructureDefinition/capabilitystatement-websocket";
        Value::from([Value::from([("url", address), ("valueUri", url)])])
    });
    let rest = Object::new()
        .with_some("extension", websocket)
        .with("mode", "server")
        .with("documentation", documentation(served.zone, served.words))
        .with("security", Object::new().with("cors", true).with("description", served.security))
        .with("resource", served.types.iter().map(|kind| of_type(kind, &served.own)).collect::<Vec<Value>>())
        .with_some("interaction", (!served.system.is_empty()).then(|| codes(&served.system)))
        .with_some("searchParam", words(served.words))
        .with_some("operation", operations(&served.operations))
        .with("compartment", compartments());
    let implementation = Object::new()
        .with("description", "ClinicVault: the records of one clinic, kept in its own house.")
        .with_some("url", served.base);
    Value::Object(
        Object::new()
            .with("resourceType", "CapabilityStatement")
            .with("status", "active")
            .with("date", datetime::instant(served.date))
            .with("kind", "instance")
            .with("software", Value::from([("name", "ClinicVault"), ("version", served.version)]))
            .with("implementation", implementation)
            .with("fhirVersion", "4.0.1")
            .with("format", FORMATS.map(Value::from).to_vec())
            .with("patchFormat", PATCH_FORMATS.map(Value::from).to_vec())
            .with("rest", Value::from([Value::Object(rest)]))
            .with_some("messaging", served.messages.as_deref().map(messaging)),
    )
}

/// FHIR messages over HTTP: repetitions are recognised for a week (R4, CapabilityStatement.messaging).
fn messaging(address: &str) -> Vec<Value> {
    let protocol = Value::from([
        ("system", "http://terminology.hl7.org/CodeSystem/message-transport"),
        ("code", "http"),
    ]);
    let endpoint = Object::new().with("protocol", protocol).with("address", address);
    let said = "A message of any event is stored before it is answered, and its contents are applied in the order of their patient, who is found by identifiers. A message whose focus is a Patient may make a new one; any other about somebody who is not known waits for a person.";
    let one = Object::new()
        .with("endpoint", Value::from(vec![Value::Object(endpoint)]))
        .with("reliableCache", 10_080_u32)
        .with("documentation", said);
    vec![Value::Object(one)]
}

/// The parameters that ask for words, which all types have.
fn words(indexed: Words) -> Option<Vec<Value>> {
    let told = [
        ("_text", "DomainResource-text", "Words of the narrative"),
        ("_content", "Resource-content", "Words of all text"),
    ];
    let asked = match indexed {
        Words::Off => 0,
        Words::Narrative => 1,
        Words::All => 2,
    };
    let one = |(name, definition, what): (&str, &str, &str)| {
        let definition = format!("http://hl7.org/fhir/SearchParameter/{definition}");
        let how = format!("{what}: all of those given, word* for beginnings, a comma between alternatives.");
        Value::from([
            ("name", Value::from(name)),
            ("definition", definition.into()),
            ("type", "string".into()),
            ("documentation", how.into()),
        ])
    };
    (asked > 0).then(|| told.into_iter().take(asked).map(one).collect())
}

fn documentation(zone: &str, words: Words) -> String {
    let words = match words {
        Words::Off => "No words are indexed (setting fhir.words), so _text and _content are not served",
        Words::Narrative => {
            "_text finds words of narratives; words of other text are not indexed (setting fhir.words), so _content is \
             not served"
        }
        Words::All => "_text finds words of narratives, _content words of all text",
    };
    format!(
        "Resources are checked against the structure of R4 and kept as sent. Dates without a zone are read in {zone}. \
         Search parameters are those of R4, and those of SearchParameter resources that are stored here with the status \
         active: their type says which modifiers and comparators they take, and a record for which an expression cannot \
         be evaluated is stored all the same, which searches by the parameter tell. \
         Unknown search parameters are an error under Prefer: handling=strict and left out of the self link otherwise; \
         unknown modifiers are always an error. Searches follow references by chained parameters, _has, _list, _include and \
         _revinclude (:iterate, *), within limits that a refusal names, and nothing is reached through a record that the \
         caller may not see. _filter compares with eq, ne, co, sw, ew, gt, lt, ge, le, ap, sa, eb, pr, po, re, ss, sb, in \
         and ni where the index can answer; conditions in brackets stand behind references and composites. Several types are searched at the base, with _type or without, by the \
         parameters that all of them have. :above and :below go by code systems, by canonical and other addresses, and \
         by what places, organizations, visits, procedures and tasks are part of, at most {HIERARCHY_LEVELS} levels. \
         A total is sent where it is known without counting, or by _total=accurate. \
         Conditions of creates, updates and deletes take chains, _has and _filter beside a criterion of the record's own, in \
         transactions too; a conditional reference is refused when its links lead to what the same transaction writes. \
         Subscriptions are R4's own, whose criteria are a query about the record alone, or topic-based after the R5 Backport \
         guide; channels are rest-hook, to addresses that the clinic has listed, and websocket. Topics that are not built in \
         are Basic resources. \
         A Binary is sent and fetched as bytes under its own media type, too; securityContext holds. \
         Who sees only a part of a type creates by POST and not under an id of its own. \
         {words}; phrases and operators are refused. \
         Not served: _query, _contained other than false."
    )
}

fn of_type(served: &TypeServed, own: &Own) -> Value {
    let does = |code: &str| served.interactions.contains(&code);
    let interactions: Vec<Value> = served.interactions.iter().map(|c| Value::from([("code", *c)])).collect();
    let subscribed = served.kind == ResourceType::SUBSCRIPTION;
    let supported = subscribed
        .then(|| Value::from([Value::from(format!("{BACKPORT}/StructureDefinition/backport-subscription"))]));
    let own_params = || own.of(served.kind).map(own_param);
    let searched = does("search-type")
        .then(|| params::of(served.kind).map(param).chain(own_params()).collect::<Vec<Value>>());
    Value::Object(
        Object::new()
            .with_some("extension", subscribed.then(topics))
            .with("type", served.kind.as_str())
            .with("profile", format!("http://hl7.org/fhir/StructureDefinition/{}", served.kind))
            .with_some("supportedProfile", supported)
            .with("interaction", interactions)
            .with("versioning", if does("update") { "versioned-update" } else { "versioned" })
            .with("readHistory", does("vread"))
            .with("updateCreate", served.update_create)
            .with("conditionalCreate", served.conditional_create)
            .with("conditionalRead", "not-supported")
            .with("conditionalUpdate", served.conditional_update)
            .with("conditionalDelete", if served.conditional_delete { "single" } else { "not-supported" })
            .with_some(
                "searchInclude",
                does("search-type")
                    .then(|| linked(served.kind, &LINKS.forwards, own.forwards(served.kind)))
                    .flatten(),
            )
            .with_some(
                "searchRevInclude",
                does("search-type")
                    .then(|| linked(served.kind, &LINKS.backwards, own.backwards(served.kind)))
                    .flatten(),
            )
            .with_some("searchParam", searched)
            .with_some("operation", operations(&served.operations)),
    )
}

/// The topics that are built in (R5 Backport, capabilitystatement-subscriptiontopic-canonical).
fn topics() -> Vec<Value> {
    let url = format!("{BACKPORT}/StructureDefinition/capabilitystatement-subscriptiontopic-canonical");
    let one = |topic: topic::Topic| Value::from([("url", url.clone()), ("valueCanonical", topic.url)]);
    topic::built_in().map(one).collect()
}

/// What `_include` and `_revinclude` take, type by type.
struct Links {
    forwards: BTreeMap<ResourceType, Vec<String>>,
    backwards: BTreeMap<ResourceType, Vec<String>>,
}

static LINKS: LazyLock<Links> = LazyLock::new(|| {
    let mut links = Links { forwards: BTreeMap::new(), backwards: BTreeMap::new() };
    for kind in ResourceType::all() {
        for param in references(kind) {
            let name = format!("{kind}:{}", param.code);
            // What may point anywhere is not listed with every type; `*` follows it.
            for target in param.targets() {
                links.backwards.entry(target).or_default().push(name.clone());
            }
            links.forwards.entry(kind).or_default().push(name);
        }
    }
    links
});

fn linked(
    kind: ResourceType,
    links: &BTreeMap<ResourceType, Vec<String>>,
    own: Vec<String>,
) -> Option<Vec<Value>> {
    let standard = links.get(&kind).map(Vec::as_slice).unwrap_or_default();
    let names = standard.iter().chain(&own).map(|name| Value::from(name.as_str()));
    let names: Vec<Value> = names.collect();
    (!names.is_empty()).then(|| std::iter::once(Value::from("*")).chain(names).collect())
}

/// The compartments that can be searched.
fn compartments() -> Vec<Value> {
    let address = |name: &&str| {
        let (first, rest) = name.split_at(1);
        let code = format!("{}{rest}", first.to_lowercase());
        Value::from(format!("http://hl7.org/fhir/CompartmentDefinition/{code}"))
    };
    compartment::ALL.iter().map(address).collect()
}

fn operations(offered: &[Offered]) -> Option<Vec<Value>> {
    let one = |op: &Offered| Value::from([("name", op.name), ("definition", op.definition)]);
    (!offered.is_empty()).then(|| offered.iter().map(one).collect())
}

fn param(param: &params::Param) -> Value {
    Value::from([("name", &*param.code), ("type", param.kind.as_str())])
}

fn own_param(own: &OwnParam) -> Value {
    let definition = &own.definition;
    let filling =
        "New or changed: records are being indexed by it, and until that is done searches by it are refused.";
    let object = Object::new()
        .with("name", &*own.param.code)
        .with_some("definition", (!definition.url.is_empty()).then_some(definition.url.as_str()))
        .with("type", own.param.kind.as_str())
        .with_some("documentation", own.since.is_none().then_some(filling));
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::resource::Resource;

    fn served() -> Served<'static> {
        Served {
            version: "0.1.0",
            base: Some("https://box/fhir"),
            websocket: Some("wss://box/fhir/_notifications".to_owned()),
            date: "2026-01-01T00:00:00Z".parse().unwrap(),
            zone: "Asia/Kolkata",
            types: ResourceType::all()
                .map(|kind| TypeServed {
                    kind,
                    interactions: vec!["read", "vread", "update", "create", "search-type"],
                    update_create: true,
                    conditional_create: true,
                    conditional_update: false,
                    conditional_delete: false,
                    operations: vec![Offered { name: "meta", definition: "http://hl7.org/fhir/x" }],
                })
                .collect(),
            messages: None,
            operations: Vec::new(),
            system: vec!["transaction", "batch"],
            security: "Bearer token",
            own: Arc::default(),
            words: Words::default(),
        }
    }

    #[test]
    fn the_statement_is_itself_a_good_resource() {
        let resource = Resource::from_value(statement(&served())).unwrap();
        let types = resource.json().pointer("/rest/0/resource").unwrap().as_array().unwrap();
        assert_eq!(types.len(), 146);
        let patient = types.iter().find(|t| t.str("type") == Some("Patient")).unwrap();
        let names: Vec<_> = patient.items("searchParam").iter().filter_map(|p| p.str("name")).collect();
        let listed = |key: &str| patient.items(key).iter().filter_map(Value::as_str).collect::<Vec<_>>();
        assert!(listed("searchInclude").contains(&"Patient:organization"));
        assert!(listed("searchRevInclude").contains(&"Observation:patient"));
        assert!(!listed("searchRevInclude").contains(&"Observation:encounter"));
        for name in ["name", "birthdate", "identifier", "phone", "gender", "_id", "_lastUpdated"] {
            assert!(names.contains(&name), "{name}");
        }
    }

    #[test]
    fn words_are_told_as_far_as_they_are_indexed() {
        for (words, names, lacks) in [
            (Words::Off, vec![], "_text and _content are not served"),
            (Words::Narrative, vec!["_text"], "_content is not served"),
            (Words::All, vec!["_text", "_content"], "_content words of all text"),
        ] {
            let told = statement(&Served { words, ..served() });
            let resource = Resource::from_value(told).unwrap();
            let listed = resource.json().pointer("/rest/0/searchParam").map(|all| all.as_array().unwrap());
            let listed: Vec<_> = listed.into_iter().flatten().filter_map(|one| one.str("name")).collect();
            assert_eq!(listed, names);
            let documentation = resource.json().pointer("/rest/0/documentation").unwrap();
            assert!(documentation.as_str().unwrap().contains(lacks), "{documentation:?}");
        }
    }
}
