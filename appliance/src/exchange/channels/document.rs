//! The document of a channel: where messages come from and by which rules they are taken.
//!
//! The same document is JSON over HTTP and in the vault, and TOML on the command line. Reading it refuses what it does
//! not know and names the place; [`super::check`] looks at what the values mean.

use clinicvault_gateway::fhir::outcome::{Issue, IssueCode, Outcome};
use clinicvault_gateway::json;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::alerts::Alerts;
use super::check;
use super::rework::{Filter, Step};
use crate::exchange::outbox::destination::Target;
use crate::exchange::sources::analyser::AnalyserSource;
use crate::exchange::sources::folder::FolderSource;
use crate::exchange::sources::http::{HttpSource, Takes};
use crate::exchange::sources::mllp::MllpSource;
use crate::exchange::sources::records::RecordsSource;

/// Longest document in bytes.
pub const LONGEST: usize = 512 * 1024;
/// Deepest nesting of a document.
const DEEPEST: usize = 16;

/// A channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Channel {
    /// Its name in addresses and lists: small letters, digits and hyphens, at most 40, the first a letter.
    #[schema(pattern = "^[a-z][a-z0-9-]{0,39}$")]
    pub name: String,
    /// What people call it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(max_length = 200)]
    pub title: String,
    /// Whether it runs; pausing turns it off and resuming on.
    #[serde(default = "yes")]
    pub on: bool,
    /// Where messages come from.
    pub source: Source,
    /// By which rules they are taken.
    #[serde(default)]
    pub rules: Rules,
    /// When it is worth a person's look.
    #[serde(default, skip_serializing_if = "Alerts::is_usual")]
    pub alerts: Alerts,
    /// Where messages go: those that are made of the box's own records, and those that come in, after the filter and the
    /// changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 20)]
    pub destinations: Vec<Target>,
    /// Which messages are applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    /// What is changed in a message before it is read, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 200)]
    pub transform: Vec<Step>,
}

/// Where messages come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Source {
    /// A listener for MLLP, plain or over TLS.
    Mllp(MllpSource),
    /// A laboratory analyser at a socket or a serial port.
    Analyser(Box<AnalyserSource>),
    /// Messages over HTTP.
    Http(HttpSource),
    /// Files of messages in a folder.
    Folder(FolderSource),
    /// What changed in the box's own records.
    Records(RecordsSource),
}

/// By which rules messages are taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Rules {
    /// The character set that holds whatever MSH-18 says, such as `8859/1` or `UTF-8`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charset: Option<String>,
    /// Processing ids (MSH-11.1) that are taken; empty takes all. Others are answered AR 202.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 10)]
    pub processing: Vec<String>,
    /// Kinds of messages that are taken, such as `ORU^R01` or `ADT` for all its events; empty takes all that the box
    /// knows. Others are answered AR 200 or 201. Of FHIR messages these are codes of events, and others are refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 200)]
    pub kinds: Vec<String>,
    /// For so many days a repetition gets its stored answer.
    #[schema(minimum = 1, maximum = 365)]
    pub replay_days: u32,
    /// For so many days what a message said is kept; without it for ever. What was done with it and the records it made
    /// stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 36_500)]
    pub keep_days: Option<u32>,
    /// What becomes of a message whose control id (MSH-10) was used before for another body.
    pub reuse: Reuse,
    /// When a sender in original mode gets its answer.
    pub acknowledge: Acknowledge,
    /// Whether senders are held to the standard: no line that is no segment, no field missing that it requires.
    pub strict: bool,
    /// What the sender may ask for with queries (QBP); empty answers none. Each is answered at once, from the records that a
    /// program with this right may see.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 2)]
    pub answers: Vec<Answers>,
}

/// What queries are answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Answers {
    /// Who a person is and which numbers there are: QBP^Q21, Q22 (IHE PDQ) and Q23 (IHE PIX).
    Patients,
    /// The open orders of a sample: QBP^Q11 (IHE LAW).
    Orders,
}

impl Answers {
    /// As a document writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Patients => "patients",
            Self::Orders => "orders",
        }
    }
}

/// A control id that comes again with another body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Reuse {
    /// It is taken as a new message, with a warning.
    #[default]
    Keep,
    /// It is refused with AE 205.
    Refuse,
}

/// When the answer of original mode leaves. Enhanced mode has its own two answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Acknowledge {
    /// Once the message is on the disk.
    #[default]
    Commit,
    /// Once it is in the record: AE says that it breaks a rule of the record.
    Apply,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            charset: None,
            processing: Vec::new(),
            kinds: Vec::new(),
            replay_days: 7,
            keep_days: None,
            reuse: Reuse::default(),
            acknowledge: Acknowledge::default(),
            strict: false,
            answers: Vec::new(),
        }
    }
}

fn yes() -> bool {
    true
}

impl Source {
    /// The kinds, as a document names them.
    pub const KINDS: [&'static str; 5] = ["mllp", "analyser", "http", "folder", "records"];

    /// The kind of this source.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Mllp(_) => "mllp",
            Self::Analyser(_) => "analyser",
            Self::Http(_) => "http",
            Self::Folder(_) => "folder",
            Self::Records(_) => "records",
        }
    }
}

impl Channel {
    /// A channel from JSON text.
    ///
    /// # Errors
    /// What is wrong, each with its place in the document such as `source.address`: text that is no JSON, too long or too
    /// deep, unknown names, values of another form, and what [`check::all`] finds.
    pub fn from_json(text: &[u8]) -> Result<Self, Outcome> {
        let limits = json::Limits { max_depth: DEEPEST, ..json::Limits::bytes(LONGEST) };
        // The strict reader refuses a name that stands twice.
        json::parse(text, &limits).map_err(|e| {
            Outcome::error(IssueCode::Structure, format!("The document is no JSON that can be taken: {e}."))
        })?;
        match serde_json::from_slice(text) {
            Ok(value) => Self::read(value),
            Err(e) => Err(Outcome::error(IssueCode::Structure, format!("The document is no JSON: {e}."))),
        }
    }

