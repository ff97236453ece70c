//! Which messages of a channel are applied, and what is changed in them before they are read.
//!
//! The filter looks at the message as it came; the operations then change a copy. The bytes as received are what is
//! stored, so that a rule that was wrong can be put right and the message read anew.

use std::collections::BTreeMap;

use clinicvault_gateway::hl7::path::Path;
use clinicvault_gateway::hl7::rework::{self, Deed, Draft, Operation};
use clinicvault_gateway::hl7::{Limits, Message, Mode, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::check::Findings;
use super::script::Script;

/// Most conditions of a filter.
const MOST_CONDITIONS: usize = 50;
/// Most values of a condition, and rows of a table.
const MOST_VALUES: usize = 5_000;
/// Longest text of a value.
const LONGEST: usize = 4_000;

/// Which messages are applied. Others are kept and answered, and passed over.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Filter {
    /// Kinds of messages, such as `ORU^R01` or `ADT`, of FHIR messages the codes of their events; empty lets all pass.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// Senders as `MSH-3|MSH-4`, of FHIR messages as the endpoint of their source; empty lets all pass.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub senders: Vec<String>,
    /// Conditions that must all hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 50)]
    pub when: Vec<Condition>,
    /// A rule that must answer true, such as `segments("OBX").len() > 0 && get("PV1-2") != "E"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 16000)]
    pub rule: Option<String>,
}

/// A condition about a place in a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Condition {
    /// The place, such as `PV1-2` or `OBX[2]-3.1`, of FHIR messages such as `Patient.gender` or `Observation[1].status`.
    /// Without a number in brackets any segment or resource of the name will do.
    pub at: String,
    /// It holds one of these texts; without them, it holds any text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is: Option<Vec<String>>,
    /// The condition holds when this does not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not: bool,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "do", rename_all = "camelCase", deny_unknown_fields)]
pub enum Step {
    /// Writes a text.
    Set {
        /// The place, such as `PID-3.4`, of FHIR messages such as `Patient.name[0].family`.
        at: String,
        /// The text; delimiters in it are escaped.
        value: String,
        /// In every segment of that name.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        each: bool,
    },
    /// Writes what stands at another place.
    Copy {
        /// The place that is written.
        at: String,
        /// The place that is read.
        from: String,
        /// In every segment of that name; a place in the same kind of segment is then that of the same one.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        each: bool,
    },
    /// The same, and the other place is emptied.
    Move {
        /// The place that is written.
        at: String,
        /// The place that is read and emptied.
        from: String,
        /// As for a copy.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        each: bool,
    },
    /// Writes what a table has for the text that stands there.
    Map {
        /// The place.
        at: String,
        /// What stands for what.
        table: BTreeMap<String, String>,
        /// For a text that is not in the table; without it, the text stays.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        otherwise: Option<String>,
        /// In every segment of that name.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        each: bool,
    },
    /// Empties a place, or takes a whole segment out.
    Delete {
        /// The place, or the name of a segment such as `ZIN`.
        at: String,
        /// In every segment of that name.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        each: bool,
    },
    /// Runs a rule, for what the others cannot say: arithmetic, a choice between places, a loop over segments.
    Rule {
        /// The rule, in Rhai with `get`, `set`, `remove`, `segments` (of FHIR messages `resources`) and `fixed`.
        #[schema(max_length = 16000)]
        script: String,
    },
}

/// One change, ready to be carried out.
#[derive(Debug, Clone)]
pub enum Act {
    /// An operation.
    Operation(Operation),
    /// A rule.
    Rule(Script),
}

impl Filter {
    /// Notes what is wrong with it.
    pub fn check(&self, findings: &mut Findings) {
        findings.need(self.kinds.len() <= 200, "filter.kinds", "At most 200 kinds.");
        for (n, kind) in self.kinds.iter().enumerate() {
            let why = "A kind is a message type with or without its event, in capitals: ORU or ORU^R01.";
            findings.need(super::check::is_kind(kind), &format!("filter.kinds[{n}]"), why);
        }
        self.check_sizes(findings);
        for (n, condition) in self.when.iter().enumerate() {
            let place = format!("filter.when[{n}]");
            match condition.at.parse::<Path>() {
                Ok(path) => {
                    findings.need(path.field > 0, &format!("{place}.at"), "Name a field, such as PV1-2.")
                }
                Err(error) => findings.wrong(format!("{place}.at"), format!("This is {error}.")),
            }
        }
        if let Some(Err(why)) = self.rule.as_deref().map(Script::compile) {
            findings.wrong("filter.rule", why);
        }
    }

