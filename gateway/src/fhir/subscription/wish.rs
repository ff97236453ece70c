//! What a Subscription asks for (R4, Subscription; R5 Backport 1.1, profile backport-subscription).

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::BACKPORT;
use super::endpoint::{Allowed, Endpoint};
use super::header::{self, Header};
use crate::fhir::datetime::Moment;
use crate::fhir::outcome::{Issue, IssueCode, Outcome};
use crate::json::Value;

/// Most extensions of the criteria.
const MOST_FILTERS: usize = 20;
/// Longest criteria or filter, bytes.
const LONGEST: usize = 4_096;

/// A Subscription that has been understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// It is to be off; otherwise it is asked for.
    pub off: bool,
    /// What concerns it.
    pub criteria: Criteria,
    /// How it is told.
    pub channel: Channel,
    /// How much it is told.
    pub content: Content,
    /// Whether what is sent is a notification bundle of the Backport guide.
    pub backport: bool,
    /// Whether it is written as XML.
    pub xml: bool,
    /// When it is turned off.
    pub end: Option<Timestamp>,
    /// Seconds of quiet after which a sign of life is sent.
    pub heartbeat: Option<u32>,
    /// Most seconds that one notification may take.
    pub timeout: Option<u32>,
    /// Most events in one notification.
    pub max_count: Option<u32>,
}

/// What concerns a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Criteria {
    /// `Type?query`
    Query(String),
    /// A topic by its canonical address, and filters in the form of queries.
    Topic {
        /// Address, perhaps with `|version`.
        url: String,
        /// All must hold.
        filters: Vec<String>,
    },
}

/// How a subscriber is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Channel {
    /// A POST.
    RestHook {
        /// Where to.
        endpoint: Endpoint,
        /// With these lines.
        headers: Vec<Header>,
    },
    /// A message on a socket that the subscriber has opened.
    WebSocket,
}

/// How much a notification holds (value set backport-content).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// That something happened.
    Empty,
    /// Which records.
    IdOnly,
    /// The records.
    FullResource,
}

impl Content {
    /// The code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::IdOnly => "id-only",
            Self::FullResource => "full-resource",
        }
    }

    /// The member of a code.
    pub fn parse(code: &str) -> Option<Self> {
        [Self::Empty, Self::IdOnly, Self::FullResource].into_iter().find(|content| content.as_str() == code)
    }
}

impl Criteria {
    /// The topic, if it is one.
    pub fn topic(&self) -> Option<&str> {
        match self {
            Self::Topic { url, .. } => Some(url),
            Self::Query(_) => None,
        }
    }
}

impl Wish {
    /// Reads a Subscription that a client has sent, or the box has stored: `status` is not looked at but for `off`.
    ///
    /// # Errors
    /// Everything that is not served, with its place.
    pub fn read(json: &Value) -> Result<Self, Outcome> {
        let mut issues = Vec::new();
        let wish = Reader { json, issues: &mut issues }.wish();
        match wish {
            Some(wish) if issues.is_empty() => Ok(wish),
            _ => Err(Outcome::of(issues)),
        }
    }

    /// What a client may not ask: a state that only the box gives (R4, Subscription.status), an end that has passed, an
    /// endpoint that is not allowed.
    ///
    /// # Errors
    /// All of it, with its place.
    pub fn admissible(&self, json: &Value, allowed: &Allowed, now: Timestamp) -> Result<(), Outcome> {
        let mut issues = Vec::new();
        if !matches!(json.str("status"), Some("requested" | "off")) {
            let text = "A subscription is sent with status requested or off; only the box makes it active or in error.";
            issues.push(Issue::error(IssueCode::BusinessRule, text).at("Subscription.status"));
        }
        if self.end.is_some_and(|end| end <= now) && !self.off {
            let text = "The end of the subscription has passed.";
            issues.push(Issue::error(IssueCode::BusinessRule, text).at("Subscription.end"));
        }
        if let Channel::RestHook { endpoint, .. } = &self.channel
            && !self.off
            && !allowed.covers(endpoint)
        {
            issues.push(not_allowed().at("Subscription.channel.endpoint"));
        }
        if issues.is_empty() { Ok(()) } else { Err(Outcome::of(issues)) }
    }
}

