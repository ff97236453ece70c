//! The rules of a channel that takes FHIR messages: the same filter and operations as for HL7 v2, about places such as
//! `Patient.name[0].family`. What only HL7 v2 has is refused when the document is written.

use clinicvault_gateway::fhir::outcome::{Issue, IssueCode, Outcome};
use clinicvault_gateway::fhir::place::Place;
use clinicvault_gateway::fhir::rework::{Deed, Draft, Operation, texts};
use clinicvault_gateway::hl7::Problem;
use clinicvault_gateway::hl7::rework::MOST;
use clinicvault_gateway::json::Value;
use clinicvault_gateway::map::fhir;

use super::check::Findings;
use super::document::{Acknowledge, Channel, Reuse, Rules};
use super::rework::{Filter, Step};
use super::script::{Script, foreign_place};

/// Longest code of an event that is kept of a message.
const LONGEST_EVENT: usize = 40;

/// The rules, ready to be kept.
#[derive(Debug, Default)]
pub struct FhirRules {
    /// Codes of events that are taken; empty takes all.
    kinds: Vec<String>,
    /// Codes of events, and senders, that the filter lets pass.
    passing: (Vec<String>, Vec<String>),
    conditions: Vec<Condition>,
    gate: Option<Script>,
    acts: Vec<Act>,
}

#[derive(Debug)]
struct Condition {
    at: Place,
    is: Option<Vec<String>>,
    not: bool,
}

#[derive(Debug)]
enum Act {
    Operation(Operation),
    Rule(Script),
}

/// A message by the rules of its channel.
#[derive(Debug)]
pub struct Reworked {
    /// It after the operations.
    pub bundle: Value,
    /// What could not be done.
    pub notes: Vec<String>,
}

impl FhirRules {
    /// The rules of a document that [`check`] has found right.
    pub fn of(channel: &Channel) -> Self {
        let filter = channel.filter.clone().unwrap_or_default();
        let condition = |one: &super::rework::Condition| {
            Some(Condition { at: one.at.parse().ok()?, is: one.is.clone(), not: one.not })
        };
        Self {
            kinds: channel.rules.kinds.clone(),
            conditions: filter.when.iter().filter_map(condition).collect(),
            gate: filter.gate(),
            passing: (filter.kinds, filter.senders),
            acts: channel.transform.iter().filter_map(act).collect(),
        }
    }

    /// Whether a message is of a kind that the channel takes.
    ///
    /// # Errors
    /// What its sender is told.
    pub fn admits(&self, event: &str) -> Result<(), Outcome> {
        if self.kinds.is_empty() || self.kinds.iter().any(|kind| kind == event) {
            return Ok(());
        }
        let why = "This channel takes no messages of this event.";
        let at = "Bundle.entry[0].resource.event";
        Err(Outcome::from(Issue::error(IssueCode::NotSupported, why).at(at)))
    }

    /// Whether the filter lets a message pass, as it came.
    ///
    /// # Errors
    /// When its rule fails: then nobody knows.
    pub fn passes(&self, bundle: &Value) -> Result<bool, Outcome> {
        let (kinds, senders) = &self.passing;
        let header = bundle.items("entry").first().and_then(|entry| entry.get("resource"));
        let event = header.map(fhir::event).unwrap_or_default();
        let from = header.and_then(|header| header.get("source")?.str("endpoint")).unwrap_or_default();
        let passes = (kinds.is_empty() || kinds.contains(&event))
            && (senders.is_empty() || senders.iter().any(|sender| sender == from))
            && self.conditions.iter().all(|one| one.holds(bundle));
        match &self.gate {
            Some(gate) if passes => gate.decide(Draft::of(bundle, 0)).map_err(failed),
            _ => Ok(passes),
        }
    }

    /// Whether the operations may change a message.
    pub fn changes(&self) -> bool {
        !self.acts.is_empty()
    }

    /// A message of so many bytes after the operations, of which it may have at most `longest`.
    ///
    /// # Errors
    /// When a rule fails, or the message becomes too long.
    pub fn change(&self, bundle: Value, size: usize, longest: usize) -> Result<Reworked, Outcome> {
        if self.acts.is_empty() {
            return Ok(Reworked { bundle, notes: Vec::new() });
        }
        let mut draft = Draft::of(&bundle, size);
        for (number, act) in (1..).zip(&self.acts) {
            match act {
                Act::Operation(operation) => draft.carry_out(number, operation),
                Act::Rule(script) => draft = script.change(number, draft, longest).map_err(failed)?,
            }
            if draft.size() > longest {
                let why = format!(
                    "Operation {number} of the channel makes the message longer than {longest} bytes."
                );
                return Err(Outcome::from(Issue::error(IssueCode::TooLong, why)));
            }
        }
        let (bundle, notes) = draft.finish();
        Ok(Reworked { bundle, notes })
    }
}

impl Condition {
    fn holds(&self, bundle: &Value) -> bool {
        let found = texts(bundle, &self.at).iter().any(|text| match &self.is {
            Some(texts) => texts.iter().any(|one| one == text.trim()),
            None => !text.trim().is_empty(),
        });
        found != self.not
    }
}