    /// Notes what is too much of it, whatever messages it is about.
    pub fn check_sizes(&self, findings: &mut Findings) {
        let few = self.senders.len() <= MOST_VALUES && self.senders.iter().all(|s| s.len() <= LONGEST);
        findings.need(few, "filter.senders", "At most 5000 senders.");
        findings.need(self.when.len() <= MOST_CONDITIONS, "filter.when", "At most 50 conditions.");
        for (n, condition) in self.when.iter().enumerate() {
            let few = condition
                .is
                .iter()
                .all(|is| is.len() <= MOST_VALUES && is.iter().all(|v| v.len() <= LONGEST));
            findings.need(few, &format!("filter.when[{n}].is"), "At most 5000 texts of at most 4000 bytes.");
        }
    }

    /// Its rule, compiled.
    pub fn gate(&self) -> Option<Script> {
        self.rule.as_deref().map(Script::kept)
    }

    /// Whether a message passes, its rule apart.
    pub fn passes(&self, message: &Message) -> bool {
        let header = message.header();
        let (kind, event) = (header.message_type(), header.trigger());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        let sender = format!("{}|{}", text(header.component(3, 1)), text(header.component(4, 1)));
        let of_kind = |own: &String| match own.split_once('^') {
            Some((own, trigger)) => own == kind && trigger == event,
            None => *own == kind,
        };
        (self.kinds.is_empty() || self.kinds.iter().any(of_kind))
            && (self.senders.is_empty() || self.senders.contains(&sender))
            && self.when.iter().all(|condition| condition.holds(message))
    }
}

impl Condition {
    fn holds(&self, message: &Message) -> bool {
        let Ok(path) = self.at.parse::<Path>() else { return false };
        let one = self.at.split(['-', '.']).next().is_some_and(|segment| segment.contains('['));
        let skip = if one { path.occurrence.saturating_sub(1) as usize } else { 0 };
        let most = if one { 1 } else { usize::MAX };
        let found = message.all(&path.segment).skip(skip).take(most).any(|segment| {
            let text = path.within(segment).map(|part| part.text().trim().to_owned()).unwrap_or_default();
            match &self.is {
                Some(texts) => texts.contains(&text),
                None => !text.is_empty(),
            }
        });
        found != self.not
    }
}

impl Step {
    /// The operation; none when a place cannot be read, which [`check`] has refused.
    fn operation(&self) -> Option<Operation> {
        let path = |text: &str| text.parse::<Path>().ok();
        let (at, each, deed) = match self {
            Self::Set { at, value, each } => (at, each, Deed::Set(value.clone())),
            Self::Copy { at, from, each } => (at, each, Deed::Copy(path(from)?)),
            Self::Move { at, from, each } => (at, each, Deed::Move(path(from)?)),
            Self::Map { at, table, otherwise, each } => {
                (at, each, Deed::Map { table: table.clone(), otherwise: otherwise.clone() })
            }
            Self::Delete { at, each } => (at, each, Deed::Delete),
            Self::Rule { .. } => return None,
        };
        Some(Operation { at: path(at)?, each: *each, deed })
    }

    fn places(&self) -> Vec<(&'static str, &String)> {
        match self {
            Self::Set { at, .. } | Self::Map { at, .. } | Self::Delete { at, .. } => vec![("at", at)],
            Self::Copy { at, from, .. } | Self::Move { at, from, .. } => vec![("at", at), ("from", from)],
            Self::Rule { .. } => Vec::new(),
        }
    }

    /// What [`Self::is_small`] asks for.
    pub const SMALL: &'static str = "At most 5000 rows, and texts of at most 4000 bytes.";

