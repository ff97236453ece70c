//! What is checked of a Subscription, and of a topic, before it is written.

use std::sync::Arc;

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::outcome::{Issue, IssueCode, Outcome};
use clinicvault_gateway::fhir::search::Context;
use clinicvault_gateway::fhir::subscription::endpoint::Allowed;
use clinicvault_gateway::fhir::subscription::header::{self, Header};
use clinicvault_gateway::fhir::subscription::topic::{self as topics, Topic, canonical};
use clinicvault_gateway::fhir::subscription::watch::Watch;
use clinicvault_gateway::fhir::subscription::wish::{Channel, Criteria, Wish};
use clinicvault_gateway::json::Value;
use jiff::Timestamp;

use super::super::conformance::Conformance;
use super::super::error::Error;

/// The clinic's rules about subscriptions.
#[derive(Debug, Clone)]
pub struct Gate {
    /// Where notifications may be sent.
    pub allowed: Allowed,
    /// Most subscriptions of one owner.
    pub per_owner: usize,
    /// Most of all.
    pub most: usize,
    /// Most events in one notification.
    pub batch: u64,
}

impl Default for Gate {
    /// Nothing may be sent anywhere.
    fn default() -> Self {
        Self { allowed: Allowed::default(), per_owner: 20, most: 100, batch: 20 }
    }
}

/// What a Subscription that a client writes makes of its row.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(super) off: bool,
    pub(super) headers: Vec<Header>,
    pub(super) criteria: String,
    pub(super) channel: &'static str,
    pub(super) endpoint: String,
    pub(super) content: &'static str,
    pub(super) end: Option<Timestamp>,
    pub(super) heartbeat: Option<u32>,
    pub(super) batch: u64,
    pub(super) strict_check: bool,
    pub(super) gate: Arc<Gate>,
    /// Address of the box as the writer knows it.
    pub base: String,
}

/// Finds a topic by its canonical address: one that is built in, or a stored Basic.
pub fn topic(definitions: &Conformance, url: &str) -> Option<Topic> {
    let (name, version) = canonical(url);
    let fits =
        |topic: &Topic| topic.url == name && (version.is_none() || topic.version.as_deref() == version);
    topics::built_in().find(fits).or_else(|| definitions.topics().into_iter().find(fits))
}

/// Why criteria cannot be used: they are not served, or ask for a search parameter that does not know every record yet.
pub(super) fn unfit(outcome: Outcome) -> Error {
    match Error::of_query(outcome) {
        Error::Unreadable(outcome) => Error::Broken(outcome),
        other => other,
    }
}

/// Checks what a client writes and takes the values of headers out of it. Nothing for other types.
pub fn check(
    kind: ResourceType,
    json: &mut Value,
    (gate, context): (&Arc<Gate>, &Context),
    definitions: &Arc<Conformance>,
) -> Result<Option<Plan>, Error> {
    if kind.as_str() == "Basic" && topics::is_topic(json) && topics::is_in_use(json) {
        let topic = Topic::of_basic(json).map_err(Error::Broken)?;
        Watch::of_topic(&topic, &[], context).map_err(|mut outcome| {
            for issue in &mut outcome.issues {
                issue.expression = vec!["Basic.extension".to_owned()];
            }
            unfit(outcome)
        })?;
        return Ok(None);
    }
    if kind != ResourceType::SUBSCRIPTION {
        return Ok(None);
    }
    let wish = Wish::read(json).map_err(Error::Broken)?;
    wish.admissible(json, &gate.allowed, context.now).map_err(Error::Broken)?;
    if !wish.off {
        let watch = Watch::new(&wish.criteria, context, |url| topic(definitions, url)).map_err(unfit)?;
        if watch.kinds().any(|kind| kind == ResourceType::AUDIT_EVENT) {
            let text = "AuditEvents are shown from the audit log and are no changes of records; a search finds them.";
            let issue = Issue::error(IssueCode::NotSupported, text).at("Subscription.criteria");
            return Err(Error::Broken(issue.into()));
        }
    }
    if json.get("error").is_some() {
        let issue = "Only the box says what went wrong with a subscription.";
        let issue = Issue::error(IssueCode::BusinessRule, issue).at("Subscription.error");
        return Err(Error::Broken(issue.into()));
    }
    header::mask(json);
    let batch = if wish.backport {
        wish.max_count.map_or(gate.batch, |most| gate.batch.min(u64::from(most)))
    } else {
        1
    };
    let (channel, endpoint, headers) = match wish.channel {
        Channel::RestHook { endpoint, headers } => {
            ("rest-hook", format!("{}{}", endpoint.shown(), query(&endpoint.target)), headers)
        }
        Channel::WebSocket => ("websocket", String::new(), Vec::new()),
    };
    let criteria = match wish.criteria {
        Criteria::Query(text) => text,
        Criteria::Topic { url, filters } => [vec![url], filters].concat().join("\n"),
    };
    Ok(Some(Plan {
        off: wish.off,
        headers,
        criteria,
        channel,
        endpoint,
        content: wish.content.as_str(),
        end: wish.end,
        heartbeat: wish.heartbeat,
        batch,
        strict_check: wish.backport,
        gate: gate.clone(),
        base: String::new(),
    }))
}

fn query(target: &str) -> &str {
    target.find('?').and_then(|at| target.get(at..)).unwrap_or_default()
}