fn failed(problem: Problem) -> Outcome {
    Outcome::from(Issue::error(IssueCode::Exception, problem.reason))
}

fn act(step: &Step) -> Option<Act> {
    match step {
        Step::Rule { script } => Some(Act::Rule(Script::kept(script))),
        other => operation(other).ok().map(Act::Operation),
    }
}

/// A step as an operation; else the name of the member that is wrong, and why.
fn operation(step: &Step) -> Result<Operation, (&'static str, String)> {
    let place = |name, text: &str| text.parse::<Place>().map_err(|error| (name, format!("This is {error}.")));
    let (at, each, deed) = match step {
        Step::Set { at, value, each } => (at, each, Deed::Set(value.clone())),
        Step::Copy { at, from, each } => (at, each, Deed::Copy(place("from", from)?)),
        Step::Move { at, from, each } => (at, each, Deed::Move(place("from", from)?)),
        Step::Map { at, table, otherwise, each } => {
            (at, each, Deed::Map { table: table.clone(), otherwise: otherwise.clone() })
        }
        Step::Delete { at, each } => (at, each, Deed::Delete),
        Step::Rule { .. } => return Err(("script", "A rule is no operation.".to_owned())),
    };
    let operation = Operation { at: place("at", at)?, each: *each, deed };
    operation.check().map_err(|error| ("at", format!("This cannot be: {error}.")))?;
    Ok(operation)
}

/// Notes what in the document of a channel for FHIR messages could not be kept.
pub fn check(channel: &Channel, findings: &mut Findings) {
    let Rules {
        charset,
        processing,
        kinds,
        replay_days: _,
        keep_days: _,
        reuse,
        acknowledge,
        strict,
        answers,
    } = &channel.rules;
    for (usual, place) in [
        (charset.is_none(), "rules.charset"),
        (processing.is_empty(), "rules.processing"),
        (*reuse == Reuse::Keep, "rules.reuse"),
        (*acknowledge == Acknowledge::Commit, "rules.acknowledge"),
        (!strict, "rules.strict"),
        (answers.is_empty(), "rules.answers"),
    ] {
        findings.need(usual, place, "This rule is about HL7 v2, and the channel takes FHIR messages.");
    }
    events(kinds, "rules.kinds", findings);
    if let Some(filter) = &channel.filter {
        check_filter(filter, findings);
    }
    findings.need(channel.transform.len() <= MOST, "transform", format!("At most {MOST} operations."));
    for (n, step) in channel.transform.iter().enumerate() {
        match step {
            Step::Rule { script } => rule(script, &format!("transform[{n}].script"), findings),
            other => {
                if let Err((name, why)) = operation(other) {
                    findings.wrong(format!("transform[{n}].{name}"), why);
                }
            }
        }
        findings.need(step.is_small(), &format!("transform[{n}]"), Step::SMALL);
    }
}

fn check_filter(filter: &Filter, findings: &mut Findings) {
    events(&filter.kinds, "filter.kinds", findings);
    filter.check_sizes(findings);
    for (n, condition) in filter.when.iter().enumerate() {
        let place = format!("filter.when[{n}].at");
        match condition.at.parse::<Place>() {
            Ok(at) if at.steps.is_empty() => {
                findings.wrong(place, "Name an element, such as Patient.gender.");
            }
            Ok(_) => {}
            Err(error) => findings.wrong(place, format!("This is {error}.")),
        }
    }
    if let Some(text) = &filter.rule {
        rule(text, "filter.rule", findings);
    }
}

fn events(kinds: &[String], place: &str, findings: &mut Findings) {
    findings.need(kinds.len() <= 200, place, "At most 200 kinds of messages.");
    for (n, kind) in kinds.iter().enumerate() {
        let length = kind.chars().count();
        let right = (1..=LONGEST_EVENT).contains(&length) && !kind.chars().any(char::is_control);
        let why = "A kind of FHIR message is the code of its event, as in MessageHeader.eventCoding.code.";
        findings.need(right, &format!("{place}[{n}]"), why);
    }
}

fn rule(text: &str, place: &str, findings: &mut Findings) {
    if let Err(why) = Script::compile(text) {
        findings.wrong(place, why);
    } else if let Some(why) = foreign_place(text) {
        findings.wrong(place, format!("The channel takes FHIR messages. {why}."));
    }
}

#[cfg(test)]
mod tests {
    use clinicvault_gateway::json::{Limits, parse};

    use super::*;