    /// Whether its table and texts are not too large.
    pub fn is_small(&self) -> bool {
        let short = |text: &String| text.len() <= LONGEST;
        match self {
            Self::Set { value, .. } => short(value),
            Self::Map { table, otherwise, .. } => {
                table.len() <= MOST_VALUES
                    && table.iter().all(|(from, to)| short(from) && short(to))
                    && otherwise.iter().all(short)
            }
            Self::Copy { .. } | Self::Move { .. } | Self::Delete { .. } | Self::Rule { .. } => true,
        }
    }
}

/// Notes what is wrong with a list of changes.
pub fn check(steps: &[Step], findings: &mut Findings) {
    findings.need(steps.len() <= rework::MOST, "transform", format!("At most {} operations.", rework::MOST));
    for (n, step) in steps.iter().enumerate() {
        for (name, text) in step.places() {
            if let Err(error) = text.parse::<Path>() {
                findings.wrong(format!("transform[{n}].{name}"), format!("This is {error}."));
            }
        }
        if let Some(Err(error)) = step.operation().map(|operation| operation.check()) {
            findings.wrong(format!("transform[{n}].at"), format!("This cannot be: {error}."));
        }
        if let Step::Rule { script } = step
            && let Err(why) = Script::compile(script)
        {
            findings.wrong(format!("transform[{n}].script"), why);
        }
        findings.need(step.is_small(), &format!("transform[{n}]"), Step::SMALL);
    }
}

/// The operations of a list of changes.
pub fn operations(steps: &[Step]) -> Vec<Act> {
    let act = |step: &Step| match step {
        Step::Rule { script } => Some(Act::Rule(Script::kept(script))),
        other => other.operation().map(Act::Operation),
    };
    steps.iter().filter_map(act).collect()
}

/// A message after the changes, and what could not be done.
///
/// # Errors
/// When a rule fails, or the changed message cannot be read.
pub fn change(
    message: Message,
    acts: &[Act],
    limits: &Limits,
    mode: Mode,
) -> Result<(Message, Vec<String>), Problem> {
    if acts.is_empty() {
        return Ok((message, Vec::new()));
    }
    let mut draft = Draft::of(&message);
    for (number, act) in (1..).zip(acts) {
        match act {
            Act::Operation(operation) => draft.carry_out(number, operation),
            Act::Rule(script) => draft = script.change(number, draft, limits.bytes)?,
        }
        if draft.size() > limits.bytes {
            return Err(rework::too_long(number, limits));
        }
    }
    draft.finish(limits, mode)
}

#[cfg(test)]
mod tests {
    use clinicvault_gateway::hl7::parse::read;

    use super::*;

    #[test]
    fn a_filter_looks_at_kind_sender_and_places() {
        let text =
            "MSH|^~\\&|LIS|LAB|C|D|1||ORU^R01|1|P|2.5\rPID|1||10||DOE\rPV1|1|I\rOBX|1|NM|A\rOBX|2|NM|B";
        let message = read(text.as_bytes(), Mode::Tolerant).unwrap();
        for (filter, passes) in [
            ("{}", true),
            (r#"{"kinds":["ORU"]}"#, true),
            (r#"{"kinds":["ORU^R30","ADT"]}"#, false),
            (r#"{"senders":["LIS|LAB"]}"#, true),
            (r#"{"senders":["HIS|LAB"]}"#, false),
            (r#"{"when":[{"at":"PV1-2","is":["I","E"]},{"at":"OBX-3","is":["B"]}]}"#, true),
            (r#"{"when":[{"at":"OBX[1]-3","is":["B"]}]}"#, false),
            (r#"{"when":[{"at":"OBX-3","is":["B"],"not":true}]}"#, false),
            (r#"{"when":[{"at":"PID-5"}]}"#, true),
            (r#"{"when":[{"at":"PID-8"}]}"#, false),
            (r#"{"when":[{"at":"ZZZ-1","not":true}]}"#, true),
        ] {
            let filter: Filter = serde_json::from_str(filter).unwrap();
            assert_eq!(filter.passes(&message), passes, "{filter:?}");
        }
    }
}
