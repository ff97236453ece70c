//! Topics: what a change must be like to concern a topic-based subscription.
//!
//! A few are built in; others are Basic resources that carry a SubscriptionTopic as cross-version extensions (R5
//! Backport guide, topics in R4). A topic that asks for more than can be decided is refused where it is written.

use super::watch::Interaction;
use crate::fhir::id::ResourceType;
use crate::fhir::outcome::{Issue, IssueCode, Outcome};
use crate::json::Value;

/// Most triggers of one topic.
const MOST_TRIGGERS: usize = 20;
/// Most parameters that a topic lets subscribers filter by.
const MOST_FILTERS: usize = 100;

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Its canonical address.
    pub url: String,
    /// Its version, if it has one.
    pub version: Option<String>,
    /// Any of them.
    pub triggers: Vec<Trigger>,
    /// Parameters that subscribers may filter by, each with its type (none: every type). `None` at all: by any.
    pub filters: Option<Vec<(Option<ResourceType>, String)>>,
}

/// What makes an event of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// Type of the record.
    pub kind: ResourceType,
    /// Which changes.
    pub on: Vec<Interaction>,
    /// A query that must hold for the version before.
    pub previous: Option<String>,
    /// Whether a new record passes `previous`.
    pub create_passes: bool,
    /// A query that must hold for the version that was written.
    pub current: Option<String>,
    /// Whether a delete passes `current`.
    pub delete_passes: bool,
    /// Whether both must hold; otherwise either is enough.
    pub both: bool,
}

/// Where the built-in topics have their addresses.
const BUILT_IN: &str = "https://clinicvault.local/fhir/SubscriptionTopic/";

