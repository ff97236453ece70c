//! What the values of a channel's document must be like: everything that is wrong is told at once, each with its place
//! and what would be right.

use clinicvault_gateway::fhir::outcome::{Issue, IssueCode, Outcome};
use clinicvault_gateway::hl7::charset;

use super::document::{Channel, Rules, Source};
use super::{fhir_rules, rework};
use crate::exchange::outbox::destination;

/// Longest name.
const LONGEST_NAME: usize = 40;
/// Longest time without a message or of waiting that an alert is about: a year.
const MOST_MINUTES: u32 = 525_600;
/// Longest title, in characters.
const LONGEST_TITLE: usize = 200;
/// Names that stand for something else: the listener of the settings, and addresses beside the channels.
const TAKEN: [&str; 2] = [super::DEFAULT, "schema"];

/// What is found wrong, gathered.
#[derive(Debug, Default)]
pub struct Findings(Vec<Issue>);

impl Findings {
    /// Notes that the value at `place` is wrong; `why` says what would be right.
    pub fn wrong(&mut self, place: impl Into<String>, why: impl Into<String>) {
        self.0.push(Issue::error(IssueCode::Value, why).at(place));
    }

    /// [`Self::wrong`] unless `right`.
    pub fn need(&mut self, right: bool, place: &str, why: impl Into<String>) {
        if !right {
            self.wrong(place, why);
        }
    }

    fn done(self) -> Result<(), Outcome> {
        if self.0.is_empty() { Ok(()) } else { Err(Outcome { issues: self.0 }) }
    }
}

/// Checks a whole document.
///
/// # Errors
/// Everything that is wrong.
pub fn all(channel: &Channel) -> Result<(), Outcome> {
    let mut findings = Findings::default();
    let name = &channel.name;
    findings.need(
        is_name(name),
        "name",
        format!(
            "A name is of small letters, digits and hyphens, the first a letter, at most {LONGEST_NAME}."
        ),
    );
    findings.need(
        !TAKEN.contains(&name.as_str()),
        "name",
        format!("\"{name}\" stands for something else; take another name."),
    );
    let short =
        channel.title.chars().count() <= LONGEST_TITLE && !channel.title.chars().any(char::is_control);
    findings.need(short, "title", format!("A title is one line of at most {LONGEST_TITLE} characters."));
    let alerts = &channel.alerts;
    for (minutes, place) in
        [(alerts.silent_minutes, "alerts.silentMinutes"), (alerts.waiting_minutes, "alerts.waitingMinutes")]
    {
        findings.need(minutes <= MOST_MINUTES, place, format!("At most {MOST_MINUTES} minutes; 0 for none."));
    }
    findings.need(alerts.error_percent <= 100, "alerts.errorPercent", "At most 100; 0 for none.");
    findings.need(alerts.certificate_days <= 365, "alerts.certificateDays", "At most 365 days; 0 for none.");
    match &channel.source {
        Source::Mllp(source) => source.check(&mut findings),
        Source::Http(source) => source.check(&mut findings),
        Source::Folder(source) => source.check(&mut findings),
        Source::Analyser(source) => {
            for (place, why) in source.problems() {
                findings.wrong(place, why);
            }
            let none = channel.rules == Rules::default();
            findings.need(
                none,
                "rules",
                "These rules are for HL7 v2; those of an analyser stand in its source.",
            );
        }
        Source::Records(source) => source.check(&mut findings),
    }
    let made = matches!(channel.source, Source::Records(_));
    let watched = match &channel.source {
        Source::Folder(source) => Some(source.path.as_path()),
        Source::Mllp(_) | Source::Http(_) | Source::Analyser(_) | Source::Records(_) => None,
    };
    destination::check(&channel.destinations, made, watched, &mut findings);
    let analyser = matches!(channel.source, Source::Analyser(_));
    findings.need(
        !analyser || channel.destinations.is_empty(),
        "destinations",
        "What an analyser sends is no message that goes on; let a channel of the kind records tell of its results.",
    );
    findings.need(!made || !channel.destinations.is_empty(), "destinations", "Say where the messages go.");
    days(&channel.rules, &mut findings);
    let fhir = channel.takes_fhir();
    match fhir {
        true => fhir_rules::check(channel, &mut findings),
        false => rules(&channel.rules, &mut findings),
    }
    let asks = matches!(channel.source, Source::Mllp(_) | Source::Http(_));
    findings.need(
        asks || channel.rules.answers.is_empty(),
        "rules.answers",
        "Queries are answered to whoever waits for an answer: the source is then of the kind mllp or http.",
    );
    let twice = (1..channel.rules.answers.len())
        .any(|n| channel.rules.answers[..n].contains(&channel.rules.answers[n]));
    findings.need(!twice, "rules.answers", "Each answer stands once.");
    if let Some(filter) = channel.filter.as_ref().filter(|_| !fhir) {
        filter.check(&mut findings);
    }
    if !fhir {
        rework::check(&channel.transform, &mut findings);
    }
    findings.done()
}

/// Whether a text can be the name of a channel.
pub fn is_name(text: &str) -> bool {
    text.len() <= LONGEST_NAME
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn rules(rules: &Rules, findings: &mut Findings) {
    if let Some(name) = &rules.charset {
        findings.need(
            charset::by_name(name).is_some(),
            "rules.charset",
            "This character set is not known; write it as in table 0211 (8859/1, UNICODE UTF-8) or as the web does (windows-1252). UTF-16 and UTF-32 cannot be carried.",
        );
    }
    findings.need(rules.processing.len() <= 10, "rules.processing", "At most 10 processing ids.");
    for (n, id) in rules.processing.iter().enumerate() {
        let right = (1..=3).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric());
        findings.need(
            right,
            &format!("rules.processing[{n}]"),
            "A processing id is a code of table 0103: P, T or D.",
        );
    }
    findings.need(rules.kinds.len() <= 200, "rules.kinds", "At most 200 kinds of messages.");
    for (n, kind) in rules.kinds.iter().enumerate() {
        findings.need(
            is_kind(kind),
            &format!("rules.kinds[{n}]"),
            "A kind is a message type with or without its event, in capitals: ORU or ORU^R01.",
        );
    }
}

fn days(rules: &Rules, findings: &mut Findings) {
    findings.need((1..=365).contains(&rules.replay_days), "rules.replayDays", "From 1 to 365 days.");
    let kept = rules.keep_days.is_none_or(|days| (1..=36_500).contains(&days));
    findings.need(kept, "rules.keepDays", "From 1 to 36500 days; without it messages are kept for ever.");
}

/// Whether a text names a kind of message: `ORU` or `ORU^R01`.
pub fn is_kind(text: &str) -> bool {
    let word = |w: &str| w.len() == 3 && w.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    match text.split_once('^') {
        Some((kind, event)) => word(kind) && word(event),
        None => word(text),
    }
}