    const TEXT: &str = r#"{"resourceType":"Bundle","type":"message","entry":[
        {"resource":{"resourceType":"MessageHeader","id":"h","eventCoding":{"system":"urn:e","code":"result"},"source":{"endpoint":"urn:lab"}}},
        {"resource":{"resourceType":"Patient","gender":"male","name":[{"family":"Rao"}]}},
        {"resource":{"resourceType":"Observation","status":"final","code":{"text":"GLU"},"valueQuantity":{"value":5.5,"unit":"mmol/L"}}}]}"#;

    fn channel(rest: &str) -> Result<Channel, Vec<String>> {
        let text = format!(
            r#"{{"name":"a","source":{{"kind":"http","tokens":["t"],"takes":"fhir"}}{}{rest}}}"#,
            if rest.is_empty() { "" } else { "," }
        );
        let told = |outcome: Outcome| {
            outcome.issues.iter().map(|i| format!("{}: {}", i.expression.join(","), i.diagnostics)).collect()
        };
        Channel::from_json(text.as_bytes()).map_err(told)
    }

    fn passes(filter: &str) -> bool {
        let bundle = parse(TEXT.as_bytes(), &Limits::default()).unwrap();
        let rules = FhirRules::of(&channel(&format!(r#""filter":{filter}"#)).unwrap());
        rules.passes(&bundle).unwrap()
    }

    #[test]
    fn a_filter_looks_at_event_sender_and_places() {
        for (filter, expected) in [
            ("{}", true),
            (r#"{"kinds":["result"]}"#, true),
            (r#"{"kinds":["admit"]}"#, false),
            (r#"{"senders":["urn:lab"]}"#, true),
            (r#"{"senders":["urn:other"]}"#, false),
            (r#"{"when":[{"at":"Patient.gender","is":["male","other"]}]}"#, true),
            (r#"{"when":[{"at":"Observation[1].status"}]}"#, false),
            (r#"{"when":[{"at":"Encounter.status","not":true}]}"#, true),
            (
                r#"{"rule":"resources(\"Observation\").len() == 1 && get(\"Patient.name.family\") == \"Rao\""}"#,
                true,
            ),
            (r#"{"rule":"parse_float(get(\"Observation.valueQuantity.value\")) > 6.0"}"#, false),
        ] {
            assert_eq!(passes(filter), expected, "{filter}");
        }
    }

    #[test]
    fn operations_and_rules_change_a_copy() {
        let bundle = parse(TEXT.as_bytes(), &Limits::default()).unwrap();
        let transform = r#""transform":[
            {"do":"map","at":"Patient.gender","table":{"male":"unknown"}},
            {"do":"rule","script":"for o in resources(\"Observation\") { if get(o + \".code.text\") == \"GLU\" { set(o + \".valueQuantity.value\", fixed(parse_float(get(o + \".valueQuantity.value\")) * 18.0182, 0)); set(o + \".valueQuantity.unit\", \"mg/dL\"); } }"},
            {"do":"delete","at":"Device","each":true}]"#;
        let rules = FhirRules::of(&channel(transform).unwrap());
        let Reworked { bundle: changed, notes } = rules.change(bundle.clone(), TEXT.len(), 1 << 20).unwrap();
        let text = String::from_utf8(changed.to_vec()).unwrap();
        assert!(text.contains(r#""valueQuantity":{"value":99,"unit":"mg/dL"}"#), "{text}");
        assert!(text.contains(r#""gender":"unknown""#), "{text}");
        assert_eq!(notes, ["Operation 3: there is no Device."]);
        let told = rules.change(bundle, TEXT.len(), TEXT.len()).unwrap_err();
        assert!(told.issues[0].diagnostics.contains("long"), "{told:?}");
    }

    #[test]
    fn what_could_not_be_kept_is_refused_when_it_is_written() {
        assert!(channel("").is_ok());
        for (rest, place, why) in [
            (r#""filter":{"when":[{"at":"PID-8"}]}"#, "filter.when[0].at", "Patient.name[0].family"),
            (r#""filter":{"when":[{"at":"Patient.nmae"}]}"#, "filter.when[0].at", "no element nmae"),
            (r#""filter":{"rule":"get(\"PID-8\") == \"F\""}"#, "filter.rule", "get(\"PID-8\")"),
            (r#""filter":{"rule":"segments(\"OBX\").len() > 0"}"#, "filter.rule", "resources("),
            (
                r#""transform":[{"do":"set","at":"OBX-3","value":"x"}]"#,
                "transform[0].at",
                "Patient.name[0].family",
            ),
            (
                r#""transform":[{"do":"copy","at":"Patient.gender","from":"PID-8"}]"#,
                "transform[0].from",
                "Patient",
            ),
            (
                r#""transform":[{"do":"set","at":"Patient.name","value":"x"}]"#,
                "transform[0].at",
                "holds a text",
            ),
            (
                r#""transform":[{"do":"rule","script":"set(\"PV1-2\", \"I\");"}]"#,
                "transform[0].script",
                "PV1-2",
            ),
            (r#""rules":{"charset":"8859/1"}"#, "rules.charset", "about HL7 v2"),
            (r#""rules":{"strict":true}"#, "rules.strict", "about HL7 v2"),
        ] {
            let told = channel(rest).unwrap_err();
            assert!(told[0].starts_with(&format!("{place}: ")) && told[0].contains(why), "{rest}: {told:?}");
        }
        // A comment, and a place that is put together, are no reason.
        let fine = r#""filter":{"rule":"// not get(\"PID-8\")\nget(\"Patient\" + \".gender\") == \"male\""}"#;
        assert!(channel(fine).is_ok());
    }
}