/// The refusal of an endpoint that the clinic has not listed.
pub fn not_allowed() -> Issue {
    let text = "Notifications may be sent only to addresses that the setting subscriptions.endpoints lists; this one is \
                not among them.";
    Issue::error(IssueCode::BusinessRule, text)
}

struct Reader<'a> {
    json: &'a Value,
    issues: &'a mut Vec<Issue>,
}

impl Reader<'_> {
    fn refuse(&mut self, code: IssueCode, at: &str, text: impl Into<String>) {
        self.issues.push(Issue::error(code, text).at(format!("Subscription.{at}")));
    }

    fn wish(mut self) -> Option<Wish> {
        let json = self.json;
        let null = Value::Null;
        let channel = json.get("channel").unwrap_or(&null);
        let criteria = self.criteria();
        let content = self.content(channel);
        let known = ["backport-heartbeat-period", "backport-timeout", "backport-max-count"];
        self.only_known(channel.items("extension"), &known, "channel.extension");
        self.only_known(extensions(channel, "_type"), &[], "channel.type.extension");
        let xml = self.payload(channel);
        let end = json.str("end").and_then(|end| {
            let end = Moment::instant(end)?.span(&TimeZone::UTC).low;
            Timestamp::from_microsecond(end).ok()
        });
        if json.get("end").is_some() && end.is_none() {
            self.refuse(IssueCode::Value, "end", "The end is not an instant.");
        }
        let number = |name: &str, member: &str| {
            let url = format!("{BACKPORT}/StructureDefinition/{name}");
            let found = channel.items("extension").iter().find(|e| e.str("url") == Some(&url));
            let number = found.and_then(|e| e.get(member)).and_then(Value::as_number);
            number.and_then(|number| number.as_str().parse::<u32>().ok()).filter(|number| *number > 0)
        };
        let (heartbeat, timeout, max_count) = (
            number("backport-heartbeat-period", "valueUnsignedInt"),
            number("backport-timeout", "valueUnsignedInt"),
            number("backport-max-count", "valuePositiveInt"),
        );
        let channel = self.channel(channel);
        let (criteria, channel) = (criteria?, channel?);
        let backport = content.is_some() || criteria.topic().is_some();
        if criteria.topic().is_some() && content.is_none() {
            let text = "A topic-based subscription says how much it wants to be told: extension backport-payload-content.";
            self.refuse(IssueCode::Required, "channel.payload", text);
        }
        let plain =
            if json.pointer("/channel/payload").is_some() { Content::FullResource } else { Content::Empty };
        if !backport && (heartbeat.is_some() || max_count.is_some()) {
            let text =
                "Signs of life and bundles of several events need the extension backport-payload-content.";
            self.refuse(IssueCode::NotSupported, "channel.extension", text);
        }
        Some(Wish {
            off: json.str("status") == Some("off"),
            criteria,
            channel,
            content: content.unwrap_or(plain),
            backport,
            xml: xml.unwrap_or(false),
            end,
            heartbeat,
            timeout,
            max_count,
        })
    }

    fn criteria(&mut self) -> Option<Criteria> {
        let text = self.json.str("criteria").unwrap_or_default();
        if text.is_empty() || text.len() > LONGEST {
            self.refuse(
                IssueCode::Value,
                "criteria",
                "The criteria are a query such as Observation?code=1234-5, or a topic.",
            );
            return None;
        }
        let url = format!("{BACKPORT}/StructureDefinition/backport-filter-criteria");
        self.only_known(
            extensions(self.json, "_criteria"),
            &["backport-filter-criteria"],
            "criteria.extension",
        );
        let given = extensions(self.json, "_criteria").iter().filter(|e| e.str("url") == Some(&url));
        let filters: Vec<String> = given.filter_map(|e| e.str("valueString")).map(str::to_owned).collect();
        if filters.len() > MOST_FILTERS || filters.iter().any(|filter| filter.len() > LONGEST) {
            self.refuse(
                IssueCode::TooLong,
                "criteria.extension",
                "A subscription has at most 20 filters of 4096 bytes.",
            );
            return None;
        }
        if ["http://", "https://", "urn:"].iter().any(|scheme| text.starts_with(scheme)) {
            return Some(Criteria::Topic { url: text.to_owned(), filters });
        }
        if !filters.is_empty() {
            self.refuse(
                IssueCode::NotSupported,
                "criteria.extension",
                "Filters belong to a topic; put them into the query.",
            );
        }
        Some(Criteria::Query(text.to_owned()))
    }

    fn content(&mut self, channel: &Value) -> Option<Content> {
        let url = format!("{BACKPORT}/StructureDefinition/backport-payload-content");
        self.only_known(
            extensions(channel, "_payload"),
            &["backport-payload-content"],
            "channel.payload.extension",
        );
        let found = extensions(channel, "_payload").iter().find(|e| e.str("url") == Some(&url))?;
        let content = found.str("valueCode").and_then(Content::parse);
        if content.is_none() {
            let text = "The content is empty, id-only or full-resource.";
            self.refuse(IssueCode::CodeInvalid, "channel.payload.extension", text);
        }
        content
    }

    /// Whether the payload is XML; JSON when nothing is said.
    fn payload(&mut self, channel: &Value) -> Option<bool> {
        let text = channel.str("payload")?;
        match text.split(';').next().map(str::trim) {
            Some("application/fhir+json" | "application/json" | "text/json") => Some(false),
            Some("application/fhir+xml" | "application/xml" | "text/xml") => Some(true),
            _ => {
                let text = "Notifications are written as application/fhir+json or application/fhir+xml.";
                self.refuse(IssueCode::NotSupported, "channel.payload", text);
                None
            }
        }
    }

    fn channel(&mut self, channel: &Value) -> Option<Channel> {
        match channel.str("type") {
            Some("rest-hook") => {
                let headers = header::read(channel).unwrap_or_else(|issues| {
                    self.issues.extend(issues);
                    Vec::new()
                });
                match Endpoint::parse(channel.str("endpoint").unwrap_or_default()) {
                    Ok(endpoint) => Some(Channel::RestHook { endpoint, headers }),
                    Err(why) => {
                        let text = format!("The endpoint cannot be used: {why}.");
                        self.refuse(IssueCode::Value, "channel.endpoint", text);
                        None
                    }
                }
            }
            Some("websocket") => {
                for name in ["endpoint", "header"] {
                    if channel.get(name).is_some() {
                        let text = "A subscriber opens a websocket itself; nothing is sent to an address.";
                        self.refuse(IssueCode::NotSupported, &format!("channel.{name}"), text);
                    }
                }
                Some(Channel::WebSocket)
            }
            _ => {
                self.refuse(IssueCode::NotSupported, "channel.type", "Channels are rest-hook and websocket.");
                None
            }
        }
    }

    /// An extension of the Backport guide that is not served is refused: it would change what is sent.
    fn only_known(&mut self, extensions: &[Value], known: &[&str], at: &str) {
        for (index, extension) in extensions.iter().enumerate() {
            let name = extension.str("url").and_then(|url| url.strip_prefix(BACKPORT));
            let name = name.and_then(|rest| rest.strip_prefix("/StructureDefinition/"));
            if name.is_some_and(|name| !known.contains(&name)) {
                let text = "This extension of the subscriptions backport is not served here.";
                self.refuse(IssueCode::NotSupported, &format!("{at}[{index}]"), text);
            }
        }
    }
}

/// The extensions beside a primitive element.
fn extensions<'a>(of: &'a Value, twin: &str) -> &'a [Value] {
    of.get(twin).map_or(&[], |twin| twin.items("extension"))
}