    /// A channel from TOML text.
    ///
    /// # Errors
    /// As [`Self::from_json`].
    pub fn from_toml(text: &str) -> Result<Self, Outcome> {
        if text.len() > LONGEST {
            let why = format!("The document is longer than {LONGEST} bytes.");
            return Err(Outcome::error(IssueCode::TooLong, why));
        }
        let table: toml::Table = text.parse().map_err(|e: toml::de::Error| {
            let why = e.message().to_owned();
            Outcome::error(IssueCode::Structure, format!("The document is no TOML: {why}."))
        })?;
        let value = serde_json::to_value(table).map_err(|e| {
            Outcome::error(IssueCode::Structure, format!("The document cannot be used: {e}."))
        })?;
        Self::read(value)
    }

    /// A channel from a tree of values.
    ///
    /// # Errors
    /// As [`Self::from_json`].
    pub fn read(value: Value) -> Result<Self, Outcome> {
        let channel: Self = match serde_path_to_error::deserialize(value.clone()) {
            Ok(channel) => channel,
            Err(error) => return Err(misread(&value, &error.path().to_string(), &error.inner().to_string())),
        };
        check::all(&channel)?;
        Ok(channel)
    }

    /// Whether its rules are about FHIR messages.
    pub fn takes_fhir(&self) -> bool {
        matches!(&self.source, Source::Http(http) if http.takes == Some(Takes::Fhir))
    }

    /// The document as a tree of values.
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }
}

/// Where a document is not of the form it should have. The reader of a source knows its kind only after the whole of it,
/// so that what is wrong inside is looked for once more.
fn misread(whole: &Value, place: &str, why: &str) -> Outcome {
    let at = |place: &str, why: &str| {
        Outcome::from(Issue::error(IssueCode::Structure, format!("{why}.")).at(place.to_owned()))
    };
    if place != "source" {
        return at(if place == "." { "channel" } else { place }, why);
    }
    let mut inner = whole.get("source").cloned().unwrap_or(Value::Null);
    let Some(fields) = inner.as_object_mut() else { return at(place, "a source is an object with its kind") };
    let found = match fields.remove("kind").as_ref().and_then(Value::as_str) {
        Some("mllp") => probe::<MllpSource>(inner),
        Some("analyser") => probe::<AnalyserSource>(inner),
        Some("http") => probe::<HttpSource>(inner),
        Some("folder") => probe::<FolderSource>(inner),
        Some("records") => probe::<RecordsSource>(inner),
        Some(_) | None => {
            return at(
                "source.kind",
                &format!("the kind of a source is one of {}", Source::KINDS.join(", ")),
            );
        }
    };
    match found {
        Some((place, why)) if place == "." => at("source", &why),
        Some((place, why)) => at(&format!("source.{place}"), &why),
        None => at("source", why),
    }
}

fn probe<T: DeserializeOwned>(value: Value) -> Option<(String, String)> {
    let error = serde_path_to_error::deserialize::<_, T>(value).err()?;
    Some((error.path().to_string(), error.inner().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Vec<String> {
        let outcome = Channel::from_json(text.as_bytes()).unwrap_err();
        outcome.issues.iter().map(|i| format!("{}: {}", i.expression.join(","), i.diagnostics)).collect()
    }

    #[test]
    fn a_document_reads_the_same_from_json_and_from_toml() {
        let json = r#"{"name":"city-lab","source":{"kind":"mllp","address":"127.0.0.1:0","allow":["10.0.0.0/8"]},
            "rules":{"charset":"8859/1","kinds":["ORU"],"reuse":"refuse"}}"#;
        let toml = "name = \"city-lab\"\n[source]\nkind = \"mllp\"\naddress = \"127.0.0.1:0\"\nallow = [\"10.0.0.0/8\"]\n\
            [rules]\ncharset = \"8859/1\"\nkinds = [\"ORU\"]\nreuse = \"refuse\"\n";
        let one = Channel::from_json(json.as_bytes()).unwrap();
        assert_eq!(one, Channel::from_toml(toml).unwrap());
        assert_eq!((one.on, one.rules.replay_days, one.rules.reuse), (true, 7, Reuse::Refuse));
        assert_eq!(Channel::read(one.to_value()).unwrap(), one);
    }

    #[test]
    fn what_is_wrong_is_named_by_its_place() {
        for (text, place) in [
            ("{", ""),
            (r#"{"name":"a","name":"b"}"#, ""),
            (r#"{"name":"a"}"#, "channel"),
            (r#"{"name":"a","souce":{}}"#, "souce"),
            (r#"{"name":"a","source":{"kind":"fax"}}"#, "source.kind"),
            (r#"{"name":"a","source":{"kind":"mllp"}}"#, "source"),
            (r#"{"name":"a","source":{"kind":"mllp","address":"here"}}"#, "source.address"),
            (r#"{"name":"a","source":{"kind":"mllp","address":"127.0.0.1:1","port":3}}"#, "source.port"),
            (
                r#"{"name":"a","source":{"kind":"mllp","address":"127.0.0.1:1"},"rules":{"replayDays":"x"}}"#,
                "rules.replayDays",
            ),
            (r#"{"name":"A b","source":{"kind":"mllp","address":"127.0.0.1:1"}}"#, "name"),
        ] {
            let told = refused(text);
            assert!(told[0].starts_with(&format!("{place}: ")), "{text}: {told:?}");
        }
    }
}