/// A built-in topic: name, types, query for the version before, query for the version written, and whether deletes count.
type BuiltIn = (&'static str, &'static [&'static str], Option<&'static str>, Option<&'static str>, bool);

/// The built-in topics.
const TOPICS: &[BuiltIn] = &[
    ("patient-change", &["Patient"], None, None, true),
    ("appointment-change", &["Appointment"], None, None, true),
    ("medication-change", &["MedicationRequest", "MedicationStatement"], None, None, true),
    ("order-change", &["ServiceRequest"], None, None, true),
    ("encounter-start", &["Encounter"], Some("status:not=in-progress"), Some("status=in-progress"), false),
    ("encounter-complete", &["Encounter"], Some("status:not=finished"), Some("status=finished"), false),
    ("observation-available", &["Observation"], None, Some("status=final,amended,corrected"), false),
    ("report-available", &["DiagnosticReport"], None, Some("status=final,amended,corrected,appended"), false),
    ("document-available", &["DocumentReference"], None, Some("status=current"), false),
];

/// Every built-in topic.
pub fn built_in() -> impl Iterator<Item = Topic> {
    TOPICS.iter().map(|(name, kinds, previous, current, deletes)| Topic {
        url: format!("{BUILT_IN}{name}"),
        version: None,
        filters: None,
        triggers: kinds
            .iter()
            .filter_map(|kind| ResourceType::parse(kind))
            .map(|kind| Trigger {
                kind,
                on: match deletes {
                    true => vec![Interaction::Create, Interaction::Update, Interaction::Delete],
                    false => vec![Interaction::Create, Interaction::Update],
                },
                previous: previous.map(str::to_owned),
                create_passes: true,
                current: current.map(str::to_owned),
                delete_passes: false,
                both: true,
            })
            .collect(),
    })
}

/// A canonical address without its version, and the version.
pub fn canonical(url: &str) -> (&str, Option<&str>) {
    url.split_once('|').map_or((url, None), |(url, version)| (url, Some(version)))
}

/// Whether a Basic is meant as a topic.
pub fn is_topic(basic: &Value) -> bool {
    let codings = basic.get("code").map_or(&[][..], |code| code.items("coding"));
    codings.iter().any(|coding| {
        coding.str("system") == Some("http://hl7.org/fhir/fhir-types")
            && coding.str("code") == Some("SubscriptionTopic")
    })
}

/// Whether a topic is in use.
pub fn is_in_use(basic: &Value) -> bool {
    let status = named(basic.items("modifierExtension"), "status").next();
    !matches!(status.and_then(|status| status.str("valueCode")), Some("retired"))
}

impl Topic {
    /// Reads a topic from a Basic.
    ///
    /// # Errors
    /// Everything that is missing or not served.
    pub fn of_basic(basic: &Value) -> Result<Self, Outcome> {
        let own = basic.items("extension");
        let text = |name: &'static str| named(own, name).next().and_then(text_of);
        let mut issues = Vec::new();
        let mut refuse = |code, text: &str| issues.push(Issue::error(code, text).at("Basic.extension"));
        let url = text("url").unwrap_or_default();
        if !["http://", "https://", "urn:"].iter().any(|scheme| url.starts_with(scheme)) {
            refuse(
                IssueCode::Required,
                "A topic needs its canonical address (extension-SubscriptionTopic.url).",
            );
        }
        if url.starts_with(BUILT_IN) {
            refuse(IssueCode::Duplicate, "This address belongs to the topics that the box brings along.");
        }
        if named(own, "eventTrigger").next().is_some() {
            refuse(
                IssueCode::NotSupported,
                "Topics are triggered by changes of records; eventTrigger is not served.",
            );
        }
        let mut triggers = Vec::new();
        for trigger in named(own, "resourceTrigger") {
            match one_trigger(trigger) {
                Ok(trigger) => triggers.push(trigger),
                Err((code, text)) => refuse(code, &text),
            }
        }
        if triggers.is_empty() || triggers.len() > MOST_TRIGGERS {
            refuse(IssueCode::Required, "A topic has one to twenty triggers (resourceTrigger).");
        }
        let mut filters = Vec::new();
        for filter in named(own, "canFilterBy") {
            let parts = filter.items("extension");
            let part = |name: &str| parts.iter().find(|e| e.str("url") == Some(name)).and_then(text_of);
            let kind = part("resource").and_then(kind_of);
            if let Some(name) = part("filterParameter") {
                filters.push((kind, name.to_owned()));
            }
        }
        if filters.len() > MOST_FILTERS {
            refuse(IssueCode::TooLong, "A topic has at most a hundred filters (canFilterBy).");
        }
        if !issues.is_empty() {
            return Err(Outcome::of(issues));
        }
        let (url, version) = (url.to_owned(), text("version").map(str::to_owned));
        Ok(Self { url, version, triggers, filters: Some(filters) })
    }
}

fn one_trigger(trigger: &Value) -> Result<Trigger, (IssueCode, String)> {
    let parts = trigger.items("extension");
    let of = |name: &'static str| parts.iter().filter(move |e| e.str("url") == Some(name));
    let kind = of("resource").next().and_then(text_of).and_then(kind_of);
    let kind =
        kind.ok_or((IssueCode::Required, "A trigger names a type of R4 as its resource.".to_owned()))?;
    if of("fhirPathCriteria").next().is_some() {
        let text = "fhirPathCriteria are not evaluated; write the trigger as queryCriteria.";
        return Err((IssueCode::NotSupported, text.to_owned()));
    }
    let mut on = Vec::new();
    for code in of("supportedInteraction").filter_map(text_of) {
        let parsed = Interaction::parse(code);
        on.push(
            parsed
                .ok_or((IssueCode::CodeInvalid, "Interactions are create, update and delete.".to_owned()))?,
        );
    }
    if on.is_empty() {
        on = vec![Interaction::Create, Interaction::Update];
    }
    let query = of("queryCriteria").next().map_or(&[][..], |query| query.items("extension"));
    let part = |name: &str| query.iter().find(|e| e.str("url") == Some(name));
    let text = |name: &str| part(name).and_then(text_of).map(str::to_owned);
    let passes = |name: &str| text(name).as_deref() == Some("test-passes");
    Ok(Trigger {
        kind,
        on,
        previous: text("previous"),
        create_passes: passes("resultForCreate"),
        current: text("current"),
        delete_passes: passes("resultForDelete"),
        both: part("requireBoth")
            .and_then(|e| e.get("valueBoolean"))
            .and_then(Value::as_bool)
            .unwrap_or(false),
    })
}

/// The extensions of one element of SubscriptionTopic, of whichever release they are.
fn named<'a>(extensions: &'a [Value], element: &'static str) -> impl Iterator<Item = &'a Value> {
    extensions.iter().filter(move |extension| {
        extension
            .str("url")
            .and_then(|url| {
                let rest = url.strip_prefix("http://hl7.org/fhir/")?;
                let (release, rest) = rest.split_once('/')?;
                let name = rest.strip_prefix("StructureDefinition/extension-SubscriptionTopic.")?;
                (matches!(release, "4.3" | "5.0") && name == element).then_some(())
            })
            .is_some()
    })
}

/// The text of an extension's value, whatever its type is called.
fn text_of(extension: &Value) -> Option<&str> {
    let members = extension.as_object()?;
    members.iter().find(|(name, _)| name.starts_with("value")).and_then(|(_, value)| value.as_str())
}

/// A type by its name or by the address of its definition.
fn kind_of(text: &str) -> Option<ResourceType> {
    ResourceType::parse(text.strip_prefix("http://hl7.org/fhir/StructureDefinition/").unwrap_or(text))
}
